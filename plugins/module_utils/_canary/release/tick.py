# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One tick of a release: observe, decide, store, make it so on all clusters, store that it is so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..._change import hubs
from ..._change.change import Change
from ..._change.setup import Setup
from ..._findings import Finding, MeshError, errors
from ..._fleet import LaneOutcome
from ..._kube.errors import KubeError
from ..analysis.measure import measure
from ..finding_kinds import OTHER_RELEASE, PART_OF_A_RELEASE
from ..gates import approvals, gates, webhooks
from ..gates.webhooks import Payload
from ..model import Analysis, ClusterObservation, GateAnswer, Observation, Request
from ..state_machine import advance as machine
from ..state_machine.advance import Decision, Needs
from ..state_machine.state import ReleaseState
from ..state_machine.targets import ClusterTarget
from . import bystanders, objects
from .destinations import find_measured_service
from .intent import ReleaseIntent, read
from .objects import COMPONENT, LiveObjects, Mark
from .release import CanaryRelease
from .revisions import note_revisions
from .store import ReleaseStore

_PATIENCE = 30.0
"""Seconds for an analysis of all clusters together, beside its own window."""


@dataclass(frozen=True)
class TickResult:
    """What one tick did. ``change`` is the result of the two-phase change, empty where there was none; ``findings`` say
    why that failed. ``asked`` is what hooks and gates said, ``warnings`` what people should know before it begins."""

    before: ReleaseState
    state: ReleaseState
    observation: Observation
    decision: Decision
    aims: Mapping[str, ClusterTarget]
    change: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    asked: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.change.get("changed")) or self.state != self.before


