# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of the Gateway API, with its own CRDs on real API servers."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    GRPC_ROUTE,
    HTTP_ROUTE,
    TCP_ROUTE,
    TLS_ROUTE,
    Kind,
)
from support.splits import Object, Shop, as_it_was

GATEWAY = {"name": "edge"}
SERVICE = {"group": "", "kind": "Service", "name": "reviews", "port": 9080}
NEW = {"reviews-v1": 80, "reviews-v2": 20}


def backend(name: str, **more: Any) -> Object:
    return {"name": name, "port": 9080, **more}


def route(kind: Kind, namespace: str, parent: Object, **spec: Any) -> Object:
    rules = [{"backendRefs": [backend("reviews-v1", weight=90), backend("reviews-v2", weight=10)]}]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "reviews", "namespace": namespace, "labels": {"team": "shop"}},
        "spec": {"parentRefs": [parent], "rules": rules, **spec},
    }


def weights(live: Object | None, rule: int = 0) -> dict[str, int]:
    assert live is not None
    return {each["name"]: each["weight"] for each in live["spec"]["rules"][rule]["backendRefs"]}


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (HTTP_ROUTE, GATEWAY),
        (HTTP_ROUTE, SERVICE),
        (GRPC_ROUTE, GATEWAY),
        (GRPC_ROUTE, SERVICE),
        (TCP_ROUTE, GATEWAY),
        (TLS_ROUTE, GATEWAY),
    ],
    ids=lambda value: value.kind if isinstance(value, Kind) else value.get("kind", "Gateway"),
)
def test_weights_are_set_and_given_back_byte_for_byte(gateway_shop: Shop, kind: Kind, parent: Object) -> None:
    shop, hosts = gateway_shop, {} if kind == TCP_ROUTE else {"hostnames": ["reviews.example.org"]}
    manifest = route(kind, shop.namespace, parent, **hosts)
    if parent is SERVICE:
        del manifest["spec"]["hostnames"]
    shop.put(manifest)
    before = [as_it_was(live) for live in shop.everywhere(kind)]
    asked = {"kind": kind.kind, "name": "reviews"}
    result = shop.run(**asked, weights=NEW).succeeded()
    assert result["weights"] == {cluster: {"rules[0]": NEW} for cluster in ("east", "west")}
    assert [weights(live) for live in shop.everywhere(kind)] == [NEW, NEW]
    assert not shop.run(**asked, weights=NEW).succeeded()["changed"]
    shop.run(**asked, state="restored").succeeded()
    assert [as_it_was(live) for live in shop.everywhere(kind)] == before


def test_a_rule_is_chosen_by_name_and_filters_of_backends_stay(gateway_shop: Shop) -> None:
    shop = gateway_shop
    header = {"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x-version", "value": "2"}]}}
    manifest = route(HTTP_ROUTE, shop.namespace, GATEWAY)
    rest = {"name": "rest", **manifest["spec"]["rules"][0]}
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": backend("reviews-v3")}}
    manifest["spec"]["rules"] = [
        {
            "name": "main",
            "matches": [{"path": {"type": "PathPrefix", "value": "/main"}}],
            "filters": [mirror],
            # Without weights each is 1.
            "backendRefs": [backend("reviews-v1"), backend("reviews-v2", filters=[header])],
        },
        rest,
    ]
    shop.put(manifest)
    before = [as_it_was(live) for live in shop.everywhere(HTTP_ROUTE)]
    asked = {"kind": "HTTPRoute", "name": "reviews", "routes": ["main"]}
    shop.run(**asked, weights=NEW).succeeded()
    for live in shop.everywhere(HTTP_ROUTE):
        assert live is not None
        assert (weights(live, 0), weights(live, 1)) == (NEW, {"reviews-v1": 90, "reviews-v2": 10})
        assert live["spec"]["rules"][0]["filters"] == [mirror_as_stored(mirror)]
        assert live["spec"]["rules"][0]["backendRefs"][1]["filters"] == [header]
    refused = shop.run(**asked, weights={"reviews-v1": 50, "reviews-v3": 50}).failed()
    assert "reviews-v3 is only sent copies of requests" in refused
    shop.run(**asked, state="restored").succeeded()
    assert [as_it_was(live) for live in shop.everywhere(HTTP_ROUTE)] == before


def mirror_as_stored(mirror: Object) -> Object:
    """With what the CRD's defaults add."""
    reference = {"group": "", "kind": "Service", **mirror["requestMirror"]["backendRef"]}
    return {**mirror, "requestMirror": {"backendRef": reference}}
