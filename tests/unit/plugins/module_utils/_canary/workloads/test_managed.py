# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, DestinationRules and routes that are made with ``manage: true``."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.managed import (
    ManagedService,
    edit_apex,
    find_clashes,
    make_destination_rules,
    make_http_route,
    make_route,
    make_services,
    make_virtual_service,
    read_service,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import owned
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import CONTAINER, Object, workload

POLICY = {"outlierDetection": {"consecutive5xxErrors": 3}}
EDGE = {"name": "edge", "namespace": "gateways"}


def service(*, target: Object | None = None, **options: Any) -> ManagedService:
    return read_service({"port": 80, **options}, target or workload())


def refused(**options: Any) -> list[str]:
    with pytest.raises(MeshError) as error:
        service(**options)
    return [finding.check.removeprefix("option-") for finding in error.value.findings]


# Services


def test_three_services_of_which_two_select_the_stable_side() -> None:
    made = make_services(service(target_port="http-web", app_protocol="http2"))
    assert [(each["metadata"]["name"], each["spec"]["selector"]) for each in made] == [
        ("web", {"app": "web-primary"}),
        ("web-primary", {"app": "web-primary"}),
        ("web-canary", {"app": "web"}),
    ]
    port = {"name": "http", "port": 80, "targetPort": "http-web", "protocol": "TCP", "appProtocol": "http2"}
    assert [each["spec"]["ports"] for each in made] == [[port]] * 3


@pytest.mark.parametrize(
    ("target_port", "expected"), [(None, 80), ("", 80), ("8080", 8080), (8080, 8080), ("web", "web")]
)
def test_the_port_of_the_pods(target_port: Any, expected: int | str) -> None:
    assert service(target_port=target_port).ports[0].target == expected


def test_the_name_and_what_is_added_to_each_service() -> None:
    made = make_services(
        service(name="shop", apex={"labels": {"a": "1"}, "annotations": {}}, canary={"annotations": {"b": "2"}})
    )
    assert [each["metadata"] for each in made] == [
        {"name": "shop", "namespace": "shop", "labels": {"a": "1"}},
        {"name": "shop-primary", "namespace": "shop"},
        {"name": "shop-canary", "namespace": "shop", "annotations": {"b": "2"}},
    ]


def with_ports(*ports: Object) -> Object:
    proxy = {"name": "istio-proxy", "ports": [{"containerPort": 15090}]}
    return workload(pod={"containers": [{**CONTAINER, "ports": list(ports)}, proxy]})


def test_further_ports_of_the_pods_are_found() -> None:
    target = with_ports(
        {"name": "http-web", "containerPort": 8080},
        {"name": "metrics", "containerPort": 9090},
        {"containerPort": 53, "protocol": "UDP"},
    )
    found = service(target=target, target_port="http-web", port_discovery=True).ports
    assert [(port.name, port.number, port.target, port.protocol) for port in found] == [
        ("http", 80, "http-web", "TCP"),
        ("metrics", 9090, 9090, "TCP"),
        ("tcp-web-2", 53, 53, "UDP"),
    ]
    assert len(service(target=target, target_port="8080", port_discovery=True).ports) == 3
    assert len(service(target=target).ports) == 1


def test_the_users_service_is_repointed_and_otherwise_the_same() -> None:
    live = make_services(service())[0]
    live["metadata"]["labels"] = {"of": "the user"}
    live["spec"] |= {"selector": {"app": "web", "tier": "front"}, "clusterIP": "10.0.0.9", "sessionAffinity": "None"}
    after = edit_apex(live, service(), cluster="east")
    assert after == {**live, "spec": {**live["spec"], "selector": {"app": "web-primary"}}}
    assert edit_apex(after, service(), cluster="east") == after


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"selector": None}, "it selects no pods"),
        ({"type": "ExternalName"}, "it selects no pods"),
        ({"ports": [{"port": 81}, {"port": 82}]}, "it has the ports 81, 82, and 80 is expected"),
    ],
)
def test_a_service_that_is_of_no_use_is_refused(spec: Object, message: str) -> None:
    live = make_services(service())[0]
    live["spec"] |= spec
    with pytest.raises(MeshError, match=message):
        edit_apex(live, service(), cluster="east")


