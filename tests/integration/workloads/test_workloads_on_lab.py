# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads of a release on a real API server with real controllers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.configs import (
    list_references,
    make_config_copies,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.primary import (
    make_primary,
    restore_primary,
    revision_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.workloads import (
    KINDS,
    autoscaler_of,
    primary_autoscaler,
    readiness,
    revision,
    scale_workload,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client, strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    HORIZONTAL_POD_AUTOSCALER,
    SECRET,
)
from workload_objects import IMAGE, Object, manifest

ENDS = 60


def put(client: Client, *objects: Object) -> None:
    for each in objects:
        client.apply(each, field_manager="test", force=True)


def write(client: Client, desired: Object) -> None:
    """Replace an object, whatever its controller writes meanwhile."""
    kind = KINDS[desired["kind"]]
    operations = [{"op": "replace", "path": "/spec", "value": desired["spec"]}]
    annotations = desired["metadata"].get("annotations")
    if annotations:
        operations.append({"op": "add", "path": "/metadata/annotations", "value": annotations})
    client.patch(
        kind,
        desired["metadata"]["name"],
        desired["metadata"]["namespace"],
        operations,
        patch_type="json",
        field_manager="test",
    )


def until(
    client: Client, namespace: str, holds: Callable[[Object], bool], kind: str = "Deployment", name: str = "web"
) -> Object:
    found = client.wait_for(KINDS[kind], name, namespace, holds, timeout=ENDS)
    return found


def is_ready(live: Object, **options: Any) -> bool:
    return readiness(live, now=time.time(), **options).state == "ready"


def reads(client: Client, live: Mapping[str, Any]) -> dict[str, Object]:
    """The ConfigMaps and Secrets that a workload reads."""
    kinds = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}
    namespace = live["metadata"]["namespace"]
    found = {each.key: client.find(kinds[each.kind], each.name, namespace) for each in list_references(live)}
    return {key: each for key, each in found.items() if each is not None}


def has_no_pods(live: Mapping[str, Any]) -> bool:
    """As the controller has observed it."""
    status = live.get("status") or {}
    names = ("replicas", "terminatingReplicas", "currentNumberScheduled", "numberMisscheduled")
    seen = status.get("observedGeneration") == live["metadata"]["generation"]
    return seen and not any(status.get(name) for name in names)


def test_a_deployment_becomes_ready_is_scaled_to_zero_and_back(client: Client, namespace: str) -> None:
    put(client, manifest(namespace))
    live = until(client, namespace, is_ready)
    before = revision(live, {})
    write(client, scale_workload(live, 0))
    gone = until(client, namespace, has_no_pods)
    assert readiness(gone, now=time.time(), wanted=1).state == "waiting"
    write(client, scale_workload(gone, 2))
    again = until(client, namespace, lambda each: is_ready(each, wanted=2))
    assert again["status"]["availableReplicas"] == 2
    assert revision(again, {}) == before


