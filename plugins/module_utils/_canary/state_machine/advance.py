# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine of a release: one function, no input and no output.

A tick observes, asks :func:`advance` what follows, stores the answer, makes it so on all clusters, and stores with
:func:`taken` that it is so. Cut off in between, the next tick makes the same thing so again: it is absolute.

Other than in Flagger the position is stored and not read off the weights; the failed analysis that reaches the
threshold ends the release in its own tick; no data is no failure; a step is taken only when all clusters hold the one
before; a side goes only when no cluster is seen to route to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..model import Observation
from .decision import Decision, Tick, noted
from .forward import interrupted, onward, pushed
from .repair import repaired
from .requests import commanded, restarted
from .rollback import at_canary, concluded_back, failing, going_back
from .rules import Rules
from .start import begun_anew, gathered, idle
from .state import State
from .steps import analysed, analysis_due, configured, following, gates_before, step_of
from .targets import Target, targets

__all__ = ["Decision", "Needs", "advance", "due", "intends", "needs", "not_taken", "taken"]


@dataclass(frozen=True)
class Needs:
    """What has to be asked before :func:`advance` can say anything. ``gate`` is that of a person, empty for none."""

    analysis: bool = False
    hooks: tuple[str, ...] = ()
    gate: str = ""


def needs(rules: Rules, state: State, revision: str, now: float) -> Needs:
    """What a tick has to ask at this moment, of a canary with that revision."""
    if not state.running:
        is_new = revision not in ("", state.revision, state.promoted)
        return Needs(hooks=configured(rules, "confirm-rollout") if is_new else ())
    asked = ["rollback"]
    if state.position.mode != "forward" or state.intended is not None or revision not in ("", state.revision):
        return Needs(hooks=configured(rules, *asked))
    step = step_of(rules, state)
    is_due = step is not None and analysis_due(rules, state, step, now)
    if not state.prepared and (state.checked <= state.since or now >= state.checked + rules.interval):
        asked.append("pre-rollout")
    if is_due:
        asked.append("rollout")
    after = following(rules, state)
    if after is not None and now >= state.since + rules.hold(state.position.step):
        asked += gates_before(step, after)
    return Needs(is_due and bool(rules.metrics), configured(rules, *asked), step.gate if step is not None else "")


def advance(rules: Rules, state: State, seen: Observation) -> Decision:
    """What follows from an observation. The same observation again gives the same answer."""
    tick = Tick(rules, seen, state)
    return (
        commanded(tick)
        or begun_anew(tick)
        or going_back(tick)
        or restarted(tick)
        or idle(tick)
        or failing(tick)
        or gathered(tick)
        or at_canary(tick)
        or interrupted(tick)
        or repaired(tick)
        or pushed(tick)
        or onward(tick)
    )


def taken(rules: Rules, state: State, now: float) -> State:
    """The state once every cluster has what was intended."""
    position = state.intended
    if position is None:
        return state
    before = state.position
    moved = replace(state, position=position, intended=None)
    if (position.step, position.mode) != (before.step, before.mode) or position.mode == "back":
        moved = replace(moved, since=now, verdict="", approved=False, plan=position.plan)
    place = position.place
    if position.mode == "forward" and place is not None:
        moved = replace(moved, phase=place.phase)
    return _concluded(noted(moved, now, position.step, rules))


def not_taken(state: State) -> State:
    """The state where clusters could not be made what was intended: a step is not taken then; what the change
    still owes to a cluster leads to the same place. A way back stays an obligation, and so does a start, which
    moves nobody."""
    intended = state.intended
    if intended is None or intended.mode == "back" or intended.step <= 0:
        return state
    return replace(state, intended=None)


def _concluded(state: State) -> State:
    """What a position brings when it is reached."""
    position, place = state.position, state.position.place
    if state.phase == "initializing":
        if not position.scaled:
            return state
        return replace(state, phase="initialized", promoted=state.revision, done=True)
    if state.phase == "succeeded" and position.mode == "forward" and place is not None:
        return replace(state, promoted=state.revision, done=True)
    if position.mode == "back" and position.scaled:
        return concluded_back(state)
    return state


def intends(rules: Rules, state: State) -> dict[str, Target]:
    """What each cluster is to be like now."""
    return targets(rules.steps, rules.waves, state, state.intended or state.position)


def due(rules: Rules, state: State, now: float) -> float:
    """Seconds until time alone may change the answer; 0 where it does not depend on time."""
    moments = [state.since + rules.hold(state.position.step)]
    step = step_of(rules, state)
    if state.running and step is not None and analysed(rules, state, step):
        moments.append(max(state.since, state.checked) + rules.interval)
    if state.phase == "failed" and not state.done:
        moments = [state.since + (rules.rollback_interval if state.position.cap else rules.drain)]
    return min((moment - now for moment in moments if moment > now), default=0.0)
