# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: what begins it, and how it ends. Pure.

It is an obligation from the moment that it is stored. It moves users only to a stable side that is ready, and takes the
canary away only when no cluster leads to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..model import ALL_WAVES
from .clusters import aims, broken, led_to_canary, left_out, owed, sending, unready
from .decision import Decision, Tick
from .repair import lagging, repaired
from .state import ASKED, Position, State
from .steps import name_of
from .verdicts import counted, judged


def failing(tick: Tick) -> Decision | None:
    """Whether something ends the release. Analyses are counted here, in the tick that made them."""
    state = tick.state
    if not state.running:
        return None
    if "rollback" in tick.rules.hooks and tick.seen.gates.get("rollback") == "open":
        return rolled_back(tick, "the rollback webhook asked for it", everything=True)
    if tick.current.mode != "forward":
        return None
    return _unusable(tick) or _condemned(tick)


def _condemned(tick: Tick) -> Decision | None:
    counted(tick)
    reasons = judged(tick)
    if not reasons:
        return None
    bad = tick.seen.analysis.bad if tick.seen.analysis is not None else ()
    return rolled_back(tick, *reasons, bad=bad)


def _unusable(tick: Tick) -> Decision | None:
    """Sides that will not become ready: a canary ends the release, a stable side stops it."""
    place, concerned = tick.current.place, tick.rules.concerned(tick.current.moving)
    promoting = place is not None and place.copy
    stable = broken(tick, "stable", tick.rules.waves)
    if stable:
        if promoting and set(stable) <= set(concerned):
            return _promotion_failed(tick, list(stable.values()))
        return tick.stay("the stable side is not usable, so nothing is moved", *stable.values())
    present = aims(tick, tick.current)
    canary = broken(tick, "canary", [name for name, aim in present.items() if aim.replicas])
    is_begun = tick.state.intended is None or tick.state.intended.step > 0
    stands = tick.state.position.place
    if canary and is_begun and not promoting and not (stands is not None and stands.copy):
        return rolled_back(tick, *canary.values(), bad=canary)
    return None


def _promotion_failed(tick: Tick, reasons: list[str]) -> Decision:
    """The stable side does not come up with the new template (flagger #1932): hold at the canary, retry, or restore."""
    way = tick.rules.on_failed_promotion
    if way == "restore":
        return rolled_back(tick, "the promotion failed", *reasons)
    if way == "retry":
        again = tick.again if tick.state.intended is not None or not _holds(tick) else tick.stay
        return again("the promotion is tried again", *reasons)
    concerned = tick.rules.concerned(tick.current.moving)
    missing = unready(tick, "canary", concerned)
    missing += [f"{name} has no canary any more" for name in concerned if not _has_canary(tick, name)]
    if missing:
        return tick.stay("neither side is usable, so nothing is moved", *reasons, *missing)
    tick.state = replace(tick.state, held=tick.state.held or "the promotion failed")
    position = replace(tick.current, mode="canary", wave=tick.current.moving, size=0)
    return tick.go(position, f"the promotion failed, everybody gets the canary: {'; '.join(reasons)}", "promoting")


def _holds(tick: Tick) -> bool:
    return all(each.holds for each in tick.seen.clusters.values() if not each.error)


def _has_canary(tick: Tick, name: str) -> bool:
    return not tick.rules.scales or aims(tick, tick.state.position)[name].replicas > 0


def rolled_back(tick: Tick, *reasons: str, everything: bool = False, bad: Iterable[str] = ()) -> Decision:
    """The way back begins, wherever the release is. ``bad`` are the clusters that it is about, if that is known."""
    state, rules = tick.state, tick.rules
    begun = state.intended
    base = state.position if begun is None or begun.step > 0 else begun
    wave = _reverted(tick, everything, bad)
    concerned = rules.concerned(wave)
    # What was begun may stand on some clusters: what it has copied is taken back too.
    places = [place for each in (base, tick.current) for place in each.places]
    restore = any(place.copy for place in places if ALL_WAVES in (wave, place.wave) or place.wave == wave)
    # A side that is to change gets no users more until it is as it was before, and ready.
    kept = restore and base.mode != "back"
    over = base.wave if base.mode == "canary" else base.over
    cap = _first_cap(tick, base, concerned, kept)
    position = replace(
        base, mode="back", cap=cap, wave=wave, restore=restore, kept=kept, over=over, scaled=False, size=0
    )
    where = "" if wave == ALL_WAVES else f" on {', '.join(concerned)}"
    reason = f"rolling back{where}: {'; '.join(reasons)}"
    # Only what a person holds outlasts the run.
    held = state.held if state.held == ASKED else ""
    tick.state = replace(state, done=False, held=held, cause="; ".join(reasons))
    tick.state = replace(tick.state, behind=lagging(tick, position))
    begins = tick.go(position, reason, "failed")
    if kept:
        return begins
    waiting = unready(tick, "stable", concerned)
    return tick.stay(*waiting) if waiting else begins


