"""What runs, in lines for a person."""

from __future__ import annotations

from dataclasses import dataclass

from . import control_plane, faults, processes
from .api import ApiError
from .pods import Pod, list_pods
from .state import LabState


@dataclass(frozen=True)
class ClusterStatus:
    """`pods` is None while the API server does not answer; `dead` names recorded processes that have ended."""

    name: str
    region: str
    server: str
    alive: int
    dead: tuple[str, ...]
    pods: tuple[Pod, ...] | None

    @property
    def healthy(self) -> bool:
        return not self.dead and self.pods is not None


def collect(state: LabState) -> list[ClusterStatus]:
    found = []
    for cluster in state.layouts():
        records = [
            each for each in processes.load_all(state.lab.processes) if each.name.startswith(cluster.process(""))
        ]
        dead = tuple(each.name.removeprefix(cluster.process("")) for each in records if not processes.is_alive(each))
        numbers = state.clusters[cluster.name]
        try:
            pods = tuple(list_pods(control_plane.api(cluster, numbers, timeout=2.0)))
        except (ApiError, FileNotFoundError):
            pods = None
        server = f"https://127.0.0.1:{numbers.port}"
        found.append(ClusterStatus(cluster.name, numbers.region, server, len(records) - len(dead), dead, pods))
    return found


def render(state: LabState, clusters: list[ClusterStatus], active: list[faults.Fault]) -> list[str]:
    """Pure."""
    network = "one shared network" if state.shared_network else "separate networks"
    lines = [f"lab {state.lab.name}: {network}, programs in {state.binaries}"]
    for each in clusters:
        lines.append(f"cluster {each.name} ({each.region}) {each.server}")
        lines.append(f"  processes: {each.alive} running" + (f", ended: {', '.join(each.dead)}" if each.dead else ""))
        if each.pods is None:
            lines.append("  API server does not answer")
            continue
        waiting = [str(pod) for pod in each.pods if not pod.ready]
        ready = len(each.pods) - len(waiting)
        lines.append(f"  pods: {ready} ready" + (f", not ready: {', '.join(waiting)}" if waiting else ""))
    lines.append("faults: " + ("; ".join(map(str, active)) if active else "none"))
    return lines
