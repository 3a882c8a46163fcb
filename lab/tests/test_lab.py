"""Real labs, start to end. Needs root and the lab's programs; each test ends with nothing left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from meshlab import control_plane, netns, processes
from meshlab.api import Api
from meshlab.layout import Lab
from meshlab.state import load

pytestmark = pytest.mark.lab

# Beside the default lab, and beside this test in another checkout.
NAME = f"test{os.getpid() % 100000}"


class Command:
    """The meshlab command on a lab of this test's own."""

    def __init__(self, home: Path) -> None:
        self.lab = Lab(NAME, home)
        self._environ = {**os.environ, "MESHLAB_HOME": str(home)}

    def start(self, verb: str, *arguments: str) -> subprocess.Popen[str]:
        line = [sys.executable, "-m", "meshlab.cli", *verb.split(), "--name", NAME, *arguments]
        return subprocess.Popen(line, env=self._environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def __call__(self, verb: str, *arguments: str, code: int = 0) -> str:
        process = self.start(verb, *arguments)
        output, _ = process.communicate()
        assert process.returncode == code, output
        return output

    def remains(self) -> list[str]:
        """Whatever of the lab is on the machine."""
        mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(self.lab.home) in line]
        names = [name for name in netns.names() if name.startswith(self.lab.namespace_prefix)]
        pids = [str(pid) for pid in processes.with_environment(self.lab.mark)]
        return [*mounts, *names, *pids, *map(str, self.lab.home.iterdir())]

    def records(self) -> list[processes.Record]:
        return processes.load_all(self.lab.processes)

    def api(self, cluster: str) -> Api:
        state = load(self.lab)
        assert state is not None
        return control_plane.api(state.layout(cluster), state.clusters[cluster])


@pytest.fixture
def meshlab(tmp_path: Path) -> Iterator[Command]:
    command = Command(tmp_path)
    yield command
    command("down")
    assert command.remains() == []


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def node_labels(api: Api) -> dict[str, str]:
    [node] = api.get("/api/v1/nodes")["items"]
    labels: dict[str, str] = node["metadata"]["labels"]
    return labels


def test_clusters_come_up_grow_and_go(meshlab: Command) -> None:
    meshlab("up", "--clusters", "east,west", "--region", "west=europe")
    assert node_labels(meshlab.api("west"))["topology.kubernetes.io/region"] == "europe"
    kubeconfig = Path(meshlab("kubeconfig", "east").strip())
    assert kubeconfig.stat().st_mode & 0o077 == 0
    assert yaml.safe_load(kubeconfig.read_text())["current-context"] == "east"
    assert list(yaml.safe_load(meshlab("inventory"))["all"]["hosts"]) == ["east", "west"]

    before = meshlab.records()
    assert "nothing changed" in meshlab("up", "--clusters", "east,west")
    assert meshlab.records() == before

    meshlab("up", "--clusters", "north")
    assert set(before) < set(meshlab.records())
    assert list(yaml.safe_load(meshlab("inventory"))["all"]["hosts"]) == ["east", "west", "north"]
    assert "ended" not in meshlab("status")

    # A component that died comes back, and nothing else is touched.
    [scheduler] = [each for each in meshlab.records() if each.name == "east.kube-scheduler"]
    os.kill(scheduler.pid, signal.SIGKILL)
    eventually(lambda: not processes.is_alive(scheduler), "the scheduler ends")
    assert "ended: kube-scheduler" in meshlab("status", code=1)
    meshlab("up", "--clusters", "east,west,north")
    assert "ended" not in meshlab("status")
    assert "is down" in meshlab("down")
    assert meshlab.remains() == []
    assert "nothing to remove" in meshlab("down")


def test_pods_resolve_names_of_load_balancers_and_the_node_has_an_external_address(meshlab: Command) -> None:
    meshlab("up", "--clusters", "east")
    east = meshlab.lab.cluster("east", 1)
    question = (
        "from dnslib import DNSRecord; "
        f"answer = DNSRecord.question('172-31-1-9.lb.meshlab').send('{east.name_server}', 53, timeout=2); "
        "print(DNSRecord.parse(answer).short())"
    )

    def answer() -> str:
        inside = netns.inside(east.namespace, [sys.executable, "-c", question])
        return subprocess.run(inside, capture_output=True, text=True, check=False).stdout.strip()

    eventually(lambda: answer() == "172.31.1.9", "the DNS server answers")

    def external() -> list[str]:
        [node] = meshlab.api("east").get("/api/v1/nodes")["items"]
        addresses = (node.get("status") or {}).get("addresses") or []
        return [each["address"] for each in addresses if each["type"] == "ExternalIP"]

    eventually(lambda: external() == [east.node_external_address], "the node has an external address")


