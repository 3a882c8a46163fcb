"""Pods that really run, on one real cluster. Needs root and the lab's programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from meshlab import netns, processes
from meshlab.agent.api import Api, ApiError
from meshlab.layout import ClusterLayout, Lab
from meshlab.state import load

pytestmark = pytest.mark.lab

NAME = f"agent{os.getpid() % 100000}"
PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
JSON = dict[str, Any]


class Cluster:
    """One running cluster, its API server and kubectl."""

    def __init__(self, layout: ClusterLayout, binaries: Path) -> None:
        self.layout = layout
        self.api = Api(layout.kubeconfig)
        self._kubectl = str(binaries / "kubectl")

    def pod(self, name: str) -> JSON:
        return self.api.request("GET", f"{PODS}/{name}")

    def ready(self, name: str) -> bool:
        conditions = self.pod(name).get("status", {}).get("conditions") or []
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)

    def inside(self, pod: str, *command: str) -> subprocess.CompletedProcess[str]:
        line = [self._kubectl, "--kubeconfig", str(self.layout.kubeconfig), "exec", pod, "--", *command]
        return subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, check=False)

    def process(self, uid: str) -> processes.Record | None:
        name = self.layout.process(f"pod-{uid.replace('-', '')[:8]}-app")
        return processes.alive(self.layout.lab.processes, name)


def meshlab(home: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "meshlab.cli", arguments[0], "--name", NAME, *arguments[1:]]
    environ = {**os.environ, "MESHLAB_HOME": str(home)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("agent")


@pytest.fixture(scope="module")
def cluster(home: Path) -> Iterator[Cluster]:
    try:
        meshlab(home, "up", "--clusters", "east")
        state = load(Lab(NAME, home))
        assert state is not None
        yield Cluster(state.layout("east"), Path(state.binaries))
    finally:
        meshlab(home, "down")


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def echo(name: str, **spec: Any) -> JSON:
    container: JSON = {
        "name": "app",
        "image": "docker.io/istio/app:1.31.0",
        "args": ["--port=8080", f"--version={name}", "--metrics=15014"],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1},
        "volumeMounts": [{"name": "settings", "mountPath": "/settings"}],
    }
    volume = {"name": "settings", "configMap": {"name": "settings", "optional": True}}
    return {
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [container], "volumes": [volume], "terminationGracePeriodSeconds": 1, **spec},
    }


@pytest.fixture
def pod(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[JSON]:
    """A ready echo pod named after the test, with a Service of type LoadBalancer on port 80."""
    name = request.node.name.replace("_", "-")[:40].rstrip("-")
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    service = {"metadata": {"name": name}, "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": ports}}
    cluster.api.request("POST", SERVICES, service)
    cluster.api.request("POST", PODS, echo(name))
    eventually(lambda: cluster.ready(name), f"{name} is ready")
    yield cluster.pod(name)
    cluster.api.request("DELETE", f"{SERVICES}/{name}")
    try:
        cluster.api.request("DELETE", f"{PODS}/{name}")
    except ApiError as error:
        assert error.status == 404


def answers(cluster: Cluster, pod: str, address: str) -> bool:
    return "StatusCode=200" in cluster.inside(pod, "client", f"http://{address}", "--timeout", "2s").stdout


def test_a_service_answers_by_name_and_by_load_balancer_also_its_own_pod(cluster: Cluster, pod: JSON) -> None:
    name = pod["metadata"]["name"]
    eventually(lambda: answers(cluster, name, f"{name}.default.svc"), "the Service answers")
    service = cluster.api.request("GET", f"{SERVICES}/{name}")
    [ingress] = service["status"]["loadBalancer"]["ingress"]
    assert answers(cluster, name, ingress["ip"])


def test_a_service_without_a_ready_pod_refuses(cluster: Cluster, pod: JSON) -> None:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    eventually(lambda: answers(cluster, name, name), "the Service answers")
    cluster.layout.unready_marker(uid).touch()

    def refused() -> bool:
        done = cluster.inside(name, "client", f"http://{name}", "--timeout", "2s")
        return "connection refused" in done.stdout + done.stderr

    eventually(refused, "the Service refuses")
    assert not cluster.ready(name)
    cluster.layout.unready_marker(uid).unlink()
    eventually(lambda: answers(cluster, name, name), "the Service answers again")


def test_a_process_that_dies_is_restarted_and_counted(cluster: Cluster, pod: JSON) -> None:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    before = cluster.process(uid)
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    eventually(
        lambda: cluster.pod(name)["status"]["containerStatuses"][0]["restartCount"] == 1 and cluster.ready(name),
        "restarted once and ready",
    )
    assert cluster.process(uid) != before
    assert cluster.pod(name)["status"]["podIP"] == pod["status"]["podIP"]


def test_pods_run_on_without_the_agent_and_it_finds_them_again(cluster: Cluster, pod: JSON, home: Path) -> None:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    before = cluster.process(uid)
    agent = processes.alive(cluster.layout.lab.processes, cluster.layout.process("agent"))
    assert agent is not None
    os.kill(agent.pid, signal.SIGKILL)
    cluster.api.request("POST", PODS, echo("new"))
    meshlab(home, "up", "--clusters", "east")
    eventually(lambda: cluster.ready("new"), "a pod that was made meanwhile is ready")
    assert cluster.process(uid) == before
    assert cluster.pod(name)["status"]["containerStatuses"][0]["restartCount"] == 0
    assert cluster.ready(name)
    cluster.api.request("DELETE", f"{PODS}/new")


def test_a_config_map_reaches_the_running_pod(cluster: Cluster, pod: JSON) -> None:
    name = pod["metadata"]["name"]
    cluster.api.request("POST", CONFIG_MAPS, {"metadata": {"name": "settings"}, "data": {"level": "one"}})
    eventually(lambda: cluster.inside(name, "cat", "/settings/level").stdout == "one", "the file appears")
    cluster.api.merge(f"{CONFIG_MAPS}/settings", {"data": {"level": "two"}})
    eventually(lambda: cluster.inside(name, "cat", "/settings/level").stdout == "two", "the file changes")
    cluster.api.request("DELETE", f"{CONFIG_MAPS}/settings")


def test_commands_run_as_the_containers_user_in_its_namespaces(cluster: Cluster, pod: JSON) -> None:
    name = pod["metadata"]["name"]
    done = cluster.inside(name, "/bin/sh", "-c", "id -u; hostname; ls /root 2>&1; touch /usr/x 2>&1; exit 0")
    user, host, *refused = done.stdout.splitlines()
    assert (user, host) == ("1338", name)
    assert len(refused) == 2 and "Permission denied" in refused[0] and "Read-only" in refused[1]
    assert cluster.inside(name, "false").returncode != 0


def test_a_deleted_pod_leaves_nothing(cluster: Cluster, pod: JSON) -> None:
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    assert netns.exists(cluster.layout.pod_namespace(uid))
    cluster.api.request("DELETE", f"{PODS}/{name}")

    def gone() -> bool:
        try:
            cluster.pod(name)
        except ApiError as error:
            return error.status == 404
        return False

    eventually(gone, "the object is gone")
    assert cluster.process(uid) is None
    assert not netns.exists(cluster.layout.pod_namespace(uid))
    assert not netns.has_device(cluster.layout.namespace, cluster.layout.pod_port(uid))
    assert not cluster.layout.pod_directory(uid).exists()
