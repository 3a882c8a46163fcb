# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a canary. Phases are Flagger's (pkg/apis/flagger/v1beta1/status.go), in lower case. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["stable", "canary"]

Phase = Literal[
    "initializing",
    "initialized",
    "waiting",
    "progressing",
    "waiting_promotion",
    "promoting",
    "finalising",
    "succeeded",
    "failed",
]

Verdict = Literal["pass", "fail", "inconclusive", "error", "running"]
"""Of an analysis. ``inconclusive``: no data, or too few requests. ``error``: what is asked for data did not answer.
``running``: not yet measured for long enough. Flagger has only two of them, Argo Rollouts all."""

ALL_WAVES = -1
TOTAL = 100


@dataclass(frozen=True)
class TrafficSplit:
    """What the routes of one cluster are to do.

    ``canary`` and ``stable`` make the plan's total. ``mirror`` is the percentage of requests that the canary gets a
    copy of. ``matched``: requests that match go to the canary, whatever the weights. ``cookie`` is the value by which
    clients of the canary stay with it, empty where none do; ``expired`` are values of earlier runs, which lose effect.
    """

    canary: int = 0
    stable: int = TOTAL
    mirror: int = 0
    matched: bool = False
    cookie: str = ""
    expired: tuple[str, ...] = ()

    @property
    def sides(self) -> frozenset[Side]:
        """The sides that clients get answers from."""
        sides: set[Side] = set()
        if self.stable:
            sides.add("stable")
        if self.canary or self.matched:
            sides.add("canary")
        return frozenset(sides)


@dataclass(frozen=True)
class PlanStep:
    """One entry of a schedule: what holds from the moment that it is taken.

    ``after`` is the earliest time, in seconds from the start of the run; how long a step lasts is the
    difference to the next one. ``wave`` is the wave of clusters that it is about (ALL_WAVES: all). ``analysis``: the
    verdict has to be pass before the next step. ``gate`` names what a person has to open before the next step, empty
    where nobody has to. ``copy``: the canary's pod template becomes the stable side's when this step is taken.
    ``replicas`` is the canary's size in percent of its full size, 0 where it is to go. ``cutover``: everybody gets the
    canary at once, so what guards a promotion stands before this step.
    """

    index: int
    canary: int
    stable: int
    mirror: int = 0
    matched: bool = False
    phase: Phase = "progressing"
    wave: int = 0
    after: float = 0.0
    analysis: bool = True
    gate: str = ""
    copy: bool = False
    replicas: int = 100
    cutover: bool = False


@dataclass(frozen=True)
class Readiness:
    """Of one side on one cluster. ``failed``: waiting longer is of no use, for ``reason``. ``none``: there is no
    workload that we look at."""

    state: Literal["ready", "waiting", "failed", "none"] = "none"
    reason: str = ""

    @property
    def usable(self) -> bool:
        return self.state in ("ready", "none")


@dataclass(frozen=True)
class ClusterObservation:
    """One cluster as it was observed. ``error`` says why it could not be; the rest is then unknown.

    ``as_intended``: everything there is. ``traffic`` is what its routes do (None: not known). ``routed`` are the
    sides that it sends requests to, copies included. ``drift`` is what somebody changed.
    """

    error: str = ""
    as_intended: bool = False
    traffic: TrafficSplit | None = None
    routed: frozenset[Side] = frozenset()
    stable: Readiness = field(default_factory=Readiness)
    canary: Readiness = field(default_factory=Readiness)
    drift: str = ""


@dataclass(frozen=True)
class MetricResult:
    """One metric on one cluster. ``value`` is None where there is none, ``requests`` how many it is of, if known."""

    cluster: str
    metric: str
    verdict: Verdict
    value: float | None = None
    requests: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Analysis:
    """The verdict over all clusters, its reasons, and what it is made of. ``bad`` are the clusters that failed."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    results: tuple[MetricResult, ...] = ()


Request = Literal["", "hold", "resume", "skip", "promote", "rollback", "restart"]
"""What a person asks a release for."""

GateAnswer = Literal["open", "closed", "failed"]
"""Of a gate or a hook. ``closed``: not yet, hold. ``failed``: the check itself says that something is wrong."""


@dataclass(frozen=True)
class Observation:
    """What one tick knows. ``now`` is seconds since the epoch. ``revision`` is the canary's, a hash. ``analysis`` is
    None where nothing was asked. ``gates`` has an answer for each gate or hook that was asked. ``request`` is what a
    person asks for in this tick. ``last_step``: no later one is taken in this tick, unless a person forces it."""

    now: float
    revision: str
    clusters: Mapping[str, ClusterObservation]
    analysis: Analysis | None = None
    gates: Mapping[str, GateAnswer] = field(default_factory=dict)
    request: Request = ""
    last_step: int | None = None
