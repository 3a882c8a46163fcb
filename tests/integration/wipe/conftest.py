# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own: what these tests take away, other tests of a shared lab would miss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import labs
from wipe_lab import PEER, WIPED, Cluster, Lab

KEPT_LAB = os.environ.get("WIPE_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with labs.running(KEPT_LAB, "wipe", tmp_path_factory.mktemp("inventory"), WIPED, PEER) as lab:
        charts, values = Path(lab.variables["cluster_charts"]), lab.variables["control_plane_values"]
        clusters = {
            name: Cluster(name, each.kubeconfig, each.programs, charts, values) for name, each in lab.clusters.items()
        }
        yield Lab(clusters[WIPED], clusters[PEER], lab.inventory)


@pytest.fixture
def solo(lab: Lab) -> Cluster:
    return lab.wiped


@pytest.fixture
def peer(lab: Lab) -> Cluster:
    return lab.peer
