# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writers on two real API servers: what their accounts may do, and what becomes of them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import Search, discover
from ansible_collections.onemesh.istio.plugins.module_utils._istio import remote_secret
from ansible_collections.onemesh.istio.plugins.module_utils._istio.kubeconfig import check_kubeconfig
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Forbidden
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from support.fleet_runs import run
from writer_runs import (
    LEDGER,
    NAMES,
    NAMESPACE,
    RECORDS_IN,
    Fleet,
    Right,
    actions,
    await_refusal,
    findings,
    product,
)

WRITE = "get list watch create patch update delete"
SEE = product("get list", "", "namespaces")
ROUTES = product(WRITE, "networking.istio.io", "virtualservices", "destinationrules") | SEE
RECORDS = (
    product("get list create update delete", "", "secrets")
    | product("get list create patch update delete", "", "configmaps")
    | product("get create update delete", "coordination.k8s.io", "leases")
)
ISTIOD = product("get list", "", "pods") | product("get create", "", "pods/portforward")
MONTH = 2592000

ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "reviews", "namespace": "default"},
    "spec": {"hosts": ["reviews"], "http": [{"route": [{"destination": {"host": "reviews"}}]}]},
}

# options; rights everywhere, in the namespace of Istio of both clusters beside these, and where the hub has its records
GRANTS: dict[str, tuple[dict[str, Any], set[Right], set[Right], set[Right]]] = {
    "by default": ({}, ROUTES, set(), RECORDS),
    "of other kinds": (
        {"kinds": ["networking.istio.io/Gateway", "v1/ConfigMap", "batch/v1/CronJob"]},
        product(WRITE, "networking.istio.io", "gateways")
        | product(WRITE, "", "configmaps")
        | product(WRITE, "batch", "cronjobs")
        | SEE,
        set(),
        RECORDS,
    ),
    "to make namespaces": (
        {"namespaces": True},
        ROUTES | product("get list create patch update", "", "namespaces"),
        set(),
        RECORDS,
    ),
    "to see what is accepted": (
        {"kinds": ["HTTPRoute"], "proof": "accepted"},
        product(WRITE, "gateway.networking.k8s.io", "httproutes")
        | product("get", "gateway.networking.k8s.io", "gatewayclasses")
        | SEE,
        set(),
        RECORDS,
    ),
    "to see what is acknowledged": (
        {"proof": "acknowledged"},
        ROUTES | product("get", "", "pods"),
        ISTIOD,
        RECORDS,
    ),
    "to keep records elsewhere": ({"ledger_namespace": LEDGER}, ROUTES, set(), set()),
}


@pytest.mark.parametrize(("options", "everywhere", "beside_istiod", "on_the_hub"), GRANTS.values(), ids=GRANTS)
def test_the_rights_are_those_that_were_asked_for_and_no_others(
    fleet: Fleet,
    options: dict[str, Any],
    everywhere: set[Right],
    beside_istiod: set[Right],
    on_the_hub: set[Right],
) -> None:
    assert fleet.run(**options).succeeded()["changed"] is True
    for cluster in NAMES:
        fleet.await_rights(cluster, "default", everywhere)
    fleet.await_rights("west", NAMESPACE, everywhere | beside_istiod)
    fleet.await_rights("east", NAMESPACE, everywhere | beside_istiod)
    fleet.await_rights("east", RECORDS_IN, everywhere | on_the_hub)
    fleet.await_rights("west", RECORDS_IN, everywhere)
    ledger = RECORDS if "ledger_namespace" in options else set()
    fleet.await_rights("east", LEDGER, everywhere | ledger)
    fleet.await_rights("west", LEDGER, everywhere)


def test_what_is_allowed_works_and_what_is_not_is_refused(fleet: Fleet) -> None:
    fleet.run().succeeded()
    for cluster in NAMES:
        fleet.await_rights(cluster, "default", ROUTES)
        client = fleet.writer(cluster)
        assert client.apply(ROUTE, field_manager="test").created
        assert client.delete(kinds.VIRTUAL_SERVICE, "reviews", "default")
        for refused in (
            lambda client=client: client.list(SECRET, "default"),
            lambda client=client: client.delete(kinds.NAMESPACE, LEDGER),
            lambda client=client: client.list(kinds.CLUSTER_ROLE),
            lambda client=client: client.request_token("onemesh-writer", NAMESPACE),
        ):
            with pytest.raises(Forbidden):
                refused()


