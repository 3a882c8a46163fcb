# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedules of plans. Flagger's numbers are of its own tests, and of its code as it was run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import ALL_WAVES, PlanStep
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import (
    as_dict,
    build_schedule,
    plan_hash,
    traffic_at,
    waves_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError

PROMOTION = {"before": "promotion"}


def phases(steps: tuple[PlanStep, ...]) -> list[str]:
    return [step.phase for step in steps]


def canary(steps: tuple[PlanStep, ...], *wanted: str) -> list[int]:
    """The canary's weights in the steps of some phases, or of all."""
    return [step.canary for step in steps if not wanted or step.phase in wanted]


def after(steps: tuple[PlanStep, ...]) -> list[float]:
    return [step.after for step in steps]


# Weights


@pytest.mark.parametrize(
    ("plan", "ours", "flaggers"),
    [
        ({"step_weight": 10}, [0, *range(10, 101, 10)], None),
        ({"step_weight": 20, "max_weight": 50}, [0, 20, 40, 50], [0, 20, 40, 60]),
        ({"step_weight": 50, "max_weight": 50}, [0, 50], None),
        ({"step_weight": 30}, [0, 30, 60, 90, 100], None),
        ({"step_weight": 60, "max_weight": 50}, [0, 50], [0, 60]),
        ({"step_weight": 60, "max_weight": 80}, [0, 60, 80], [0, 60, 100]),
        ({"step_weights": [1, 2, 10, 80]}, [0, 1, 2, 10, 80], None),
        ({"step_weights": [1, 2, 10, 200]}, [0, 1, 2, 10, 100], None),
        ({"step_weights": [100]}, [0, 100], None),
    ],
)
def test_a_ramp_ends_at_its_maximum_and_overshoots_as_flagger_does_where_asked(
    plan: dict[str, Any], ours: list[int], flaggers: list[int] | None
) -> None:
    assert canary(build_schedule(plan), "progressing") == ours
    assert canary(build_schedule({**plan, "overshoot": True}), "progressing") == (flaggers or ours)


@pytest.mark.parametrize(
    ("step", "weights"), [(0, [60, 0]), (None, [60, 0]), (25, [60, 35, 10, 0]), (30, [60, 30, 0]), (100, [60, 0])]
)
def test_traffic_goes_back_to_the_stable_side_once_it_has_the_canarys_template(
    step: int | None, weights: list[int]
) -> None:
    steps = build_schedule({"step_weights": [60], "step_weight_promotion": step})
    assert canary(steps, "promoting", "finalising") == weights
    assert [each.copy for each in steps if each.phase == "promoting"] == [True, *[False] * (len(weights) - 2)]


@pytest.mark.parametrize(
    ("plan", "weights"),
    [
        ({"step_weight": 50}, [100]),
        ({"step_weights": [60]}, [100]),
        ({"step_weights": [60], "step_weight_promotion": 15}, [75, 90, 100]),
        ({"step_weights": [60], "step_weight_promotion": 20}, [80, 100]),
    ],
)
def test_with_switch_only_routes_change_and_the_canary_keeps_all(plan: dict[str, Any], weights: list[int]) -> None:
    steps = build_schedule({**plan, "promotion": "switch"})
    assert canary(steps, "promoting") == weights
    assert not any(step.copy for step in steps)
    assert [(step.canary, step.stable, step.replicas) for step in steps[-2:]] == [(100, 0, 100), (100, 0, 100)]


def test_the_whole_of_a_plan() -> None:
    steps = build_schedule({"step_weight": 20, "max_weight": 50, "interval": "30s", "drain": 10, "gates": [PROMOTION]})
    assert steps == (
        PlanStep(0, 0, 100, analysis=False),
        PlanStep(1, 20, 80, after=0),
        PlanStep(2, 40, 60, after=30),
        PlanStep(3, 50, 50, after=60, gate="promotion"),
        PlanStep(4, 50, 50, phase="promoting", after=90, analysis=False, copy=True),
        PlanStep(5, 0, 100, phase="finalising", after=120, analysis=False),
        PlanStep(6, 0, 100, phase="succeeded", after=130, analysis=False, replicas=0),
    )


def test_the_total_is_honoured() -> None:
    steps = build_schedule({"step_weights": [1, 500], "total": 1000})
    assert [(step.canary, step.stable) for step in steps[:3]] == [(0, 1000), (1, 999), (500, 500)]


@pytest.mark.parametrize(("weight", "percent"), [(None, 100), (10, 10)])
def test_a_mirror_is_one_step_before_the_weights(weight: int | None, percent: int) -> None:
    steps = build_schedule({"step_weight": 50, "mirror": True, "mirror_weight": weight})
    assert [(step.canary, step.mirror, step.analysis) for step in steps[:4]] == [
        (0, 0, False),
        (0, percent, True),
        (50, 0, True),
        (100, 0, True),
    ]
    assert after(steps)[:4] == [0, 0, 60, 120]


def test_what_matches_goes_to_the_canary_while_it_has_a_weight() -> None:
    steps = build_schedule({"step_weight": 50, "matched": True, "mirror": True})
    assert [step.matched for step in steps] == [False, False, True, True, True, False, False]


# Without weights


def test_in_an_ab_test_only_what_matches_goes_to_the_canary() -> None:
    steps = build_schedule({"iterations": 2, "matched": True})
    assert [(step.canary, step.matched, step.analysis, step.copy) for step in steps] == [
        (0, False, False, False),
        (0, True, True, False),
        (0, True, True, False),
        (0, True, False, True),
        (0, False, False, False),
        (0, False, False, False),
    ]
    assert phases(steps)[-3:] == ["promoting", "finalising", "succeeded"]


@pytest.mark.parametrize("mirror", [0, 25])
def test_blue_green_analyses_without_users_then_switches_then_promotes(mirror: int) -> None:
    given = {"mirror": True, "mirror_weight": mirror} if mirror else {}
    steps = build_schedule({"iterations": 2, "gates": [PROMOTION], **given})
    assert [(step.canary, step.mirror, step.analysis, step.gate, step.copy) for step in steps] == [
        (0, 0, False, "", False),
        (0, mirror, True, "", False),
        (0, mirror, True, "promotion", False),
        (100, 0, True, "", False),
        (100, 0, False, "", True),
        (0, 0, False, "", False),
        (0, 0, False, "", False),
    ]


def test_only_the_switch_of_blue_green_is_a_cutover() -> None:
    assert [step.cutover for step in build_schedule({"iterations": 1})] == [False, False, True, False, False, False]
    assert not any(step.cutover for step in build_schedule({"step_weights": [100]}))
    # An earlier version, whose releases may be under way, knows no such word.
    plain = {"steps": [{"analysis": 1}, {"weight": 100}]}
    assert plan_hash(build_schedule({"iterations": 1})) == plan_hash(build_schedule(plain))


@pytest.mark.parametrize(
    ("plan", "first"),
    [
        ({"iterations": 1, "matched": True}, (0, True)),
        ({"iterations": 1}, (0, False)),
        ({"step_weight": 100, "matched": True}, (100, True)),
    ],
)
def test_the_strategy_follows_from_match_and_iterations_as_in_flagger(
    plan: dict[str, Any], first: tuple[int, bool]
) -> None:
    step = build_schedule(plan)[1]
    assert (step.canary, step.matched) == first
    assert build_schedule({**plan, "strategy": "auto"}) == build_schedule(plan)


# A list of steps


def test_steps_of_all_kinds() -> None:
    steps = build_schedule(
        {
            "steps": [
                {"replicas": 10},
                {"mirror": 50},
                {"analysis": 2, "interval": "30s"},
                {"mirror": 0},
                {"matched": True},
                {"weight": 5, "interval": "1m30s"},
                {"pause": 600},
                {"replicas": 100},
                {"weight": 50, "gate": "half"},
                {"pause": "on"},
                {"pause": {"duration": "1h"}},
            ]
        }
    )
    assert [
        (step.canary, step.mirror, step.matched, step.replicas, step.after, step.gate)
        for step in steps
        if step.phase == "progressing"
    ] == [
        (0, 0, False, 10, 0, ""),
        (0, 50, False, 10, 0, ""),
        (0, 50, False, 10, 30, ""),
        (5, 0, True, 10, 60, ""),
        (5, 0, True, 10, 150, ""),
        (50, 0, True, 100, 750, "half"),
        (50, 0, True, 100, 810, "pause-10"),
        (50, 0, True, 100, 810, ""),
    ]
    assert next(step.after for step in steps if step.copy) == 4410


@pytest.mark.parametrize(
    ("step", "analysed"),
    [
        ({"weight": 5}, True),
        ({"weight": 5, "interval": 0}, False),
        ({"weight": 0}, False),
        ({"pause": 60}, False),
        ({"pause": {}}, False),
        ({"analysis": 1}, True),
        ({"mirror": 10, "interval": 60}, True),
        ({"matched": True, "gate": "g"}, True),
        ({"matched": True}, False),
    ],
)
def test_a_step_is_analysed_where_there_is_something_to_see_and_time_to_see_it(
    step: dict[str, Any], analysed: bool
) -> None:
    assert build_schedule({"steps": [step]})[1].analysis is analysed


def test_what_is_set_last_counts_before_the_promotion() -> None:
    steps = build_schedule({"steps": [{"weight": 5}, {"matched": True}]})
    assert [(step.matched, step.after) for step in steps if step.phase == "progressing"] == [
        (False, 0),
        (False, 0),
        (True, 60),
    ]
    assert next(step.matched for step in steps if step.copy)


def test_the_gate_of_several_analyses_is_behind_the_last() -> None:
    steps = build_schedule({"steps": [{"analysis": 3, "gate": "seen"}]})
    assert [step.gate for step in steps[1:4]] == ["", "", "seen"]


def test_a_list_may_go_down_and_ends_where_it_ends() -> None:
    steps = build_schedule({"steps": [{"weight": 50}, {"weight": 10}]})
    assert canary(steps) == [0, 50, 10, 10, 0, 0]


# Gates


@pytest.mark.parametrize(
    ("gates", "names"),
    [
        ([], ["", "", "", ""]),
        ([PROMOTION], ["", "", "", "promotion"]),
        ([{"before_weight": 5}], ["weight-5", "", "", ""]),
        ([{"before_weight": 50, "name": "half"}, PROMOTION], ["", "", "half", "promotion"]),
        ([{"before_weight": 26}], ["", "", "weight-26", ""]),
    ],
)
def test_a_gate_is_on_the_step_that_is_held_while_a_person_is_asked(
    gates: list[dict[str, Any]], names: list[str]
) -> None:
    steps = build_schedule({"step_weights": [5, 25, 50], "gates": gates})
    assert [step.gate for step in steps if step.phase == "progressing"] == names
    assert not any(step.gate for step in steps if step.phase != "progressing")


# Waves

WAVES = [{"name": "first", "clusters": ["east"], "bake": 600}, {"name": "rest", "step_weights": [10, 100]}]


def test_each_wave_is_promoted_before_the_next_begins() -> None:
    steps = build_schedule({"step_weight": 50, "waves": WAVES, "gates": [PROMOTION]})
    assert [(step.wave, step.canary, step.after, step.phase, step.gate, step.replicas) for step in steps] == [
        (0, 0, 0, "progressing", "", 100),
        (0, 50, 0, "progressing", "", 100),
        (0, 100, 60, "progressing", "first-promotion", 100),
        (0, 100, 660, "promoting", "", 100),
        (0, 0, 720, "finalising", "", 100),
        (0, 0, 780, "finalising", "", 0),
        (1, 0, 780, "progressing", "", 100),
        (1, 10, 780, "progressing", "", 100),
        (1, 100, 840, "progressing", "rest-promotion", 100),
        (1, 100, 900, "promoting", "", 100),
        (1, 0, 960, "finalising", "", 100),
        (ALL_WAVES, 0, 1020, "succeeded", "", 0),
    ]


def test_all_waves_are_promoted_together_where_asked() -> None:
    steps = build_schedule(
        {"step_weight": 50, "waves": WAVES, "promote": "together", "gates": [PROMOTION, {"before_weight": 100}]}
    )
    assert [(step.wave, step.canary, step.phase, step.gate) for step in steps] == [
        (0, 0, "progressing", ""),
        (0, 50, "progressing", "first-weight-100"),
        (0, 100, "progressing", ""),
        (1, 0, "progressing", ""),
        (1, 10, "progressing", "rest-weight-100"),
        (1, 100, "progressing", "promotion"),
        (ALL_WAVES, 100, "promoting", ""),
        (ALL_WAVES, 0, "finalising", ""),
        (ALL_WAVES, 0, "succeeded", ""),
    ]


def test_the_switch_of_each_blue_green_wave_has_its_gate() -> None:
    steps = build_schedule(
        {
            "iterations": 1,
            "waves": [{"name": "a"}, {"name": "b", "clusters": ["x"]}],
            "promote": "together",
            "gates": [PROMOTION],
        }
    )
    assert [(step.wave, step.canary, step.gate) for step in steps[:6]] == [
        (0, 0, ""),
        (0, 0, "a-promotion"),
        (0, 100, ""),
        (1, 0, ""),
        (1, 0, "b-promotion"),
        (1, 100, ""),
    ]


def test_what_is_said_of_a_gate_by_name_is_said_once_for_all_waves() -> None:
    steps = build_schedule({"step_weight": 100, "waves": WAVES, "gates": [{**PROMOTION, "name": "ok"}]})
    assert [step.gate for step in steps if step.gate] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("wave", "weights"),
    [
        ({}, [0, 50, 100]),
        ({"max_weight": 50}, [0, 50]),
        ({"step_weight": 100}, [0, 100]),
        ({"step_weights": [7]}, [0, 7]),
        ({"steps": [{"weight": 3}]}, [0, 3]),
        ({"iterations": 1}, [0, 0, 100]),
        ({"iterations": 1, "matched": True}, [0, 0]),
        ({"mirror": False}, [0, 50, 100]),
    ],
)
def test_a_wave_with_a_way_of_its_own_has_nothing_of_the_plans(wave: dict[str, Any], weights: list[int]) -> None:
    plan = {"step_weight": 50, "waves": [{"name": "one", **wave}]}
    assert canary(build_schedule(plan), "progressing") == weights


