# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Revision, readiness and size of workloads."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import Readiness
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.workloads import (
    REPLICAS_ANNOTATION,
    SCALE_TO_ZERO,
    autoscaler_of,
    canary_size,
    count_ending,
    count_replicas,
    find_autoscaler_problems,
    find_workload_problems,
    full_size,
    primary_autoscaler,
    readiness,
    revision,
    scale_workload,
)
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import NOW, Object, workload

# Revision


def changed(live: Object, *path: Any, to: Any) -> Object:
    place = live
    for part in path[:-1]:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    place[path[-1]] = to
    return live


TEMPLATE = ("spec", "template")


@pytest.mark.parametrize(
    ("path", "value", "is_new"),
    [
        ((*TEMPLATE, "spec", "containers", 0, "image"), "registry.example.org/web:2", True),
        ((*TEMPLATE, "metadata", "labels", "version"), "v2", True),
        ((*TEMPLATE, "metadata", "annotations"), {"kubectl.kubernetes.io/restartedAt": "2026-01-01"}, True),
        ((*TEMPLATE, "spec", "nodeSelector"), {"disk": "fast"}, True),
        ((*TEMPLATE, "spec", "nodeSelector"), {SCALE_TO_ZERO: "true"}, False),
        ((*TEMPLATE, "spec", "nodeSelector"), {}, False),
        ((*TEMPLATE, "metadata", "creationTimestamp"), "2026-01-01T00:00:00Z", False),
        (("spec", "replicas"), 9, False),
        (("spec", "strategy"), {"type": "Recreate"}, False),
        (("metadata", "annotations", "example.org/owner"), "bob", False),
        (("status", "replicas"), 3, False),
    ],
)
def test_a_new_pod_template_is_a_new_revision_and_nothing_else_is(path: Any, value: Any, is_new: bool) -> None:
    assert (revision(changed(workload(), *path, to=value), {}) != revision(workload(), {})) == is_new


def test_a_daemon_set_has_the_same_revision_whether_it_has_pods_or_not() -> None:
    live = workload("DaemonSet")
    assert revision(scale_workload(live, 0), {}) == revision(live, {})


# Readiness


def condition(name: str, status: str, reason: str, *, seconds_ago: float = 0) -> Object:
    time = datetime.fromtimestamp(NOW - seconds_ago, timezone.utc).isoformat().replace("+00:00", "Z")
    return {"type": name, "status": status, "reason": reason, "lastUpdateTime": time, "message": f"said {reason}"}


PROGRESSING = condition("Progressing", "True", "ReplicaSetUpdated")
STUCK = condition("Progressing", "False", "ProgressDeadlineExceeded")


def unavailable(seconds_ago: float) -> Object:
    return condition("Available", "False", "MinimumReplicasUnavailable", seconds_ago=seconds_ago)


def counts(existing: int, updated: int, available: int, *conditions: Object) -> Object:
    return {
        "replicas": existing,
        "updatedReplicas": updated,
        "availableReplicas": available,
        "conditions": list(conditions),
    }


READY = Readiness("ready")
WEB = "Deployment shop/web: "

