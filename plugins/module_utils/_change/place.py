# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The namespace of the records on the hub: found, made, and removed when nothing is left in it.

By default it is one of our own, and what earlier versions kept in Istio's namespace is taken along. A namespace that
the user names is the user's: it has to be there, and stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .._kube.client import Client
from .._kube.errors import Conflict, Forbidden, KubeError
from .._kube.kinds import CONFIG_MAP, LEASE, NAMESPACE, ROLE, SECRET, Kind
from .._kube.namespaces import is_left, list_contents
from .._ownership import ANNOTATION_RECORDS_OF, FIELD_MANAGER, is_ours, owned, records_namespace
from . import moving
from .finding_kinds import RECORDS_NOT_REACHED

COMPONENT = "records"

_ANNOTATION_LEAVING = "onemesh.istio/leaving"
"""On the namespace while a run looks whether it is empty: whoever takes a Lease there meanwhile takes it off, and the
deletion, which is of the namespace as it was, fails."""
_ENDS_WITHIN = 60.0
_HOLD_IT = (LEASE, SECRET, CONFIG_MAP, ROLE)
"""What is in it nearly always: with any of these the other types need not be asked for."""


@dataclass
class Place:
    """``before`` is where records were by default in earlier versions; empty where the user names the namespace.

    Every method raises KubeError.
    """

    client: Client
    namespace: str
    before: str = ""
    _settled: bool = field(default=False, repr=False)
    _emptied: bool = field(default=False, repr=False)
    """Whether this run may leave nothing in it: it made it, or removes something from it."""

    @classmethod
    def of(cls, client: Client, istio_namespace: str, given: str | None) -> Place:
        """From option ``ledger_namespace``."""
        if given:
            return cls(client, given)
        return cls(client, records_namespace(istio_namespace), istio_namespace)

    def find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """An object of the records, where it is now. Only what is not there is looked for where records were before."""
        try:
            found = self.client.find(kind, name, self.namespace)
        except Forbidden as error:
            raise self._make_forbidden_error(error, f"read {kind.plural} in {self.namespace}") from error
        if found is not None or self.is_settled():
            return found
        try:
            return self.client.find(kind, name, self.before)
        except Forbidden as error:
            raise self._make_forbidden_error(error, f"see whether records are still in {self.before}") from error

    def select(self, kind: Kind, label_selector: str) -> list[dict[str, Any]]:
        """All objects of the records with a label, where they are now."""
        found = self.client.list(kind, self.namespace, label_selector=label_selector)
        if not self.is_settled():
            known = {live["metadata"]["name"] for live in found}
            older = self.client.list(kind, self.before, label_selector=label_selector)
            found += [live for live in older if live["metadata"]["name"] not in known]
        return found

    def is_settled(self) -> bool:
        """Whether nothing of the records can be anywhere else."""
        if self.before and not self._settled:
            live = self.client.find(NAMESPACE, self.namespace)
            self._settled = (
                live is not None and not _is_ending(live) and _annotation(live, ANNOTATION_RECORDS_OF) == self.before
            )
        return self._settled or not self.before

    def manifest(self) -> dict[str, Any]:
        """The namespace as it is when all records are in it."""
        metadata = {"name": self.namespace, "annotations": {ANNOTATION_RECORDS_OF: self.before}}
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}

    def make(self) -> bool:
        """Make the namespace where it is ours to make and not there. Whether it was missing."""
        if not self.before:
            return False
        if self.find_namespace() is not None:
            return False
        manifest = owned({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}, COMPONENT)
        try:
            with suppress(Conflict):  # another run was faster
                self.client.create(manifest, field_manager=FIELD_MANAGER)
                self._emptied = True
        except Forbidden as error:
            raise self._make_forbidden_error(error, f"make namespace {self.namespace}") from error
        return True

    def find_namespace(self) -> dict[str, Any] | None:
        """The namespace; where an earlier run removes it, nothing, once it is gone."""
        live = self.client.find(NAMESPACE, self.namespace)
        if live is None or not _is_ending(live):
            return live
        self.client.wait_gone(NAMESPACE, self.namespace, None, _ENDS_WITHIN)
        return None

    def arrive(self, taken: str) -> None:
        """After a Lease was taken: the namespace stays for as long, and the records of the set are in it.

        Raises Conflict where another run removes the namespace, or works on the set where it was before.
        """
        if not self.before:
            return
        live = self.client.get(NAMESPACE, self.namespace)
        self._stay(live)
        if _annotation(live, ANNOTATION_RECORDS_OF) != self.before:
            self.settle(taken)

    def settle(self, taken: str = "") -> list[str]:
        """Take everything along. Returns the sets that another run works on; as long as there are any, all runs look at
        both places."""
        try:
            busy = moving.take_along(self.client, self.before, self.namespace, taken)
        except Forbidden as error:
            raise self._make_forbidden_error(error, f"take the records of {self.before} along") from error
        if not busy:
            # Where that is not allowed all runs look at both, until an account comes that may.
            with suppress(Forbidden):
                self._annotate(ANNOTATION_RECORDS_OF, self.before)
            self._settled = True
        return busy

    def remove(self, kind: Kind, name: str, uid: str) -> bool:
        """Remove an object of the records. Whether it was there."""
        self._emptied = True
        return self.client.delete(kind, name, self.namespace, uid=uid)

    def vacate(self) -> None:
        """This run removes a set: with the last one the namespace goes too, also one that a killed run left empty."""
        self._emptied = True

    def leave(self) -> None:
        """After a Lease was given back: whatever the run was for, it leaves no namespace that it emptied."""
        if self._emptied:
            self.retire()

    def retire(self) -> bool:
        """Remove the namespace where we made it and nothing is left in it. Whether it goes.

        An account that may not look or delete leaves it.
        """
        try:
            return bool(self.before) and self._retire()
        except (Forbidden, Conflict):
            return False

    def _retire(self) -> bool:
        live = self.client.find(NAMESPACE, self.namespace)
        if live is None or not is_ours(live) or _is_ending(live):
            return False
        moving.clear_locks(self.client, self.namespace)
        if any(is_left(kind, found) for kind in _HOLD_IT for found in self.client.list(kind, self.namespace)):
            return False
        marked = self._annotate(_ANNOTATION_LEAVING, "true")
        if list_contents(self.client, self.namespace):
            self._annotate(_ANNOTATION_LEAVING, None)
            return False
        metadata = marked["metadata"]
        return self.client.delete(
            NAMESPACE, self.namespace, uid=metadata["uid"], resource_version=metadata["resourceVersion"]
        )

    def _stay(self, live: Mapping[str, Any]) -> None:
        leaving = _is_ending(live)
        if not leaving and _annotation(live, _ANNOTATION_LEAVING):
            try:
                self._annotate(_ANNOTATION_LEAVING, None)
            except Forbidden:
                leaving = True
        if leaving:
            raise Conflict(
                self.client.cluster,
                f"another run removes namespace {self.namespace}, which was empty",
                reason="NamespaceLeaving",
                remedy=f"run again; if it stays like this, that run was killed: `kubectl annotate namespace "
                f"{self.namespace} {_ANNOTATION_LEAVING}-`",
            )

    def _annotate(self, name: str, value: str | None) -> dict[str, Any]:
        change = {"metadata": {"annotations": {name: value}}}
        return self.client.patch(NAMESPACE, self.namespace, None, change, field_manager=FIELD_MANAGER)

    def _make_forbidden_error(self, error: KubeError, what: str) -> KubeError:
        remedy = (
            "make a writer once with an account that administers the hub (module onemesh.istio.writer, role "
            f"onemesh.istio.link): that makes {self.namespace}, takes the records of {self.before} along, and grants "
            "the writer its rights there; or name a namespace of your own with ledger_namespace"
            if self.before
            else f"grant the account get, list, create, update and delete of secrets, and the same of leases, in "
            f"{self.namespace}"
        )
        return Forbidden(
            self.client.cluster,
            f"the account in use may not {what}: {error.message}",
            status=error.status,
            kind=RECORDS_NOT_REACHED,
            remedy=remedy,
        )


def _is_ending(live: Mapping[str, Any]) -> bool:
    return bool(live["metadata"].get("deletionTimestamp"))


def _annotation(live: Mapping[str, Any], name: str) -> str:
    return str((live["metadata"].get("annotations") or {}).get(name, ""))
