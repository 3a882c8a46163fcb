# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases on real meshes, and real requests of clients in every cluster."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    LEASE,
    SECRET,
    VIRTUAL_SERVICE,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from support.chance import is_within
from support.fleet_runs import Ran
from support.fleet_runs import run as run_operation
from support.mesh import NAMES, Mesh, demo
from support.programs import run

NAMESPACE = "shop"
HOST = f"reviews.{NAMESPACE}.svc.cluster.local"
REQUESTS = 300
STABLE, CANARY, EVEN = {"v1": 100, "v2": 0}, {"v1": 0, "v2": 100}, {"v1": 50, "v2": 50}
BY_ENVOY: dict[str, Any] = {
    "source": "envoy",
    "interval": 1,
    "envoy": {"window": 3},
    "metrics": [{"name": "request-success-rate", "builtin": "request-success-rate", "min": 90}],
}
BATCH = 5
"""Seconds for which a client of a load asks before the next one does."""


@dataclass(frozen=True)
class Answers:
    """Of ``count`` requests: how many each version answered with 200, how many were not answered so, and the client's
    words for it. Where one fails, the client tells nothing of the others of its batch.
    """

    count: int
    versions: Counter[str]
    good: int
    words: str = ""

    @property
    def failed(self) -> int:
        return self.count - self.good


def answers_of(output: str, count: int) -> Answers:
    good = len(re.findall(r"StatusCode=200", output))
    refused = re.findall(r"^.*StatusCode=(?!200).*$", output, re.MULTILINE)
    words = "" if good == count else "; ".join([*refused, *output.strip().splitlines()[-3:]])
    return Answers(count, Counter(re.findall(r" ServiceVersion=(\S+)", output)), good, words)


def list_failures(answered: Mapping[str, list[Answers]]) -> list[str]:
    """The client's words for every batch of a load in which a request failed."""
    return [each.words for batches in answered.values() for each in batches if each.failed]


@dataclass
class Shop:
    mesh: Mesh

    def __post_init__(self) -> None:
        self.clusters, self.fleet = self.mesh.lab.clusters, self.mesh.fleet

    def install(self) -> None:
        for name, cluster in self.clusters.items():
            cluster.kubectl("apply", "-f", "-", stdin=demo("reviews.yaml", name, NAMESPACE))
        for cluster in self.clusters.values():
            cluster.rolled_out(NAMESPACE, "reviews-v1", "reviews-v2")

    def release(self, **options: Any) -> Ran:
        """One task of the module; with ``wait`` as many ticks as it takes."""
        given = {
            "clusters": self.mesh.lab.parameters,
            "name": "reviews",
            "namespace": NAMESPACE,
            "stable": "v1",
            "canary": "v2",
            "plan": {"step_weights": [5, 25, 50, 100], "interval": 1, "drain": 0},
            "proof": "acknowledged",
            "proof_timeout": 180,
            "wait": True,
            "poll": 0.5,
            "wait_timeout": 300,
            **options,
        }
        return run_operation(canary, given)

    def begin(self) -> None:
        for name, cluster in self.clusters.items():
            cluster.kubectl("apply", "-f", "-", stdin=demo("reviews.yaml", name, NAMESPACE))
            cluster.kubectl("-n", NAMESPACE, "delete", "envoyfilter", "failing-v2", "--ignore-not-found")
        self.sees({"v1": 100, "v2": 0})

    def end(self) -> None:
        self.release(state="absent", wait=False).succeeded()
        assert self.left() == []

    def left(self) -> list[str]:
        """Whatever still has a mark of a release."""
        found = []
        for member in self.fleet:
            for live in member.client.list(VIRTUAL_SERVICE, NAMESPACE):
                found += [
                    f"{member.name}: {key}" for key in live["metadata"].get("annotations") or {} if "onemesh" in key
                ]
            for kind in (CONFIG_MAP, SECRET, LEASE):
                lives = member.client.list(kind, "onemesh-system")
                found += [name for live in lives if "canary" in (name := live["metadata"]["name"])]
        return found

    def is_bad_in(self, name: str) -> None:
        """Half of the requests to version 2 fail in a cluster."""
        self.clusters[name].kubectl("apply", "-f", "-", stdin=demo("failing-reviews.yaml", name, NAMESPACE))

    def weights(self) -> dict[str, int]:
        """The canary's weight in the route of each cluster."""
        return {
            member.name: member.client.get(VIRTUAL_SERVICE, "reviews", NAMESPACE)["spec"]["http"][-1]["route"][1][
                "weight"
            ]
            for member in self.fleet
        }

    def command(self, cluster: str, count: int, rate: int, host: str = HOST) -> list[str]:
        asked = ("--count", str(count), "--qps", str(rate), "--timeout", "300s", f"http://{host}/")
        return self.mesh.exec_command(cluster, "app/echo", "echo-client", *asked)

    def ask(self, cluster: str, count: int, *options: str, host: str = HOST) -> str:
        """What the client of a cluster says of so many requests, with their answers' headers."""
        *command, url = self.command(cluster, count, 150, host)
        return run(*command, *options, url, check=False)

    def requests(self, cluster: str, *options: str, host: str = HOST) -> Answers:
        return answers_of(self.ask(cluster, REQUESTS, *options, host=host), REQUESTS)

    def received(self, cluster: str, deployment: str) -> int:
        """How many requests the pod's own proxy has passed on to it."""
        listed = self.mesh.envoy_clusters(cluster, f"{NAMESPACE}/{deployment}")
        return sum(map(int, re.findall(r"^inbound\|8080\|\|::[^:]+:\d+::rq_total::(\d+)$", listed, re.MULTILINE)))

    @contextmanager
    def load(self, rate: int = 20, host: str = HOST) -> Iterator[dict[str, list[Answers]]]:
        """Clients of each cluster ask beside what happens in the block; when that ends, what they got is known."""
        over = threading.Event()
        answered: dict[str, list[Answers]] = {name: [] for name in NAMES}

        def ask(name: str) -> None:
            count = rate * BATCH
            while not over.is_set():
                answered[name].append(answers_of(run(*self.command(name, count, rate, host), check=False), count))

        with ThreadPoolExecutor(len(NAMES)) as pool:
            for name in NAMES:
                pool.submit(ask, name)
            try:
                yield answered
            finally:
                over.set()

    def sees(self, shares: Mapping[str, int], *, only: tuple[str, ...] = NAMES, host: str = HOST) -> None:
        """Clients of these clusters are divided so, as far as a binomial band of 99 % can tell.

        One of a hundred samples is outside by chance, so a second one decides.
        """
        with ThreadPoolExecutor(len(only)) as pool:
            list(pool.map(lambda name: self._sees(name, shares, host), only))

    def _sees(self, cluster: str, shares: Mapping[str, int], host: str) -> None:
        seen = []
        for _attempt in range(3):
            answers = self.requests(cluster, host=host)
            seen.append(answers)
            within = all(is_within(answers.versions[name], REQUESTS, share / 100) for name, share in shares.items())
            if within and not answers.failed:
                return
        raise AssertionError(f"from {cluster}, {dict(shares)} wanted, seen {seen}")
