# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each cluster is to be like at a position."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import ALL_WAVES, TrafficSplit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule, waves_of
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.state import Position, ReleaseState
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.targets import (
    ClusterTarget,
    compute_targets,
    places_at,
)

PLAN: dict[str, Any] = {
    "step_weights": [10, 50],
    "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}],
}
STEPS, WAVES = build_schedule(PLAN), waves_of(PLAN, ["east", "west"])


def at(position: Position, **state: Any) -> dict[str, tuple[int, int, bool, bool]]:
    """From cluster to weight, size, copy and restore of the canary."""
    found = compute_targets(STEPS, WAVES, ReleaseState(**state), position)
    return {name: (each.traffic.canary, each.replicas, each.copy, each.restore) for name, each in found.items()}


@pytest.mark.parametrize(
    ("position", "east", "west"),
    [
        (Position(), (0, 100, False, False), (0, 100, False, False)),
        (Position(scaled=True), (0, 0, False, False), (0, 0, False, False)),
        (Position(1), (10, 100, False, False), (0, 0, False, False)),
        (Position(3), (50, 100, True, False), (0, 0, False, False)),
        (Position(4), (0, 100, True, False), (0, 0, False, False)),
        (Position(8), (0, 0, True, False), (50, 100, False, False)),
        (Position(8, "back", cap=20, wave=1), (0, 0, False, False), (20, 100, False, False)),
        (Position(8, "back", cap=90, wave=1), (0, 0, False, False), (50, 100, False, False)),
        (Position(8, "back", wave=1, scaled=True), (0, 0, False, False), (0, 0, False, False)),
        (Position(9, "back", kept=True, restore=True), (0, 0, False, True), (50, 100, False, True)),
        (Position(9, "canary", wave=1), (0, 0, True, False), (100, 100, True, False)),
        (Position(9, "back", cap=40, over=1), (0, 0, False, False), (40, 100, False, False)),
        (Position(2, size=70, wave=0), (50, 100, False, False), (0, 0, False, False)),
        (Position(5, size=70, wave=0), (0, 70, True, False), (0, 0, False, False)),
        # A wave that has not begun gets the pods that a promotion of all waves asks for.
        (Position(2, size=70), (50, 100, False, False), (0, 70, False, False)),
        (Position(2, size=70, wave=1), (50, 100, False, False), (0, 70, False, False)),
        (Position(len(STEPS) - 1), (0, 0, True, False), (0, 0, True, False)),
    ],
)
def test_a_position_says_what_each_wave_is_like(
    position: Position, east: tuple[int, int, bool, bool], west: tuple[int, int, bool, bool]
) -> None:
    assert at(position) == {"east": east, "west": west}


@pytest.mark.parametrize("keeps", [False, True])
def test_a_position_that_keeps_pods_does_so_on_all_clusters(keeps: bool) -> None:
    found = compute_targets(STEPS, WAVES, ReleaseState(), Position(5, keeps=keeps))
    assert [each.keeps for each in found.values()] == [keeps, keeps]


def test_a_cluster_that_is_behind_has_its_pods_and_no_share() -> None:
    assert at(Position(1), behind=("east",))["east"] == (0, 100, False, False)
    assert at(Position(1, "back", cap=5), behind=("east",))["east"] == (0, 100, False, False)
    assert at(Position(1, "canary"), behind=("east",))["east"] == (100, 100, False, False)


@pytest.mark.parametrize("index", range(len(STEPS)))
def test_a_position_with_places_means_the_same_whatever_the_plan_is(index: int) -> None:
    position = replace(Position(index), places=places_at(STEPS, index))
    state = ReleaseState()
    assert compute_targets((), WAVES, state, position) == compute_targets(STEPS, WAVES, state, Position(index))


def test_waves_that_do_not_differ_have_one_place() -> None:
    assert [place.wave for place in places_at(STEPS, 1)] == [0]
    assert [place.wave for place in places_at(STEPS, 8)] == [0, 1]
    assert [place.wave for place in places_at(STEPS, len(STEPS) - 1)] == [ALL_WAVES]
    assert places_at(STEPS, -1) == ()


@pytest.mark.parametrize(
    ("position", "cookie", "expired"),
    [
        (Position(0), "", ("old", "new")),
        (Position(1), "new", ("old",)),
        (Position(1, "canary"), "", ("old", "new")),
        (Position(1, "back"), "", ("old", "new")),
    ],
)
def test_clients_stay_with_a_canary_that_has_a_share(position: Position, cookie: str, expired: tuple[str, ...]) -> None:
    found = compute_targets(STEPS, WAVES, ReleaseState(cookie="new", expired=("old",)), position)["east"]
    assert (found.traffic.cookie, found.traffic.expired) == (cookie, expired)


@pytest.mark.parametrize(
    ("traffic", "sends"),
    [
        (TrafficSplit(), False),
        (TrafficSplit(1, 99), True),
        (TrafficSplit(matched=True), True),
        (TrafficSplit(mirror=5), True),
    ],
)
def test_who_sends_to_the_canary(traffic: TrafficSplit, sends: bool) -> None:
    assert ClusterTarget(traffic).sends == sends
