from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from meshlab.agent import backoff, containers, debugging, logs, network, relay


@pytest.mark.parametrize(("ends", "seconds"), [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 10.0), (100, 10.0)])
def test_restarts_wait_longer_each_time(ends: int, seconds: float) -> None:
    assert backoff.delay(ends) == seconds


@pytest.mark.parametrize(("before", "ran", "after"), [(0, 0.1, 1), (4, 0.1, 5), (4, 31.0, 1)])
def test_a_long_run_is_forgiven(before: int, ran: float, after: int) -> None:
    assert backoff.ends_in_a_row(before, ran) == after


@pytest.mark.parametrize(
    ("used", "last", "expected"),
    [
        ([], None, "10.65.128.1"),
        (["10.65.128.1"], "10.65.128.1", "10.65.128.2"),
        (["10.65.128.1"], "10.65.128.4", "10.65.128.5"),
        (["10.65.128.2"], "10.65.128.1", "10.65.128.3"),
        (["10.65.128.5"], "10.65.128.6", "10.65.128.1"),
    ],
)
def test_an_address_is_not_given_again_at_once(used: list[str], last: str | None, expected: str) -> None:
    assert network.free_address("10.65.128.0/29", used, last) == expected


def test_a_range_without_a_free_address_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"10\.65\.128\.0/30"):
        network.free_address("10.65.128.0/30", ["10.65.128.1", "10.65.128.2"], None)


def pod(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p-1", "namespace": "app", "uid": "u-1"}, "spec": {"containers": [], **spec}}


@pytest.mark.parametrize(
    ("given", "container", "expected"),
    [
        (pod(), {"image": "docker.io/istio/pilot:1"}, (1337, 1337)),
        (pod(), {"image": "docker.io/istio/app:1"}, (1338, 1338)),
        (pod(securityContext={"runAsUser": 5}), {"image": "x/app"}, (5, 5)),
        (pod(securityContext={"runAsUser": 5}), {"image": "x/app", "securityContext": {"runAsUser": 0}}, (0, 0)),
        (pod(), {"image": "x/proxyv2", "securityContext": {"runAsUser": 1337, "runAsGroup": 7}}, (1337, 7)),
    ],
)
def test_the_user_of_a_container(given: dict[str, Any], container: dict[str, Any], expected: tuple[int, int]) -> None:
    assert (containers.user_of(given, container), containers.group_of(given, container)) == expected


def test_a_plan_has_the_pods_files_and_its_user(tmp_path: Path) -> None:
    binaries = tmp_path / "bin"
    binaries.mkdir()
    (binaries / "pilot-agent").touch()
    container = {
        "name": "istio-proxy",
        "image": "docker.io/istio/proxyv2:1.31.0",
        "securityContext": {"readOnlyRootFilesystem": True},
        "volumeMounts": [
            {"name": "token", "mountPath": "/var/run/secrets/tokens"},
            {"name": "data", "mountPath": "/etc/istio", "readOnly": True},
            {"name": "one", "mountPath": "/etc/one.pem", "subPath": "one.pem"},
        ],
    }
    made = containers.plan(
        pod(securityContext={"fsGroup": 1337, "supplementalGroups": [9]}),
        container,
        {"A": "secret"},
        ["/usr/local/bin/pilot-agent", "proxy"],
        containers.Programs(binaries, None, None),
        tmp_path / "pod",
        "10.65.0.1",
    )
    folder = tmp_path / "pod/volumes"
    assert (made.uid, made.gid, made.groups, made.readonly_root, made.cwd) == (1337, 1337, [9, 1337], True, "/")
    assert containers.Bind(str(binaries / "pilot-agent"), "/usr/local/bin/pilot-agent", True) in made.binds
    # A folder comes before what is mounted inside it.
    assert made.binds[-3:] == [
        containers.Bind(str(folder / "data"), "/etc/istio", True),
        containers.Bind(str(folder / "one/one.pem"), "/etc/one.pem", False),
        containers.Bind(str(folder / "token"), "/var/run/secrets/tokens", False),
    ]
    assert made.files["/etc/resolv.conf"].startswith("nameserver 10.65.0.1\n")
    made.write(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "plan.json").read_text())["environment"] == {"A": "secret"}
    assert "secret" not in " ".join(containers.command("ns", tmp_path / "plan.json"))


def test_every_port_that_the_spec_names_can_be_forwarded() -> None:
    given = pod(
        containers=[
            {"name": "app", "args": ["--metrics=15999", "--port=7070", "--version=v1", "--tcp", "9090", "--grpc=7071"]},
            {"name": "other", "ports": [{"containerPort": 1234}]},
        ]
    )
    assert {15000, 15014, 15999, 7070, 7071, 9090, 1234} <= set(debugging.ports(given))


def test_objects_belong_to_their_pod() -> None:
    given = pod(containers=[{"name": "app"}])
    entries = {"app": (Path("/processes/app.json"), Path("/app.plan.json"))}
    made = debugging.objects(given, Path("/run/netns/n"), {"app": Path("/logs/app")}, entries)
    assert set(made) == {"portforwards", "logs", "execs"}
    for each in made.values():
        assert each["metadata"]["ownerReferences"] == [{"apiVersion": "v1", "kind": "Pod", "name": "p-1", "uid": "u-1"}]
    assert made["logs"]["spec"] == {"logs": [{"containers": ["app"], "logsFile": "/logs/app"}]}


def test_no_command_is_let_run_on_the_machine() -> None:
    made = debugging.objects(pod(containers=[{"name": "app"}]), Path("/n"), {"app": Path("/l")}, None)
    assert set(made) == {"portforwards", "logs"}


def test_log_lines_have_time_and_stream() -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc)
    assert logs.lines(b"one\n\ntwo\n", when) == (
        b"2026-01-02T03:04:05.000006Z stdout F one\n"
        b"2026-01-02T03:04:05.000006Z stdout F \n"
        b"2026-01-02T03:04:05.000006Z stdout F two\n"
    )


def test_only_whole_new_lines_are_copied(tmp_path: Path) -> None:
    plain, shown = tmp_path / "app.log", tmp_path / "app.cri.log"
    assert not logs.copy(plain, shown)
    for text, new in (("one\ntw", True), ("", False), ("o\n", True), ("three\n", True)):
        with plain.open("a") as output:
            output.write(text)
        assert logs.copy(plain, shown) is new
    assert [line.split(b" ", 3)[3] for line in shown.read_bytes().splitlines()] == [b"one", b"two", b"three"]


ROOT = pytest.mark.skipif(os.getuid() != 0, reason="entering a namespace needs root")


@ROOT
def test_a_relay_passes_both_directions_and_the_end_of_input(tmp_path: Path) -> None:
    received: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as stream:
            received.append(stream.read())
            connection.sendall(b"answer" * 100_000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        own = "/proc/self/ns/net"
        done = subprocess.run(
            [sys.executable, "-I", "-S", relay.__file__, own, str(listener.getsockname()[1])],
            input=b"question" * 100_000,
            capture_output=True,
            timeout=20,
            check=False,
        )
        thread.join()
    assert received == [b"question" * 100_000]
    assert (done.returncode, done.stdout) == (0, b"answer" * 100_000)


@ROOT
def test_a_relay_names_the_port_that_nobody_serves() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = str(unused.getsockname()[1])
        command = [sys.executable, "-I", "-S", relay.__file__, "/proc/self/ns/net", port]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {port} of the pod" in done.stderr
