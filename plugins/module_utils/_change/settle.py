# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Obligations are met: what is ours goes, what was somebody's is as it was. Deleting never creates."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._finding_kinds import OBJECT_OF_ANOTHER
from .._findings import Finding
from .._fleet import Fleet, Member
from .._kube.client import Client, strip_content
from .._kube.errors import Conflict, Forbidden, KubeError, NotFound, Unreachable
from .._kube.kinds import NAMESPACE, Kind
from .._ownership import (
    ANNOTATION_HASH,
    ANNOTATION_SOURCE,
    FIELD_MANAGER,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_SET,
    is_of_set,
    is_our_manager,
    is_ours,
    labels_set_by_us,
)
from . import parallel
from .finding_kinds import CHANGED_SINCE, GONE_MEANWHILE, NAMESPACE_KEPT, NAMESPACE_NOT_EMPTY
from .ledger import Owed
from .objects import list_some, stage_of, with_version

_ATTEMPTS = 5


@dataclass(frozen=True)
class Payment:
    """What came of one obligation. ``word``: deleted, restored, absent (there was nothing to do) or kept.

    ``before`` and ``after`` are the live object (None: there is none). ``started`` and ``finished`` are
    ``time.monotonic()`` of all that it took.
    """

    owed: Owed
    word: str
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    finding: Finding | None = None
    started: float = 0.0
    finished: float = 0.0

    @property
    def changed(self) -> bool:
        return self.word in ("deleted", "restored")


@dataclass(frozen=True)
class Settled:
    """Per cluster what was paid, and why the rest was not."""

    paid: Mapping[str, list[Payment]]
    errors: Mapping[str, list[KubeError]]


