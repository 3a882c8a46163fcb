# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation replicate on three real API servers: a set stands everywhere or nowhere, and goes without a trace."""

from __future__ import annotations

import base64
import copy
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.lease import SetLease
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from delay import Delayed
from sets import (
    NAMES,
    Set,
    checks,
    config_map,
    destination_rule,
    granted_to_the_stranger,
    kept,
    notes,
    of,
    virtual_service,
    words,
)
from support.control_plane import STRANGER_TOKEN
from support.fleet_runs import RECORDS, Object, Planes, run
from support.ports import free_port

# The life of a set


def test_each_step_is_foretold_in_check_mode_then_made_then_changes_nothing(routes: Set) -> None:
    namespace = f"Namespace {routes.namespace}"
    rule, route = (f"{kind} {routes.namespace}/reviews" for kind in ("DestinationRule", "VirtualService"))
    steps: list[tuple[str, list[Any], dict[str, Any], dict[str, list[str]]]] = [
        ("create", routes.pair(), {}, {"created": [namespace, rule, route]}),
        ("create again", routes.pair(), {}, {"unchanged": [namespace, rule, route]}),
        ("modify", routes.pair(v2=50), {}, {"configured": [route], "unchanged": [namespace, rule]}),
        ("modify again", routes.pair(v2=50), {}, {"unchanged": [namespace, rule, route]}),
        ("delete", [], {"state": "absent"}, {"deleted": [namespace, rule, route]}),
        ("delete again", [], {"state": "absent"}, {}),
    ]
    for step, objects, options, expected in steps:
        with routes.writes_nothing():
            foretold = routes.run(*objects, check=True, **options).succeeded()
        made = routes.run(*objects, **options).succeeded()
        changes = {word: each for word, each in expected.items() if word != "unchanged"}
        assert made["changed"] == bool(changes), step
        for name in NAMES:
            part = made["clusters"][name]
            said = {
                word: sorted(part[word])
                for word in ("created", "configured", "restored", "deleted", "kept", "unchanged")
                if part[word]
            }
            assert said == {word: sorted(each) for word, each in expected.items()}, step
        assert made["owed"] == {}
        assert made["consistent"], step
        assert settled(words(foretold)) == settled(words(made)), step
    assert routes.left() == []


def settled(said: dict[str, Any]) -> dict[str, Any]:
    """Check mode says of a removal what is owed until it is made; all lists in one order."""
    clusters = {
        name: {
            key: sorted(value) if key != "findings" and isinstance(value, list) else value
            for key, value in part.items()
        }
        for name, part in said["clusters"].items()
    }
    return {**said, "clusters": clusters, "owed": {}}


