# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._proof import measured, split

HOST = "echo.app.svc.cluster.local"


def test_the_interval_is_wilson_s() -> None:
    """Of Newcombe (1998), table I, method 3: 81 of 263 at 95 %."""
    band = split.compute_wilson_band(81, 263, 0.95)
    assert (round(band.low, 4), round(band.high, 4)) == (0.2553, 0.3662)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (10, 10), (0, 0), (3, 7), (1, 1000)])
def test_a_band_holds_what_was_counted(count: int, total: int) -> None:
    band = split.compute_wilson_band(count, total, 0.99)
    assert 0.0 <= band.low <= band.high <= 1.0
    assert total == 0 or band.holds(count / total)


@pytest.mark.parametrize("total", [100, 1000, 100_000])
def test_it_judges_as_the_score_test_does(total: int) -> None:
    share, z = 0.1, 2.5758293035489004
    reach = z * math.sqrt(share * (1 - share) / total) * total
    inside, beyond = math.floor(share * total + reach), math.ceil(share * total + reach) + 1
    assert split.compute_wilson_band(inside, total, 0.99).holds(share)
    assert not split.compute_wilson_band(beyond, total, 0.99).holds(share)


@pytest.mark.parametrize(
    ("counts", "weights", "verdict"),
    [
        ({"a": 89, "b": 11}, {"a": 90, "b": 10}, "within"),
        ({"a": 100, "b": 0}, {"a": 100, "b": 0}, "within"),
        ({"a": 999, "b": 1}, {"a": 100, "b": 0}, "outside"),
        ({"a": 500, "b": 500}, {"a": 90, "b": 10}, "outside"),
        ({"a": 990, "b": 0, "c": 10}, {"a": 100}, "outside"),
        ({"a": 9, "b": 1}, {"a": 90, "b": 10}, "inconclusive"),
        ({}, {"a": 1}, "inconclusive"),
    ],
)
def test_counted_requests_against_weights(counts: dict[str, int], weights: dict[str, int], verdict: str) -> None:
    assert split.judge(counts, weights).verdict == verdict


def test_the_confidence_is_that_of_all_destinations_together() -> None:
    bands = split.judge({"a": 60, "b": 30, "c": 10}, {"a": 6, "b": 3, "c": 1}).bands
    assert bands["a"] == split.compute_wilson_band(60, 100, 1 - 0.01 / 3)


def cluster(subset: str) -> str:
    return f"outbound|80|{subset}|{HOST}"


@pytest.mark.parametrize(
    ("before", "after", "grown"),
    [
        ({"x": 5}, {"x": 9}, {"x": 4}),
        ({"x": 5}, {"x": 2}, {}),
        ({}, {"x": 2}, {}),
        ({"x": 5}, {}, {}),
    ],
)
def test_a_counter_that_began_anew_says_nothing(
    before: dict[str, int], after: dict[str, int], grown: dict[str, int]
) -> None:
    assert measured.count_growth(before, after) == grown


def virtual_service(*routes: dict[str, int]) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "echo", "namespace": "app"},
        "spec": {
            "hosts": ["echo"],
            "http": [
                {"route": [{"destination": {"host": "echo", "subset": s}, "weight": w} for s, w in each.items()]}
                for each in routes
            ],
        },
    }


def test_the_requests_of_all_proxies_count_together() -> None:
    grown = [
        {cluster("east"): 60, cluster("west"): 4, "BlackHoleCluster": 99},
        {cluster("east"): 31, cluster("west"): 5},
    ]
    judged = measured.judge(virtual_service({"east": 90, "west": 10}), grown)
    assert len(judged) == 1
    found = next(iter(judged.values()))
    assert (found.verdict, found.requests) == ("within", 100)
    assert found.observed == {f"{HOST}/east": 0.91, f"{HOST}/west": 0.09}


def test_a_route_whose_clusters_another_names_too_cannot_be_judged() -> None:
    both = virtual_service({"east": 90, "west": 10}, {"west": 50, "north": 50}, {"south": 1, "far": 1})
    assert list(measured.judge(both, [])) == ["http[2]"]


def test_requests_that_contradict_are_told() -> None:
    finding = measured.report_outside(
        "east", "VirtualService app/echo http[0]", split.judge({"a": 999, "b": 1}, {"a": 1})
    )
    assert finding.object == "VirtualService app/echo"
    assert "1000 requests" in finding.message
    assert "0.1% to b" in finding.message
