# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases from their start to their end, told as scenarios. The world looks for what must never happen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import GateAnswer, Request, Verdict
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.reasons import describe_all
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.advance import (
    advance,
    compute_needs,
    is_starting,
    next_due_at,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.state import ReleaseState
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.steps import webhooks_before
from ansible_collections.onemesh.istio.plugins.module_utils._change.policy import Policy
from ansible_collections.onemesh.istio.tests.support.canary.release_world import (
    FAILED,
    SUCCESS_RATE,
    WAITING,
    World,
    rules_of,
)

WAVES: dict[str, Any] = {
    "step_weights": [10, 50],
    "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}],
}
TOGETHER = {**WAVES, "promote": "together"}
COPY, FINAL, DONE = 4, 5, 6


def test_a_good_release_takes_every_step_once_and_leaves_no_canary() -> None:
    world = World(rules_of())
    state = world.run()
    assert (state.phase, state.promoted, world.steps) == ("succeeded", "r2", [0, 1, 2, 3, 4, 5, 6])
    assert world.templates == {"east": ["r1", "r2"], "west": ["r1", "r2"]}
    assert world.sizes == {"east": 0, "west": 0}
    assert [each.phase for each in state.history] == ["progressing"] * 4 + ["promoting", "finalising", "succeeded"]


def test_before_the_first_release_the_stable_side_is_made_of_what_runs() -> None:
    world = World(rules_of(baseline=True), revision="r1", state=ReleaseState())
    world.stable["east"] = WAITING
    for _number in range(3):
        world.tick()
    assert world.state.phase == "initializing"
    world.stable.clear()
    state = world.run()
    assert (state.phase, state.promoted, world.steps) == ("initialized", "r1", [])


@pytest.mark.parametrize("step", range(DONE))
@pytest.mark.parametrize("cut", [None, 0, 1])
def test_the_rollback_is_open_from_every_step(step: int, cut: int | None) -> None:
    world = World(rules_of()).until(step)
    if cut is not None:
        world.tick(60, "skip", cut=cut)
    world.tick(request="rollback")
    assert world.state.phase == "failed"
    state = world.run()
    assert (state.phase, state.promoted, world.weights) == ("failed", "r1", {"east": 0, "west": 0})
    assert world.templates == {"east": ["r1"], "west": ["r1"]}
    assert world.sizes == {"east": 0, "west": 0}
    assert sum("rolling back" in each.reason for each in state.history) == 1


@pytest.mark.parametrize(
    ("verdict", "phase", "failed"),
    [
        ("pass", "progressing", 0),
        ("fail", "failed", 1),
        ("inconclusive", "progressing", 0),
        ("error", "progressing", 0),
        ("running", "progressing", 0),
    ],
)
def test_only_a_failed_analysis_ends_a_release_and_only_a_passed_one_takes_it_on(
    verdict: Verdict, phase: str, failed: int
) -> None:
    world = World(rules_of(), verdict=verdict).until(1)
    world.tick(60)
    assert (world.state.phase, world.state.failed) == (phase, failed)
    assert world.state.position.step == (2 if verdict == "pass" else 1)


def test_the_threshold_counts_in_the_tick_that_reaches_it_and_a_pass_lowers_nothing() -> None:
    world = World(rules_of(threshold=2)).until(1)
    world.verdict = "fail"
    world.tick(60)
    assert (world.state.failed, world.state.phase) == (1, "progressing")
    world.verdict = "pass"
    world.tick(60)
    assert (world.state.failed, world.state.position.step) == (1, 2)
    world.verdict = "fail"
    world.tick(60)
    assert (world.state.failed, world.state.phase) == (2, "failed")


@pytest.mark.parametrize(
    ("limits", "verdict", "ends"),
    [
        ({"failure_limit": 1}, "fail", "failed"),
        ({"inconclusive_limit": 1}, "inconclusive", "held"),
        ({"error_limit": 1}, "error", "held"),
    ],
)
def test_a_limit_of_a_metric_ends_or_holds(limits: dict[str, int], verdict: Verdict, ends: str) -> None:
    world = World(rules_of(metrics=(replace(SUCCESS_RATE, **limits),), threshold=9), verdict=verdict).until(1)
    world.tick(60)
    assert world.state.phase == "progressing"
    world.tick(60)
    assert world.state.phase == ("failed" if ends == "failed" else "progressing")
    assert (world.state.hold is not None) == (ends == "held")
    if ends == "held":
        world.verdict = "pass"
        world.tick(request="resume")
        assert world.run().phase == "succeeded"


def test_a_gate_holds_until_it_is_opened() -> None:
    world = World(rules_of(plan={"step_weights": [50], "gates": [{"before": "promotion", "name": "go"}]})).until(1)
    world.tick(60)
    world.tick(60)
    assert (world.state.phase, world.state.position.step) == ("waiting_promotion", 1)
    assert [each.phase for each in world.state.history].count("waiting_promotion") == 1
    world.gates["go"] = "open"
    assert world.run().phase == "succeeded"


GUARDED: dict[str, Any] = {"step_weights": [5, 50], "interval": 60, "gates": [{"before_weight": 50, "name": "half"}]}
GROWING: dict[str, Any] = {
    "steps": [{"replicas": 10}, {"weight": 5, "gate": "half"}, {"replicas": 60}, {"weight": 50}],
    "interval": 60,
}


@pytest.mark.parametrize("guard", ["half", "confirm-traffic-increase"])
@pytest.mark.parametrize(
    ("plan", "cut", "refuses"),
    [
        # Its pods are made first.
        (GROWING, None, set()),
        # A cluster refuses the write, so that the step is put back.
        (GUARDED, None, {"west"}),
        # The run is killed before the first, or between the first cluster and the second.
        (GUARDED, 0, set()),
        (GUARDED, 1, set()),
    ],
)
def test_what_guards_a_step_is_asked_until_the_step_is_taken(
    plan: dict[str, Any], cut: int | None, refuses: set[str], guard: str
) -> None:
    world = World(rules_of(plan=plan, hooks=frozenset({"confirm-traffic-increase"})))
    world.gates = {"half": "open", "confirm-traffic-increase": "open"}
    world.until(1)
    world.fails_to_write = refuses
    world.tick(60, cut=cut)
    assert world.state.position.step == 1
    world.fails_to_write = set()
    # Somebody disapproves, or the approval has expired.
    world.gates[guard] = "closed"
    for _number in range(5):
        decision = world.tick(60)
        assert (world.weights, world.state.position.step) == ({"east": 5, "west": 5}, 1)
    assert decision.reasons[-1].what == "closed"
    assert decision.reasons[-1].about == guard
    world.gates[guard] = "open"
    assert world.run().phase == "succeeded"


def test_what_a_person_has_passed_over_guards_nothing_when_the_run_is_killed() -> None:
    world = World(rules_of(plan=GUARDED)).until(1)
    world.tick(1, "skip", cut=1)
    world.tick()
    assert (world.weights, world.state.position.step) == ({"east": 50, "west": 50}, 2)


def test_a_failed_analysis_ends_a_release_that_waits_for_its_promotion() -> None:
    world = World(rules_of(hooks=frozenset({"confirm-promotion"}))).until(3)
    world.tick(60)
    assert world.state.phase == "waiting_promotion"
    world.verdict = "fail"
    world.tick(60)
    assert world.state.phase == "failed"


def test_a_closed_confirmation_waits_and_a_revision_that_goes_away_is_forgotten() -> None:
    world = World(rules_of(hooks=frozenset({"confirm-rollout"})))
    world.tick()
    world.tick()
    assert (world.state.phase, len(world.state.history)) == ("waiting", 1)
    world.revision = "r1"
    world.tick()
    assert world.state.phase == "initialized"


@pytest.mark.parametrize("request_", ["skip", "promote"])
def test_a_person_passes_over_time_and_verdict_but_not_over_what_is_broken(request_: Request) -> None:
    world = World(rules_of(), verdict="inconclusive").until(1)
    world.canary["west"] = WAITING
    world.tick(1, request_)
    assert world.state.position.step == 1
    world.canary.clear()
    world.tick(1, request_)
    assert world.state.position.step == (2 if request_ == "skip" else COPY)


CONFIRMED: list[tuple[dict[str, Any], dict[int, list[str]]]] = [
    ({"step_weights": [5, 100]}, {1: ["increase"], 2: ["increase"], 3: ["increase", "promotion"]}),
    ({"step_weights": [100]}, {1: ["increase"], 2: ["increase", "promotion"]}),
    ({"step_weights": [50], "mirror": True}, {1: ["increase"], 2: ["increase"], 3: ["increase", "promotion"]}),
    ({"iterations": 2, "matched": True}, {1: ["increase"], 3: ["increase", "promotion"]}),
    # Of blue/green users see the cutover, and nobody is asked after it.
    ({"iterations": 2}, {3: ["increase", "promotion"]}),
    ({"iterations": 2, "mirror": True}, {1: ["increase"], 3: ["increase", "promotion"]}),
    ({"iterations": 1, "promotion": "switch"}, {2: ["increase", "promotion"]}),
    (
        {"iterations": 1, "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}]},
        {2: ["increase", "promotion"], 8: ["increase", "promotion"]},
    ),
    (
        {"iterations": 1, "promote": "together", "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}]},
        {2: ["increase", "promotion"], 5: ["increase", "promotion"]},
    ),
    (
        {"step_weights": [50], "promotion": "switch", "step_weight_promotion": 25},
        {1: ["increase"], 2: ["increase", "promotion"], 3: ["increase"]},
    ),
]


@pytest.mark.parametrize(("plan", "asked"), CONFIRMED, ids=[str(plan) for plan, _asked in CONFIRMED])
def test_which_webhooks_confirm_which_step(plan: dict[str, Any], asked: dict[int, list[str]]) -> None:
    words = {"confirm-traffic-increase": "increase", "confirm-promotion": "promotion"}
    found = {
        after.index: [words[hook] for hook in webhooks_before(step, after)]
        for step, after in pairwise(build_schedule(plan))
    }
    assert {index: hooks for index, hooks in found.items() if hooks} == asked


@pytest.mark.parametrize("mirror", [False, True])
def test_everybody_stays_until_the_cutover_of_blue_green_is_confirmed(mirror: bool) -> None:
    hooks = frozenset({"confirm-promotion"})
    world = World(rules_of(plan={"iterations": 2, "mirror": mirror, "interval": 60}, hooks=hooks))
    for _number in range(30):
        world.tick(60)
    assert (world.state.phase, world.state.position.step, world.weights) == (
        "waiting_promotion",
        2,
        {"east": 0, "west": 0},
    )
    world.gates["confirm-promotion"] = "open"
    world.until(3)
    assert (world.state.phase, world.weights) == ("progressing", {"east": 100, "west": 100})
    # A refusal after it is no rollback, and nobody asks for one.
    world.gates["confirm-promotion"] = "closed"
    assert world.run().phase == "succeeded"


def test_copies_of_requests_are_confirmed_as_traffic_is() -> None:
    world = World(rules_of(plan={"step_weights": [50], "mirror": True}, hooks=frozenset({"confirm-traffic-increase"})))
    for _number in range(10):
        world.tick(60)
    assert (world.state.position.step, [each.traffic.mirror for each in world.live.values()]) == (0, [0, 0])


@pytest.mark.parametrize("answer", ["open", "closed"])
def test_a_rollback_webhook_is_asked_while_the_release_waits_to_begin(answer: GateAnswer) -> None:
    world = World(rules_of(hooks=frozenset({"confirm-rollout", "rollback"})))
    world.gates["rollback"] = answer
    for _number in range(3):
        world.tick()
    assert world.steps == []
    assert (world.state.phase, world.state.done) == ("failed" if answer == "open" else "waiting", True)
    world.gates["confirm-rollout"] = "open"
    world.tick()
    assert world.state.phase == ("failed" if answer == "open" else "progressing")


HELD: list[tuple[str, dict[str, Any]]] = [
    ("a person", {}),
    ("a limit of a metric", {"metrics": (replace(SUCCESS_RATE, inconclusive_limit=0),)}),
    ("a promotion that failed", {"plan": {"step_weights": [50]}}),
]


@pytest.mark.parametrize(("held_by", "changes"), HELD, ids=[name for name, _changes in HELD])
def test_promote_after_a_hold_gets_to_its_end(held_by: str, changes: dict[str, Any]) -> None:
    world = World(rules_of(**changes)).until(2 if "failed" in held_by else 1)
    if held_by == "a person":
        world.tick(request="hold")
    elif held_by == "a limit of a metric":
        world.verdict = "inconclusive"
        world.tick(60)
    else:
        world.stable["west"] = FAILED
        world.tick()
        world.tick()
        world.stable.clear()
    assert world.state.hold is not None
    assert world.tick(request="promote").apply
    assert world.run().phase == "succeeded"


def test_promote_after_a_hold_that_cannot_be_yet_leaves_the_hold_and_says_why() -> None:
    world = World(rules_of()).until(1)
    world.tick(request="hold")
    world.canary["west"] = WAITING
    decision = world.tick(request="promote")
    assert "west: the canary side is not ready: a pod is missing" in describe_all(decision.reasons)
    world.canary.clear()
    world.tick(600)
    assert (world.state.position.step, world.state.hold is not None) == (1, True)


def test_a_failure_in_the_tick_of_a_request_to_go_on_goes_before_it() -> None:
    world = World(rules_of()).until(1)
    world.verdict = "fail"
    world.tick(60, "promote")
    assert world.state.phase == "failed"


def test_a_hold_stops_steps_and_not_the_rollback() -> None:
    world = World(rules_of()).until(1)
    world.tick(request="hold")
    world.tick(600)
    assert world.state.position.step == 1
    world.verdict = "fail"
    world.tick(60)
    assert world.state.phase == "failed"


def test_a_new_revision_in_a_run_sends_everybody_back_and_begins_from_the_start() -> None:
    world = World(rules_of()).until(3)
    world.revision = "r3"
    world.tick()
    assert (world.state.phase, world.weights) == ("progressing", {"east": 0, "west": 0})
    state = world.run()
    assert (state.phase, state.promoted, world.steps) == ("succeeded", "r3", [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6])


def test_a_new_revision_is_retreated_from_while_a_cluster_is_away_and_begins_when_it_is_back() -> None:
    world = World(rules_of()).until(2)
    world.away = {"west"}
    world.revision = "r3"
    for _number in range(5):
        world.tick()
    assert world.weights == {"east": 0, "west": 50}
    world.away.clear()
    assert world.run().promoted == "r3"


def test_a_revision_that_is_put_back_ends_the_run() -> None:
    world = World(rules_of()).until(2)
    world.revision = "r1"
    state = world.run()
    assert (state.phase, state.promoted, world.weights) == ("failed", "r1", {"east": 0, "west": 0})


def test_a_revision_that_comes_in_a_rollback_begins_after_it() -> None:
    world = World(rules_of()).until(2)
    world.tick(request="rollback")
    world.revision = "r3"
    world.tick()
    assert (world.state.phase, world.state.revision) == ("failed", "r2")
    for _number in range(100):
        world.tick()
    assert (world.state.phase, world.state.promoted) == ("succeeded", "r3")
    assert world.steps[:4] == [0, 1, 2, 0]


def test_a_start_that_cannot_be_written_is_tried_again_and_goes_on_from_no_older_position() -> None:
    world = World(rules_of()).until(2)
    world.tick(request="rollback")
    world.run()
    world.revision = "r3"
    world.fails_to_write = {"west"}
    for _number in range(5):
        world.tick(60)
    assert world.weights == {"east": 0, "west": 0}
    world.fails_to_write.clear()
    world.steps.clear()
    assert world.run().promoted == "r3"
    assert world.steps == [0, 1, 2, 3, 4, 5, 6]


def test_a_step_that_is_not_taken_leaves_no_trace() -> None:
    world = World(rules_of()).until(1)
    world.fails_to_write = {"west"}
    before = world.state.history
    for _number in range(5):
        world.tick(60)
    assert (world.state.position.step, world.state.intended, world.state.history) == (1, None, before)
    assert world.state.phase == "progressing"


def test_a_rollback_is_owed_to_a_cluster_that_is_away() -> None:
    world = World(rules_of()).until(2)
    world.away = {"west"}
    world.verdict = "fail"
    world.tick(60)
    for _number in range(20):
        world.tick()
    assert (world.weights, world.sizes) == ({"east": 0, "west": 50}, {"east": 100, "west": 100})
    assert not world.state.done
    world.away.clear()
    assert world.run().phase == "failed"
    assert (world.weights, world.sizes) == ({"east": 0, "west": 0}, {"east": 0, "west": 0})


@pytest.mark.parametrize(
    ("policy", "goes_on"),
    [(Policy(), False), (Policy("quorum", 1), True), (Policy("exclude", exclude=frozenset({"west"})), True)],
)
def test_a_step_without_a_cluster_follows_the_policy(policy: Policy, goes_on: bool) -> None:
    world = World(rules_of(policy=policy)).until(1)
    world.away = {"west"}
    world.tick(60)
    assert (world.state.position.step == 2) == goes_on


def test_a_cluster_that_comes_back_gets_pods_then_its_share_and_then_the_next_step_is_taken() -> None:
    world = World(rules_of(policy=Policy("quorum", 1)))
    world.away = {"west"}
    world.until(2)
    world.away.clear()
    world.tick(60)
    assert (world.weights, world.sizes["west"], world.state.position.step) == ({"east": 50, "west": 0}, 100, 2)
    world.tick()
    assert (world.weights, world.state.position.step) == ({"east": 50, "west": 50}, 2)
    assert world.run().phase == "succeeded"


def test_a_cluster_that_missed_the_promotion_gets_it_when_it_is_back() -> None:
    world = World(rules_of(policy=Policy("quorum", 1))).until(3)
    world.away = {"west"}
    world.until(FINAL)
    for _number in range(20):
        world.tick()
    assert (world.state.phase, world.sizes["east"]) == ("finalising", 100)
    world.away.clear()
    assert world.run().phase == "succeeded"
    assert world.templates["west"] == ["r1", "r2"]


def test_a_cluster_that_is_left_out_by_name_does_not_stop_the_end_and_its_canary_stays() -> None:
    world = World(rules_of(policy=Policy("exclude", exclude=frozenset({"west"}))))
    assert world.run().phase == "succeeded"
    assert world.sizes["east"] == 100
    world.rules = replace(world.rules, policy=Policy())
    world.tick()
    assert world.sizes["east"] == 100, "it drains from when the last cluster had the end"
    for _number in range(6):
        world.tick()
    assert world.sizes["east"] == 0


WITHOUT_WEST = Policy("exclude", exclude=frozenset({"west"}))


@pytest.mark.parametrize(("plan", "left_out_at"), [({"step_weights": [50]}, 1), (WAVES, 2), (TOGETHER, 5)])
@pytest.mark.parametrize("ends", ["rolled back", "rolled back after the end", "succeeded"])
def test_pods_stay_for_a_cluster_that_is_left_out_until_it_is_back_and_drained(
    plan: dict[str, Any], left_out_at: int, ends: str
) -> None:
    """It sends half of its requests to the canary; the world looks that no pods go meanwhile."""
    plan = {**plan, "waves": [{"name": "first", "clusters": ["west"]}, {"name": "rest"}]} if "waves" in plan else plan
    world = World(rules_of(plan={**plan, "interval": 60})).until(left_out_at)
    assert world.weights["west"] == 50
    world.rules = replace(world.rules, policy=WITHOUT_WEST)
    if ends != "rolled back":
        world.run()
        assert world.state.phase == "succeeded"
    if ends != "succeeded":
        world.tick(request="rollback")
        world.run()
        assert world.state.phase == "failed"
    assert world.weights["west"] == 50
    assert world.sizes["west"] == 100
    world.rules = replace(world.rules, policy=Policy())
    world.tick()
    assert world.weights["west"] == 0
    for _number in range(5):
        world.tick()
        assert world.sizes["west"] == 100
    for _number in range(10):
        world.tick()
    assert (world.sizes, world.tick().apply) == ({"east": 0, "west": 0}, False)


@pytest.mark.parametrize("after", ["rollback", "success"])
def test_what_a_hand_changed_after_the_end_is_taken_back_routes_first_and_then_pods(after: str) -> None:
    world = World(rules_of())
    if after == "rollback":
        world.until(2)
        world.tick(request="rollback")
    world.run()
    assert world.sizes == {"east": 0, "west": 0}
    for name in ("east", "west"):
        world.live[name] = replace(world.live[name], replicas=70)
    edited = world.live["west"]
    world.live["west"] = replace(edited, traffic=replace(edited.traffic, canary=30, stable=70))
    world.tick()
    assert (world.weights, world.sizes) == ({"east": 0, "west": 0}, {"east": 70, "west": 70})
    world.tick(30)
    assert world.sizes == {"east": 70, "west": 70}
    world.tick(30)
    assert world.sizes == {"east": 0, "west": 0}
    assert not world.tick().apply


def test_pods_that_nobody_is_sent_to_go_at_once() -> None:
    world = World(rules_of())
    world.run()
    world.live["west"] = replace(world.live["west"], replicas=100)
    world.tick()
    assert world.sizes == {"east": 0, "west": 0}


@pytest.mark.parametrize("way", ["rollback", "promotion"])
def test_a_drain_counts_from_when_the_last_cluster_had_the_position(way: str) -> None:
    world = World(rules_of(policy=Policy("quorum", 1))).until(2)
    world.away = {"west"}
    if way == "rollback":
        world.tick(request="rollback")
    else:
        world.tick(request="promote")
        world.until(FINAL)
    for _number in range(20):
        world.tick()
    assert world.sizes == {"east": 100, "west": 100}
    world.away.clear()
    while world.weights["west"]:
        world.tick(1)
    returned = world.now
    while world.sizes["west"]:
        world.tick(1)
    assert world.now >= returned + 60
    assert world.run().phase == ("failed" if way == "rollback" else "succeeded")


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_drain_ends_though_the_run_that_put_a_cluster_right_was_killed(cut: int) -> None:
    world = World(rules_of()).until(2)
    world.tick(request="rollback")
    world.edit("west", 30)
    world.tick(cut=cut)
    assert world.run().phase == "failed"
    assert (world.weights, world.sizes) == ({"east": 0, "west": 0}, {"east": 0, "west": 0})


def test_a_weight_that_somebody_changed_is_put_right_before_the_next_step() -> None:
    world = World(rules_of()).until(2)
    world.live["west"] = replace(world.live["west"], traffic=replace(world.live["west"].traffic, canary=90, stable=10))
    world.tick(60)
    assert (world.weights, world.state.position.step) == ({"east": 50, "west": 50}, 2)


def test_nobody_is_sent_back_to_a_stable_side_that_is_not_ready() -> None:
    world = World(rules_of()).until(2)
    world.stable["west"] = WAITING
    world.tick(request="rollback")
    world.tick()
    assert (world.state.phase, world.weights) == ("failed", {"east": 50, "west": 50})
    world.stable.clear()
    world.tick()
    assert world.weights == {"east": 0, "west": 0}


@pytest.mark.parametrize(
    ("plan", "at"),
    [
        # Before a step, before everybody goes to the canary, before the template is copied, and while it is cut over.
        ({"step_weights": [5, 50, 100]}, 1),
        ({"step_weights": [5, 50, 100]}, 2),
        ({"step_weights": [5, 50, 100]}, 3),
        ({"iterations": 1}, 1),
        ({"iterations": 1}, 2),
        ({"step_weights": [50], "promotion": "switch"}, 1),
    ],
)
def test_a_step_waits_for_the_stable_side_too(plan: dict[str, Any], at: int) -> None:
    world = World(rules_of(plan={**plan, "interval": 60})).until(at)
    weights, templates = world.weights, {name: list(had) for name, had in world.templates.items()}
    world.stable["west"] = WAITING
    for request in ("", "skip", "promote"):
        decision = world.tick(60, request)  # type: ignore[arg-type]
        assert "west: the stable side is not ready: a pod is missing" in describe_all(decision.reasons)
    assert (world.weights, world.templates, world.state.position.step) == (weights, templates, at)
    world.stable.clear()
    assert world.run().phase == "succeeded"


def test_the_end_of_a_switch_does_not_wait_for_a_side_that_nobody_gets_any_more() -> None:
    world = World(rules_of(plan={"step_weights": [50], "promotion": "switch"})).until(3)
    world.stable["west"] = WAITING
    assert world.run().phase == "succeeded"


Stage = tuple[str, Request]
"""The revision that is deployed, and what a person asks for."""


@pytest.mark.parametrize(
    ("stages", "promoted", "previous"),
    [
        ([("r2", "")], "r2", "r1"),
        ([("r2", ""), ("r2", "rollback")], "r1", ""),
        ([("r2", ""), ("r3", "")], "r3", "r2"),
        ([("r2", ""), ("r3", ""), ("r3", "rollback")], "r2", ""),
        # Begun once more, what was before it is still that.
        ([("r2", ""), ("r2", "restart"), ("r2", "rollback")], "r1", ""),
        ([("r2", ""), ("r2", "rollback"), ("r2", "restart"), ("r2", "rollback")], "r1", ""),
    ],
)
def test_what_the_stable_side_runs_is_known_after_a_rollback_too(
    stages: list[Stage], promoted: str, previous: str
) -> None:
    world = World(rules_of())
    for revision, request in stages:
        world.revision = revision
        world.tick(request=request)
        world.run()
    assert (world.state.promoted, world.state.previous) == (promoted, previous)
    assert {had[-1] for had in world.templates.values()} == {promoted}
    # What runs is no new release, whoever deploys it.
    world.steps.clear()
    world.revision = promoted
    for _number in range(5):
        assert not world.tick(60).apply
    assert world.steps == []


def test_where_waves_differ_nothing_is_known_to_be_promoted() -> None:
    world = World(rules_of(plan=WAVES, revert="wave")).until(7)
    world.verdict, world.bad = "fail", ("west",)
    world.run(seconds=60)
    assert (world.state.promoted, world.state.previous) == ("", "")


def test_a_canary_that_is_not_ready_holds_and_one_that_is_broken_ends_the_release() -> None:
    world = World(rules_of()).until(1)
    world.canary["west"] = WAITING
    world.tick(60)
    assert (world.state.phase, world.state.position.step) == ("progressing", 1)
    world.canary["west"] = FAILED
    world.tick()
    assert world.state.phase == "failed"


def test_a_gradual_rollback_goes_down_step_by_step() -> None:
    world = World(rules_of(rollback_step=20, rollback_interval=30.0)).until(2)
    world.tick(request="rollback")
    seen = [world.weights["east"]]
    while seen[-1]:
        world.tick(30)
        seen.append(world.weights["east"])
    assert seen == [30, 10, 0]


@pytest.mark.parametrize("exit_", ["resume", "rollback", "revision"])
def test_a_promotion_that_fails_is_held_at_the_canary_and_has_its_exits(exit_: str) -> None:
    world = World(rules_of(plan={"step_weights": [50]})).until(2)
    world.stable["west"] = FAILED
    world.tick()
    world.tick()
    assert (world.state.phase, world.weights) == ("promoting", {"east": 100, "west": 100})
    if exit_ == "resume":
        world.tick(request="resume")
        world.stable.clear()
        assert world.run().promoted == "r2"
        return
    if exit_ == "rollback":
        world.tick(request="rollback")
    else:
        world.revision = "r3"
        world.tick()
    assert (world.state.phase, world.weights) == ("failed", {"east": 100, "west": 100})
    assert world.templates["west"] == ["r1"]
    world.stable.clear()
    world.steps.clear()
    for _number in range(100):
        world.tick()
    assert world.state.promoted == ("r1" if exit_ == "rollback" else "r3")
    assert world.steps == ([] if exit_ == "rollback" else [0, 1, 2, 3, 4])


@pytest.mark.parametrize(("way", "phase"), [("restore", "failed"), ("retry", "promoting")])
def test_other_ways_out_of_a_failed_promotion(way: str, phase: str) -> None:
    world = World(rules_of(on_failed_promotion=way)).until(COPY)
    world.stable["west"] = FAILED
    world.tick()
    world.tick()
    assert (world.state.phase, world.weights) == (phase, {"east": 100, "west": 100})
    world.stable.clear()
    assert world.run().phase == ("failed" if way == "restore" else "succeeded")
    assert world.templates["west"][-1] == ("r1" if way == "restore" else "r2")


@pytest.mark.parametrize(
    ("plan", "revert", "bad", "weights", "templates"),
    [
        (WAVES, "wave", ("west",), {"east": 0, "west": 0}, {"east": "r2", "west": "r1"}),
        (WAVES, "all", ("west",), {"east": 0, "west": 0}, {"east": "r1", "west": "r1"}),
        (TOGETHER, "wave", ("west",), {"east": 50, "west": 0}, {"east": "r1", "west": "r1"}),
        (TOGETHER, "wave", ("east", "west"), {"east": 0, "west": 0}, {"east": "r1", "west": "r1"}),
        (TOGETHER, "all", ("west",), {"east": 0, "west": 0}, {"east": "r1", "west": "r1"}),
    ],
)
def test_a_failure_in_the_second_wave_takes_back_the_wave_or_all(
    plan: dict[str, Any], revert: Any, bad: tuple[str, ...], weights: dict[str, int], templates: dict[str, str]
) -> None:
    rules = rules_of(plan=plan, revert=revert)
    first = next(step.index for step in rules.steps if step.wave == 1 and step.canary)
    world = World(rules).until(first)
    world.verdict, world.bad = "fail", bad
    world.tick(60)
    world.run()
    assert world.weights == weights
    assert {name: had[-1] for name, had in world.templates.items()} == templates


def test_a_wave_that_has_not_begun_has_no_canary() -> None:
    world = World(rules_of(plan=WAVES)).until(1)
    assert world.sizes == {"east": 100, "west": 0}


def test_pods_come_before_requests_and_go_after_them() -> None:
    plan = {
        "steps": [{"replicas": 10}, {"weight": 5}, {"replicas": 60}, {"weight": 40}, {"replicas": 0}, {"weight": 0}]
    }
    world = World(rules_of(plan=plan))
    seen = []
    while not world.state.done or world.state.revision == "r1":
        decision = world.tick()
        if decision.apply and world.state.position.step < 4:
            seen.append((world.weights["east"], world.sizes["east"]))
    assert seen == [(0, 10), (5, 10), (5, 60), (40, 60), (0, 60), (0, 0)]


STRATEGIES: list[dict[str, Any]] = [
    {"step_weights": [50]},
    {"step_weights": [50], "mirror": True},
    {"iterations": 2},
    {"iterations": 2, "mirror": True},
    {"iterations": 2, "matched": True},
    {"steps": [{"analysis": 2}, {"weight": 50}]},
    {"steps": [{"replicas": 10}, {"weight": 0, "interval": 60}, {"replicas": 60}, {"analysis": 1}]},
    {"step_weights": [50], "promotion": "switch"},
]


@pytest.mark.parametrize("plan", STRATEGIES, ids=str)
@pytest.mark.parametrize("hooks", [(), ("rollout",), ("pre-rollout", "rollout")])
@pytest.mark.parametrize("missing", ["west", "east"])
def test_nothing_is_judged_before_the_canary_is_ready(
    plan: dict[str, Any], hooks: tuple[str, ...], missing: str
) -> None:
    """With threshold 1, hooks and metrics that fail without pods, and pods that take longer than any poll."""
    world = World(rules_of(plan={**plan, "interval": 60}, hooks=frozenset(hooks), threshold=1), verdict="fail")
    world.gates = {"pre-rollout": "failed", "rollout": "failed"}
    world.canary[missing] = WAITING
    for _number in range(20):
        decision = world.tick(60)
        assert f"{missing}: the canary side is not ready: a pod is missing" in describe_all(decision.reasons) or (
            decision.apply
        )
    assert (world.state.phase, world.state.position.step, world.state.failed) == ("progressing", 0, 0)
    # Now they are ready, and what looks at them is content.
    world.canary.clear()
    world.verdict, world.gates = "pass", {"pre-rollout": "open", "rollout": "open"}
    assert world.run(seconds=60).phase == "succeeded"


@pytest.mark.parametrize("plan", STRATEGIES, ids=str)
def test_what_fails_once_the_canary_is_ready_ends_the_release(plan: dict[str, Any]) -> None:
    world = World(rules_of(plan={**plan, "interval": 60}, threshold=1), verdict="fail")
    assert world.run(seconds=60).phase == "failed"


def test_pods_that_go_down_under_users_are_judged() -> None:
    world = World(rules_of()).until(2)
    world.canary = {"east": WAITING, "west": WAITING}
    world.verdict = "fail"
    world.tick(60)
    assert world.state.phase == "failed"


def test_a_cluster_that_has_not_its_share_yet_is_not_measured() -> None:
    world = World(rules_of(policy=Policy("quorum", 1)))
    world.away = {"west"}
    world.until(2)
    world.away.clear()
    world.now += 60
    assert compute_needs(world.rules, world.state, world.observe()).measured == ("east",)
    world.tick(0)
    world.tick()
    assert world.weights == {"east": 50, "west": 50}
    world.now += 60
    assert compute_needs(world.rules, world.state, world.observe()).measured == ("east", "west")


def test_without_a_ramp_what_is_promoted_was_ready_and_had_nobody() -> None:
    steps = build_schedule({"step_weights": [5, 50], "interval": 60}, skips_analysis=True)
    world = World(replace(rules_of(), steps=steps, metrics=()))
    world.canary["west"] = WAITING
    for _number in range(10):
        world.tick()
    assert (world.state.position.step, world.templates) == (0, {"east": ["r1"], "west": ["r1"]})
    world.canary.clear()
    seen = []
    while not world.state.done or world.state.phase != "succeeded":
        world.tick()
        seen.append(world.weights)
    assert world.templates == {"east": ["r1", "r2"], "west": ["r1", "r2"]}
    assert all(weights == {"east": 0, "west": 0} for weights in seen)


@pytest.mark.parametrize("promote", ["wave", "together"])
def test_without_a_ramp_every_wave_gets_to_its_end(promote: str) -> None:
    steps = build_schedule({**WAVES, "promote": promote, "gates": [{"before": "promotion"}]}, skips_analysis=True)
    world = World(replace(rules_of(plan=WAVES), steps=steps, metrics=()))
    world.gates = dict.fromkeys((step.gate for step in steps if step.gate), "open")
    assert world.run().phase == "succeeded"
    assert world.steps == list(range(len(steps)))


@pytest.mark.parametrize(("step", "ready"), [(0, False), (0, True), (1, True)])
def test_a_task_goes_no_further_than_the_step_that_it_waits_for(step: int, ready: bool) -> None:
    world = World(rules_of())
    if not ready:
        world.canary["west"] = WAITING
    for _number in range(5):
        world.now += 60
        seen = replace(world.observe(), last_step=step)
        world.make(advance(world.rules, world.state, seen))
    assert (world.state.position.step, is_starting(world.rules, world.state, world.observe())) == (step, not ready)


def test_promote_gets_all_waves_to_their_end_that_are_promoted_together() -> None:
    world = World(rules_of(plan=TOGETHER)).until(1)
    assert world.sizes == {"east": 100, "west": 0}
    for _number in range(5):
        if world.state.phase == "progressing":
            world.tick(1, "promote")
    assert world.state.phase == "promoting"
    assert world.run().phase == "succeeded"
    assert {name: had[-1] for name, had in world.templates.items()} == {"east": "r2", "west": "r2"}


def test_pods_that_a_promotion_asked_for_ahead_of_their_wave_stay_while_requests_go_to_the_canary() -> None:
    world = World(rules_of(plan=TOGETHER)).until(1)
    world.tick(1, "promote")
    assert (world.weights, world.sizes) == ({"east": 10, "west": 0}, {"east": 100, "west": 100})
    # Nobody asks once more, so the release takes its steps.
    assert world.run().phase == "succeeded"
    assert world.steps == list(range(len(world.rules.steps)))


@pytest.mark.parametrize("request_", ["", "skip", "promote"])
def test_a_plan_that_became_shorter_than_the_position_is_said_and_can_be_left(request_: Request) -> None:
    world = World(rules_of(plan={"step_weights": [5, 10, 20, 30, 40, 50]})).until(6)
    world.rules = replace(world.rules, steps=build_schedule({"step_weights": [50]}))
    decision = world.tick(60, request_)
    assert [reason.what for reason in decision.reasons] == ["changed"]
    assert world.weights == {"east": 50, "west": 50}
    world.tick(request="rollback")
    assert world.run().phase == "failed"
    assert world.weights == {"east": 0, "west": 0}


def test_a_plan_that_is_changed_moves_nobody_and_can_be_left() -> None:
    world = World(rules_of()).until(2)
    world.rules = replace(world.rules, steps=build_schedule({"step_weights": [70, 80], "interval": 60}))
    world.tick(60)
    assert world.weights == {"east": 50, "west": 50}
    world.tick(request="rollback")
    assert world.run().phase == "failed"


def test_a_plan_that_is_changed_after_a_release_changes_nothing_until_the_next() -> None:
    world = World(rules_of())
    world.run()
    world.rules = replace(world.rules, steps=build_schedule({"step_weight": 10, "interval": 60}))
    assert not world.tick().apply
    assert world.weights == {"east": 0, "west": 0}


def test_what_a_promotion_copies_is_never_a_revision_that_nobody_looked_at() -> None:
    world = World(rules_of())
    world.run()
    world.tick(request="hold")
    world.revision = "r3"
    assert not world.tick().apply
    assert world.templates["east"][-1] == "r2"


def test_clients_who_stay_with_the_canary_lose_their_cookie_with_the_run() -> None:
    world = World(rules_of(sticky=True)).until(2)
    assert world.live["east"].traffic.cookie == "cr2"
    world.run()
    assert (world.live["east"].traffic.cookie, world.live["east"].traffic.expired) == ("", ("cr2",))
    world.tick(request="restart")
    assert world.state.expired == ()


@pytest.mark.parametrize(
    ("seconds", "analysis", "hooks"),
    [
        (10, False, ("rollback",)),
        (60, True, ("rollback", "rollout", "confirm-traffic-increase")),
    ],
)
def test_nothing_is_asked_before_its_time(seconds: float, analysis: bool, hooks: tuple[str, ...]) -> None:
    world = World(rules_of(hooks=frozenset({"rollback", "rollout", "confirm-traffic-increase"})))
    world.gates = {"confirm-traffic-increase": "open", "rollout": "open"}
    world.until(1)
    asked = compute_needs(world.rules, world.state, replace(world.observe(), now=world.now + seconds))
    assert (asked.measured, asked.hooks) == (("east", "west") if analysis else (), hooks)
    assert next_due_at(world.rules, world.state, world.now) == world.now + 60.0
    assert next_due_at(world.rules, world.state, world.now + 60.0) is None


def test_the_analysis_of_one_moment_counts_once() -> None:
    world = World(rules_of(threshold=3), verdict="fail").until(1)
    world.now += 60
    seen = world.observe()
    first = advance(world.rules, world.state, seen)
    assert (first.state.failed, advance(world.rules, first.state, seen).state.failed) == (1, 1)
