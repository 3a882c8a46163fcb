# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster is slow, silent, or says no: nothing is written, or all is taken back, and the reason is said."""

from __future__ import annotations

import time

import pytest
from support.control_plane import STRANGER_TOKEN
from support.fault_runs import HUB, RECORD_WRITTEN, ROUTE, SOMEBODY, Held, Kill, Moments, Site, forked, virtual_service
from support.faults import Front, Wire
from support.fleet_runs import RECORDS, Planes


def unchanged_and_nothing_owed(site: Site, before: object) -> None:
    assert site.snapshot() == before
    assert site.leftovers() == []


def taken_back_now_and_made_later(site: Site, before: object) -> None:
    unchanged_and_nothing_owed(site, before)
    site.run(definition=site.objects()).succeeded()
    site.stands(site.objects())


# Slow, or silent


def test_the_skew_is_that_of_the_slowest_cluster(site: Site, wires: dict[str, Wire]) -> None:
    """Between the first and the last cluster's change there is the delay, and no more than the whole run."""
    site.run(definition=site.objects(100)).succeeded()
    delay = 1.0
    moments = Moments()
    moments.after(HUB, RECORD_WRITTEN, lambda: setattr(wires["west"], "delay", delay))
    began = time.monotonic()
    result = site.run(moments, definition=site.objects(20), request_timeout=20).succeeded()
    took = time.monotonic() - began
    wires["west"].heal()
    assert delay <= result["skew_ms"] / 1000 < took


def test_a_cluster_that_never_answers(site: Site, moments: Moments, wires: dict[str, Wire]) -> None:
    before = site.snapshot()
    wires["west"].silent = True
    said = site.run(moments, definition=site.objects(), request_timeout=1).failed()
    assert "west: " in said
    assert "gave no answer within 1 s" in said
    assert moments.writes == []
    wires["west"].heal()
    taken_back_now_and_made_later(site, before)


@pytest.mark.parametrize("lost", ["requests", "answers"])
def test_what_is_sent_or_answered_is_lost_from_the_commit_on(
    site: Site, moments: Moments, wires: dict[str, Wire], lost: str
) -> None:
    """Whether west has written is not known: it is put back there once it answers, in both cases."""
    before = site.snapshot()

    def lose() -> None:
        wires["west"].loses = lost  # type: ignore[assignment]

    moments.before("west", ROUTE, lose)
    result = site.run(moments, definition=site.objects(), request_timeout=2)
    assert "west" in result.failed()
    assert result.result["clusters"]["north"]["state"] == "put back"
    assert result.result["clusters"]["west"]["state"] == "owed"
    assert set(result.result["owed"]) == {"west"}
    wires["west"].heal()
    site.run(state="settled").succeeded()
    taken_back_now_and_made_later(site, before)


# Statuses


@pytest.fixture
def front(planes: Planes, site: Site, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """An HTTPS server before west that answers as told."""
    with Front(planes.planes["west"]) as front:
        site.options["west"] = {**planes.planes["west"].admin_options(), "host": front.url}
        yield front


def test_an_account_that_may_only_read(planes: Planes, site: Site, moments: Moments) -> None:
    """Such as the account of a remote secret."""
    before = site.snapshot()
    group = "rbac.authorization.k8s.io"
    reader = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}],
    }
    bound = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "stranger"}],
    }
    for manifest in (reader, bound):
        site.clients["west"].apply(manifest, field_manager=SOMEBODY)
    site.options["west"] = {**planes.planes["west"].admin_options(), "api_key": STRANGER_TOKEN}
    said = site.run(moments, definition=site.objects()).failed()
    assert "west: the account in use may not patch, create, delete" in said
    assert "virtualservices" in said
    assert "destinationrules" in said
    assert {request.path.split("/")[-2] for request in moments.writes} <= {"namespaces", RECORDS, "leases"}
    unchanged_and_nothing_owed(site, before)


def test_credentials_that_end_between_prepare_and_commit(site: Site, front: Front, moments: Moments) -> None:
    before = site.snapshot()

    def expire() -> None:
        front.answers = lambda _method, _path: (401, {})

    moments.after(HUB, RECORD_WRITTEN, expire)
    ran = site.run(moments, definition=site.objects())
    assert "west" in ran.failed()
    assert "does not accept the credentials" in ran.failed()
    front.answers = lambda _method, _path: "pass"
    site.run(state="settled").succeeded()
    taken_back_now_and_made_later(site, before)


