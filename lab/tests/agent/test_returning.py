"""A pod of a snapshot looks ready to others until it is ready again, or `up` has given up on it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from meshlab.agent.pod import PodWorker, Surroundings
from meshlab.layout import ClusterLayout, Lab

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
UNREADY = {"conditions": [{"type": "Ready", "status": "False"}]}


@pytest.fixture
def cluster(lab: Lab) -> ClusterLayout:
    cluster = lab.cluster("east", 1)
    cluster.pod_directory("u-1").mkdir(parents=True)
    return cluster


def worker(cluster: ClusterLayout, status: dict[str, Any]) -> PodWorker:
    metadata = {"name": "echo", "namespace": "app", "uid": "u-1"}
    pod = {"metadata": metadata, "spec": {"containers": []}, "status": status}
    return PodWorker(cast(Surroundings, SimpleNamespace(layout=cluster)), pod)


def marker(cluster: ClusterLayout) -> Path:
    return cluster.returning_marker("u-1")


def test_its_status_is_kept_back_until_it_is_ready(cluster: ClusterLayout) -> None:
    marker(cluster).touch()
    pod = worker(cluster, READY)
    assert pod._keeps_looking_ready(UNREADY)
    assert marker(cluster).exists()
    assert not pod._keeps_looking_ready(READY)
    assert not marker(cluster).exists()
    assert not pod._keeps_looking_ready(UNREADY), "what comes afterwards is told"


def test_its_status_is_told_when_up_has_given_up_on_it(cluster: ClusterLayout) -> None:
    marker(cluster).touch()
    pod = worker(cluster, READY)
    marker(cluster).unlink()
    assert not pod._keeps_looking_ready(UNREADY)


@pytest.mark.parametrize("status", [UNREADY, {}])
def test_a_pod_that_was_not_ready_is_waited_for_by_nobody(cluster: ClusterLayout, status: dict[str, Any]) -> None:
    marker(cluster).touch()
    assert not worker(cluster, status)._keeps_looking_ready(UNREADY)
    assert not marker(cluster).exists()


def test_the_status_of_any_other_pod_is_told(cluster: ClusterLayout) -> None:
    assert not worker(cluster, READY)._keeps_looking_ready(UNREADY)
