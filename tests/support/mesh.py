# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One mesh of two clusters with echo servers, for all folders that measure traffic.

It stands on a lab of its own, is made by the first folder that wants it, and is used by the next one as it was made:
each folder takes away what it has left, and what cannot be taken away costs the next folder a new mesh.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._cluster import fleet_of_parameters
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Fleet
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client, strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify
from meshlab import layout, snapshots

from support import labs
from support.clusters import Cluster
from support.fleet_runs import PATIENCE
from support.lab_runs import LOOKED_AT, list_objects
from support.labs import RunningLab
from support.programs import ANSIBLE_PLAYBOOK, MESHLAB, REPOSITORY, meshlab, run, succeeds

NAMES = ("east", "west")
LAB = f"{labs.SHARED}mesh"
HOST = "echo.app.svc.cluster.local"
"""The echo servers, one in each cluster."""
DEMO = REPOSITORY / "lab" / "demo"


@dataclass(frozen=True)
class Mesh:
    lab: RunningLab

    @cached_property
    def east(self) -> Cluster:
        return self.lab.clusters["east"]

    @cached_property
    def west(self) -> Cluster:
        return self.lab.clusters["west"]

    @cached_property
    def fleet(self) -> Fleet:
        return Fleet(fleet_of_parameters(self.lab.parameters), request_timeout=PATIENCE)

    @property
    def trust(self) -> Path:
        """Where the root key is; it goes with the lab."""
        return self.files / "trust"

    @cached_property
    def files(self) -> Path:
        """A folder that goes with the lab and is in its snapshots."""
        return Path(self.lab.meshlab("files").strip())

    def verify(self, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """The module's result, without a module's process around it."""
        defaults = {name: spec.get("default") for name, spec in verify.ARGUMENT_SPEC.items()}
        spoken: list[str] = []
        parameters = {**defaults, "clusters": self.lab.parameters, "timeout": 30.0, **options}
        result = run_operation(verify, parameters, Context(check_mode=check_mode, progress=spoken.append))
        return {**result, "spoken": spoken}

    def playbook_command(self, playbook: str, **variables: object) -> list[str]:
        """``playbook`` is a file, or the name of one of the collection's."""
        given = {
            "cluster_request_timeout": PATIENCE,
            "eastwest_gateway_exposed_hosts": ["*.local"],
            "trust_directory": str(self.trust),
            **variables,
        }
        path = playbook if "/" in playbook else f"onemesh.istio.{playbook}"
        return [ANSIBLE_PLAYBOOK, "-i", str(self.lab.inventory), path, "-e", json.dumps(given)]

    def playbook(self, playbook: str, *arguments: str, check: bool = True, **variables: object) -> str:
        return run(*self.playbook_command(playbook, **variables), *arguments, check=check)

    def exec_command(self, cluster: str, pod: str, program: str, *arguments: str) -> list[str]:
        """A program of the lab in a pod's network."""
        return self.lab.exec_command(cluster, pod, str(self.lab.programs / program), *arguments)

    def envoy_clusters(self, cluster: str, pod: str) -> str:
        """What the proxy of a pod counts for each host that it sends requests to."""
        query = (
            "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:15000/clusters').read().decode())"
        )
        return run(*self.lab.exec_command(cluster, pod, sys.executable, "-c", query))

    def recover(self) -> None:
        """Wait until all is well; an istiod that is not after a while may be wedged (istio/istio#60612)."""
        for remedy in (self.restart_istiods, lambda: None):
            found = self.verify(probe="none")
            if not found.get("failed"):
                return
            remedy()
        raise AssertionError(found["msg"])

    def restart_istiods(self) -> None:
        for cluster in self.lab.clusters.values():
            cluster.restart_istiod()

    def is_clean(self) -> bool:
        """Nothing of verify's probe is left on any cluster."""
        return not any(
            cluster.exists("namespace", "onemesh-verify")
            or cluster.exists("gateways.networking.istio.io", "-A", "-l", "onemesh.istio/component=verify")
            for cluster in self.lab.clusters.values()
        )


def eventually(condition: Callable[[], bool], what: Callable[[], object], *, within: float = 60) -> None:
    """Ask until ``condition`` holds: proxies learn of a change when istiod tells them."""
    ends = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends, what()
        time.sleep(0.5)


@contextmanager
def shared(folder: Path) -> Iterator[Mesh]:
    """The mesh as it was made, for as long as a folder needs it."""
    mesh = _found(folder) or _made(folder)
    try:
        yield mesh
    finally:
        _restore(mesh)


# Where it comes from


def _found(folder: Path) -> Mesh | None:
    """The mesh of an earlier folder, where it is as it was made."""
    if not layout.Lab(LAB, layout.home()).state_file.exists():
        return None
    mesh = Mesh(labs.find(LAB, folder))
    return mesh if _record(mesh).exists() and not _differences(mesh) else None


def _made(folder: Path) -> Mesh:
    """From a snapshot of the mesh that this checkout makes, or else by ``site``, and then there is a snapshot."""
    meshlab(LAB, "down")
    if succeeds(MESHLAB, "saved", _snapshot()):
        meshlab(LAB, "up", "--from", _snapshot())
        mesh = Mesh(labs.find(LAB, folder))
        if not mesh.verify(probe="none").get("failed"):
            return mesh
        # Tokens and certificates keep their dates.
        meshlab(LAB, "down")
    mesh = Mesh(labs.start(LAB, folder, *NAMES))
    mesh.playbook("site", "--skip-tags", "verify")
    for cluster in mesh.lab.clusters.values():
        cluster.kubectl("apply", "-f", "-", stdin=demo("echo.yaml", cluster.name))
    for cluster in mesh.lab.clusters.values():
        cluster.rolled_out("app", "echo")
    mesh.recover()
    _record(mesh).write_text(json.dumps(_state(mesh)))
    for old in _snapshots():
        run(MESHLAB, "forget", old)
    mesh.lab.meshlab("save", _snapshot())
    return mesh


def _snapshot() -> str:
    """A name that says what made the mesh: the collection as it is here, and this file."""
    return f"{LAB}-{snapshots.digest(REPOSITORY, _MAKES_IT)}"


_MAKES_IT = (
    "plugins",
    "roles",
    "playbooks",
    "lab/demo/echo.yaml",
    "tests/support/mesh.py",
    "tests/support/lab_runs.py",
)


def _snapshots() -> list[str]:
    """Those of this mesh, whatever made them."""
    lines = run(MESHLAB, "saved").splitlines()
    return [line.split()[0] for line in lines if line.startswith(f"{LAB}-")]


def demo(name: str, cluster: str, namespace: str = "") -> str:
    """A manifest of the demo."""
    return (DEMO / name).read_text().replace("CLUSTER_NAME", cluster).replace("NAMESPACE", namespace)


# What restores it

SETTLES_IN = 90.0


def _restore(mesh: Mesh) -> None:
    """Take away what a folder has left; the record goes with what cannot be restored."""
    try:
        mesh.lab.clear_faults()
        known = json.loads(_record(mesh).read_text())
        for name, cluster in mesh.lab.clusters.items():
            there = cluster.kubectl("get", "namespaces", "-o", "name").split()
            extra = [each for each in there if f"Namespace /{each.partition('/')[2]}" not in known[name]]
            if extra:
                cluster.kubectl("delete", *extra)
        mesh.recover()
        ends = time.monotonic() + SETTLES_IN
        while (differences := _differences(mesh)) and time.monotonic() < ends:
            time.sleep(1)
        problem = ", ".join(differences)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem:
        _record(mesh).unlink()
        warnings.warn(f"the mesh is not as it was made, so the next folder makes another: {problem}", stacklevel=2)


def _record(mesh: Mesh) -> Path:
    """What stood on the clusters when the mesh was made."""
    return mesh.files / "as-made.json"


def _differences(mesh: Mesh) -> list[str]:
    """Cluster and object of what is not as it was made."""
    known, now = json.loads(_record(mesh).read_text()), _state(mesh)
    return sorted(
        f"{name}: {key}"
        for name in known
        for key in known[name].keys() | now[name].keys()
        if known[name].get(key) != now[name].get(key)
    )


_LOOKED_AT = (
    *LOOKED_AT,
    kinds.VIRTUAL_SERVICE,
    kinds.DESTINATION_RULE,
    kinds.ENVOY_FILTER,
    kinds.SERVICE_ENTRY,
)


def _state(mesh: Mesh) -> dict[str, dict[str, str]]:
    """Per cluster every object of these kinds, by kind, namespace and name, with its digest."""
    with ThreadPoolExecutor() as pool:
        return dict(pool.map(lambda member: (member.name, _objects(member.client)), mesh.fleet))


def _objects(client: Client) -> dict[str, str]:
    # How often Helm wrote says nothing of what stands there.
    return {
        key: _digest(live)
        for key, live in list_objects(client, _LOOKED_AT).items()
        if live.get("type") != "helm.sh/release.v1"
    }


def _digest(live: dict[str, Any]) -> str:
    """Of what an object says, without what others fill in: ports of nodes, restarts, releases of charts."""
    said = strip_content(live)
    spec = said.get("spec") or {}
    said["metadata"] = {"labels": live["metadata"].get("labels")}
    for name in ("clusterIP", "clusterIPs", "healthCheckNodePort"):
        spec.pop(name, None)
    for port in spec.get("ports") or ():
        port.pop("nodePort", None)
    spec.get("template", {}).get("metadata", {}).pop("annotations", None)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
