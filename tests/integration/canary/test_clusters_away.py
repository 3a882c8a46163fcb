# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server is away during a release, or refuses it: who is left moves only where that is agreed to, and
the one that comes back gets what it missed."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import VIRTUAL_SERVICE
from support.control_plane import STRANGER_TOKEN
from support.fault_runs import RECORD_WRITTEN, Moments
from support.releases import AT_5, AT_50, AT_100, Shop, phases

ROUTE = r"(PUT|PATCH) .*/virtualservices"
AT_LEAST_TWO: dict[str, Any] = {"unreachable": "quorum", "quorum": 2}
STABLE, FEW, HALF, CANARY = {"v1": 100, "v2": 0}, {"v1": 95, "v2": 5}, {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}


def test_nothing_moves_while_a_cluster_is_away(shop: Shop) -> None:
    shop.to_step(AT_5)
    with shop.away("west"):
        result = shop.run().succeeded()
        assert "west is away" in result["waiting"]
        assert (result["step"], result["changed"]) == (AT_5, False)
        assert [shop.weights(each) for each in ("east", "north")] == [FEW] * 2
    assert shop.to_the_end()["succeeded"]
    assert shop.everywhere() == [CANARY] * 3


def test_a_release_does_not_begin_while_a_cluster_is_away(shop: Shop) -> None:
    before = shop.everything()
    with shop.away("west"):
        assert "west is away" in shop.run().succeeded()["waiting"]
    assert shop.everything() == before


@pytest.mark.parametrize("moment", ["between prepare and commit", "during the commit"])
def test_a_step_that_one_cluster_cannot_take_is_taken_nowhere(shop: Shop, moment: str) -> None:
    shop.to_step(AT_5)
    moments = Moments()
    with shop.wired("west") as wire, moments.observing():
        if moment == "during the commit":
            moments.before("west", ROUTE, wire.sever)
        else:
            moments.after("east", RECORD_WRITTEN, wire.sever)
        ran = shop.run()
    assert moments.missed == []
    assert "west" in ran.failed()
    assert shop.run(state="status").succeeded()["step"] == AT_5
    assert [shop.weights(each) for each in ("east", "north")] == [FEW] * 2
    result = shop.to_the_end()
    assert result["succeeded"]
    assert shop.everywhere() == [CANARY] * 3
    taken = [step for _phase, step in phases(result)]
    assert taken == sorted(taken)


def test_a_quorum_goes_on_and_the_one_that_comes_back_gets_its_weight_before_the_next_step(shop: Shop) -> None:
    shop.to_step(AT_5, **AT_LEAST_TWO)
    with shop.away("west"):
        result = shop.to_step(AT_50, **AT_LEAST_TWO)
        assert [shop.weights(each) for each in ("east", "north")] == [HALF] * 2
        assert list(result["owed"]) == ["west"]
    assert shop.weights("west") == FEW
    result = shop.run(**AT_LEAST_TWO).succeeded()
    assert (result["step"], result["owed"]) == (AT_50, {})
    assert shop.everywhere() == [HALF] * 3
    assert shop.to_the_end(**AT_LEAST_TWO)["succeeded"]


def test_one_that_was_away_at_the_start_does_not_begin_the_release_anew(shop: Shop) -> None:
    with shop.away("west"):
        shop.to_step(AT_50, **AT_LEAST_TWO)
    result = shop.run(**AT_LEAST_TWO).succeeded()
    assert result["step"] == AT_50
    assert shop.everywhere() == [HALF] * 3


def test_one_that_was_away_until_the_end_gets_what_was_promoted(shop: Shop) -> None:
    shop.to_step(AT_5, **AT_LEAST_TWO)
    with shop.away("west"):
        assert shop.to_the_end(**AT_LEAST_TWO)["succeeded"]
        assert not shop.run(**AT_LEAST_TWO).succeeded()["consistent"]
    assert shop.run(**AT_LEAST_TWO).succeeded()["consistent"]
    assert shop.everywhere() == [CANARY] * 3
    assert not shop.run(**AT_LEAST_TWO).succeeded()["changed"]


def test_a_rollback_goes_on_without_a_cluster_and_stays_owed_to_it(shop: Shop) -> None:
    shop.to_step(AT_50)
    with shop.away("west"):
        result = shop.run(state="rolled_back").succeeded()
        assert (result["phase"], result["done"]) == ("failed", False)
        assert [shop.weights(each) for each in ("east", "north")] == [STABLE] * 2
        again = shop.run().succeeded()
        assert not again["done"]
        assert "west is away and still owed" in again["waiting"]
    assert shop.weights("west") == HALF
    result = shop.to_the_end()
    assert (result["phase"], result["done"], result["owed"]) == ("failed", True, {})
    assert shop.everywhere() == [STABLE] * 3


