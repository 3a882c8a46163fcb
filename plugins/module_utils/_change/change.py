# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two-phase change: prepare on all, record, commit on all, prove, put back.

An operation says what it reads of a cluster and what is to be there (:class:`Intent`); everything else is here, once.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from .._finding_kinds import NOT_REACHABLE
from .._findings import Finding, FindingKind, MeshError, errors
from .._fleet import LaneOutcome, Member, findings_of
from .._kube.errors import Conflict, KubeError
from .._ownership import ANNOTATION_HASH, is_of_set
from .._proof.levels import Changed
from . import hubs, prepare, proving, session
from .actions import Action
from .commit import Commit, Done
from .finding_kinds import OWED
from .lease import SetLease
from .ledger import ClusterRecord, LedgerEntry, Owed, Pending, Record, confirm, make_ending
from .objects import ObjectId, list_some
from .policy import may_be_left_out
from .report import ChangeReport, ClusterReport, Touched
from .settle import is_held
from .setup import Setup


@dataclass(frozen=True)
class ClusterPlan:
    """What has to be done on one cluster. ``hash`` is of all that is to stand there, whatever stands there now."""

    actions: tuple[Action, ...] = ()
    unchanged: tuple[Touched, ...] = ()
    findings: tuple[Finding, ...] = ()
    hash: str = ""


_Found = TypeVar("_Found", ClusterPlan, prepare.Prepared)


class Intent(Protocol):
    """What an operation wants."""

    def list_targets(self) -> Iterable[str]:
        """The clusters that are to be changed or looked at."""

    def list_objects(self, cluster: str, state: Any) -> Iterable[ObjectId]:
        """The objects that are to stand on a cluster; older obligations for these are superseded. Pure."""

    def find_conflicts(self, states: Mapping[str, Any]) -> Iterable[Finding]:
        """What is in the way between clusters, each of which may be fine by itself. Pure."""

    def read(self, member: Member, recorded: Callable[[], ClusterRecord]) -> Any:
        """What the plan needs to know of one cluster. Raises KubeError.

        The record is read at the same time: ``recorded`` waits for it.
        """

    def plan(self, cluster: str, state: Any, part: ClusterRecord) -> ClusterPlan:
        """Pure."""

    def list_owed(self, cluster: str, part: ClusterRecord, since: str) -> Iterable[Owed]:
        """Everything that a cluster is owed which takes no part. Pure."""


