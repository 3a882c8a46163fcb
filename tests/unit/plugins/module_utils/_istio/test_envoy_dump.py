# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Envoy's dumps say, on answers in its own form; whole recorded ones are read in ../_proof."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import envoy_dump
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import UnexpectedAnswer

SOURCE = "/apis/networking.istio.io/v1/namespaces/app/virtual-service/echo"
METADATA = {"filter_metadata": {"istio": {"config": SOURCE}}}


def body(*configs: dict[str, Any]) -> bytes:
    return json.dumps({"configs": configs}).encode()


def route(**parts: Any) -> bytes:
    return body({"route_config": {"name": "80", "virtual_hosts": [{"name": "echo:80", "routes": [parts]}]}})


@pytest.mark.parametrize(
    ("action", "weights"),
    [
        ({"cluster": "a"}, {"a": 1}),
        ({"weighted_clusters": {"clusters": [{"name": "a", "weight": 90}, {"name": "b"}]}}, {"a": 90, "b": 0}),
        ({"weighted_clusters": {"clusters": [{"name": "a", "weight": 1}, {"name": "a", "weight": 2}]}}, {"a": 3}),
    ],
)
def test_where_a_route_sends(action: dict[str, Any], weights: dict[str, int]) -> None:
    found = envoy_dump.parse_routes(route(name="main", route=action, metadata=METADATA))
    assert found == (envoy_dump.EnvoyRoute("echo:80", "main", SOURCE, weights),)


@pytest.mark.parametrize(
    "parts", [{"redirect": {"host_redirect": "x"}}, {"direct_response": {"status": 404}}, {"route": {}}]
)
def test_a_route_that_sends_nowhere_is_left_out(parts: dict[str, Any]) -> None:
    assert envoy_dump.parse_routes(route(**parts)) == ()


def test_only_filter_chains_of_streams_in_use_count() -> None:
    stream = {"name": "envoy.filters.network.tcp_proxy", "typed_config": {"cluster": "a"}}
    http = {"name": "envoy.filters.network.http_connection_manager", "typed_config": {"stat_prefix": "x"}}
    chains = [{"filters": [stream], "metadata": METADATA}, {"filters": [http]}]
    dump = body(
        {"name": "10.0.0.1_9090", "active_state": {"listener": {"filter_chains": chains}}},
        {"name": "10.0.0.2_9090", "warming_state": {"listener": {"filter_chains": chains}}},
    )
    assert envoy_dump.parse_chains(dump) == (envoy_dump.EnvoyRoute("10.0.0.1_9090", "", SOURCE, {"a": 1}),)


def test_clusters_with_the_object_that_shaped_them() -> None:
    dump = body({"cluster": {"name": "a", "metadata": METADATA}}, {"cluster": {"name": "b"}})
    assert envoy_dump.parse_clusters(dump) == (envoy_dump.EnvoyCluster("a", SOURCE), envoy_dump.EnvoyCluster("b", ""))


@pytest.mark.parametrize("read", [envoy_dump.parse_routes, envoy_dump.parse_chains, envoy_dump.parse_clusters])
@pytest.mark.parametrize("answer", [b"no such path", b"[]", b'{"configs": [7]}'])
def test_something_else_is_told(read: Any, answer: bytes) -> None:
    with pytest.raises(UnexpectedAnswer, match="config_dump"):
        read(answer)


@pytest.mark.parametrize("read", [envoy_dump.parse_routes, envoy_dump.parse_chains, envoy_dump.parse_clusters])
def test_a_proxy_without_any_gives_an_empty_dump(read: Any) -> None:
    assert read(b"{}") == ()
