# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against dumps of a sidecar and an east-west gateway: recorded from Envoy 1.40 under Istio 1.31, and cut short."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import envoy_dump
from ansible_collections.onemesh.istio.plugins.module_utils._proof import routes
from ansible_collections.onemesh.istio.plugins.module_utils._proof.levels import Changed
from ansible_collections.onemesh.istio.plugins.module_utils._proof.routes import Dump

RECORDED = Path(__file__).parent / "recorded"
DUMP = Dump(
    envoy_dump.parse_routes((RECORDED / "routes.json").read_bytes()),
    envoy_dump.parse_chains((RECORDED / "listeners.json").read_bytes()),
    envoy_dump.parse_clusters((RECORDED / "clusters.json").read_bytes()),
)
HOST = "echo.app.svc.cluster.local"
ISTIO, GATEWAY_API = "networking.istio.io/v1", "gateway.networking.k8s.io/v1"


def to(host: str, subset: str = "", weight: int | None = None) -> dict[str, Any]:
    destination = {"host": host, "subset": subset} if subset else {"host": host}
    return {"destination": destination} if weight is None else {"destination": destination, "weight": weight}


def backend(name: str, port: int, weight: int | None = None) -> dict[str, Any]:
    return {"name": name, "port": port} if weight is None else {"name": name, "port": port, "weight": weight}


def manifest(api_version: str, kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "app"}, "spec": spec}


def virtual_service(name: str, **spec: Any) -> dict[str, Any]:
    return manifest(ISTIO, "VirtualService", name, hosts=[name], **spec)


ECHO = virtual_service(
    "echo",
    http=[
        {"name": "fast", "match": [{"name": "hdr"}, {}], "route": [to(HOST, "west")]},
        {"name": "main", "route": [to(HOST, "east", 90), to(HOST, "west", 10)]},
    ],
)
RAW = virtual_service("raw", tcp=[{"route": [to("raw", weight=70), to("raw2", weight=30)]}])
WEB = manifest(
    GATEWAY_API,
    "HTTPRoute",
    "web",
    rules=[
        {"name": "one", "backendRefs": [backend("web", 8000, 3), backend("echo", 80, 1)]},
        {"backendRefs": [backend("echo", 80)]},
    ],
)
RAW2 = manifest(
    GATEWAY_API, "TCPRoute", "raw2", rules=[{"backendRefs": [backend("raw2", 9090, 3), backend("raw", 9090)]}]
)
RULE = manifest(ISTIO, "DestinationRule", "echo", host=HOST, subsets=[{"name": "east"}, {"name": "west"}])


def changed(live: dict[str, Any], *path: Any, value: Any = None) -> dict[str, Any]:
    """A copy in which one field of the spec is another."""
    copy = deepcopy(live)
    place = copy["spec"]
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy


def compare(after: dict[str, Any]) -> routes.Comparison:
    return routes.compare(Changed(None, after, 0, 0), DUMP)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(ECHO, 3, id="http routes with names, one with two matches"),
        pytest.param(
            changed(ECHO, "http", 1, "route", value=[to("echo", "east", 9), to("echo", "west", 1)]), 3, id="short"
        ),
        pytest.param(RAW, 1, id="tcp"),
        pytest.param(WEB, 2, id="HTTPRoute, a rule with and one without a name"),
        pytest.param(RAW2, 1, id="TCPRoute"),
        pytest.param(RULE, 6, id="subsets of a sidecar and of an east-west gateway"),
        pytest.param(virtual_service("other", http=[{"route": [to("x")]}]), 0, id="not used by this proxy"),
    ],
)
def test_a_proxy_that_has_what_was_written(written: dict[str, Any], shown: int) -> None:
    assert compare(written) == routes.Comparison(shown)


