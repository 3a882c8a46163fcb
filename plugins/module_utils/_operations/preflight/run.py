# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``preflight``: all that can be known to go wrong, of all clusters at once, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ..._cluster import FLEET_ARGUMENT_SPEC, MESH_ARGUMENT_SPEC
from ..._finding_kinds import NOT_REACHABLE
from ..._findings import OPTION, Finding, MeshError, errors
from ..._fleet import Member, findings_of
from ..._helm.leftovers import CHOICES, REFUSE
from ..._helm.live_leftovers import find_left, find_release
from ..._helm.manifest import ANNOTATION_NAME
from ..._helm.source import CHARTS_ARGUMENT_SPEC
from ..._identity import claim_of
from ..._istio import istiod as istiods
from ..._istio.names import NETWORK_LABEL
from ..._istio.wanted_gateway import name_of
from ..._kube.client import Client
from ..._kube.credentials import read_token_expiry
from ..._kube.errors import CredentialsError, NotFound
from ..._kube.kinds import (
    CLUSTER_ROLE,
    CUSTOM_RESOURCE_DEFINITION,
    DEPLOYMENT,
    ISTIO_OPERATOR,
    MUTATING_WEBHOOK_CONFIGURATION,
    NAMESPACE,
    NODE,
    SECRET,
    SERVICE_ACCOUNT,
    Kind,
)
from ..._kube.kubeconfig_file import kubeconfig_of
from ..._summary.summary import ClusterSummary, Summary, collect_remarks
from ..operation import Context, mesh_of
from . import chart_sources, gateways
from .checks import IstiodDeployment, Snapshot, judge

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **MESH_ARGUMENT_SPEC,
    "istio_version": {"type": "dict", "default": {}},
    "gateways": {"type": "dict", "default": {}},
    "revision": {"type": "dict", "default": {}},
    "leftovers": {"type": "dict", "default": {}},
    "charts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"cluster": {"type": "str", "required": True}, **CHARTS_ARGUMENT_SPEC},
    },
    "charts_timeout": {"type": "float", "default": 60.0},
}
READS_ONLY = True

_NEEDED: tuple[tuple[str, Kind, bool], ...] = (
    ("patch", NAMESPACE, False),
    ("create", CUSTOM_RESOURCE_DEFINITION, False),
    ("create", CLUSTER_ROLE, False),
    ("create", MUTATING_WEBHOOK_CONFIGURATION, False),
    ("create", DEPLOYMENT, True),
    ("create", SECRET, True),
    ("create", SERVICE_ACCOUNT, True),
)
"""Verb, kind and whether it is asked for in Istio's namespace: what an installation and its links write."""

