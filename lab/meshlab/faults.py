"""Faults that a lab can be given, and their undoing.

What a fault means is pure (rules, controls); what is in force stands in faults.json, written before a fault is set
and after it is undone, so that `fault clear` undoes whatever was begun.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from . import processes
from .errors import LabError
from .forwarder import Control, delay_port, write_control
from .layout import API_SERVER_PORT, EAST_WEST_PORT, ClusterLayout, Lab, short_uid
from .netns import run_in
from .network import ensure_rule, remove_rule
from .pods import Pod
from .state import LabState

API_DOWN, API_DELAY, PARTITION, UNREADY, GATEWAY_DOWN = "api-down", "api-delay", "partition", "unready", "gateway-down"


@dataclass(frozen=True)
class Fault:
    """`milliseconds` is for api-delay, `silent` for gateway-down, `pod` (NAMESPACE/NAME) and `uid` for unready."""

    kind: str
    clusters: tuple[str, ...]
    milliseconds: int = 0
    silent: bool = False
    pod: str = ""
    uid: str = ""

    def __str__(self) -> str:
        details = [
            f"{self.milliseconds} ms" if self.kind == API_DELAY else "",
            self.pod,
            "silent" if self.silent else "",
        ]
        return " ".join([self.kind, *self.clusters, *filter(None, details)])

    def replaces(self, other: Fault) -> bool:
        """Whether both are about the same thing, so that only one of them can be in force."""
        return (self.kind, self.clusters, self.uid) == (other.kind, other.clusters, other.uid)


def partition(one: str, other: str) -> Fault:
    if one == other:
        raise LabError(f"a partition is between two clusters, not between {one} and itself")
    return Fault(PARTITION, tuple(sorted((one, other))))


def with_fault(faults: Iterable[Fault], new: Fault) -> list[Fault]:
    return [*without(faults, new), new]


def without(faults: Iterable[Fault], gone: Fault) -> list[Fault]:
    return [each for each in faults if not gone.replaces(each)]


def rules(fault: Fault, state: LabState) -> list[tuple[str, str]]:
    """The iptables rules of a fault, as namespace and rule. Pure."""
    wan = state.lab.wan_namespace
    clusters = [state.layout(name) for name in fault.clusters]
    match fault.kind:
        case "api-down":
            # The control plane itself, kwok and the agent reach the API server by the loopback device.
            reset = "-j REJECT --reject-with tcp-reset"
            not_reset = "! --tcp-flags RST RST"  # the resets themselves must pass
            return [
                (clusters[0].namespace, f"INPUT ! -i lo -p tcp -m tcp --dport {API_SERVER_PORT} {reset}"),
                (clusters[0].namespace, f"OUTPUT ! -o lo -p tcp -m tcp --sport {API_SERVER_PORT} {not_reset} {reset}"),
            ]
        case "api-delay":
            return [(wan, rule) for rule in _delay_rules(clusters[0])]
        case "partition":
            return [(wan, rule) for a, b in (clusters, reversed(clusters)) for rule in _cut(a, b)]
        case "gateway-down":
            action = "DROP" if fault.silent else "REJECT --reject-with tcp-reset"
            match_port = f"-p tcp -m tcp --dport {EAST_WEST_PORT}"
            return [(clusters[0].namespace, f"FORWARD -o {clusters[0].bridge} {match_port} -j {action}")]
        case _:
            return []


def control(faults: Iterable[Fault], cluster: str) -> Control:
    """What the cluster's forwarder has to play. Pure."""
    own = [each for each in faults if cluster in each.clusters]
    delays = [each.milliseconds / 1000 for each in own if each.kind == API_DELAY]
    return Control(sum(delays), any(each.kind == API_DOWN for each in own))


def load(lab: Lab) -> list[Fault]:
    try:
        document = json.loads(lab.faults_file.read_text())
    except FileNotFoundError:
        return []
    return [Fault(**{**each, "clusters": tuple(each["clusters"])}) for each in document]


