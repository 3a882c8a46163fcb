# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which step a release is at, what is asked there, and how it is called. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..analysis import limits
from ..model import ALL_WAVES, PlanStep
from ..plan.plan import plan_hash
from .rules import Rules
from .state import Position, ReleaseState
from .targets import places_at


def position_at(rules: Rules, index: int) -> Position:
    """A step of the plan as a position."""
    return Position(index, places=places_at(rules.steps, index), plan=plan_hash(rules.steps[: index + 1]))


def step_of(rules: Rules, state: ReleaseState) -> PlanStep | None:
    """The step that stands, None before the first."""
    return rules.steps[state.position.step] if 0 <= state.position.step < len(rules.steps) else None


def next_step(rules: Rules, state: ReleaseState) -> PlanStep | None:
    """The step after it, None after the last."""
    index = state.position.step + 1
    return rules.steps[index] if index < len(rules.steps) else None


def is_start(rules: Rules, index: int) -> bool:
    """Whether a step only gives a wave its pods."""
    steps = rules.steps[: index + 1]
    if not steps or steps[-1].phase != "progressing":
        return False
    return all(each.wave != steps[-1].wave for each in steps[:-1])


def is_replanned(rules: Rules, state: ReleaseState) -> bool:
    """Whether the plan was changed in what is done already, or has become shorter than that."""
    return state.position.step >= 0 and plan_hash(rules.steps[: state.position.step + 1]) != state.plan


def due_at(rules: Rules, state: ReleaseState) -> float:
    """When the time of the step that stands is over. A drain counts from when the last cluster had the position."""
    step = step_of(rules, state)
    drains = step is not None and step.phase == "finalising"
    begins = max(state.since, state.settled or 0.0) if drains else state.since
    return begins + rules.duration_of(state.position.step)


def needs_analysis(rules: Rules, state: ReleaseState, step: PlanStep) -> bool:
    """Whether there is anything to ask before a step may be left; metrics may have passed often enough for good."""
    enough = limits.find_limit(rules.metrics, state.tallies)[0] == "pass"
    return step.analysis and ("rollout" in rules.hooks or (bool(rules.metrics) and not enough))


def is_analysis_due(rules: Rules, state: ReleaseState, step: PlanStep, now: float) -> bool:
    """Whether an analysis is to be made at ``now``, in seconds since the epoch."""
    if not needs_analysis(rules, state, step):
        return False
    end = state.since + rules.duration_of(step.index)
    if state.checked <= state.since:
        return now >= min(end, state.since + rules.interval)
    return now >= state.checked + rules.interval or now >= end > state.checked


def webhooks_before(step: PlanStep, after: PlanStep) -> list[str]:
    """The webhooks that have to be open between a step and the next. Copies of requests are traffic too."""
    increases = after.canary > step.canary or after.mirror > step.mirror or (after.matched and not step.matched)
    promotes = begins_promotion(step, after)
    return [
        *(["confirm-traffic-increase"] if increases or promotes else []),
        *(["confirm-promotion"] if promotes else []),
    ]


def begins_promotion(step: PlanStep, after: PlanStep) -> bool:
    """Whether the promotion begins between a step and the next, as users see it: of a cutover it is that."""
    return after.cutover or (after.phase == "promoting" and not (step.cutover or step.phase == "promoting"))


@dataclass(frozen=True)
class Guards:
    """What has to be open until a step is taken: the gate of a person, empty for none, and webhooks."""

    gate: str = ""
    hooks: tuple[str, ...] = ()


def guards_of(rules: Rules, state: ReleaseState, intended: Position, place: PlanStep) -> Guards:
    """What guards a step that was begun: not a start, nor pods alone, nor what a person has passed over."""
    step = step_of(rules, state)
    if intended.forced or intended.mode != "forward" or step is None or intended.step == state.position.step:
        return Guards()
    return Guards(step.gate, pick_configured(rules, *webhooks_before(step, place)))


def pick_configured(rules: Rules, *hooks: str) -> tuple[str, ...]:
    """Those of the hooks that there are."""
    return tuple(name for name in hooks if name in rules.hooks)


def describe_position(rules: Rules, position: Position) -> str:
    """``step 3/7: canary 25 %`` or the like."""
    if position.step >= len(rules.steps):
        return f"step {position.step}, which the plan has no more"
    if position.step < 0:
        return "the start"
    step = rules.steps[position.step]
    share = f"{step.canary} of {rules.total}" if rules.total != 100 else f"{step.canary} %"
    extra = ", matching requests" if step.matched else f", mirrored {step.mirror} %" if step.mirror else ""
    wave = "" if step.wave == ALL_WAVES or len(set(rules.waves.values())) < 2 else f", wave {step.wave + 1}"
    return f"step {position.step}/{len(rules.steps) - 1}: canary {share}{extra}{wave}, {step.phase}"
