# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod's debug endpoints and Envoy's admin interface say, as small types.

istiod: pilot/pkg/xds/debug.go, pkg/cluster/debug.go, pilot/pkg/model (NetworkGateway, EndpointShards, IstioEndpoint).
Envoy: envoy.admin.v3 Clusters and Certificates, and the JSON of /stats. Every function takes the body of an answer
and raises UnexpectedAnswer when it is not what the endpoint gives.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

from .._times import moment_of
from . import sni

CLUSTERZ = "/debug/clusterz"
SYNCZ = "/debug/syncz"
NETWORKZ = "/debug/networkz"
ENDPOINT_SHARDZ = "/debug/endpointShardz"
CONFIGZ = "/debug/configz"
METRICS = "/metrics"
ENVOY_CLUSTERS = "/clusters?format=json"
ENVOY_CERTS = "/certs"

SYNCED = "synced"
"""The others are syncing, timeout and closed (pkg/kube/multicluster/cluster.go)."""

T = TypeVar("T")


class UnexpectedAnswer(ValueError):
    """The body is not what this endpoint gives; the text says which endpoint and what was found."""


@dataclass(frozen=True)
class RegisteredCluster:
    """One line of clusterz. istiod's own cluster comes first and has no secret."""

    cluster_id: str
    secret: str
    status: str

    @property
    def own(self) -> bool:
        return not self.secret

    @property
    def synced(self) -> bool:
        return self.status == SYNCED


def parse_clusterz(body: bytes) -> tuple[RegisteredCluster, ...]:
    """Which clusters this istiod reads. One that it refused to build is absent."""
    return _each(CLUSTERZ, body, lambda entry: RegisteredCluster(entry["id"], entry["secretName"], entry["syncStatus"]))


@dataclass(frozen=True)
class Resource:
    """What a proxy has of one type of resource. ``sent`` and ``acked`` are nonces."""

    sent: str
    acked: str
    sent_time: str
    last_error: str

    @property
    def acknowledged(self) -> bool:
        return self.sent == self.acked and not self.last_error

    @property
    def push(self) -> int:
        """The number of the push that was sent last."""
        return parse_push_number(self.sent[:-_NONCE_TAIL])


_NONCE_TAIL = 36
"""A nonce is the version of the push and, without anything between, a UUID (pilot/pkg/xds/discovery.go, nonce)."""


def parse_push_number(version: str) -> int:
    """N of a push's version ``2026-11-24T21:37:27Z/N``: istiod counts its pushes from 1 (NextVersion). 0 before."""
    number = version.rpartition("/")[2]
    return int(number) if number.isdecimal() else 0


@dataclass(frozen=True)
class ProxySync:
    """One proxy that is connected to this istiod. ``proxy`` is ``pod.namespace``, resources go by type URL."""

    proxy: str
    cluster_id: str
    kind: str
    istio_version: str
    resources: Mapping[str, Resource]

    @property
    def acknowledged(self) -> bool:
        return all(resource.acknowledged for resource in self.resources.values())


def parse_syncz(body: bytes) -> tuple[ProxySync, ...]:
    def proxy(entry: Mapping[str, Any]) -> ProxySync:
        return ProxySync(
            proxy=entry["proxy"],
            cluster_id=entry.get("cluster_id", ""),
            kind=entry.get("proxy_type", ""),
            istio_version=entry.get("istio_version", ""),
            resources={
                type_url: Resource(
                    sent=status.get("sent", ""),
                    acked=status.get("acked", ""),
                    sent_time=status.get("sentTime", ""),
                    last_error=status.get("lastError", ""),
                )
                for type_url, status in entry.get("resources", {}).items()
            },
        )

    return _each(SYNCZ, body, proxy)


def make_config_dump_path(proxy: str) -> str:
    """The path that gives what istiod would send to a proxy (``pod.namespace``)."""
    return f"/debug/config_dump?proxyID={quote(proxy, safe='')}"


def parse_dumped_push(body: bytes) -> int:
    """The number of the newest push that istiod has gone through for a proxy, from its ``config_dump``.

    It is the version of Proxy.LastPushContext (connectionConfigDump), which istiod sets for every proxy before it
    decides whether the push concerns it (pushConnectionDelta, computeProxyState); pushes of endpoints alone do not.
    """

    def number(document: Mapping[str, Any]) -> int:
        return max((parse_push_number(config.get("versionInfo", "")) for config in document["configs"]), default=0)

    return _read("/debug/config_dump", body, number)


