# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with two versions in each cluster of the mesh, and a workload of a user."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from managed_lab import Store
from release_lab import Shop
from support.mesh import Mesh


@pytest.fixture(scope="session")
def running_shop(running_mesh: Mesh) -> Shop:
    shop = Shop(running_mesh)
    shop.install()
    return shop


@pytest.fixture
def shop(running_shop: Shop) -> Iterator[Shop]:
    """Each test begins with all requests at version 1, and leaves nothing."""
    running_shop.begin()
    yield running_shop
    running_shop.end()


@pytest.fixture(scope="session")
def open_store(running_mesh: Mesh) -> Iterator[Store]:
    store = Store(Shop(running_mesh))
    store.open()
    yield store
    store.close()


@pytest.fixture
def store(open_store: Store) -> Iterator[Store]:
    yield open_store
    open_store.clear()