def _first_cap(tick: Tick, base: Position, concerned: Iterable[str], kept: bool) -> int:
    """What the canary has at most from now on."""
    if base.mode == "back":
        return 0
    stands = [aims(tick, each) for each in (base, tick.current)]
    has, least = (max((each[name].traffic.canary for name in concerned), default=0) for each in stands)
    if kept:
        return has
    return max(0, min(has, least) - tick.rules.rollback_step) if tick.rules.rollback_step else 0


def _reverted(tick: Tick, everything: bool, bad: Iterable[str]) -> int:
    """The wave that is taken back: the one under way, unless what is bad lies in another too."""
    moving = tick.current.moving
    if everything or tick.rules.revert == "all":
        return ALL_WAVES
    return ALL_WAVES if any(tick.rules.waves.get(name, moving) != moving for name in bad) else moving


def going_back(tick: Tick) -> Decision | None:
    """A release that failed, until nothing is owed any more."""
    state = tick.state
    if state.phase != "failed" or state.done:
        return None
    if state.intended is not None:
        if not state.intended.scaled or not led_to_canary(tick):
            return _begun(tick, state.intended)
        # Somebody leads to the canary again, so it stays for now.
        tick.state = replace(state, intended=None)
    return repaired(tick) or _lowered(tick) or _ended(tick)


def _begun(tick: Tick, intended: Position) -> Decision:
    waiting = [] if intended.kept else unready(tick, "stable", tick.rules.concerned(intended.wave))
    return tick.stay(*waiting) if waiting else tick.again(tick.state.reason)


def _lowered(tick: Tick) -> Decision | None:
    """The next part of the weight, None where all has been given back."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    waiting = unready(tick, "stable", rules.concerned(position.wave))
    if (position.kept or position.cap) and waiting:
        return tick.stay(*waiting)
    if position.cap and not position.kept:
        left = state.since + rules.rollback_interval - tick.seen.now
        if left > 0:
            return tick.stay(f"the weight falls on in {left:.0f} s")
    if not position.kept and not position.cap:
        # One that was restored is at its end when users have the side from before.
        return tick.stay(*waiting) if waiting and position.restore else None
    cap = max(0, position.cap - rules.rollback_step) if rules.rollback_step else 0
    return tick.go(replace(position, cap=cap, kept=False), f"users go back to the stable side, the canary has {cap}")


def _ended(tick: Tick) -> Decision | None:
    """Nothing is sent to the canary any more: it drains and goes. None at the end, where another revision may begin."""
    state, rules, position = tick.state, tick.rules, tick.state.position
    waiting = owed(tick)
    if waiting:
        return tick.stay(*waiting)
    if position.scaled or not rules.scales or sending(tick, position):
        _conclude(tick, "rolled back")
        return None
    left = state.since + rules.drain - tick.seen.now
    if left > 0:
        return tick.stay(f"the canary drains for {left:.0f} s more")
    leading = led_to_canary(tick)
    if not leading:
        return tick.go(replace(position, scaled=True), "rolled back")
    absent = left_out(tick)
    if leading == led_to_canary(tick, absent):
        _conclude(tick, f"rolled back; the canary stays, for {', '.join(absent)} may still route to it")
        return None
    return tick.stay(*leading)


def _conclude(tick: Tick, reason: str) -> None:
    tick.turn("failed", reason)
    tick.state = concluded_back(tick.state)
    tick.reasons.append(reason)


def concluded_back(state: State) -> State:
    """Rolled back everywhere. What is promoted is not known where waves differ now, or where it was this revision."""
    mixed = state.position.wave != ALL_WAVES and any(place.copy for place in state.position.places)
    unknown = mixed or state.promoted == state.revision
    return replace(state, done=True, promoted="" if unknown else state.promoted)


def at_canary(tick: Tick) -> Decision | None:
    """Held at the canary after a failed promotion: a person resumes, and the promotion goes on when it can."""
    state = tick.state
    if not state.running or state.position.mode != "canary" or state.intended is not None:
        return None
    mended = repaired(tick)
    if mended is not None:
        return mended
    if state.held:
        return tick.stay(f"held: {state.held}; everybody gets the canary")
    waiting = unready(tick, "stable", tick.rules.concerned(state.position.wave))
    if waiting:
        return tick.stay("the promotion waits", *waiting)
    position = replace(state.position, mode="forward", wave=ALL_WAVES)
    return tick.go(position, f"the stable side is ready, the promotion goes on with {name_of(tick.rules, position)}")
