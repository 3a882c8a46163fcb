# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a canary's plan: what they are, what a wave has of them, and what is refused. Pure.

What makes Flagger hang or jump, without a word, is refused (pkg/controller/scheduler.go: maxWeight, nextStepWeight,
runCanary, runAB, runBlueGreen, runPromotionTrafficShift; its CRD checks none of it).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..._change.objects import list_some
from ..._findings import Finding, MeshError
from ..._times import seconds_of
from ..finding_kinds import PLAN
from ..model import TOTAL

PROMOTION = "promotion"

KINDS_OF_STEPS = ("weight", "pause", "analysis", "matched", "mirror", "replicas")
"""What a step of the list does; it does exactly one of them."""

MOST_STEPS = 1000
"""Of one ramp, promotion or series of analyses. More is a slip of the pen, and would not fit into a record."""

# Also the end of an annotation's name, which may have 63 characters.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,48}[a-z0-9])?")

WAYS = ("step_weight", "step_weights", "iterations", "steps")

_GATES: dict[str, Any] = {
    "type": "list",
    "elements": "dict",
    "options": {
        "before": {"type": "str", "choices": [PROMOTION]},
        "before_weight": {"type": "int"},
        "name": {"type": "str"},
    },
    "required_one_of": [("before", "before_weight")],
    "mutually_exclusive": [("before", "before_weight")],
}

_WAVE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "strategy": {"type": "str", "choices": ["auto", "weights", "ab", "bluegreen"]},
    "step_weight": {"type": "int"},
    "step_weights": {"type": "list", "elements": "int"},
    "max_weight": {"type": "int"},
    "step_weight_promotion": {"type": "int"},
    "iterations": {"type": "int"},
    "mirror": {"type": "bool"},
    "mirror_weight": {"type": "int"},
    "matched": {"type": "bool"},
    "interval": {"type": "raw"},
    "overshoot": {"type": "bool"},
    "steps": {
        "type": "list",
        "elements": "dict",
        "options": {
            "weight": {"type": "int"},
            "pause": {"type": "raw"},
            "analysis": {"type": "int"},
            "matched": {"type": "bool"},
            "mirror": {"type": "int"},
            "replicas": {"type": "int"},
            "interval": {"type": "raw"},
            "gate": {"type": "str"},
        },
        "required_one_of": [KINDS_OF_STEPS],
        "mutually_exclusive": [KINDS_OF_STEPS],
    },
    "drain": {"type": "raw"},
    "gates": _GATES,
}
"""What a wave may have of its own. Without defaults, so that what is not given is the plan's."""

PLAN_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **_WAVE_ARGUMENT_SPEC,
    "strategy": {**_WAVE_ARGUMENT_SPEC["strategy"], "default": "auto"},
    "mirror": {"type": "bool", "default": False},
    "matched": {"type": "bool", "default": False},
    "interval": {"type": "raw", "default": 60},
    "overshoot": {"type": "bool", "default": False},
    "total": {"type": "int", "default": TOTAL},
    "promotion": {"type": "str", "choices": ["copy", "switch"], "default": "copy"},
    "promote": {"type": "str", "choices": ["wave", "together"], "default": "wave"},
    "waves": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str"},
            "clusters": {"type": "list", "elements": "str"},
            "bake": {"type": "raw"},
            **_WAVE_ARGUMENT_SPEC,
        },
    },
}
"""The options of a plan, for the lookup, the filter and the suboption ``plan`` of the module."""


@dataclass(frozen=True)
class WaveOptions:
    """The plan of one wave, with what it has from the whole plan. Times are seconds."""

    number: int
    name: str
    strategy: str
    step_weight: int | None
    step_weights: tuple[int, ...]
    max_weight: int | None
    step_weight_promotion: int
    iterations: int | None
    mirror: int
    matched: bool
    interval: float
    overshoot: bool
    steps: tuple[Mapping[str, Any], ...]
    drain: float
    bake: float | None
    gates: tuple[Mapping[str, Any], ...]
    total: int

    @property
    def maximum(self) -> int:
        if self.step_weights:
            return min(self.total, self.step_weights[-1])
        return self.total if self.max_weight is None else self.max_weight

    def name_in_wave(self, name: str) -> str:
        """A name that is not given: of this wave, where there are several."""
        return f"{self.name}-{name}" if self.name else name


