# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verb ``helm_recover``: take away what an interrupted Helm left, so that it can run again (I7).

A Helm that was killed leaves its newest release Secret in a pending state, and every later one refuses with "another
operation is in progress" (helm.sh/helm/v3/pkg/action/upgrade.go). The revision before it, if any, is whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._cluster import FLEET_ARGUMENT_SPEC
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Member, findings_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import WaitTimeout
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.verb import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "releases": {"type": "list", "elements": "str", "required": True},
    "namespace": {"type": "str"},
    "grace": {"type": "float", "default": 15.0},
}


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Recover on all clusters at once; a Helm that still works gets ``grace`` seconds to finish."""
    fleet = fleet_of(parameters, context)

    def on_cluster(member: Member) -> list[str]:
        namespace = parameters["namespace"] or member.cluster.istio_namespace
        secrets = member.client.list(SECRET, namespace, label_selector="owner=helm")
        return [
            _recover(member, secret, parameters["grace"], context)
            for release in parameters["releases"]
            if (secret := interrupted(secrets, release)) is not None
        ]

    deadline = (parameters["grace"] + parameters["request_timeout"]) * (len(parameters["releases"]) + 1)
    outcomes = fleet.each(on_cluster, deadline=deadline)
    clusters = {
        name: {"recovered": [what for what in outcome.value or () if what]} for name, outcome in outcomes.items()
    }
    result = {"changed": any(cluster["recovered"] for cluster in clusters.values()), "clusters": clusters}
    failures = findings_of(outcomes, "not-recovered")
    if failures:
        raise MeshError("Helm releases could not be looked at.", failures, result)
    return result


def interrupted(secrets: list[dict[str, Any]], release: str) -> dict[str, Any] | None:
    """The newest revision's Secret of a release where it is in a pending state."""
    revisions = [secret for secret in secrets if secret["metadata"]["labels"].get("name") == release]
    newest = max(revisions, key=lambda secret: int(secret["metadata"]["labels"]["version"]), default=None)
    return newest if newest is not None and _pending(newest) else None


def _recover(member: Member, secret: Mapping[str, Any], grace: float, context: Context) -> str:
    """The name of the Secret that was taken away; empty where its Helm finished after all."""
    metadata = secret["metadata"]
    if context.check_mode:
        return str(metadata["name"])
    status = metadata["labels"]["status"]
    context.progress(
        f"{member.name}: release {metadata['labels']['name']} is {status}: giving Helm {grace:.0f} s to finish"
    )
    try:
        member.client.wait_for(
            SECRET,
            metadata["name"],
            metadata["namespace"],
            lambda live: not _pending(live),
            timeout=grace,
        )
    except WaitTimeout:
        member.client.delete(SECRET, metadata["name"], metadata["namespace"], uid=metadata["uid"])
        return str(metadata["name"])
    return ""


def _pending(secret: Mapping[str, Any]) -> bool:
    return str(secret["metadata"]["labels"].get("status", "")).startswith("pending-")