MOMENT = "first"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Judge all clusters. Raises MeshError with every finding where one of them is an error."""
    fleet = mesh_of(parameters, context)
    # Clusters of the mesh beside them are looked at and not written to.
    plans = {each["name"]: _read_plan(each["name"], parameters) for each in parameters["clusters"]}
    outcomes = fleet.each(
        lambda member: snapshot(member, plans.get(member.name)), deadline=3 * parameters["request_timeout"]
    )
    snapshots = {name: outcome.value for name, outcome in outcomes.items() if outcome.value is not None}
    findings = [
        *findings_of(outcomes, NOT_REACHABLE),
        *judge(snapshots),
        *chart_sources.judge(
            parameters["charts"],
            {name: [istiod.version for istiod in each.istiods] for name, each in snapshots.items()},
            context.environ,
            parameters["charts_timeout"],
        ),
        *gateways.judge(parameters["gateways"], {name: each.nodes for name, each in snapshots.items()}),
    ]
    result = {
        "changed": False,
        "clusters": {
            name: {"reachable": name in snapshots, **(_facts(snapshots[name]) if name in snapshots else {})}
            for name in fleet.names
        },
        "findings": [finding.as_dict() for finding in findings],
    }
    if errors(findings):
        count = len(errors(findings))
        raise MeshError(f"{count} thing{'s' if count > 1 else ''} must be put right first.", findings, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    parts = result.get("clusters", {})
    return Summary(
        "preflight",
        f"nothing is in the way on {len(parts)} cluster{'' if len(parts) == 1 else 's'}",
        foretold=foretold,
        clusters={name: ClusterSummary(facts=_describe_facts(part)) for name, part in parts.items()},
        remarks=collect_remarks(result.get("findings", ())),
    )


def _describe_facts(part: Mapping[str, Any]) -> dict[str, str]:
    if not part["reachable"]:
        return {"away": "cannot be looked at"}
    istio = f"Istio {', '.join(part['istio'])}" if part["istio"] else "no Istio"
    return {"found": f"Kubernetes {part['kubernetes']}, {istio}, network {part['network']}"}


class InstallationPlan(NamedTuple):
    """What is to be installed on a cluster; ``gateway`` is the name of its east-west gateway, empty for none."""

    istio_version: str = ""
    revision: str = ""
    gateway: str = ""
    leftovers: str = REFUSE


def _read_plan(cluster: str, parameters: Mapping[str, Any]) -> InstallationPlan:
    version, revision, choice = (
        str(parameters[option].get(cluster) or "") for option in ("istio_version", "revision", "leftovers")
    )
    if choice and choice not in CHOICES:
        finding = Finding(
            cluster,
            OPTION.kind("leftovers"),
            f"leftovers is {choice!r}",
            f"set it to {', '.join(CHOICES[:-1])} or {CHOICES[-1]}",
        )
        raise MeshError("The variables cannot be used; nothing was written anywhere.", [finding])
    return InstallationPlan(version, revision, name_of(parameters["gateways"].get(cluster)), choice or REFUSE)


def snapshot(member: Member, planned: InstallationPlan | None = None) -> Snapshot:
    """Read what the checks judge. Raises KubeError where the cluster does not answer."""
    client, cluster = member.client, member.cluster
    plan = planned or InstallationPlan()
    strangers, gone = find_left(client, cluster.istio_namespace, plan.revision, plan.gateway) if planned else ((), ())
    version = client.version()
    nodes = tuple(client.list(NODE))
    system = client.get(NAMESPACE, "kube-system")
    namespace = client.find(NAMESPACE, cluster.istio_namespace) or {}
    return Snapshot(
        cluster=cluster,
        server=client.credentials.server,
        uid=system["metadata"]["uid"],
        claim=claim_of(namespace),
        kubernetes=(int(version["major"]), int("".join(filter(str.isdigit, version["minor"])))),
        pod_cidrs=tuple(cidr for node in nodes for cidr in (node.get("spec") or {}).get("podCIDRs") or ()),
        network_label=((namespace.get("metadata") or {}).get("labels") or {}).get(NETWORK_LABEL, ""),
        missing_permissions=tuple(
            f"{verb} {kind.plural}"
            for verb, kind, namespaced in _NEEDED
            if not client.can_i(verb, kind, cluster.istio_namespace if namespaced else None)
        ),
        istiods=tuple(
            _read_istiod(client, deployment) for deployment in _list_istiods(client, cluster.istio_namespace)
        ),
        legacy_operators=_list_legacy_operators(client),
        istio_version=plan.istio_version,
        leftovers=strangers,
        gone=gone,
        choice=plan.leftovers,
        nodes=nodes,
        minutes_left=_minutes_left(client),
        helm_refuses=_helm_refuses(client),
    )


def _helm_refuses(client: Client) -> tuple[str, str]:
    try:
        kubeconfig_of(client.credentials, cluster=client.cluster)
    except CredentialsError as error:
        return error.message, error.remedy
    return "", ""


def _minutes_left(client: Client) -> float | None:
    expiry = read_token_expiry(client.credentials)
    return None if expiry is None else (expiry - datetime.now(timezone.utc)).total_seconds() / 60


def _list_istiods(client: Client, namespace: str) -> list[dict[str, Any]]:
    return client.list(DEPLOYMENT, namespace, label_selector="app=istiod")


def _read_istiod(client: Client, deployment: Mapping[str, Any]) -> IstiodDeployment:
    metadata = deployment["metadata"]
    spec = deployment["spec"]["template"]["spec"]
    annotations = metadata.get("annotations") or {}
    return IstiodDeployment(
        name=metadata["name"],
        revision=(metadata.get("labels") or {}).get("istio.io/rev", "default"),
        version=istiods.version(spec),
        cluster_id=istiods.cluster_id(spec),
        release=annotations.get(ANNOTATION_NAME, "") or find_release(client, deployment),
    )


def _list_legacy_operators(client: Client) -> tuple[str, ...]:
    try:
        operators = client.list(ISTIO_OPERATOR)
    except NotFound:
        return ()
    return tuple(f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in operators)


def _facts(found: Snapshot) -> dict[str, Any]:
    return {
        "server": found.server,
        "network": found.cluster.network,
        "kubernetes": ".".join(map(str, found.kubernetes)),
        "pod_cidrs": list(found.pod_cidrs),
        "istio": sorted({istiod.version for istiod in found.istiods}),
    }
