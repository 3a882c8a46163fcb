# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The builtin metrics from Envoy itself, where there is no Prometheus: what the proxies of a cluster saw as clients.

Requests and errors are those of /clusters, as _proof/measured.py counts them (``rq_error`` are answers with 5xx and
connections that broke). Times are the buckets of ``upstream_rq_time``, which Istio's proxies keep of services only
where ``proxyStatsMatcher`` says so. Only what is added within the window counts. Proxies are sampled.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from ..._fleet import Fleet
from ..._istio import debug, names
from ..._istio.hosts import service_of
from ..._kube.client import Client
from ..._kube.errors import KubeError
from ..._proof import acknowledged, routes, serving
from ..model import Side
from .analysis import Metric, Sample
from .queries import MeasuredService
from .spec import AnalysisSpec

K = TypeVar("K")

PERCENTILE = 0.99

_BUCKET = re.compile(r"envoy_cluster_upstream_rq_time_bucket\{(?P<labels>.*)\} (?P<count>\d+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_HISTOGRAM = "upstream_rq_time"
_AT_ONCE = 8
"""Proxies of one cluster that are read at the same time."""
_SHORTEST_READ = 1.0
"""Seconds that a proxy has for its answer, also at the end of the time that there is."""


@dataclass(frozen=True)
class Counters:
    """Of one proxy, since it started. Requests and errors go by Envoy's name of the cluster and the host's address;
    buckets by the name of the cluster and the upper bound in ms, each with those below it."""

    requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    errors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    buckets: Mapping[tuple[str, float], int] = field(default_factory=dict)


@dataclass(frozen=True)
class SideCounts:
    """What came to one side within the window."""

    requests: int = 0
    errors: int = 0
    buckets: Mapping[float, int] = field(default_factory=dict)


def proxies(
    spec: AnalysisSpec, targets: Mapping[str, MeasuredService], fleet: Fleet, *, deadline: float
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """By cluster the proxies to look at (``pod.namespace``), and why of a cluster none is known."""
    # An istiod may serve the proxies of other clusters than its own.
    istiods, findings = acknowledged.snapshot(fleet, fleet.names, deadline=deadline)
    connected = [proxy for before in istiods.values() for proxy in before.proxies]
    sampled: dict[str, list[str]] = {}
    errors: dict[str, str] = {}
    for cluster, target in targets.items():
        hosts = [service_of(side.host, target.namespace) for side in (target.canary, target.stable)]
        namespaces = [target.namespace, *(service.namespace for service in hosts if service is not None)]
        most = spec.envoy.pods
        sampled[cluster] = serving.sample(connected, cluster, namespaces, gateways=most, sidecars=most)[:most]
        away = [finding.message for finding in findings if finding.cluster == cluster]
        if away and not sampled[cluster]:
            errors[cluster] = f"its proxies are not known: {away[0]}"
    return sampled, errors


def samples(
    spec: AnalysisSpec, target: MeasuredService, client: Client, sampled: Sequence[str], *, ends: float
) -> dict[str, Sample]:
    """By metric what the sampled proxies of a cluster saw within the window; one that does not answer is left out."""
    timed = any(metric.builtin == "request-duration" for metric in spec.metrics)
    places = places_of(target)
    if places["canary"] == places["stable"]:
        error = f"in Envoy's statistics both sides are {places['canary']}: use the source prometheus"
        return {metric.name: Sample(error=error) for metric in spec.metrics}
    before = _read(client, sampled, places, timed, ends)
    time.sleep(max(0.0, min(spec.envoy.window, ends - time.monotonic())))
    after = _read(client, before, places, timed, ends)
    if sampled and not after:
        error = f"none of {len(sampled)} proxies tells its statistics, {sampled[0]} the first of them"
        return {metric.name: Sample(error=error) for metric in spec.metrics}
    seen = total([count_growth(before[proxy], after[proxy]) for proxy in after], places)
    return {metric.name: sample(metric, seen) for metric in spec.metrics}


def places_of(target: MeasuredService) -> dict[Side, routes.Target]:
    """Where each side is in Envoy's names. Pure."""
    return {
        "canary": routes.Target(target.canary.host, target.canary.subset, target.port),
        "stable": routes.Target(target.stable.host, target.stable.subset, target.port),
    }


def sample(metric: Metric, seen: Mapping[Side, SideCounts]) -> Sample:
    """Pure."""
    canary, stable = seen["canary"], seen["stable"]
    if metric.builtin == "request-success-rate":
        return Sample(_success_rate(canary), _success_rate(stable), canary.requests)
    if canary.requests and not canary.buckets:
        return Sample(
            error=f"the proxies keep no {_HISTOGRAM} of the service: add it to proxyStatsMatcher.inclusionRegexps of "
            "their configuration"
        )
    return Sample(percentile(canary.buckets), percentile(stable.buckets), canary.requests)


def percentile(buckets: Mapping[float, int], share: float = PERCENTILE) -> float | None:
    """In ms, by the rule of Prometheus's histogram_quantile: even within a bucket, and of the last one its lower end.
    None without requests. Pure.
    """
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    rank = share * buckets[bounds[-1]]
    low, below = 0.0, 0
    for bound in bounds:
        if buckets[bound] >= rank:
            if math.isinf(bound):
                return low
            return low + (bound - low) * (rank - below) / max(1, buckets[bound] - below)
        low, below = bound, buckets[bound]
    return low


def count_growth(before: Counters, after: Counters) -> Counters:
    """What was added. A host that was not there, or began anew, says nothing. Pure."""
    return Counters(
        _subtract(before.requests, after.requests),
        _subtract(before.errors, after.errors),
        _subtract(before.buckets, after.buckets),
    )


def total(added: Iterable[Counters], places: Mapping[Side, routes.Target]) -> dict[Side, SideCounts]:
    """What all proxies saw together, by side. Pure."""
    each = list(added)
    return {side: _of_place(each, place) for side, place in places.items()}


def counters(clusters: bytes, histograms: bytes = b"") -> Counters:
    """From the bodies of ``/clusters?format=json`` and ``/stats/prometheus``. Raises UnexpectedAnswer. Pure."""
    hosts = [
        ((cluster.name, f"{host.address}:{host.port}"), host)
        for cluster in debug.parse_envoy_clusters(clusters)
        for host in cluster.hosts
    ]
    buckets: dict[tuple[str, float], int] = {}
    for line in histograms.decode("utf-8", "replace").splitlines():
        found = _BUCKET.fullmatch(line)
        if found:
            labels = dict(_LABEL.findall(found["labels"]))
            # Istio ends these names with a semicolon where it has to tell them from the statistic's own name.
            key = (labels.get("cluster_name", "").rstrip(";"), float(labels["le"]))
            buckets[key] = buckets.get(key, 0) + int(found["count"])
    return Counters(
        {place: host.requests for place, host in hosts}, {place: host.errors for place, host in hosts}, buckets
    )


def _read(
    client: Client, sampled: Collection[str], places: Mapping[Side, routes.Target], timed: bool, ends: float
) -> dict[str, Counters]:
    hosts = "|".join(sorted({re.escape(place.host) for place in places.values()}))
    filtered = quote(f"^cluster\\.outbound.*({hosts}).*{_HISTOGRAM}$", safe="")

    def one(proxy: str) -> Counters | None:
        pod, _separator, namespace = proxy.rpartition(".")

        def get(path: str) -> bytes:
            left = max(_SHORTEST_READ, ends - time.monotonic())
            return client.pod_http_get(namespace, pod, names.ENVOY_ADMIN_PORT, path, left)

        try:
            histograms = get(f"/stats/prometheus?filter={filtered}") if timed else b""
            return counters(get(debug.ENVOY_CLUSTERS), histograms)
        except (KubeError, debug.UnexpectedAnswer):
            return None

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="envoy") as pool:
        read = zip(sampled, pool.map(one, sampled), strict=True)
        return {proxy: found for proxy, found in read if found is not None}


def _of_place(added: Iterable[Counters], place: routes.Target) -> SideCounts:
    requests = errors = 0
    buckets: dict[float, int] = {}
    for each in added:
        requests += sum(count for (name, _host), count in each.requests.items() if routes.target_of(name, [place]))
        errors += sum(count for (name, _host), count in each.errors.items() if routes.target_of(name, [place]))
        for (name, bound), count in each.buckets.items():
            if routes.target_of(name, [place]):
                buckets[bound] = buckets.get(bound, 0) + count
    return SideCounts(requests, min(errors, requests), buckets)


def _subtract(before: Mapping[K, int], after: Mapping[K, int]) -> dict[K, int]:
    return {key: after[key] - before[key] for key in after if key in before and after[key] >= before[key]}


def _success_rate(seen: SideCounts) -> float | None:
    return 100.0 * (seen.requests - seen.errors) / seen.requests if seen.requests else None
