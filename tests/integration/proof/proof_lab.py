# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes on two real meshes, their proof, and the witnesses: istioctl, and Envoy's processes."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Fleet
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import POD, kind_of
from ansible_collections.onemesh.istio.plugins.module_utils._proof.prove import (
    Baseline,
    Changed,
    Proof,
    prove,
    take_baseline,
)
from meshlab import layout, processes
from support.mesh import HOST, Mesh
from support.programs import run

ISTIO = "networking.istio.io/v1"
MANAGER = "proof-test"
CLUSTERS = ("east", "west")

Manifest = dict[str, Any]
Write = Callable[["Lab", str], Changed]
"""A change of one object on one cluster."""


def to(subset: str, weight: int) -> Manifest:
    return {"destination": {"host": HOST, "subset": subset}, "weight": weight}


def virtual_service(east: int, name: str = "echo", host: str = HOST, **spec: Any) -> Manifest:
    """``east`` of 100 requests to the echo server of east, the rest to that of west."""
    routes = [{"name": "main", "route": [to("east", east), to("west", 100 - east)]}]
    metadata = {"name": name, "namespace": "app"}
    return {
        "apiVersion": ISTIO,
        "kind": "VirtualService",
        "metadata": metadata,
        "spec": {"hosts": [host], "http": routes, **spec},
    }


def destination_rule(*subsets: str) -> Manifest:
    return {
        "apiVersion": ISTIO,
        "kind": "DestinationRule",
        "metadata": {"name": "echo", "namespace": "app"},
        "spec": {"host": HOST, "subsets": [{"name": name, "labels": {"version": name}} for name in subsets]},
    }


def unknown_filter() -> Manifest:
    """istiod accepts it; Envoy does not, because it has no such filter."""
    value = {
        "name": "nosuch",
        "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": "type.googleapis.com/no.such",
        },
    }
    where = {"listener": {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}}}
    patch = {
        "applyTo": "HTTP_FILTER",
        "match": {"context": "SIDECAR_OUTBOUND", **where},
        "patch": {"operation": "INSERT_BEFORE", "value": value},
    }
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": "nosuch", "namespace": "app"},
        "spec": {"configPatches": [patch]},
    }


def applies(manifest: Manifest) -> Write:
    def write(lab: Lab, cluster: str) -> Changed:
        client = lab.fleet[cluster].client
        started = time.monotonic()
        applied = client.apply(manifest, field_manager=MANAGER, force=True)
        return Changed(applied.before, applied.object, started, time.monotonic())

    return write


def deletes(manifest: Manifest) -> Write:
    def write(lab: Lab, cluster: str) -> Changed:
        client = lab.fleet[cluster].client
        kind, name, namespace = kind_of(manifest), manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        before = client.get(kind, name, namespace)
        started = time.monotonic()
        client.delete(kind, name, namespace)
        return Changed(before, None, started, time.monotonic())

    return write


