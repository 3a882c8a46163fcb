# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe: a workload of ours in every cluster that asks and answers. Pure: manifests, and what a pod's state says.

Requests to one Service that all clusters serve may stay local or be retried, which hides a broken path. So there is a
Service for each cluster too: it exists everywhere, because its name has to resolve, and selects pods in that one
cluster only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._istio import names
from ..._istio.gateways import make_cross_network_gateway
from .facts import ClusterFacts, GatewayService, IstiodAnswers

NAMESPACE = "onemesh-verify"
COMPONENT = "verify"
NAME = "probe"
CONTAINER = "app"
CLIENT = "/usr/local/bin/client"
"""In Istio's image ``app`` (pkg/test/echo/docker/Dockerfile.app), beside the server that is its entrypoint."""
PORT = 80
APP_LABEL = "app.kubernetes.io/name"
CLUSTER_LABEL = "onemesh.istio/probe-cluster"
SIDECAR = "istio-proxy"
_SERVER_PORT = 8080


def service_name(cluster: str) -> str:
    """The Service that only ``cluster`` serves; a long name is shortened, and stays unique."""
    name = f"{NAME}-{cluster}"
    if len(name) <= 63:
        return name
    return f"{name[:54]}-{hashlib.sha256(cluster.encode()).hexdigest()[:8]}"


def url(service: str, domain: str) -> str:
    return f"http://{host(service, domain)}:{PORT}/"


def host(service: str, domain: str) -> str:
    return f"{service}.{NAMESPACE}.svc.{domain}"


def make_manifests(
    facts: ClusterFacts,
    clusters: Iterable[str],
    gateways: Iterable[GatewayService],
    *,
    image: str,
    default_revision: bool,
) -> list[dict[str, Any]]:
    """What one cluster gets, in the order of creation. The namespace comes first and holds all the rest.

    ``gateways`` are those that Gateway objects of this cluster configure.
    """
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAMESPACE, "labels": choose_injection_labels(facts.istiods, default_revision)},
        },
        _make_service(NAME, {APP_LABEL: NAME}),
    ]
    objects += [_make_service(service_name(name), {APP_LABEL: NAME, CLUSTER_LABEL: name}) for name in clusters]
    objects += _make_exposure(gateways, facts.domain)
    objects.append(_make_deployment(facts.name, image))
    return objects


def choose_injection_labels(istiods: Sequence[IstiodAnswers], default_revision: bool) -> dict[str, str]:
    """What makes istiod inject a sidecar: the plain label where something serves it, else the first revision."""
    revisions = sorted({istiod.revision for istiod in istiods})
    if default_revision or not revisions or "default" in revisions:
        return {names.INJECTION_LABEL: "enabled"}
    return {names.REVISION_LABEL: revisions[0]}


def _make_service(name: str, selector: Mapping[str, str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": "http", "port": PORT, "targetPort": _SERVER_PORT, "protocol": "TCP"}],
        },
    }


def _make_exposure(gateways: Iterable[GatewayService], domain: str) -> list[dict[str, Any]]:
    """A Gateway for the probe's own hosts on each gateway that exposes only others, or nothing.

    Never where they are exposed already: two servers with one host on port 15443 are two equal filter chains, which
    Envoy rejects (istio/istio#42050).
    """
    hosts = f"*.{NAMESPACE}.svc.{domain}"
    selectors = {
        tuple(sorted(gateway.selector.items()))
        for gateway in gateways
        if gateway.selector and not is_exposed(host(NAME, domain), gateway.hosts)
    }
    objects = []
    for number, selector in enumerate(sorted(selectors)):
        manifest = make_cross_network_gateway([hosts], namespace=NAMESPACE, selector=dict(selector))
        manifest["metadata"]["name"] = f"{NAME}-{number}"
        objects.append(manifest)
    return objects


def is_exposed(name: str, hosts: Iterable[str]) -> bool:
    """Whether a Gateway's hosts (``*.local``, ``shop/*.svc.cluster.local``, a name) cover ``name``."""
    for entry in hosts:
        namespace, separator, pattern = entry.rpartition("/")
        if separator and namespace not in ("*", NAMESPACE):
            continue
        if pattern == "*" or pattern == name or (pattern.startswith("*.") and name.endswith(pattern[1:])):
            return True
    return False


def _make_deployment(cluster: str, image: str) -> dict[str, Any]:
    labels = {APP_LABEL: NAME, CLUSTER_LABEL: cluster}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    # It holds nothing that has to be drained, and its end is waited for.
                    "terminationGracePeriodSeconds": 2,
                    "containers": [
                        {
                            "name": CONTAINER,
                            "image": image,
                            "args": [f"--cluster={cluster}", f"--version={cluster}", f"--port={_SERVER_PORT}"],
                            "ports": [{"name": "http", "containerPort": _SERVER_PORT, "protocol": "TCP"}],
                            "readinessProbe": {
                                "httpGet": {"path": "/", "port": _SERVER_PORT},
                                "periodSeconds": 2,
                                "failureThreshold": 10,
                            },
                            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                                "runAsNonRoot": True,
                                "runAsUser": 1338,
                                "seccompProfile": {"type": "RuntimeDefault"},
                            },
                        }
                    ],
                },
            },
        },
    }


def is_ready(deployment: Mapping[str, Any] | None) -> bool:
    """Whether the newest generation of a Deployment is there and ready."""
    if not deployment:
        return False
    status = deployment.get("status") or {}
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    return bool(
        status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
        and status.get("updatedReplicas", 0) >= wanted
        and status.get("readyReplicas", 0) >= wanted
        and status.get("replicas", 0) == wanted
    )


def has_sidecar(pod: Mapping[str, Any]) -> bool:
    """Whether a pod was injected; a native sidecar is an init container."""
    spec = pod.get("spec") or {}
    containers = [*(spec.get("containers") or []), *(spec.get("initContainers") or [])]
    return any(container["name"] == SIDECAR for container in containers)


def why_not_ready(pods: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """What keeps the probe's pods from being ready, and what to do, from the newest pod's own status."""
    if not pods:
        return (
            "no pod was made for it",
            f"see kubectl -n {NAMESPACE} describe replicasets: an admission webhook or policy may refuse the pod",
        )
    pod = max(pods, key=lambda each: str(each["metadata"].get("creationTimestamp") or ""))
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason = waiting.get("reason", "")
        if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
            return (
                f"the image {container.get('image', '')} of container {container['name']} cannot be pulled ({reason})",
                "give an image that this cluster can pull (probe_image)",
            )
        if reason and reason not in ("PodInitializing", "ContainerCreating"):
            return (
                f"container {container['name']} waits: {reason} {waiting.get('message', '')}".strip(),
                f"see kubectl -n {NAMESPACE} logs {pod['metadata']['name']} -c {container['name']} --previous",
            )
    not_ready = [each["name"] for each in status.get("containerStatuses") or [] if not each.get("ready")]
    if not_ready:
        return (
            f"container {', '.join(not_ready)} is not ready",
            f"see kubectl -n {NAMESPACE} logs {pod['metadata']['name']} -c {not_ready[0]}",
        )
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            return f"the pod is not scheduled: {condition.get('message', '')}", "make room for it"
    return f"the pod is {status.get('phase', 'unknown')}", f"see kubectl -n {NAMESPACE} describe pods"