@dataclass(frozen=True)
class StoredObject:
    """An object in istiod's store of configuration."""

    group: str
    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str


def parse_configz(body: bytes) -> tuple[StoredObject, ...]:
    """All that istiod has in its store, with what it made itself of Gateway API routes (those have no ``uid``)."""

    def stored(entry: Mapping[str, Any]) -> StoredObject:
        metadata = entry["metadata"]
        return StoredObject(
            group=entry["apiVersion"].rpartition("/")[0],
            kind=entry["kind"],
            namespace=metadata.get("namespace", ""),
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            generation=metadata.get("generation", 0),
            resource_version=metadata.get("resourceVersion", ""),
        )

    return _each(CONFIGZ, body, stored)


@dataclass(frozen=True)
class PushCounters:
    """What istiod counts of its pushes since it started.

    ``pushes`` is the number of the newest push whose content is ready (each makes one push context), ``updates`` the
    number of changes that asked for one, ``preparation`` the mean seconds that the content of a push took.
    """

    pushes: int
    updates: int
    preparation: float


def parse_push_counters(body: bytes) -> PushCounters:
    """From ``/metrics``; what istiod has not counted yet is not there, and is 0."""
    wanted = {
        "pilot_pushcontext_init_seconds_count": 0.0,
        "pilot_pushcontext_init_seconds_sum": 0.0,
        'pilot_inbound_updates{type="config"}': 0.0,
    }
    try:
        for line in body.decode().splitlines():
            name, _separator, value = line.rpartition(" ")
            if name in wanted:
                wanted[name] = float(value)
    except ValueError as error:
        raise UnexpectedAnswer(f"{METRICS} gave something else than metrics: {error}") from error
    count, total, updates = wanted.values()
    return PushCounters(int(count), int(updates), total / count if count else 0.0)


@dataclass(frozen=True)
class NetworkGateway:
    """An address by which istiod sends proxies to another network. A port of 0 means: not served."""

    network: str
    cluster_id: str
    address: str
    port: int
    hbone_port: int


def parse_networkz(body: bytes) -> tuple[NetworkGateway, ...]:
    return _each(
        NETWORKZ,
        body,
        lambda entry: NetworkGateway(
            entry["Network"], entry["Cluster"], entry["Addr"], entry["Port"], entry.get("HBONEPort", 0)
        ),
    )


@dataclass(frozen=True)
class ShardEndpoint:
    """An endpoint as istiod knows it, before it is translated for a proxy."""

    addresses: tuple[str, ...]
    port: int
    port_name: str
    network: str
    locality: str
    """``region/zone/sub_zone`` without empty ends, as in Host."""
    service_account: str
    tls_mode: str
    healthy: bool
    workload: str


@dataclass(frozen=True)
class Shard:
    """The endpoints that one cluster gives to a service. ``provider`` is Kubernetes or External (ServiceEntry)."""

    host: str
    namespace: str
    provider: str
    cluster_id: str
    endpoints: tuple[ShardEndpoint, ...]


def parse_endpoint_shardz(body: bytes) -> tuple[Shard, ...]:
    """Shards of all services; a cluster without endpoints for a service may have an empty shard or none."""

    def shards(document: Mapping[str, Any]) -> list[Shard]:
        found = []
        for host, namespaces in document.items():
            for namespace, entry in namespaces.items():
                for key, endpoints in (entry.get("Shards") or {}).items():
                    provider, _separator, cluster_id = key.partition("/")
                    found.append(
                        Shard(host, namespace, provider, cluster_id, tuple(map(_parse_shard_endpoint, endpoints or ())))
                    )
        return found

    return tuple(_read(ENDPOINT_SHARDZ, body, shards))


def _parse_shard_endpoint(entry: Mapping[str, Any]) -> ShardEndpoint:
    # Before Istio 1.25 there was one address: Address.
    addresses = entry["Addresses"] if "Addresses" in entry else [entry["Address"]]
    return ShardEndpoint(
        addresses=tuple(addresses or ()),
        port=entry["EndpointPort"],
        port_name=entry["ServicePortName"],
        network=entry["Network"],
        locality=entry["Locality"]["Label"].rstrip("/"),
        service_account=entry["ServiceAccount"],
        tls_mode=entry["TLSMode"],
        healthy=entry["HealthStatus"] == 1,
        workload=entry["WorkloadName"],
    )


