"""kwok's objects through which kubectl and istioctl reach a pod: PortForward, Exec, Logs.

Each has the pod's name and the pod as owner, so the garbage collector removes what an ended agent left.
"""

from __future__ import annotations

import logging
import queue
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

from meshlab import control_plane, netns
from meshlab.layout import ClusterLayout

from . import shims
from .api import Api, ApiError
from .pod import PodWorker

JSON = dict[str, Any]
_LOG = logging.getLogger("meshlab.agent")
_GROUP = "/apis/kwok.x-k8s.io/v1alpha1"
# kwok does not tell the command which port was asked for, so each needs an entry of its own. These are Istio's.
_ISTIO_PORTS = (
    *(80, 443, 8080, 8443, 9876, 15000, 15001, 15003, 15004, 15006, 15008, 15010, 15012, 15014, 15017),
    *(15020, 15021, 15053, 15080, 15090, 15443),
)
_PORT_ARGUMENT = re.compile(r"--?[a-z-]*(?:port|tcp|grpc|http|https|metrics)[a-z-]*[= ](\d{2,5})")


def ports(pod: JSON) -> list[int]:
    """Every port on which something of the pod may listen, as far as its spec tells."""
    found = set(_ISTIO_PORTS)
    for container in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]:
        found.update(int(each["containerPort"]) for each in container.get("ports") or [])
        line = " ".join(container.get("args") or [])
        found.update(int(port) for port in _PORT_ARGUMENT.findall(line))
    return sorted(found)


def objects(
    pod: JSON, namespace_file: Path, logs: dict[str, Path], entries: dict[str, tuple[Path, Path]] | None
) -> dict[str, JSON]:
    """Plural -> object. `logs` are the containers' log files as kwok reads them, `entries` each container's record and
    launch plan; None where a command would not run in the container but on the machine: then there is no Exec.
    """
    relay = str(Path(__file__).with_name("relay.py"))
    containers = [each["name"] for each in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]]
    specs: dict[str, tuple[str, JSON]] = {
        "portforwards": (
            "PortForward",
            {
                "forwards": [
                    {
                        "ports": [port],
                        "command": [sys.executable, "-I", "-S", relay, str(namespace_file), str(port)],
                    }
                    for port in ports(pod)
                ]
            },
        ),
        "logs": ("Logs", {"logs": [{"containers": [name], "logsFile": str(logs[name])} for name in containers]}),
    }
    if entries is not None:
        specs["execs"] = ("Exec", {"execs": [_exec(name, *entries[name]) for name in containers]})
    metadata = pod["metadata"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        plural: {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": kind,
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "ownerReferences": [owner],
            },
            "spec": spec,
        }
        for plural, (kind, spec) in specs.items()
    }


def _exec(container: str, record: Path, plan: Path) -> JSON:
    values = ((shims.RECORD, record), (shims.PLAN, plan))
    return {
        "containers": [container],
        "local": {"envs": [{"name": name, "value": str(value)} for name, value in values]},
    }


class Debugging:
    """One thread that makes and removes the objects."""

    def __init__(self, layout: ClusterLayout, api: Api) -> None:
        self._layout = layout
        self._api = api
        self._queue: queue.Queue[tuple[PodWorker, bool]] = queue.Queue()

    def start(self) -> None:
        threading.Thread(target=self._run, name="debugging", daemon=True).start()

    def add(self, worker: PodWorker) -> None:
        self._queue.put((worker, True))

    def remove(self, worker: PodWorker) -> None:
        self._queue.put((worker, False))

    def _run(self) -> None:
        while True:
            worker, wanted = self._queue.get()
            try:
                self._ensure(worker) if wanted else self._delete(worker)
            except ApiError as error:
                if error.status in (0, 429) or error.status >= 500:
                    self._queue.put((worker, wanted))
                    time.sleep(1)
                else:
                    _LOG.warning("pod %s/%s: %s", worker.namespace, worker.name, error)

    def _ensure(self, worker: PodWorker) -> None:
        if worker.stopped.is_set():
            return
        namespace_file = netns.path(self._layout.pod_namespace(worker.uid))
        logs = worker.shown_logs()
        entries = None
        if control_plane.runs_shims(self._layout):
            entries = {name: worker.entry_files(name) for name in logs}
        for plural, wanted in objects(worker.pod, namespace_file, logs, entries).items():
            path = f"{_GROUP}/namespaces/{worker.namespace}/{plural}"
            self._api.request(
                "PATCH",
                f"{path}/{worker.name}?fieldManager=meshlab-agent&force=true",
                wanted,
                content_type="application/apply-patch+yaml",
            )

    def _delete(self, worker: PodWorker) -> None:
        for plural in ("portforwards", "execs", "logs"):
            path = f"{_GROUP}/namespaces/{worker.namespace}/{plural}/{worker.name}"
            try:
                found = self._api.request("GET", path)
                if any(owner["uid"] == worker.uid for owner in found["metadata"].get("ownerReferences") or []):
                    self._api.request("DELETE", path)
            except ApiError as error:
                if error.status != 404:
                    raise
