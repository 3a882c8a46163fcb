# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from support.mesh import Mesh


@pytest.fixture(scope="session")
def mesh(running_mesh: Mesh) -> Mesh:
    return running_mesh
