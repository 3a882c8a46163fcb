# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release is called that was an object in one cluster. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..._change.objects import content_hash
from ..._change.records import is_set_name
from .manifest_reader import ManifestPart

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_OF_THE_SERVER = (
    "creationTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_LONGEST_STEM = 31


class ReleaseIdentity(NamedTuple):
    """``name`` is the release's, ``object_name`` that of the manifest."""

    name: str
    namespace: str
    object_name: str


def take_identity(manifest: ManifestPart) -> ReleaseIdentity:
    """The name and namespace of the release; what else is in the metadata is told."""
    manifest.ignore("apiVersion", "kind", "status")
    metadata = manifest.part("metadata")
    metadata.ignore(*_OF_THE_SERVER)
    object_name, namespace = metadata.required("name"), metadata.text("namespace")
    if namespace is None:
        metadata.differs("namespace", "it names none, so that default is taken", "set namespace, if it is another one")
    name = _release_name(object_name)
    if name != object_name:
        metadata.differs(
            "name",
            f"a release has at most 40 lower case letters, digits and hyphens, so it is called {name}; webhooks and "
            "${name} in queries get that",
            "give it a name that you like better",
        )
    annotations = metadata.mapping("annotations")
    for what, names in (
        ("labels", list(metadata.mapping("labels"))),
        ("annotations", [each for each in annotations if each != _LAST_APPLIED]),
    ):
        if names:
            metadata.differs(what, f"a release is no object that has {what} ({', '.join(names)})", "nothing")
    return ReleaseIdentity(name, namespace or "default", object_name)


def _release_name(name: str) -> str:
    """The name itself, or where a release cannot have it one that is made of it and that no other name is made into."""
    if is_set_name(name):
        return name
    stem = re.sub("[^a-z0-9]+", "-", name.lower())[:_LONGEST_STEM].strip("-")
    return "-".join(filter(None, (stem, content_hash(name)[:8])))
