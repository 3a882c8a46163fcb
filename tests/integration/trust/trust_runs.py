# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of role trust."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import FIELD_MANAGER
from support import control_plane
from support.fleet_runs import Planes

REPOSITORY = Path(__file__).parents[3]


@dataclass(frozen=True)
class Run:
    """How a run of ansible-playbook ended. ``changed`` goes by host."""

    returncode: int
    output: str
    changed: dict[str, int]

    @property
    def ok(self) -> bool:
        return self.returncode == 0


@dataclass
class Fleet:
    """Clusters under names of the test's own, with an inventory and a store."""

    folder: Path
    prefix: str
    planes: Planes
    outputs: list[str] = field(default_factory=list)

    @property
    def store(self) -> Path:
        return self.folder / "trust"

    def namespace(self, cluster: str) -> str:
        return f"{self.prefix}-{cluster}"

    def client(self, cluster: str) -> Client:
        return self.planes.clients[cluster]

    def trust(self, *clusters: str, arguments: tuple[str, ...] = (), **variables: Any) -> Run:
        """Run role trust for ``clusters``; per host variables go under the host's name."""
        hosts = {
            name: {
                "cluster_istio_namespace": self.namespace(name),
                "cluster_host": self.planes.planes[name].url,
                "cluster_api_key": control_plane.ADMIN_TOKEN,
                "cluster_ca_cert": str(self.planes.planes[name].ca),
                **variables.pop(name, {}),
            }
            for name in clusters
        }
        inventory = self.folder / "inventory.json"
        everyone = {"trust_directory": str(self.store), **variables}
        inventory.write_text(json.dumps({"all": {"hosts": hosts, "vars": everyone}}))
        playbook = self.folder / "play.yml"
        play = {
            "hosts": "all",
            "gather_facts": False,
            "connection": "local",
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [
                {"ansible.builtin.import_role": {"name": "onemesh.istio.trust"}},
                {
                    "ansible.builtin.copy": {
                        "content": "{{ trust_report | to_json }}",
                        "dest": str(self.folder / "report-{{ cluster_name }}.json"),
                        "mode": "0600",
                    },
                    "changed_when": False,
                    "when": "not ansible_check_mode",
                },
            ],
        }
        playbook.write_text(json.dumps([play]))
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": f"{REPOSITORY}/.cache/tree:{REPOSITORY}/.cache/deps",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "true",
            # A fifth less time for tasks that are modules, as all are that make keys.
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_LOCAL_TEMP": f"{self.folder}/ansible",
        }
        command = [f"{Path(sys.executable).parent}/ansible-playbook", "-i", str(inventory), str(playbook), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=self.folder)
        output = done.stdout + done.stderr
        self.outputs.append(output)
        return Run(done.returncode, output, _changed(output))

    def take(self, other: Fleet, *clusters: str) -> None:
        """What ``other`` has made for these clusters, in the store and on them, as if it had been made here."""
        for folder in ("root", *clusters):
            shutil.copytree(other.store / folder, self.store / folder)
        for folder in (self.store, *self.store.iterdir()):
            folder.chmod(0o700)
        for name in clusters:
            made = other.client(name).get(SECRET, "cacerts", other.namespace(name))
            metadata = {key: made["metadata"].get(key) or {} for key in ("labels", "annotations")}
            for manifest in (
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace(name)}},
                {**made, "metadata": {**metadata, "name": "cacerts", "namespace": self.namespace(name)}},
            ):
                self.client(name).apply(manifest, field_manager=FIELD_MANAGER)

    def report(self, cluster: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"report-{cluster}.json").read_text())
        return found


def _changed(output: str) -> dict[str, int]:
    recap = output.partition("PLAY RECAP")[2]
    lines = [line.split() for line in recap.splitlines() if "changed=" in line]
    return {line[0]: int(next(word for word in line if word.startswith("changed="))[8:]) for line in lines}
