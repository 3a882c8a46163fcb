# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the facts of one cluster. Writes nothing.

istiod and Envoy are read by port-forward to each pod: their debug ports answer a caller from the pod's own loopback
without a token, and every replica of every revision is asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..._cluster import Cluster
from ..._identity import made_for
from ..._istio import debug, gateways, names, remote_secret, trust
from ..._istio.authority import ClusterAuthority
from ..._istio.istiod import DEFAULT_DOMAIN
from ..._istiod.pods import Istiod, list_istiods
from ..._istiod.roots import compute_fingerprints, read_distributed_root
from ..._kube import accounts
from ..._kube.client import Client
from ..._kube.errors import KubeError, NotFound
from ..._kube.kinds import CONFIG_MAP, GATEWAY, MUTATING_WEBHOOK_CONFIGURATION, NAMESPACE, NODE, POD, SECRET, SERVICE
from ..._kube.pods import pod_is_ready
from . import probe
from .facts import ClusterFacts, GatewayService, IstiodAnswers, ProxyRejection, ProxySample, RemoteSecret

Manifest = Mapping[str, Any]


def facts_of(cluster: Cluster, client: Client) -> ClusterFacts:
    """Everything that verify asks of one cluster. Raises KubeError where its API server cannot be read."""
    namespace = cluster.istio_namespace
    found = list_istiods(client, namespace)
    injected = [
        pod
        for pod in client.list(POD, label_selector=f"{names.TLS_MODE_LABEL}=istio")
        if _is_workload(pod) and (pod.get("status") or {}).get("phase") == "Running"
    ]
    distributed = read_distributed_root(client, namespace)
    cacerts = client.find(SECRET, names.CA_SECRET, namespace) or {}
    gateway_services = _read_gateways(client, cluster.network)
    sample = _sample(client, injected)
    proxies = [*(pod for gateway in gateway_services for pod in gateway.pods), *([sample.proxy] if sample else [])]
    values = {
        revision: _read_injector_values(client, namespace, revision) for revision in {each.revision for each in found}
    }
    return ClusterFacts(
        name=cluster.name,
        network=cluster.network,
        control_plane=cluster.control_plane if cluster.is_remote else "",
        api_server=cluster.api_server,
        authority=accounts.read_published_authority(client, namespace),
        istio_namespace=namespace,
        domain=next((each.domain for each in found if each.domain), DEFAULT_DOMAIN),
        istio_version=next((each.version for each in found if each.version), ""),
        root_secret=_roots_of(cacerts),
        cacerts_unreadable=_find_unreadable(cluster, cacerts),
        root_distributed=compute_fingerprints(distributed),
        root_serials=_list_serials(distributed),
        proxy_roots={proxy: _read_proxy_roots(client, proxy) for proxy in proxies},
        namespace_network=_labels(client.find(NAMESPACE, namespace)).get(names.NETWORK_LABEL, ""),
        istiods=tuple(_ask(client, each, values[each.revision]) for each in found if each.ready),
        istiods_not_ready=tuple(each.pod for each in found if not each.ready),
        secrets=_read_secrets(client, cluster),
        gateways=gateway_services,
        pod_addresses=frozenset(_addresses(injected)),
        sample=sample,
    )


def has_default_revision(client: Client) -> bool:
    """Whether a webhook serves the plain label istio-injection=enabled by a tag, whatever revisions there are."""
    webhooks = client.list(MUTATING_WEBHOOK_CONFIGURATION, label_selector="istio.io/tag=default")
    return bool(webhooks)


def read_proxy_hosts(client: Client, pod: str, namespace: str, host: str, port: int) -> tuple[debug.Host, ...]:
    """What a pod's Envoy holds for a service. Empty too where it does not know the service."""
    for cluster in _read_envoy_clusters(client, namespace, pod):
        destination = cluster.destination
        if (
            destination
            and destination.direction == "outbound"
            and not destination.subset
            and destination.host == host
            and destination.port == port
        ):
            return cluster.hosts
    return ()


def _read_envoy_clusters(client: Client, namespace: str, pod: str) -> tuple[debug.UpstreamCluster, ...]:
    body = client.pod_http_get(namespace, pod, names.ENVOY_ADMIN_PORT, debug.ENVOY_CLUSTERS)
    try:
        return debug.parse_envoy_clusters(body)
    except debug.UnexpectedAnswer as error:
        raise KubeError(
            client.cluster,
            f"Envoy in Pod {namespace}/{pod}: {error}",
            remedy="see whether port 15000 of the pod is Envoy's admin interface",
        ) from error


# -- istiod -----------------------------------------------------------------------------------------------------------


