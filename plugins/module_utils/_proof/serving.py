# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for level ``serving``: dumps of sampled proxies, until they show what was written, by the rule of routes.py.

Sampled on each cluster are up to GATEWAYS gateways and SIDECARS sidecars that are connected to an istiod of the fleet,
those in the namespaces of the changed objects and their hosts first. A change that none of them uses is not proven.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._findings import Finding
from .._fleet import Fleet, Member
from .._istio import envoy_dump, names
from .._istio.debug import ProxySync, UnexpectedAnswer
from .._istio.hosts import service_of
from .._istio.routes import routes_of
from .._kube.client import Client
from .._kube.errors import KubeError
from . import acknowledged, routes
from .finding_kinds import NOT_SERVING
from .levels import Changed
from .routes import CHAINS, CLUSTERS, ROUTES, Dump

GATEWAYS, SIDECARS = 3, 5
INTERVAL = 0.25

_NEWS_EVERY = 5.0


@dataclass(frozen=True)
class ServingOutcome:
    """What came of one cluster. ``at`` is the ``time.monotonic()`` of the dumps that showed it (None: none did)."""

    at: float | None
    late: Mapping[str, str]
    findings: Sequence[Finding]
    details: Mapping[str, Any]


@dataclass(frozen=True)
class _Seen:
    """One look at one cluster. ``differences`` go by proxy, ``unused`` are changes that no proxy shows."""

    at: float
    differences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[Changed, ...] = ()

    @property
    def done(self) -> bool:
        return not any(self.differences.values()) and not self.unused


def wait(
    fleet: Fleet,
    asked: Sequence[str],
    changes: Mapping[str, Sequence[Changed]],
    *,
    ends: float,
    progress: Callable[[str], None],
) -> dict[str, ServingOutcome]:
    """Look until the sampled proxies of every changed cluster show its changes, or until ``ends``."""
    looked_for = {
        cluster: [change for change in changed if routes.parts_of(change)] for cluster, changed in changes.items()
    }
    began = shown = time.monotonic()
    proxies: dict[str, list[str]] = {}
    seen: dict[str, _Seen] = {cluster: _Seen(began) for cluster, each in looked_for.items() if not each}
    while True:
        waiting = {
            cluster: each for cluster, each in looked_for.items() if cluster not in seen or not seen[cluster].done
        }
        # Each time anew: a proxy may have gone, or come back to its istiod, since.
        sampled, errors = _sample_proxies(fleet, asked, waiting, ends)
        proxies.update(sampled)

        def on_cluster(member: Member) -> _Seen:
            return _look(member.client, proxies[member.name], looked_for[member.name])

        deadline = acknowledged.lane_seconds(ends)
        for cluster, outcome in fleet.each(on_cluster, deadline=deadline, only=waiting).items():
            if outcome.error is not None:
                seen[cluster] = _Seen(time.monotonic(), {f"API server of {cluster}": (outcome.error.message,)})
            else:
                seen[cluster] = outcome.get()
        now = time.monotonic()
        late = {cluster: look for cluster, look in seen.items() if not look.done}
        if not late or now >= ends:
            return {
                cluster: _make_outcome(
                    cluster, changes[cluster], seen[cluster], proxies.get(cluster, ()), errors, now - began
                )
                for cluster in changes
            }
        if now - shown >= _NEWS_EVERY:
            shown = now
            for cluster, look in late.items():
                progress(f"{cluster}: waiting until proxies route as written: {_first(look)} (for {now - began:.0f} s)")
        time.sleep(max(0.0, min(INTERVAL, ends - now)))


# -- which proxies ----------------------------------------------------------------------------------------------------


def sample(
    proxies: Iterable[ProxySync],
    cluster: str,
    namespaces: Sequence[str],
    *,
    gateways: int = GATEWAYS,
    sidecars: int = SIDECARS,
) -> list[str]:
    """Which proxies of a cluster to look at, as ``pod.namespace``: gateways first, then sidecars. Pure."""
    own = [proxy for proxy in proxies if proxy.cluster_id == cluster]

    def chosen(kind: str, most: int) -> list[str]:
        known = {proxy.proxy for proxy in own if proxy.kind == kind}
        return sorted(known, key=lambda proxy: (proxy.rpartition(".")[2] not in namespaces, proxy))[:most]

    return [*chosen("router", gateways), *chosen("sidecar", sidecars)]


