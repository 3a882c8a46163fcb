# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``traffic_split``: weights are set on every cluster as one change, and nothing but weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._change import parallel
from ..._change.actions import Action
from ..._change.change import Change, ClusterPlan
from ..._change.ledger import ClusterRecord, Hold, Owed
from ..._change.objects import ObjectId, content_hash
from ..._change.report import Touched
from ..._change.settle import is_held
from ..._change.setup import CHANGE_ARGUMENT_SPEC, CHANGE_REQUIRED_IF, Setup
from ..._change.summary import summarize_change
from ..._change.teardown import Teardown, settle
from ..._cluster import FLEET_ARGUMENT_SPEC, Cluster
from ..._findings import Finding
from ..._fleet import Fleet, Member
from ..._kube.errors import NotFound
from ..._kube.kinds import DESTINATION_RULE, VIRTUAL_SERVICE, Kind, find_known_kind
from ..._ownership import owned_in_set
from ..._summary.summary import Summary
from ..operation import Context, fleet_of
from . import plan as plans
from .plan import Live, Split, SplitObject, SplitPlan

COMPONENT = "traffic-split"

ARGUMENT_SPEC: dict[str, Any] = {**FLEET_ARGUMENT_SPEC, **CHANGE_ARGUMENT_SPEC, **plans.SPLIT_ARGUMENT_SPEC}
REQUIRED_IF = [*CHANGE_REQUIRED_IF, *plans.SPLIT_REQUIRED_IF]
REQUIRED_ONE_OF = plans.SPLIT_REQUIRED_ONE_OF

_MADE_BY_US = (VIRTUAL_SERVICE, DESTINATION_RULE)

