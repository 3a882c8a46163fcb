"""The status that a kubelet would report. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True)
class ContainerView:
    """What is known of one container. Times are seconds since the epoch, 0 for none."""

    name: str
    image: str
    state: str  # waiting, running, terminated
    reason: str = ""
    message: str = ""
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    restarts: int = 0
    started: bool = False
    ready: bool = False
    last_exit: int | None = None
    last_finished_at: float = 0.0


def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_ready(status: JSON) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ())


def pod_status(
    *,
    uid: str,
    pod_ip: str,
    host_ip: str,
    start_time: float,
    init: Sequence[ContainerView],
    sidecars: frozenset[str],
    main: Sequence[ContainerView],
    unready: str,
    restart_policy: str,
    previous: Sequence[JSON],
    now: float,
) -> JSON:
    """The whole status. `sidecars` are the init containers that stay; `unready` is a reason to report not Ready."""
    initialized = any(view.started_at for view in main) or all(
        (view.started if view.name in sidecars else view.state == "terminated" and view.exit_code == 0) for view in init
    )
    lasting = [*(view for view in init if view.name in sidecars), *main]
    not_ready = [view.name for view in lasting if not view.ready]
    containers_ready = initialized and not not_ready
    phase = _phase(initialized, init, sidecars, main, restart_policy)
    if phase in ("Succeeded", "Failed"):
        containers_ready = False
    detail = f"containers not ready: {', '.join(not_ready)}" if not_ready else ""
    wanted = [
        _condition("PodScheduled", True, "", ""),
        _condition("Initialized", initialized, "ContainersNotInitialized", ""),
        _condition("ContainersReady", containers_ready, "ContainersNotReady", detail),
        _condition(
            "Ready",
            containers_ready and not unready,
            "MeshlabUnready" if containers_ready else "ContainersNotReady",
            unready if containers_ready else detail,
        ),
    ]
    status: JSON = {
        "phase": phase,
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": timestamp(start_time),
        "conditions": [_dated(condition, previous, now) for condition in wanted],
        "containerStatuses": [_container(uid, view) for view in main],
        "initContainerStatuses": [_container(uid, view) for view in init],
    }
    if pod_ip:
        status["podIP"] = pod_ip
        status["podIPs"] = [{"ip": pod_ip}]
    return status


def _phase(
    initialized: bool,
    init: Sequence[ContainerView],
    sidecars: frozenset[str],
    main: Sequence[ContainerView],
    restart_policy: str,
) -> str:
    if restart_policy == "Never" and any(
        view.state == "terminated" and view.exit_code for view in init if view.name not in sidecars
    ):
        return "Failed"
    if not initialized and not any(view.started_at for view in main):
        return "Pending"
    if main and all(view.state == "terminated" for view in main) and restart_policy != "Always":
        failed = any(view.exit_code for view in main)
        if not failed:
            return "Succeeded"
        return "Failed" if restart_policy == "Never" else "Running"
    return "Running" if any(view.started_at for view in main) else "Pending"


def _condition(kind: str, true: bool, reason: str, message: str) -> JSON:
    condition: JSON = {"type": kind, "status": "True" if true else "False"}
    if not true:
        condition["reason"] = reason
        if message:
            condition["message"] = message
    return condition


def _dated(condition: JSON, previous: Sequence[JSON], now: float) -> JSON:
    """With the time of its last change."""
    for before in previous:
        if before["type"] == condition["type"] and before["status"] == condition["status"]:
            return {**condition, "lastTransitionTime": before.get("lastTransitionTime") or timestamp(now)}
    return {**condition, "lastTransitionTime": timestamp(now)}


def _container(uid: str, view: ContainerView) -> JSON:
    identity = f"meshlab://{uid}/{view.name}/{view.restarts}"
    state: JSON = {"waiting": {"reason": view.reason or "ContainerCreating", "message": view.message}}
    if view.state == "running":
        state = {"running": {"startedAt": timestamp(view.started_at)}}
    elif view.state == "terminated":
        state = {"terminated": _ended(identity, view.exit_code, view.started_at, view.finished_at)}
    found: JSON = {
        "name": view.name,
        "image": view.image,
        "imageID": view.image,
        "ready": view.ready,
        "started": view.started,
        "restartCount": view.restarts,
        "state": state,
        "lastState": {},
    }
    if view.state != "waiting":
        found["containerID"] = identity
    if view.last_exit is not None and view.state != "terminated":
        ended = _ended(identity, view.last_exit, 0.0, view.last_finished_at)
        found["lastState"] = {"terminated": ended}
    return found


def _ended(identity: str, code: int, started: float, finished: float) -> JSON:
    ended: JSON = {
        "exitCode": code,
        "reason": "Completed" if code == 0 else "Error",
        "finishedAt": timestamp(finished),
        "containerID": identity,
    }
    if started:
        ended["startedAt"] = timestamp(started)
    return ended
