# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.gateways import (
    Occupied,
    make_cross_network_gateway,
    make_hostname_ingress,
    resolve,
)


def service(kind: str = "LoadBalancer", **more: Any) -> dict[str, Any]:
    ingress = more.get("ingress")
    return {
        "metadata": {
            "name": "istio-eastwestgateway",
            "labels": {"topology.istio.io/network": "net-east", **more.get("labels", {})},
            "annotations": more.get("annotations", {}),
        },
        "spec": {
            "type": kind,
            "ports": more.get("ports", [{"port": 15021, "nodePort": 30021}, {"port": 15443, "nodePort": 30443}]),
            **({"externalIPs": more["external"]} if "external" in more else {}),
        },
        "status": {"loadBalancer": {"ingress": ingress} if ingress is not None else {}},
    }


def node(name: str, *addresses: tuple[str, str], **labels: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels},
        "status": {"addresses": [{"type": kind, "address": address} for kind, address in addresses]},
    }


ALL_NODES = {"traffic.istio.io/nodeSelector": "{}"}
EDGE_NODES = {"traffic.istio.io/nodeSelector": '{"role": "edge"}'}
NODES = [
    node("a", ("InternalIP", "10.0.0.1"), ("ExternalIP", "192.0.2.1"), role="edge"),
    node("b", ("ExternalIP", "192.0.2.2"), ("ExternalIP", "192.0.2.22")),
    node("c", ("InternalIP", "10.0.0.3"), role="edge"),
]

FOUND = {
    "IP": (service(ingress=[{"ip": "192.0.2.9"}]), [("192.0.2.9", 15443)]),
    "host name": (service(ingress=[{"hostname": "lb.example"}]), [("lb.example", 15443)]),
    "IP before host name": (service(ingress=[{"ip": "192.0.2.9", "hostname": "lb.example"}]), [("192.0.2.9", 15443)]),
    "several": (
        service(ingress=[{"ip": "192.0.2.9"}, {"hostname": "lb.example"}, {}]),
        [("192.0.2.9", 15443), ("lb.example", 15443)],
    ),
    "external IPs of a load balancer without an answer": (service(external=["192.0.2.7"]), [("192.0.2.7", 15443)]),
    "external IPs beside the load balancer": (
        service(ingress=[{"ip": "192.0.2.9"}], external=["192.0.2.7"]),
        [("192.0.2.7", 15443), ("192.0.2.9", 15443)],
    ),
    "external IPs of a ClusterIP": (service("ClusterIP", external=["192.0.2.7"]), [("192.0.2.7", 15443)]),
    "external IPs of a NodePort": (service("NodePort", external=["192.0.2.7"]), [("192.0.2.7", 15443)]),
    "external IPs of an annotated NodePort": (
        service("NodePort", external=["192.0.2.7"], annotations=ALL_NODES),
        [("192.0.2.7", 30443)],
    ),
    "another port": (
        service(
            ingress=[{"ip": "192.0.2.9"}],
            ports=[{"port": 443}],
            labels={"networking.istio.io/gatewayPort": "443"},
        ),
        [("192.0.2.9", 443)],
    ),
    "a port label that is no number": (
        service(ingress=[{"ip": "192.0.2.9"}], labels={"networking.istio.io/gatewayPort": "tls"}),
        [("192.0.2.9", 15443)],
    ),
    "all nodes": (service("NodePort", annotations=ALL_NODES), [("192.0.2.1", 30443), ("192.0.2.2", 30443)]),
    "selected nodes": (service("NodePort", annotations=EDGE_NODES), [("192.0.2.1", 30443)]),
    "a selector that is no JSON selects all nodes": (
        service("NodePort", annotations={"traffic.istio.io/nodeSelector": "role=edge"}),
        [("192.0.2.1", 30443), ("192.0.2.2", 30443)],
    ),
}


@pytest.mark.parametrize(("gateway", "addresses"), FOUND.values(), ids=list(FOUND))
def test_addresses_are_those_that_istiod_finds(gateway: dict[str, Any], addresses: list[tuple[str, int]]) -> None:
    resolution = resolve(gateway, NODES)
    assert list(resolution.addresses) == addresses
    assert resolution


