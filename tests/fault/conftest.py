# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from support import fleet_runs
from support.fault_runs import Moments, Site, refuse, start_forking
from support.faults import Wire
from support.fleet_runs import Planes
from support.lab_runs import Lab


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Both clusters without Istio, before and afterwards."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.meshlab("fault clear")
    lab.wipe()
    yield lab
    lab.wipe()


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Three API servers with etcd and Istio's kinds: east, the hub, west and north."""
    start_forking()
    with fleet_runs.started(tmp_path_factory.mktemp("planes"), "east", "west", "north") as planes:
        yield planes


@pytest.fixture(scope="session")
def refuses(planes: Planes) -> dict[str, str]:
    """Per cluster a name that an admission policy there refuses: west always, north unless it is a dry run."""
    conditions = {
        "west": ("unwelcome", "object.metadata.name != 'unwelcome'"),
        "north": ("refused", "(has(request.dryRun) && request.dryRun) || object.metadata.name != 'refused'"),
    }
    for cluster, (name, condition) in conditions.items():
        refuse(planes.clients[cluster], name, condition)
    return {cluster: name for cluster, (name, _condition) in conditions.items()}


@pytest.fixture
def site(planes: Planes, request: pytest.FixtureRequest) -> Site:
    """A set of the test's own, with its namespace."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())
    site = Site(planes, name[-38:].strip("-"))
    site.make_namespace()
    return site


@pytest.fixture
def moments() -> Moments:
    return Moments()


@pytest.fixture
def wires(planes: Planes, site: Site) -> Iterator[dict[str, Wire]]:
    """A TCP relay before each API server, by which the site reaches it."""
    with ExitStack() as stack:
        wires = {name: stack.enter_context(Wire(plane)) for name, plane in planes.planes.items()}
        site.options = {
            name: {**plane.admin_options(), "host": wires[name].url} for name, plane in planes.planes.items()
        }
        yield wires
