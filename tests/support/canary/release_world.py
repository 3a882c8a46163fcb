# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters as the state machine sees them, and ticks over them. What must never happen is looked for in each tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.analysis import Metric
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import (
    Analysis,
    ClusterObservation,
    GateAnswer,
    MetricResult,
    Observation,
    Readiness,
    Request,
    TrafficSplit,
    Verdict,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule, waves_of
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.advance import (
    Decision,
    Needs,
    advance,
    compute_intended_targets,
    compute_needs,
    mark_not_taken,
    mark_taken,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.rules import Rules
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.state import (
    ReleaseState,
    decode,
    encode,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.targets import ClusterTarget

READY = Readiness("ready")
WAITING = Readiness("waiting", "a pod is missing")
FAILED = Readiness("failed", "pods crash")

PLAN: Mapping[str, Any] = {"step_weights": [5, 50, 100], "interval": 60}
SUCCESS_RATE = Metric("success-rate", query="q", minimum=99.0)


def rules_of(*clusters: str, plan: Mapping[str, Any] | None = None, **changes: Any) -> Rules:
    """A release of two clusters with pods of its own and one metric, unless something else is said."""
    changes = {"metrics": (SUCCESS_RATE,), "scales": True, **changes}
    plan = PLAN if plan is None else plan
    return Rules(build_schedule(plan), waves_of(plan, clusters or ("east", "west")), **changes)


@dataclass
class World:
    """What stands on each cluster, and the moment, in seconds. ``away`` clusters are neither seen nor written.

    ``stable`` and ``canary`` are what is seen of sides that are not well. ``templates`` are the revisions that the
    stable side has had on each cluster. ``steps`` are those that were taken, in order.
    """

    rules: Rules
    revision: str = "r2"
    state: ReleaseState = field(
        default_factory=lambda: ReleaseState("initialized", revision="r1", promoted="r1", done=True)
    )
    now: float = 1000.0
    verdict: Verdict = "pass"
    bad: tuple[str, ...] = ()
    gates: dict[str, GateAnswer] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    live: dict[str, ClusterTarget] = field(default_factory=dict)
    stable: dict[str, Readiness] = field(default_factory=dict)
    canary: dict[str, Readiness] = field(default_factory=dict)
    templates: dict[str, list[str]] = field(default_factory=dict)
    steps: list[int] = field(default_factory=list)
    fails_to_write: set[str] = field(default_factory=set)
    strayed: set[str] = field(default_factory=set)
    """Clusters that missed what was last written, or that somebody has changed."""

    def __post_init__(self) -> None:
        for name in self.rules.waves:
            self.live.setdefault(name, ClusterTarget(TrafficSplit(0, self.rules.total), 0))
            self.templates.setdefault(name, ["r1"])

    # What is seen

    def observe(self, request: Request = "") -> Observation:
        wanted = compute_intended_targets(self.rules, replace(self.state, intended=None))
        clusters = {name: self._seen(name, wanted[name]) for name in self.rules.waves}
        seen = Observation(self.now, self.revision, clusters, request=request)
        asked = compute_needs(self.rules, self.state, seen)
        self._look_at_needs(asked, seen)
        analysis = self._analysis() if asked.measured else None
        gates = {name: self.gates[name] for name in asked.hooks if name in self.gates}
        if asked.gate:
            gates[asked.gate] = self.gates.get(asked.gate, "closed")
        return replace(seen, analysis=analysis, gates=gates)

    def _look_at_needs(self, asked: Needs, seen: Observation) -> None:
        """Nothing is judged before the canary is ready: where no request goes to it, its pods are."""
        for name in asked.measured:
            cluster = seen.clusters[name]
            assert cluster.canary.usable or self.live[name].sends, f"{name} is measured, and has no canary"
        if "pre-rollout" in asked.hooks:
            concerned = self.rules.clusters_of(self.state.position.wave_under_way)
            assert all(seen.clusters[name].canary.usable for name in concerned if not seen.clusters[name].error)

    def _analysis(self) -> Analysis:
        results = [MetricResult(name, "success-rate", self.verdict) for name in self.bad or self.rules.waves]
        return Analysis(self.verdict, (f"success-rate: {self.verdict}",), self.bad, tuple(results))

    def _seen(self, name: str, wanted: ClusterTarget) -> ClusterObservation:
        if name in self.rules.policy.exclude:
            return ClusterObservation(error="is excluded")
        if name in self.away:
            return ClusterObservation(error="does not answer")
        live = self.live[name]
        as_intended = (live.traffic, live.replicas) == (wanted.traffic, _size_of(wanted, live))
        if wanted.copy:
            as_intended = as_intended and self.templates[name][-1] == self.revision
        elif wanted.restore:
            as_intended = as_intended and self.templates[name][-1] != self.state.revision
        return ClusterObservation(
            as_intended=as_intended,
            traffic=live.traffic,
            routed=live.traffic.sides | (frozenset({"canary"}) if live.sends else frozenset()),
            stable=self.stable.get(name, READY),
            canary=self._of_canary(name, wanted.replicas),
        )

    def _of_canary(self, name: str, size: int) -> Readiness:
        if not self.rules.scales:
            return self.canary.get(name, READY)
        if size == 0 or self.live[name].replicas < size:
            return Readiness("waiting", "has too few pods")
        return self.canary.get(name, READY)

    # What is done

    def tick(self, seconds: float = 10.0, request: Request = "", *, cut: int | None = None) -> Decision:
        """One tick, ``seconds`` after the one before. With ``cut`` the run ends when so many clusters are written."""
        self.now += seconds
        seen = self.observe(request)
        decision = advance(self.rules, self.state, seen)
        again = advance(self.rules, decision.state, seen)
        assert again.state == decision.state, "a second look at the same changes nothing"
        self.make(decision, cut)
        return decision

    def edit(self, name: str, weight: int) -> None:
        """Somebody changes the weight of a cluster by hand, and gives its canary pods."""
        total = self.rules.total
        share = total * weight // 100
        self.live[name] = replace(self.live[name], traffic=TrafficSplit(share, total - share), replicas=100)
        self.strayed.add(name)

    def make(self, decision: Decision, cut: int | None = None) -> None:
        """What was decided is stored, and made so."""
        before = self.state
        self.state = decode(encode(decision.state))
        assert self.state == decision.state
        if decision.apply:
            self._make(cut)
        self._check()
        self._look_at_neighbours(before)

    def _make(self, cut: int | None) -> None:
        position = self.state.intended or self.state.position
        tolerant = position.mode == "back" or self.state.intended is None
        asked = [name for name in self.rules.waves if name not in self.rules.policy.exclude]
        present = [name for name in asked if name not in self.away | self.fails_to_write]
        if not tolerant and (self.fails_to_write or not self.rules.policy.goes_on(len(present), len(asked))):
            left = mark_not_taken(self.state)
            self.state = left if left.intended is not None else replace(left, since=self.now)
            return
        aims = compute_intended_targets(self.rules, self.state)
        self._look_at_moves({name: aims[name] for name in present})
        written = present if cut is None else present[:cut]
        self.strayed |= set(self.rules.waves) - set(written)
        for name in written:
            self._write(name, aims[name])
        if cut is None:
            before = self.state.position.step
            self.state = mark_taken(self.rules, self.state, self.now)
            if self.state.position.step != before:
                self.steps.append(self.state.position.step)

    def _write(self, name: str, aim: ClusterTarget) -> None:
        self.live[name] = replace(aim, replicas=_size_of(aim, self.live[name]))
        self.strayed.discard(name)
        had = self.templates[name]
        if aim.copy and had[-1] != self.revision:
            assert self.revision == self.state.revision, "what is copied was looked at"
            had.append(self.revision)
        if aim.restore and had[-1] == self.state.revision and len(had) > 1:
            had.pop()

    def _look_at_moves(self, aims: Mapping[str, ClusterTarget]) -> None:
        """I1 of docs/invariants.md, and nobody is moved to a side that is not ready."""
        sending = [name for name, each in self.live.items() if each.sends]
        wanted = compute_intended_targets(self.rules, replace(self.state, intended=None))
        for name, aim in aims.items():
            had = self.live[name]
            if self.rules.scales and _size_of(aim, had) == 0 and had.replicas:
                assert not sending, f"{name} loses its canary, and {sending} send requests there"
            if aim.sends and self.rules.scales:
                assert aim.replicas, f"{name} sends requests to a canary without pods"
            if aim.traffic.canary > had.traffic.canary:
                assert self._of_canary(name, wanted[name].replicas).usable, f"{name} has no canary for more requests"
            if aim.traffic.stable > had.traffic.stable and not (aim.copy or aim.restore):
                assert self.stable.get(name, READY).usable, f"{name} has no stable side for more requests"

    def _look_at_neighbours(self, before: ReleaseState) -> None:
        """I2 of docs/invariants.md: clusters that missed nothing have the weights of one position, or of the next."""
        states = [replace(before, intended=None), before, replace(self.state, intended=None), self.state]
        allowed = [compute_intended_targets(self.rules, each) for each in states]
        for name in set(self.rules.waves) - self.strayed:
            weights = {each[name].traffic.canary for each in allowed}
            assert self.live[name].traffic.canary in weights, f"{name} is at none of {weights}"

    def _check(self) -> None:
        total = self.rules.total
        for name, each in self.live.items():
            assert each.traffic.canary + each.traffic.stable == total, name
            assert 0 <= each.traffic.canary <= total, name
        assert len(self.state.history) <= self.rules.history_limit

    # Shorter words

    def run(self, ticks: int = 300, seconds: float = 10.0) -> ReleaseState:
        """Until nothing is left to be done."""
        for _number in range(ticks):
            decision = self.tick(seconds)
            if self.state.done and not decision.apply:
                return self.state
        raise AssertionError(f"the run does not end: {decision.reasons} {self.state}")

    def until(self, step: int, ticks: int = 300) -> World:
        """Until a step is reached."""
        for _number in range(ticks):
            decision = self.tick()
            if self.state.position.step == step and self.state.intended is None:
                return self
        raise AssertionError(f"step {step} was not reached: {decision.reasons} {self.state}")

    @property
    def weights(self) -> dict[str, int]:
        return {name: each.traffic.canary for name, each in self.live.items()}

    @property
    def sizes(self) -> dict[str, int]:
        return {name: each.replicas for name, each in self.live.items()}


def _size_of(aim: ClusterTarget, live: ClusterTarget) -> int:
    """What the canary's size becomes, or is to be."""
    return max(aim.replicas, live.replicas) if aim.keeps else aim.replicas
