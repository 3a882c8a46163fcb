# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each cluster reaches each other one, and the one cause where it does not. Pure.

A pair is ordered: its source holds the workload that asks, its target the one that answers. The first check in causal
order that fails is the cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from ..._finding_kinds import NOT_REACHABLE
from ..._findings import Finding
from ..finding_kinds import (
    VERIFY_ENDPOINTS,
    VERIFY_GATEWAY,
    VERIFY_NAMES,
    VERIFY_NOTHING_EXPOSED,
    VERIFY_PLAIN_TEXT,
    VERIFY_PROXY_REJECTS,
    VERIFY_REQUESTS,
    VERIFY_SYNCED,
    VERIFY_TRUST,
)
from .checks import endpoints, gateway, names, requests, synced, trust
from .checks.check import CHECKS, REJECTED, Check, describe_rejection, list_rejections
from .control_planes import serve_remotes
from .facts import ClusterFacts, Obstacle, Traffic


@dataclass(frozen=True)
class Pair:
    """The verdict on one ordered pair. ``linked`` is what is wanted, not what was found."""

    source: str
    target: str
    linked: bool
    checks: tuple[Check, ...]
    away: str = ""
    """The cluster of the two that could not be read."""
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def local(self) -> bool:
        return self.source == self.target

    @property
    def failure(self) -> Check | None:
        """The first check in causal order that failed."""
        return next((check for check in self.checks if check.state == "failed"), None)

    @property
    def ok(self) -> bool:
        return not self.away and self.failure is None

    @property
    def waiting(self) -> bool:
        """Whether it fails for a reason that may pass by itself."""
        return self.failure is not None and self.failure.eventual

    @property
    def state(self) -> str:
        if self.away:
            return "away"
        if not self.ok:
            return "failed"
        return "ok" if self.linked else "not-linked"

    @property
    def mutual_tls(self) -> bool | None:
        """None where no request succeeded."""
        answers = self.traffic.answers
        if not answers or not answers.successes or answers.identities is None:
            return None
        return bool(answers.identities)

    @property
    def p50(self) -> float | None:
        """Median latency of the successful requests in milliseconds."""
        answers = self.traffic.answers
        return round(median(answers.latencies), 1) if answers and answers.latencies else None

    def as_dict(self) -> dict[str, object]:
        answers = self.traffic.answers
        failure = self.failure
        return {
            "ok": self.ok,
            "state": self.state,
            "linked": self.linked,
            "cause": f"{self.away} is away" if self.away else failure.cause if failure else "",
            "remedy": failure.remedy if failure else "",
            "checks": {check.name: check.as_dict() for check in self.checks},
            "endpoints": [f"{host.address}:{host.port}" for host in self.traffic.endpoints or ()],
            "requests": {
                "sent": answers.sent if answers else 0,
                "answered": dict(answers.by_cluster) if answers else {},
                "identities": sorted(answers.identities or ()) if answers else [],
            },
            "mutual_tls": self.mutual_tls,
            "p50_ms": self.p50,
        }


def judge(
    fleet: Mapping[str, ClusterFacts],
    links: Iterable[tuple[str, str]],
    traffic: Mapping[tuple[str, str], Traffic],
    *,
    obstacles: Mapping[str, Obstacle] | None = None,
    no_requests: str = "",
) -> list[Pair]:
    """The verdict on every ordered pair of the fleet and, where requests were made, on each cluster with itself.

    ``links`` are the pairs (source, target) that shall work; the others shall not see each other. ``obstacles`` are
    clusters where no probe runs; ``no_requests`` says why none were made at all.
    """
    wanted = set(links)
    obstacles = obstacles or {}
    pairs = []
    served = serve_remotes(fleet)
    for source in served.values():
        reader = fleet.get(source.control_plane, source)
        for target in served.values():
            key = (source.name, target.name)
            seen = traffic.get(key, Traffic())
            away = next((facts.name for facts in (source, reader, target) if facts.away), "")
            linked = source is target or key in wanted
            if away:
                checks: tuple[Check, ...] = ()
            elif source is target:
                checks = (requests.check(source, target, seen, obstacles, no_requests),)
            elif linked:
                checks = (
                    trust.check(source, target),
                    names.check(source, target, served),
                    synced.check(reader, target),
                    gateway.check(source, target),
                    endpoints.check(source, target, seen),
                    requests.check(source, target, seen, obstacles, no_requests),
                )
            else:
                checks = _check_not_linked(source, reader, target, seen)
            pairs.append(Pair(source.name, target.name, linked, checks, away, seen))
    return pairs