class Problems(list[Finding]):
    """All that is wrong with a plan; ``where`` begins each message, and says in which wave it is."""

    def __init__(self, where: str = "") -> None:
        super().__init__()
        self.where = where

    def add(self, part: str, message: str, remedy: str) -> None:
        self.append(Finding("", PLAN.kind(part), f"{self.where}{message}", remedy))

    def seconds(self, given: Any, option: str, default: float, *, positive: bool = False) -> float:
        """A length of time, or ``default`` where none is given."""
        if given is None:
            return default
        found = seconds_of(given)
        if found is None or (positive and not found):
            self.add(
                "duration",
                f"{option} is {given!r}, which is no {'positive ' if positive else ''}length of time",
                "give seconds, or a text like 90s, 1m30s or 2h",
            )
            return default
        return found

    def refuse(self) -> None:
        """Raise MeshError with all of them, if there are any."""
        if self:
            raise MeshError("The plan cannot be followed.", self)

    def within(self, given: int | None, option: str, least: int, most: int, why: str) -> None:
        if given is not None and not least <= given <= most:
            self.add(
                option.rpartition(".")[2].replace("_", "-"),
                f"{option} is {given}: {why}",
                f"give a number from {least} to {most}",
            )


def waves_of(options: Mapping[str, Any], clusters: Iterable[str]) -> dict[str, int]:
    """From each cluster of a fleet to the number of its wave, which is 0 where there are no waves.

    One wave may name no clusters, and has all that no other has. Raises MeshError where names do not fit the fleet.
    """
    fleet = list(clusters)
    waves = options.get("waves") or []
    if not waves:
        return dict.fromkeys(fleet, 0)
    problems = Problems()
    found = {name: number for number, wave in enumerate(waves) for name in wave.get("clusters") or ()}
    stray = [name for name in found if name not in fleet]
    if stray:
        problems.add(
            "wave-clusters", f"waves name {list_some(stray)}, the fleet has {list_some(fleet)}", "correct the names"
        )
    rest = [number for number, wave in enumerate(waves) if not wave.get("clusters")]
    missing = [name for name in fleet if name not in found]
    if missing and not rest:
        problems.add(
            "wave-clusters", f"{list_some(missing)} is in no wave", "name it in one, or leave it out of clusters"
        )
    if rest and not missing:
        problems.add("wave-clusters", f"wave {_wave_name(waves, rest[0])} has no cluster left", "leave the wave out")
    problems.refuse()
    return {name: found[name] if name in found else rest[0] for name in fleet}


def wave_options_of(options: Mapping[str, Any]) -> tuple[list[WaveOptions], Problems]:
    """The waves of a plan, one where it names none, and everything that is wrong with their options."""
    problems = Problems()
    total = _or(options.get("total"), TOTAL)
    if total < 1:
        problems.add("total", f"total is {total}", "give a number from 1, which is 100 for Istio")
        total = TOTAL
    waves = options.get("waves") or []
    if not waves:
        return [_read_wave_options(0, "", options, total, problems)], problems
    _check_waves(waves, problems)
    found = []
    for number, wave in enumerate(waves):
        name = _wave_name(waves, number)
        of_wave = Problems(f"wave {name}: ")
        found.append(_read_wave_options(number, name, _of_wave(options, wave), total, of_wave))
        problems.extend(of_wave)
    return found, problems


