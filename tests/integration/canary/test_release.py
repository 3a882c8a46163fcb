# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release on real API servers: what is written, what stays, and what is left."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates import gates
from ansible_collections.onemesh.istio.plugins.module_utils._change.moving import LABEL_APPROVAL
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, VIRTUAL_SERVICE
from support.fleet_runs import RECORDS
from support.releases import AT_5, AT_50, AT_100, PLAN, Shop, phases
from support.splits import virtual_service

GATED = {**PLAN, "gates": [{"before_weight": 50, "name": "half"}]}


def test_a_release_goes_up_on_all_clusters_and_leaves_the_weights_that_it_promoted(shop: Shop) -> None:
    before = shop.contents()
    first = shop.run().succeeded()
    assert first["changed"]
    assert (first["phase"], first["step"]) == ("progressing", 0)
    result = shop.to_the_end()
    assert (result["phase"], result["succeeded"]) == ("succeeded", True)
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3
    weights = [record["clusters"]["west"]["intended"] for record in result["records"]]
    assert weights == sorted(weights)
    assert {5, 50, 100} <= set(weights)
    again = shop.run().succeeded()
    assert not again["changed"]
    removed = shop.run(state="absent").succeeded()
    assert removed["leaked"] == []
    assert shop.left_on_the_hub() == []
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3
    after = shop.contents()
    for route in (*before, *after):
        if route["kind"] == "VirtualService":
            route["spec"]["http"][0].pop("route")
    assert after == before
    assert not shop.run(state="absent").succeeded()["changed"]


def test_every_step_is_taken_once_and_in_order(shop: Shop) -> None:
    result = shop.to_the_end()
    assert phases(result) == [
        ("initialized", -1),
        *(("progressing", step) for step in (0, AT_5, AT_50, AT_100)),
        ("promoting", 4),
        ("finalising", 5),
        ("succeeded", 6),
    ]


def test_nothing_is_written_in_check_mode_and_with_state_planned(shop: Shop) -> None:
    before = shop.everything()
    for foretold in (shop.run(check=True).succeeded(), shop.run(state="planned").succeeded()):
        assert [step["canary"] for step in foretold["schedule"]] == [0, 5, 50, 100, 100, 100, 100]
        (hunk,) = foretold["diff"]
        assert hunk["after_header"] == f"east, west, north: VirtualService {shop.namespace}/reviews"
        assert (shop.everything(), shop.left_on_the_hub()) == (before, [])
    assert shop.run(check=True).succeeded()["changed"]
    planned = shop.run(state="planned")
    assert not planned.succeeded()["changed"]
    assert "50 %" in " ".join(planned.result["summary"]["body"])
    shop.to_step(AT_5)
    before = shop.everything()
    foretold = shop.run(check=True).succeeded()
    assert foretold["intended"] == {"east": 50, "west": 50, "north": 50}
    assert "'weight': 50" in str(foretold["diff"])
    assert shop.everything() == before
    assert shop.run(state="status").succeeded()["step"] == AT_5


def test_status_says_what_is_stored_and_changes_nothing(shop: Shop) -> None:
    unknown = shop.run(state="status")
    assert (unknown.succeeded()["known"], unknown.result["changed"]) == (False, False)
    assert "has none of this name" in unknown.result["summary"]["outcome"]
    shop.to_step(AT_50)
    ran = shop.run(state="status")
    status = ran.succeeded()
    assert ran.result["summary"]["outcome"].startswith(f"step {AT_50}/")
    assert (status["known"], status["phase"], status["step"]) == (True, "progressing", AT_50)
    assert status["weights"] == {"east": 50, "west": 50, "north": 50}
    assert shop.everywhere() == [{"v1": 50, "v2": 50}] * 3


@pytest.mark.parametrize("step", [0, AT_5, AT_50, AT_100])
def test_a_rollback_from_any_step_gives_everything_back(shop: Shop, step: int) -> None:
    before = shop.everything()
    shop.to_step(step)
    result = shop.to_the_end(state="rolled_back")
    assert (result["phase"], result["done"]) == ("failed", True)
    assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3
    assert not shop.run().succeeded()["changed"], "a revision that failed is not begun again by itself"
    assert shop.run(state="absent").succeeded()["leaked"] == []
    assert shop.everything() == before
    assert shop.left_on_the_hub() == []


def test_a_release_that_was_not_finished_is_given_back_by_absent(shop: Shop) -> None:
    before = shop.everything()
    shop.to_step(AT_50)
    foretold = shop.run(state="absent", check=True).succeeded()
    assert foretold["changed"]
    assert shop.weights("west") == {"v1": 50, "v2": 50}
    shop.run(state="absent").succeeded()
    assert (shop.everything(), shop.left_on_the_hub()) == (before, [])


