# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters that are not as all others: they came back, joined, or were changed. Pure."""

from __future__ import annotations

from dataclasses import replace

from ..model import ClusterObservation
from ..reasons import Reason
from .clusters import find_routing_to_canary, find_unready, observation_of, targets_at
from .decision import Decision, Tick
from .state import Position
from .targets import ClusterTarget


def repair_clusters(tick: Tick) -> Tick | Decision:
    """Every cluster is brought to what all others have, before anything else.

    Where a cluster's canary is not ready it gets its pods first, and its share when they are.
    """
    state = tick.state
    if state.intended is not None:
        return tick
    if tick.seen.revision != state.revision and any(each.copy for each in targets_at(tick, state.position).values()):
        # A promotion copies the canary as it is now, and this one was never looked at.
        return tick
    late = [
        name
        for name in tick.rules.waves
        if not observation_of(tick, name).error and not observation_of(tick, name).as_intended
    ]
    behind = find_lagging(tick, state.position)
    tick = tick.with_state(replace(state, behind=behind))
    waiting = _find_unmovable(tick, late)
    if waiting:
        return tick.stay(*waiting)
    grown = set(state.behind) - set(behind)
    if grown:
        # What was seen is what they were to have until now, so it says nothing about their share.
        return tick.begin(state.position, Reason("cluster", "catches-up", ", ".join(sorted(grown))))
    tick = _note_routes(tick, late)
    if late:
        return tick.apply_again(*(_say_why_late(tick, name) for name in late))
    waiting = find_unready(tick, "canary", behind)
    return tick.stay(*waiting) if waiting else tick


def _say_why_late(tick: Tick, name: str) -> Reason:
    """Until a release has its stable side, what is not there yet was changed by nobody."""
    if tick.state.phase == "initializing":
        return Reason("cluster", "set-up", name)
    return Reason("cluster", "repaired", name, (observation_of(tick, name).drift or "is not as intended",))


def _note_routes(tick: Tick, late: list[str]) -> Tick:
    """Clusters that still send to the canary what they are not to send drain from when they are put right, and no pods
    go together with the routes to them."""
    state, targets = tick.state, targets_at(tick, tick.state.position)
    if any(_sends_more(observation_of(tick, name), targets[name]) for name in late):
        state = replace(state, settled=None)
    elif state.settled is None:
        # They have been put right by a run that was killed.
        state = replace(state, settled=tick.seen.now)
    may_go = tick.rules.scales and any(targets[name].replicas == 0 for name in late)
    if may_go and find_routing_to_canary(tick):
        state = replace(state, position=replace(state.position, keeps=True))
    return tick.with_state(state)


def _sends_more(seen: ClusterObservation, target: ClusterTarget) -> bool:
    has_more = seen.traffic is not None and seen.traffic.canary > target.traffic.canary
    return has_more or ("canary" in seen.routed and not target.sends)


def find_lagging(tick: Tick, position: Position) -> tuple[str, ...]:
    """Clusters that have less than their share at a position, and no canary that could take it."""
    if position.mode == "canary":
        return ()
    tick_of_all = tick.with_state(replace(tick.state, behind=()))
    found = []
    for name, target in targets_at(tick_of_all, position).items():
        seen = observation_of(tick, name)
        if not target.sends or (not seen.error and seen.canary.usable):
            continue
        has_less = seen.traffic is None or seen.traffic.canary < target.traffic.canary or "canary" not in seen.routed
        if name in tick.state.behind or (not seen.error and not seen.as_intended and has_less):
            found.append(name)
    return tuple(found)


def _find_unmovable(tick: Tick, late: list[str]) -> list[Reason]:
    """Clusters that would give users back to a stable side that is not ready for them."""
    if tick.state.phase == "initializing":
        return []
    found = []
    for name, target in targets_at(tick, tick.state.position).items():
        seen = observation_of(tick, name)
        gains = seen.traffic is not None and target.traffic.stable > seen.traffic.stable
        # A side that is to get another template first may be waiting for just that.
        if name in late and gains and not target.copy and not target.restore:
            found += find_unready(tick, "stable", [name])
    return found
