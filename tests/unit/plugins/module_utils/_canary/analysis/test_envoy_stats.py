# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums, growth and percentiles of what Envoy counts."""

from __future__ import annotations

import json

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis import envoy_stats
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.analysis import Metric, Sample
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.envoy_stats import Counters, SideCounts
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import (
    MeasuredService,
    MeasuredSide,
)

HOST = "reviews.shop.svc.cluster.local"
TARGET = MeasuredService("shop", MeasuredSide(HOST, "v2"), MeasuredSide(HOST, "v1"), port=80)
INF = float("inf")


def name(subset: str, port: int = 80, host: str = HOST) -> str:
    return f"outbound|{port}|{subset}|{host}"


def counted(requests: int, errors: int, cluster: str = name("v2"), host: str = "10.0.0.1:8080") -> Counters:
    return Counters({(cluster, host): requests}, {(cluster, host): errors})


@pytest.mark.parametrize(
    ("before", "after", "added"),
    [
        (counted(5, 1), counted(9, 3), counted(4, 2)),
        (counted(5, 1), counted(2, 0), Counters()),
        (Counters(), counted(9, 3), Counters()),
        (counted(5, 1), Counters(), Counters()),
        (
            Counters(buckets={("c", 1.0): 2, ("c", INF): 3}),
            Counters(buckets={("c", 1.0): 2, ("c", INF): 5}),
            Counters(buckets={("c", 1.0): 0, ("c", INF): 2}),
        ),
    ],
)
def test_only_what_was_added_counts(before: Counters, after: Counters, added: Counters) -> None:
    assert envoy_stats.count_growth(before, after) == added


def test_all_proxies_and_hosts_of_a_side_together_and_nothing_else() -> None:
    added = [
        counted(10, 1),
        counted(20, 2, host="10.0.0.2:8080"),
        counted(40, 4, name("v1")),
        counted(80, 8, name("v2", port=81)),
        counted(80, 8, name("v2", host="other.shop.svc.cluster.local")),
        counted(80, 8, "BlackHoleCluster"),
        Counters(buckets={(name("v2"), 5.0): 3, (name("v1"), 5.0): 9}),
        Counters(buckets={(name("v2"), 5.0): 4}),
    ]
    seen = envoy_stats.total(added, envoy_stats.places_of(TARGET))
    assert seen == {"canary": SideCounts(30, 3, {5.0: 7}), "stable": SideCounts(40, 4, {5.0: 9})}


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, None),
        ({10.0: 0, INF: 0}, None),
        ({10.0: 100, INF: 100}, 9.9),
        ({10.0: 90, 20.0: 100, INF: 100}, 19.0),
        ({10.0: 99, 20.0: 100, INF: 100}, 10.0),
        ({10.0: 50, 20.0: 60, INF: 100}, 20.0),
    ],
)
def test_the_percentile_is_that_of_histogram_quantile(buckets: dict[float, int], expected: float | None) -> None:
    assert envoy_stats.percentile(buckets) == (None if expected is None else pytest.approx(expected))


def test_counters_are_read_from_envoy_s_own_forms() -> None:
    stats = [{"name": "rq_total", "value": "7"}, {"name": "rq_error", "value": "2"}]
    address = {"socket_address": {"address": "10.0.0.1", "port_value": 8080}}
    clusters = {"cluster_statuses": [{"name": name("v2"), "host_statuses": [{"address": address, "stats": stats}]}]}
    histograms = (
        "# TYPE envoy_cluster_upstream_rq_time histogram\n"
        f'envoy_cluster_upstream_rq_time_bucket{{cluster_name="{name("v2")};",le="0.5"}} 1\n'
        f'envoy_cluster_upstream_rq_time_bucket{{cluster_name="{name("v2")};",le="+Inf"}} 7\n'
        f'envoy_cluster_upstream_rq_time_sum{{cluster_name="{name("v2")};"}} 12.5\n'
    )
    assert envoy_stats.counters(json.dumps(clusters).encode(), histograms.encode()) == Counters(
        {(name("v2"), "10.0.0.1:8080"): 7},
        {(name("v2"), "10.0.0.1:8080"): 2},
        {(name("v2"), 0.5): 1, (name("v2"), INF): 7},
    )


RATE = Metric("rate", builtin="request-success-rate", minimum=99)
SLOW = Metric("slow", builtin="request-duration", maximum=500)


def test_a_side_becomes_a_value_of_each_metric() -> None:
    seen = {"canary": SideCounts(50, 5, {10.0: 50, INF: 50}), "stable": SideCounts()}
    assert envoy_stats.sample(RATE, seen) == Sample(90.0, None, 50)
    assert envoy_stats.sample(SLOW, seen) == Sample(pytest.approx(9.9), None, 50)


def test_proxies_that_keep_no_times_are_told_of_how_to() -> None:
    sample = envoy_stats.sample(SLOW, {"canary": SideCounts(50, 5), "stable": SideCounts()})
    assert "proxyStatsMatcher" in sample.error
    assert envoy_stats.sample(SLOW, {"canary": SideCounts(), "stable": SideCounts()}) == Sample(None, None, 0)
