# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One mesh for all tests of this folder. Needs the lab that MESHLAB_NAME names, with clusters east and west."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from traffic_mesh import ROOT, Mesh, meshlab


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    folder = tmp_path_factory.mktemp("traffic")
    inventory = folder / "inventory.yml"
    inventory.write_text(meshlab("inventory"))
    variables = yaml.safe_load(inventory.read_text())["all"]
    programs = Path(variables["vars"]["cluster_helm_binary"]).parent
    kubeconfigs = {name: host["cluster_kubeconfig"] for name, host in variables["hosts"].items()}
    mesh = Mesh(inventory, folder / "trust", programs, kubeconfigs, variables["vars"])
    # Whoever used this lab before may have left a mesh of another root.
    for playbook in ("wipe", "site"):
        done = mesh.playbook(playbook, wipe_confirmed=True)
        assert done.returncode == 0, done.stdout
    echo = (ROOT / "lab" / "demo" / "echo.yaml").read_text()
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "apply", "-f", "-", text=echo.replace("CLUSTER_NAME", cluster))
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "rollout", "status", "deployment/echo", "--namespace", "app", "--timeout", "60s")
    yield mesh
    meshlab("fault clear")
    for cluster in kubeconfigs:
        mesh.kubectl(cluster, "delete", "namespace", "app", "--wait=false")
    done = mesh.playbook("wipe", wipe_confirmed=True)
    assert done.returncode == 0, done.stdout
