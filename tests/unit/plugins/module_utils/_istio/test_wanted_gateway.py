# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory may say of a gateway: what becomes of it, or why it is refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.wanted_gateway import (
    Refused,
    read,
    read_addresses,
    variables_of_host,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight.gateways import judge

READ: list[tuple[Any, list[str], list[str]]] = [
    (None, [], []),
    ("", [], []),
    ([], [], []),
    (["192.0.2.10"], ["192.0.2.10"], []),
    ("192.0.2.10", ["192.0.2.10"], []),
    ("192.0.2.10, gw.example.com", ["192.0.2.10"], ["gw.example.com"]),
    (["gw.example.com", "192.0.2.10", "gw.example.com"], ["192.0.2.10"], ["gw.example.com"]),
    (["GW.Example.COM."], [], ["gw.example.com"]),
    (["a1b2-3.elb.eu-west-1.amazonaws.com"], [], ["a1b2-3.elb.eu-west-1.amazonaws.com"]),
    (["2001:DB8::0:1"], ["2001:db8::1"], []),
    (["192.0.2.10.nip.io"], [], ["192.0.2.10.nip.io"]),
]


@pytest.mark.parametrize(("given", "ips", "hostnames"), READ)
def test_addresses_are_ips_or_host_names(given: Any, ips: list[str], hostnames: list[str]) -> None:
    found = read_addresses(given)
    assert (list(found.ips), list(found.hostnames)) == (ips, hostnames)
    assert bool(found) is bool(ips or hostnames)


