# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each cluster's charts can be had, asked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..._finding_kinds import HELM_MISSING
from ..._findings import Finding
from ..._helm.chart import is_exact
from ..._helm.program import Helm
from ..._helm.source import Charts
from ..._kube.errors import KubeError
from ..._kube.kubeconfig_file import without_a_cluster
from ..finding_kinds import CHARTS_UNAVAILABLE

NEEDED = ("base", "istiod", "gateway")
_REMEDY = (
    "correct charts, their version, or what the source asks for (charts_ca_cert, charts_username and charts_password, "
    "charts_plain_http)"
)


def judge(
    wanted: Sequence[Mapping[str, Any]],
    installed: Mapping[str, Sequence[str]],
    environ: Mapping[str, str],
    timeout: float,
) -> list[Finding]:
    """``wanted``: the option ``charts`` of preflight. ``installed``: the versions of each cluster's istiods.

    A source is asked once for all clusters. One that a cluster has this very version from is not asked again.
    """
    asked: dict[tuple[Charts, str], list[str]] = {}
    for each in wanted:
        charts = Charts.from_parameters(each)
        if not (is_exact(charts.version) and charts.version in installed.get(each["cluster"], ())):
            asked.setdefault((charts, each["binary_path"]), []).append(each["cluster"])

    def problem(source: tuple[Charts, str]) -> tuple[str, str]:
        charts, binary = source
        with charts.login(without_a_cluster(environ)) as environment:
            return _find_problem(charts, Helm(asked[source][0], binary, environment, timeout))

    with ThreadPoolExecutor(max_workers=8) as pool:
        problems = list(pool.map(problem, asked))
    return [
        Finding(cluster, CHARTS_UNAVAILABLE, f"the charts of {charts.location} cannot be had: {words}", remedy)
        for ((charts, _binary), clusters), (words, remedy) in zip(asked.items(), problems, strict=True)
        for cluster in clusters
        if words
    ]


def _find_problem(charts: Charts, helm: Helm) -> tuple[str, str]:
    """Why not every chart can be had, and what to do; empty where each can."""
    if bool(charts.username) != bool(charts.password):
        return "a user and a password belong together", _REMEDY
    folders = [chart for chart in NEEDED if charts.is_folder(chart)]
    missing = [chart for chart in folders if not Path(charts.location, chart, "Chart.yaml").is_file()]
    if missing:
        return f"there is no chart in {Path(charts.location, missing[0])}", _REMEDY
    try:
        if charts.needs_index:
            helm.read_index()
        for chart in NEEDED:
            if chart not in folders:
                helm.find_newest_version(charts.of(chart))
    except KubeError as error:
        return error.message, error.remedy if error.kind == HELM_MISSING else _REMEDY
    return "", ""
