# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two names of an Istio cluster of endpoints: Envoy's cluster name and the SNI by which gateways route it.

``outbound|8080|v1|backend.shop.svc.cluster.local`` and ``outbound_.8080_.v1_.backend.shop.svc.cluster.local``
(pilot/pkg/model/service.go: BuildSubsetKey, BuildDNSSrvSubsetKey, ParseSubsetKey).

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from typing import NamedTuple

DIRECTIONS = ("outbound", "inbound")
_CLUSTER_SEPARATOR = "|"
_SNI_SEPARATOR = "_."


class SniDestination(NamedTuple):
    """What both names say. ``subset`` is empty where the destination is the whole service."""

    direction: str
    port: int
    subset: str
    host: str


def encode_cluster(destination: SniDestination) -> str:
    """Envoy's cluster name. ValueError for a destination that Istio could not read back."""
    return _encode(destination, _CLUSTER_SEPARATOR)


def encode_sni(destination: SniDestination) -> str:
    """The SNI. ValueError for a destination that Istio could not read back."""
    return _encode(destination, _SNI_SEPARATOR)


def decode_cluster(name: str) -> SniDestination:
    """The destination of an Envoy cluster name. ValueError for any other cluster (``BlackHoleCluster``, ...)."""
    return _decode(name, _CLUSTER_SEPARATOR)


def decode_sni(name: str) -> SniDestination:
    """The destination of an SNI. ValueError for any other server name."""
    return _decode(name, _SNI_SEPARATOR)


def _encode(destination: SniDestination, separator: str) -> str:
    name = separator.join([destination.direction, str(destination.port), destination.subset, destination.host])
    if _decode(name, separator) != destination:
        raise ValueError(f"{destination} cannot be written as a name: it would be read back as something else")
    return name


def _decode(name: str, separator: str) -> SniDestination:
    # Split from the left, as Istio does: what is left over belongs to the host, and a host has no separator.
    parts = name.split(separator, 3)
    example = separator.join(["outbound", "<port>", "<subset>", "<host>"])
    if len(parts) != 4 or separator in parts[3]:
        raise ValueError(f"{name!r} is not of the form {example!r}")
    direction, port, subset, host = parts
    if direction not in DIRECTIONS:
        raise ValueError(f"{name!r} has direction {direction!r}, expected one of {', '.join(DIRECTIONS)}")
    if not (port.isascii() and port.isdigit() and str(int(port)) == port and int(port) <= 65535):
        raise ValueError(f"{name!r} has port {port!r}, expected a number up to 65535")
    return SniDestination(direction, int(port), subset, host)
