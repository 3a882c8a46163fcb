# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else writes the object in the very moment between our dry run and our write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.records import record_name
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET, VIRTUAL_SERVICE
from support.fault_runs import Moments
from support.fleet_runs import RECORDS, Object
from support.splits import Shop, destination_rule, virtual_service

OLD = {"v1": 90, "v2": 10}
NEW = {"v1": 70, "v2": 30}
THEIRS = {"v1": 50, "v2": 50}
OUR_WRITE = r"PUT .*/virtualservices/reviews"


@pytest.fixture
def shop_with_route(shop: Shop) -> Shop:
    shop.put(virtual_service(shop.namespace, **OLD), destination_rule(shop.namespace, "v1", "v2"))
    return shop


def edit(shop: Shop, cluster: str, **main: Any) -> None:
    """Somebody replaces fields of the route."""
    live = shop.live(cluster)
    assert live is not None
    live["spec"]["http"][0].update(main)
    shop.planes.clients[cluster].replace(live, field_manager="kubectl-edit")


def with_theirs(shop: Shop) -> list[Object]:
    route: list[Object] = virtual_service(shop.namespace, **THEIRS)["spec"]["http"][0]["route"]
    return route


def delete(shop: Shop, cluster: str) -> None:
    shop.planes.clients[cluster].delete(VIRTUAL_SERVICE, "reviews", shop.namespace)


def make_anew(shop: Shop, cluster: str, weights: dict[str, int]) -> None:
    delete(shop, cluster)
    shop.put(virtual_service(shop.namespace, **weights), only=cluster)


def disturbed(shop: Shop, moments: Moments, **options: Any) -> dict[str, Any]:
    with moments.observing():
        result = shop.run(name="reviews", **(options or {"weights": NEW})).result
    assert moments.missed == []
    return result


def is_over(shop: Shop, result: dict[str, Any]) -> bool:
    """Nothing is owed and nothing recorded, so that the next run begins anew."""
    record = shop.planes.clients["east"].find(SECRET, record_name("traffic-split", result["set"]), RECORDS)
    return result["owed"] == {} and record is None


@pytest.mark.parametrize("cluster", ["east", "west"])
def test_a_timeout_survives_and_the_weights_are_set(shop_with_route: Shop, cluster: str) -> None:
    shop, moments = shop_with_route, Moments()
    moments.before(cluster, OUR_WRITE, lambda: edit(shop, cluster, timeout="9s"))
    result = disturbed(shop, moments)
    assert not result.get("failed"), result["msg"]
    assert [shop.weights(name) for name in ("east", "west")] == [NEW, NEW]
    lives = {name: shop.live(name) or {} for name in ("east", "west")}
    timeouts = {name: live["spec"]["http"][0]["timeout"] for name, live in lives.items()}
    assert timeouts == {"east": "5s", "west": "5s", cluster: "9s"}
    assert not shop.run(name="reviews", weights=NEW).succeeded()["changed"]
    shop.run(name="reviews", state="restored").succeeded()
    assert shop.weights(cluster) == OLD


def test_the_same_weights_are_theirs_and_all_clusters_are_as_before(shop_with_route: Shop) -> None:
    shop, moments = shop_with_route, Moments()
    moments.before("west", OUR_WRITE, lambda: edit(shop, "west", route=with_theirs(shop)))
    result = disturbed(shop, moments)
    message = result["msg"]
    assert "taken back on all" in message
    assert "west" in message
    assert f"VirtualService {shop.namespace}/reviews" in message
    assert "spec.http[main].route[0].weight, spec.http[main].route[1].weight" in message
    assert "look at it, then run again" in message
    assert [shop.weights(name) for name in ("east", "west")] == [OLD, THEIRS]
    assert is_over(shop, result)


def test_a_deleted_object_stays_deleted_and_the_others_are_as_before(shop_with_route: Shop) -> None:
    shop, moments = shop_with_route, Moments()
    moments.before("west", OUR_WRITE, lambda: delete(shop, "west"))
    result = disturbed(shop, moments)
    assert "west" in result["msg"]
    assert f"VirtualService {shop.namespace}/reviews" in result["msg"]
    assert "not found" in result["msg"], result["msg"]
    assert shop.weights("east") == OLD
    assert shop.live("west") is None
    assert is_over(shop, result)


@pytest.mark.parametrize("theirs", [THEIRS, OLD], ids=["other weights", "the same weights"])
def test_an_object_made_anew_is_not_ours_to_write(shop_with_route: Shop, theirs: dict[str, int]) -> None:
    shop, moments = shop_with_route, Moments()
    moments.before("west", OUR_WRITE, lambda: make_anew(shop, "west", theirs))
    result = disturbed(shop, moments)
    assert "west" in result["msg"]
    assert "the object, which was made anew, was changed by somebody else meanwhile" in result["msg"]
    assert [shop.weights(name) for name in ("east", "west")] == [OLD, theirs]
    assert is_over(shop, result)


def test_an_edit_while_weights_are_given_back_survives(shop_with_route: Shop) -> None:
    shop, moments = shop_with_route, Moments()
    shop.run(name="reviews", weights=NEW).succeeded()
    moments.before("west", OUR_WRITE, lambda: edit(shop, "west", timeout="9s"))
    result = disturbed(shop, moments, state="restored")
    assert not result.get("failed"), result["msg"]
    assert [shop.weights(name) for name in ("east", "west")] == [OLD, OLD]
    assert (shop.live("west") or {})["spec"]["http"][0]["timeout"] == "9s"
    assert is_over(shop, result)
