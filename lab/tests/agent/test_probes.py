from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from meshlab.agent.probes import ProbeState, port_number, run


def after(kind: str, spec: dict[str, Any], answers: str) -> ProbeState:
    """The state after answers, + and -."""
    state = ProbeState.begin(spec, kind, 0.0)
    for answer in answers:
        state.answered(answer == "+", 0.0)
    return state


@pytest.mark.parametrize(
    ("kind", "spec", "answers", "passed", "exhausted"),
    [
        ("readiness", {}, "", False, False),
        ("readiness", {}, "+", True, False),
        ("readiness", {}, "+--", True, False),
        ("readiness", {}, "+---", False, True),
        ("readiness", {}, "+---+", True, False),
        ("readiness", {"failureThreshold": 1}, "+-", False, True),
        ("readiness", {"successThreshold": 2}, "+", False, False),
        ("readiness", {"successThreshold": 2}, "++", True, False),
        ("liveness", {}, "", True, False),
        ("liveness", {}, "--", True, False),
        ("liveness", {}, "---", False, True),
        ("startup", {"failureThreshold": 2, "periodSeconds": 3}, "-" * 19, False, False),
        ("startup", {"failureThreshold": 2, "periodSeconds": 3}, "-" * 20, False, True),
    ],
)
def test_thresholds(kind: str, spec: dict[str, Any], answers: str, passed: bool, exhausted: bool) -> None:
    state = after(kind, spec, answers)
    assert (state.passed, state.exhausted) == (passed, exhausted)


def test_what_is_not_ready_is_asked_often_and_what_is_ready_by_its_period() -> None:
    state = ProbeState.begin({"periodSeconds": 15, "initialDelaySeconds": 2}, "readiness", 100.0)
    assert state.due == 102.0
    state.answered(False, 102.0)
    assert 102.0 < state.due < 103.0
    state.answered(True, 103.0)
    assert state.due == 118.0


@pytest.mark.parametrize(("port", "expected"), [(80, 80), ("http", 8080), ("9000", 9000)])
def test_ports_by_number_and_name(port: int | str, expected: int) -> None:
    assert port_number(port, [{"name": "http", "containerPort": 8080}]) == expected


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code = int(self.path.strip("/")) if self.headers["Asked"] == "yes" else 500
        self.send_response(code)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.server_port
        made.shutdown()


@pytest.mark.parametrize(("code", "expected"), [(200, True), (302, True), (404, False), (503, False)])
def test_an_http_answer_below_400_is_success(server: int, code: int, expected: bool) -> None:
    spec = {"httpGet": {"path": f"/{code}", "port": server, "httpHeaders": [{"name": "Asked", "value": "yes"}]}}
    assert run(spec, "127.0.0.1", [], list) is expected


def test_tcp_and_grpc_ask_for_a_connection(server: int) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        for kind in ("tcpSocket", "grpc"):
            assert run({kind: {"port": server}}, "127.0.0.1", [], list)
            assert not run({kind: {"port": closed}}, "127.0.0.1", [], list)


@pytest.mark.parametrize(
    ("command", "expected"),
    [(["true"], True), (["false"], False), (["no-such-program"], False), (["sleep", "9"], False)],
)
def test_a_command_succeeds_with_0_in_time(command: list[str], expected: bool) -> None:
    spec = {"exec": {"command": command}, "timeoutSeconds": 1}
    assert run(spec, "127.0.0.1", [], list) is expected
