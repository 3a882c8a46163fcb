# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one set: what we hold on which cluster, what is owed to which, and a change that is under way. Pure.

Its written form is JSON in which equal contents stand once, since replicas are alike on all clusters.
"""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from .objects import ObjectId

FORMAT = 1

Hold = Literal["created", "adopted", "edited"]
"""Why an object is in the record: it is ours; it was somebody's and is kept by us; only fields of it are ours."""

Content = dict[str, Any]


class UnreadableRecord(ValueError):
    """What is stored is no record of this version of the collection."""


@dataclass(frozen=True)
class LedgerEntry:
    """One object that we hold. ``uid`` is None from before the first write until its answer is recorded.

    ``original`` is what stood there before us (None where nothing did), ``written`` what we made of it; both only where
    the object is to be given back one day.
    """

    id: ObjectId
    api_version: str
    hold: Hold
    uid: str | None = None
    hash: str = ""
    original: Content | None = field(default=None, repr=False)
    written: Content | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Owed:
    """What has yet to be done to one object.

    - ``apply``: ``desired`` is to stand there, as a replica.
    - ``restore``: what ``base`` and ``desired`` differ in is to be as in ``desired``; a missing object is not made.
    - ``delete``: the object is to go, where it is ours (``uid``, or our labels where that is not known).

    ``ends``: once that is done we no longer hold the object. ``since`` is RFC 3339.
    """

    id: ObjectId
    api_version: str
    verb: Literal["apply", "restore", "delete"]
    why: str
    since: str
    uid: str | None = None
    desired: Content | None = field(default=None, repr=False)
    base: Content | None = field(default=None, repr=False)
    ends: bool = False


@dataclass
class ClusterRecord:
    """One cluster's part. All mappings go by object.

    ``missed`` is what it did not get while it was away (``apply``), ``owed`` what has to be taken back or away there,
    ``uid`` that of its namespace kube-system, by which it is known again (empty: not known yet).
    """

    objects: dict[ObjectId, LedgerEntry] = field(default_factory=dict)
    owed: dict[ObjectId, Owed] = field(default_factory=dict)
    missed: dict[ObjectId, Owed] = field(default_factory=dict)
    uid: str = ""

    def owe(self, items: Iterable[Owed]) -> None:
        """Add obligations, each where it belongs."""
        for each in items:
            (self.missed if each.verb == "apply" else self.owed)[each.id] = each


@dataclass
class Pending:
    """A change that was begun: what undoes it on each cluster, written before anything else is."""

    id: str
    started: str
    holder: str
    undo: dict[str, dict[ObjectId, Owed]] = field(default_factory=dict)


@dataclass
class Record:
    """The record of one set.

    ``resource_version`` and ``uid`` are those of its Secret, empty where nothing is stored; ``parts`` further Secrets.
    """

    component: str
    name: str
    clusters: dict[str, ClusterRecord] = field(default_factory=dict)
    pending: Pending | None = None
    resource_version: str = ""
    uid: str = ""
    parts: tuple[str, ...] = ()

    def of(self, cluster: str) -> ClusterRecord:
        """The cluster's part, made where there is none yet."""
        return self.clusters.setdefault(cluster, ClusterRecord())

    def part_of(self, cluster: str) -> ClusterRecord:
        """The cluster's part to be read: an empty one where there is none."""
        return self.clusters.get(cluster, ClusterRecord())

    @property
    def empty(self) -> bool:
        """Whether nothing is held and nothing owed: then nothing is stored either."""
        return self.pending is None and not any(
            part.objects or part.owed or part.missed for part in self.clusters.values()
        )

    def list_obligations(self, cluster: str) -> dict[ObjectId, Owed]:
        """What has to be taken back or away on a cluster, where a change was interrupted included."""
        undo = self.pending.undo.get(cluster, {}) if self.pending is not None else {}
        return {**self.part_of(cluster).owed, **undo}

    def list_owed(self) -> dict[str, list[Owed]]:
        """Everything that is owed, by cluster; clusters to which nothing is owed are left out."""
        names = dict.fromkeys([*self.clusters, *(self.pending.undo if self.pending is not None else ())])
        found = {name: [*self.part_of(name).missed.values(), *self.list_obligations(name).values()] for name in names}
        return {name: owed for name, owed in found.items() if owed}

    def fold(self) -> None:
        """Make what undoes an interrupted change ordinary obligations."""
        if self.pending is None:
            return
        for name, undo in self.pending.undo.items():
            self.of(name).owed.update(undo)
        self.pending = None

    def settle(self, cluster: str, paid: Iterable[Owed]) -> None:
        """Note that obligations were met."""
        part = self.of(cluster)
        for owed in paid:
            part.owed.pop(owed.id, None)
            if owed.ends:
                part.objects.pop(owed.id, None)

    def write_off(self, cluster: str) -> bool:
        """Forget a cluster that is gone for good. Whether there was anything to forget."""
        undo = self.pending.undo.pop(cluster, None) if self.pending is not None else None
        part = self.clusters.pop(cluster, None)
        return bool(undo) or part is not None


def plan_teardown(part: ClusterRecord, since: str) -> dict[ObjectId, Owed]:
    """What leaves nothing of the set on a cluster: what is ours goes, what was somebody's is given back."""
    owed = {name: each for name, each in part.owed.items() if each.ends}
    owed.update({entry.id: make_ending(entry, "the set is removed", since) for entry in part.objects.values()})
    return owed


def make_ending(entry: LedgerEntry, why: str, since: str) -> Owed:
    """What has to be done for us to hold an object no longer."""
    if entry.hold == "created":
        return Owed(entry.id, entry.api_version, "delete", why, since, uid=entry.uid, ends=True)
    return Owed(
        entry.id,
        entry.api_version,
        "restore",
        why,
        since,
        uid=entry.uid,
        desired=entry.original,
        base=entry.written,
        ends=True,
    )


