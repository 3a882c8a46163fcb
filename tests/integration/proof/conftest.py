# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
import split_lab
from proof_lab import Lab
from split_lab import Shop
from support.mesh import Mesh


@pytest.fixture(scope="session")
def running_lab(running_mesh: Mesh) -> Iterator[Lab]:
    lab = Lab(running_mesh)
    yield lab
    lab.end()


@pytest.fixture(scope="session")
def reviews(running_lab: Lab) -> Iterator[Shop]:
    """A service with two versions in both clusters."""
    with split_lab.with_shop(running_lab) as shop:
        yield shop


@pytest.fixture
def lab(running_lab: Lab) -> Lab:
    """Each test begins with the same objects, acknowledged by all proxies."""
    running_lab.begin()
    return running_lab