@pytest.mark.parametrize("own", [{"mirror": False}, {"steps": [{"weight": 5}]}])
def test_a_wave_need_not_mirror_as_the_plan_does(own: dict[str, Any]) -> None:
    plan = {"step_weight": 50, "mirror": True, "mirror_weight": 10, "matched": True}
    waves = [{"name": "one", "clusters": ["east"]}, {"name": "two", **own}]
    mirrors = [(step.wave, step.mirror) for step in build_schedule({**plan, "waves": waves}) if step.mirror]
    assert mirrors == [(0, 10)]


def test_the_traffic_of_a_wave_is_that_of_its_last_step() -> None:
    steps = build_schedule(
        {"step_weight": 100, "waves": [{"name": "a", "clusters": ["x"]}, {"name": "b"}], "promotion": "switch"}
    )
    seen = [
        tuple(step and step.canary for step in (traffic_at(steps, index, wave) for wave in (0, 1)))
        for index in range(-1, len(steps))
    ]
    assert seen == [
        (None, None),
        (0, None),
        (100, None),
        (100, None),
        (100, None),
        (100, 0),
        (100, 100),
        (100, 100),
        (100, 100),
        (100, 100),
    ]


@pytest.mark.parametrize(
    ("waves", "numbers"),
    [
        (None, {"east": 0, "west": 0}),
        ([{"clusters": ["west"]}, {"clusters": ["east"]}], {"east": 1, "west": 0}),
        ([{"clusters": ["west"]}, {}], {"east": 1, "west": 0}),
        ([{}, {"clusters": ["west"]}], {"east": 0, "west": 1}),
    ],
)
def test_which_wave_a_cluster_is_in(waves: list[dict[str, Any]] | None, numbers: dict[str, int]) -> None:
    assert waves_of({"waves": waves}, ["east", "west"]) == numbers


