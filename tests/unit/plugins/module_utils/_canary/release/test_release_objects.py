# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release writes where, for every moment of it, and what it sees in what stands there."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import TrafficSplit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release import objects
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.objects import (
    ANNOTATION,
    LiveObjects,
    Mark,
    WantedObject,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import CanaryRelease
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.targets import ClusterTarget
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SERVICE
from ansible_collections.onemesh.istio.tests.support.canary.managed_cluster import (
    ALL_STABLE,
    MARK,
    READY,
    RELEASE,
    held,
    listed,
    live,
    managed_shop,
    service,
    written,
)
from ansible_collections.onemesh.istio.tests.support.canary.releases import MANAGED, OF_ROUTES, release_of
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import NOW, Object, config, workload

TESTERS = [{"headers": {"x-tester": {"exact": "yes"}}}]
AT_5 = ClusterTarget(TrafficSplit(5, 95), 100)
AT_100 = ClusterTarget(TrafficSplit(100, 0), 100)


def route(*destinations: tuple[str, int], section: str = "http") -> Object:
    entries = [
        {"destination": {"host": "reviews", "subset": subset}, "weight": weight} for subset, weight in destinations
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"hosts": ["reviews"], section: [{"name": "main", "route": entries}]},
    }


def destination_rule(*subsets: str) -> Object:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"host": "reviews", "subsets": [{"name": name} for name in subsets]},
    }


USERS_ROUTE = route(("v1", 100), ("v2", 0))
OF_THE_USER = release_of(OF_ROUTES)


def shares(wanted: Object, section: str = "http") -> list[dict[str, int]]:
    """For each route of an object, who has which weight."""
    return [
        {
            each["destination"].get("subset") or each["destination"]["host"]: each.get("weight", 100)
            for each in entry["route"]
        }
        for entry in wanted["spec"][section]
    ]


# The routes of the user

SPLITS: dict[str, tuple[dict[str, Any], TrafficSplit, list[dict[str, int]]]] = {
    "all is stable": ({}, TrafficSplit(0, 100), [{"v1": 100, "v2": 0}]),
    "a step": ({}, TrafficSplit(5, 95), [{"v1": 95, "v2": 5}]),
    "all is the canary's": ({}, TrafficSplit(100, 0), [{"v1": 0, "v2": 100}]),
    "a total of the user's": (
        {"plan": {"step_weights": [1, 250], "total": 1000}},
        TrafficSplit(1, 999),
        [{"v1": 999, "v2": 1}],
    ),
    "requests that match go first": (
        {"match": TESTERS, "plan": {"iterations": 2}},
        TrafficSplit(0, 100, matched=True),
        [{"v2": 100}, {"v1": 100, "v2": 0}],
    ),
    "no request is matched after a rollback": (
        {"match": TESTERS, "plan": {"iterations": 2}},
        TrafficSplit(0, 100),
        [{"v1": 100, "v2": 0}],
    ),
    "weights for requests that match only": (
        {"match": TESTERS},
        TrafficSplit(5, 95),
        [{"v1": 95, "v2": 5}, {"v1": 100, "v2": 0}],
    ),
}


@pytest.mark.parametrize(("options", "traffic", "expected"), SPLITS.values(), ids=SPLITS)
def test_the_users_route_gets_the_weights_of_the_step(
    options: dict[str, Any], traffic: TrafficSplit, expected: list[dict[str, int]]
) -> None:
    before = route(("v1", options.get("plan", {}).get("total", 100)), ("v2", 0))
    (only,) = listed(release_of({**OF_ROUTES, **options}), live(before), ClusterTarget(traffic)).values()
    assert shares(only.desired) == expected
    assert (only.before, only.made, only.changes) == (before, False, True)
    assert [each.get("match") for each in only.desired["spec"]["http"][:-1]] == [TESTERS] * (len(expected) - 1)


