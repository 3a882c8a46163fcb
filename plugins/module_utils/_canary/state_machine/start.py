# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a release begins, and what is done while none is under way. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..model import Phase
from .clusters import aims, away, broken, led_to_canary, unready
from .decision import Decision, Tick
from .forward import closed, settled
from .repair import repaired
from .rollback import rolled_back
from .state import Position, State
from .steps import placed


def begun_anew(tick: Tick) -> Decision | None:
    """Another revision has come while one is under way: everybody goes back to the stable side, and the ramp begins."""
    state, revision = tick.state, tick.seen.revision
    if not state.running or not revision or revision == state.revision:
        return None
    if revision == state.promoted:
        return rolled_back(tick, f"revision {revision} is back, which is the stable one", everything=True)
    waiting = unready(tick, "stable", tick.rules.waves)
    copied = [name for name, aim in aims(tick, tick.current).items() if aim.copy]
    if tick.current.mode == "canary" or broken(tick, "stable", copied):
        # It never becomes ready with the template that it has.
        return rolled_back(tick, f"revision {revision} has come, and the promotion failed", everything=True)
    if waiting:
        return tick.stay(f"revision {revision} waits until users can go back to the stable side", *waiting)
    before = state.revision
    tick.state = _fresh(tick)
    # The way back is owed, whoever is away. The ramp begins when all clusters are there.
    start = replace(placed(tick.rules, 0), mode="back")
    return tick.go(start, f"revision {revision} replaces {before}; it begins from the start", "progressing")


def gathered(tick: Tick) -> Decision | None:
    """Everybody has gone back for another revision: its ramp begins."""
    state = tick.state
    if not state.running or tick.current.mode != "back":
        return None
    if state.intended is not None:
        waiting = unready(tick, "stable", tick.rules.waves)
        return tick.stay(*waiting) if waiting else tick.again(state.reason)
    waiting = away(tick, tick.rules.waves)
    return (
        repaired(tick)
        or (tick.stay(*waiting) if waiting else None)
        or tick.go(_start(tick), f"revision {state.revision} begins")
    )


def idle(tick: Tick) -> Decision | None:
    """Nothing is under way: a new revision begins, if it may."""
    state, rules, revision = tick.state, tick.rules, tick.seen.revision
    if state.running or (state.phase == "failed" and not state.done):
        return None
    if state.phase == "initializing":
        return initialized(tick)
    if not revision or revision in (state.revision, state.promoted) or state.held:
        return _quiet(tick)
    waits = closed(tick, ["confirm-rollout"])
    if waits:
        if state.phase != "waiting":
            tick.turn("waiting", waits[0])
        return tick.stay(*waits)
    # A stable side that is not ready cannot take users back, so nothing new is begun.
    waiting = [*away(tick, rules.waves), *unready(tick, "stable", rules.waves)]
    if waiting:
        return tick.stay(f"revision {revision} waits", *waiting)
    tick.state = _fresh(tick)
    return tick.go(_start(tick), f"revision {revision} begins", "progressing")


def _quiet(tick: Tick) -> Decision:
    """No new revision: what stands is kept as it is."""
    state, revision = tick.state, tick.seen.revision
    if state.intended is not None:
        if not led_to_canary(tick):
            return tick.again(state.reason)
        tick.state = replace(state, intended=None)
    if state.phase == "waiting" and not state.held:
        tick.turn(_before_waiting(state), f"revision {revision} is no new one any more")
    word = "held" if state.held else tick.state.phase
    return repaired(tick) or settled(tick) or tick.stay(f"revision {revision or 'unknown'} is {word}")


def _before_waiting(state: State) -> Phase:
    if state.position.step < 0:
        return "initialized"
    return "succeeded" if state.position.mode == "forward" else "failed"


def initialized(tick: Tick) -> Decision:
    """The first tick of all: with a baseline the stable side is made of what runs, else the release begins at once."""
    state, rules, revision = tick.state, tick.rules, tick.seen.revision
    waiting = away(tick, rules.waves)
    if waiting:
        return tick.stay(*waiting)
    if not revision:
        return tick.stay("there is no revision to be seen")
    if not rules.baseline:
        tick.turn("initialized", "the routes are known")
        return idle(tick) or tick.stay()
    if state.revision != revision:
        tick.state = replace(state, revision=revision, released=state.revisions, started=tick.seen.now)
        return tick.go(Position(), f"revision {revision} becomes the stable side", "initializing")
    last = Position(scaled=True)
    if state.intended is not None and not state.intended.scaled:
        return tick.again(state.reason)
    waiting = [*unready(tick, "stable", rules.waves), *(led_to_canary(tick) if rules.scales else [])]
    if waiting:
        tick.state = replace(state, intended=None)
        return repaired(tick) or tick.stay(*waiting)
    return tick.go(last, f"revision {revision} is the stable side", "initializing")


def _start(tick: Tick) -> Position:
    """The first step. Waves that have not begun have no canary, if nobody was sent there lately."""
    drained = not tick.state.running or tick.seen.now >= tick.state.since + tick.rules.drain
    return replace(placed(tick.rules, 0), bare=drained and not led_to_canary(tick))


def _fresh(tick: Tick) -> State:
    """The state at the start of a ramp; nothing of an earlier run counts."""
    state, now, revision = tick.state, tick.seen.now, tick.seen.revision
    cookie = f"c{revision}" if tick.rules.sticky else ""
    return replace(
        state,
        revision=revision,
        released=state.revisions,
        promoted=_stands(tick),
        started=now,
        since=now,
        checked=0.0,
        verdict="",
        failed=0,
        tallies={},
        prepared=False,
        approved=False,
        behind=(),
        done=False,
        reason="",
        cause="",
        cookie=cookie,
        expired=(state.cookie,) if state.cookie not in ("", cookie) else (),
    )


def _stands(tick: Tick) -> str:
    """The revision of the stable side: of a run that is cut short by the next one it may be in between."""
    state = tick.state
    if not state.running:
        return state.promoted
    stands = [aim.copy for aim in aims(tick, state.position).values()]
    begun = [aim.copy for aim in aims(tick, tick.current).values()]
    if all(stands):
        return state.revision
    return "" if any([*stands, *begun]) else state.promoted
