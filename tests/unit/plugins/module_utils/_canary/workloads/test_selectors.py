# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which labels the pods of both sides are selected, and who selects pods of somebody else with them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.managed import make_services, read_service
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.primary import make_primary
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.selectors import (
    SelectorLabel,
    find_selector_label,
    labels_of_pods,
    list_fixed_labels,
    make_primary_selector,
    select_primaries,
    selects,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import Object, workload

NAME, INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"


def selecting(labels: Object, *expressions: Object, name: str = "web", pods: Object | None = None) -> Object:
    """A workload with this selector, whose pods have these labels and ``pods``."""
    selector = {"matchLabels": labels, **({"matchExpressions": list(expressions)} if expressions else {})}
    live = workload(name=name, selector=selector)
    live["spec"]["template"]["metadata"]["labels"] = {**labels, **(pods or {})}
    return live


def expression(key: str, operator: str, *values: str) -> Object:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


# The label that tells the sides apart


@pytest.mark.parametrize(
    ("live", "names", "expected"),
    [
        (selecting({"app": "web", "name": "x"}), ("app", "name"), ("app", "web", "web-primary")),
        (selecting({"tier": "front", "name": "x"}), ("app", "name"), ("name", "x", "x-primary")),
        (selecting({"tier": "front"}), ("tier",), ("tier", "front", "front-primary")),
        (selecting({}, expression("app", "In", "web")), ("app",), ("app", "web", "web-primary")),
    ],
)
def test_the_first_label_of_the_selector_counts(live: Object, names: Any, expected: tuple[str, ...]) -> None:
    found = find_selector_label(live, names)
    assert (found.name, found.value, found.primary) == expected


@pytest.mark.parametrize(
    "live", [selecting({"tier": "front"}), selecting({"tier": "front"}, expression("app", "Exists"))]
)
def test_a_selector_without_any_of_the_labels_is_refused(live: Object) -> None:
    with pytest.raises(MeshError, match="selector has the labels tier, and one of app, name"):
        find_selector_label(live)


def test_a_value_that_has_no_room_for_the_suffix_is_refused() -> None:
    with pytest.raises(MeshError, match="would have 64 characters with -primary, and 63 are allowed"):
        find_selector_label(selecting({"app": "w" * 56}))


# The selector of the stable side

SELECTORS: dict[str, tuple[Object, Object]] = {
    "one label": ({"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "web-primary"}}),
    "several labels": (
        {"matchLabels": {"app": "web", "tier": "front"}},
        {"matchLabels": {"app": "web-primary", "tier": "front"}},
    ),
    "an expression beside it": (
        {"matchLabels": {"app": "web"}, "matchExpressions": [expression("tier", "NotIn", "back")]},
        {"matchLabels": {"app": "web-primary"}, "matchExpressions": [expression("tier", "NotIn", "back")]},
    ),
    "an expression of the same label": (
        {"matchExpressions": [expression("app", "In", "web", "shop"), expression("tier", "Exists")]},
        {"matchExpressions": [expression("app", "In", "web-primary", "shop"), expression("tier", "Exists")]},
    ),
}


@pytest.mark.parametrize(("selector", "expected"), SELECTORS.values(), ids=SELECTORS)
def test_the_whole_selector_is_kept_and_one_label_of_it_has_another_value(selector: Object, expected: Object) -> None:
    assert make_primary_selector(selector, SelectorLabel("app", "web")) == expected


def primary_of(target: Object, live: Object | None = None) -> Object:
    return make_primary(target, f"{target['metadata']['name']}-primary", live, copy=True, revision="r", configs={})


def selected(target: Object, *workloads: Object, live_primary: Object | None = None) -> dict[str, list[str]]:
    """For each Service of the release of ``target``, whose pods it leads to."""
    made = make_services(read_service({"port": 80}, target, live_primary))
    return {
        each["metadata"]["name"]: [
            other["metadata"]["name"]
            for other in workloads
            if selects({"matchLabels": each["spec"]["selector"]}, labels_of_pods(other))
        ]
        for each in made
    }


@pytest.mark.parametrize(
    "expressions", [(), (expression("app.kubernetes.io/component", "In", "server"),)], ids=["labels", "expressions"]
)
def test_two_instances_of_one_chart_are_told_apart(expressions: tuple[Object, ...]) -> None:
    instances = [
        selecting(
            {NAME: "myapp", INSTANCE: name}, *expressions, name=name, pods={"app.kubernetes.io/component": "server"}
        )
        for name in ("prod0", "prod1")
    ]
    primaries = [primary_of(each) for each in instances]
    for instance, primary in zip(instances, primaries, strict=True):
        name = instance["metadata"]["name"]
        assert primary["spec"]["selector"]["matchLabels"] == {NAME: "myapp-primary", INSTANCE: name}
        assert selected(instance, *instances, *primaries) == {
            name: [f"{name}-primary"],
            f"{name}-primary": [f"{name}-primary"],
            f"{name}-canary": [name],
        }


def test_a_primary_of_an_earlier_version_is_selected_by_the_whole_selector_too() -> None:
    """Its selector has one label, and cannot be changed; its pods have all."""
    target = selecting({NAME: "myapp", INSTANCE: "prod0"}, name="prod0")
    earlier = primary_of(target)
    earlier["spec"]["selector"] = {"matchLabels": {NAME: "myapp-primary"}}
    assert primary_of(target, earlier)["spec"]["selector"] == {"matchLabels": {NAME: "myapp-primary"}}
    assert select_primaries(target, find_selector_label(target), earlier) == {NAME: "myapp-primary", INSTANCE: "prod0"}


@pytest.mark.parametrize("labels", [{"app": "shop"}, {"app": "web", "tier": "front"}])
def test_a_primary_of_a_workload_with_another_selector_is_selected_by_its_own(labels: Object) -> None:
    """The workload was made anew, and no Service may lose the pods that run."""
    earlier = primary_of(selecting({"app": "web"}))
    assert selected(selecting(labels), earlier, live_primary=earlier)["web"] == ["web-primary"]


# What a selector selects

SELECTED: dict[str, tuple[Object, bool]] = {
    "everything": ({}, True),
    "the label": ({"matchLabels": {"app": "web"}}, True),
    "another value": ({"matchLabels": {"app": "shop"}}, False),
    "a label that it lacks": ({"matchLabels": {"app": "web", "tier": "front"}}, False),
    "one of several": ({"matchExpressions": [expression("app", "In", "web", "shop")]}, True),
    "none of several": ({"matchExpressions": [expression("app", "In", "a", "b")]}, False),
    "one of several of a label that it lacks": ({"matchExpressions": [expression("tier", "In", "a")]}, False),
    "all but it": ({"matchExpressions": [expression("app", "NotIn", "web")]}, False),
    "all but another": ({"matchExpressions": [expression("app", "NotIn", "shop")]}, True),
    "all but one of a label that it lacks": ({"matchExpressions": [expression("tier", "NotIn", "a")]}, True),
    "what has the label": ({"matchExpressions": [expression("app", "Exists")]}, True),
    "what has another label": ({"matchExpressions": [expression("tier", "Exists")]}, False),
    "what lacks the label": ({"matchExpressions": [expression("app", "DoesNotExist")]}, False),
    "what lacks another label": ({"matchExpressions": [expression("tier", "DoesNotExist")]}, True),
    "a word that nobody knows": ({"matchExpressions": [expression("app", "Near", "web")]}, False),
    "label and expression": (
        {"matchLabels": {"app": "web"}, "matchExpressions": [expression("app", "NotIn", "web")]},
        False,
    ),
}


@pytest.mark.parametrize(("selector", "expected"), SELECTED.values(), ids=SELECTED)
def test_what_a_selector_selects(selector: Object, expected: bool) -> None:
    assert selects(selector, {"app": "web"}) is expected


def test_labels_that_have_one_value_only() -> None:
    assert list_fixed_labels(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                expression("a", "In", "1"),
                expression("b", "In", "1", "2"),
                expression("c", "Exists"),
            ],
        }
    ) == {"app": "web", "a": "1"}