def test_the_diff_of_check_mode_is_that_of_the_run(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    routes.made(*routes.pair())
    for objects in (routes.pair(v2=50), [virtual_service(routes.namespace, v2=50)], [*routes.pair(v2=0)]):
        foretold = routes.run(*objects, check=True).succeeded()["diff"]
        made = routes.made(*objects)["diff"]
        assert by_header(foretold) == by_header(made)
        assert made


def by_header(diff: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["before_header"]: (each["before"], each["after"]) for each in diff}


def test_every_cluster_holds_the_same_and_the_result_says_so(routes: Set) -> None:
    made = routes.made(*routes.pair())
    assert made["consistent"]
    assert len({part["hash"] for part in made["clusters"].values()}) == 1
    assert made["proof"]["reached"] == "written"
    assert made["proof"]["not_proven"]
    assert made["skew_ms"] > 0
    for name in NAMES:
        live = routes.live(name, VIRTUAL_SERVICE)
        assert live["spec"] == virtual_service(routes.namespace)["spec"]
        assert made["clusters"][name]["uids"][f"VirtualService {routes.namespace}/reviews"] == live["metadata"]["uid"]
        assert live["metadata"]["labels"]["onemesh.istio/set"] == routes.name
        assert live["metadata"]["annotations"]["onemesh.istio/source"] == "inline"


def test_what_is_no_longer_declared_goes_from_every_cluster(routes: Set) -> None:
    routes.made(*routes.pair(), destination_rule(routes.namespace, "ratings"))
    kept_set = routes.made(*routes.pair(), prune=False)
    assert not kept_set["changed"]
    with routes.writes_nothing():
        foretold = routes.run(*routes.pair(), check=True).succeeded()
    pruned = routes.made(*routes.pair())
    for name in NAMES:
        assert pruned["clusters"][name]["deleted"] == [f"DestinationRule {routes.namespace}/ratings"]
        assert routes.client(name).find(DESTINATION_RULE, "ratings", routes.namespace) is None
    assert words(foretold) == words(pruned)


def test_objects_with_our_labels_that_no_record_knows_are_found_and_removed(routes: Set) -> None:
    routes.made(*routes.pair())
    client = routes.client("east")
    client.delete(kinds.SECRET, f"onemesh-replicate-{routes.name}", RECORDS)
    gone = routes.removed()
    assert gone["leaked"] == []
    assert routes.left() == []


def test_a_cluster_that_joins_gets_the_set(routes: Set) -> None:
    two = routes.planes.clusters("east", "west")
    assert set(routes.made(*routes.pair(), clusters=two)["clusters"]) == {"east", "west"}
    joined = routes.made(*routes.pair())
    assert [name for name, part in joined["clusters"].items() if part["changed"]] == ["north"]


# All or nothing


def test_a_field_that_one_cluster_refuses_is_written_nowhere(routes: Set) -> None:
    overlay = {"clusters": ["west"], "kind": "VirtualService", "merge": {"spec": {"retries": {"attempts": 2}}}}
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), overlays=[overlay])
        assert "nothing was written anywhere" in refused.failed()
    (finding,) = refused.result["findings"]
    assert finding["cluster"] == "west"
    assert finding["object"] == f"VirtualService {routes.namespace}/reviews"
    assert "retries" in finding["message"]


def test_a_kind_that_one_cluster_does_not_serve_is_written_nowhere(routes: Set) -> None:
    gateway = of(kinds.HTTP_ROUTE, "reviews", routes.namespace, spec={})
    with routes.writes_nothing():
        refused = routes.run(gateway, *routes.pair())
        refused.failed()
    assert checks(refused.result) == {(name, "not-served") for name in NAMES}


def test_an_account_that_may_not_write_on_one_cluster_is_told_which_verbs_are_missing(routes: Set) -> None:
    routes.make_namespace()
    plane = routes.planes.planes["west"]
    stranger = {"host": plane.url, "api_key": STRANGER_TOKEN, "ca_cert": str(plane.ca)}
    reader = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
    with granted_to_the_stranger(routes.client("west"), f"reader-{routes.name}", **reader), routes.writes_nothing():
        refused = routes.run(*routes.pair(), clusters=routes.planes.clusters(west=stranger))
        refused.failed()
    (finding,) = refused.result["findings"]
    assert finding["cluster"] == "west"
    for word in ("patch", "create", "delete", "virtualservices", "destinationrules"):
        assert word in finding["message"]
    assert STRANGER_TOKEN not in str(refused.result)


