# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxies of a remote cluster are served by: the istiods and the configuration of its primary. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .facts import ClusterFacts, GatewayService


def serve_remotes(fleet: Mapping[str, ClusterFacts]) -> dict[str, ClusterFacts]:
    """Each remote as its workloads see the mesh: what its own API server has not, as that of its primary has it."""
    return {name: _serve(facts, fleet.get(facts.control_plane)) for name, facts in fleet.items()}


def list_gateways(fleet: Mapping[str, ClusterFacts], primary: str) -> list[GatewayService]:
    """The gateways that Gateway objects of this cluster configure: its own, and those of its remotes."""
    return [
        gateway
        for facts in fleet.values()
        if primary in (facts.name, facts.control_plane)
        for gateway in facts.gateways
    ]


def _serve(facts: ClusterFacts, primary: ClusterFacts | None) -> ClusterFacts:
    if primary is None or facts.away:
        return facts
    if primary.away:
        # What its gateways expose is not known.
        return replace(facts, gateways=())
    exposed = tuple(sorted({host for gateway in primary.gateways for host in gateway.hosts}))
    return replace(
        facts,
        istiods=primary.istiods,
        istiods_not_ready=primary.istiods_not_ready,
        secrets=primary.secrets,
        root_secret=frozenset(),
        domain=primary.domain,
        istio_version=primary.istio_version,
        gateways=tuple(replace(gateway, hosts=exposed) for gateway in facts.gateways),
    )
