from __future__ import annotations

from typing import Any

import pytest
from meshlab.agent.status import ContainerView, pod_status, timestamp

NOW = 1_800_000_000.0


def view(name: str, state: str = "running", **fields: Any) -> ContainerView:
    running = {"started_at": NOW, "started": True, "ready": True} if state == "running" else {}
    return ContainerView(name, f"image/{name}", state, **{**running, **fields})


def status(*, init: list[ContainerView], main: list[ContainerView], **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "uid": "u-1",
        "pod_ip": "10.65.128.1",
        "host_ip": "172.31.0.1",
        "start_time": NOW,
        "sidecars": frozenset({"istio-proxy"}),
        "unready": "",
        "restart_policy": "Always",
        "previous": [],
        "now": NOW,
        **fields,
    }
    return pod_status(init=init, main=main, **given)


DONE = view("istio-init", "terminated", started_at=NOW, finished_at=NOW, ready=True)
FAILED = view("istio-init", "terminated", started_at=NOW, finished_at=NOW, exit_code=1)
WAITING = view("app", "waiting", reason="PodInitializing")


@pytest.mark.parametrize(
    ("init", "main", "fields", "phase", "initialized", "ready"),
    [
        pytest.param([], [view("app")], {}, "Running", "True", "True", id="one container"),
        pytest.param([DONE, view("istio-proxy")], [view("app")], {}, "Running", "True", "True", id="with sidecar"),
        pytest.param(
            [DONE, view("istio-proxy", started=False, ready=False)],
            [WAITING],
            {},
            "Pending",
            "False",
            "False",
            id="sidecar starts",
        ),
        pytest.param(
            [DONE, view("istio-proxy", ready=False)],
            [view("app")],
            {},
            "Running",
            "True",
            "False",
            id="sidecar unready",
        ),
        pytest.param(
            [DONE, view("istio-proxy", "waiting", reason="CrashLoopBackOff")],
            [view("app")],
            {},
            "Running",
            "True",
            "False",
            id="sidecar died",
        ),
        pytest.param([], [view("a"), view("b", ready=False)], {}, "Running", "True", "False", id="one of two"),
        pytest.param([FAILED], [WAITING], {"restart_policy": "Never"}, "Failed", "False", "False", id="init failed"),
        pytest.param([], [view("app")], {"unready": "by a fault"}, "Running", "True", "False", id="fault"),
        pytest.param(
            [],
            [view("job", "terminated", started_at=NOW, exit_code=0)],
            {"restart_policy": "Never"},
            "Succeeded",
            "True",
            "False",
            id="done",
        ),
        pytest.param(
            [],
            [view("job", "terminated", started_at=NOW, exit_code=2)],
            {"restart_policy": "Never"},
            "Failed",
            "True",
            "False",
            id="job failed",
        ),
    ],
)
def test_phase_and_conditions(
    init: list[ContainerView],
    main: list[ContainerView],
    fields: dict[str, Any],
    phase: str,
    initialized: str,
    ready: str,
) -> None:
    found = status(init=init, main=main, **fields)
    conditions = {each["type"]: each["status"] for each in found["conditions"]}
    assert (found["phase"], conditions["Initialized"], conditions["Ready"]) == (phase, initialized, ready)


def test_a_fault_says_so() -> None:
    found = status(init=[], main=[view("app")], unready="by a fault")
    ready = next(each for each in found["conditions"] if each["type"] == "Ready")
    containers = next(each for each in found["conditions"] if each["type"] == "ContainersReady")
    assert (ready["reason"], ready["message"], containers["status"]) == ("MeshlabUnready", "by a fault", "True")


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    before = status(init=[], main=[view("app", ready=False)])["conditions"]
    after = status(init=[], main=[view("app")], previous=before, now=NOW + 60)["conditions"]
    times = {each["type"]: each["lastTransitionTime"] for each in after}
    assert times == {
        "PodScheduled": timestamp(NOW),
        "Initialized": timestamp(NOW),
        "ContainersReady": timestamp(NOW + 60),
        "Ready": timestamp(NOW + 60),
    }


def test_a_restarted_container_tells_how_it_ended_before() -> None:
    main = [view("app", restarts=1, last_exit=137, last_finished_at=NOW)]
    found = status(init=[], main=main)["containerStatuses"][0]
    assert found["restartCount"] == 1
    assert found["lastState"]["terminated"]["exitCode"] == 137
    assert found["state"] == {"running": {"startedAt": timestamp(NOW)}}


def test_a_pod_without_address_reports_none() -> None:
    assert "podIP" not in status(init=[], main=[WAITING], pod_ip="")
