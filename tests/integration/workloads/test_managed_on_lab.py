# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made with ``manage: true``, as the API server and Istio's and the Gateway API's CRDs take it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.managed import (
    edit_apex,
    make_destination_rules,
    make_route,
    make_services,
    read_service,
)
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import covers
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client, strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SERVICE
from workload_objects import manifest

POLICY = {"connectionPool": {"http": {"http2MaxRequests": 100}}, "outlierDetection": {"consecutive5xxErrors": 3}}
CORS = {
    "allowOrigins": [{"exact": "https://a.example.org"}],
    "allowMethods": ["GET", "POST"],
    "allowHeaders": ["x-a"],
    "exposeHeaders": ["x-b"],
    "allowCredentials": True,
    "maxAge": "600s",
}
HEADERS = {
    "request": {"set": {"x-a": "1"}, "add": {"x-b": "2"}, "remove": ["x-c"]},
    "response": {"set": {"x-d": "3"}},
}
SETTINGS = {
    "match": [{"uri": {"prefix": "/api"}, "headers": {"x-user": {"regex": "a.*"}}, "method": {"exact": "GET"}}],
    "timeout": "5s",
    "cors_policy": CORS,
    "headers": HEADERS,
    "traffic_policy": POLICY,
}
EDGE = {"name": "edge"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_port": "8080", "app_protocol": "http2", "apex": {"labels": {"team": "shop"}, "annotations": {}}},
        {"hosts": ["shop.example.org"], "gateways": ["edge", "mesh"], "port_discovery": True},
        {"delegation": True, "port_discovery": True},
        {"app_protocol": "tcp", "port_name": "tcp-db", "match": [{"port": 80}]},
        {
            **SETTINGS,
            "rewrite": {"uri": "/", "authority": "b.example.org"},
            "retries": {"attempts": 3, "perTryTimeout": "2s"},
        },
        {"gateway_refs": [EDGE], "hosts": ["shop.example.org"]},
        {"gateway_refs": [{"group": "", "kind": "Service", "name": "web", "port": 80}]},
        {**SETTINGS, "gateway_refs": [EDGE], "rewrite": {"uri": "/", "type": "ReplacePrefixMatch"}},
        {**SETTINGS, "gateway_refs": [EDGE], "match": [], "rewrite": {"uri": "/x", "authority": "b.example.org"}},
    ],
    ids=lambda options: "-".join(options) or "defaults",
)
def test_everything_is_taken_as_it_is(routing: Client, namespace: str, options: dict[str, Any]) -> None:
    service = read_service({"port": 80, **options}, manifest(namespace))
    for each in (*make_services(service), *make_destination_rules(service), make_route(service)):
        taken = routing.apply(each, field_manager="test", dry_run=True).object
        # A field that the schema does not know would be an error, and one that it prunes would be missing.
        assert covers(strip_content(taken), each), (each, taken)


def test_the_users_service_keeps_its_address_and_ports(routing: Client, namespace: str) -> None:
    own = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"team": "shop"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}, {"name": "old", "port": 81}]},
    }
    routing.apply(own, field_manager="user")
    before = routing.get(SERVICE, "web", namespace)
    edited = edit_apex(before, read_service({"port": 80}, manifest(namespace)), cluster="east")
    after = routing.replace(edited, field_manager="test")
    assert after["spec"] == {**before["spec"], "selector": {"app": "web-primary"}}
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