def _ask(client: Client, istiod: Istiod, values: Mapping[str, Any]) -> IstiodAnswers:
    own = IstiodAnswers(
        pod=istiod.pod,
        revision=istiod.revision,
        cluster_id=istiod.cluster_id,
        network=str((values.get("global") or {}).get("network") or ""),
    )

    def ask(path: str) -> bytes:
        return client.pod_http_get(istiod.namespace, istiod.pod, names.MONITORING_PORT, path)

    try:
        shards = [shard for shard in debug.parse_endpoint_shardz(ask(debug.ENDPOINT_SHARDZ)) if shard.endpoints]
        return replace(
            own,
            clusters={
                each.cluster_id: each.status for each in debug.parse_clusterz(ask(debug.CLUSTERZ)) if not each.own
            },
            gateways=debug.parse_networkz(ask(debug.NETWORKZ)),
            shards=frozenset(shard.cluster_id for shard in shards),
            probe_shards=frozenset(shard.cluster_id for shard in shards if shard.namespace == probe.NAMESPACE),
            rejections=_list_rejections(debug.parse_syncz(ask(debug.SYNCZ))),
        )
    except KubeError as error:
        return replace(own, error=error.message)
    except debug.UnexpectedAnswer as error:
        return replace(own, error=str(error))


def _list_rejections(proxies: Iterable[debug.ProxySync]) -> tuple[ProxyRejection, ...]:
    return tuple(
        ProxyRejection(proxy.proxy, type_url.rpartition(".")[2], " ".join(resource.last_error.split()))
        for proxy in proxies
        for type_url, resource in proxy.resources.items()
        if resource.last_error
    )


def _read_injector_values(client: Client, namespace: str, revision: str) -> Mapping[str, Any]:
    name = "istio-sidecar-injector" if revision == "default" else f"istio-sidecar-injector-{revision}"
    config_map = client.find(CONFIG_MAP, name, namespace)
    try:
        values = json.loads(((config_map or {}).get("data") or {}).get("values") or "{}")
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}


# -- trust ------------------------------------------------------------------------------------------------------------


def _roots_of(cacerts: Manifest) -> frozenset[str]:
    data = cacerts.get("data") or {}
    return compute_fingerprints(
        base64.b64decode(data.get(names.ROOT_CERT_KEY) or data.get("ca.crt") or "").decode(errors="replace")
    )


def _find_unreadable(cluster: Cluster, cacerts: Manifest) -> tuple[str, ...]:
    live = ClusterAuthority(cluster.name, cluster.istio_namespace, secret=cacerts or None)
    return trust.find_unreadable(live.bundle) if live.bundle is not None and not live.foreign_form else ()


def _list_serials(pem: str) -> frozenset[int]:
    try:
        return frozenset(int(certificate.serial, 16) for certificate in trust.read_certificate_facts(pem.encode()))
    except ValueError:
        return frozenset()


def _read_proxy_roots(client: Client, proxy: str) -> frozenset[int]:
    """Of a proxy that does not answer nothing is said: other checks tell whether it is ready."""
    pod, _separator, namespace = proxy.rpartition(".")
    try:
        return read_root_serials(client.pod_http_get(namespace, pod, names.ENVOY_ADMIN_PORT, "/certs"))
    except (KubeError, ValueError):
        return frozenset()


def read_root_serials(certs: bytes) -> frozenset[int]:
    """Serial numbers of the roots that an Envoy trusts, from its /certs (envoy.admin.v3.Certificates). ValueError."""
    entries = json.loads(certs).get("certificates") or []
    return frozenset(int(root["serial_number"], 16) for entry in entries for root in entry.get("ca_cert") or [])


# -- remote secrets ---------------------------------------------------------------------------------------------------


def _read_secrets(client: Client, cluster: Cluster) -> dict[str, RemoteSecret]:
    namespace = cluster.istio_namespace
    live = client.list(SECRET, namespace, label_selector=f"{names.MULTI_CLUSTER_LABEL}=true")
    registrations = remote_secret.parse(live, cluster=cluster.name, namespace=namespace)
    doubts = {
        finding.object.removeprefix("Secret "): finding.message
        for finding in registrations.findings
        if finding.check in _MISMATCHES
    }
    noted = {f"{namespace}/{secret['metadata']['name']}": made_for(secret) for secret in live}
    found = {
        ignored.cluster_id: RemoteSecret(ignored.secret, refused=ignored.reason) for ignored in registrations.ignored
    }
    for remote in registrations.clusters:
        found[remote.cluster_id] = RemoteSecret(
            remote.secret,
            remote.server,
            mismatch=doubts.get(remote.secret, ""),
            made_for=noted[remote.secret],
            authority=remote.ca,
        )
    # A secret with another key than its name says registers some other cluster; it is meant for the one it names.
    for secret in live:
        meant = _meant_for(secret)
        location = f"{namespace}/{secret['metadata']['name']}"
        if meant and meant not in found and location in doubts:
            found[meant] = RemoteSecret(location, mismatch=doubts[location])
    return found


