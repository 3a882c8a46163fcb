# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tick goes by of what clusters look like: lists of what is in the way, empty where nothing is. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..model import Readiness, Seen, Side
from .decision import Tick
from .state import Position
from .targets import Target, targets


def aims(tick: Tick, position: Position) -> dict[str, Target]:
    """What each cluster is to be like at a position."""
    return targets(tick.rules.steps, tick.rules.waves, tick.state, position)


def sending(tick: Tick, position: Position) -> bool:
    """Whether any cluster is to send requests to the canary."""
    return any(aim.sends for aim in aims(tick, position).values())


def away(tick: Tick, names: Iterable[str]) -> list[str]:
    """Clusters that are away, where the release may not go on without them."""
    policy = tick.rules.policy
    asked = [name for name in names if name not in policy.exclude]
    missing = [name for name in asked if seen_of(tick, name).error]
    if policy.goes_on(len(asked) - len(missing), len(asked)):
        return []
    return [f"{name} is away: {seen_of(tick, name).error}" for name in missing]


def owed(tick: Tick) -> list[str]:
    """Clusters that are away, and are not left out by name: they have yet to get what all others have."""
    return [
        f"{name} is away and still owed: {seen_of(tick, name).error}"
        for name in tick.rules.waves
        if seen_of(tick, name).error and name not in tick.rules.policy.exclude
    ]


def unready(tick: Tick, side: Side, names: Iterable[str]) -> list[str]:
    """Clusters whose side cannot take users. One that cannot be seen is a matter of ``away``."""
    found = []
    for name in names:
        readiness = readiness_of(seen_of(tick, name), side)
        if not seen_of(tick, name).error and not readiness.usable:
            found.append(f"{name}: the {side} side is not ready: {readiness.reason}")
    return found


def broken(tick: Tick, side: Side, names: Iterable[str]) -> dict[str, str]:
    """Clusters whose side will not become ready by waiting, with the reason."""
    found = {}
    for name in names:
        readiness = readiness_of(seen_of(tick, name), side)
        if not seen_of(tick, name).error and readiness.state == "failed":
            found[name] = f"{name}: the {side} side failed: {readiness.reason}"
    return found


def led_to_canary(tick: Tick, names: Iterable[str] | None = None) -> list[str]:
    """Clusters that route to the canary, or may: it must not go. Clients of any cluster reach the pods of each."""
    found = []
    for name in tick.rules.waves if names is None else names:
        each = seen_of(tick, name)
        if each.error:
            found.append(f"{name} may still route to the canary side: {each.error}; bring it back, or take it out")
        elif "canary" in each.routed:
            found.append(f"{name} still routes to the canary side")
    return found


def left_out(tick: Tick) -> list[str]:
    """Clusters that nobody asks, because they are excluded by name."""
    return [name for name in tick.rules.waves if name in tick.rules.policy.exclude and seen_of(tick, name).error]


def seen_of(tick: Tick, name: str) -> Seen:
    return tick.seen.clusters.get(name, Seen(error="was not asked"))


def readiness_of(seen: Seen, side: Side) -> Readiness:
    return seen.canary if side == "canary" else seen.stable


def sizes(tick: Tick, wave: int) -> Mapping[str, int]:
    """The canary's size on the clusters of a wave, as it stands."""
    stands = aims(tick, tick.state.position)
    return {name: stands[name].replicas for name in tick.rules.concerned(wave)}
