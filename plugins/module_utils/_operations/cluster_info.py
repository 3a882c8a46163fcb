# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``cluster_info``: what each cluster is and what it sees of the others, of all at once. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from .._cluster import FLEET_ARGUMENT_SPEC
from .._discovery import network_of
from .._finding_kinds import NOT_REACHABLE
from .._findings import Finding, MeshError
from .._fleet import LaneOutcome, Member
from .._identity import ClusterIdentity, judge, made_for, made_for_another
from .._istio import debug, names, remote_secret
from .._istio.gateways import resolve
from .._istio.istiod import mesh_config_name, trust_domain
from .._istio.remote_secret import Registrations
from .._istio.tokens import format_timestamp
from .._istiod import remote_clusters
from .._istiod.dial import Dialled, dial, find_cause, read_credentials
from .._istiod.pods import Istiod, list_istiods
from .._istiod.roots import compute_fingerprints, read_distributed_root
from .._kube.client import Client
from .._kube.credentials import read_jwt_expiry
from .._kube.errors import Forbidden, KubeError
from .._kube.kinds import CONFIG_MAP, NODE, SECRET, SERVICE
from .finding_kinds import FACT_NOT_READ, PEER_NOT_READ
from .operation import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "require_all": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 30.0},
}
READS_ONLY = True

_DIALLING = 3.0
"""Seconds in which an API server that this machine reaches has answered."""

T = TypeVar("T")
Manifest = Mapping[str, Any]


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Facts of all clusters. One that does not answer in ``timeout`` seconds is a result with its reason.

    Raises MeshError, with all facts, where ``require_all`` is set and one does not answer.
    """
    fleet = fleet_of(parameters, context)
    looked = Looked()
    outcomes = fleet.each(lambda member: facts_of(member, looked), deadline=parameters["timeout"])
    required = parameters["require_all"]
    findings = [finding for name, outcome in outcomes.items() for finding in findings_of(name, outcome, required)]
    findings += [replace(finding, severity="warning") for finding in judge(list(looked.identities.values()))]
    for (source, target), reason in looked.find_reasons().items():
        facts = outcomes[source].value
        if facts is not None:  # else it came too late
            facts["peers"][target]["reason"] = reason
            findings.append(_report_not_read(source, target, facts["peers"][target]["secret"], reason))
    result = {
        "changed": False,
        "clusters": {
            name: outcome.value if outcome.error is None else {"reachable": False, "reason": outcome.error.message}
            for name, outcome in outcomes.items()
        },
        "findings": [finding.as_dict() for finding in findings],
    }
    away = [finding for finding in findings if finding.severity == "error"]
    if away:
        raise MeshError(f"{len(away)} of {len(fleet)} clusters cannot be read.", away, result)
    return result


@dataclass
class Looked:
    """What is compared between clusters: who they are, and what came of trying the links that istiods do not read.

    Keys are pairs of source and target; ``made_for`` is the UID that a remote secret notes.
    """

    identities: dict[str, ClusterIdentity] = field(default_factory=dict)
    made_for: dict[tuple[str, str], str] = field(default_factory=dict)
    dialled: dict[tuple[str, str], Dialled] = field(default_factory=dict)

    def find_reasons(self) -> dict[tuple[str, str], str]:
        """Why links do not work, as far as it is known. Pure."""
        uids = {name: identity.uid for name, identity in self.identities.items()}
        reasons = {
            (source, target): made_for_another(target, noted, uids.get(target, ""))
            for (source, target), noted in self.made_for.items()
        }
        for (source, target), dialled in self.dialled.items():
            reasons[source, target] = reasons.get((source, target)) or find_cause(dialled, uids.get(target, ""), target)
        return {pair: reason for pair, reason in reasons.items() if reason}


def _report_not_read(source: str, target: str, secret: str, reason: str) -> Finding:
    remedy = f"link {target} again so that the secret is made anew (role link)"
    return Finding(source, PEER_NOT_READ, f"its link to {target} does not work: {reason}", remedy, "warning", secret)


def findings_of(name: str, outcome: LaneOutcome[dict[str, Any]], required: bool) -> list[Finding]:
    """Why a cluster, or some of its facts, could not be read. Pure."""
    if outcome.error is not None:
        remedy = outcome.error.remedy or "see whether its API server answers"
        return [Finding(name, NOT_REACHABLE, outcome.error.message, remedy, "error" if required else "warning")]
    return [
        Finding(name, FACT_NOT_READ, f"{fact}: {reason}", "grant it to the account, or use another one", "warning")
        for fact, reason in (outcome.value or {}).get("not_read", {}).items()
    ]


def facts_of(member: Member, looked: Looked) -> dict[str, Any]:
    """What is known of one cluster. Raises KubeError where it does not answer.

    A remote secret's account may read less than everything: what it may not is None, and ``not_read`` says why.
    """
    client, cluster = member.client, member.cluster
    not_read: dict[str, str] = {}

    def part(fact: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Forbidden as error:
            not_read[fact] = error.message
            return None

    version = client.version()["gitVersion"]
    identity = part("uid", member.look)
    if identity is not None:
        looked.identities[member.name] = identity
    namespace = cluster.istio_namespace
    network = part("network", lambda: network_of(client, namespace))
    running = part("istiods", lambda: list_istiods(client, namespace))
    nodes = part("nodes", lambda: client.list(NODE))
    secrets = part("peers", lambda: client.list(SECRET, namespace, label_selector=remote_secret.ISTIO_LABEL))
    registrations = None if secrets is None else remote_secret.parse(secrets, cluster=cluster.name, namespace=namespace)
    trust_domains = part("trust_domain", lambda: _read_trust_domains(client, running or []))
    described = None if running is None else [_describe_istiod(client, each) for each in running]
    found = None if registrations is None else describe_peers(registrations, described or [])
    if secrets is not None and registrations is not None and found is not None:
        noted = {f"{each['metadata']['namespace']}/{each['metadata']['name']}": made_for(each) for each in secrets}
        for remote in registrations.clusters:
            looked.made_for[member.name, remote.cluster_id] = noted[remote.secret]
            if found[remote.cluster_id]["synced"] is False:
                dialled = dial(member.name, read_credentials(remote), timeout=_DIALLING)
                looked.dialled[member.name, remote.cluster_id] = dialled
    return {
        "reachable": True,
        "reason": "",
        "server": client.credentials.server,
        "uid": None if identity is None else identity.uid,
        "kubernetes": version,
        "network": network,
        "revisions": None if running is None else describe_revisions(running, trust_domains or {}),
        "istiods": described,
        "root_fingerprints": part("root_fingerprints", lambda: _read_root_fingerprints(client, namespace)),
        "gateways": part("gateways", lambda: _describe_gateways(client, network or cluster.network, nodes or [])),
        "nodes": None if nodes is None else len(nodes),
        "regions": None if nodes is None else _labels(nodes, "topology.kubernetes.io/region"),
        "zones": None if nodes is None else _labels(nodes, "topology.kubernetes.io/zone"),
        "peers": found,
        "not_read": not_read,
    }


def describe_revisions(istiods: Iterable[Istiod], trust_domains: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Revision -> versions, replicas and trust domain, from all pods of istiod. Pure."""
    found: dict[str, dict[str, Any]] = {}
    for istiod in istiods:
        revision = istiod.revision
        entry = found.setdefault(
            revision, {"versions": [], "replicas": 0, "ready": 0, "trust_domain": trust_domains.get(revision)}
        )
        entry["versions"] = sorted({*entry["versions"], istiod.version})
        entry["replicas"] += 1
        entry["ready"] += istiod.ready
    return dict(sorted(found.items()))


