# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Envoy's ``/config_dump`` says of where it routes: envoy.admin.v3 RoutesConfigDump, ListenersConfigDump and
ClustersConfigDump. Pure; every function raises UnexpectedAnswer when the body is something else.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .debug import UnexpectedAnswer

ROUTES = "/config_dump?resource=dynamic_route_configs"
LISTENERS = "/config_dump?resource=dynamic_listeners"
CLUSTERS = "/config_dump?resource=dynamic_active_clusters&mask=cluster.name,cluster.metadata"

T = TypeVar("T")

_TCP_PROXY = "envoy.filters.network.tcp_proxy"


@dataclass(frozen=True)
class EnvoyRoute:
    """One route that sends requests or connections somewhere.

    ``place`` is its virtual host or listener. ``source`` is the object that istiod made it of, as istiod writes it:
    ``/apis/networking.istio.io/v1/namespaces/app/virtual-service/echo`` (pilot/pkg/networking/util, AddConfigInfo-
    Metadata); empty where it has none. ``weights`` goes by Envoy's name of the cluster; a single one has 1.
    """

    place: str
    name: str
    source: str
    weights: Mapping[str, int]


@dataclass(frozen=True)
class EnvoyCluster:
    """``name`` is ``outbound|80|v1|echo.app.svc.cluster.local``, ``source`` the DestinationRule that shaped it."""

    name: str
    source: str


def parse_routes(body: bytes) -> tuple[EnvoyRoute, ...]:
    """Routes of HTTP in the order in which Envoy tries them; redirects and direct responses are left out."""

    def found(config: Mapping[str, Any]) -> Iterator[EnvoyRoute]:
        for virtual_host in config["route_config"].get("virtual_hosts", ()):
            for route in virtual_host.get("routes", ()):
                weights = _weights(route.get("route") or {})
                if weights:
                    yield EnvoyRoute(virtual_host["name"], route.get("name", ""), _source(route), weights)

    return _each(ROUTES, body, found)


def parse_chains(body: bytes) -> tuple[EnvoyRoute, ...]:
    """Filter chains of TCP and TLS of the listeners in use."""

    def found(config: Mapping[str, Any]) -> Iterator[EnvoyRoute]:
        listener = (config.get("active_state") or {}).get("listener") or {}
        for chain in listener.get("filter_chains", ()):
            for network_filter in chain.get("filters", ()):
                weights = _weights(network_filter.get("typed_config") or {})
                if network_filter["name"] == _TCP_PROXY and weights:
                    yield EnvoyRoute(config["name"], chain.get("name", ""), _source(chain), weights)

    return _each(LISTENERS, body, found)


def parse_clusters(body: bytes) -> tuple[EnvoyCluster, ...]:
    """Clusters in use, without those that still warm up."""

    def found(config: Mapping[str, Any]) -> Iterator[EnvoyCluster]:
        yield EnvoyCluster(config["cluster"]["name"], _source(config["cluster"]))

    return _each(CLUSTERS, body, found)


def _source(part: Mapping[str, Any]) -> str:
    metadata = (part.get("metadata") or {}).get("filter_metadata") or {}
    return str((metadata.get("istio") or {}).get("config") or "")


def _weights(action: Mapping[str, Any]) -> dict[str, int]:
    if action.get("cluster"):
        return {action["cluster"]: 1}
    weights: dict[str, int] = {}
    for entry in (action.get("weighted_clusters") or {}).get("clusters", ()):
        weights[entry["name"]] = weights.get(entry["name"], 0) + entry.get("weight", 0)
    return weights


def _each(endpoint: str, body: bytes, found: Callable[[Mapping[str, Any]], Iterable[T]]) -> tuple[T, ...]:
    try:
        return tuple(each for config in json.loads(body).get("configs", ()) for each in found(config))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnexpectedAnswer(
            f"{endpoint} gave something else than expected ({type(error).__name__}: {error}): "
            f"{body[:80].decode(errors='replace')!r}"
        ) from error
