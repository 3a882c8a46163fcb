# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from support import control_plane, fleet_runs
from support.fleet_runs import Planes
from trust_runs import Fleet


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[control_plane.ControlPlane]:
    """An API server for what asks one alone."""
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
    made = Client("plane", load_credentials(plane.admin_options(), cluster="plane", environ={}))
    yield made
    made.close()


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """An API server for each cluster of a test."""
    with fleet_runs.started(tmp_path_factory.mktemp("planes"), "east", "west", "north") as planes:
        yield planes


@pytest.fixture(scope="session")
def made(planes: Planes, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """A root and an intermediate for each cluster, for tests that begin with some: keys take seconds to make."""
    made = Fleet(tmp_path_factory.mktemp("made"), "made", planes)
    run = made.trust("east", "west", "north")
    assert run.ok, run.output
    return made


@pytest.fixture
def fleet(planes: Planes, tmp_path: Path, request: pytest.FixtureRequest) -> Fleet:
    """Each test has namespaces of Istio of its own, which stand for fresh clusters."""
    prefix = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    return Fleet(tmp_path, prefix, planes)