def test_destination_rules_stand_everywhere_before_a_route_does_and_go_after_all_routes(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    seen: list[tuple[float, str, str]] = []

    def watch(name: str, kind: kinds.Kind) -> None:
        for event in routes.client(name).watch(kind, routes.namespace, timeout=60):
            seen.append((time.monotonic(), event.type, kind.kind))
            if event.type == "DELETED":
                return

    watches = [
        threading.Thread(target=watch, args=(name, kind), daemon=True)
        for name in NAMES
        for kind in (VIRTUAL_SERVICE, DESTINATION_RULE)
    ]
    for each in watches:
        each.start()
    # One cluster that is slow shows whether the others wait for it.
    with Delayed(routes.planes.planes["west"], 0.3) as slow:
        west = {**routes.planes.planes["west"].admin_options(), "host": slow.url}
        clusters = routes.planes.clusters(west=west)
        routes.made(*routes.pair(), clusters=clusters)
        routes.removed(clusters=clusters)
    for each in watches:
        each.join(30)

    def times(what: str, kind: str) -> list[float]:
        return [at for at, event, found in seen if (event, found) == (what, kind)]

    for kind in ("VirtualService", "DestinationRule"):
        assert len(times("ADDED", kind)) == len(times("DELETED", kind)) == len(NAMES)
    assert max(times("ADDED", "DestinationRule")) < min(times("ADDED", "VirtualService"))
    assert max(times("DELETED", "VirtualService")) < min(times("DELETED", "DestinationRule"))


# Others


def test_a_field_that_another_manager_holds_is_refused_with_manager_field_and_time(routes: Set) -> None:
    routes.made(*routes.pair())
    mine = virtual_service(routes.namespace)
    theirs = of(VIRTUAL_SERVICE, "reviews", routes.namespace, spec={"exportTo": ["."]})
    routes.put(theirs, "west")
    assert not routes.made(*routes.pair())["changed"], "a field that we do not declare is theirs"
    wanted = routes.pair(exportTo=["*"])
    with routes.writes_nothing():
        refused = routes.run(*wanted)
        refused.failed()
    (finding,) = refused.result["findings"]
    assert (finding["cluster"], finding["check"]) == ("west", "conflict")
    assert ".spec.exportTo" in finding["message"]
    assert '"gitops" since 20' in finding["message"]
    assert "force: true" in finding["remedy"]
    routes.made(*wanted, force=True)
    assert routes.live("west", VIRTUAL_SERVICE)["spec"] == {**mine["spec"], "exportTo": ["*"]}


def other_weights(spec: Object) -> None:
    for destination, weight in zip(spec["http"][0]["route"], (1, 99), strict=True):
        destination["weight"] = weight


def field_beside_ours(spec: Object) -> None:
    spec["http"][0]["fault"] = {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}


def one_more_route(spec: Object) -> None:
    spec["http"].insert(0, {"route": [{"destination": {"host": "elsewhere"}}]})


def field_gone(spec: Object) -> None:
    del spec["http"][0]["timeout"]


@pytest.mark.parametrize("change", [other_weights, field_beside_ours, one_more_route, field_gone])
def test_drift_is_put_right_with_a_warning_that_names_who_wrote(routes: Set, change: Callable[[Object], None]) -> None:
    routes.made(*routes.pair())
    declared = strip_content(routes.live("west", VIRTUAL_SERVICE))
    spec = copy.deepcopy(declared["spec"])
    change(spec)
    routes.edit("west", VIRTUAL_SERVICE, {"spec": spec})
    with routes.writes_nothing():
        foretold = routes.run(*routes.pair(), check=True).succeeded()
    made = routes.made(*routes.pair())
    assert words(foretold) == words(made)
    assert [name for name, part in made["clusters"].items() if part["changed"]] == ["west"]
    assert notes(made) == {("west", "drift")}
    assert "kubectl-edit" in str(made["clusters"]["west"]["findings"])
    assert strip_content(routes.live("west", VIRTUAL_SERVICE)) == declared
    assert not routes.made(*routes.pair())["changed"]


def test_an_object_that_lost_our_label_is_known_by_nothing_and_refused(routes: Set) -> None:
    routes.made(*routes.pair())
    routes.edit("west", VIRTUAL_SERVICE, {"metadata": {"labels": {"onemesh.istio/set": None}}})
    refused = routes.run(*routes.pair())
    refused.failed()
    assert checks(refused.result) == {("west", "object-of-another")}


def test_what_others_set_beside_us_survives(routes: Set) -> None:
    routes.made(*routes.pair())
    theirs = {"metadata": {"labels": {"team": "shop"}, "annotations": {"note": "x"}}, "spec": {"gateways": ["mesh"]}}
    routes.edit("west", VIRTUAL_SERVICE, theirs)
    assert not routes.made(*routes.pair())["changed"]
    routes.made(*routes.pair(v2=50))
    live = routes.live("west", VIRTUAL_SERVICE)
    assert live["metadata"]["labels"]["team"] == "shop"
    assert live["metadata"]["annotations"]["note"] == "x"
    assert live["spec"]["gateways"] == ["mesh"]
    assert live["spec"]["http"] == virtual_service(routes.namespace, v2=50)["spec"]["http"]


def test_an_object_that_is_not_ours_is_refused_and_written_nowhere(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    routes.put(virtual_service(routes.namespace, v2=1), "north")
    with routes.writes_nothing():
        refused = routes.run(*routes.pair())
        refused.failed()
    assert checks(refused.result) == {("north", "object-of-another")}
    assert "adopt: true" in refused.result["findings"][0]["remedy"]


def test_the_object_of_another_set_is_refused_and_named_also_with_adopt(routes: Set, planes: Planes) -> None:
    other = Set(planes, f"{routes.name[:36]}-b", routes.namespace)
    routes.made(*routes.pair())
    with routes.writes_nothing():
        refused = other.run(*routes.pair(v2=50), adopt=True)
        refused.failed()
    assert all(routes.name in finding["message"] for finding in refused.result["findings"])
    assert {check for _, check in checks(refused.result)} == {"object-of-another"}


def test_an_adopted_object_is_given_back_byte_for_byte(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    original = virtual_service(routes.namespace, v2=1, exportTo=["."], gateways=["mesh"])
    original["metadata"]["labels"] = {"team": "shop", "app.kubernetes.io/managed-by": "Helm"}
    original["metadata"]["annotations"] = {"note": "x"}
    for name in NAMES:
        routes.client(name).create(original, field_manager="helm")
    before = {name: kept(routes.live(name, VIRTUAL_SERVICE)) for name in NAMES}
    taken = routes.made(*routes.pair(), adopt=True)
    assert taken["clusters"]["west"]["configured"] == [f"VirtualService {routes.namespace}/reviews"]
    assert not routes.made(*routes.pair())["changed"]
    routes.made(*routes.pair(v2=50))
    with routes.writes_nothing():
        foretold = routes.run(state="absent", check=True).succeeded()
    gone = routes.removed()
    for name in NAMES:
        assert gone["clusters"][name]["restored"] == [f"VirtualService {routes.namespace}/reviews"]
        assert kept(routes.live(name, VIRTUAL_SERVICE)) == before[name]
    assert settled(words(foretold)) == settled(words(gone))
    assert routes.left() == []


def test_an_adopted_object_that_is_no_longer_declared_is_given_back(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    routes.put(virtual_service(routes.namespace, v2=1))
    before = {name: kept(routes.live(name, VIRTUAL_SERVICE)) for name in NAMES}
    routes.made(*routes.pair(), adopt=True)
    routes.made(destination_rule(routes.namespace))
    assert {name: kept(routes.live(name, VIRTUAL_SERVICE)) for name in NAMES} == before


def test_an_adopted_object_that_its_owner_changed_meanwhile_keeps_that_change(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    routes.put(virtual_service(routes.namespace, v2=1))
    routes.made(*routes.pair(), adopt=True)
    routes.edit("west", VIRTUAL_SERVICE, {"spec": {"exportTo": ["."]}})
    routes.removed()
    live = routes.live("west", VIRTUAL_SERVICE)["spec"]
    assert live == {**virtual_service(routes.namespace, v2=1)["spec"], "exportTo": ["."]}


def test_an_object_made_anew_under_our_name_is_left_alone(routes: Set) -> None:
    routes.made(*routes.pair())
    client = routes.client("west")
    copied = routes.live("west", VIRTUAL_SERVICE)
    client.delete(VIRTUAL_SERVICE, "reviews", routes.namespace)
    theirs = client.create(
        {**copied, "metadata": {key: copied["metadata"][key] for key in ("name", "namespace", "labels")}},
        field_manager="somebody",
    )
    gone = routes.run(state="absent").result
    assert routes.live("west", VIRTUAL_SERVICE)["metadata"]["uid"] == theirs["metadata"]["uid"]
    assert ("west", "object-of-another") in notes(gone)


# Clusters that are away


def dead(planes: Planes, name: str) -> dict[str, Any]:
    """Nobody listens there."""
    return {**planes.planes[name].admin_options(), "host": f"https://127.0.0.1:{free_port()}"}


def test_a_cluster_that_is_away_halts_the_change_by_default(routes: Set) -> None:
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), clusters=routes.planes.clusters(west=dead(routes.planes, "west")))
        refused.failed()
    assert checks(refused.result) == {("west", "not-reachable")}
    assert refused.result["clusters"]["west"]["state"] == "away"


def test_without_the_hub_nothing_is_written_and_it_is_named_as_such(routes: Set) -> None:
    clusters = routes.planes.clusters(east=dead(routes.planes, "east"))
    for state in ("present", "absent"):
        with routes.writes_nothing():
            refused = routes.run(*routes.pair(), clusters=clusters, unreachable="quorum", quorum=1, state=state)
            assert "east is the hub, which keeps the record of" in refused.failed()
        assert checks(refused.result) == {("east", "hub-not-reachable")}


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ({"unreachable": "quorum", "quorum": 2}, "away"),
        ({"unreachable": "exclude", "exclude": ["west"]}, "excluded"),
    ],
    ids=["quorum", "exclude"],
)
def test_a_cluster_that_is_left_out_is_owed_the_set_and_gets_it(
    routes: Set, policy: dict[str, Any], state: str
) -> None:
    without = {"clusters": routes.planes.clusters(west=dead(routes.planes, "west")), **policy}
    made = routes.made(*routes.pair(), **without)
    assert made["clusters"]["west"]["state"] == state
    assert not made["consistent"]
    assert made["owed"] == {
        "west": [f"apply {kind} {routes.namespace}/reviews" for kind in ("DestinationRule", "VirtualService")]
    }
    assert not routes.made(*routes.pair(), **without)["changed"]
    assert routes.client("west").find(VIRTUAL_SERVICE, "reviews", routes.namespace) is None
    settled_set = routes.run(state="settled").succeeded()
    assert settled_set["changed"]
    assert settled_set["owed"] == {}
    assert routes.live("west", VIRTUAL_SERVICE)["spec"] == virtual_service(routes.namespace)["spec"]
    assert not routes.run(state="settled").succeeded()["changed"]
    assert not routes.made(*routes.pair())["changed"]


def test_too_few_clusters_for_the_quorum_write_nothing(routes: Set) -> None:
    away = {name: dead(routes.planes, name) for name in ("west", "north")}
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), clusters=routes.planes.clusters(**away), unreachable="quorum", quorum=2)
        assert "quorum is 2" in refused.failed()