def test_a_rollout_is_not_ready_before_its_end(client: Client, namespace: str) -> None:
    put(client, manifest(namespace, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}))
    first = until(client, namespace, is_ready)
    asked = client.apply(
        manifest(namespace, version=2, strategy={"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        field_manager="test",
    ).object
    assert readiness(asked, now=time.time()).state == "waiting"
    live = until(client, namespace, is_ready)
    assert live["status"]["updatedReplicas"] == 3
    assert revision(live, {}) != revision(first, {})


def test_a_rollout_that_gets_stuck_has_failed(client: Client, namespace: str) -> None:
    nowhere = {"nodeSelector": {"example.org/nowhere": "true"}}
    put(client, manifest(namespace, progressDeadlineSeconds=2, pod=nowhere))
    live = until(client, namespace, lambda each: readiness(each, now=time.time()).state == "failed")
    reason = readiness(live, now=time.time()).reason
    assert reason == (
        f"Deployment {namespace}/web: exceeded its progress deadline of 2 s: "
        "0 replicas are available, and 3 are expected (100 % of 3)"
    )


def test_what_is_unavailable_for_long_has_failed_before_its_own_deadline(client: Client, namespace: str) -> None:
    put(client, manifest(namespace, pod={"nodeSelector": {"example.org/nowhere": "true"}}))
    live = until(client, namespace, lambda each: (each.get("status") or {}).get("updatedReplicas") == 3)
    live = until(client, namespace, lambda each: readiness(each, now=time.time() + 700, deadline=600).state == "failed")
    assert readiness(live, now=time.time(), deadline=600).state == "waiting"


def test_a_daemon_set_is_scaled_to_zero_and_back(client: Client, namespace: str) -> None:
    put(client, manifest(namespace, "DaemonSet"))
    live = until(client, namespace, lambda each: is_ready(each, wanted=1), "DaemonSet")
    write(client, scale_workload(live, 0))
    gone = until(client, namespace, has_no_pods, "DaemonSet")
    assert gone["status"]["desiredNumberScheduled"] == 0
    assert readiness(gone, now=time.time(), wanted=1).state == "waiting"
    write(client, scale_workload(gone, 1))
    again = until(client, namespace, lambda each: is_ready(each, wanted=1), "DaemonSet")
    assert again["spec"] == live["spec"]
    assert revision(again, {}) == revision(live, {})


def test_a_primary_is_made_promoted_and_restored(client: Client, namespace: str) -> None:
    def settings(value: str) -> Object:
        metadata = {"name": "settings", "namespace": namespace}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}

    def primary(*, copy: bool = False) -> Object:
        target = client.get(KINDS["Deployment"], "web", namespace)
        configs = reads(client, target)
        put(client, *make_config_copies(target, configs))
        live = client.find(KINDS["Deployment"], "web-primary", namespace)
        declared = make_primary(
            target, "web-primary", live, copy=copy, revision=revision(target, configs), configs=configs
        )
        put(client, declared)
        return until(client, namespace, is_ready, name="web-primary")

    def value(live: Object) -> str:
        name = live["spec"]["template"]["spec"]["volumes"][0]["configMap"]["name"]
        return str(client.get(CONFIG_MAP, name, namespace)["data"]["key"])

    pod = {"volumes": [{"name": "settings", "configMap": {"name": "settings"}}]}
    put(client, settings("old"), manifest(namespace, pod=pod))
    first = primary()
    assert strip_content(primary()) == strip_content(first)

    put(client, settings("new"), manifest(namespace, version=2, pod=pod))
    kept = primary()
    assert (strip_content(kept), value(kept)) == (strip_content(first), "old")

    second = primary(copy=True)
    assert (value(second), second["spec"]["template"]["spec"]["containers"][0]["image"]) == ("new", f"{IMAGE}2")
    assert second["metadata"]["generation"] == first["metadata"]["generation"] + 1

    put(client, restore_primary(second, revision_of(second)))
    back = until(client, namespace, is_ready, name="web-primary")
    assert (back["spec"], value(back), revision_of(back)) == (first["spec"], "old", revision_of(first))


def test_the_stable_side_of_a_daemon_set_has_pods_of_its_own(client: Client, namespace: str) -> None:
    put(client, manifest(namespace, "DaemonSet"))
    live = until(client, namespace, lambda each: is_ready(each, wanted=1), "DaemonSet")
    put(client, make_primary(live, "web-primary", None, copy=False, revision=revision(live, {}), configs={}))
    until(client, namespace, lambda each: is_ready(each, wanted=1), "DaemonSet", "web-primary")


def test_the_autoscaler_of_the_stable_side_is_taken(client: Client, namespace: str) -> None:
    metadata = {"name": "web", "namespace": namespace}
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    asked = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {"scaleTargetRef": reference, "minReplicas": 2, "maxReplicas": 9},
    }
    put(client, asked, manifest(namespace))
    live = client.get(KINDS["Deployment"], "web", namespace)
    found = autoscaler_of(client.list(HORIZONTAL_POD_AUTOSCALER, namespace), live)
    assert found is not None
    put(client, primary_autoscaler(found, "web-primary"))
    made = client.get(HORIZONTAL_POD_AUTOSCALER, "web-primary", namespace)
    assert made["spec"]["scaleTargetRef"] == {**reference, "name": "web-primary"}
