# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clusters there are: what the Secrets of a hub say, as its istiod understands them.

One reading for all faces of discovery: the lookup ``remote_clusters`` and the inventory plugin ``remote_secrets``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

from ._cluster import CREDENTIAL_OPTIONS, Cluster
from ._finding_kinds import CREDENTIALS_NOT_HANDED_ON, HUB_NAME_UNKNOWN, NETWORK_UNKNOWN, REMOTE_SECRET_EXPIRED
from ._findings import Finding, MeshError
from ._fleet import Fleet
from ._hub import HUB
from ._istio import istiod, names, remote_secret
from ._istio.remote_secret import Registrations, RemoteCluster
from ._istio.tokens import format_timestamp
from ._kube.client import Client
from ._kube.credentials import load_credentials, read_jwt_expiry, read_token_expiry
from ._kube.errors import Forbidden, KubeError
from ._kube.files import Decrypt
from ._kube.kinds import DEPLOYMENT, NAMESPACE, SECRET


@dataclass(frozen=True)
class Search:
    """Where clusters are looked for, and what is wanted of each. ``hub`` holds the options by which it is reached."""

    hub: Mapping[str, Any] = field(default_factory=dict, repr=False)
    namespace: str = names.SYSTEM_NAMESPACE
    label: str = remote_secret.ISTIO_LABEL
    local_cluster: str = ""
    """The hub's own cluster ID; empty: ask it."""
    include_hub: bool = True
    credentials: bool = False
    """Hand the credentials themselves on, and not where they are."""
    networks: bool = False
    """Ask each cluster for its network: a request to each."""
    timeout: float = 10.0
    """Seconds for one request."""

    @property
    def by_istiod(self) -> bool:
        """Whether these are the secrets that istiod reads, and not others with a label of their own."""
        return remote_secret.ISTIO_LABEL in self.label.split(",")

    @property
    def identity(self) -> dict[str, Any]:
        """What every element says beside its name: a mesh has its control planes in one and the same namespace."""
        elsewhere = self.by_istiod and self.namespace != names.SYSTEM_NAMESPACE
        return {"istio_namespace": self.namespace} if elsewhere else {}


@dataclass(frozen=True)
class DiscoveredCluster:
    """One cluster. ``cluster`` is an element for the option ``clusters`` of every module."""

    name: str
    usable: bool
    reason: str = ""
    """Why istiod does not take it, in istiod's words."""
    findings: tuple[Finding, ...] = ()
    secret: str = ""
    """``namespace/name``; empty for the hub itself."""
    server: str = ""
    network: str = ""
    """Empty where it was not asked for, or not known."""
    expires: str | None = None
    """When its token ends, RFC 3339; None where the token does not say so or there is none."""
    hub: bool = False
    cluster: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "findings": [each.as_dict() for each in self.findings], "cluster": {**self.cluster}}


@dataclass(frozen=True)
class Discovery:
    """The clusters, the hub first and the others by name; ``findings`` are those that belong to no cluster."""

    local_cluster: str
    clusters: tuple[DiscoveredCluster, ...]
    findings: tuple[Finding, ...] = ()


def discover(search: Search, environ: Mapping[str, str], decrypt: Decrypt | None = None) -> Discovery:
    """Two requests to the hub, one where its cluster ID is given. Raises KubeError where the hub cannot be read.

    Raises MeshError where what is asked for cannot be given: credentials that a reference cannot carry, a hub that is
    to be included and has no known name.
    """
    refuse_what_no_reference_carries(search)
    name = search.local_cluster or HUB
    credentials = load_credentials(search.hub, cluster=name, environ=environ, decrypt=decrypt)
    client = Client(name, credentials, timeout=search.timeout)
    try:
        secrets = client.list(SECRET, search.namespace, label_selector=search.label)
        local_cluster = search.local_cluster or _local_cluster(client, search.namespace)
        if search.include_hub and not local_cluster:
            raise _nameless(search)
        registrations = remote_secret.parse(
            secrets, cluster=local_cluster or HUB, namespace=search.namespace, by_istiod=search.by_istiod
        )
        hub = None
        if search.include_hub:
            hub = DiscoveredCluster(
                local_cluster,
                usable=True,
                server=client.credentials.server,
                expires=_moment(read_token_expiry(client.credentials)),
                hub=True,
                cluster={"name": local_cluster, **search.identity, **search.hub},
            )
        discovery = describe(registrations, search, local_cluster, hub, now=datetime.now(timezone.utc))
    finally:
        client.close()
    return _with_networks(discovery, search, environ, decrypt) if search.networks else discovery


def refuse_what_no_reference_carries(search: Search) -> None:
    """Tasks would come to the hub without what only these options know, and be refused without a reason. Pure."""
    if search.credentials:
        return
    given = [name for name in CREDENTIAL_OPTIONS if search.hub.get(name)]
    kubeconfig = search.hub.get("kubeconfig")
    if isinstance(kubeconfig, (Mapping, list)) or "\n" in str(kubeconfig or "") or str(kubeconfig or "")[:1] == "{":
        given.append("kubeconfig (its content)")
    if urlsplit(str(search.hub.get("proxy") or "")).password:
        given.append("proxy (its password)")
    if given:
        finding = Finding(
            search.local_cluster,
            CREDENTIALS_NOT_HANDED_ON,
            f"{', '.join(given)} cannot be handed on to tasks, which reach every other cluster by way of the hub",
            "give it by a kubeconfig file or an environment variable (K8S_AUTH_API_KEY), which tasks read too; or set "
            "credentials: true where the tokens of all clusters may be in variables",
        )
        raise MeshError("The clusters cannot be handed on by reference.", [finding])


