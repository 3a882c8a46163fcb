# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule of a canary: from options to steps. Pure.

The numbers are Flagger's (pkg/controller/scheduler.go: maxWeight, nextStepWeight, runCanary, runAB, runBlueGreen,
runPromotionTrafficShift), except that a ramp ends at its maximum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from ..._change.objects import content_hash
from ..._times import seconds_of
from ..._values import truth
from ..model import ALL_WAVES, Step
from .options import KINDS_OF_STEPS, MOST_STEPS, NAME, PLAN_ARGUMENT_SPEC, PROMOTION, Problems, Ring, rings_of, waves_of

__all__ = ["PLAN_ARGUMENT_SPEC", "as_dict", "plan_hash", "schedule", "traffic_at", "waves_of"]


@dataclass(frozen=True)
class _Held:
    """A step, and for how many seconds it is held at least."""

    step: Step
    seconds: float

    def but(self, seconds: float | None = None, **changes: Any) -> _Held:
        return _Held(replace(self.step, **changes), self.seconds if seconds is None else seconds)


def schedule(options: Mapping[str, Any]) -> tuple[Step, ...]:
    """All steps of a run, in order; what is missing in ``options`` has the default of PLAN_ARGUMENT_SPEC.

    Step 0 starts the canary without traffic, the last one has the phase succeeded. Raises MeshError with everything
    that is wrong with the plan.
    """
    rings, problems = rings_of(options)
    switch = options.get("promotion") == "switch"
    together = len(rings) > 1 and options.get("promote") == "together"
    if together:
        rings = [replace(ring, gates=_gates_together(ring, ring is rings[-1])) for ring in rings]
    parts = [_progressing(ring, problems) for ring in rings]
    problems.refuse()
    if together:
        _check_together(rings, parts, problems)
        problems.refuse()
    held: list[_Held] = []
    for ring, part in zip(rings, parts, strict=True):
        held += part
        if not together:
            held += _ending(ring, part[-1].step, switch)
            # The canary of a wave that is done goes before the next wave begins; of the last one when all is done.
            if ring is not rings[-1] and not switch:
                held.append(held[-1].but(seconds=0.0, replicas=0))
    if together:
        held += [each.but(wave=ALL_WAVES) for each in _ending(rings[-1], parts[-1][-1].step, switch)]
    last = held[-1].but(
        seconds=0.0,
        phase="succeeded",
        replicas=100 if switch else 0,
        wave=ALL_WAVES if len(rings) > 1 else 0,
    )
    return _numbered([*held, last])


def traffic_at(steps: Sequence[Step], index: int, wave: int) -> Step | None:
    """The step that the clusters of a wave have when the run is at ``index``; None where theirs has not begun."""
    return next((step for step in reversed(steps[: index + 1]) if step.wave in (wave, ALL_WAVES)), None)


def as_dict(step: Step) -> dict[str, Any]:
    """A step as results, the lookup and the filter have it: the fields of ``Step``."""
    return asdict(step)


def plan_hash(steps: Iterable[Step]) -> str:
    """A short text that differs for schedules that differ in anything."""
    return content_hash([as_dict(step) for step in steps])


def _check_together(rings: Sequence[Ring], parts: Sequence[Sequence[_Held]], problems: Problems) -> None:
    ends = {ring.name: part[-1].step for ring, part in zip(rings, parts, strict=True)}
    if len({(end.canary, end.matched, end.replicas) for end in ends.values()}) > 1:
        told = ", ".join(
            f"{name} at {end.canary}{' and what matches' if end.matched else ''}, {end.replicas} percent of replicas"
            for name, end in ends.items()
        )
        problems.add(
            "waves-end-differently",
            f"waves that are promoted together end differently: {told}",
            "let all end in the same way, or promote each wave by itself",
        )
    if len({ring.step_weight_promotion for ring in rings}) > 1 or len({ring.drain for ring in rings}) > 1:
        problems.add(
            "waves-end-differently",
            "waves that are promoted together have their own step_weight_promotion or drain",
            "give these for the whole plan",
        )


# From start to maximum


def _progressing(ring: Ring, problems: Problems) -> list[_Held]:
    """The steps of one wave up to its promotion."""
    problems.where = f"wave {ring.name}: " if ring.name else ""
    if ring.steps:
        body = list(_listed(ring, problems))
    elif problems:
        # Numbers that are refused make no steps.
        body = []
    elif ring.strategy == "weights":
        body = list(_ramp(ring))
    else:
        body = list(_iterated(ring))
    # The canary is started in the size that its first step needs, and the first step follows when it is ready.
    replicas = body[0].step.replicas if body else 100
    held = [_held(ring, seconds=0.0, analysis=False, replicas=replicas), *body]
    if ring.bake is not None:
        held[-1] = held[-1].but(seconds=ring.bake)
    if not problems:
        held = _gated(ring, held, problems)
    problems.where = ""
    return held