class Settlement:
    """Pays the obligations of one set on all clusters at once, stage by stage: routes go before what they lead to."""

    def __init__(
        self,
        fleet: Fleet,
        component: str,
        name: str,
        guard: Callable[[], None],
        *,
        timeout: float,
        workers: int = parallel.WORKERS,
    ) -> None:
        self._fleet = fleet
        self._component = component
        self._name = name
        self._guard = guard
        self._timeout = timeout
        self._workers = workers

    def pay(
        self,
        owed: Mapping[str, Iterable[Owed]],
        *,
        regardless: bool = False,
        elsewhere: Iterable[Owed] = (),
        arrived: Callable[[Mapping[str, Sequence[Payment]]], bool] = lambda _paid: True,
    ) -> Settled:
        """Pay what is owed, routes first.

        Unless ``regardless``, a stage that is not complete on all clusters is the last one, what is owed ``elsewhere``
        (to clusters that are away) counted: while a route may still stand, what it leads to is not taken away.
        So is one of which ``arrived``, asked with all that is paid, says that proxies may still have it.
        """
        stages: dict[int, dict[str, list[Owed]]] = {}
        for cluster, items in owed.items():
            for item in items:
                stages.setdefault(_stage(item), {}).setdefault(cluster, []).append(item)
        paid: dict[str, list[Payment]] = {cluster: [] for cluster in owed}
        errors: dict[str, list[KubeError]] = {cluster: [] for cluster in owed}
        open_elsewhere = min((_stage(item) for item in elsewhere), default=math.inf)
        for stage in sorted(stages):
            if stage > open_elsewhere and not regardless:
                break
            if any(paid.values()) and not arrived(paid):
                break
            self._pay_stage(stages[stage], paid, errors)
            if any(errors.values()) and not regardless:
                break
        return Settled(paid, errors)

    def _pay_stage(
        self,
        owed: Mapping[str, list[Owed]],
        paid: dict[str, list[Payment]],
        errors: dict[str, list[KubeError]],
    ) -> None:
        seconds = self._timeout * (3 + max(len(items) for items in owed.values()) / self._workers)
        ends = time.monotonic() + seconds

        def lane(member: Member) -> list[parallel.Tried[Owed, Payment]]:
            return parallel.each(
                owed[member.name], lambda item: self._time(member.client, item), workers=self._workers, ends=ends
            )

        deadline = seconds + parallel.ROUNDS * self._timeout
        for cluster, outcome in self._fleet.each(lane, deadline=deadline, only=list(owed)).items():
            if outcome.error is not None:
                errors[cluster].append(outcome.error)
                continue
            for tried in outcome.get():
                if tried.value is not None:
                    paid[cluster].append(tried.value)
                elif tried.error is not None:
                    errors[cluster].append(tried.error)
            if not errors[cluster] and not all(tried.tried for tried in outcome.get()):
                errors[cluster].append(Unreachable(cluster, f"answers too slowly: not done after {seconds:g} s"))

    def _time(self, client: Client, owed: Owed) -> Payment:
        started = time.monotonic()
        payment = self._pay_one(client, owed)
        return replace(payment, started=started, finished=time.monotonic())

    def _pay_one(self, client: Client, owed: Owed) -> Payment:
        try:
            kind = client.find_kind({"apiVersion": owed.api_version, "kind": owed.id.kind})
        except NotFound:
            return Payment(owed, "absent")
        live = client.find(kind, owed.id.name, owed.id.namespace or None)
        if live is None:
            return Payment(owed, "absent", finding=_report_gone(client.cluster, owed))
        self._guard()
        if owed.verb == "delete":
            return self._delete(client, kind, owed, live)
        return self._restore(client, kind, owed, live)

    def _delete(self, client: Client, kind: Kind, owed: Owed, live: Mapping[str, Any]) -> Payment:
        if not self._is_ours(live, owed.uid):
            return Payment(owed, "kept", live, live, _report_of_somebody_else(client.cluster, owed))
        if kind == NAMESPACE:
            return self._delete_namespace(client, owed, live)
        self._remove(client, kind, owed, live, self._timeout)
        return Payment(owed, "deleted", live, None)

    def _delete_namespace(self, client: Client, owed: Owed, live: Mapping[str, Any]) -> Payment:
        from .._kube import namespaces

        try:
            left = namespaces.list_contents(client, owed.id.name)
            if not left:
                # It is emptied by a controller first, which looks around in its own time.
                self._remove(client, NAMESPACE, owed, live, 5 * self._timeout)
                return Payment(owed, "deleted", live, None)
            finding = _report_not_empty(client.cluster, owed, left)
        except Forbidden as error:
            finding = _report_may_not_delete(client.cluster, owed, error)
        return Payment(owed, "kept", live, _release(client, NAMESPACE, live), finding)

    @staticmethod
    def _remove(client: Client, kind: Kind, owed: Owed, live: Mapping[str, Any], patience: float) -> None:
        name, namespace = owed.id.name, owed.id.namespace or None
        client.delete(kind, name, namespace, uid=live["metadata"]["uid"])
        if client.find(kind, name, namespace) is not None:
            client.wait_gone(kind, name, namespace, patience)

    def _is_ours(self, live: Mapping[str, Any], uid: str | None) -> bool:
        return is_held(live, self._component, self._name, uid)

    def _restore(self, client: Client, kind: Kind, owed: Owed, live: Mapping[str, Any]) -> Payment:
        if owed.desired is None or owed.base is None or (owed.uid and live["metadata"]["uid"] != owed.uid):
            return Payment(owed, "kept", live, live, _report_of_somebody_else(client.cluster, owed))
        from .merge import merge

        before = live
        for attempt in range(1, _ATTEMPTS + 1):
            merged, conflicts = merge(strip_content(owed.base), strip_content(owed.desired), strip_content(live))
            if merged == strip_content(live):
                after: Mapping[str, Any] = live
                break
            try:
                after = client.replace(with_version(merged, live), field_manager=FIELD_MANAGER)
                break
            except Conflict:
                if attempt == _ATTEMPTS:
                    raise
                live = client.get(kind, owed.id.name, owed.id.namespace or None)
        if owed.ends:
            after = _give_back(client, kind, owed.desired, after)
        elif _find_applied(owed.desired) is not None and strip_content(owed.desired) == strip_content(after):
            # As it was applied: the API server takes away only that when it is declared no more.
            after = _write_managers(client, kind, owed.desired["metadata"]["managedFields"], after)
        finding = _report_changed_since(client.cluster, owed, conflicts) if conflicts else None
        word = "restored" if strip_content(before) != strip_content(after) else "absent"
        return Payment(owed, word, before, after, finding)


def _stage(owed: Owed) -> int:
    return stage_of(owed.id.group, owed.id.kind).remove


def is_held(live: Mapping[str, Any], component: str, name: str, uid: str | None) -> bool:
    """Whether a live object is ours: by recorded UID, else by our labels where our own field manager set them."""
    if not is_of_set(live, component, name):
        return False
    if uid is not None:
        return bool(live["metadata"]["uid"] == uid)
    return LABEL_SET in labels_set_by_us(live)