def test_the_hub_keeps_what_a_remote_secret_holds_and_istiod_does_not_see_it(fleet: Fleet) -> None:
    result = fleet.run().succeeded()
    assert [each["secret"] for each in result["writers"]] == [f"{NAMESPACE}/onemesh-writer-{name}" for name in NAMES]
    for cluster in NAMES:
        plane = fleet.planes.planes[cluster]
        secret = fleet.secret(cluster)
        assert secret is not None
        assert secret["metadata"]["labels"] == {
            "onemesh.istio/writer": "true",
            "app.kubernetes.io/managed-by": "onemesh.istio",
            "onemesh.istio/component": "writer",
        }
        held = base64.b64decode(secret["data"][cluster])
        asked = remote_secret.build(cluster, plane.url, plane.ca.read_bytes(), fleet.token(cluster))
        assert held.decode() == asked["stringData"][cluster]
        assert check_kubeconfig(held) is None
    secrets = fleet.planes.clients["east"].list(SECRET, NAMESPACE)
    assert remote_secret.parse(secrets, cluster="other").clusters == ()
    assert fleet.secret("east", hub="west") is fleet.secret("west", hub="west") is None


@pytest.mark.parametrize("records", [None, LEDGER])
def test_a_change_works_with_what_is_found_by_its_label_and_nothing_more(
    fleet: Fleet, tmp_path: Path, records: str | None
) -> None:
    fleet.run(ledger_namespace=records).succeeded()
    for cluster in NAMES:
        fleet.await_rights(cluster, "default", ROUTES)
    fleet.await_rights("east", records or RECORDS_IN, ROUTES | RECORDS)
    hub = tmp_path / "kubeconfig"
    hub.touch(mode=0o600)
    hub.write_text(yaml.safe_dump(fleet.planes.planes["east"].admin_kubeconfig()))
    search = Search({"kubeconfig": str(hub)}, label="onemesh.istio/writer=true", local_cluster="east")
    found = discover(search, {}).clusters
    assert [(each.name, each.usable, each.reason) for each in found] == [("east", True, ""), ("west", True, "")]
    options = {
        "clusters": [each.cluster for each in found],
        "set": "written-by-writers",
        "definition": [ROUTE],
        "ledger_namespace": records,
    }
    for state, changed in (("present", True), ("present", False), ("absent", True), ("absent", False)):
        assert run(replicate, {**options, "state": state}).succeeded()["changed"] is changed
    # The account was made for changes that nobody waits for.
    assert (
        "proof: acknowledged of onemesh.istio.writer" in run(replicate, {**options, "proof": "acknowledged"}).failed()
    )
    for client in fleet.planes.clients.values():
        assert client.find(kinds.VIRTUAL_SERVICE, "reviews", "default") is None


def test_a_namespace_that_a_writer_made_stays_behind_without_our_labels(fleet: Fleet) -> None:
    fleet.run(namespaces=True).succeeded()
    granted = ROUTES | product("get list create patch update", "", "namespaces")
    for cluster in NAMES:
        fleet.await_rights(cluster, "default", granted)
    fleet.await_rights("east", RECORDS_IN, granted | RECORDS)
    route = {**ROUTE, "metadata": {"name": "reviews", "namespace": "made-by-a-writer"}}
    clusters = [{"name": name, "kubeconfig": fleet.kubeconfig(name)} for name in NAMES]
    options = {"clusters": clusters, "set": "in-a-namespace-of-its-own", "definition": [route]}
    assert run(replicate, options).succeeded()["changed"]
    removed = run(replicate, {**options, "state": "absent"}).succeeded()
    assert removed["leaked"] == []
    for name, client in fleet.planes.clients.items():
        assert [finding["check"] for finding in removed["clusters"][name]["findings"]] == ["namespace-kept"]
        left = client.get(kinds.NAMESPACE, "made-by-a-writer")
        assert not [label for label in left["metadata"]["labels"] if "onemesh" in label or "managed-by" in label]
        assert client.find(kinds.VIRTUAL_SERVICE, "reviews", "made-by-a-writer") is None
    assert not run(replicate, {**options, "state": "absent"}).succeeded()["changed"]


