# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``rollout``: wait, by watching, until Deployments are rolled out; restart them first where asked."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .._cluster import FLEET_ARGUMENT_SPEC
from .._findings import MeshError
from .._fleet import Member, findings_of
from .._kube.rollouts import restart, wait_for_rollout
from .._summary.summary import ClusterSummary, Summary
from .finding_kinds import NOT_ROLLED_OUT
from .operation import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "namespace": {"type": "str"},
    "deployments": {"type": "list", "elements": "str", "required": True},
    "restart": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 180.0},
}


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Wait on all clusters at once. Raises MeshError that says what each late one still lacks."""
    fleet = fleet_of(parameters, context)

    def on_cluster(member: Member) -> list[str]:
        namespace = parameters["namespace"] or member.cluster.istio_namespace
        ends = time.monotonic() + parameters["timeout"]
        if context.check_mode:
            return parameters["deployments"] if parameters["restart"] else []
        if parameters["restart"]:
            for deployment in parameters["deployments"]:
                restart(member.client, namespace, deployment)
        for deployment in parameters["deployments"]:
            wait_for_rollout(member.client, namespace, deployment, ends - time.monotonic(), context.progress)
        return parameters["deployments"] if parameters["restart"] else []

    outcomes = fleet.each(on_cluster, deadline=parameters["timeout"] + 2 * parameters["request_timeout"])
    clusters = {
        name: {"ready": outcome.error is None and not context.check_mode, "restarted": outcome.value or []}
        for name, outcome in outcomes.items()
    }
    result = {"changed": any(cluster["restarted"] for cluster in clusters.values()), "clusters": clusters}
    failures = findings_of(outcomes, NOT_ROLLED_OUT)
    if failures:
        raise MeshError("Not all Deployments are rolled out.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    deployments = tuple(f"Deployment {name}" for name in parameters["deployments"])
    return Summary(
        "rollout",
        "nothing is waited for in check mode" if foretold else "all Deployments are rolled out",
        unit="Deployment",
        foretold=foretold,
        clusters={
            name: ClusterSummary(
                looked_at=len(deployments),
                facts={
                    **(
                        {"to be restarted" if foretold else "restarted": ", ".join(part["restarted"])}
                        if part["restarted"]
                        else {}
                    ),
                    **({"rolled out": ", ".join(deployments)} if part["ready"] else {}),
                },
            )
            for name, part in result.get("clusters", {}).items()
        },
    )
