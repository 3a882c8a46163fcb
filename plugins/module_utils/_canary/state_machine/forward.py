# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way forward: what has to be true before the next step, and taking it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model import Step
from .clusters import aims, away, led_to_canary, left_out, sizes, unready
from .decision import Decision, Tick
from .repair import repaired
from .state import Position
from .steps import analysed, following, gates_before, is_replanned, name_of, placed, step_of

_REPLANNED = "the plan was changed in what is done already; roll back, or put the plan back"


def interrupted(tick: Tick) -> Decision | None:
    """What was begun and is not known to be everywhere is made so again."""
    intended = tick.state.intended
    if intended is None:
        return None
    place = intended.place
    if intended.mode == "canary":
        waiting = unready(tick, "canary", tick.rules.concerned(intended.wave))
    elif place is None or _is_growth(tick, intended):
        waiting = away(tick, tick.rules.waves)
    else:
        waiting = _not_ready(tick, intended, place)
        if waiting and intended.step > 0 and _lags(tick):
            # A cluster that was away lacks what this step builds on: it is not taken, and all have the one before.
            tick.state = replace(tick.state, intended=None)
            return repaired(tick)
    return tick.stay(*waiting) if waiting else tick.again(f"goes on with {name_of(tick.rules, intended)}")


def _lags(tick: Tick) -> bool:
    """Whether a cluster has neither its pods nor more requests than in the step that stands."""
    stands = aims(tick, tick.state.position)
    return tick.state.position.mode == "forward" and any(
        not seen.error
        and not seen.holds
        and stands[name].replicas > 0
        and not seen.canary.usable
        and seen.traffic is not None
        and seen.traffic.canary <= stands[name].traffic.canary
        for name, seen in tick.seen.clusters.items()
    )


def onward(tick: Tick) -> Decision:
    """The next step, if nothing is in its way."""
    state, rules = tick.state, tick.rules
    step, after = step_of(rules, state), following(rules, state)
    if state.phase not in ("progressing", "waiting_promotion", "promoting", "finalising"):
        return tick.stay(f"revision {state.revision} is {state.phase}")
    if step is not None and is_replanned(rules, state):
        return tick.stay(_REPLANNED)
    smaller = settled(tick)
    if smaller is not None:
        return smaller
    if step is None or after is None:
        return tick.stay(f"revision {state.revision} is {state.phase}")
    if state.held:
        return tick.stay(f"held: {state.held}")
    # What a later moment decides is not worth a word yet.
    waiting = [*_prepared(tick), *(_timed(tick) or _judged(tick, step))]
    if waiting:
        return tick.stay(*waiting)
    waiting = closed(tick, gates_before(step, after)) + _gated(tick, step)
    if waiting:
        if after.phase == "promoting" and state.phase == "progressing":
            tick.turn("waiting_promotion", waiting[0])
        return tick.stay(*waiting)
    return _taken(tick, after, "")


def pushed(tick: Tick) -> Decision | None:
    """A person passes over times, verdicts and gates; what is known to be broken is not passed over."""
    state, rules, request = tick.state, tick.rules, tick.seen.request
    if request not in ("skip", "promote") or state.intended is not None:
        return None
    if is_replanned(rules, state):
        return tick.stay(_REPLANNED)
    # A promotion that is under way is not passed over: users of its wave have to come to its end.
    jumps = request == "promote" and state.phase in ("progressing", "waiting_promotion")
    ahead = [step for step in rules.steps[state.position.step + 1 :] if not jumps or step.phase == "promoting"]
    if not ahead:
        return tick.stay(f"there is no step to {request} to")
    tick.state = replace(state, prepared=True)
    decision = _taken(tick, ahead[0], f"a person asked to {request}")
    if decision.state.intended is None:
        return replace(decision, state=state)
    return decision


