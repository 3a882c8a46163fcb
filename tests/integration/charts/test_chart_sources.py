# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Istio's charts come from where a user keeps them, and where they do not, that is said before anything is written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from chart_runs import Charts
from chart_servers import PASSWORD, USER

pytestmark = pytest.mark.lab


def private(charts: Charts, source: str, **more: Any) -> dict[str, Any]:
    """A source with an authority of its own, which asks for a user."""
    return {
        "cluster_charts": source,
        "cluster_charts_ca_cert": str(charts.ca),
        "cluster_charts_username": USER,
        "cluster_charts_password": PASSWORD,
        **more,
    }


def plain(charts: Charts, **more: Any) -> dict[str, Any]:
    return {"cluster_charts": charts.plain_registry, "cluster_charts_plain_http": "true", **more}


def variables(charts: Charts, case: str) -> dict[str, Any]:
    pinned = {"cluster_istio_version": "1.31.0"}
    return {
        "https-pinned": private(charts, charts.repository, **pinned),
        "https-newest": private(charts, charts.repository),
        "oci-pinned": private(charts, charts.tls_registry, **pinned),
        "oci-plain-newest": plain(charts),
    }[case]


@pytest.mark.parametrize(
    ("case", "chart"),
    [
        ("https-pinned", "gateway-1.31.0"),
        ("https-newest", "gateway-1.31.1"),
        ("oci-pinned", "gateway-1.31.0"),
        ("oci-plain-newest", "gateway-1.31.1"),
    ],
)
def test_charts_are_installed_from(charts: Charts, case: str, chart: str) -> None:
    run = charts.install(case, variables(charts, case))
    assert run.returncode == 0, run.output[-4000:]
    assert charts.installed(case) == chart
    assert PASSWORD not in run.output


def test_a_source_that_does_not_have_them_is_named_before_anything_is_written(charts: Charts) -> None:
    """Of all clusters at once, each with its own cause."""
    client = charts.client()
    before = {each["metadata"]["name"] for each in client.list(kinds.NAMESPACE)}
    hosts = {
        "wrong-version": private(charts, charts.repository, cluster_istio_version="1.99.0"),
        "wrong-tag": private(charts, charts.tls_registry, cluster_istio_version="1.99.0"),
        "wrong-password": private(charts, charts.repository, cluster_charts_password="guessed-4411"),
        "wrong-login": private(charts, charts.tls_registry, cluster_charts_password="guessed-4411"),
        "unknown-authority": private(charts, charts.repository, cluster_charts_ca_cert=""),
        "nobody-there": {"cluster_charts": "https://127.0.0.1:1/charts", "cluster_istio_version": "1.31.0"},
        "no-folder": {"cluster_charts": str(charts.folder / "missing")},
        "good": private(charts, charts.repository),
    }
    run = charts.preflight(hosts)
    client_after = {each["metadata"]["name"] for each in client.list(kinds.NAMESPACE)}
    client.close()
    assert run.returncode == 2
    assert client_after == before
    for secret in (PASSWORD, "guessed-4411"):
        assert secret not in run.output
    for host, words in {
        "wrong-version": "1.99.0",
        "wrong-tag": "1.99.0",
        "wrong-password": "401",
        "wrong-login": "401",
        "unknown-authority": "certificate signed by unknown authority",
        "nobody-there": "connection refused",
        "no-folder": "no chart",
    }.items():
        lines = [line for line in run.output.splitlines() if line.strip().startswith(f"{host}: the charts of")]
        assert lines, (host, run.output[-6000:])
        assert words in lines[0]
        assert "correct charts" in lines[0]
    assert not [line for line in run.output.splitlines() if line.strip().startswith("good: the charts of")]
