# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``endpoint_sync``: remote clusters reach the istiod of their primary where its gateway is now.

Primaries are asked first, all at once; then all remotes are written, all at once. Where the gateway of a primary has no
address, its remotes stay as they are.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from .._apply import apply_object, remove_object
from .._cluster import FLEET_ARGUMENT_SPEC, MESH_ARGUMENT_SPEC
from .._deployment_model import DeploymentModel
from .._findings import MeshError
from .._fleet import Member, findings_of
from .._gateway_address import wait_for_address
from .._istio import istiod, names, remote_istiod
from .._istio.remote_istiod import WEBHOOK_PORT, XDS_PORT, IstiodAddresses
from .._kube.errors import KubeError, NotFound
from .._kube.kinds import DEPLOYMENT, GATEWAY, SERVICE
from .._summary.hunks import Hunk, merge_hunks
from .._summary.summary import ClusterSummary, Summary
from .finding_kinds import GATEWAY_ADDRESS_MISSING, ISTIOD_OF_A_REMOTE, NOT_APPLIED, WIPE
from .operation import Context, mesh_of

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **MESH_ARGUMENT_SPEC,
    "revision": {"type": "str", "default": ""},
    "timeout": {"type": "float", "default": 300.0},
}

COMPONENT = "endpoint-sync"


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Write to the remotes among ``clusters``. Raises MeshError that names each that is not as it is to be.

    Result: ``clusters`` has for each remote its ``control_plane``, the ``addresses`` of its istiod and what was done.
    """
    fleet = mesh_of(parameters, context)
    model = DeploymentModel.of(member.cluster for member in fleet)
    acted = [each["name"] for each in parameters["clusters"]]
    remotes = [name for name in acted if model.is_remote(name)]
    found = fleet.each(
        lambda member: find_addresses(member, parameters, context),
        deadline=parameters["timeout"] + 4 * parameters["request_timeout"],
        only=dict.fromkeys(model.primaries[name] for name in remotes),
    )
    failures = findings_of(found, GATEWAY_ADDRESS_MISSING)

    def on_remote(member: Member) -> list[dict[str, Any]]:
        return write(member, found[model.primaries[member.name]].get(), parameters["revision"], context)

    able = [name for name in remotes if found[model.primaries[name]].error is None]
    outcomes = fleet.each(on_remote, deadline=6 * parameters["request_timeout"], only=able)
    failures += findings_of(outcomes, NOT_APPLIED)
    changes = {name: outcome.value or [] for name, outcome in outcomes.items()}
    result = {
        "changed": any(change["action"] != "unchanged" for each in changes.values() for change in each),
        "clusters": {
            name: {
                "control_plane": model.primaries[name],
                "addresses": list(found[model.primaries[name]].get().ips),
                "changes": {change["object"]: change["action"] for change in each},
            }
            for name, each in changes.items()
        },
        "diff": merge_hunks(
            [
                Hunk(name, change["object"], change["before"], change["after"])
                for name, each in changes.items()
                for change in each
                if change["action"] != "unchanged"
            ]
        ),
    }
    if failures:
        raise MeshError("Not every remote cluster reaches the istiod of its primary.", failures, result)
    return result


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    clusters = {name: _describe(part) for name, part in result.get("clusters", {}).items()}
    return Summary("endpoint_sync", "" if clusters else "no remote cluster", foretold=foretold, clusters=clusters)


def find_addresses(member: Member, parameters: Mapping[str, Any], context: Context) -> IstiodAddresses:
    """Where istiod is reached through the gateway of a primary. Raises KubeError where it has no address."""
    services = member.client.list(SERVICE, label_selector=f"{names.NETWORK_LABEL}={member.cluster.network}")
    gateway = next((each["metadata"] for each in services if XDS_PORT in ports_of_service(each)), None)
    exposed = {port for live in _list_gateways(member) for port in ports_of_gateway(live)}
    # In check mode the gateway may be one that the run makes.
    if context.check_mode and (gateway is None or XDS_PORT not in exposed):
        return IstiodAddresses(())
    if gateway is None or XDS_PORT not in exposed:
        what = (
            f"no Service with label {names.NETWORK_LABEL}={member.cluster.network} has port {XDS_PORT}"
            if gateway is None
            else f"no Gateway has a server at port {XDS_PORT}"
        )
        raise KubeError(
            member.name,
            f"{what}, by which remote clusters would reach its istiod",
            reason="no-gateway-address",
            remedy=f"run playbook onemesh.istio.site for {member.name} and its remotes together",
        )
    timeout = None if context.check_mode else parameters["timeout"]
    xds, webhook = (
        wait_for_address(member.client, gateway["namespace"], gateway["name"], timeout, context.progress, port=port)
        for port in (XDS_PORT, WEBHOOK_PORT)
    )
    if not (xds and webhook):
        return IstiodAddresses(())
    ips = [ip for address, _port in xds.addresses for ip in resolve_host(member.name, address)]
    return IstiodAddresses(sorted(set(ips)), xds.addresses[0][1], webhook.addresses[0][1])


def _list_gateways(member: Member) -> list[dict[str, Any]]:
    """None where Istio is not there yet."""
    try:
        return member.client.list(GATEWAY)
    except NotFound:
        return []


def ports_of_service(service: Mapping[str, Any]) -> set[int]:
    """Pure."""
    return {entry["port"] for entry in service["spec"].get("ports") or ()}


def ports_of_gateway(gateway: Mapping[str, Any]) -> set[int]:
    """Those at which its servers listen. Pure."""
    return {server["port"]["number"] for server in gateway["spec"].get("servers") or ()}


def resolve_host(cluster: str, address: str) -> list[str]:
    """The IP addresses of a host name, and of an IP address itself. Raises KubeError where there are none."""
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise KubeError(
            cluster,
            f"the host name {address} of its gateway is not resolved here: {error}",
            reason="gateway-hostname",
            remedy="give the gateway IP addresses at which the remote clusters reach it",
        ) from error
    return sorted({str(entry[4][0]) for entry in found})


def write(member: Member, addresses: IstiodAddresses, revision: str, context: Context) -> list[dict[str, Any]]:
    """The Service of istiod on a remote, and its slices. In check mode its gateway may be one that the run makes."""
    namespace, check_mode = member.cluster.istio_namespace, context.check_mode
    istiods = member.client.list(DEPLOYMENT, namespace, label_selector=istiod.SELECTOR)
    if istiods:
        raise KubeError(
            member.name,
            f"it has an istiod ({istiods[0]['metadata']['name']}), and the inventory says that it "
            f"is a remote of {member.cluster.control_plane}",
            reason=ISTIOD_OF_A_REMOTE.slug,
            remedy=f"set control_plane of {member.name} to self; where it is to become a remote, its istiod goes "
            f"first: {WIPE}",
        )

    def apply(manifest: dict[str, Any]) -> dict[str, Any]:
        return apply_object(member.client, manifest, component=COMPONENT, check_mode=check_mode)

    changes = [apply(remote_istiod.make_service(namespace, revision))]
    if not addresses.ips:
        return changes
    for manifest in remote_istiod.make_slices(namespace, addresses, revision):
        if remote_istiod.has_endpoints(manifest):
            changes.append(apply(manifest))
        else:
            changes.append(remove_object(member.client, manifest, check_mode=check_mode))
    return changes


def _describe(part: Mapping[str, Any]) -> ClusterSummary:
    def those(*actions: str) -> tuple[str, ...]:
        return tuple(name for name, action in part["changes"].items() if action in actions)

    addresses = ", ".join(part["addresses"]) or "not known before its gateway is there"
    return ClusterSummary(
        looked_at=len(part["changes"]),
        made=those("created"),
        changed=those("configured"),
        removed=those("deleted"),
        facts={"istiod": f"of {part['control_plane']}, at {addresses}"},
    )
