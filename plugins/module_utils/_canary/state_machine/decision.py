# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick comes to, and how the state becomes it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ..model import Observation, Phase
from ..reasons import Reason, describe
from .rules import Rules
from .state import Position, ReleaseState, Transition


@dataclass(frozen=True)
class Decision:
    """What follows. ``apply``: make every cluster what ``state.intended`` (or else ``state.position``) says.

    ``reasons``: what happens, or what is waited for.
    """

    state: ReleaseState
    apply: bool = False
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True)
class Tick:
    """One call of advance as far as it has come: what is seen, the state as it becomes, and why.

    Each stage returns the tick as it leaves it, or a decision, which ends it.
    """

    rules: Rules
    seen: Observation
    state: ReleaseState
    reasons: tuple[Reason, ...] = ()

    @property
    def current(self) -> Position:
        """What is being made so, or else what stands."""
        return self.state.intended or self.state.position

    def with_state(self, state: ReleaseState) -> Tick:
        return replace(self, state=state)

    def with_reasons(self, *reasons: Reason) -> Tick:
        return replace(self, reasons=(*self.reasons, *reasons))

    def enter_phase(self, phase: Phase, reason: Reason, step: int | None = None) -> Tick:
        """The phase changes now."""
        index = self.state.position.step if step is None else step
        state = replace(self.state, phase=phase, reason=describe(reason))
        return self.with_state(record_transition(state, self.seen.now, index, self.rules))

    def stay(self, *reasons: Reason) -> Decision:
        """Nothing is written."""
        return Decision(self.state, False, tuple(dict.fromkeys((*self.reasons, *reasons))))

    def apply_again(self, *reasons: Reason) -> Decision:
        """What is intended is made so once more."""
        return replace(self.stay(*reasons), apply=True)

    def begin(self, position: Position, reason: Reason, phase: Phase | None = None) -> Decision:
        """A position is begun. A phase that depends on whether it is reached is left to ``advance.mark_taken``."""
        tick = self if phase is None else self.enter_phase(phase, reason, position.step)
        state = replace(tick.state, intended=position, reason=describe(reason))
        return tick.with_state(state).apply_again(reason)

    def repeat_stored_reason(self) -> Decision:
        """What is intended is made so once more, for the reason that it was begun for."""
        return self.apply_again(Reason("stored", "reason", values=(self.state.reason,)))


Stage = Callable[["Tick"], "Tick | Decision"]


def run_stages(tick: Tick, *stages: Stage) -> Tick | Decision:
    """One stage after the other, up to the first that decides."""
    for stage in stages:
        outcome = stage(tick)
        if isinstance(outcome, Decision):
            return outcome
        tick = outcome
    return tick


def record_transition(state: ReleaseState, now: float, step: int, rules: Rules) -> ReleaseState:
    """The state with its phase and reason in its history, unless they are its last entry already."""
    entry = Transition(now, state.phase, step, state.reason)
    if state.history and replace(state.history[-1], time=now) == entry:
        return state
    return replace(state, history=(*state.history, entry)[-rules.history_limit :])