class Ticker:
    """Ticks of one release on one fleet."""

    def __init__(self, setup: Setup, release: CanaryRelease, clock: Callable[[], float] = time.time) -> None:
        self._setup = setup
        self._release = release
        self._clock = clock
        self._store = ReleaseStore(setup.records.place, release.name)

    def tick(self, request: Request = "", last_step: int | None = None) -> TickResult:
        """One tick under the lock of the release; in check mode nothing is written. No step after ``last_step`` is
        taken, unless the request forces it.

        Raises MeshError with all that is in the way of a release that has not begun, and KubeError where the hub does
        not answer or another run holds the lock.
        """
        if self._setup.check_mode:
            return self._tick(self._setup, request, last_step)
        with self._setup.lock() as lease:
            return self._tick(replace(self._setup, lock_of_run=lease), request, last_step)

    def _tick(self, setup: Setup, request: Request, last_step: int | None) -> TickResult:
        started = time.monotonic()
        stored = self._store.load()
        refuse_a_part(setup, stored)
        before = self._match_subject(stored or ReleaseState())
        outcomes = self._read_clusters()
        self._refuse_other_hub(outcomes)
        state = self._with_revisions(before, outcomes)
        warnings = self._refuse_obstacles(state, outcomes)
        observation, asked = self._observe(state, outcomes, request, last_step)
        observed = time.monotonic()
        decision = machine.advance(self._release.rules, state, observation)
        state = decision.state
        self._save(setup, stored, state)
        aims = machine.compute_intended_targets(self._release.rules, state)
        change: Mapping[str, Any] = {}
        findings: tuple[Finding, ...] = ()
        if decision.apply:
            fresh = {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}
            change, findings = self._apply(setup, state, aims, fresh)
            if not setup.check_mode:
                after = self._conclude(state, findings)
                self._save(setup, state, after)
                state = after
        if not setup.check_mode and (state.run != before.run or state.done > before.done):
            self._forget_approvals()
        seconds = {"observe": observed - started, "apply": time.monotonic() - observed}
        return TickResult(before, state, observation, decision, aims, change, findings, asked, seconds, warnings)

    # Observe

    def _read_clusters(self) -> dict[str, LaneOutcome[LiveObjects]]:
        setup, release = self._setup, self._release
        return setup.each(lambda member: read(member, release))

    def _with_revisions(self, state: ReleaseState, outcomes: Mapping[str, LaneOutcome[LiveObjects]]) -> ReleaseState:
        found = {
            name: objects.compute_revision(self._release, outcome.get())
            for name, outcome in outcomes.items()
            if outcome.error is None
        }
        return note_revisions(state, self._setup.fleet.names, found, self._release.revision)

    def _match_subject(self, state: ReleaseState) -> ReleaseState:
        """The state, where it is about the same sides; a position of others says nothing of the weights of these.

        Raises MeshError where a release of others is under way.
        """
        subject = self._release.subject
        if state.subject in ("", subject):
            return replace(state, subject=subject)
        if state.done or state.phase in ("initializing", "initialized"):
            return ReleaseState(subject=subject, history=state.history)
        raise MeshError(
            "The release was not begun; nothing was written anywhere.",
            [
                Finding(
                    self._setup.hub,
                    OTHER_RELEASE,
                    f"{self._release.name} is {state.phase} with {state.subject}, and is asked for {subject}",
                    "let that one end, roll it back, or give this one another name",
                )
            ],
        )

    def _refuse_other_hub(self, outcomes: Mapping[str, LaneOutcome[LiveObjects]]) -> None:
        """Before anything is stored here: the release may be under way by the record of another hub."""
        findings = [
            finding
            for name, outcome in outcomes.items()
            if outcome.error is None
            for finding in hubs.find_others(
                name,
                outcome.get().objects.items(),
                COMPONENT,
                self._release.name,
                self._setup.hub,
                self._setup.write_off,
            )
        ]
        if findings:
            raise MeshError("The release was not begun; nothing was written anywhere.", findings)

    def _refuse_obstacles(
        self, state: ReleaseState, outcomes: Mapping[str, LaneOutcome[LiveObjects]]
    ) -> tuple[Finding, ...]:
        """Before a release begins everything that is in its way is said at once, and nothing is written.

        What else people should know before it begins. Raises MeshError.
        """
        begins = state.phase == "initializing" or state.latest not in (state.revision, state.promoted)
        is_back = state.done and begins
        if state.is_running or state.intended is not None or not (state.position.mode == "forward" or is_back):
            return ()
        fresh = {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}
        findings = [
            finding for name, live in fresh.items() for finding in objects.find_obstacles(self._release, name, live)
        ]
        if begins:
            findings += self._find_bystander_problems(fresh)
        if errors(findings):
            raise MeshError("The release was not begun; nothing was written anywhere.", errors(findings))
        return tuple(findings) if begins else ()

    def _find_bystander_problems(self, fresh: Mapping[str, LiveObjects]) -> list[Finding]:
        if self._release.service is None:
            return []
        found = self._setup.each(lambda member: bystanders.read(member, self._release), of=fresh)
        return [
            finding
            for name, outcome in found.items()
            for finding in objects.find_bystander_problems(
                self._release, name, fresh[name], bystanders.get_known(outcome)
            )
        ]

    def _observe(
        self,
        state: ReleaseState,
        outcomes: Mapping[str, LaneOutcome[LiveObjects]],
        request: Request,
        last_step: int | None,
    ) -> tuple[Observation, tuple[str, ...]]:
        now, revision = self._clock(), state.latest
        aims = machine.compute_intended_targets(self._release.rules, replace(state, intended=None))
        clusters = {name: self._observe_cluster(name, outcomes, aims, state, now) for name in self._setup.fleet.names}
        seen = Observation(now, revision, clusters, request=request, last_step=last_step)
        needs = machine.compute_needs(self._release.rules, state, seen)
        answers, asked = self._ask(state, needs, revision, now, outcomes)
        analysis = self._analyse(needs, answers, outcomes)
        return replace(seen, analysis=analysis, gates=answers), asked

    def _observe_cluster(
        self,
        name: str,
        outcomes: Mapping[str, LaneOutcome[LiveObjects]],
        aims: Mapping[str, ClusterTarget],
        state: ReleaseState,
        now: float,
    ) -> ClusterObservation:
        if name not in outcomes:
            return ClusterObservation(error="is excluded")
        error = outcomes[name].error
        if error is not None:
            return ClusterObservation(error=error.message)
        mark = Mark(state.revision, state.released)
        try:
            return objects.observe(
                self._release, name, outcomes[name].get(), aims[name], mark, now, state.since or state.started
            )
        except MeshError as found:
            return ClusterObservation(error="; ".join(finding.message for finding in found.findings))

    def _ask(
        self,
        state: ReleaseState,
        needs: Needs,
        revision: str,
        now: float,
        outcomes: Mapping[str, LaneOutcome[LiveObjects]],
    ) -> tuple[dict[str, GateAnswer], tuple[str, ...]]:
        """What webhooks and people say."""
        answers: dict[str, GateAnswer] = {}
        words: list[str] = []
        if needs.hooks and not self._setup.check_mode:
            payload = Payload(self._release.name, self._release.namespace, state.phase, revision)
            asked: tuple[Any, ...] = needs.hooks
            for kind, reply in webhooks.ask_webhooks(self._release.webhooks, asked, payload).items():
                answers[kind] = reply.answer
                words += reply.reasons
        if needs.gate:
            found = approvals.read(
                self._setup.records.place,
                self._release.name,
                self._list_annotated(outcomes),
            )
            reply_of_gate = gates.judge_gate(needs.gate, state.run, found, now)
            answers[needs.gate] = reply_of_gate.answer
            words.append(f"gate {needs.gate}: {reply_of_gate.reason}")
        return answers, tuple(words)

    def _list_annotated(self, outcomes: Mapping[str, LaneOutcome[LiveObjects]]) -> list[Mapping[str, Any]]:
        """The objects of the hub that people may annotate."""
        outcome = outcomes.get(self._setup.hub)
        return [] if outcome is None or outcome.error is not None else list(outcome.get().objects.values())

    def _analyse(
        self,
        needs: Needs,
        answers: Mapping[str, GateAnswer],
        outcomes: Mapping[str, LaneOutcome[LiveObjects]],
    ) -> Analysis | None:
        """Where a rollout webhook failed, metrics are not asked."""
        if not needs.measured or self._setup.check_mode or answers.get("rollout") == "failed":
            return None
        places = {name: find_measured_service(self._release, outcomes[name].get()) for name in needs.measured}
        deadline = _PATIENCE + self._release.analysis.envoy.window
        return measure(self._release.analysis, places, self._setup.fleet, deadline=deadline)

    # Make it so

    def _apply(
        self, setup: Setup, state: ReleaseState, aims: Mapping[str, ClusterTarget], fresh: dict[str, LiveObjects]
    ) -> tuple[Mapping[str, Any], tuple[Finding, ...]]:
        """The change, and why it failed. What takes a danger away or repairs goes on without clusters that fail."""
        position = state.intended or state.position
        if position.mode == "back" or state.intended is None:
            setup = replace(setup, policy=replace(setup.policy, tolerant=True))
        intent = ReleaseIntent(self._release, aims, Mark(state.revision, state.released), fresh)
        try:
            return Change(setup, intent).run(), ()
        except MeshError as error:
            return error.result, tuple(error.findings)
        except KubeError as error:
            finding = Finding(error.cluster, error.kind, error.message, error.remedy or "run again")
            return {}, (finding,)

    def _conclude(self, state: ReleaseState, findings: tuple[Finding, ...]) -> ReleaseState:
        now = self._clock()
        if not findings:
            return machine.mark_taken(self._release.rules, state, now)
        left = machine.mark_not_taken(state)
        # It is tried again after the time of the step, so that weights that others hold do not go up and down.
        return left if left.intended is not None else replace(left, since=now)

    def _forget_approvals(self) -> None:
        """With their run, which has ended, or is another one now. One that cannot be removed counts for nothing."""
        with suppress(KubeError):
            approvals.forget(self._store.place, self._release.name)

    def _save(self, setup: Setup, stored: ReleaseState | None, state: ReleaseState) -> None:
        if not setup.check_mode and state != stored:
            self._store.save(state)


def refuse_a_part(setup: Setup, state: ReleaseState | None) -> None:
    """Raises MeshError where a release is under way on clusters that this run leaves out by a limit: all or none."""
    if state is None or state.done or state.phase in ("initializing", "initialized"):
        return
    left_out = [name for name in setup.mesh if name in state.revisions and name not in setup.write_off]
    if left_out:
        raise MeshError(
            "The release was not touched.",
            [
                Finding(
                    setup.hub,
                    PART_OF_A_RELEASE,
                    f"release {setup.name} is {state.phase} on {', '.join(state.revisions)}, and this run leaves out "
                    f"{', '.join(left_out)}",
                    f"run it for all of them: --limit {','.join(state.revisions)}, or no limit at all",
                )
            ],
        )
