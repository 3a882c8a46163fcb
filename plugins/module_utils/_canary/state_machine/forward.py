# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way forward: what has to be true before the next step, and taking it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model import PlanStep
from ..reasons import Reason
from .clusters import (
    canary_sizes,
    find_away,
    find_excluded,
    find_routing_to_canary,
    find_unready,
    observation_of,
    sends_to_canary,
    targets_at,
    wait_for_drain,
)
from .decision import Decision, Tick
from .needs import find_missing_canaries, is_judgeable
from .repair import repair_clusters
from .state import Position
from .steps import (
    begins_promotion,
    describe_position,
    due_at,
    guards_of,
    is_replanned,
    is_start,
    needs_analysis,
    next_step,
    position_at,
    step_of,
    webhooks_before,
)
from .verdicts import forgive_missing_data

_REPLANNED = Reason("plan", "changed")


def resume_step(tick: Tick) -> Tick | Decision:
    """What was begun and is not known to be everywhere is made so again."""
    intended = tick.state.intended
    if intended is None:
        return tick
    place = intended.place
    if intended.mode == "canary":
        waiting = find_unready(tick, "canary", tick.rules.clusters_of(intended.wave))
    elif place is None or _is_growth(tick, intended):
        waiting = find_away(tick, tick.rules.waves)
    else:
        waiting = _find_obstacles(tick, intended, place)
        lacks_base = bool(waiting) and _is_any_lagging(tick)
        if intended.step > 0 and (lacks_base or _is_refused(tick, intended, place)):
            # A cluster that was away lacks what this step builds on, or what guards the step was closed before all
            # clusters had it: it is not taken, and all have the one before.
            return repair_clusters(tick.with_state(replace(tick.state, intended=None)))
    if waiting:
        return tick.stay(*waiting)
    # Somebody may have given a cluster pods, and requests for them, since the position was begun.
    if intended.step == tick.state.position.step:
        if not intended.keeps and _takes_pods_in_use(tick, intended):
            return repair_clusters(tick.with_state(replace(tick.state, intended=None)))
    elif tick.rules.scales and place is not None:
        intended = replace(intended, keeps=intended.keeps or _keeps_pods(tick, intended, place))
        tick = tick.with_state(replace(tick.state, intended=intended))
    return tick.apply_again(Reason("step", "resumed", describe_position(tick.rules, intended)))


def _is_any_lagging(tick: Tick) -> bool:
    """Whether a cluster has neither its pods nor more requests than in the step that stands."""
    standing = targets_at(tick, tick.state.position)
    return tick.state.position.mode == "forward" and any(
        not seen.error
        and not seen.as_intended
        and standing[name].replicas > 0
        and not seen.canary.usable
        and seen.traffic is not None
        and seen.traffic.canary <= standing[name].traffic.canary
        for name, seen in tick.seen.clusters.items()
    )


def _is_refused(tick: Tick, intended: Position, place: PlanStep) -> bool:
    """Whether what guards a step that was begun is closed now. What was not asked says nothing."""
    guards = guards_of(tick.rules, tick.state, intended, place)
    asked = [name for name in (guards.gate, *guards.hooks) if name]
    return any(tick.seen.gates.get(name, "open") != "open" for name in asked)


def take_next_step(tick: Tick) -> Decision:
    """The next step, if nothing is in its way."""
    state, rules, seen = tick.state, tick.rules, tick.seen
    step, after = step_of(rules, state), next_step(rules, state)
    if state.phase not in ("progressing", "waiting_promotion", "promoting", "finalising"):
        return tick.stay(Reason("revision", "stands", state.revision, (state.phase,)))
    if is_replanned(rules, state):
        return tick.stay(_REPLANNED)
    smaller = shrink_canary(tick)
    if isinstance(smaller, Decision):
        return smaller
    if step is None or after is None:
        return tick.stay(Reason("revision", "stands", state.revision, (state.phase,)))
    if state.hold is not None:
        return tick.stay(Reason("hold", "held", state.hold.kind, (state.hold.text,)))
    tick = _note_pre_rollout(tick)
    if seen.last_step is not None and after.index > seen.last_step:
        return tick.stay(Reason("step", "last", describe_position(rules, state.position)))
    # What a later moment decides is not worth a word yet.
    waiting = [*_wait_for_pre_rollout(tick), *(_wait_for_time(tick) or _wait_for_verdict(tick, step))]
    if waiting:
        return tick.stay(*waiting)
    waiting = find_closed_webhooks(tick, webhooks_before(step, after)) + _wait_for_gate(tick, step)
    if waiting:
        if begins_promotion(step, after) and state.phase == "progressing":
            tick = tick.enter_phase("waiting_promotion", waiting[0])
        return tick.stay(*waiting)
    return _take_step(tick, after)


