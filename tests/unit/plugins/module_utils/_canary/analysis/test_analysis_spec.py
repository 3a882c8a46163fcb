# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the option ``analysis`` means, and all that is refused of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.analysis import Metric, Rule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.spec import AnalysisSpec
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError

URL = "http://prometheus.example:9090"
RATE = {"builtin": "request-success-rate", "min": 99}
CLUSTERS = ("east", "west")


def options(*metrics: dict[str, Any], prometheus: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    return {"metrics": list(metrics or (RATE,)), "prometheus": {"url": URL, **(prometheus or {})}, **given}


def test_defaults() -> None:
    spec = AnalysisSpec.of(options(), CLUSTERS)
    assert spec.metrics == (Metric("request-success-rate", builtin="request-success-rate", minimum=99),)
    assert (spec.rule, spec.interval, spec.threshold, spec.on_no_data) == (Rule(), None, 1, "hold")
    assert (spec.prometheus.cluster_label, spec.prometheus.timeout) == ("destination_cluster", 5.0)
    assert AnalysisSpec.of(None).metrics == ()


def test_the_cluster_label_goes_by_the_reporter_unless_given() -> None:
    assert AnalysisSpec.of(options(reporter="source")).prometheus.cluster_label == "source_cluster"
    assert AnalysisSpec.of(options(prometheus={"cluster_label": "cluster"})).prometheus.cluster_label == "cluster"


def test_the_time_that_is_looked_at_is_the_window_where_proxies_are_asked() -> None:
    asked = AnalysisSpec.of(options({**RATE, "interval": "5m"}, source="envoy", envoy={"window": 4.0}))
    assert [metric.interval for metric in asked.metrics] == ["4s"]


def test_a_cluster_has_an_address_of_its_own_or_the_common_one() -> None:
    spec = AnalysisSpec.of(options(prometheus={"urls": {"east": "https://east.example/prometheus/"}}), CLUSTERS)
    addresses = [spec.prometheus.url_of(cluster) for cluster in CLUSTERS]
    assert addresses == ["https://east.example/prometheus", URL]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (options({"builtin": "request-duration"}), "neither min nor max"),
        (options({"name": "x", "min": 1}), "exactly one of builtin and query"),
        (options({**RATE, "query": "up"}), "exactly one of builtin and query"),
        (options({"query": "up", "min": 1}), "has no name"),
        (options(RATE, RATE), "request-success-rate more than once"),
        (options({**RATE, "max": 1}), "min 99 above max 1"),
        (options({**RATE, "interval": "1 minute"}), "the interval '1 minute'"),
        (options({**RATE, "interval": "0s"}), "the interval '0s'"),
        (options({**RATE, "interval": ""}), "the interval ''"),
        (options({**RATE, "minimum_requests": -1}), "minimum_requests -1"),
        (options({**RATE, "failure_limit": -1}), "failure_limit -1"),
        (options({**RATE, "success_limit": 0}), "success_limit 0"),
        (options({"name": "x", "query": "up{n='${nmae}'}", "min": 1}), "uses ${nmae}"),
        (options({"name": "x", "query": "up{${variables.a}}", "min": 1}), "uses ${variables.a}"),
        (options({"name": "x", "query": "up{${cluster}}", "min": 1, "compare": "ratio"}), "the same for both"),
        (options(interval=0.0), "interval is 0 s"),
        (options(threshold=0), "threshold is 0"),
        (options(rule="quorum"), "quorum is missing"),
        (options(rule="quorum", quorum=3), "a number from 1 to 2"),
        (options(quorum=1), "with the rule any_bad"),
        (options(prometheus={"url": None}), "has no address"),
        (options(prometheus={"url": None, "urls": {"east": URL}}), "says nothing of west"),
        (options(prometheus={"url": "prometheus:9090"}), "prometheus.url is prometheus:9090"),
        (options(prometheus={"url": f"{URL}?a=b"}), f"prometheus.url is {URL}?a=b"),
        (options(prometheus={"cluster_label": ""}), "clusters share one Prometheus"),
        (options(prometheus={"username": "me"}), "half an identity"),
        (options(prometheus={"token": "a", "username": "b", "password": "c"}), "half an identity or two"),
        (options(prometheus={"headers": {"X-Scope": "a\nb"}}), "line break"),
        (options(prometheus={"timeout": 0.0}), "timeout is 0 s"),
        (options({"name": "x", "query": "up", "min": 1}, source="envoy"), "the source envoy answers none"),
        (options(source="envoy", envoy={"window": 0.0}), "window is 0 s"),
        (options(source="envoy", envoy={"pods": 0}), "pods is 0"),
    ],
)
def test_what_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(MeshError) as refused:
        AnalysisSpec.of(given, CLUSTERS)
    assert words in str(refused.value)
    assert len(refused.value.findings) == 1


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(MeshError) as refused:
        AnalysisSpec.of(options({"builtin": "request-duration"}, threshold=0, rule="quorum"), CLUSTERS)
    assert len(refused.value.findings) == 3


def test_a_password_in_an_address_is_refused_and_not_told() -> None:
    with pytest.raises(MeshError) as refused:
        AnalysisSpec.of(options(prometheus={"url": "https://me:hush@prometheus.example"}))
    assert "hush" not in str(refused.value)


def test_nothing_secret_is_in_the_text_of_a_spec() -> None:
    secrets = {"token": "hush", "headers": {"X-Key": "whisper"}, "proxy": "http://me:murmur@proxy.example"}
    spec = AnalysisSpec.of(options(prometheus=secrets))
    assert set(spec.prometheus.secrets) == {"hush", "whisper", "murmur"}
    assert not [secret for secret in spec.prometheus.secrets if secret in repr(spec)]
