# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measured requests: how sampled proxies divided what they really sent, beside what their configuration says.

Counted are the requests that Envoy sent to the hosts of each cluster (``rq_total`` in /clusters, which unlike the
counters of /stats no matcher of Istio's leaves out) in a window of time. A retry counts again, and a host that goes
away takes its count with it. Envoy counts by cluster, not by route: only a route whose clusters no other route of the
object names can be judged.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from .._findings import Finding
from .._fleet import Fleet, Member
from .._istio import debug, names
from .._kube.client import Client
from .._kube.errors import KubeError
from . import routes, split
from .finding_kinds import REQUESTS_DIVIDED_OTHERWISE
from .levels import Changed
from .routes import Shares, Target

_LANE = 30.0

Counts = Mapping[str, int]
"""Requests by Envoy's name of the cluster."""


def measure(
    fleet: Fleet, proxies: Mapping[str, Sequence[str]], changes: Mapping[str, Sequence[Changed]], *, window: float
) -> dict[str, dict[str, split.Measured]]:
    """By cluster and route (``VirtualService app/echo http[canary]``): what the proxies (``pod.namespace``) of the
    cluster sent in ``window`` seconds. A proxy that does not answer both times is left out.
    """

    def on_cluster(member: Member) -> dict[str, split.Measured]:
        before = {proxy: count_requests(member.client, proxy) for proxy in proxies[member.name]}
        time.sleep(window)
        grown = [count_growth(before[proxy], count_requests(member.client, proxy)) for proxy in before]
        return {
            f"{change.name} {route}": measured
            for change in changes[member.name]
            if change.after is not None
            for route, measured in judge(change.after, grown).items()
        }

    outcomes = fleet.each(on_cluster, deadline=window + _LANE, only=proxies)
    return {cluster: outcome.value or {} for cluster, outcome in outcomes.items()}


def report_outside(cluster: str, route: str, measured: split.Measured) -> Finding:
    """The finding about requests that contradict what was written. Pure."""
    seen = "; ".join(
        f"{share:.1%} to {name}, which leaves {band.low:.1%} to {band.high:.1%}"
        for (name, share), band in zip(measured.observed.items(), measured.bands.values(), strict=True)
    )
    return Finding(
        cluster,
        REQUESTS_DIVIDED_OTHERWISE,
        f"{measured.requests} requests of the proxies that were looked at contradict {route}: {seen}",
        "see whether retries, ejected hosts or sessions (consistent hashing) move requests, or measure for longer",
        object=route.rpartition(" ")[0],
    )


def count_requests(client: Client, proxy: str) -> Counts:
    """Requests that a proxy has sent so far; none where it does not answer."""
    pod, _separator, namespace = proxy.rpartition(".")
    try:
        body = client.pod_http_get(namespace, pod, names.ENVOY_ADMIN_PORT, debug.ENVOY_CLUSTERS)
        return {
            cluster.name: sum(host.requests for host in cluster.hosts) for cluster in debug.parse_envoy_clusters(body)
        }
    except (KubeError, debug.UnexpectedAnswer):
        return {}


def count_growth(before: Counts, after: Counts) -> Counts:
    """What was added. A cluster that was not there, or whose hosts went away, says nothing. Pure."""
    return {name: after[name] - before[name] for name in after if name in before and after[name] >= before[name]}


def judge(manifest: Mapping[str, Any], grown: Sequence[Counts]) -> dict[str, split.Measured]:
    """Each route with several destinations of its own against the requests of all proxies together. Pure."""
    divided = {str(route): shares for route, shares in routes.list_divided(manifest)}
    result = {}
    for route, shares in divided.items():
        others = {target for name, other in divided.items() if name != route for target in other}
        if len(shares) > 1 and not others & set(shares):
            result[route] = split.judge(_count(shares, grown), {str(target): share for target, share in shares.items()})
    return result


def _count(shares: Shares, grown: Sequence[Counts]) -> dict[str, int]:
    counts = dict.fromkeys(map(str, shares), 0)
    for counted in grown:
        for name, count in counted.items():
            target: Target | None = routes.target_of(name, shares)
            if target is not None:
                counts[str(target)] += count
    return counts
