# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that a manifest of Helm says are to be there. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import _yaml

LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "Helm"
ANNOTATION_NAME = "meta.helm.sh/release-name"
ANNOTATION_NAMESPACE = "meta.helm.sh/release-namespace"

_DOCUMENT = re.compile(r"^---(?=\s|$)", re.MULTILINE)
"""A line that begins so is never inside a block of text, which is indented."""


class Owner(NamedTuple):
    """A release, as the objects that belong to it name it."""

    name: str
    namespace: str

    @property
    def marks(self) -> dict[str, Any]:
        """The metadata by which Helm knows an object of the release (helm.sh/helm/v3/pkg/action/validate.go)."""
        return {
            "labels": {LABEL_MANAGED_BY: MANAGED_BY},
            "annotations": {ANNOTATION_NAME: self.name, ANNOTATION_NAMESPACE: self.namespace},
        }


def owner_of(live: Mapping[str, Any]) -> Owner | None:
    """The release that an object says it belongs to; None where one of the three marks is missing."""
    metadata = live.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    name, namespace = annotations.get(ANNOTATION_NAME), annotations.get(ANNOTATION_NAMESPACE)
    marked = (metadata.get("labels") or {}).get(LABEL_MANAGED_BY) == MANAGED_BY
    return Owner(name, namespace) if marked and name and namespace else None


class ObjectIdentity(NamedTuple):
    """What stays the same of an object over versions of its type. ``namespace`` is empty where none is given."""

    group: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class ManifestObject:
    """One object of a manifest: nulls left out, since they say nothing."""

    id: ObjectIdentity
    object: dict[str, Any] = field(repr=False)


def objects_of(manifest: str) -> list[ManifestObject]:
    """All objects, those of lists too; documents without an object are passed over. Raises NotYaml."""
    return [
        ManifestObject(_identify(each), each)
        # Helm's own reader lets the last of two equal keys win, and charts are shipped with such.
        for document in _split_documents(manifest)
        for each in _flatten(_yaml.load(document, unique_keys=False))
    ]


def without_nulls(value: Any) -> Any:
    """The same without entries of mappings that are null."""
    if isinstance(value, Mapping):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def _split_documents(manifest: str) -> Iterator[str]:
    return (document for document in _DOCUMENT.split(manifest) if document.strip())


def _flatten(document: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(document, Mapping) or not document.get("kind"):
        return
    items = document.get("items")
    if str(document["kind"]).endswith("List") and isinstance(items, list):
        for item in items:
            yield from _flatten(item)
    else:
        yield without_nulls(document)


def _identify(manifest: Mapping[str, Any]) -> ObjectIdentity:
    metadata = manifest.get("metadata") or {}
    group = str(manifest.get("apiVersion") or "").rpartition("/")[0]
    return ObjectIdentity(
        group, str(manifest["kind"]), str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    )
