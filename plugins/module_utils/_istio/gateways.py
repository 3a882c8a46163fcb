# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""East-west gateways: the address that the other networks reach, as istiod finds it, and what a gateway exposes.

istiod: pilot/pkg/serviceregistry/kube/conversion.go (ConvertService), controller/network.go (getGatewayDetails,
extractGatewaysInner, updateServiceNodePortAddresses) and controller/controller.go (onNodeEvent). So what is resolved
here from a Service is what ``/debug/networkz`` of the other clusters will show.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import names

Addresses = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Resolution:
    """Where a gateway is reached: pairs of address (IP or host name) and port, sorted; or why that is not known.

    ``pending`` says whether waiting may help (a load balancer that has not answered) or something has to be changed.
    """

    addresses: Addresses = ()
    reason: str = ""
    remedy: str = ""
    pending: bool = False

    def __bool__(self) -> bool:
        return bool(self.addresses)


def resolve(
    service: Mapping[str, Any] | None, nodes: Iterable[Mapping[str, Any]] = (), port: int | None = None
) -> Resolution:
    """The addresses of the gateway behind ``service``. ``nodes`` matter for type NodePort only.

    ``port`` is that of its Service; by default the one for traffic of other networks.
    """
    if service is None:
        return Resolution(reason="its Service does not exist", remedy="install the gateway", pending=True)
    labels = service["metadata"].get("labels") or {}
    if not labels.get(names.NETWORK_LABEL):
        return Resolution(
            reason=f"its Service has no label {names.NETWORK_LABEL}, so istiod takes it for no gateway of a network",
            remedy="set networkGateway in the values of the gateway chart",
        )
    port = find_gateway_port(service) if port is None else port
    ports = {entry["port"]: entry for entry in service["spec"].get("ports", ())}
    if port not in ports:
        return Resolution(
            reason=f"its Service does not listen on port {port}, but on {', '.join(map(str, sorted(ports))) or 'none'}",
            remedy=f"add port {port}, or name the right one in label {names.GATEWAY_PORT_LABEL}",
        )
    external = tuple((address, port) for address in service["spec"].get("externalIPs") or ())
    kind = service["spec"].get("type", "ClusterIP")
    if kind == "LoadBalancer":
        return _resolve_load_balancer(service, port, external)
    # istiod maps ports of a NodePort Service with the annotation to node ports, external IPs' included.
    if kind == "NodePort" and names.NODE_SELECTOR_ANNOTATION in (service["metadata"].get("annotations") or {}):
        node_port = ports[port].get("nodePort", 0)
        if external:
            return _make_resolution((address, node_port) for address, _port in external)
        return _resolve_node_port(service, nodes, node_port)
    if external:
        return _make_resolution(external)
    if kind == "NodePort":
        return Resolution(
            reason=f"its Service is of type NodePort without annotation {names.NODE_SELECTOR_ANNOTATION}, "
            "so istiod does not use the nodes' addresses",
            remedy=f"annotate it, for example with {names.NODE_SELECTOR_ANNOTATION}: '{{}}' for all nodes, "
            "or give the address and port yourself",
        )
    return Resolution(
        reason=f"its Service is of type {kind} and has no external IP",
        remedy="make it a LoadBalancer or NodePort, set externalIPs, or give the address and port yourself",
    )


def find_gateway_port(service: Mapping[str, Any]) -> int:
    """The port for traffic of other networks: 15443, or what the label says where that is a number."""
    label = (service["metadata"].get("labels") or {}).get(names.GATEWAY_PORT_LABEL, "")
    return int(label) if label.isascii() and label.isdigit() else names.CROSS_NETWORK_PORT


def _resolve_load_balancer(service: Mapping[str, Any], port: int, external: Addresses) -> Resolution:
    ingress = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or ()
    addresses = [entry.get("ip") or entry.get("hostname") for entry in ingress]
    found = [(address, port) for address in addresses if address]
    if found or external:
        return _make_resolution([*found, *external])
    return Resolution(
        reason="its load balancer has no address yet",
        remedy="check that the cluster has a load balancer controller (kubectl describe service shows its events); "
        "without one use NodePort, externalIPs, or give the address and port yourself",
        pending=True,
    )


