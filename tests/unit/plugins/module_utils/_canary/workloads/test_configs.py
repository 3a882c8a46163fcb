# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ConfigMaps and Secrets belong to a revision, and the copies that the stable side reads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.configs import (
    Config,
    configs_of_template,
    hash_config,
    list_references,
    make_config_copies,
    use_copies,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.workloads import revision
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import (
    CONTAINER,
    Object,
    by_key,
    config,
    workload,
)

REFERENCES: list[tuple[str, Object, tuple[Config, ...]]] = [
    ("nothing", {}, ()),
    ("volume", {"volumes": [{"name": "v", "configMap": {"name": "a"}}]}, (Config("ConfigMap", "a"),)),
    (
        "secret volume",
        {"volumes": [{"name": "v", "secret": {"secretName": "a", "optional": True}}]},
        (Config("Secret", "a", True),),
    ),
    (
        "projected",
        {"volumes": [{"projected": {"sources": [{"configMap": {"name": "a"}}, {"secret": {"name": "b"}}, {}]}}]},
        (Config("ConfigMap", "a"), Config("Secret", "b")),
    ),
    ("other volumes", {"volumes": [{"emptyDir": {}}, {"projected": {"sources": None}}]}, ()),
    (
        "environment",
        {
            "containers": [
                {
                    "env": [
                        {"name": "PLAIN", "value": "1"},
                        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "k"}}},
                        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}},
                        {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ],
                    "envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "d", "optional": True}}],
                }
            ]
        },
        (Config("ConfigMap", "a"), Config("ConfigMap", "c"), Config("Secret", "b"), Config("Secret", "d", True)),
    ),
    (
        "init containers",
        {"initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}]},
        (Config("ConfigMap", "a"),),
    ),
    (
        "optional in one place only",
        {
            "volumes": [{"configMap": {"name": "a", "optional": True}}],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "a"}}]}],
        },
        (Config("ConfigMap", "a"),),
    ),
    ("pull secrets are for the kubelet", {"imagePullSecrets": [{"name": "a"}]}, ()),
]


@pytest.mark.parametrize(("pod", "expected"), [case[1:] for case in REFERENCES], ids=[case[0] for case in REFERENCES])
def test_what_a_pod_template_refers_to(pod: Object, expected: tuple[Config, ...]) -> None:
    assert list_references(workload(pod=pod)) == expected


POD: Object = {
    "volumes": [{"name": "v", "configMap": {"name": "settings"}}],
    "containers": [{**CONTAINER, "envFrom": [{"secretRef": {"name": "keys"}}]}],
}


def revision_with(*configs: Object, **annotations: str) -> str:
    live = workload(pod=POD)
    live["metadata"]["annotations"] |= {name.replace("_", "/"): value for name, value in annotations.items()}
    return revision(live, by_key(*configs))


SETTINGS, KEYS = config("settings"), config("keys", "Secret")


@pytest.mark.parametrize(
    ("configs", "changes"),
    [
        ((SETTINGS, KEYS), False),
        ((config("settings", data={"key": "new"}), KEYS), True),
        ((config("settings", binaryData={"key": "bmV3"}), KEYS), True),
        ((SETTINGS, config("keys", "Secret", data={"key": "bmV3"})), True),
        ((SETTINGS, config("keys", "Secret", type="kubernetes.io/tls")), False),
        ((SETTINGS,), True),
        ((SETTINGS, KEYS, config("other", data={"key": "new"})), False),
    ],
)
def test_the_data_of_what_is_read_is_part_of_the_revision(configs: tuple[Object, ...], changes: bool) -> None:
    assert (revision_with(*configs) != revision_with(SETTINGS, KEYS)) == changes


@pytest.mark.parametrize("owner", ["onemesh.istio", "flagger.app"])
@pytest.mark.parametrize("value", ["disabled", "disabled-for-now"])
def test_one_that_is_not_to_be_tracked_is_not(owner: str, value: str) -> None:
    annotation = {f"{owner}/config-tracking": value}
    one, other = (config("settings", annotations=annotation, data={"key": each}) for each in ("old", "new"))
    assert revision_with(one, KEYS) == revision_with(other, KEYS)
    assert [each["kind"] for each in make_config_copies(workload(pod=POD), by_key(one, KEYS))] == ["Secret"]


def test_a_workload_may_have_none_of_its_tracked() -> None:
    disabled = {"onemesh.istio_config-tracking": "disabled"}
    assert revision_with(SETTINGS, KEYS, **disabled) == revision_with(**disabled)
    live = workload(pod=POD)
    live["metadata"]["annotations"]["onemesh.istio/config-tracking"] = "disabled"
    assert make_config_copies(live, by_key(SETTINGS, KEYS)) == []
    assert use_copies(live, by_key(SETTINGS, KEYS)) == live["spec"]["template"]


@pytest.mark.parametrize("kind", ["kubernetes.io/service-account-token", "kubernetes.io/dockerconfigjson"])
def test_secrets_that_are_for_others_are_neither_tracked_nor_copied(kind: str) -> None:
    one, other = (config("keys", "Secret", type=kind, data={"token": each}) for each in ("b2xk", "bmV3"))
    assert revision_with(SETTINGS, one) == revision_with(SETTINGS, other)
    assert [each["kind"] for each in make_config_copies(workload(pod=POD), by_key(SETTINGS, one))] == ["ConfigMap"]


def test_copies_hold_the_data_and_nothing_of_the_identity() -> None:
    settings, keys = make_config_copies(workload(pod=POD), by_key(SETTINGS, KEYS))
    assert settings == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": f"settings-primary-{hash_config(SETTINGS)[:10]}",
            "namespace": "shop",
            "labels": {"team": "shop"},
        },
        "data": {"key": "value"},
        "immutable": True,
    }
    assert (keys["kind"], keys["type"], keys["data"]) == ("Secret", "Opaque", {"key": "value"})


def test_the_stable_side_reads_the_copies_and_the_template_of_the_workload_stays() -> None:
    live, configs = workload(pod=POD), by_key(SETTINGS, KEYS)
    before = json.dumps(live)
    template = use_copies(live, configs)
    names = {f"{each['kind']}/{each['metadata']['name']}" for each in make_config_copies(live, configs)}
    assert configs_of_template(template) == names
    assert json.dumps(live) == before


def test_what_is_not_there_is_referred_to_by_its_own_name() -> None:
    template = use_copies(workload(pod=POD), by_key(SETTINGS))
    assert "Secret/keys" in configs_of_template(template)


@pytest.mark.parametrize("name", ["a" * 253, "a" * 233 + "." + "b" * 19])
def test_long_names_are_cut_to_what_kubernetes_takes(name: str) -> None:
    live = workload(pod={"volumes": [{"configMap": {"name": name}}]})
    (copied,) = make_config_copies(live, by_key(config(name)))
    assert len(copied["metadata"]["name"]) <= 253
    assert ".-" not in copied["metadata"]["name"]


def test_new_data_makes_a_new_copy_and_leaves_the_old_one_alone() -> None:
    def names(*configs: Object) -> list[Any]:
        return [each["metadata"]["name"] for each in make_config_copies(workload(pod=POD), by_key(*configs))]

    old, new = names(SETTINGS, KEYS), names(config("settings", data={"key": "new"}), KEYS)
    assert old[0] != new[0]
    assert old[1] == new[1]


def test_a_revision_does_not_show_the_data() -> None:
    secret = "c2VjcmV0LXZhbHVl"
    found = revision_with(SETTINGS, config("keys", "Secret", data={"key": secret}))
    assert len(found) == 16
    assert secret not in found