def settled(tick: Tick) -> Decision | None:
    """A canary that is larger than its step says becomes as large, once nobody needs it."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    place, after = position.place, following(rules, state)
    if not position.size or place is None or state.intended is not None:
        return None
    if state.running and after is not None and after.replicas >= position.size and _carries(after):
        return None
    if place.replicas == 0 and led_to_canary(tick):
        return None
    return tick.go(replace(position, size=0), f"{name_of(rules, position)}: the canary has its size")


def _taken(tick: Tick, after: Step, why: str) -> Decision:
    """A step is taken. Pods come before the requests for them, and go after them."""
    state, rules = tick.state, tick.rules
    bare = state.position.bare
    position = replace(placed(rules, after.index), bare=bare)
    reason = f"{name_of(rules, position)}{f' ({why})' if why else ''}"
    if rules.scales:
        present = sizes(tick, after.wave)
        if _carries(after) and after.replicas > min(present.values(), default=after.replicas):
            return _grown(tick, after)
        if after.replicas < max(present.values(), default=0):
            position = _shrinking(tick, position, after, max(present.values()))
    waiting = _not_ready(tick, position, after)
    return tick.stay(*waiting) if waiting else tick.go(position, reason)


def _grown(tick: Tick, after: Step) -> Decision:
    waiting = away(tick, tick.rules.waves)
    if waiting:
        return tick.stay(*waiting)
    position = replace(tick.state.position, size=after.replicas, wave=after.wave)
    aim = name_of(tick.rules, placed(tick.rules, after.index))
    return tick.go(position, f"the canary grows to {after.replicas} % for {aim}")


def _is_growth(tick: Tick, intended: Position) -> bool:
    return intended.step == tick.state.position.step and intended.size > 0


def _shrinking(tick: Tick, position: Position, after: Step, size: int) -> Position:
    """The position with the pods that are there now, while users, or clusters that nobody asks, may need them."""
    stands = aims(tick, tick.state.position)
    carrying = any(stands[name].sends for name in tick.rules.concerned(after.wave))
    absent = left_out(tick)
    leading = led_to_canary(tick) if after.replicas == 0 else []
    if carrying or (leading and leading == led_to_canary(tick, absent)):
        return replace(position, size=size, wave=after.wave)
    return position


def _not_ready(tick: Tick, position: Position, step: Step) -> list[str]:
    """What keeps a position from being taken now, by what the clusters look like."""
    rules = tick.rules
    concerned = rules.concerned(position.moving)
    waiting = away(tick, rules.waves)
    if _carries(step):
        waiting += unready(tick, "canary", concerned)
    before, after = aims(tick, tick.state.position), aims(tick, position)
    # A side that gets its new template now becomes ready with it.
    if step.stable and not any(after[name].copy and not before[name].copy for name in concerned):
        waiting += unready(tick, "stable", concerned)
    if rules.scales and step.replicas == 0 and not position.size:
        waiting += led_to_canary(tick)
    return waiting


def _carries(step: Step) -> bool:
    return bool(step.canary or step.matched or step.mirror)


def _prepared(tick: Tick) -> list[str]:
    if tick.state.prepared or "pre-rollout" not in tick.rules.hooks:
        return []
    answer = tick.seen.gates.get("pre-rollout")
    if answer == "open":
        tick.state = replace(tick.state, prepared=True)
        return []
    return [f"the pre-rollout webhook {'failed' if answer == 'failed' else 'has not answered yet'}"]


def _timed(tick: Tick) -> list[str]:
    left = tick.state.since + tick.rules.hold(tick.state.position.step) - tick.seen.now
    return [f"{name_of(tick.rules, tick.state.position)} is held for {left:.0f} s more"] if left > 0 else []


def _judged(tick: Tick, step: Step) -> list[str]:
    """The newest verdict on this step has to be pass."""
    verdict = tick.state.verdict
    if not analysed(tick.rules, tick.state, step) or verdict == "pass":
        return []
    return [f"the analysis of this step says {verdict or 'nothing yet'}"]


def _gated(tick: Tick, step: Step) -> list[str]:
    if not step.gate or tick.state.approved:
        return []
    if tick.seen.gates.get(step.gate) == "open":
        tick.state = replace(tick.state, approved=True)
        return []
    return [f"gate {step.gate} is closed"]


def closed(tick: Tick, hooks: Iterable[str]) -> list[str]:
    """Webhooks that hold."""
    asked = [name for name in hooks if name in tick.rules.hooks]
    return [f"the {name} webhook holds" for name in asked if tick.seen.gates.get(name) != "open"]
