# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters one after the other, and as many as there are."""

from __future__ import annotations

from typing import Any

import pytest
from support.receivers import Answer, receiving
from support.releases import AT_50, PLAN, Shop, phases

FAST: dict[str, Any] = {"interval": 0.01, "drain": 0}
EAST_FIRST: dict[str, Any] = {
    "plan": {**FAST, "step_weights": [50], "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}]}
}
FIRST_PROMOTED, REST_AT_50 = 3, 5
"""Steps of it."""
STABLE, HALF, CANARY = {"v1": 100, "v2": 0}, {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}


def test_the_first_wave_is_promoted_before_the_others_begin(shop: Shop) -> None:
    shop.to_step(1, **EAST_FIRST)
    assert shop.everywhere() == [HALF, STABLE, STABLE]
    shop.to_step(FIRST_PROMOTED, **EAST_FIRST)
    assert shop.everywhere() == [CANARY, STABLE, STABLE]
    shop.to_step(REST_AT_50, **EAST_FIRST)
    assert shop.everywhere() == [CANARY, HALF, HALF]
    assert shop.to_the_end(**EAST_FIRST)["succeeded"]
    assert shop.everywhere() == [CANARY] * 3
    assert not shop.run(**EAST_FIRST).succeeded()["changed"]


def test_a_person_takes_all_waves_back(shop: Shop) -> None:
    before = shop.everything()
    shop.to_step(REST_AT_50, **EAST_FIRST)
    shop.to_the_end(state="rolled_back", revert="wave", **EAST_FIRST)
    assert shop.everywhere() == [STABLE] * 3
    shop.run(state="absent", **EAST_FIRST).succeeded()
    assert shop.everything() == before


@pytest.mark.parametrize(("revert", "east"), [("all", STABLE), ("wave", CANARY)])
def test_a_release_that_fails_in_a_later_wave(shop: Shop, revert: str, east: dict[str, int]) -> None:
    with receiving([Answer(200), Answer(500)]) as checks:
        # The first wave has one analysis, and the second one none that passes.
        hooks = {"webhooks": [{"name": "checks", "type": "rollout", "url": checks.url}], "revert": revert}
        result = shop.to_the_end(**EAST_FIRST, **hooks)
        assert (result["phase"], result["done"]) == ("failed", True)
        assert shop.everywhere() == [east, STABLE, STABLE]
        assert not shop.run(**EAST_FIRST, **hooks).succeeded()["changed"]


def test_one_cluster_or_three_make_no_difference(shop: Shop) -> None:
    alone = shop.to_the_end(clusters=("east",))
    shop.run(clusters=("east",), state="absent").succeeded()
    shop.put_routes()
    together = shop.to_the_end()
    assert alone["schedule"] == together["schedule"]
    assert phases(alone) == phases(together)
    assert set(alone["intended"].values()) == set(together["intended"].values())
    assert [record["clusters"]["east"]["intended"] for record in alone["records"]] == [
        record["clusters"]["east"]["intended"] for record in together["records"]
    ]


def test_a_cluster_that_joins_is_brought_to_the_weight_of_all_others(shop: Shop) -> None:
    shop.to_step(AT_50, clusters=("east", "west"))
    assert shop.weights("north") == STABLE
    joined = shop.run().succeeded()
    assert shop.everywhere() == [HALF] * 3
    assert (joined["phase"], joined["step"]) == ("progressing", AT_50)
    assert shop.to_the_end()["succeeded"]


def test_a_cluster_that_joins_after_the_end_gets_what_was_promoted(shop: Shop) -> None:
    shop.to_the_end(clusters=("east", "west"))
    assert shop.run().succeeded()["changed"]
    assert shop.everywhere() == [CANARY] * 3
    assert not shop.run(plan=PLAN).succeeded()["changed"]