REFUSED: list[tuple[Any, str]] = [
    (["gateway"], "'gateway', a name without a domain"),
    (["localhost"], "'localhost', a name without a domain"),
    (["gw example.com"], "'gw example.com', which is neither an IP address nor a host name"),
    (["gw_1.example.com"], "neither an IP address nor a host name"),
    (["192.0.2"], "'192.0.2', which is neither"),
    (["192.0.2.300"], "'192.0.2.300', which is neither"),
    (["192.0.02.10"], "neither an IP address nor a host name"),
    (["-gw.example.com"], "neither an IP address nor a host name"),
    (["gw..example.com"], "neither an IP address nor a host name"),
    (["*.example.com"], "neither an IP address nor a host name"),
    (["x" * 64 + ".example.com"], "neither an IP address nor a host name"),
    (["192.0.2.10:15443"], "has a port in it (that goes into the option port)"),
    (["gw.example.com:443"], "has a port in it"),
    (["[2001:db8::1]:443"], "has a port in it"),
    (["https://gw.example.com"], "a URL or a range of addresses"),
    (["192.0.2.0/24"], "a URL or a range of addresses"),
    (["127.0.0.1"], "'127.0.0.1', which is loopback"),
    (["0.0.0.0"], "which is unspecified"),
    (["169.254.1.1"], "which is link-local"),
    (["224.0.0.1"], "which is multicast"),
    (["::ffff:192.0.2.1"], "no IPv6 address that others could dial"),
    (["fe80::1%eth0"], "no IPv6 address that others could dial"),
    ([""], "'', which is neither"),
    ([10.5], "'10.5', which is neither"),
    ({"ip": "192.0.2.1"}, "a list was expected"),
    (7, "a list was expected"),
    (
        ["192.0.2.10", "gw", "a b"],
        "'gw', a name without a domain, and istiod resolves names without search domains; 'a b', ",
    ),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_what_nobody_could_reach_is_refused_by_the_name_of_the_option(given: Any, words: str) -> None:
    with pytest.raises(Refused) as refused:
        read_addresses(given)
    assert words in str(refused.value)
    assert str(refused.value).startswith("addresses ")
    assert refused.value.remedy


def node(address: str = "", **labels: str) -> dict[str, Any]:
    addresses = [{"type": "InternalIP", "address": "10.0.0.1"}]
    addresses += [{"type": "ExternalIP", "address": address}] if address else []
    return {"metadata": {"labels": labels}, "status": {"addresses": addresses}}


NODES = [node("192.0.2.1", role="edge"), node(role="inner")]
HOSTS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing said": ({}, ""),
    "hosts in every form": (
        {"exposed_hosts": ["*.local", "*", "echo.shop.svc.cluster.local", "*.shop.svc.cluster.local", "shop/*.local"]},
        "",
    ),
    "hosts as text": ({"exposed_hosts": "*.shop.svc.cluster.local, echo.app.svc.cluster.local"}, ""),
    "hosts that are none": (
        {"exposed_hosts": ["echo", "*.shop.svc.cluster.local", "https://echo.shop", "a.*.local", 7]},
        "west: of its east-west gateway exposed_hosts has 'echo', 'https://echo.shop', 'a.*.local', '7', and names of "
        "Services were expected -> write SERVICE.NAMESPACE.svc.cluster.local, *.NAMESPACE.svc.cluster.local, or "
        "*.local for every Service",
    ),
    "a load balancer by name": ({"addresses": ["gw.example.com"]}, ""),
    "external IPs of any type": ({"addresses": ["192.0.2.1"], "service_type": "ClusterIP", "port": "8443"}, ""),
    "nodes with external addresses": ({"service_type": "NodePort"}, ""),
    "selected nodes": ({"service_type": "NodePort", "node_selector": {"role": "edge"}}, ""),
    "nodes without, and addresses": (
        {"service_type": "NodePort", "node_selector": {"role": "inner"}, "addresses": ["192.0.2.1"]},
        "",
    ),
    "no gateway": ({"enabled": "no", "service_type": "NodePort", "node_selector": {"role": "none"}}, ""),
    "no address": (
        {"addresses": "gw"},
        "west: of its east-west gateway addresses has 'gw', a name without a domain, and istiod resolves names without "
        "search domains -> write IP addresses or full host names alone, as 192.0.2.10 or gateway.example.com",
    ),
    "a host name for a node port": (
        {"addresses": ["gw.example.com"], "service_type": "NodePort"},
        "west: of its east-west gateway addresses has the host name gw.example.com, and service_type is NodePort: "
        "istiod finds host names only in the status of a Service of type LoadBalancer -> leave service_type at "
        "LoadBalancer, or give IP addresses",
    ),
    "nobody outside reaches it": (
        {"service_type": "ClusterIP"},
        "west: of its east-west gateway service_type is ClusterIP and addresses is empty, so no other network reaches "
        "it -> give in addresses where it is reached, or choose LoadBalancer or NodePort",
    ),
    "another spelling": (
        {"service_type": "loadbalancer"},
        "west: of its east-west gateway service_type is 'loadbalancer', and LoadBalancer, NodePort or ClusterIP was "
        "expected -> write one of them, in this spelling",
    ),
    "no port": (
        {"port": "tls"},
        "west: of its east-west gateway port is 'tls', and a number was expected -> write a port number",
    ),
    "a port too high": (
        {"port": 70000},
        "west: of its east-west gateway port is 70000, and 1 to 65535 was expected -> write a port number",
    ),
    "a selector that istiod could not read": (
        {"service_type": "NodePort", "node_selector": {"edge": True}},
        "west: of its east-west gateway node_selector is {'edge': True}, and a mapping of text to text was expected "
        "(istiod would take all nodes) -> write labels of nodes with quoted values, as role: 'edge'",
    ),
    "a truth that is none": (
        {"enabled": "perhaps"},
        "west: of its east-west gateway enabled is 'perhaps', and true or false was expected -> write true or false",
    ),
    "no such nodes": (
        {"service_type": "NodePort", "node_selector": {"role": "none"}},
        "west: its gateway would have no address: no node matches traffic.istio.io/nodeSelector (role=none) -> "
        "label a node so, or correct the selector (node_selector)",
    ),
    "nodes without external addresses": (
        {"service_type": "NodePort", "node_selector": {"role": "inner"}},
        "west: its gateway would have no address: none of the 1 nodes with role=inner has an address of type "
        "ExternalIP, the only type that istiod uses -> give the addresses at which other networks reach these nodes "
        "yourself (addresses)",
    ),
}


@pytest.mark.parametrize(("options", "finding"), HOSTS.values(), ids=list(HOSTS))
def test_a_gateway_is_judged_before_it_is_made(options: dict[str, Any], finding: str) -> None:
    assert [str(each) for each in judge({"west": options}, {"west": NODES})] == ([finding] if finding else [])


def test_of_a_cluster_that_does_not_answer_only_the_inventory_is_judged() -> None:
    assert judge({"west": {"service_type": "NodePort"}}, {}) == []
    assert len(judge({"west": {"addresses": "gw"}}, {})) == 1


def test_on_a_shared_network_a_gateway_is_made_where_it_is_asked_for() -> None:
    shared = {"cluster_shared_network": "flat", "eastwest_gateway_addresses": ["gw"]}
    assert not read(variables_of_host(shared)).enabled
    with pytest.raises(Refused):
        read(variables_of_host({**shared, "eastwest_gateway_enabled": True}))
