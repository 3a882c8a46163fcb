# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from identities import clear
from support.fleet_runs import Planes, started


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Three API servers: east, west and north."""
    with started(tmp_path_factory.mktemp("planes"), "east", "west", "north") as planes:
        yield planes


@pytest.fixture
def planes(servers: Planes) -> Planes:
    """All without anything that says who they are."""
    clear(servers)
    return servers
