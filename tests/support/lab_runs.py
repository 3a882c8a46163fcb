# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays against a running lab, as a user would run them, and a look at its clusters beside them."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import NotFound

from support import labs

HERE = Path(__file__).parent
NAMESPACE = "istio-system"
TIMEOUT = 300.0

Variables = Mapping[str, Any]
Object = dict[str, Any]

PREFLIGHT = {"import_role": {"name": "onemesh.istio.cluster", "tasks_from": "preflight"}}
CONTROL_PLANE = {"import_role": {"name": "onemesh.istio.control_plane"}}
GATEWAY = {"import_role": {"name": "onemesh.istio.eastwest_gateway"}}
LINK = {"import_role": {"name": "onemesh.istio.link"}}


@dataclass(frozen=True)
class Result:
    """What one task said on one host."""

    task: str
    host: str
    status: str
    result: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Run:
    """One ansible-playbook. ``folder`` holds all that it wrote."""

    returncode: int
    output: str = field(repr=False)
    results: list[Result] = field(repr=False)
    folder: Path

    @property
    def changed(self) -> list[tuple[str, str]]:
        """Host and task of everything that changed."""
        return [(each.host, each.task) for each in self.results if each.status == "changed"]

    @property
    def last(self) -> dict[str, Any]:
        """The result of the last task."""
        return self.results[-1].result

    def succeeded(self) -> Run:
        assert self.returncode == 0, self.output[-4000:]
        return self

    def failed(self) -> Run:
        assert self.returncode == 2, self.output[-4000:]
        return self

    def of(self, task: str) -> Result:
        """The one result of a task, by its name."""
        (found,) = [each for each in self.results if each.task == task]
        return found

    def findings(self) -> set[tuple[str, str]]:
        """Cluster and check of each finding of the task that failed."""
        (failed,) = [each for each in self.results if each.status == "failed"]
        return {(finding["cluster"], finding["check"]) for finding in failed.result["findings"]}


