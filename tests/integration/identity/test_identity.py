# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No operation changes an API server that is not the cluster it is said to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._guard import WrongCluster, claim, read
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, NAMESPACE, SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._operations import apply
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import run as wipe
from identities import (
    ACTIONS,
    CONFIG,
    ISTIO,
    ROUTE,
    RUNS,
    annotate,
    annotations,
    as_alias,
    install_istiod,
    operation_of,
    state,
    uid,
)
from support.fleet_runs import RECORDS, Planes, Ran, run

Clusters = list[dict[str, Any]]


def forgotten_context(planes: Planes) -> Clusters:
    """Host west leads to east."""
    return [{"name": "west", **planes.planes["east"].admin_options()}]


def two_names(planes: Planes) -> Clusters:
    return [*planes.clusters("east"), {"name": "west", **as_alias(planes.planes["east"].admin_options())}]


def _claimed(planes: Planes) -> Clusters:
    annotate(planes.clients["east"], "east")
    return forgotten_context(planes)


def _installed(planes: Planes) -> Clusters:
    install_istiod(planes.clients["east"], "west", "istiod")
    install_istiod(planes.clients["east"], "east", "istiod-canary")
    return forgotten_context(planes)


def _restored(planes: Planes) -> Clusters:
    annotate(planes.clients["east"], "west", of=uid(planes.clients["west"]))
    return forgotten_context(planes)


WRONG: dict[str, tuple[Callable[[Planes], Clusters], set[tuple[str, str]]]] = {
    "west leads to east, which has our record": (_claimed, {("west", "cluster-differs")}),
    "west leads to east, where an istiod says who it is": (_installed, {("west", "cluster-id-differs")}),
    "west leads to a cluster restored from its backup": (_restored, {("west", "cluster-replaced")}),
    "two names at two URLs are one API server": (two_names, {("west", "same-api-server")}),
}


def test_every_operation_that_may_change_something_is_tried() -> None:
    operations = {path.stem for path in ACTIONS.glob("*.py")}
    assert {name.partition(",")[0] for name in RUNS} == operations - {"cluster_info", "preflight"}


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize("wrong", WRONG)
def test_nothing_is_written_to_another_cluster(planes: Planes, wrong: str, check: bool) -> None:
    arrange, expected = WRONG[wrong]
    clusters = arrange(planes)
    before = state(planes)
    for name, options in RUNS.items():
        ran = run(operation_of(name), {"clusters": clusters, **options}, check=check)
        message = f"{name}: {ran.failed()}"
        assert {(each["cluster"], each["check"]) for each in ran.result["findings"]} == expected, message
        assert ran.result["changed"] is False, name
    assert state(planes) == before


def test_a_wipe_looks_at_the_peers_too(planes: Planes) -> None:
    annotate(planes.clients["east"], "east")
    before = state(planes)
    peers = [{"name": "north", **planes.planes["east"].admin_options()}]
    ran = run(wipe, {"clusters": planes.clusters("west"), "peers": peers})
    ran.failed()
    assert [(each["cluster"], each["check"]) for each in ran.result["findings"]] == [("north", "cluster-differs")]
    assert state(planes) == before


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize(
    ("arrange", "found"),
    [
        pytest.param(annotate, "cluster-differs", id="our record"),
        pytest.param(install_istiod, "cluster-id-differs", id="an istiod"),
    ],
)
def test_a_wipe_looks_at_every_istio_of_the_api_server(
    planes: Planes, arrange: Callable[[Client, str], None], found: str, check: bool
) -> None:
    """It takes all of them off: one in a namespace that is not that of the host's mesh may be another cluster's."""
    arrange(planes.clients["east"], "east")
    before = state(planes)
    (west,) = forgotten_context(planes)
    ran = run(wipe, {"clusters": [{**west, "istio_namespace": "istio-mesh"}]}, check=check)
    assert "is cluster east" in ran.failed() or "CLUSTER_ID 'east'" in ran.failed()
    assert [(each["cluster"], each["check"]) for each in ran.result["findings"]] == [("west", found)]
    assert ran.result["changed"] is False
    assert state(planes) == before


