# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diff shows of one object on several clusters."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._summary.hunks import Hunk, chain_diffs, merge_hunks

ROUTE = "VirtualService shop/reviews"


def weights(first: int, second: int, **more: Any) -> dict[str, Any]:
    return {"spec": {"route": [{"weight": first}, {"weight": second}], **more}}


HALF = (weights(100, 0), weights(50, 50))


@pytest.mark.parametrize(
    ("hunks", "headers"),
    [
        ([], []),
        ([Hunk("east", ROUTE, *HALF)], [f"east: {ROUTE}"]),
        ([Hunk("east", ROUTE, *HALF), Hunk("west", ROUTE, *HALF)], [f"east, west: {ROUTE}"]),
        # The same change of objects that differ elsewhere.
        (
            [Hunk("east", ROUTE, *HALF), Hunk("west", ROUTE, weights(100, 0, ip="b"), weights(50, 50, ip="b"))],
            [f"east, west: {ROUTE}"],
        ),
        # The same value, at another place.
        (
            [
                Hunk("east", ROUTE, weights(100, 0), weights(50, 0)),
                Hunk("west", ROUTE, weights(0, 100), weights(0, 50)),
            ],
            [f"east: {ROUTE}", f"west: {ROUTE}"],
        ),
        ([Hunk("east", ROUTE, {}, weights(1, 2)), Hunk("west", ROUTE, *HALF)], [f"east: {ROUTE}", f"west: {ROUTE}"]),
        ([Hunk("east", ROUTE, {}, HALF[0]), Hunk("west", ROUTE, {}, HALF[0])], [f"east, west: {ROUTE}"]),
        (
            [Hunk("east", ROUTE, {}, HALF[0]), Hunk("west", "Service b", {}, HALF[0])],
            [f"east: {ROUTE}", "west: Service b"],
        ),
        ([Hunk("", "link east -> west", "not linked\n", "linked\n")], ["link east -> west"]),
    ],
)
def test_an_object_that_changes_in_the_same_way_has_one_hunk(hunks: list[Hunk], headers: list[str]) -> None:
    diff = merge_hunks(hunks)
    assert [each["before_header"] for each in diff] == headers
    assert [each["after_header"] for each in diff] == headers


def test_a_hunk_is_that_of_its_first_cluster() -> None:
    (shown,) = merge_hunks(
        [Hunk("east", ROUTE, *HALF), Hunk("west", ROUTE, weights(100, 0, ip="b"), weights(50, 50, ip="b"))]
    )
    assert (shown["before"], shown["after"]) == HALF


BEGUN = [Hunk(name, ROUTE, weights(100, 0), weights(95, 5)) for name in ("east", "west")]


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        ([], [(f"east, west: {ROUTE}", weights(100, 0), weights(95, 5))]),
        # From where it was at first to where it is at last.
        (
            [Hunk(name, ROUTE, weights(95, 5), weights(50, 50)) for name in ("east", "west")],
            [(f"east, west: {ROUTE}", weights(100, 0), weights(50, 50))],
        ),
        # Only one of them went on.
        (
            [Hunk("west", ROUTE, weights(95, 5), weights(50, 50))],
            [
                (f"east: {ROUTE}", weights(100, 0), weights(95, 5)),
                (f"west: {ROUTE}", weights(100, 0), weights(50, 50)),
            ],
        ),
        # It is as it was, and another one is made.
        (
            [
                *(Hunk(name, ROUTE, weights(95, 5), weights(100, 0)) for name in ("east", "west")),
                Hunk("east", "Service shop/b", {}, {"spec": {}}),
            ],
            [("east: Service shop/b", {}, {"spec": {}})],
        ),
    ],
)
def test_several_changes_of_one_object_are_one_hunk(
    later: list[Hunk], shown: list[tuple[str, dict[str, Any], dict[str, Any]]]
) -> None:
    diff = chain_diffs(merge_hunks(BEGUN), merge_hunks(later))
    assert [(each["before_header"], each["before"], each["after"]) for each in diff] == shown
