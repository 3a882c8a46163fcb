# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two real clusters, Istio's own charts on one of them, and what people leave behind on clusters."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support import clusters

WIPED, PEER = "solo", "peer"


@dataclass(frozen=True)
class Cluster(clusters.Cluster):
    charts: Path
    values: dict[str, Any]

    def helm(self, release: str, chart: str, namespace: str, **values: Any) -> None:
        """As users do it, without waiting."""
        place = ["--namespace", namespace, "--create-namespace", "--values", "-"]
        self.program("helm", "install", release, str(self.charts / chart), *place, stdin=yaml.safe_dump(values))

    def install_istio(self) -> None:
        self.helm("istio-base", "base", "istio-system")
        self.helm("istiod", "istiod", "istio-system", **self.values)
        self.helm("cni", "cni", "istio-system")
        self.helm("ztunnel", "ztunnel", "istio-system")
        self.helm("gateway", "gateway", "istio-ingress")
        self.kubectl("rollout", "status", "-n", "istio-system", "deployment/istiod", "--timeout", "120s")

    def wait_for(self, condition: str, *arguments: str) -> None:
        self.kubectl("wait", f"--for={condition}", "--timeout=60s", *arguments)

    def names(self) -> set[str]:
        """Everything that the API server lists, as kubectl, an independent witness, names it."""
        types = self.kubectl("api-resources", "--verbs=list", "-o", "name").split()
        kinds = ",".join(sorted(kind for kind in types if kind not in _SHORT_LIVED))
        listed = json.loads(self.kubectl("get", kinds, "-A", "-o", "json"))["items"]
        return {f"{item['kind']} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}" for item in listed}

    def traces(self) -> set[str]:
        """What could be Istio's by its name."""
        return {name for name in self.names() if any(word in name.lower() for word in _WORDS)}


_SHORT_LIVED = {"events", "events.events.k8s.io"}
_WORDS = ("istio", "ztunnel", "cacerts", "onemesh", "sh.helm.release")


@dataclass(frozen=True)
class Lab:
    wiped: Cluster
    peer: Cluster
    inventory: Path


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def config_map(place: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": place, **metadata},
        "data": {"mine": "yes"},
    }


def remote_secret(name: str, *clusters: str, place: str = "istio-system") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": place,
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": clusters[0]},
        },
        "stringData": dict.fromkeys(clusters, "a kubeconfig with a token"),
    }


def istio_operators(place: str, *names: str) -> list[dict[str, Any]]:
    return [
        {
            "apiVersion": "install.istio.io/v1alpha1",
            "kind": "IstioOperator",
            "metadata": {"name": name, "namespace": place, "finalizers": ["istio-finalizer.install.istio.io"]},
            "spec": {"profile": "default"},
        }
        for name in names
    ]


def definition(group: str, kind: str, plural: str, version: str = "v1alpha1") -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [{"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


ISTIO_OPERATOR_TYPE = definition("install.istio.io", "IstioOperator", "istiooperators")


def dead_webhook(name: str) -> dict[str, Any]:
    """A webhook of an istiod that is gone: it blocks every pod."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "gone.example.org",
                "clientConfig": {
                    "service": {"name": "istiod-gone", "namespace": "istio-system", "path": "/inject"},
                    "caBundle": "",
                },
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            }
        ],
    }


def cluster_role(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }


def virtual_service(place: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": place, **metadata},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": {"host": name}}]}]},
    }


def parameters(wiped: Iterable[Cluster], peers: Iterable[Cluster] = (), **options: Any) -> dict[str, Any]:
    """The module's options as the argument specification completes them."""
    return {
        "clusters": [{"name": cluster.name, "kubeconfig": str(cluster.kubeconfig)} for cluster in wiped],
        "peers": [{"name": cluster.name, "kubeconfig": str(cluster.kubeconfig)} for cluster in peers],
        "namespaces": ["istio-system"],
        "keep_crds": False,
        "timeout": 120.0,
        "unreachable": "fail",
        "request_timeout": 10.0,
        **options,
    }