def begin(state: LabState, fault: Fault) -> None:
    """Set the fault; one that it replaces is undone."""
    current = load(state.lab)
    for old in current:
        if fault.replaces(old):
            _undo(state, old)
    current = with_fault(current, fault)
    _save(state.lab, current)
    for namespace, rule in rules(fault, state):
        ensure_rule(namespace, rule, first=True)
    if fault.kind == API_DOWN:
        _close_connections(state.layout(fault.clusters[0]))
    if fault.kind == UNREADY:
        marker = state.layout(fault.clusters[0]).unready_marker(fault.uid)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
    _tell_forwarders(state, current, fault.clusters)


def finish(state: LabState, fault: Fault) -> bool:
    """Undo the fault. False when it was not in force."""
    current = load(state.lab)
    remaining = without(current, fault)
    for old in current:
        if fault.replaces(old):
            _undo(state, old)
    _tell_forwarders(state, remaining, fault.clusters)
    _save(state.lab, remaining)
    return remaining != current


def clear(state: LabState) -> list[Fault]:
    """Undo all faults and return them."""
    current = load(state.lab)
    for fault in current:
        finish(state, fault)
    return current


def kill(cluster: ClusterLayout, pod: Pod) -> list[int]:
    """SIGKILL to all processes of the pod. Returns their pids; raises LabError when the pod has none."""
    prefix = cluster.process(f"pod-{short_uid(pod.uid)}-")
    records = [each for each in processes.load_all(cluster.lab.processes) if each.name.startswith(prefix)]
    victims = [each.pid for record in records if processes.is_alive(record) for each in processes.tree(record)]
    if not victims:
        raise LabError(f"cluster {cluster.name}: pod {pod} has no process: only pods of known images really run")
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return victims


def _delay_rules(cluster: ClusterLayout) -> list[str]:
    to_server = f"-d {cluster.wan_address}/32 -p tcp -m tcp --dport {API_SERVER_PORT}"
    forwarder = f"{cluster.lab.wan_router}:{delay_port(cluster.index)}"
    return [
        f"-t nat PREROUTING {to_server} -j DNAT --to-destination {forwarder}",
        # Only connections from before the delay still come this way: they are reset and come again.
        f"FORWARD {to_server} -j REJECT --reject-with tcp-reset",
    ]


def _cut(source: ClusterLayout, target: ClusterLayout) -> list[str]:
    return [
        f"FORWARD -i {source.wan_port} -o {target.wan_port} -j DROP",
        # The way by the forwarder, which a delay takes.
        f"INPUT -i {source.wan_port} -p tcp -m tcp --dport {delay_port(target.index)} -j DROP",
    ]


def _close_connections(cluster: ClusterLayout) -> None:
    """Reset what is open to the API server: an idle watch would notice the rules only after half a minute."""
    outside = f"( sport = :{API_SERVER_PORT} and not dst 127.0.0.0/8 and not dst [::1] )"
    # A kernel that cannot do this is no reason to fail: clients find out by their keep-alive probes.
    run_in(cluster.namespace, ["ss", "-t", "-K", "state", "established", outside], check=False)


def _undo(state: LabState, fault: Fault) -> None:
    for namespace, rule in rules(fault, state):
        remove_rule(namespace, rule)
    if fault.kind == UNREADY:
        state.layout(fault.clusters[0]).unready_marker(fault.uid).unlink(missing_ok=True)


def _tell_forwarders(state: LabState, faults: list[Fault], clusters: Iterable[str]) -> None:
    for name in clusters:
        cluster = state.layout(name)
        write_control(cluster.forwarder_control, control(faults, name))
        record = processes.alive(state.lab.processes, cluster.process("forwarder"))
        if record is not None:
            os.kill(record.pid, signal.SIGHUP)


def _save(lab: Lab, faults: list[Fault]) -> None:
    partial = lab.faults_file.with_suffix(".partial")
    partial.write_text(json.dumps([asdict(each) for each in faults], indent=2) + "\n")
    partial.replace(lab.faults_file)
