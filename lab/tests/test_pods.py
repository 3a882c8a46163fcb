from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from meshlab.api import Api, ApiError
from meshlab.enter import command_line, environment
from meshlab.errors import LabError
from meshlab.faults import Fault
from meshlab.pods import Pod, find, parse
from meshlab.state import LabState
from meshlab.status import ClusterStatus, render

PODS = "/api/v1/namespaces/shop/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


def pod(name: str, *, ready: bool = True, phase: str = "Running", deleted: bool = False) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {"metadata": metadata, "status": {"phase": phase, "conditions": conditions}}


class Answers(Api):
    """The answers of an API server, by path."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self._answers = answers

    def request(self, method: str, path: str, body: Any = None, *, content: str = "application/json") -> Any:
        if path not in self._answers:
            raise ApiError(404, f"{path}: not found")
        return self._answers[path]


def deployment_with(*pods: dict[str, Any]) -> Answers:
    answers = {f"{DEPLOYMENTS}/echo": {"spec": {"selector": {"matchLabels": {"app": "echo"}}}}}
    return Answers({**answers, f"{PODS}?labelSelector=app%3Decho": {"items": list(pods)}})


def test_a_pod_is_found_by_its_name() -> None:
    assert find(Answers({f"{PODS}/echo-1": pod("echo-1")}), "east", "shop/echo-1").name == "echo-1"


def test_of_a_deployment_the_first_ready_pod_is_taken() -> None:
    api = deployment_with(pod("gone", deleted=True), pod("starting", ready=False), pod("good"))
    assert find(api, "east", "shop/echo").name == "good"


def test_without_a_ready_pod_the_first_is_taken() -> None:
    assert find(deployment_with(pod("starting", ready=False)), "east", "shop/echo").name == "starting"


@pytest.mark.parametrize(
    ("api", "text", "message"),
    [
        (Answers({}), "shop/nix", "cluster east: shop/nix: no such pod or deployment: see `kubectl"),
        (deployment_with(), "shop/echo", "deployment has no pod"),
        (Answers({}), "echo", "write NAMESPACE/POD"),
    ],
)
def test_what_is_not_there_is_said_with_what_to_do(api: Api, text: str, message: str) -> None:
    with pytest.raises(LabError, match=message):
        find(api, "east", text)


@pytest.mark.parametrize(
    ("ready", "phase", "expected"), [(True, "Running", True), (False, "Running", False), (False, "Succeeded", True)]
)
def test_a_pod_is_ready_or_done(ready: bool, phase: str, expected: bool) -> None:
    assert parse(pod("p", ready=ready, phase=phase)).ready is expected


def test_a_command_sees_the_pods_hosts_file() -> None:
    line = command_line("ml-lab-east-0", Path("/state/hosts"), ["curl", "http://echo"])
    assert line[:3] == ["nsenter", "--net=/run/netns/ml-lab-east-0", "--"]
    assert line[-3:] == ["/state/hosts", "curl", "http://echo"]


def test_a_command_finds_the_labs_programs_first() -> None:
    assert environment({"PATH": "/bin", "A": "b"}, Path("/programs")) == {"PATH": "/programs:/bin", "A": "b"}


def test_status_names_what_ended_what_is_not_ready_and_the_faults(two_clusters: LabState) -> None:
    east = ClusterStatus("east", "r1", "https://127.0.0.1:1", 6, ("agent",), (Pod("shop", "echo", "1", False),))
    west = ClusterStatus("west", "r2", "https://127.0.0.1:2", 7, (), None)
    text = "\n".join(render(two_clusters, [east, west], [Fault("api-delay", ("east",), milliseconds=5)]))
    assert "6 running, ended: agent" in text
    assert "0 ready, not ready: shop/echo" in text
    assert "API server does not answer" in text
    assert text.endswith("faults: api-delay east 5 ms")
    assert not east.healthy and not west.healthy
