# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two Prometheus with metrics of their own, for all tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import prometheus_server
from support.prometheus_server import Sources, Workload

FAST = {10: 10.0}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    mesh = [
        Workload("v1", "good", {200: 40.0}, FAST),
        Workload("v2", "good", {200: 10.0}, FAST),
        Workload("v1", "failing", {200: 40.0}, FAST),
        Workload("v2", "failing", {200: 9.0, 503: 1.0}, {10: 9.8, 1000: 0.2}),
        Workload("v2", "dead", {503: 10.0}),
        Workload("v2", "idle", {200: 0.0}, {10: 0.0}),
        Workload("v2", "quiet", {200: 0.1, 500: 0.1}),
        Workload("v2", "slow", {200: 10.0}, {10: 5.0, 1000: 5.0}),
        Workload("v1", "slow", {200: 10.0}, {10: 5.0, 1000: 5.0}),
    ]
    east = [Workload("v2", "east", {200: 10.0}, FAST)]
    folder = tmp_path_factory.mktemp
    with (
        prometheus_server.serving(folder("mesh"), mesh) as mesh_address,
        prometheus_server.serving(folder("east"), east) as east_address,
    ):
        yield Sources(f"http://{mesh_address}", f"http://{east_address}")
