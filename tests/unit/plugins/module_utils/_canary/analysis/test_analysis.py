# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict table: of one metric, of all clusters by each rule."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.analysis import (
    Metric,
    OnNoData,
    Rule,
    Sample,
    aggregate,
    judge,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import MetricResult, Verdict

RATE = Metric("rate", builtin="request-success-rate", minimum=99)
SLOW = Metric("slow", builtin="request-duration", maximum=500)


@pytest.mark.parametrize(
    ("bounds", "value", "verdict", "reason"),
    [
        ({"minimum": 99}, 99.0, "pass", ""),
        ({"minimum": 99}, 98.9, "fail", "98.9 is below 99"),
        ({"maximum": 500}, 500.0, "pass", ""),
        ({"maximum": 500}, 501.0, "fail", "501 is above 500"),
        ({"maximum": 500}, float("inf"), "fail", "inf is above 500"),
        ({"minimum": 1, "maximum": 2}, 1.5, "pass", ""),
        ({}, 7.0, "pass", ""),
    ],
)
def test_bounds_pass_themselves(bounds: dict[str, Any], value: float, verdict: Verdict, reason: str) -> None:
    result = judge(Metric("m", query="q", **bounds), "east", Sample(value))
    assert (result.verdict, result.value, result.reason) == (verdict, value, reason)


@pytest.mark.parametrize(
    ("compare", "canary", "stable", "verdict", "value"),
    [
        ("ratio", 110.0, 100.0, "pass", 1.1),
        ("ratio", 130.0, 100.0, "fail", 1.3),
        ("ratio", 0.0, 0.0, "pass", 1.0),
        ("ratio", 1.0, 0.0, "fail", float("inf")),
        ("difference", 101.0, 100.0, "pass", 1.0),
        ("difference", 102.0, 100.0, "fail", 2.0),
        ("difference", 1.0, None, "inconclusive", None),
        ("difference", None, 1.0, "inconclusive", None),
    ],
)
def test_the_canary_against_the_stable_side(
    compare: Any, canary: float | None, stable: float | None, verdict: Verdict, value: float | None
) -> None:
    result = judge(Metric("m", query="q", maximum=1.2, compare=compare), "east", Sample(canary, stable))
    assert (result.verdict, result.value) == (verdict, value)


@pytest.mark.parametrize(
    ("sample", "on_no_data", "verdict"),
    [
        (Sample(90.0, requests=10), "hold", "fail"),
        (Sample(90.0, requests=9), "hold", "inconclusive"),
        (Sample(90.0, requests=9), "fail", "fail"),
        (Sample(90.0, requests=9), "pass", "pass"),
        (Sample(90.0), "hold", "inconclusive"),
        (Sample(None, requests=10), "hold", "inconclusive"),
        (Sample(None), "pass", "pass"),
        (Sample(error="down"), "pass", "error"),
    ],
)
def test_no_data_is_no_failure_unless_so_wanted(sample: Sample, on_no_data: OnNoData, verdict: Verdict) -> None:
    metric = Metric("rate", query="q", minimum=99, minimum_requests=10)
    result = judge(metric, "east", sample, on_no_data)
    assert result.verdict == verdict
    assert result.reason


def results(*verdicts: Verdict, metric: str = "rate") -> list[MetricResult]:
    return [MetricResult(name, metric, verdict) for name, verdict in zip("abcd", verdicts, strict=False)]


ANY, TWO, FOUR = Rule(), Rule("quorum", 2), Rule("quorum", 4)


