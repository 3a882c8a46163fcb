# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known to be ours, and by what."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import (
    describe_last_writer,
    is_ours,
    labels_set_by_us,
    owned,
    ownership_labels,
)

OURS = {"app.kubernetes.io/managed-by": "onemesh.istio", "onemesh.istio/component": "link"}


def test_an_object_of_ours_has_both_labels() -> None:
    assert ownership_labels("link") == OURS


@pytest.mark.parametrize(
    ("metadata", "labels"),
    [
        ({"name": "x"}, OURS),
        ({"name": "x", "labels": None}, OURS),
        ({"name": "x", "labels": {"team": "a"}}, {"team": "a", **OURS}),
    ],
)
def test_owned_keeps_the_users_labels_and_the_given_object(metadata: dict[str, Any], labels: dict[str, str]) -> None:
    given = {"kind": "Secret", "metadata": metadata}
    before = repr(given)
    assert owned(given, "link") == {"kind": "Secret", "metadata": {"name": "x", "labels": labels}}
    assert repr(given) == before


@pytest.mark.parametrize(
    ("live", "ours"),
    [
        ({"metadata": {"labels": OURS}}, True),
        ({"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}, False),
        ({"metadata": {"name": "istio-remote-secret-west"}}, False),
        ({}, False),
    ],
)
def test_ours_is_known_by_label_never_by_name(live: dict[str, Any], ours: bool) -> None:
    assert is_ours(live) is ours


def entry(manager: str, operation: str, *labels: str) -> dict[str, Any]:
    fields = {"f:metadata": {"f:labels": {".": {}, **{f"f:{label}": {} for label in labels}}}}
    return {"manager": manager, "operation": operation, "fieldsV1": fields}


@pytest.mark.parametrize(
    ("managed_fields", "ours"),
    [
        ([entry("onemesh.istio", "Apply", "topology.istio.io/network")], {"topology.istio.io/network"}),
        ([entry("kubectl", "Apply", "topology.istio.io/network")], set()),
        ([entry("onemesh.istio", "Update", "topology.istio.io/network")], set()),
        ([entry("kubectl", "Apply", "a"), entry("onemesh.istio", "Apply", "b", "c")], {"b", "c"}),
        ([{"manager": "onemesh.istio", "operation": "Apply", "fieldsV1": {"f:spec": {}}}], set()),
        (None, set()),
    ],
)
def test_labels_that_our_apply_holds(managed_fields: Any, ours: set[str]) -> None:
    assert labels_set_by_us({"metadata": {"managedFields": managed_fields}}) == ours


def wrote(manager: str, time: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsV1": fields, **more}


WEIGHTS = {"f:spec": {"f:http": {}}}
TEAM = {"f:metadata": {"f:labels": {"f:team": {}}}}
PORT = {"f:spec": {"f:ports": {'k:{"port":80,"protocol":"TCP"}': {"f:targetPort": {}}}}}
WANTED = {
    "metadata": {"labels": {"team": "a"}},
    "spec": {"http": [{"weight": 50}], "ports": [{"port": 80, "protocol": "TCP", "targetPort": 1}]},
}


def live(*managers: dict[str, Any], weight: int = 50, team: str = "a", port: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"team": team}, "managedFields": list(managers)},
        "spec": {"http": [{"weight": weight}], "ports": [{"port": 80, "protocol": "TCP", "targetPort": port}], **spec},
    }


@pytest.mark.parametrize(
    ("found", "writer"),
    [
        # Who made the object is not who changed what differs.
        (live(wrote("kubectl", "09:00", TEAM), wrote("argocd", "08:00", WEIGHTS), weight=1), "argocd at 08:00"),
        (
            live(wrote("kubectl", "09:00", TEAM), wrote("onemesh.istio", "08:00", WEIGHTS), weight=1),
            "another run of this collection at 08:00",
        ),
        (live(wrote("onemesh.istio", "08:00", WEIGHTS), wrote("k", "09:00", WEIGHTS), weight=1), "k at 09:00"),
        (live(wrote("helm", "09:00", WEIGHTS), wrote("kubectl", "08:00", TEAM), team="b"), "kubectl at 08:00"),
        # An element of a list is known by its keys.
        (live(wrote("helm", "09:00", WEIGHTS), wrote("kubectl", "08:00", PORT), port=2), "kubectl at 08:00"),
        # Of two in the same second the one that comes later.
        (live(wrote("helm", "09:00", WEIGHTS), wrote("kubectl", "09:00", WEIGHTS), weight=1), "kubectl at 09:00"),
        # A status is nobody's change.
        (
            live(wrote("helm", "09:00", TEAM), wrote("i", "10:00", WEIGHTS, subresource="status"), weight=1),
            "helm at 09:00",
        ),
        (live(weight=1), "nobody known"),
    ],
)
def test_drift_names_who_wrote_last_what_differs(found: dict[str, Any], writer: str) -> None:
    assert describe_last_writer(found, WANTED) == writer


def test_a_field_that_is_gone_names_who_wrote_the_object_last() -> None:
    found = live(wrote("helm", "08:00", TEAM), wrote("kubectl", "09:00", PORT))
    del found["spec"]["http"]
    assert describe_last_writer(found, WANTED) == "kubectl at 09:00"


def test_a_field_that_was_added_to_a_whole_object_differs_too() -> None:
    found = live(wrote("helm", "09:00", TEAM), wrote("kubectl", "08:00", {"f:spec": {"f:hosts": {}}}), hosts=["x"])
    assert describe_last_writer(found, WANTED, whole=True) == "kubectl at 08:00"
