# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of a release: one function, no input and no output.

A tick observes, asks :func:`advance` what follows, stores the answer, makes it so on all clusters, and stores with
:func:`mark_taken` that it is so. Cut off in between, the next tick makes the same thing so again: it is absolute.

Other than in Flagger the position is stored and not read off the weights; the failed analysis that reaches the
threshold ends the release in its own tick; no data is no failure; a step is taken only when all clusters hold the one
before; a side goes only when no cluster is seen to route to it.
"""

from __future__ import annotations

from dataclasses import replace

from ..model import Observation
from .decision import Decision, Tick, record_transition, run_stages
from .forward import force_next_step, resume_step, take_next_step
from .needs import Needs, compute_needs, is_starting
from .repair import repair_clusters
from .requests import handle_request, restart_on_request
from .rollback import conclude_rollback, continue_rollback, fail_if_bad, resume_promotion
from .rules import Rules
from .start import begin_after_return, begin_new_revision, restart_on_new_revision
from .state import ReleaseState
from .steps import due_at, needs_analysis, step_of
from .targets import ClusterTarget, compute_targets

__all__ = [
    "Decision",
    "Needs",
    "advance",
    "compute_intended_targets",
    "compute_needs",
    "is_starting",
    "mark_not_taken",
    "mark_taken",
    "next_due_at",
]

STAGES = (
    handle_request,
    restart_on_new_revision,
    continue_rollback,
    restart_on_request,
    begin_new_revision,
    fail_if_bad,
    begin_after_return,
    resume_promotion,
    resume_step,
    repair_clusters,
    force_next_step,
)
"""What may decide before the next step is taken, in this order."""


def advance(rules: Rules, state: ReleaseState, seen: Observation) -> Decision:
    """What follows from an observation. The same observation again gives the same answer."""
    outcome = run_stages(Tick(rules, seen, state), *STAGES)
    return outcome if isinstance(outcome, Decision) else take_next_step(outcome)


def mark_taken(rules: Rules, state: ReleaseState, now: float) -> ReleaseState:
    """The state once every cluster has what was intended."""
    position = state.intended
    if position is None:
        return state if state.settled is not None else replace(state, settled=now)
    before = state.position
    moved = replace(state, position=replace(position, forced=False), intended=None, settled=now)
    if (position.step, position.mode) != (before.step, before.mode) or position.mode == "back":
        moved = replace(moved, since=now, verdict="", plan=position.plan)
    place = position.place
    if position.mode == "forward" and place is not None:
        moved = replace(moved, phase=place.phase)
    return _conclude(record_transition(moved, now, position.step, rules))


def mark_not_taken(state: ReleaseState) -> ReleaseState:
    """The state where clusters could not be made what was intended: a step is not taken then; what the change
    still owes to a cluster leads to the same place. A rollback stays an obligation, and so does a start, which
    moves nobody."""
    intended = state.intended
    if intended is None or intended.mode == "back" or intended.step <= 0:
        return state
    return replace(state, intended=None)


def _conclude(state: ReleaseState) -> ReleaseState:
    """What a position brings when it is reached."""
    position, place = state.position, state.position.place
    if state.phase == "initializing":
        if not position.scaled:
            return state
        return replace(state, phase="initialized", promoted=state.revision, done=True)
    if state.phase == "succeeded" and position.mode == "forward" and place is not None:
        # Nothing is before the end of a revision that is promoted once more but what was before it the first time.
        previous = state.previous if state.promoted in ("", state.revision) else state.promoted
        return replace(state, promoted=state.revision, previous=previous, done=True)
    if position.mode == "back" and position.scaled:
        return conclude_rollback(state)
    return state


def compute_intended_targets(rules: Rules, state: ReleaseState) -> dict[str, ClusterTarget]:
    """What each cluster is to be like now."""
    return compute_targets(rules.steps, rules.waves, state, state.intended or state.position)


def next_due_at(rules: Rules, state: ReleaseState, after: float) -> float | None:
    """The first moment after ``after`` at which time alone may change the answer; None where time changes nothing."""
    moments = [due_at(rules, state)]
    step = step_of(rules, state)
    if state.is_running and step is not None and needs_analysis(rules, state, step):
        moments.append(max(state.since, state.checked) + rules.interval)
    if state.phase == "failed" and not state.done:
        drain_begins = max(state.since, state.settled or 0.0)
        moments = [state.since + rules.rollback_interval if state.position.cap else drain_begins + rules.drain]
    return min((moment for moment in moments if moment > after), default=None)
