"""The agent's process: `python -m meshlab.agent --lab NAME --cluster CLUSTER`."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from meshlab import images, netns, state
from meshlab.layout import DEFAULT_LAB, Lab, home

from . import containers, names, network
from .api import Api, Store
from .debugging import Debugging
from .logs import LogCopier
from .pod import PodWorker, Surroundings, discard
from .proxy import ServiceProxy
from .reporter import Reporter

JSON = dict[str, Any]
_LOG = logging.getLogger("meshlab.agent")
# How soon a fault's marker file is seen; a look at the file costs microseconds.
_MARKER_SECONDS = 0.5


class Agent:
    """All pods of one cluster's node that really run, and the cluster's Services."""

    def __init__(self, lab_state: state.LabState, cluster: str) -> None:
        self._layout = lab_state.layout(cluster)
        self._api = Api(self._layout.agent_kubeconfig)
        self._reporter = Reporter(self._api)
        self._lock = threading.Lock()
        self._workers: dict[str, PodWorker] = {}
        self._last_address: str | None = None
        node = f"fieldSelector=spec.nodeName%3D{self._layout.node}"
        self._pods = Store(self._api, f"/api/v1/pods?{node}", self._pod_changed)
        self._config_maps = Store(self._api, "/api/v1/configmaps", self._object_changed("configMap"))
        self._secrets = Store(self._api, "/api/v1/secrets", self._object_changed("secret"))
        self._services = Store(self._api, "/api/v1/services", self._services_changed)
        self._slices = Store(self._api, "/apis/discovery.k8s.io/v1/endpointslices", self._services_changed)
        self._proxy = ServiceProxy(self._layout, self._services, self._slices, self._reporter, self._names_changed)
        self._debugging = Debugging(self._layout, self._api)
        self._logs = LogCopier()
        self._around = Surroundings(
            layout=self._layout,
            api=self._api,
            programs=containers.find_programs(Path(lab_state.binaries), Path(lab_state.charts)),
            config_maps=self._config_maps,
            secrets=self._secrets,
            hosts=self._proxy.hosts,
            report=self._reporter.pod,
            addresses=self._address,
            forget=self._forget,
            probing=ThreadPoolExecutor(max_workers=8, thread_name_prefix="probe"),
        )

    def run(self) -> None:
        """Until the process is ended; pods run on without it."""
        network.prepare_cluster(self._layout)
        names.serve(self._layout.name_server)
        self._reporter.start()
        for store in (self._services, self._slices, self._config_maps, self._secrets):
            store.start()
        for store in (self._services, self._slices, self._config_maps, self._secrets):
            store.synced.wait()
        self._proxy.start()
        self._proxy.changed()
        self._debugging.start()
        self._logs.start()
        self._pods.start()
        self._pods.synced.wait()
        self._discard_leftovers()
        _LOG.info("cluster %s: ready", self._layout.name)
        while True:
            time.sleep(_MARKER_SECONDS)
            for worker in self._running():
                worker.check_marker()

    def _running(self) -> list[PodWorker]:
        with self._lock:
            return list(self._workers.values())

    def _pod_changed(self, pod: JSON, deleted: bool) -> None:
        uid = pod["metadata"]["uid"]
        with self._lock:
            worker = self._workers.get(uid)
            if worker is None:
                if deleted or not _is_ours(pod):
                    return
                worker = self._workers[uid] = PodWorker(self._around, pod)
                worker.start()
                self._debugging.add(worker)
                self._logs.add(worker)
                return
        if deleted:
            worker.vanished()
        else:
            worker.updated(pod)

    def _forget(self, uid: str) -> None:
        with self._lock:
            worker = self._workers.pop(uid, None)
        if worker is not None:
            self._logs.remove(worker)
            self._debugging.remove(worker)

    def _object_changed(self, kind: str) -> Any:
        def changed(item: JSON, _deleted: bool) -> None:
            for worker in self._running():
                if worker.namespace == item["metadata"]["namespace"]:
                    worker.object_changed(kind, item["metadata"]["name"])

        return changed

    def _services_changed(self, _item: JSON, _deleted: bool) -> None:
        self._proxy.changed()

    def _names_changed(self) -> None:
        for worker in self._running():
            worker.names_changed()

    def _address(self, uid: str) -> str:
        """The pod's address: kept in its folder as long as it lives."""
        with self._lock:
            path = self._layout.pod_address(uid)
            if path.exists():
                return path.read_text().strip()
            used = [each.read_text().strip() for each in self._layout.pods.glob("*/ip")]
            last = self._last_address or max(used, key=_numeric, default=None)
            address = network.free_address(self._layout.agent_pod_cidr, used, last)
            path.write_text(address + "\n")
            self._last_address = address
            return address

    def _discard_leftovers(self) -> None:
        """Pods that were deleted while no agent ran."""
        if not self._layout.pods.is_dir():
            return
        with self._lock:
            known = set(self._workers)
        for folder in self._layout.pods.iterdir():
            if folder.name not in known:
                _LOG.info("removing what is left of pod %s", folder.name)
                discard(self._layout, folder.name)


def _is_ours(pod: JSON) -> bool:
    """A pod with at least one image that the lab can run, and not ended for good."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") and "deletionTimestamp" not in pod["metadata"]:
        return False
    return any(images.program(each["image"]) for each in pod["spec"]["containers"])


def _numeric(address: str) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split("."))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="meshlab.agent", description="Runs the pods of one cluster of a lab.")
    parser.add_argument("--lab", default=DEFAULT_LAB)
    parser.add_argument("--cluster", required=True)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    lab_state = state.load(Lab(chosen.lab, home()))
    if lab_state is None or chosen.cluster not in lab_state.clusters:
        sys.exit(f"lab {chosen.lab} has no cluster {chosen.cluster}: run `meshlab up` first")
    for program in ("iptables-restore", "nsenter", "unshare", "ip", "sysctl"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: install Debian's iptables, iproute2, procps and util-linux")
    # Before any thread exists, so that all of them are in the cluster's namespace.
    netns.enter(lab_state.layout(chosen.cluster).namespace)
    Agent(lab_state, chosen.cluster).run()
    return 0