@pytest.mark.parametrize(
    ("written", "difference"),
    [
        pytest.param(
            changed(ECHO, "http", 1, "route", value=[to(HOST, "east", 50), to(HOST, "west", 50)]),
            f"route main of {HOST}:80 sends 90 to outbound|80|east|{HOST}, 10 to outbound|80|west|{HOST}; "
            f"written is 50 % to {HOST}/east, 50 % to {HOST}/west",
            id="another weight",
        ),
        pytest.param(
            changed(ECHO, "http", 1, "route", value=[to(HOST, "east", 100), to(HOST, "west", 0)]),
            "written is 100 % to",
            id="all to one",
        ),
        pytest.param(
            changed(ECHO, "http", 1, "route", value=[to(HOST, "west", 90), to(HOST, "east", 10)]),
            "written is 90 % to",
            id="the other way round",
        ),
        pytest.param(changed(ECHO, "http", 1, "name", value="renamed"), "written is no such route", id="another name"),
        pytest.param(
            changed(RAW, "tcp", 0, "route", value=[to("raw", weight=71), to("raw2", weight=29)]),
            "written is 71 %",
            id="tcp",
        ),
        pytest.param(
            changed(WEB, "rules", 0, "backendRefs", value=[backend("web", 8000), backend("echo", 80)]),
            "route one of web.app.svc.cluster.local:8000 sends 3 to",
            id="HTTPRoute",
        ),
        pytest.param(
            changed(WEB, "rules", 1, "backendRefs", value=[backend("web", 8000)]),
            "route app.web.1 of",
            id="by position",
        ),
        pytest.param(
            changed(WEB, "rules", 1, "backendRefs", value=[backend("echo", 81)]),
            "route app.web.1 of",
            id="another port",
        ),
        pytest.param(changed(RAW2, "rules", 0, "backendRefs", 0, "weight", value=1), "written is 50 %", id="TCPRoute"),
        pytest.param(
            changed(RULE, "subsets", value=[{"name": "east"}, {"name": "west"}, {"name": "north"}]),
            f"{HOST}:80 has no subset north",
            id="a subset that is missing",
        ),
        pytest.param(
            changed(RULE, "subsets", value=[{"name": "east"}]), f"{HOST}:80 still has subset west", id="one too many"
        ),
    ],
)
def test_a_proxy_that_has_not(written: dict[str, Any], difference: str) -> None:
    comparison = compare(written)
    assert comparison.differences
    assert difference in comparison.differences[0]


def test_routes_without_names_are_told_apart_by_their_order() -> None:
    """Both have the shares of the other: an old configuration must not pass for the new one."""
    half, all_to_west = {"east": 90, "west": 10}, {"west": 1}
    source = "/apis/networking.istio.io/v1/namespaces/app/virtual-service/echo"

    def envoy(*weights: dict[str, int]) -> Dump:
        return Dump(
            [
                envoy_dump.EnvoyRoute(
                    "v", "", source, {f"outbound|80|{subset}|{HOST}": w for subset, w in each.items()}
                )
                for each in weights
            ]
        )

    written = virtual_service(
        "echo", http=[{"route": [to(HOST, "east", 90), to(HOST, "west", 10)]}, {"route": [to(HOST, "west")]}]
    )
    change = Changed(None, written, 0, 0)
    assert not routes.compare(change, envoy(half, all_to_west)).differences
    assert not routes.compare(change, envoy(half, half, all_to_west)).differences
    assert not routes.compare(change, envoy(all_to_west)).differences
    assert routes.compare(change, envoy(all_to_west, half)).differences


@pytest.mark.parametrize(
    "live", [ECHO, RAW, RAW2, RULE, WEB], ids=lambda live: f"{live['kind']}-{live['metadata']['name']}"
)
def test_what_was_deleted_has_to_be_gone(live: dict[str, Any]) -> None:
    deletion = Changed(live, None, 0, 0)
    assert routes.compare(deletion, DUMP).differences
    assert routes.compare(deletion, Dump()) == routes.Comparison(0)


@pytest.mark.parametrize(
    ("live", "parts", "why"),
    [
        (ECHO, {"routes"}, ""),
        (RAW, {"chains"}, ""),
        (WEB, {"routes"}, ""),
        (RAW2, {"chains"}, ""),
        (RULE, {"clusters"}, ""),
        (manifest(ISTIO, "VirtualService", "x", http=[{"route": [to("y")]}]), set(), "it is a delegate"),
        (virtual_service("x", http=[{"delegate": {"name": "y"}}]), set(), "it delegates routes"),
        (manifest("security.istio.io/v1", "PeerAuthentication", "x"), set(), "nothing of a PeerAuthentication"),
    ],
)
def test_what_is_looked_for(live: dict[str, Any], parts: set[str], why: str) -> None:
    change = Changed(None, live, 0, 0)
    assert routes.parts_of(change) == parts
    assert routes.why_not(change).startswith(why)
    assert bool(routes.why_not(change)) is not bool(parts)
