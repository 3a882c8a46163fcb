# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before a managed release is removed its users go back to the workload's own pods (Flagger's revertOnDeletion).

A workload that is gone, or does not get ready, keeps nothing from being removed: it is said, and the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..._change.change import Change, ClusterPlan
from ..._change.ledger import ClusterRecord, Owed
from ..._change.objects import ObjectId
from ..._change.policy import Policy, is_away
from ..._change.setup import Setup
from ..._finding_kinds import NOT_REACHABLE
from ..._findings import Finding, MeshError, read_finding
from ..._fleet import Member
from ..._kube.kinds import NAMESPACE, SERVICE
from ..finding_kinds import WORKLOAD_GETS_NOBODY
from ..model import Readiness, TrafficSplit
from ..state_machine.targets import ClusterTarget
from . import objects
from .intent import is_of_release, make_action, read
from .objects import LiveObjects, Mark, WantedObject
from .release import CanaryRelease

_POLL = 1.0

ListWanted = Callable[[CanaryRelease, str, LiveObjects], Iterable[WantedObject]]


@dataclass(frozen=True)
class WorkloadPresence:
    """Of the clusters that answer, those where the workload is ``present``, and why it is ``gone`` on the others."""

    present: tuple[str, ...] = ()
    gone: tuple[Finding, ...] = ()


def find_presence(setup: Setup, release: CanaryRelease) -> WorkloadPresence:
    """Raises KubeError where a cluster refuses to say."""

    def lane(member: Member) -> str:
        live = read(member, release)
        if live.workload(release, "canary") is not None:
            return ""
        namespace = member.client.find(NAMESPACE, release.namespace)
        return f"is not there{'' if namespace else f', and neither is namespace {release.namespace}'}"

    outcomes = setup.each(lane)
    # Who is away is asked, and named, by all that follows.
    reasons = {name: each.get() for name, each in outcomes.items() if each.error is None or not is_away(each.error)}
    remedy = "apply it again where users are to have pods"
    return WorkloadPresence(
        tuple(name for name, reason in reasons.items() if not reason),
        tuple(_report_nobody(release, name, reason, remedy) for name, reason in reasons.items() if reason),
    )


def return_users(setup: Setup, release: CanaryRelease, clusters: Iterable[str], *, force: bool) -> list[Finding]:
    """Lead everybody to the workload on these clusters. What of it could not be done, as warnings.

    Raises MeshError where a cluster refuses that, and with ``force`` it is removed there nevertheless.
    """
    names = tuple(clusters)
    if not names:
        return []
    # One that is away keeps nobody from getting the workload, and its own part of the removal stays owed.
    patient = Policy("quorum", 0, setup.policy.exclude, regardless=setup.policy.regardless, tolerant=force)
    setup = replace(setup, policy=patient)
    grown = Change(setup, ReturnIntent(release, names, list_grown)).run()
    unready = _await_pods(setup, release, names)
    led = Change(setup, ReturnIntent(release, names, list_led)).run()
    return [*_list_refusals(grown), *unready, *_list_refusals(led)]


def list_grown(release: CanaryRelease, _cluster: str, live: LiveObjects) -> list[WantedObject]:
    """The workload with all its pods. Pure."""
    return list(objects.scale_canary(release, live, _target(release)))


def list_led(release: CanaryRelease, cluster: str, live: LiveObjects) -> list[WantedObject]:
    """The routes and the Service, as far as they stand, leading to the workload. Pure, raises MeshError."""
    leading = {ObjectId.of_kind(each.kind, each.name, each.namespace) for each in release.routes}
    leading.add(ObjectId.of_kind(SERVICE, release.apex, release.namespace))
    wanted = objects.list_wanted(release, cluster, live, _target(release), Mark(""))
    return [each for each in wanted if each.before is not None and each.id in leading]


@dataclass(frozen=True)
class ReturnIntent:
    """One step of the way back, as a two-phase change that makes nothing."""

    release: CanaryRelease
    clusters: tuple[str, ...]
    list_wanted: ListWanted

    def list_targets(self) -> Iterable[str]:
        return self.clusters

    def read(self, member: Member, recorded: Callable[[], ClusterRecord]) -> tuple[LiveObjects, ClusterRecord]:
        return read(member, self.release), recorded()

    def find_conflicts(self, states: object) -> Iterable[Finding]:
        return ()

    def list_objects(self, cluster: str, state: tuple[LiveObjects, ClusterRecord]) -> Iterable[ObjectId]:
        """Everything: what an earlier removal owes is not taken away under users who are still to go back."""
        return [*state[1].objects, *state[1].owed, *state[1].missed]

    def plan(self, cluster: str, state: tuple[LiveObjects, ClusterRecord], part: ClusterRecord) -> ClusterPlan:
        try:
            wanted = [each for each in self.list_wanted(self.release, cluster, state[0]) if each.changes]
        except MeshError as error:
            # What the way leads over was changed since; what is left of it is removed as it is.
            return ClusterPlan(findings=tuple(replace(each, severity="warning") for each in error.findings))
        ours = [each for each in wanted if not each.made or is_of_release(self.release, each, part)]
        return ClusterPlan(tuple(make_action(self.release, each, part) for each in ours))

    def list_owed(self, cluster: str, part: ClusterRecord, since: str) -> Iterable[Owed]:
        return [*part.owed.values(), *part.missed.values()]


def _list_refusals(result: Mapping[str, Any]) -> list[Finding]:
    """What clusters refused. Of those that are away all else that follows says so."""
    found = [read_finding(each) for part in result["clusters"].values() for each in part["findings"]]
    return [finding for finding in found if finding.check != NOT_REACHABLE.slug]


def _target(release: CanaryRelease) -> ClusterTarget:
    return ClusterTarget(TrafficSplit(release.rules.total, 0), 100, leaving=True)


def _await_pods(setup: Setup, release: CanaryRelease, clusters: Iterable[str]) -> list[Finding]:
    """Until the workload is ready on every cluster, or is known never to be. Where it is not."""
    started = time.time()
    ends = started + (release.workload.deadline if release.workload is not None else 0.0)

    def lane(member: Member) -> Readiness:
        live = read(member, release)
        return objects.judge_side(release, live, "canary", _target(release), time.time(), started)

    waiting: dict[str, str] = dict.fromkeys(clusters, "")
    said = ""
    while True:
        outcomes = setup.each(lane, of=waiting)
        found = {name: each.get() for name, each in outcomes.items() if each.error is None}
        waiting = {name: each.reason for name, each in found.items() if not each.usable}
        if time.time() > ends or not any(each.state == "waiting" for each in found.values()):
            break
        text = "; ".join(f"{name}: {reason}" for name, reason in waiting.items())
        if text != said:
            setup.progress(f"{setup.name}: waiting for the pods that users go back to: {text}")
        said = text
        time.sleep(_POLL)
    remedy = "see why its pods do not become ready; users of this cluster have those of other clusters, if any"
    return [_report_nobody(release, name, reason, remedy) for name, reason in waiting.items()]


def _report_nobody(release: CanaryRelease, cluster: str, why: str, remedy: str) -> Finding:
    workload = release.workload
    described = workload.kind.describe(workload.name, release.namespace) if workload is not None else ""
    return Finding(
        cluster,
        WORKLOAD_GETS_NOBODY,
        f"{why}; it takes no users back there, and what the release made is removed nevertheless",
        remedy,
        severity="warning",
        object=described,
    )
