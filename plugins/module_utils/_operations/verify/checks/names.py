# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``names``: each istiod knows its cluster and network by the names that the fleet has for them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts import ClusterFacts
from .check import Check, make_failed


def check(source: ClusterFacts, target: ClusterFacts, fleet: Mapping[str, ClusterFacts]) -> Check:
    """The first name that is wrong; ``fleet`` has the other clusters that a secret may lead to."""
    separate = source.network != target.network
    for facts in (target, source):
        problem = _check_own_names(facts, separate)
        if problem:
            return problem
    secret = source.secrets.get(target.name)
    if secret and secret.mismatch:
        return make_failed(
            "names",
            source,
            secret.mismatch,
            f"link {target.name} again so that the secret is made anew",
            object=f"Secret {secret.secret}",
        )
    if secret:
        other = next(
            (facts.name for facts in fleet.values() if facts is not target and _same_url(facts, secret.server)), None
        )
        if other:
            return make_failed(
                "names",
                source,
                f"the remote secret for {target.name} leads to {secret.server}, which is the API server of {other}",
                f"link {target.name} again so that the secret is made anew",
                object=f"Secret {secret.secret}",
            )
    return Check("names", "ok")


def _check_own_names(facts: ClusterFacts, separate: bool) -> Check | None:
    # Proxies of a remote get their names from the path of its webhook, and its istiod has those of its primary.
    for istiod in () if facts.control_plane else facts.istiods:
        if istiod.cluster_id != facts.name:
            return make_failed(
                "names",
                facts,
                f"istiod has CLUSTER_ID {istiod.cluster_id or '(none)'}, the fleet and the remote secrets say "
                f"{facts.name}",
                f"set global.multiCluster.clusterName of the istiod chart to {facts.name}, or the cluster's name to "
                f"{istiod.cluster_id or 'its ID'}",
                object=f"Pod {facts.istio_namespace}/{istiod.pod}",
            )
        if istiod.network != facts.network and (istiod.network or separate):
            return make_failed(
                "names",
                facts,
                f"istiod injects proxies with network {istiod.network or '(none)'}, the fleet says {facts.network}",
                f"set global.network of the istiod chart to {facts.network}, or the cluster's network to what it says",
                object=f"Pod {facts.istio_namespace}/{istiod.pod}",
            )
    if facts.namespace_network != facts.network and (facts.namespace_network or separate):
        return make_failed(
            "names",
            facts,
            f"label topology.istio.io/network of namespace {facts.istio_namespace} is "
            f"{facts.namespace_network or 'missing'}, expected {facts.network}: istiod takes its pods' network from it",
            f"kubectl label namespace {facts.istio_namespace} topology.istio.io/network={facts.network} --overwrite",
            object=f"Namespace {facts.istio_namespace}",
        )
    return None


def _same_url(facts: ClusterFacts, server: str) -> bool:
    return bool(facts.api_server) and facts.api_server.rstrip("/") == server.rstrip("/")
