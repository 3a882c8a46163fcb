# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to hold before anything is written. Pure: judges snapshots of clusters that preflight took.

A check takes the whole fleet's snapshots and returns findings, so that a person sees all of them at once.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from ... import _identity
from ..._cluster import Cluster
from ..._finding_kinds import CLUSTER_ID_DIFFERS, PERMISSION_MISSING
from ..._findings import Finding
from ..._helm import leftovers as left
from ..._helm.leftovers import Leftover
from ..._identity import UNNAMED, Claim, ClusterIdentity
from ..._istio.names import NETWORK_LABEL, is_dns_label
from ..._istio.remote_secret import is_loopback
from ..finding_kinds import (
    API_SERVER_LOOPBACK,
    API_SERVER_URL,
    CLUSTER_NAME_INVALID,
    CREDENTIALS_EXPIRE_SOON,
    CREDENTIALS_NOT_FOR_HELM,
    ISTIO_OF_ANOTHER,
    ISTIO_OPERATOR,
    ISTIO_SKEW,
    ISTIOD_OF_A_REMOTE,
    KUBERNETES_TOO_OLD,
    NETWORK_LABEL_DIFFERS,
    POD_CIDR_OVERLAP,
    WIPE,
)

MINIMUM_KUBERNETES = (1, 29)
"""Server-side field validation and bound service account tokens, on which everything here relies, are stable there."""
MAXIMUM_ISTIO_SKEW = 1
"""Minor versions between control planes of one mesh (istio.io, "Supported releases", control plane skew)."""


MINUTES_OF_A_RUN = 30


@dataclass(frozen=True)
class IstiodDeployment:
    """One Deployment of istiod: ``version`` is its image's tag, ``release`` the Helm release that it is of ("": none).

    Somebody may have made it again from the release's manifest, and so without the marks by which Helm knows it.
    """

    name: str
    revision: str
    version: str
    cluster_id: str
    release: str


@dataclass(frozen=True)
class Snapshot:
    """What preflight read from one cluster; ``server`` is the URL that this process uses."""

    cluster: Cluster
    server: str
    uid: str
    kubernetes: tuple[int, int]
    claim: Claim | None = None
    pod_cidrs: tuple[str, ...] = ()
    network_label: str = ""
    missing_permissions: tuple[str, ...] = ()
    istiods: tuple[IstiodDeployment, ...] = ()
    legacy_operators: tuple[str, ...] = ()
    istio_version: str = ""
    minutes_left: float | None = None
    """Until the token that these requests are made with expires; None where it does not say."""
    helm_refuses: tuple[str, str] = ("", "")
    """Why Helm cannot use these credentials, and what to do; empty where it can."""
    leftovers: tuple[Leftover, ...] = ()
    """What the charts will own and somebody else left."""
    gone: tuple[Leftover, ...] = ()
    """Webhooks of an istiod that is gone, which no chart will own."""
    choice: str = left.REFUSE
    """What is done with both (leftovers)."""
    nodes: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def identity(self) -> ClusterIdentity:
        namespace = self.cluster.istio_namespace
        return ClusterIdentity(
            cluster=self.name,
            namespace=namespace,
            server=self.server,
            uid=self.uid,
            claim=self.claim,
            cluster_ids={
                f"Deployment {namespace}/{istiod.name}": istiod.cluster_id
                for istiod in self.istiods
                if istiod.cluster_id
            },
        )

    @property
    def address_for_others(self) -> str:
        """The URL that the other clusters' istiods will dial."""
        return self.cluster.api_server or self.server


Check = Callable[[Mapping[str, Snapshot]], list[Finding]]