def _resolve_node_port(service: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]], node_port: int) -> Resolution:
    if not node_port:
        return Resolution(reason="its node port is not allocated yet", remedy="wait for the API server", pending=True)
    return resolve_nodes(_node_selector(service), nodes, node_port)


def resolve_nodes(selector: Mapping[str, str], nodes: Iterable[Mapping[str, Any]], node_port: int) -> Resolution:
    """The external addresses of the nodes that have these labels. Nobody gives a node one because a gateway waits."""
    selected = [node for node in nodes if selector.items() <= (node["metadata"].get("labels") or {}).items()]
    addresses = [address for address in map(_external_ip, selected) if address]
    if addresses:
        return _make_resolution((address, node_port) for address in addresses)
    wanted = ", ".join(f"{key}={value}" for key, value in sorted(selector.items())) or "any label"
    if not selected:
        return Resolution(
            reason=f"no node matches {names.NODE_SELECTOR_ANNOTATION} ({wanted})",
            remedy="label a node so, or correct the selector (node_selector)",
        )
    return Resolution(
        reason=f"none of the {len(selected)} nodes with {wanted} has an address of type ExternalIP, "
        "the only type that istiod uses",
        remedy="give the addresses at which other networks reach these nodes yourself (addresses)",
    )


def _node_selector(service: Mapping[str, Any]) -> dict[str, str]:
    # istiod takes an unreadable annotation for an empty selector: all nodes.
    text = service["metadata"]["annotations"][names.NODE_SELECTOR_ANNOTATION]
    try:
        selector = json.loads(text or "{}")
    except ValueError:
        return {}
    readable = isinstance(selector, dict) and all(isinstance(value, str) for value in selector.values())
    return selector if readable else {}


def _external_ip(node: Mapping[str, Any]) -> str:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return next((entry["address"] for entry in addresses if entry["type"] == "ExternalIP" and entry["address"]), "")


def _make_resolution(addresses: Iterable[tuple[str, int]]) -> Resolution:
    return Resolution(tuple(sorted(set(addresses))))


def make_hostname_ingress(
    service: Mapping[str, Any], hostnames: Sequence[str], manager: str
) -> list[dict[str, str]] | None:
    """What the status of the gateway's load balancer is to say so that other networks use ``hostnames``.

    None where nothing is to be written. What ``manager`` wrote there earlier goes when no name is wanted any more.
    Occupied where the status is somebody else's, as that of a load balancer is which the cluster made.
    """
    present = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or []
    wanted = [{"hostname": hostname} for hostname in hostnames]
    if present == wanted:
        return None
    if present and not _status_is_of(service, manager):
        if not wanted:
            return None
        raise Occupied(", ".join(entry.get("ip") or entry.get("hostname") or "nothing" for entry in present))
    return wanted


class Occupied(Exception):
    """The status of the load balancer says another address, str() of this, and somebody else wrote it."""


def _status_is_of(service: Mapping[str, Any], manager: str) -> bool:
    return any(
        entry.get("manager") == manager
        and entry.get("subresource") == "status"
        and "f:loadBalancer" in ((entry.get("fieldsV1") or {}).get("f:status") or {})
        for entry in service["metadata"].get("managedFields") or ()
    )


def make_cross_network_gateway(
    hosts: Sequence[str],
    *,
    namespace: str = names.SYSTEM_NAMESPACE,
    selector: Mapping[str, str] | None = None,
    port: int = names.CROSS_NETWORK_PORT,
) -> dict[str, Any]:
    """The Gateway that lets the other networks reach ``hosts`` (samples/multicluster/expose-services.yaml).

    Hosts are said one by one: ``*.local`` exposes every service and only comes from whoever says so.
    ValueError for an empty list, which Istio refuses.
    """
    if not hosts:
        raise ValueError("a Gateway needs at least one host to expose")
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": names.CROSS_NETWORK_GATEWAY, "namespace": namespace},
        "spec": {
            "selector": dict(selector or names.EAST_WEST_SELECTOR),
            "servers": [
                {
                    "port": {"number": port, "name": "tls", "protocol": "TLS"},
                    "tls": {"mode": "AUTO_PASSTHROUGH"},
                    "hosts": sorted(set(hosts)),
                }
            ],
        },
    }
