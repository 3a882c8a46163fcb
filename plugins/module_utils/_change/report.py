# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change returns: what was done where, what is known of it, and what is owed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._findings import Finding
from .._summary.hunks import Hunk, merge_hunks
from .ledger import Owed
from .objects import ObjectId

_SERVER_FIELDS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
CHANGING_WORDS = ("created", "configured", "restored", "deleted")
WORDS = (*CHANGING_WORDS, "kept", "unchanged")


@dataclass(frozen=True)
class Touched:
    """One object with what became of it (one of created, configured, restored, deleted, kept, unchanged)."""

    id: ObjectId
    word: str
    before: Mapping[str, Any] | None = field(default=None, repr=False)
    after: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def changed(self) -> bool:
        return self.word not in ("kept", "unchanged")


@dataclass
class ClusterReport:
    """One cluster. ``state``: ready, away, excluded, put back."""

    state: str = "ready"
    touched: list[Touched] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    hash: str = ""
    seconds: float = 0.0

    @property
    def changed(self) -> bool:
        return any(touched.changed for touched in self.touched)

    def as_dict(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "changed": self.changed,
            **{word: [str(each.id) for each in self.touched if each.word == word] for word in WORDS},
            "uids": {
                str(each.id): each.after["metadata"]["uid"]
                for each in self.touched
                # What a dry run would create has an identity that nothing will ever have, and no version.
                if each.after is not None and each.after["metadata"].get("resourceVersion")
            },
            "hash": self.hash,
            "seconds": round(self.seconds, 3),
            "findings": [finding.as_dict() for finding in self.findings],
        }


@dataclass
class ChangeReport:
    """The whole change."""

    set: str
    hub: str
    clusters: dict[str, ClusterReport]
    owed: Mapping[str, Iterable[Owed]] = field(default_factory=dict)
    proof: Mapping[str, Any] = field(default_factory=dict)
    skew_ms: float = 0.0
    recorded: bool = False
    """Whether the record changed where no object did: a change that was cut off after its last write, a write-off."""

    @property
    def changed(self) -> bool:
        return self.recorded or any(cluster.changed for cluster in self.clusters.values())

    def as_result(self, *, diff: bool) -> dict[str, Any]:
        """The result of the task."""
        owed = describe_owed(self.owed)
        complete = all(cluster.state == "ready" for cluster in self.clusters.values())
        return {
            "changed": self.changed,
            "set": self.set,
            "hub": self.hub,
            "clusters": {name: cluster.as_dict() for name, cluster in self.clusters.items()},
            "consistent": complete and not owed,
            "owed": owed,
            "proof": dict(self.proof),
            "skew_ms": round(self.skew_ms, 1),
            **({"diff": self._make_diff()} if diff else {}),
        }

    def _make_diff(self) -> list[dict[str, Any]]:
        return merge_hunks(
            Hunk(name, str(each.id), hide_data(each.before), hide_data(each.after))
            for name, cluster in self.clusters.items()
            for each in cluster.touched
            if each.changed
        )


def describe_owed(owed: Mapping[str, Iterable[Owed]]) -> dict[str, list[str]]:
    """What has yet to be done on which cluster, in words."""
    words = {name: sorted(f"{each.verb} {each.id}" for each in items) for name, items in owed.items()}
    return {name: items for name, items in words.items() if items}


def hide_data(manifest: Mapping[str, Any] | None) -> dict[str, Any]:
    """An object for a diff: without what only the API server writes, and without the data of a Secret."""
    if manifest is None:
        return {}
    shown = {name: value for name, value in manifest.items() if name != "status"}
    shown["metadata"] = {
        name: value for name, value in (manifest.get("metadata") or {}).items() if name not in _SERVER_FIELDS
    }
    if manifest.get("kind") == "Secret":
        for data in ("data", "stringData"):
            if data in shown:
                shown[data] = dict.fromkeys(shown[data], "(not shown)")
        # What kubectl or another tool remembers of it holds the same data.
        shown["metadata"].pop("annotations", None)
    return shown