def _release(client: Client, kind: Kind, live: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our labels off an object that stays with others."""
    nothing: dict[str, Any] = {
        "metadata": {
            "labels": dict.fromkeys((LABEL_MANAGED_BY, LABEL_COMPONENT, LABEL_SET)),
            "annotations": dict.fromkeys((ANNOTATION_HASH, ANNOTATION_SOURCE)),
        }
    }
    metadata = live["metadata"]
    released = client.patch(kind, metadata["name"], metadata.get("namespace"), nothing, field_manager=FIELD_MANAGER)
    return _give_back(client, kind, live, released)


def _give_back(client: Client, kind: Kind, original: Mapping[str, Any], live: Mapping[str, Any]) -> Mapping[str, Any]:
    """No field of the object is ours any more, so that its owner meets no conflict with us."""
    return _write_managers(client, kind, restore_managed_fields(original, live), live)


def gather_fields(client: Client, kind: Kind, live: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that is ours of an object counts as applied by us, so that the API server takes away what is not declared any
    more. A run that was killed while it put a change back may have left it otherwise."""
    edits = [each for each in live["metadata"].get("managedFields") or () if _is_of_us(each) and not _is_applied(each)]
    if not edits or _find_applied(live) is None:
        return live
    return _write_managers(client, kind, restore_managed_fields(live, live), live)


def _write_managers(
    client: Client, kind: Kind, managers: Sequence[Mapping[str, Any]], live: Mapping[str, Any]
) -> Mapping[str, Any]:
    if managers == (live["metadata"].get("managedFields") or []):
        return live
    metadata = live["metadata"]
    patch = {"metadata": {"managedFields": list(managers) or [{}], "resourceVersion": metadata["resourceVersion"]}}
    try:
        return client.patch(kind, metadata["name"], metadata.get("namespace"), patch, field_manager=FIELD_MANAGER)
    except Conflict:
        # Somebody writes at this moment. Left as it is: a conflict that they may meet names us, and can be forced.
        return live


def restore_managed_fields(original: Mapping[str, Any], live: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Who owns which fields once we hold none: as it was before us, where nobody has changed the object since. Pure.

    What is a replica of ours stays one: all that is ours of it is then what the replica was applied with, or the API
    server would no longer take away what is not declared any more.
    """
    current = live["metadata"].get("managedFields") or []
    entries = (
        (original["metadata"].get("managedFields") or []) if strip_content(original) == strip_content(live) else current
    )
    others = [dict(entry) for entry in entries if not _is_of_us(entry)]
    applied = _find_applied(live)
    if applied is None:
        return others
    fields = _join([entry.get("fieldsV1") or {} for entry in current if _is_of_us(entry)])
    return [{**applied, "fieldsV1": fields}, *others]


def _find_applied(live: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What we have applied of an object that is ours as a whole."""
    entries = (live["metadata"].get("managedFields") or []) if is_ours(live) else []
    return next((entry for entry in entries if _is_of_us(entry) and _is_applied(entry)), None)


def _is_applied(entry: Mapping[str, Any]) -> bool:
    return entry.get("operation") == "Apply"


def _is_of_us(entry: Mapping[str, Any]) -> bool:
    return is_our_manager(str(entry.get("manager") or ""))


def _join(sets: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The union of sets of fields as ``fieldsV1`` has them: a mapping for each field, an empty one for a leaf."""
    joined: dict[str, Any] = {}
    for fields in sets:
        for name, inner in fields.items():
            joined[name] = _join([joined.get(name, {}), inner])
    return joined


def _report_gone(cluster: str, owed: Owed) -> Finding | None:
    if owed.verb == "delete":
        return None
    return Finding(
        cluster,
        GONE_MEANWHILE,
        "was to be given back as it was, and is not there any more; it is not made again",
        "nothing, where that was meant; else apply it again",
        "warning",
        str(owed.id),
    )


def _report_of_somebody_else(cluster: str, owed: Owed) -> Finding:
    return Finding(
        cluster,
        OBJECT_OF_ANOTHER,
        f"has this name, and is not the object that we {'made' if owed.verb == 'delete' else 'changed'}; it stays",
        "nothing, where somebody made it anew",
        "warning",
        str(owed.id),
    )


def _report_not_empty(cluster: str, owed: Owed, left: list[str]) -> Finding:
    return Finding(
        cluster,
        NAMESPACE_NOT_EMPTY,
        f"was made by us and is not empty ({list_some(left)}); it stays, without our labels",
        "delete it yourself once nothing in it is needed",
        "warning",
        str(owed.id),
    )


def _report_may_not_delete(cluster: str, owed: Owed, error: Forbidden) -> Finding:
    return Finding(
        cluster,
        NAMESPACE_KEPT,
        f"was made by us, and the account may not delete it, or not see whether it is empty ({error.message}); it "
        "stays, without our labels",
        "delete it yourself once nothing in it is needed",
        "warning",
        str(owed.id),
    )


def _report_changed_since(cluster: str, owed: Owed, conflicts: list[str]) -> Finding:
    return Finding(
        cluster,
        CHANGED_SINCE,
        f"{', '.join(conflicts)} was changed by somebody else since, and stays as it is",
        "see whether that is what is wanted",
        "warning",
        str(owed.id),
    )
