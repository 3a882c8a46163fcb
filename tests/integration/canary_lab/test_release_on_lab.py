# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases over two clusters, told by the answers that clients of both get."""

from __future__ import annotations

from release_lab import BY_ENVOY, Shop, list_failures
from support.mesh import NAMES


def test_a_good_release_is_divided_as_planned_in_every_step_and_fails_no_request(shop: Shop) -> None:
    with shop.load() as answered:
        for step, share in enumerate((0, 5, 25, 50, 100)):
            result = shop.release(wait_step=step, analysis=BY_ENVOY).succeeded()
            assert result["observed"] == dict.fromkeys(NAMES, share)
            shop.sees({"v1": 100 - share, "v2": share})
        result = shop.release(analysis=BY_ENVOY).succeeded()
        assert (result["phase"], result["consistent"]) == ("succeeded", True)
    assert list_failures(answered) == []
    assert all(sum(each.count for each in batches) >= 200 for batches in answered.values())
    shop.sees({"v1": 0, "v2": 100})


def test_where_two_have_to_be_bad_one_bad_cluster_stops_nothing(shop: Shop) -> None:
    shop.is_bad_in("west")
    with shop.load():
        plan = {"step_weights": [50, 100], "interval": 1, "drain": 0}
        result = shop.release(plan=plan, analysis={**BY_ENVOY, "rule": "quorum", "quorum": 2}).succeeded()
    assert result["phase"] == "succeeded"
    assert shop.weights() == dict.fromkeys(NAMES, 100)


def test_of_a_bad_wave_only_the_wave_is_taken_back(shop: Shop) -> None:
    shop.is_bad_in("west")
    waves = [{"name": "first", "clusters": ["east"]}, {"name": "second", "clusters": ["west"]}]
    plan = {"step_weights": [50, 100], "interval": 1, "drain": 0, "waves": waves}
    with shop.load():
        result = shop.release(plan=plan, analysis=BY_ENVOY, revert="wave").succeeded()
    assert (result["phase"], result["done"]) == ("failed", True)
    assert shop.weights() == {"east": 100, "west": 0}
    shop.sees({"v1": 0, "v2": 100}, only=("east",))
    shop.sees({"v1": 100, "v2": 0}, only=("west",))
