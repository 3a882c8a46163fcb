# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of operation writer on real API servers, and what its accounts may do there."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Unauthorized
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._operations.writer import run as writer
from support.fleet_runs import Planes, Ran, run

NAMESPACE = "istio-system"
RECORDS_IN = "onemesh-system"
LEDGER = "mesh-ledger"
NAMES = ("east", "west")

Right = tuple[str, str, str]
"""Verb, API group, resource."""

_KINDS = (
    kinds.SERVICE_ACCOUNT,
    kinds.CLUSTER_ROLE,
    kinds.CLUSTER_ROLE_BINDING,
    kinds.ROLE,
    kinds.ROLE_BINDING,
    SECRET,
)


@dataclass
class Fleet:
    """Clusters east and west, east first and so the hub."""

    planes: Planes

    def prepare(self) -> None:
        """What is there of a writer goes by nothing of the collection; the CA is published as a controller would."""
        for name, client in self.planes.clients.items():
            for kind in _KINDS:
                for live in client.list(kind):
                    if "onemesh-writer" in live["metadata"]["name"]:
                        client.delete(kind, live["metadata"]["name"], live["metadata"].get("namespace"))
            authority = self.planes.planes[name].ca.read_text()
            for manifest in (
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": LEDGER}},
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "metadata": {"name": "kube-root-ca.crt", "namespace": NAMESPACE},
                    "data": {"ca.crt": authority},
                },
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "bare", "namespace": NAMESPACE},
                },
            ):
                client.apply(manifest, field_manager="test")

    def run(self, *, check: bool = False, clusters: Any = None, **options: Any) -> Ran:
        return run(writer, {"clusters": clusters or self.planes.clusters(*NAMES), **options}, check=check)

    def secret(self, cluster: str, hub: str = "east") -> dict[str, Any] | None:
        return self.planes.clients[hub].find(SECRET, f"onemesh-writer-{cluster}", NAMESPACE)

    def kubeconfig(self, cluster: str, hub: str = "east") -> dict[str, Any]:
        secret = self.secret(cluster, hub)
        assert secret is not None
        (key,) = secret["data"]
        assert key == cluster
        return dict(yaml.safe_load(base64.b64decode(secret["data"][key])))

    def token(self, cluster: str, hub: str = "east") -> str:
        return str(self.kubeconfig(cluster, hub)["users"][0]["user"]["token"])

    def writer(self, cluster: str, hub: str = "east") -> Client:
        """A client with nothing but what the hub keeps."""
        return self.client(cluster, self.kubeconfig(cluster, hub))

    def bearer(self, cluster: str, token: str) -> Client:
        plane = self.planes.planes[cluster]
        return self.client(cluster, None, host=plane.url, ca_cert=str(plane.ca), api_key=token)

    def client(self, cluster: str, kubeconfig: Mapping[str, Any] | None, **options: Any) -> Client:
        known = {"kubeconfig": kubeconfig, **options} if kubeconfig else options
        return Client(cluster, load_credentials(known, cluster=cluster, environ={}))

    def granted(self, cluster: str, namespace: str, hub: str = "east") -> set[Right]:
        """What the writer may do in ``namespace`` beyond what every account may."""
        bare = self.planes.clients[cluster].request_token("bare", NAMESPACE)["token"]
        return rights(self.writer(cluster, hub), namespace) - rights(self.bearer(cluster, bare), namespace)

    def await_rights(self, cluster: str, namespace: str, expected: set[Right], hub: str = "east") -> None:
        """An API server reads roles by a watch of its own, so a change takes a moment."""
        ends = time.monotonic() + 10
        while (found := self.granted(cluster, namespace, hub)) != expected and time.monotonic() < ends:
            continue
        assert found == expected

    def traces(self) -> list[str]:
        """All that there is of writers."""
        return [
            f"{cluster} {kind.describe(live['metadata']['name'], live['metadata'].get('namespace'))}"
            for cluster, client in self.planes.clients.items()
            for kind in _KINDS
            for live in client.list(kind)
            if "onemesh-writer" in live["metadata"]["name"]
        ]

    def state(self) -> dict[str, str]:
        """Every object that may hold something of a writer, with its version."""
        return {
            f"{cluster} {kind.describe(live['metadata']['name'], live['metadata'].get('namespace'))}": live["metadata"][
                "resourceVersion"
            ]
            for cluster, client in self.planes.clients.items()
            for kind in _KINDS
            for live in client.list(kind)
        }


def rights(client: Client, namespace: str) -> set[Right]:
    """All that an account may do in a namespace, as the API server lists it. Rules of single names have the name."""
    review = client.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
    )
    assert review["status"]["incomplete"] is False
    found: set[Right] = set()
    for rule in review["status"]["resourceRules"]:
        assert not rule.get("resourceNames")
        for group in rule["apiGroups"]:
            found |= {(verb, group, resource) for verb in rule["verbs"] for resource in rule["resources"]}
    return found


def product(verbs: str, group: str, *resources: str) -> set[Right]:
    return {(verb, group, resource) for verb in verbs.split() for resource in resources}


def actions(ran: Ran) -> dict[str, str]:
    return {each["cluster"]: each["action"] for each in ran.result["writers"]}


def findings(ran: Ran) -> set[tuple[str, str]]:
    assert ran.result.get("failed"), ran.result
    return {(each["cluster"], each["check"]) for each in ran.result["findings"]}


def await_refusal(clients: Iterable[Client]) -> None:
    """An API server may remember for some 10 s that a token was good."""
    for client in clients:
        ends = time.monotonic() + 30
        try:
            while time.monotonic() < ends:
                client.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
                time.sleep(0.2)
        except Unauthorized:
            continue
        raise AssertionError(f"{client.cluster}: the token is still accepted")
