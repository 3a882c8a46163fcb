# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces of a set: made where they are missing, left as they are where they are not, removed only when empty."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, NAMESPACE, VIRTUAL_SERVICE
from sets import NAMES, Set, checks, config_map, kept, notes, of


def labels(routes: Set, cluster: str) -> dict[str, str]:
    """Those that are not Kubernetes' own, nor say whose the namespace is."""
    live = routes.client(cluster).get(NAMESPACE, routes.namespace)
    ours = ("kubernetes.io/metadata.name", "app.kubernetes.io/managed-by", "onemesh.istio/component")
    return {
        label: value for label, value in live["metadata"]["labels"].items() if label not in (*ours, "onemesh.istio/set")
    }


@pytest.mark.parametrize(
    ("dataplane", "expected"),
    [
        ("sidecar", {"istio-injection": "enabled"}),
        ("revision:canary", {"istio.io/rev": "canary"}),
        ("ambient", {"istio.io/dataplane-mode": "ambient"}),
        ("none", {}),
    ],
)
def test_a_missing_namespace_is_made_with_the_asked_label_and_goes_with_the_set(
    routes: Set, dataplane: str, expected: dict[str, str]
) -> None:
    made = routes.made(*routes.pair(), dataplane=dataplane)
    for name in NAMES:
        assert f"Namespace {routes.namespace}" in made["clusters"][name]["created"]
        assert labels(routes, name) == expected
    routes.removed()
    assert routes.left() == []
    assert all(routes.client(name).find(NAMESPACE, routes.namespace) is None for name in NAMES)


def test_a_missing_namespace_is_an_error_where_none_may_be_made(routes: Set) -> None:
    routes.make_namespace("east", "north")
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), create_namespace=False)
        refused.failed()
    assert checks(refused.result) == {("west", "namespace-missing")}


def test_a_namespace_that_was_there_keeps_its_labels_with_a_warning_and_stays(routes: Set) -> None:
    routes.make_namespace("west", team="shop")
    before = strip_content(routes.client("west").get(NAMESPACE, routes.namespace))
    made = routes.made(*routes.pair())
    assert notes(made) == {("west", "namespace-labels-missing")}
    assert not routes.made(*routes.pair())["changed"]
    routes.removed()
    assert strip_content(routes.client("west").get(NAMESPACE, routes.namespace)) == before
    assert routes.client("east").find(NAMESPACE, routes.namespace) is None


def test_a_namespace_that_has_the_label_is_not_written(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "enabled"})
    before = {name: routes.client(name).get(NAMESPACE, routes.namespace) for name in NAMES}
    made = routes.made(*routes.pair())
    assert notes(made) == set()
    assert {name: routes.client(name).get(NAMESPACE, routes.namespace) for name in NAMES} == before


def test_a_label_is_enforced_where_asked_and_taken_off_again(routes: Set) -> None:
    routes.make_namespace(team="shop")
    before = {name: kept(routes.client(name).get(NAMESPACE, routes.namespace)) for name in NAMES}
    made = routes.made(*routes.pair(), enforce_namespace_labels=True)
    for name in NAMES:
        assert made["clusters"][name]["configured"] == [f"Namespace {routes.namespace}"]
        assert labels(routes, name) == {"team": "shop", "istio-injection": "enabled"}
    assert not routes.made(*routes.pair(), enforce_namespace_labels=True)["changed"]
    gone = routes.removed()
    for name in NAMES:
        assert gone["clusters"][name]["restored"] == [f"Namespace {routes.namespace}"]
        assert kept(routes.client(name).get(NAMESPACE, routes.namespace)) == before[name]


def test_a_label_that_somebody_else_holds_is_a_conflict_and_not_taken(routes: Set) -> None:
    routes.make_namespace(**{"istio-injection": "disabled"})
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), enforce_namespace_labels=True)
        refused.failed()
    assert {check for _, check in checks(refused.result)} == {"conflict"}


def test_a_label_of_ours_that_somebody_removed_is_set_again(routes: Set) -> None:
    routes.made(*routes.pair())
    routes.client("west").patch(
        NAMESPACE, routes.namespace, None, {"metadata": {"labels": {"istio-injection": None}}}, field_manager="x"
    )
    made = routes.made(*routes.pair())
    assert made["clusters"]["west"]["configured"] == [f"Namespace {routes.namespace}"]
    assert labels(routes, "west") == {"istio-injection": "enabled"}


def test_a_namespace_of_ours_with_a_foreign_object_stays_without_our_labels(routes: Set) -> None:
    routes.made(*routes.pair())
    routes.put(config_map(routes.namespace, "theirs", key="value"), "west")
    gone = routes.removed()
    assert notes(gone) == {("west", "namespace-not-empty")}
    assert "ConfigMap" in str(gone["clusters"]["west"]["findings"])
    assert gone["clusters"]["west"]["kept"] == [f"Namespace {routes.namespace}"]
    assert routes.client("west").get(CONFIG_MAP, "theirs", routes.namespace)["data"] == {"key": "value"}
    assert routes.client("west").find(VIRTUAL_SERVICE, "reviews", routes.namespace) is None
    assert routes.left() == []
    assert not routes.removed()["changed"]


def test_a_namespace_that_is_declared_itself_is_an_object_like_any_other(routes: Set) -> None:
    declared: Any = of(NAMESPACE, routes.namespace)
    declared["metadata"]["labels"] = {"team": "shop"}
    routes.made(declared, *routes.pair())
    assert {name: labels(routes, name) for name in NAMES} == {name: {"team": "shop"} for name in NAMES}
    routes.removed()
    assert routes.left() == []
