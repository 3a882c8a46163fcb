# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts from real Prometheus processes; what is down or slow is a port that refuses or never answers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.measure import measure
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import (
    MeasuredService,
    MeasuredSide,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.spec import AnalysisSpec
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import Analysis, MetricResult, Verdict
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Fleet
from support import prometheus_server
from support.control_plane import Authority
from support.prometheus_server import Sources, Workload

HOST = "reviews.shop.svc.cluster.local"
BY_WORKLOAD = MeasuredService("shop", MeasuredSide(HOST, workload="v2"), MeasuredSide(HOST, workload="v1"))
BY_VERSION = MeasuredService("shop", MeasuredSide(HOST, "v2", version="v2"), MeasuredSide(HOST, "v1", version="v1"))
RATE = {"builtin": "request-success-rate", "min": 99}
DURATION = {"builtin": "request-duration", "max": 500}


def analyse(
    clusters: list[str],
    *metrics: dict[str, Any],
    target: MeasuredService = BY_WORKLOAD,
    deadline: float = 30.0,
    **options: Any,
) -> Analysis:
    spec = AnalysisSpec.of({"metrics": list(metrics or (RATE,)), **options}, clusters)
    fleet = Fleet({name: Cluster(name, network="") for name in clusters})
    return measure(spec, dict.fromkeys(clusters, target), fleet, deadline=deadline)


def only(analysis: Analysis) -> MetricResult:
    (result,) = analysis.results
    return result


# -- one cluster ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [BY_WORKLOAD, BY_VERSION])
@pytest.mark.parametrize(
    ("cluster", "metric", "verdict", "value"),
    [
        ("good", RATE, "pass", 100.0),
        ("failing", RATE, "fail", 90.0),
        ("dead", RATE, "fail", 0.0),
        ("idle", RATE, "inconclusive", None),
        ("unknown", RATE, "inconclusive", None),
        ("good", DURATION, "pass", 9.9),
        ("failing", DURATION, "fail", 550.0),
        ("idle", DURATION, "inconclusive", None),
        ("unknown", DURATION, "inconclusive", None),
    ],
)
def test_builtin_metrics(
    sources: Sources,
    target: MeasuredService,
    cluster: str,
    metric: dict[str, Any],
    verdict: Verdict,
    value: float | None,
) -> None:
    result = only(analyse([cluster], metric, target=target, prometheus={"url": sources.mesh}))
    assert (result.verdict, result.value) == (verdict, None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("cluster", "options", "verdict"),
    [
        ("failing", {"compare": "ratio", "min": 0.9}, "pass"),
        ("failing", {"compare": "ratio", "min": 0.95}, "fail"),
        ("failing", {"compare": "difference", "min": -5}, "fail"),
        ("dead", {"compare": "ratio", "min": 0.9}, "inconclusive"),
        ("slow", {"builtin": "request-duration", "compare": "ratio", "min": None, "max": 1.1}, "pass"),
    ],
)
def test_the_canary_is_compared_with_the_stable_side_of_its_cluster(
    sources: Sources, cluster: str, options: dict[str, Any], verdict: Verdict
) -> None:
    assert analyse([cluster], {**RATE, **options}, prometheus={"url": sources.mesh}).verdict == verdict


@pytest.mark.parametrize(
    ("minimum", "interval", "verdict"), [(0, "1m", "fail"), (30, "1m", "inconclusive"), (30, "5m", "fail")]
)
def test_few_requests_say_nothing_and_a_longer_window_has_more(
    sources: Sources, minimum: int, interval: str, verdict: Verdict
) -> None:
    metric = {**RATE, "minimum_requests": minimum, "interval": interval}
    assert analyse(["quiet"], metric, prometheus={"url": sources.mesh}).verdict == verdict


@pytest.mark.parametrize(
    ("query", "verdict", "words"),
    [
        ('sum(rate(istio_requests_total{${selector},response_code="503"}[${interval}]))', "fail", "1 is above 0.5"),
        ('sum(rate(istio_requests_total{${selector},response_code=~"4..$"}[1m])) or vector(0)', "pass", ""),
        ("scalar(vector(${variables.limit}))", "fail", "7 is above 0.5"),
        ("vector(0) / 0", "inconclusive", "no data"),
        ("nothing_of_the_kind", "inconclusive", "no data"),
        ("istio_requests_total{${selector}}", "error", "gives 2 series, one is wanted"),
        ("istio_requests_total[1m]", "error", "gives a matrix"),
        ("sum(istio_requests_total", "error", "bad_data: invalid parameter"),
        ("sum(istio_requests_total * on() istio_requests_total)", "error", "execution: "),
    ],
)
def test_queries_of_users(sources: Sources, query: str, verdict: Verdict, words: str) -> None:
    metric = {"name": "own", "query": query, "max": 0.5, "variables": {"limit": "7"}}
    result = only(analyse(["failing"], metric, prometheus={"url": sources.mesh}))
    assert result.verdict == verdict
    assert words in result.reason


# -- many clusters ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clusters", "options", "verdict", "bad"),
    [
        (["east", "good"], {}, "pass", ()),
        (["east", "failing"], {}, "fail", ("failing",)),
        (["east", "unknown"], {}, "inconclusive", ()),
        (["east", "unknown"], {"on_no_data": "fail"}, "fail", ("unknown",)),
        (["east", "unknown"], {"on_no_data": "pass"}, "pass", ()),
        (["east", "late"], {}, "error", ()),
        (["east", "down"], {}, "error", ()),
        (["failing", "down", "late", "unknown"], {}, "fail", ("failing",)),
        (["unknown"], {}, "inconclusive", ()),
        (["east", "good", "failing"], {"rule": "quorum", "quorum": 2}, "pass", ("failing",)),
        (["east", "dead", "failing"], {"rule": "quorum", "quorum": 2}, "fail", ("dead", "failing")),
        (["east", "good", "down"], {"rule": "quorum", "quorum": 2}, "pass", ()),
        (["east", "failing", "down"], {"rule": "quorum", "quorum": 2}, "error", ("failing",)),
        (["east", "failing", "unknown"], {"rule": "quorum", "quorum": 2}, "inconclusive", ("failing",)),
        (["good", "quiet"], {"rule": "weighted"}, "pass", ("quiet",)),
        (["good", "failing"], {"rule": "weighted"}, "fail", ("failing",)),
        (["good", "unknown"], {"rule": "weighted"}, "pass", ()),
        (["good", "down"], {"rule": "weighted"}, "error", ()),
        (["failing", "down"], {"rule": "weighted"}, "fail", ("failing",)),
    ],
)
def test_one_missing_one_failing_one_slow_one_down(
    sources: Sources, clusters: list[str], options: dict[str, Any], verdict: Verdict, bad: tuple[str, ...]
) -> None:
    with prometheus_server.silent() as silent:
        places = {"east": sources.east, "late": f"http://{silent}", "down": f"http://{prometheus_server.closed()}"}
        urls = {cluster: places.get(cluster, sources.mesh) for cluster in clusters}
        metric = {**RATE, "min": 98.5} if options.get("rule") == "weighted" else RATE
        analysis = analyse(clusters, metric, prometheus={"urls": urls, "timeout": 1.0}, **options)
    assert (analysis.verdict, analysis.bad) == (verdict, bad), analysis.reasons
    assert verdict == "pass" or analysis.reasons


