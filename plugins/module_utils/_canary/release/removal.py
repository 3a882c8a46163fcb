# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a release is left: what is the user's is as it was, or as the promotion made it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..._change import session
from ..._change.change import Change
from ..._change.ledger import ClusterRecord, Record
from ..._change.objects import ObjectId
from ..._change.setup import Setup
from ..._change.teardown import Teardown
from ..._finding_kinds import NOT_READY
from ..._findings import Finding, MeshError
from ..._fleet import Member
from ..._istio.routes import RouteError
from ..._kube.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    DESTINATION_RULE,
    HORIZONTAL_POD_AUTOSCALER,
    HTTP_ROUTE,
    SECRET,
    SERVICE,
    VIRTUAL_SERVICE,
)
from ..finding_kinds import NOT_PROMOTED, PART_OF_A_RELEASE
from ..gates import approvals
from ..model import ClusterObservation, TrafficSplit
from ..routes import routes
from ..state_machine import advance as machine
from ..state_machine.state import ReleaseState
from ..state_machine.targets import ClusterTarget
from . import objects
from .intent import ReleaseIntent, read
from .objects import Mark
from .release import CanaryRelease
from .revisions import note_revisions
from .store import ReleaseStore

_POLL = 1.0
_MADE = (
    VIRTUAL_SERVICE,
    HTTP_ROUTE,
    DESTINATION_RULE,
    SERVICE,
    DEPLOYMENT,
    DAEMON_SET,
    CONFIG_MAP,
    SECRET,
    HORIZONTAL_POD_AUTOSCALER,
)


def remove(setup: Setup, release: CanaryRelease, *, force: bool) -> dict[str, Any]:
    """The result, with ``leaked: []``. Raises MeshError that names what is left, where and why."""
    _refuse_a_part(setup)
    store = ReleaseStore(setup.records.place, release.name)
    if setup.check_mode:
        store.load()
        return _tear_down(setup, release)
    with setup.lock() as lease:
        locked = replace(setup, lock_of_run=lease)
        state = store.load()
        if state is not None:
            _refuse_unpromoted(locked, release, state, force)
            _keep_promotion(locked, release, state)
            if release.service is not None:
                _return_to_workload(locked, release, state)
        result = _tear_down(locked, release)
        removed = approvals.forget(setup.records.place, release.name)
        gone = store.remove()
    return {**result, "changed": result["changed"] or gone or bool(removed)}


def _refuse_a_part(setup: Setup) -> None:
    """Raises MeshError where a limit would leave the release on some clusters and forget its state for all."""
    record = setup.records.load(setup.component, setup.name)
    left_out = [name for name in setup.mesh if record.part_of(name).objects and name not in setup.write_off]
    if left_out:
        raise MeshError(
            "Nothing was removed anywhere.",
            [
                Finding(
                    setup.hub,
                    PART_OF_A_RELEASE,
                    f"release {setup.name} is on {', '.join(record.clusters)}, and this run leaves out "
                    f"{', '.join(left_out)}",
                    f"run on all of them: --limit {','.join(record.clusters)}, or no limit at all",
                )
            ],
        )


def _tear_down(setup: Setup, release: CanaryRelease) -> dict[str, Any]:
    served = [kind for kind in _MADE if release.service is not None or kind in (VIRTUAL_SERVICE, DESTINATION_RULE)]
    return Teardown(setup, [{"apiVersion": kind.api_version, "kind": kind.kind} for kind in served]).run()


def _keep_promotion(setup: Setup, release: CanaryRelease, state: ReleaseState) -> None:
    """Before anything is given back: what a promotion has made of the user's objects is what they are to stay.

    Without it users would go back to the version from before, which may be gone.
    """
    if release.service is not None or state.phase != "succeeded":
        return
    record = setup.records.load(setup.component, setup.name)
    before = _list_originals(record)
    for part in record.clusters.values():
        _keep_routes(release, part)
        _keep_size(release, part)
    if _list_originals(record) != before:
        session.save(setup, record)