DEPLOYMENTS: list[tuple[str, Object, Object, Readiness]] = [
    ("all there", counts(3, 3, 3), {}, READY),
    (
        "its controller is behind",
        {"observedGeneration": 1, **counts(3, 3, 3)},
        {},
        Readiness("waiting", WEB + "its controller has seen generation 1, and 2 is expected"),
    ),
    (
        "its controller has seen nothing",
        {"observedGeneration": None},
        {},
        Readiness("waiting", WEB + "its controller has seen generation 0, and 2 is expected"),
    ),
    (
        "too few of the new template",
        counts(3, 2, 3),
        {},
        Readiness("waiting", WEB + "2 of 3 replicas have its template"),
    ),
    (
        "old ones remain",
        counts(5, 3, 3),
        {},
        Readiness("waiting", WEB + "2 replicas of an earlier template are still there, and none is expected"),
    ),
    (
        "too few are available",
        counts(3, 3, 2),
        {},
        Readiness("waiting", WEB + "2 replicas are available, and 3 are expected (100 % of 3)"),
    ),
    ("two of three are 67 percent, rounded down", counts(3, 3, 2), {"threshold": 67}, READY),
    ("one of three is 50 percent, rounded down", counts(3, 3, 1), {"threshold": 50}, READY),
    (
        "none is never enough",
        counts(3, 3, 0),
        {"threshold": 10},
        Readiness("waiting", WEB + "0 replicas are available, and 1 are expected (10 % of 3)"),
    ),
    ("whoever wants none gets that", counts(3, 3, 0), {"threshold": 0}, READY),
    (
        "past its progress deadline",
        counts(3, 1, 0, STUCK),
        {},
        Readiness("failed", WEB + "exceeded its progress deadline of 600 s: 1 of 3 replicas have its template"),
    ),
    (
        "past its progress deadline, though all are there",
        counts(3, 3, 3, STUCK),
        {},
        Readiness("failed", WEB + "exceeded its progress deadline of 600 s: said ProgressDeadlineExceeded"),
    ),
    (
        "unavailable for longer than the deadline",
        counts(3, 3, 0, PROGRESSING, unavailable(61)),
        {"deadline": 60},
        Readiness(
            "failed",
            WEB + "0 replicas are available, and 3 are expected (100 % of 3), and too few replicas were available "
            "for more than 60 s",
        ),
    ),
    (
        "unavailable, with time left",
        counts(3, 3, 0, PROGRESSING, unavailable(60)),
        {"deadline": 60},
        Readiness("waiting", WEB + "0 replicas are available, and 3 are expected (100 % of 3)"),
    ),
    (
        "unavailable for long, and the threshold is met",
        counts(3, 3, 1, PROGRESSING, unavailable(61)),
        {"deadline": 60, "threshold": 50},
        READY,
    ),
    (
        "a condition of an earlier generation says nothing",
        {"observedGeneration": 1, **counts(3, 1, 0, STUCK)},
        {},
        Readiness("waiting", WEB + "its controller has seen generation 1, and 2 is expected"),
    ),
    ("as many as are wanted", counts(3, 3, 3), {"wanted": 3}, READY),
    (
        "fewer than are wanted",
        counts(3, 3, 3),
        {"wanted": 4},
        Readiness("waiting", WEB + "it asks for 3 replicas, and 4 are wanted"),
    ),
]


@pytest.mark.parametrize(
    ("status", "options", "expected"), [case[1:] for case in DEPLOYMENTS], ids=[case[0] for case in DEPLOYMENTS]
)
def test_readiness_of_a_deployment(status: Object, options: Object, expected: Readiness) -> None:
    assert readiness(workload(status=status), now=NOW, **options) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, READY),
        (0, READY),
        (1, Readiness("waiting", WEB + "it asks for 0 replicas, and 1 are wanted")),
    ],
)
def test_none_is_ready_only_where_none_is_wanted(wanted: int | None, expected: Readiness) -> None:
    assert readiness(workload(replicas=0, status=counts(0, 0, 0)), now=NOW, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(0, Readiness("none")), (1, Readiness("waiting", "the workload is not there"))],
)
def test_readiness_of_what_is_not_there(wanted: int, expected: Readiness) -> None:
    assert readiness(None, now=NOW, wanted=wanted) == expected


def test_of_a_paused_rollout_it_is_said() -> None:
    found = readiness(workload(paused=True, status=counts(3, 0, 3)), now=NOW)
    assert found == Readiness("waiting", WEB + "0 of 3 replicas have its template (its rollout is paused)")


def pods(desired: int, updated: int, available: int) -> Object:
    return {"desiredNumberScheduled": desired, "updatedNumberScheduled": updated, "numberAvailable": available}


AGENT = "DaemonSet shop/web: "
TOO_FEW = Readiness("waiting", AGENT + "3 pods are available, and 4 are expected (100 % of 4)")
NO_NODE = Readiness("waiting", AGENT + "no node fits its pods, and at least one is expected")


