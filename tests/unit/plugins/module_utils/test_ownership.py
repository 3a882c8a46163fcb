# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known to be ours, and by what."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import (
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
