# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stable side's workload: made, kept, promoted and restored."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.configs import (
    configs_of_template,
    make_config_copies,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.primary import (
    PREVIOUS_ANNOTATION,
    REVISION_ANNOTATION,
    configs_in_use,
    make_primary,
    restore_primary,
    revision_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.workloads import revision, scale_workload
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import (
    CONTAINER,
    Object,
    by_key,
    config,
    workload,
)

POD = {"volumes": [{"name": "v", "configMap": {"name": "settings"}}]}
OLD, NEW = by_key(config("settings")), by_key(config("settings", data={"key": "new"}))


def version(number: int, **more: Any) -> Object:
    image = {**CONTAINER, "image": f"registry.example.org/web:{number}"}
    return workload(pod={"containers": [image], **POD}, **more)


def made(target: Object, live: Object | None = None, *, copy: bool = False, configs: Any = OLD) -> Object:
    return make_primary(target, "web-primary", live, copy=copy, revision=revision(target, configs), configs=configs)


def served(declared: Object, **annotations: str) -> Object:
    """What the API server and others make of a declared object."""
    live = deepcopy(declared)
    live["metadata"] |= {"uid": "77", "resourceVersion": "99", "generation": 1}
    live["metadata"]["labels"]["app.kubernetes.io/managed-by"] = "onemesh.istio"
    live["metadata"]["annotations"] |= {"deployment.kubernetes.io/revision": "1", "onemesh.istio/hash": "ab"}
    live["spec"]["template"]["metadata"]["creationTimestamp"] = None
    live["status"] = {"replicas": 3}
    return live


def image(live: Object) -> str:
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


def test_a_new_primary_is_the_workload_under_another_label() -> None:
    target = version(1, strategy={"type": "Recreate"}, minReadySeconds=5, paused=True)
    template = deepcopy(target["spec"]["template"])
    template["metadata"] = {"labels": {"app": "web-primary", "version": "v1"}}
    (copied,) = make_config_copies(target, OLD)
    template["spec"]["volumes"][0]["configMap"]["name"] = copied["metadata"]["name"]
    assert made(target) == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web-primary",
            "namespace": "shop",
            "labels": {"app": "web-primary", "team": "shop"},
            "annotations": {"example.org/owner": "ann", REVISION_ANNOTATION: revision(target, OLD)},
        },
        "spec": {
            "replicas": 3,
            "progressDeadlineSeconds": 600,
            "strategy": {"type": "Recreate"},
            "minReadySeconds": 5,
            "selector": {"matchLabels": {"app": "web-primary"}},
            "template": template,
        },
    }


def test_the_workload_itself_is_not_touched() -> None:
    target = version(1)
    before = json.dumps(target)
    made(target)
    assert json.dumps(target) == before


@pytest.mark.parametrize(
    ("target", "replicas"), [(version(1, replicas=0), 1), (scale_workload(version(1, replicas=8), 0), 8)]
)
def test_a_new_primary_is_as_large_as_the_workload_was(target: Object, replicas: int) -> None:
    assert made(target)["spec"]["replicas"] == replicas


def test_a_new_revision_leaves_the_primary_as_it_is() -> None:
    first = made(version(1))
    assert made(version(2), served(first), configs=NEW) == first


@pytest.mark.parametrize("replicas", [0, 12])
def test_the_replicas_of_the_live_primary_are_kept(replicas: int) -> None:
    live = served(made(version(1)))
    live["spec"]["replicas"] = replicas
    for copy in (False, True):
        assert made(version(2), live, copy=copy)["spec"]["replicas"] == replicas


def test_a_promotion_brings_template_and_configs_and_remembers_the_earlier_ones() -> None:
    first = made(version(1))
    second = made(version(2), served(first), copy=True, configs=NEW)
    assert image(second) == "2"
    assert revision_of(second) == revision(version(2), NEW)
    previous = json.loads(second["metadata"]["annotations"][PREVIOUS_ANNOTATION])
    assert previous["revision"] == revision_of(first)
    assert previous["spec"]["template"] == first["spec"]["template"]
    assert configs_of_template(first["spec"]["template"]) != configs_of_template(second["spec"]["template"])


def test_a_promotion_that_is_repeated_changes_nothing() -> None:
    second = made(version(2), served(made(version(1))), copy=True)
    assert made(version(2), served(second), copy=True) == second
    assert made(version(2), served(second), copy=False) == second