def encode(record: Record) -> bytes:
    """The written form, compressed."""
    numbers: dict[str, str] = {}
    contents: dict[str, Content] = {}

    def reference(content: Content | None) -> str | None:
        if content is None:
            return None
        number = numbers.setdefault(json.dumps(content, sort_keys=True), str(len(numbers)))
        contents[number] = content
        return number

    def owed_form(owed: Owed) -> Content:
        return _without_empty(
            {
                "object": list(owed.id),
                "apiVersion": owed.api_version,
                "verb": owed.verb,
                "why": owed.why,
                "since": owed.since,
                "uid": owed.uid,
                "desired": reference(owed.desired),
                "base": reference(owed.base),
                "ends": owed.ends,
            }
        )

    def entry_form(entry: LedgerEntry) -> Content:
        return _without_empty(
            {
                "object": list(entry.id),
                "apiVersion": entry.api_version,
                "hold": entry.hold,
                "uid": entry.uid,
                "hash": entry.hash,
                "original": reference(entry.original),
                "written": reference(entry.written),
            }
        )

    document: Content = {
        "format": FORMAT,
        "component": record.component,
        "set": record.name,
        "clusters": {
            name: {
                **({"uid": part.uid} if part.uid else {}),
                "objects": [entry_form(entry) for entry in part.objects.values()],
                "owed": [owed_form(owed) for owed in [*part.owed.values(), *part.missed.values()]],
            }
            for name, part in record.clusters.items()
        },
    }
    if record.pending is not None:
        document["pending"] = {
            "id": record.pending.id,
            "started": record.pending.started,
            "holder": record.pending.holder,
            "undo": {name: [owed_form(owed) for owed in undo.values()] for name, undo in record.pending.undo.items()},
        }
    document["contents"] = contents
    # Level 6 saves little over 1 on text as uniform as this, and costs four times the time.
    return gzip.compress(json.dumps(document, separators=(",", ":")).encode(), compresslevel=1, mtime=0)


def decode(data: bytes) -> Record:
    """The record of its written form. Raises UnreadableRecord."""
    try:
        document = json.loads(gzip.decompress(data))
        version = document["format"]
        if version != FORMAT:
            raise UnreadableRecord(f"its format is {version}, this version of the collection reads {FORMAT}")
        return _read_document(document)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UnreadableRecord):
            raise
        raise UnreadableRecord(f"it cannot be read ({type(error).__name__}: {error})") from error


def _read_document(document: Mapping[str, Any]) -> Record:
    contents: Mapping[str, Content] = document["contents"]

    def owed_of(form: Mapping[str, Any]) -> Owed:
        return Owed(
            ObjectId(*form["object"]),
            form["apiVersion"],
            form["verb"],
            form["why"],
            form["since"],
            uid=form.get("uid"),
            desired=contents[form["desired"]] if "desired" in form else None,
            base=contents[form["base"]] if "base" in form else None,
            ends=form.get("ends", False),
        )

    def entry_of(form: Mapping[str, Any]) -> LedgerEntry:
        return LedgerEntry(
            ObjectId(*form["object"]),
            form["apiVersion"],
            form["hold"],
            uid=form.get("uid"),
            hash=form.get("hash", ""),
            original=contents[form["original"]] if "original" in form else None,
            written=contents[form["written"]] if "written" in form else None,
        )

    def by_id(found: Iterator[Owed]) -> dict[ObjectId, Owed]:
        return {owed.id: owed for owed in found}

    record = Record(document["component"], document["set"])
    for name, part in document["clusters"].items():
        entries = (entry_of(form) for form in part["objects"])
        record.clusters[name] = ClusterRecord({entry.id: entry for entry in entries}, uid=part.get("uid", ""))
        record.clusters[name].owe(owed_of(form) for form in part["owed"])
    pending = document.get("pending")
    if pending is not None:
        undo = {name: by_id(owed_of(form) for form in forms) for name, forms in pending["undo"].items()}
        record.pending = Pending(pending["id"], pending["started"], pending["holder"], undo)
    return record


PART_BYTES = 700 * 1024
"""Bytes in one Secret: the API server takes 1 MiB of data, and etcd little more with the base64 around it."""


def split(data: bytes) -> list[bytes]:
    """The written form in pieces that fit into a Secret each; at least one."""
    return [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)] or [b""]


def secret_data(data: bytes) -> dict[str, str]:
    """One piece as the ``data`` of a Secret."""
    return {"record": base64.b64encode(data).decode()}


def bytes_of(secret: Mapping[str, Any]) -> bytes:
    """The piece in a Secret. Raises UnreadableRecord."""
    try:
        return base64.b64decode(secret["data"]["record"], validate=True)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableRecord("the Secret has no data key record, or it is not base64") from error


def confirm(entry: LedgerEntry, live: Mapping[str, Any]) -> LedgerEntry:
    """The entry after its write was answered."""
    return replace(entry, uid=live["metadata"]["uid"], written=keep_content(live) if entry.hold != "created" else None)


_NOT_KEPT = ("generation", "resourceVersion", "selfLink")


def keep_content(live: Mapping[str, Any] | None) -> Content | None:
    """What a record keeps of an object: all that can be given back, so no status and no versions."""
    if live is None:
        return None
    result = {name: value for name, value in live.items() if name != "status"}
    result["metadata"] = {name: value for name, value in live["metadata"].items() if name not in _NOT_KEPT}
    return result


def _without_empty(form: Content) -> Content:
    return {key: value for key, value in form.items() if value not in (None, "", False)}
