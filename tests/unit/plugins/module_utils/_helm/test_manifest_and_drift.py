# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which objects a manifest of Helm names, whose they are, and where what stands there is not what it says."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._helm.drift import (
    find_autoscaled,
    find_differing,
    holds,
    prescribe,
)
from ansible_collections.onemesh.istio.plugins.module_utils._helm.manifest import (
    ManifestObject,
    ObjectIdentity,
    Owner,
    objects_of,
    owner_of,
)

OWNER = Owner("istiod", "istio-system")

MANIFESTS: dict[str, tuple[str, list[str]]] = {
    "none": ("", []),
    "empty documents and comments": ("---\n# Source: a.yaml\n---\n\n---\nkind: A\nmetadata: {name: x}\n---\n", ["A x"]),
    "no separator before the first": ("kind: A\nmetadata: {name: x, namespace: n}\n", ["A n/x"]),
    "a list": (
        "kind: RoleBindingList\nitems:\n- {kind: RoleBinding, metadata: {name: x}}\n- {kind: B, metadata: {name: y}}\n",
        ["RoleBinding x", "B y"],
    ),
    "a resource that is only named like a list": ("kind: AllowList\nmetadata: {name: x}\n", ["AllowList x"]),
    "a separator inside of text": (
        "kind: ConfigMap\nmetadata: {name: x}\ndata:\n a: |\n  ---\n  kind: C\n---\nkind: B\nmetadata: {name: y}\n",
        ["ConfigMap x", "B y"],
    ),
    "a key that stands twice": ("kind: A\nmetadata: {name: x, name: y}\n", ["A y"]),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_objects_of_a_manifest(case: str) -> None:
    manifest, names = MANIFESTS[case]
    assert [str(each.id) for each in objects_of(manifest)] == names


def test_what_is_null_says_nothing() -> None:
    (found,) = objects_of("kind: A\nmetadata: {name: x, labels: null}\nspec: {a: null, b: [{c: null, d: 1}]}\n")
    assert found.object == {"kind": "A", "metadata": {"name": "x"}, "spec": {"b": [{"d": 1}]}}


MARKS = {
    "labels": {"app.kubernetes.io/managed-by": "Helm"},
    "annotations": {"meta.helm.sh/release-name": "istiod", "meta.helm.sh/release-namespace": "istio-system"},
}
OWNERS: dict[str, tuple[dict[str, Any], Owner | None]] = {
    "all marks": (MARKS, OWNER),
    "made by hand from the manifest": ({"labels": MARKS["labels"]}, None),
    "without the label": ({"annotations": MARKS["annotations"]}, None),
    "another tool's": ({**MARKS, "labels": {"app.kubernetes.io/managed-by": "kustomize"}}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("case", OWNERS)
def test_whose_an_object_is(case: str) -> None:
    metadata, owner = OWNERS[case]
    assert owner_of({"metadata": metadata}) == owner


# what stands there, what is wanted, whether that holds without asking the API server
HOLDS: dict[str, tuple[Any, Any, bool]] = {
    "the same": ({"a": 1, "b": [1, {"c": "x"}]}, {"a": 1, "b": [1, {"c": "x"}]}, True),
    "more fields are the user's": ({"a": 1, "mine": 2}, {"a": 1}, True),
    "one is missing": ({"a": 1}, {"a": 1, "b": 2}, False),
    "one is another": ({"a": 1}, {"a": 2}, False),
    "whole and real": ({"a": 1.0}, {"a": 1}, True),
    "true is not one": ({"a": True}, {"a": 1}, False),
    "text is no number": ({"a": "1"}, {"a": 1}, False),
    "another element in a list": ({"a": [1, 2]}, {"a": [1]}, False),
    "an empty mapping that is missing": ({}, {"emptyDir": {}}, False),
}


@pytest.mark.parametrize("case", HOLDS)
def test_what_holds_as_it_is_written(case: str) -> None:
    live, wanted, expected = HOLDS[case]
    assert holds(live, wanted) is expected


def wanted(kind: str, name: str = "istiod", **content: Any) -> ManifestObject:
    return ManifestObject(
        ObjectIdentity("", kind, "istio-system", name), {"kind": kind, "metadata": {"name": name}, **content}
    )


def test_helms_marks_belong_to_what_is_to_be_there() -> None:
    given = wanted("Service", metadata={"name": "istiod", "labels": {"app": "istiod"}}, status={"x": 1})
    assert prescribe(given, None, OWNER) == {
        "kind": "Service",
        "metadata": {"name": "istiod", **MARKS, "labels": {"app": "istiod", "app.kubernetes.io/managed-by": "Helm"}},
    }


SCALER = wanted("HorizontalPodAutoscaler", spec={"scaleTargetRef": {"kind": "Deployment", "name": "istiod"}})
SCALED_BY: dict[str, tuple[list[ManifestObject], dict[str, Any] | None, bool]] = {
    "nobody": ([], {"metadata": {}}, True),
    "the chart's autoscaler": ([SCALER], {"metadata": {}}, False),
    "an autoscaler of another workload": (
        [wanted("HorizontalPodAutoscaler", spec={"scaleTargetRef": {"kind": "Deployment", "name": "other"}})],
        {"metadata": {}},
        True,
    ),
    "the user's autoscaler": (
        [],
        {
            "metadata": {
                "managedFields": [
                    {
                        "manager": "kube-controller-manager",
                        "subresource": "scale",
                        "fieldsV1": {"f:spec": {"f:replicas": {}}},
                    }
                ]
            }
        },
        False,
    ),
    "kubectl scale": (
        [],
        {
            "metadata": {
                "managedFields": [
                    {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
                ]
            }
        },
        True,
    ),
}


@pytest.mark.parametrize("case", SCALED_BY)
def test_replicas_belong_to_an_autoscaler_where_there_is_one(case: str) -> None:
    beside, live, prescribes = SCALED_BY[case]
    given = wanted("Deployment", spec={"replicas": 1, "paused": False})
    spec = prescribe(given, live, OWNER, find_autoscaled([given, *beside], OWNER.namespace))["spec"]
    assert spec == ({"replicas": 1, "paused": False} if prescribes else {"paused": False})


# replicas of the manifest, those that stand, whether an autoscaler of the chart scales it, what is prescribed
NO_REPLICAS: dict[str, tuple[int | None, int, bool, int | None]] = {
    "the manifest names none, as of a gateway": (None, 0, False, 1),
    "the manifest names three": (3, 0, False, 3),
    "an autoscaler leaves alone what has none": (None, 0, True, 1),
    "it is asked for": (0, 0, False, 0),
    "some stand": (None, 2, False, None),
    "some stand beside an autoscaler": (1, 2, True, None),
}


@pytest.mark.parametrize("case", NO_REPLICAS)
def test_a_workload_that_a_hand_left_without_replicas_gets_some(case: str) -> None:
    number, stands, autoscaled_, prescribes = NO_REPLICAS[case]
    given = wanted("Deployment", spec={} if number is None else {"replicas": number})
    scaled = frozenset({("Deployment", "istio-system", "istiod")}) if autoscaled_ else frozenset()
    spec = prescribe(given, {"spec": {"replicas": stands}}, OWNER, scaled)["spec"]
    assert spec == ({} if prescribes is None else {"replicas": prescribes})


@pytest.mark.parametrize(
    ("said", "stands", "prescribes"),
    [({}, {"paused": True}, {"paused": False}), ({}, {}, {}), ({"paused": True}, {"paused": True}, {"paused": True})],
)
def test_a_rollout_that_a_hand_has_paused_goes_on(
    said: dict[str, Any], stands: dict[str, Any], prescribes: dict[str, Any]
) -> None:
    assert prescribe(wanted("Deployment", spec=said), {"spec": stands}, OWNER)["spec"] == prescribes


def test_what_istiod_writes_into_its_webhooks_is_no_difference() -> None:
    given = wanted(
        "ValidatingWebhookConfiguration",
        webhooks=[{"name": "v", "failurePolicy": "Ignore", "clientConfig": {"caBundle": "", "service": {"name": "x"}}}],
    )
    live = {"webhooks": [{"name": "v", "failurePolicy": "Fail", "clientConfig": {"caBundle": "abc"}}]}
    assert prescribe(given, live, OWNER)["webhooks"] == [{"name": "v", "clientConfig": {"service": {"name": "x"}}}]
    assert prescribe(given, None, OWNER)["webhooks"] == given.object["webhooks"], "when it is made anew"


def test_a_policy_of_failure_that_the_user_chose_is_kept() -> None:
    given = wanted("ValidatingWebhookConfiguration", webhooks=[{"name": "v", "failurePolicy": "Fail"}])
    assert prescribe(given, {}, OWNER)["webhooks"][0]["failurePolicy"] == "Fail"


def test_where_objects_differ_in_few_words() -> None:
    before = {"spec": {"replicas": 1, "containers": [{"name": "discovery", "env": [{"name": "A", "value": "x"}]}]}}
    after = {"spec": {"replicas": 2, "containers": [{"name": "discovery", "env": [{"name": "A", "value": "y"}]}]}}
    assert find_differing(before, after) == ["spec.containers[discovery].env[A].value", "spec.replicas"]
    assert find_differing(before, before) == []
    assert len(find_differing({str(n): n for n in range(9)}, {})) == 3
