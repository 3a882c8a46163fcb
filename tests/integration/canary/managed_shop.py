# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's Deployment and Service on all clusters, released with ``manage: true``; no pod ever runs.

There is no controller on these clusters, so the test writes into the status of Deployments what it would.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client, strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    DEPLOYMENT,
    DESTINATION_RULE,
    ENDPOINT_SLICE,
    SERVICE,
    VIRTUAL_SERVICE,
)
from support.fault_runs import Request, observed
from support.fleet_runs import Object, Planes, Ran
from support.releases import Shop

MANAGED = (DEPLOYMENT, SERVICE, DESTINATION_RULE, VIRTUAL_SERVICE)
IMAGE = "registry.example.org/web:"


def deployment(namespace: str, version: int = 1) -> Object:
    labels = {"app": "web"}
    container = {"name": "web", "image": f"{IMAGE}{version}", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": "web", "namespace": namespace, "labels": labels},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def service(namespace: str, name: str = "web") -> Object:
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.kind,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }


def ending_pod(namespace: str) -> Object:
    """What the EndpointSlice controller writes while a pod of the stable side ends."""
    return {
        "apiVersion": ENDPOINT_SLICE.api_version,
        "kind": ENDPOINT_SLICE.kind,
        "metadata": {
            "name": "web-primary-1",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": "web-primary"},
        },
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": ["10.0.0.1"], "conditions": {"ready": False, "serving": False, "terminating": True}},
            {"addresses": ["10.0.0.2"], "conditions": {"ready": True, "serving": True, "terminating": False}},
        ],
    }


