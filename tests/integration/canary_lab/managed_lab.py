# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A workload of a user in each cluster, whose stable side a release makes and keeps."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from release_lab import Answers, Shop
from support.fleet_runs import Ran
from support.fleet_runs import run as run_operation
from support.mesh import NAMES

NAMESPACE = "store"
HOST = f"web.{NAMESPACE}.svc.cluster.local"
VERSIONS = ("v1", "v2", "other")
KINDS = "deployment,daemonset,service,virtualservice,destinationrule,horizontalpodautoscaler"
Manifest = dict[str, Any]


def workload(kind: str, name: str, labels: Mapping[str, str], version: str, cluster: str, starts_in: int) -> Manifest:
    container = {
        "name": "echo",
        "image": "docker.io/istio/app:1.31.0",
        "args": ["--port=8080", f"--version={version}", f"--cluster={cluster}"],
        "ports": [{"containerPort": 8080}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": dict(labels)},
            "minReadySeconds": starts_in,
            "template": {"metadata": {"labels": dict(labels)}, "spec": {"containers": [container]}},
        },
    }


def service(name: str, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": dict(labels), "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def autoscaler(name: str, least: int, most: int) -> Manifest:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": least,
            "maxReplicas": most,
        },
    }


@dataclass
class Store:
    shop: Shop
    kind: str = "Deployment"
    given: Mapping[str, Any] = field(default_factory=dict)

    def open(self) -> None:
        namespace = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
        for cluster in self.shop.clusters.values():
            cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})

    def close(self) -> None:
        with ThreadPoolExecutor(len(NAMES)) as pool:
            pool.map(lambda cluster: cluster.kubectl("delete", "namespace", NAMESPACE), self.shop.clusters.values())

    def put(
        self,
        kind: str,
        version: str,
        *,
        name: str = "web",
        labels: Mapping[str, str] | None = None,
        autoscaled: tuple[int, int] | None = None,
        starts_in: int = 0,
        replicas: int = 1,
    ) -> None:
        """As a user deploys it on each cluster."""
        self.kind, labels = kind, labels or {"app": name}
        for place, cluster in self.shop.clusters.items():
            made = workload(kind, name, labels, version, place, starts_in)
            if replicas > 1:
                made["spec"]["replicas"] = replicas
            manifests = [service(name, labels), made]
            cluster.apply(*manifests, *([autoscaler(name, *autoscaled)] if autoscaled else []))

    def release(self, name: str = "web", **options: Any) -> Ran:
        given = {
            "name": name,
            "namespace": NAMESPACE,
            "manage": True,
            "workload": {"kind": self.kind, "name": name},
            "service": {"port": 80, "target_port": "8080"},
            "plan": {"step_weights": [50, 100], "interval": 1, "drain": 0},
        }
        return self.release_of({**given, **options})

    def release_of(self, given: Mapping[str, Any], **options: Any) -> Ran:
        """One task with these options of a release."""
        self.given = given
        patient = {"proof": "acknowledged", "proof_timeout": 180, "wait": True, "poll": 0.5, "wait_timeout": 300}
        return run_operation(canary, {"clusters": self.shop.mesh.lab.parameters, **patient, **given, **options})

    def sees(self, shares: Mapping[str, int], name: str = "web") -> None:
        host = f"{name}.{NAMESPACE}.svc.cluster.local"
        self.shop.sees({**dict.fromkeys(VERSIONS, 0), **shares}, host=host)

    def load(self) -> AbstractContextManager[dict[str, list[Answers]]]:
        return self.shop.load(host=HOST)

    def pods(self, name: str) -> dict[str, int]:
        """How many of the Deployment's pods are ready on each cluster."""
        return {
            each: cluster.get("deployment", name, "-n", NAMESPACE)["status"].get("readyReplicas", 0)
            for each, cluster in self.shop.clusters.items()
        }

    def left(self) -> dict[str, list[str]]:
        """What a release may make, and workloads, on each cluster."""
        return {
            name: [
                f"{each['kind']} {each['metadata']['name']}" for each in cluster.get(KINDS, "-n", NAMESPACE)["items"]
            ]
            for name, cluster in self.shop.clusters.items()
        }

    def clear(self) -> None:
        """The release, and what was put."""
        self.release_of(self.given, state="absent", force=True).succeeded()
        for cluster in self.shop.clusters.values():
            cluster.kubectl("-n", NAMESPACE, "delete", KINDS, "--all")