@dataclass
class Lab:
    mesh: Mesh
    spoken: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """The objects that every test begins with, and all proxies connected, as they are not just after a restart."""
        self._wait_for_proxies()
        for manifest in (unknown_filter(), virtual_service(50, "edge")):
            for member in self.fleet:
                member.client.delete(kind_of(manifest), manifest["metadata"]["name"], "app")
        proof = self.change("serving", applies(destination_rule(*CLUSTERS)), applies(virtual_service(50)), timeout=240)
        assert proof.holds, proof.as_dict()
        self.spoken.clear()

    @property
    def fleet(self) -> Fleet:
        return self.mesh.fleet

    def end(self) -> None:
        """Nothing of it is left."""
        for manifest in (unknown_filter(), virtual_service(50, "edge"), virtual_service(50), destination_rule()):
            for member in self.fleet:
                member.client.delete(kind_of(manifest), manifest["metadata"]["name"], "app")

    def change(
        self, level: str, *writes: Write, on: Iterable[str] = CLUSTERS, timeout: float = 90.0, window: float = 0.0
    ) -> Proof:
        """Write everything on the clusters and prove it."""
        known = self.baseline(level)
        return self.prove(level, known, self.write(*writes, on=on), timeout=timeout, window=window)

    def baseline(self, level: str) -> Baseline:
        known = take_baseline(self.fleet, level, self.fleet.names, deadline=20.0)
        assert known.findings == ()
        return known

    def write(self, *writes: Write, on: Iterable[str] = CLUSTERS) -> dict[str, list[Changed]]:
        return {cluster: [write(self, cluster) for write in writes] for cluster in on}

    def prove(
        self,
        level: str,
        known: Baseline,
        changes: Mapping[str, list[Changed]],
        *,
        timeout: float = 90.0,
        window: float = 0.0,
    ) -> Proof:
        return prove(self.fleet, level, known, changes, timeout=timeout, progress=self.spoken.append, window=window)

    def _wait_for_proxies(self) -> None:
        ends = time.monotonic() + 240
        while True:
            istiods = take_baseline(self.fleet, "acknowledged", self.fleet.names, deadline=20.0).istiods.values()
            connected = {proxy.proxy for istiod in istiods for proxy in istiod.proxies}
            if {self.proxy(cluster) for cluster in CLUSTERS} <= connected:
                return
            assert time.monotonic() < ends, connected
            time.sleep(0.5)

    # -- witnesses ----------------------------------------------------------------------------------------------------

    def pod(self, cluster: str) -> Manifest:
        """The pod of the echo server."""
        pods = self.fleet[cluster].client.list(POD, "app", label_selector="app=echo")
        (found,) = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        return found

    def proxy(self, cluster: str) -> str:
        return f"{self.pod(cluster)['metadata']['name']}.app"

    def weights(self, cluster: str) -> dict[str, int]:
        """What Envoy has for the route ``main``, as istioctl tells it."""
        istioctl = self.mesh.lab.clusters[cluster].istioctl
        dump = json.loads(istioctl("proxy-config", "routes", self.proxy(cluster), "--name", "80", "-o", "json"))
        found = [
            route["route"]["weightedClusters"]["clusters"]
            for each in dump
            for virtual_host in each["virtualHosts"]
            if HOST in virtual_host["domains"]
            for route in virtual_host["routes"]
            if route.get("name") == "main"
        ]
        return {each["name"].split("|")[2]: each["weight"] for clusters in found for each in clusters}

    def stale(self, cluster: str) -> str:
        """What istioctl says of the proxies of a cluster that have not acknowledged."""
        istioctl = self.mesh.lab.clusters[cluster].istioctl
        return "\n".join(line for line in istioctl("proxy-status", "-v", "1").splitlines() if "STALE" in line)

    def connected(self, cluster: str) -> int:
        """How many proxies istioctl says that the istiods of a cluster have."""
        _titles, *lines = self.mesh.lab.clusters[cluster].istioctl("proxy-status").splitlines()
        return len(lines)

    def requests(self, cluster: str, count: int) -> Counter[str]:
        """How many requests of the echo pod each cluster answered."""
        asked = ("--count", str(count), "--qps", "500", f"http://{HOST}/")
        answers = run(*self.mesh.exec_command(cluster, "app/echo", "echo-client", *asked))
        return Counter(re.findall(r" Cluster=(\S+)", answers))

    @contextmanager
    def envoy_stopped(self, cluster: str) -> Iterator[Callable[[], None]]:
        """Envoy of the echo pod does nothing any more, until the end or until the given function is called."""
        envoy = self._envoy(cluster)

        def go_on() -> None:
            os.kill(envoy, signal.SIGCONT)

        os.kill(envoy, signal.SIGSTOP)
        try:
            yield go_on
        finally:
            go_on()

    def _envoy(self, cluster: str) -> int:
        uid = self.pod(cluster)["metadata"]["uid"].partition("-")[0]
        agent = processes.load(
            layout.Lab(self.mesh.lab.name, layout.home()).processes, f"{cluster}.pod-{uid}-istio-proxy"
        )
        assert agent is not None
        (envoy,) = [each.pid for each in processes.tree(agent) if "envoy" in Path(f"/proc/{each.pid}/comm").read_text()]
        return envoy
