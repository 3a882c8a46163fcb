# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own: what these tests take away, other tests of a shared lab would miss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import wipe_lab
import yaml
from wipe_lab import PEER, WIPED, Cluster, Lab

KEPT_LAB = os.environ.get("WIPE_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    name = KEPT_LAB or f"wipe{os.getpid()}"
    try:
        wipe_lab.run("meshlab", "up", "--name", name, "--clusters", f"{WIPED},{PEER}")
        inventory = tmp_path_factory.mktemp("inventory") / "hosts.yml"
        inventory.write_text(wipe_lab.run("meshlab", "inventory", "--name", name))
        programs = Path(wipe_lab.run("meshlab", "build").partition("programs: ")[2].partition("\n")[0])
        written = yaml.safe_load(inventory.read_text())["all"]
        clusters = {
            host: Cluster(
                host,
                Path(variables["cluster_kubeconfig"]),
                programs,
                Path(written["vars"]["cluster_charts"]),
                written["vars"]["control_plane_values"],
            )
            for host, variables in written["hosts"].items()
        }
        yield Lab(clusters[WIPED], clusters[PEER], inventory)
    finally:
        if not KEPT_LAB:
            wipe_lab.run("meshlab", "down", "--name", name)


@pytest.fixture
def solo(lab: Lab) -> Cluster:
    return lab.wiped


@pytest.fixture
def peer(lab: Lab) -> Cluster:
    return lab.peer
