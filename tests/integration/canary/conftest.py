# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import HTTP_ROUTE, NAMESPACE
from managed_shop import ManagedShop, controlled, make
from support.fleet_runs import Planes, define, gateway_api_definitions, started
from support.releases import Shop

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Three clusters: east, west and north."""
    with started(tmp_path_factory.mktemp("planes"), "east", "west", "north") as planes:
        yield planes


@pytest.fixture(scope="session")
def gateway_api(planes: Planes) -> None:
    """All clusters have the routes of the Gateway API."""
    routes = [each for each in gateway_api_definitions() if each["spec"]["names"]["kind"] == HTTP_ROUTE.kind]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda client: define(client, routes), planes.clients.values()))


@contextmanager
def namespace(planes: Planes, name: str) -> Iterator[str]:
    """On all clusters, for as long as the block lasts."""
    for client in planes.clients.values():
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    yield name
    for client in planes.clients.values():
        client.delete(NAMESPACE, name)


@pytest.fixture
def shop(planes: Planes) -> Iterator[Shop]:
    """A namespace of the test's own on all clusters, with the user's routes."""
    with namespace(planes, f"shop-{next(_NUMBERS)}") as name:
        shop = Shop(planes, name)
        shop.put_routes()
        yield shop


@pytest.fixture
def gateway_shop(shop: Shop, gateway_api: None) -> Shop:
    return shop


@pytest.fixture
def managed(planes: Planes) -> Iterator[ManagedShop]:
    """A namespace of the test's own on all clusters, with the user's Deployment and Service."""
    name = f"managed-{next(_NUMBERS)}"
    with namespace(planes, name), controlled(make(planes, name)) as shop:
        yield shop
