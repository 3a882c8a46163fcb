# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on an API server in place of what a release's manifest says, and putting it there.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Optional

from .._kube.client import Client, strip_content
from .._kube.errors import Forbidden, Invalid, KubeError, NotFound, ServerError
from .._kube.kinds import CUSTOM_RESOURCE_DEFINITION, Kind
from . import drift
from .manifest import ManifestObject, ObjectIdentity, Owner

FIELD_MANAGER = "helm"
"""As Helm names itself: what is put right in its place is to be no second owner's."""
_ASKING = "onemesh.istio/helm"
"""Of dry runs: a manager that never wrote has nothing to take back."""
_CONNECTIONS = 8

LiveObjects = Mapping[ObjectIdentity, Optional[Mapping[str, Any]]]  # noqa: UP045  # sanity refuses "|" at run time


@dataclass(frozen=True)
class Difference:
    """One object that is not as its release's manifest says. ``before`` is None where it is missing."""

    id: ObjectIdentity
    reason: str
    before: Mapping[str, Any] | None = field(repr=False)
    after: Mapping[str, Any] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.id} {self.reason}"


def read(
    client: Client, wanted: Iterable[ManifestObject], namespace: str
) -> dict[ObjectIdentity, Mapping[str, Any] | None]:
    """The live objects of a manifest, over a few connections at once; None for one that is not there."""
    wanted = list(wanted)
    definitions = [each for each in wanted if _is_definition(each)]
    # Istio's are megabytes, and one list is faster than a request for each.
    listed = client.list(CUSTOM_RESOURCE_DEFINITION) if len(definitions) > 1 else []
    by_name = {each["metadata"]["name"]: each for each in listed}

    def find(each: ManifestObject) -> Mapping[str, Any] | None:
        if listed and _is_definition(each):
            return by_name.get(each.id.name)
        kind = _kind(client, each)
        return client.find(kind, each.id.name, _place(kind, each, namespace)) if kind else None

    with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix=f"helm-{client.cluster}") as pool:
        return dict(zip([each.id for each in wanted], pool.map(find, wanted), strict=True))


def find_differences(
    client: Client, wanted: Iterable[ManifestObject], live: LiveObjects, owner: Owner
) -> list[Difference]:
    """What is missing or other than the manifest says. The API server is asked only of objects that look so."""
    wanted = list(wanted)
    scaled = drift.find_autoscaled(wanted, owner.namespace)
    found = []
    for each in wanted:
        there = live[each.id]
        prescribed = drift.prescribe(each, there, owner, scaled)
        if there is None:
            found.append(Difference(each.id, "is missing", None, prescribed))
        elif not drift.holds(there, prescribed):
            difference = _ask(client, each, prescribed, there, owner.namespace)
            if difference is not None:
                found.append(difference)
    return found


def _ask(
    client: Client, wanted: ManifestObject, prescribed: dict[str, Any], live: Mapping[str, Any], namespace: str
) -> Difference | None:
    """By a dry run that overlays what stands there with the manifest, as Helm's own merge does."""
    try:
        after = _overlay(client, wanted, prescribed, live, namespace, dry_run=True)
    except (Invalid, ServerError) as error:
        # A field that cannot be changed, or a webhook of an istiod that is gone: Helm will say, or put it right.
        return Difference(wanted.id, f"differs ({error.message})", live, {**live, **prescribed})
    before, after = strip_content(live), strip_content(after)
    if before == after:
        return None
    return Difference(wanted.id, f"differs in {', '.join(drift.find_differing(before, after))}", before, after)


def put_right(client: Client, wanted: Iterable[ManifestObject], live: LiveObjects, owner: Owner) -> None:
    """Write objects as the manifest says, where Helm does not: it merges definitions and custom resources with what
    the manifest said before, and not with what is there (helm.sh/helm/v3/pkg/kube/client.go, createPatch)."""
    for each in wanted:
        prescribed = drift.prescribe(each, live[each.id], owner)
        _overlay(client, each, prescribed, live[each.id], owner.namespace, dry_run=False)


def _overlay(
    client: Client,
    wanted: ManifestObject,
    prescribed: dict[str, Any],
    live: Mapping[str, Any] | None,
    namespace: str,
    *,
    dry_run: bool,
) -> dict[str, Any]:
    kind = client.find_kind(wanted.object)
    place = _place(kind, wanted, namespace)
    manifest = {**prescribed, "metadata": {**prescribed["metadata"], **({"namespace": place} if place else {})}}
    manager = _ASKING if dry_run else FIELD_MANAGER
    try:
        applied = client.apply(manifest, field_manager=manager, force=True, dry_run=dry_run, live=live, strict=False)
    except Invalid:
        # Two environment variables of one name: Helm's kind of patch takes them.
        if live is None:
            raise
    else:
        return applied.object
    body = {name: value for name, value in manifest.items() if name not in ("apiVersion", "kind")}
    try:
        return client.patch(
            kind, wanted.id.name, place, body, patch_type="strategic", field_manager=manager, dry_run=dry_run
        )
    except KubeError as error:
        if error.status != 415:  # custom resources know no such patch
            raise
    return client.patch(kind, wanted.id.name, place, body, field_manager=manager, dry_run=dry_run)


def _kind(client: Client, wanted: ManifestObject) -> Kind | None:
    try:
        return client.find_kind(wanted.object)
    except NotFound:
        return None


def _place(kind: Kind, wanted: ManifestObject, namespace: str) -> str | None:
    return (wanted.id.namespace or namespace) if kind.namespaced else None


def _is_definition(wanted: ManifestObject) -> bool:
    return (wanted.id.group, wanted.id.kind) == (CUSTOM_RESOURCE_DEFINITION.group, CUSTOM_RESOURCE_DEFINITION.kind)


def count_objects(client: Client, definition: Mapping[str, Any]) -> int:
    """How many objects of a resource type there are, which end with it. Forbidden counts as one: nobody can know."""
    spec = definition.get("spec") or {}
    group, names = spec.get("group", ""), spec.get("names") or {}
    served = [version["name"] for version in spec.get("versions") or () if version.get("served")]
    if not served:
        return 0
    kind = Kind(f"{group}/{served[0]}", names.get("kind", ""), names.get("plural", ""), spec.get("scope") != "Cluster")
    try:
        return len(client.list_metadata(kind))
    except NotFound:
        return 0
    except Forbidden:
        return 1
