# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that makes the stable side, Services and routes itself: what stands when, and what is given back."""

from __future__ import annotations

from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DEPLOYMENT, ENDPOINT_SLICE, SERVICE
from managed_shop import ManagedShop, ending_pod, has_pods, service
from support.receivers import Answer, receiving
from support.releases import AT_5, AT_50, AT_100, PLAN

MADE = {
    "Deployment web-primary",
    "Service web-primary",
    "Service web-canary",
    "DestinationRule web-primary",
    "DestinationRule web-canary",
    "VirtualService web",
}
USERS = {"Deployment web", "Service web"}


def test_the_first_run_makes_the_stable_side_of_what_runs(managed: ManagedShop) -> None:
    result = managed.to_the_end()
    assert (result["phase"], result["done"]) == ("initialized", True)
    for cluster in managed.planes.clients:
        found = managed.found(cluster)
        assert set(found) == MADE | USERS
        assert found["Service web"]["spec"]["selector"] == {"app": "web-primary"}
    assert (managed.versions("web-primary"), managed.sizes("web-primary")) == ([1] * 3, [3] * 3)
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)
    assert managed.outages == []
    assert not managed.run().succeeded()["changed"]


def test_a_new_template_goes_up_and_becomes_the_stable_one(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    assert (managed.shares(), managed.sizes("web")) == ([(50, 50)] * 3, [3] * 3)
    assert managed.versions("web-primary") == [1] * 3
    result = managed.to_the_end()
    assert result["succeeded"]
    assert (managed.versions("web-primary"), managed.sizes("web-primary")) == ([2] * 3, [3] * 3)
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)
    assert managed.outages == []
    assert not managed.run().succeeded()["changed"]


def test_nobody_is_led_to_the_promoted_side_before_its_earlier_pods_have_ended(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_100)
    managed.put(ending_pod(managed.namespace), only="west")
    for _number in range(4):
        held = managed.run().succeeded()
    assert (held["phase"], managed.shares()) == ("promoting", [(0, 100)] * 3)
    assert "west" in str(held["reasons"])
    assert "1 pods of the earlier template are ending" in str(held["reasons"])
    managed.client("west").delete(ENDPOINT_SLICE, "web-primary-1", managed.namespace)
    assert managed.to_the_end()["succeeded"]
    assert managed.shares() == [(100, 0)] * 3


def test_a_pod_that_cannot_end_is_not_waited_for_longer_than_for_a_new_one(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.put(ending_pod(managed.namespace), only="west")
    workload = {"kind": "Deployment", "name": "web", "progress_deadline": 1}
    assert managed.to_the_end(workload=workload)["succeeded"]


def test_a_rollback_scales_the_canary_down_when_nobody_is_led_to_it(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    result = managed.to_the_end(state="rolled_back")
    assert (result["phase"], result["done"]) == ("failed", True)
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)
    assert managed.versions("web-primary") == [1] * 3
    assert managed.outages == []


def test_a_canary_that_does_not_come_up_ends_the_release(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.broken.add(2)
    managed.new_version(2)
    result = managed.to_the_end()
    assert (result["phase"], managed.versions("web-primary")) == ("failed", [1] * 3)
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)


def test_a_cluster_that_is_away_keeps_the_canary_up_everywhere(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_5)
    with managed.away("west"):
        result = managed.run(state="rolled_back").succeeded()
        assert not managed.run().succeeded()["done"]
        for cluster in ("east", "north"):
            assert managed.found(cluster)["Deployment web"]["spec"]["replicas"] == 3
    result = managed.to_the_end()
    assert (result["phase"], result["done"]) == ("failed", True)
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)
    assert managed.outages == []


def test_a_canary_stays_for_a_cluster_that_is_left_out_and_may_lead_to_it(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_5)
    without_west = {"unreachable": "exclude", "exclude": ["west"]}
    result = managed.to_the_end(state="rolled_back", **without_west)
    assert (result["phase"], result["done"]) == ("failed", True)
    assert "west may still route to it" in " ".join(result["reasons"])
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0), (95, 5), (100, 0)], [3] * 3)
    assert managed.to_the_end()["done"]
    assert managed.shares() == [(100, 0)] * 3
    managed.run().succeeded()
    assert managed.sizes("web") == [0] * 3
    assert managed.outages == []