# VirtualService and DestinationRules


def test_each_side_has_a_rule_with_the_policy() -> None:
    made = make_destination_rules(service(traffic_policy=POLICY))
    assert [(each["metadata"]["name"], each["spec"]) for each in made] == [
        (name, {"host": name, "trafficPolicy": POLICY}) for name in ("web-primary", "web-canary")
    ]
    assert [each["spec"] for each in make_destination_rules(service())] == [
        {"host": "web-primary"},
        {"host": "web-canary"},
    ]


SPLIT = [
    {"destination": {"host": "web-primary"}, "weight": 100},
    {"destination": {"host": "web-canary"}, "weight": 0},
]


def test_a_virtual_service_with_everything_on_the_stable_side() -> None:
    assert make_route(service()) == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"hosts": ["web"], "gateways": ["mesh"], "http": [{"route": SPLIT}]},
    }


@pytest.mark.parametrize(
    ("hosts", "gateways", "expected"),
    [
        ([], [], (["web"], ["mesh"])),
        (["shop.example.org"], [], (["shop.example.org", "web"], ["mesh"])),
        (["shop.example.org"], ["edge"], (["shop.example.org", "web"], ["edge"])),
        (["shop.example.org"], ["edge", "mesh"], (["shop.example.org", "web"], ["edge", "mesh"])),
        (["web"], [], (["web"], ["mesh"])),
        (["web.shop"], [], (["web.shop"], ["mesh"])),
        (["web.shop.svc.cluster.local"], [], (["web.shop.svc.cluster.local"], ["mesh"])),
        (["web.other"], [], (["web.other", "web"], ["mesh"])),
        (["*"], ["edge"], (["*"], ["edge"])),
    ],
)
def test_hosts_and_gateways(hosts: list[str], gateways: list[str], expected: tuple[list[str], list[str]]) -> None:
    spec = make_virtual_service(service(hosts=hosts, gateways=gateways))["spec"]
    assert (spec["hosts"], spec["gateways"]) == expected


def test_a_delegate_has_neither_hosts_nor_gateways() -> None:
    assert make_virtual_service(service(delegation=True))["spec"] == {"http": [{"route": SPLIT}]}


def test_the_settings_of_the_route() -> None:
    match = [{"uri": {"prefix": "/api"}}]
    made = make_virtual_service(
        service(
            match=match,
            rewrite={"uri": "/", "type": "ReplacePrefixMatch"},
            timeout="5s",
            retries={"attempts": 3},
            cors_policy={"maxAge": "600s"},
            headers={"request": {"remove": ["x-debug"]}},
        )
    )
    assert made["spec"]["http"] == [
        {
            "match": match,
            "rewrite": {"uri": "/"},
            "timeout": "5s",
            "retries": {"attempts": 3},
            "corsPolicy": {"maxAge": "600s"},
            "headers": {"request": {"remove": ["x-debug"]}},
            "route": SPLIT,
        }
    ]


@pytest.mark.parametrize(
    ("options", "has_port"),
    [
        ({}, False),
        ({"port_discovery": True}, False),
        ({"port_discovery": True, "gateways": ["mesh", "edge"]}, False),
        ({"port_discovery": True, "gateways": ["edge"]}, True),
        ({"port_discovery": True, "delegation": True}, True),
        ({"gateways": ["edge"]}, False),
    ],
)
def test_when_destinations_name_the_port(options: Object, has_port: bool) -> None:
    entries = make_virtual_service(service(target_port="8080", **options))["spec"]["http"][0]["route"]
    assert [entry["destination"].get("port") for entry in entries] == [{"number": 80} if has_port else None] * 2


def test_tcp_is_divided_too() -> None:
    spec = make_virtual_service(service(app_protocol="TCP", match=[{"port": 80}]))["spec"]
    assert spec == {"hosts": ["web"], "gateways": ["mesh"], "tcp": [{"match": [{"port": 80}], "route": SPLIT}]}


# HTTPRoute


