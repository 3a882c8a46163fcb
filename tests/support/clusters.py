# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster as kubectl and istioctl show it: they know nothing of the collection."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.programs import run


@dataclass(frozen=True)
class Cluster:
    name: str
    kubeconfig: Path
    programs: Path

    def program(self, name: str, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """One that takes ``--kubeconfig``."""
        return run(
            str(self.programs / name), "--kubeconfig", str(self.kubeconfig), *arguments, stdin=stdin, check=check
        )

    def kubectl(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        return self.program("kubectl", *arguments, stdin=stdin, check=check)

    def istioctl(self, *arguments: str) -> str:
        return self.program("istioctl", *arguments)

    def get(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", *arguments))
        return found

    def exists(self, *arguments: str) -> bool:
        return bool(self.kubectl("get", "--ignore-not-found", "-o", "name", *arguments).strip())

    def apply(self, *manifests: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    @property
    def server(self) -> str:
        """Where this machine reaches the API server; the lab's clusters reach it elsewhere."""
        return str(yaml.safe_load(self.kubeconfig.read_text())["clusters"][0]["cluster"]["server"])

    @contextmanager
    def applied(self, manifest: dict[str, Any]) -> Iterator[None]:
        self.apply(manifest)
        try:
            yield
        finally:
            self.kubectl("delete", "-f", "-", stdin=yaml.safe_dump(manifest))

    def manifest(self, kind: str, name: str, namespace: str) -> dict[str, Any]:
        """An object as it can be applied again."""
        live = self.get(kind, name, "-n", namespace)
        names = ("name", "namespace", "labels", "annotations")
        metadata = {key: value for key, value in live["metadata"].items() if key in names}
        return {key: value for key, value in live.items() if key != "status"} | {"metadata": metadata}

    @contextmanager
    def without(self, kind: str, name: str, namespace: str = "istio-system") -> Iterator[dict[str, Any]]:
        """An object is gone, and comes back afterwards, with its fields held by who held them first."""
        kept = self.manifest(kind, name, namespace)
        fields = self.get(kind, name, "-n", namespace, "--show-managed-fields")["metadata"]["managedFields"]
        self.kubectl("delete", kind, name, "-n", namespace)
        try:
            yield kept
        finally:
            how = ("--server-side", "--force-conflicts", f"--field-manager={fields[0]['manager']}")
            self.kubectl("apply", *how, "-f", "-", stdin=json.dumps(kept))

    @contextmanager
    def labelled(self, kind: str, name: str, label: str, value: str) -> Iterator[None]:
        before = self.get(kind, name)["metadata"]["labels"][label]
        self.kubectl("label", kind, name, f"{label}={value}", "--overwrite")
        try:
            yield
        finally:
            self.kubectl("label", kind, name, f"{label}={before}", "--overwrite")

    def rolled_out(self, namespace: str, *deployments: str) -> None:
        """Wait until all pods of these are ready."""
        for name in deployments:
            self.kubectl("-n", namespace, "rollout", "status", f"deployment/{name}", "--timeout=240s")

    def restart_istiod(self) -> None:
        self.kubectl("-n", "istio-system", "rollout", "restart", "deployment/istiod")
        self.rolled_out("istio-system", "istiod")

    def wait_for_remote(self, name: str, secret: str) -> None:
        """Until istiod reads a cluster by that secret, or with an empty one not at all."""
        deadline = time.monotonic() + 60
        while True:
            lines = [line.split() for line in self.istioctl("remote-clusters").splitlines()]
            found = {words[1]: words[2] for words in lines if words[0] == name and len(words) > 2}
            if found.get(secret) == "synced" if secret else not found:
                return
            assert time.monotonic() < deadline, lines
