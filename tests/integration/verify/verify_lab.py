# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two linked clusters, verify on them, and the witnesses: kubectl and istioctl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._mesh import verify
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.verb import Context, run_verb

MESHLAB = str(Path(sys.executable).with_name("meshlab"))
REPOSITORY = Path(__file__).parents[3]
TIMEOUT = 600


def run(*command: str, stdin: str = "", check: bool = True) -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT)
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
    return done.stdout


@dataclass(frozen=True)
class Cluster:
    name: str
    kubeconfig: Path
    programs: Path

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        return run(str(self.programs / "kubectl"), "--kubeconfig", str(self.kubeconfig), *arguments, stdin=stdin)

    def istioctl(self, *arguments: str) -> str:
        return run(str(self.programs / "istioctl"), "--kubeconfig", str(self.kubeconfig), *arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", *arguments))
        return found

    def exists(self, *arguments: str) -> bool:
        return bool(self.kubectl("get", "--ignore-not-found", "-o", "name", *arguments).strip())

    @contextmanager
    def applied(self, manifest: dict[str, Any]) -> Iterator[None]:
        text = yaml.safe_dump(manifest)
        self.kubectl("apply", "-f", "-", stdin=text)
        try:
            yield
        finally:
            self.kubectl("delete", "-f", "-", stdin=text)

    def manifest(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """An object as it can be applied again."""
        live = self.get(kind, name, "-n", namespace)
        names = ("name", "namespace", "labels", "annotations")
        metadata = {key: value for key, value in live["metadata"].items() if key in names}
        return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}

    @contextmanager
    def without(self, kind: str, name: str, namespace: str = "istio-system") -> Iterator[dict[str, Any]]:
        """An object is gone, and comes back afterwards."""
        kept = self.manifest(kind, name, namespace)
        self.kubectl("delete", kind, name, "-n", namespace)
        try:
            yield kept
        finally:
            self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(kept))

    def restart_istiod(self) -> None:
        self.kubectl("-n", "istio-system", "rollout", "restart", "deployment", "-l", "app=istiod")
        self.kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=120s")

    def wait_for_cluster(self, name: str, secret: str) -> None:
        """Until istiod reads a cluster by that secret, or with an empty one not at all."""
        deadline = time.monotonic() + 60
        while True:
            lines = [line.split() for line in self.istioctl("remote-clusters").splitlines()]
            found = {words[1]: words[2] for words in lines if words[0] == name and len(words) > 2}
            if found.get(secret) == "synced" if secret else not found:
                return
            assert time.monotonic() < deadline, lines

    @contextmanager
    def labelled(self, kind: str, name: str, label: str, value: str) -> Iterator[None]:
        before = self.get(kind, name)["metadata"]["labels"][label]
        self.kubectl("label", kind, name, f"{label}={value}", "--overwrite")
        try:
            yield
        finally:
            self.kubectl("label", kind, name, f"{label}={before}", "--overwrite")


@dataclass(frozen=True)
class Mesh:
    lab: str
    east: Cluster
    west: Cluster
    inventory: Path
    clusters: list[dict[str, Any]] = field(repr=False)
    trust: Path

    def verify(self, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """The module's result, without a module's process around it."""
        defaults = {name: spec.get("default") for name, spec in verify.ARGUMENT_SPEC.items()}
        spoken: list[str] = []
        parameters = {**defaults, "clusters": self.clusters, "timeout": 30.0, **options}
        result = run_verb(verify, parameters, Context(check_mode=check_mode, progress=spoken.append))
        return {**result, "spoken": spoken}

    def playbook(self, name: str, *arguments: str, check: bool = True) -> str:
        return run(*self.playbook_command(name), *arguments, check=check)

    def playbook_command(self, name: str) -> list[str]:
        program = Path(sys.executable).with_name("ansible-playbook")
        exposed = json.dumps({"eastwest_gateway_exposed_hosts": ["*.local"], "trust_directory": str(self.trust)})
        playbook = REPOSITORY / "playbooks" / f"{name}.yml"
        return [str(program), "-i", str(self.inventory), str(playbook), "-e", exposed]

    @contextmanager
    def fault(self, *words: str) -> Iterator[None]:
        run(MESHLAB, "fault", words[0], "--name", self.lab, *words[1:])
        try:
            yield
        finally:
            self.clear_faults()

    def clear_faults(self) -> None:
        run(MESHLAB, "fault", "clear", "--name", self.lab)

    def recover(self) -> None:
        """Wait until all is well; an istiod that is not after a while may be wedged (istio/istio#60612)."""
        for remedy in (self.restart_istiods, lambda: None):
            found = self.verify(probe="none")
            if not found.get("failed"):
                return
            remedy()
        raise AssertionError(found["msg"])

    def restart_istiods(self) -> None:
        for cluster in (self.east, self.west):
            cluster.restart_istiod()

    def is_clean(self) -> bool:
        """Nothing of the probe is left on any cluster."""
        return not any(
            cluster.exists("namespace", "onemesh-verify")
            or cluster.exists("gateways.networking.istio.io", "-A", "-l", "onemesh.istio/component=verify")
            for cluster in (self.east, self.west)
        )


@contextmanager
def running(kept: str, prefix: str, folder: Path) -> Iterator[Mesh]:
    """A lab with a whole mesh, which is ``kept`` when it has that name, or else made and taken down again."""
    name = kept or f"{prefix}{os.getpid()}"
    try:
        run(MESHLAB, "up", "--name", name, "--clusters", "east,west")
        inventory = folder / "hosts.yml"
        inventory.write_text(run(MESHLAB, "inventory", "--name", name))
        written = yaml.safe_load(inventory.read_text())["all"]
        programs = Path(written["vars"]["cluster_helm_binary"]).parent
        clusters = {
            host: Cluster(host, Path(variables["cluster_kubeconfig"]), programs)
            for host, variables in written["hosts"].items()
        }
        parameters = [
            {
                "name": host,
                "network": variables["cluster_network"],
                "api_server": variables["cluster_api_server"],
                "kubeconfig": variables["cluster_kubeconfig"],
                "context": variables["cluster_context"],
            }
            for host, variables in written["hosts"].items()
        ]
        trust = Path(f"/tmp/{kept}-trust") if kept else folder / "trust"
        mesh = Mesh(name, clusters["east"], clusters["west"], inventory, parameters, trust)
        mesh.playbook("site", "--skip-tags", "verify")
        yield mesh
    finally:
        if not kept:
            run(MESHLAB, "down", "--name", name)


def descendants(process: int) -> list[int]:
    """ansible-playbook's workers have sessions of their own."""
    children = [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [*children, *(each for child in children for each in descendants(child))]


def states(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (source, target): verdict["state"]
        for source, row in result["matrix"].items()
        for target, verdict in row.items()
    }


def failed_checks(result: dict[str, Any], source: str, target: str) -> list[str]:
    checks = result["matrix"][source][target]["checks"]
    return [name for name, check in checks.items() if check["state"] == "failed"]


ALL_WELL = {("east", "east"): "ok", ("east", "west"): "ok", ("west", "east"): "ok", ("west", "west"): "ok"}

os.environ.setdefault("ANSIBLE_NOCOLOR", "1")
