"""One pod: its containers in order, probes, volumes, status, end. A thread each.

The thread waits on the containers' process descriptors, a wake-up descriptor and its next deadline, so a process that
dies is seen at once and nothing is polled. What it knows is kept in the pod's folder: an agent that starts again
adopts what runs.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meshlab import images, netns, processes
from meshlab.layout import ClusterLayout, short_uid

from . import backoff, containers, network, probes, volumes
from .api import Api, ApiError, Store
from .environment import MissingObject, arguments, environment, field_value
from .status import ContainerView, is_ready, pod_status

JSON = dict[str, Any]
_LOG = logging.getLogger("meshlab.agent")
# A lab does not wait for the 30 s that a pod may take to drain.
_LONGEST_GRACE = 5.0
_RETRY = 1.0
_VOLUME_CHECK = 30.0


@dataclass
class Saved:
    """What of a container outlives the agent."""

    state: str = "waiting"
    started_at: float = 0.0
    finished_at: float = 0.0
    exit_code: int = 0
    restarts: int = 0
    started: bool = False
    ready: bool = False
    ends_in_a_row: int = 0
    last_exit: int | None = None
    last_finished_at: float = 0.0


@dataclass
class Container:
    """A container of the pod and what is known of it. `real` is false for images that are kwok's."""

    spec: JSON
    init: bool
    saved: Saved = field(default_factory=Saved)
    reason: str = "PodInitializing"
    message: str = ""
    not_before: float = 0.0
    pidfd: int = -1
    pid: int = 0
    child: subprocess.Popen[bytes] | None = None
    probes: list[probes.ProbeState] = field(default_factory=list)

    @property
    def name(self) -> str:
        name: str = self.spec["name"]
        return name

    @property
    def real(self) -> bool:
        return images.program(self.spec["image"]) is not None

    @property
    def sidecar(self) -> bool:
        return self.init and self.spec.get("restartPolicy") == "Always"

    @property
    def running(self) -> bool:
        return self.saved.state == "running"

    @property
    def finished(self) -> bool:
        return self.saved.state == "terminated"

    def has_probe(self, kind: str) -> bool:
        return any(each.kind == kind for each in self.probes)

    def view(self) -> ContainerView:
        return ContainerView(
            name=self.name,
            image=self.spec["image"],
            state=self.saved.state,
            reason=self.reason,
            message=self.message,
            started_at=self.saved.started_at,
            finished_at=self.saved.finished_at,
            exit_code=self.saved.exit_code,
            restarts=self.saved.restarts,
            started=self.running and self.saved.started,
            ready=self.running and self.saved.ready if not self.init or self.sidecar else self.finished,
            last_exit=self.saved.last_exit,
            last_finished_at=self.saved.last_finished_at,
        )


@dataclass(frozen=True)
class Surroundings:
    """What all pods of a cluster share."""

    layout: ClusterLayout
    api: Api
    programs: containers.Programs
    config_maps: Store
    secrets: Store
    hosts: Callable[[str, tuple[str, str]], str]
    report: Callable[[JSON, JSON], None]
    addresses: Callable[[str], str]
    forget: Callable[[str], None]
    probing: ThreadPoolExecutor