def test_what_a_hand_led_to_the_canary_after_a_rollback_is_led_back_before_its_pods_go(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_5)
    managed.to_the_end(state="rolled_back")
    for cluster in managed.planes.clients:
        managed.client(cluster).patch(
            DEPLOYMENT, "web", managed.namespace, {"spec": {"replicas": 3}}, field_manager="kubectl"
        )
        managed.client(cluster).wait_for(DEPLOYMENT, "web", managed.namespace, has_pods, timeout=10)
    managed.lead_by_hand("west", 30)
    managed.run().succeeded()
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [3] * 3)
    managed.run().succeeded()
    assert managed.sizes("web") == [0] * 3
    assert managed.outages == []


def test_absent_gives_the_users_deployment_and_service_back(managed: ManagedShop) -> None:
    before = managed.users()
    managed.to_the_end()
    removed = managed.run(state="absent").succeeded()
    assert removed["leaked"] == []
    assert managed.outages == []
    assert managed.users() == before
    assert managed.left_on_the_hub() == []
    assert not managed.run(state="absent").succeeded()["changed"]


def test_absent_after_a_promotion_leaves_users_what_was_promoted(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_the_end()
    managed.run(state="absent").succeeded()
    assert (managed.versions("web"), managed.sizes("web")) == ([2] * 3, [3] * 3)
    assert [set(managed.found(cluster)) for cluster in managed.planes.clients] == [USERS] * 3
    assert managed.outages == []


def test_absent_does_not_give_users_a_version_that_was_not_promoted(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    assert "not-promoted" in str(managed.run(state="absent").result["findings"])
    managed.to_the_end(state="rolled_back")
    managed.run(state="absent").failed()
    assert managed.shares() == [(100, 0)] * 3
    managed.run(state="absent", force=True).succeeded()
    assert (managed.versions("web"), managed.sizes("web")) == ([2] * 3, [3] * 3)
    assert managed.outages == []


def test_absent_gives_users_what_was_promoted_once_it_is_put_back(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    managed.to_the_end(state="rolled_back")
    managed.new_version(1)
    managed.run(state="absent").succeeded()
    assert (managed.versions("web"), managed.sizes("web")) == ([1] * 3, [3] * 3)
    assert managed.outages == []


def test_what_runs_is_no_new_release_after_a_promotion_was_rolled_back(managed: ManagedShop) -> None:
    first = managed.to_the_end()
    managed.new_version(2)
    assert managed.to_the_end()["succeeded"]
    back = managed.to_the_end(state="rolled_back")
    assert (managed.versions("web-primary"), back["promoted"]) == ([1] * 3, first["promoted"])
    managed.new_version(1)
    again = managed.to_the_end()
    assert (again["phase"], again["history"]) == ("failed", back["history"])
    assert (managed.shares(), managed.sizes("web")) == ([(100, 0)] * 3, [0] * 3)
    managed.new_version(3)
    assert managed.to_the_end()["succeeded"]
    assert managed.versions("web-primary") == [3] * 3
    assert managed.outages == []


def test_the_stable_sides_template_is_not_replaced_while_it_is_not_ready(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_50)
    managed.slow.add(1)
    for client in managed.planes.clients.values():
        client.wait_for(DEPLOYMENT, "web-primary", managed.namespace, lambda live: not has_pods(live), timeout=10)
    for state in ("progressing", "promoted", "promoted"):
        held = managed.run(state=state).succeeded()
        assert "web-primary" in held["waiting"]
        # Not even all requests go to the canary: nobody could go back.
        assert (managed.shares(), managed.versions("web-primary")) == ([(50, 50)] * 3, [1] * 3)
    managed.slow.clear()
    assert managed.to_the_end()["succeeded"]


def test_a_slow_canary_is_not_judged_before_it_is_ready(managed: ManagedShop) -> None:
    """With threshold 1, and a check that fails where there are no pods."""
    managed.to_the_end()
    managed.slow.add(2)
    managed.new_version(2)
    with receiving([Answer(500)]) as checks:
        hooks = [{"name": kind, "type": kind, "url": checks.url} for kind in ("pre-rollout", "rollout")]
        for plan in (PLAN, {"iterations": 2, "interval": 0.01, "drain": 0}):
            for _number in range(5):
                waiting = managed.run(webhooks=hooks, plan=plan).succeeded()
            assert (waiting["phase"], waiting["step"], waiting["failed_checks"]) == ("progressing", 0, 0)
            assert "the canary side is not ready" in waiting["waiting"]
        assert checks.requests == []
    managed.slow.clear()
    with receiving([Answer(200)]) as checks:
        hooks = [{"name": kind, "type": kind, "url": checks.url} for kind in ("pre-rollout", "rollout")]
        assert managed.to_the_end(webhooks=hooks)["succeeded"]
    assert managed.outages == []


def test_without_analyses_nobody_gets_the_canary_and_people_are_asked(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.slow.add(2)
    managed.new_version(2)
    gates = [{"before_weight": 50, "name": "half"}, {"before": "promotion", "name": "end"}]
    skipped: dict[str, Any] = {"skip_analysis": True, "plan": {**PLAN, "gates": gates}}
    for _number in range(3):
        waiting = managed.run(**skipped).succeeded()
    assert (waiting["step"], managed.versions("web-primary")) == (0, [1] * 3)
    managed.slow.clear()
    for gate in ("half", "end"):
        waiting = managed.to_the_end(wait_for_gates=False, **skipped)
        assert waiting["waiting"] == f"gate {gate} is closed"
        managed.run(request="approve", gate=gate, **skipped).succeeded()
    result = managed.to_the_end(**skipped)
    assert (result["succeeded"], managed.versions("web-primary")) == (True, [2] * 3)
    weights = {each["intended"] for record in result["records"] for each in record["clusters"].values()}
    assert weights == {0}
    assert managed.outages == []


IN_WAVES: dict[str, Any] = {
    "step_weights": [10, 50],
    "interval": 0.01,
    "drain": 0,
    "gates": [{"before_weight": 50}],
    "waves": [{"name": "first", "clusters": ["east"]}, {"name": "rest"}],
}


def test_promoted_gets_waves_to_their_end_that_have_not_begun(managed: ManagedShop) -> None:
    plan = {**IN_WAVES, "promote": "together"}
    managed.to_the_end(plan=plan)
    managed.new_version(2)
    managed.to_step(1, plan=plan)
    assert managed.sizes("web") == [3, 0, 0]
    assert managed.to_the_end(plan=plan, state="promoted")["succeeded"]
    assert (managed.versions("web-primary"), managed.sizes("web")) == ([2] * 3, [0] * 3)
    assert managed.outages == []


def test_without_analyses_every_wave_gets_to_its_end(managed: ManagedShop) -> None:
    plan = {name: value for name, value in IN_WAVES.items() if name != "gates"}
    managed.to_the_end(plan=plan)
    managed.new_version(2)
    assert managed.to_the_end(plan=plan, skip_analysis=True)["succeeded"]
    assert (managed.versions("web-primary"), managed.sizes("web")) == ([2] * 3, [0] * 3)
    assert managed.outages == []


def test_a_gate_that_is_closed_while_its_step_waits_for_pods_is_not_passed(managed: ManagedShop) -> None:
    managed.to_the_end()
    managed.new_version(2)
    steps = [{"replicas": 34}, {"weight": 5, "gate": "half"}, {"replicas": 100}, {"weight": 50}]
    plan: dict[str, Any] = {"plan": {"steps": steps, "interval": 0.01, "drain": 0}}
    managed.to_step(1, **plan)
    managed.slow.add(2)
    managed.run(request="approve", gate="half", **plan).succeeded()
    for _number in range(3):
        growing = managed.run(**plan).succeeded()
    assert (growing["step"], managed.sizes("web"), managed.shares()) == (1, [3] * 3, [(95, 5)] * 3)
    managed.run(request="disapprove", gate="half", **plan).succeeded()
    managed.slow.clear()
    for client in managed.planes.clients.values():
        client.wait_for(DEPLOYMENT, "web", managed.namespace, has_pods, timeout=10)
    for _number in range(3):
        closed = managed.run(**plan).succeeded()
    assert (closed["step"], closed["waiting"], managed.shares()) == (1, "gate half is closed", [(95, 5)] * 3)
    managed.run(request="approve", gate="half", **plan).succeeded()
    assert managed.to_the_end(**plan)["succeeded"]


def test_an_object_of_somebody_else_with_a_name_of_ours_is_refused_and_survives(managed: ManagedShop) -> None:
    managed.put(service(managed.namespace, "web-canary"), manager="somebody", only="north")
    before = managed.users()
    said = managed.run().failed()
    assert "north" in said
    assert "web-canary" in said
    assert managed.users() == before
    managed.run(state="absent").succeeded()
    assert managed.users() == before
    managed.client("north").delete(SERVICE, "web-canary", managed.namespace)
    assert managed.to_the_end()["done"]
