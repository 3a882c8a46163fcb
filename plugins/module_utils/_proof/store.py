# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What istiod's store shows of a change, and whether istiod makes a push for it at all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .._istio import names
from .._istio.debug import StoredObject
from .._kube import kinds
from .levels import Changed

_ISTIO = "istio.io"
_OTHERS_THAT_ROUTE = (kinds.SERVICE,)
"""What istiod reads besides its own kinds and the Gateway API's, and does not show in its store."""


def moves_proxies(change: Changed) -> bool:
    """Whether istiod makes a push for it: pilot/pkg/model NeedsPush. Of Istio's own kinds only those whose spec
    changed, or that have a label or an annotation with ``istio.io`` in its name.
    """
    group, kind, _namespace, _name = change.key
    if group == kinds.HTTP_ROUTE.group or any(
        kind == other.kind and group == other.group for other in _OTHERS_THAT_ROUTE
    ):
        return True
    if not group.endswith(_ISTIO):
        return False
    before, after = change.before, change.after
    if before is None or after is None or before.get("spec") != after.get("spec"):
        return True
    return any(
        _ISTIO in key
        for each in (before, after)
        for key in (*(each["metadata"].get("labels") or {}), *(each["metadata"].get("annotations") or {}))
    )


def read_by(change: Changed, revision: str) -> bool:
    """Whether an istiod of this revision takes the object: one with the label of another revision it leaves alone."""
    labels: Mapping[str, Any] = change.object["metadata"].get("labels") or {}
    return labels.get(names.REVISION_LABEL) in (None, "", revision)


def find_missing(changes: Iterable[Changed], store: Iterable[StoredObject]) -> list[str]:
    """Names of the objects of which the store does not show this change, or a later one, yet."""
    index = {(stored.group, stored.kind, stored.namespace, stored.name): stored for stored in store}
    return [change.name for change in changes if _is_shown(change) and not _holds(index.get(change.key), change)]


def _is_shown(change: Changed) -> bool:
    group = change.key[0]
    return group.endswith(_ISTIO) or group == kinds.HTTP_ROUTE.group


def _holds(stored: StoredObject | None, change: Changed) -> bool:
    metadata: Mapping[str, Any] = change.object["metadata"]
    same = stored is not None and stored.uid == metadata.get("uid")
    if change.after is None:
        return not same
    if stored is None or not same:
        return False
    ours = str(metadata.get("resourceVersion") or "")
    if ours.isdecimal() and stored.resource_version.isdecimal():
        return int(stored.resource_version) >= int(ours)
    return stored.generation >= int(metadata.get("generation") or 0)
