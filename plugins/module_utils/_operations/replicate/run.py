# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operation ``replicate``: a set of objects stands on every cluster as declared, all or nothing, and goes again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..._change import parallel
from ..._change.change import Change, ClusterPlan
from ..._change.ledger import ClusterRecord, Owed, Record, make_ending
from ..._change.objects import ObjectId, is_route
from ..._change.setup import CHANGE_ARGUMENT_SPEC, CHANGE_REQUIRED_IF, Setup
from ..._change.summary import summarize_change
from ..._cluster import FLEET_ARGUMENT_SPEC
from ..._findings import OPTION, Finding, MeshError
from ..._fleet import Member
from ..._kube.client import Client
from ..._kube.errors import Forbidden, NotFound
from ..._kube.kinds import DESTINATION_RULE, NAMESPACE, VIRTUAL_SERVICE, Kind
from ..._ownership import LABEL_COMPONENT, LABEL_MANAGED_BY, LABEL_SET, MANAGED_BY, is_of_set
from ..._summary.summary import Summary
from ..finding_kinds import SET_EMPTY
from ..operation import Context, fleet_of
from . import plan as plans
from .plan import COMPONENT, Options, State
from .sources import OVERLAY_ARGUMENT_SPEC, SOURCE_CLUSTER_ARGUMENT_SPEC, DeclaredObject, read_declared
from .weights import SPLITS, with_weights_of_splits

DEFAULT_KINDS = [{"apiVersion": kind.api_version, "kind": kind.kind} for kind in (VIRTUAL_SERVICE, DESTINATION_RULE)]

ARGUMENT_SPEC: dict[str, Any] = {
    **FLEET_ARGUMENT_SPEC,
    **CHANGE_ARGUMENT_SPEC,
    "set": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent", "settled"], "default": "present"},
    "definition": {"type": "raw", "aliases": ["resource_definition"]},
    "src": {"type": "list", "elements": "str", "default": []},
    "template": {"type": "list", "elements": "str", "default": []},
    "from_cluster": {"type": "dict", "options": SOURCE_CLUSTER_ARGUMENT_SPEC},
    "kinds": {
        "type": "list",
        "elements": "dict",
        "options": {"apiVersion": {"type": "str", "required": True}, "kind": {"type": "str", "required": True}},
        "default": DEFAULT_KINDS,
    },
    "namespace": {"type": "str"},
    "overlays": {"type": "list", "elements": "dict", "options": OVERLAY_ARGUMENT_SPEC, "default": []},
    "create_namespace": {"type": "bool", "default": True},
    "dataplane": {"type": "str", "default": "sidecar"},
    "enforce_namespace_labels": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
    "force": {"type": "bool", "default": False},
    "prune": {"type": "bool", "default": True},
}
REQUIRED_IF = CHANGE_REQUIRED_IF

_FEW = 3
"""From so many missing objects of a type in a namespace on, one list costs less than a request for each."""

MOMENT = "last"
WRITES_CONFIGURATION = True