def test_an_http_route_with_everything_on_the_stable_side() -> None:
    found = service(gateway_refs=[EDGE], hosts=["shop.example.org"])
    assert make_route(found) == make_http_route(found)
    assert make_http_route(found) == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "parentRefs": [EDGE],
            "hostnames": ["shop.example.org"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [
                        {"name": "web-primary", "port": 80, "weight": 100},
                        {"name": "web-canary", "port": 80, "weight": 0},
                    ],
                }
            ],
        },
    }


def test_rules_beside_an_http_route_only_for_a_policy() -> None:
    assert make_destination_rules(service(gateway_refs=[EDGE])) == []
    assert len(make_destination_rules(service(gateway_refs=[EDGE], traffic_policy=POLICY))) == 2


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ({"uri": {"prefix": "/a"}}, {"path": {"type": "PathPrefix", "value": "/a"}}),
        ({"uri": {"exact": "/a"}}, {"path": {"type": "Exact", "value": "/a"}}),
        ({"uri": {"regex": "/a.*"}}, {"path": {"type": "RegularExpression", "value": "/a.*"}}),
        ({"method": {"exact": "GET"}}, {"method": "GET"}),
        (
            {"headers": {"x-b": {"regex": "2.*"}, "x-a": {"exact": "1"}}},
            {
                "headers": [
                    {"name": "x-a", "type": "Exact", "value": "1"},
                    {"name": "x-b", "type": "RegularExpression", "value": "2.*"},
                ]
            },
        ),
        (
            {"queryParams": {"q": {"exact": "1"}}},
            {"queryParams": [{"name": "q", "type": "Exact", "value": "1"}]},
        ),
        ({"name": "all"}, {"path": {"type": "PathPrefix", "value": "/"}}),
        (
            {"path": {"type": "Exact", "value": "/a"}, "headers": [{"name": "x", "value": "1"}], "method": "GET"},
            {"path": {"type": "Exact", "value": "/a"}, "headers": [{"name": "x", "value": "1"}], "method": "GET"},
        ),
    ],
)
def test_matches_in_istios_words_or_in_its_own(match: Object, expected: Object) -> None:
    made = make_http_route(service(gateway_refs=[EDGE], match=[match]))
    assert made["spec"]["rules"][0]["matches"] == [expected]


@pytest.mark.parametrize(
    ("options", "filters"),
    [
        (
            {
                "headers": {
                    "request": {"set": {"b": "2", "a": "1"}, "remove": ["d", "c"]},
                    "response": {"add": {"e": "5"}},
                }
            },
            [
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {
                        "set": [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}],
                        "remove": ["c", "d"],
                    },
                },
                {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "e", "value": "5"}]}},
            ],
        ),
        (
            {"rewrite": {"uri": "/x", "authority": "y.example.org"}},
            [
                {
                    "type": "URLRewrite",
                    "urlRewrite": {
                        "hostname": "y.example.org",
                        "path": {"type": "ReplaceFullPath", "replaceFullPath": "/x"},
                    },
                }
            ],
        ),
        (
            {"rewrite": {"uri": "/x", "type": "ReplacePrefixMatch"}},
            [
                {
                    "type": "URLRewrite",
                    "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/x"}},
                }
            ],
        ),
        (
            {
                "cors_policy": {
                    "allowOrigins": [{"exact": "https://a.example.org"}],
                    "allowMethods": ["GET"],
                    "maxAge": "600s",
                }
            },
            [
                {
                    "type": "CORS",
                    "cors": {"allowOrigins": ["https://a.example.org"], "allowMethods": ["GET"], "maxAge": 600},
                }
            ],
        ),
    ],
)
def test_filters(options: Object, filters: list[Object]) -> None:
    assert make_http_route(service(gateway_refs=[EDGE], **options))["spec"]["rules"][0]["filters"] == filters


@pytest.mark.parametrize(
    ("given", "seconds"), [("600s", 600), ("10m", 600), ("1h30m", 5400), ("90000ms", 90), ("600", 600), (600, 600)]
)
def test_the_max_age_of_cors_is_a_duration_in_a_virtual_service_and_seconds_in_an_http_route(
    given: str | int, seconds: int
) -> None:
    made = make_http_route(service(gateway_refs=[EDGE], cors_policy={"maxAge": given}))
    assert made["spec"]["rules"][0]["filters"] == [{"type": "CORS", "cors": {"maxAge": seconds}}]