@dataclass
class ManagedShop(Shop):
    """Deployment and Service ``web``. The pods of ``broken`` versions crash, and ``pending`` clusters have no room for
    new pods of the workload."""

    broken: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)
    """Versions whose pods are not available yet."""
    pending: set[str] = field(default_factory=set)
    outages: list[str] = field(default_factory=list)
    """Each moment after a write at which clients were led to pods that had gone, or were not there on their cluster."""
    up: set[str] = field(default_factory=set)
    """Clusters that had pods of the canary after the last write."""
    looked: dict[str, dict[str, Object]] = field(default_factory=dict)
    """What each cluster had after the last write of a run."""

    def put_routes(self) -> None:
        self.put(deployment(self.namespace), service(self.namespace), manager="user")

    def run(self, **options: Any) -> Ran:
        managed: dict[str, Any] = {
            "routes": [],
            "stable": None,
            "canary": None,
            "manage": True,
            "workload": {"kind": "Deployment", "name": "web"},
            "service": {"port": 80, "target_port": "8080"},
        }
        self.looked.clear()
        with observed(lambda _this: None, self._look):
            return super().run(**{**managed, **options})

    def new_version(self, version: int, *clusters: str) -> None:
        """As ``kubectl set image`` does it."""
        change = {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": f"{IMAGE}{version}"}]}}}}
        for cluster in clusters or tuple(self.planes.clients):
            self.client(cluster).patch(
                DEPLOYMENT, "web", self.namespace, change, patch_type="strategic", field_manager="kubectl-set"
            )

    def lead_by_hand(self, cluster: str, weight: int) -> None:
        """Somebody gives the canary a share on one cluster."""
        http = deepcopy(self.found(cluster)["VirtualService web"]["spec"]["http"])
        for destination in http[-1]["route"]:
            is_canary = destination["destination"]["host"] == "web-canary"
            destination["weight"] = weight if is_canary else 100 - weight
        change = {"spec": {"http": http}}
        self.client(cluster).patch(VIRTUAL_SERVICE, "web", self.namespace, change, field_manager="kubectl")

    def client(self, cluster: str) -> Client:
        return self.planes.clients[cluster]

    def found(self, cluster: str) -> dict[str, Object]:
        """Everything of the kinds that a release may make, by kind and name."""
        return _by_name(live for kind in MANAGED for live in self.client(cluster).list(kind, self.namespace))

    def users(self) -> list[Object]:
        """All that stands on all clusters, without what only a controller or the API server writes."""
        shown = []
        for cluster in self.planes.clients:
            for live in self.found(cluster).values():
                kept = deepcopy(strip_content(live))
                kept.pop("status", None)
                kept["metadata"].pop("generation", None)
                shown.append(kept)
        return shown

    def sizes(self, name: str) -> list[int]:
        return [found[f"Deployment {name}"]["spec"]["replicas"] for found in map(self.found, self.planes.clients)]

    def versions(self, name: str) -> list[int]:
        containers = [
            found[f"Deployment {name}"]["spec"]["template"]["spec"]["containers"]
            for found in map(self.found, self.planes.clients)
        ]
        return [int(each[0]["image"].removeprefix(IMAGE)) for each in containers]

    def shares(self) -> list[tuple[int, int]]:
        """Weights of the stable side and of the canary, on each cluster."""
        routes = [found["VirtualService web"]["spec"]["http"] for found in map(self.found, self.planes.clients)]
        return [_shares(each) for each in routes]

    def _look(self, this: Request) -> None:
        """Whether clients are led to pods that are not there: on their own cluster, or of a canary that lost some.

        A cluster whose wave has not begun has no canary, and loses none.
        """
        if not this.writes or f"/namespaces/{self.namespace}/" not in this.path:
            return
        found = self._as_they_stand(this.cluster)
        gone = [
            (cluster, name)
            for cluster, objects in found.items()
            for name in ("web", "web-primary")
            if not has_pods(objects.get(f"Deployment {name}"))
        ]
        for cluster, name in gone:
            led = [each for each, objects in found.items() if name in _led_to(objects)]
            if cluster in led or (led and name == "web" and cluster in self.up):
                self.outages.append(f"after {this.method} {this.path} to {this.cluster}: {led} to {name} of {cluster}")
        self.up = set(found) - {cluster for cluster, name in gone if name == "web"}

    def _as_they_stand(self, written: str) -> dict[str, dict[str, Object]]:
        """On clusters that were not written to, only pods come and go."""
        for cluster in self.planes.clients:
            if cluster == written or cluster not in self.looked:
                self.looked[cluster] = self.found(cluster)
            else:
                self.looked[cluster].update(_by_name(self.client(cluster).list(DEPLOYMENT, self.namespace)))
        return self.looked


def has_pods(live: Object | None) -> bool:
    return live is not None and bool(live["spec"]["replicas"] and live.get("status", {}).get("availableReplicas"))


def _by_name(lives: Iterable[Object]) -> dict[str, Object]:
    return {f"{live['kind']} {live['metadata']['name']}": live for live in lives}


def _shares(http: list[Object]) -> tuple[int, int]:
    weights = {each["destination"]["host"]: each.get("weight", 100) for each in http[-1]["route"]}
    return weights.get("web-primary", 0), weights.get("web-canary", 0)


def _led_to(objects: dict[str, Object]) -> set[str]:
    """The Deployments that clients of a cluster reach by the name ``web``."""
    route, apex = objects.get("VirtualService web"), objects.get("Service web")
    if route is not None:
        stable, canary = _shares(route["spec"]["http"])
        return {*(["web-primary"] if stable else []), *(["web"] if canary else [])}
    selected = ((apex or {}).get("spec", {}).get("selector") or {}).get("app")
    return {selected} if selected else set()


@contextmanager
def controlled(shop: ManagedShop) -> Iterator[ManagedShop]:
    """What the Deployment controller would write is written, on all clusters, as long as the block lasts."""
    ends = threading.Event()

    def control() -> None:
        while not ends.wait(0.05):
            for client in shop.planes.clients.values():
                with suppress(KubeError):
                    for live in client.list(DEPLOYMENT, shop.namespace):
                        _observe(client, live, shop)

    thread = threading.Thread(target=control, daemon=True)
    thread.start()
    for client in shop.planes.clients.values():
        client.wait_for(DEPLOYMENT, "web", shop.namespace, has_pods, timeout=10)
    try:
        yield shop
    finally:
        ends.set()
        thread.join(10)


def _observe(client: Client, live: Object, shop: ManagedShop) -> None:
    generation, replicas = live["metadata"]["generation"], live["spec"]["replicas"]
    version = int(live["spec"]["template"]["spec"]["containers"][0]["image"].removeprefix(IMAGE))
    waits = client.cluster in shop.pending and live["metadata"]["name"] == "web"
    available = 0 if version in shop.broken | shop.slow or waits else replicas
    status: Object = {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": available,
        "availableReplicas": available,
        "conditions": [],
    }
    if version in shop.broken and replicas:
        condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        status["conditions"] = [condition]
    seen = live.get("status") or {}
    is_known = seen.get("observedGeneration") == generation and seen.get("availableReplicas", 0) == available
    if is_known and bool(seen.get("conditions")) == bool(status["conditions"]):
        return
    name, namespace = live["metadata"]["name"], live["metadata"]["namespace"]
    client.patch(DEPLOYMENT, name, namespace, {"status": status}, field_manager="controller", subresource="status")


def make(planes: Planes, namespace: str) -> ManagedShop:
    shop = ManagedShop(planes, namespace)
    shop.put_routes()
    return shop