def test_a_second_run_changes_nothing_and_check_mode_says_what_a_run_does(fleet: Fleet) -> None:
    before = fleet.state()
    predicted = fleet.run(check=True)
    assert fleet.state() == before
    made = fleet.run()
    assert actions(predicted) == actions(made) == {"east": "create", "west": "create"}
    assert predicted.succeeded()["diff"] == made.succeeded()["diff"]
    state = fleet.state()
    for check in (True, False):
        again = fleet.run(check=check)
        assert again.succeeded()["changed"] is False
        assert again.result["diff"] == []
        assert actions(again) == {"east": "keep", "west": "keep"}
    assert fleet.state() == state


def test_other_kinds_are_followed_without_a_new_token(fleet: Fleet) -> None:
    fleet.run().succeeded()
    tokens = [fleet.token(name) for name in NAMES]
    wide = ["VirtualService", "DestinationRule", "ServiceEntry"]
    for wanted, resources in ((wide, ("serviceentries",)), (["VirtualService"], ())):
        predicted = fleet.run(check=True, kinds=wanted)
        ran = fleet.run(kinds=wanted)
        assert actions(predicted) == actions(ran) == {"east": "configure", "west": "configure"}
        assert {each["before_header"] for each in ran.result["diff"]} == {
            "east, west: writer",
            "east, west: ClusterRole onemesh-writer-istio-system",
        }
        routes = ROUTES if resources else product(WRITE, "networking.istio.io", "virtualservices") | SEE
        for name in NAMES:
            fleet.await_rights(name, "default", routes | product(WRITE, "networking.istio.io", *resources))
        assert fleet.run(kinds=wanted).succeeded()["changed"] is False
    assert [fleet.token(name) for name in NAMES] == tokens


def test_rights_that_are_no_longer_wanted_go_with_their_roles(fleet: Fleet) -> None:
    fleet.run(proof="acknowledged", ledger_namespace=LEDGER).succeeded()
    fleet.await_rights("east", LEDGER, ROUTES | product("get", "", "pods") | RECORDS)
    ran = fleet.run()
    assert actions(ran) == {"east": "configure", "west": "configure"}
    assert [trace for trace in fleet.traces() if " Role" in trace] == [
        "east Role onemesh-system/onemesh-writer-istio-system",
        "east RoleBinding onemesh-system/onemesh-writer-istio-system",
    ]
    fleet.await_rights("west", NAMESPACE, ROUTES)
    fleet.await_rights("east", LEDGER, ROUTES)


def test_a_token_that_ends_soon_is_renewed_and_the_old_one_serves_to_its_end(fleet: Fleet) -> None:
    fleet.run(token_lifetime=3600).succeeded()
    old = {name: fleet.token(name) for name in NAMES}
    assert fleet.run().succeeded()["changed"] is False
    ran = fleet.run(renew_before=7200)
    assert actions(ran) == {"east": "renew", "west": "renew"}
    assert all(each["expires"] > "2000" for each in ran.result["writers"])
    for name in NAMES:
        assert fleet.token(name) != old[name]
        assert fleet.bearer(name, old[name]).can_i("get", kinds.VIRTUAL_SERVICE)
    assert fleet.run(renew_before=7200).succeeded()["changed"] is False


def test_a_token_that_the_hub_lost_is_revoked(fleet: Fleet) -> None:
    fleet.run().succeeded()
    lost = fleet.token("west")
    fleet.planes.clients["east"].delete(SECRET, "onemesh-writer-west", NAMESPACE)
    assert actions(fleet.run()) == {"east": "keep", "west": "create"}
    await_refusal([fleet.bearer("west", lost)])
    assert fleet.writer("west").can_i("get", kinds.VIRTUAL_SERVICE)


def test_a_revoked_token_is_renewed(fleet: Fleet) -> None:
    fleet.run().succeeded()
    fleet.planes.clients["west"].delete(SECRET, "onemesh-writer", NAMESPACE)
    assert actions(fleet.run()) == {"east": "keep", "west": "renew"}
    fleet.await_rights("west", "default", ROUTES)


def test_another_hub_gets_everything_and_the_first_one_keeps_nothing(fleet: Fleet) -> None:
    fleet.run().succeeded()
    old = [fleet.bearer(name, fleet.token(name)) for name in NAMES]
    assert actions(fleet.run(hub="west")) == {"east": "create", "west": "create"}
    await_refusal(old)
    assert fleet.secret("east") is fleet.secret("west") is None
    fleet.await_rights("west", RECORDS_IN, ROUTES | RECORDS, hub="west")
    fleet.await_rights("east", RECORDS_IN, ROUTES, hub="west")
    assert fleet.run(hub="west").succeeded()["changed"] is False


