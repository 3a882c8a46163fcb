# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of metrics over a whole run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.analysis import Metric, Rule, aggregate
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.limits import count_results, find_limit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import MetricResult, Verdict


def after(metric: Metric, verdicts: str) -> Verdict | None:
    """What comes of analyses: (p)ass, (f)ail, (i)nconclusive, (e)rror."""
    words: dict[str, Verdict] = {"p": "pass", "f": "fail", "i": "inconclusive", "e": "error"}
    tallies: dict[str, dict[str, int]] = {}
    for letter in verdicts:
        results = [MetricResult("east", metric.name, words[letter])]
        tallies = count_results(tallies, Rule(), [metric], aggregate(Rule(), [metric], results))
    return find_limit([metric], tallies)[0]


@pytest.mark.parametrize(
    ("limits", "verdicts", "verdict"),
    [
        ({}, "ffiieepp", None),
        ({"failure_limit": 0}, "f", "fail"),
        ({"failure_limit": 2}, "fpf", None),
        ({"failure_limit": 2}, "fpfpf", "fail"),
        ({"inconclusive_limit": 1}, "ipi", "inconclusive"),
        ({"error_limit": 1}, "epe", None),
        ({"error_limit": 1}, "ee", "error"),
        ({"error_limit": 1, "failure_limit": 0}, "fee", "fail"),
        ({"success_limit": 2}, "pfp", None),
        ({"success_limit": 2}, "fpp", "pass"),
        ({"failure_limit": 0, "dry_run": True}, "ff", None),
    ],
)
def test_what_adds_up_and_what_counts_in_a_row(limits: dict[str, Any], verdicts: str, verdict: Verdict | None) -> None:
    assert after(Metric("rate", query="q", **limits), verdicts) == verdict


def test_success_is_that_of_all_metrics() -> None:
    one, other = Metric("one", query="q", success_limit=1), Metric("other", query="q")
    tallies = count_results({}, Rule(), [one, other], aggregate(Rule(), [one], [MetricResult("east", "one", "pass")]))
    assert tallies == {"one": {"failed": 0, "inconclusive": 0, "errors": 0, "successes": 1}}
    assert find_limit([one, other], tallies) == (None, ())
    assert find_limit([one], tallies) == ("pass", ("one: passed 1 times in a row",))


def test_what_is_tried_out_is_not_counted() -> None:
    trial = Metric("trial", query="q", dry_run=True)
    assert count_results({}, Rule(), [trial], aggregate(Rule(), [trial], [MetricResult("east", "trial", "fail")])) == {}
