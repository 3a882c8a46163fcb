# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real API servers, the real helm and Istio's real charts; nothing runs what they describe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helm_runs import Releases
from support import control_plane


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """A cluster with an empty namespace for Istio, the same for all tests."""
    folder = tmp_path_factory.mktemp("plane")
    with control_plane.running(folder) as plane:
        yield Releases(plane, folder)


@pytest.fixture
def cluster(fresh: Releases) -> Releases:
    """Istio's charts base and istiod on it, as they were asked for."""
    fresh.run().succeeded()
    return fresh