def test_a_rollback_can_be_gradual(shop: Shop) -> None:
    shop.to_step(AT_50)
    result = shop.to_the_end(state="rolled_back", rollback_step=20, rollback_interval=0.01)
    weights = [record["clusters"]["west"]["intended"] for record in result["records"]]
    assert list(dict.fromkeys(weights)) == [30, 10, 0]
    assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3


def test_promoted_passes_over_the_ramp(shop: Shop) -> None:
    slow = {**PLAN, "interval": 3600}
    shop.to_step(AT_5, plan=slow)
    result = shop.to_the_end(plan=slow, state="promoted")
    assert result["succeeded"]
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3
    assert AT_50 not in [step for _phase, step in phases(result)]


def test_a_new_revision_begins_from_the_start(shop: Shop) -> None:
    shop.to_step(AT_50, revision="one")
    result = shop.run(revision="two").succeeded()
    assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3
    assert result["revision"] == "two"
    result = shop.to_the_end(revision="two")
    assert (result["succeeded"], result["promoted"]) == (True, "two")


def test_a_held_release_stays_where_it_is_until_it_is_resumed(shop: Shop) -> None:
    shop.to_step(AT_5)
    held = shop.run(request="hold").succeeded()
    assert (held["held"], held["waits_for_a_person"]) == ("asked for", True)
    assert not shop.run().succeeded()["changed"]
    assert shop.weights("west") == {"v1": 95, "v2": 5}
    assert shop.run(wait=True, wait_for_gates=False).succeeded()["step"] == AT_5
    assert shop.run(request="resume").succeeded()["held"] == ""
    assert shop.to_the_end()["succeeded"]


def test_promoted_ends_a_hold_and_gets_to_its_end(shop: Shop) -> None:
    shop.to_step(AT_5, plan=GATED)
    shop.run(plan=GATED, request="hold").succeeded()
    assert shop.to_the_end(plan=GATED, state="promoted")["succeeded"]
    assert shop.everywhere() == [{"v1": 0, "v2": 100}] * 3


def test_a_plan_that_became_shorter_than_the_step_that_is_reached_is_said(shop: Shop) -> None:
    shop.to_step(AT_100)
    shorter = {**PLAN, "step_weights": [5]}
    for _number in range(2):
        result = shop.run(plan=shorter).succeeded()
    assert "the plan was changed" in result["waiting"]
    assert shop.to_the_end(plan=shorter, state="rolled_back")["phase"] == "failed"
    assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3


def test_a_step_can_be_skipped_to(shop: Shop) -> None:
    slow = {**PLAN, "interval": 3600}
    shop.to_step(AT_5, plan=slow)
    assert shop.run(plan=slow).succeeded()["step"] == AT_5
    assert shop.run(plan=slow, request="skip").succeeded()["step"] == AT_50
    assert shop.everywhere() == [{"v1": 50, "v2": 50}] * 3


def test_a_release_that_failed_can_be_restarted(shop: Shop) -> None:
    shop.to_step(AT_5)
    shop.to_the_end(state="rolled_back")
    assert shop.run(request="restart").succeeded()["phase"] == "progressing"
    assert shop.to_the_end()["succeeded"]


def test_a_gate_holds_until_it_is_approved_for_this_revision(shop: Shop) -> None:
    at_gate: dict[str, Any] = {"plan": GATED, "wait": True, "wait_for_gates": False, "poll": 0.05}
    waiting = shop.run(**at_gate, revision="one").succeeded()
    assert (waiting["step"], waiting["waits_for_a_person"]) == (AT_5, True)
    assert "gate half is closed" in waiting["waiting"]
    assert shop.run(plan=GATED, revision="one", request="approve", gate="half", check=True).succeeded()["changed"]
    assert shop.run(**at_gate, revision="one").succeeded()["step"] == AT_5
    assert shop.run(plan=GATED, revision="one", request="approve", gate="half").succeeded()["changed"]
    # Another revision comes before the step is taken: the word was not about that one.
    waiting = shop.run(**at_gate, revision="two").succeeded()
    assert (waiting["step"], waiting["revision"]) == (AT_5, "two")
    assert not shop.run(plan=GATED, revision="two").succeeded()["changed"]
    shop.run(plan=GATED, revision="two", request="approve", gate="half", approved_by="ada").succeeded()
    shop.run(plan=GATED, revision="two", request="disapprove", gate="half").succeeded()
    assert shop.run(plan=GATED, revision="two").succeeded()["step"] == AT_5
    shop.run(plan=GATED, revision="two", request="approve", gate="half").succeeded()
    assert shop.to_the_end(plan=GATED, revision="two")["succeeded"]
    shop.run(state="absent").succeeded()
    assert shop.left_on_the_hub() == []


