# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours and how that is known: by label and recorded UID, never by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Union

FIELD_MANAGER = "onemesh.istio"

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "onemesh.istio"
LABEL_COMPONENT = "onemesh.istio/component"
"""Which operation or role wrote the object: trust, link, eastwest-gateway, namespace."""

ANNOTATION_UID = "onemesh.istio/uid"
"""UID that the API server gave to an object when we created it; a namesake made by someone else has another."""


ANNOTATION_RECORDS_OF = "onemesh.istio/records-of"
"""On the namespace of the records: those that stood in this namespace before have all been taken along."""


def records_namespace(istio_namespace: str) -> str:
    """Where the records are by default: Secrets of ours that whoever changes routes has to write stand apart from
    Istio's. Meshes that share a cluster have one each, as they have of Istio's."""
    return f"onemesh-{'system' if istio_namespace == 'istio-system' else istio_namespace}"


LABEL_SET = "onemesh.istio/set"
"""Which set of objects a replica belongs to."""
ANNOTATION_SOURCE = "onemesh.istio/source"
"""Where a replica is declared: ``inline``, ``file:NAME``, ``cluster:NAME``."""
ANNOTATION_HASH = "onemesh.istio/hash"
"""Hash of what was declared, by which a second run knows that nothing is to be done."""
ANNOTATION_HUB = "onemesh.istio/hub"
"""The cluster that keeps the record. On somebody else's object, which several sets may edit, the set's name follows."""


def ownership_labels(component: str) -> dict[str, str]:
    """Labels that mark an object which we create as ours."""
    return {LABEL_MANAGED_BY: MANAGED_BY, LABEL_COMPONENT: component}


def owned(manifest: Mapping[str, Any], component: str) -> dict[str, Any]:
    """A copy of ``manifest`` that carries our labels."""
    metadata = dict(manifest.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **ownership_labels(component)}
    return {**manifest, "metadata": metadata}


def owned_in_set(manifest: Mapping[str, Any], component: str, name: str) -> dict[str, Any]:
    """A copy of ``manifest`` that carries our labels and that of the set which it belongs to."""
    result = owned(manifest, component)
    result["metadata"]["labels"][LABEL_SET] = name
    return result


def is_ours(live: Mapping[str, Any]) -> bool:
    """Whether a live object carries our label."""
    labels = (live.get("metadata") or {}).get("labels") or {}
    return bool(labels.get(LABEL_MANAGED_BY) == MANAGED_BY)


def is_of_set(live: Mapping[str, Any], component: str, name: str) -> bool:
    """Whether a live object says that it belongs to a set of ours."""
    labels = (live.get("metadata") or {}).get("labels") or {}
    return is_ours(live) and labels.get(LABEL_COMPONENT) == component and labels.get(LABEL_SET) == name


def is_our_manager(manager: str) -> bool:
    """Whether a field manager is one of this collection's."""
    return manager == FIELD_MANAGER or manager.startswith(f"{FIELD_MANAGER}/")


def describe_last_writer(live: Mapping[str, Any], wanted: Mapping[str, Any], *, whole: bool = False) -> str:
    """Who wrote last what differs from ``wanted``, and when: ``kubectl-edit at 2026-11-24T21:03:11Z``.

    With ``whole`` a field that ``wanted`` does not have differs too. The writer is whoever holds one of these fields;
    of a field that is gone, whoever wrote the object last.
    """
    entries = [
        entry
        for entry in (live.get("metadata") or {}).get("managedFields") or []
        if entry.get("subresource") != "status"
    ]
    paths = [
        path
        for path in _list_differing(live, wanted, whole=whole)
        if path[0] != "status" and path[:2] not in _BOOKKEEPING
    ]
    holders = [entry for entry in entries if any(_holds(entry.get("fieldsV1"), path, live) for path in paths)]
    # Of two in the same second the later one in the list.
    newest = max(enumerate(holders or entries), key=lambda each: (str(each[1].get("time")), each[0]), default=None)
    if newest is None:
        return "nobody known"
    manager = str(newest[1].get("manager"))
    name = "another run of this collection" if is_our_manager(manager) else manager
    return f"{name} at {newest[1].get('time')}"


_BOOKKEEPING = {
    ("metadata", name) for name in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
}

_Path = tuple[Union[str, int], ...]  # noqa: UP007  # sanity refuses "|" at run time


def _list_differing(live: Any, wanted: Any, path: _Path = (), *, whole: bool) -> Iterator[_Path]:
    """The fields of ``wanted`` that ``live`` does not have so; a list as a whole where no element tells more."""
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key in dict.fromkeys((*wanted, *(live if whole else ()))):
            yield from _list_differing(live.get(key), wanted.get(key), (*path, key), whole=whole)
    elif live != wanted:
        inner: list[_Path] = []
        if isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
            for place, (one, other) in enumerate(zip(live, wanted, strict=True)):
                inner += _list_differing(one, other, (*path, place), whole=whole)
        yield from inner or [path]


def _holds(fields: Any, path: _Path, value: Any) -> bool:
    """Whether a set of fields, as ``fieldsV1`` has it, has the one at ``path``: itself, or a whole that it is in."""
    for step in path:
        if not isinstance(fields, Mapping):
            return False
        if not fields:
            return True
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
            fields = next((inner for key, inner in fields.items() if _is_of_element(key, value)), None)
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
            fields = fields.get(f"f:{step}")
    return fields is not None


def _is_of_element(key: str, element: Any) -> bool:
    """Whether ``k:{"port":80}`` or ``v:"a"`` names an element of a list."""
    kind, _colon, text = key.partition(":")
    if kind not in ("k", "v"):
        return False
    named = json.loads(text)
    if kind == "v":
        return bool(named == element)
    return isinstance(element, Mapping) and all(element.get(name) == value for name, value in named.items())


def labels_set_by_us(live: Mapping[str, Any]) -> set[str]:
    """Names of the labels whose value our field manager holds, from ``metadata.managedFields``.

    This is how a label on somebody else's namespace is known to be ours, and only then taken away again.
    """
    ours: set[str] = set()
    for entry in (live.get("metadata") or {}).get("managedFields") or []:
        if entry.get("manager") != FIELD_MANAGER or entry.get("operation") != "Apply":
            continue
        fields = ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:labels") or {}
        ours.update(name.removeprefix("f:") for name in fields if name.startswith("f:"))
    return ours
