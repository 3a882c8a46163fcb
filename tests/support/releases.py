# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's routes on all clusters, and ticks of a release on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    DESTINATION_RULE,
    LEASE,
    SECRET,
    VIRTUAL_SERVICE,
    Kind,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary

from support.fault_runs import Moments
from support.faults import Wire
from support.fleet_runs import RECORDS, Object, Planes, Ran, run
from support.splits import as_it_was, destination_rule, virtual_service

PLAN = {"step_weights": [5, 50, 100], "interval": 0.01, "drain": 0}
"""All but at once: what is tested here depends on no time."""
AT_5, AT_50, AT_100 = 1, 2, 3
"""The steps of it that have these weights."""


@dataclass
class Shop:
    """What one test has: a namespace, and a release named like it."""

    planes: Planes
    namespace: str
    options: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Other options of a cluster, where it is reached by another way than the administrator's."""

    def put_routes(self) -> None:
        self.put(self.declared(), destination_rule(self.namespace, "v1", "v2"))

    def declared(self) -> Object:
        """The route as the user declares it."""
        return virtual_service(self.namespace, v1=100, v2=0)

    def put(self, *manifests: Object, manager: str = "gitops", only: str = "") -> None:
        """Somebody else applies objects, on all clusters or on one."""
        for name, client in self.planes.clients.items():
            for manifest in manifests if only in ("", name) else ():
                client.apply(deepcopy(manifest), field_manager=manager, force=True)

    def parameters(self, *, clusters: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
        """The task, of which ``options`` replace what most tests have."""
        return {
            "clusters": self.planes.clusters(*clusters, **self.options),
            "name": self.namespace,
            "namespace": self.namespace,
            "routes": [{"name": "reviews"}],
            "stable": "v1",
            "canary": "v2",
            "plan": PLAN,
            "drain": 0,
            **options,
        }

    def run(self, *, check: bool = False, **options: Any) -> Ran:
        return run(canary, self.parameters(**options), check=check)

    def to_the_end(self, **options: Any) -> dict[str, Any]:
        return self.run(wait=True, poll=0.05, wait_timeout=60, **options).succeeded()

    def to_step(self, step: int, **options: Any) -> dict[str, Any]:
        """Until all clusters hold the step, and not further."""
        result = self.to_the_end(wait_step=step, **options)
        assert (result["step"], result["done"]) == (step, False), result["reasons"]
        return result

    @contextmanager
    def wired(self, cluster: str) -> Iterator[Wire]:
        """The task reaches its API server by a wire that can be cut; who looks on has another way."""
        plane, before = self.planes.planes[cluster], self.options
        with Wire(plane) as wire:
            self.options = {**before, cluster: {**plane.admin_options(), "host": wire.url}}
            try:
                yield wire
            finally:
                self.options = before

    @contextmanager
    def away(self, cluster: str) -> Iterator[None]:
        """Its API server is not to be reached."""
        with self.wired(cluster) as wire:
            wire.sever()
            yield

    @contextmanager
    def lost_before(self, cluster: str, what: str) -> Iterator[None]:
        """What is run meanwhile loses the API server right before its first write to it that matches ``what``."""
        moments = Moments()
        with self.wired(cluster) as wire, moments.observing():
            moments.before(cluster, what, wire.sever)
            yield
        assert moments.missed == []

    def route(self, cluster: str, name: str = "reviews", kind: Kind = VIRTUAL_SERVICE) -> Object:
        found = self.planes.clients[cluster].find(kind, name, self.namespace)
        assert found is not None
        return found

    def http(self, cluster: str = "west") -> list[Object]:
        """The http routes of the user's VirtualService."""
        return list(self.route(cluster)["spec"]["http"])

    def weights(self, cluster: str) -> dict[str, int]:
        return {
            each["destination"]["subset"]: each.get("weight", 0)
            for each in self.route(cluster)["spec"]["http"][-1]["route"]
        }

    def everywhere(self) -> list[dict[str, int]]:
        return [self.weights(cluster) for cluster in self.planes.clients]

    def contents(self) -> list[Object]:
        """The user's objects on all clusters."""
        return [strip_content(live) for live in self._lives()]

    def everything(self, *kinds: Kind) -> list[Object]:
        """The user's objects with all that can be given back: who owns which field since when, too."""
        return [as_it_was(live) for live in self._lives(*kinds)]

    def _lives(self, *kinds: Kind) -> list[Object]:
        return [
            live
            for client in self.planes.clients.values()
            for kind in kinds or (VIRTUAL_SERVICE, DESTINATION_RULE)
            for name in sorted(each["metadata"]["name"] for each in client.list(kind, self.namespace))
            if (live := client.find(kind, name, self.namespace)) is not None
        ]

    def left_on_the_hub(self) -> list[str]:
        """What of the release is still among the records."""
        return [
            f"{kind.kind} {live['metadata']['name']}"
            for kind in (CONFIG_MAP, SECRET, LEASE)
            for live in self.planes.clients["east"].list(kind, RECORDS)
            if self.namespace in live["metadata"]["name"]
        ]


def phases(result: dict[str, Any]) -> list[tuple[str, int]]:
    """The history without its times: each phase with the step in which it began."""
    return [(each["phase"], each["step"]) for each in result["history"]]
