# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release that asks a real Prometheus: what is not known holds it, what is bad ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from support import prometheus_server
from support.prometheus_server import Workload
from support.releases import Shop

OF_CANARY = 'destination_cluster="${cluster}", destination_version="v2"'
GOOD_REQUESTS = f'sum(rate(istio_requests_total{{{OF_CANARY}, response_code="200"}}[1m]))'


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """It knows the canary of east and west, where all is well, and of north, where nothing is."""
    workloads = [
        Workload("v2", "east", {200: 10.0}),
        Workload("v2", "west", {200: 10.0}),
        Workload("v2", "north", {200: 0.5, 500: 9.5}),
    ]
    with prometheus_server.serving(tmp_path_factory.mktemp("prometheus"), workloads) as address:
        yield f"http://{address}"


def analysis(**urls: str) -> dict[str, Any]:
    metric = {"name": "good requests", "query": GOOD_REQUESTS, "min": 5}
    return {"interval": 0.01, "metrics": [metric], "prometheus": {"urls": urls, "timeout": 2}}


@pytest.mark.parametrize("source", ["closed", "silent"])
def test_where_the_prometheus_of_one_cluster_is_down_the_release_holds_and_does_not_fail(
    shop: Shop, prometheus: str, source: str
) -> None:
    two = {"clusters": ("east", "west")}
    with prometheus_server.silent() as silent:
        down = f"http://{silent if source == 'silent' else prometheus_server.closed()}"
        broken = analysis(east=prometheus, west=down)
        shop.to_step(1, analysis=broken, **two)
        for _tick in range(3):
            held = shop.run(analysis=broken, **two).succeeded()
            assert (held["phase"], held["step"], held["failed_checks"]) == ("progressing", 1, 0)
        assert held["records"][-1]["clusters"]["west"]["metrics"]["good requests"]["verdict"] == "error"
        assert held["records"][-1]["clusters"]["east"]["metrics"]["good requests"]["verdict"] == "pass"
    assert [shop.weights(name)["v2"] for name in ("east", "west")] == [5, 5]
    result = shop.to_the_end(analysis=analysis(east=prometheus, west=prometheus), **two)
    assert result["succeeded"]


def test_no_data_holds_and_is_no_failure(shop: Shop, prometheus: str) -> None:
    nothing = analysis(east=prometheus)
    nothing["metrics"][0]["query"] = 'sum(rate(istio_requests_total{destination_cluster="nowhere"}[1m]))'
    shop.to_step(1, analysis=nothing, clusters=("east",))
    held = shop.run(analysis=nothing, clusters=("east",)).succeeded()
    assert held["records"][-1]["verdict"] == "inconclusive"
    assert (held["phase"], held["failed_checks"], shop.weights("east")["v2"]) == ("progressing", 0, 5)


def test_one_bad_cluster_of_three_ends_the_release_on_all(shop: Shop, prometheus: str) -> None:
    result = shop.to_the_end(analysis=analysis(east=prometheus, west=prometheus, north=prometheus))
    assert (result["phase"], result["done"]) == ("failed", True)
    assert "north" in result["reason"]
    assert shop.everywhere() == [{"v1": 100, "v2": 0}] * 3