def name_is_a_dns_label(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """istioctl/pkg/multicluster/remote_secret.go refuses others, and the name becomes part of a Secret's name."""
    return [
        Finding(
            name,
            CLUSTER_NAME_INVALID,
            f"the cluster name {name!r} is not a DNS-1123 label (lower-case letters, digits, '-', 63 at most)",
            "set its name to such a label",
        )
        for name in fleet
        if not is_dns_label(name)
    ]


def clusters_are_what_they_are_said_to_be(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """As every operation that changes something finds it (operation.py)."""
    return _identity.judge(snapshot.identity for snapshot in fleet.values())


def kubernetes_is_new_enough(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    return [
        Finding(
            snapshot.name,
            KUBERNETES_TOO_OLD,
            f"its Kubernetes is {_write_version(snapshot.kubernetes)}, and at least "
            f"{_write_version(MINIMUM_KUBERNETES)} is needed",
            "upgrade the cluster",
        )
        for snapshot in fleet.values()
        if snapshot.kubernetes < MINIMUM_KUBERNETES
    ]


def permissions_suffice(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    return [
        Finding(
            snapshot.name,
            PERMISSION_MISSING,
            f"these credentials may not: {', '.join(snapshot.missing_permissions)}",
            "use credentials with these rights, or grant them (cluster-admin holds them all)",
        )
        for snapshot in fleet.values()
        if snapshot.missing_permissions
    ]


def helm_reaches_it_too(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """Helm gets the same credentials in a kubeconfig, which cannot say all that our client can do."""
    return [
        Finding(snapshot.name, CREDENTIALS_NOT_FOR_HELM, *snapshot.helm_refuses)
        for snapshot in fleet.values()
        if snapshot.helm_refuses[0]
    ]


def credentials_last(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """A run that loses its credentials in the middle leaves work for the next one."""
    return [
        Finding(
            snapshot.name,
            CREDENTIALS_EXPIRE_SOON,
            f"the token of these credentials expires in {snapshot.minutes_left:.0f} minutes",
            "get a new one before a run that may last longer",
            severity="warning",
        )
        for snapshot in fleet.values()
        if snapshot.minutes_left is not None and snapshot.minutes_left < MINUTES_OF_A_RUN
    ]


def api_server_is_reachable_from_the_others(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """A loopback address in a remote secret is istiod's own pod (istioctl warns of the same)."""
    if len(fleet) < 2:
        return []
    return [
        Finding(
            snapshot.name,
            API_SERVER_LOOPBACK,
            f"the other clusters would dial its API server at {snapshot.address_for_others}, their own loopback",
            "set api_server to the https URL by which pods of the other clusters reach it",
        )
        for snapshot in fleet.values()
        if is_loopback(snapshot.address_for_others)
    ]


def api_server_url_is_usable(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    return [
        Finding(
            snapshot.name,
            API_SERVER_URL,
            f"api_server is {snapshot.cluster.api_server!r}, and an https URL with a host was expected",
            "write it as https://HOST:PORT",
        )
        for snapshot in fleet.values()
        if snapshot.cluster.api_server
        and (
            urlsplit(snapshot.cluster.api_server).scheme != "https"
            or not urlsplit(snapshot.cluster.api_server).hostname
        )
    ]


def pod_ranges_are_apart(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """On one network every pod address must be unique; across networks gateways stand between."""
    by_network: dict[str, list[Snapshot]] = defaultdict(list)
    for snapshot in fleet.values():
        by_network[snapshot.cluster.network].append(snapshot)
    return [
        Finding(
            second.name,
            POD_CIDR_OVERLAP,
            f"its pod CIDR {second_range} overlaps with {first_range} of {first.name}, both on network {network!r}",
            f"give {second.name} a network of its own, or another pod CIDR",
        )
        for network, snapshots in by_network.items()
        for first, second in combinations(snapshots, 2)
        for first_range in first.pod_cidrs
        for second_range in second.pod_cidrs
        if _overlap(first_range, second_range)
    ]


def network_label_agrees(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """istiod believes the namespace's label before anything that a chart says."""
    return [
        Finding(
            snapshot.name,
            NETWORK_LABEL_DIFFERS,
            f"label {NETWORK_LABEL} is {snapshot.network_label!r}, and the inventory says {snapshot.cluster.network!r}",
            f"set network to {snapshot.network_label!r}, or remove the label if the network has really changed",
            object=f"Namespace {snapshot.cluster.istio_namespace}",
        )
        for snapshot in fleet.values()
        if snapshot.network_label and snapshot.network_label != snapshot.cluster.network
    ]


def istio_is_ours(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """An istiod that is of no Helm release belongs to somebody, and one without a name to no mesh."""
    findings = []
    for snapshot in fleet.values():
        for istiod in snapshot.istiods:
            where = f"Deployment {snapshot.cluster.istio_namespace}/{istiod.name}"
            if not istiod.release and snapshot.choice == left.ADOPT:
                continue
            if not istiod.release:
                findings.append(
                    Finding(
                        snapshot.name,
                        ISTIO_OF_ANOTHER,
                        f"Istio {istiod.version} is installed already, and not by Helm",
                        "to take it over set leftovers to adopt, which gives its objects Helm's marks and the "
                        f"charts' content; to be rid of it use the tool that installed it, or {WIPE}",
                        object=where,
                    )
                )
            elif istiod.cluster_id == UNNAMED != snapshot.name:
                findings.append(
                    Finding(
                        snapshot.name,
                        CLUSTER_ID_DIFFERS,
                        f"istiod runs with CLUSTER_ID {istiod.cluster_id!r}, which is that of a cluster without a name",
                        f"give it value global.multiCluster.clusterName={snapshot.name} by helm upgrade, as it was "
                        "installed, and restart its workloads",
                        object=where,
                    )
                )
    return findings


def remotes_have_no_istiod(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """Charts of a remote would take an istiod away that serves the cluster's pods, and leave its links behind."""
    return [
        Finding(
            snapshot.name,
            ISTIOD_OF_A_REMOTE,
            f"it has an istiod ({snapshot.istiods[0].name}), and the inventory says that it is a remote of "
            f"{snapshot.cluster.control_plane}",
            f"set control_plane of {snapshot.name} to self; where it is to become a remote, its istiod goes first: "
            f"{WIPE}",
            object=f"Deployment {snapshot.cluster.istio_namespace}/{snapshot.istiods[0].name}",
        )
        for snapshot in fleet.values()
        if snapshot.cluster.is_remote and snapshot.istiods
    ]


def istio_versions_are_close(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """Of what runs and what is asked for."""
    versions = {
        snapshot.name: {
            version
            for text in (snapshot.istio_version, *(istiod.version for istiod in snapshot.istiods))
            if (version := minor_version(text)) is not None
        }
        for snapshot in fleet.values()
    }
    return [
        Finding(
            second,
            ISTIO_SKEW,
            f"its Istio {_write_version(theirs)} is too far from {_write_version(ours)} of {first} "
            f"({MAXIMUM_ISTIO_SKEW} minor version apart is supported)",
            "upgrade the older one first, one minor version at a time",
        )
        for (first, first_versions), (second, second_versions) in combinations(versions.items(), 2)
        for ours in sorted(first_versions)
        for theirs in sorted(second_versions)
        if ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > MAXIMUM_ISTIO_SKEW
    ]


def no_legacy_operator(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """IstioOperator is deprecated, and an operator that still runs would undo what we write."""
    return [
        Finding(
            snapshot.name,
            ISTIO_OPERATOR,
            f"IstioOperator objects are left: {', '.join(snapshot.legacy_operators)}",
            "move spec.values of each to the values of the istiod chart (spec.components.pilot.k8s.env becomes env, "
            "spec.meshConfig becomes meshConfig); then delete these objects with kubectl: where their operator still "
            "runs, that deletes the Istio which it made from them",
            object="IstioOperator",
        )
        for snapshot in fleet.values()
        if snapshot.legacy_operators
    ]


def nothing_is_left_in_the_way(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """Helm installs nothing where an object is there without its marks, and a webhook that nobody answers refuses all
    that it is asked about."""
    return [
        finding
        for snapshot in fleet.values()
        for finding in (
            *left.report_leftovers(snapshot.name, snapshot.leftovers, snapshot.choice),
            *left.report_leftovers(snapshot.name, snapshot.gone, snapshot.choice, owned=False),
        )
    ]


CHECKS: tuple[Check, ...] = (
    name_is_a_dns_label,
    clusters_are_what_they_are_said_to_be,
    kubernetes_is_new_enough,
    permissions_suffice,
    helm_reaches_it_too,
    credentials_last,
    api_server_url_is_usable,
    api_server_is_reachable_from_the_others,
    pod_ranges_are_apart,
    network_label_agrees,
    remotes_have_no_istiod,
    istio_is_ours,
    istio_versions_are_close,
    no_legacy_operator,
    nothing_is_left_in_the_way,
)


def judge(fleet: Mapping[str, Snapshot]) -> list[Finding]:
    """All findings of all clusters, in the order of the checks."""
    return [finding for check in CHECKS for finding in check(fleet)]


def minor_version(text: str) -> tuple[int, int] | None:
    """``(1, 31)`` of ``1.31.0``, ``v1.31.2-distroless`` or ``1.31-alpha.abc``; None of anything else."""
    parts = text.removeprefix("v").split("-")[0].split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        return None
    return int(parts[0]), int(parts[1])


def _overlap(first: str, second: str) -> bool:
    one, other = ipaddress.ip_network(first, strict=False), ipaddress.ip_network(second, strict=False)
    return one.version == other.version and one.overlaps(other)


def _write_version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
