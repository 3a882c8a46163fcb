# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Splits on real API servers: what is written, what stays, and what is as it was afterwards."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.records import record_name
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, SECRET, VIRTUAL_SERVICE
from support.fleet_runs import RECORDS
from support.splits import Object, Shop, as_it_was, destination_rule, virtual_service

NEW = {"v1": 70, "v2": 30}


def contents(lives: list[Object | None]) -> list[Object | None]:
    return [None if live is None else strip_content(live) for live in lives]


def test_weights_are_set_on_all_and_nothing_else(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    before = deepcopy(shop.everywhere())
    foretold = shop.run(check=True, name="reviews", weights=NEW).succeeded()
    assert contents(shop.everywhere()) == contents(before)
    result = shop.run(name="reviews", weights=NEW).succeeded()
    assert result["changed"]
    assert result["consistent"]
    assert result["weights"] == {"east": {"http[main]": NEW}, "west": {"http[main]": NEW}}
    assert foretold["weights"] == result["weights"]
    for old, new in zip(contents(before), contents(shop.everywhere()), strict=True):
        assert old is not None
        for entry, weight in zip(old["spec"]["http"][0]["route"], NEW.values(), strict=True):
            entry["weight"] = weight
        # Which cluster keeps the record of it.
        (mark,) = new["metadata"].pop("annotations").items()
        assert mark[0].startswith("onemesh.istio/hub.traffic-split.")
        assert mark[1] == "east"
        assert new == old
    again = shop.run(name="reviews", weights=NEW).succeeded()
    assert not again["changed"]


def test_restored_is_as_it_was_beside_what_others_did(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    before = deepcopy(shop.everywhere())
    shop.run(name="reviews", weights=NEW).succeeded()
    shop.run(name="reviews", weights={"v1": 50, "v2": 50}).succeeded()
    patch = {"metadata": {"annotations": {"example.org/seen": "yes"}}}
    shop.planes.clients["west"].patch(VIRTUAL_SERVICE, "reviews", shop.namespace, patch, field_manager="edit")
    result = shop.run(name="reviews", state="restored").succeeded()
    assert result["leaked"] == []
    assert result["owed"] == {}
    assert before[1] is not None
    before[1]["metadata"]["annotations"] = {"example.org/seen": "yes"}
    assert contents(shop.everywhere()) == contents(before)
    assert not shop.run(name="reviews", state="restored").succeeded()["changed"]


def test_what_nobody_touched_is_given_back_byte_for_byte(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    before = [as_it_was(live) for live in shop.everywhere()]
    shop.run(name="reviews", weights=NEW).succeeded()
    shop.run(name="reviews", weights={"v1": 50, "v2": 50}).succeeded()
    shop.run(name="reviews", state="restored").succeeded()
    assert [as_it_was(live) for live in shop.everywhere()] == before


def test_a_host_is_split_among_clusters_and_given_back(shop: Shop) -> None:
    asked = {"host": "reviews", "by": "cluster", "weights": {"east": 80, "west": 20}}
    result = shop.run(**asked).succeeded()
    made = [f"DestinationRule {shop.namespace}/reviews-split", f"VirtualService {shop.namespace}/reviews-split"]
    assert [sorted(part["created"]) for part in result["clusters"].values()] == [made, made]
    assert shop.weights("west", "reviews-split") == {"east": 80, "west": 20}
    assert not shop.run(**asked).succeeded()["changed"]
    shop.run(**{**asked, "weights": {"east": 50, "west": 50}}).succeeded()
    assert shop.weights("east", "reviews-split") == {"east": 50, "west": 50}
    shop.run(**asked, state="restored").succeeded()
    for kind in (VIRTUAL_SERVICE, DESTINATION_RULE):
        assert shop.everywhere(kind, "reviews-split") == [None, None]


def test_subsets_are_added_to_the_users_rule_and_taken_away(shop: Shop) -> None:
    plain = virtual_service(shop.namespace)
    plain["spec"]["http"][0]["route"] = [{"destination": {"host": "reviews"}}]
    shop.put(plain, destination_rule(shop.namespace, "v1"))
    before = [*shop.everywhere(), *shop.everywhere(DESTINATION_RULE)]
    asked = {"name": "reviews", "host": "reviews", "by": "cluster", "weights": {"east": 80, "west": 20}}
    shop.run(**asked).succeeded()
    rule = shop.live("east", DESTINATION_RULE)
    assert rule is not None
    assert [subset["name"] for subset in rule["spec"]["subsets"]] == ["v1", "east", "west"]
    assert shop.weights("west") == {"east": 80, "west": 20}
    shop.run(**asked, state="restored").succeeded()
    assert contents([*shop.everywhere(), *shop.everywhere(DESTINATION_RULE)]) == contents(before)


def test_each_source_has_its_own_weights(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    shop.run(name="reviews", **{"from": {"east": NEW}}).succeeded()
    assert [shop.weights(cluster) for cluster in ("east", "west")] == [NEW, {"v1": 90, "v2": 10}]


def test_weights_of_a_source_come_before_those_of_all(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    asked = {"name": "reviews", "weights": {"v1": 50, "v2": 50}, "from": {"east": NEW}}
    result = shop.run(**asked).succeeded()
    assert [shop.weights(cluster) for cluster in ("east", "west")] == [NEW, {"v1": 50, "v2": 50}]
    assert result["weights"] == {"east": {"http[main]": NEW}, "west": {"http[main]": {"v1": 50, "v2": 50}}}
    assert not shop.run(**asked).succeeded()["changed"]
    shop.run(name="reviews", state="restored").succeeded()
    assert [shop.weights(cluster) for cluster in ("east", "west")] == [{"v1": 90, "v2": 10}] * 2


def test_drift_is_reported_with_who_wrote_and_put_right(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    shop.run(name="reviews", weights=NEW).succeeded()
    live = shop.live("west")
    assert live is not None
    for entry, weight in zip(live["spec"]["http"][0]["route"], (20, 80), strict=True):
        entry["weight"] = weight
    shop.planes.clients["west"].replace(live, field_manager="kubectl-edit")

    foretold = shop.run(check=True, name="reviews", weights=NEW).succeeded()
    result = shop.run(name="reviews", weights=NEW).succeeded()
    for each in (foretold, result):
        (finding,) = each["clusters"]["west"]["findings"]
        assert (finding["check"], finding["severity"]) == ("drift", "warning")
        assert finding["object"] == f"VirtualService {shop.namespace}/reviews"
        assert "were set to http[main]: v1 70, v2 30, and are http[main]: v1 20, v2 80" in finding["message"]
        assert "kubectl-edit at " in finding["message"]
        assert each["clusters"]["east"]["findings"] == []
    assert shop.weights("west") == NEW
    assert not shop.run(name="reviews", weights=NEW).succeeded()["changed"]
    # What was put right is not what stood before.
    shop.run(name="reviews", state="restored").succeeded()
    assert [shop.weights(cluster) for cluster in ("east", "west")] == [{"v1": 90, "v2": 10}] * 2


def without_destination(spec: Object) -> None:
    spec["http"][0]["route"] = spec["http"][0]["route"][:1]


def with_another_name(spec: Object) -> None:
    spec["http"][0]["name"] = "other"


def with_a_third_that_gets_some(spec: Object) -> None:
    third = {"destination": {"host": "reviews", "subset": "v3"}, "weight": 20}
    spec["http"][0]["route"] = [*spec["http"][0]["route"], third]


def as_on_the_other(_spec: Object) -> None:
    """West has the same as east, and what is asked is wrong for both."""


@pytest.mark.parametrize(
    ("on_west", "asked", "check", "said", "remedy"),
    [
        (
            as_on_the_other,
            {"weights": {"v1": 70, "v2": 20}},
            "weights-sum",
            "http[main], the weights make 90, and not 100",
            "give weights that make 100",
        ),
        (
            with_a_third_that_gets_some,
            {"weights": NEW},
            "weights-sum",
            "http[main], the weights make 120, with what v3 keeps, and not 100",
            "give weights that make 100",
        ),
        (
            without_destination,
            {"weights": NEW},
            "destination-missing",
            "has no route that sends to v2; it has http[main]: v1",
            "name a destination that the route has, or add it with weight 0",
        ),
        (
            with_another_name,
            {"weights": NEW, "routes": ["main"]},
            "route-missing",
            "has no route main; it has http[other]",
            "correct the route's name, or leave it out",
        ),
        (None, {"weights": NEW}, "object-missing", "there is no VirtualService", "create it, or correct kind"),
    ],
    ids=["sum", "sum with what is kept", "destination", "route", "object"],
)
def test_what_is_wrong_on_one_cluster_is_said_and_nothing_written_anywhere(
    shop: Shop,
    on_west: Callable[[Object], None] | None,
    asked: dict[str, Any],
    check: str,
    said: str,
    remedy: str,
) -> None:
    shop.put(destination_rule(shop.namespace, "v1", "v2", "v3"))
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), only="east")
    if on_west is not None:
        other = virtual_service(shop.namespace, v1=90, v2=10)
        on_west(other["spec"])
        shop.put(other, only="west")
    before = deepcopy([*shop.everywhere(), *shop.everywhere(DESTINATION_RULE)])
    failed = shop.run(name="reviews", **asked)
    message = failed.failed()
    assert "nothing was written anywhere" in message
    (finding,) = [each for each in failed.result["findings"] if each["cluster"] == "west"]
    assert (finding["check"], finding["object"]) == (check, f"VirtualService {shop.namespace}/reviews")
    assert said in finding["message"]
    assert remedy in finding["remedy"]
    for part in ("west", finding["object"], said, remedy):
        assert part in message
    assert [*shop.everywhere(), *shop.everywhere(DESTINATION_RULE)] == before
    hub = shop.planes.clients["east"]
    assert hub.find(SECRET, record_name("traffic-split", failed.result["set"]), RECORDS) is None


def test_what_one_cluster_lacks_stops_all(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10))
    shop.put(destination_rule(shop.namespace, "v1", "v2"), only="east")
    before = contents(shop.everywhere())
    message = shop.run(name="reviews", weights=NEW).failed()
    assert "west" in message
    assert "the subset v2" in message
    assert contents(shop.everywhere()) == before


def test_a_cluster_that_was_left_out_gets_its_weights_later(shop: Shop) -> None:
    shop.put(virtual_service(shop.namespace, v1=90, v2=10), destination_rule(shop.namespace, "v1", "v2"))
    result = shop.run(name="reviews", weights=NEW, unreachable="exclude", exclude=["west"]).succeeded()
    assert list(result["owed"]) == ["west"]
    assert [shop.weights(cluster) for cluster in ("east", "west")] == [NEW, {"v1": 90, "v2": 10}]
    assert shop.run(name="reviews", state="settled").succeeded()["owed"] == {}
    assert shop.weights("west") == NEW
    assert not shop.run(name="reviews", state="settled").succeeded()["changed"]