class Change:
    """One run of an operation that makes something so."""

    def __init__(self, setup: Setup, intent: Intent) -> None:
        self._setup = setup
        self._intent = intent
        self._targets = list(intent.list_targets())
        self._report = ChangeReport(setup.name, setup.hub, {name: ClusterReport() for name in self._targets})
        self._record = Record(setup.component, setup.name)
        self._states: Mapping[str, Any] = {}

    def run(self) -> dict[str, Any]:
        """The result. Raises MeshError with a finding for everything that is in the way or went wrong."""
        setup = self._setup
        with ThreadPoolExecutor(1) as beside:
            loading = beside.submit(setup.records.load, setup.component, setup.name)
            outcomes = self._read(loading.result)
            self._record = loading.result()
        written_off = session.write_off(setup, self._record)
        session.recognize(setup, self._record)
        states = self._states_of(outcomes)
        debts = self._list_debts(states)
        self._report.recorded = written_off
        if setup.check_mode:
            self._foretell_payments(debts)
        if setup.check_mode or not (debts or written_off):
            return self._go_on(states)
        with setup.lease() as lease:
            if setup.lock_of_run is None:
                return self._start_anew(lease)
            self._pay(debts, lease)
            return self._go_on(self._states_of(self._read(lambda: self._record)), lease)

    # Prepare

    def _read(self, recorded: Callable[[], Record]) -> dict[str, LaneOutcome[Any]]:
        """What the plan needs to know of each cluster that takes part."""
        for name in self._setup.policy.exclude:
            if name in self._report.clusters:
                self._report.clusters[name].state = "excluded"
        return self._setup.each(
            lambda member: self._intent.read(member, lambda: recorded().part_of(member.name)), of=self._targets
        )

    def _states_of(self, outcomes: Mapping[str, LaneOutcome[Any]]) -> dict[str, Any]:
        """Of the clusters that answered. Raises MeshError where too few did."""
        self._judge(outcomes, NOT_REACHABLE)
        return {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}

    def _judge(self, outcomes: Mapping[str, LaneOutcome[Any]], kind: FindingKind) -> None:
        """Note who is away; raises MeshError where the change cannot go on without them. Nothing is written yet."""
        failed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error is not None}
        findings = findings_of(outcomes, kind)
        for finding in findings:
            part = self._report.clusters[finding.cluster]
            if may_be_left_out(failed[finding.cluster], self._setup.policy):
                part.state = "away"
                part.findings.append(replace(finding, severity="warning"))
        present = sum(self._report.clusters[name].state == "ready" for name in self._report.clusters)
        total = sum(self._report.clusters[name].state != "excluded" for name in self._report.clusters)
        refused = [name for name, error in failed.items() if not may_be_left_out(error, self._setup.policy)]
        if refused or not self._setup.policy.goes_on(present, total):
            remedy = _remedy_for_away(self._setup, present, total) if not refused else "Nothing was written anywhere."
            raise MeshError(f"The change was not begun. {remedy}", findings, self._make_result())

    def _list_debts(self, states: Mapping[str, Any]) -> dict[str, list[Owed]]:
        """What has to be paid before anything else: what an earlier run owes, and this one does not supersede."""
        debts = {}
        for name in states:
            wanted = set(self._intent.list_objects(name, states[name]))
            owed = [each for each in self._record.list_obligations(name).values() if each.id not in wanted]
            if owed:
                debts[name] = owed
        return debts

    def _pay(self, debts: Mapping[str, list[Owed]], lease: SetLease) -> None:
        setup = self._setup
        lease.check()
        self._record.fold()
        settled = session.make_settlement(setup, lease).pay(
            debts, regardless=setup.policy.regardless, elsewhere=self._list_owed_elsewhere(debts)
        )
        session.note(self._report, self._record, settled)
        session.save(setup, self._record)
        failed = session.report_failures(settled)
        if failed:
            raise MeshError(
                "An earlier change is not undone everywhere yet, so this one was not begun.",
                failed,
                self._make_result(),
            )

    def _list_owed_elsewhere(self, present: Iterable[str]) -> list[Owed]:
        """What has yet to be taken away from clusters that take no part."""
        here = set(present)
        names = [name for name in self._record.list_owed() if name not in here]
        return [owed for name in names for owed in self._record.list_obligations(name).values()]

    def _go_on(self, states: Mapping[str, Any], lease: SetLease | None = None) -> dict[str, Any]:
        self._states = states
        self._refuse(self._intent.find_conflicts(states))
        plans = {name: self._intent.plan(name, state, self._record.part_of(name)) for name, state in states.items()}
        plans = self._mark_plans(self._select_possible(plans))
        if lease is not None or self._setup.check_mode or not any(plan.actions for plan in plans.values()):
            return self._carry_out(plans, lease)
        with self._setup.lease().take_beside() as taken:
            return self._carry_out(plans, taken)

    def _mark_plans(self, plans: Mapping[str, ClusterPlan]) -> dict[str, ClusterPlan]:
        """The plans with the hub on what they write. Raises MeshError where another one keeps the record."""
        component, name, hub = self._setup.component, self._setup.name, self._setup.hub
        found: list[Finding] = []
        for cluster, plan in plans.items():
            lives: list[tuple[object, Mapping[str, Any]]] = [
                *((each.id, each.before) for each in plan.actions if each.before is not None),
                *((each.id, each.before) for each in plan.unchanged if each.before is not None),
            ]
            found += hubs.find_others(cluster, lives, component, name, hub, self._setup.write_off)
        self._refuse(found)
        return {cluster: replace(plan, actions=tuple(map(self._mark, plan.actions))) for cluster, plan in plans.items()}

    def _mark(self, action: Action) -> Action:
        setup, desired = self._setup, action.desired
        # A namespace of somebody else gets labels, and no word of a record.
        if desired is None or (action.verb == "apply" and not is_of_set(desired, setup.component, setup.name)):
            return action
        return replace(action, desired=hubs.mark(desired, setup.component, setup.name, setup.hub))

    def _carry_out(self, plans: Mapping[str, ClusterPlan], lease: SetLease | None) -> dict[str, Any]:
        prepared = self._prepare({name: plan for name, plan in plans.items() if plan.actions})
        actions = {name: list(each.actions) for name, each in prepared.items() if each.actions}
        for name, plan in plans.items():
            part = self._report.clusters[name]
            part.hash = plan.hash
            part.findings += plan.findings
            same = prepared.get(name, prepare.Prepared())
            part.findings += same.findings
            live = {action.id: action.before for action in plan.actions}
            same_objects = (Touched(each, "unchanged", live[each], live[each]) for each in same.unchanged)
            part.touched += [*plan.unchanged, *same_objects]
        absent = [name for name in self._targets if self._report.clusters[name].state in ("away", "excluded")]
        newly_owed = self._list_newly_owed(absent)
        if self._setup.check_mode:
            return self._foretell(actions, newly_owed)
        if not (actions or newly_owed or self._is_fulfilled()):
            self._report.owed = self._record.list_owed()
            return self._make_result()
        if lease is not None:
            return self._make(actions, newly_owed, lease)
        with self._setup.lease() as taken:
            return self._make(actions, newly_owed, taken)

    def _prepare(self, plans: Mapping[str, ClusterPlan]) -> dict[str, prepare.Prepared]:
        setup = self._setup
        if not plans:
            return {}
        longest = max(len(plan.actions) for plan in plans.values())
        outcomes = setup.fleet.each(
            lambda member: prepare.prepare(member.client, plans[member.name].actions, workers=setup.workers),
            deadline=setup.request_timeout * (3 + longest / setup.workers),
            only=list(plans),
        )
        self._judge(outcomes, NOT_REACHABLE)
        prepared = {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}
        return self._select_possible(prepared)

    def _select_possible(self, found: dict[str, _Found]) -> dict[str, _Found]:
        """What can be done. Raises MeshError where something is in the way on a cluster that may not be left out."""
        if not self._setup.policy.tolerant:
            self._refuse(finding for each in found.values() for finding in each.findings)
            return found
        for name, each in found.items():
            in_the_way = errors(each.findings)
            if in_the_way:
                self._report.clusters[name].state = "away"
                self._report.clusters[name].findings += [replace(one, severity="warning") for one in in_the_way]
        return {name: each for name, each in found.items() if not errors(each.findings)}

    def _refuse(self, findings: Iterable[Finding]) -> None:
        found = errors(findings)
        if found:
            raise MeshError("The change was not begun; nothing was written anywhere.", found, self._make_result())

    def _list_newly_owed(self, absent: Iterable[str]) -> dict[str, list[Owed]]:
        """What clusters that take no part are owed, and the record does not say yet."""
        since = session.now()
        newly = {}
        for name in absent:
            part = self._record.part_of(name)
            owed = list(self._intent.list_owed(name, part, since))
            known = {each.id: (each.verb, each.desired) for each in [*part.owed.values(), *part.missed.values()]}
            missed = {each.id for each in owed if each.verb == "apply"}
            if missed != set(part.missed) or any(known.get(each.id) != (each.verb, each.desired) for each in owed):
                newly[name] = owed
        return newly

    def _is_fulfilled(self) -> bool:
        """Whether the record tells of a change that was begun, or of obligations, which stand fulfilled already."""
        return self._record.pending is not None or any(
            self._list_superseded(name) or self._record.part_of(name).missed for name in self._list_ready()
        )

    def _list_superseded(self, name: str) -> set[ObjectId]:
        return set(self._intent.list_objects(name, self._states[name])) & set(self._record.list_obligations(name))

    def _foretell_payments(self, debts: Mapping[str, Sequence[Owed]]) -> None:
        for name, owed in debts.items():
            self._report.clusters[name].touched += [
                Touched(each.id, "deleted" if each.verb == "delete" else "restored", each.base, each.desired)
                for each in owed
            ]

    def _foretell(
        self, actions: Mapping[str, Sequence[Action]], newly_owed: Mapping[str, Sequence[Owed]]
    ) -> dict[str, Any]:
        for name, planned in actions.items():
            self._report.clusters[name].touched += [
                Touched(action.id, action.word, action.before, None if action.word == "deleted" else action.after)
                for action in planned
            ]
        self._report.recorded |= bool(newly_owed) or self._is_fulfilled()
        self._report.owed = {**self._record.list_owed(), **newly_owed}
        return self._make_result()

    # Record, commit, prove

    def _make(
        self,
        actions: Mapping[str, Sequence[Action]],
        newly_owed: Mapping[str, Sequence[Owed]],
        lease: SetLease,
    ) -> dict[str, Any]:
        setup = self._setup
        lease.check()
        # Nothing is taken away before what replaces it is proven, and a deletion is never undone: it is an obligation.
        writes = {name: [each for each in planned if each.verb != "end"] for name, planned in actions.items()}
        writes = {name: planned for name, planned in writes.items() if planned}
        previous = {name: dict(self._record.of(name).objects) for name in writes}
        baseline = proving.take_baseline(setup, self._list_ready() if actions else [])
        self._refuse(() if baseline is None else baseline.findings)
        try:
            self._begin(writes, newly_owed, previous, lease)
        except MeshError as error:
            # Nothing is written yet. Another run ended between our look and our lock.
            if isinstance(error.__cause__, Conflict) and setup.lock_of_run is None:
                return self._start_anew(lease)
            raise
        commit = Commit(setup.fleet, lease.check, request_timeout=setup.request_timeout, workers=setup.workers)
        stages = proving.Stages(setup, baseline)

        failed = commit.run(
            writes, before_stage=lambda: stages.have(_list_changes(commit.done, ())), goes_on=self._goes_on
        )
        left_out = list(failed) if failed and self._goes_on(failed) else []
        if failed and not left_out:
            owed = self._put_back(commit.done, previous, lease)
            raise MeshError(
                "The change failed on one cluster, so it was taken back on all.",
                [*_report_not_written(failed), *owed],
                self._make_result(),
            )
        proof = stages.late or proving.prove(setup, baseline, _list_changes(commit.done, left_out))
        self._report.proof, self._report.skew_ms = proof.as_dict(), proof.skew_ms
        if not proof.holds and not setup.policy.tolerant:
            owed = self._put_back(commit.done, previous, lease)
            raise MeshError(
                f"The change was written, and not {proof.asked} within {setup.proof_timeout:g} s, "
                "so it was taken back on all clusters.",
                [*proof.findings, *owed],
                self._make_result(),
            )
        endings = {
            name: [each for each in planned if each.verb == "end"]
            for name, planned in actions.items()
            if name not in left_out
        }
        self._finish(commit.done, left_out, endings)
        self._prune({name: planned for name, planned in endings.items() if planned}, lease, stages)
        self._report.recorded |= not self._report.changed
        self._report.owed = self._record.list_owed()
        return self._make_result()

    def _begin(
        self,
        writes: Mapping[str, Sequence[Action]],
        newly_owed: Mapping[str, Sequence[Owed]],
        previous: Mapping[str, Mapping[ObjectId, LedgerEntry]],
        lease: SetLease,
    ) -> None:
        """Record the obligation, before the first write."""
        record, since = self._record, session.now()
        record.fold()
        for name, owed in newly_owed.items():
            record.of(name).missed = {}
            record.of(name).owe(owed)
        undo: dict[str, dict[ObjectId, Owed]] = {}
        for name, planned in writes.items():
            part = record.of(name)
            undo[name] = {}
            for action in planned:
                before = _find_recorded(previous[name].get(action.id), action)
                undo[name][action.id] = action.undo(before, part.owed.pop(action.id, None), since)
                part.objects[action.id] = action.make_entry(before)
        if writes:
            record.pending = Pending(uuid.uuid4().hex[:12], since, lease.holder, undo)
            session.save(self._setup, record)

    def _start_anew(self, lease: SetLease) -> dict[str, Any]:
        """From the start, with the lock: what was read before may not hold any more."""
        return Change(replace(self._setup, lock_of_run=lease), self._intent).run()

    def _list_ready(self) -> list[str]:
        return [name for name in self._targets if self._report.clusters[name].state == "ready"]

    def _goes_on(self, failed: Mapping[str, KubeError]) -> bool:
        present = len([name for name in self._list_ready() if name not in failed])
        total = sum(part.state != "excluded" for part in self._report.clusters.values())
        policy = self._setup.policy
        return all(may_be_left_out(error, policy) for error in failed.values()) and policy.goes_on(present, total)

    def _finish(
        self,
        done: Mapping[str, Sequence[Done]],
        left_out: Sequence[str],
        endings: Mapping[str, Sequence[Action]],
    ) -> None:
        """Record that the change stands, and what is left to be done for it."""
        record, since = self._record, session.now()
        record.pending = None
        for name in left_out:
            self._report.clusters[name].state = "away"
            record.of(name).owe(self._intent.list_owed(name, record.of(name), since))
        for name in self._list_ready():
            part = record.of(name)
            for key in self._list_superseded(name):
                part.owed.pop(key, None)
            part.missed = {}
            self._note_done(name, done.get(name, ()))
            for each in done.get(name, ()):
                if each.after is not None:
                    part.objects[each.action.id] = confirm(part.objects[each.action.id], each.after)
            for touched in self._report.clusters[name].touched:
                if touched.word == "unchanged" and touched.after is not None:
                    self._remember(part, touched.after)
            for action in endings.get(name, ()):
                part.owed[action.id] = _make_ending(action, part.objects.get(action.id), since)
        session.save(self._setup, record)

    def _remember(self, part: ClusterRecord, live: Mapping[str, Any]) -> None:
        """What stands as declared, and was made by a run that could not record the answer, or not put it back."""
        key = ObjectId.of(live)
        entry = part.objects.get(key)
        if entry is None and is_held(live, self._setup.component, self._setup.name, None):
            digest = (live["metadata"].get("annotations") or {}).get(ANNOTATION_HASH, "")
            entry = LedgerEntry(key, str(live["apiVersion"]), "created", hash=digest)
        if entry is not None and entry.uid is None:
            part.objects[key] = confirm(entry, live)

    def _prune(self, endings: Mapping[str, Sequence[Action]], lease: SetLease, stages: proving.Stages) -> None:
        if not endings:
            return
        setup, record = self._setup, self._record
        lease.check()
        owed = {name: [record.of(name).owed[action.id] for action in planned] for name, planned in endings.items()}
        settled = session.make_settlement(setup, lease).pay(
            owed,
            regardless=setup.policy.regardless,
            elsewhere=self._list_owed_elsewhere(self._list_ready()),
            arrived=stages.have_lost,
        )
        session.note(self._report, record, settled)
        session.save(setup, record)
        failed = [*session.report_failures(settled), *(stages.late.findings if stages.late is not None else ())]
        if failed:
            self._report.owed = self._record.list_owed()
            raise MeshError(
                "The change stands, and what it no longer declares is not gone everywhere yet; run again to finish.",
                failed,
                self._make_result(),
            )

    def _note_done(self, name: str, made: Sequence[Done]) -> None:
        part = self._report.clusters[name]
        part.touched += [
            Touched(each.action.id, each.action.word, each.action.before, each.after)
            for each in made
            if each.error is None
        ]
        times = [(each.started, each.finished) for each in made if each.error is None]
        if times:
            part.seconds = max(end for _start, end in times) - min(start for start, _end in times)

    # Put back

    def _put_back(
        self,
        done: Mapping[str, Sequence[Done]],
        previous: Mapping[str, Mapping[ObjectId, LedgerEntry]],
        lease: SetLease,
    ) -> list[Finding]:
        """Undo what was written or may have been. What cannot be undone now stays owed, and is what is returned."""
        setup, record = self._setup, self._record
        lease.check()
        undo = record.pending.undo if record.pending is not None else {}
        record.pending = None
        owed = {name: [_add_identity(undo[name][each.action.id], each) for each in made] for name, made in done.items()}
        owed = {name: items for name, items in owed.items() if items}
        settled = session.make_settlement(setup, lease).pay(owed, regardless=True)
        for name, entries in previous.items():
            part = record.of(name)
            part.objects = dict(entries)
            part.owed.update({each.id: each for each in owed.get(name, ())})
            record.settle(name, (payment.owed for payment in settled.paid.get(name, ())))
        for name in owed:
            self._report.clusters[name].state = "owed" if settled.errors.get(name) else "put back"
            self._report.clusters[name].findings += session.report_payments(settled.paid.get(name, ()))
        self._report.owed = self._record.list_owed()
        try:
            session.save(setup, record)
        except MeshError as error:
            # The record still tells what was begun, so a later run undoes it again, which changes nothing.
            return [*self._report_still_owed(), *error.findings]
        return self._report_still_owed()

    def _report_still_owed(self) -> list[Finding]:
        return [
            Finding(
                name,
                OWED,
                f"could not be put back yet: {list_some(each.id for each in owed)}",
                "run again, or with state: settled, when the cluster answers; until then its objects may differ",
            )
            for name, owed in self._report.owed.items()
            if self._report.clusters.get(name, ClusterReport()).state == "owed"
        ]

    def _make_result(self) -> dict[str, Any]:
        return self._report.as_result(diff=self._setup.diff)


