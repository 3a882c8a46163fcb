# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with two versions in both clusters, splits of it, and real requests from the echo pods of both."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    DESTINATION_RULE,
    HTTP_ROUTE,
    VIRTUAL_SERVICE,
    Kind,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split
from proof_lab import CLUSTERS, ISTIO, Lab, Manifest, applies
from support.chance import is_within
from support.fleet_runs import Ran, run
from support.programs import run as run_command

NAMESPACE = "shop"
HOST = "reviews.shop.svc.cluster.local"
VERSIONS = ("v1", "v2")
REQUESTS = 400
RATE, BATCH = 40, 80
"""Requests a second of a load, and those after which its client looks whether it is to end."""


def application(cluster: str) -> list[Manifest]:
    """Services for all versions and for each, and a Deployment for each version."""
    metadata = {"namespace": NAMESPACE}
    services = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, **metadata},
            "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        }
        for name, selector in [
            ("reviews", {"app": "reviews"}),
            *((f"reviews-{version}", {"app": "reviews", "version": version}) for version in VERSIONS),
        ]
    ]
    namespace = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
    deployments = [_deployment(version, cluster) for version in VERSIONS]
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": namespace}, *services, *deployments]


def _deployment(version: str, cluster: str) -> Manifest:
    labels = {"app": "reviews", "version": version}
    container = {
        "name": "echo",
        "image": "docker.io/istio/app:1.31.0",
        "args": ["--port=8080", f"--version={version}", f"--cluster={cluster}"],
        "ports": [{"containerPort": 8080}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"reviews-{version}", "namespace": NAMESPACE},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def route(**weights: int) -> Manifest:
    destinations = [
        {"destination": {"host": "reviews", "subset": subset}, "weight": weight} for subset, weight in weights.items()
    ]
    return {
        "apiVersion": ISTIO,
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": NAMESPACE},
        "spec": {"hosts": [HOST], "http": [{"name": "main", "route": destinations}]},
    }


def rule() -> Manifest:
    return {
        "apiVersion": ISTIO,
        "kind": "DestinationRule",
        "metadata": {"name": "reviews", "namespace": NAMESPACE},
        "spec": {"host": HOST, "subsets": [{"name": name, "labels": {"version": name}} for name in VERSIONS]},
    }


def http_route(**weights: int) -> Manifest:
    backends = [{"name": f"reviews-{version}", "port": 80, "weight": weight} for version, weight in weights.items()]
    parent = {"group": "", "kind": "Service", "name": "reviews", "port": 80}
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": {"name": "reviews", "namespace": NAMESPACE},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}]},
    }


@dataclass(frozen=True)
class Answers:
    """What came of requests: how many each version and each cluster answered, and what failed, in the client's words.

    Where one fails, the client tells nothing of the others.
    """

    versions: Counter[str]
    clusters: Counter[str]
    failed: str


@dataclass
class Shop:
    lab: Lab

    def split(self, **options: Any) -> Ran:
        return run(
            traffic_split,
            {"clusters": self.lab.mesh.lab.parameters, "namespace": NAMESPACE, "proof_timeout": 180, **options},
        )

    @contextmanager
    def standing(self, *manifests: Manifest) -> Iterator[None]:
        """Users' objects on both clusters, acknowledged by all proxies; afterwards they are gone."""
        changed = self.lab.change("acknowledged", *map(applies, manifests), timeout=240)
        assert changed.holds, changed.as_dict()
        try:
            yield
        finally:
            for member in self.lab.fleet:
                for each in manifests:
                    member.client.delete(member.client.find_kind(each), each["metadata"]["name"], NAMESPACE)

    def contents(self) -> list[Manifest]:
        """All routing objects of the namespace on both clusters."""
        kinds: tuple[Kind, ...] = (VIRTUAL_SERVICE, DESTINATION_RULE)
        return [
            strip_content(live)
            for member in self.lab.fleet
            for kind in kinds
            for live in member.client.list(kind, NAMESPACE)
        ]

    def _command(self, cluster: str, count: int, rate: int) -> list[str]:
        # The limit is for all of them together.
        asked = ("--count", str(count), "--qps", str(rate), "--timeout", "120s", f"http://{HOST}/")
        return self.lab.mesh.exec_command(cluster, "app/echo", "echo-client", *asked)

    def requests(self, cluster: str, count: int = REQUESTS) -> Answers:
        """Requests of the echo pod of a cluster."""
        return _answers(run_command(*self._command(cluster, count, 200), check=False), count)

    @contextmanager
    def load(self, cluster: str) -> Iterator[list[Answers]]:
        """A small steady load for as long as the block lasts; when it has ended, what was answered is known."""
        over, answered = threading.Event(), []

        def ask() -> None:
            while not over.is_set():
                answered.append(_answers(run_command(*self._command(cluster, BATCH, RATE), check=False), BATCH))

        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask)
            try:
                yield answered
            finally:
                over.set()
                asking.result()

    def sees(self, cluster: str, by: str, shares: Mapping[str, int]) -> None:
        """Requests from a cluster are divided so, as far as a binomial band of 99 % can tell.

        One of a hundred samples is outside by chance, so a second one decides.
        """
        seen = []
        for _attempt in range(2):
            answers = self.requests(cluster)
            counted = answers.versions if by == "version" else answers.clusters
            seen.append(answers)
            within = all(is_within(counted[name], REQUESTS, share / 100) for name, share in shares.items())
            if within and not answers.failed:
                return
        raise AssertionError(f"from {cluster}, {dict(shares)} wanted, seen {seen}")


def _answers(output: str, count: int) -> Answers:
    good = len(re.findall(r"StatusCode=200", output))
    errors = re.findall(r"Error .*", output) or [f"{good} of {count} requests were answered with 200"]
    versions = Counter(re.findall(r" ServiceVersion=(\S+)", output))
    return Answers(versions, Counter(re.findall(r" Cluster=(\S+)", output)), "" if good == count else errors[-1])


@contextmanager
def with_shop(lab: Lab) -> Iterator[Shop]:
    """The application in both clusters; its namespace is gone afterwards."""
    lab.begin()
    meshes = (lab.mesh.east, lab.mesh.west)
    try:
        for cluster in meshes:
            manifests = {"apiVersion": "v1", "kind": "List", "items": application(cluster.name)}
            cluster.kubectl("apply", "-f", "-", stdin=json.dumps(manifests))
        for cluster in meshes:
            for version in VERSIONS:
                name = f"deployment/reviews-{version}"
                cluster.kubectl("-n", NAMESPACE, "rollout", "status", name, "--timeout=240s")
        shop = Shop(lab)
        _wait_until_all_answer(shop)
        yield shop
    finally:
        for wait in ("--wait=false", "--timeout=120s"):
            for cluster in meshes:
                cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", wait)


def _wait_until_all_answer(shop: Shop) -> None:
    """Until the clients of both clusters know the servers of both."""
    everyone = {(version, cluster) for version in VERSIONS for cluster in CLUSTERS}
    for cluster in CLUSTERS:
        for _attempt in range(60):
            answers = shop.requests(cluster, 40)
            if not answers.failed and (set(answers.versions), set(answers.clusters)) == (set(VERSIONS), set(CLUSTERS)):
                break
        else:
            raise AssertionError(f"from {cluster}, of {sorted(everyone)} only {answers} answer")
