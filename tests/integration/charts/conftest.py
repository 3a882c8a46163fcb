# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One API server on which charts are installed, and what serves them; no lab."""

from __future__ import annotations

from collections.abc import Iterator

import chart_servers
import pytest
from chart_runs import Charts
from meshlab import build
from support import control_plane
from support.control_plane import Authority


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Charts]:
    folder = tmp_path_factory.mktemp("charts")
    archives, plain, tls = (folder / name for name in ("archives", "plain", "tls"))
    for each in (archives, plain, tls):
        each.mkdir()
    programs = build.provide(print)
    helm = programs.binaries / "helm"
    chart_servers.package(helm, programs.charts, archives)
    authority = Authority(folder, "charts-authority")
    with (
        control_plane.running(tmp_path_factory.mktemp("plane")) as plane,
        chart_servers.registry(helm, archives, plain, None) as plain_registry,
        chart_servers.registry(helm, archives, tls, authority) as tls_registry,
        chart_servers.repository(helm, archives, authority) as repository,
    ):
        yield Charts(folder, helm, plane, authority.path, repository, tls_registry, plain_registry)
