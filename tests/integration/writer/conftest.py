# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.fleet_runs import Planes, started
from writer_runs import Fleet


@pytest.fixture(scope="session")
def planes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planes]:
    """Two clusters: east and west."""
    with started(tmp_path_factory.mktemp("planes"), "east", "west") as planes:
        yield planes


@pytest.fixture
def fleet(planes: Planes) -> Fleet:
    """Both clusters without a writer."""
    fleet = Fleet(planes)
    fleet.prepare()
    return fleet
