# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is ours and how that is known: by label and recorded UID, never by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def writers_beside_us(live: Mapping[str, Any]) -> list[str]:
    """Who else has written an object, and when: ``kubectl-edit at 2026-11-24T21:03:11Z``."""
    return [
        f"{entry.get('manager')} at {entry.get('time')}"
        for entry in (live.get("metadata") or {}).get("managedFields") or []
        if not is_our_manager(str(entry.get("manager") or "")) and entry.get("subresource") != "status"
    ]


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
