# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe's objects, and what its pods' state says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import probe
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import (
    ClusterFacts,
    GatewayService,
    IstiodAnswers,
)

CLUSTERS = ["east", "west"]


def facts(*hosts: str, revision: str = "default", gateways: int = 1) -> ClusterFacts:
    gateway = GatewayService("istio-system/gateway", hosts=hosts, selector={"istio": "eastwestgateway"})
    return ClusterFacts(
        "east", "east", istiods=(IstiodAnswers("istiod-1", revision, "east"),), gateways=(gateway,) * gateways
    )


def objects(given: ClusterFacts, *, default_revision: bool = False) -> dict[tuple[str, str], dict[str, Any]]:
    made = probe.make_manifests(given, CLUSTERS, given.gateways, image="app:1", default_revision=default_revision)
    return {(each["kind"], each["metadata"]["name"]): each for each in made}


def test_each_cluster_has_a_service_for_each_cluster_and_one_for_all() -> None:
    made = objects(facts("*.local"))
    selectors = {name: each["spec"]["selector"] for (kind, name), each in made.items() if kind == "Service"}
    app = {"app.kubernetes.io/name": "probe"}
    assert selectors == {
        "probe": app,
        "probe-east": {**app, "onemesh.istio/probe-cluster": "east"},
        "probe-west": {**app, "onemesh.istio/probe-cluster": "west"},
    }
    labels = made["Deployment", "probe"]["spec"]["template"]["metadata"]["labels"]
    assert [name for name, selector in selectors.items() if selector.items() <= labels.items()] == [
        "probe",
        "probe-east",
    ]


def test_everything_lies_in_the_namespace_which_comes_first() -> None:
    made = list(objects(facts()).values())
    assert made[0]["metadata"]["name"] == "onemesh-verify"
    assert {each["metadata"]["namespace"] for each in made[1:]} == {"onemesh-verify"}


@pytest.mark.parametrize(
    ("revision", "default_revision", "labels"),
    [
        ("default", False, {"istio-injection": "enabled"}),
        ("1-31", True, {"istio-injection": "enabled"}),
        ("1-31", False, {"istio.io/rev": "1-31"}),
    ],
    ids=["plain", "default tag", "revision only"],
)
def test_the_namespace_is_labelled_for_the_injection_that_is_there(
    revision: str, default_revision: bool, labels: dict[str, str]
) -> None:
    made = objects(facts(revision=revision), default_revision=default_revision)
    assert made["Namespace", "onemesh-verify"]["metadata"]["labels"] == labels


# (hosts of the gateway, whether they cover the probe's)
EXPOSURES = [
    (["*.local"], True),
    (["*"], True),
    (["*.onemesh-verify.svc.cluster.local"], True),
    (["*/*.local"], True),
    (["onemesh-verify/*"], True),
    (["probe.onemesh-verify.svc.cluster.local"], True),
    (["shop/*.local"], False),
    (["*.shop.svc.cluster.local"], False),
    ([], False),
]


@pytest.mark.parametrize(("hosts", "covered"), EXPOSURES, ids=[",".join(row[0]) or "none" for row in EXPOSURES])
def test_a_gateway_is_opened_for_the_probe_only_where_it_is_closed(hosts: list[str], covered: bool) -> None:
    # A host in two servers of one port is two equal filter chains, which Envoy rejects.
    gateways = [each for (kind, _name), each in objects(facts(*hosts, gateways=2)).items() if kind == "Gateway"]
    assert [each["spec"]["servers"][0]["hosts"] for each in gateways] == (
        [] if covered else [["*.onemesh-verify.svc.cluster.local"]]
    )
    assert all(each["spec"]["selector"] == {"istio": "eastwestgateway"} for each in gateways)


def test_a_long_cluster_name_still_makes_a_valid_and_unique_service_name() -> None:
    one, other = probe.service_name("a" * 62 + "1"), probe.service_name("a" * 62 + "2")
    assert one != other
    assert len(one) == len(other) == 63


def test_the_pod_runs_under_the_restricted_pod_security_standard() -> None:
    container = objects(facts())["Deployment", "probe"]["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1338,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def deployment(generation: int = 1, **status: int) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "spec": {"replicas": 1}, "status": status}


READY = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1}


@pytest.mark.parametrize(
    ("live", "ready"),
    [
        (None, False),
        (deployment(), False),
        (deployment(**READY), True),
        (deployment(2, **READY), False),
        (deployment(**{**READY, "readyReplicas": 0}), False),
        (deployment(**{**READY, "replicas": 2}), False),
    ],
    ids=["absent", "new", "ready", "another generation", "not ready", "an old pod is left"],
)
def test_ready_means_the_newest_generation_alone(live: dict[str, Any] | None, ready: bool) -> None:
    assert probe.is_ready(live) is ready


def pod(waiting: str = "", **fields: Any) -> dict[str, Any]:
    status = {"name": "app", "image": "app:1", "ready": False, "state": {}}
    if waiting:
        status["state"] = {"waiting": {"reason": waiting, "message": "why"}}
    return {
        "metadata": {"name": "probe-1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Pending", "containerStatuses": [status], **fields},
    }


@pytest.mark.parametrize(
    ("pods", "reason", "remedy"),
    [
        ([], "no pod was made", "describe replicasets"),
        ([pod("ImagePullBackOff")], "image app:1 of container app cannot be pulled", "probe_image"),
        ([pod("CrashLoopBackOff")], "container app waits: CrashLoopBackOff why", "--previous"),
        ([pod("ContainerCreating")], "container app is not ready", "logs probe-1 -c app"),
        (
            [
                pod(
                    containerStatuses=[],
                    conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}],
                )
            ],
            "not scheduled: 0/1 nodes are available",
            "room",
        ),
    ],
    ids=["none", "image", "crash", "starting", "no node"],
)
def test_why_the_probe_is_not_ready(pods: list[dict[str, Any]], reason: str, remedy: str) -> None:
    found = probe.why_not_ready(pods)
    assert reason in found[0]
    assert remedy in found[1]


@pytest.mark.parametrize("place", ["containers", "initContainers"])
def test_a_native_sidecar_is_a_sidecar_too(place: str) -> None:
    assert probe.has_sidecar({"spec": {place: [{"name": "istio-proxy"}]}})
    assert not probe.has_sidecar({"spec": {place: [{"name": "app"}]}})
