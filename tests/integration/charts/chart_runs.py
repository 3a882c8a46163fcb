# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays that install Istio's charts on the API server, as a user would run them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from support.control_plane import ADMIN_TOKEN, ControlPlane

PREFLIGHT = {"import_role": {"name": "onemesh.istio.cluster", "tasks_from": "preflight"}}


@dataclass(frozen=True)
class Run:
    returncode: int
    output: str = field(repr=False)


@dataclass(frozen=True)
class Charts:
    """Where charts are served, and the API server to install them on."""

    folder: Path
    helm: Path
    plane: ControlPlane
    ca: Path
    repository: str
    tls_registry: str
    plain_registry: str

    def install(self, namespace: str, variables: Mapping[str, Any]) -> Run:
        """Preflight, and then the gateway's chart, all of whose objects are the namespace's."""
        release = {"name": "gateway", "chart": "gateway", "chart_values": {}}
        install = {
            "include_role": {"name": "onemesh.istio.cluster", "tasks_from": "charts"},
            "vars": {"cluster_releases": [release]},
        }
        make = {"include_role": {"name": "onemesh.istio.cluster", "tasks_from": "namespace"}}
        return self._play([PREFLIGHT, make, install], {"west": {"cluster_istio_namespace": namespace, **variables}})

    def preflight(self, hosts: Mapping[str, Mapping[str, Any]]) -> Run:
        return self._play([PREFLIGHT], hosts)

    def client(self) -> Client:
        return Client("west", load_credentials(self.plane.admin_options(), cluster="west", environ={}))

    def installed(self, namespace: str) -> str:
        """The chart by which the gateway's Service says that it was made."""
        client = self.client()
        try:
            service = client.get(kinds.SERVICE, "gateway", namespace)
        finally:
            client.close()
        return str(service["metadata"]["labels"]["helm.sh/chart"])

    def _play(self, tasks: list[Mapping[str, Any]], hosts: Mapping[str, Mapping[str, Any]]) -> Run:
        reached = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "cluster_host": self.plane.url,
            "cluster_api_key": ADMIN_TOKEN,
            "cluster_ca_cert": str(self.plane.ca),
            "cluster_helm_binary": str(self.helm),
        }
        inventory, play = self.folder / "inventory.json", self.folder / "play.json"
        inventory.write_text(json.dumps({"all": {"vars": reached, "hosts": hosts}}))
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        done = subprocess.run(
            ["ansible-playbook", "-vvv", "-i", str(inventory), str(play)],
            cwd=self.folder,
            env={**environ, "HOME": str(self.folder), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Run(done.returncode, done.stdout + done.stderr)