def _held(ring: Ring, canary: int = 0, *, seconds: float, **more: Any) -> _Held:
    return _Held(Step(0, canary, ring.total - canary, wave=ring.number, **more), seconds)


def _ramp(ring: Ring) -> Iterator[_Held]:
    if ring.mirror:
        yield _held(ring, mirror=ring.mirror, seconds=ring.interval)
    for weight in _weights(ring):
        yield _held(ring, weight, matched=ring.matched, seconds=ring.interval)


def _weights(ring: Ring) -> Iterator[int]:
    if ring.step_weight is None:
        yield from (min(ring.total, weight) for weight in ring.step_weights)
        return
    most = ring.total if ring.overshoot else ring.maximum
    weight = 0
    while weight < ring.maximum:
        weight = min(most, weight + ring.step_weight)
        yield weight


def _iterated(ring: Ring) -> Iterator[_Held]:
    one = _held(ring, mirror=ring.mirror, matched=ring.strategy == "ab", seconds=ring.interval)
    yield from [one] * (ring.iterations or 0)
    if ring.strategy == "bluegreen":
        yield _held(ring, ring.total, seconds=ring.interval)


@dataclass
class _Entry:
    """One element of ``steps``, read. ``seconds`` is None for what is done at once, together with what follows."""

    kind: str
    value: Any
    seconds: float | None
    gate: str
    times: int = 1


def _listed(ring: Ring, problems: Problems) -> Iterator[_Held]:
    """The steps of a list: each holds until its time is over, and what has none goes with the next."""
    now = _held(ring, seconds=0.0, analysis=False)
    pending = False
    for number, element in enumerate(ring.steps, 1):
        entry = _entry(ring, number, element, problems)
        if entry is None:
            continue
        if entry.kind == "weight":
            now = now.but(canary=entry.value, stable=ring.total - entry.value)
        elif entry.kind in ("matched", "mirror", "replicas"):
            now = now.but(**{entry.kind: entry.value})
        pending = entry.seconds is None and not entry.gate
        if pending:
            continue
        step = now.step
        seen = bool(step.canary or step.mirror or step.matched)
        if seen and not step.replicas:
            problems.add(
                "no-replicas", f"steps[{number - 1}] sends requests to a canary without replicas", "give it some before"
            )
        seconds = entry.seconds or 0.0
        # Where nothing is sent there is nothing to see, and a verdict would be waited for for ever.
        analysis = entry.kind == "analysis" or (seen and bool(seconds or entry.gate))
        for left in reversed(range(entry.times)):
            yield now.but(seconds=seconds, analysis=analysis, gate="" if left else entry.gate)
    if pending:
        yield now


def _entry(ring: Ring, number: int, element: Mapping[str, Any], problems: Problems) -> _Entry | None:
    name = f"steps[{number - 1}]"
    given = [kind for kind in KINDS_OF_STEPS if element.get(kind) is not None]
    if len(given) != 1:
        problems.add(
            "step-kind",
            f"{name} has {' and '.join(given) or 'nothing'}",
            f"give each step exactly one of {', '.join(KINDS_OF_STEPS)}",
        )
        return None
    kind = given[0]
    value = element[kind]
    own = element.get("interval")
    seconds = problems.seconds(own, f"{name}.interval", ring.interval) if own is not None else None
    gate = element.get("gate") or ""
    times = 1
    if kind == "weight":
        problems.within(value, f"{name}.weight", 0, ring.total, "a weight is a part of the total")
        seconds = ring.interval if seconds is None else seconds
    elif kind == "pause":
        if own is not None:
            problems.add("step-interval", f"{name} is a pause with an interval", "say its time in pause")
        seconds, person = _pause(value, name, problems)
        gate = gate or (ring.named(f"pause-{number}") if person else "")
    elif kind == "analysis":
        problems.within(int(value), f"{name}.analysis", 1, MOST_STEPS, "it says how often is measured")
        times = min(int(value), MOST_STEPS)
        seconds = problems.seconds(own, f"{name}.interval", ring.interval, positive=True)
    elif kind in ("mirror", "replicas"):
        problems.within(value, f"{name}.{kind}", 0, 100, "it is a percentage")
    return _Entry(kind, value, seconds, gate, times)


