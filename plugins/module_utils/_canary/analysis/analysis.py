# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From measured values to one verdict over all clusters. Pure.

One metric on one cluster (``judge``), then all of them (``aggregate``), then all ticks of a run (``count``, ``limit``).

Of the metrics of one cluster the worst decides: fail, error, inconclusive, running, pass. Over clusters:

- any_bad: the same order again, so one bad cluster is bad for all, and one that cannot be seen holds all.
- quorum: fail where at least ``quorum`` clusters failed. Those that are not known count as bad until they are: with
  them at or above ``quorum`` the verdict is the worst of theirs, below it pass, for then nothing they can bring would
  change it. Where fewer clusters than ``quorum`` are measured, all of them have to be bad.
- weighted: of each metric the average of its values over clusters, weighted by their requests, is judged by the
  metric's own bounds. A cluster without requests weighs nothing. One whose source does not answer makes the verdict
  error, unless it is fail already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..model import Analysis, MetricResult, Verdict
from .queries import Builtin

RULES = ("any_bad", "quorum", "weighted")
Compare = Literal["", "ratio", "difference"]
OnNoData = Literal["hold", "fail", "pass"]

_WORST: tuple[Verdict, ...] = ("fail", "error", "inconclusive", "running", "pass")
_OF_NO_DATA: Mapping[OnNoData, Verdict] = {"hold": "inconclusive", "fail": "fail", "pass": "pass"}


@dataclass(frozen=True)
class Rule:
    """How verdicts of clusters become one. ``quorum`` is used by the rule of that name."""

    kind: Literal["any_bad", "quorum", "weighted"] = "any_bad"
    quorum: int = 1


@dataclass(frozen=True)
class Metric:
    """One thing that is measured. Exactly one of ``builtin`` and ``query`` is given.

    ``minimum`` and ``maximum`` pass themselves; None: no bound. ``compare``: the bounds are of canary / stable, or of
    canary - stable, on the same cluster. ``interval`` is the window as Prometheus writes it. The limits are those of a
    whole run, exceeded by one more (``success_limit``: reached); None: there is none.
    """

    name: str
    builtin: Builtin | None = None
    query: str = ""
    minimum: float | None = None
    maximum: float | None = None
    compare: Compare = ""
    minimum_requests: float = 0.0
    interval: str = "1m"
    failure_limit: int | None = None
    inconclusive_limit: int | None = None
    error_limit: int | None = None
    success_limit: int | None = None
    dry_run: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Of its value and its bounds: ``%``, ``ms``; empty where nobody knows it."""
        unit = {"request-success-rate": "%", "request-duration": "ms"}.get(self.builtin or "", "")
        return "times the stable side" if self.compare == "ratio" else unit

    @property
    def is_success_rate(self) -> bool:
        """Of the canary's requests by themselves, which says little without their number."""
        return self.builtin == "request-success-rate" and not self.compare


@dataclass(frozen=True)
class Sample:
    """What a source said of one metric on one cluster. A value is None where it has none, and ``requests``, those of
    the canary, where it was not asked or does not know. ``error``: it did not answer, and nothing else is known."""

    canary: float | None = None
    stable: float | None = None
    requests: float | None = None
    error: str = ""


def judge(metric: Metric, cluster: str, sample: Sample, on_no_data: OnNoData = "hold") -> MetricResult:
    """The verdict of one metric on one cluster. ``on_no_data`` decides for too few requests too."""
    if sample.error:
        return MetricResult(cluster, metric.name, "error", reason=sample.error)
    result = MetricResult(cluster, metric.name, "inconclusive", _compare(metric, sample), sample.requests)
    return _judge_value(metric, result, _find_gap(metric, sample), on_no_data)


def aggregate(
    rule: Rule, metrics: Sequence[Metric], results: Sequence[MetricResult], on_no_data: OnNoData = "hold"
) -> Analysis:
    """One verdict from the results of all clusters; those of metrics in ``dry_run`` are reported and do not count."""
    deciding = {metric.name: metric for metric in metrics if not metric.dry_run}
    counted = [result for result in results if result.metric in deciding]
    verdicts = _by_cluster(counted)
    bad = tuple(cluster for cluster, verdict in verdicts.items() if verdict == "fail")
    notes = [_describe_result(result) for result in counted if result.verdict != "pass"]
    if rule.kind == "weighted":
        averages = [_average(metric, _of(metric, counted), on_no_data) for metric in deciding.values()]
        verdict = _worst(average.verdict for average in averages)
        notes = [f"{each.metric}: {each.reason}" for each in averages if each.verdict != "pass"] + notes
    elif rule.kind == "quorum":
        verdict, why = _quorum(rule.quorum, verdicts)
        notes = ([why] if why else []) + notes
    else:
        verdict = _worst(verdicts.values())
    return Analysis(verdict, tuple(notes), bad, tuple(results))


# -- one metric on one cluster ----------------------------------------------------------------------------------------


