# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done so that a cluster holds a set as declared, and why: one row per case."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.change import ClusterPlan
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import ClusterRecord, LedgerEntry
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    DESTINATION_RULE,
    NAMESPACE,
    VIRTUAL_SERVICE,
    Kind,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate.plan import (
    COMPONENT,
    Options,
    State,
    dataplane_labels,
    has_lists_of_others,
    make_desired,
    namespaces_of,
    plan,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate.sources import DeclaredObject

API = VIRTUAL_SERVICE.api_version
SIDECAR = {"istio-injection": "enabled"}
OPTIONS = Options("reviews", SIDECAR)
LABELS = {"app.kubernetes.io/managed-by": "onemesh.istio", "onemesh.istio/component": COMPONENT}
SHOP = ObjectId("", "Namespace", "", "shop")


def declared(
    kind: Kind = VIRTUAL_SERVICE, name: str = "reviews", namespace: str = "shop", **spec: Any
) -> DeclaredObject:
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    manifest = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, "spec": spec or {"weight": 10}}
    return DeclaredObject(manifest, "inline")


ROUTE = declared()
RULE = declared(DESTINATION_RULE)


def manager(name: str, *fields: str, labels: bool = False) -> dict[str, Any]:
    """An entry of ``managedFields`` that holds fields of ``spec`` as a whole."""
    held: dict[str, Any] = {"f:spec": {f"f:{field}": {} for field in fields}}
    if labels:
        held["f:metadata"] = {"f:labels": {f"f:{label}": {} for label in (*LABELS, "onemesh.istio/set")}}
    return {"manager": name, "operation": "Apply", "time": "2026-11-21T12:00:00Z", "fieldsV1": held}


def stands(each: DeclaredObject, name: str = "reviews", *, uid: str = "u1", **spec: Any) -> dict[str, Any]:
    """The object as we wrote it for a set, with other values where ``spec`` says so."""
    live = copy.deepcopy(make_desired(each, replace(OPTIONS, name=name)))
    live["metadata"].update(
        uid=uid, resourceVersion="7", managedFields=[manager("onemesh.istio", *live["spec"], labels=True)]
    )
    live["spec"].update(spec)
    return live


def of_another(each: DeclaredObject = ROUTE) -> dict[str, Any]:
    live = copy.deepcopy(dict(each.manifest))
    live["metadata"].update(uid="u7", managedFields=[manager("helm", "weight")])
    return live


def namespace(*, uid: str = "n1", ours: bool = False, **labels: str) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "shop", "uid": uid, "labels": labels, "managedFields": []}
    if ours:
        metadata["labels"] = {**labels, **LABELS, "onemesh.istio/set": "reviews"}
        metadata["managedFields"] = [manager("onemesh.istio", labels=True)]
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


READY = namespace(**SIDECAR)


def state(*live: dict[str, Any], shop: dict[str, Any] | None = None, unserved: str = "", bare: bool = False) -> State:
    """What a cluster has; ``shop`` is its namespace (default: READY), with ``bare`` there is none."""
    there = None if bare else shop or READY
    kinds = (VIRTUAL_SERVICE, DESTINATION_RULE, CONFIG_MAP, NAMESPACE)
    return State(
        objects={ObjectId.of(each): each for each in live},
        namespaces={"shop": there} if there is not None else {},
        kinds={(kind.api_version, kind.kind): kind for kind in kinds if kind.kind != unserved},
        unserved={(API, unserved): "it does not serve it"} if unserved else {},
    )


def held(*entries: LedgerEntry) -> ClusterRecord:
    return ClusterRecord({entry.id: entry for entry in entries})


def entry(each: DeclaredObject | ObjectId, hold: Any = "created", uid: str | None = "u1") -> LedgerEntry:
    key = each if isinstance(each, ObjectId) else each.id
    return LedgerEntry(key, "v1" if key.kind == "Namespace" else API, hold, uid=uid)


