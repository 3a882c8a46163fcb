# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be done so that a cluster holds a set as declared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.actions import Action
from ..._change.change import ClusterPlan
from ..._change.finding_kinds import DRIFT
from ..._change.ledger import ClusterRecord, LedgerEntry
from ..._change.objects import ObjectId, content_hash, covers
from ..._change.report import Touched
from ..._change.settle import is_held
from ..._finding_kinds import NOT_SERVED, OBJECT_OF_ANOTHER
from ..._findings import Finding
from ..._istio import names
from ..._kube.kinds import NAMESPACE, Kind
from ..._ownership import (
    ANNOTATION_HASH,
    ANNOTATION_SOURCE,
    LABEL_SET,
    describe_last_writer,
    is_our_manager,
    is_ours,
    owned_in_set,
)
from ..finding_kinds import NAMESPACE_LABELS_MISSING, NAMESPACE_MISSING, NAMESPACE_NOT_GIVEN
from .sources import DeclaredObject

COMPONENT = "replicate"


@dataclass(frozen=True)
class Options:
    """What is asked of the set as a whole. ``namespace_labels`` are for namespaces that are made."""

    name: str
    namespace_labels: Mapping[str, str]
    create_namespaces: bool = True
    enforce_namespace_labels: bool = False
    adopt: bool = False
    force: bool = False
    prune: bool = True


@dataclass(frozen=True)
class State:
    """What stands on a cluster: the declared objects, all that has our labels, and the namespaces declared or used.

    ``kinds`` are the types of all of these, as this cluster serves them.
    """

    objects: Mapping[ObjectId, dict[str, Any]]
    namespaces: Mapping[str, dict[str, Any]]
    kinds: Mapping[tuple[str, str], Kind]
    unserved: Mapping[tuple[str, str], str]


def dataplane_labels(dataplane: str) -> dict[str, str]:
    """Labels that put a namespace into the mesh: sidecar, ``revision:NAME``, ambient or none.

    Raises ValueError.
    """
    kind, _separator, revision = dataplane.partition(":")
    if kind == "revision" and revision:
        return {names.REVISION_LABEL: revision}
    labels = {"sidecar": {names.INJECTION_LABEL: "enabled"}, "ambient": {names.DATAPLANE_LABEL: "ambient"}, "none": {}}
    if dataplane not in labels:
        raise ValueError(f"dataplane is {dataplane!r}, expected sidecar, ambient, none or revision:NAME")
    return labels[dataplane]


def make_desired(each: DeclaredObject, options: Options) -> dict[str, Any]:
    """What is applied: the object as declared, with our labels, where it is declared, and its hash."""
    manifest = owned_in_set(each.manifest, COMPONENT, options.name)
    metadata = manifest["metadata"]
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        ANNOTATION_SOURCE: each.source,
        ANNOTATION_HASH: each.hash,
    }
    return manifest


def namespaces_of(declared: Iterable[DeclaredObject]) -> list[str]:
    """The namespaces that objects are declared in and that are not declared themselves."""
    items = list(declared)
    own = {each.id.name for each in items if each.id[:2] == ("", "Namespace")}
    return [name for name in dict.fromkeys(each.id.namespace for each in items) if name and name not in own]


def plan(
    cluster: str, declared: Sequence[DeclaredObject], state: State, part: ClusterRecord, options: Options
) -> ClusterPlan:
    """Everything that differs, in no order: the engine writes by stages."""
    actions: list[Action] = []
    unchanged: list[Touched] = []
    findings: list[Finding] = []

    def add(found: Action | Touched | Finding) -> None:
        if isinstance(found, Action):
            actions.append(found)
        elif isinstance(found, Touched):
            unchanged.append(found)
        else:
            findings.append(found)

    for name in namespaces_of(declared):
        for found in _plan_namespace(cluster, name, state.namespaces.get(name), part, options):
            add(found)
    for each in declared:
        for found in _plan_object(cluster, each, state, part, options):
            add(found)
    wanted = {each.id for each in declared} | {ObjectId("", "Namespace", "", name) for name in namespaces_of(declared)}
    actions += _end_undeclared(state, part, options, wanted) if options.prune else []
    return ClusterPlan(
        tuple(actions),
        tuple(unchanged),
        tuple(findings),
        content_hash(sorted([*each.id, each.hash] for each in declared)),
    )


def _plan_object(
    cluster: str, each: DeclaredObject, state: State, part: ClusterRecord, options: Options
) -> list[Action | Touched | Finding]:
    key = (str(each.manifest["apiVersion"]), each.id.kind)
    if key in state.unserved:
        return [
            Finding(
                cluster, NOT_SERVED, state.unserved[key], "install its CustomResourceDefinition", object=str(each.id)
            )
        ]
    kind = state.kinds[key]
    if kind.namespaced and not each.id.namespace:
        return [
            Finding(
                cluster,
                NAMESPACE_NOT_GIVEN,
                f"is declared in {each.source} without a namespace",
                "set metadata.namespace, or the option namespace for all that have none",
                object=str(each.id),
            )
        ]
    live, entry = state.objects.get(each.id), part.objects.get(each.id)
    desired = make_desired(each, options)
    digest = desired["metadata"]["annotations"][ANNOTATION_HASH]
    if live is None:
        return [Action(each.id, kind, "apply", "is not there", "created", desired=desired, hash=digest)]
    if is_held(live, COMPONENT, options.name, entry.uid if entry is not None else None):
        return _plan_held(cluster, each.id, kind, live, desired, digest, options)
    if options.adopt and not is_ours(live):
        return [
            Action(
                each.id,
                kind,
                "apply",
                "is taken over",
                "adopted",
                before=live,
                desired=desired,
                hash=digest,
                force=True,
            )
        ]
    return [_report_in_the_way(cluster, each.id, live)]


