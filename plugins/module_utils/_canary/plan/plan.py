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
from ..model import ALL_WAVES, PlanStep
from .options import (
    KINDS_OF_STEPS,
    MOST_STEPS,
    NAME,
    PLAN_ARGUMENT_SPEC,
    PROMOTION,
    Problems,
    WaveOptions,
    wave_options_of,
    waves_of,
)

__all__ = ["PLAN_ARGUMENT_SPEC", "as_dict", "build_schedule", "plan_hash", "traffic_at", "waves_of"]


@dataclass(frozen=True)
class _TimedStep:
    """A step, and how many seconds it lasts at least."""

    step: PlanStep
    seconds: float

    def but(self, seconds: float | None = None, **changes: Any) -> _TimedStep:
        return _TimedStep(replace(self.step, **changes), self.seconds if seconds is None else seconds)


def build_schedule(options: Mapping[str, Any], *, skips_analysis: bool = False) -> tuple[PlanStep, ...]:
    """All steps of a run, in order; what is missing in ``options`` has the default of PLAN_ARGUMENT_SPEC.

    Step 0 starts the canary without traffic, the last one has the phase succeeded. With ``skips_analysis`` nobody is
    sent to the canary before the promotion (Flagger's skipAnalysis). Raises MeshError with everything that is wrong
    with the plan.
    """
    waves, problems = wave_options_of(options)
    switch = options.get("promotion") == "switch"
    together = len(waves) > 1 and options.get("promote") == "together"
    if together:
        waves = [replace(wave, gates=_merge_gates(wave, wave is waves[-1])) for wave in waves]
    parts: list[list[_TimedStep]] = []
    for wave in waves:
        part, found = _build_wave(wave, refused=bool(problems), skips_analysis=skips_analysis)
        parts.append(part)
        problems.extend(found)
    problems.refuse()
    if together:
        _check_together(waves, parts, problems)
        problems.refuse()
    timed: list[_TimedStep] = []
    for wave, part in zip(waves, parts, strict=True):
        timed += part
        if not together:
            timed += _build_promotion(wave, part[-1].step, switch)
            # The canary of a wave that is done goes before the next wave begins; of the last one when all is done.
            if wave is not waves[-1] and not switch:
                timed.append(timed[-1].but(seconds=0.0, replicas=0))
    if together:
        timed += [each.but(wave=ALL_WAVES) for each in _build_promotion(waves[-1], parts[-1][-1].step, switch)]
    last = timed[-1].but(
        seconds=0.0,
        phase="succeeded",
        replicas=100 if switch else 0,
        wave=ALL_WAVES if len(waves) > 1 else 0,
    )
    return _number_steps([*timed, last])


def traffic_at(steps: Sequence[PlanStep], index: int, wave: int) -> PlanStep | None:
    """The step that the clusters of a wave have when the run is at ``index``; None where theirs has not begun."""
    return next((step for step in reversed(steps[: index + 1]) if step.wave in (wave, ALL_WAVES)), None)


def as_dict(step: PlanStep) -> dict[str, Any]:
    """A step as results, the lookup and the filter have it: the fields of ``PlanStep``."""
    return asdict(step)


def plan_hash(steps: Iterable[PlanStep]) -> str:
    """A short text that differs for schedules that differ in anything; who is asked before a cutover moves nobody."""
    return content_hash([{name: value for name, value in as_dict(step).items() if name != "cutover"} for step in steps])


def _check_together(waves: Sequence[WaveOptions], parts: Sequence[Sequence[_TimedStep]], problems: Problems) -> None:
    ends = {wave.name: part[-1].step for wave, part in zip(waves, parts, strict=True)}
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
    if len({wave.step_weight_promotion for wave in waves}) > 1 or len({wave.drain for wave in waves}) > 1:
        problems.add(
            "waves-end-differently",
            "waves that are promoted together have their own step_weight_promotion or drain",
            "give these for the whole plan",
        )


# From start to maximum


