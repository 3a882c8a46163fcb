# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployment model of a mesh: whose istiod controls each cluster. Pure.

A cluster with an istiod of its own is a primary, one that another's istiod controls a remote
(https://istio.io/latest/docs/ops/deployment/deployment-models/#control-plane-models). Istio reads the configuration of
a remote (VirtualServices, Gateways and the like) in its primary only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._cluster import SELF, Cluster
from ._finding_kinds import CONFIGURED_IN_PRIMARY, CONTROL_PLANE_UNUSABLE, WORKLOAD_IN_REMOTE
from ._findings import Finding, MeshError


@dataclass(frozen=True)
class DeploymentModel:
    """``primaries`` has for each cluster the one whose istiod controls it, which may be itself."""

    primaries: Mapping[str, str]

    @classmethod
    def of(cls, clusters: Iterable[Cluster]) -> DeploymentModel:
        """Raises MeshError with a finding for each cluster whose control plane cannot be what it says."""
        known = {each.name: each for each in clusters}
        model = cls({name: each.control_plane if each.is_remote else name for name, each in known.items()})
        findings = [finding for name in known if (finding := model._find_unusable(name)) is not None]
        findings += [
            _report(
                name,
                f"its Istio is in namespace {known[name].istio_namespace}, and that of its primary, {primary}, in "
                f"{known[primary].istio_namespace}: proxies look for istiod there",
                f"give {name} and {primary} the same istio_namespace",
            )
            for name, primary in model.primaries.items()
            if primary in known and known[name].istio_namespace != known[primary].istio_namespace
        ]
        if findings:
            raise MeshError("The inventory does not say which istiod controls each cluster.", findings)
        return model

    def is_remote(self, name: str) -> bool:
        return self.primaries[name] != name

    @property
    def remotes(self) -> list[str]:
        return [name for name in self.primaries if self.is_remote(name)]

    def _find_unusable(self, name: str) -> Finding | None:
        controller = self.primaries[name]
        own = [each for each, primary in self.primaries.items() if each == primary]
        if "/" in controller:
            return _report(
                name,
                f"its control plane is {controller}: an external control plane is not supported",
                f"name a cluster of the mesh, or {SELF}",
            )
        if controller not in self.primaries:
            return _report(
                name,
                f"its control plane is {controller}, and the mesh has no such cluster",
                f"correct it, or add {controller} to the inventory; clusters with an istiod are "
                f"{', '.join(own) or 'none'}",
            )
        if self.is_remote(controller):
            return _report(
                name,
                f"its control plane is {controller}, which has no istiod of its own but that of "
                f"{self.primaries[controller]}",
                f"name {self.primaries[controller]} for both, or give {controller} an istiod ({SELF})",
            )
        return None


def leave_out_remotes(parameters: Mapping[str, Any], *, moves_pods: bool) -> tuple[dict[str, Any], dict[str, str]]:
    """The options without the remote clusters, and for each of these its primary.

    Raises MeshError where a primary is not among the clusters, so that nothing would change for its remote, or where
    the operation ``moves_pods``, which a remote has of its own.
    """
    clusters = [Cluster.from_parameters(each) for each in parameters["clusters"]]
    remotes = {each.name: each.control_plane for each in clusters if each.is_remote}
    given = {each.name for each in clusters}
    findings = [
        Finding(
            name,
            CONFIGURED_IN_PRIMARY,
            f"Istio reads its configuration in its primary, {primary}, which is not among the clusters",
            f"name {primary} too, or instead (--limit {primary},{name})",
        )
        for name, primary in remotes.items()
        if primary not in given
    ]
    findings += [
        Finding(
            name,
            WORKLOAD_IN_REMOTE,
            f"it is a remote of {primary}, and workloads of a remote are not released yet",
            "release by routes, without manage and workload",
        )
        for name, primary in remotes.items()
        if moves_pods
    ]
    if findings:
        raise MeshError("Nothing was written.", findings)
    DeploymentModel.of(clusters)
    # One of them may be the hub, which keeps the records.
    beside = [each for each in parameters["clusters"] if each["name"] in remotes]
    kept = {
        "clusters": [each for each in parameters["clusters"] if each["name"] not in remotes],
        "mesh": [*(parameters.get("mesh") or ()), *beside],
        "exclude": [name for name in parameters.get("exclude") or () if name not in remotes],
    }
    return {**parameters, **(kept if remotes else {})}, remotes


def _report(name: str, message: str, remedy: str) -> Finding:
    return Finding(
        name,
        CONTROL_PLANE_UNUSABLE,
        message,
        f"set control_plane of {name}: {remedy}",
    )
