# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollback: what begins it, and how it ends. Pure.

It is an obligation from the moment that it is stored. It moves users only to a stable side that is ready, and takes the
canary away only when no cluster routes to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model import ALL_WAVES
from ..reasons import Reason, join
from .clusters import (
    find_excluded,
    find_failed,
    find_owed,
    find_routing_to_canary,
    find_unready,
    sends_to_canary,
    targets_at,
    wait_for_drain,
)
from .decision import Decision, Tick, run_stages
from .repair import find_lagging, repair_clusters
from .state import Hold, Position, ReleaseState
from .steps import describe_position
from .verdicts import count_analysis, find_failures, hold_without_data


def fail_if_bad(tick: Tick) -> Tick | Decision:
    """Whether something ends the release. Analyses are counted here, in the tick that made them."""
    if not tick.state.is_running:
        return tick
    if is_rollback_asked(tick):
        return begin_rollback(tick, Reason("webhook", "rollback", "rollback"), everything=True)
    if tick.current.mode != "forward":
        return tick
    return run_stages(tick, _fail_by_unusable_sides, _fail_by_analysis)


def is_rollback_asked(tick: Tick) -> bool:
    """Whether a webhook asks for it."""
    return "rollback" in tick.rules.hooks and tick.seen.gates.get("rollback") == "open"


def refuse_revision(tick: Tick, reason: Reason) -> Tick:
    """A revision that waits for its release is not released. What stands is kept."""
    refused = tick.with_state(replace(tick.state, revision=tick.seen.revision, done=True))
    return refused.enter_phase("failed", reason).with_reasons(reason)


def _fail_by_analysis(tick: Tick) -> Tick | Decision:
    tick = count_analysis(tick)
    failures = find_failures(tick)
    if not failures:
        return hold_without_data(tick)
    bad = tick.seen.analysis.bad if tick.seen.analysis is not None else ()
    return begin_rollback(tick, *failures, bad=bad)


def _fail_by_unusable_sides(tick: Tick) -> Tick | Decision:
    """Sides that will not become ready: a canary ends the release, a stable side stops it."""
    place, concerned = tick.current.place, tick.rules.clusters_of(tick.current.wave_under_way)
    promoting = place is not None and place.copy
    stable = find_failed(tick, "stable", tick.rules.waves)
    if stable:
        if promoting and set(stable) <= set(concerned):
            return _handle_failed_promotion(tick, list(stable.values()))
        return tick.stay(Reason("promotion", "stable-unusable"), *stable.values())
    present = targets_at(tick, tick.state.position)
    canary = find_failed(tick, "canary", [name for name, target in present.items() if target.replicas])
    is_begun = tick.state.intended is None or tick.state.intended.step > 0
    standing = tick.state.position.place
    if canary and is_begun and not promoting and not (standing is not None and standing.copy):
        return begin_rollback(tick, *canary.values(), bad=canary)
    return tick


def _handle_failed_promotion(tick: Tick, reasons: list[Reason]) -> Decision:
    """The stable side does not come up with the new template (flagger #1932): hold at the canary, retry, or restore."""
    way = tick.rules.on_failed_promotion
    if way == "restore":
        return begin_rollback(tick, Reason("promotion", "failed"), *reasons)
    if way == "retry":
        unfinished = tick.state.intended is not None or not _is_as_intended(tick)
        retry = tick.apply_again if unfinished else tick.stay
        return retry(Reason("promotion", "retried"), *reasons)
    concerned = tick.rules.clusters_of(tick.current.wave_under_way)
    missing = find_unready(tick, "canary", concerned)
    missing += [Reason("cluster", "no-canary", name) for name in concerned if not _has_canary(tick, name)]
    if missing:
        return tick.stay(Reason("promotion", "none-usable"), *reasons, *missing)
    hold = tick.state.hold or Hold("promotion", join([Reason("promotion", "failed")]))
    position = replace(tick.current, mode="canary", wave=tick.current.wave_under_way, size=0)
    reason = Reason("promotion", "to-canary", values=(join(reasons),))
    return tick.with_state(replace(tick.state, hold=hold)).begin(position, reason, "promoting")


def _is_as_intended(tick: Tick) -> bool:
    return all(each.as_intended for each in tick.seen.clusters.values() if not each.error)


def _has_canary(tick: Tick, name: str) -> bool:
    return not tick.rules.scales or targets_at(tick, tick.state.position)[name].replicas > 0


def begin_rollback(tick: Tick, *reasons: Reason, everything: bool = False, bad: Iterable[str] = ()) -> Decision:
    """The rollback begins, wherever the release is. ``bad`` are the clusters that it is about, if that is known."""
    state, rules = tick.state, tick.rules
    begun = state.intended
    base = state.position if begun is None or begun.step > 0 else begun
    wave = _wave_to_revert(tick, everything, bad)
    concerned = rules.clusters_of(wave)
    # What was begun may stand on some clusters: what it has copied is taken back too.
    places = [place for each in (base, tick.current) for place in each.places]
    restore = any(place.copy for place in places if ALL_WAVES in (wave, place.wave) or place.wave == wave)
    # A side that is to change gets no users more until it is as it was before, and ready.
    kept = restore and base.mode != "back"
    over = base.wave if base.mode == "canary" else base.over
    cap = _first_cap(tick, base, concerned, kept)
    position = replace(
        base, mode="back", cap=cap, wave=wave, restore=restore, kept=kept, over=over, scaled=False, size=0, keeps=True
    )
    reason = Reason("rollback", "begins", values=(join(reasons),))
    if wave != ALL_WAVES:
        reason = replace(reason, what="begins-in-wave", about=", ".join(concerned))
    # Only what a person holds outlasts the run.
    hold = state.hold if state.hold is not None and state.hold.kind == "person" else None
    tick = tick.with_state(replace(state, done=False, hold=hold, cause=join(reasons)))
    tick = tick.with_state(replace(tick.state, behind=find_lagging(tick, position)))
    begins = tick.begin(position, reason, "failed")
    waiting = [] if kept else find_unready(tick, "stable", concerned)
    if waiting:
        return replace(begins, apply=False, reasons=tuple(dict.fromkeys((*begins.reasons, *waiting))))
    return begins


