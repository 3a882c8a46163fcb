# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick goes by of what clusters look like: lists of what is in the way, empty where nothing is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import ClusterObservation, Readiness, Side
from ..reasons import Reason
from .decision import Tick
from .state import Position
from .targets import ClusterTarget, compute_targets


def targets_at(tick: Tick, position: Position) -> dict[str, ClusterTarget]:
    """What each cluster is to be like at a position."""
    return compute_targets(tick.rules.steps, tick.rules.waves, tick.state, position)


def sends_to_canary(tick: Tick, position: Position) -> bool:
    """Whether any cluster is to send requests to the canary."""
    return any(target.sends for target in targets_at(tick, position).values())


def find_away(tick: Tick, names: Iterable[str]) -> list[Reason]:
    """Clusters that are away, where the release may not go on without them."""
    policy = tick.rules.policy
    asked = [name for name in names if name not in policy.exclude]
    missing = [name for name in asked if observation_of(tick, name).error]
    if policy.goes_on(len(asked) - len(missing), len(asked)):
        return []
    return [Reason("cluster", "away", name, (observation_of(tick, name).error,)) for name in missing]


def find_owed(tick: Tick) -> list[Reason]:
    """Clusters that are away, and are not left out by name: they have yet to get what all others have."""
    return [
        Reason("cluster", "owed", name, (observation_of(tick, name).error,))
        for name in tick.rules.waves
        if observation_of(tick, name).error and name not in tick.rules.policy.exclude
    ]


def find_unready(tick: Tick, side: Side, names: Iterable[str]) -> list[Reason]:
    """Clusters whose side cannot take users. One that cannot be seen is a matter of ``find_away``."""
    found = []
    for name in names:
        readiness = readiness_of(observation_of(tick, name), side)
        if not observation_of(tick, name).error and not readiness.usable:
            found.append(Reason("cluster", "not-ready", name, (side, readiness.reason)))
    return found


def find_failed(tick: Tick, side: Side, names: Iterable[str]) -> dict[str, Reason]:
    """Clusters whose side will not become ready by waiting, with the reason."""
    found = {}
    for name in names:
        readiness = readiness_of(observation_of(tick, name), side)
        if not observation_of(tick, name).error and readiness.state == "failed":
            found[name] = Reason("cluster", "failed", name, (side, readiness.reason))
    return found


def find_routing_to_canary(tick: Tick, names: Iterable[str] | None = None) -> list[Reason]:
    """Clusters that route to the canary, or may: it must not go. Clients of any cluster reach the pods of each."""
    found = []
    for name in tick.rules.waves if names is None else names:
        each = observation_of(tick, name)
        if each.error:
            found.append(Reason("cluster", "may-route", name, (each.error,)))
        elif "canary" in each.routed:
            found.append(Reason("cluster", "routes", name))
    return found


def wait_for_drain(tick: Tick) -> Reason:
    """For how long the canary stays yet, for requests that are on their way."""
    left = max(tick.state.since, tick.state.settled or 0.0) + tick.rules.drain - tick.seen.now
    return Reason("time", "drain", values=(left,))


def find_excluded(tick: Tick) -> list[str]:
    """Clusters that nobody asks, because they are excluded by name."""
    return [name for name in tick.rules.waves if name in tick.rules.policy.exclude and observation_of(tick, name).error]


def observation_of(tick: Tick, name: str) -> ClusterObservation:
    return tick.seen.clusters.get(name, ClusterObservation(error="was not asked"))


def readiness_of(seen: ClusterObservation, side: Side) -> Readiness:
    return seen.canary if side == "canary" else seen.stable


def canary_sizes(tick: Tick, wave: int) -> Mapping[str, int]:
    """The canary's size on the clusters of a wave, as it stands."""
    standing = targets_at(tick, tick.state.position)
    return {name: standing[name].replicas for name in tick.rules.clusters_of(wave)}