@pytest.mark.parametrize(
    ("status", "options", "expected"),
    [
        (pods(4, 4, 4), {}, READY),
        (pods(4, 3, 4), {}, Readiness("waiting", AGENT + "3 of 4 pods have its template")),
        (pods(4, 4, 3), {}, TOO_FEW),
        (pods(4, 4, 3), {"threshold": 75}, READY),
        (
            pods(4, 4, 3),
            {"since": NOW - 60, "deadline": 60},
            Readiness("waiting", AGENT + "3 pods are available, and 4 are expected (100 % of 4)"),
        ),
        (
            pods(4, 3, 3),
            {"since": NOW - 61, "deadline": 60},
            Readiness("failed", AGENT + "3 of 4 pods have its template, for more than 60 s since the step was taken"),
        ),
        (pods(4, 4, 4), {"since": NOW - 61, "deadline": 60}, READY),
        (pods(0, 0, 0), {}, READY),
        (
            pods(0, 0, 0),
            {"wanted": 1},
            Readiness("waiting", AGENT + "no node fits its pods, and at least one is expected"),
        ),
    ],
)
def test_readiness_of_a_daemon_set(status: Object, options: Object, expected: Readiness) -> None:
    assert readiness(workload("DaemonSet", status=status), now=NOW, **options) == expected


def test_a_daemon_set_without_nodes_is_not_ready_where_its_pods_are_wanted() -> None:
    live = scale_workload(workload("DaemonSet", status=pods(0, 0, 0)), 0)
    assert readiness(live, now=NOW, wanted=0) == READY
    assert "scaled to zero by node selector onemesh.istio/scale-to-zero" in readiness(live, now=NOW, wanted=1).reason


def endpoint(name: str, address: str = "10.0.0.1", **conditions: bool) -> Object:
    return {"addresses": [address], "targetRef": {"kind": "Pod", "name": name}, "conditions": conditions}


@pytest.mark.parametrize(
    ("slices", "count"),
    [
        ([], 0),
        ([[]], 0),
        ([[endpoint("a"), endpoint("b")]], 0),
        ([[endpoint("a"), endpoint("b", terminating=True, serving=True)]], 1),
        ([[endpoint("a"), endpoint("b"), endpoint("c", terminating=True)]], 1),
        # The slice does not say yet that one of these was asked to end.
        ([[endpoint("a"), endpoint("b"), endpoint("c", ready=True)]], 1),
        # A pod has an endpoint for each family of addresses, and is in several slices.
        ([[endpoint("a"), endpoint("b")], [endpoint("a", "fd00::1"), endpoint("b", "fd00::2")]], 0),
        ([[endpoint("c", terminating=True)], [endpoint("c", "fd00::1", terminating=True)]], 1),
    ],
)
def test_pods_that_are_ending(slices: list[list[Object]], count: int) -> None:
    live = workload(status={"replicas": 2})
    assert count_ending([{"endpoints": each} for each in slices], live) == count


# Size


def replicas_and_memory(live: Object) -> tuple[int, str]:
    return live["spec"]["replicas"], live["metadata"]["annotations"].get(REPLICAS_ANNOTATION, "")


def test_scaling_a_deployment_remembers_what_it_had_first() -> None:
    half = scale_workload(workload(replicas=10), 5)
    none = scale_workload(half, 0)
    again = scale_workload(none, 3)
    assert [replicas_and_memory(each) for each in (half, none, again)] == [(5, "10"), (0, "10"), (3, "10")]
    assert replicas_and_memory(scale_workload(workload(replicas=0), 3)) == (3, "")


def test_scaling_changes_nothing_else() -> None:
    live = workload()
    after = scale_workload(live, 1)
    del after["metadata"]["annotations"][REPLICAS_ANNOTATION]
    assert after == {**live, "spec": {**live["spec"], "replicas": 1}}
    assert scale_workload(live, 3) == live


def test_a_deployment_without_a_number_has_one_replica() -> None:
    live = workload()
    del live["spec"]["replicas"]
    assert scale_workload(live, 1) == live
    assert replicas_and_memory(scale_workload(live, 2)) == (2, "1")


@pytest.mark.parametrize(("had", "asked", "gets"), [(3, 5, 3), (3, 0, 0), (0, 5, 5), (0, 0, 0)])
def test_with_an_autoscaler_only_whether_there_are_any_is_ours(had: int, asked: int, gets: int) -> None:
    assert scale_workload(workload(replicas=had), asked, autoscaled=True)["spec"]["replicas"] == gets


