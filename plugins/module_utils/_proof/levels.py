# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a proof. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._findings import Finding

WRITTEN, ACCEPTED, ACKNOWLEDGED, SERVING = "written", "accepted", "acknowledged", "serving"
LEVELS = (WRITTEN, ACCEPTED, ACKNOWLEDGED, SERVING)
"""From the weakest to the strongest; each contains those before it."""

PROVES: Mapping[str, str] = {
    WRITTEN: "every API server has stored the object, and its admission webhooks (istiod's validation) let it pass",
    ACCEPTED: "Istio says of this generation of each Gateway API object that it is valid and that what it names exists",
    ACKNOWLEDGED: "every proxy that is connected to an istiod has accepted all that its istiod sent it (or still "
    "rejects what it rejected before the change, which is a warning), and its istiod has gone through a push for it "
    "that was made after istiod had the change",
    SERVING: "the proxies that were looked at route as was written, by their own configuration",
}
"""What each level says."""

NOT_PROVEN: Mapping[str, str] = {
    WRITTEN: "that any istiod has read it, that it is used, or that another object does not override it",
    ACCEPTED: "that a proxy has it; of Istio's own kinds nothing more than written, since istiod gives them no status",
    ACKNOWLEDGED: "that the change is what the proxy acknowledged: istiod may have left the object out of what it sent "
    "(merged, shadowed, of an unknown host); nor anything of pods whose proxy was connected to no istiod",
    SERVING: "proxies that were not looked at, requests under way on connections that drain, and that the upstreams "
    "answer",
}
"""What each level leaves open; the stronger levels say less of it."""


def reaches(level: str, wanted: str) -> bool:
    """Whether ``level`` is as strong as ``wanted``."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


def find_weakest(levels: Iterable[str]) -> str:
    """The highest level that holds for all of them; ``serving`` of none."""
    return LEVELS[min((LEVELS.index(level) for level in levels), default=len(LEVELS) - 1)]


@dataclass(frozen=True)
class Changed:
    """One object that was written on one cluster.

    ``before`` is the live object before (None: it was created), ``after`` as the API server answered (None: it was
    deleted). ``started`` and ``finished`` are ``time.monotonic()`` of the write request.
    """

    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] | None = field(repr=False)
    started: float
    finished: float

    @property
    def object(self) -> Mapping[str, Any]:
        """What is known of it last. Raises ValueError where there is neither."""
        known = self.after if self.after is not None else self.before
        if known is None:
            raise ValueError("a change is of an object: before and after are both missing")
        return known

    @property
    def key(self) -> tuple[str, str, str, str]:
        """The object on any cluster: API group, kind, namespace, name."""
        metadata = self.object["metadata"]
        group = str(self.object.get("apiVersion") or "").rpartition("/")[0]
        return group, str(self.object.get("kind") or ""), metadata.get("namespace") or "", metadata["name"]

    @property
    def name(self) -> str:
        """How messages name it: ``VirtualService app/echo``."""
        _group, kind, namespace, name = self.key
        return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


@dataclass(frozen=True)
class ClusterProof:
    """What is known of one cluster. ``seconds``: from its last write to the moment at which the level was seen."""

    level: str
    seconds: float
    late: tuple[str, ...] = ()
    """Who did not get there in time: pods of istiod, proxies as ``pod.namespace``, objects."""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "level": self.level,
            "seconds": round(self.seconds, 3),
            "late": list(self.late),
            "details": dict(self.details),
        }


@dataclass(frozen=True)
class Proof:
    """What is known of a change. ``reached`` is the highest level that holds on every cluster that was changed."""

    asked: str
    reached: str
    clusters: Mapping[str, ClusterProof]
    skew_ms: float
    """An upper bound of the time during which clusters disagreed, as far as ``reached`` can tell it."""
    not_proven: str
    findings: Sequence[Finding] = ()

    @property
    def holds(self) -> bool:
        """Whether what was asked was reached."""
        return reaches(self.reached, self.asked)

    def as_dict(self) -> dict[str, Any]:
        """Small, for results."""
        return {
            "asked": self.asked,
            "reached": self.reached,
            "skew_ms": round(self.skew_ms, 1),
            "not_proven": self.not_proven,
            "clusters": {name: cluster.as_dict() for name, cluster in self.clusters.items()},
            "findings": [finding.as_dict() for finding in self.findings],
        }


def prove_written(changes: Mapping[str, Sequence[Changed]]) -> Proof:
    """The proof of what API servers have answered: they have stored it."""
    clusters = {cluster: ClusterProof(WRITTEN, 0.0) for cluster in changes}
    return Proof(WRITTEN, WRITTEN, clusters, compute_write_skew(changes), NOT_PROVEN[WRITTEN])


def compute_write_skew(changes: Mapping[str, Sequence[Changed]]) -> float:
    """Milliseconds during which clusters may have had different objects: per object the time from the start of its
    first write to the end of its last one over the clusters that changed it; of these the longest. 0 for one cluster.
    """
    writes: dict[tuple[str, str, str, str], dict[str, list[Changed]]] = {}
    for cluster, changed in changes.items():
        for change in changed:
            writes.setdefault(change.key, {}).setdefault(cluster, []).append(change)
    spans = [
        max(change.finished for each in by_cluster.values() for change in each)
        - min(change.started for each in by_cluster.values() for change in each)
        for by_cluster in writes.values()
        if len(by_cluster) > 1
    ]
    return 1000.0 * max(spans, default=0.0)