def test_an_istiod_that_nobody_named_is_no_evidence(planes: Planes) -> None:
    install_istiod(planes.clients["east"], "Kubernetes")
    ran = run(apply, {"clusters": planes.clusters("east"), "objects": [CONFIG], "component": "test"}, check=True)
    assert ran.succeeded()["changed"] is True
    assert planes.clients["east"].find(CONFIG_MAP, "made", ISTIO) is None
    assert annotations(planes.clients["east"]) == {}


NAMESPACES = pytest.mark.parametrize("namespace", [ISTIO, "istio-fresh"])


def namespace_of_istio(clusters: Clusters, namespace: str) -> dict[str, Any]:
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"a": "b"}}}
    located = [{**cluster, "istio_namespace": namespace} for cluster in clusters]
    return {"clusters": located, "objects": [manifest], "component": "namespace"}


@NAMESPACES
def test_who_makes_the_namespace_of_istio_records_which_cluster_it_is(planes: Planes, namespace: str) -> None:
    east = planes.clients["east"]
    options = namespace_of_istio(planes.clusters("east"), namespace)
    new = east.find(NAMESPACE, namespace) is None
    before = state(planes)
    checked = run(apply, options, check=True).succeeded()
    assert state(planes) == before
    made = run(apply, options).succeeded()
    assert annotations(east, namespace) == {
        "onemesh.istio/cluster": "east",
        "onemesh.istio/cluster-uid": uid(east),
    }
    assert made["clusters"] == checked["clusters"]
    assert made["clusters"]["east"]["created" if new else "configured"] == [f"Namespace {namespace}"]
    for result in (made, checked):
        assert result["diff"][0]["after"]["metadata"]["annotations"] == annotations(east, namespace)
    again = run(apply, options).succeeded()
    assert (again["changed"], again["diff"]) == (False, [])
    other = run(apply, namespace_of_istio(forgotten_context(planes), namespace))
    assert "is cluster east" in other.failed()


@NAMESPACES
def test_of_two_that_claim_an_api_server_at_once_the_first_one_wins(planes: Planes, namespace: str) -> None:
    east = planes.clients["east"]
    east.delete(NAMESPACE, "istio-fresh")
    east.wait_gone(NAMESPACE, "istio-fresh", None, 30)
    one, other = (read(east, Cluster(name, name, istio_namespace=namespace)) for name in ("east", "west"))
    assert (one.claim, other.claim) == (None, None)
    claim(east, one)
    with pytest.raises(WrongCluster, match="is cluster east"):
        claim(east, other)
    claim(east, one)
    assert annotations(east, namespace)["onemesh.istio/cluster"] == "east"


def route_run(planes: Planes, clusters: Clusters, *, check: bool = False, **options: Any) -> Ran:
    return run(replicate, {"clusters": clusters, "set": "known", "hub": "east", **options}, check=check)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"definition": [ROUTE]}, id="present"),
        pytest.param({"definition": [{**ROUTE, "spec": {"hosts": ["shop"]}}]}, id="another"),
        pytest.param({"state": "absent"}, id="absent"),
        pytest.param({"state": "settled"}, id="settled"),
    ],
)
def test_the_hub_knows_a_cluster_that_nothing_else_tells_apart(planes: Planes, options: dict[str, Any]) -> None:
    """Host west leads to a third API server, or west was made anew: neither has a record of ours nor an istiod."""
    replaced = [*planes.clusters("east"), {"name": "west", **planes.planes["north"].admin_options()}]
    try:
        route_run(planes, planes.clusters("east", "west"), definition=[ROUTE]).succeeded()
        before = state(planes)
        for check in (False, True):
            ran = route_run(planes, replaced, check=check, **options)
            assert "the record of set known on east knows as west" in ran.failed()
            assert [(each["cluster"], each["check"]) for each in ran.result["findings"]] == [
                ("west", "cluster-replaced")
            ]
            assert state(planes) == before
        assert "write_off: [west]" in ran.failed()
        route_run(planes, replaced, write_off=["west"], **options).succeeded()
    finally:
        for clusters in (replaced, planes.clusters("east", "west")):
            route_run(planes, clusters, write_off=["west"], state="absent").succeeded()
    assert known_records(planes) == []


def known_records(planes: Planes) -> list[str]:
    return [live["metadata"]["name"] for live in planes.clients["east"].list(SECRET, RECORDS)]
