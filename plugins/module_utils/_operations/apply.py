# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``apply``: objects on every given cluster, by server-side apply, only the fields that are given; or gone.

An object that we create gets our ownership labels; one that was there before keeps its owner, and stays. The
Namespace of Istio also gets our record of which cluster it is on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._apply import apply_object, remove_object
from .._cluster import FLEET_ARGUMENT_SPEC
from .._findings import Finding, MeshError
from .._fleet import LaneOutcome, Member, findings_of
from .._kube.kinds import NAMESPACE
from .._summary.hunks import Hunk, merge_hunks
from .._summary.summary import ClusterSummary, Summary
from .finding_kinds import NOT_APPLIED, OBJECT_INCOMPLETE
from .operation import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "objects": {"type": "list", "elements": "dict", "required": True},
    "component": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
}

_ACTIONS = ("created", "configured", "deleted", "unchanged")


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Apply or remove ``objects`` on all clusters at once. Raises MeshError that names each cluster where it failed."""
    objects = [_fill_in(manifest) for manifest in parameters["objects"]]
    fleet = fleet_of(parameters, context)

    def on_cluster(member: Member) -> list[dict[str, Any]]:
        if parameters["state"] == "absent":
            return [remove_object(member.client, manifest, check_mode=context.check_mode) for manifest in objects]
        return [
            apply_object(
                member.client,
                manifest,
                component=parameters["component"],
                force=parameters["force"],
                check_mode=context.check_mode,
                claims=member.identity if _is_namespace_of_istio(manifest, member) else None,
            )
            for manifest in objects
        ]

    outcomes = fleet.each(on_cluster, deadline=parameters["request_timeout"] * (2 * len(objects) + 1))
    result = _make_result(outcomes)
    failures = findings_of(outcomes, NOT_APPLIED)
    if failures:
        raise MeshError("Not all objects could be applied.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return Summary(
        f"apply {parameters['component']}",
        foretold=foretold,
        clusters={
            name: ClusterSummary(
                looked_at=sum(len(part[action]) for action in _ACTIONS),
                made=tuple(part["created"]),
                changed=tuple(part["configured"]),
                removed=tuple(part["deleted"]),
            )
            for name, part in result.get("clusters", {}).items()
        },
    )


def _is_namespace_of_istio(manifest: Mapping[str, Any], member: Member) -> bool:
    wanted = (NAMESPACE.api_version, NAMESPACE.kind, member.cluster.istio_namespace)
    return (manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]) == wanted


def _fill_in(manifest: Mapping[str, Any]) -> dict[str, Any]:
    missing = [
        name
        for name, value in (
            ("apiVersion", manifest.get("apiVersion")),
            ("kind", manifest.get("kind")),
            ("metadata.name", (manifest.get("metadata") or {}).get("name")),
        )
        if not value
    ]
    if missing:
        given = ", ".join(sorted(manifest)) or "nothing"
        finding = Finding(
            "",
            OBJECT_INCOMPLETE,
            f"an object lacks {', '.join(missing)} (it has {given})",
            "give each object apiVersion, kind and metadata.name",
        )
        raise MeshError("An object cannot be applied.", [finding])
    return dict(manifest)


def _make_result(outcomes: Mapping[str, LaneOutcome[list[dict[str, Any]]]]) -> dict[str, Any]:
    clusters: dict[str, Any] = {}
    hunks: list[Hunk] = []
    for name, outcome in outcomes.items():
        changes = outcome.value or []
        clusters[name] = {
            action: [change["object"] for change in changes if change["action"] == action] for action in _ACTIONS
        }
        clusters[name]["changed"] = any(change["action"] != "unchanged" for change in changes)
        hunks += [
            Hunk(name, change["object"], change["before"], change["after"])
            for change in changes
            if change["action"] != "unchanged"
        ]
    return {
        "changed": any(cluster["changed"] for cluster in clusters.values()),
        "clusters": clusters,
        "diff": merge_hunks(hunks),
    }