def test_told_to_come_later_it_comes_later(site: Site, front: Front, moments: Moments) -> None:
    def throttle() -> None:
        front.script.extend([(429, {"Retry-After": "1"})])

    moments.after(HUB, RECORD_WRITTEN, throttle)
    site.run(moments, definition=site.objects()).succeeded()
    site.stands(site.objects())


def test_a_list_whose_continuation_is_no_longer_kept(site: Site, front: Front) -> None:
    gone = []

    def answers(_method: str, path: str) -> tuple[int, dict[str, str]] | str:
        if "/virtualservices?" in path and "limit=" in path:
            gone.append(path)
            return 410, {}
        return "pass"

    front.answers = answers
    site.run(definition=site.objects()).succeeded()
    site.stands(site.objects())
    assert gone


# Refusals


def test_a_policy_that_refuses_on_one_cluster(site: Site, moments: Moments, refuses: dict[str, str]) -> None:
    before = site.snapshot()
    said = site.run(moments, definition=site.objects(100, refuses["west"])).failed()
    assert "west" in said
    assert "nothing may be called unwelcome here" in said
    assert all("lease" in request.path for request in moments.writes)
    unchanged_and_nothing_owed(site, before)


def test_a_policy_that_refuses_only_real_writes(site: Site, moments: Moments, refuses: dict[str, str]) -> None:
    before = site.snapshot()
    ran = site.run(moments, definition=site.objects(100, refuses["north"], "reviews"))
    assert "nothing may be called refused here" in ran.failed()
    assert {part["state"] for part in ran.result["clusters"].values()} == {"put back"}
    assert any(request.method == "DELETE" and request.cluster == "west" for request in moments.writes)
    taken_back_now_and_made_later(site, before)


@pytest.mark.parametrize("cluster", [HUB, "west"], ids=["hub", "other"])
def test_a_full_etcd(planes: Planes, site: Site, moments: Moments, cluster: str) -> None:
    before = site.snapshot()
    plane = planes.planes[cluster]
    moments.after(HUB, RECORD_WRITTEN, plane.fill_quota)
    try:
        said = site.run(moments, definition=site.objects()).failed()
    finally:
        plane.empty_quota()
    assert f"{cluster}: " in said
    assert "database space exceeded" in said
    site.run(state="settled").succeeded()
    taken_back_now_and_made_later(site, before)


# Somebody else


def test_a_field_that_somebody_else_holds(site: Site, moments: Moments) -> None:
    site.run(definition=site.objects(100)).succeeded()
    theirs = virtual_service(site.name, "reviews", 70)
    site.clients["west"].apply(theirs, field_manager="argocd", force=True)
    before = site.snapshot()
    said = site.run(moments, definition=site.objects(20)).failed()
    assert "west (VirtualService" in said
    assert '"argocd"' in said
    assert all("lease" in request.path for request in moments.writes)
    assert site.snapshot() == before
    site.run(definition=site.objects(20), force=True).succeeded()
    site.stands(site.objects(20))


def test_a_field_that_somebody_takes_between_prepare_and_commit(site: Site, moments: Moments) -> None:
    site.run(definition=site.objects(100)).succeeded()
    theirs = virtual_service(site.name, "reviews", 70)
    client = site.clients["west"]
    moments.before("west", ROUTE, lambda: client.apply(theirs, field_manager="argocd", force=True))
    before = site.snapshot()
    said = site.run(moments, definition=site.objects(20)).failed()
    assert '"argocd"' in said
    after = site.snapshot()
    assert after["west"]["VirtualService reviews"]["spec"] == theirs["spec"], "theirs stays"
    assert {name: after[name] for name in ("east", "north")} == {name: before[name] for name in ("east", "north")}


def test_an_object_that_appears_between_prepare_and_commit(site: Site, moments: Moments) -> None:
    before = site.snapshot()
    theirs = virtual_service(site.name, "reviews")
    client = site.clients["west"]
    moments.before("west", ROUTE, lambda: client.create(theirs, field_manager=SOMEBODY))
    said = site.run(moments, definition=site.objects()).failed()
    assert "west" in said
    live = site.of("west")["VirtualService reviews"]
    assert live["spec"] == theirs["spec"]
    assert "labels" not in live["metadata"]
    assert "annotations" not in live["metadata"]
    assert {name: site.of(name) for name in ("east", "north")} == {name: before[name] for name in ("east", "north")}
    assert site.record() is None