_MISMATCHES = ("remote-secret-annotation", "remote-secret-name", "remote-secret-current-context")


def _meant_for(secret: Manifest) -> str:
    annotations = secret["metadata"].get("annotations") or {}
    named = str(secret["metadata"]["name"])
    prefix = names.REMOTE_SECRET_PREFIX
    return str(annotations.get(names.CLUSTER_ANNOTATION) or (named[len(prefix) :] if named.startswith(prefix) else ""))


def read_registrations(client: Client, cluster: Cluster) -> remote_secret.Registrations:
    """What istiod takes from the remote secrets, credentials included."""
    live = client.list(SECRET, cluster.istio_namespace, label_selector=remote_secret.ISTIO_LABEL)
    return remote_secret.parse(live, cluster=cluster.name, namespace=cluster.istio_namespace)


# -- gateways ---------------------------------------------------------------------------------------------------------


def _read_gateways(client: Client, network: str) -> tuple[GatewayService, ...]:
    services = client.list(SERVICE, label_selector=f"{names.NETWORK_LABEL}={network}")
    if not services:
        return ()
    exposures = _list_exposures(client)
    nodes = client.list(NODE) if any(service["spec"].get("type") == "NodePort" for service in services) else []
    return tuple(_read_gateway(client, service, nodes, exposures) for service in services)


def _read_gateway(
    client: Client, service: Manifest, nodes: Sequence[Manifest], exposures: Sequence[tuple[dict[str, str], list[str]]]
) -> GatewayService:
    namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
    selector: dict[str, str] = service["spec"].get("selector") or {}
    pods = client.list(POD, namespace, label_selector=_selector(selector)) if selector else []
    resolution = gateways.resolve(service, nodes)
    labels = [_labels(pod) for pod in pods] or [selector]
    return GatewayService(
        name=f"{namespace}/{name}",
        addresses=resolution.addresses,
        reason=resolution.reason,
        remedy=resolution.remedy,
        ready_pods=sum(pod_is_ready(pod) for pod in pods),
        pods=tuple(f"{pod['metadata']['name']}.{namespace}" for pod in pods),
        hosts=tuple(
            sorted({host for wanted, hosts in exposures if wanted.items() <= labels[0].items() for host in hosts})
        ),
        selector=selector,
    )


def _list_exposures(client: Client) -> list[tuple[dict[str, str], list[str]]]:
    """Selector and hosts of each AUTO_PASSTHROUGH server; the probe's own do not count as the user's."""
    try:
        live = client.list(GATEWAY)
    except NotFound:
        return []
    return [
        (gateway["spec"].get("selector") or {}, list(server.get("hosts") or []))
        for gateway in live
        if gateway["metadata"]["namespace"] != probe.NAMESPACE
        for server in gateway["spec"].get("servers") or []
        if (server.get("tls") or {}).get("mode") == "AUTO_PASSTHROUGH"
    ]


# -- proxies ----------------------------------------------------------------------------------------------------------


def _sample(client: Client, injected: Sequence[Manifest]) -> ProxySample | None:
    """One injected proxy that answers, and all upstream addresses that it holds."""
    for pod in injected:
        if not pod_is_ready(pod):
            continue
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        try:
            clusters = _read_envoy_clusters(client, namespace, name)
        except KubeError:
            return None
        return ProxySample(
            f"{name}.{namespace}",
            frozenset(
                host.address
                for cluster in clusters
                if cluster.destination and cluster.destination.direction == "outbound"
                for host in cluster.hosts
            ),
        )
    return None


def _is_workload(pod: Manifest) -> bool:
    """Injected, and not a gateway, whose only container is the proxy."""
    return probe.has_sidecar(pod) and any(each["name"] != probe.SIDECAR for each in pod["spec"]["containers"])


def _addresses(pods: Iterable[Manifest]) -> Iterable[str]:
    for pod in pods:
        for entry in (pod.get("status") or {}).get("podIPs") or []:
            if entry.get("ip"):
                yield entry["ip"]


def _labels(manifest: Manifest | None) -> dict[str, str]:
    return ((manifest or {}).get("metadata") or {}).get("labels") or {}


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