def test_tcp_routes_have_weights_too() -> None:
    (only,) = listed(OF_THE_USER, live(route(("v1", 100), ("v2", 0), section="tcp")), AT_5).values()
    assert shares(only.desired, "tcp") == [{"v1": 95, "v2": 5}]


def test_each_route_says_which_release_intends_what() -> None:
    (only,) = listed(OF_THE_USER, live(USERS_ROUTE), AT_5).values()
    said = json.loads(only.desired["metadata"]["annotations"][ANNOTATION])
    assert said == {"name": "reviews", "revision": "r2", "canary": 5, "stable": 95}


def test_what_stands_already_is_not_changed() -> None:
    stands = live(USERS_ROUTE)
    again = listed(OF_THE_USER, written(stands, *listed(OF_THE_USER, stands, AT_5).values()), AT_5)
    assert [each.changes for each in again.values()] == [False]


# What is made

ALL_MADE = {
    "Service web-primary",
    "Service web-canary",
    "DestinationRule web-primary",
    "DestinationRule web-canary",
    "VirtualService web",
    "Deployment web-primary",
}


def image(wanted: WantedObject) -> str:
    return str(wanted.desired["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


def test_first_the_stable_side_is_made_and_clients_stay_where_they_are() -> None:
    found = listed(RELEASE, live(workload(status=READY), service()), ALL_STABLE)
    # Neither the route nor the user's Service leads to pods that are not there yet.
    assert set(found) == (ALL_MADE | {"Deployment web"}) - {"VirtualService web"}
    assert found["Deployment web-primary"].desired["spec"]["replicas"] == 3
    assert {name for name, each in found.items() if each.made} == set(found) - {"Deployment web"}


def test_then_the_route_and_the_service_lead_to_it() -> None:
    stands = live(workload(status=READY), service())
    stands = written(stands, *listed(RELEASE, stands, ALL_STABLE).values())
    stands.objects[ObjectId("apps", "Deployment", "shop", "web-primary")]["status"] = READY
    found = listed(RELEASE, stands, ALL_STABLE)
    assert set(found) == ALL_MADE | {"Deployment web", "Service web"}
    assert {name for name, each in found.items() if each.changes} == {"VirtualService web", "Service web"}
    apex = found["Service web"]
    assert apex.desired == {**service(), "spec": {**service()["spec"], "selector": {"app": "web-primary"}}}
    assert not apex.made
    assert shares(found["VirtualService web"].desired) == [{"web-primary": 100, "web-canary": 0}]


def test_a_service_that_nobody_has_is_made() -> None:
    found = listed(RELEASE, live(workload(status=READY)), ALL_STABLE)
    assert found["Service web"].made
    assert found["Service web"].desired["spec"]["selector"] == {"app": "web-primary"}


def test_a_step_changes_the_route_and_the_size_of_the_canary_and_nothing_else() -> None:
    found = listed(RELEASE, managed_shop(version=2), AT_5)
    assert {name for name, each in found.items() if each.changes} == {"VirtualService web", "Deployment web"}
    assert shares(found["VirtualService web"].desired) == [{"web-primary": 95, "web-canary": 5}]
    assert found["Deployment web"].desired["spec"]["replicas"] == 3
    assert image(found["Deployment web-primary"]) == "1"


@pytest.mark.parametrize(
    ("target", "before", "after"),
    [
        (ALL_STABLE, 3, 0),
        # Pods go after requests: until then what is found stays.
        (replace(ALL_STABLE, keeps=True), 3, 3),
        (replace(ALL_STABLE, keeps=True), 0, 0),
        (replace(AT_5, replicas=34, keeps=True), 3, 3),
        (replace(AT_5, replicas=34, keeps=True), 0, 2),
    ],
)
def test_a_canary_that_is_kept_gets_no_smaller(target: ClusterTarget, before: int, after: int) -> None:
    stands = managed_shop(version=2)
    stands.objects[ObjectId("apps", "Deployment", "shop", "web")]["spec"]["replicas"] = before
    assert listed(RELEASE, stands, target)["Deployment web"].desired["spec"]["replicas"] == after


def test_a_promotion_copies_the_template_that_was_released() -> None:
    stands = managed_shop(version=2)
    promoted = replace(AT_100, copy=True)
    released = objects.compute_revision(RELEASE, stands)
    assert image(listed(RELEASE, stands, promoted, Mark("r2", {"east": released}))["Deployment web-primary"]) == "2"
    # What has been deployed since is another release.
    later = Mark("r2", {"east": "another"})
    assert image(listed(RELEASE, stands, promoted, later)["Deployment web-primary"]) == "1"


def test_a_restored_side_has_the_template_from_before_the_promotion() -> None:
    stands = managed_shop(version=2)
    released = Mark("r2", {"east": objects.compute_revision(RELEASE, stands)})
    stands = written(stands, *listed(RELEASE, stands, replace(AT_100, copy=True), released).values())
    found = listed(RELEASE, stands, replace(ALL_STABLE, restore=True), released)
    assert image(found["Deployment web-primary"]) == "1"


def test_a_release_that_is_removed_leads_its_service_to_the_workload_itself() -> None:
    found = listed(RELEASE, managed_shop(), replace(AT_100, leaving=True))
    assert found["Service web"].desired["spec"]["selector"] == {"app": "web"}


@pytest.mark.parametrize("gone", sorted(ALL_MADE))
def test_what_is_ours_is_made_again_where_somebody_deleted_it(gone: str) -> None:
    stands = managed_shop()
    kept = {id_: each for id_, each in stands.objects.items() if f"{id_.kind} {id_.name}" != gone}
    # Without its pods nothing new is led to the stable side; what leads there stays.
    target = AT_5 if gone == "VirtualService web" else ALL_STABLE
    found = listed(RELEASE, replace(stands, objects=kept), target)
    assert (found[gone].before, found[gone].made, found[gone].changes) == (None, True, True)


def test_what_the_pods_read_is_copied_for_the_stable_side() -> None:
    pod = {"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}
    settings = config("settings")
    stands = live(workload(status=READY, pod=pod), configs={"ConfigMap/settings": settings})
    copies = [each for name, each in listed(RELEASE, stands, ALL_STABLE).items() if name.startswith("ConfigMap")]
    assert [(each.desired["data"], each.made) for each in copies] == [(settings["data"], True)]
    stands = written(stands, *listed(RELEASE, stands, ALL_STABLE).values())
    read, idle = ObjectId.of(copies[0].desired), ObjectId("", "ConfigMap", "shop", "settings-primary-old")
    service_id = ObjectId("", "Service", "shop", "web-primary")
    assert objects.find_idle_configs(RELEASE, stands, [read, idle, service_id]) == [idle]


def test_the_autoscaler_of_the_workload_is_made_for_the_stable_side_too() -> None:
    stands = live(workload(status=READY), service(), autoscalers=(autoscaler("web"),))
    made = listed(RELEASE, stands, ALL_STABLE)["HorizontalPodAutoscaler web-primary"]
    assert made.desired["spec"]["scaleTargetRef"]["name"] == "web-primary"
    assert made.made


def test_every_object_that_is_needed_is_read_first() -> None:
    assert {f"{kind.kind} {name}" for kind, name, _namespace in objects.list_first_reads(RELEASE)} == ALL_MADE | {
        "Deployment web",
        "Service web",
    }
    assert [name for _kind, name, _namespace in objects.list_first_reads(OF_THE_USER)] == ["reviews"]


@pytest.mark.parametrize(
    ("options", "expected"), [({}, ["HTTPRoute web"]), ({"gateway_refs": [{"name": "edge"}]}, ["VirtualService web"])]
)
def test_what_may_be_left_of_other_options_is_read_too(options: dict[str, Any], expected: list[str]) -> None:
    found = objects.list_reads_beside(with_service(**options))
    assert [f"{kind.kind} {name}" for kind, name, _namespace in found] == expected
    assert objects.list_reads_beside(OF_THE_USER) == []


# What is declared no more

EDGE = {"name": "edge", "namespace": "gateways"}
POLICY = {"outlierDetection": {"consecutive5xxErrors": 3}}


def with_service(**options: Any) -> CanaryRelease:
    return release_of({**MANAGED, "service": {**MANAGED["service"], **options}})


LESS_DECLARED: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "hosts and gateways of a route that becomes a delegate": (
        {"hosts": ["shop.example.org"], "gateways": ["edge"]},
        {"delegation": True},
        {"VirtualService web"},
    ),
    "hosts": ({"hosts": ["shop.example.org"]}, {}, {"VirtualService web"}),
    "a delegate becomes a route again": ({"delegation": True}, {}, {"VirtualService web"}),
    "timeout and retries": ({"timeout": "5s", "retries": {"attempts": 3}}, {}, {"VirtualService web"}),
    "headers": ({"headers": {"request": {"set": {"a": "1"}}}}, {"headers": {"request": {}}}, {"VirtualService web"}),
    "a match": ({"match": [{"uri": {"prefix": "/api"}}]}, {}, {"VirtualService web"}),
    "a traffic policy": ({"traffic_policy": POLICY}, {}, {"DestinationRule web-primary", "DestinationRule web-canary"}),
    "a label of one Service": ({"canary": {"labels": {"a": "1"}}}, {}, {"Service web-canary"}),
    "hosts of an HTTPRoute": (
        {"gateway_refs": [EDGE], "hosts": ["shop.example.org"]},
        {"gateway_refs": [EDGE]},
        {"HTTPRoute web"},
    ),
    "nothing": ({"timeout": "5s"}, {"timeout": "5s"}, set()),
}


@pytest.mark.parametrize(("before", "after", "expected"), LESS_DECLARED.values(), ids=LESS_DECLARED)
def test_an_option_that_is_taken_away_is_taken_off_in_the_same_run(
    before: dict[str, Any], after: dict[str, Any], expected: set[str]
) -> None:
    earlier, release = with_service(**before), with_service(**after)
    stands = managed_shop(release=earlier)
    found = {name for name, each in listed(release, stands, ALL_STABLE).items() if each.changes}
    assert found == expected
    seen = look(release, stands, ALL_STABLE)
    assert seen.as_intended is not bool(expected)
    said = {f"{name.replace(' ', ' shop/')} is declared anew" for name in expected}
    assert set(filter(None, seen.drift.split("; "))) == said


def route_of(kind: str, **metadata: Any) -> Object:
    group = {"VirtualService": "networking.istio.io/v1", "HTTPRoute": "gateway.networking.k8s.io/v1"}[kind]
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "web", "namespace": "shop", **metadata}, "spec": {}}


