# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that are not as all others: they came back, joined, or were changed. Pure."""

from __future__ import annotations

from dataclasses import replace

from .clusters import aims, seen_of, unready
from .decision import Decision, Tick
from .state import Position


def repaired(tick: Tick) -> Decision | None:
    """Every cluster is brought to what all others have, before anything else; None where there is nothing to do.

    Where a cluster's canary is not ready it gets its pods first, and its share when they are.
    """
    state = tick.state
    if state.intended is not None:
        return None
    if tick.seen.revision != state.revision and any(aim.copy for aim in aims(tick, state.position).values()):
        # A promotion copies the canary as it is now, and this one was never looked at.
        return None
    late = [name for name in tick.rules.waves if not seen_of(tick, name).error and not seen_of(tick, name).holds]
    behind = lagging(tick, state.position)
    tick.state = replace(state, behind=behind)
    waiting = _not_to_be_moved(tick, late)
    if waiting:
        return tick.stay(*waiting)
    grown = set(state.behind) - set(behind)
    if grown:
        # What was seen is what they were to have until now, so it says nothing about their share.
        return tick.go(state.position, f"{', '.join(sorted(grown))}: has its pods, and gets its share")
    if late:
        words = [f"{name}: {seen_of(tick, name).drift or 'is not as intended'}; put right" for name in late]
        return tick.again(*words)
    waiting = unready(tick, "canary", behind)
    return tick.stay(*waiting) if waiting else None


def lagging(tick: Tick, position: Position) -> tuple[str, ...]:
    """Clusters that have less than their share at a position, and no canary that could take it."""
    if position.mode == "canary":
        return ()
    tick_of_all = replace(tick, state=replace(tick.state, behind=()))
    found = []
    for name, aim in aims(tick_of_all, position).items():
        seen = seen_of(tick, name)
        if not aim.sends or (not seen.error and seen.canary.usable):
            continue
        has_less = seen.traffic is None or seen.traffic.canary < aim.traffic.canary or "canary" not in seen.routed
        if name in tick.state.behind or (not seen.error and not seen.holds and has_less):
            found.append(name)
    return tuple(found)


def _not_to_be_moved(tick: Tick, late: list[str]) -> list[str]:
    """Clusters that would give users back to a stable side that is not ready for them."""
    if tick.state.phase == "initializing":
        return []
    found = []
    for name, aim in aims(tick, tick.state.position).items():
        seen = seen_of(tick, name)
        gains = seen.traffic is not None and aim.traffic.stable > seen.traffic.stable
        # A side that is to get another template first may be waiting for just that.
        if name in late and gains and not aim.copy and not aim.restore:
            found += unready(tick, "stable", [name])
    return found
