# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials

sys.path.append(str(Path(__file__).parents[1] / "engine"))
import control_plane
from trust_runs import Fleet


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control_plane.ControlPlane]:
    """An API server, which stands for several clusters: each has its own namespace of Istio there."""
    binaries = control_plane.binaries_folder()
    if binaries is None:
        pytest.fail("set MESHLAB_BIN to a folder with etcd and kube-apiserver, or run `meshlab build`")
    processes = control_plane.Processes()
    try:
        yield control_plane.start(tmp_path_factory.mktemp("plane"), binaries, processes)
    finally:
        processes.stop()


@pytest.fixture
def client(plane: control_plane.ControlPlane) -> Iterator[Client]:
    made = Client("all", load_credentials(plane.admin_options(), cluster="all", environ={}))
    yield made
    made.close()


@pytest.fixture
def fleet(plane: control_plane.ControlPlane, tmp_path: Path, request: pytest.FixtureRequest) -> Fleet:
    prefix = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    return Fleet(tmp_path, prefix, plane)
