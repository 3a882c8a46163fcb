# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``endpoints``: proxies of the source hold endpoints of the target that can be reached. Pure."""

from __future__ import annotations

from ...._istio.debug import Host
from ..facts import ClusterFacts, Traffic
from .check import REJECTED, Check, describe_rejection, list_rejections, make_failed


def check(source: ClusterFacts, target: ClusterFacts, seen: Traffic) -> Check:
    """The first thing that is wrong with what proxies and istiods of the source hold of the target."""
    rejection = next((each for each in list_rejections(source.istiods) if each.proxy in seen.proxies), None)
    if rejection:
        return make_failed(
            "endpoints",
            source,
            describe_rejection(rejection),
            REJECTED,
            object=f"proxy {rejection.proxy}",
            eventual=True,
        )
    stray = _find_stray_addresses(source, target, seen.endpoints)
    if stray:
        proxy = ", ".join(seen.proxies) or (source.sample.proxy if source.sample else "")
        return make_failed(
            "endpoints",
            source,
            f"a proxy holds {stray[0]}, a pod's own address on network {target.network}, which cannot be reached "
            f"from {source.network}",
            f"see that istiod knows the gateway of {target.network} and that the network labels are right",
            object=f"proxy {proxy}",
            eventual=True,
        )
    if seen.endpoints is None:
        return _check_contributed(source, target)
    where = f"proxy {', '.join(seen.proxies)}"
    if not seen.endpoints:
        deaf = next((istiod for istiod in source.istiods if target.name not in istiod.probe_shards), None)
        if deaf:
            secret = source.secrets.get(target.name)
            return make_failed(
                "endpoints",
                source,
                f"istiod has not heard of the workload in {target.name}, although it says 'synced'",
                f"see that pods of {source.name} reach {(secret and secret.server) or 'its API server'} now, and that "
                "the workload has a ready pod",
                object=f"Pod {source.istio_namespace}/{deaf.pod}",
                eventual=True,
            )
        return make_failed(
            "endpoints",
            source,
            f"the probe's proxy holds no endpoint of {target.name}",
            f"see that pods of {target.name} are injected: without a sidecar they are left out across networks; "
            "'exportTo', 'clusterLocal' or a Sidecar object may hide them too",
            object=where,
            eventual=True,
        )
    unusable = [host for host in seen.endpoints if not host.usable]
    if len(unusable) == len(seen.endpoints):
        return make_failed(
            "endpoints",
            source,
            f"the probe's proxy takes all endpoints of {target.name} for unhealthy: "
            + ", ".join(f"{host.address}:{host.port}" for host in unusable),
            f"see whether {target.name}'s gateway and pods are ready",
            object=where,
            eventual=True,
        )
    return Check("endpoints", "ok", ", ".join(f"{host.address}:{host.port}" for host in seen.endpoints))


def _find_stray_addresses(source: ClusterFacts, target: ClusterFacts, hosts: tuple[Host, ...] | None) -> list[str]:
    """Raw pod addresses of another network. Networks may use the same addresses, so one's own are not counted."""
    if source.network == target.network:
        return []
    known = {host.address for host in hosts or ()} | (source.sample.addresses if source.sample else frozenset())
    return sorted(known & (target.pod_addresses - source.pod_addresses))


def _check_contributed(source: ClusterFacts, target: ClusterFacts) -> Check:
    """Without a probe: does istiod hold endpoints of the target for any service (its own is always one)?"""
    for istiod in source.istiods:
        if target.name not in istiod.shards:
            return make_failed(
                "endpoints",
                source,
                f"istiod holds no endpoint of {target.name} for any service",
                f"see its log; a restart helps where {target.name} is synced nevertheless",
                object=f"Pod {source.istio_namespace}/{istiod.pod}",
                eventual=True,
            )
    if not source.istiods:
        return Check("endpoints", "skipped", "no istiod is ready")
    return Check("endpoints", "ok", "as istiod knows them, no proxy of a probe was asked")


def check_unlinked(source: ClusterFacts, target: ClusterFacts, seen: Traffic) -> Check:
    """What the source holds of a target that it shall not be linked to."""
    contributes = any(target.name in istiod.shards for istiod in source.istiods)
    if seen.endpoints or contributes:
        what = ", ".join(f"{host.address}:{host.port}" for host in seen.endpoints or ()) or "endpoints"
        return make_failed(
            "endpoints",
            source,
            f"{source.name} holds {what} of {target.name}, but shall not be linked to it",
            f"restart istiod: kubectl -n {source.istio_namespace} rollout restart deployment -l app=istiod",
            eventual=True,
        )
    return Check("endpoints", "ok", "none, as wanted")