def namespaces_of(changes: Iterable[Changed]) -> list[str]:
    """The namespaces of the objects, and of the services that they name. Pure."""
    found: dict[str, None] = {}
    for change in changes:
        namespace = change.object["metadata"].get("namespace") or ""
        spec = change.object.get("spec") or {}
        hosts = [*(spec.get("hosts") or ()), spec.get("host") or ""]
        hosts += [destination.host for route in routes_of(change.object) for destination in route.destinations]
        found[namespace] = None
        for host in hosts:
            service = service_of(str(host), namespace)
            if service is not None:
                found[service.namespace] = None
    return list(found)


def _sample_proxies(
    fleet: Fleet, asked: Sequence[str], changes: Mapping[str, Sequence[Changed]], ends: float
) -> tuple[dict[str, list[str]], list[Finding]]:
    """The proxies to look at, from what the istiods say of who is connected."""
    if not changes:
        return {}, []
    deadline = acknowledged.lane_seconds(ends)
    istiods, findings = acknowledged.snapshot(fleet, asked, deadline=deadline)
    connected = [proxy for before in istiods.values() for proxy in before.proxies]
    return {cluster: sample(connected, cluster, namespaces_of(each)) for cluster, each in changes.items()}, findings


# -- one look ---------------------------------------------------------------------------------------------------------


def _look(client: Client, proxies: Sequence[str], changes: Sequence[Changed]) -> _Seen:
    parts = frozenset[str]().union(*map(routes.parts_of, changes))
    differences: dict[str, tuple[str, ...]] = {}
    used: set[int] = set()
    for proxy in proxies:
        try:
            dump = _dump(client, proxy, parts)
        except (KubeError, UnexpectedAnswer) as error:
            differences[proxy] = (f"its configuration cannot be read: {error}",)
            continue
        found: list[str] = []
        for index, change in enumerate(changes):
            comparison = routes.compare(change, dump)
            if comparison.shown:
                used.add(index)
            found += [f"{change.name}: {text}" for text in comparison.differences]
        differences[proxy] = tuple(found)
    unused = [change for index, change in enumerate(changes) if index not in used and change.after is not None]
    return _Seen(time.monotonic(), differences, tuple(unused))


def _dump(client: Client, proxy: str, parts: frozenset[str]) -> Dump:
    pod, _separator, namespace = proxy.rpartition(".")

    def read(path: str) -> bytes:
        return client.pod_http_get(namespace, pod, names.ENVOY_ADMIN_PORT, path)

    return Dump(
        envoy_dump.parse_routes(read(envoy_dump.ROUTES)) if ROUTES in parts else (),
        envoy_dump.parse_chains(read(envoy_dump.LISTENERS)) if CHAINS in parts else (),
        envoy_dump.parse_clusters(read(envoy_dump.CLUSTERS)) if CLUSTERS in parts else (),
    )


# -- result -----------------------------------------------------------------------------------------------------------


def _make_outcome(
    cluster: str,
    changes: Sequence[Changed],
    seen: _Seen,
    proxies: Sequence[str],
    errors: Sequence[Finding],
    waited: float,
) -> ServingOutcome:
    late = {proxy: "; ".join(texts) for proxy, texts in seen.differences.items() if texts}
    findings = [finding for finding in errors if finding.cluster == cluster]
    findings += [
        _report_not_serving(cluster, proxy, f"after {waited:.1f} s {proxy} has not: {text}")
        for proxy, text in late.items()
    ]
    for change in seen.unused:
        late[change.name] = "no proxy that was looked at uses it"
        looked_at = ", ".join(proxies) or "there is none"
        findings.append(
            Finding(
                cluster,
                NOT_SERVING,
                f"no proxy that was looked at ({looked_at}) routes by {change.name}",
                "see that a client or a gateway in this cluster uses it and that nothing shadows it, or ask for the "
                "level acknowledged",
                object=change.name,
            )
        )
    not_looked_for = {change.name: why for change in changes if (why := routes.why_not(change))}
    details: dict[str, Any] = {"sampled": list(proxies)}
    if not_looked_for:
        details["not_looked_for"] = not_looked_for
    return ServingOutcome(seen.at if seen.done else None, late, findings, details)


def _report_not_serving(cluster: str, proxy: str, message: str) -> Finding:
    pod, _separator, namespace = proxy.rpartition(".")
    return Finding(
        cluster,
        NOT_SERVING,
        message,
        "see whether another object changes these routes (EnvoyFilter, a merged VirtualService), or allow more time",
        object=f"Pod {namespace}/{pod}" if namespace else "",
    )


def _first(seen: _Seen) -> str:
    for proxy, texts in seen.differences.items():
        if texts:
            return f"{proxy}: {texts[0]}"
    return f"no proxy that was looked at uses {seen.unused[0].name}"
