# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._proof.pushes import IDLE, PushTracker

# (seconds, pushes, updates, does the store show the change?)
Look = tuple[float, int, int, bool]

QUIET = 0.5
"""More than istiod collects (0.1 s) and the slack."""


def bounds(looks: list[Look], before: int = 7, preparation: float = 0.0) -> tuple[int, int | None]:
    tracker = PushTracker(before, debounce=0.1)
    for at, pushes, updates, stored in looks:
        tracker.see(at, pushes, updates, preparation, stored=stored)
    return tracker.floor, tracker.ceiling


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        pytest.param([(0.0, 7, 50, False), (1.0, 7, 50, False)], (7, None), id="the store does not have it"),
        pytest.param([(0.0, 7, 50, True)], (7, None), id="it has it, and its push is to come"),
        pytest.param([(0.0, 8, 51, True)], (7, None), id="a push, but is it ours?"),
        pytest.param([(0.0, 8, 51, True), (QUIET, 8, 51, True)], (7, 8), id="quiet since"),
        pytest.param(
            [(0.0, 7, 50, True), (0.3, 8, 51, True), (0.6, 8, 51, True), (0.8, 8, 51, True)],
            (7, 8),
            id="quiet since the push",
        ),
        pytest.param(
            [(0.0, 8, 50, False), (0.3, 8, 51, True), (0.3 + QUIET, 8, 51, True)],
            (8, None),
            id="a push before the store had it is not ours",
        ),
        pytest.param(
            [(0.0, 8, 50, False), (0.3, 9, 51, True), (0.3 + QUIET, 9, 51, True)], (8, 9), id="but the next one is"
        ),
        pytest.param(
            [(0.0, 8, 51, True), (0.3, 8, 52, True), (0.6, 8, 53, True), (0.9, 8, 54, True)],
            (7, None),
            id="others ask for pushes without end: ours is being collected",
        ),
        pytest.param(
            [(0.0, 8, 51, True), (0.3, 9, 52, True), (0.6, 10, 53, True)], (7, 10), id="two more pushes hold it surely"
        ),
        pytest.param([(0.0, 7, 50, True), (IDLE, 7, 50, True)], (7, None), id="no push yet"),
        pytest.param([(0.0, 7, 50, True), (IDLE + QUIET, 7, 50, True)], (7, 7), id="no push at all"),
        pytest.param(
            [(0.0, 8, 51, True), (QUIET, 8, 51, True), (2.0, 9, 52, True)], (7, 8), id="what comes later is not ours"
        ),
        pytest.param(
            [
                (0.0, 8, 51, True),
                (QUIET, 8, 51, True),
                (2.0, 1, 9, False),
                (3.0, 2, 12, True),
                (3.0 + QUIET, 2, 12, True),
            ],
            (1, 2),
            id="istiod started anew and counts from 1",
        ),
    ],
)
def test_our_push_is_bounded(looks: list[Look], expected: tuple[int, int | None]) -> None:
    assert bounds(looks) == expected


def test_an_istiod_that_prepares_pushes_slowly_is_given_time() -> None:
    looks = [(0.0, 8, 51, True), (1.0, 8, 51, True)]
    assert bounds(looks, preparation=0.0) == (7, 8)
    assert bounds(looks, preparation=1.0) == (7, None)


def test_a_change_that_moves_nothing_is_told_from_one_that_is_late() -> None:
    tracker = PushTracker(7, debounce=0.1)
    tracker.see(0.0, 7, 50, 0.0, stored=True)
    assert not tracker.no_push
    tracker.see(IDLE + QUIET, 7, 50, 0.0, stored=True)
    assert tracker.no_push
