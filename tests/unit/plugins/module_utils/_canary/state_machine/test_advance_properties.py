# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random histories of releases. What must never happen is looked for by the world in each tick.

Nobody is moved to a side that is not ready; a side with pods goes only when nobody is sent there; nothing is judged
before there is a canary; a gate that is closed is not passed; clusters differ by one position at most; the shares make
the total; a second look at the same observation changes nothing; what is stored can be read again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.rules import Rules
from ansible_collections.onemesh.istio.plugins.module_utils._change.policy import Policy
from ansible_collections.onemesh.istio.tests.support.canary.release_world import (
    FAILED,
    PLAN,
    READY,
    WAITING,
    World,
    rules_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

WAVES: dict[str, Any] = {
    "step_weights": [10, 50],
    "waves": [{"name": "first", "clusters": ["east"], "bake": 30}, {"name": "rest"}],
}
PLANS: list[dict[str, Any]] = [
    dict(PLAN),
    {"step_weight": 20, "max_weight": 50, "step_weight_promotion": 25, "gates": [{"before": "promotion"}]},
    {"iterations": 2, "mirror": True},
    {"iterations": 2, "gates": [{"before": "promotion"}]},
    {"iterations": 2, "matched": True},
    {"steps": [{"replicas": 10}, {"weight": 5}, {"replicas": 60}, {"weight": 40}, {"pause": True}, {"weight": 20}]},
    {"step_weights": [30], "promotion": "switch"},
    WAVES,
    {**WAVES, "gates": [{"before": "promotion"}]},
    {**WAVES, "promote": "together", "gates": [{"before_weight": 50}]},
]
HOOKS = ("pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "confirm-rollout", "rollback")
CLUSTERS = ["east", "west"]
SITUATION = st.one_of(
    st.tuples(st.just("away"), st.sampled_from(CLUSTERS)),
    st.tuples(st.just("back"), st.just("")),
    st.tuples(st.just("refuses"), st.sampled_from([*CLUSTERS, ""])),
    st.tuples(st.just("leave out"), st.sampled_from([*CLUSTERS, ""])),
    st.tuples(st.just("verdict"), st.sampled_from(["pass", "pass", "fail", "inconclusive", "error", "running"])),
    st.tuples(st.just("revision"), st.sampled_from(["r1", "r2", "r3"])),
    st.tuples(st.just("stable"), st.sampled_from(["ready", "ready", "waiting", "failed"])),
    st.tuples(st.just("canary"), st.sampled_from(["ready", "ready", "waiting", "failed"])),
    st.tuples(st.just("request"), st.sampled_from(["hold", "resume", "skip", "promote", "rollback", "restart"])),
    st.tuples(st.just("approve"), st.integers(0, 5)),
    st.tuples(st.just("disapprove"), st.integers(0, 5)),
    st.tuples(st.just("hook"), st.sampled_from(["open", "open", "closed", "failed"])),
    st.tuples(st.just("edit"), st.sampled_from([0, 5, 70, 100])),
    st.tuples(st.just("cut"), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("time"), st.sampled_from([1, 60, 60, 200])),
)
SCRIPT = st.lists(SITUATION, min_size=5, max_size=40)
READINESS = {"ready": READY, "waiting": WAITING, "failed": FAILED}


def rules_with(plan: dict[str, Any], ramp: bool, **changes: Any) -> Rules:
    rules = rules_of(plan=plan, **changes)
    return rules if ramp else replace(rules, steps=build_schedule(plan, skips_analysis=True), metrics=())


RULES = st.builds(
    rules_with,
    plan=st.sampled_from(PLANS),
    ramp=st.sampled_from([True, True, True, False]),
    policy=st.sampled_from([Policy(), Policy("quorum", 1), Policy("exclude", exclude=frozenset({"west"}))]),
    threshold=st.sampled_from([1, 2]),
    revert=st.sampled_from(["all", "wave"]),
    rollback_step=st.sampled_from([0, 30]),
    on_failed_promotion=st.sampled_from(["hold", "retry", "restore"]),
    scales=st.booleans(),
    sticky=st.booleans(),
    hooks=st.sampled_from([frozenset(), frozenset(HOOKS)]),
    history_limit=st.just(20),
)


def happens(world: World, kind: str, value: Any) -> None:
    """One thing happens, and a tick follows."""
    request, seconds, cut = "", 10.0, None
    side = "west" if world.now % 20 else "east"
    match kind:
        case "away":
            world.away.add(value)
        case "back":
            world.away.clear()
        case "refuses":
            world.fails_to_write = {value} - {""}
        case "leave out":
            left_out = frozenset({value} - {""})
            world.rules = replace(world.rules, policy=Policy("exclude", exclude=left_out) if left_out else Policy())
        case "verdict":
            world.verdict = value
        case "revision":
            world.revision = value
        case "stable":
            world.stable[side] = READINESS[value]
        case "canary":
            world.canary[side] = READINESS[value]
        case "request":
            request = value
        case "approve" | "disapprove":
            gates = gates_of(world)
            if gates:
                world.gates[gates[value % len(gates)]] = "open" if kind == "approve" else "closed"
        case "hook":
            world.gates.update(dict.fromkeys(HOOKS[:-1], value))
        case "edit":
            world.edit(side, value)
        case "cut":
            cut = value
        case _:
            seconds = float(value)
    before = world.state
    world.tick(seconds, request, cut=cut)  # type: ignore[arg-type]
    after = world.state
    if after.position.mode != "forward" or before.position.mode != "forward" or after.revision != before.revision:
        return
    goes = after.position.step - before.position.step
    assert goes in (0, 1) or request == "promote" or after.position.step == 0, "no step is left out"
    was_forced = before.intended is not None and before.intended.forced
    if before.position.step >= 0 and goes > 0 and request not in ("skip", "promote") and not was_forced:
        gate = world.rules.steps[before.position.step].gate
        assert not gate or world.gates.get(gate) == "open", "a gate that is closed is never passed"


def gates_of(world: World) -> list[str]:
    return [step.gate for step in world.rules.steps if step.gate]


def all_gates(world: World) -> list[str]:
    return [*gates_of(world), *HOOKS[:-1]]


def becomes_well(world: World) -> None:
    world.away.clear()
    world.fails_to_write.clear()
    world.stable.clear()
    world.canary.clear()
    world.verdict = "pass"
    world.gates = dict.fromkeys(all_gates(world), "open")


@settings(max_examples=60, deadline=None)
@given(RULES, SCRIPT)
def test_a_release_ends_once_all_is_well_whatever_happened_before(rules: Rules, script: list[tuple[str, Any]]) -> None:
    world = World(rules)
    for kind, value in script:
        happens(world, kind, value)
    becomes_well(world)
    world.tick(request="resume")
    state = world.run(seconds=60.0)
    assert state.phase in ("initialized", "succeeded", "failed")
    rules = world.rules
    aims = {name: live for name, live in world.live.items() if name not in rules.policy.exclude}
    if state.phase == "succeeded" and state.revision == world.revision:
        last = rules.steps[-1]
        assert {live.traffic.canary for live in aims.values()} == {last.canary}
        if last.copy or any(step.copy for step in rules.steps):
            assert {world.templates[name][-1] for name in aims} == {state.revision}


@settings(max_examples=40, deadline=None)
@given(RULES, SCRIPT)
def test_the_rollback_is_open_from_everywhere_and_ends_with_nobody_at_the_canary(
    rules: Rules, script: list[tuple[str, Any]]
) -> None:
    world = World(rules)
    for kind, value in script:
        happens(world, kind, value)
    if not world.state.is_running:
        return
    becomes_well(world)
    world.revision = world.state.revision
    world.tick(request="rollback")
    assert world.state.phase == "failed"
    state = world.run(seconds=60.0)
    assert state.phase == "failed"
    asked = [name for name in rules.waves if name not in world.rules.policy.exclude]
    assert not [name for name in asked if world.live[name].sends]


@pytest.mark.parametrize("plan", PLANS)
@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=40))
def test_a_run_that_is_killed_anywhere_takes_the_same_steps(plan: dict[str, Any], cuts: list[int | None]) -> None:
    whole, killed = World(rules_of(plan=plan)), World(rules_of(plan=plan))
    whole.gates = killed.gates = dict.fromkeys(all_gates(whole), "open")
    whole.run()
    for cut in cuts:
        killed.tick(cut=cut)
    killed.run()
    assert killed.steps == whole.steps == list(range(len(whole.rules.steps)))
    assert killed.live == whole.live
    assert [each.reason for each in killed.state.history] == [each.reason for each in whole.state.history]
