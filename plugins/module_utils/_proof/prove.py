# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change calls: ``take_baseline`` before it writes, ``prove`` afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._findings import Finding, errors
from .._fleet import Fleet
from . import accepted, acknowledged, measured, serving, split, store
from .finding_kinds import CLUSTER_NOT_READ
from .levels import (
    ACCEPTED,
    ACKNOWLEDGED,
    LEVELS,
    NOT_PROVEN,
    SERVING,
    WRITTEN,
    Changed,
    ClusterProof,
    Proof,
    compute_write_skew,
    find_weakest,
    reaches,
)

__all__ = ["LEVELS", "Baseline", "Changed", "ClusterProof", "Proof", "prove", "take_baseline"]

_GRACE = 5.0
"""Seconds after the deadline in which a lane can still say what it waited for."""


@dataclass(frozen=True)
class Baseline:
    """What was known before the first write.

    ``findings`` has an error for each istiod that could not be asked: what is asked for cannot be proven there, which
    is better said before anything is written.
    """

    level: str
    clusters: tuple[str, ...] = ()
    """Whose istiods are to be asked afterwards; those that did not answer would only hold up the rest."""
    istiods: Mapping[acknowledged.Where, acknowledged.Before] = field(default_factory=dict, repr=False)
    findings: Sequence[Finding] = ()


def take_baseline(fleet: Fleet, level: str, clusters: Iterable[str], *, deadline: float) -> Baseline:
    """What has to be known before the first write, to tell a later push from an earlier one.

    ``clusters`` are those whose istiods are asked: give all that can be reached, since a proxy may be connected to the
    istiod of another cluster. ``deadline``: seconds. Nothing is asked for ``written`` and ``accepted``.
    """
    names = tuple(clusters)
    if not reaches(level, ACKNOWLEDGED):
        return Baseline(level, names)
    before, findings = acknowledged.snapshot(fleet, names, deadline=deadline)
    silent = {finding.cluster for finding in findings}
    return Baseline(level, tuple(name for name in names if name not in silent), before, tuple(findings))


def prove(
    fleet: Fleet,
    level: str,
    baseline: Baseline,
    changes: Mapping[str, Sequence[Changed]],
    *,
    timeout: float,
    progress: Callable[[str], None],
    window: float = 0.0,
) -> Proof:
    """Wait for the level on every cluster of ``changes``, at most ``timeout`` seconds.

    At ``serving``, with a ``window``, the requests of so many seconds more are measured too: a split that they
    contradict is not serving; too few of them contradict nothing, and are told in the details.

    Never raises for what is late or bad: it is in ``findings`` (errors), and ``reached`` is lower than ``level`` then.
    ``take_baseline`` has to be of this level or a stronger one (ValueError).
    """
    if not reaches(baseline.level, level):
        raise ValueError(f"the baseline was taken for {baseline.level}, and {level} is asked for")
    ends = time.monotonic() + timeout
    proving = _Proving(level, changes)
    if reaches(level, ACCEPTED):
        found = accepted.wait(fleet, changes, ends=ends, grace=_GRACE, progress=progress)
        proving.accept(found)
    if reaches(level, ACKNOWLEDGED):
        _acknowledge(fleet, baseline, proving, ends=ends, progress=progress)
    if reaches(level, SERVING):
        ready = {cluster: changes[cluster] for cluster in proving.list_at(ACKNOWLEDGED)}
        for cluster, outcome in serving.wait(fleet, baseline.clusters, ready, ends=ends, progress=progress).items():
            proving.serve(cluster, outcome)
        if window:
            proxies = {cluster: proving.list_sampled(cluster) for cluster in proving.list_at(SERVING)}
            for cluster, counted in measured.measure(fleet, proxies, changes, window=window).items():
                proving.count(cluster, counted)
    return proving.make_proof()