def _judge_value(metric: Metric, result: MetricResult, lacking: str, on_no_data: OnNoData) -> MetricResult:
    """A result with its verdict. ``lacking`` is why the value says nothing; empty where it is judged."""
    if result.value is None or lacking:
        return replace(result, verdict=_OF_NO_DATA[on_no_data], reason=lacking)
    reason = _find_broken_bound(metric, result.value, result.requests)
    return replace(result, verdict="fail" if reason else "pass", reason=reason)


def _compare(metric: Metric, sample: Sample) -> float | None:
    """The value that bounds are about."""
    if not metric.compare or sample.canary is None:
        return sample.canary
    if sample.stable is None:
        return None
    if metric.compare == "difference":
        return sample.canary - sample.stable
    if sample.stable == 0:
        # None of either is the same on both sides.
        return 1.0 if sample.canary == 0 else float("inf")
    return sample.canary / sample.stable


def _find_gap(metric: Metric, sample: Sample) -> str:
    """Why the value cannot be judged; empty where it can."""
    if sample.canary is None:
        return f"there is no data of the canary in {metric.interval}"
    if metric.compare and sample.stable is None:
        return f"there is no data of the stable side in {metric.interval} to compare with"
    return _find_shortage(metric, sample.requests)


def _find_shortage(metric: Metric, requests: float | None) -> str:
    """Why the requests are not enough; empty where they are."""
    if not metric.minimum_requests:
        return ""
    if requests is None:
        return f"how many requests there were is not known, {metric.minimum_requests:g} are wanted"
    if requests < metric.minimum_requests:
        return f"there were {requests:.0f} requests in {metric.interval}, {metric.minimum_requests:g} are wanted"
    return ""


def _find_broken_bound(metric: Metric, value: float, requests: float | None) -> str:
    """Which bound a value breaks; empty where none."""
    what = {"": "", "ratio": "canary/stable ", "difference": "canary - stable "}[metric.compare]
    unit = f" {metric.unit}" if metric.unit and metric.compare != "ratio" else ""
    counted = f" of {requests:.0f} requests" if metric.is_success_rate and requests is not None else ""
    if metric.minimum is not None and value < metric.minimum:
        return f"{what}{value:.6g}{unit}{counted} is below {metric.minimum:g}{unit}"
    if metric.maximum is not None and value > metric.maximum:
        return f"{what}{value:.6g}{unit}{counted} is above {metric.maximum:g}{unit}"
    return ""


# -- over clusters ----------------------------------------------------------------------------------------------------


def _by_cluster(results: Iterable[MetricResult]) -> dict[str, Verdict]:
    verdicts: dict[str, list[Verdict]] = {}
    for result in results:
        verdicts.setdefault(result.cluster, []).append(result.verdict)
    return {cluster: _worst(each) for cluster, each in verdicts.items()}


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Pass where there is nothing that could be worse."""
    return min(verdicts, key=_WORST.index, default="pass")


def _quorum(quorum: int, verdicts: Mapping[str, Verdict]) -> tuple[Verdict, str]:
    """The verdict, and why it is another than the worst."""
    needed = min(quorum, len(verdicts))
    failed = [cluster for cluster, verdict in verdicts.items() if verdict == "fail"]
    unknown = [verdict for verdict in verdicts.values() if verdict not in ("fail", "pass")]
    if not verdicts:
        return "pass", ""
    if len(failed) >= needed:
        return "fail", ""
    if len(failed) + len(unknown) >= needed:
        return _worst(unknown), f"{len(failed)} of {len(verdicts)} clusters failed, {needed} may with those not known"
    if failed or unknown:
        return "pass", f"{len(failed)} of {len(verdicts)} clusters failed, {needed} have to"
    return "pass", ""


def _of(metric: Metric, results: Iterable[MetricResult]) -> list[MetricResult]:
    return [result for result in results if result.metric == metric.name]


def _average(metric: Metric, results: Sequence[MetricResult], on_no_data: OnNoData) -> MetricResult:
    """A metric over all clusters: ``cluster`` is empty."""
    measured = [
        (result.value, result.requests)
        for result in results
        if result.verdict != "error" and result.value is not None and result.requests is not None
    ]
    total = sum(requests for _value, requests in measured)
    average = sum(value * requests for value, requests in measured if requests) / total if total else None
    lacking = _find_shortage(metric, total) if total else f"there is no data of the canary in {metric.interval}"
    judged = _judge_value(metric, MetricResult("", metric.name, "inconclusive", average, total), lacking, on_no_data)
    away = [result.cluster for result in results if result.verdict == "error"]
    if away and judged.verdict != "fail":
        return replace(judged, verdict="error", reason=f"nothing is known of {', '.join(away)}")
    return replace(judged, reason=f"over all clusters {judged.reason}" if judged.reason else "")


def _describe_result(result: MetricResult) -> str:
    return f"{result.cluster}: {result.metric}: {result.reason or result.verdict}"
