# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with three clusters, one mesh, and a service with two versions in each."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import release_lab
from release_lab import Shop

KEPT_LAB = os.environ.get("CANARY_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with release_lab.running(KEPT_LAB, tmp_path_factory.mktemp("mesh")) as shop:
        yield shop


@pytest.fixture
def shop(running_shop: Shop) -> Iterator[Shop]:
    """Each test begins with all requests at version 1, and leaves nothing."""
    running_shop.begin()
    yield running_shop
    running_shop.end()