def run(parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Raises MeshError with a finding for everything that is in the way, and for what is left or owed."""
    fleet = fleet_of(parameters, context)
    setup = Setup.of(
        parameters,
        fleet,
        COMPONENT,
        parameters["set"],
        check_mode=context.check_mode,
        diff=context.diff,
        progress=context.progress,
    )
    options = _read_options(parameters)
    if parameters["state"] != "present":
        from ..._change.teardown import Teardown, settle

    if parameters["state"] == "absent":
        return Teardown(setup, parameters["kinds"]).run()
    if parameters["state"] == "settled":
        return settle(setup, lambda missed: _Replication(_list_missed(missed), options_without_prune(options)))
    objects = read_declared(parameters, fleet, context)
    if not any(objects.values()):
        finding = Finding(
            "",
            SET_EMPTY,
            f"set {setup.name} declares no object for any cluster",
            "correct its source; to remove the whole set, use state: absent",
        )
        raise MeshError("Nothing was written anywhere.", [finding])
    if not any(is_route(each.id.group, each.id.kind) for items in objects.values() for each in items):
        return Change(setup, _Replication(objects, options)).run()
    with ThreadPoolExecutor(1) as beside:
        splits = beside.submit(setup.records.load_all, SPLITS)
        return Change(setup, _Replication(objects, options, splits.result)).run()


def summarize(parameters: Mapping[str, Any], result: Mapping[str, Any], *, foretold: bool) -> Summary:
    """Pure."""
    return summarize_change(f"replicate {parameters['set']}", result, foretold=foretold)


def _read_options(parameters: Mapping[str, Any]) -> Options:
    try:
        labels = plans.dataplane_labels(parameters["dataplane"])
    except ValueError as error:
        finding = Finding("", OPTION.kind("dataplane"), str(error), "correct dataplane")
        raise MeshError("Nothing was written anywhere.", [finding]) from error
    return Options(
        name=parameters["set"],
        namespace_labels=labels,
        create_namespaces=parameters["create_namespace"],
        enforce_namespace_labels=parameters["enforce_namespace_labels"],
        adopt=parameters["adopt"],
        force=parameters["force"],
        prune=parameters["prune"],
    )


def options_without_prune(options: Options) -> Options:
    """Those for what a cluster missed: the rest of the set stays as it is."""
    return Options(**{**options.__dict__, "prune": False})


def _list_missed(owed: Mapping[str, Sequence[Owed]]) -> dict[str, list[DeclaredObject]]:
    return {
        name: [
            DeclaredObject(each.desired["manifest"], each.desired["source"])
            for each in items
            if each.desired is not None
        ]
        for name, items in owed.items()
    }


@dataclass
class _Replication:
    """The intent of a set: per cluster what is declared. ``splits`` may wait for the records of traffic splits."""

    objects: Mapping[str, Sequence[DeclaredObject]]
    options: Options
    splits: Callable[[], list[Record]] = list

    def list_targets(self) -> Iterable[str]:
        return self.objects

    def list_objects(self, cluster: str, state: State | None = None) -> Iterable[ObjectId]:
        namespaces = plans.namespaces_of(self.objects[cluster])
        return [
            *(each.id for each in self.objects[cluster]),
            *(ObjectId("", "Namespace", "", name) for name in namespaces),
        ]

    def find_conflicts(self, states: Mapping[str, State]) -> Iterable[Finding]:
        self.objects, findings = with_weights_of_splits(self.objects, self.splits())
        return findings

    def read(self, member: Member, recorded: Callable[[], ClusterRecord]) -> State:
        return read(member.client, self.objects[member.name], recorded, self.options.name)

    def plan(self, cluster: str, state: State, part: ClusterRecord) -> ClusterPlan:
        return plans.plan(cluster, self.objects[cluster], state, part, self.options)

    def list_owed(self, cluster: str, part: ClusterRecord, since: str) -> Iterable[Owed]:
        missed = [
            Owed(
                each.id,
                str(each.manifest["apiVersion"]),
                "apply",
                "the cluster was away",
                since,
                desired={"manifest": dict(each.manifest), "source": each.source},
            )
            for each in self.objects.get(cluster, ())
        ]
        if not self.options.prune:
            return [*part.owed.values(), *missed]
        wanted = set(self.list_objects(cluster))
        ended = [entry for key, entry in part.objects.items() if key not in wanted]
        return [*missed, *(make_ending(entry, "is not declared any more", since) for entry in ended)]


def read(client: Client, objects: Sequence[DeclaredObject], recorded: Callable[[], ClusterRecord], name: str) -> State:
    """What has the labels of the set on a cluster, and what else stands where something is declared. Raises KubeError.

    One round of requests where all that is declared stands already, else two. ``recorded`` may wait for the record.
    """
    kinds: dict[tuple[str, str], Kind] = {}
    unserved: dict[tuple[str, str], str] = {}

    def labelled(wanted: Iterable[tuple[str, str]]) -> list[_Ask]:
        served = []
        for api_version, kind in sorted(set(wanted) - kinds.keys()):
            try:
                kinds[api_version, kind] = client.find_kind({"apiVersion": api_version, "kind": kind})
            except NotFound as error:
                unserved[api_version, kind] = error.message
            else:
                served.append(_Ask(kinds[api_version, kind], labelled=True))
        return [ask for ask in served if ask.kind != NAMESPACE]

    def places() -> list[str]:
        return sorted({*namespaces, *(key.namespace for key in recorded().objects if key.namespace)})

    def answers(asks: Iterable[_Ask]) -> dict[ObjectId, dict[str, Any]]:
        tried = parallel.each(asks, lambda ask: _answer(client, ask, selector, places))
        return {
            ObjectId.of(live): live
            for lives in parallel.collect_values(tried)
            for live in lives
            if ObjectId.of(live) in relevant or is_of_set(live, COMPONENT, name)
        }

    namespaces = plans.namespaces_of(objects)
    selector = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_COMPONENT}={COMPONENT},{LABEL_SET}={name}"
    relevant = {each.id for each in objects} | {ObjectId("", "Namespace", "", each) for each in namespaces}
    found = answers(
        [
            *labelled((str(each.manifest["apiVersion"]), each.id.kind) for each in objects),
            *(_Ask(NAMESPACE, name=namespace) for namespace in namespaces),
        ]
    )
    found.update(
        answers(
            [
                *labelled((entry.api_version, entry.id.kind) for entry in recorded().objects.values()),
                *_list_asks((each for each in objects if each.id not in found), kinds),
            ]
        )
    )
    return State(
        objects=found,
        namespaces={key.name: live for key, live in found.items() if key[:2] == ("", "Namespace")},
        kinds=kinds,
        unserved=unserved,
    )


class _Ask(NamedTuple):
    """One object; all of a namespace, or of the cluster (without a name); or what has the labels of the set."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    labelled: bool = False


def _list_asks(objects: Iterable[DeclaredObject], kinds: Mapping[tuple[str, str], Kind]) -> list[_Ask]:
    """What tells whether these objects are there. Pure."""
    names: dict[tuple[Kind, str], list[str]] = {}
    for each in objects:
        kind = kinds.get((str(each.manifest["apiVersion"]), each.id.kind))
        if kind is not None and (each.id.namespace or not kind.namespaced):
            names.setdefault((kind, each.id.namespace), []).append(each.id.name)
    return [
        _Ask(kind, namespace, name)
        for (kind, namespace), known in names.items()
        for name in (known if len(known) <= _FEW else [""])
    ]


def _answer(client: Client, ask: _Ask, selector: str, places: Callable[[], Iterable[str]]) -> list[dict[str, Any]]:
    if ask.labelled:
        return _list_labelled(client, ask.kind, selector, places)
    if ask.name:
        live = client.find(ask.kind, ask.name, ask.namespace or None)
        return [] if live is None else [live]
    return client.list(ask.kind, ask.namespace or None)


def _list_labelled(
    client: Client, kind: Kind, selector: str, places: Callable[[], Iterable[str]]
) -> list[dict[str, Any]]:
    """What has the labels of the set, in all namespaces; where the account may not look there, in those of the set."""
    try:
        return client.list(kind, label_selector=selector)
    except Forbidden:
        if not kind.namespaced:
            raise
        return [live for place in places() for live in client.list(kind, place, label_selector=selector)]
    except NotFound:
        return []