def test_a_removal_is_owed_to_a_cluster_that_is_away_and_paid_later(routes: Set) -> None:
    routes.made(*routes.pair())
    without = routes.planes.clusters(west=dead(routes.planes, "west"))
    refused = routes.run(state="absent", clusters=without)
    assert "what is left is recorded" in refused.failed()
    assert ("west", "owed") in checks(refused.result)
    assert "write_off: [west]" in str(refused.result["findings"])
    gone = routes.run(state="settled").succeeded()
    assert gone["clusters"]["west"]["deleted"]
    assert routes.left() == []


def test_a_run_that_ends_without_a_record_leaves_no_namespace_of_records(routes: Set) -> None:
    namespace = f"istio-{routes.name}"
    alone = [{**each, "istio_namespace": namespace} for each in routes.planes.clusters()]
    away = [{**each, **(dead(routes.planes, "west") if each["name"] == "west" else {})} for each in alone]
    client = routes.client("east")
    records = f"onemesh-{namespace}"

    routes.made(*routes.pair(), clusters=alone)
    assert client.find(kinds.NAMESPACE, records)
    routes.run(state="absent", clusters=away).failed()
    assert client.find(kinds.NAMESPACE, records), "it tells what is owed to west"
    routes.run(state="settled", clusters=alone).succeeded()
    client.wait_gone(kinds.NAMESPACE, records, None, 60)

    unknown = {"apiVersion": "example.com/v1", "kind": "Unknown", "metadata": {"name": "x"}}
    routes.run(*routes.pair(), unknown, clusters=alone).failed()
    client.wait_gone(kinds.NAMESPACE, records, None, 60)


