# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's objects on all clusters, and runs of operation traffic_split on them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, VIRTUAL_SERVICE, Kind
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split

from support.fleet_runs import Object, Planes, Ran, run


def virtual_service(namespace: str, **weights: int) -> Object:
    route = [
        {"destination": {"host": "reviews", "subset": subset}, "weight": weight} for subset, weight in weights.items()
    ]
    return {
        "apiVersion": VIRTUAL_SERVICE.api_version,
        "kind": VIRTUAL_SERVICE.kind,
        "metadata": {"name": "reviews", "namespace": namespace, "labels": {"team": "shop"}},
        "spec": {"hosts": ["reviews"], "http": [{"name": "main", "timeout": "5s", "route": route}]},
    }


def destination_rule(namespace: str, *subsets: str) -> Object:
    return {
        "apiVersion": DESTINATION_RULE.api_version,
        "kind": DESTINATION_RULE.kind,
        "metadata": {"name": "reviews", "namespace": namespace},
        "spec": {"host": "reviews", "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]},
    }


@dataclass
class Shop:
    """What one test has: a namespace."""

    planes: Planes
    namespace: str

    def run(self, *, check: bool = False, **options: Any) -> Ran:
        parameters = {"clusters": self.planes.clusters(), "namespace": self.namespace, **options}
        return run(traffic_split, parameters, check=check)

    def put(self, *manifests: Object, manager: str = "gitops", only: str = "") -> None:
        """Somebody else applies objects, on all clusters or on one."""
        for name, client in self.planes.clients.items():
            for manifest in manifests if only in ("", name) else ():
                client.apply(deepcopy(manifest), field_manager=manager)

    def live(self, cluster: str, kind: Kind = VIRTUAL_SERVICE, name: str = "reviews") -> Object | None:
        return self.planes.clients[cluster].find(kind, name, self.namespace)

    def everywhere(self, kind: Kind = VIRTUAL_SERVICE, name: str = "reviews") -> list[Object | None]:
        return [self.live(cluster, kind, name) for cluster in self.planes.clients]

    def weights(self, cluster: str, name: str = "reviews") -> dict[str, int]:
        live = self.live(cluster, name=name)
        assert live is not None
        return {each["destination"]["subset"]: each["weight"] for each in live["spec"]["http"][0]["route"]}


def everything(shop: Shop) -> list[Object | None]:
    """The content of the user's objects on all clusters."""
    lives = [*shop.everywhere(), *shop.everywhere(DESTINATION_RULE)]
    return [None if live is None else strip_content(live) for live in lives]


def as_it_was(live: Object | None) -> Object:
    """An object with all that can be given back: who owns which field since when, too."""
    assert live is not None
    result = deepcopy(live)
    for name in ("resourceVersion", "generation"):
        result["metadata"].pop(name, None)
    return result
