# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepare: every write of a change is tried in a dry run, and whether it could be put back is asked."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._finding_kinds import CONFLICT, NOT_SERVED, REFUSED
from .._findings import Finding
from .._kube.client import Client, strip_content
from .._kube.errors import Conflict, Forbidden, Invalid, KubeError, NotFound
from .._kube.kinds import NAMESPACE
from .._ownership import FIELD_MANAGER, is_our_manager
from . import access, parallel
from .access import Need
from .actions import Action
from .commit import edit
from .finding_kinds import DRY_RUN_NOT_POSSIBLE
from .objects import ObjectId
from .policy import is_away

_FEW = 8
_NO_DRY_RUN = re.compile(r"does not support dry run")


@dataclass(frozen=True)
class Prepared:
    """The writes that will change something, with what they will make of their objects, and what is in their way."""

    actions: tuple[Action, ...] = ()
    unchanged: tuple[ObjectId, ...] = ()
    findings: tuple[Finding, ...] = ()


def prepare(client: Client, actions: Sequence[Action], *, workers: int = parallel.WORKERS) -> Prepared:
    """Try everything, write nothing. Raises KubeError where the cluster is away."""
    if not actions:
        return Prepared()
    namespaces = {action.id.name for action in actions if action.kind == NAMESPACE and action.before is None}
    asked: list[Need | Action] = [*_list_reviews(actions, namespaces), *actions]
    tried = parallel.each(
        asked,
        lambda item: access.is_allowed(client, item) if isinstance(item, Need) else _dry_run(client, item, namespaces),
        # Here connections are opened, and one costs as much as a few requests.
        workers=min(workers, max(_FEW, len(asked) // 4)),
    )
    lacking: list[Need] = []
    if any(each.value is False or isinstance(each.error, Forbidden) for each in tried):
        lacking = access.find_missing(client, (need for action in actions for need in action.needs()))
    findings = access.report_missing(client.cluster, lacking, beyond=client.credentials.beyond)
    will_do: list[Action] = []
    unchanged: list[ObjectId] = []
    for each in tried:
        if each.error is not None:
            if is_away(each.error) or isinstance(each.item, Need):
                raise each.error
            # What an account may not do is said once, above, and not for each object.
            if not (isinstance(each.error, Forbidden) and findings):
                findings.append(_report_refused(client.cluster, each.item, each.error))
        elif isinstance(each.value, tuple):
            action, finding = each.value
            findings += [finding] if finding is not None else []
            if _does_something(action):
                will_do.append(action)
            else:
                unchanged.append(action.id)
    return Prepared(tuple(will_do), tuple(unchanged), tuple(findings))


def _list_reviews(actions: Iterable[Action], namespaces: Collection[str]) -> list[Need]:
    """What dry runs do not show, without regard to the namespace: one answer then does for all.

    In a namespace that is not there yet they show nothing.
    """
    needs = (
        need
        for action in actions
        for need in (action.needs() if action.id.namespace in namespaces else action.list_untried())
    )
    return list(dict.fromkeys(need.everywhere for need in needs))


def _dry_run(client: Client, action: Action, namespaces: Iterable[str]) -> tuple[Action, Finding | None]:
    try:
        return _try(client, action, namespaces), None
    except Invalid as error:
        if not _NO_DRY_RUN.search(error.message):
            raise
        warning = Finding(
            client.cluster,
            DRY_RUN_NOT_POSSIBLE,
            f"a webhook cannot be asked beforehand: {error.message}",
            "nothing; should it refuse the write itself, all clusters are put back",
            "warning",
            str(action.id),
        )
        return replace(action, after=action.desired), warning


def _try(client: Client, action: Action, namespaces: Iterable[str]) -> Action:
    kind, name, namespace = action.kind, action.id.name, action.id.namespace or None
    if action.verb == "end":
        if action.word == "deleted" and action.before is not None:
            client.delete(kind, name, namespace, uid=action.before["metadata"]["uid"], dry_run=True)
        return action
    if action.desired is None:
        raise ValueError(f"{action.id}: nothing is desired")
    if action.verb == "edit":
        # Controllers write the status of an object at any time, which is in nobody's way.
        return replace(action, after=edit(client, action, dry_run=True))
    try:
        applied = client.apply(
            action.desired,
            field_manager=FIELD_MANAGER,
            force=action.force,
            dry_run=True,
            live=action.before,
            planned_namespaces=set(namespaces),
        )
    except Conflict as error:
        if action.force or not error.causes or not all(is_our_manager(cause.manager) for cause in error.causes):
            raise
        # Only between two ways in which this collection writes: an edit, or what was put back.
        return _try(client, replace(action, force=True), namespaces)
    return replace(action, after=applied.object)


def _does_something(action: Action) -> bool:
    if action.verb == "end" or action.before is None or action.after is None:
        return True
    return strip_content(action.before) != strip_content(action.after)


def _report_refused(cluster: str, action: Action, error: KubeError) -> Finding:
    conflict = isinstance(error, Conflict) and [cause for cause in error.causes if cause.manager]
    if conflict:
        managed = "; ".join(
            f'{cause.field} is managed by "{cause.manager}"{_describe_since(action.before or {}, cause.manager)}'
            for cause in conflict
        )
        return Finding(
            cluster,
            CONFLICT,
            f"apply {action.id}: {managed}",
            "let that manager give the fields up, leave them out, or set force: true to take them over",
            object=str(action.id),
        )
    return Finding(
        cluster,
        NOT_SERVED if isinstance(error, NotFound) else REFUSED,
        error.message,
        error.remedy or "see the message",
        object=str(action.id),
    )


def _describe_since(live: Mapping[str, Any], manager: str) -> str:
    times = [
        str(entry.get("time"))
        for entry in (live.get("metadata") or {}).get("managedFields") or []
        if entry.get("manager") == manager and entry.get("time")
    ]
    return f" since {max(times)}" if times else ""