@pytest.mark.parametrize(
    ("rule", "verdicts", "verdict"),
    [
        (ANY, ("pass", "pass", "pass"), "pass"),
        (ANY, ("pass", "fail", "pass"), "fail"),
        (ANY, ("error", "fail", "inconclusive"), "fail"),
        (ANY, ("pass", "error", "inconclusive"), "error"),
        (ANY, ("pass", "inconclusive", "running"), "inconclusive"),
        (ANY, ("pass", "running", "pass"), "running"),
        (ANY, ("inconclusive", "inconclusive", "inconclusive"), "inconclusive"),
        (TWO, ("pass", "fail", "pass"), "pass"),
        (TWO, ("fail", "fail", "pass"), "fail"),
        (TWO, ("fail", "fail", "error"), "fail"),
        (TWO, ("fail", "error", "pass"), "error"),
        (TWO, ("pass", "error", "pass"), "pass"),
        (TWO, ("inconclusive", "error", "pass"), "error"),
        (TWO, ("inconclusive", "inconclusive", "inconclusive"), "inconclusive"),
        (TWO, ("fail",), "fail"),
        (TWO, ("inconclusive",), "inconclusive"),
        (TWO, ("pass",), "pass"),
        (FOUR, ("fail", "fail", "pass"), "pass"),
        (FOUR, ("fail", "fail", "fail"), "fail"),
    ],
)
def test_clusters_by_their_verdicts(rule: Rule, verdicts: tuple[Verdict, ...], verdict: Verdict) -> None:
    analysis = aggregate(rule, [RATE], results(*verdicts))
    assert analysis.verdict == verdict
    assert list(analysis.bad) == [name for name, each in zip("abcd", verdicts, strict=False) if each == "fail"]
    assert analysis.results == tuple(results(*verdicts))


def test_a_quorum_counts_clusters_and_not_metrics() -> None:
    both = [*results("fail", "pass"), *results("fail", "pass", metric="slow")]
    assert aggregate(TWO, [RATE, SLOW], both).verdict == "pass"
    both = [*results("fail", "pass"), *results("pass", "fail", metric="slow")]
    assert aggregate(TWO, [RATE, SLOW], both).verdict == "fail"


def test_what_is_tried_out_is_reported_and_does_not_decide() -> None:
    trial = Metric("slow", builtin="request-duration", dry_run=True)
    both = [*results("pass"), *results("fail", metric="slow")]
    analysis = aggregate(ANY, [RATE, trial], both)
    assert (analysis.verdict, analysis.bad, analysis.reasons) == ("pass", (), ())
    assert analysis.results == tuple(both)


@pytest.mark.parametrize(
    ("clusters", "verdict"),
    [
        ([(100.0, 90), (91.0, 10)], "pass"),
        ([(100.0, 10), (91.0, 90)], "fail"),
        ([(100.0, 90), (0.0, 0)], "pass"),
        ([(100.0, 90), (None, 0)], "pass"),
        ([(100.0, 90), (None, None)], "pass"),
        ([(100.0, 90), None], "error"),
        ([(90.0, 90), None], "fail"),
        ([(None, 0), (None, 0)], "inconclusive"),
        ([(100.0, 4), (100.0, 5)], "inconclusive"),
        ([(100.0, 4), (100.0, 6)], "pass"),
    ],
)
def test_values_weighted_by_requests(clusters: list[tuple[Any, Any] | None], verdict: Verdict) -> None:
    metric = Metric("rate", query="q", minimum=99, minimum_requests=10)
    samples = [Sample(error="down") if each is None else Sample(each[0], requests=each[1]) for each in clusters]
    found = [judge(metric, name, sample) for name, sample in zip("ab", samples, strict=True)]
    assert aggregate(Rule("weighted"), [metric], found).verdict == verdict


def test_weighted_values_that_were_compared_are_judged_as_such() -> None:
    metric = Metric("slow", builtin="request-duration", maximum=1.2, compare="ratio")
    found = [judge(metric, "a", Sample(130.0, 100.0, 50)), judge(metric, "b", Sample(100.0, 100.0, 50))]
    analysis = aggregate(Rule("weighted"), [metric], found)
    assert (analysis.verdict, analysis.bad) == ("pass", ("a",))
    assert aggregate(ANY, [metric], found).verdict == "fail"


def test_reasons_name_cluster_metric_and_what_was_found() -> None:
    found = [judge(RATE, "east", Sample(97.25)), judge(RATE, "west", Sample(error="down"))]
    reasons = aggregate(ANY, [RATE], found).reasons
    assert reasons == ("east: rate: 97.25 % is below 99 %", "west: rate: down")
