# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the east-west gateways that an inventory describes can have an address. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..._findings import Finding
from ..._istio import wanted_gateway
from ..._istio.gateways import resolve_nodes
from ..finding_kinds import GATEWAY_ADDRESS_REFUSED, GATEWAY_NODES_MISSING

Manifest = Mapping[str, Any]


def judge(wanted: Mapping[str, Mapping[str, Any]], nodes: Mapping[str, Sequence[Manifest]]) -> list[Finding]:
    """``wanted``: what each cluster's host says (variables_of_host). ``nodes``: those of each cluster that answers."""
    return [finding for name, options in wanted.items() for finding in _of_cluster(name, options, nodes.get(name))]


def _of_cluster(name: str, options: Mapping[str, Any], nodes: Sequence[Manifest] | None) -> list[Finding]:
    try:
        gateway = wanted_gateway.read(options)
    except wanted_gateway.Refused as refused:
        return [Finding(name, GATEWAY_ADDRESS_REFUSED, f"of its east-west gateway {refused}", refused.remedy)]
    if gateway.enabled and gateway.service_type == "NodePort" and not gateway.addresses and nodes is not None:
        resolution = resolve_nodes(gateway.node_selector, nodes, gateway.port)
        if not resolution:
            return [
                Finding(
                    name,
                    GATEWAY_NODES_MISSING,
                    f"its gateway would have no address: {resolution.reason}",
                    resolution.remedy,
                )
            ]
    return []
