# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runs work on: API servers, the objects that are written to them, and the way there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    DESTINATION_RULE,
    LEASE,
    SECRET,
    VIRTUAL_SERVICE,
    make_path,
)
from delay import HOST, delayed
from support.fleet_runs import RECORDS, Planes, started

__all__ = ["Endpoint", "Ground", "objects", "parameters", "started"]

NAMESPACE = "bench"
SET = "bench"
_PATIENCE = 120.0
"""Seconds in which new API servers come to rest."""
LABELS = {"istio-injection": "enabled"}


@dataclass(frozen=True)
class Endpoint:
    """One cluster as a run sees it: ``plane`` is the real API server behind it, ``namespace`` where it writes."""

    name: str
    plane: str
    port: int
    kubeconfig: Path
    namespace: str = NAMESPACE


def objects(count: int, namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """Half DestinationRules, half VirtualServices, as they are for a service of two versions."""
    made = []
    for number in range(count):
        name = f"service-{number // 2}"
        host = f"{name}.{namespace}.svc.cluster.local"
        rule, route = DESTINATION_RULE, VIRTUAL_SERVICE
        kind = rule if number % 2 == 0 else route
        spec: dict[str, Any] = {
            rule: {
                "host": host,
                "trafficPolicy": {"connectionPool": {"http": {"http2MaxRequests": 100}}},
                "subsets": [{"name": version, "labels": {"version": version}} for version in ("v1", "v2")],
            },
            route: {
                "hosts": [host],
                "http": [
                    {
                        "name": "split",
                        "timeout": "5s",
                        "route": [
                            {"destination": {"host": host, "subset": version}, "weight": weight}
                            for version, weight in (("v1", 90), ("v2", 10))
                        ],
                    }
                ],
            },
        }[kind]
        made.append(
            {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "metadata": {"name": name, "namespace": namespace},
                "spec": spec,
            }
        )
    return made


class Ground:
    """API servers with an empty namespace ``bench`` each."""

    def __init__(self, planes: Planes, folder: Path) -> None:
        self._planes = planes
        self._folder = folder
        for name in planes.planes:
            self._make_namespace(name, NAMESPACE)

    @property
    def names(self) -> list[str]:
        return list(self._planes.planes)

    @contextmanager
    def endpoints(self, names: Sequence[str], round_trip: float = 0.0) -> Iterator[list[Endpoint]]:
        """The API servers themselves, ``round_trip`` milliseconds away."""
        with self._ports([self._port(name) for name in names], round_trip, len(names)) as ports:
            yield [
                Endpoint(name, name, port, self._kubeconfig(name, name, port))
                for name, port in zip(names, ports, strict=True)
            ]

    @contextmanager
    def simulated(self, count: int, round_trip: float) -> Iterator[list[Endpoint]]:
        """``count`` clusters on the few API servers, each with a namespace of its own there."""
        planes = [self.names[number % len(self.names)] for number in range(count)]
        with self._ports([self._port(name) for name in self.names], round_trip, count) as ports:
            made = []
            for number, (plane, port) in enumerate(zip(planes, ports, strict=True)):
                name = f"{NAMESPACE}-{number:03}"
                self._make_namespace(plane, name)
                made.append(Endpoint(name, plane, port, self._kubeconfig(name, plane, port), name))
            yield made

    def cpu_seconds(self) -> float:
        """What the API servers have used of the cores so far."""
        return sum(_cpu_seconds(plane.process.pid) for plane in self._planes.planes.values())

    def settle(self) -> None:
        """Wait until the API servers rest: for a minute after they got Istio's types they work on their own."""
        ends = time.monotonic() + _PATIENCE
        before = self.cpu_seconds()
        while time.monotonic() < ends:
            time.sleep(2.0)
            used, before = self.cpu_seconds() - before, self.cpu_seconds()
            if used < 0.1 * len(self.names):
                return

    def clear(self, endpoints: Sequence[Endpoint]) -> int:
        """Take away what a run wrote; how many objects it was. Checks that nobody measures a run that did nothing."""
        found = 0
        for endpoint in endpoints:
            client = self._planes.clients[endpoint.plane]
            for kind in (DESTINATION_RULE, VIRTUAL_SERVICE):
                live = client.list(kind, endpoint.namespace)
                found += len(live)
                if live:
                    client.request("DELETE", make_path(kind, endpoint.namespace), timeout=60)
            for kind in (SECRET, LEASE):
                client.request("DELETE", make_path(kind, RECORDS), timeout=60)
        return found

    def _ports(self, servers: Sequence[int], round_trip: float, count: int) -> Any:
        if not round_trip:
            return nullcontext([servers[number % len(servers)] for number in range(count)])
        return delayed(list(servers), round_trip, count)

    def _port(self, plane: str) -> int:
        port = urlsplit(self._planes.planes[plane].url).port
        assert port is not None
        return port

    def _kubeconfig(self, name: str, plane: str, port: int) -> Path:
        content = self._planes.planes[plane].admin_kubeconfig()
        content["clusters"][0]["cluster"]["server"] = f"https://{HOST}:{port}"
        file = self._folder / f"{name}.kubeconfig"
        file.touch(mode=0o600)
        file.write_text(json.dumps(content))
        return file

    def _make_namespace(self, plane: str, name: str) -> None:
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": LABELS}}
        self._planes.clients[plane].apply(manifest, field_manager="bench")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parameters(endpoints: Sequence[Endpoint], count: int, **more: Any) -> dict[str, Any]:
    """Options of ``replicate`` for ``count`` objects on each endpoint."""
    clusters = [{"name": each.name, "kubeconfig": str(each.kubeconfig)} for each in endpoints]
    overlays = [
        {"clusters": [each.name], "merge": {"metadata": {"namespace": each.namespace}}}
        for each in endpoints
        if each.namespace != NAMESPACE
    ]
    # Simulated clusters share API servers, so each sees what the others hold of the set, and may not take it away.
    options: dict[str, Any] = {"overlays": overlays, "prune": False} if overlays else {}
    return {"set": SET, "clusters": clusters, "definition": objects(count), **options, **more}
