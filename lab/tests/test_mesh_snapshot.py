"""A mesh that was installed once and saved, and a lab that is started from it while the first still runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from meshlab import control_plane, netns, processes
from meshlab.api import Api
from meshlab.layout import Lab
from meshlab.state import LabState, load

pytestmark = pytest.mark.lab

NAME = f"mesh{os.getpid() % 100000}"
ECHO = (Path(__file__).parents[1] / "demo/echo.yaml").read_text()
CLUSTERS = ("east", "west")


class RunningLab:
    """A lab with a mesh, by the commands that a user has."""

    def __init__(self, name: str, home: Path) -> None:
        self.lab = Lab(name, home)
        self._environ = {**os.environ, "MESHLAB_HOME": str(home)}

    def meshlab(self, verb: str, *arguments: str, code: int = 0) -> str:
        return self._run([sys.executable, "-m", "meshlab.cli", "--name", self.lab.name, verb, *arguments], code=code)

    @property
    def state(self) -> LabState:
        state = load(self.lab)
        assert state is not None
        return state

    def site(self) -> str:
        """Install the mesh, with its certificate authority among the lab's files. Returns what Ansible says."""
        inventory = self.lab.home / f"{self.lab.name}.yml"
        inventory.write_text(self.meshlab("inventory"))
        trust = f"{self.meshlab('files').strip()}/trust"
        variables = json.dumps({"trust_directory": trust, "eastwest_gateway_exposed_hosts": ["*.local"]})
        return self._run(
            [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), "-e", variables, "onemesh.istio.site"]
        )

    def kubectl(self, cluster: str, *arguments: str, text: str | None = None) -> str:
        kubeconfig = self.meshlab("kubeconfig", cluster).strip()
        return self._run([f"{self.state.binaries}/kubectl", "--kubeconfig", kubeconfig, *arguments], text=text)

    def answers(self, source: str) -> Counter[str]:
        """How many of 20 requests from an echo pod of that cluster each cluster answered."""
        client = ["echo-client", "--count", "20", "--timeout", "3s", "http://echo.app.svc.cluster.local/"]
        return Counter(re.findall(r" Cluster=(\S+)", self.meshlab("exec", source, "app/echo", "--", *client)))

    def api(self, cluster: str) -> Api:
        return control_plane.api(self.state.layout(cluster), self.state.clusters[cluster])

    def addresses(self, cluster: str) -> dict[str, str]:
        """Address of each pod that is ready, by its name."""
        pods: list[dict[str, Any]] = self.api(cluster).get("/api/v1/pods")["items"]
        return {
            each["metadata"]["name"]: each["status"]["podIP"]
            for each in pods
            if {"type": "Ready", "status": "True"}.items()
            <= next((one for one in each["status"]["conditions"] if one["type"] == "Ready"), {}).items()
        }

    def available(self, cluster: str) -> dict[str, int]:
        deployments = self.api(cluster).get("/apis/apps/v1/deployments")["items"]
        return {each["metadata"]["name"]: each["status"].get("availableReplicas", 0) for each in deployments}

    def remains(self) -> list[str]:
        """Whatever of the lab is on the machine."""
        names = [name for name in netns.names() if name.startswith(self.lab.namespace_prefix)]
        pids = [str(pid) for pid in processes.with_environment(self.lab.mark)]
        folders = [str(path) for path in (self.lab.directory, self.lab.lock_file) if path.exists()]
        return [*names, *pids, *folders]

    def _run(self, command: list[str], *, text: str | None = None, code: int = 0) -> str:
        done = subprocess.run(
            command,
            env=self._environ,
            input=text,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=300,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout


@pytest.fixture
def first(tmp_path: Path) -> Iterator[RunningLab]:
    """The lab in which the mesh is installed."""
    running = RunningLab(NAME, tmp_path)
    try:
        running.meshlab("up", "--clusters", ",".join(CLUSTERS))
        running.site()
        for cluster in CLUSTERS:
            running.kubectl(cluster, "apply", "-f", "-", text=ECHO.replace("CLUSTER_NAME", cluster))
        for cluster in CLUSTERS:
            running.kubectl(cluster, "rollout", "status", "deployment/echo", "--namespace", "app", "--timeout", "60s")
        yield running
    finally:
        running.meshlab("down")
    assert running.remains() == []


@pytest.fixture
def snapshot(first: RunningLab) -> Iterator[str]:
    first.meshlab("save", NAME)
    yield NAME
    first.meshlab("forget", NAME)


@pytest.fixture
def second(first: RunningLab, snapshot: str) -> Iterator[RunningLab]:
    """Started from the snapshot, beside the first."""
    running = RunningLab(f"{NAME}b", first.lab.home)
    try:
        running.meshlab("up", "--from", snapshot)
        yield running
    finally:
        running.meshlab("down")
    assert running.remains() == []


def test_a_lab_from_a_snapshot_has_the_mesh_and_the_first_keeps_its_own(
    first: RunningLab, second: RunningLab, snapshot: str
) -> None:
    # At once: `up` has waited.
    for cluster in CLUSTERS:
        assert second.addresses(cluster) == first.addresses(cluster)
        assert second.available(cluster) == first.available(cluster)
        assert second.answers(cluster).keys() == set(CLUSTERS)
        assert second.answers(cluster).total() == 20
    assert "ended" not in second.meshlab("status")
    assert "nothing changed" in second.meshlab("up", "--from", snapshot)
    assert "not from this snapshot" in first.meshlab("up", "--from", snapshot, code=1)
    # The authority came along, so the mesh is found as it should be.
    assert re.findall(r"changed=(\d+)", second.site()) == ["0", "0"]
    # What one is told, the other does not hear.
    second.kubectl("east", "create", "namespace", "only-second")
    assert "only-second" not in first.kubectl("east", "get", "namespaces")
    # kwok gives no address twice, and plays pods at once.
    second.kubectl("east", "create", "deployment", "more", "--image", "busybox", "--replicas", "2")
    second.kubectl("east", "rollout", "status", "deployment/more", "--timeout", "60s")
    assert len(set(second.addresses("east").values())) == len(second.addresses("east"))
    for cluster in CLUSTERS:
        assert first.answers(cluster).total() == 20