def report_causes(fleet: Mapping[str, ClusterFacts], pairs: Iterable[Pair]) -> list[Finding]:
    """One error for each cause, however many pairs it breaks, and warnings that broke none."""
    found = [
        Finding(facts.name, NOT_REACHABLE, f"cannot be verified: {facts.away}", facts.away_remedy)
        for facts in fleet.values()
        if facts.away
    ]
    pairs = list(pairs)
    for pair in pairs:
        failure = pair.failure
        if failure:
            found.append(
                Finding(
                    failure.cluster or pair.source,
                    _KINDS[failure.name],
                    failure.cause,
                    failure.remedy,
                    object=failure.object,
                )
            )
    named = {(finding.cluster, finding.message) for finding in found}
    for facts in fleet.values():
        for rejection in list_rejections(facts.istiods):
            cause = describe_rejection(rejection)
            if not any(cluster == facts.name and cause in message for cluster, message in named):
                found.append(
                    Finding(facts.name, VERIFY_PROXY_REJECTS, cause, REJECTED, "warning", f"proxy {rejection.proxy}")
                )
    found.extend(_report_exposing_nothing(fleet.values()))
    found.extend(_report_plain_text(pairs))
    return list(dict.fromkeys(found))


_KINDS = {
    "trust": VERIFY_TRUST,
    "names": VERIFY_NAMES,
    "synced": VERIFY_SYNCED,
    "gateway": VERIFY_GATEWAY,
    "endpoints": VERIFY_ENDPOINTS,
    "requests": VERIFY_REQUESTS,
}


def _report_exposing_nothing(fleet: Iterable[ClusterFacts]) -> Iterator[Finding]:
    """A gateway may rightly expose nothing yet, but whoever expects an answer of a service wants to know."""
    known = list(fleet)
    networks = {facts.network for facts in known}
    for facts in known:
        for service in facts.gateways:
            if not service.hosts and len(networks) > 1:
                yield Finding(
                    facts.name,
                    VERIFY_NOTHING_EXPOSED,
                    f"gateway {service.name} exposes no service of {facts.name} to other networks (the probe brings an "
                    "exposure of its own)",
                    "say which hosts it shall expose (role eastwest_gateway)",
                    "warning",
                    f"Service {service.name}",
                )


def _report_plain_text(pairs: Iterable[Pair]) -> Iterator[Finding]:
    for pair in pairs:
        if pair.mutual_tls is False and not pair.local:
            yield Finding(
                pair.source,
                VERIFY_PLAIN_TEXT,
                f"{pair.target} answered, but was not shown the client's identity: no mutual TLS, or the mesh "
                "configuration does not forward it",
                "see the PeerAuthentication and DestinationRule objects that hold for the probe",
                "warning",
            )


def _check_not_linked(
    source: ClusterFacts, reader: ClusterFacts, target: ClusterFacts, seen: Traffic
) -> tuple[Check, ...]:
    skipped = {name: Check(name, "skipped", "not linked") for name in CHECKS}
    return tuple(
        {
            **skipped,
            "synced": synced.check_unlinked(reader, target),
            "endpoints": endpoints.check_unlinked(source, target, seen),
            "requests": requests.check_unlinked(source, target, seen.answers),
        }.values()
    )
