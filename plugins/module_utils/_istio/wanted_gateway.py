# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an inventory says of a cluster's east-west gateway, read before anything is written. Pure.

As strict as those who read it later: the API server takes only some IP addresses as external IPs
(pkg/apis/core/validation, ValidateNonSpecialIP) and only lower-case DNS names in the status of a load balancer, and
istiod resolves a name without search domains (pilot/pkg/model/network.go).

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._values import truth, whole_number
from . import names

DEFAULT_NAME = "istio-eastwestgateway"
SERVICE_TYPES = ("LoadBalancer", "NodePort", "ClusterIP")
_OPTIONS = ("addresses", "port", "service_type", "node_selector", "enabled", "name", "exposed_hosts")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_EXPOSED = re.compile(rf"((\*|\.|{_LABEL.pattern})/)?(\*|(\*|{_LABEL.pattern})(\.{_LABEL.pattern})+)")
"""A host of a Gateway: ``[NAMESPACE/]NAME``, where the name may begin with a wildcard for a whole label."""


class Refused(ValueError):
    """Something that an inventory says cannot be so; ``remedy`` says what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Addresses:
    """IPs become external IPs of the gateway's Service, host names stand in the status of its load balancer."""

    ips: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ips or self.hostnames)


@dataclass(frozen=True)
class WantedGateway:
    enabled: bool = True
    addresses: Addresses = Addresses()
    service_type: str = SERVICE_TYPES[0]
    port: int = names.CROSS_NETWORK_PORT
    node_selector: Mapping[str, str] = field(default_factory=dict)
    exposed_hosts: tuple[str, ...] = ()


def variables_of_host(variables: Mapping[str, Any]) -> dict[str, Any]:
    """What a host says of its gateway, as it says it: option -> value, without what it does not say.

    On a network that all clusters share a gateway is made only where it is asked for.
    """
    said = {name: variables[f"eastwest_gateway_{name}"] for name in _OPTIONS if f"eastwest_gateway_{name}" in variables}
    return {"enabled": not variables.get("cluster_shared_network"), **said}


def name_of(options: Mapping[str, Any] | None) -> str:
    """The name of the gateway's release and objects; empty where there is to be none, or where that cannot be read."""
    try:
        wanted = options is not None and _read_enabled(options.get("enabled", True))
    except Refused:
        return ""
    return str(options.get("name") or DEFAULT_NAME) if wanted and options is not None else ""


def read(options: Mapping[str, Any]) -> WantedGateway:
    """From :func:`variables_of_host`. Refused, naming the option, for what cannot be."""
    if not _read_enabled(options.get("enabled", True)):
        return WantedGateway(enabled=False)
    kind = options.get("service_type") or SERVICE_TYPES[0]
    if kind not in SERVICE_TYPES:
        raise Refused(
            f"service_type is {kind!r}, and {', '.join(SERVICE_TYPES[:-1])} or {SERVICE_TYPES[-1]} was expected",
            "write one of them, in this spelling",
        )
    wanted = WantedGateway(
        addresses=read_addresses(options.get("addresses")),
        service_type=kind,
        port=_read_port(options.get("port", names.CROSS_NETWORK_PORT)),
        node_selector=_read_selector(options.get("node_selector")),
        exposed_hosts=_read_exposed_hosts(options.get("exposed_hosts")),
    )
    if wanted.addresses.hostnames and kind != "LoadBalancer":
        raise Refused(
            f"addresses has the host name {wanted.addresses.hostnames[0]}, and service_type is "
            f"{kind}: istiod finds host names only in the status of a Service of type LoadBalancer",
            "leave service_type at LoadBalancer, or give IP addresses",
        )
    if kind == "ClusterIP" and not wanted.addresses:
        raise Refused(
            "service_type is ClusterIP and addresses is empty, so no other network reaches it",
            "give in addresses where it is reached, or choose LoadBalancer or NodePort",
        )
    return wanted


def read_addresses(value: Any, option: str = "addresses") -> Addresses:
    """A list, or text with commas as surveys and ``-e`` give it. Refused names all that are no address."""
    value = _read_list(value, option)
    ips: list[str] = []
    hostnames: list[str] = []
    problems: list[str] = []
    for element in value:
        try:
            text = str(element) if isinstance(element, str) else repr(element)
            found = _read_ip(text) if isinstance(element, str) else ""
            (ips if found else hostnames).append(found or _read_hostname(text))
        except ValueError as error:
            problems.append(f"{text!r}, {error}")
    if problems:
        raise Refused(
            f"{option} has {'; '.join(problems)}",
            "write IP addresses or full host names alone, as 192.0.2.10 or gateway.example.com",
        )
    return Addresses(tuple(dict.fromkeys(ips)), tuple(dict.fromkeys(hostnames)))


def _read_list(value: Any, option: str) -> Sequence[Any]:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",")] if value.strip() else []
    if value is None:
        return []
    if not isinstance(value, Sequence):
        raise Refused(f"{option} is {value!r}, and a list was expected", "write a list")
    return value


def _read_exposed_hosts(value: Any) -> tuple[str, ...]:
    """As istiod's webhook takes them, which is there only after the control plane is."""
    hosts = _read_list(value, "exposed_hosts")
    wrong = [repr(str(each)) for each in hosts if not isinstance(each, str) or not _EXPOSED.fullmatch(each)]
    if wrong:
        raise Refused(
            f"exposed_hosts has {', '.join(wrong)}, and names of Services were expected",
            "write SERVICE.NAMESPACE.svc.cluster.local, *.NAMESPACE.svc.cluster.local, or *.local for every Service",
        )
    return tuple(map(str, hosts))


def _read_ip(text: str) -> str:
    """The address as Kubernetes writes it; empty where the text is none. ValueError for one that it refuses."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and (address.scope_id or address.ipv4_mapped):
        raise ValueError("which is no IPv6 address that others could dial")
    for kind in ("unspecified", "loopback", "link_local", "multicast"):
        if getattr(address, f"is_{kind}"):
            raise ValueError(f"which is {kind.replace('_', '-')}, and no other cluster reaches that")
    return str(address)


def _read_hostname(text: str) -> str:
    """In lower case and without the final dot, as Kubernetes wants it. ValueError for what is no full host name."""
    if "://" in text or "/" in text:
        raise ValueError("which is a URL or a range of addresses")
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        raise ValueError("which has a port in it (that goes into the option port)")
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(map(_LABEL.fullmatch, labels)) or labels[-1].isdigit():
        raise ValueError("which is neither an IP address nor a host name")
    if len(labels) == 1:
        raise ValueError("a name without a domain, and istiod resolves names without search domains")
    return name


def _read_enabled(value: Any) -> bool:
    try:
        return truth(value, "enabled")
    except ValueError as error:
        raise Refused(str(error), "write true or false") from None


def _read_port(value: Any) -> int:
    try:
        port = whole_number(value, "port")
    except ValueError as error:
        raise Refused(str(error), "write a port number") from None
    if not 1 <= port <= 65535:
        raise Refused(f"port is {port}, and 1 to 65535 was expected", "write a port number")
    return port


def _read_selector(value: Any) -> dict[str, str]:
    """istiod takes a selector that it cannot read for one of all nodes, so that must not come to it."""
    value = value or {}
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for pair in value.items() for each in pair):
        raise Refused(
            f"node_selector is {value!r}, and a mapping of text to text was expected (istiod would take all nodes)",
            "write labels of nodes with quoted values, as role: 'edge'",
        )
    return {str(key): str(each) for key, each in value.items()}