def test_what_somebody_changes_in_the_primary_is_put_right() -> None:
    first = made(version(1))
    live = served(first)
    live["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.org/web:edited"
    assert made(version(1), live) == first


def test_a_promotion_is_taken_back() -> None:
    first = made(version(1))
    second = served(made(version(2), served(first), copy=True, configs=NEW))
    second["spec"]["replicas"] = 5
    back = restore_primary(second, revision(version(2), NEW))
    assert back == {**first, "spec": {**first["spec"], "replicas": 5}}
    again = restore_primary(served(back), revision(version(2), NEW))
    assert again == back
    assert made(version(2), served(back), configs=NEW) == back


def test_a_primary_that_was_not_reached_is_not_taken_back() -> None:
    first = made(version(1))
    assert restore_primary(served(first), revision(version(2), NEW)) == first


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "null", "no JSON", '{"spec": 1, "revision": "a"}'])
def test_without_a_memory_nothing_can_be_taken_back(text: str | None) -> None:
    live = served(made(version(1)))
    if text is not None:
        live["metadata"]["annotations"][PREVIOUS_ANNOTATION] = text
    with pytest.raises(MeshError, match="does not hold what was before revision"):
        restore_primary(live, revision_of(live))
    assert configs_in_use(live) == configs_of_template(live["spec"]["template"])


def test_the_earlier_configs_are_in_use_as_long_as_they_may_be_needed_again() -> None:
    first = made(version(1))
    second = made(version(2), served(first), copy=True, configs=NEW)
    third = made(version(3), served(second), copy=True, configs=NEW)
    old, new = (configs_of_template(each["spec"]["template"]) for each in (first, second))
    assert configs_in_use(second) == old | new
    assert configs_in_use(third) == new


def test_a_template_that_is_too_large_to_remember_is_promoted_nevertheless() -> None:
    large = version(1)
    large["spec"]["template"]["metadata"]["annotations"] = {"example.org/large": "x" * 140_000}
    second = made(version(2), served(made(large)), copy=True)
    assert image(second) == "2"
    assert PREVIOUS_ANNOTATION not in second["metadata"]["annotations"]


def test_pods_keep_apart_from_their_own_side() -> None:
    def term(**selector: Any) -> Object:
        return {"labelSelector": selector, "topologyKey": "zone"}

    affinity = {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [term(matchLabels={"app": "web"})],
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": term(matchExpressions=[expression("app", "web", "other")])}
            ],
        },
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                term(matchLabels={"app": "cache"}, matchExpressions=[{"key": "app", "operator": "Exists"}])
            ]
        },
    }
    target = workload(pod={"affinity": affinity, "topologySpreadConstraints": [term(matchLabels={"app": "web"})]})
    pod = made(target)["spec"]["template"]["spec"]
    anti = pod["affinity"]["podAntiAffinity"]
    assert anti["requiredDuringSchedulingIgnoredDuringExecution"] == [term(matchLabels={"app": "web-primary"})]
    assert anti["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"] == term(
        matchExpressions=[expression("app", "web-primary", "other")]
    )
    assert pod["affinity"]["podAffinity"] == affinity["podAffinity"]
    assert pod["topologySpreadConstraints"] == [term(matchLabels={"app": "web-primary"})]


def expression(key: str, *values: str) -> Object:
    return {"key": key, "operator": "In", "values": list(values)}


def test_a_daemon_set_that_is_scaled_to_zero_has_a_primary_with_pods() -> None:
    target = workload("DaemonSet", updateStrategy={"type": "RollingUpdate"})
    assert made(scale_workload(target, 0)) == made(target)
    assert "replicas" not in made(target)["spec"]
    assert "nodeSelector" not in made(scale_workload(target, 0))["spec"]["template"]["spec"]


def test_the_selector_of_a_primary_that_others_made_is_kept_and_its_pods_fit_it() -> None:
    live = served(made(version(1)))
    live["spec"]["selector"]["matchLabels"]["tier"] = "front"
    second = made(version(2), live, copy=True)
    assert second["spec"]["selector"] == live["spec"]["selector"]
    assert second["spec"]["template"]["metadata"]["labels"] == {"app": "web-primary", "version": "v1", "tier": "front"}
