"""Bringing a lab up, adding to it, finishing what was interrupted, and taking it down."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import control_plane, netns, network, processes, snapshots
from .build import Programs
from .errors import LabError
from .forwarder import LISTENER, delay_port, listen
from .layout import MAXIMUM_CLUSTERS, ClusterLayout, Lab
from .pods import list_pods
from .snapshots import Snapshot
from .state import ClusterState, LabState, load, save, started_by

FIRST_PORT = 26440
# The kernel takes ports from here on for outgoing connections, which would then be in the forwarder's way.
_LAST_PORT = 32767
# Many times what it takes: a start that goes on is not to end because the machine has much else to do.
_READY_SECONDS = 180.0


@dataclass(frozen=True)
class Wish:
    """What a user asked `up` for. `shared_network` None means: as the lab has it, separate for a new one.

    `run` is who asks, and is kept by a new lab. `snapshot` says what a new lab starts from; it decides clusters,
    network and regions.
    """

    clusters: tuple[str, ...]
    shared_network: bool | None = None
    regions: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    run: str = ""
    snapshot: Snapshot | None = None


def from_snapshot(snapshot: Snapshot, ports: Mapping[str, int], run: str) -> Wish:
    return Wish(tuple(snapshot.clusters), snapshot.shared_network, snapshot.clusters, ports, run, snapshot)


def plan(lab: Lab, current: LabState | None, wish: Wish, programs: Programs, port: Callable[[], int]) -> LabState:
    """The state that fulfils the wish: what there is, and new clusters after it. Pure but for `port`.

    Raises LabError when the wish contradicts what runs.
    """
    unknown = sorted((set(wish.regions) | set(wish.ports)) - set(wish.clusters))
    if unknown:
        raise LabError(f"--region or --port names {', '.join(unknown)}, which --clusters does not")
    if current is None:
        current = LabState(
            lab,
            bool(wish.shared_network),
            str(programs.binaries),
            str(programs.charts),
            run=wish.run,
            key=control_plane.key(programs.key),
            snapshot=wish.snapshot.identity if wish.snapshot else "",
        )
    elif wish.snapshot and wish.snapshot.identity != current.snapshot:
        raise LabError(
            f"lab {lab.name} is there, and not from this snapshot: run `meshlab down` first, or use another --name"
        )
    elif wish.shared_network is not None and wish.shared_network != current.shared_network:
        has = "shared" if current.shared_network else "separate"
        raise LabError(f"lab {lab.name} runs with --network {has}: run `meshlab down` first, or use another --name")
    for name in wish.clusters:
        existing = current.clusters.get(name)
        if existing is None:
            index = _free_index(each.index for each in current.clusters.values())
            region = wish.regions.get(name, f"region-{index}")
            lab.cluster(name, index)  # refuses a name that cannot be one
            current = current.with_cluster(name, ClusterState(index, wish.ports.get(name) or port(), region))
        elif wish.regions.get(name, existing.region) != existing.region:
            raise LabError(f"cluster {name} runs in region {existing.region}: run `meshlab down` to change it")
        elif wish.ports.get(name, existing.port) != existing.port:
            raise LabError(f"cluster {name} runs on port {existing.port}: run `meshlab down` to change it")
    return current


def up(lab: Lab, wish: Wish, programs: Programs, say: Callable[[str], None]) -> LabState:
    """Make everything that the wish asks for and is not there yet. Raises LabError."""
    with changing(lab), _Ports() as ports:
        # What the commands that make namespaces are killed with: else `down` could be done before they are.
        os.environ.update(lab.mark)
        current = load(lab)
        for name, port in wish.ports.items():
            own = current.clusters.get(name) if current else None
            if (own is None or own.port != port) and not ports.take(port):
                raise LabError(f"port {port} on 127.0.0.1 is in use: choose another with --port, or leave it out")
        state = _with_ports(plan(lab, current, wish, programs, ports.next), ports)
        if current is None and lab.directory.exists():
            # Of a start that was interrupted before anything ran.
            shutil.rmtree(lab.directory)
        if current is None and wish.snapshot:
            snapshots.unpack(wish.snapshot, state)
        if state != current:
            save(state)
        made = network.ensure_wan(lab)
        made |= _ensure_clusters(state, ports, say)
        if not made:
            say(f"lab {lab.name} is up already: {', '.join(state.clusters)}; nothing changed")
        return state


def down(lab: Lab, say: Callable[[str], None]) -> None:
    """End and remove everything of the lab. Raises LabError naming what could not be removed."""
    with changing(lab):
        there = lab.directory.exists() or _namespaces(lab)
        problems = [*_end_processes(lab), *_unmount(lab), *_delete_namespaces(lab)]
        if not problems:
            shutil.rmtree(lab.directory, ignore_errors=False) if lab.directory.exists() else None
        lab.lock_file.unlink(missing_ok=True)
    if problems:
        raise LabError("\n".join([f"lab {lab.name} is not gone; run `meshlab down` again after a look at:", *problems]))
    say(f"lab {lab.name} is down" if there else f"lab {lab.name}: nothing to remove")


def down_started_by(home: Path, run: str, say: Callable[[str], None]) -> None:
    """As `down`, for all labs that this run started. Raises LabError after it has tried each."""
    labs = started_by(home, run)
    problems = []
    for lab in labs:
        try:
            down(lab, say)
        except LabError as error:
            problems.append(str(error))
    if problems:
        raise LabError("\n".join(problems))
    if not labs:
        say(f"run {run}: started no lab that is there")


@contextlib.contextmanager
def changing(lab: Lab) -> Iterator[None]:
    """One command at a time changes a lab; the kernel gives the lock back however its holder ends."""
    lab.home.mkdir(parents=True, exist_ok=True)
    while True:
        with lab.lock_file.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"meshlab: waiting for another command that changes lab {lab.name}", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            # `down` removes the file: then the lock that was waited for is nobody's any more.
            if _is_still(lab.lock_file, file.fileno()):
                yield
                return


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the path leads to the open file."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _ensure_clusters(state: LabState, ports: _Ports, say: Callable[[str], None]) -> bool:
    """True when something was started. Every cluster is brought as far as it goes before the first failure is told."""
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=max(1, len(state.clusters))) as pool:
        planes = {each: pool.submit(_ensure_control_plane, state, each, ports) for each in state.layouts()}
        # An istiod that finds another cluster's API server away asks again only much later, so pods come second.
        wait(planes.values())
        pods = {each: pool.submit(_ensure_pods, state, each) for each, task in planes.items() if not task.exception()}
    changed = {each: task.result() for each, task in planes.items()}
    changed = {each: task.result() or changed[each] for each, task in pods.items()}
    for each in (each for each, made in changed.items() if made):
        say(f"cluster {each.name}: ready after {time.monotonic() - started:.1f} s, {each.kubeconfig}")
    return any(changed.values())


def _ensure_control_plane(state: LabState, cluster: ClusterLayout, ports: _Ports) -> bool:
    numbers = state.clusters[cluster.name]
    made = network.ensure_cluster(cluster, shared_network=state.shared_network)
    control_plane.create_directories(cluster)
    made |= _ensure_process(cluster, "forwarder", _forwarder_command(cluster, numbers), ports.taken.get(numbers.port))
    control_plane.resume(cluster)
    if not control_plane.is_running(cluster):
        made = True
        control_plane.start(cluster, numbers, Path(state.binaries))
    _wait_ready(cluster, numbers)
    return made


def _ensure_pods(state: LabState, cluster: ClusterLayout) -> bool:
    numbers = state.clusters[cluster.name]
    made = control_plane.ensure_node(cluster, numbers)
    if importlib.util.find_spec("meshlab.agent.main") is not None:
        command = [sys.executable, "-m", "meshlab.agent", "--lab", cluster.lab.name, "--cluster", cluster.name]
        made |= _ensure_process(cluster, "agent", command)
    _wait_for_node(state, cluster)
    _wait_for_pods(cluster, numbers)
    return made


def _wait_for_node(state: LabState, cluster: ClusterLayout) -> None:
    """Until a pod that a user makes can be admitted and runs at once. Raises LabError."""
    numbers = state.clusters[cluster.name]
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        ended = control_plane.ended(cluster)
        missing = f"{', '.join(ended)} ended" if ended else control_plane.missing(cluster, numbers)
        if not missing:
            return
        if time.monotonic() > deadline:
            raise LabError(f"cluster {cluster.name}: {missing} after {_READY_SECONDS:.0f} s: see {cluster.logs}")
        if ended:
            # A controller manager gives a new API server 10 s, which is too little on a busy machine.
            control_plane.start(cluster, numbers, Path(state.binaries))
        time.sleep(0.05)


def _wait_for_pods(cluster: ClusterLayout, numbers: ClusterState) -> None:
    """Until the pods of a snapshot are ready again. Raises LabError, and the others see then what is not ready."""
    deadline = time.monotonic() + _READY_SECONDS
    while waiting := cluster.returning():
        agent = processes.alive(cluster.lab.processes, cluster.process("agent"))
        if agent is not None and time.monotonic() < deadline:
            time.sleep(0.05)
            continue
        for uid in waiting:
            cluster.returning_marker(uid).unlink(missing_ok=True)
        names = [str(pod) for pod in list_pods(control_plane.api(cluster, numbers)) if pod.uid in waiting]
        why = f"not ready after {_READY_SECONDS:.0f} s" if agent else "not ready, and the agent ended"
        raise LabError(f"cluster {cluster.name}: pods are {why}: {', '.join(names)}: see {cluster.logs}")


def _wait_ready(cluster: ClusterLayout, numbers: ClusterState) -> None:
    """Until /readyz is ok through the forwarder, as a user will reach it. Raises LabError."""
    server = control_plane.api(cluster, numbers)
    deadline = time.monotonic() + _READY_SECONDS
    while not server.ready():
        if not processes.alive(cluster.lab.processes, cluster.process("forwarder")):
            raise LabError(
                f"cluster {cluster.name}: the forwarder on 127.0.0.1:{numbers.port} ended: see "
                f"{cluster.logs}/forwarder.log, then run the same command again"
            )
        if time.monotonic() > deadline:
            raise LabError(
                f"cluster {cluster.name}: API server not ready after {_READY_SECONDS:.0f} s: see {cluster.logs}; "
                "`meshlab fault clear` undoes faults, `meshlab down` removes the lab"
            )
        time.sleep(0.1)


def _with_ports(state: LabState, ports: _Ports) -> LabState:
    """The state with every missing forwarder's port held; Raises LabError when a finished cluster's is gone.

    While a start is interrupted, another program may take the port; no kubeconfig names it yet, so it gets another.
    """
    for cluster in state.layouts():
        numbers = state.clusters[cluster.name]
        if processes.alive(state.lab.processes, cluster.process("forwarder")):
            continue
        _end_twins(state.lab, _forwarder_command(cluster, numbers))
        if ports.take(numbers.port):
            continue
        if cluster.kubeconfig.exists():
            raise LabError(
                f"cluster {cluster.name}: its port {numbers.port} on 127.0.0.1 is in use by another program: "
                "end that program, or run `meshlab down`"
            )
        state = state.with_cluster(cluster.name, replace(numbers, port=ports.next()))
    return state


def _end_twins(lab: Lab, command: list[str]) -> None:
    """End what runs this command for this lab without a record: its starter was killed before it wrote one."""
    started = ((pid, processes.start_time(pid)) for pid in processes.running(command, lab.mark))
    processes.end((processes.Record("twin", pid, at) for pid, at in started if at is not None), grace=1.0)


def _ensure_process(
    cluster: ClusterLayout, part: str, command: list[str], listener: socket.socket | None = None
) -> bool:
    lab, name = cluster.lab, cluster.process(part)
    if processes.alive(lab.processes, name):
        return False
    _end_twins(lab, command)
    environ = {**os.environ, **lab.mark, "MESHLAB_HOME": str(lab.home)}
    if listener is not None:
        environ[LISTENER] = str(listener.fileno())
    keep = () if listener is None else (listener.fileno(),)
    log = cluster.logs / f"{part}.log"
    processes.start(lab.processes, name, command, log=log, environ=environ, cwd=Path("/"), keep=keep)
    return True


def _forwarder_command(cluster: ClusterLayout, numbers: ClusterState) -> list[str]:
    options = {
        "--port": str(numbers.port),
        "--namespace": cluster.lab.wan_namespace,
        "--router": cluster.lab.wan_router,
        "--router-port": str(delay_port(cluster.index)),
        "--target": cluster.wan_address,
        "--control": str(cluster.forwarder_control),
    }
    return [sys.executable, "-m", "meshlab.forwarder", *(word for option in options.items() for word in option)]


def _end_processes(lab: Lab) -> list[str]:
    """All at once: first the agents, which would start pods' processes again, then everything that is recorded."""
    problems = []
    records = processes.load_all(lab.processes)
    agents = [each for each in records if each.name.endswith(".agent")]
    for group, grace in ((agents, 5.0), (records, 1.0), (_unrecorded(lab), 1.0)):
        try:
            processes.end(group, grace=grace)
        except RuntimeError as error:
            problems.append(str(error))
    return problems