class PodWorker:
    """Runs one pod until it is deleted. All methods but the thread's own may be called from any thread."""

    def __init__(self, around: Surroundings, pod: JSON) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.namespace: str = pod["metadata"]["namespace"]
        self.name: str = pod["metadata"]["name"]
        self.address = ""
        self._around = around
        self._directory = around.layout.pod_directory(self.uid)
        spec = pod["spec"]
        self._init = [Container(each, True) for each in spec.get("initContainers") or []]
        self._main = [Container(each, False) for each in spec["containers"]]
        self._all = [*self._init, *self._main]
        self._lock = threading.Lock()
        self._wake_lock = threading.Lock()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._answers: list[tuple[probes.ProbeState, Container, bool]] = []
        self._gone = False
        self._since = time.time()
        self._volumes_due = 0.0
        self._hosts_due = True
        self._unready = False
        self._returning = around.layout.returning_marker(self.uid).exists()
        self._status: JSON = {}
        self._references = volumes.references(spec.get("volumes") or [])
        self.stopped = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"pod {self.namespace}/{self.name}", daemon=True).start()

    # What others tell the pod
    def updated(self, pod: JSON) -> None:
        with self._lock:
            changed = pod["metadata"].get("labels") != self.pod["metadata"].get("labels") or pod["metadata"].get(
                "annotations"
            ) != self.pod["metadata"].get("annotations")
            self.pod = pod
            if changed:
                self._volumes_due = 0.0
        self._wake()

    def vanished(self) -> None:
        """The object was removed without waiting for us."""
        self._gone = True
        self._wake()

    def object_changed(self, kind: str, name: str) -> None:
        if (kind, name) in self._references or not self._status or self._waiting_for_objects():
            self._volumes_due = 0.0
            self._wake()

    def names_changed(self) -> None:
        self._hosts_due = True
        self._wake()

    def check_marker(self) -> None:
        present = self._around.layout.unready_marker(self.uid).exists()
        if present != self._unready:
            self._unready = present
            self._wake()
        if self._returning and not self._around.layout.returning_marker(self.uid).exists():
            self._wake()

    def _waiting_for_objects(self) -> bool:
        return any(each.reason == "CreateContainerConfigError" for each in self._all)

    def _wake(self) -> None:
        with self._wake_lock, contextlib.suppress(BlockingIOError):
            if self._wake_fd >= 0:
                os.eventfd_write(self._wake_fd, 1)

    def _close(self) -> None:
        """Later calls of others find nothing to wake, nor someone else's descriptor of the same number."""
        with self._wake_lock:
            os.close(self._wake_fd)
            self._wake_fd = -1

    # The thread
    def _run(self) -> None:
        try:
            self._adopt()
            while not self._ending:
                deadline = self._step()
                if not self._ending:
                    self._wait(deadline)
            self._end()
        except Exception:
            _LOG.exception("pod %s/%s: the agent gave up on it", self.namespace, self.name)
        finally:
            self.stopped.set()
            self._close()
            self._around.forget(self.uid)

    @property
    def _ending(self) -> bool:
        return self._gone or "deletionTimestamp" in self.pod["metadata"]

    def _step(self) -> float:
        """Do all that is due; returns when the next thing is (monotonic)."""
        now = time.monotonic()
        deadlines = [now + _VOLUME_CHECK]
        try:
            self._collect()
            self._prepare()
            self._refresh_volumes(now)
            deadlines.append(self._volumes_due)
            self._take_answers(now)
            self._advance(now, deadlines)
            self._ask(now, deadlines)
        except (MissingObject, ApiError, ValueError, KeyError) as error:
            self._hold("CreateContainerConfigError", str(error))
            deadlines.append(now + _RETRY)
        except (OSError, RuntimeError) as error:
            _LOG.warning("pod %s/%s: %s", self.namespace, self.name, error)
            self._hold("CreateContainerError", str(error))
            deadlines.append(now + _RETRY)
        self._publish()
        return min(deadlines)

    def _wait(self, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._wake_fd, select.POLLIN)
        for each in self._all:
            if each.pidfd >= 0:
                poll.register(each.pidfd, select.POLLIN)
        poll.poll(max(0.0, deadline - time.monotonic()) * 1000 + 1)
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)

    def _hold(self, reason: str, message: str) -> None:
        for each in self._all:
            if each.saved.state == "waiting":
                each.reason, each.message = reason, message

    # Preparation
    def _prepare(self) -> None:
        if not self.address:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            address = self._around.addresses(self.uid)
            network.create_pod(self._around.layout, self.uid, address, self._sysctls())
            self.address = address
        if self._hosts_due:
            self._hosts_due = False
            self._write_hosts()

    def _sysctls(self) -> dict[str, str]:
        wanted = (self.pod["spec"].get("securityContext") or {}).get("sysctls") or []
        return {each["name"]: str(each["value"]) for each in wanted}

    def _write_hosts(self) -> None:
        """In place: containers see this very file."""
        text = self._around.hosts(self.namespace, (self.address, self.pod["spec"].get("hostname") or self.name))
        path = self._around.layout.pod_hosts(self.uid)
        if path.exists() and path.read_text() == text:
            return
        with path.open("r+" if path.exists() else "w") as output:
            output.write(text)
            output.truncate()
        path.chmod(0o644)

    def _refresh_volumes(self, now: float) -> None:
        """What a running pod sees stays as it was while its sources are away."""
        if now < self._volumes_due:
            return
        due, self._volumes_due = self._volumes_due, now + _VOLUME_CHECK
        try:
            self._write_volumes()
        except (MissingObject, ApiError):
            self._volumes_due = now + _RETRY
            if not any(each.saved.started_at for each in self._all):
                self._volumes_due = due
                raise

    def _write_volumes(self) -> None:
        group = containers.volume_group(self.pod)
        folder = self._directory / "volumes"
        folder.mkdir(exist_ok=True)
        for volume in self.pod["spec"].get("volumes") or []:
            target = folder / volume["name"]
            if volumes.is_projected(volume):
                files = volumes.project(volume, self, lambda path, target=target: volumes.read(target, path))  # type: ignore[misc]
                volumes.write(target, files, group)
            elif not target.exists():
                target.mkdir()
                os.chown(target, 0, group)
                target.chmod(0o777)

    # volumes.Sources
    def config_map(self, name: str) -> JSON | None:
        return self._around.config_maps.get(self.namespace, name)

    def secret(self, name: str) -> JSON | None:
        return self._around.secrets.get(self.namespace, name)

    def field(self, path: str) -> str:
        return field_value(self.pod, path, pod_ip=self.address, host_ip=self._around.layout.wan_address)

    def token(self, audience: str, seconds: int, current: bytes | None) -> bytes:
        if current is not None and volumes.token_is_young(current, time.time()):
            return current
        account = self.pod["spec"].get("serviceAccountName") or "default"
        spec: JSON = {
            "expirationSeconds": max(600, seconds),
            "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid},
        }
        if audience:
            spec["audiences"] = [audience]
        answer = self._around.api.request(
            "POST",
            f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        token: str = answer["status"]["token"]
        return token.encode()

    # Containers
    def _advance(self, now: float, deadlines: list[float]) -> None:
        """Start what may start: init containers in order, then all others at once."""
        for each in self._init:
            if each.sidecar:
                if not each.running:
                    self._try_start(each, now, deadlines)
                if not (each.running and each.saved.started) and not self._was_initialized:
                    return
            elif not (each.finished and each.saved.exit_code == 0):
                if not each.running:
                    self._try_start(each, now, deadlines)
                return
        for each in self._main:
            if not each.running and not (each.finished and not self._restarts(each)):
                self._try_start(each, now, deadlines)

    @property
    def _was_initialized(self) -> bool:
        return any(each.saved.started_at for each in self._main)

    def _restarts(self, container: Container) -> bool:
        policy = self.pod["spec"].get("restartPolicy") or "Always"
        if container.sidecar:
            return True
        if container.init:
            return policy != "Never" and container.saved.exit_code != 0
        return policy == "Always" or (policy == "OnFailure" and container.saved.exit_code != 0)

    def _try_start(self, container: Container, now: float, deadlines: list[float]) -> None:
        if container.finished and not self._restarts(container):
            return
        if now < container.not_before:
            deadlines.append(container.not_before)
            return
        self._start(container, now)
        deadlines.append(now)

    def _start(self, container: Container, now: float) -> None:
        saved = container.saved
        if container.real:
            spec = container.spec
            hostname = self.pod["spec"].get("hostname") or self.name
            host, _, port = self._around.layout.api_server.partition("://")[2].partition(":")
            known = environment(
                spec,
                self.field,
                self.config_map,
                self.secret,
                containers.base_environment(spec["image"], hostname, host, int(port)),
            )
            argv = arguments(spec, containers.entrypoint(spec["image"]), known)
            made = containers.plan(
                self.pod,
                spec,
                known,
                argv,
                self._around.programs,
                self._directory,
                self._around.layout.name_server,
            )
            for bind in made.binds:
                if not os.path.exists(bind.source) and bind.source.startswith(str(self._directory / "volumes")):
                    os.makedirs(bind.source)
            plan_file = self.entry_files(container.name)[1]
            made.write(plan_file)
            namespace = self._around.layout.pod_namespace(self.uid)
            child = containers.start(namespace, plan_file, self.log(container.name), made.uid)
            container.child, container.pid = child, child.pid
            container.pidfd = os.pidfd_open(child.pid)
            processes.record(self._around.layout.lab.processes, self._record(container.name), child.pid, argv[:1])
        if saved.started_at:
            saved.restarts += 1
        saved.state, saved.started_at, saved.finished_at, saved.exit_code = "running", time.time(), 0.0, 0
        self._begin_probes(container, now)
        self._save()

    def _begin_probes(self, container: Container, now: float) -> None:
        kinds = ("startup", "readiness", "liveness") if container.real else ()
        container.probes = [
            probes.ProbeState.begin(container.spec[f"{kind}Probe"], kind, now)
            for kind in kinds
            if container.spec.get(f"{kind}Probe")
        ]
        container.saved.started = not container.has_probe("startup")
        container.saved.ready = container.saved.started and not container.has_probe("readiness")

    def log(self, container: str) -> Path:
        return self._directory / f"{container}.log"

    def shown_logs(self) -> dict[str, Path]:
        """Log files of all containers as kwok reads them."""
        return {each.name: self._directory / f"{each.name}.cri.log" for each in self._all}

    def entry_files(self, container: str) -> tuple[Path, Path]:
        """Record of the container's process and its launch plan: what it takes to run a command in it."""
        record = self._around.layout.lab.processes / f"{self._record(container)}.json"
        return record, self._directory / f"{container}.plan.json"

    def _record(self, container: str) -> str:
        return self._around.layout.process(f"pod-{short_uid(self.uid)}-{container}")

    def _collect(self) -> None:
        """Take note of processes that ended."""
        for each in self._all:
            if each.pidfd >= 0 and select.select([each.pidfd], [], [], 0)[0]:
                self._ended(each)

    def _ended(self, container: Container) -> None:
        # Of an adopted process nobody can tell the exit code any more.
        code = container.child.wait() if container.child is not None else 255
        os.close(container.pidfd)
        container.pidfd, container.pid, container.child = -1, 0, None
        self.entry_files(container.name)[0].unlink(missing_ok=True)
        saved = container.saved
        saved.finished_at, saved.exit_code = time.time(), code if code >= 0 else 128 - code
        saved.state, saved.ready, container.probes = "terminated", False, []
        saved.last_exit, saved.last_finished_at = saved.exit_code, saved.finished_at
        if self._restarts(container):
            saved.ends_in_a_row = backoff.ends_in_a_row(saved.ends_in_a_row, saved.finished_at - saved.started_at)
            delay = backoff.delay(saved.ends_in_a_row)
            container.not_before = time.monotonic() + delay
            saved.state, container.reason = "waiting", "CrashLoopBackOff"
            container.message = f"ended with {saved.exit_code}; starts again {delay:g} s later; log: {container.name}"
        if saved.exit_code and not self._ending:
            _LOG.warning(
                "pod %s/%s: container %s ended with %d", self.namespace, self.name, container.name, saved.exit_code
            )
        self._save()

    # Probes
    def _ask(self, now: float, deadlines: list[float]) -> None:
        for container in self._all:
            if not container.running:
                continue
            for probe in container.probes:
                if probe.kind == "startup" and probe.passed:
                    continue
                if probe.kind != "startup" and not container.saved.started:
                    continue
                if probe.running:
                    continue
                if probe.due <= now:
                    probe.running = True
                    self._around.probing.submit(self._probe, container, probe)
                else:
                    deadlines.append(probe.due)

    def _probe(self, container: Container, probe: probes.ProbeState) -> None:
        """In a thread of the pool."""
        success = probes.run(
            probe.spec,
            self.address,
            container.spec.get("ports") or [],
            lambda argv: containers.inside(*self.entry_files(container.name), argv),
        )
        with self._lock:
            self._answers.append((probe, container, success))
        self._wake()

    def _take_answers(self, now: float) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        for probe, container, success in answers:
            if probe not in container.probes:
                continue
            probe.running = False
            probe.answered(success, now)
            if probe.kind == "startup" and probe.passed:
                container.saved.started = True
                container.saved.ready = not container.has_probe("readiness")
                self._save()
            elif probe.kind == "readiness" and container.saved.ready != probe.passed:
                container.saved.ready = probe.passed
                self._save()
            if probe.kind != "readiness" and not probe.passed and probe.exhausted and container.pid:
                _LOG.warning("pod %s/%s: %s probe of %s failed", self.namespace, self.name, probe.kind, container.name)
                containers.kill(container.pid)

    # Status
    def _publish(self) -> None:
        spec = self.pod["spec"]
        status = pod_status(
            uid=self.uid,
            pod_ip=self.address,
            host_ip=self._around.layout.wan_address,
            start_time=self._since,
            init=[each.view() for each in self._init],
            sidecars=frozenset(each.name for each in self._init if each.sidecar),
            main=[each.view() for each in self._main],
            unready="set unready by `meshlab fault`" if self._unready else "",
            restart_policy=spec.get("restartPolicy") or "Always",
            previous=(self._status or self.pod.get("status") or {}).get("conditions") or [],
            now=time.time(),
        )
        if self._keeps_looking_ready(status):
            return
        if status != self._status:
            self._status = status
            self._around.report(self.pod, status)

    def _keeps_looking_ready(self, status: JSON) -> bool:
        """Whether a pod of a snapshot, which was ready then, is still on its way there.

        To others it never ended. Else every Deployment and EndpointSlice would change twice, and who has started the
        lab could not tell whether a controller has seen the second change yet.
        """
        marker = self._around.layout.returning_marker(self.uid)
        if not self._returning:
            return False
        if is_ready(self.pod.get("status") or {}) and not is_ready(status) and marker.exists():
            return True
        self._returning = False
        marker.unlink(missing_ok=True)
        return False

    # State over restarts of the agent
    def _save(self) -> None:
        path = self._directory / "state.json"
        partial = path.with_suffix(".new")
        partial.write_text(json.dumps({each.name: asdict(each.saved) for each in self._all}))
        partial.replace(path)

    def _adopt(self) -> None:
        try:
            known = json.loads((self._directory / "state.json").read_text())
        except (OSError, ValueError):
            return
        now = time.monotonic()
        for each in self._all:
            if each.name not in known:
                continue
            each.saved = Saved(**known[each.name])
            if not each.running or not each.real:
                continue
            record = processes.alive(self._around.layout.lab.processes, self._record(each.name))
            if record is None:
                # It ended while nobody looked.
                each.saved.state, each.saved.exit_code, each.saved.ready = "terminated", 255, False
                each.saved.last_exit, each.saved.last_finished_at = 255, time.time()
                if self._restarts(each):
                    each.saved.state = "waiting"
                continue
            each.pid, each.pidfd = record.pid, os.pidfd_open(record.pid)
            started, ready = each.saved.started, each.saved.ready
            self._begin_probes(each, now)
            each.saved.started, each.saved.ready = started, ready
            for probe in each.probes:
                probe.passed = {"startup": started, "readiness": ready, "liveness": True}[probe.kind]
        _LOG.info("pod %s/%s: adopted", self.namespace, self.name)

    # End
    def _end(self) -> None:
        grace = float(self.pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        deadline = time.monotonic() + (0 if self._gone else min(grace, _LONGEST_GRACE))
        self._end_containers([each for each in self._all if not each.sidecar], deadline)
        self._end_containers([each for each in reversed(self._init) if each.sidecar], deadline)
        for each in self._all:
            if each.pid:
                containers.kill(each.pid)
        while any(each.pidfd >= 0 for each in self._all):
            self._wait(time.monotonic() + 1)
            self._collect()
        discard(self._around.layout, self.uid)
        while not self._gone and not self._delete_object():
            time.sleep(_RETRY)

    def _end_containers(self, some: Sequence[Container], deadline: float) -> None:
        for each in some:
            if each.pid:
                containers.terminate(each.pid)
        while any(each.pidfd >= 0 for each in some) and time.monotonic() < deadline and not self._gone:
            self._wait(deadline)
            self._collect()
            for each in some:
                if each.saved.state == "waiting":
                    each.saved.state = "terminated"
            self._publish()

    def _delete_object(self) -> bool:
        try:
            self._around.api.request(
                "DELETE",
                f"/api/v1/namespaces/{self.namespace}/pods/{self.name}",
                {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}},
            )
        except ApiError as error:
            # 404: gone; 409: another pod has the name now.
            return error.status in (404, 409)
        return True


def discard(layout: ClusterLayout, uid: str) -> None:
    """Remove what is left of a pod: processes, namespace, folder."""
    prefix = layout.process(f"pod-{short_uid(uid)}-")
    for record in processes.load_all(layout.lab.processes):
        if record.name.startswith(prefix):
            if processes.is_alive(record):
                containers.kill(record.pid)
            (layout.lab.processes / f"{record.name}.json").unlink(missing_ok=True)
    network.delete_pod(layout, uid)
    shutil.rmtree(layout.pod_directory(uid), ignore_errors=True)
    if netns.exists(layout.pod_namespace(uid)):
        _LOG.warning("namespace %s is still there", layout.pod_namespace(uid))