def test_absent_leaves_nothing_and_the_tokens_are_refused(fleet: Fleet) -> None:
    before = fleet.state()
    fleet.run(namespaces=True, proof="acknowledged", ledger_namespace=LEDGER).succeeded()
    clients = [fleet.bearer(name, fleet.token(name)) for name in NAMES]
    traces = fleet.traces()
    predicted = fleet.run(check=True, state="absent")
    assert fleet.traces() == traces
    ran = fleet.run(state="absent")
    assert actions(predicted) == actions(ran) == {"east": "remove", "west": "remove"}
    assert ran.succeeded()["leaked"] == []
    assert (fleet.traces(), fleet.state()) == ([], before)
    for client in clients:
        await_refusal([client])
    again = fleet.run(state="absent")
    assert again.succeeded()["changed"] is False
    assert actions(again) == {"east": "absent", "west": "absent"}


def test_a_hub_that_leaves_alone_takes_no_kubeconfig_along(fleet: Fleet) -> None:
    fleet.run().succeeded()
    tokens = [fleet.bearer(name, fleet.token(name)) for name in NAMES]
    ran = fleet.run(clusters=fleet.planes.clusters("east"), mesh=fleet.planes.clusters(*NAMES), state="absent")
    assert actions(ran) == {"east": "remove", "west": "remove"}
    assert ran.succeeded()["leaked"] == []
    await_refusal(tokens)
    assert fleet.traces() == []


def test_a_cluster_that_leaves_alone_leaves_the_others_their_writers(fleet: Fleet) -> None:
    fleet.run().succeeded()
    east, west = (fleet.bearer(name, fleet.token(name)) for name in NAMES)
    ran = fleet.run(clusters=fleet.planes.clusters("west"), mesh=fleet.planes.clusters(*NAMES), state="absent")
    assert actions(ran) == {"west": "remove"}
    await_refusal([west])
    assert east.can_i("get", kinds.VIRTUAL_SERVICE)
    assert not [trace for trace in fleet.traces() if trace.startswith("west ") or "onemesh-writer-west" in trace]


def test_what_cannot_be_removed_is_named(fleet: Fleet) -> None:
    fleet.run().succeeded()
    west = fleet.planes.clients["west"]
    held = {"metadata": {"finalizers": ["mesh.test/held"]}}
    west.patch(kinds.SERVICE_ACCOUNT, "onemesh-writer", NAMESPACE, held)
    ran = fleet.run(state="absent")
    assert findings(ran) == {("west", "not-removed")}
    assert ran.result["leaked"] == ["west: ServiceAccount istio-system/onemesh-writer"]
    west.patch(kinds.SERVICE_ACCOUNT, "onemesh-writer", NAMESPACE, {"metadata": {"finalizers": None}})
    assert fleet.run(state="absent").succeeded()["leaked"] == []


def test_everything_in_the_way_is_named_and_nothing_is_written(fleet: Fleet) -> None:
    east, west = fleet.planes.clients["east"], fleet.planes.clients["west"]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []}
    west.apply({**role, "metadata": {"name": "onemesh-writer-istio-system"}}, field_manager="somebody")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "onemesh-writer-west", "namespace": NAMESPACE}}
    east.apply(secret, field_manager="somebody")
    before = fleet.state()
    for check in (True, False):
        ran = fleet.run(check=check)
        assert findings(ran) == {("west", "object-of-another"), ("east", "object-of-another")}
        assert fleet.state() == before
    assert fleet.run(state="absent").succeeded()["changed"] is False
    assert fleet.state() == before


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"kinds": ["Gateway", "a/b/c/d"], "hub": "north"}, {"kind-ambiguous", "kind-unknown", "hub-unknown"}),
        ({"kinds": ["Unheard"]}, {"kind-unknown"}),
        ({"ledger_namespace": "not-there"}, {"namespace-missing"}),
        ({"ledger_namespace": NAMESPACE}, {"records-beside-rights"}),
        ({"ledger_namespace": "kube-system"}, {"records-beside-rights"}),
        ({"kinds": ["Secret", "rbac.authorization.k8s.io/ClusterRole", "Pod"]}, {"kind-not-granted"}),
    ],
)
def test_options_that_cannot_be_met_are_refused(fleet: Fleet, options: dict[str, Any], expected: set[str]) -> None:
    before = fleet.state()
    assert {check for _cluster, check in findings(fleet.run(**options))} == expected
    assert fleet.state() == before