def _of_wave(options: Mapping[str, Any], wave: Mapping[str, Any]) -> dict[str, Any]:
    """The options that count for a wave: its own, and of the plan's those that have a meaning beside them."""
    own = {key: value for key, value in wave.items() if value is not None}
    dropped: set[str] = set()
    if any(own.get(way) is not None for way in WAYS):
        dropped |= {*WAYS, "max_weight", "strategy"}
    if own.get("steps"):
        dropped |= {"mirror", "mirror_weight", "matched"}
    if own.get("mirror") is False:
        dropped.add("mirror_weight")
    return {**{key: value for key, value in options.items() if key not in dropped}, **own}


def _wave_name(waves: Sequence[Mapping[str, Any]], number: int) -> str:
    return waves[number].get("name") or f"wave-{number + 1}"


def _read_wave_options(
    number: int, name: str, options: Mapping[str, Any], total: int, problems: Problems
) -> WaveOptions:
    interval = problems.seconds(options.get("interval"), "interval", 60.0, positive=True)
    mirror = 0
    if options.get("mirror"):
        mirror = _or(options.get("mirror_weight"), 100)
        problems.within(mirror, "mirror_weight", 1, 100, "it is the percentage of requests that is copied")
    elif options.get("mirror_weight") is not None:
        problems.add(
            "mirror-weight", "mirror_weight is given, and mirror is not true", "set mirror, or leave mirror_weight out"
        )
    wave = WaveOptions(
        number=number,
        name=name,
        strategy=_strategy(options),
        step_weight=options.get("step_weight"),
        step_weights=tuple(options.get("step_weights") or ()),
        max_weight=options.get("max_weight"),
        step_weight_promotion=_or(options.get("step_weight_promotion"), 0),
        iterations=options.get("iterations"),
        mirror=mirror,
        matched=bool(options.get("matched")),
        interval=interval,
        overshoot=bool(options.get("overshoot")),
        steps=tuple(options.get("steps") or ()),
        drain=problems.seconds(options.get("drain"), "drain", interval),
        bake=problems.seconds(options["bake"], "bake", interval) if options.get("bake") is not None else None,
        gates=tuple(options.get("gates") or ()),
        total=total,
    )
    _check_ways(wave, problems)
    _check_strategy(wave, problems)
    _check_weights(wave, problems)
    _check_promotion(wave, options.get("promotion") == "switch", problems)
    return wave


def _strategy(options: Mapping[str, Any]) -> str:
    """Flagger's rule (pkg/apis/flagger/v1beta1/canary.go:DeploymentStrategy), where none is named."""
    named = options.get("strategy") or "auto"
    if named != "auto":
        return str(named)
    if options.get("iterations") is None or options.get("steps"):
        return "weights"
    return "ab" if options.get("matched") else "bluegreen"


# What is refused


def _check_waves(waves: Sequence[Mapping[str, Any]], problems: Problems) -> None:
    names = [_wave_name(waves, number) for number in range(len(waves))]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            problems.add("wave-name", f"{names.count(name)} waves have the name {name}", "give each its own")
        if not NAME.fullmatch(name):
            problems.add("wave-name", f"a wave has the name {name!r}", "use lower case letters, digits and hyphens")
    clusters = [cluster for wave in waves for cluster in wave.get("clusters") or ()]
    twice = [cluster for cluster in dict.fromkeys(clusters) if clusters.count(cluster) > 1]
    if twice:
        problems.add("wave-clusters", f"{list_some(twice)} is in more than one wave", "name each cluster once")
    if sum(not wave.get("clusters") for wave in waves) > 1:
        problems.add("wave-clusters", "more than one wave names no clusters", "only one may have all others")


def _check_ways(wave: WaveOptions, problems: Problems) -> None:
    """Exactly one way of stepping may be given: Flagger takes one of several and says nothing."""
    given = [name for name in WAYS if getattr(wave, name) not in (None, ())]
    if not given:
        problems.add(
            "no-steps",
            "there is no step; in Flagger such a canary stays at weight 0 for ever",
            "give one of step_weight, step_weights, iterations and steps",
        )
    elif len(given) > 1:
        problems.add(
            "two-ways", f"{' and '.join(given)} are given, and only one of them can count", f"keep {given[0]} alone"
        )


