# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-inventory and ansible-playbook as users run them, and what they find on a hub."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client

from support.control_plane import ADMIN_TOKEN, ControlPlane
from support.zoo import Beast

TIMEOUT = 300


@dataclass(frozen=True)
class Hub:
    """``token`` is the one in every good remote secret."""

    plane: ControlPlane
    admin: Client
    token: str = field(repr=False)
    beasts: list[Beast] = field(repr=False)
    kubeconfig: Path

    @property
    def usable(self) -> set[str]:
        return {name for beast in self.beasts for name in beast.usable}

    @property
    def refused(self) -> dict[str, str]:
        return {name: reason for beast in self.beasts for name, reason in beast.refused.items()}


def istiod_deployment(cluster_id: str) -> dict[str, Any]:
    """What says a hub's own name. Nothing runs it here."""
    labels = {"app": "istiod"}
    container = {
        "name": "discovery",
        "image": "docker.io/istio/pilot:1.31.0",
        "env": [{"name": "CLUSTER_ID", "value": cluster_id}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": "istio-system", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def write_kubeconfig(path: Path, plane: ControlPlane) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "east",
        "clusters": [{"name": "east", "cluster": {"server": plane.url, "certificate-authority": str(plane.ca)}}],
        "users": [{"name": "east", "user": {"token": ADMIN_TOKEN}}],
        "contexts": [{"name": "east", "context": {"cluster": "east", "user": "east"}}],
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(content))
    return path


def run(*command: str, cwd: Path | None = None, environ: dict[str, str] | None = None, check: bool = True) -> str:
    """Standard output and error of a command, which has to succeed unless told."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("K8S_AUTH_", "KUBECONFIG"))}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**inherited, "ANSIBLE_NOCOLOR": "1", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    text = done.stdout + done.stderr
    assert not check or done.returncode == 0, text[-4000:]
    return done.stdout if check else text


def inventory(folder: Path, *, environ: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    """What ``ansible-inventory --list`` says of an inventory with these options, without Ansible's own wrapping."""
    path = write_inventory(folder, **options)
    listed = json.loads(run("ansible-inventory", "-i", str(path), "--list", environ=environ))
    unwrapped: dict[str, Any] = _unwrapped(listed)
    return unwrapped


def write_inventory(folder: Path, **options: Any) -> Path:
    path = folder / "mesh.remote_secrets.yml"
    path.write_text(yaml.safe_dump({**options, "plugin": "onemesh.istio.remote_secrets"}))
    return path


def play(folder: Path, tasks: list[dict[str, Any]], *arguments: str, **how: Any) -> str:
    """The output of a play on localhost, or on ``hosts``."""
    hosts, variables = how.pop("hosts", "localhost"), how.pop("variables", {})
    path = folder / "play.yml"
    content = {"name": "Test", "hosts": hosts, "gather_facts": False, "vars": variables, "tasks": tasks}
    path.write_text(yaml.safe_dump([content]))
    return run("ansible-playbook", *arguments, str(path), cwd=folder, **how)


def _unwrapped(value: Any) -> Any:
    """ansible-core 2.19 marks text that is no template."""
    if isinstance(value, dict):
        if set(value) == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: _unwrapped(each) for key, each in value.items()}
    return [_unwrapped(each) for each in value] if isinstance(value, list) else value