@pytest.mark.parametrize("selector", [None, {"disk": "fast"}])
def test_a_daemon_set_is_scaled_by_a_node_selector_and_is_afterwards_as_before(selector: Object | None) -> None:
    live = workload("DaemonSet", pod={"nodeSelector": selector} if selector else {})
    none = scale_workload(live, 0)
    assert none["spec"]["template"]["spec"]["nodeSelector"] == {**(selector or {}), SCALE_TO_ZERO: "true"}
    assert scale_workload(none, 0) == none
    assert scale_workload(none, 1) == live
    assert scale_workload(live, 1) == live


@pytest.mark.parametrize(
    ("canary", "stable", "expected"),
    [
        (workload(replicas=2), workload(replicas=7), 7),
        (workload(replicas=2), None, 2),
        (workload(replicas=2), workload(replicas=0), 2),
        (scale_workload(workload(replicas=10), 4), None, 10),
        (scale_workload(workload(replicas=10), 0), None, 10),
        (workload(replicas=0), None, 1),
        (None, None, 1),
        (None, workload(replicas=7), 7),
        (workload("DaemonSet"), workload("DaemonSet"), 1),
    ],
)
def test_full_size(canary: Object | None, stable: Object | None, expected: int) -> None:
    assert full_size(canary, stable) == expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (workload(replicas=3), 3),
        (workload(replicas=0), 0),
        (workload(replicas=None), 1),
        (workload("DaemonSet"), 1),
        (scale_workload(workload("DaemonSet"), 0), 0),
    ],
)
def test_how_many_replicas_a_workload_asks_for(live: Object, expected: int) -> None:
    assert count_replicas(live) == expected


@pytest.mark.parametrize(
    ("full", "percent", "expected"),
    [(10, 0, 0), (10, 1, 1), (10, 10, 1), (10, 11, 2), (10, 50, 5), (10, 100, 10), (3, 50, 2), (1, 1, 1), (10, -5, 0)],
)
def test_canary_size_is_rounded_up(full: int, percent: int, expected: int) -> None:
    assert canary_size(full, percent) == expected


# What is in the way


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (workload(), []),
        (workload("DaemonSet"), []),
        (workload("DaemonSet", updateStrategy={"type": "OnDelete"}), ["update-strategy"]),
        (workload(paused=True), ["rollout-paused"]),
    ],
)
def test_unsuitable_workloads(live: Object, expected: list[str]) -> None:
    assert [finding.check for finding in find_workload_problems(live, cluster="east")] == expected


# Autoscaling


def autoscaler(name: str = "web", *, kind: str = "Deployment", target: str = "web", **more: Any) -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "shop", "uid": "f1", "labels": {"team": "shop"}, **more},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": kind, "name": target},
            "minReplicas": 2,
            "maxReplicas": 9,
        },
        "status": {"currentReplicas": 2},
    }


def test_the_autoscaler_of_a_workload_is_known_by_its_reference() -> None:
    others = [autoscaler(target="other"), autoscaler(kind="DaemonSet")]
    assert autoscaler_of([*others, autoscaler("mine")], workload()) == autoscaler("mine")
    assert autoscaler_of(others, workload()) is None


def test_the_stable_side_gets_an_autoscaler_of_its_own() -> None:
    made = primary_autoscaler(autoscaler(), "web-primary")
    assert made == {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web-primary", "namespace": "shop", "labels": {"team": "shop"}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web-primary"},
            "minReplicas": 2,
            "maxReplicas": 9,
        },
    }


def test_unsuitable_autoscalers() -> None:
    owner = {"kind": "ScaledObject", "name": "web", "controller": True}
    assert find_autoscaler_problems(autoscaler(), cluster="east") == []
    (owned,) = find_autoscaler_problems(autoscaler(ownerReferences=[owner]), cluster="east")
    assert (owned.check, owned.severity) == ("autoscaler-owned", "warning")
    from_zero = autoscaler()
    from_zero["spec"]["minReplicas"] = 0
    assert [each.check for each in find_autoscaler_problems(from_zero, cluster="east")] == ["autoscaler-from-zero"]
