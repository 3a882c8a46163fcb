# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each cluster is to be like at a position of a release. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..model import ALL_WAVES, TOTAL, PlanStep, TrafficSplit
from ..plan.plan import traffic_at
from .state import Position, ReleaseState


@dataclass(frozen=True)
class ClusterTarget:
    """One cluster. ``replicas`` is the canary's size in percent; with ``keeps`` one that is larger stays as it is.

    ``copy``: the stable side has the canary's pod template; ``restore``: it has the one from before again; with neither
    it keeps what it has. ``leaving``: the Service leads to the workload itself again, because the release is removed.
    """

    traffic: TrafficSplit
    replicas: int = 0
    keeps: bool = False
    copy: bool = False
    restore: bool = False
    leaving: bool = False

    @property
    def sends(self) -> bool:
        """Whether requests, or copies of them, go to the canary."""
        return bool(self.traffic.canary or self.traffic.matched or self.traffic.mirror)

    def gives_more_than(self, before: ClusterTarget) -> bool:
        """Whether more requests, or copies of them, go to the canary than before."""
        more = [(self.traffic.canary, before.traffic.canary), (self.traffic.mirror, before.traffic.mirror)]
        return any(now > had for now, had in more) or (self.traffic.matched and not before.traffic.matched)


def compute_targets(
    steps: Sequence[PlanStep], waves: Mapping[str, int], state: ReleaseState, position: Position
) -> dict[str, ClusterTarget]:
    """From cluster to what it is to be like at ``position``; ``waves`` is from cluster to its wave.

    A position that has no places yet gets them from ``steps``. The copy of a promotion is not an event but something
    that clusters have from then on: one that was away gets it when it is back.
    """
    places = position.places or places_at(steps, position.step)
    first = next(iter((*places, *steps)), None)
    total = first.canary + first.stable if first is not None else TOTAL
    return {name: _target(places, total, name, wave, state, position) for name, wave in waves.items()}


def places_at(steps: Sequence[PlanStep], index: int) -> tuple[PlanStep, ...]:
    """The step of each wave that has begun when the run is at ``index``; one for ALL_WAVES where they do not differ.

    ``copy`` of it says whether the wave was promoted up to there.
    """
    if index < 0:
        return ()
    numbers = sorted({step.wave for step in steps} - {ALL_WAVES})
    found = {number: _place(steps, index, number) for number in numbers or [ALL_WAVES]}
    places = [place for place in found.values() if place is not None]
    alike = len(places) == len(found) and len({replace(place, wave=ALL_WAVES) for place in places}) == 1
    return (replace(places[0], wave=ALL_WAVES),) if alike else tuple(places)


def _place(steps: Sequence[PlanStep], index: int, wave: int) -> PlanStep | None:
    step = traffic_at(steps, index, wave)
    if step is None:
        return None
    copied = any(each.copy for each in steps[: index + 1] if each.wave in (wave, ALL_WAVES))
    return replace(step, wave=wave, copy=copied)


def _target(
    places: Sequence[PlanStep], total: int, name: str, wave: int, state: ReleaseState, position: Position
) -> ClusterTarget:
    step = next((each for each in places if each.wave in (wave, ALL_WAVES)), None)
    concerned = position.wave in (ALL_WAVES, wave)
    if step is None:
        # Before the first release it is the workload that runs; a wave that has not begun has no canary yet.
        size = 0 if position.scaled or position.step >= 0 else 100
        size = max(size, position.size) if concerned else size
        return ClusterTarget(TrafficSplit(0, total, expired=state.expired), size, position.keeps)
    traffic = TrafficSplit(step.canary, step.stable, step.mirror, step.matched)
    target = ClusterTarget(traffic, step.replicas, position.keeps, step.copy)
    if position.mode == "back":
        # What goes back promotes nobody any more.
        target = replace(target, copy=False)
    if concerned:
        target = replace(_with_position(target, total, wave, position), replicas=_size(target, position))
    if name in state.behind and position.mode != "canary":
        target = replace(target, traffic=TrafficSplit(0, total))
    return replace(target, traffic=_with_cookie(target.traffic, state))


def _size(target: ClusterTarget, position: Position) -> int:
    if position.mode == "canary":
        return 100
    return 0 if position.scaled else max(target.replicas, position.size)


def _with_position(target: ClusterTarget, total: int, wave: int, position: Position) -> ClusterTarget:
    """What a position has other than its step says."""
    if position.mode == "forward":
        return target
    if position.mode == "canary":
        return replace(target, traffic=TrafficSplit(total, 0))
    before = TrafficSplit(total, 0) if position.over in (ALL_WAVES, wave) else target.traffic
    canary = min(before.canary, position.cap)
    traffic = before if position.kept else TrafficSplit(canary, total - canary)
    return replace(target, traffic=traffic, restore=position.restore)


def _with_cookie(traffic: TrafficSplit, state: ReleaseState) -> TrafficSplit:
    """Clients stay with the canary as long as it has a share and is not everything (Flagger's session affinity)."""
    sticks = bool(state.cookie and traffic.canary and traffic.stable)
    expired = state.expired if sticks or not state.cookie else (*state.expired, state.cookie)
    return replace(traffic, cookie=state.cookie if sticks else "", expired=expired)