def _pause(value: Any, name: str, problems: Problems) -> tuple[float, bool]:
    """For how many seconds, and whether it is for a person to end it: ``true``, or ``{}`` as in an Argo Rollout."""
    if isinstance(value, Mapping):
        value = value.get("duration", True)
    if _is_true(value):
        return 0.0, True
    return problems.seconds(value, f"{name}.pause", 0.0, positive=True), False


def _is_true(value: Any) -> bool:
    """Whether it is a truth; numbers are seconds here."""
    if seconds_of(value) is not None:
        return False
    try:
        return truth(value, "pause")
    except ValueError:
        return False


# Gates


def _gated(ring: Ring, held: list[_Held], problems: Problems) -> list[_Held]:
    """The same steps with the plan's gates: each is on the step that is held while a person is asked."""
    result = list(held)
    for gate in ring.gates:
        weight = gate.get("before_weight")
        default = PROMOTION if weight is None else f"weight-{weight}"
        name = gate.get("name") or ring.named(default)
        place = _place(ring, held, weight)
        if place is None:
            most = max(each.step.canary for each in held)
            problems.add(
                "gate-nowhere",
                f"gate {name} is before weight {weight}, and no step goes from below to there",
                f"give a weight from 1 to {most}" if most else "leave it out, or put it before the promotion",
            )
        elif result[place].step.gate:
            other = result[place].step.gate
            problems.add("two-gates", f"gates {other} and {name} are at the same place", "leave one of them out")
        else:
            result[place] = result[place].but(gate=name)
    names = [each.step.gate for each in result if each.step.gate]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            problems.add("gate-name", f"{names.count(name)} gates have the name {name}", "give each its own name")
        if not NAME.fullmatch(name):
            problems.add("gate-name", f"a gate has the name {name!r}", "use lower case letters, digits, hyphens")
    return result


def _place(ring: Ring, held: Sequence[_Held], weight: int | None) -> int | None:
    """The index of the step before the gate. In blue/green the promotion is what users see of it: the switch."""
    if weight is None:
        return len(held) - (2 if ring.strategy == "bluegreen" else 1)
    return next(
        (
            index
            for index, (before, after) in enumerate(pairwise(held))
            if before.step.canary < weight <= after.step.canary
        ),
        None,
    )


def _gates_together(ring: Ring, last: bool) -> tuple[Mapping[str, Any], ...]:
    """The gates of a wave where all are promoted together: one promotion has one gate. The switch of a blue/green wave
    is its own."""
    if ring.strategy == "bluegreen":
        return ring.gates
    common = [{**gate, "name": gate.get("name") or PROMOTION} for gate in ring.gates if gate.get("before") and last]
    return (*(gate for gate in ring.gates if not gate.get("before")), *common)


# The end


def _ending(ring: Ring, last: Step, switch: bool) -> list[_Held]:
    """Promotion and draining of one wave. Flagger asks for no metrics there.

    Traffic is moved in the phase promoting, and is where it ends in the phase finalising.
    """
    start = _held(
        ring, last.canary, matched=last.matched, replicas=last.replicas, phase="promoting", analysis=False, seconds=0.0
    )
    if switch:
        moved = [start.but(seconds=ring.interval, **_shares(ring, weight)) for weight in _rising(ring, last.canary)]
        # All of them, so that nobody has to be matched any more.
        end = start.but(replicas=100, matched=False, **_shares(ring, ring.total))
        held = [*(each.but(replicas=100) for each in moved), end]
    else:
        moved = [start.but(seconds=ring.interval, **_shares(ring, weight)) for weight in _falling(ring, last.canary)]
        end = start.but(matched=False, **_shares(ring, 0))
        held = [start.but(seconds=ring.interval, copy=True), *moved]
    return [*held, end.but(seconds=ring.drain, phase="finalising")]


def _shares(ring: Ring, canary: int) -> dict[str, Any]:
    return {"canary": canary, "stable": ring.total - canary}


def _falling(ring: Ring, weight: int) -> range:
    """The weights between the maximum and 0."""
    step = ring.step_weight_promotion
    return range(weight - step, 0, -step) if step else range(0)


def _rising(ring: Ring, weight: int) -> range:
    """The weights between the maximum and the total."""
    step = ring.step_weight_promotion
    return range(weight + step, ring.total, step) if step else range(0)


# Small things


def _numbered(held: Iterable[_Held]) -> tuple[Step, ...]:
    steps: list[Step] = []
    after = 0.0
    for index, each in enumerate(held):
        steps.append(replace(each.step, index=index, after=after))
        after += each.seconds
    return tuple(steps)
