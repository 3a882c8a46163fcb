# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers whom in a mesh of two clusters, told by the application itself, with istioctl as a witness.

Faults are part of it. Needs the lab that MESHLAB_NAME names, with clusters east and west.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.lab
LAB = os.environ.get("MESHLAB_NAME", "test")
ROOT = Path(__file__).parents[3]
TIMEOUT = 120.0
URL = "http://echo.app.svc.cluster.local/"


def meshlab(verb: str, *arguments: str) -> str:
    command = ["meshlab", *verb.split(), "--name", LAB, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout


@dataclass(frozen=True)
class Mesh:
    inventory: Path
    trust: Path
    programs: Path
    kubeconfigs: dict[str, str]

    def playbook(self, name: str, **variables: object) -> subprocess.CompletedProcess[str]:
        everything = {"trust_directory": str(self.trust), "eastwest_gateway_exposed_hosts": ["*.local"], **variables}
        return subprocess.run(
            ["ansible-playbook", "-i", str(self.inventory), "-e", json.dumps(everything), f"onemesh.istio.{name}"],
            cwd=self.inventory.parent,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def kubectl(self, cluster: str, *arguments: str, text: str | None = None) -> str:
        return self._run("kubectl", cluster, *arguments, text=text)

    def istioctl(self, cluster: str, *arguments: str) -> str:
        return self._run("istioctl", cluster, *arguments)

    def answers(self, source: str, count: int = 20) -> Counter[str]:
        """How many of ``count`` requests from ``source`` each cluster answered; "" counts those that failed."""
        client = [str(self.programs / "echo-client"), "--count", str(count), "--timeout", "3s", URL]
        command = ["meshlab", "exec", "--name", LAB, source, "app/echo", "--", *client]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        answered = Counter(re.findall(r" Cluster=(\S+)", done.stdout))
        if missing := count - answered.total():
            answered[""] = missing
            print(done.stderr[-2000:])
        return answered

    def _run(self, program: str, cluster: str, *arguments: str, text: str | None = None) -> str:
        command = [str(self.programs / program), "--kubeconfig", self.kubeconfigs[cluster], *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("traffic")
    inventory = folder / "inventory.yml"
    inventory.write_text(meshlab("inventory"))
    variables = yaml.safe_load(inventory.read_text())["all"]
    programs = Path(variables["vars"]["cluster_helm_binary"]).parent
    kubeconfigs = {name: host["cluster_kubeconfig"] for name, host in variables["hosts"].items()}
    mesh = Mesh(inventory, folder / "trust", programs, kubeconfigs)
    # Whoever used this lab before may have left a mesh of another root.
    for playbook in ("wipe", "site"):
        done = mesh.playbook(playbook, wipe_confirmed=True)
        assert done.returncode == 0, done.stdout
    echo = (ROOT / "lab" / "demo" / "echo.yaml").read_text()
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "apply", "-f", "-", text=echo.replace("CLUSTER_NAME", cluster))
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "rollout", "status", "deployment/echo", "--namespace", "app", "--timeout", "60s")
    yield mesh
    meshlab("fault clear")
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "delete", "namespace", "app", "--wait=false")
    done = mesh.playbook("wipe", wipe_confirmed=True)
    assert done.returncode == 0, done.stdout


def eventually(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    """Ask until ``condition`` holds: proxies learn of a change when istiod tells them."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, what()
        time.sleep(0.5)


@pytest.mark.parametrize("source", ["east", "west"])
def test_both_clusters_answer_requests_from_each(mesh: Mesh, source: str) -> None:
    seen: Counter[str] = Counter()

    def both() -> bool:
        seen.update(mesh.answers(source))
        return {"east", "west"} <= set(seen)

    eventually(both, lambda: seen)


def test_what_leaves_a_cluster_is_encrypted_and_passes_the_gateway_of_the_other(mesh: Mesh) -> None:
    """S2.21: the listener of west's gateway counts connections while east asks west."""
    eventually(lambda: "west" in mesh.answers("east"), lambda: "west never answered")
    pod = mesh.kubectl(
        "west",
        "get",
        "pods",
        "-n",
        "istio-system",
        "-l",
        "istio=eastwestgateway",
        "-o",
        "jsonpath={.items[0].metadata.name}",
    )
    listener = mesh.istioctl("west", "proxy-config", "listener", f"{pod}.istio-system", "--port", "15443", "-o", "json")
    assert "outbound_.80_._.echo.app.svc.cluster.local" in listener


def test_with_the_gateway_of_west_stopped_east_is_answered_by_east_only(mesh: Mesh) -> None:
    meshlab("fault gateway-down", "west")
    try:
        eventually(lambda: set(mesh.answers("east")) == {"east"}, lambda: mesh.answers("east"))
    finally:
        meshlab("fault clear")
    eventually(lambda: "west" in mesh.answers("east"), lambda: mesh.answers("east"))


@pytest.mark.parametrize(("source", "target"), [("east", "west"), ("west", "east")])
def test_istioctl_agrees_with_verify(mesh: Mesh, tmp_path: Path, source: str, target: str) -> None:
    report = tmp_path / "report.json"
    done = mesh.playbook("verify", verify_report_file=str(report))
    assert done.returncode == 0, done.stdout
    assert json.loads(report.read_text())["matrix"][source][target]["ok"]
    assert re.search(rf"^{target}\s.*\ssynced\s", mesh.istioctl(source, "remote-clusters"), re.MULTILINE)
    gateway = mesh.kubectl(
        target,
        "get",
        "service",
        "istio-eastwestgateway",
        "--namespace",
        "istio-system",
        "--output",
        "jsonpath={.status.loadBalancer.ingress[0].ip}",
    )
    endpoints = mesh.istioctl(
        source, "proxy-config", "endpoint", "deploy/echo.app", "--cluster", "outbound|80||echo.app.svc.cluster.local"
    )
    assert f"{gateway}:15443" in endpoints


def test_the_mesh_goes_on_while_one_control_plane_is_gone(mesh: Mesh) -> None:
    """S4.26: proxies keep what istiod told them last."""
    mesh.kubectl("east", "scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=0")
    try:
        pods = ("get", "pods", "--namespace", "istio-system", "--selector=app=istiod", "--output=name")
        eventually(lambda: not mesh.kubectl("east", *pods), lambda: mesh.kubectl("east", *pods))
        eventually(lambda: set(mesh.answers("east", 40)) == {"east", "west"}, lambda: mesh.answers("east", 40))
        eventually(lambda: set(mesh.answers("west", 40)) == {"east", "west"}, lambda: mesh.answers("west", 40))
    finally:
        mesh.kubectl("east", "scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=1")
        mesh.kubectl("east", "rollout", "status", "deployment/istiod", "--namespace", "istio-system", "--timeout=90s")