def said(found: ClusterPlan) -> list[str]:
    """Actions, what is unchanged, and findings, in words."""
    return [
        *(f"{each.verb} {each.id.kind}: {each.reason}{', force' if each.force else ''}" for each in found.actions),
        *(f"unchanged {each.id.kind}" for each in found.unchanged),
        *(f"{each.severity} {each.check} {each.object.partition(' ')[0]}" for each in found.findings),
    ]


CHANGED_BY_OTHERS = stands(ROUTE, weight=99)
CHANGED_BY_OTHERS["metadata"]["managedFields"].append(manager("kubectl-edit", "weight"))
COPY = {**stands(ROUTE, uid="u9")}
COPY["metadata"] = {**COPY["metadata"], "managedFields": [manager("velero", "weight")]}

OBJECTS: dict[str, tuple[State, ClusterRecord, Options, list[str]]] = {
    "missing": (state(), held(), OPTIONS, ["apply VirtualService: is not there"]),
    "missing and recorded": (state(), held(entry(ROUTE)), OPTIONS, ["apply VirtualService: is not there"]),
    "unchanged": (state(stands(ROUTE)), held(entry(ROUTE)), OPTIONS, ["unchanged VirtualService"]),
    "unchanged, known by labels only": (state(stands(ROUTE)), held(), OPTIONS, ["unchanged VirtualService"]),
    "its first answer was lost": (
        state(stands(ROUTE)), held(entry(ROUTE, uid=None)), OPTIONS, ["unchanged VirtualService"],
    ),
    "others set fields beside ours": (
        state(stands(ROUTE, exportTo=["."])), held(entry(ROUTE)), OPTIONS, ["unchanged VirtualService"],
    ),
    "drift": (
        state(CHANGED_BY_OTHERS),
        held(entry(ROUTE)),
        OPTIONS,
        ["apply VirtualService: was changed by somebody else, force", "warning drift VirtualService"],
    ),
    "newly declared": (
        state(stands(declared(weight=50))),
        held(entry(ROUTE)),
        OPTIONS,
        ["apply VirtualService: is declared anew"],
    ),
    "newly declared, with force": (
        state(stands(declared(weight=50))),
        held(entry(ROUTE)),
        replace(OPTIONS, force=True),
        ["apply VirtualService: is declared anew, force"],
    ),
    "somebody's": (state(of_another()), held(), OPTIONS, ["error object-of-another VirtualService"]),
    "somebody's, taken over": (
        state(of_another()), held(), replace(OPTIONS, adopt=True), ["apply VirtualService: is taken over, force"],
    ),
    "somebody's, made anew under the name of ours": (
        state(of_another()), held(entry(ROUTE)), OPTIONS, ["error object-of-another VirtualService"],
    ),
    "of another set": (
        state(stands(ROUTE, "ratings")), held(), OPTIONS, ["error object-of-another VirtualService"],
    ),
    "of another set, with adopt": (
        state(stands(ROUTE, "ratings")),
        held(),
        replace(OPTIONS, adopt=True),
        ["error object-of-another VirtualService"],
    ),
    "a copy of ours with another UID": (
        state(COPY), held(entry(ROUTE)), OPTIONS, ["error object-of-another VirtualService"],
    ),
    "a copy of ours that no record knows": (
        state(COPY), held(), OPTIONS, ["error object-of-another VirtualService"],
    ),
    "not served": (
        state(unserved="VirtualService"), held(), OPTIONS, ["error not-served VirtualService"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OBJECTS, ids=str)
def test_what_is_done_with_an_object(case: str) -> None:
    found, part, options, expected = OBJECTS[case]
    assert said(plan("west", [ROUTE], found, part, options)) == expected


NAMESPACES: dict[str, tuple[dict[str, Any] | None, ClusterRecord, Options, list[str]]] = {
    "missing": (None, held(), OPTIONS, ["apply Namespace: is not there"]),
    "missing and not to be made": (
        None, held(), replace(OPTIONS, create_namespaces=False), ["error namespace-missing Namespace"],
    ),
    "somebody's, labelled": (READY, held(), OPTIONS, []),
    "somebody's, labelled, to be enforced": (READY, held(), replace(OPTIONS, enforce_namespace_labels=True), []),
    "somebody's, not labelled": (namespace(), held(), OPTIONS, ["warning namespace-labels-missing Namespace"]),
    "somebody's, labelled otherwise": (
        namespace(**{"istio-injection": "disabled"}), held(), OPTIONS, ["warning namespace-labels-missing Namespace"],
    ),
    "somebody's, not labelled, to be enforced": (
        namespace(), held(), replace(OPTIONS, enforce_namespace_labels=True), ["apply Namespace: lacks labels"],
    ),
    "ours": (namespace(ours=True, **SIDECAR), held(entry(SHOP, uid="n1")), OPTIONS, ["unchanged Namespace"]),
    "ours, its label gone": (
        namespace(ours=True), held(entry(SHOP, uid="n1")), OPTIONS, ["apply Namespace: lacks labels"],
    ),
    "ours, made anew by somebody": (
        namespace(), held(entry(SHOP, uid="n0")), OPTIONS, ["warning namespace-labels-missing Namespace"],
    ),
    "no label is asked for": (namespace(), held(), replace(OPTIONS, namespace_labels={}), []),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMESPACES, ids=str)
def test_what_is_done_with_the_namespace(case: str) -> None:
    live, part, options, expected = NAMESPACES[case]
    options = replace(options, prune=False)
    found = plan("west", [ROUTE], state(stands(ROUTE), shop=live, bare=live is None), part, options)
    assert [words for words in said(found) if "VirtualService" not in words] == expected


def test_a_namespace_that_only_has_labels_of_ours_is_somebodys_still() -> None:
    options = replace(OPTIONS, enforce_namespace_labels=True)
    (action,) = plan("west", [ROUTE], state(stands(ROUTE), shop=namespace()), held(), options).actions
    assert action.hold == "edited"
    assert action.desired == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": SIDECAR}}


PRUNED: dict[str, tuple[State, ClusterRecord, Options, list[str]]] = {
    "recorded": (
        state(stands(RULE)), held(entry(RULE)), OPTIONS, ["DestinationRule created"],
    ),
    "recorded and gone already": (state(), held(entry(RULE)), OPTIONS, ["DestinationRule created"]),
    "known by labels only": (state(stands(RULE)), held(), OPTIONS, ["DestinationRule created"]),
    "somebody's that was taken over": (
        state(stands(RULE)), held(entry(RULE, "adopted")), OPTIONS, ["DestinationRule adopted"],
    ),
    "a copy that somebody made": (state({**COPY, **{"kind": "DestinationRule"}}), held(), OPTIONS, []),
    "somebody's": (state(of_another(RULE)), held(), OPTIONS, []),
    "not asked for": (state(stands(RULE)), held(entry(RULE)), replace(OPTIONS, prune=False), []),
    "of a type that is not served any more": (
        state(unserved="DestinationRule"), held(entry(RULE)), OPTIONS, [],
    ),
    "a namespace that nothing is in any more": (
        state(), held(entry(ObjectId("", "Namespace", "", "old"), uid="n9")), OPTIONS, ["Namespace created"],
    ),
    "the namespace of what is declared": (state(), held(entry(SHOP, uid="n1")), OPTIONS, []),
}  # fmt: skip


@pytest.mark.parametrize("case", PRUNED, ids=str)
def test_what_is_no_longer_declared_ends(case: str) -> None:
    found, part, options, expected = PRUNED[case]
    actions = plan("west", [ROUTE], found, part, options).actions
    assert [f"{each.id.kind} {each.hold}" for each in actions if each.verb == "end"] == expected


def test_what_is_declared_is_applied_with_our_labels_and_where_it_comes_from() -> None:
    (action,) = plan("west", [ROUTE], state(), held(), OPTIONS).actions
    assert action.desired is not None
    metadata = action.desired["metadata"]
    assert metadata["labels"] == {**LABELS, "onemesh.istio/set": "reviews"}
    assert metadata["annotations"] == {"onemesh.istio/source": "inline", "onemesh.istio/hash": action.hash}
    assert action.desired["spec"] == ROUTE.manifest["spec"]
    assert "labels" not in ROUTE.manifest["metadata"], "the declaration is untouched"


def test_the_drift_names_who_wrote_last() -> None:
    found = plan("west", [ROUTE], state(CHANGED_BY_OTHERS), held(entry(ROUTE)), OPTIONS)
    assert "kubectl-edit at 2026-11-21T12:00:00Z" in found.findings[0].message


def test_the_object_of_another_set_is_named_with_that_set() -> None:
    (finding,) = plan("west", [ROUTE], state(stands(ROUTE, "ratings")), held(), OPTIONS).findings
    assert "set ratings" in finding.message
    assert "adopt" not in finding.remedy


def test_the_hash_is_of_all_that_is_declared_whatever_stands_there_and_in_which_order() -> None:
    hashes = {
        plan("west", objects, found, held(), OPTIONS).hash
        for objects in ([ROUTE, RULE], [RULE, ROUTE])
        for found in (state(), state(stands(ROUTE)), state(of_another()))
    }
    assert len(hashes) == 1
    assert plan("west", [ROUTE], state(), held(), OPTIONS).hash not in hashes


def test_a_namespaced_object_without_a_namespace_is_an_error() -> None:
    found = plan("west", [declared(CONFIG_MAP, namespace="")], state(), held(), OPTIONS)
    assert said(found) == ["error namespace-not-given ConfigMap"]


def test_a_namespace_that_is_declared_is_not_made_twice() -> None:
    own = DeclaredObject({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, "inline")
    assert namespaces_of([ROUTE, RULE, declared(namespace="other")]) == ["shop", "other"]
    assert namespaces_of([own, ROUTE]) == []


@pytest.mark.parametrize(
    ("dataplane", "labels"),
    [
        ("sidecar", {"istio-injection": "enabled"}),
        ("ambient", {"istio.io/dataplane-mode": "ambient"}),
        ("revision:1-31", {"istio.io/rev": "1-31"}),
        ("none", {}),
    ],
)
def test_the_labels_of_a_dataplane(dataplane: str, labels: dict[str, str]) -> None:
    assert dataplane_labels(dataplane) == labels


@pytest.mark.parametrize("dataplane", ["", "revision:", "revision", "cart"])
def test_an_unknown_dataplane_is_refused_with_those_that_are_known(dataplane: str) -> None:
    with pytest.raises(ValueError, match=r"expected sidecar, ambient, none or revision:NAME$"):
        dataplane_labels(dataplane)


LISTS: dict[str, tuple[dict[str, Any], list[dict[str, Any]], bool]] = {
    "as declared": ({"http": [{"a": 1}]}, [manager("onemesh.istio", "http")], False),
    "with defaults, ours": ({"http": [{"a": 1, "b": 2}]}, [manager("onemesh.istio", "http")], False),
    "with more, somebody's": ({"http": [{"a": 1, "b": 2}]}, [manager("kubectl", "http")], True),
    "as declared, somebody's": ({"http": [{"a": 1}]}, [manager("kubectl", "http")], False),
    "with defaults, ours too": (
        {"http": [{"a": 1, "b": 2}]},
        [manager("kubectl", "http"), manager("onemesh.istio", "http")],
        False,
    ),
    "another list is somebody's": (
        {"http": [{"a": 1, "b": 2}], "tcp": [1]},
        [manager("kubectl", "tcp"), manager("onemesh.istio", "http")],
        False,
    ),
}


@pytest.mark.parametrize("case", LISTS, ids=str)
def test_a_list_that_somebody_else_has_written(case: str) -> None:
    spec, managers, expected = LISTS[case]
    live = {"metadata": {"name": "reviews", "managedFields": managers}, "spec": spec}
    assert has_lists_of_others(live, {"metadata": {"name": "reviews"}, "spec": {"http": [{"a": 1}]}}) is expected
