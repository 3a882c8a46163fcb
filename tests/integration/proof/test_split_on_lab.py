# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic splits on two real meshes, seen in the answers that clients of both clusters get.

Here, and not beside the other tests of traffic_split, because they share the mesh of the proof's tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    DESTINATION_RULE,
    HTTP_ROUTE,
    VIRTUAL_SERVICE,
)
from proof_lab import CLUSTERS
from split_lab import NAMESPACE, Shop, http_route, route, rule
from support.fleet_runs import gateway_api

EVEN = {"v1": 50, "v2": 50}


@pytest.fixture
def shop(reviews: Shop) -> Shop:
    return reviews


@pytest.fixture(scope="module", name="gateway_api")
def with_gateway_api(reviews: Shop) -> Iterator[None]:
    with gateway_api([member.client for member in reviews.lab.fleet]):
        yield


def test_weights_are_seen_in_requests_of_both_clusters_and_given_back(shop: Shop) -> None:
    with shop.standing(rule(), route(**EVEN)):
        before = shop.contents()
        result = shop.split(name="reviews", weights={"v1": 80, "v2": 20}, proof="serving").succeeded()
        assert (result["proof"]["asked"], result["proof"]["reached"]) == ("serving", "serving")
        assert result["skew_ms"] > 0
        for cluster in CLUSTERS:
            shop.sees(cluster, "version", {"v1": 80, "v2": 20})
        assert not shop.split(name="reviews", weights={"v1": 80, "v2": 20}, proof="serving").succeeded()["changed"]
        shop.split(name="reviews", state="restored", proof="acknowledged").succeeded()
        assert shop.contents() == before
        for cluster in CLUSTERS:
            shop.sees(cluster, "version", EVEN)


@pytest.mark.parametrize("by", ["cluster", "network"])
def test_a_service_is_divided_among_clusters_across_the_gateway(shop: Shop, by: str) -> None:
    """The subset travels in the SNI, and the gateway on the other side knows it by the DestinationRule there."""
    asked = {"host": "reviews", "by": by, "weights": {"east": 70, "west": 30}}
    result = shop.split(**asked, proof="serving").succeeded()
    assert result["proof"]["reached"] == "serving"
    for cluster in CLUSTERS:
        shop.sees(cluster, "cluster", {"east": 70, "west": 30})
    shop.split(**{**asked, "weights": {"east": 0, "west": 100}}, proof="acknowledged").succeeded()
    for cluster in CLUSTERS:
        shop.sees(cluster, "cluster", {"east": 0, "west": 100})
    result = shop.split(**asked, state="restored", proof="acknowledged").succeeded()
    assert result["leaked"] == []
    assert shop.contents() == []


def test_each_cluster_s_clients_go_by_weights_of_their_own(shop: Shop) -> None:
    asked = {"host": "reviews", "by": "cluster", "from": {"east": {"west": 100}, "west": {"east": 25, "west": 75}}}
    shop.split(**asked, proof="serving").succeeded()
    shop.sees("east", "cluster", {"west": 100})
    shop.sees("west", "cluster", {"east": 25, "west": 75})
    shop.split(**asked, state="restored", proof="acknowledged").succeeded()


@pytest.mark.usefixtures("gateway_api")
def test_a_route_of_the_gateway_api_whose_parent_is_a_service(shop: Shop) -> None:
    with shop.standing(http_route(**EVEN)):
        asked = {"kind": HTTP_ROUTE.kind, "name": "reviews"}
        result = shop.split(**asked, weights={"reviews-v1": 10, "reviews-v2": 90}, proof="serving").succeeded()
        assert result["proof"]["reached"] == "serving"
        for cluster in CLUSTERS:
            shop.sees(cluster, "version", {"v1": 10, "v2": 90})
        shop.split(**asked, state="restored", proof="acknowledged").succeeded()
        for cluster in CLUSTERS:
            shop.sees(cluster, "version", EVEN)


def test_where_a_proxy_is_late_all_clusters_have_the_weights_that_they_had(shop: Shop) -> None:
    lab = shop.lab
    with shop.standing(rule(), route(**EVEN)):
        before = shop.contents()
        with lab.envoy_stopped("west"):
            late = lab.proxy("west")
            failed = shop.split(name="reviews", weights={"v1": 0, "v2": 100}, proof="acknowledged", proof_timeout=6)
            message = failed.failed()
            assert shop.contents() == before
        assert "taken back on all clusters" in message
        assert "west" in message
        assert late.partition(".")[0] in message
        assert {part["state"] for part in failed.result["clusters"].values()} == {"put back"}
        assert failed.result["owed"] == {}
        shop.split(name="reviews", weights={"v1": 50, "v2": 50}, proof="serving").succeeded()
        for cluster in CLUSTERS:
            shop.sees(cluster, "version", EVEN)


def test_no_request_fails_while_weights_move(shop: Shop) -> None:
    with (
        shop.standing(rule(), route(**EVEN)),
        shop.load("east") as from_east,
        shop.load("west") as from_west,
    ):
        for v1 in (90, 0, 100, 30):
            shop.split(name="reviews", weights={"v1": v1, "v2": 100 - v1}, proof="acknowledged").succeeded()
        shop.split(name="reviews", state="restored", proof="acknowledged").succeeded()
    assert {each.failed for each in from_east} == {each.failed for each in from_west} == {""}


def test_no_request_fails_while_a_split_comes_and_goes(shop: Shop) -> None:
    """Gateways have a subset before any client has a route that leads to it, and lose it after all clients."""
    asked = {"host": "reviews", "by": "cluster", "weights": {"east": 50, "west": 50}}
    with shop.load("east") as from_east, shop.load("west") as from_west:
        shop.split(**asked, proof="acknowledged").succeeded()
        shop.split(**asked, state="restored", proof="acknowledged").succeeded()
    assert {each.failed for each in from_east} == {each.failed for each in from_west} == {""}
    for kind in (VIRTUAL_SERVICE, DESTINATION_RULE):
        assert [member.client.list(kind, NAMESPACE) for member in shop.lab.fleet] == [[], []]


def test_a_subset_stays_as_long_as_a_proxy_may_have_the_route_to_it(shop: Shop) -> None:
    lab, asked = shop.lab, {"host": "reviews", "by": "cluster", "weights": {"east": 50, "west": 50}}
    with lab.envoy_stopped("west"):
        # The rule alone is written, and taken back, because the proxies of west do not have it.
        message = shop.split(**asked, proof="acknowledged", proof_timeout=5).failed()
        assert "not acknowledged within 5 s" in message
        assert shop.contents() == []
    shop.split(**asked, proof="acknowledged").succeeded()
    with lab.envoy_stopped("west"):
        failed = shop.split(**asked, state="restored", proof="acknowledged", proof_timeout=5)
        assert "Routes are removed, and that is not acknowledged within 5 s" in failed.failed()
        assert lab.proxy("west").partition(".")[0] in failed.failed()
        rules = {name: [f"delete DestinationRule {NAMESPACE}/reviews-split"] for name in CLUSTERS}
        assert failed.result["owed"] == rules
        assert [each["kind"] for each in shop.contents()] == ["DestinationRule", "DestinationRule"]
    assert shop.split(**asked, state="restored", proof="acknowledged").succeeded()["owed"] == {}
    assert shop.contents() == []