NOT_FOUND = {
    "no Service": (None, "does not exist", True),
    "waiting": (service(), "has no address yet", True),
    "an empty answer": (service(ingress=[{}]), "has no address yet", True),
    "no network": (
        service(ingress=[{"ip": "192.0.2.9"}], labels={"topology.istio.io/network": ""}),
        "no label topology.istio.io/network",
        False,
    ),
    "no such port": (
        service(ingress=[{"ip": "192.0.2.9"}], ports=[{"port": 443}]),
        "does not listen on port 15443, but on 443",
        False,
    ),
    "NodePort without annotation": (service("NodePort"), "without annotation traffic.istio.io/nodeSelector", False),
    "NodePort without a port yet": (
        service("NodePort", annotations=ALL_NODES, ports=[{"port": 15443}]),
        "node port is not allocated",
        True,
    ),
    "no node selected": (
        service("NodePort", annotations={"traffic.istio.io/nodeSelector": '{"role": "none"}'}),
        "no node matches traffic.istio.io/nodeSelector (role=none)",
        False,
    ),
    "nodes without external addresses": (
        service("NodePort", annotations={"traffic.istio.io/nodeSelector": '{"only": "internal"}'}),
        "none of the 1 nodes with only=internal has an address of type ExternalIP",
        False,
    ),
    "ClusterIP": (service("ClusterIP"), "type ClusterIP and has no external IP", False),
}


@pytest.mark.parametrize(("gateway", "reason", "pending"), NOT_FOUND.values(), ids=list(NOT_FOUND))
def test_without_an_address_it_says_why_and_what_to_do(
    gateway: dict[str, Any] | None, reason: str, pending: bool
) -> None:
    resolution = resolve(gateway, [*NODES, node("d", ("InternalIP", "10.0.0.4"), only="internal")])
    assert not resolution
    assert reason in resolution.reason
    assert resolution.remedy
    assert resolution.pending is pending


def status_of(manager: str, *ingress: dict[str, str]) -> dict[str, Any]:
    """A Service whose load balancer's status somebody wrote."""
    written = service(ingress=list(ingress))
    written["metadata"]["managedFields"] = [
        {"manager": "helm", "fieldsV1": {"f:spec": {}}},
        {"manager": manager, "subresource": "status", "fieldsV1": {"f:status": {"f:loadBalancer": {"f:ingress": {}}}}},
    ]
    return written


OLD, NEW, IP = {"hostname": "old.example.com"}, {"hostname": "new.example.com"}, {"ip": "192.0.2.9"}
PUBLISHED = {
    "nothing wanted, nothing there": (service(), [], None),
    "the first name": (service(), ["new.example.com"], [NEW]),
    "another name": (status_of("us", OLD), ["new.example.com"], [NEW]),
    "there already": (status_of("us", NEW), ["new.example.com"], None),
    "there already, by another": (status_of("somebody", NEW), ["new.example.com"], None),
    "not wanted any more": (status_of("us", OLD), [], []),
    "a load balancer's own": (status_of("cloud", IP), [], None),
    "wanted and gone": (status_of("us"), ["new.example.com"], [NEW]),
}


@pytest.mark.parametrize(("gateway", "wanted", "ingress"), PUBLISHED.values(), ids=list(PUBLISHED))
def test_host_names_are_published_and_taken_back_where_they_are_ours(
    gateway: dict[str, Any], wanted: list[str], ingress: list[dict[str, str]] | None
) -> None:
    assert make_hostname_ingress(gateway, wanted, "us") == ingress


def test_the_address_of_a_load_balancer_is_not_written_over() -> None:
    with pytest.raises(Occupied, match=r"192\.0\.2\.9"):
        make_hostname_ingress(status_of("cloud", IP), ["new.example.com"], "us")


def test_only_named_hosts_are_exposed() -> None:
    gateway = make_cross_network_gateway(["b.demo.svc.cluster.local", "a.demo.svc.cluster.local"], namespace="mesh")
    assert gateway["metadata"] == {"name": "cross-network-gateway", "namespace": "mesh"}
    assert gateway["spec"] == {
        "selector": {"istio": "eastwestgateway"},
        "servers": [
            {
                "port": {"number": 15443, "name": "tls", "protocol": "TLS"},
                "tls": {"mode": "AUTO_PASSTHROUGH"},
                "hosts": ["a.demo.svc.cluster.local", "b.demo.svc.cluster.local"],
            }
        ],
    }
    with pytest.raises(ValueError, match="at least one host"):
        make_cross_network_gateway([])
