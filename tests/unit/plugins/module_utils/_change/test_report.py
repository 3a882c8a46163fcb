# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change returns: one row per case, and no secret in it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import Owed
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._change.report import (
    ChangeReport,
    ClusterReport,
    Touched,
    hide_data,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, FindingKind

ROUTE = ObjectId("networking.istio.io", "VirtualService", "shop", "reviews")
RULE = ObjectId("networking.istio.io", "DestinationRule", "shop", "reviews")


def live(weight: int, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop", **metadata},
        "spec": {"weight": weight},
    }


STORED = live(1, uid="u1", resourceVersion="7", managedFields=[{}], creationTimestamp="x", generation=2)
DRY_RUN = live(1, uid="never")


def owed(verb: Any, key: ObjectId = ROUTE) -> Owed:
    return Owed(key, "networking.istio.io/v1", verb, "why", "since")


def report(*touched: Touched, state: str = "ready", **more: Any) -> ChangeReport:
    return ChangeReport(
        "reviews", "east", {"east": ClusterReport(), "west": ClusterReport(state, list(touched))}, **more
    )


@pytest.mark.parametrize(
    ("word", "changed"),
    [
        ("created", True),
        ("configured", True),
        ("restored", True),
        ("deleted", True),
        ("kept", False),
        ("unchanged", False),
    ],
)
def test_what_counts_as_a_change(word: str, changed: bool) -> None:
    result = report(Touched(ROUTE, word, STORED, STORED)).as_result(diff=True)
    assert result["changed"] is changed
    assert result["clusters"]["west"]["changed"] is changed
    assert result["clusters"]["west"][word] == ["VirtualService shop/reviews"]
    assert result["clusters"]["east"]["changed"] is False
    assert bool(result["diff"]) is changed


def test_a_record_that_changed_is_a_change() -> None:
    assert report(recorded=True).as_result(diff=True)["changed"]


@pytest.mark.parametrize(
    ("found", "consistent"),
    [
        (report(), True),
        (report(state="away"), False),
        (report(state="excluded"), False),
        (report(state="put back"), False),
        (report(owed={"west": [owed("apply")]}), False),
        (report(owed={"west": []}), True),
    ],
)
def test_clusters_agree_only_where_all_take_part_and_nothing_is_owed(found: ChangeReport, consistent: bool) -> None:
    assert found.as_result(diff=False)["consistent"] is consistent


def test_what_is_owed_is_said_in_words_and_only_where_something_is() -> None:
    items = [owed("restore"), owed("delete", RULE)]
    found = report(owed={"west": items, "east": []}).as_result(diff=False)
    assert found["owed"] == {"west": ["delete DestinationRule shop/reviews", "restore VirtualService shop/reviews"]}


@pytest.mark.parametrize(("after", "uids"), [(STORED, {str(ROUTE): "u1"}), (DRY_RUN, {}), (None, {})])
def test_only_what_is_stored_has_an_identity(after: dict[str, Any] | None, uids: dict[str, str]) -> None:
    assert report(Touched(ROUTE, "created", None, after)).as_result(diff=False)["clusters"]["west"]["uids"] == uids


def test_the_diff_shows_what_was_and_will_be_without_what_only_the_server_writes() -> None:
    touched = Touched(ROUTE, "configured", {**STORED, "status": {"x": 1}}, live(2, uid="u1", resourceVersion="8"))
    (shown,) = report(touched).as_result(diff=True)["diff"]
    assert shown == {
        "before_header": "west: VirtualService shop/reviews",
        "after_header": "west: VirtualService shop/reviews",
        "before": live(1),
        "after": live(2),
    }
    assert "diff" not in report(touched).as_result(diff=False)


def test_findings_are_part_of_their_cluster() -> None:
    drift = FindingKind("drift", "cause", "remedy")
    part = ClusterReport(findings=[Finding("west", drift, "message", "remedy", "warning", str(ROUTE))])
    assert part.as_dict()["findings"][0]["check"] == "drift"


SECRET = {
    "kind": "Secret",
    "metadata": {"name": "token", "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "hush"}},
    "data": {"token": "aHVzaA=="},
    "stringData": {"other": "hush"},
    "type": "Opaque",
}


def test_the_data_of_a_secret_is_not_shown_whoever_remembers_it() -> None:
    shown = hide_data(SECRET)
    assert shown == {
        "kind": "Secret",
        "metadata": {"name": "token"},
        "data": {"token": "(not shown)"},
        "stringData": {"other": "(not shown)"},
        "type": "Opaque",
    }
    assert "hush" not in repr(Touched(ROUTE, "created", SECRET, SECRET))
    assert hide_data(None) == {}
