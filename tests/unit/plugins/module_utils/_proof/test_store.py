# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import StoredObject
from ansible_collections.onemesh.istio.plugins.module_utils._proof import store
from ansible_collections.onemesh.istio.plugins.module_utils._proof.levels import Changed

ISTIO = "networking.istio.io/v1"


def manifest(
    api_version: str = ISTIO, kind: str = "VirtualService", weight: int = 1, version: str = "10", **metadata: Any
) -> dict[str, Any]:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "echo", "namespace": "app", "uid": "u1", "resourceVersion": version, **metadata},
        "spec": {"weight": weight},
    }


def change(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Changed:
    return Changed(before, after, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changed", "moves"),
    [
        pytest.param(change(None, manifest()), True, id="created"),
        pytest.param(change(manifest(), None), True, id="deleted"),
        pytest.param(change(manifest(), manifest(weight=2)), True, id="another spec"),
        pytest.param(change(manifest(), manifest(labels={"team": "a"})), False, id="a label of the user's"),
        pytest.param(change(manifest(), manifest(labels={"onemesh.istio/set": "a"})), False, id="our own label"),
        pytest.param(change(manifest(), manifest(labels={"istio.io/rev": "a"})), True, id="a label of Istio's"),
        pytest.param(change(manifest(annotations={"x.istio.io/y": ""}), manifest()), True, id="its annotation gone"),
        pytest.param(change(None, manifest("v1", "Namespace")), False, id="a namespace"),
        pytest.param(change(None, manifest("v1", "ConfigMap")), False, id="a config map"),
        pytest.param(change(None, manifest("v1", "Service")), True, id="a service"),
        pytest.param(change(None, manifest("gateway.networking.k8s.io/v1", "HTTPRoute")), True, id="Gateway API"),
        pytest.param(change(None, manifest("security.istio.io/v1", "PeerAuthentication")), True, id="security"),
    ],
)
def test_for_which_changes_istiod_makes_a_push(changed: Changed, moves: bool) -> None:
    assert store.moves_proxies(changed) is moves


def stored(uid: str = "u1", version: str = "10", generation: int = 1) -> StoredObject:
    return StoredObject("networking.istio.io", "VirtualService", "app", "echo", uid, generation, version)


@pytest.mark.parametrize(
    ("changed", "present", "shown"),
    [
        pytest.param(change(None, manifest()), [stored()], True, id="this version"),
        pytest.param(change(None, manifest()), [stored(version="9")], False, id="an older one"),
        pytest.param(change(None, manifest()), [stored(version="11")], True, id="a newer one"),
        pytest.param(change(None, manifest()), [], False, id="not there"),
        pytest.param(change(None, manifest()), [stored(uid="u0", version="99")], False, id="its predecessor"),
        pytest.param(
            change(None, manifest(version="x", generation=2)), [stored(generation=1)], False, id="by generation"
        ),
        pytest.param(
            change(None, manifest(version="x", generation=2)), [stored(generation=2)], True, id="generation 2"
        ),
        pytest.param(change(manifest(), None), [stored()], False, id="to be gone"),
        pytest.param(change(manifest(), None), [], True, id="gone"),
        pytest.param(change(manifest(), None), [stored(uid="u2")], True, id="gone, and another made"),
        pytest.param(change(None, manifest("v1", "Service")), [], True, id="not in this store at all"),
    ],
)
def test_what_the_store_shows_of_a_change(changed: Changed, present: list[StoredObject], shown: bool) -> None:
    assert store.find_missing([changed], present) == ([] if shown else ["VirtualService app/echo"])


@pytest.mark.parametrize(
    ("label", "revision", "reads"),
    [
        (None, "default", True),
        (None, "1-31", True),
        ("1-31", "1-31", True),
        ("1-31", "default", False),
        ("", "a", True),
    ],
)
def test_an_istiod_leaves_objects_of_another_revision_alone(label: str | None, revision: str, reads: bool) -> None:
    labels = {} if label is None else {"istio.io/rev": label}
    assert store.read_by(change(None, manifest(labels=labels)), revision) is reads
