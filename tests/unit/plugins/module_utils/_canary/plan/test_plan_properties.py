# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every plan that is not refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import ALL_WAVES
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import (
    build_schedule,
    plan_hash,
    traffic_at,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

ORDER = ("progressing", "promoting", "finalising", "succeeded")
TOTALS = st.sampled_from([1, 10, 100, 1000])
# How long an example takes says something of the machine only.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
TIMES = st.none() | st.integers(1, 600) | st.sampled_from(["90s", "1m30s", "2h"])


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def rings(draw: st.DrawFn, total: int) -> dict[str, Any]:
    """What a plan and a wave both may have, mostly of a kind that is not refused."""
    way = draw(st.sampled_from(["step_weight", "step_weights", "iterations", "steps"]))
    given: dict[str, Any] = {"interval": draw(TIMES), "drain": draw(TIMES)}
    if way == "step_weight":
        given |= {
            "step_weight": draw(st.integers(max(1, total // 200), total)),
            "max_weight": draw(optional(st.integers(1, total))),
            "overshoot": draw(st.booleans()),
            "matched": draw(st.booleans()),
            "mirror": draw(st.booleans()),
        }
    elif way == "step_weights":
        given["step_weights"] = sorted(draw(st.sets(st.integers(1, total), min_size=1, max_size=6)))
    elif way == "iterations":
        given |= {"iterations": draw(st.integers(1, 5)), "matched": draw(st.booleans())}
    else:
        step = st.one_of(
            st.builds(lambda value, time: {"weight": value, "interval": time}, st.integers(0, total), TIMES),
            st.builds(lambda value: {"pause": value}, st.just(True) | st.integers(1, 60)),
            st.builds(lambda value: {"analysis": value}, st.integers(1, 3)),
            st.builds(lambda value: {"matched": value}, st.booleans()),
            st.builds(lambda value: {"mirror": value}, st.integers(0, 100)),
            st.builds(lambda value: {"replicas": value}, st.integers(1, 100)),
        )
        given["steps"] = draw(st.lists(step, min_size=1, max_size=8))
    if not given.get("matched") or way != "iterations":
        given["step_weight_promotion"] = draw(optional(st.integers(max(1, total // 200), total)))
    return given


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    total = draw(TOTALS)
    plan = draw(rings(total))
    plan |= {
        "total": total,
        "promotion": draw(st.sampled_from(["copy", "switch"])),
        "promote": draw(st.sampled_from(["wave", "together"])),
        "gates": draw(st.sampled_from([[], [{"before": "promotion"}]])),
    }
    names = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3))
    own = st.just({}) | rings(total)
    plan["waves"] = [{"name": name, "clusters": [name], "bake": draw(TIMES), **draw(own)} for name in names]
    return plan


def scheduled(plan: dict[str, Any]) -> Any:
    try:
        return build_schedule(plan)
    except MeshError as error:
        # Waves that end differently, or that inherit what does not go with what they have.
        assume(bool(plan["waves"]))
        assume(not error.findings)
        raise


@unhurried
@given(plans())
def test_weights_and_times(plan: dict[str, Any]) -> None:
    steps = scheduled(plan)
    for step in steps:
        assert step.canary + step.stable == plan["total"]
        assert 0 <= step.canary <= plan["total"]
        assert 0 <= step.mirror <= 100
        assert 0 <= step.replicas <= 100
    assert [step.index for step in steps] == list(range(len(steps)))
    assert all(before.after <= behind.after for before, behind in pairwise(steps))
    assert plan_hash(steps) == plan_hash(build_schedule(plan))


@unhurried
@given(plans())
def test_the_beginning_and_the_end(plan: dict[str, Any]) -> None:
    steps = scheduled(plan)
    first, last = steps[0], steps[-1]
    assert (first.canary, first.after, first.analysis, first.phase) == (0, 0, False, "progressing")
    assert [step.phase for step in steps].count("succeeded") == 1
    assert last.phase == "succeeded"
    switch = plan["promotion"] == "switch"
    assert (last.canary, last.replicas, last.matched, last.mirror) == (
        plan["total"] if switch else 0,
        100 if switch else 0,
        False,
        0,
    )
    assert any(step.copy for step in steps) is not switch


@unhurried
@given(plans())
def test_each_wave_goes_through_the_phases_in_order(plan: dict[str, Any]) -> None:
    steps = scheduled(plan)
    for wave in range(max(1, len(plan["waves"]))):
        mine = [step for step in steps if step.wave in (wave, ALL_WAVES)]
        numbers = [ORDER.index(step.phase) for step in mine]
        assert numbers == sorted(numbers)
        assert set(numbers) == {0, 1, 2, 3}
        assert sum(step.copy for step in mine) == (plan["promotion"] == "copy")
        # Nobody is sent to a side that is about to go: the last traffic is there already when it drains.
        ended = [(step.canary, step.matched) for step in mine if step.phase in ("finalising", "succeeded")]
        assert len(set(ended)) == 1


@unhurried
@given(plans())
def test_after_the_promotion_began_nothing_is_analysed_and_traffic_goes_one_way(plan: dict[str, Any]) -> None:
    for wave in range(max(1, len(plan["waves"]))):
        ending = [step for step in scheduled(plan) if step.wave in (wave, ALL_WAVES) and step.phase != "progressing"]
        weights = [step.canary for step in ending]
        assert not any(step.analysis or step.gate or step.mirror for step in ending)
        assert weights == sorted(weights, reverse=plan["promotion"] == "copy")


@unhurried
@given(st.integers(1, 100), st.integers(1, 100), st.booleans())
def test_a_ramp_rises_to_its_maximum(step: int, most: int, overshoot: bool) -> None:
    weights = [
        each.canary
        for each in build_schedule({"step_weight": step, "max_weight": most, "overshoot": overshoot})
        if each.phase == "progressing"
    ]
    rises = [after - before for before, after in pairwise(weights)]
    assert all(0 < rise <= step for rise in rises)
    assert all(rise == step for rise in rises[:-1])
    assert weights[-2] < most <= weights[-1]
    assert weights[-1] == (min(100, -(-most // step) * step) if overshoot else most)


@unhurried
@given(plans(), st.data())
def test_a_step_of_one_wave_leaves_the_others_as_they_are(plan: dict[str, Any], data: st.DataObject) -> None:
    steps = scheduled(plan)
    index = data.draw(st.integers(1, len(steps) - 1))
    for wave in range(max(1, len(plan["waves"]))):
        if steps[index].wave not in (wave, ALL_WAVES):
            assert traffic_at(steps, index, wave) == traffic_at(steps, index - 1, wave)
        else:
            assert traffic_at(steps, index, wave) == steps[index]
