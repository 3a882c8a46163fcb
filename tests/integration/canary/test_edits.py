# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users edit their routes in mid-canary, on one cluster only: edits survive, weights stay."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import VIRTUAL_SERVICE
from support.fault_runs import Request, observed
from support.fleet_runs import Object
from support.releases import AT_5, AT_50, AT_100, Shop

Edit = Callable[[Object], None]

HALF, CANARY, STABLE = {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}, {"v1": 100, "v2": 0}


def by_hand(shop: Shop, edit: Edit, cluster: str = "west") -> None:
    """As ``kubectl edit`` does it."""
    live = shop.route(cluster)
    edit(live)
    shop.planes.clients[cluster].replace(live, field_manager="kubectl-edit")


def other_timeout(live: Object) -> None:
    live["spec"]["http"][-1]["timeout"] = "9s"


def other_labels(live: Object) -> None:
    live["metadata"]["labels"]["owner"] = "ada"
    live["metadata"].setdefault("annotations", {})["note"] = "by hand"


def another_route(live: Object) -> None:
    live["spec"]["http"].insert(
        0, {"name": "static", "match": [{"uri": {"prefix": "/static"}}], "route": [{"destination": {"host": "static"}}]}
    )


def other_weights(live: Object) -> None:
    for destination, weight in zip(live["spec"]["http"][-1]["route"], (20, 80), strict=True):
        destination["weight"] = weight


def without_our_annotation(live: Object) -> None:
    live["metadata"].pop("annotations")


EDITS = pytest.mark.parametrize("edit", [other_timeout, other_labels, another_route], ids=lambda edit: edit.__name__)


def without_weights(live: Object) -> Object:
    """What is the user's: all but weights, and our annotation."""
    shown = copy.deepcopy(live)
    metadata = {key: shown["metadata"].get(key) for key in ("labels", "annotations")}
    metadata["annotations"] = {
        key: value for key, value in (metadata["annotations"] or {}).items() if not key.startswith("onemesh.istio/")
    }
    for route in shown["spec"]["http"]:
        for destination in route["route"]:
            destination.pop("weight", None)
    return {"metadata": metadata, "spec": shown["spec"]}


@EDITS
def test_an_edit_survives_the_run_and_its_removal(shop: Shop, edit: Edit) -> None:
    shop.to_step(AT_5)
    by_hand(shop, edit)
    edited = without_weights(shop.route("west"))
    shop.to_step(AT_50)
    assert shop.everywhere() == [HALF] * 3
    assert without_weights(shop.route("west")) == edited
    assert shop.to_the_end()["succeeded"]
    shop.run(state="absent").succeeded()
    assert without_weights(shop.route("west")) == edited
    assert shop.everywhere() == [CANARY] * 3


@EDITS
def test_an_edit_survives_a_rollback_and_its_removal(shop: Shop, edit: Edit) -> None:
    shop.to_step(AT_50)
    by_hand(shop, edit)
    edited = without_weights(shop.route("west"))
    shop.to_the_end(state="rolled_back")
    assert shop.everywhere() == [STABLE] * 3
    shop.run(state="absent").succeeded()
    assert without_weights(shop.route("west")) == edited
    assert shop.everywhere() == [STABLE] * 3
    assert "onemesh" not in str(shop.route("west")["metadata"].get("annotations"))


def test_an_edit_that_comes_from_the_users_repository_survives(shop: Shop) -> None:
    """They apply what they declare again, with the weights from before, on one cluster."""
    shop.to_step(AT_50)
    declared = shop.declared()
    declared["spec"]["http"][0]["timeout"] = "9s"
    shop.put(declared, only="west")
    assert shop.weights("west") == STABLE
    result = shop.run().succeeded()
    assert result["step"] == AT_50
    assert "west" in " ".join(result["reasons"])
    assert shop.everywhere() == [HALF] * 3
    assert shop.http()[0]["timeout"] == "9s"
    shop.to_the_end()
    shop.run(state="absent").succeeded()
    assert (shop.weights("west"), shop.http()[0]["timeout"]) == (CANARY, "9s")


@pytest.mark.parametrize("edit", [other_weights, without_our_annotation], ids=lambda edit: edit.__name__)
def test_what_is_ours_is_put_right_before_the_next_step(shop: Shop, edit: Edit) -> None:
    shop.to_step(AT_50)
    before = shop.route("west")
    by_hand(shop, edit)
    result = shop.run().succeeded()
    assert (result["step"], result["changed"]) == (AT_50, True)
    assert "west: VirtualService" in " ".join(result["reasons"])
    after = shop.route("west")
    assert (after["spec"], after["metadata"]["annotations"]) == (before["spec"], before["metadata"]["annotations"])
    assert result["records"][-1]["clusters"]["west"]["observed"] == 50
    shop.to_step(AT_100)
    assert shop.everywhere() == [CANARY] * 3


@pytest.mark.parametrize("ending", ["succeeded", "failed"])
def test_weights_are_put_right_after_the_end_too(shop: Shop, ending: str) -> None:
    if ending == "failed":
        shop.to_step(AT_5)
    result = shop.to_the_end(**({"state": "rolled_back"} if ending == "failed" else {}))
    stands = shop.everywhere()
    by_hand(shop, other_weights)
    again = shop.run().succeeded()
    assert (again["changed"], again["phase"]) == (True, result["phase"])
    assert shop.everywhere() == stands
    assert not shop.run().succeeded()["changed"]


def test_an_edit_between_the_look_and_the_step_is_in_nobodys_way(shop: Shop) -> None:
    shop.to_step(AT_5)
    edited = threading.Event()

    def edit(this: Request) -> None:
        is_dry_run = this.method == "PUT" and not this.writes
        if is_dry_run and this.cluster == "west" and not edited.is_set():
            edited.set()
            by_hand(shop, other_timeout)

    with observed(edit, lambda _this: None):
        assert shop.run().succeeded()["step"] == AT_50
    assert edited.is_set()
    assert shop.everywhere() == [HALF] * 3
    assert shop.http()[0]["timeout"] == "9s"


def test_a_route_that_is_gone_holds_the_release_until_it_is_back(shop: Shop) -> None:
    shop.to_step(AT_5)
    shop.planes.clients["west"].delete(VIRTUAL_SERVICE, "reviews", shop.namespace)
    held = shop.run().succeeded()
    assert "west" in held["waiting"]
    assert held["step"] == AT_5
    assert (shop.weights("east"), shop.weights("north")) == ({"v1": 95, "v2": 5},) * 2
    shop.put(shop.declared(), only="west")
    result = shop.to_the_end()
    assert result["succeeded"]
    assert shop.everywhere() == [CANARY] * 3
    shop.run(state="absent").succeeded()
    assert shop.everywhere() == [CANARY] * 3
    assert shop.left_on_the_hub() == []


def test_a_route_that_is_gone_for_good_does_not_keep_the_release_from_being_removed(shop: Shop) -> None:
    shop.to_step(AT_5)
    shop.planes.clients["west"].delete(VIRTUAL_SERVICE, "reviews", shop.namespace)
    assert shop.run(state="absent").succeeded()["leaked"] == []
    assert (shop.weights("east"), shop.weights("north")) == (STABLE, STABLE)
    assert shop.planes.clients["west"].find(VIRTUAL_SERVICE, "reviews", shop.namespace) is None
    assert shop.left_on_the_hub() == []
