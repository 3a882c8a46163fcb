# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with a whole mesh: what these tests break, other tests of a shared lab would miss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import verify_lab
import yaml
from verify_lab import Cluster, Mesh

KEPT_LAB = os.environ.get("VERIFY_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def running_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    name = KEPT_LAB or f"verify{os.getpid()}"
    try:
        verify_lab.run(verify_lab.MESHLAB, "up", "--name", name, "--clusters", "east,west")
        folder = tmp_path_factory.mktemp("mesh")
        inventory = folder / "hosts.yml"
        inventory.write_text(verify_lab.run(verify_lab.MESHLAB, "inventory", "--name", name))
        written = yaml.safe_load(inventory.read_text())["all"]
        programs = Path(written["vars"]["cluster_helm_binary"]).parent
        clusters = {
            host: Cluster(host, Path(variables["cluster_kubeconfig"]), programs)
            for host, variables in written["hosts"].items()
        }
        parameters = [
            {
                "name": host,
                "network": variables["cluster_network"],
                "api_server": variables["cluster_api_server"],
                "kubeconfig": variables["cluster_kubeconfig"],
                "context": variables["cluster_context"],
            }
            for host, variables in written["hosts"].items()
        ]
        trust = Path(KEPT_LAB and f"/tmp/{KEPT_LAB}-trust") if KEPT_LAB else folder / "trust"
        mesh = Mesh(name, clusters["east"], clusters["west"], inventory, parameters, trust)
        mesh.playbook("site", "--skip-tags", "verify")
        yield mesh
    finally:
        if not KEPT_LAB:
            verify_lab.run(verify_lab.MESHLAB, "down", "--name", name)


@pytest.fixture
def mesh(running_mesh: Mesh) -> Iterator[Mesh]:
    """Faults of the lab end with the test, and each begins with a mesh that has got over the last one."""
    running_mesh.recover()
    yield running_mesh
    running_mesh.clear_faults()
