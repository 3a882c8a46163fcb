# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records go from one namespace of the hub to another: copied, compared, then deleted where they were.

What stands in the old namespace is the truth until it is deleted, and a set is written in the new one only after that.
So a move that is killed anywhere is finished by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from typing import Any, NamedTuple

from .._kube.client import Client
from .._kube.errors import Conflict, KubeError
from .._kube.kinds import CONFIG_MAP, LEASE, SECRET, Kind
from .._ownership import FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY
from .finding_kinds import LOCK_HELD
from .lease import SetLease, is_free

LABEL_RECORD = "onemesh.istio/record"
"""Component of the set that a Secret is the record of."""
LABEL_PART_OF = "onemesh.istio/record-part-of"
LABEL_RELEASE = "onemesh.istio/canary"
"""The release that a ConfigMap is the state of."""
LABEL_APPROVAL = "onemesh.istio/approval"
"""The release that a ConfigMap opens or closes a gate of."""

_ANNOTATION_COPY_OF = "onemesh.istio/copy-of"
"""UID of what was copied. The first save of a record leaves it out."""
_CONTENTS = ("data", "binaryData", "type", "immutable")


class Stored(NamedTuple):
    """One object of a set's records."""

    kind: Kind
    object: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])


def take_along(client: Client, old: str, new: str, taken: str = "") -> list[str]:
    """Move the records of all sets. ``taken`` is the Lease in ``new`` that this run has already.

    Returns the sets that another run works on, which stay for now; for the one of ``taken`` that raises Conflict
    (``kind`` LOCK_HELD). Raises KubeError where a set has records in both namespaces.
    """
    busy = []
    for name in list_sets(client, old):
        try:
            with ExitStack() as locks:
                if name != taken:
                    locks.enter_context(SetLease(client, new, name))
                # A run of an earlier version knows only this one.
                locks.enter_context(SetLease(client, old, name))
                _move(client, list_sets(client, old).get(name, ()), new)
        except Conflict as error:
            if error.kind != LOCK_HELD or name == taken:
                raise
            busy.append(name)
    clear_locks(client, old)
    return busy


def clear_locks(client: Client, namespace: str) -> None:
    """Leases of runs that ended without giving them back."""
    for lease in client.list(LEASE, namespace, label_selector=f"{LABEL_MANAGED_BY}={MANAGED_BY}"):
        if is_free(lease, datetime.now(timezone.utc)):
            with suppress(Conflict):  # taken by another run since
                client.delete(LEASE, lease["metadata"]["name"], namespace, uid=lease["metadata"]["uid"])


def list_sets(client: Client, namespace: str) -> dict[str, list[Stored]]:
    """Name of the record -> all that is stored of the set; the head last, as it leads to the others."""
    found: dict[str, list[Stored]] = {}
    for kind, label in (
        (SECRET, LABEL_PART_OF),
        (CONFIG_MAP, LABEL_APPROVAL),
        (CONFIG_MAP, LABEL_RELEASE),
        (SECRET, LABEL_RECORD),
    ):
        for live in client.list(kind, namespace, label_selector=label):
            found.setdefault(_set_of(live["metadata"], label), []).append(Stored(kind, live))
    return found


def _set_of(metadata: Mapping[str, Any], label: str) -> str:
    value = str(metadata["labels"][label])
    if label == LABEL_RECORD:
        return str(metadata["name"])
    return value if label == LABEL_PART_OF else f"onemesh-canary-{value}"


def _move(client: Client, objects: Sequence[Stored], new: str) -> None:
    there = [_find_existing(client, each, new) for each in objects]
    for each, live in zip(objects, there, strict=True):
        _copy(client, each, live, new)
    for each in reversed(objects):
        metadata = each.object["metadata"]
        client.delete(
            each.kind,
            each.name,
            metadata["namespace"],
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
        )


def _find_existing(client: Client, stored: Stored, new: str) -> Mapping[str, Any] | None:
    """What has the name in the new namespace. Raises KubeError where that is neither the same nor a copy of it."""
    there = client.find(stored.kind, stored.name, new)
    if there is None or _is_same(there, stored.object) or source_uid_of(there) == stored.object["metadata"]["uid"]:
        return there
    raise _make_two_truths_error(client, stored, new)


def _copy(client: Client, stored: Stored, there: Mapping[str, Any] | None, new: str) -> None:
    kind, live = stored
    wanted = copy_of(live, new)
    if there is None:
        client.create({**wanted, **_type(kind)}, field_manager=FIELD_MANAGER)
    elif not _is_same(there, live):
        wanted["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
        client.replace({**wanted, **_type(kind)}, field_manager=FIELD_MANAGER)
    if not _is_same(client.get(kind, stored.name, new), live):
        raise KubeError(
            client.cluster,
            f"{kind.describe(stored.name, new)} is not what was copied from {live['metadata']['namespace']}",
            reason="record-not-moved",
            remedy="see what changes Secrets and ConfigMaps there (a webhook?), then run again; nothing was deleted",
        )


def copy_of(live: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    """The same object for another namespace. Pure."""
    metadata = live["metadata"]
    annotations = {**(metadata.get("annotations") or {}), _ANNOTATION_COPY_OF: metadata["uid"]}
    return {
        "metadata": {
            "name": metadata["name"],
            "namespace": namespace,
            "labels": {**(metadata.get("labels") or {})},
            "annotations": annotations,
        },
        **{name: live[name] for name in _CONTENTS if name in live},
    }


def source_uid_of(live: Mapping[str, Any]) -> str:
    """UID of what an object is an unchanged copy of; empty where it is none. Pure."""
    return str((live["metadata"].get("annotations") or {}).get(_ANNOTATION_COPY_OF, ""))


def _is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(one.get(name) == other.get(name) for name in _CONTENTS) and _labels(one) == _labels(other)


def _labels(live: Mapping[str, Any]) -> Mapping[str, str]:
    return live["metadata"].get("labels") or {}


def _type(kind: Kind) -> dict[str, str]:
    return {"apiVersion": kind.api_version, "kind": kind.kind}


def _make_two_truths_error(client: Client, stored: Stored, new: str) -> KubeError:
    old = stored.object["metadata"]["namespace"]
    kind = stored.kind.plural
    return KubeError(
        client.cluster,
        f"{stored.kind.describe(stored.name, new)} and {stored.kind.describe(stored.name, old)} both tell of this set, "
        "and differ: a run of an earlier version wrote the second one after the first was moved",
        reason="two-records",
        remedy=f"look when each was written (`kubectl -n {old} get {kind} {stored.name} -o yaml --show-managed-fields`)"
        f", save both, and delete the one that does not say what stands on the clusters; then run again",
    )
