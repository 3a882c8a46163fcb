# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One analysis: every cluster's source is asked at the same time, and what they say becomes one verdict."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from ..._fleet import Fleet, Member
from ..model import Analysis, Side
from . import envoy_stats
from .analysis import Metric, Sample, aggregate, judge
from .prometheus import Prometheus, Reading
from .queries import MeasuredService, SeriesScope, make_builtin_query, make_requests_query, render_template
from .spec import AnalysisSpec

SIDES: tuple[Side, ...] = ("canary", "stable")

Samples = Mapping[str, Sample]
"""By metric."""

_CONNECTIONS = 8
"""Queries at once to one Prometheus, which runs 20 itself where nobody says otherwise (--query.max-concurrency)."""


def measure(spec: AnalysisSpec, targets: Mapping[str, MeasuredService], fleet: Fleet, *, deadline: float) -> Analysis:
    """The verdict over the clusters in ``targets``; others, as those of another wave, are not asked.

    A cluster whose source gives nothing within ``deadline`` seconds has the verdict error, and delays no other one.
    Writes nothing. Raises nothing for what a source does.
    """
    if not spec.metrics or not targets:
        return Analysis("pass", ("there is nothing to measure",))
    ends = time.monotonic() + deadline
    if spec.source == "envoy":
        proxies, errors = envoy_stats.proxies(spec, targets, fleet, deadline=deadline)
    else:
        proxies, errors = {}, {}

    def on_cluster(member: Member) -> Samples:
        target = targets[member.name]
        if spec.source == "envoy":
            return envoy_stats.samples(spec, target, member.client, proxies[member.name], ends=ends)
        return _of_prometheus(spec, target, member.name, ends)

    asked = [cluster for cluster in targets if cluster not in errors]
    outcomes = fleet.each(on_cluster, deadline=max(0.0, ends - time.monotonic()), only=asked)
    errors = {**errors, **{name: each.error.message for name, each in outcomes.items() if each.error is not None}}
    results = [
        judge(
            metric,
            cluster,
            Sample(error=errors[cluster]) if cluster in errors else outcomes[cluster].get()[metric.name],
            spec.on_no_data,
        )
        for cluster in targets
        for metric in spec.metrics
    ]
    return aggregate(spec.rule, spec.metrics, results, spec.on_no_data)


def _of_prometheus(spec: AnalysisSpec, target: MeasuredService, cluster: str, ends: float) -> Samples:
    """All queries of a cluster at once, within the time limit that is for all of them."""
    limit = min(ends, time.monotonic() + spec.prometheus.timeout)
    scopes = {side: SeriesScope(cluster, target, side, spec.reporter, spec.prometheus.cluster_label) for side in SIDES}
    # Several metrics may ask for the same, as for the number of requests.
    queries = dict.fromkeys(query for metric in spec.metrics for query in _queries(spec, metric, scopes).values())
    prometheus = Prometheus(cluster, spec.prometheus, connections=_CONNECTIONS)

    def ask(query: str) -> Reading:
        return prometheus.query(query, timeout=max(0.001, limit - time.monotonic()))

    try:
        with ThreadPoolExecutor(min(_CONNECTIONS, len(queries)), thread_name_prefix=f"prometheus-{cluster}") as pool:
            readings = dict(zip(queries, pool.map(ask, queries), strict=True))
    finally:
        prometheus.close()
    return {
        metric.name: _sample(
            {what: readings[query] for what, query in _queries(spec, metric, scopes).items()},
            counts=_counts(spec, metric),
        )
        for metric in spec.metrics
    }


def _counts(spec: AnalysisSpec, metric: Metric) -> bool:
    """Whether the verdict depends on the number of requests."""
    return bool(metric.minimum_requests or spec.needs_requests)


def _queries(spec: AnalysisSpec, metric: Metric, scopes: Mapping[Side, SeriesScope]) -> dict[str, str]:
    """What has to be asked for a metric, by the field of Sample that it fills."""
    queries: dict[str, str] = {side: _query(metric, scopes[side]) for side in (SIDES if metric.compare else SIDES[:1])}
    # A rate of errors says little to a person without the number of requests.
    if _counts(spec, metric) or metric.is_success_rate:
        queries["requests"] = make_requests_query(scopes["canary"], metric.interval)
    return queries


def _query(metric: Metric, scope: SeriesScope) -> str:
    if metric.builtin is not None:
        return make_builtin_query(metric.builtin, scope, metric.interval)
    return render_template(metric.query, scope, metric.interval, metric.variables)


def _sample(readings: Mapping[str, Reading], *, counts: bool) -> Sample:
    needed = [reading for what, reading in readings.items() if counts or what != "requests"]
    error = next((reading.error for reading in needed if reading.error), "")
    if error:
        return Sample(error=error)
    values = {what: reading.value for what, reading in readings.items()}
    return Sample(values["canary"], values.get("stable"), values.get("requests"))