def test_a_slow_one_takes_its_time_limit_and_no_longer_for_all_its_metrics(sources: Sources) -> None:
    metrics = [{**RATE, "name": f"rate-{number}", "interval": f"{number + 1}m"} for number in range(20)]
    with prometheus_server.silent() as silent:
        urls = {"good": sources.mesh, "late": f"http://{silent}"}
        began = time.monotonic()
        analysis = analyse(["good", "late"], *metrics, prometheus={"urls": urls, "timeout": 2.0})
        took = time.monotonic() - began
    # 20 metrics one after another, or in rounds of 8, would be 40 s or 6 s.
    assert took < 5.0
    verdicts = {(result.cluster, result.verdict) for result in analysis.results}
    assert verdicts == {("good", "pass"), ("late", "error")}
    assert "gave no answer within" in analysis.reasons[0]


def test_the_deadline_of_the_whole_is_a_limit_too(sources: Sources) -> None:
    with prometheus_server.silent() as silent:
        prometheus = {"urls": {"late": f"http://{silent}"}, "timeout": 60.0}
        assert only(analyse(["late"], prometheus=prometheus, deadline=1.0)).verdict == "error"


def test_clusters_of_other_waves_are_not_asked(sources: Sources) -> None:
    spec = AnalysisSpec.of({"metrics": [RATE], "prometheus": {"url": sources.mesh}}, ["good", "failing"])
    fleet = Fleet({name: Cluster(name, network="") for name in ("good", "failing")})
    assert only(measure(spec, {"good": BY_WORKLOAD}, fleet, deadline=10.0)).cluster == "good"


# -- access -----------------------------------------------------------------------------------------------------------


def test_tls_and_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    certificate, key = authority.issue("prometheus", server=True)
    # Of "open sesame".
    (tmp_path / "web.yml").write_text(
        f"tls_server_config: {{cert_file: {certificate}, key_file: {key}}}\n"
        "basic_auth_users: {me: $2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy}\n"
    )
    workloads = [Workload("v2", "east", {200: 10.0})]
    with prometheus_server.serving(tmp_path, workloads, f"--web.config.file={tmp_path}/web.yml") as address:

        def asked(password: str, **options: Any) -> MetricResult:
            identity = {"username": "me", "password": password}
            return only(analyse(["east"], prometheus={"url": f"https://{address}", **identity, **options}))

        assert asked("open sesame", ca_cert=str(authority.path)).verdict == "pass"
        assert asked("open sesame", validate_certs=False).verdict == "pass"
        refused = asked("guess at it", ca_cert=str(authority.path))
        untrusted = asked("open sesame")
        missing = asked("open sesame", ca_cert=str(tmp_path / "none.pem"))
    assert [result.verdict for result in (refused, untrusted, missing)] == ["error"] * 3
    assert "HTTP 401" in refused.reason
    assert "certificate" in untrusted.reason
    assert "none.pem" in missing.reason
    assert "guess" not in refused.reason
