# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which labels the pods of both sides are selected. Pure.

The stable side has the whole selector of the workload, and one label of it has another value. Flagger keeps that one
label alone, so that two instances of one chart, which differ in another one, end with the pods of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from ..._findings import Finding, MeshError
from ..._kube.kinds import kind_of
from ..finding_kinds import SELECTOR_LABEL

Object = dict[str, Any]
Labels = Mapping[str, str]

SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
"""Of these labels the first that a workload selects its pods by tells the two sides apart."""

_LONGEST_LABEL = 63
_PRIMARY = "-primary"


class SelectorLabel(NamedTuple):
    """The label that tells the sides apart, with the value of the workload's own pods."""

    name: str
    value: str

    @property
    def primary(self) -> str:
        """The value of the stable side's pods."""
        return self.value + _PRIMARY


def find_selector_label(
    target: Mapping[str, Any], names: Sequence[str] = SELECTOR_LABELS, *, cluster: str = ""
) -> SelectorLabel:
    """The first of ``names`` that the workload selects its pods by. Raises MeshError where there is none."""
    selected = list_fixed_labels(_selector_of(target))
    found = next((name for name in names if name in selected), None)
    if found is None:
        raise _refuse(
            target,
            cluster,
            f"the selector has the labels {', '.join(selected) or 'none'}, and one of {', '.join(names)} is expected",
            "name one of its labels that no other workload shares",
        )
    label = SelectorLabel(found, selected[found])
    if len(label.primary) > _LONGEST_LABEL:
        raise _refuse(
            target,
            cluster,
            f"label {found} would have {len(label.primary)} characters with {_PRIMARY}, and {_LONGEST_LABEL} are "
            "allowed",
            "name another label of its selector, or shorten its value",
        )
    return label


def select_own(target: Mapping[str, Any]) -> dict[str, str]:
    """The labels by which a Service selects the workload's own pods."""
    return list_fixed_labels(_selector_of(target))


def select_primaries(
    target: Mapping[str, Any], label: SelectorLabel, live_primary: Mapping[str, Any] | None
) -> dict[str, str]:
    """The labels by which a Service selects the stable side's pods.

    A primary whose pods lack one of them was made of a workload with another selector, which cannot be changed: then
    they are selected by what the primary itself selects them by.
    """
    wanted = {**select_own(target), label.name: label.primary}
    if live_primary is None or selects({"matchLabels": wanted}, labels_of_pods(live_primary)):
        return wanted
    return list_fixed_labels(_selector_of(live_primary))


def make_primary_selector(selector: Mapping[str, Any], label: SelectorLabel) -> Object:
    """A selector of the workload's own pods as one of the stable side's: all of it, with the other value."""
    result = deepcopy(dict(selector))
    if (selector.get("matchLabels") or {}).get(label.name) == label.value:
        result["matchLabels"] = {**selector["matchLabels"], label.name: label.primary}
    if selector.get("matchExpressions"):
        result["matchExpressions"] = [
            {**each, "values": [label.primary if value == label.value else value for value in each.get("values") or ()]}
            if each.get("key") == label.name and each.get("values")
            else each
            for each in selector["matchExpressions"]
        ]
    return result


def labels_of_pods(workload: Mapping[str, Any]) -> dict[str, str]:
    """The labels of the pods of a workload."""
    return dict((workload["spec"]["template"].get("metadata") or {}).get("labels") or {})


def list_fixed_labels(selector: Mapping[str, Any]) -> dict[str, str]:
    """The labels that have one value only in all that a Kubernetes LabelSelector selects."""
    single = {
        each["key"]: each["values"][0]
        for each in selector.get("matchExpressions") or ()
        if each.get("operator") == "In" and len(each.get("values") or ()) == 1
    }
    return {**single, **(selector.get("matchLabels") or {})}


def selects(selector: Mapping[str, Any], labels: Labels) -> bool:
    """Whether a Kubernetes LabelSelector selects what has these labels; an empty one selects everything."""
    return all(labels.get(name) == value for name, value in (selector.get("matchLabels") or {}).items()) and all(
        _fits(each, labels) for each in selector.get("matchExpressions") or ()
    )


def _fits(expression: Mapping[str, Any], labels: Labels) -> bool:
    found, values = labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": found is not None and found in values,
        "NotIn": found is None or found not in values,
        "Exists": found is not None,
        "DoesNotExist": found is None,
    }.get(expression.get("operator") or "", False)


def _selector_of(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    return workload["spec"].get("selector") or {}


def _refuse(target: Mapping[str, Any], cluster: str, message: str, remedy: str) -> MeshError:
    metadata = target["metadata"]
    described = kind_of(target).describe(metadata["name"], metadata.get("namespace"))
    finding = Finding(cluster, SELECTOR_LABEL, message, remedy, object=described)
    return MeshError("The sides of the canary cannot be told apart.", [finding])
