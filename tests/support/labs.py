# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs, as the command ``meshlab`` starts them and tells of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from support.clusters import Cluster
from support.programs import MESHLAB, meshlab

SHARED = os.environ.get("MESHLAB_NAME", "test")
"""The lab that the checks share, with clusters east and west."""


@dataclass(frozen=True)
class RunningLab:
    """``inventory`` is a file; ``written`` is what is in it, below ``all``."""

    name: str
    inventory: Path
    written: dict[str, Any] = field(repr=False)

    @property
    def hosts(self) -> dict[str, dict[str, Any]]:
        return dict(self.written["hosts"])

    @property
    def variables(self) -> dict[str, Any]:
        return dict(self.written["vars"])

    @property
    def programs(self) -> Path:
        return Path(self.variables["cluster_helm_binary"]).parent

    @cached_property
    def clusters(self) -> dict[str, Cluster]:
        return {
            name: Cluster(name, Path(host["cluster_kubeconfig"]), self.programs) for name, host in self.hosts.items()
        }

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The option ``clusters`` of a module."""
        return [
            {
                "name": name,
                "network": host["cluster_network"],
                "api_server": host["cluster_api_server"],
                "kubeconfig": host["cluster_kubeconfig"],
                "context": host["cluster_context"],
            }
            for name, host in self.hosts.items()
        ]

    def meshlab(self, verb: str, *arguments: str) -> str:
        return meshlab(self.name, verb, *arguments)

    def exec_command(self, cluster: str, pod: str, *command: str) -> list[str]:
        """A command in the network of a pod, which is NAMESPACE/NAME; a Deployment's name does too."""
        return [MESHLAB, "exec", "--name", self.name, cluster, pod, "--", *command]

    @contextmanager
    def fault(self, verb: str, *arguments: str) -> Iterator[None]:
        """A fault of the lab, for as long as the block lasts."""
        self.meshlab(f"fault {verb}", *arguments)
        try:
            yield
        finally:
            self.clear_faults()

    def clear_faults(self) -> None:
        self.meshlab("fault clear")


def find(name: str, folder: Path) -> RunningLab:
    """A lab that runs; its inventory is put into ``folder``."""
    inventory = folder / "hosts.yml"
    inventory.write_text(meshlab(name, "inventory"))
    return RunningLab(name, inventory, yaml.safe_load(inventory.read_text())["all"])


def start(name: str, folder: Path, *clusters: str) -> RunningLab:
    meshlab(name, "up", "--clusters", ",".join(clusters))
    return find(name, folder)


@contextmanager
def running(kept: str, prefix: str, folder: Path, *clusters: str) -> Iterator[RunningLab]:
    """A lab of these clusters, which is ``kept`` when it has that name, or else is taken down afterwards."""
    name = kept or f"{prefix}{os.getpid()}"
    try:
        yield start(name, folder, *clusters)
    finally:
        if not kept:
            meshlab(name, "down")
