# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of hosts in Istio's routing objects, as istiod reads them (pilot/pkg/model/config.go ResolveShortnameToFQDN).

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

DOMAIN = "cluster.local"
"""The DNS domain of a cluster, where the mesh does not say another."""


class ServiceName(NamedTuple):
    """``reviews`` in ``shop``, of ``reviews.shop.svc.cluster.local``."""

    name: str
    namespace: str


def full_name(host: str, namespace: str, domain: str = DOMAIN) -> str:
    """The host that istiod reads in an object of ``namespace``: only a name without any dot is short for a service."""
    if not host or host == "*" or "." in host or ":" in host:
        return host
    return f"{host}.{namespace}.svc.{domain}"


def service_of(host: str, namespace: str) -> ServiceName | None:
    """The Kubernetes service that a host means; None where it is no service's name."""
    parts = full_name(host, namespace).split(".")
    if len(parts) < 4 or parts[2] != "svc" or parts[0].startswith("*"):
        return None
    return ServiceName(parts[0], parts[1])


def covers(pattern: str, host: str) -> bool:
    """Whether a full name or wildcard (``*``, ``*.shop.svc.cluster.local``) covers a full name."""
    return host.endswith(pattern[1:]) if pattern.startswith("*") else pattern == host
