# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apply accepts, and what it shows of an object."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._apply import describe
from ansible_collections.onemesh.istio.plugins.module_utils._change.report import hide_data
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._operations import apply
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context

PLACE = "give each object apiVersion, kind and metadata.name"


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ({}, "an object lacks apiVersion, kind, metadata.name (it has nothing)"),
        (
            {"kind": "Secret", "metadata": None, "data": {"key": "hunter2"}},
            "an object lacks apiVersion, metadata.name (it has data, kind, metadata)",
        ),
        (
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "x"}},
            "an object lacks metadata.name (it has apiVersion, kind, metadata)",
        ),
    ],
)
def test_an_incomplete_object_is_refused_before_any_request(manifest: dict[str, Any], message: str) -> None:
    with pytest.raises(MeshError) as refused:
        apply.run({"objects": [manifest], "clusters": []}, Context())
    assert [(each.message, each.remedy) for each in refused.value.findings] == [(message, PLACE)]


@pytest.mark.parametrize(
    ("metadata", "words"),
    [({"name": "x"}, "Gateway x"), ({"name": "x", "namespace": "ns"}, "Gateway ns/x")],
)
def test_an_object_is_called_as_people_write_it(metadata: dict[str, str], words: str) -> None:
    assert describe({"kind": "Gateway", "metadata": metadata}) == words


VISIBLE: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "nothing": (None, {}),
    "without what only the API server writes": (
        {
            "kind": "Namespace",
            "metadata": {
                "name": "x",
                "labels": {"a": "b"},
                "uid": "1",
                "resourceVersion": "2",
                "generation": 3,
                "creationTimestamp": "now",
                "managedFields": [],
            },
            "status": {"phase": "Active"},
        },
        {"kind": "Namespace", "metadata": {"name": "x", "labels": {"a": "b"}}},
    ),
    "without what a Secret holds": (
        {"kind": "Secret", "metadata": {"name": "x"}, "data": {"key": "aHVudGVyMg=="}, "stringData": {"b": "hunter2"}},
        {
            "kind": "Secret",
            "metadata": {"name": "x"},
            "data": {"key": "(not shown)"},
            "stringData": {"b": "(not shown)"},
        },
    ),
    "a ConfigMap's data": (
        {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"key": "value"}},
        {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"key": "value"}},
    ),
}


@pytest.mark.parametrize("case", VISIBLE)
def test_what_a_diff_shows(case: str) -> None:
    manifest, shown = VISIBLE[case]
    assert hide_data(manifest) == shown
