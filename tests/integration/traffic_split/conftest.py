# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import NAMESPACE
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split.plan import KINDS
from support.fleet_runs import Planes, define, gateway_api_definitions, started
from support.splits import Shop

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Two clusters: east and west."""
    with started(tmp_path_factory.mktemp("planes"), "east", "west") as planes:
        yield planes


@pytest.fixture(scope="session")
def gateway_api(planes: Planes) -> None:
    """Both clusters have the routes of the Gateway API."""
    routes = [each for each in gateway_api_definitions() if each["spec"]["names"]["kind"] in KINDS]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda client: define(client, routes), planes.clients.values()))


@pytest.fixture
def shop(planes: Planes, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """A namespace of the test's own on both clusters."""
    # A namespace takes a while to go, and the next test may be the same one with other parameters.
    name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:20].strip("-")
    name = f"{name}-{next(_NUMBERS)}"
    for client in planes.clients.values():
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    yield Shop(planes, name)
    for client in planes.clients.values():
        client.delete(NAMESPACE, name)


@pytest.fixture
def gateway_shop(shop: Shop, gateway_api: None) -> Shop:
    return shop
