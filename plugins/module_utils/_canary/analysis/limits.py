# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of metrics over a whole run, as Argo Rollouts counts them (analysis/analysis.go). Pure.

Failures and inconclusive analyses add up; errors and successes count in a row. They come beside the threshold of the
run, which knows only whether an analysis as a whole failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..model import Analysis, Verdict
from .analysis import Metric, OnNoData, Rule, aggregate

Tallies = Mapping[str, Mapping[str, int]]
"""By metric: ``failed`` and ``inconclusive`` of the run, ``errors`` and ``successes`` in a row. Fit for JSON."""

NOTHING: Mapping[str, int] = {"failed": 0, "inconclusive": 0, "errors": 0, "successes": 0}


def count_results(
    tallies: Tallies, rule: Rule, metrics: Sequence[Metric], analysis: Analysis, on_no_data: OnNoData = "hold"
) -> dict[str, dict[str, int]]:
    """The tallies after one more analysis. A metric that it has no result of keeps its own."""
    counted = {name: dict(tally) for name, tally in tallies.items()}
    for metric in metrics:
        results = [result for result in analysis.results if result.metric == metric.name]
        if results and not metric.dry_run:
            verdict = aggregate(rule, [metric], results, on_no_data).verdict
            counted[metric.name] = _add_verdict(counted.get(metric.name, NOTHING), verdict)
    return counted


def find_limit(metrics: Sequence[Metric], tallies: Tallies) -> tuple[Verdict | None, tuple[str, ...]]:
    """The verdict that a limit brings about, with the reasons; None where nothing has come to its limit.

    Fail, error or inconclusive where one metric has more than its limit of them, in this order. Pass where every
    metric has a ``success_limit`` and has reached it: the analysis is over before its time.
    """
    reasons: dict[Verdict, list[str]] = {"fail": [], "error": [], "inconclusive": []}
    deciding = [metric for metric in metrics if not metric.dry_run]
    for metric in deciding:
        tally = tallies.get(metric.name, NOTHING)
        limits: tuple[tuple[Verdict, str, int | None], ...] = (
            ("fail", "failed", metric.failure_limit),
            ("error", "errors", metric.error_limit),
            ("inconclusive", "inconclusive", metric.inconclusive_limit),
        )
        for verdict, name, most in limits:
            if most is not None and tally[name] > most:
                in_a_row = " in a row" if name == "errors" else ""
                reasons[verdict].append(f"{metric.name}: {verdict} {tally[name]} times{in_a_row}, the limit is {most}")
    for verdict, texts in reasons.items():
        if texts:
            return verdict, tuple(texts)
    successes = [(tallies.get(metric.name, NOTHING)["successes"], metric.success_limit) for metric in deciding]
    if deciding and all(most is not None and done >= most for done, most in successes):
        return "pass", tuple(f"{metric.name}: passed {metric.success_limit} times in a row" for metric in deciding)
    return None, ()


def _add_verdict(tally: Mapping[str, int], verdict: Verdict) -> dict[str, int]:
    return {
        "failed": tally["failed"] + (verdict == "fail"),
        "inconclusive": tally["inconclusive"] + (verdict == "inconclusive"),
        "errors": tally["errors"] + 1 if verdict == "error" else 0,
        "successes": tally["successes"] + 1 if verdict == "pass" else 0,
    }
