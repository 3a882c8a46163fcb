# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one tick intended, saw, judged and did: "promoted everywhere" is a statement that can be checked. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from ..model import TOTAL, Analysis, ClusterObservation, GateAnswer, MetricResult, Phase, Verdict

FORMAT = 1

SUCCESS_RATE = "request-success-rate"
"""The built-in metric that the table shows as errors: 100 less its value, in percent."""


class UnreadableTick(ValueError):
    """What is stored is no record of a tick."""


@dataclass(frozen=True)
class Limit:
    """What a metric has to keep to; None: no such limit. ``unit`` is for people (``%``, ``ms``)."""

    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:g}{unit}"
        if self.minimum is not None:
            return f"at least {self.minimum:g}{unit}"
        return f"at most {self.maximum:g}{unit}" if self.maximum is not None else "no limit"


class ErrorRate(NamedTuple):
    """``requests`` is how many it is of, None where not all that measured say so."""

    percent: float
    requests: float | None


@dataclass(frozen=True)
class Waiting:
    """What the next tick waits for. ``since`` is in seconds since the epoch, ``how`` are commands that end it, to be
    given on the cluster ``where``."""

    what: str = ""
    since: float | None = None
    how: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True)
class ClusterTick:
    """One cluster in one tick. Weights are the canary's, None where not known or not intended by anyone.

    ``seconds`` is how long it took until the cluster had what was written in this tick, None where nothing was.
    """

    intended: int | None = None
    observed: int | None = None
    holds: bool = False
    stable: str = "none"
    canary: str = "none"
    error: str = ""
    drift: str = ""
    seconds: float | None = None
    metrics: Mapping[str, MetricResult] = field(default_factory=dict)

    @property
    def has_trouble(self) -> bool:
        return bool(self.error or self.drift) or "failed" in (self.stable, self.canary)


_SECONDS = re.compile(r"\d+(\.\d+)? s\b")


def drop_seconds(text: str) -> str:
    """The text without how much time is left, which is another one in each tick."""
    return _SECONDS.sub("", text)