def _refuse_unpromoted(setup: Setup, release: CanaryRelease, state: ReleaseState, force: bool) -> None:
    """With what we made gone, users get the workload as it is: it had better be the version that they have now."""
    if release.service is None or force or not state.promoted:
        return
    runs = _see_what_runs(setup, release, state)
    if runs == state.promoted:
        return
    workload = release.workload
    raise MeshError(
        "Nothing was removed.",
        [
            Finding(
                setup.hub,
                NOT_PROMOTED,
                f"the release is {state.phase}, so {workload.kind.kind if workload else 'the workload'} "
                f"{release.namespace}/{release.apex} runs {runs}, and users get {state.promoted}",
                "put its pod template back to the promoted version, or promote it; or give users what it runs with "
                "force: true",
            )
        ],
    )


def _see_what_runs(setup: Setup, release: CanaryRelease, state: ReleaseState) -> str:
    """The revision of the workload as it is now; a cluster that does not tell has the last known one."""
    outcomes = setup.each(lambda member: objects.compute_revision(release, read(member, release)))
    found = {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None and outcome.get()}
    return note_revisions(state, setup.fleet.names, found, release.revision).latest


def _return_to_workload(setup: Setup, release: CanaryRelease, state: ReleaseState) -> None:
    """Everybody gets the workload's own pods before what stands for them goes (Flagger's revertOnDeletion)."""
    mark = Mark(state.revision, state.released)
    current = machine.compute_intended_targets(release.rules, state)
    grown = {name: replace(aim, replicas=100, copy=False, restore=False) for name, aim in current.items()}
    Change(setup, ReleaseIntent(release, grown, mark)).run()
    _wait_until_ready(setup, release, grown, mark)
    total = release.rules.total
    leaving = {name: replace(aim, traffic=TrafficSplit(total, 0), leaving=True) for name, aim in grown.items()}
    Change(setup, ReleaseIntent(release, leaving, mark)).run()


def _wait_until_ready(setup: Setup, release: CanaryRelease, aims: Mapping[str, ClusterTarget], mark: Mark) -> None:
    workload = release.workload
    ends = time.monotonic() + (workload.deadline if workload is not None else 0.0)
    while True:
        waiting = _find_not_ready(setup, release, aims, mark)
        if not waiting:
            return
        if time.monotonic() > ends:
            raise MeshError("Nothing was removed: users would have no pods to go to.", waiting)
        time.sleep(_POLL)


def _find_not_ready(
    setup: Setup, release: CanaryRelease, aims: Mapping[str, ClusterTarget], mark: Mark
) -> list[Finding]:
    def lane(member: Member) -> ClusterObservation:
        live = read(member, release)
        return objects.observe(release, member.name, live, aims[member.name], mark, time.time(), time.time())

    outcomes = setup.each(lane)
    return [
        Finding(name, NOT_READY, outcome.get().canary.reason, "see why its pods do not become ready")
        for name, outcome in outcomes.items()
        if outcome.error is None and not outcome.get().canary.usable
    ]


def _list_originals(record: Record) -> list[Any]:
    return [entry.original for part in record.clusters.values() for entry in part.objects.values()]


def _keep_routes(release: CanaryRelease, part: ClusterRecord) -> None:
    final = release.rules.steps[-1]
    for reference in release.routes:
        key = ObjectId.of_kind(reference.kind, reference.name, reference.namespace)
        entry = part.objects.get(key)
        if entry is None or entry.original is None:
            continue
        try:
            kept = routes.make_desired(
                entry.original, release.sides, reference.rules, TrafficSplit(final.canary, final.stable)
            )
        except RouteError:
            # The original has no place for these weights, so nothing of it can be what was promoted.
            continue
        part.objects[key] = replace(entry, original=kept)


def _keep_size(release: CanaryRelease, part: ClusterRecord) -> None:
    workload = release.workload
    if workload is None:
        return
    key = ObjectId.of_kind(workload.kind, workload.name, release.namespace)
    entry = part.objects.get(key)
    if entry is None or entry.original is None or entry.written is None:
        return
    replicas = entry.written["spec"].get("replicas")
    kept = {**entry.original, "spec": {**entry.original["spec"], "replicas": replicas}}
    part.objects[key] = replace(entry, original=kept)