def describe_peers(registrations: Registrations, istiods: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Cluster ID -> its remote secret, and what each istiod says of it. Pure.

    ``synced`` is None where no istiod could be asked. A cluster that an istiod reads without a usable secret is there
    too: it may have been deleted a moment ago, or istiod's worker hangs.
    """
    asked = [each for each in istiods if each["clusters"] is not None]
    ids = {remote.cluster_id for remote in registrations.clusters}
    ids |= {ignored.cluster_id for ignored in registrations.ignored if ignored.reason != remote_secret.OWN_CLUSTER}
    ids |= {cluster_id for each in asked for cluster_id in each["clusters"]}
    return {cluster_id: _describe_peer(cluster_id, registrations, asked) for cluster_id in sorted(ids)}


def _describe_peer(cluster_id: str, registrations: Registrations, asked: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    remote = registrations.get(cluster_id)
    ignored = next((each for each in registrations.ignored if each.cluster_id == cluster_id), None)
    reason = "" if remote is not None else ignored.reason if ignored is not None else "no remote secret names it"
    expiry = read_jwt_expiry(remote.token) if remote is not None else None
    return {
        "secret": remote.secret if remote is not None else ignored.secret if ignored is not None else "",
        "server": remote.server if remote is not None else "",
        "usable": remote is not None,
        "reason": reason,
        "expires": None if expiry is None else format_timestamp(expiry),
        "synced": all(each["clusters"].get(cluster_id) == debug.SYNCED for each in asked) if asked else None,
    }


def _describe_istiod(client: Client, istiod: Istiod) -> dict[str, Any]:
    """One istiod, with the remote clusters that it reads; ``clusters`` is None where it could not be asked."""
    found: dict[str, Any] = {
        "pod": istiod.pod,
        "revision": istiod.revision,
        "version": istiod.version,
        "cluster_id": istiod.cluster_id,
        "ready": istiod.ready,
        "clusters": None,
        "reason": "",
    }
    if not istiod.ready:
        return {**found, "reason": "it is not ready"}
    try:
        registered = remote_clusters.read_registered_by(client, istiod.namespace, istiod.pod)
    except KubeError as error:
        return {**found, "reason": error.message}
    except debug.UnexpectedAnswer as error:
        return {**found, "reason": str(error)}
    return {**found, "clusters": {each.cluster_id: each.status for each in registered if not each.own}}


def _read_trust_domains(client: Client, istiods: Iterable[Istiod]) -> dict[str, str]:
    """Revision -> trust domain."""
    places = {each.revision: each.namespace for each in istiods}
    return {
        revision: trust_domain(client.find(CONFIG_MAP, mesh_config_name(revision), namespace))
        for revision, namespace in places.items()
    }


def _read_root_fingerprints(client: Client, namespace: str) -> list[str]:
    return sorted(compute_fingerprints(read_distributed_root(client, namespace)))


def _describe_gateways(client: Client, network: str, nodes: Sequence[Manifest]) -> list[dict[str, Any]]:
    """The Services by which other networks reach this one, with their addresses or why there is none."""
    found = []
    for service in client.list(SERVICE, label_selector=f"{names.NETWORK_LABEL}={network}"):
        resolution = resolve(service, nodes)
        addresses = [{"address": address, "port": port} for address, port in resolution.addresses]
        name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        found.append({"name": name, "addresses": addresses, "reason": resolution.reason})
    return found


def _labels(nodes: Iterable[Manifest], label: str) -> list[str]:
    return sorted({value for node in nodes if (value := (node["metadata"].get("labels") or {}).get(label))})