def _plan_held(
    cluster: str,
    name: ObjectId,
    kind: Kind,
    live: dict[str, Any],
    desired: dict[str, Any],
    digest: str,
    options: Options,
) -> list[Action | Touched | Finding]:
    if covers(live, desired) and not has_lists_of_others(live, desired):
        return [Touched(name, "unchanged", live, live)]
    same = (live["metadata"].get("annotations") or {}).get(ANNOTATION_HASH) == digest
    action = Action(
        name,
        kind,
        "apply",
        "was changed by somebody else" if same else "is declared anew",
        "created",
        before=live,
        desired=desired,
        hash=digest,
        # What we declared already is put right whoever changed it; what is new may be somebody else's field.
        force=options.force or same,
    )
    return [action, _report_drift(cluster, name, live, desired)] if same else [action]


def has_lists_of_others(live: Mapping[str, Any], desired: Mapping[str, Any]) -> bool:
    """Whether somebody else has written a list of ours, and it is not as declared although it covers that.

    Custom resources have lists that belong to one manager as a whole (all routes of a VirtualService), so that a field
    which is added to one element is drift; in lists that we hold, it is a default of the API server.
    """
    ours = [
        entry.get("fieldsV1") or {}
        for entry in live["metadata"].get("managedFields") or []
        if is_our_manager(str(entry.get("manager") or ""))
    ]
    return _differs_in_a_list(live, desired, ours)


def _differs_in_a_list(live: Mapping[str, Any], desired: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> bool:
    for key, value in desired.items():
        managed = [fields[f"f:{key}"] for fields in ours if f"f:{key}" in fields]
        if isinstance(value, Mapping):
            if _differs_in_a_list(live[key], value, managed):
                return True
        elif isinstance(value, list) and not managed and live[key] != value:
            return True
    return False


def _report_drift(cluster: str, name: ObjectId, live: Mapping[str, Any], desired: Mapping[str, Any]) -> Finding:
    return Finding(
        cluster,
        DRIFT,
        f"differs from what is declared (last written by {describe_last_writer(live, desired)}), and is put right",
        "keep whoever writes it from doing so, or declare what they want",
        "warning",
        str(name),
    )


def _report_in_the_way(cluster: str, name: ObjectId, live: Mapping[str, Any]) -> Finding:
    labels = live["metadata"].get("labels") or {}
    if is_ours(live) and labels.get(LABEL_SET):
        message = f"has the labels of set {labels[LABEL_SET]} of this collection, and is not what that set recorded"
        remedy = "remove it from the other set first, or delete it where it is a copy that somebody made"
    else:
        message = "is there already, and was not made by this set"
        remedy = "set adopt: true to take it over (it is given back as it is when the set goes), or delete it"
    return Finding(cluster, OBJECT_OF_ANOTHER, message, remedy, object=str(name))


def _plan_namespace(
    cluster: str, name: str, live: dict[str, Any] | None, part: ClusterRecord, options: Options
) -> list[Action | Touched | Finding]:
    key = ObjectId("", "Namespace", "", name)
    labels = dict(options.namespace_labels)
    if live is None:
        if not options.create_namespaces:
            return [
                Finding(
                    cluster,
                    NAMESPACE_MISSING,
                    "is not there",
                    "create it, or set create_namespace: true",
                    object=str(key),
                )
            ]
        manifest = _make_namespace(name, options, ours=True)
        return [Action(key, NAMESPACE, "apply", "is not there", "created", desired=manifest)]
    present = live["metadata"].get("labels") or {}
    entry = part.objects.get(key)
    ours = entry is not None and is_held(live, COMPONENT, options.name, entry.uid)
    if covers(present, labels):
        return [Touched(key, "unchanged", live, live)] if ours else []
    if ours or options.enforce_namespace_labels:
        manifest = _make_namespace(name, options, ours=ours)
        return [
            Action(
                key,
                NAMESPACE,
                "apply",
                "lacks labels",
                "created" if ours else "edited",
                before=live,
                desired=manifest,
                force=options.force,
            )
        ]
    lacking = ", ".join(f"{label}={value}" for label, value in labels.items() if present.get(label) != value)
    return [
        Finding(
            cluster,
            NAMESPACE_LABELS_MISSING,
            f"was there before, without {lacking}",
            "label it yourself, or set enforce_namespace_labels: true",
            "warning",
            str(key),
        )
    ]


def _make_namespace(name: str, options: Options, *, ours: bool) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(options.namespace_labels)}
    manifest: dict[str, Any] = {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind, "metadata": metadata}
    return owned_in_set(manifest, COMPONENT, options.name) if ours else manifest


def _end_undeclared(state: State, part: ClusterRecord, options: Options, wanted: set[ObjectId]) -> list[Action]:
    """What we hold of the set, or has its labels, and is not declared any more."""
    ended: dict[ObjectId, LedgerEntry | None] = {key: entry for key, entry in part.objects.items() if key not in wanted}
    for key, live in state.objects.items():
        if key not in wanted and key not in ended and is_held(live, COMPONENT, options.name, None):
            ended[key] = None
    actions = []
    for key, entry in ended.items():
        found = state.objects.get(key) or (state.namespaces.get(key.name) if key.kind == "Namespace" else None)
        api_version = entry.api_version if entry is not None else str((found or {}).get("apiVersion"))
        kind = NAMESPACE if key[:2] == ("", "Namespace") else state.kinds.get((api_version, key.kind))
        if kind is None:
            continue
        hold = entry.hold if entry is not None else "created"
        actions.append(Action(key, kind, "end", "is not declared any more", hold, before=found))
    return actions