def test_the_timeout_of_a_rule() -> None:
    made = make_http_route(service(gateway_refs=[EDGE], timeout="5s"))
    assert made["spec"]["rules"][0]["timeouts"] == {"request": "5s"}


# What is refused

UNLABELLED = workload(selector={"matchLabels": {"tier": "front"}})
SAME_NAME = with_ports({"name": "http", "containerPort": 90})
SAME_NUMBER = with_ports({"name": "other", "containerPort": 80})


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        ({"port": 0}, ["port", "target-port"]),
        ({"port": 65536, "target_port": "http"}, ["port"]),
        ({"target_port": "0"}, ["target-port"]),
        ({"name": "w" * 56}, ["name"]),
        ({"name": "1web"}, ["name"]),
        ({"name": "web.shop"}, ["name"]),
        ({"delegation": True, "hosts": ["a"], "gateways": ["edge"]}, ["hosts", "gateways"]),
        ({"delegation": True, "app_protocol": "tcp"}, ["delegation"]),
        ({"hosts": ["*"]}, ["hosts"]),
        ({"hosts": ["*"], "gateways": ["edge", "mesh"]}, ["hosts"]),
        ({"hosts": ["web-canary"]}, ["hosts"]),
        ({"hosts": ["web-primary.shop.svc.cluster.local"]}, ["hosts"]),
        ({"app_protocol": "tcp", "timeout": "5s", "headers": {"request": {}}}, ["timeout", "headers"]),
        ({"app_protocol": "tcp", "match": [{"port": 80, "uri": {}}]}, ["match"]),
        ({"gateway_refs": [EDGE], "gateways": ["edge"], "retries": {"attempts": 1}}, ["gateways", "retries"]),
        ({"gateway_refs": [EDGE], "app_protocol": "tcp"}, ["gateway-refs"]),
        ({"gateway_refs": [EDGE], "hosts": ["*"]}, ["hosts"]),
        ({"gateway_refs": [EDGE], "rewrite": {"uriRegexRewrite": {}}}, ["rewrite"]),
        ({"gateway_refs": [EDGE], "match": [{"sourceLabels": {"app": "x"}}]}, ["match"]),
        ({"gateway_refs": [EDGE], "match": [{"headers": {"a": {"prefix": "x"}}}]}, ["match"]),
        ({"gateway_refs": [EDGE], "match": [{"uri": "/a"}]}, ["match"]),
        ({"gateway_refs": [EDGE], "match": [{"uri": {"exact": "/a", "prefix": "/b"}}]}, ["match"]),
        ({"gateway_refs": [EDGE], "cors_policy": {"allowOrigins": [{"regex": ".*"}]}}, ["cors-policy"]),
        ({"gateway_refs": [EDGE], "cors_policy": {"maxAge": "1500ms"}}, ["cors-policy"]),
        ({"gateway_refs": [EDGE], "cors_policy": {"unmatchedPreflights": "IGNORE"}}, ["cors-policy"]),
        (
            {"target": UNLABELLED, "port": 0, "target_port": "a"},
            ["selector-label", "port"],
        ),
        ({"target": SAME_NAME, "port_discovery": True}, ["port-discovery"]),
        (
            {"target": SAME_NUMBER, "target_port": "90", "port_discovery": True},
            ["port-discovery"],
        ),
    ],
)
def test_bad_input_is_refused_with_all_that_is_wrong(options: Object, checks: list[str]) -> None:
    assert refused(**options) == checks


def test_names_that_somebody_has_already() -> None:
    apex, primary, canary = make_services(service())
    lives = [
        apex,
        primary,
        owned(canary, "canary"),
        make_route(service()),
        *make_destination_rules(service(name="other")),
    ]
    found = find_clashes(service(), lives, cluster="east")
    assert [finding.object for finding in found] == ["Service shop/web-primary", "VirtualService shop/web"]
    assert {finding.check for finding in found} == {"object-of-another"}
