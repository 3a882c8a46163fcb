# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mesh that all folders here share which measure traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import mesh
from support.mesh import Mesh


@pytest.fixture(scope="session")
def running_mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with mesh.shared(tmp_path_factory.mktemp("mesh")) as running:
        yield running