def _build_wave(wave: WaveOptions, *, refused: bool, skips_analysis: bool) -> tuple[list[_TimedStep], Problems]:
    """The steps of one wave up to its promotion, and what is wrong with them. ``refused``: something else was."""
    problems = Problems(f"wave {wave.name}: " if wave.name else "")
    if wave.steps:
        body = list(_read_steps(wave, problems))
    elif refused:
        # Numbers that are refused make no steps.
        body = []
    elif wave.strategy == "weights":
        body = list(_build_ramp(wave))
    else:
        body = list(_list_iterations(wave))
    # The canary is started in the size that its first step needs, and the first step follows when it is ready.
    replicas = body[0].step.replicas if body else 100
    timed = [_make_step(wave, seconds=0.0, analysis=False, replicas=replicas), *body]
    if wave.bake is not None:
        timed[-1] = timed[-1].but(seconds=wave.bake)
    if not (refused or problems):
        timed = _add_gates(wave, timed, problems)
    return _skip_ramp(timed) if skips_analysis else timed, problems


def _skip_ramp(timed: Sequence[_TimedStep]) -> list[_TimedStep]:
    """The start, and for each gate behind it a step in which nobody is at the canary: people are asked all the same."""
    start = timed[0].but(replicas=100)
    return [start, *(start.but(gate=each.step.gate) for each in timed[1:] if each.step.gate)]


def _make_step(wave: WaveOptions, canary: int = 0, *, seconds: float, **more: Any) -> _TimedStep:
    return _TimedStep(PlanStep(0, canary, wave.total - canary, wave=wave.number, **more), seconds)


def _build_ramp(wave: WaveOptions) -> Iterator[_TimedStep]:
    if wave.mirror:
        yield _make_step(wave, mirror=wave.mirror, seconds=wave.interval)
    for weight in _weights(wave):
        yield _make_step(wave, weight, matched=wave.matched, seconds=wave.interval)


def _weights(wave: WaveOptions) -> Iterator[int]:
    if wave.step_weight is None:
        yield from (min(wave.total, weight) for weight in wave.step_weights)
        return
    most = wave.total if wave.overshoot else wave.maximum
    weight = 0
    while weight < wave.maximum:
        weight = min(most, weight + wave.step_weight)
        yield weight


def _list_iterations(wave: WaveOptions) -> Iterator[_TimedStep]:
    one = _make_step(wave, mirror=wave.mirror, matched=wave.strategy == "ab", seconds=wave.interval)
    yield from [one] * (wave.iterations or 0)
    if wave.strategy == "bluegreen":
        yield _make_step(wave, wave.total, seconds=wave.interval, cutover=True)


@dataclass
class _Entry:
    """One element of ``steps``, read. ``seconds`` is None for what is done at once, together with what follows."""

    kind: str
    value: Any
    seconds: float | None
    gate: str
    times: int = 1


def _read_steps(wave: WaveOptions, problems: Problems) -> Iterator[_TimedStep]:
    """The steps of a list: each holds until its time is over, and what has none goes with the next."""
    now = _make_step(wave, seconds=0.0, analysis=False)
    pending = False
    for number, element in enumerate(wave.steps, 1):
        entry = _entry(wave, number, element, problems)
        if entry is None:
            continue
        if entry.kind == "weight":
            now = now.but(canary=entry.value, stable=wave.total - entry.value)
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


def _entry(wave: WaveOptions, number: int, element: Mapping[str, Any], problems: Problems) -> _Entry | None:
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
    seconds = problems.seconds(own, f"{name}.interval", wave.interval) if own is not None else None
    gate = element.get("gate") or ""
    times = 1
    if kind == "weight":
        problems.within(value, f"{name}.weight", 0, wave.total, "a weight is a part of the total")
        seconds = wave.interval if seconds is None else seconds
    elif kind == "pause":
        if own is not None:
            problems.add("step-interval", f"{name} is a pause with an interval", "say its time in pause")
        seconds, person = _pause(value, name, problems)
        gate = gate or (wave.name_in_wave(f"pause-{number}") if person else "")
    elif kind == "analysis":
        problems.within(int(value), f"{name}.analysis", 1, MOST_STEPS, "it says how often is measured")
        times = min(int(value), MOST_STEPS)
        seconds = problems.seconds(own, f"{name}.interval", wave.interval, positive=True)
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


