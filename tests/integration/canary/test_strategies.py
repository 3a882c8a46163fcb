# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Strategies of a release on the routes of a user, of each kind: what steps make of them, and that it goes again."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import HTTP_ROUTE
from support.fleet_runs import Object
from support.receivers import Answer, receiving
from support.releases import AT_5, AT_50, PLAN, Shop
from support.splits import virtual_service

FAST: dict[str, Any] = {"interval": 0.01, "drain": 0}
TESTERS = [{"headers": {"x-tester": {"exact": "yes"}}}]
STABLE = [{"destination": {"host": "reviews", "subset": "v1"}, "weight": 100}]


def destinations(route: Object) -> dict[str, int]:
    """Subsets with their weights; one without a weight has everything."""
    return {each["destination"]["subset"]: each.get("weight", 100) for each in route["route"]}


def test_requests_that_match_go_to_the_canary_before_all_others(shop: Shop) -> None:
    before = shop.everything()
    options: dict[str, Any] = {"plan": {**FAST, "iterations": 2}, "match": TESTERS}
    shop.to_step(1, **options)
    for cluster in shop.planes.clients:
        matched, main = shop.http(cluster)
        assert matched["match"] == TESTERS
        assert {name: share for name, share in destinations(matched).items() if share} == {"v2": 100}
        assert (main["name"], destinations(main)) == ("main", {"v1": 100, "v2": 0})
        assert matched["timeout"] == main["timeout"]
    promoted = shop.to_the_end(**options)
    assert promoted["succeeded"]
    assert [route["name"] for route in shop.http()] == ["main"]
    assert destinations(shop.http()[0]) == {"v1": 0, "v2": 100}
    shop.run(state="absent", **options).succeeded()
    shop.put_routes()
    assert shop.contents() == [_content(each) for each in before]


def test_the_canary_gets_copies_of_requests_first(shop: Shop) -> None:
    before = shop.everything()
    options: dict[str, Any] = {"plan": {**FAST, "step_weights": [50], "mirror": True, "mirror_weight": 30}}
    shop.to_step(1, **options)
    (main,) = shop.http()
    assert destinations(main) == {"v1": 100, "v2": 0}
    assert main["mirror"] == {"host": "reviews", "subset": "v2"}
    assert main["mirrorPercentage"] == {"value": 30}
    shop.to_step(2, **options)
    (main,) = shop.http()
    assert destinations(main) == {"v1": 50, "v2": 50}
    assert "mirror" not in main
    shop.to_the_end(state="rolled_back", **options)
    shop.run(state="absent", **options).succeeded()
    assert shop.everything() == before


def test_blue_and_green_change_at_once(shop: Shop) -> None:
    result = shop.to_the_end(plan={**FAST, "iterations": 2})
    weights = [record["clusters"]["west"]["intended"] for record in result["records"]]
    assert set(weights) == {0, 100}
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3


@pytest.mark.parametrize("mirror", [False, True])
def test_nobody_is_switched_to_green_before_it_is_confirmed(shop: Shop, mirror: bool) -> None:
    plan = {"plan": {**FAST, "iterations": 2, "mirror": mirror}}
    with receiving([Answer(403)]) as refusing:
        hooks = [{"name": "confirm", "type": "confirm-promotion", "url": refusing.url}]
        for _number in range(6):
            waiting = shop.run(webhooks=hooks, **plan).succeeded()
        assert (waiting["phase"], waiting["step"]) == ("waiting_promotion", 2)
        assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3
    with receiving([Answer(200), Answer(403)]) as once:
        hooks = [{"name": "confirm", "type": "confirm-promotion", "url": once.url}]
        assert shop.to_the_end(webhooks=hooks, **plan)["succeeded"]
        assert len(once.requests) == 1
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3


def test_copies_of_requests_are_confirmed_as_requests_are(shop: Shop) -> None:
    with receiving([Answer(403)]) as refusing:
        hooks = [{"name": "confirm", "type": "confirm-traffic-increase", "url": refusing.url}]
        for _number in range(3):
            waiting = shop.run(webhooks=hooks, plan={**FAST, "step_weights": [50], "mirror": True}).succeeded()
    assert (waiting["step"], "mirror" in shop.http()[0]) == (0, False)


def test_a_webhook_takes_back_a_revision_that_waits_to_begin(shop: Shop) -> None:
    with receiving([Answer(403)]) as refusing, receiving([Answer(200)]) as asking:
        hooks = [
            {"name": "confirm", "type": "confirm-rollout", "url": refusing.url},
            {"name": "back", "type": "rollback", "url": asking.url},
        ]
        assert shop.run(webhooks=hooks).succeeded()["phase"] == "waiting"
        assert shop.run(webhooks=hooks).succeeded()["phase"] == "failed"
        assert not shop.run(webhooks=hooks).succeeded()["changed"]


def test_clients_of_the_canary_stay_with_it_until_the_end(shop: Shop) -> None:
    before = shop.everything()
    options: dict[str, Any] = {"session_affinity": {"cookie_name": "reviews-canary"}}
    shop.to_step(AT_5, **options)
    sticky, main = shop.http()
    assert "reviews-canary" in str(sticky["match"])
    assert {name: share for name, share in destinations(sticky).items() if share} == {"v2": 100}
    assert destinations(main) == {"v1": 95, "v2": 5}
    assert "reviews-canary" in str(main["route"][1]["headers"])
    shop.to_the_end(state="rolled_back", **options)
    assert all("v2" not in {name for name, share in destinations(each).items() if share} for each in shop.http())
    shop.run(state="absent", **options).succeeded()
    assert shop.everything() == before


