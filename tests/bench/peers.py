# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which the same objects get onto the same clusters: ours, and those it is compared with."""

from __future__ import annotations

import http.client
import json
import os
import resource
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import kind_of, make_path
from delay import HOST
from ground import Endpoint, objects, parameters

Play = dict[str, Any]

_ONE_RUN = Path(__file__).with_name("one_run.py")
_WORKERS = 8


@dataclass(frozen=True)
class Run:
    """Seconds of wall-clock time, and the most memory that one process of it held."""

    seconds: float
    memory_mb: float = 0.0


def empty(_endpoints: Sequence[Endpoint]) -> Play:
    """What Ansible itself takes."""
    return _on_clusters({"ansible.builtin.meta": "noop"})


def loop(_endpoints: Sequence[Endpoint]) -> Play:
    """What people write: one kubernetes.core.k8s for each object."""
    task = {"kubernetes.core.k8s": {"kubeconfig": "{{ kubeconfig }}", "definition": "{{ item }}"}}
    return _on_clusters({**task, "loop": "{{ objects }}"})


def one_task(_endpoints: Sequence[Endpoint]) -> Play:
    """One kubernetes.core.k8s a cluster, with server-side apply: the peer that does the same kind of write."""
    task = {
        "kubeconfig": "{{ kubeconfig }}",
        "definition": "{{ objects }}",
        "apply": True,
        "server_side_apply": {"field_manager": "bench"},
    }
    return _on_clusters({"kubernetes.core.k8s": task})


def ours(endpoints: Sequence[Endpoint]) -> Play:
    """onemesh.istio.replicate, once for all clusters."""
    options = {**parameters(endpoints, 0), "definition": "{{ objects }}"}
    return {"hosts": "localhost", "gather_facts": False, "tasks": [{"onemesh.istio.replicate": options}]}


def play(make: Callable[[Sequence[Endpoint]], Play], endpoints: Sequence[Endpoint], count: int, folder: Path) -> Run:
    """A whole run of ansible-playbook. ``count`` is how many objects every cluster gets."""
    playbook, variables = folder / "playbook.json", folder / "objects.json"
    inventory, log = folder / "inventory.json", folder / "playbook.log"
    playbook.write_text(json.dumps([make(endpoints)]))
    variables.write_text(json.dumps({"objects": objects(count)}))
    hosts = {each.name: {"kubeconfig": str(each.kubeconfig)} for each in endpoints}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory.write_text(json.dumps({"clusters": {"hosts": hosts, "vars": local}}))
    command = ["ansible-playbook", "-i", str(inventory), "-e", f"@{variables}", str(playbook)]
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{log.read_text()[-3000:]}")
    return Run(seconds, usage.ru_maxrss / 1024)


def in_process(endpoints: Sequence[Endpoint], count: int, **more: Any) -> dict[str, Any]:
    """What one_run.py says of a run without Ansible around it."""
    asked = json.dumps(parameters(endpoints, count, **more))
    done = subprocess.run([sys.executable, str(_ONE_RUN)], input=asked, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"one_run.py failed:\n{done.stderr[-3000:]}")
    return dict(json.loads(done.stdout))


def bare(endpoints: Sequence[Endpoint], count: int) -> Run:
    """Only the applies, all at once: no reading, no trying, no record, no lock, no answer looked at but its status.

    The fastest client that the standard library gives: eight connections a cluster, opened for this.
    """
    made = objects(count)
    started = time.perf_counter()
    with ThreadPoolExecutor(len(endpoints)) as pool:
        list(pool.map(lambda each: _apply_all(each, made), endpoints))
    return Run(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _apply_all(endpoint: Endpoint, made: Sequence[dict[str, Any]]) -> None:
    config = json.loads(endpoint.kubeconfig.read_text())
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(config["clusters"][0]["cluster"]["certificate-authority"])
    token = config["users"][0]["user"]["token"]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/apply-patch+yaml"}
    work: SimpleQueue[dict[str, Any]] = SimpleQueue()
    for each in made:
        work.put(each)

    def connection() -> None:
        client = http.client.HTTPSConnection(HOST, endpoint.port, context=trust)
        while not work.empty():
            each = work.get()
            metadata = each["metadata"]
            target = make_path(kind_of(each), metadata["namespace"], metadata["name"])
            client.request("PATCH", f"{target}?fieldManager=bare&fieldValidation=Strict", json.dumps(each), headers)
            answer = client.getresponse()
            answer.read()
            if answer.status != 201:
                raise RuntimeError(f"{target}: HTTP {answer.status}")
        client.close()

    with ThreadPoolExecutor(_WORKERS) as pool:
        for future in [pool.submit(connection) for _number in range(min(_WORKERS, len(made)))]:
            future.result()


def _on_clusters(task: Play) -> Play:
    return {"hosts": "clusters", "gather_facts": False, "tasks": [task]}