def _check_strategy(wave: WaveOptions, problems: Problems) -> None:
    """What does not go together, which Flagger takes and leaves out."""
    strategy = wave.strategy
    if wave.steps:
        if strategy != "weights":
            problems.add("strategy", f"strategy {strategy} has no list of steps", "leave strategy or steps out")
        if wave.mirror:
            problems.add("mirror", "mirror and steps are given", "put {mirror: PERCENT} into steps")
        if wave.matched:
            problems.add("matched", "matched and steps are given", "put {matched: true} into steps")
    elif strategy == "weights" and wave.iterations is not None:
        problems.add("strategy", "strategy weights has no iterations", "leave strategy or iterations out")
    elif strategy != "weights" and wave.iterations is None:
        problems.add("iterations", f"strategy {strategy} needs iterations", "say how often it is to be analysed")
    if strategy == "ab" and not wave.matched:
        problems.add("matched", "strategy ab sends matched requests to the canary", "set matched to true")
    if strategy == "ab" and wave.mirror:
        problems.add(
            "mirror",
            "nothing is mirrored with strategy ab; Flagger takes mirror and forgets it",
            "leave mirror out, or give steps",
        )
    if strategy == "bluegreen" and wave.matched:
        problems.add("matched", "strategy bluegreen matches no requests", "leave matched out, or use strategy ab")
    if wave.max_weight is not None and (wave.steps or wave.iterations is not None):
        way = "steps" if wave.steps else "iterations"
        problems.add("max-weight", f"max_weight has no meaning with {way}", "leave it out")


def _check_weights(wave: WaveOptions, problems: Problems) -> None:
    """What makes a canary of Flagger's hang or jump."""
    total, weights = wave.total, wave.step_weights
    problems.within(
        wave.max_weight, "max_weight", 1, total, "Flagger never promotes above the total, and takes all for 0 or less"
    )
    problems.within(wave.step_weight, "step_weight", 1, total, "in Flagger the weight then never moves, or jumps")
    if wave.step_weight is not None and 0 < wave.step_weight * MOST_STEPS < wave.maximum:
        problems.add("too-many-steps", f"a ramp has more than {MOST_STEPS} steps", "give a larger step_weight")
    if weights and weights[0] < 1:
        problems.add(
            "step-weights", f"step_weights begins with {weights[0]}, where Flagger stays for ever", "begin with 1"
        )
    for before, after in pairwise(weights):
        if after <= before:
            problems.add(
                "step-weights",
                f"step_weights has {after} after {before}; Flagger stays there for ever",
                "let the weights rise",
            )
    # The last one alone may be above: Flagger's own tests cut it to the total.
    for weight in weights[:-1]:
        if weight >= total:
            problems.add(
                "step-weights", f"step_weights has {weight} before its end, and all is {total}", "end the list there"
            )
    if weights and wave.max_weight is not None and wave.max_weight != weights[-1]:
        problems.add(
            "max-weight",
            f"max_weight is {wave.max_weight} and step_weights ends with {weights[-1]}, where Flagger promotes",
            "leave max_weight out, or end the list with it",
        )
    problems.within(wave.iterations, "iterations", 1, MOST_STEPS, "without one Flagger never promotes")


def _check_promotion(wave: WaveOptions, switch: bool, problems: Problems) -> None:
    step = wave.step_weight_promotion
    problems.within(step, "step_weight_promotion", 0, wave.total, "below 0 Flagger runs away from the end")
    if wave.strategy == "ab" and step and not switch:
        problems.add(
            "step-weight-promotion",
            "requests that match go back at once, they have no weight",
            "leave step_weight_promotion out, or use promotion switch",
        )
    if 0 < step * MOST_STEPS < wave.total:
        problems.add("too-many-steps", f"a promotion has more than {MOST_STEPS} steps", "give a larger number")


def _or(given: int | None, default: int) -> int:
    return default if given is None else given
