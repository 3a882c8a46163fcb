# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of objects, what travels between clusters, and when something stands already: one row per case."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import (
    ObjectId,
    content_hash,
    covers,
    is_route,
    make_portable,
    stage_of,
    with_version,
)


def manifest(api_version: str, kind: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "reviews", **metadata}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (manifest("networking.istio.io/v1", "VirtualService", namespace="shop"), "VirtualService shop/reviews"),
        (manifest("v1", "Namespace"), "Namespace reviews"),
        (manifest("v1", "Service", namespace=None), "Service reviews"),
    ],
)
def test_an_object_is_named_as_people_write_it(found: dict[str, Any], words: str) -> None:
    assert str(ObjectId.of(found)) == words


def test_the_version_of_a_type_is_no_part_of_the_name() -> None:
    names = {ObjectId.of(manifest(f"networking.istio.io/{version}", "Gateway")) for version in ("v1", "v1beta1")}
    assert len(names) == 1
    assert ObjectId.of(manifest("gateway.networking.k8s.io/v1", "Gateway")) not in names


STAGES = [
    ("", "Namespace"),
    ("networking.istio.io", "DestinationRule"),
    ("networking.istio.io", "VirtualService"),
]


def test_namespaces_come_before_what_routes_lead_to_and_that_before_routes_and_they_go_in_reverse() -> None:
    assert sorted(STAGES, key=lambda each: stage_of(*each).apply) == STAGES
    assert sorted(STAGES, key=lambda each: stage_of(*each).remove) == STAGES[::-1]
    assert max(stage_of(*each).apply for each in STAGES) < min(stage_of(*each).remove for each in STAGES)


@pytest.mark.parametrize(
    ("group", "kind", "route"),
    [
        ("networking.istio.io", "VirtualService", True),
        ("gateway.networking.k8s.io", "HTTPRoute", True),
        ("gateway.networking.k8s.io", "TCPRoute", True),
        ("networking.k8s.io", "Ingress", True),
        ("route.openshift.io", "Route", True),
        ("networking.istio.io", "DestinationRule", False),
        ("networking.istio.io", "ServiceEntry", False),
        ("", "Service", False),
        ("gateway.networking.k8s.io", "Gateway", False),
        ("example.org", "VirtualService", False),
    ],
)
def test_what_sends_traffic_somewhere_is_a_route(group: str, kind: str, route: bool) -> None:
    assert is_route(group, kind) is route
    assert (stage_of(group, kind) == stage_of("networking.istio.io", "VirtualService")) is route


def test_the_hash_does_not_depend_on_the_order_of_keys_and_does_on_that_of_lists() -> None:
    assert content_hash({"a": 1, "b": [1, 2]}) == content_hash({"b": [1, 2], "a": 1})
    assert content_hash({"b": [1, 2]}) != content_hash({"b": [2, 1]})
    assert len(content_hash(None)) == 16


COVERED: dict[str, tuple[Any, Any, bool]] = {
    "the same": ({"a": 1}, {"a": 1}, True),
    "more than asked": ({"a": 1, "b": 2}, {"a": 1}, True),
    "less than asked": ({"a": 1}, {"a": 1, "b": 2}, False),
    "another value": ({"a": 2}, {"a": 1}, False),
    "nothing asked": ({"a": 1}, {}, True),
    "no mapping": ("a", {"a": 1}, False),
    "defaults in elements": ([{"port": 80, "protocol": "TCP"}], [{"port": 80}], True),
    "longer list": ([1, 2], [1], False),
    "shorter list": ([1], [1, 2], False),
    "other order": ([2, 1], [1, 2], False),
    "list for text": ("12", [1, 2], False),
    "null is a value": ({"a": None}, {"a": None}, True),
    "null is not there": ({}, {"a": None}, False),
    "true is not one word": ({"a": "true"}, {"a": True}, False),
}


@pytest.mark.parametrize("case", COVERED, ids=str)
def test_what_stands_already(case: str) -> None:
    live, desired, expected = COVERED[case]
    assert covers(live, desired) is expected


LIVE = {
    **manifest(
        "v1",
        "Service",
        namespace="shop",
        labels={"team": "shop"},
        annotations={"note": "x", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        uid="1",
        resourceVersion="7",
        generation=3,
        creationTimestamp="2026-01-01T00:00:00Z",
        managedFields=[{}],
        ownerReferences=[{"uid": "2"}],
        finalizers=["x"],
        selfLink="/x",
        deletionTimestamp="2026-01-01T00:00:00Z",
    ),
    "spec": {
        "type": "NodePort",
        "clusterIP": "10.0.0.7",
        "clusterIPs": ["10.0.0.7"],
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "healthCheckNodePort": 32000,
        "ports": [{"port": 80, "nodePort": 30080}],
    },
    "status": {"loadBalancer": {}},
}


def test_neither_identity_owner_status_nor_addresses_travel() -> None:
    assert make_portable(LIVE) == {
        **manifest("v1", "Service", namespace="shop", labels={"team": "shop"}, annotations={"note": "x"}),
        "spec": {"type": "NodePort", "ports": [{"port": 80}]},
    }
    assert LIVE["metadata"]["uid"] == "1", "the original is untouched"


def test_a_headless_service_stays_headless() -> None:
    live = {**manifest("v1", "Service"), "spec": {"clusterIP": "None", "clusterIPs": ["None"]}}
    assert make_portable(live)["spec"] == {"clusterIP": "None"}


def test_annotations_that_are_only_those_of_kubectl_leave_none() -> None:
    live = manifest("v1", "ConfigMap", annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}"})
    assert "annotations" not in make_portable(live)["metadata"]


def test_what_others_call_a_service_keeps_its_fields() -> None:
    knative = {**manifest("serving.knative.dev/v1", "Service"), "spec": {"clusterIP": "10.0.0.7"}}
    assert make_portable(knative)["spec"] == {"clusterIP": "10.0.0.7"}


def test_a_write_on_the_condition_that_nothing_happened_meanwhile() -> None:
    desired = manifest("v1", "ConfigMap")
    conditional = with_version(desired, manifest("v1", "ConfigMap", resourceVersion="7"))
    assert conditional["metadata"]["resourceVersion"] == "7"
    assert "resourceVersion" not in desired["metadata"]