def test_a_cluster_that_is_gone_for_good_is_written_off_only_by_name(routes: Set) -> None:
    routes.made(*routes.pair())
    without = routes.planes.clusters("east", "north")
    routes.run(state="absent", clusters=without).failed()
    gone = routes.run(state="absent", clusters=without, write_off=["west"]).succeeded()
    assert gone["changed"]
    assert gone["owed"] == {}
    assert all(each.startswith("west: ") for each in routes.left())


# The record


def test_a_record_larger_than_a_secret_is_kept_in_several_and_goes_with_the_set(routes: Set) -> None:
    noise = random.Random(routes.name)
    # Base64 of noise: 1 MiB stays of it after compression.
    objects = [
        config_map(routes.namespace, f"blob-{number}", blob=encoded(noise.randbytes(350_000))) for number in range(3)
    ]
    routes.made(*objects, unreachable="exclude", exclude=["west"])
    stored = [
        live["metadata"]["name"]
        for live in routes.client("east").list(kinds.SECRET, RECORDS)
        if live["metadata"]["name"].startswith(f"onemesh-replicate-{routes.name}")
    ]
    assert len(stored) >= 2
    assert not routes.made(*objects, unreachable="exclude", exclude=["west"])["changed"]
    routes.run(state="settled").succeeded()
    for manifest in objects:
        name = manifest["metadata"]["name"]
        assert routes.client("west").get(kinds.CONFIG_MAP, name, routes.namespace)["data"] == manifest["data"]
    routes.removed()
    assert routes.left() == []


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_no_data_of_a_secret_is_in_a_result_nor_readable_in_the_record(routes: Set) -> None:
    secret = of(kinds.SECRET, "token", routes.namespace, stringData={"token": "very-secret-value"})
    other = of(kinds.SECRET, "token", routes.namespace, stringData={"token": "another-secret-value"})
    hidden = [
        value for text in ("very-secret-value", "another-secret-value") for value in (text, encoded(text.encode()))
    ]
    routes.make_namespace()
    for name in NAMES:
        routes.client(name).create(other, field_manager="somebody")
    outputs = [routes.run(secret, check=True, adopt=True), routes.run(secret, adopt=True)]
    outputs.append(routes.run(of(kinds.SECRET, "token", routes.namespace, stringData={"token": 7}), adopt=True))
    outputs.append(routes.run(state="absent"))
    assert not any(value in str(each.result) + str(each.lines) for each in outputs for value in hidden)
    given_back = routes.client("west").get(kinds.SECRET, "token", routes.namespace)
    assert base64.b64decode(given_back["data"]["token"]) == b"another-secret-value"


def test_two_runs_at_the_same_time_the_second_fails_at_once_and_names_the_holder(routes: Set) -> None:
    lease = SetLease(routes.client("east"), RECORDS, f"onemesh-replicate-{routes.name}")
    with lease:
        refused = routes.run(*routes.pair())
        assert lease.holder in refused.failed()
        for name in NAMES:
            assert routes.client(name).find(VIRTUAL_SERVICE, "reviews", routes.namespace) is None
    routes.made(*routes.pair())


def test_what_is_in_the_way_of_the_options_is_said_before_anything_is_asked(routes: Set) -> None:
    for options, check in (
        ({"hub": "south"}, "hub-unknown"),
        ({"set": "Not a name"}, "set-name-invalid"),
        ({"workers": 0}, "option-workers"),
        ({"unreachable": "quorum", "quorum": 9}, "option-quorum"),
        ({"unreachable": "exclude", "exclude": ["south"]}, "cluster-unknown"),
        ({"dataplane": "cart"}, "option-dataplane"),
    ):
        refused = run(replicate, routes.parameters(routes.pair(), **options))
        refused.failed()
        assert {found for _, found in checks(refused.result)} == {check}