def autoscaler(name: str) -> Object:
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 9},
    }


RULE = {**destination_rule(), "metadata": {"name": "web-primary", "namespace": "shop"}}
UNDECLARED: dict[str, tuple[dict[str, Any], Object, list[str]]] = {
    "the route of the other API": ({"gateway_refs": [EDGE]}, held(route_of("VirtualService")), ["VirtualService web"]),
    "and the other way round": ({}, held(route_of("HTTPRoute")), ["HTTPRoute web"]),
    "the route of somebody else": ({}, route_of("HTTPRoute"), []),
    "a rule without a policy beside an HTTPRoute": (
        {"gateway_refs": [EDGE]},
        held(RULE),
        ["DestinationRule web-primary"],
    ),
    "a rule with one": ({"gateway_refs": [EDGE], "traffic_policy": POLICY}, held(RULE), []),
    "the copy of an autoscaler that is gone": (
        {},
        held(autoscaler("web-primary")),
        ["HorizontalPodAutoscaler web-primary"],
    ),
    "an autoscaler of somebody else": ({}, autoscaler("other"), []),
}


@pytest.mark.parametrize(("options", "standing", "expected"), UNDECLARED.values(), ids=UNDECLARED)
def test_an_object_that_is_declared_no_more_goes(
    options: dict[str, Any], standing: Object, expected: list[str]
) -> None:
    release = with_service(**options)
    stands = managed_shop(release=release)
    if standing["kind"] == "HorizontalPodAutoscaler":
        stands = replace(stands, autoscalers=(standing,))
    else:
        stands = replace(stands, objects={**stands.objects, ObjectId.of(standing): standing})
    assert [f"{each.kind} {each.name}" for each in objects.find_undeclared(release, "east", stands)] == expected
    drift = look(release, stands, ALL_STABLE).drift
    assert [each for each in drift.split("; ") if "is not declared any more" in each] == [
        f"{name.replace(' ', ' shop/')} is not declared any more" for name in expected
    ]