def _first_cap(tick: Tick, base: Position, concerned: Iterable[str], kept: bool) -> int:
    """What the canary has at most from now on."""
    if base.mode == "back":
        return 0
    standing = [targets_at(tick, each) for each in (base, tick.current)]
    has, least = (max((each[name].traffic.canary for name in concerned), default=0) for each in standing)
    if kept:
        return has
    return max(0, min(has, least) - tick.rules.rollback_step) if tick.rules.rollback_step else 0


def _wave_to_revert(tick: Tick, everything: bool, bad: Iterable[str]) -> int:
    """The wave that is taken back: the one under way, unless what is bad lies in another too."""
    moving = tick.current.wave_under_way
    if everything or tick.rules.revert == "all":
        return ALL_WAVES
    return ALL_WAVES if any(tick.rules.waves.get(name, moving) != moving for name in bad) else moving


def continue_rollback(tick: Tick) -> Tick | Decision:
    """A release that failed, until nothing is owed any more."""
    state = tick.state
    if state.phase != "failed" or state.done:
        return tick
    if state.intended is not None:
        if not state.intended.scaled or not find_routing_to_canary(tick):
            return _repeat_rollback(tick, state.intended)
        # Somebody routes to the canary again, so it stays for now.
        tick = tick.with_state(replace(state, intended=None))
    return run_stages(tick, repair_clusters, _lower_weight, _end_rollback)


def _repeat_rollback(tick: Tick, intended: Position) -> Decision:
    waiting = [] if intended.kept else find_unready(tick, "stable", tick.rules.clusters_of(intended.wave))
    return tick.stay(*waiting) if waiting else tick.repeat_stored_reason()


def _lower_weight(tick: Tick) -> Tick | Decision:
    """The next part of the weight, until all has been given back."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    waiting = find_unready(tick, "stable", rules.clusters_of(position.wave))
    if (position.kept or position.cap) and waiting:
        return tick.stay(*waiting)
    if position.cap and not position.kept:
        left = state.since + rules.rollback_interval - tick.seen.now
        if left > 0:
            return tick.stay(Reason("time", "rollback", values=(left,)))
    if not position.kept and not position.cap:
        # One that was restored is at its end when users have the side from before.
        return tick.stay(*waiting) if waiting and position.restore else tick
    cap = max(0, position.cap - rules.rollback_step) if rules.rollback_step else 0
    return tick.begin(replace(position, cap=cap, kept=False), Reason("rollback", "lowered", values=(cap,)))


def _end_rollback(tick: Tick) -> Tick | Decision:
    """Nothing is sent to the canary any more: it drains and goes. At the end another revision may begin."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    waiting = find_owed(tick)
    if waiting:
        return tick.stay(*waiting)
    if position.scaled or not rules.scales or sends_to_canary(tick, position):
        return _conclude(tick, Reason("rollback", "done"))
    if not state.is_drained(tick.seen.now, rules.drain):
        return tick.stay(wait_for_drain(tick))
    routing = find_routing_to_canary(tick)
    if not routing:
        return tick.begin(replace(position, scaled=True, keeps=False), Reason("rollback", "done"))
    excluded = find_excluded(tick)
    if routing == find_routing_to_canary(tick, excluded):
        return _conclude(tick, Reason("rollback", "done-without", ", ".join(excluded)))
    return tick.stay(*routing)


def _conclude(tick: Tick, reason: Reason) -> Tick:
    tick = tick.enter_phase("failed", reason)
    return tick.with_state(conclude_rollback(tick.state)).with_reasons(reason)


def conclude_rollback(state: ReleaseState) -> ReleaseState:
    """Rolled back everywhere. What is promoted is not known where waves differ now."""
    mixed = state.position.wave != ALL_WAVES and any(place.copy for place in state.position.places)
    if mixed:
        return replace(state, done=True, promoted="", previous="")
    if state.promoted == state.revision:
        return replace(state, done=True, promoted=state.previous, previous="")
    return replace(state, done=True)


def resume_promotion(tick: Tick) -> Tick | Decision:
    """Held at the canary after a failed promotion: a person resumes, and the promotion goes on when it can."""
    state = tick.state
    if not state.is_running or state.position.mode != "canary" or state.intended is not None:
        return tick
    return run_stages(tick, repair_clusters, _resume_when_ready)


def _resume_when_ready(tick: Tick) -> Decision:
    state = tick.state
    if state.hold is not None:
        return tick.stay(Reason("hold", "held-at-canary", state.hold.kind, (state.hold.text,)))
    waiting = find_unready(tick, "stable", tick.rules.clusters_of(state.position.wave))
    if waiting:
        return tick.stay(Reason("promotion", "waits"), *waiting)
    position = replace(state.position, mode="forward", wave=ALL_WAVES, keeps=True)
    return tick.begin(position, Reason("promotion", "resumed", describe_position(tick.rules, position)))