def test_faults_break_what_they_say_and_are_mended(meshlab: Command) -> None:
    meshlab("up", "--clusters", "east,west")
    east, west = meshlab.api("east"), meshlab.api("west")

    def from_west() -> bool:
        script = "import socket; socket.create_connection(('172.31.0.1', 6443), timeout=2).close()"
        inside = netns.inside(meshlab.lab.cluster("west", 2).namespace, [sys.executable, "-c", script])
        return subprocess.run(inside, capture_output=True, check=False).returncode == 0

    assert east.ready() and west.ready() and from_west()
    meshlab("fault api-down", "east")
    assert not east.ready() and west.ready() and not from_west()
    assert "faults: api-down east" in meshlab("status", code=1)
    meshlab("fault api-up", "east")
    assert east.ready() and from_west()

    meshlab("fault partition", "east", "west")
    assert east.ready() and not from_west()
    meshlab("fault heal", "west", "east")
    assert from_west()

    meshlab("fault api-delay", "east", "300")
    started = time.monotonic()
    assert east.ready()
    assert time.monotonic() - started >= 0.9, "connecting, the handshake and the request take a round trip each"
    meshlab("fault gateway-down", "west")
    assert meshlab("fault clear").splitlines() == ["api-delay east 300 ms: undone", "gateway-down west: undone"]
    assert json.loads(meshlab.lab.faults_file.read_text()) == []
    assert meshlab("fault clear") == "no fault was set\n"


def test_two_labs_run_side_by_side_and_the_other_runs_lab_goes_alone(meshlab: Command, tmp_path: Path) -> None:
    meshlab("up", "--clusters", "east")
    other = [sys.executable, "-m", "meshlab.cli"]
    environ = {**os.environ, "MESHLAB_HOME": str(tmp_path), "MESHLAB_RUN": "other"}
    name = f"{NAME}b"
    try:
        subprocess.run([*other, "up", "--name", name, "--clusters", "east"], env=environ, check=True)
    finally:
        line = [*other, "down", "--started-by", "other"]
        done = subprocess.run(line, env=environ, check=True, text=True, stdout=subprocess.PIPE)
    assert done.stdout == f"lab {name} is down\n"
    assert not Lab(name, tmp_path).directory.exists()
    assert meshlab.api("east").ready()


def test_pods_that_come_and_go_do_not_change_the_address_that_others_send_to(meshlab: Command) -> None:
    meshlab("up", "--clusters", "east")
    east = meshlab.lab.cluster("east", 1)

    def hardware_address() -> str:
        [bridge] = json.loads(netns.ip(east.namespace, "-json", "link", "show", east.bridge))
        address: str = bridge["address"]
        return address

    before = hardware_address()
    # Lower than any other, so that a bridge without an address of its own would take it.
    netns.ip(
        east.namespace, "link", "add", "low", "address", "00:00:00:00:00:02", "type", "veth", "peer", "name", "end"
    )
    netns.ip(east.namespace, "link", "set", "low", "master", east.bridge)
    assert hardware_address() == before


def test_kwok_runs_unknown_pods_and_leaves_known_ones_to_the_agent(meshlab: Command) -> None:
    meshlab("up", "--clusters", "east")
    # Without the agent, so that kwok alone is seen.
    processes.stop(meshlab.lab.processes, "east.agent")
    api = meshlab.api("east")
    for name, image in (("known", "docker.io/istio/app:1"), ("unknown", "docker.io/library/busybox")):
        spec = {"containers": [{"name": "c", "image": image}]}
        api.request(
            "POST",
            "/api/v1/namespaces/default/pods",
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec},
        )

    def pod(name: str) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = api.get(f"/api/v1/namespaces/default/pods/{name}")
        return found

    eventually(lambda: pod("unknown")["status"]["phase"] == "Running", "kwok runs the pod")
    assert pod("unknown")["status"]["podIP"].startswith("10.65.")
    eventually(lambda: "nodeName" in pod("known")["spec"], "the scheduler binds the pod")
    assert pod("known")["status"]["phase"] == "Pending"


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.0, 4.5])
def test_nothing_remains_of_a_start_that_was_killed(meshlab: Command, seconds: float) -> None:
    process = meshlab.start("up", "--clusters", "east,west")
    time.sleep(seconds)  # The moment of the kill is what is tested.
    process.kill()
    process.communicate()
    meshlab("down")
    assert meshlab.remains() == []


@pytest.mark.parametrize(("seconds", "number"), [(1.0, signal.SIGKILL), (2.5, signal.SIGINT), (4.0, signal.SIGKILL)])
def test_a_start_that_was_interrupted_is_finished_by_the_next(
    meshlab: Command, seconds: float, number: signal.Signals
) -> None:
    process = meshlab.start("up", "--clusters", "east,west")
    time.sleep(seconds)  # As above.
    process.send_signal(number)
    process.communicate()
    meshlab("up", "--clusters", "east,west")
    assert meshlab.api("east").ready() and meshlab.api("west").ready()
    assert "ended" not in meshlab("status")
    assert "nothing changed" in meshlab("up", "--clusters", "east,west")
