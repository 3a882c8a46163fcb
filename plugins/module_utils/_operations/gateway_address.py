# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``gateway_address``: where each cluster's east-west gateway is reached, waited for in all its forms.

Host names that somebody gives are published first: istiod reads them in the status of a Service of type LoadBalancer
and nowhere else, and resolves them itself, again when they expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._cluster import FLEET_ARGUMENT_SPEC
from .._findings import MeshError
from .._fleet import Member, findings_of
from .._gateway_address import wait_for_address
from .._istio import names
from .._istio.gateways import Occupied, Resolution, make_hostname_ingress
from .._istio.wanted_gateway import Refused, read_addresses
from .._kube.errors import Conflict, KubeError
from .._kube.kinds import SERVICE
from .._ownership import FIELD_MANAGER
from .finding_kinds import GATEWAY_ADDRESS_MISSING
from .operation import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "name": {"type": "str", "default": names.EAST_WEST_GATEWAY},
    "namespace": {"type": "str"},
    "hostnames": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "float", "default": 300.0},
}


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Wait on all clusters at once. Raises MeshError that says why a gateway has no address, and what gives it one."""
    hostnames = _read_hostnames(parameters["hostnames"])
    fleet = fleet_of(parameters, context)

    def on_cluster(member: Member) -> tuple[Resolution, Published | None]:
        namespace = parameters["namespace"] or member.cluster.istio_namespace
        published = publish(member, namespace, parameters["name"], hostnames, context)
        # In check mode it is not waited for: the gateway may be one of this run.
        timeout = None if context.check_mode else parameters["timeout"]
        found = wait_for_address(member.client, namespace, parameters["name"], timeout, context.progress)
        return found, published

    outcomes = fleet.each(on_cluster, deadline=parameters["timeout"] + 3 * parameters["request_timeout"])
    clusters: dict[str, Any] = {}
    diff = []
    for name, outcome in outcomes.items():
        found, published = outcome.value or (Resolution(), None)
        addresses = [{"address": address, "port": port} for address, port in found.addresses]
        clusters[name] = {"addresses": addresses, "changed": published is not None}
        if published:
            diff.append({"before_header": name, "after_header": name, **published})
    result = {"changed": bool(diff), "clusters": clusters, "diff": diff}
    failures = findings_of(outcomes, GATEWAY_ADDRESS_MISSING)
    if failures:
        raise MeshError("Not every east-west gateway has an address.", failures, result)
    return result


_LOOKS = 3
Published = dict[str, str]
"""Addresses in the status of the load balancer, one a line, ``before`` and ``after``."""


def publish(member: Member, namespace: str, name: str, hostnames: Sequence[str], context: Context) -> Published | None:
    """Write the names into the Service's status, or take ours away where none is wanted. None: nothing was to be done.

    Raises KubeError where the status is a load balancer's, or the Service is of another type.
    """
    for _again in range(_LOOKS - 1):
        try:
            return _publish(member, namespace, name, hostnames, context)
        except Conflict:
            # Somebody, as a load balancer, wrote since we looked; that is judged anew.
            continue
    return _publish(member, namespace, name, hostnames, context)


def _publish(member: Member, namespace: str, name: str, hostnames: Sequence[str], context: Context) -> Published | None:
    service = member.client.find(SERVICE, name, namespace)
    if service is None:
        return None
    where = f"Service {namespace}/{name}"
    if hostnames and service["spec"].get("type") != "LoadBalancer":
        raise KubeError(
            member.name,
            f"{where} is of type {service['spec'].get('type')}, and istiod finds a host name ({hostnames[0]}) only in "
            "the status of one of type LoadBalancer",
            reason="gateway-hostname",
            remedy="make it one of type LoadBalancer, or give IP addresses",
        )
    try:
        ingress = make_hostname_ingress(service, hostnames, FIELD_MANAGER)
    except Occupied as occupied:
        raise KubeError(
            member.name,
            f"{where} has address {occupied} of a load balancer already, so {', '.join(hostnames)} cannot stand there",
            reason="gateway-hostname",
            remedy="leave these names out; or, where that load balancer is not wanted, "
            "set service.loadBalancerClass of the gateway's chart to a class that nobody serves",
        ) from None
    if ingress is None:
        return None
    present = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or []
    if not context.check_mode:
        member.client.patch(
            SERVICE,
            name,
            namespace,
            {
                "metadata": {"resourceVersion": service["metadata"]["resourceVersion"]},
                "status": {"loadBalancer": {"ingress": ingress}},
            },
            subresource="status",
            field_manager=FIELD_MANAGER,
        )
    return {"before": _lines(present), "after": _lines(ingress)}


def _lines(ingress: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"{entry.get('ip') or entry.get('hostname')}\n" for entry in ingress)


def _read_hostnames(given: Sequence[str]) -> tuple[str, ...]:
    try:
        addresses = read_addresses(given, "hostnames")
    except Refused as refused:
        raise MeshError(f"{refused}: {refused.remedy}.") from None
    if addresses.ips:
        raise MeshError(f"{', '.join(addresses.ips)}: IP addresses belong into externalIPs of the gateway's Service.")
    return addresses.hostnames