def test_an_account_that_may_not_grant_the_rights_is_refused_before_anything_is_written(fleet: Fleet) -> None:
    """RBAC lets nobody give away what they do not have, and says so in a dry run."""
    fleet.run().succeeded()
    west = fleet.planes.clients["west"]
    may = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "limited"}}
    rules = [
        {
            "apiGroups": ["", "rbac.authorization.k8s.io"],
            "resources": ["*"],
            "verbs": ["get", "list", "create", "patch", "delete"],
        }
    ]
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "limited"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "limited"},
        "subjects": [{"kind": "ServiceAccount", "name": "bare", "namespace": NAMESPACE}],
    }
    west.apply({**may, "rules": rules}, field_manager="test")
    west.apply(binding, field_manager="test")
    try:
        token = west.request_token("bare", NAMESPACE)["token"]
        while not fleet.bearer("west", token).can_i("create", kinds.CLUSTER_ROLE):
            continue
        limited = {**fleet.planes.planes["west"].admin_options(), "api_key": token}
        clusters = fleet.planes.clusters(*NAMES, west=limited)
        before = fleet.state()
        ran = fleet.run(clusters=clusters, kinds=["VirtualService", "ServiceEntry"])
        assert findings(ran) == {("west", "not-ready")}
        assert "attempting to grant RBAC permissions not currently held" in ran.failed()
        assert fleet.state() == before
    finally:
        west.delete(kinds.CLUSTER_ROLE_BINDING, "limited")
        west.delete(kinds.CLUSTER_ROLE, "limited")


def test_with_a_cluster_away_nothing_is_made_and_removal_is_finished_when_it_is_back(fleet: Fleet) -> None:
    away = {**fleet.planes.planes["west"].admin_options(), "host": "https://127.0.0.1:1"}
    clusters = fleet.planes.clusters(*NAMES, west=away)
    before = fleet.state()
    assert findings(fleet.run(clusters=clusters, request_timeout=1)) == {("west", "not-ready")}
    assert fleet.state() == before
    fleet.run().succeeded()
    token = fleet.token("west")
    ran = fleet.run(clusters=clusters, request_timeout=1, state="absent")
    assert findings(ran) == {("west", "not-reachable")}
    assert all(trace.startswith("west ") for trace in fleet.traces())
    assert fleet.run(state="absent").succeeded()["changed"] is True
    assert fleet.traces() == []
    await_refusal([fleet.bearer("west", token)])


@pytest.mark.parametrize("how", ["action", "module"])
def test_no_token_is_shown_by_a_play_that_says_all_it_can(fleet: Fleet, how: str, tmp_path: Path) -> None:
    hosts = {
        name: {
            "cluster_host": plane.url,
            "cluster_ca_cert": str(plane.ca),
            "cluster_api_key": plane.admin_options()["api_key"],
        }
        for name, plane in fleet.planes.planes.items()
    }
    clusters = "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    asynchronous = {"async": 120, "poll": 1} if how == "module" else {}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "vars": {"ansible_python_interpreter": sys.executable},
    }
    inventory, playbook = tmp_path / "inventory.json", tmp_path / "play.yml"
    inventory.touch(mode=0o600)
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    environment = {
        **os.environ,
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "ansible"),
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "ansible"),
        "ANSIBLE_ASYNC_DIR": str(tmp_path / "async"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
    }
    command = [
        f"{Path(sys.executable).parent}/ansible-playbook",
        "-i",
        str(inventory),
        str(playbook),
        "-vvvv",
        "--diff",
    ]
    tokens = set()
    output = ""
    for options in ({}, {"renew_before": 2 * MONTH}, {"state": "absent"}):
        task = {"onemesh.istio.writer": {"clusters": clusters, **options}, "run_once": True, **asynchronous}
        playbook.write_text(yaml.safe_dump([{**play, "tasks": [task]}]))
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stdout[-3000:]
        output += done.stdout + done.stderr
        tokens |= {fleet.token(name) for name in NAMES if fleet.secret(name) is not None}
    assert len(tokens) == 4
    assert fleet.traces() == []
    for token in tokens:
        signature = token.rpartition(".")[2]
        assert signature not in output
        assert base64.b64encode(token.encode()).decode()[:200] not in output
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not any(token.rpartition(".")[2].encode() in written for token in tokens)