def test_the_copy_of_an_autoscaler_stays_with_it() -> None:
    stands = replace(managed_shop(), autoscalers=(autoscaler("web"), held(autoscaler("web-primary"))))
    assert objects.find_undeclared(RELEASE, "east", stands) == {}


def test_what_is_declared_no_more_goes_by_the_record_too() -> None:
    """A Service that had another name is not among what is read."""
    earlier = ObjectId("", "Service", "shop", "shop-primary")
    copied = ObjectId("", "ConfigMap", "shop", "settings-primary-1")
    found = objects.find_undeclared(RELEASE, "east", managed_shop(), {earlier: "v1", copied: "v1"})
    assert found == {earlier: SERVICE}


def test_nothing_goes_before_the_stable_side_is_ready() -> None:
    stands = managed_shop()
    stands.objects[ObjectId("apps", "Deployment", "shop", "web-primary")]["status"] = {"observedGeneration": 2}
    earlier = ObjectId("", "Service", "shop", "shop-primary")
    assert objects.find_undeclared(RELEASE, "east", stands, {earlier: "v1"}) == {}


# What is in the way

WATCHED = release_of({**OF_ROUTES, "workload": {"name": "reviews-v2", "stable": "reviews-v1"}})
BOTH_SUBSETS = (destination_rule("v1", "v2"),)
PAUSED = workload(status=READY, paused=True)

