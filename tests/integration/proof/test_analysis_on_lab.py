# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis on two real meshes: of Envoy's own counters, and of a Prometheus that scrapes a real Envoy.

Here, and not beside the other tests of the analysis, because they share the mesh of the proof's tests.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import split_lab
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.measure import measure
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import (
    MeasuredService,
    MeasuredSide,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.spec import AnalysisSpec
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import Analysis, MetricResult
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import POD
from proof_lab import CLUSTERS, Manifest
from split_lab import HOST, NAMESPACE, Shop, rule
from support.programs import MESHLAB

TARGET = MeasuredService(
    NAMESPACE, MeasuredSide(HOST, "v2", "reviews-v2"), MeasuredSide(HOST, "v1", "reviews-v1"), port=80
)
RATE = {"builtin": "request-success-rate", "min": 99, "minimum_requests": 20}
DURATION = {"builtin": "request-duration", "max": 5000, "minimum_requests": 20}
GOOD, HALF_BAD = "200:100", "500:50,200:50"
PROMETHEUS_PORT = 19090
RATE_OF_CLIENT = 20
"""Requests a second of each client to each version."""


def by_header() -> Manifest:
    """The canary gets what asks for it, so that each version can be asked for answers of its own."""

    def to(subset: str) -> list[dict[str, Any]]:
        return [{"destination": {"host": "reviews", "subset": subset}}]

    routes = [
        {"name": "canary", "match": [{"headers": {"x-version": {"exact": "v2"}}}], "route": to("v2")},
        {"name": "main", "route": to("v1")},
    ]
    return {**split_lab.route(), "spec": {"hosts": [HOST], "http": routes}}


def client(cluster: str) -> Manifest:
    """A client whose proxy keeps the statistics of services too."""
    deployment = split_lab.application(cluster)[-1]
    labels = {"app": "client"}
    deployment["metadata"]["name"] = "client"
    deployment["spec"]["selector"]["matchLabels"] = labels
    annotations = {"sidecar.istio.io/statsInclusionPrefixes": "cluster.outbound"}
    # For the Prometheus of a test: a port-forward of the lab knows only ports that are told.
    deployment["spec"]["template"]["spec"]["containers"][0]["ports"].append({"containerPort": PROMETHEUS_PORT})
    deployment["spec"]["template"]["metadata"] = {"labels": labels, "annotations": annotations}
    return deployment


@pytest.fixture(scope="module")
def shop(reviews: Shop) -> Iterator[Shop]:
    clusters = reviews.lab.mesh.lab.clusters.values()
    for cluster in clusters:
        cluster.apply(client(cluster.name))
    for cluster in clusters:
        cluster.rolled_out(NAMESPACE, "client")
    with reviews.standing(rule(), by_header()):
        yield reviews
    for cluster in clusters:
        cluster.kubectl("-n", NAMESPACE, "delete", "deployment", "client")
        cluster.kubectl("-n", NAMESPACE, "wait", "pods", "-l", "app=client", "--for=delete", "--timeout=90s")


@contextmanager
def load(shop: Shop, canary: Mapping[str, str]) -> Iterator[None]:
    """Clients in each cluster ask both versions for good answers, and the canary for those of the cluster's name."""
    processes = []
    try:
        for cluster in CLUSTERS:
            for version, codes in (("v1", GOOD), ("v2", canary.get(cluster, GOOD))):
                asked = ["--count", "100000", "--qps", str(RATE_OF_CLIENT), "--timeout", "300s"]
                asked += ["-H", f"x-version: {version}", f"http://{HOST}/?codes={codes}"]
                command = shop.lab.mesh.exec_command(cluster, f"{NAMESPACE}/client", "echo-client", *asked)
                processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
        yield
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def analyse(shop: Shop, *metrics: dict[str, Any], **options: Any) -> Analysis:
    spec = AnalysisSpec.of({"metrics": list(metrics), **options}, CLUSTERS)
    return measure(spec, dict.fromkeys(CLUSTERS, TARGET), shop.lab.fleet, deadline=60.0)


def of_envoy(shop: Shop, *metrics: dict[str, Any], **options: Any) -> Analysis:
    return analyse(shop, *metrics, source="envoy", envoy={"window": 5.0}, **options)


def wait_for_data(shop: Shop) -> None:
    """Until the proxies of all clusters have sent something: envoy.window is not spent on a client that only starts."""
    ends = time.monotonic() + 60
    while of_envoy(shop, {**RATE, "min": 0}).verdict != "pass":
        assert time.monotonic() < ends


def test_a_version_that_fails_in_one_cluster_is_bad_there_only(shop: Shop) -> None:
    with load(shop, {"west": HALF_BAD}):
        wait_for_data(shop)
        found = of_envoy(shop, RATE, DURATION)
        held = of_envoy(shop, RATE, rule="quorum", quorum=2)
        compared = of_envoy(shop, {**RATE, "min": 0.9, "compare": "ratio"})
    results = {(result.cluster, result.metric): result for result in found.results}
    assert (found.verdict, found.bad) == ("fail", ("west",)), found.reasons
    assert results["east", "request-success-rate"].value == 100.0
    assert 20.0 < (results["west", "request-success-rate"].value or 0.0) < 80.0
    for cluster in CLUSTERS:
        duration = results[cluster, "request-duration"]
        assert (duration.verdict, duration.value is not None) == ("pass", True), duration
        assert (duration.requests or 0) >= 20
    assert (held.verdict, held.bad) == ("pass", ("west",))
    assert (compared.verdict, compared.bad) == ("fail", ("west",))


def test_without_requests_there_is_no_verdict(shop: Shop) -> None:
    found = of_envoy(shop, RATE, DURATION)
    assert found.verdict == "inconclusive", found.reasons
    assert of_envoy(shop, RATE, on_no_data="pass").verdict == "pass"


def test_an_api_server_that_is_down_is_an_error_of_its_cluster_only(shop: Shop) -> None:
    with load(shop, {}):
        wait_for_data(shop)
        with shop.lab.mesh.lab.fault("api-down", "west"):
            found = of_envoy(shop, RATE)
    verdicts = {result.cluster: result.verdict for result in found.results}
    assert (found.verdict, verdicts) == ("error", {"east": "pass", "west": "error"}), found.reasons


# -- a Prometheus that scrapes Envoy ----------------------------------------------------------------------------------


@contextmanager
def scraping(shop: Shop, cluster: str, folder: Path) -> Iterator[str]:
    """A Prometheus in the client's network, which scrapes its proxy; its address on this machine."""
    program = shutil.which("prometheus")
    assert program, "run `make setup`"
    scrape = {
        "job_name": "envoy",
        "scrape_interval": "1s",
        "metrics_path": "/stats/prometheus",
        "static_configs": [{"targets": ["127.0.0.1:15090"], "labels": {"mesh_cluster": cluster}}],
    }
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [scrape]}))
    arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    place = [MESHLAB, "exec", "--name", shop.lab.mesh.lab.name, cluster, f"{NAMESPACE}/client", "--"]
    command = [*place, program, *arguments, f"--web.listen-address=127.0.0.1:{PROMETHEUS_PORT}"]
    mesh = shop.lab.mesh.lab.clusters[cluster]
    (pod,) = shop.lab.fleet[cluster].client.list(POD, NAMESPACE, label_selector="app=client")
    forward = [str(mesh.programs / "kubectl"), "--kubeconfig", str(mesh.kubeconfig), "-n", NAMESPACE, "port-forward"]
    forward += [f"pod/{pod['metadata']['name']}", f":{PROMETHEUS_PORT}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            _until(server.stderr, "Server is (ready)")
            with subprocess.Popen(forward, stdout=subprocess.PIPE, text=True) as forwarder:
                assert forwarder.stdout is not None
                try:
                    yield "http://" + _until(forwarder.stdout, r"Forwarding from (127\.0\.0\.1:\d+)")
                finally:
                    forwarder.terminate()
        finally:
            server.terminate()


def _until(lines: Iterable[str], pattern: str) -> str:
    """What the group of the pattern matches in the first line that has it."""
    said = ""
    for line in lines:
        said += line
        found = re.search(pattern, line)
        if found:
            return found.group(1)
    raise AssertionError(said)


def test_queries_of_what_prometheus_scrapes_from_envoy(shop: Shop, tmp_path: Path) -> None:
    query = (
        "100 * sum(rate(envoy_cluster_upstream_rq{mesh_cluster='${cluster}',response_code!~'5..',"
        "cluster_name=~'outbound[|]80[|]${subset}[|]${host};?'}[${interval}])) "
        "/ sum(rate(envoy_cluster_upstream_rq{mesh_cluster='${cluster}',"
        "cluster_name=~'outbound[|]80[|]${subset}[|]${host};?'}[${interval}]))"
    )
    metric = {"name": "own", "query": query, "min": 99, "interval": "10s"}
    folders = {cluster: tmp_path / cluster for cluster in CLUSTERS}
    for folder in folders.values():
        folder.mkdir()
    with (
        load(shop, {"west": HALF_BAD}),
        scraping(shop, "east", folders["east"]) as east,
        scraping(shop, "west", folders["west"]) as west,
    ):
        prometheus = {"urls": {"east": east, "west": west}}

        def asked(**options: Any) -> dict[str, MetricResult]:
            found = analyse(shop, {**metric, **options}, prometheus=prometheus)
            return {result.cluster: result for result in found.results}

        ends = time.monotonic() + 60
        while any(result.value is None for result in asked().values()):
            assert time.monotonic() < ends, asked()
            time.sleep(0.5)
        own, ratio = asked(), asked(compare="ratio", min=0.9)
    assert (own["east"].verdict, own["west"].verdict) == ("pass", "fail"), own
    assert (ratio["east"].verdict, ratio["west"].verdict) == ("pass", "fail"), ratio