@dataclass(frozen=True)
class TickRecord:
    """One tick. ``time`` is its start, in seconds since the epoch; ``timings`` are seconds by what took them.

    ``decision`` is what came of it in a word or two (``continue``, ``hold``, ``roll back``). ``skew_ms`` is for how
    long clusters disagreed, None where less than two were written to. ``owed`` says what is still to
    be done, by cluster. ``proof`` is how far what was written is known to have arrived, empty where nothing was.
    """

    time: float
    name: str
    namespace: str
    revision: str
    phase: Phase
    step: int
    of: int
    wave: int
    clusters: Mapping[str, ClusterTick]
    verdict: Verdict | None = None
    decision: str = ""
    reasons: tuple[str, ...] = ()
    gates: Mapping[str, GateAnswer] = field(default_factory=dict)
    actions: tuple[str, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    skew_ms: float | None = None
    timings: Mapping[str, float] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    waiting: Waiting = field(default_factory=Waiting)
    owed: Mapping[str, str] = field(default_factory=dict)
    total: int = TOTAL
    proof: str = ""

    def repeats(self, other: TickRecord) -> bool:
        """Whether only time differs, also where a reason says how much of it is left."""
        return replace(self._timeless(), time=other.time, timings=other.timings) == other._timeless()

    def _timeless(self) -> TickRecord:
        return replace(self, reasons=tuple(drop_seconds(each) for each in self.reasons))

    @classmethod
    def of_tick(
        cls,
        *,
        now: float,
        name: str,
        namespace: str,
        revision: str,
        phase: Phase,
        step: int,
        of: int,
        wave: int,
        intended: Mapping[str, int],
        clusters: Mapping[str, ClusterObservation],
        analysis: Analysis | None = None,
        decision: str = "",
        reasons: Sequence[str] = (),
        gates: Mapping[str, GateAnswer] | None = None,
        actions: Sequence[str] = (),
        limits: Mapping[str, Limit] | None = None,
        settled_after: Mapping[str, float] | None = None,
        timings: Mapping[str, float] | None = None,
        errors: Sequence[str] = (),
        waiting: Waiting | None = None,
        owed: Mapping[str, str] | None = None,
        total: int = TOTAL,
        proof: str = "",
    ) -> TickRecord:
        """From what a tick knows. ``step`` counts from 1, 0 before the first; ``of`` is how many there are.

        ``intended`` is the canary's weight by cluster. ``settled_after`` has, for each cluster that was written to, the
        seconds from the first write until it had it; the skew is from the first of them to the last.
        """
        settled = dict(settled_after or {})
        results = () if analysis is None else analysis.results
        names = dict.fromkeys((*clusters, *intended))
        return cls(
            time=now,
            name=name,
            namespace=namespace,
            revision=revision,
            phase=phase,
            step=step,
            of=of,
            wave=wave,
            clusters={
                each: _cluster_tick(
                    clusters.get(each),
                    intended.get(each),
                    settled.get(each),
                    {result.metric: result for result in results if result.cluster == each},
                )
                for each in names
            },
            verdict=None if analysis is None else analysis.verdict,
            decision=decision,
            reasons=(*reasons, *(reason for reason in (analysis.reasons if analysis else ()) if reason not in reasons)),
            gates=dict(gates or {}),
            actions=tuple(actions),
            limits=dict(limits or {}),
            skew_ms=(max(settled.values()) - min(settled.values())) * 1000 if len(settled) > 1 else None,
            timings=dict(timings or {}),
            errors=tuple(errors),
            waiting=waiting or Waiting(),
            owed=dict(owed or {}),
            total=total,
            proof=proof,
        )

    @property
    def metrics(self) -> list[str]:
        """The metrics that were asked for, on whichever cluster."""
        return list(dict.fromkeys(metric for cluster in self.clusters.values() for metric in cluster.metrics))

    @property
    def errors_of_all(self) -> ErrorRate | None:
        """Of all clusters together, weighted by requests where all say how many; None where nothing is known."""
        found = [rate for rate in (self.errors_on(name) for name in self.clusters) if rate is not None]
        if not found:
            return None
        counts = [rate.requests for rate in found if rate.requests is not None]
        if len(counts) < len(found) or not sum(counts):
            return ErrorRate(sum(rate.percent for rate in found) / len(found), None)
        errors = sum(rate.percent * count for rate, count in zip(found, counts, strict=True))
        return ErrorRate(errors / sum(counts), sum(counts))

    def errors_on(self, name: str) -> ErrorRate | None:
        """Of one cluster; None where nothing is known, or what is measured is a comparison."""
        if self.limits.get(SUCCESS_RATE, Limit()).unit not in ("", "%"):
            return None
        result = self.clusters[name].metrics.get(SUCCESS_RATE) if name in self.clusters else None
        return None if result is None or result.value is None else ErrorRate(100 - result.value, result.requests)

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it: no infinite numbers, times in seconds since the epoch."""
        document: dict[str, Any] = _plain({"format": FORMAT, **asdict(self)})
        for cluster in document["clusters"].values():
            for result in cluster["metrics"].values():
                del result["cluster"], result["metric"]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> TickRecord:
        """The record of ``as_dict``, or of its JSON. Raises UnreadableTick."""
        try:
            values = dict(document)
            if values.pop("format") != FORMAT:
                raise UnreadableTick(f"its format is {document['format']}, expected {FORMAT}")
            values["clusters"] = {name: _cluster_of(name, each) for name, each in values["clusters"].items()}
            values["limits"] = {metric: Limit(**limit) for metric, limit in values["limits"].items()}
            values["waiting"] = Waiting(**{**values["waiting"], "how": tuple(values["waiting"]["how"])})
            for key in ("reasons", "actions", "errors"):
                values[key] = tuple(values[key])
            return cls(**values)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, UnreadableTick):
                raise
            raise UnreadableTick(f"it is no record of a tick ({type(error).__name__}: {error})") from error


def _cluster_tick(
    seen: ClusterObservation | None, intended: int | None, seconds: float | None, metrics: Mapping[str, MetricResult]
) -> ClusterTick:
    if seen is None:
        return ClusterTick(intended=intended, error="not observed", seconds=seconds, metrics=metrics)
    return ClusterTick(
        intended=intended,
        observed=None if seen.traffic is None else seen.traffic.canary,
        holds=seen.as_intended,
        stable=seen.stable.state,
        canary=seen.canary.state,
        error=seen.error,
        drift=seen.drift,
        seconds=seconds,
        metrics=metrics,
    )


def _cluster_of(name: str, document: Mapping[str, Any]) -> ClusterTick:
    metrics = {
        metric: MetricResult(cluster=name, metric=metric, **result) for metric, result in document["metrics"].items()
    }
    return ClusterTick(**{**document, "metrics": metrics})


def _plain(value: Any) -> Any:
    """JSON has neither NaN nor infinity; a metric can be both."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    return value