@pytest.mark.parametrize("way", ["task", "kubectl", "annotation"])
@pytest.mark.parametrize("ends", ["absent", "restart"])
def test_an_approval_does_not_outlive_its_run(shop: Shop, way: str, ends: str) -> None:
    at_gate: dict[str, Any] = {"plan": GATED, "wait": True, "wait_for_gates": False, "poll": 0.05, "revision": "one"}
    first = shop.run(**at_gate).succeeded()
    hub = shop.planes.clients["east"]
    if way == "task":
        shop.run(plan=GATED, revision="one", request="approve", gate="half").succeeded()
    elif way == "kubectl":
        # What the shown command writes: it has our label of approvals, and nothing else of ours.
        written = gates.approval_manifest(shop.namespace, RECORDS, "half", first["run"])
        written["metadata"]["labels"] = {LABEL_APPROVAL: shop.namespace}
        hub.apply(written, field_manager="kubectl")
    else:
        change = {"metadata": {"annotations": {f"{gates.ANNOTATION_APPROVE}half": first["run"]}}}
        hub.patch(VIRTUAL_SERVICE, "reviews", shop.namespace, change, field_manager="kubectl")
    assert shop.to_step(AT_50, plan=GATED, revision="one")["run"] == first["run"]
    shop.to_the_end(state="rolled_back", plan=GATED, revision="one")
    assert hub.list(CONFIG_MAP, RECORDS, label_selector=f"{LABEL_APPROVAL}={shop.namespace}") == []
    if ends == "absent":
        shop.run(state="absent").succeeded()
        assert shop.left_on_the_hub() == []
    else:
        shop.run(plan=GATED, revision="one", request="restart").succeeded()
    second = shop.run(**at_gate).succeeded()
    assert (second["step"], second["waits_for_a_person"]) == (AT_5, True)
    assert second["run"] != first["run"]


@pytest.mark.parametrize("request_", ["approve", "disapprove"])
def test_nothing_can_be_approved_once_a_release_has_ended(shop: Shop, request_: str) -> None:
    shop.to_the_end()
    assert "is succeeded, and not under way" in shop.run(request=request_).failed()
    assert shop.planes.clients["east"].list(CONFIG_MAP, RECORDS, label_selector=LABEL_APPROVAL) == []


def test_what_is_not_reached_in_time_is_a_failure_that_can_be_continued(shop: Shop) -> None:
    shop.to_step(AT_5, plan=GATED)
    said = shop.run(plan=GATED, wait=True, poll=0.05, wait_timeout=0.1).failed()
    assert "gate half is closed" in said
    shop.run(plan=GATED, request="approve").succeeded()
    assert shop.to_the_end(plan=GATED)["succeeded"]


def test_nothing_can_be_approved_before_a_release_has_begun(shop: Shop) -> None:
    assert "has not begun" in shop.run(plan=GATED, request="approve").failed()


def test_a_plan_that_was_changed_in_what_is_done_already_is_not_followed(shop: Shop) -> None:
    shop.to_step(AT_50)
    result = shop.run(plan={**PLAN, "step_weights": [10, 60]}).succeeded()
    assert "the plan was changed" in result["waiting"]
    assert shop.everywhere() == [{"v1": 50, "v2": 50}] * 3
    assert shop.to_the_end(plan={**PLAN, "step_weights": [5, 50, 70]})["succeeded"]


def test_what_is_in_the_way_on_any_cluster_is_said_before_anything_is_written(shop: Shop) -> None:
    route = virtual_service(shop.namespace, v1=100)
    shop.put(route, only="west")
    before = shop.everything()
    said = shop.run().failed()
    assert "west" in said
    assert "v2" in said
    assert (shop.everything(), shop.left_on_the_hub()) == (before, [])


@pytest.mark.parametrize("state", ["progressing", "promoted", "planned", "absent"])
def test_a_release_that_is_under_way_is_never_taken_for_a_part_of_its_clusters(shop: Shop, state: str) -> None:
    shop.to_step(AT_5)
    before, kept = shop.contents(), shop.left_on_the_hub()
    west: dict[str, Any] = {"clusters": ("west",), "state": state}
    # The limit leaves out others on which it is under way.
    part = shop.run(**west, mesh=shop.planes.clusters(), hub="east")
    assert {each["check"] for each in part.result["findings"]} == {"part-of-a-release"}, part.result
    assert "--limit" in part.failed()
    # Without a word of the mesh west would be the hub, and begin the same release once more.
    alone = shop.run(**west)
    assert {each["check"] for each in alone.result["findings"]} == {"other-hub"}, alone.result
    assert "hub: east" in alone.failed()
    assert (shop.contents(), shop.left_on_the_hub()) == (before, kept)
    assert [live["metadata"]["name"] for live in shop.planes.clients["west"].list(CONFIG_MAP, RECORDS)] == []
    shop.run(state="absent").succeeded()