class Lab:
    """The lab that MESHLAB_NAME names, with clusters east and west."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running = labs.find(labs.SHARED, folder)
        self.hosts, self.variables = self.running.hosts, self.running.variables
        self.clusters, self.programs = self.running.clusters, self.running.programs
        self.meshlab, self.fault = self.running.meshlab, self.running.fault
        self._runs = 0

    @cached_property
    def clients(self) -> dict[str, Client]:
        return {name: self.client(name) for name in self.hosts}

    def client(self, name: str, **options: Any) -> Client:
        host = self.hosts[name]
        known = {"kubeconfig": host["cluster_kubeconfig"], "context": host["cluster_context"], **options}
        return Client(name, load_credentials(known, cluster=name, environ={}))

    def hostvars(self, hosts: Mapping[str, Variables]) -> dict[str, dict[str, Any]]:
        """The variables of each host, changed as ``start`` changes them."""
        known = {name: {**self.variables, **own, **hosts.get(name, {})} for name, own in self.hosts.items()}
        return {name: {key: value for key, value in own.items() if value is not None} for name, own in known.items()}

    def run(self, *tasks: Variables, **how: Any) -> Run:
        """Run ``tasks`` to their end. See ``start`` for ``how``."""
        return self.start(*tasks, **how).wait()

    def start(
        self,
        *tasks: Variables,
        variables: Variables | None = None,
        hosts: Mapping[str, Variables] | None = None,
        arguments: Iterable[str] = (),
        environ: Mapping[str, str] | None = None,
        playbook: str = "",
    ) -> Running:
        """Run ``tasks`` (or a ``playbook``) on all hosts. ``hosts`` changes host variables; None takes one away."""
        self._runs += 1
        folder = self.folder / f"run-{self._runs}"
        (folder / "tmp").mkdir(parents=True)
        folder.chmod(0o700)
        inventory = {"all": copy.deepcopy(self.running.written)}
        for host, changes in (hosts or {}).items():
            kept = {**inventory["all"]["hosts"][host], **changes}
            inventory["all"]["hosts"][host] = {name: value for name, value in kept.items() if value is not None}
        (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
        play = {"name": "Test", "hosts": "all", "gather_facts": False, "any_errors_fatal": True, "tasks": [*tasks]}
        (folder / "play.yml").write_text(yaml.safe_dump([play]))
        (folder / "variables.json").write_text(json.dumps(dict(variables or {})))
        record = folder / "results"
        record.touch()
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "record",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
            "ANSIBLE_REMOTE_TEMP": str(folder / "tmp"),
            "ANSIBLE_ASYNC_DIR": str(folder / "tmp" / "async"),
            "RECORD_TO": str(record),
            **(environ or {}),
        }
        command = ["ansible-playbook", "-i", "inventory.yml", "-e", "@variables.json", *arguments]
        process = subprocess.Popen(
            [*command, playbook or "play.yml"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return Running(process, folder)

    def state(self) -> dict[str, str]:
        """Cluster, kind, namespace and name of every object that somebody may have written, with its version."""
        return {
            f"{cluster} {key}": live["metadata"]["uid"] + "/" + live["metadata"]["resourceVersion"]
            for cluster, client in self.clients.items()
            for key, live in list_objects(client).items()
        }

    def wipe(self) -> None:
        """Take Istio and all that is ours off both clusters, by nothing of the collection."""
        for client in self.clients.values():
            for kind in (*WEBHOOKS, kinds.CLUSTER_ROLE_BINDING, kinds.CLUSTER_ROLE, kinds.CUSTOM_RESOURCE_DEFINITION):
                for live in client.list(kind):
                    name = live["metadata"]["name"]
                    if "istio" in name:
                        client.delete(kind, name)
            # Pods that nobody starts again, and that get no time to say goodbye.
            for path, options in (
                (kinds.make_path(kinds.DEPLOYMENT, NAMESPACE), {}),
                (kinds.make_path(kinds.POD, NAMESPACE), {"gracePeriodSeconds": 0}),
            ):
                client.request("DELETE", path, body={"apiVersion": "v1", "kind": "DeleteOptions", **options})
            client.delete(kinds.NAMESPACE, NAMESPACE)
        for client in self.clients.values():
            client.wait_gone(kinds.NAMESPACE, NAMESPACE, None, 120)
            for live in client.list(kinds.CONFIG_MAP):
                metadata = live["metadata"]
                if metadata["name"].startswith("istio-ca-"):
                    client.delete(kinds.CONFIG_MAP, metadata["name"], metadata["namespace"])


class Running:
    """An ansible-playbook that was started. It is killed when its time is over."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process, self.folder = process, folder
        self._lines: list[str] = []
        self._timer = threading.Timer(TIMEOUT, self.kill)
        self._timer.daemon = True
        self._timer.start()

    def wait(self) -> Run:
        self.until("")
        returncode = self.process.wait()
        self._timer.cancel()
        output = "".join(self._lines)
        (self.folder / "output").write_text(output)
        lines = (self.folder / "results").read_text().splitlines()
        return Run(returncode, output, [Result(**json.loads(line)) for line in lines], self.folder)

    def until(self, text: str) -> bool:
        """Whether ``text`` was printed; returns as soon as it was, or when nothing more comes. Nothing is never."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)
            if text and text in line:
                return True
        return False

    def kill(self) -> None:
        """kill -9 of ansible-playbook with everything that it started, in whichever process group."""
        while alive := self._processes():
            for process in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            self.process.poll()
        self._timer.cancel()

    def _processes(self) -> list[int]:
        """Those with our RECORD_TO in their environment, which each child inherits. One that has ended has none."""
        mark = f"RECORD_TO={self.folder / 'results'}".encode()
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                if mark in Path("/proc", process, "environ").read_bytes().split(b"\0"):
                    found.append(int(process))
        return found


WEBHOOKS = (kinds.MUTATING_WEBHOOK_CONFIGURATION, kinds.VALIDATING_WEBHOOK_CONFIGURATION)
LOOKED_AT = (
    kinds.NAMESPACE,
    kinds.SECRET,
    kinds.CONFIG_MAP,
    kinds.SERVICE,
    kinds.SERVICE_ACCOUNT,
    kinds.DEPLOYMENT,
    kinds.CLUSTER_ROLE,
    kinds.CLUSTER_ROLE_BINDING,
    kinds.ROLE,
    kinds.ROLE_BINDING,
    kinds.CUSTOM_RESOURCE_DEFINITION,
    kinds.GATEWAY,
    *WEBHOOKS,
)


def list_objects(client: Client, looked_at: Iterable[kinds.Kind] = LOOKED_AT) -> dict[str, Object]:
    """Everything of the kinds that a mesh consists of, by kind, namespace and name; not who leads istiods just now."""
    found: dict[str, Object] = {}
    for kind in looked_at:
        try:
            listed = client.list(kind)
        except NotFound:
            continue
        for live in listed:
            metadata = live["metadata"]
            if "control-plane.alpha.kubernetes.io/leader" not in (metadata.get("annotations") or {}):
                found[f"{kind.kind} {metadata.get('namespace', '')}/{metadata['name']}"] = live
    return found