def test_an_object_that_is_replaced_between_prepare_and_commit(site: Site, moments: Moments) -> None:
    site.run(definition=site.objects(100)).succeeded()
    before = site.snapshot()
    client = site.clients["west"]
    # Just what is to be there: no field of it would be in the way.
    theirs = virtual_service(site.name, "reviews", 20)

    def replace() -> None:
        client.request("DELETE", f"/apis/networking.istio.io/v1/namespaces/{site.name}/virtualservices/reviews")
        client.create(theirs, field_manager=SOMEBODY)

    moments.before("west", ROUTE, replace)
    said = site.run(moments, definition=site.objects(20)).failed()
    assert "west" in said
    live = site.of("west")["VirtualService reviews"]
    assert live["spec"] == theirs["spec"]
    assert "labels" not in live["metadata"]
    assert {name: site.of(name) for name in ("east", "north")} == {name: before[name] for name in ("east", "north")}
    said = site.run(definition=site.objects(20)).failed()
    assert "was not made by this set" in said
    site.run(state="absent").succeeded()
    assert site.leftovers() == []
    assert site.of("west")["VirtualService reviews"] == live, "what is not ours stays"


# Two runs at once


def test_two_runs_at_the_same_time(site: Site) -> None:
    first = Held(site.parameters(definition=site.objects(100)), at=RECORD_WRITTEN)
    first.until_there()
    said = site.run(definition=site.objects(20)).failed()
    assert f"Lease {RECORDS}/onemesh-replicate-{site.name} is held by " in said
    assert f" pid {first.pid} " in said
    waiting = Held(site.parameters(definition=site.objects(20), lock_timeout=60), at="PUT .*/secrets")
    first.go_on()
    first.result().succeeded()
    waiting.until_there()
    waiting.go_on()
    waiting.result().succeeded()
    site.stands(site.objects(20))


# Going on without a cluster


@pytest.mark.parametrize(
    "policy",
    [{"unreachable": "quorum", "quorum": 2}, {"unreachable": "exclude", "exclude": ["west"]}],
    ids=["quorum", "exclude"],
)
def test_without_a_cluster_that_comes_back(site: Site, wires: dict[str, Wire], policy: dict[str, object]) -> None:
    before = site.snapshot()
    wires["west"].shut = True
    result = site.run(definition=site.objects(), **policy).succeeded()
    assert not result["consistent"]
    assert set(result["owed"]) == {"west"}
    assert not site.run(definition=site.objects(), **policy).succeeded()["changed"]
    assert "west" in site.run(definition=site.objects()).failed(), "halt is the default"
    wires["west"].heal()
    site.run(state="settled").succeeded()
    site.stands(site.objects())
    site.run(state="absent").succeeded()
    unchanged_and_nothing_owed(site, before)


def test_fewer_than_the_quorum(site: Site, wires: dict[str, Wire], moments: Moments) -> None:
    before = site.snapshot()
    for name in ("west", "north"):
        wires[name].shut = True
    said = site.run(moments, definition=site.objects(), unreachable="quorum", quorum=2).failed()
    assert "Only 1 of 3 clusters answer" in said
    assert moments.writes == []
    unchanged_and_nothing_owed(site, before)


def test_lost_at_the_commit_and_enough_are_left(site: Site, wires: dict[str, Wire], moments: Moments) -> None:
    def go_away() -> None:
        wires["west"].shut = True
        wires["west"].cut()

    moments.before("west", ROUTE, go_away)
    result = site.run(moments, definition=site.objects(), unreachable="quorum", quorum=2).succeeded()
    assert result["clusters"]["west"]["state"] == "away"
    assert set(result["owed"]) == {"west"}
    wires["west"].heal()
    site.run(definition=site.objects()).succeeded()
    site.stands(site.objects())


def test_a_cluster_that_is_gone_for_good(site: Site, wires: dict[str, Wire]) -> None:
    site.run(definition=site.objects()).succeeded()
    before = site.of("west")
    wires["west"].shut = True
    said = site.run(state="absent").failed()
    assert "write_off: [west]" in said
    result = site.run(state="absent", unreachable="exclude", exclude=["west"], write_off=["west"]).succeeded()
    assert result["owed"] == {}
    assert site.record() is None
    assert site.of("west") == before
    wires["west"].heal()
    # Its objects have our labels still: one more removal finds them.
    site.run(state="absent").succeeded()
    assert site.leftovers() == []


def test_a_run_that_was_killed_keeps_nobody_waiting(site: Site) -> None:
    assert forked(site.parameters(definition=site.objects()), Kill(1, "after")).ran is None
    site.run(definition=site.objects()).succeeded()
    site.stands(site.objects())