OBSTACLES: dict[str, tuple[CanaryRelease, LiveObjects, list[str]]] = {
    "nothing": (OF_THE_USER, live(USERS_ROUTE, rules=BOTH_SUBSETS), []),
    "no route": (OF_THE_USER, live(), ["route-missing"]),
    "a route without the canary": (OF_THE_USER, live(route(("v1", 100)), rules=BOTH_SUBSETS), ["destination-missing"]),
    "a subset that nobody gives": (OF_THE_USER, live(USERS_ROUTE, rules=(destination_rule("v1"),)), ["subset-missing"]),
    "no workloads": (WATCHED, live(USERS_ROUTE, rules=BOTH_SUBSETS), ["workload-missing"] * 2),
    "nothing, and all is made": (RELEASE, live(workload(status=READY), service()), []),
    "no workload to make anything of": (RELEASE, live(service()), ["workload-missing"]),
    "a workload that does not roll out": (RELEASE, live(PAUSED), ["rollout-paused"]),
    "somebody's object with a name of ours": (
        RELEASE,
        live(workload(status=READY), {**service(), "metadata": {"name": "web-canary", "namespace": "shop"}}),
        ["object-of-another"],
    ),
}


@pytest.mark.parametrize(("release", "stands", "slugs"), OBSTACLES.values(), ids=OBSTACLES)
def test_what_is_in_the_way_is_found_before_anything_is_written(
    release: CanaryRelease, stands: LiveObjects, slugs: list[str]
) -> None:
    found = objects.find_obstacles(release, "east", stands)
    assert [each.check for each in found] == slugs
    assert all(each.cluster == "east" and each.remedy for each in found)