def force_next_step(tick: Tick) -> Tick | Decision:
    """A person passes over times, verdicts and gates; what is known to be broken is not passed over."""
    state, rules, request = tick.state, tick.rules, tick.seen.request
    if request not in ("skip", "promote") or state.intended is not None:
        return tick
    if is_replanned(rules, state):
        return tick.stay(_REPLANNED)
    # A promotion that is under way is not passed over: users of its wave have to come to its end.
    jumps = request == "promote" and state.phase in ("progressing", "waiting_promotion")
    ahead = [step for step in rules.steps[state.position.step + 1 :] if not jumps or step.phase == "promoting"]
    if not ahead:
        return tick.stay(Reason("plan", "no-step", request))
    decision = _take_step(tick.with_state(replace(state, prepared=True)), ahead[0], forced_by=request)
    intended = decision.state.intended
    if intended is None:
        return replace(decision, state=state)
    if request == "promote" and not _is_growth(tick, intended):
        # A later word of a person than the hold; nothing more is asked on the way to the end.
        return replace(decision, state=forgive_missing_data(replace(decision.state, hold=None)))
    return decision


def shrink_canary(tick: Tick) -> Tick | Decision:
    """A canary that is larger than its position says becomes as large, once nobody needs it."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    after = next_step(rules, state)
    if not (position.size or position.keeps) or state.intended is not None:
        return tick
    if state.is_running and position.size and after is not None and after.replicas >= position.size:
        return tick
    if position.mode == "back" and (not rules.scales or sends_to_canary(tick, position)):
        return tick
    smaller = replace(position, size=0, keeps=False, scaled=position.scaled or position.mode == "back")
    if _takes_pods_in_use(tick, smaller):
        return tick
    goes = any(target.replicas == 0 for target in targets_at(tick, smaller).values())
    if goes and not state.is_drained(tick.seen.now, rules.drain):
        return tick.with_reasons(wait_for_drain(tick))
    return tick.begin(smaller, Reason("step", "canary-has-size", describe_position(rules, position)))


def _takes_pods_in_use(tick: Tick, position: Position) -> bool:
    """Whether pods go by a position that somebody may still route to."""
    goes = any(target.replicas == 0 for target in targets_at(tick, position).values())
    return tick.rules.scales and goes and bool(find_routing_to_canary(tick))


def _take_step(tick: Tick, after: PlanStep, *, forced_by: str = "") -> Decision:
    """A step is taken. Pods come before the requests for them, and go after them."""
    rules = tick.rules
    position = replace(position_at(rules, after.index), forced=bool(forced_by))
    name = describe_position(rules, position)
    reason = Reason("step", "forced", name, (forced_by,)) if forced_by else Reason("step", "taken", name)
    if rules.scales:
        present = canary_sizes(tick, after.wave)
        is_growing = after.replicas > min(present.values(), default=after.replicas)
        if is_growing and not is_start(rules, after.index):
            return _grow_canary(tick, after)
        position = replace(position, keeps=_keeps_pods(tick, position, after))
    waiting = _find_obstacles(tick, position, after)
    return tick.stay(*waiting) if waiting else tick.begin(position, reason)


def _grow_canary(tick: Tick, after: PlanStep) -> Decision:
    waiting = find_away(tick, tick.rules.waves)
    if waiting:
        return tick.stay(*waiting)
    position = replace(tick.state.position, size=after.replicas, wave=after.wave)
    name = describe_position(tick.rules, position_at(tick.rules, after.index))
    return tick.begin(position, Reason("step", "canary-grows", name, (after.replicas,)))


def _is_growth(tick: Tick, intended: Position) -> bool:
    return intended.step == tick.state.position.step and intended.size > 0


def _keeps_pods(tick: Tick, position: Position, after: PlanStep) -> bool:
    """Whether pods stay that a step has no use for: while requests go to them, or a cluster that nobody asks, or whose
    wave is another one, may still route there."""
    standing, wanted = targets_at(tick, tick.state.position), targets_at(tick, position)
    smaller = [
        name
        for name, target in wanted.items()
        if tick.state.position.keeps
        or target.replicas < standing[name].replicas
        or (target.replicas == 0 and not observation_of(tick, name).as_intended)
    ]
    if any(standing[name].sends for name in smaller):
        return True
    if not any(wanted[name].replicas == 0 for name in smaller):
        return False
    routing = find_routing_to_canary(tick)
    # Where the pods of its own wave are to go, the step waits for whoever can be asked.
    may_stay = after.replicas > 0 or routing == find_routing_to_canary(tick, find_excluded(tick))
    return bool(routing) and may_stay


def _find_obstacles(tick: Tick, position: Position, step: PlanStep) -> list[Reason]:
    """What keeps a position from being taken now, by what the clusters look like."""
    rules = tick.rules
    concerned = rules.clusters_of(position.wave_under_way)
    waiting = find_away(tick, rules.waves)
    before, after = targets_at(tick, tick.state.position), targets_at(tick, position)
    copies = any(after[name].copy and not before[name].copy for name in concerned)
    gives_more = any(after[name].gives_more_than(before[name]) for name in concerned)
    # What is looked at or copied has its pods, whether or not requests go there.
    looks = copies or (step.phase == "progressing" and not is_start(rules, step.index))
    if gives_more or (looks and step.replicas > 0):
        waiting += find_unready(tick, "canary", concerned)
    # Users have to be able to go back, and what is to get another template answers meanwhile.
    moves = any(after[name].traffic != before[name].traffic for name in concerned)
    if step.stable or copies or moves:
        waiting += find_unready(tick, "stable", concerned)
    if rules.scales and step.replicas == 0 and not position.keeps:
        waiting += find_routing_to_canary(tick)
    return waiting


def _note_pre_rollout(tick: Tick) -> Tick:
    """Once the pre-rollout webhook has let it pass, it is not asked again."""
    if "pre-rollout" in tick.rules.hooks and tick.seen.gates.get("pre-rollout") == "open":
        return tick.with_state(replace(tick.state, prepared=True))
    return tick


def _wait_for_pre_rollout(tick: Tick) -> list[Reason]:
    if tick.state.prepared or "pre-rollout" not in tick.rules.hooks:
        return []
    failed = tick.seen.gates.get("pre-rollout") == "failed"
    missing = [] if failed else find_missing_canaries(tick)
    return missing or [Reason("webhook", "failed" if failed else "no-answer", "pre-rollout")]


def _wait_for_time(tick: Tick) -> list[Reason]:
    position = tick.state.position
    left = due_at(tick.rules, tick.state) - tick.seen.now
    return [Reason("time", "step", describe_position(tick.rules, position), (left,))] if left > 0 else []


def _wait_for_verdict(tick: Tick, step: PlanStep) -> list[Reason]:
    """The newest verdict on this step has to be pass."""
    verdict = tick.state.verdict
    if not needs_analysis(tick.rules, tick.state, step) or verdict == "pass" or not is_judgeable(tick):
        return []
    return [Reason("analysis", "verdict-of-step", values=(verdict or "nothing yet",))]


def _wait_for_gate(tick: Tick, step: PlanStep) -> list[Reason]:
    is_open = tick.seen.gates.get(step.gate) == "open"
    return [Reason("gate", "closed", step.gate)] if step.gate and not is_open else []


def find_closed_webhooks(tick: Tick, hooks: Iterable[str]) -> list[Reason]:
    """Webhooks that hold."""
    asked = [name for name in hooks if name in tick.rules.hooks]
    return [Reason("webhook", "closed", name) for name in asked if tick.seen.gates.get(name) != "open"]