def test_a_cluster_that_goes_away_during_the_rollback_keeps_nobody_at_the_canary(shop: Shop) -> None:
    shop.to_step(AT_50)
    with shop.lost_before("west", ROUTE):
        shop.run(state="rolled_back")
    assert [shop.weights(each) for each in ("east", "north")] == [STABLE] * 2
    assert shop.to_the_end()["phase"] == "failed"
    assert shop.everywhere() == [STABLE] * 3


@pytest.mark.parametrize("policy", [{}, AT_LEAST_TWO], ids=["halt", "quorum"])
def test_a_removal_with_a_cluster_away_is_completed_later(shop: Shop, policy: dict[str, Any]) -> None:
    before = shop.everything()
    shop.to_step(AT_50, **policy)
    with shop.away("west"):
        ran = shop.run(state="absent", **policy)
        if policy:
            assert list(ran.succeeded()["owed"]) == ["west"]
        else:
            assert "west" in ran.failed()
        assert [shop.weights(each) for each in ("east", "north")] == [STABLE] * 2
        assert "Secret" in " ".join(shop.left_on_the_hub())
    assert shop.weights("west") == HALF
    assert shop.run(state="absent", **policy).succeeded()["leaked"] == []
    assert shop.everything() == before
    assert shop.left_on_the_hub() == []


def test_one_that_was_away_while_a_promoted_release_was_removed_is_promoted_too(shop: Shop) -> None:
    shop.to_step(AT_5, **AT_LEAST_TWO)
    with shop.away("west"):
        assert shop.to_the_end(**AT_LEAST_TWO)["succeeded"]
        shop.run(state="absent", **AT_LEAST_TWO).succeeded()
    assert shop.weights("west") == FEW
    shop.run(state="absent", **AT_LEAST_TWO).succeeded()
    assert shop.everywhere() == [CANARY] * 3
    assert shop.left_on_the_hub() == []


def test_without_its_hub_a_release_stays_as_it_is(shop: Shop) -> None:
    shop.to_step(AT_5)
    with shop.away("east"):
        assert "east" in shop.run().failed()
        assert [shop.weights(each) for each in ("west", "north")] == [FEW] * 2
    assert shop.to_step(AT_100)["step"] == AT_100


def test_a_run_that_waits_goes_on_when_its_hub_answers_again(shop: Shop) -> None:
    shop.to_step(AT_5)
    with shop.wired("east") as wire:

        def vanish() -> None:
            wire.sever()
            healing.start()

        healing = threading.Timer(1.5, wire.heal)
        moments = Moments()
        # The first write of the second tick.
        moments.before("east", "leases", vanish, nth=3)
        with moments.observing():
            ran = shop.run(wait=True, poll=0.05, request_timeout=0.5)
        healing.join()
    assert moments.missed == []
    result = ran.succeeded()
    assert result["succeeded"]
    assert "it goes on when that is over" in " ".join(ran.lines)
    taken = [step for _phase, step in phases(result)]
    assert taken == sorted(taken)


def test_an_account_that_may_not_write_on_one_cluster_is_refused_before_anything_is_written(shop: Shop) -> None:
    """The rights of istio-reader, which is what a remote secret has."""
    grant(shop, "get", "list", "watch")
    before = shop.everything()
    shop.options = {"west": {**shop.planes.planes["west"].admin_options(), "api_key": STRANGER_TOKEN}}
    said = shop.run().failed()
    assert "west" in said
    assert "update" in said
    assert "virtualservices" in said
    assert shop.everything() == before
    grant(shop, "get", "list", "watch", "update", "patch")
    shop.to_step(AT_5)
    assert shop.everywhere() == [FEW] * 3


def grant(shop: Shop, *verbs: str) -> None:
    """What the stranger may do with routes in the shop's namespace on west, beside knowing which cluster it is."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": "stranger", "namespace": shop.namespace}
    rules = [{"apiGroups": [VIRTUAL_SERVICE.group], "resources": ["*"], "verbs": list(verbs)}]
    role = {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules}
    reader_rules = [
        {"apiGroups": [VIRTUAL_SERVICE.group], "resources": ["*"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    reader = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "reader"},
        "rules": reader_rules,
    }
    subjects = [{"kind": "User", "name": "stranger", "apiGroup": group}]
    for made in (role, reader):
        shop.planes.clients["west"].apply(made, field_manager="admin", force=True)
        reference = {"apiGroup": group, "kind": made["kind"], "name": made["metadata"]["name"]}
        binding = {
            "apiVersion": f"{group}/v1",
            "kind": f"{made['kind']}Binding",
            "metadata": made["metadata"],
            "roleRef": reference,
            "subjects": subjects,
        }
        shop.planes.clients["west"].apply(binding, field_manager="admin", force=True)
