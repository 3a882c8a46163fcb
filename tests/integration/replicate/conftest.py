# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import LEASE, NAMESPACE, SECRET
from sets import Set
from support.fleet_runs import RECORDS, Planes, started

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Three clusters: east, west and north."""
    with started(tmp_path_factory.mktemp("planes"), "east", "west", "north") as planes:
        yield planes


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> str:
    """A name for a namespace, of the test's own; what makes it is the test's business."""
    return request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:38].strip("-")


@pytest.fixture
def routes(planes: Planes, namespace: str) -> Iterator[Set]:
    """A set of the test's own in a namespace of the test's own, which is not there yet. Nothing of it stays."""
    # A namespace takes a while to go, and the next test may be the same one with other parameters.
    namespace = f"{namespace[:34]}-{next(_NUMBERS)}"
    made = Set(planes, namespace, namespace)
    yield made
    for client in planes.clients.values():
        client.delete(NAMESPACE, namespace)
        for kind in (SECRET, LEASE):
            for live in client.list(kind, RECORDS):
                if live["metadata"]["name"].startswith(f"onemesh-replicate-{namespace}"):
                    client.delete(kind, live["metadata"]["name"], RECORDS)
