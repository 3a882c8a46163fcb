# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose istiod controls each cluster, and inventories that do not say it."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster, clusters_of_hosts
from ansible_collections.onemesh.istio.plugins.module_utils._deployment_model import DeploymentModel, leave_out_remotes
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError


def model(**control_planes: str) -> DeploymentModel:
    return DeploymentModel.of(Cluster(name, name, control_plane=said) for name, said in control_planes.items())


def test_primaries_and_remotes_are_in_one_mesh() -> None:
    mixed = model(hub="self", edge="hub", far="hub", alone="alone")
    assert mixed.primaries == {"hub": "hub", "edge": "hub", "far": "hub", "alone": "alone"}
    assert mixed.remotes == ["edge", "far"]
    assert not mixed.is_remote("alone")


@pytest.mark.parametrize(
    ("control_planes", "cluster", "message", "remedy"),
    [
        pytest.param(
            {"hub": "self", "edge": "hbu"},
            "edge",
            "its control plane is hbu, and the mesh has no such cluster",
            "clusters with an istiod are hub",
            id="a cluster that is not there",
        ),
        pytest.param(
            {"hub": "self", "edge": "hub", "far": "edge"},
            "far",
            "its control plane is edge, which has no istiod of its own but that of hub",
            "name hub for both",
            id="a remote of a remote",
        ),
        pytest.param(
            {"hub": "self", "edge": "hub/external-istiod"},
            "edge",
            "an external control plane is not supported",
            "name a cluster of the mesh, or self",
            id="an external control plane",
        ),
    ],
)
def test_a_control_plane_that_cannot_be_is_refused_with_the_way_out(
    control_planes: dict[str, str], cluster: str, message: str, remedy: str
) -> None:
    with pytest.raises(MeshError) as raised:
        model(**control_planes)
    (finding,) = raised.value.findings
    assert finding.cluster == cluster
    assert message in finding.message
    assert remedy in finding.remedy


def test_istio_has_one_namespace_in_a_primary_and_its_remotes() -> None:
    with pytest.raises(MeshError) as raised:
        DeploymentModel.of(
            [Cluster("hub", "hub"), Cluster("edge", "edge", istio_namespace="mesh", control_plane="hub")]
        )
    (finding,) = raised.value.findings
    assert "in namespace mesh, and that of its primary, hub, in istio-system" in finding.message


def test_a_circle_is_named_on_both() -> None:
    with pytest.raises(MeshError) as raised:
        model(one="other", other="one")
    assert [finding.cluster for finding in raised.value.findings] == ["one", "other"]


@pytest.mark.parametrize(
    ("said", "control_plane"),
    [
        ("self", "self"),
        ("", "self"),
        (None, "self"),
        ("edge", "self"),
        ("c-edge", "self"),
        ("hub", "c-hub"),
        ("c-hub", "c-hub"),
    ],
)
def test_hosts_name_it_by_host_or_by_cluster(said: str | None, control_plane: str) -> None:
    hostvars = {"hub": {"cluster_name": "c-hub"}, "edge": {"cluster_name": "c-edge", "cluster_control_plane": said}}
    clusters = map(Cluster.from_parameters, clusters_of_hosts(["hub", "edge"], hostvars))
    assert [each.control_plane for each in clusters] == ["self", control_plane]


HUB, EDGE, OTHER = {"name": "hub"}, {"name": "edge", "control_plane": "hub"}, {"name": "other"}


def test_configuration_is_written_to_primaries_alone() -> None:
    given = {"clusters": [EDGE, HUB, OTHER], "exclude": ["edge", "other"], "set": "reviews", "hub": "edge"}
    left, remotes = leave_out_remotes(given, moves_pods=False)
    # The first one is the hub, remote or not: it keeps the records, and is asked for them.
    assert left == {**given, "clusters": [HUB, OTHER], "mesh": [EDGE], "exclude": ["other"]}
    assert remotes == {"edge": "hub"}


def test_without_a_remote_nothing_changes() -> None:
    given = {"clusters": [HUB, OTHER], "exclude": ["other"]}
    assert leave_out_remotes(given, moves_pods=True) == (given, {})


@pytest.mark.parametrize(
    ("clusters", "moves_pods", "slug", "remedy"),
    [
        pytest.param([OTHER, EDGE], False, "configured-in-primary", "--limit hub,edge", id="its primary is left out"),
        pytest.param([HUB, EDGE], True, "workload-in-remote", "release by routes", id="its pods would be moved"),
    ],
)
def test_what_would_not_reach_a_remote_is_refused(
    clusters: list[dict[str, str]], moves_pods: bool, slug: str, remedy: str
) -> None:
    with pytest.raises(MeshError) as raised:
        leave_out_remotes({"clusters": clusters}, moves_pods=moves_pods)
    (finding,) = raised.value.findings
    assert (finding.cluster, finding.check) == ("edge", slug)
    assert remedy in finding.remedy