def _add_gates(wave: WaveOptions, timed: list[_TimedStep], problems: Problems) -> list[_TimedStep]:
    """The same steps with the plan's gates: each is on the step that stays while a person is asked."""
    result = list(timed)
    for gate in wave.gates:
        weight = gate.get("before_weight")
        default = PROMOTION if weight is None else f"weight-{weight}"
        name = gate.get("name") or wave.name_in_wave(default)
        place = _place(wave, timed, weight)
        if place is None:
            most = max(each.step.canary for each in timed)
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


def _place(wave: WaveOptions, timed: Sequence[_TimedStep], weight: int | None) -> int | None:
    """The index of the step before the gate. In blue/green the promotion is what users see of it: the switch."""
    if weight is None:
        return len(timed) - (2 if wave.strategy == "bluegreen" else 1)
    return next(
        (
            index
            for index, (before, after) in enumerate(pairwise(timed))
            if before.step.canary < weight <= after.step.canary
        ),
        None,
    )


def _merge_gates(wave: WaveOptions, last: bool) -> tuple[Mapping[str, Any], ...]:
    """The gates of a wave where all are promoted together: one promotion has one gate. The switch of a blue/green wave
    is its own."""
    if wave.strategy == "bluegreen":
        return wave.gates
    common = [{**gate, "name": gate.get("name") or PROMOTION} for gate in wave.gates if gate.get("before") and last]
    return (*(gate for gate in wave.gates if not gate.get("before")), *common)


# The end


def _build_promotion(wave: WaveOptions, last: PlanStep, switch: bool) -> list[_TimedStep]:
    """Promotion and draining of one wave. Flagger asks for no metrics there.

    Traffic is moved in the phase promoting, and is where it ends in the phase finalising.
    """
    start = _make_step(
        wave, last.canary, matched=last.matched, replicas=last.replicas, phase="promoting", analysis=False, seconds=0.0
    )
    if switch:
        moved = [
            start.but(seconds=wave.interval, **_shares(wave, weight)) for weight in _list_weights_up(wave, last.canary)
        ]
        # All of them, so that nobody has to be matched any more.
        end = start.but(replicas=100, matched=False, **_shares(wave, wave.total))
        timed = [*(each.but(replicas=100) for each in moved), end]
    else:
        moved = [
            start.but(seconds=wave.interval, **_shares(wave, weight))
            for weight in _list_weights_down(wave, last.canary)
        ]
        end = start.but(matched=False, **_shares(wave, 0))
        # Where nobody is at the canary nobody goes back.
        held = wave.interval if last.canary or last.matched else 0.0
        timed = [start.but(seconds=held, copy=True), *moved]
    return [*timed, end.but(seconds=wave.drain, phase="finalising")]


def _shares(wave: WaveOptions, canary: int) -> dict[str, Any]:
    return {"canary": canary, "stable": wave.total - canary}


def _list_weights_down(wave: WaveOptions, weight: int) -> range:
    """The weights between the maximum and 0."""
    step = wave.step_weight_promotion
    return range(weight - step, 0, -step) if step else range(0)


def _list_weights_up(wave: WaveOptions, weight: int) -> range:
    """The weights between the maximum and the total."""
    step = wave.step_weight_promotion
    return range(weight + step, wave.total, step) if step else range(0)


# Small things


def _number_steps(timed: Iterable[_TimedStep]) -> tuple[PlanStep, ...]:
    steps: list[PlanStep] = []
    after = 0.0
    for index, each in enumerate(timed):
        steps.append(replace(each.step, index=index, after=after))
        after += each.seconds
    return tuple(steps)
