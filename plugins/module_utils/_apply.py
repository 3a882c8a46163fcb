# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One object applied to a cluster, or removed from it, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._change.report import hide_data
from ._guard import claim
from ._identity import ClusterIdentity
from ._kube.client import Client
from ._kube.errors import NotFound
from ._ownership import FIELD_MANAGER, is_ours, owned


def apply_object(
    client: Client,
    manifest: Mapping[str, Any],
    *,
    component: str,
    force: bool = False,
    adopt: bool = False,
    check_mode: bool = False,
    claims: ClusterIdentity | None = None,
) -> dict[str, Any]:
    """Apply one object and say what came of it: ``object``, ``action`` (created, configured, unchanged), ``before``,
    ``after`` (both as the API server has them, without what only it writes).

    ``force`` takes over fields that others hold, ``adopt`` the whole object with our labels. ``claims``: the object is
    the Namespace of Istio, and says from now on which cluster it is on.
    """
    metadata = manifest["metadata"]
    live = None
    try:
        live = client.find(client.find_kind(manifest), metadata["name"], metadata.get("namespace"))
        desired = owned(manifest, component) if live is None or adopt or is_ours(live) else dict(manifest)
        if claims is not None and check_mode:
            desired = _annotated(desired, claims.rightful_claim.annotations)
        elif claims is not None:
            claim(client, claims)
        applied = client.apply(
            desired, field_manager=FIELD_MANAGER, force=force or adopt, dry_run=check_mode, live=live
        )
    except NotFound:
        # A dry run into a namespace, or of a kind, that the run itself would have made before.
        if not (check_mode and live is None):
            raise
        return _change(manifest, "created", None, owned(manifest, component))
    action = "created" if live is None else "configured" if applied.changed else "unchanged"
    return _change(manifest, action, live, applied.object)


def remove_object(client: Client, manifest: Mapping[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    """Remove one object where it is ours, and say so as :func:`apply_object` does: deleted or unchanged."""
    metadata = manifest["metadata"]
    try:
        kind = client.find_kind(manifest)
    except NotFound:
        return _change(manifest, "unchanged", None, None)
    live = client.find(kind, metadata["name"], metadata.get("namespace"))
    if live is None or not is_ours(live):
        return _change(manifest, "unchanged", live, live)
    client.delete(kind, metadata["name"], metadata.get("namespace"), uid=live["metadata"]["uid"], dry_run=check_mode)
    return _change(manifest, "deleted", live, None)


def describe(manifest: Mapping[str, Any]) -> str:
    """``Kind namespace/name``, as people write it."""
    metadata = manifest["metadata"]
    where = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{manifest['kind']} {where}{metadata['name']}"


def _annotated(manifest: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    metadata = manifest["metadata"]
    merged = {**(metadata.get("annotations") or {}), **annotations}
    return {**manifest, "metadata": {**metadata, "annotations": merged}}


def _change(
    manifest: Mapping[str, Any], action: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {"object": describe(manifest), "action": action, "before": hide_data(before), "after": hide_data(after)}