@pytest.mark.parametrize(
    ("waves", "words"),
    [
        ([{"clusters": ["east", "moon"]}, {}], "waves name moon, the fleet has east, west"),
        ([{"clusters": ["east"]}], "west is in no wave"),
        ([{"name": "all", "clusters": ["east", "west"]}, {"name": "late"}], "wave late has no cluster left"),
    ],
)
def test_waves_that_do_not_fit_the_fleet_are_refused(waves: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(MeshError, match=words):
        waves_of({"waves": waves}, ["east", "west"])


# Without analyses

STEPS_WITH_GATES = {
    "steps": [{"replicas": 10}, {"weight": 5, "gate": "look"}, {"pause": True}, {"weight": 50}],
    "gates": [PROMOTION],
}


@pytest.mark.parametrize(
    ("plan", "steps"),
    [
        (
            {"step_weights": [5, 50]},
            [("progressing", 0, ""), ("promoting", 0, ""), ("finalising", 0, ""), ("succeeded", 0, "")],
        ),
        (
            {"step_weights": [5, 50], "gates": [{"before_weight": 5}, {"before_weight": 50}, PROMOTION]},
            [
                ("progressing", 0, "weight-5"),
                ("progressing", 0, "weight-50"),
                ("progressing", 0, "promotion"),
                ("promoting", 0, ""),
                ("finalising", 0, ""),
                ("succeeded", 0, ""),
            ],
        ),
        (
            STEPS_WITH_GATES,
            [
                ("progressing", 0, ""),
                ("progressing", 0, "look"),
                ("progressing", 0, "pause-3"),
                ("progressing", 0, "promotion"),
                ("promoting", 0, ""),
                ("finalising", 0, ""),
                ("succeeded", 0, ""),
            ],
        ),
        (
            {"iterations": 3, "mirror": True, "gates": [PROMOTION]},
            [
                ("progressing", 0, ""),
                ("progressing", 0, "promotion"),
                ("promoting", 0, ""),
                ("finalising", 0, ""),
                ("succeeded", 0, ""),
            ],
        ),
        (
            {"iterations": 3, "matched": True},
            [("progressing", 0, ""), ("promoting", 0, ""), ("finalising", 0, ""), ("succeeded", 0, "")],
        ),
        # Routes alone: the promotion is what moves users.
        (
            {"step_weights": [5], "promotion": "switch", "step_weight_promotion": 50, "gates": [PROMOTION]},
            [
                ("progressing", 0, ""),
                ("progressing", 0, "promotion"),
                ("promoting", 50, ""),
                ("promoting", 100, ""),
                ("finalising", 100, ""),
                ("succeeded", 100, ""),
            ],
        ),
    ],
)
def test_without_analyses_nobody_is_at_the_canary_before_the_promotion_and_gates_stay(
    plan: dict[str, Any], steps: list[tuple[str, int, str]]
) -> None:
    found = build_schedule(plan, skips_analysis=True)
    assert [(step.phase, step.canary, step.gate) for step in found] == steps
    assert not any(step.mirror or step.matched or step.analysis for step in found)
    # What is promoted had its full size before.
    assert {step.replicas for step in found[:-1]} == {100}
    assert [step.index for step in found] == list(range(len(found)))


@pytest.mark.parametrize("promote", ["wave", "together"])
def test_without_analyses_waves_follow_one_another_and_drain(promote: str) -> None:
    waves = [{"name": "first", "clusters": ["east"], "bake": 600}, {"name": "rest"}]
    plan = {"step_weights": [5, 50], "interval": 60, "drain": 30, "gates": [PROMOTION], "waves": waves}
    steps = build_schedule({**plan, "promote": promote}, skips_analysis=True)
    gates = ["first-promotion", "rest-promotion"] if promote == "wave" else ["promotion"]
    assert [step.gate for step in steps if step.gate] == gates
    assert [step.wave for step in steps if step.copy] == ([0, 1] if promote == "wave" else [ALL_WAVES])
    # Each promotion drains; nothing else takes time.
    assert steps[-1].after == 30 * len(gates)


# As data


def test_a_step_as_data_and_the_hash_of_all() -> None:
    steps = build_schedule({"step_weight": 50})
    assert as_dict(steps[1]) == {
        "index": 1,
        "canary": 50,
        "stable": 50,
        "mirror": 0,
        "matched": False,
        "phase": "progressing",
        "wave": 0,
        "after": 0.0,
        "analysis": True,
        "gate": "",
        "copy": False,
        "replicas": 100,
        "cutover": False,
    }
    assert plan_hash(steps) == plan_hash(build_schedule({"step_weight": 50, "interval": "1m"}))
    assert plan_hash(steps) != plan_hash(build_schedule({"step_weight": 50, "interval": "2m"}))