def describe(
    registrations: Registrations, search: Search, local_cluster: str, hub: DiscoveredCluster | None, *, now: datetime
) -> Discovery:
    """One entry for each cluster ID, with all that was found of it. Pure."""
    found: dict[str, DiscoveredCluster] = {}
    for remote in registrations.clusters:
        expiry = read_jwt_expiry(remote.token)
        found[remote.cluster_id] = DiscoveredCluster(
            remote.cluster_id,
            usable=True,
            findings=(*remote.findings, *_expired(remote, expiry, now)),
            secret=remote.secret,
            server=remote.server,
            expires=_moment(expiry),
            cluster=_element(remote.cluster_id, remote.secret, search, local_cluster, remote),
        )
    if hub is not None and hub.name not in found:
        found[hub.name] = hub
    for ignored in registrations.ignored:
        known = found.get(ignored.cluster_id) or DiscoveredCluster(
            ignored.cluster_id,
            usable=False,
            reason=ignored.reason,
            secret=ignored.secret,
            cluster=_element(ignored.cluster_id, ignored.secret, search, local_cluster),
        )
        found[known.name] = replace(known, findings=(*known.findings, ignored.finding))
    told = {finding for each in found.values() for finding in each.findings}
    return Discovery(
        local_cluster,
        tuple(sorted(found.values(), key=lambda each: (not each.hub, each.name))),
        tuple(finding for finding in registrations.findings if finding not in told),
    )


def _element(
    name: str, secret: str, search: Search, local_cluster: str, remote: RemoteCluster | None = None
) -> dict[str, Any]:
    """How tasks reach a cluster, and how its peers do, which is what the secrets of an istiod are for.

    An unusable one keeps its reference, so that a task fails by its reason: without any way to it the task would take
    the default kubeconfig, and work on another cluster.
    """
    element: dict[str, Any] = {"name": name, **search.identity}
    if remote is not None and search.by_istiod:
        element["api_server"] = remote.server
    if remote is not None and search.credentials:
        return {**element, "kubeconfig": remote.document, "context": remote.context}
    hub = {option: value for option, value in search.hub.items() if option not in CREDENTIAL_OPTIONS}
    if local_cluster:
        hub["hub"] = local_cluster
    namespace, _separator, secret_name = secret.partition("/")
    return {**element, "remote_secret": {"namespace": namespace, "name": secret_name, "key": name, **hub}}


def _expired(remote: RemoteCluster, expiry: datetime | None, now: datetime) -> Iterable[Finding]:
    if expiry is not None and expiry <= now:
        yield Finding(
            remote.cluster_id,
            REMOTE_SECRET_EXPIRED,
            f"its token ended at {format_timestamp(expiry)}; the API server at {remote.server} refuses it",
            "link the cluster again so that it gets a new one",
            object=f"Secret {remote.secret}",
        )


def _local_cluster(client: Client, namespace: str) -> str:
    """What the istiod of the hub calls its cluster; empty where it has none, or we may not look, or they disagree."""
    try:
        deployments = client.list(DEPLOYMENT, namespace, label_selector=istiod.SELECTOR)
    except Forbidden:
        return ""
    ids = {istiod.cluster_id(deployment["spec"]["template"]["spec"]) for deployment in deployments} - {""}
    return ids.pop() if len(ids) == 1 else ""


def _nameless(search: Search) -> MeshError:
    finding = Finding(
        "",
        HUB_NAME_UNKNOWN,
        f"the cluster ID of the hub is not known: in {search.namespace} no Deployment of istiod says one CLUSTER_ID "
        "that we may read",
        "set local_cluster to the ID, or include_hub: false to leave the hub out",
    )
    return MeshError("The hub cannot be named.", [finding])


def _with_networks(
    discovery: Discovery, search: Search, environ: Mapping[str, str], decrypt: Decrypt | None
) -> Discovery:
    """The network label of the namespace of Istio on each usable cluster, all asked at the same time."""
    asked = [each for each in discovery.clusters if each.usable]
    clusters = {each.name: Cluster.from_parameters(each.cluster) for each in asked}
    fleet = Fleet(clusters, request_timeout=search.timeout, environ=environ, decrypt=decrypt)
    outcomes = fleet.each(
        lambda member: network_of(member.client, member.cluster.istio_namespace), deadline=2 * search.timeout
    )
    answered = []
    for each in discovery.clusters:
        outcome = outcomes.get(each.name)
        if outcome is None:
            answered.append(each)
        elif outcome.error is not None:
            answered.append(replace(each, findings=(*each.findings, _unasked(outcome.error))))
        else:
            network = outcome.get()
            cluster = {**each.cluster, "network": network} if network else each.cluster
            answered.append(replace(each, network=network, cluster=cluster))
    return replace(discovery, clusters=tuple(answered))


def network_of(client: Client, namespace: str) -> str:
    """The network that the namespace of Istio says; empty where it says none or is not there."""
    live = client.find(NAMESPACE, namespace) or {}
    return str(((live.get("metadata") or {}).get("labels") or {}).get(names.NETWORK_LABEL) or "")


def _unasked(error: KubeError) -> Finding:
    return Finding(
        error.cluster,
        NETWORK_UNKNOWN,
        f"its network is not known: {error.message}",
        error.remedy or "see whether its API server answers",
        "warning",
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else format_timestamp(moment)
