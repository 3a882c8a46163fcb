# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit: all clusters at once, stage by stage; what routes lead to stands everywhere before a route does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._fleet import Fleet, Member
from .._kube.client import Client, strip_content
from .._kube.errors import Conflict, KubeError, Unreachable
from .._ownership import FIELD_MANAGER
from . import parallel
from .actions import Action
from .ledger import Content
from .objects import with_version
from .settle import gather_fields

_ATTEMPTS = 5
"""So often an object is read again that others write at the same time."""


@dataclass(frozen=True)
class Done:
    """One write: ``after`` as the API server answered, or ``error``: then it may have been made or not.

    ``started`` and ``finished`` are of ``time.monotonic()``.
    """

    action: Action
    after: Content | None = field(default=None, repr=False)
    error: KubeError | None = None
    started: float = 0.0
    finished: float = 0.0


class Commit:
    """The writes of a change as they are made. ``guard`` raises KubeError where nothing more may be written."""

    def __init__(
        self,
        fleet: Fleet,
        guard: Callable[[], None],
        *,
        request_timeout: float,
        workers: int = parallel.WORKERS,
    ) -> None:
        self._fleet = fleet
        self._guard = guard
        self._timeout = request_timeout
        self._workers = workers
        self.done: dict[str, list[Done]] = {}

    def run(
        self,
        plans: Mapping[str, Sequence[Action]],
        *,
        before_stage: Callable[[], bool],
        goes_on: Callable[[Mapping[str, KubeError]], bool],
    ) -> dict[str, KubeError]:
        """Write everything; the first error of each cluster where it failed.

        ``before_stage`` says whether the stage is written or is the end.
        ``goes_on`` is asked after a stage in which clusters failed, whether the others go on without them.
        """
        failed: dict[str, KubeError] = {}
        for stage in sorted({action.stage for actions in plans.values() for action in actions}):
            now = {
                name: [action for action in actions if action.stage == stage]
                for name, actions in plans.items()
                if name not in failed
            }
            now = {name: actions for name, actions in now.items() if actions}
            if not now:
                continue
            if not before_stage():
                break
            failed.update(self._stage(now))
            if failed and not goes_on(failed):
                break
        return failed

    def _stage(self, plans: Mapping[str, Sequence[Action]]) -> dict[str, KubeError]:
        errors: dict[str, KubeError] = {}
        # A cluster that no longer answers ends its lane after one request's limit; this is for one that crawls.
        seconds = self._timeout * (2 + max(len(actions) for actions in plans.values()) / self._workers)
        ends = time.monotonic() + seconds

        def lane(member: Member) -> list[parallel.Tried[Action, Done]]:
            def guarded(action: Action) -> Done:
                self._guard()
                return write(member.client, action)

            return parallel.each(plans[member.name], guarded, workers=self._workers, ends=ends)

        # Nothing may still be written when this returns, or it could not be put back.
        deadline = seconds + parallel.ROUNDS * self._timeout
        for name, outcome in self._fleet.each(lane, deadline=deadline, only=list(plans)).items():
            made = self.done.setdefault(name, [])
            if outcome.error is not None:
                errors[name] = outcome.error
                made += [Done(action, error=outcome.error) for action in plans[name]]
                continue
            for tried in outcome.get():
                if tried.value is not None:
                    made.append(tried.value)
                elif tried.error is not None:
                    made.append(Done(tried.item, error=tried.error))
                    errors.setdefault(name, tried.error)
            if name not in errors and not all(tried.tried for tried in outcome.get()):
                errors[name] = Unreachable(
                    name,
                    f"was written too slowly: not done after {seconds:g} s",
                    remedy="see why its API server is slow, or allow more time with request_timeout",
                )
        return errors


def write(client: Client, action: Action) -> Done:
    """Make one write. Raises KubeError."""
    started = time.monotonic()
    after = _WRITES[action.verb](client, action)
    return Done(action, after=after, started=started, finished=time.monotonic())


def _apply(client: Client, action: Action) -> Content:
    desired = dict(action.desired or {})
    before: Mapping[str, Any] | None = action.before
    if before is not None:
        # A namesake that has taken the place since is not what was looked at.
        desired["metadata"] = {**desired["metadata"], "uid": before["metadata"]["uid"]}
        if action.whole:
            before = gather_fields(client, action.kind, before)
    applied = client.apply(desired, field_manager=FIELD_MANAGER, force=action.force, live=before)
    if action.before is None and not applied.created:
        # What has our labels may be deleted as ours: give every field back at once.
        identity = {"apiVersion": desired["apiVersion"], "kind": desired["kind"], "metadata": _place(action)}
        client.apply(identity, field_manager=FIELD_MANAGER, live=applied.object)
        raise Conflict(
            client.cluster,
            f"apply {action.id}: somebody else made an object of this name meanwhile",
            reason="AppearedMeanwhile",
            remedy="look at it, then run again",
        )
    return applied.object


def _place(action: Action) -> dict[str, str]:
    place = {"name": action.id.name}
    return {**place, "namespace": action.id.namespace} if action.id.namespace else place


def edit(client: Client, action: Action, *, dry_run: bool = False) -> Content:
    """Write what is desired over what was read, or over what others have made of that since.

    Raises Conflict where both changed the same.
    """
    base, target = action.before or {}, action.desired or {}
    desired: Mapping[str, Any] = target
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return client.replace(desired, field_manager=FIELD_MANAGER, dry_run=dry_run)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        from .merge import merge

        live = client.get(action.kind, action.id.name, action.id.namespace or None)
        merged, conflicts = merge(strip_content(base), strip_content(target), strip_content(live))
        made_anew = live["metadata"]["uid"] != base["metadata"]["uid"]
        if conflicts or made_anew:
            what = "the object, which was made anew," if made_anew else ", ".join(conflicts)
            raise Conflict(
                client.cluster,
                f"edit {action.id}: {what} was changed by somebody else meanwhile",
                reason="ChangedMeanwhile",
                remedy="look at it, then run again",
            )
        desired = with_version(merged, live)
    raise AssertionError("unreachable")


_WRITES: Mapping[str, Callable[[Client, Action], Content]] = {"apply": _apply, "edit": edit}
