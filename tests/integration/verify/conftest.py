# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.mesh import Mesh


@pytest.fixture
def mesh(running_mesh: Mesh) -> Iterator[Mesh]:
    """Faults of the lab end with the test, and each begins with a mesh that has got over the last one."""
    running_mesh.recover()
    yield running_mesh
    running_mesh.lab.clear_faults()
