# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How pods and the API server of a remote cluster reach the istiod of its primary: a Service without selector. Pure.

Istio's chart makes the same for one IP address (istio-control/istio-discovery, remote-istiod-service.yaml and
remote-istiod-endpointslices.yaml), and for a host name a Service of type ExternalName, by which no API server calls a
webhook. So a host name is resolved before it comes here.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from .._ownership import MANAGED_BY

XDS_PORT = 15012
WEBHOOK_PORT = 15017
_FAMILIES = {4: "IPv4", 6: "IPv6"}


@dataclass(frozen=True)
class IstiodAddresses:
    """IP addresses of the primary's gateway, and at which of its ports istiod answers proxies and API servers."""

    ips: Sequence[str]
    xds_port: int = XDS_PORT
    webhook_port: int = WEBHOOK_PORT


def service_name(revision: str) -> str:
    return f"istiod-{revision}" if revision else "istiod"


def make_service(namespace: str, revision: str = "") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service_name(revision), "namespace": namespace},
        "spec": {
            "ports": [
                {"name": "tcp-istiod", "port": XDS_PORT, "protocol": "TCP"},
                {"name": "tcp-webhook", "port": 443, "targetPort": WEBHOOK_PORT, "protocol": "TCP"},
            ]
        },
    }


def make_slices(namespace: str, addresses: IstiodAddresses, revision: str = "") -> list[dict[str, Any]]:
    """An EndpointSlice for each family of addresses, also for one that has none."""
    return [_make_slice(namespace, addresses, version, revision) for version in _FAMILIES]


def has_endpoints(manifest: dict[str, Any]) -> bool:
    return bool(manifest["endpoints"])


def _make_slice(namespace: str, addresses: IstiodAddresses, version: int, revision: str) -> dict[str, Any]:
    name = service_name(revision)
    ips = sorted({each for each in addresses.ips if ip_address(each).version == version})
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-{_FAMILIES[version].lower()}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": MANAGED_BY},
        },
        "addressType": _FAMILIES[version],
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in ips],
        "ports": [
            {"name": "tcp-istiod", "port": addresses.xds_port, "protocol": "TCP"},
            {"name": "tcp-webhook", "port": addresses.webhook_port, "protocol": "TCP"},
        ],
    }
