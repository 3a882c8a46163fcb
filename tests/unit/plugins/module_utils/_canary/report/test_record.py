# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a record keeps of a tick, and that its written form is the same."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import Analysis, MetricResult
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import (
    SUCCESS_RATE,
    ErrorRate,
    Limit,
    TickRecord,
    UnreadableTick,
    Waiting,
)
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import LIMITS, START, tick


def full() -> TickRecord:
    return tick(
        4,
        {"eu1": 25, "us1": 25, "ap1": 10},
        away={"us1": "gave no answer"},
        drift={"ap1": 5},
        rates={"eu1": 99.98, "ap1": None},
        reasons=("ap1 has no requests",),
        decision="hold",
        gates={"half": "closed"},
        actions=("write eu1",),
        settled_after={"eu1": 0.25, "ap1": 0.375},
        timings={"observe": 0.125},
        errors=("a notice was not taken",),
        waiting=Waiting("gate half", START, ("kubectl annotate",)),
        owed={"us1": "weight 25"},
    )


@pytest.mark.parametrize("record", [tick(), full(), tick(away={"south": "x"}, weights={})])
def test_written_and_read_it_is_the_same(record: TickRecord) -> None:
    assert TickRecord.from_dict(json.loads(json.dumps(record.as_dict(), allow_nan=False))) == record


@pytest.mark.parametrize(
    ("other", "repeats"),
    [
        ({"time": START + 9}, True),
        ({"timings": {"observe": 3.0}}, True),
        ({"reasons": ("waits for 7.5 s more",)}, True),
        ({"reasons": ("waits for west",)}, False),
        ({"owed": {}}, False),
        ({"phase": "failed"}, False),
    ],
)
def test_waiting_on_is_no_news(other: dict[str, Any], repeats: bool) -> None:
    record = replace(full(), reasons=("waits for 12 s more",))
    assert replace(record, **other).repeats(record) is repeats


def test_it_keeps_what_was_seen() -> None:
    record = full()
    assert {name: (each.intended, each.observed, each.holds) for name, each in record.clusters.items()} == {
        "eu1": (25, 25, True),
        "us1": (25, None, False),
        "ap1": (10, 5, False),
    }
    assert (record.clusters["us1"].error, record.clusters["ap1"].drift) == ("gave no answer", "weights are 5")
    assert (record.verdict, record.reasons) == ("inconclusive", ("ap1 has no requests",))
    assert record.clusters["eu1"].seconds == 0.25


@pytest.mark.parametrize(
    ("settled_after", "skew_ms"), [({}, None), ({"eu1": 0.25}, None), ({"eu1": 0.25, "us1": 0.5}, 250.0)]
)
def test_skew(settled_after: dict[str, float], skew_ms: float | None) -> None:
    assert tick(settled_after=settled_after).skew_ms == skew_ms


def test_a_cluster_that_nobody_looked_at_is_told() -> None:
    record = tick(clusters={}, weights={"eu1": 5})
    assert record.clusters["eu1"].error == "not observed"


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        ([], None),
        ([(None, None)], None),
        ([(99.0, None), (98.0, None)], ErrorRate(1.5, None)),
        ([(99.0, 300.0), (95.0, 100.0)], ErrorRate(2.0, 400.0)),
        ([(99.0, 300.0), (95.0, None)], ErrorRate(3.0, None)),
        ([(99.0, 0.0), (95.0, 0.0)], ErrorRate(3.0, None)),
    ],
)
def test_errors_of_all_clusters(values: list[tuple[float | None, float | None]], errors: ErrorRate | None) -> None:
    results = tuple(
        MetricResult(f"c{place}", SUCCESS_RATE, "pass", value, requests)
        for place, (value, requests) in enumerate(values)
    )
    names = {result.cluster: 5 for result in results}
    assert tick(weights=names, analysis=Analysis("pass", results=results)).errors_of_all == errors


def test_a_comparison_with_the_stable_side_is_no_rate_of_errors() -> None:
    limits = {SUCCESS_RATE: Limit(minimum=0.99, unit="times the stable side")}
    assert tick(rates={"eu1": 1.0}, limits=limits).errors_of_all is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_no_infinite_numbers(value: float) -> None:
    written = tick(rates={"eu1": value}).as_dict()
    assert written["clusters"]["eu1"]["metrics"][SUCCESS_RATE]["value"] is None


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"clusters": None},
        {"clusters": {"eu1": {"weight": 5}}},
        {"limits": {"x": {"least": 1}}},
        {"more": 1},
    ],
)
def test_what_is_no_record_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableTick):
        TickRecord.from_dict({**tick().as_dict(), **change})


@pytest.mark.parametrize("document", [[], 5, None, {}])
def test_what_is_no_mapping_is_refused(document: Any) -> None:
    with pytest.raises(UnreadableTick):
        TickRecord.from_dict(document)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(), "no limit"),
        (LIMITS[SUCCESS_RATE], "at least 99 %"),
        (LIMITS["request-duration"], "at most 500 ms"),
        (Limit(1, 2.5), "1 to 2.5"),
    ],
)
def test_limits_in_words(limit: Limit, words: str) -> None:
    assert str(limit) == words