def _unrecorded(lab: Lab) -> Iterable[processes.Record]:
    """What bears the lab's mark or is in its namespaces: an interrupted start may not have come to recording it."""
    found = processes.with_environment(lab.mark)
    for namespace in _namespaces(lab):
        found |= set(netns.process_ids(namespace))
    for pid in found - {os.getpid()}:
        started = processes.start_time(pid)
        if started is not None:
            yield processes.Record("unrecorded", pid, started)


def _unmount(lab: Lab) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    mounts = [line.split()[4].replace("\\040", " ") for line in lines]
    problems = []
    # The innermost first.
    for mount in sorted((each for each in mounts if Path(each).is_relative_to(lab.directory)), reverse=True):
        try:
            netns.run(["umount", "--lazy", mount])
        except netns.CommandError as error:
            problems.append(str(error))
    return problems


def _delete_namespaces(lab: Lab) -> list[str]:
    problems = []
    for namespace in _namespaces(lab):
        try:
            netns.delete(namespace)
        except netns.CommandError as error:
            problems.append(str(error))
    return problems


def _namespaces(lab: Lab) -> list[str]:
    return [name for name in netns.names() if name.startswith(lab.namespace_prefix)]


def _free_index(used: Iterable[int]) -> int:
    taken = set(used)
    free = next((index for index in range(1, MAXIMUM_CLUSTERS + 1) if index not in taken), None)
    if free is None:
        raise LabError(f"a lab has at most {MAXIMUM_CLUSTERS} clusters")
    return free


class _Ports:
    """Ports on 127.0.0.1 for new forwarders, each held by a listener from when it is chosen.

    Several labs may start at once; a port that was only looked at might be gone seconds later.
    """

    def __init__(self) -> None:
        self.taken: dict[int, socket.socket] = {}

    def __enter__(self) -> _Ports:
        return self

    def __exit__(self, *_: object) -> None:
        # The forwarders have them by now.
        for listener in self.taken.values():
            listener.close()

    def take(self, port: int) -> bool:
        """False when the port is in use."""
        if port not in self.taken:
            try:
                self.taken[port] = listen("127.0.0.1", port)
            except OSError:
                return False
        return True

    def next(self) -> int:
        candidates = (each for each in range(FIRST_PORT, _LAST_PORT + 1) if each not in self.taken)
        port = next((each for each in candidates if self.take(each)), None)
        if port is None:
            raise LabError(f"no free port on 127.0.0.1 from {FIRST_PORT} to {_LAST_PORT}: end what uses them")
        return port
