# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two linked clusters, verify on them, and the witnesses: kubectl and istioctl."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify

from support import labs
from support.clusters import Cluster
from support.programs import ANSIBLE_PLAYBOOK, MESHLAB, REPOSITORY, run


@dataclass(frozen=True)
class Mesh:
    lab: str
    east: Cluster
    west: Cluster
    inventory: Path
    clusters: list[dict[str, Any]] = field(repr=False)
    trust: Path

    def verify(self, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        """The module's result, without a module's process around it."""
        defaults = {name: spec.get("default") for name, spec in verify.ARGUMENT_SPEC.items()}
        spoken: list[str] = []
        parameters = {**defaults, "clusters": self.clusters, "timeout": 30.0, **options}
        result = run_operation(verify, parameters, Context(check_mode=check_mode, progress=spoken.append))
        return {**result, "spoken": spoken}

    def playbook(self, name: str, *arguments: str, check: bool = True) -> str:
        return run(*self.playbook_command(name), *arguments, check=check)

    def playbook_command(self, name: str) -> list[str]:
        exposed = json.dumps({"eastwest_gateway_exposed_hosts": ["*.local"], "trust_directory": str(self.trust)})
        playbook = REPOSITORY / "playbooks" / f"{name}.yml"
        return [ANSIBLE_PLAYBOOK, "-i", str(self.inventory), str(playbook), "-e", exposed]

    @contextmanager
    def fault(self, *words: str) -> Iterator[None]:
        run(MESHLAB, "fault", words[0], "--name", self.lab, *words[1:])
        try:
            yield
        finally:
            self.clear_faults()

    def clear_faults(self) -> None:
        run(MESHLAB, "fault", "clear", "--name", self.lab)

    def recover(self) -> None:
        """Wait until all is well; an istiod that is not after a while may be wedged (istio/istio#60612)."""
        for remedy in (self.restart_istiods, lambda: None):
            found = self.verify(probe="none")
            if not found.get("failed"):
                return
            remedy()
        raise AssertionError(found["msg"])

    def restart_istiods(self) -> None:
        for cluster in (self.east, self.west):
            cluster.restart_istiod()

    def is_clean(self) -> bool:
        """Nothing of the probe is left on any cluster."""
        return not any(
            cluster.exists("namespace", "onemesh-verify")
            or cluster.exists("gateways.networking.istio.io", "-A", "-l", "onemesh.istio/component=verify")
            for cluster in (self.east, self.west)
        )


@contextmanager
def running(kept: str, prefix: str, folder: Path) -> Iterator[Mesh]:
    """A lab with a whole mesh, which is ``kept`` when it has that name, or else made and taken down again."""
    with labs.running(kept, prefix, folder, "east", "west") as lab:
        trust = Path(f"/tmp/{kept}-trust") if kept else folder / "trust"
        mesh = Mesh(lab.name, lab.clusters["east"], lab.clusters["west"], lab.inventory, lab.parameters, trust)
        mesh.playbook("site", "--skip-tags", "verify")
        yield mesh


def descendants(process: int) -> list[int]:
    """ansible-playbook's workers have sessions of their own."""
    children = [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [*children, *(each for child in children for each in descendants(child))]


def states(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (source, target): verdict["state"]
        for source, row in result["matrix"].items()
        for target, verdict in row.items()
    }


def failed_checks(result: dict[str, Any], source: str, target: str) -> list[str]:
    checks = result["matrix"][source][target]["checks"]
    return [name for name, check in checks.items() if check["state"] == "failed"]


ALL_WELL = {("east", "east"): "ok", ("east", "west"): "ok", ("west", "east"): "ok", ("west", "west"): "ok"}