def _report_not_written(failed: Mapping[str, KubeError]) -> list[Finding]:
    return [
        Finding(name, error.kind, error.message, error.remedy or "see its API server's logs")
        for name, error in failed.items()
    ]


def _list_changes(done: Mapping[str, Sequence[Done]], left_out: Sequence[str]) -> dict[str, list[Changed]]:
    return {
        name: [
            Changed(each.action.before, each.after, each.started, each.finished) for each in made if each.error is None
        ]
        for name, made in done.items()
        if name not in left_out
    }


def _add_identity(undo: Owed, done: Done) -> Owed:
    """What undoes a write, with the identity of what was made where that is known."""
    if undo.verb == "delete" and done.after is not None:
        return replace(undo, uid=done.after["metadata"]["uid"])
    return undo


def _find_recorded(entry: LedgerEntry | None, action: Action) -> LedgerEntry | None:
    """What is recorded of the object, unless another one has taken its place since."""
    if entry is None or entry.uid is None or action.before is None:
        return entry if action.before is not None else None
    return entry if entry.uid == action.before["metadata"]["uid"] else None


def _make_ending(action: Action, entry: LedgerEntry | None, since: str) -> Owed:
    if entry is not None:
        return make_ending(entry, action.reason, since)
    uid = action.before["metadata"]["uid"] if action.before is not None else None
    return Owed(action.id, action.kind.api_version, "delete", action.reason, since, uid=uid, ends=True)


def _remedy_for_away(setup: Setup, present: int, total: int) -> str:
    if setup.policy.unreachable == "quorum":
        return f"Only {present} of {total} clusters answer, and quorum is {setup.policy.quorum}. Nothing was written."
    return (
        "Nothing was written anywhere. To go on without a cluster, set unreachable: quorum or exclude; "
        "what it misses is then owed to it."
    )
