# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How users go back to the workload's own pods before a managed release is removed: nothing is made any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.objects import LiveObjects
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.returning import (
    ListWanted,
    ReturnIntent,
    list_grown,
    list_led,
)
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import ClusterRecord, LedgerEntry, Owed
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DEPLOYMENT, SERVICE, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.tests.support.canary.managed_cluster import RELEASE, held, managed_shop
from ansible_collections.onemesh.istio.tests.support.canary.releases import MANAGED, release_of

WEB = ObjectId.of_kind(DEPLOYMENT, "web", "shop")
ROUTE = ObjectId.of_kind(VIRTUAL_SERVICE, "web", "shop")
APEX = ObjectId.of_kind(SERVICE, "web", "shop")
SINCE = "2026-11-24T21:03:11Z"


def shop(*gone: ObjectId) -> LiveObjects:
    """After a release; ``gone`` is what somebody has deleted."""
    found = managed_shop()
    objects = {key: held(each) if key == ROUTE else each for key, each in found.objects.items() if key not in gone}
    return replace(found, objects=objects)


def test_the_workload_gets_its_pods() -> None:
    (grown,) = list_grown(RELEASE, "east", shop())
    assert (grown.id, grown.desired["spec"]["replicas"]) == (WEB, 3)


def test_then_what_stands_leads_there() -> None:
    found = {each.id: each.desired for each in list_led(RELEASE, "east", shop())}
    assert set(found) == {ROUTE, APEX}
    assert found[APEX]["spec"]["selector"] == {"app": "web"}
    weights = {each["destination"]["host"]: each["weight"] for each in found[ROUTE]["spec"]["http"][0]["route"]}
    assert weights == {"web-primary": 0, "web-canary": 100}


GONE: dict[str, tuple[ListWanted, tuple[ObjectId, ...], set[ObjectId]]] = {
    "the workload": (list_grown, (WEB,), set()),
    "the route": (list_led, (ROUTE,), {APEX}),
    "the Service": (list_led, (APEX,), {ROUTE}),
    "all that leads anywhere": (list_led, (ROUTE, APEX), set()),
    "what the release made for itself": (
        list_led,
        (ObjectId.of_kind(SERVICE, "web-canary", "shop"), ObjectId.of_kind(DEPLOYMENT, "web-primary", "shop")),
        {ROUTE, APEX},
    ),
}


@pytest.mark.parametrize(("wanted", "gone", "expected"), GONE.values(), ids=GONE)
def test_what_is_gone_is_not_made_again(
    wanted: ListWanted, gone: tuple[ObjectId, ...], expected: set[ObjectId]
) -> None:
    assert {each.id for each in wanted(RELEASE, "east", shop(*gone))} == expected


def plan(stands: LiveObjects, wanted: ListWanted = list_led, release: Any = RELEASE) -> Any:
    part = ClusterRecord()
    return ReturnIntent(release, ("east",), wanted).plan("east", (stands, part), part)


def test_the_route_of_somebody_else_is_not_led_anywhere() -> None:
    found = managed_shop()
    found.objects[ROUTE]["metadata"].pop("labels")
    assert {action.id for action in plan(found).actions} == {APEX}


def test_options_that_do_not_fit_the_workload_any_more_keep_nothing() -> None:
    """What is left of the way is removed as it is, and the reason is said."""
    odd = release_of({**MANAGED, "workload": {"name": "web", "selector_labels": ["other"]}})
    found = plan(shop(), release=odd)
    assert (found.actions, [(each.check, each.severity) for each in found.findings]) == (
        (),
        [("selector-label", "warning")],
    )


def test_what_an_earlier_removal_owes_waits_until_users_are_back() -> None:
    record = ClusterRecord(
        objects={ROUTE: LedgerEntry(ROUTE, "networking.istio.io/v1", "created")},
        owed={APEX: Owed(APEX, "v1", "restore", "the set is removed", SINCE)},
        missed={WEB: Owed(WEB, "apps/v1", "apply", "the cluster was away", SINCE)},
    )
    intent = ReturnIntent(RELEASE, ("east",), list_led)
    assert set(intent.list_objects("east", (shop(), record))) == {ROUTE, APEX, WEB}
    assert list(intent.list_owed("east", record, SINCE)) == [record.owed[APEX], record.missed[WEB]]
