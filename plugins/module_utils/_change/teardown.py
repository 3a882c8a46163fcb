# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing of a set is left: what is ours goes from every cluster, what was somebody's is as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._finding_kinds import NOT_REACHABLE, STILL_THERE
from .._findings import Finding, MeshError
from .._fleet import LaneOutcome, Member
from .._kube.client import Client
from .._kube.errors import Conflict, Forbidden, NotFound
from .._kube.kinds import HTTP_ROUTE, NAMESPACE, VIRTUAL_SERVICE, Kind
from .._ownership import LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_SET, MANAGED_BY
from . import hubs, proving, session
from .change import Change, Intent
from .finding_kinds import OWED, REMOVAL_WAITS
from .lease import SetLease
from .ledger import ClusterRecord, Owed, Record, plan_teardown
from .objects import ObjectId, list_some
from .policy import Policy, is_away
from .report import ChangeReport, ClusterReport, Touched
from .settle import is_held
from .setup import Setup


def scan(client: Client, setup: Setup, part: ClusterRecord, kinds: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The live objects of the set that are ours, by our labels. ``kinds`` are looked through besides those recorded.

    Raises KubeError.
    """
    wanted = {(each["apiVersion"], each["kind"]) for each in kinds}
    wanted |= {(entry.api_version, entry.id.kind) for entry in part.objects.values()}
    wanted |= {(owed.api_version, owed.id.kind) for owed in part.owed.values()}
    wanted.add((NAMESPACE.api_version, NAMESPACE.kind))
    selector = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_COMPONENT}={setup.component},{LABEL_SET}={setup.name}"
    found = []
    for api_version, kind in sorted(wanted):
        try:
            served: Kind = client.find_kind({"apiVersion": api_version, "kind": kind})
            live = client.list(served, label_selector=selector)
        except NotFound:
            continue
        known = {entry.id: entry.uid for entry in part.objects.values()}
        found += [each for each in live if is_held(each, setup.component, setup.name, known.get(ObjectId.of(each)))]
    return found


def find_unrecorded(client: Client, setup: Setup) -> list[Finding]:
    """What says of an object that another hub keeps its record, where ours has none. Raises KubeError.

    Somebody else's routes that the set has edited have no label of it.
    """
    found: list[tuple[object, Mapping[str, Any]]] = []
    for kind in (VIRTUAL_SERVICE, HTTP_ROUTE):
        try:
            served = client.find_kind({"apiVersion": kind.api_version, "kind": kind.kind})
            found += [(ObjectId.of(each), each) for each in client.list(served)]
        except (NotFound, Forbidden):
            continue
    return hubs.find_others(client.cluster, found, setup.component, setup.name, setup.hub, setup.write_off)


class Teardown:
    """State absent of a set."""

    def __init__(self, setup: Setup, kinds: Sequence[Mapping[str, str]]) -> None:
        self._setup = setup
        self._kinds = kinds
        self._report = ChangeReport(setup.name, setup.hub, {name: ClusterReport() for name in setup.fleet.names})
        self._record = Record(setup.component, setup.name)
        self._leaked: list[str] = []

    def run(self) -> dict[str, Any]:
        """The result, with ``leaked: []``. Raises MeshError that names what is left, where and why."""
        setup = self._setup
        self._record = setup.records.load(setup.component, setup.name)
        written_off = session.write_off(setup, self._record)
        session.recognize(setup, self._record)
        found = self._scan()
        self._refuse_other_hub(found)
        owed = self._list_obligations(found)
        present = {name: items for name, items in owed.items() if name in found and items}
        self._report.owed = {name: items for name, items in owed.items() if items}
        if setup.check_mode:
            return self._foretell(present, found)
        setup.records.place.vacate()
        if not (written_off or self._report.owed or self._record.resource_version):
            setup.lease().clear()
            if setup.lock_of_run is None:
                # No Lease is taken whose end would do it.
                setup.records.place.leave()
            return self._make_result()
        self._report.recorded = written_off
        with setup.lease() as lease:
            try:
                self._begin(owed)
            except MeshError as error:
                # Nothing is removed yet. Another run ended between our look and our lock.
                if isinstance(error.__cause__, Conflict) and setup.lock_of_run is None:
                    return Teardown(replace(setup, lock_of_run=lease), self._kinds).run()
                raise
            lease.check()
            self._pay(present, [each for name, items in owed.items() if name not in found for each in items], lease)
        self._report.owed = self._record.list_owed()
        self._refuse_leaks()
        return self._make_result()

    def _scan(self) -> dict[str, list[dict[str, Any]]]:
        """What is there, of the clusters that answer. Raises MeshError where one refuses to say."""
        outcomes = self._each(self._kinds)
        refused = []
        for name in self._setup.policy.exclude:
            self._report.clusters[name].state = "excluded"
        for name, outcome in outcomes.items():
            if outcome.error is None:
                continue
            finding = Finding(
                name, NOT_REACHABLE, outcome.error.message, outcome.error.remedy or "see whether it answers"
            )
            if is_away(outcome.error):
                self._report.clusters[name].state = "away"
                self._report.clusters[name].findings.append(finding)
            else:
                refused.append(finding)
        if refused:
            raise MeshError("Nothing was removed anywhere.", refused, self._make_result())
        return {name: outcome.get() for name, outcome in outcomes.items() if outcome.error is None}

    def _refuse_other_hub(self, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        setup = self._setup
        findings = []
        for name, lives in found.items():
            described = [(ObjectId.of(live), live) for live in lives]
            findings += hubs.find_others(name, described, setup.component, setup.name, setup.hub, setup.write_off)
        if not findings and not self._record.resource_version:
            outcomes = setup.each(lambda member: find_unrecorded(member.client, setup), of=found)
            findings = [finding for outcome in outcomes.values() for finding in outcome.value or ()]
        if findings:
            raise MeshError("Nothing was removed anywhere.", findings, self._make_result())

    def _each(self, kinds: Sequence[Mapping[str, str]]) -> dict[str, LaneOutcome[list[dict[str, Any]]]]:
        setup = self._setup

        def lane(member: Member) -> list[dict[str, Any]]:
            return scan(member.client, setup, self._record.part_of(member.name), kinds)

        return setup.each(lane)

    def _list_obligations(self, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[Owed]]:
        """Per cluster, those that are away or no longer in the mesh included; those beside the fleet keep the set."""
        since = session.now()
        known = dict.fromkeys([*self._setup.fleet.names, *self._record.clusters, *self._record.list_owed()])
        names = [name for name in known if name not in self._setup.mesh]
        owed: dict[str, list[Owed]] = {}
        for name in names:
            part = self._record.part_of(name)
            due = {
                **{key: each for key, each in self._record.list_obligations(name).items() if each.ends},
                **plan_teardown(part, since),
            }
            for live in found.get(name, ()):
                key = ObjectId.of(live)
                if key not in due:
                    due[key] = Owed(
                        key,
                        str(live["apiVersion"]),
                        "delete",
                        "it has the labels of the set",
                        since,
                        uid=live["metadata"]["uid"],
                        ends=True,
                    )
            owed[name] = list(due.values())
        return owed

    def _begin(self, owed: Mapping[str, Sequence[Owed]]) -> None:
        """Every removal is an obligation before the first one is made."""
        self._record.fold()
        for name, items in owed.items():
            if items or name in self._record.clusters:
                part = self._record.of(name)
                part.missed, part.owed = {}, {each.id: each for each in items}
        session.save(self._setup, self._record)

    def _pay(self, owed: Mapping[str, Sequence[Owed]], elsewhere: Sequence[Owed], lease: SetLease) -> None:
        setup = self._setup
        present = [name for name, part in self._report.clusters.items() if part.state == "ready"]
        baseline = proving.take_baseline(setup, present)
        stages = proving.Stages(setup, baseline)
        settled = session.make_settlement(setup, lease).pay(
            owed, regardless=setup.policy.regardless, elsewhere=elsewhere, arrived=stages.have_lost
        )
        session.note(self._report, self._record, settled)
        for finding in session.report_failures(settled):
            self._report.clusters[finding.cluster].findings.append(finding)
        self._leaked = self._find_left(list(owed))
        session.save(setup, self._record)
        proof = stages.late or proving.prove(setup, baseline, proving.list_gone(settled.paid))
        self._report.proof, self._report.skew_ms = proof.as_dict(), proof.skew_ms
        if not proof.holds:
            self._report.owed = self._record.list_owed()
            what = "Routes are" if stages.late else "It is"
            raise MeshError(
                f"{what} removed, and that is not {proof.asked} within {setup.proof_timeout:g} s.",
                proof.findings,
                self._make_result(),
            )

    def _find_left(self, names: Sequence[str]) -> list[str]:
        """What a second look finds, which obligations do not explain."""
        left = []
        for name, outcome in self._each(self._kinds).items():
            owed = self._record.list_obligations(name)
            for live in outcome.value or ():
                key = ObjectId.of(live)
                if key not in owed and name in names:
                    left.append(f"{name}: {key}")
        return left

    def _refuse_leaks(self) -> None:
        findings = [
            Finding("", STILL_THERE, f"{each} is still there", "see what makes it again, then run again")
            for each in self._leaked
        ]
        for name, items in self._record.list_owed().items():
            if name in self._setup.mesh:
                continue
            part = self._report.clusters.get(name)
            state = part.state if part is not None else "not in the fleet"
            if state in ("away", "excluded") and self._setup.policy.regardless:
                continue
            reasons = [finding for finding in part.findings if finding.severity == "error"] if part is not None else []
            findings += reasons
            findings.append(self._report_owed(name, state, items, bool(reasons)))
        if findings:
            raise MeshError("Not everything could be removed; what is left is recorded.", findings, self._make_result())

    def _report_owed(self, name: str, state: str, items: Sequence[Owed], explained: bool) -> Finding:
        shown = list_some(each.id for each in items)
        if state == "ready" and not explained:
            return Finding(
                name,
                REMOVAL_WAITS,
                f"{shown} stays for now: routes that may lead there are not gone from every cluster yet",
                "run again, or with state: settled, when the other clusters answer",
            )
        remedy = (
            f"run again, or with state: settled, when it answers; if it is gone for good, set write_off: [{name}]"
            if state != "not in the fleet"
            else f"run again with {name} among the clusters; if it is gone for good, set write_off: [{name}]"
        )
        return Finding(name, OWED, f"{state}: {shown} has yet to be removed there", remedy)

    def _foretell(
        self, present: Mapping[str, Sequence[Owed]], found: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, Any]:
        for name, items in present.items():
            live = {ObjectId.of(each): each for each in found[name]}
            self._report.clusters[name].touched += [
                Touched(each.id, "deleted", live[each.id])
                if each.verb == "delete"
                else Touched(each.id, "restored", each.base, each.desired)
                for each in items
                if each.verb != "delete" or each.id in live
            ]
        self._report.recorded = bool(self._report.owed)
        return self._make_result()

    def _make_result(self) -> dict[str, Any]:
        return {**self._report.as_result(diff=self._setup.diff), "leaked": list(self._leaked)}


def settle(setup: Setup, intent_of: Callable[[Mapping[str, Sequence[Owed]]], Intent]) -> dict[str, Any]:
    """State settled: pay what is owed to the clusters that answer.

    ``intent_of`` gets what each cluster of the fleet missed (an empty list where only something has to go), and makes
    it so. Raises MeshError where something stays owed.
    """
    record = setup.records.load(setup.component, setup.name)
    missed = {name: list(record.part_of(name).missed.values()) for name in record.list_owed() if name in setup.fleet}
    # One that is still away keeps nobody from getting what it is owed.
    patient = replace(setup, policy=Policy("quorum", 0, setup.policy.exclude, regardless=setup.policy.regardless))
    result = Change(patient, intent_of(missed)).run()
    if result["owed"] and not setup.check_mode:
        findings = [
            Finding(name, OWED, f"is still owed: {', '.join(items[:5])}", "run again when it answers, or write_off")
            for name, items in result["owed"].items()
            if name not in setup.mesh
        ]
        if findings:
            raise MeshError("Not everything could be settled.", findings, result)
    return result
