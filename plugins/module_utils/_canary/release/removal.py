# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a release is left: what is the user's is as it was, or as the promotion made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from ..._change import session
from ..._change.ledger import ClusterRecord, Record
from ..._change.objects import ObjectId
from ..._change.setup import Setup
from ..._change.teardown import Teardown
from ..._findings import Finding, MeshError, join_clusters, read_finding
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
from ..model import TrafficSplit
from ..routes import routes
from ..state_machine.state import ReleaseState
from . import objects
from .intent import read
from .release import CanaryRelease
from .returning import WorkloadPresence, find_presence, return_users
from .revisions import note_revisions
from .store import ReleaseStore

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
    """The result, with ``leaked: []``. Raises MeshError that names what is left, where and why.

    Everything goes by the record. A workload that is gone or not ready keeps nothing: what is not given back is said.
    """
    _refuse_a_part(setup)
    store = ReleaseStore(setup.records.place, release.name)
    if setup.check_mode:
        state = store.load()
        presence = _find_presence(setup, release, state)
        return _tear_down(setup, release, presence.gone)
    with setup.lock() as lease:
        locked = replace(setup, lock_of_run=lease)
        state = store.load()
        presence = _find_presence(locked, release, state)
        if state is not None:
            _refuse_unpromoted(locked, release, state, force or not presence.present)
            _keep_promotion(locked, release, state)
        unready = return_users(locked, release, presence.present, force=force)
        result = _tear_down(locked, release, [*presence.gone, *unready])
        removed = approvals.forget(setup.records.place, release.name)
        gone = store.remove()
    return {**result, "changed": result["changed"] or gone or bool(removed)}


def _find_presence(setup: Setup, release: CanaryRelease, state: ReleaseState | None) -> WorkloadPresence:
    """Where users can go back to the workload, if the release has taken them from it."""
    record = setup.records.load(setup.component, setup.name)
    if release.service is None or (state is None and record.empty):
        return WorkloadPresence()
    return find_presence(setup, release)


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


def _tear_down(setup: Setup, release: CanaryRelease, findings: Iterable[Finding]) -> dict[str, Any]:
    """Remove everything. The result says what was not given back, of ``findings`` and by what is found on the way."""
    served = [kind for kind in _MADE if release.service is not None or kind in (VIRTUAL_SERVICE, DESTINATION_RULE)]
    teardown = Teardown(setup, [{"apiVersion": kind.api_version, "kind": kind.kind} for kind in served])
    try:
        return _warn(setup, teardown.run(), findings)
    except MeshError as error:
        error.result = _warn(setup, error.result, findings)
        raise


def _warn(setup: Setup, result: dict[str, Any], findings: Iterable[Finding]) -> dict[str, Any]:
    """The result with what was not given back, which is said on the screen too."""
    clusters = {name: dict(part) for name, part in result.get("clusters", {}).items()}
    for finding in findings:
        part = clusters.setdefault(finding.cluster, {})
        part["findings"] = [finding.as_dict(), *part.get("findings", ())]
    warnings = [
        read_finding(each)
        for part in clusters.values()
        for each in part.get("findings", ())
        if each["severity"] == "warning"
    ]
    texts = [str(finding) for finding in join_clusters(warnings)]
    for text in texts:
        setup.progress(f"warning: {text}")
    return {**result, "clusters": clusters, **({"warnings": texts} if texts else {})}


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
