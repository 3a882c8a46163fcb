# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick comes to, and how the state becomes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..model import Observation, Phase
from .rules import Rules
from .state import Position, State, Transition


@dataclass(frozen=True)
class Decision:
    """What follows. ``apply``: make every cluster what ``state.intended`` (or else ``state.position``) says.

    ``reasons`` are for people: what happens, or what is waited for.
    """

    state: State
    apply: bool = False
    reasons: tuple[str, ...] = ()


@dataclass
class Tick:
    """One call of advance: the state as it becomes, and why."""

    rules: Rules
    seen: Observation
    state: State
    reasons: list[str] = field(default_factory=list)

    @property
    def current(self) -> Position:
        """What is being made so, or else what stands."""
        return self.state.intended or self.state.position

    def stay(self, *reasons: str) -> Decision:
        """Nothing is written."""
        self.reasons += reasons
        return Decision(self.state, False, tuple(dict.fromkeys(self.reasons)))

    def again(self, *reasons: str) -> Decision:
        """What is intended is made so once more."""
        return replace(self.stay(*reasons), apply=True)

    def go(self, position: Position, reason: str, phase: Phase | None = None) -> Decision:
        """A position is begun. A phase that depends on whether it is reached is left to ``advance.taken``."""
        if phase is not None:
            self.turn(phase, reason, position.step)
        self.state = replace(self.state, intended=position, reason=reason)
        return self.again(reason)

    def turn(self, phase: Phase, reason: str, step: int | None = None) -> None:
        """The phase changes now."""
        index = self.state.position.step if step is None else step
        self.state = noted(replace(self.state, phase=phase, reason=reason), self.seen.now, index, self.rules)


def noted(state: State, now: float, step: int, rules: Rules) -> State:
    """The state with its phase and reason in its history, unless they are its last entry already."""
    entry = Transition(now, state.phase, step, state.reason)
    if state.history and replace(state.history[-1], time=now) == entry:
        return state
    return replace(state, history=(*state.history, entry)[-rules.history_limit :])