def test_a_total_other_than_100_is_the_users(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=1000, v2=0))
    before = shop.everything()
    plan = {**FAST, "step_weights": [1, 250], "total": 1000}
    shop.to_step(1, plan=plan)
    assert shop.everywhere() == [{"v1": 999, "v2": 1}] * 3
    shop.to_the_end(plan=plan, state="rolled_back")
    shop.run(plan=plan, state="absent").succeeded()
    assert shop.everything() == before


def test_another_destination_keeps_its_share(shop: Shop) -> None:
    """20 percent of the requests go to an old system (argo-rollouts#1364)."""
    shop.put(virtual_service(shop.namespace, v1=80, v2=0, old=20))
    before = shop.everything()
    shop.to_step(AT_50)
    assert shop.everywhere() == [{"v1": 40, "v2": 40, "old": 20}] * 3
    shop.to_the_end(state="rolled_back")
    shop.run(state="absent").succeeded()
    assert shop.everything() == before
    promoted = shop.to_the_end()
    assert (promoted["succeeded"], set(promoted["observed"].values())) == (True, {100})
    assert shop.everywhere() == [{"v1": 0, "v2": 80, "old": 20}] * 3
    shop.run(state="absent").succeeded()
    assert shop.everywhere() == [{"v1": 0, "v2": 80, "old": 20}] * 3


def test_a_share_that_could_not_be_kept_is_refused_with_what_helps(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=8, v2=0, old=2), only="west")
    said = shop.run().failed()
    assert "west" in said
    assert "set the total of the plan to 10" in said


def test_a_release_of_requests_that_the_route_excludes_is_refused(shop: Shop) -> None:
    route = virtual_service(shop.namespace, v1=100, v2=0)
    route["spec"]["http"][0]["match"] = [{"withoutHeaders": {"x-tester": {"exact": "yes"}}}]
    shop.put(route, only="north")
    refused = shop.run(plan={**FAST, "iterations": 2}, match=TESTERS)
    assert {each["check"] for each in refused.result["findings"]} == {"match-never"}
    assert "north" in refused.failed()


def test_several_objects_go_together(shop: Shop) -> None:
    second = virtual_service(shop.namespace, v1=100, v2=0)
    second["metadata"]["name"] = "edge"
    second["spec"]["hosts"] = ["reviews.example.org"]
    second["spec"]["gateways"] = ["edge"]
    # A route that is not meant, because only one is named.
    second["spec"]["http"].insert(0, {"name": "other", "match": [{"uri": {"prefix": "/x"}}], "route": STABLE})
    shop.put(second)
    before = shop.everything()
    options: dict[str, Any] = {"routes": [{"name": "reviews"}, {"name": "edge", "routes": ["main"]}]}
    shop.to_step(AT_5, **options)
    for cluster in shop.planes.clients:
        assert shop.weights(cluster) == {"v1": 95, "v2": 5}
        other, main = shop.route(cluster, "edge")["spec"]["http"]
        assert (destinations(other), destinations(main)) == ({"v1": 100}, {"v1": 95, "v2": 5})
    shop.to_the_end(state="rolled_back", **options)
    shop.run(state="absent", **options).succeeded()
    assert shop.everything() == before


def test_an_http_route_of_the_gateway_api(gateway_shop: Shop) -> None:
    shop = gateway_shop
    shop.put(http_route(shop.namespace))
    before = shop.everything(HTTP_ROUTE)
    options: dict[str, Any] = {
        "routes": [{"kind": "HTTPRoute", "name": "reviews"}],
        "stable": "reviews-v1",
        "canary": "reviews-v2",
        "plan": {**PLAN, "mirror": True},
        "session_affinity": {"cookie_name": "reviews-canary"},
    }
    shop.to_step(1, **options)
    main = shop.route("north", kind=HTTP_ROUTE)["spec"]["rules"][-1]
    assert main["filters"][0]["type"] == "RequestMirror"
    shop.to_step(2, **options)
    for cluster in shop.planes.clients:
        sticky, main = shop.route(cluster, kind=HTTP_ROUTE)["spec"]["rules"]
        assert {each["name"]: each["weight"] for each in main["backendRefs"]} == {"reviews-v1": 95, "reviews-v2": 5}
        assert "reviews-canary" in str(sticky["matches"])
    shop.to_the_end(state="rolled_back", **options)
    shop.run(state="absent", **options).succeeded()
    assert shop.everything(HTTP_ROUTE) == before
    assert shop.to_the_end(**options)["succeeded"]
    shop.run(state="absent", **options).succeeded()
    (main,) = shop.route("west", kind=HTTP_ROUTE)["spec"]["rules"]
    assert [each["weight"] for each in main["backendRefs"]] == [0, 100]


def http_route(namespace: str) -> Object:
    backends = [
        {"name": name, "port": 80, "weight": weight} for name, weight in (("reviews-v1", 100), ("reviews-v2", 0))
    ]
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": "reviews", "namespace": namespace},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": [{"backendRefs": backends}]},
    }


def _content(live: Object) -> Object:
    metadata = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
    return {**live, "metadata": metadata}