MOMENT = "last"
WRITES_CONFIGURATION = True


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Raises MeshError with a finding for everything that is in the way, and for what is left or owed."""
    fleet = fleet_of(parameters, context)
    clusters = _clusters(fleet)
    split = plans.split_of(parameters, clusters)
    setup = Setup.of(
        parameters,
        fleet,
        COMPONENT,
        plans.set_name(parameters, split),
        check_mode=context.check_mode,
        diff=context.diff,
        progress=context.progress,
    )
    if parameters["state"] == "restored":
        return Teardown(setup, [{"apiVersion": kind.api_version, "kind": kind.kind} for kind in _MADE_BY_US]).run()
    if parameters["state"] == "settled":
        return settle(setup, lambda missed: _Splitting(_list_missed(missed, clusters), clusters, setup.name, {}))
    options = {name: parameters[name] for name in plans.SPLIT_ARGUMENT_SPEC}
    splitting = _Splitting(dict.fromkeys(fleet.names, split), clusters, setup.name, options)
    return {**Change(setup, splitting).run(), "weights": splitting.weights()}


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """With the weights as they are after the run. Pure."""
    what = result.get("set") or parameters["set"] or parameters["name"] or parameters["host"]
    summary = summarize_change(f"traffic_split {what}", result, foretold=foretold)
    weights = {name: _describe_weights(each) for name, each in result.get("weights", {}).items()}
    return replace(
        summary,
        clusters={
            name: replace(each, facts={"weights": weights[name]}) if weights.get(name) else each
            for name, each in summary.clusters.items()
        },
    )


def _describe_weights(routes: Mapping[str, Mapping[str, int]]) -> str:
    """``http[main]: v1 70 %, v2 30 %``; of another total than 100 with that."""
    return "; ".join(f"{route}: {_describe_shares(shares)}" for route, shares in routes.items())


def _describe_shares(shares: Mapping[str, int]) -> str:
    total = sum(shares.values())
    unit = "%" if total == 100 else f"of {total}"
    return ", ".join(f"{name} {weight} {unit}" for name, weight in shares.items())


def _clusters(fleet: Fleet) -> dict[str, Cluster]:
    return {name: fleet[name].cluster for name in fleet.names}


def _list_missed(owed: Mapping[str, Sequence[Owed]], clusters: Mapping[str, Cluster]) -> dict[str, Split | None]:
    """What each cluster has yet to become; None where something has only to go."""
    options = {
        name: next((each.desired["options"] for each in items if each.desired is not None), None)
        for name, items in owed.items()
    }
    return {name: None if given is None else plans.split_of(given, clusters) for name, given in options.items()}


@dataclass
class _Splitting:
    """The intent: per cluster the split, and ``options`` from which it can be made again for a cluster that is away."""

    splits: Mapping[str, Split | None]
    clusters: Mapping[str, Cluster]
    name: str
    options: Mapping[str, Any]
    planned: dict[str, SplitPlan] = field(default_factory=dict)

    def list_targets(self) -> Iterable[str]:
        return self.splits

    def list_objects(self, cluster: str, state: Live) -> Iterable[ObjectId]:
        split = self.splits[cluster]
        return [] if split is None else [ObjectId.of(each.desired) for each in plans.plan(split, cluster, state).wanted]

    def find_conflicts(self, states: Mapping[str, Live]) -> Iterable[Finding]:
        findings: list[Finding] = []
        # Clusters may have missed different splits.
        for split in {id(split): split for split in self.splits.values() if split is not None}.values():
            lives = {name: live for name, live in states.items() if self.splits[name] is split}
            findings += plans.find_conflicts(split, lives)
        return findings

    def read(self, member: Member, recorded: Callable[[], ClusterRecord]) -> Live:
        split = self.splits[member.name]
        return Live(None) if split is None else read(member, split)

    def plan(self, cluster: str, state: Live, part: ClusterRecord) -> ClusterPlan:
        split = self.splits[cluster]
        if split is None:
            return ClusterPlan()
        made = plans.plan(split, cluster, state)
        self.planned[cluster] = made
        actions = [self._make_action(each, part) for each in made.wanted if each.changes]
        unchanged = [
            Touched(ObjectId.of(each.desired), "unchanged", each.before, each.before)
            for each in made.wanted
            if not each.changes
        ]
        entry = part.objects.get(ObjectId.of_kind(split.kind, split.name, split.namespace))
        drift = plans.find_drift(split, cluster, state, entry.written if entry is not None else None)
        findings = (*made.findings, *drift)
        return ClusterPlan(tuple(actions), tuple(unchanged), findings, content_hash(dict(self.options)))

    def list_owed(self, cluster: str, part: ClusterRecord, since: str) -> Iterable[Owed]:
        split = self.splits[cluster]
        if split is None:
            return [*part.owed.values(), *part.missed.values()]
        missed = Owed(
            ObjectId.of_kind(split.kind, split.name, split.namespace),
            split.kind.api_version,
            "apply",
            "the cluster was away",
            since,
            desired={"options": dict(self.options)},
        )
        return [*part.owed.values(), missed]

    def weights(self) -> dict[str, dict[str, dict[str, int]]]:
        """From cluster to route to destination, as they are after the run."""
        return {
            cluster: {route: dict(shares) for route, shares in made.after.items()}
            for cluster, made in self.planned.items()
        }

    def _make_action(self, wanted: SplitObject, part: ClusterRecord) -> Action:
        desired, name = wanted.desired, ObjectId.of(wanted.desired)
        kind = find_known_kind(desired["apiVersion"], desired["kind"])
        if wanted.before is None:
            ours = owned_in_set(desired, COMPONENT, self.name)
            return Action(name, kind, "apply", wanted.reason, "created", desired=ours)
        entry = part.objects.get(name)
        held = is_held(wanted.before, COMPONENT, self.name, entry.uid if entry is not None else None)
        hold: Hold = "created" if held else "edited"
        return Action(name, kind, "edit", wanted.reason, hold, before=wanted.before, desired=desired)


def read(member: Member, split: Split) -> Live:
    """What stands on a cluster. Raises KubeError."""
    client = member.client
    found = client.find(split.kind, split.name, split.namespace)
    lists: list[tuple[Kind, str]] = []
    if split.kind == VIRTUAL_SERVICE:
        lists += [(DESTINATION_RULE, namespace) for namespace in split.rule_namespaces(member.cluster)]
    if found is None and split.may_make_route:
        lists.append((VIRTUAL_SERVICE, split.namespace))
    try:
        listed = parallel.collect_values(parallel.each(lists, lambda item: client.list(*item)))
    except NotFound as error:
        remedy = "install Istio there (onemesh.istio.site), or leave the cluster out of clusters"
        raise NotFound(member.name, f"Istio's kinds are not served: {error.message}", remedy=remedy) from error
    by_kind: dict[Kind, list[dict[str, Any]]] = {VIRTUAL_SERVICE: [], DESTINATION_RULE: []}
    for (kind, _namespace), lives in zip(lists, listed, strict=True):
        by_kind[kind] += lives
    return Live(found, tuple(by_kind[VIRTUAL_SERVICE]), tuple(by_kind[DESTINATION_RULE]))
