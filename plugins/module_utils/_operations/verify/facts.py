# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify knows about each cluster. Plain values: they hold no key, no token and no kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..._istio.debug import SYNCED, Host, NetworkGateway


@dataclass(frozen=True)
class ProxyRejection:
    """A proxy that refused what istiod sent it (NACK), with Envoy's own reason."""

    proxy: str
    """``pod.namespace``"""
    resource: str
    """Last part of the type URL, e.g. ``Listener``."""
    reason: str


@dataclass(frozen=True)
class IstiodAnswers:
    """One ready istiod, and what its debug port says."""

    pod: str
    revision: str
    cluster_id: str
    """Environment variable CLUSTER_ID."""
    network: str = ""
    """``global.network`` of the values that it injects with."""
    clusters: Mapping[str, str] = field(default_factory=dict)
    """/debug/clusterz: remote cluster ID -> synced, syncing, timeout or closed."""
    gateways: tuple[NetworkGateway, ...] = ()
    """/debug/networkz."""
    shards: frozenset[str] = frozenset()
    """Clusters that contribute endpoints to any service, from /debug/endpointShardz."""
    probe_shards: frozenset[str] = frozenset()
    """Clusters that contribute endpoints to the probe's Service."""
    rejections: tuple[ProxyRejection, ...] = ()
    """/debug/syncz, where a proxy's last answer was an error."""
    error: str = ""
    """Why the debug port gave nothing; what would come from it is then empty."""


@dataclass(frozen=True)
class RemoteSecret:
    """What a cluster's remote secrets say about one other cluster."""

    secret: str
    """``namespace/name``"""
    server: str = ""
    refused: str = ""
    """istiod's reason not to take it; empty where it does."""
    mismatch: str = ""
    """A name in the secret that contradicts its data key, in words; empty where all agree."""
    made_for: str = ""
    """UID of namespace kube-system of the cluster that it was made for; empty where it does not say."""
    authority: bytes = b""
    """The CA in it, PEM; empty where it has none."""
    cause: str = ""
    """Why it does not work, from trying it here; empty where it was not tried, or works from here."""


@dataclass(frozen=True)
class GatewayService:
    """An east-west gateway's Service, its pods, and what they expose to other networks."""

    name: str
    """``namespace/name``"""
    addresses: tuple[tuple[str, int], ...] = ()
    """Where other networks reach it: IP address or host name, and port."""
    reason: str = ""
    """Why there is no address, and ``remedy`` what to do about it."""
    remedy: str = ""
    ready_pods: int = 0
    pods: tuple[str, ...] = ()
    """``pod.namespace`` of each, as istiod calls proxies."""
    hosts: tuple[str, ...] = ()
    """Hosts of the AUTO_PASSTHROUGH servers that select its pods."""
    selector: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ProxySample:
    """One injected proxy and all upstream addresses that it holds."""

    proxy: str
    addresses: frozenset[str]


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster, read at one moment. Where ``away`` says why it could not be read, all else is empty."""

    name: str
    network: str
    """The network that the fleet says."""
    control_plane: str = ""
    """The cluster whose istiod controls this one, where that is another."""
    api_server: str = ""
    """The URL by which the other clusters reach its API server, where the fleet says so."""
    uid: str = ""
    """Of its namespace kube-system."""
    authority: bytes = b""
    """The CA that it publishes for its API server, PEM; empty where it does not."""
    istio_namespace: str = "istio-system"
    away: str = ""
    away_remedy: str = ""
    domain: str = "cluster.local"
    istio_version: str = ""
    """The tag of istiod's image, without its variant (``-distroless``)."""
    root_secret: frozenset[str] = frozenset()
    """sha256 fingerprints of the root certificates in ``cacerts``; empty where there is no such secret."""
    cacerts_unreadable: tuple[str, ...] = ()
    """Why istiod cannot read parts of ``cacerts``."""
    root_distributed: frozenset[str] = frozenset()
    """The same of what istiod hands out to proxies, config map istio-ca-root-cert."""
    root_serials: frozenset[int] = frozenset()
    """Serial numbers of these; Envoy says no fingerprints."""
    proxy_roots: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """``pod.namespace`` of the gateways' proxies and of an injected one -> serial numbers of the roots it trusts."""
    namespace_network: str = ""
    """Label topology.istio.io/network of Istio's namespace."""
    istiods: tuple[IstiodAnswers, ...] = ()
    """The ready ones, of every revision."""
    istiods_not_ready: tuple[str, ...] = ()
    secrets: Mapping[str, RemoteSecret] = field(default_factory=dict)
    """By the cluster ID that they are meant to register."""
    gateways: tuple[GatewayService, ...] = ()
    """Those that serve the cluster's own network."""
    pod_addresses: frozenset[str] = frozenset()
    """Addresses of running pods with a sidecar."""
    sample: ProxySample | None = None

    def reads(self, target: str) -> bool:
        """Whether every istiod says ``synced`` of ``target``."""
        return bool(self.istiods) and all(istiod.clusters.get(target) == SYNCED for istiod in self.istiods)


@dataclass(frozen=True)
class Answers:
    """What came of the requests from one cluster to one Service."""

    sent: int
    by_cluster: Mapping[str, int] = field(default_factory=dict)
    """Successful answers, by the cluster that gave them."""
    identities: frozenset[str] | None = frozenset()
    """SPIFFE identities of the client that the servers were shown (X-Forwarded-Client-Cert): mutual TLS. None where
    the servers do not say."""
    latencies: tuple[float, ...] = ()
    """Milliseconds of each successful answer."""
    failure: str = ""
    """What the first request that failed got: status and body, or the client's error."""

    @property
    def successes(self) -> int:
        return sum(self.by_cluster.values())


@dataclass(frozen=True)
class Traffic:
    """What a workload in one cluster (the source) sees of another (the target)."""

    endpoints: tuple[Host, ...] | None = None
    """Hosts for the target in the source's proxy; None where they were not read."""
    answers: Answers | None = None
    """Requests to the target; None where none were made."""
    proxies: tuple[str, ...] = ()
    """``pod.namespace`` of the source's proxies that were looked at."""
    why_none: str = ""
    """Why no request was made."""


@dataclass(frozen=True)
class Obstacle:
    """Why a cluster takes no part in requests: where, what and what to do."""

    cluster: str
    message: str
    remedy: str
    object: str = ""
    eventual: bool = False
    """Whether it may pass by itself."""