@pytest.mark.parametrize(("release", "stands"), [(OF_THE_USER, live()), (RELEASE, live(service()))])
def test_nothing_is_made_of_what_is_not_there(release: CanaryRelease, stands: LiveObjects) -> None:
    with pytest.raises(MeshError, match="cannot be made"):
        listed(release, stands, AT_5)


# What is seen


def look(release: CanaryRelease, stands: LiveObjects, target: ClusterTarget) -> objects.ClusterObservation:
    return objects.observe(release, "east", stands, target, MARK, NOW, NOW)


def test_a_cluster_that_has_everything_is_as_intended() -> None:
    stands = live(USERS_ROUTE)
    stands = written(stands, *listed(OF_THE_USER, stands, AT_5).values())
    found = look(OF_THE_USER, stands, AT_5)
    assert (found.as_intended, found.drift) == (True, "")
    assert (found.traffic, found.routed) == (TrafficSplit(5, 95), {"stable", "canary"})


def changed(stands: LiveObjects, kind: str, name: str, **spec: Any) -> LiveObjects:
    """Somebody has changed one object."""
    found = {id_: deepcopy(each) for id_, each in stands.objects.items()}
    (one,) = [each for id_, each in found.items() if (id_.kind, id_.name) == (kind, name)]
    one["spec"] = {**one["spec"], **spec}
    one["metadata"]["managedFields"] = [
        {"manager": "kubectl-edit", "operation": "Update", "time": "2026-11-25T12:00:00Z"}
    ]
    return replace(stands, objects=found)


def test_what_somebody_changed_is_seen_with_who_it_was() -> None:
    found = look(RELEASE, changed(managed_shop(), "Service", "web-canary", selector={"app": "other"}), ALL_STABLE)
    assert not found.as_intended
    assert "Service shop/web-canary is not as intended" in found.drift


def test_until_its_service_follows_a_cluster_leads_to_the_canary() -> None:
    """It selects the workload's own pods, as before the first release."""
    before = live(workload(status=READY), service())
    assert look(RELEASE, before, ALL_STABLE).routed == {"canary"}
    assert look(RELEASE, managed_shop(), ALL_STABLE).routed == {"stable"}


def slice_of(*terminating: bool) -> tuple[Object, ...]:
    """An EndpointSlice of the stable side's Service, with a pod each."""
    endpoints = [
        {"addresses": [f"10.0.0.{number}"], "conditions": {"ready": not ends, "serving": not ends, "terminating": ends}}
        for number, ends in enumerate(terminating, 1)
    ]
    return ({"metadata": {"name": "web-primary-1"}, "endpoints": endpoints},)


@pytest.mark.parametrize(
    ("copy", "slices", "state"),
    [
        (True, slice_of(False, False), "ready"),
        (True, slice_of(False, True), "waiting"),
        # Only a side that got another template has pods of an earlier one.
        (False, slice_of(False, True), "ready"),
    ],
)
def test_a_promoted_side_is_ready_when_its_earlier_pods_have_ended(
    copy: bool, slices: tuple[Object, ...], state: str
) -> None:
    stands = replace(managed_shop(), slices=slices)
    assert look(RELEASE, stands, replace(AT_100, copy=copy)).stable.state == state


def test_a_canary_that_is_to_have_no_pods_is_not_ready() -> None:
    found = look(RELEASE, managed_shop(), ALL_STABLE).canary
    assert (found.state, found.reason) == ("waiting", "Deployment web has no pods yet")


@pytest.mark.parametrize(("release", "stands"), [(OF_THE_USER, live(USERS_ROUTE)), (RELEASE, live(service()))])
def test_without_a_workload_there_is_no_revision(release: CanaryRelease, stands: LiveObjects) -> None:
    assert objects.compute_revision(release, stands) == ""
