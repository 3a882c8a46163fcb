# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verb ``gateway_address``: where each cluster's east-west gateway is reached, waited for in all its forms."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._cluster import FLEET_ARGUMENT_SPEC
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Member, findings_of
from ansible_collections.onemesh.istio.plugins.module_utils._istio import names
from ansible_collections.onemesh.istio.plugins.module_utils._istio.gateways import Resolution, resolve
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError, WaitTimeout
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import NODE, SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._kube.watch import Event
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.verb import Context, fleet_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    "name": {"type": "str", "default": names.EAST_WEST_GATEWAY},
    "namespace": {"type": "str"},
    "timeout": {"type": "float", "default": 300.0},
}


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Wait on all clusters at once. Raises MeshError that says why a gateway has no address, and what gives it one."""
    fleet = fleet_of(parameters, context)

    def on_cluster(member: Member) -> Resolution:
        namespace = parameters["namespace"] or member.cluster.istio_namespace
        return wait_for_address(member, namespace, parameters["name"], parameters["timeout"], context)

    outcomes = fleet.each(on_cluster, deadline=parameters["timeout"] + 3 * parameters["request_timeout"])
    clusters = {
        name: {
            "addresses": [
                {"address": address, "port": port}
                for address, port in (outcome.value.addresses if outcome.value else ())
            ]
        }
        for name, outcome in outcomes.items()
    }
    result = {"changed": False, "clusters": clusters}
    failures = findings_of(outcomes, "no-gateway-address")
    if failures:
        raise MeshError("Not every east-west gateway has an address.", failures, result)
    return result


def wait_for_address(member: Member, namespace: str, name: str, timeout: float, context: Context) -> Resolution:
    """The address of one gateway. In check mode it is not waited for: the gateway may be one of this run."""
    client = member.client
    began = time.monotonic()
    shown = ""

    def resolution(service: Mapping[str, Any] | None) -> Resolution:
        nodes = client.list(NODE) if service and service["spec"].get("type") == "NodePort" else ()
        return resolve(service, nodes)

    def on_event(event: Event) -> None:
        nonlocal shown
        found = resolution(event.object)
        if not found and found.reason != shown:
            shown = found.reason
            waited = time.monotonic() - began
            context.progress(f"{member.name}: gateway {namespace}/{name}: {found.reason} (for {waited:.0f} s)")

    def settled(service: Mapping[str, Any]) -> bool:
        found = resolution(service)
        return bool(found) or not found.pending

    if context.check_mode:
        return resolution(client.find(SERVICE, name, namespace))
    try:
        last: Mapping[str, Any] | None = client.wait_for(
            SERVICE, name, namespace, settled, timeout=timeout, on_event=on_event
        )
    except WaitTimeout as late:
        last = late.last
    found = resolution(last)
    if not found:
        waited = time.monotonic() - began
        raise KubeError(
            member.name,
            f"gateway {namespace}/{name} has no address after {waited:.0f} s: {found.reason}",
            reason="no-gateway-address",
            remedy=found.remedy,
        )
    return found