def _acknowledge(
    fleet: Fleet, baseline: Baseline, proving: _Proving, *, ends: float, progress: Callable[[str], None]
) -> None:
    unknown = {finding.cluster: finding for finding in baseline.findings}
    readers = {before.reads for before in baseline.istiods.values()}
    waiting = {}
    for cluster in proving.list_at(ACCEPTED):
        if cluster in unknown:
            proving.add(unknown[cluster])
        elif cluster not in readers and any(map(store.moves_proxies, proving.changes[cluster])):
            proving.add(_report_no_reader(cluster))
        else:
            waiting[cluster] = proving.changes[cluster]
    outcomes = acknowledged.wait(fleet, baseline.clusters, baseline.istiods, waiting, ends=ends, progress=progress)
    for cluster, outcome in outcomes.items():
        proving.acknowledge(cluster, outcome)


class _Proving:
    """The proof as it grows, level by level."""

    def __init__(self, asked: str, changes: Mapping[str, Sequence[Changed]]) -> None:
        self.changes = changes
        self._asked = asked
        self._findings: list[Finding] = []
        began = time.monotonic()
        self._ended = {
            cluster: max((change.finished for change in changed), default=0.0) or began
            for cluster, changed in changes.items()
        }
        self._clusters = {cluster: ClusterProof(WRITTEN, 0.0) for cluster in changes}
        self._acknowledged: dict[str, acknowledged.AcknowledgedOutcome] = {}

    def list_at(self, level: str) -> list[str]:
        """The clusters that have got to a level, and no further."""
        return [cluster for cluster, proof in self._clusters.items() if proof.level == level]

    def add(self, *findings: Finding) -> None:
        self._findings += findings

    def accept(self, found: Mapping[str, Sequence[Finding]]) -> None:
        for cluster, findings in found.items():
            self.add(*findings)
            if errors(findings):
                self._stay(cluster, [finding.object for finding in findings if finding.object])
            else:
                self._rise(cluster, ACCEPTED, time.monotonic())

    def acknowledge(self, cluster: str, outcome: acknowledged.AcknowledgedOutcome) -> None:
        self.add(*outcome.findings)
        if outcome.at is None:
            self._stay(cluster, outcome.late, outcome.details)
        else:
            self._acknowledged[cluster] = outcome
            self._rise(cluster, ACKNOWLEDGED, outcome.at, outcome.details)

    def serve(self, cluster: str, outcome: serving.ServingOutcome) -> None:
        self.add(*outcome.findings)
        if outcome.at is None:
            self._stay(cluster, outcome.late, outcome.details)
        else:
            self._rise(cluster, SERVING, outcome.at, outcome.details)

    def list_sampled(self, cluster: str) -> Sequence[str]:
        """The proxies that were looked at."""
        return tuple(self._clusters[cluster].details.get("sampled", ()))

    def count(self, cluster: str, found: Mapping[str, split.Measured]) -> None:
        wrong = [route for route, each in found.items() if each.verdict == "outside"]
        self.add(*(measured.report_outside(cluster, route, found[route]) for route in wrong))
        known = self._clusters[cluster]
        self._clusters[cluster] = replace(
            known,
            level=ACKNOWLEDGED if wrong else known.level,
            late=tuple(wrong),
            details={**known.details, "measured": {route: each.as_dict() for route, each in found.items()}},
        )

    def make_proof(self) -> Proof:
        reached = min(find_weakest(proof.level for proof in self._clusters.values()), self._asked, key=LEVELS.index)
        skew = compute_write_skew(self.changes)
        if reaches(reached, ACKNOWLEDGED):
            skew = acknowledged.compute_skew(self._acknowledged.values())
        return Proof(
            self._asked, reached, self._clusters, skew, NOT_PROVEN[reached], tuple(dict.fromkeys(self._findings))
        )

    def _rise(self, cluster: str, level: str, at: float, details: Mapping[str, Any] | None = None) -> None:
        known = self._clusters[cluster]
        self._clusters[cluster] = ClusterProof(
            level, max(0.0, at - self._ended[cluster]), details={**known.details, **(details or {})}
        )

    def _stay(self, cluster: str, late: Iterable[str], details: Mapping[str, Any] | None = None) -> None:
        known = self._clusters[cluster]
        self._clusters[cluster] = replace(known, late=tuple(late), details={**known.details, **(details or {})})


def _report_no_reader(cluster: str) -> Finding:
    return Finding(
        cluster,
        CLUSTER_NOT_READ,
        "no istiod of the fleet reads this cluster's configuration, so no proxy gets what is written here",
        "write to the primary cluster that serves it, or leave this cluster out",
    )