@dataclass(frozen=True)
class Host:
    """An upstream host of a proxy. ``address`` is an IP, a pipe's path or the name of an internal listener."""

    address: str
    port: int
    health: str
    """``eds_health_status``: HEALTHY, UNHEALTHY, DEGRADED, ..."""
    ejected: bool
    weight: int
    priority: int
    locality: str
    """``region/zone/sub_zone`` without empty ends."""
    requests: int
    errors: int

    @property
    def usable(self) -> bool:
        return self.health == "HEALTHY" and not self.ejected


@dataclass(frozen=True)
class UpstreamCluster:
    """A cluster of Envoy. ``destination`` is None for those that Istio does not make for a service."""

    name: str
    destination: sni.SniDestination | None
    hosts: tuple[Host, ...]


def parse_envoy_clusters(body: bytes) -> tuple[UpstreamCluster, ...]:
    def clusters(document: Mapping[str, Any]) -> list[UpstreamCluster]:
        return [
            UpstreamCluster(
                status["name"], _destination(status["name"]), tuple(map(_parse_host, status.get("host_statuses", ())))
            )
            for status in document.get("cluster_statuses", ())
        ]

    return tuple(_read(ENVOY_CLUSTERS, body, clusters))


def _destination(name: str) -> sni.SniDestination | None:
    for decode in (sni.decode_cluster, sni.decode_sni):
        try:
            return decode(name)
        except ValueError:
            continue
    return None


def _parse_host(status: Mapping[str, Any]) -> Host:
    # Fields with default values (0, "", false) are left out of Envoy's JSON.
    address = status["address"]
    socket = address.get("socket_address", {})
    other = address.get("pipe", {}).get("path") or address.get("envoy_internal_address", {}).get("server_listener_name")
    health = status.get("health_status", {})
    stats = {stat["name"]: int(stat.get("value", 0)) for stat in status.get("stats", ())}
    place = status.get("locality", {})
    return Host(
        address=socket.get("address") or other or "",
        port=socket.get("port_value", 0),
        health=health.get("eds_health_status", "UNKNOWN"),
        ejected=bool(health.get("failed_outlier_check") or health.get("failed_active_health_check")),
        weight=status.get("weight", 1),
        priority=status.get("priority", 0),
        locality="/".join([place.get(part, "") for part in ("region", "zone", "sub_zone")]).rstrip("/"),
        requests=stats.get("rq_total", 0),
        errors=stats.get("rq_error", 0),
    )


@dataclass(frozen=True)
class Certificate:
    """A certificate that a proxy holds. ``serial`` is hexadecimal in lower case."""

    path: str
    serial: str
    uris: tuple[str, ...]
    valid_from: datetime
    not_after: datetime


@dataclass(frozen=True)
class ProxyCertificates:
    """Roots that a proxy trusts, and its own chain, leaf first."""

    roots: tuple[Certificate, ...]
    chain: tuple[Certificate, ...]


def parse_envoy_certs(body: bytes) -> ProxyCertificates:
    def certificates(document: Mapping[str, Any]) -> ProxyCertificates:
        entries = document.get("certificates", ())
        return ProxyCertificates(
            roots=tuple(
                dict.fromkeys(_parse_certificate(item) for entry in entries for item in entry.get("ca_cert", ()))
            ),
            chain=tuple(
                dict.fromkeys(_parse_certificate(item) for entry in entries for item in entry.get("cert_chain", ()))
            ),
        )

    return _read(ENVOY_CERTS, body, certificates)


def _parse_certificate(entry: Mapping[str, Any]) -> Certificate:
    return Certificate(
        path=entry.get("path", ""),
        serial=entry["serial_number"].lower(),
        uris=tuple(name["uri"] for name in entry.get("subject_alt_names", ()) if "uri" in name),
        valid_from=moment_of(entry["valid_from"]),
        not_after=moment_of(entry["expiration_time"]),
    )


def _each(endpoint: str, body: bytes, read: Callable[[Mapping[str, Any]], T]) -> tuple[T, ...]:
    def entries(document: Any) -> tuple[T, ...]:
        if document is None:  # Go writes an empty list that was never made as null
            return ()
        if not isinstance(document, list):
            raise TypeError("expected a list")
        return tuple(read(entry) for entry in document)

    return _read(endpoint, body, entries)


def _read(endpoint: str, body: bytes, read: Callable[[Any], T]) -> T:
    try:
        return read(json.loads(body))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        excerpt = body[:80].decode(errors="replace")
        raise UnexpectedAnswer(
            f"{endpoint} gave something else than expected ({type(error).__name__}: {error}): {excerpt!r}"
        ) from error
