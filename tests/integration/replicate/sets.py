# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of routing objects, runs of operation replicate with them, and what stands on the clusters afterwards."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import Kind
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from support.fleet_runs import RECORDS, Object, Planes, Ran, run

NAMES = ("east", "west", "north")
LOOKED_AT = (
    kinds.NAMESPACE,
    kinds.VIRTUAL_SERVICE,
    kinds.DESTINATION_RULE,
    kinds.SERVICE_ENTRY,
    kinds.SERVICE,
    kinds.CONFIG_MAP,
    kinds.INGRESS,
    kinds.SECRET,
    kinds.LEASE,
)


def host(namespace: str, name: str) -> str:
    return f"{name}.{namespace}.svc.cluster.local"


def destination_rule(namespace: str, name: str = "reviews", *subsets: str) -> Object:
    spec = {
        "host": host(namespace, name),
        "subsets": [{"name": each, "labels": {"version": each}} for each in subsets or ("v1", "v2")],
    }
    return of(kinds.DESTINATION_RULE, name, namespace, spec=spec)


def virtual_service(namespace: str, name: str = "reviews", *, v2: int = 10, **spec: Any) -> Object:
    weights = {"v1": 100 - v2, "v2": v2}
    route = [
        {"destination": {"host": host(namespace, name), "subset": subset}, "weight": weight}
        for subset, weight in weights.items()
    ]
    rules = {"hosts": [host(namespace, name)], "http": [{"name": "main", "timeout": "5s", "route": route}], **spec}
    return of(kinds.VIRTUAL_SERVICE, name, namespace, spec=rules)


def config_map(namespace: str, name: str, **data: str) -> Object:
    return of(kinds.CONFIG_MAP, name, namespace, data=data)


def of(kind: Kind, name: str, namespace: str | None = None, **content: Any) -> Object:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content}


@contextmanager
def granted_to_the_stranger(client: Client, name: str, **rule: list[str]) -> Iterator[None]:
    """A role in the whole cluster, for the account of STRANGER_TOKEN."""
    group = "rbac.authorization.k8s.io"
    role = of(kinds.CLUSTER_ROLE, name, rules=[rule])
    binding = of(
        kinds.CLUSTER_ROLE_BINDING,
        name,
        roleRef={"apiGroup": group, "kind": "ClusterRole", "name": name},
        subjects=[{"kind": "User", "name": "stranger", "apiGroup": group}],
    )
    for manifest in (role, binding):
        client.apply(manifest, field_manager="test")
    try:
        yield
    finally:
        for kind in (kinds.CLUSTER_ROLE_BINDING, kinds.CLUSTER_ROLE):
            client.delete(kind, name)


@dataclass
class Set:
    """One set on the three clusters; options are those of the module."""

    planes: Planes
    name: str
    namespace: str

    def parameters(self, objects: list[Object] | None, **options: Any) -> dict[str, Any]:
        return {
            "clusters": self.planes.clusters(),
            "set": self.name,
            "definition": copy.deepcopy(objects or []),
            **options,
        }

    def run(self, *objects: Object, check: bool = False, **options: Any) -> Ran:
        return run(replicate, self.parameters(list(objects), **options), check=check)

    def made(self, *objects: Object, **options: Any) -> dict[str, Any]:
        return self.run(*objects, **options).succeeded()

    def removed(self, **options: Any) -> dict[str, Any]:
        return self.run(state="absent", **options).succeeded()

    def pair(self, *, v2: int = 10, **spec: Any) -> list[Object]:
        """A VirtualService and the DestinationRule that it needs, in the wrong order."""
        return [virtual_service(self.namespace, v2=v2, **spec), destination_rule(self.namespace)]

    def client(self, cluster: str) -> Client:
        return self.planes.clients[cluster]

    def live(self, cluster: str, kind: Kind, name: str = "reviews") -> Object:
        return self.client(cluster).get(kind, name, self.namespace if kind.namespaced else None)

    def make_namespace(self, *clusters: str, **labels: str) -> None:
        manifest = of(kinds.NAMESPACE, self.namespace)
        manifest["metadata"]["labels"] = labels
        for name in clusters or NAMES:
            self.client(name).apply(manifest, field_manager="test")

    def put(self, manifest: Object, *clusters: str, manager: str = "gitops", force: bool = False) -> None:
        """Somebody else applies an object."""
        for name in clusters or NAMES:
            self.client(name).apply(manifest, field_manager=manager, force=force)

    def edit(self, cluster: str, kind: Kind, patch: Object, *, manager: str = "kubectl-edit") -> None:
        """Somebody else edits an object."""
        self.client(cluster).patch(kind, "reviews", self.namespace, patch, field_manager=manager)

    def snapshot(self) -> dict[str, str]:
        """Resource versions of all that a run could write, on all clusters."""
        return {
            f"{name}: {kind.describe(live['metadata']['name'], live['metadata'].get('namespace'))}": live["metadata"][
                "resourceVersion"
            ]
            for name, client in self.planes.clients.items()
            for kind in LOOKED_AT
            for live in client.list(kind)
            if (live["metadata"]["name"] if kind == kinds.NAMESPACE else live["metadata"]["namespace"])
            in (RECORDS, self.namespace)
        }

    def left(self) -> list[str]:
        """All objects of any kind with our labels, and the records and locks of the set."""
        return [
            f"{name}: {kind.describe(live['metadata']['name'], live['metadata'].get('namespace'))}"
            for name, client in self.planes.clients.items()
            for kind in LOOKED_AT
            for live in client.list(kind)
            if (live["metadata"].get("labels") or {}).get("onemesh.istio/set") == self.name
            or live["metadata"]["name"].startswith(f"onemesh-replicate-{self.name}")
        ]

    @contextmanager
    def writes_nothing(self) -> Iterator[None]:
        before = self.snapshot()
        yield
        after = self.snapshot()
        assert after == before, set(after.items()) ^ set(before.items())


def words(result: dict[str, Any]) -> dict[str, Any]:
    """What a result says was done, without what only a run knows: UIDs, times, and how far it is proven."""
    clusters = {
        name: {key: value for key, value in part.items() if key not in ("uids", "seconds")}
        for name, part in result["clusters"].items()
    }
    return {
        "changed": result["changed"],
        "clusters": clusters,
        "owed": result["owed"],
        "diff": sorted((each["before_header"], each["after_header"]) for each in result["diff"]),
    }


def checks(result: dict[str, Any]) -> set[tuple[str, str]]:
    """Cluster and check of each finding of a failure."""
    return {(finding["cluster"], finding["check"]) for finding in result["findings"]}


def notes(result: dict[str, Any]) -> set[tuple[str, str]]:
    """Cluster and check of each warning."""
    return {
        (finding["cluster"], finding["check"]) for part in result["clusters"].values() for finding in part["findings"]
    }


def kept(live: Object) -> Object:
    """An object with all that can be given back: who owns which field since when, too."""
    result = copy.deepcopy(live)
    for field in ("resourceVersion", "generation"):
        result["metadata"].pop(field, None)
    return result
