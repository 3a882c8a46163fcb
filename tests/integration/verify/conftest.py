# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with a whole mesh: what these tests break, other tests of a shared lab would miss."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from support import verify_lab
from support.verify_lab import Mesh

KEPT_LAB = os.environ.get("VERIFY_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def running_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with verify_lab.running(KEPT_LAB, "verify", tmp_path_factory.mktemp("mesh")) as mesh:
        yield mesh


@pytest.fixture
def mesh(running_mesh: Mesh) -> Iterator[Mesh]:
    """Faults of the lab end with the test, and each begins with a mesh that has got over the last one."""
    running_mesh.recover()
    yield running_mesh
    running_mesh.clear_faults()
