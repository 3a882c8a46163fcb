# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records on the hub, as Secrets: they hold what stood in objects of any kind, Secrets among them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from .._kube.client import Client
from .._kube.errors import KubeError, NotFound
from .._kube.kinds import SECRET
from .._ownership import ANNOTATION_HUB, FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY
from . import ledger
from .finding_kinds import OTHER_HUB, RECORD_UNREADABLE
from .ledger import Record, UnreadableRecord
from .moving import LABEL_PART_OF, LABEL_RECORD
from .place import Place

TYPE = "onemesh.istio/record"
_PARTS = "onemesh.istio/record-parts"

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?")


def is_set_name(name: str) -> bool:
    """Whether a set can have this name: it becomes part of the names of objects, and the value of a label."""
    return _NAME.fullmatch(name) is not None


def record_name(component: str, name: str) -> str:
    """The name of the Secret and of the Lease of a set."""
    return f"onemesh-{component}-{name}"


class Records:
    """The records in one namespace of the hub. Every method raises KubeError."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = place.client
        self.namespace = place.namespace

    def load(self, component: str, name: str) -> Record:
        """The record of a set; an empty one where nothing is stored."""
        secret = self.place.find(SECRET, record_name(component, name))
        return Record(component, name) if secret is None else self._read(secret)

    def load_all(self, component: str) -> list[Record]:
        """The records of all sets of a component."""
        secrets = self.place.select(SECRET, f"{LABEL_RECORD}={component}")
        return [self._read(secret) for secret in secrets]

    def save(self, record: Record) -> None:
        """Store the record, or remove it where it is empty. Raises Conflict where somebody else has written since."""
        if record.empty:
            self._remove(record)
            return
        head, *rest = ledger.split(ledger.encode(record))
        # Parts of their own name are written before the head names them, and the old ones go after it: whenever this
        # is cut off, the head leads to a whole record.
        generation = uuid.uuid4().hex[:8] if rest else ""
        parts = tuple(
            f"{record_name(record.component, record.name)}-{generation}-{number}"
            for number, _piece in enumerate(rest, 1)
        )
        for part, piece in zip(parts, rest, strict=True):
            self.client.create(
                self._make_secret(part, {LABEL_PART_OF: record_name(record.component, record.name)}, piece),
                field_manager=FIELD_MANAGER,
            )
        had_parts = bool(record.parts)
        self._store(record, head, parts)
        if parts or had_parts:
            self._remove_parts(record)

    def _store(self, record: Record, head: bytes, parts: tuple[str, ...]) -> None:
        name = record_name(record.component, record.name)
        secret = self._make_secret(name, {LABEL_RECORD: record.component}, head, parts=parts)
        if record.resource_version:
            secret["metadata"]["resourceVersion"] = record.resource_version
            stored = self.client.replace(secret, field_manager=FIELD_MANAGER)
        else:
            stored = self.client.create(secret, field_manager=FIELD_MANAGER)
        record.resource_version = stored["metadata"]["resourceVersion"]
        record.uid, record.parts = stored["metadata"]["uid"], parts

    def _remove(self, record: Record) -> None:
        if not record.resource_version:
            return
        if record.parts:
            # Without the head nobody would look for the parts, and without them it would be unreadable: it gives them
            # up before they go, and goes last.
            self._store(record, ledger.encode(record), ())
        self._remove_parts(record)
        self.place.remove(SECRET, record_name(record.component, record.name), record.uid)
        record.resource_version, record.uid = "", ""

    def _remove_parts(self, record: Record) -> None:
        """Remove every part that the head does not name: of an earlier version, or of a run that was cut off."""
        name = record_name(record.component, record.name)
        for part in self.client.list(SECRET, self.namespace, label_selector=f"{LABEL_PART_OF}={name}"):
            if part["metadata"]["name"] not in record.parts:
                self.client.delete(SECRET, part["metadata"]["name"], self.namespace)

    def _read(self, secret: Mapping[str, Any]) -> Record:
        metadata = secret["metadata"]
        refuse_other_hub(self.client, secret, SECRET.describe(metadata["name"], metadata["namespace"]))
        parts = tuple(filter(None, (metadata.get("annotations") or {}).get(_PARTS, "").split(",")))
        try:
            pieces = [secret, *(self.client.get(SECRET, part, metadata["namespace"]) for part in parts)]
            record = ledger.decode(b"".join(ledger.bytes_of(piece) for piece in pieces))
        except (UnreadableRecord, NotFound) as error:
            why = error.message if isinstance(error, NotFound) else str(error)
            raise KubeError(
                self.client.cluster,
                f"the record Secret {metadata['namespace']}/{metadata['name']} is not usable: {why}",
                kind=RECORD_UNREADABLE,
                remedy="use the version of the collection that wrote it, or restore the Secret from a backup; "
                "without it objects are known by their labels only",
            ) from error
        record.resource_version, record.uid, record.parts = metadata["resourceVersion"], metadata["uid"], parts
        return record

    def _make_secret(
        self, name: str, labels: Mapping[str, str], data: bytes, *, parts: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "name": name,
            "namespace": self.namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, **labels},
            "annotations": {ANNOTATION_HUB: self.client.cluster},
        }
        if parts:
            metadata["annotations"][_PARTS] = ",".join(parts)
        return {
            "apiVersion": SECRET.api_version,
            "kind": SECRET.kind,
            "type": TYPE,
            "metadata": metadata,
            "data": ledger.secret_data(data),
        }


def refuse_other_hub(client: Client, live: Mapping[str, Any], described: str) -> None:
    """Raises KubeError where what is stored says that it belongs to a hub of another name."""
    other = str((live["metadata"].get("annotations") or {}).get(ANNOTATION_HUB) or client.cluster)
    if other != client.cluster:
        raise KubeError(
            client.cluster,
            f"{described} is a record of hub {other}, and this run calls the cluster {client.cluster}",
            kind=OTHER_HUB,
            remedy=f"run again with hub: {other}; or give the cluster the name back that it had",
        )
