# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check ``gateway``: the gateway of the target is ready, and the source knows where it is. Pure."""

from __future__ import annotations

from ...._istio.debug import NetworkGateway
from ..facts import ClusterFacts, GatewayService, IstiodAnswers
from .check import REJECTED, Check, describe_rejection, list_rejections, make_failed


def check(source: ClusterFacts, target: ClusterFacts) -> Check:
    """The first thing that is wrong with the gateway of the target, or with what the source knows of it."""
    if source.network == target.network:
        return Check("gateway", "skipped", f"both are on network {target.network}: pods are reached directly")
    if not target.gateways:
        return make_failed(
            "gateway",
            target,
            f"no gateway for network {target.network}: no Service has label topology.istio.io/network={target.network}",
            "install one (role eastwest_gateway)",
        )
    for gateway in target.gateways:
        problem = _find_gateway_problem(target, gateway)
        if problem:
            return problem
    for istiod in source.istiods:
        known = [
            each
            for each in istiod.gateways
            if each.network == target.network and each.cluster_id in ("", target.name) and each.port
        ]
        problem = _find_unknown_gateway(source, target, istiod, known)
        if problem:
            return problem
    return Check("gateway", "ok")


def _find_gateway_problem(target: ClusterFacts, gateway: GatewayService) -> Check | None:
    where = f"Service {gateway.name}"
    namespace = gateway.name.partition("/")[0]
    if not gateway.ready_pods:
        return make_failed(
            "gateway",
            target,
            f"gateway {gateway.name} has no ready pod" + (f" of {len(gateway.pods)}" if gateway.pods else ""),
            f"see kubectl -n {namespace} describe pods -l "
            + ",".join(f"{key}={value}" for key, value in sorted(gateway.selector.items())),
            object=where,
            eventual=True,
        )
    rejection = next((each for each in list_rejections(target.istiods) if each.proxy in gateway.pods), None)
    if rejection:
        return make_failed("gateway", target, describe_rejection(rejection), REJECTED, object=where, eventual=True)
    if not gateway.addresses and gateway.reason:
        return make_failed(
            "gateway",
            target,
            f"gateway {gateway.name} has no address: {gateway.reason}",
            gateway.remedy,
            object=where,
            eventual=True,
        )
    return None


def _find_unknown_gateway(
    source: ClusterFacts, target: ClusterFacts, istiod: IstiodAnswers, known: list[NetworkGateway]
) -> Check | None:
    pod = f"Pod {source.istio_namespace}/{istiod.pod}"
    addresses = {address for gateway in target.gateways for address in gateway.addresses}
    expected = ", ".join(f"{host}:{port}" for host, port in sorted(addresses))
    # A host name is resolved by istiod, so what it knows then is an IP that the Service does not say.
    named = sorted({host for host, _port in addresses if not _is_ip(host)})
    if not known and named and len(named) == len({host for host, _port in addresses}):
        return make_failed(
            "gateway",
            source,
            f"istiod knows no gateway for network {target.network}: the one of {target.name} is at the host name "
            f"{expected}, which istiod has to resolve itself",
            f"see that {', '.join(named)} resolves in pods of {source.name} (istiod's log says 'could not resolve "
            f"hostname'), that RESOLVE_HOSTNAME_GATEWAYS of istiod is not false, and that istiod reads {target.name}",
            object=pod,
            eventual=True,
        )
    if not known:
        return make_failed(
            "gateway",
            source,
            f"istiod knows no gateway for network {target.network}; the one of {target.name} is at {expected}",
            f"see that istiod reads {target.name} (check synced) and that its Service carries the network's label",
            object=pod,
            eventual=True,
        )
    if not named and not {(each.address, each.port) for each in known} & addresses:
        return make_failed(
            "gateway",
            source,
            f"istiod takes {', '.join(f'{each.address}:{each.port}' for each in known)} for the gateway of "
            f"{target.name}, but its Service is at {expected}",
            f"see meshNetworks of {source.name}, and whether istiod still reads {target.name}",
            object=pod,
            eventual=True,
        )
    return None


def _is_ip(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()
