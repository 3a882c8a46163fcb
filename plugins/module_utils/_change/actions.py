# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change does to one object on one cluster, and what undoes it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from .._kube.client import strip_content
from .._kube.kinds import NAMESPACE, Kind
from .._ownership import is_our_manager
from .access import Need
from .ledger import Content, Hold, LedgerEntry, Owed, keep_content
from .merge import merge
from .objects import ObjectId, stage_of


@dataclass(frozen=True)
class Action:
    """One write.

    - ``apply``: server-side apply of ``desired``, the fields that are to be ours.
    - ``edit``: ``before`` becomes ``desired``, both whole objects; what others change meanwhile is kept.
    - ``end``: we hold the object no longer: what we made goes, what was somebody's is as it was. Never undone.

    ``before`` is the live object as read (None: there is none), ``after`` what the API server said in a dry run that
    it will be. ``force`` takes over fields that others hold. ``whole``: nothing of ours is to stay on the object but
    what is applied, in whatever way it was written. ``reason`` is for people.
    """

    id: ObjectId
    kind: Kind
    verb: Literal["apply", "edit", "end"]
    reason: str
    hold: Hold
    before: Content | None = field(default=None, repr=False)
    desired: Content | None = field(default=None, repr=False)
    after: Content | None = field(default=None, repr=False)
    hash: str = ""
    force: bool = False
    whole: bool = False

    @property
    def stage(self) -> int:
        stage = stage_of(self.id.group, self.id.kind)
        return stage.remove if self.verb == "end" else stage.apply

    @property
    def word(self) -> str:
        """What becomes of the object: created, configured, deleted or restored."""
        if self.verb == "end":
            return "deleted" if self.hold == "created" else "restored"
        return "created" if self.before is None else "configured"

    def needs(self) -> list[Need]:
        """What the account must be allowed to do, to put it back included."""
        if self.verb == "end":
            verbs = ["delete"] if self.hold == "created" else ["update", "patch"]
        elif self.before is None:
            # A namespace that stays behind empty harms nobody, and few accounts may delete namespaces.
            verbs = ["patch", "create"] if self.kind == NAMESPACE else ["patch", "create", "delete"]
        else:
            verbs = ["patch", "update"]
        return [Need(verb, self.kind, self.id.namespace or None) for verb in verbs]

    def list_untried(self) -> list[Need]:
        """Those of its needs that a dry run of the write says nothing of: they are for putting it back."""
        tried = {"apply": ("patch", "create"), "edit": ("update",), "end": ()}[self.verb]
        return [need for need in self.needs() if need.verb not in tried]

    def make_entry(self, previous: LedgerEntry | None) -> LedgerEntry:
        """What the record says of the object from before the write on."""
        if previous is not None:
            given_back = previous.hold != "created"
            return LedgerEntry(
                self.id,
                self.kind.api_version,
                previous.hold,
                uid=previous.uid,
                hash=self.hash,
                original=without_us(previous, self.before) if given_back else None,
                written=keep_content(self.after) if given_back else None,
            )
        return LedgerEntry(
            self.id,
            self.kind.api_version,
            self.hold,
            uid=None if self.before is None else self.before["metadata"]["uid"],
            hash=self.hash,
            original=keep_content(self.before) if self.hold != "created" else None,
            written=keep_content(self.after) if self.hold != "created" else None,
        )

    def undo(self, previous: LedgerEntry | None, owed: Owed | None, since: str) -> Owed:
        """What puts it back as it was, or as it was before an earlier change that is still to be undone (``owed``)."""
        why = "a change was not made on all clusters"
        if self.before is None:
            return Owed(self.id, self.kind.api_version, "delete", why, since, ends=True)
        if owed is not None:
            return replace(owed, uid=self.before["metadata"]["uid"], base=keep_content(self.after))
        return Owed(
            self.id,
            self.kind.api_version,
            "restore",
            why,
            since,
            uid=self.before["metadata"]["uid"],
            desired=keep_content(self.before),
            base=keep_content(self.after),
            ends=previous is None,
        )


def without_us(entry: LedgerEntry, live: Content | None) -> Content | None:
    """What the object would be had we never written it: as it was, with what others have changed since.

    What they changed of our own fields is not adopted.
    """
    if live is None or entry.original is None or entry.written is None:
        return entry.original
    theirs, _conflicts = merge(strip_content(entry.written), strip_content(live), strip_content(entry.original))
    if theirs == strip_content(entry.original):
        return entry.original
    managers = [
        each for each in live["metadata"].get("managedFields") or [] if not is_our_manager(str(each.get("manager")))
    ]
    return {**theirs, "metadata": {**theirs["metadata"], "managedFields": managers}}
