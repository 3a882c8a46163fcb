# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release makes of the objects of one cluster, and what it sees in them. Pure.

One function says what is wanted, for a first run, for each step, for a rollback and for what somebody has changed: what
is wanted and not there is written, and a cluster without such a difference holds its position.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._change.objects import ObjectId, add_hash, covers
from ..._change.settle import is_held
from ..._finding_kinds import ROUTE_MISSING, SUBSET_MISSING
from ..._findings import Finding, FindingKind, MeshError
from ..._istio import subsets
from ..._istio.hosts import full_name
from ..._istio.routes import RouteError, find_matching, select
from ..._kube.kinds import DESTINATION_RULE, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Kind, find_known_kind, kind_of
from ..._ownership import ANNOTATION_HASH, describe_last_writer, is_ours
from ..finding_kinds import WORKLOAD_MISSING
from ..model import ClusterObservation, Readiness, Side, TrafficSplit
from ..routes import routes
from ..state_machine.targets import ClusterTarget
from ..workloads import bystanders, managed, primary, workloads
from ..workloads.bystanders import Bystanders
from ..workloads.configs import CONFIG_KINDS, make_config_copies
from ..workloads.managed import ManagedService
from ..workloads.selectors import labels_of_pods, selects
from .release import CanaryRelease, RouteReference, Workload

Object = dict[str, Any]

COMPONENT = "canary"
"""In the labels of what a release makes."""

ANNOTATION = "onemesh.istio/canary"
"""On every route: the release and what it intends there, as JSON, so that each cluster tells what is going on."""


@dataclass(frozen=True)
class LiveObjects:
    """What stands on one cluster. ``rules`` are the DestinationRules that may give subsets, ``configs`` the ConfigMaps
    and Secrets that the canary's pods read, ``autoscalers`` those of its namespace, ``slices`` the EndpointSlices of
    the stable side's Service, where that is ours."""

    objects: Mapping[ObjectId, Object] = field(default_factory=dict)
    rules: tuple[Object, ...] = ()
    configs: Mapping[str, Object] = field(default_factory=dict)
    autoscalers: tuple[Object, ...] = ()
    slices: tuple[Object, ...] = ()

    def find(self, kind: Kind, name: str, namespace: str) -> Object | None:
        return self.objects.get(ObjectId.of_kind(kind, name, namespace))

    def workload(self, release: CanaryRelease, side: Side) -> Object | None:
        """The pods of a side; None where nobody looks at them, or they are not there."""
        if release.workload is None:
            return None
        name = release.workload.name if side == "canary" else release.workload.stable
        return self.find(release.workload.kind, name, release.namespace) if name else None


@dataclass(frozen=True)
class WantedObject:
    """One object: ``before`` as it stands (None: it does not), ``desired`` as it is to be.

    ``made``: it is ours as a whole, and ``desired`` has the fields that are; else ``desired`` is the whole object.
    """

    before: Object | None
    desired: Object
    reason: str
    made: bool = False

    @property
    def id(self) -> ObjectId:
        return ObjectId.of(self.desired)

    @property
    def kind(self) -> Kind:
        return kind_of(self.desired)

    @property
    def changes(self) -> bool:
        if self.before is None:
            return True
        return not covers(self.before, self.desired) if self.made else self.before != self.desired

    @property
    def is_declared_anew(self) -> bool:
        """Whether what is declared of it is not what was declared when it was written."""
        declared = _hash_of(self.desired)
        return bool(declared) and self.before is not None and _hash_of(self.before) != declared


@dataclass(frozen=True)
class Mark:
    """What a route is annotated with, beside its weight. ``released`` is the revision that the release has on each
    cluster, whatever the workload has become since."""

    revision: str
    released: Mapping[str, str] = field(default_factory=dict)


def list_first_reads(release: CanaryRelease) -> list[tuple[Kind, str, str]]:
    """The objects that a plan needs to know of, as kind, name and namespace."""
    found = [(each.kind, each.name, each.namespace) for each in release.routes]
    workload = release.workload
    if workload is not None:
        names = [name for name in (workload.name, workload.stable) if name]
        found += [(workload.kind, name, release.namespace) for name in names]
    if release.service is not None:
        names = [release.apex, f"{release.apex}-primary", f"{release.apex}-canary"]
        found += [(SERVICE, name, release.namespace) for name in names]
        found += [(DESTINATION_RULE, name, release.namespace) for name in names[1:]]
    return list(dict.fromkeys(found))


def list_reads_beside(release: CanaryRelease) -> list[tuple[Kind, str, str]]:
    """What may have been made when the options were others."""
    if release.service is None:
        return []
    routes_of_apex = [(kind, release.apex, release.namespace) for kind in (VIRTUAL_SERVICE, HTTP_ROUTE)]
    return [each for each in routes_of_apex if each not in list_first_reads(release)]


def list_wanted(
    release: CanaryRelease, cluster: str, live: LiveObjects, target: ClusterTarget, mark: Mark
) -> list[WantedObject]:
    """Everything that is to stand on a cluster. Raises MeshError with what is in the way there."""
    service = _read_service(release, cluster, live)
    return [
        *(_list_foundation(release, cluster, live, target, service, mark) if service is not None else ()),
        *scale_canary(release, live, target),
        *(
            _list_routes(release, cluster, live, reference, target.traffic, mark, service)
            for reference in release.routes
            if not _comes_later(release, live, reference, target)
        ),
    ]


def observe(
    release: CanaryRelease, cluster: str, live: LiveObjects, target: ClusterTarget, mark: Mark, now: float, since: float
) -> ClusterObservation:
    """A cluster as the state machine sees it; ``target`` is what it is to be like. Raises MeshError."""
    differing = [each for each in list_wanted(release, cluster, live, target, mark) if each.changes]
    undeclared = find_undeclared(release, cluster, live)
    found = [
        (each, route)
        for each in release.routes
        if (route := live.find(each.kind, each.name, each.namespace)) is not None
    ]
    observed = [routes.read_traffic(route, release.sides, each.rules) for each, route in found]
    sides: set[Side] = set()
    for _each, route in found:
        sides |= routes.find_sides(route, release.sides)
    if _apex_leads_to_canary(release, cluster, live):
        sides.add("canary")
    weights = [each for each in observed if each is not None]
    traffic = max(weights, key=lambda each: each.canary) if weights else None
    return ClusterObservation(
        as_intended=not (differing or undeclared),
        # Read back, weights that were rounded are another share.
        traffic=target.traffic if traffic is not None and not differing else traffic,
        routed=frozenset(sides),
        stable=_wait_for_earlier_pods(
            judge_side(release, live, "stable", target, now, since), release, live, target, now - since
        ),
        canary=judge_side(release, live, "canary", target, now, since),
        drift=_describe_drift(differing, undeclared),
    )


def compute_revision(release: CanaryRelease, live: LiveObjects) -> str:
    """The revision of the canary on a cluster, empty where nothing tells it."""
    found = live.workload(release, "canary")
    return "" if found is None else workloads.revision(found, live.configs)


def find_obstacles(release: CanaryRelease, cluster: str, live: LiveObjects) -> list[Finding]:
    """What is in the way on a cluster, before anything is written."""
    findings: list[Finding] = []
    for reference in release.routes:
        route = live.find(reference.kind, reference.name, reference.namespace)
        if release.makes_route:
            continue
        if route is None:
            findings.append(
                _refuse_missing(cluster, reference.kind, reference.name, reference.namespace, ROUTE_MISSING, "routes")
            )
            continue
        described = reference.kind.describe(reference.name, reference.namespace)
        traffic = [TrafficSplit(step.canary, step.stable, step.mirror, step.matched) for step in release.rules.steps]
        findings += [
            Finding(cluster, error.kind, str(error), error.remedy, object=described)
            for error in routes.check(route, release.sides, reference.rules, traffic)
        ]
        findings += _unknown_subsets(release, cluster, live, reference, route)
    workload = release.workload
    if workload is None:
        return findings
    for name in filter(None, (workload.name, "" if release.service is not None else workload.stable)):
        found = live.find(workload.kind, name, release.namespace)
        if found is None:
            findings.append(
                _refuse_missing(cluster, workload.kind, name, release.namespace, WORKLOAD_MISSING, "workload")
            )
        else:
            findings += workloads.find_workload_problems(found, cluster=cluster)
    canary = live.workload(release, "canary")
    autoscaler = None if canary is None else workloads.autoscaler_of(live.autoscalers, canary)
    if autoscaler is not None and workload.scales:
        findings += workloads.find_autoscaler_problems(autoscaler, cluster=cluster)
    if canary is not None:
        try:
            service = _read_service(release, cluster, live)
        except MeshError as error:
            return [*findings, *error.findings]
        if service is not None:
            findings += managed.find_clashes(service, live.objects.values(), cluster=cluster)
    return findings


def find_bystander_problems(
    release: CanaryRelease, cluster: str, live: LiveObjects, found: Bystanders
) -> list[Finding]:
    """What has to be known of objects beside the workload, before its users get pods with another label."""
    canary = live.workload(release, "canary")
    try:
        service = _read_service(release, cluster, live)
    except MeshError:
        # Which is an obstacle already.
        return []
    if service is None or canary is None:
        return []
    stable = live.workload(release, "stable")
    return bystanders.find_bystander_problems(service, canary, stable, found, cluster=cluster)


def find_idle_configs(release: CanaryRelease, live: LiveObjects, tracked: Iterable[ObjectId]) -> list[ObjectId]:
    """Of the copies that we hold, those that the stable side neither reads nor would read if it were restored."""
    stable = live.workload(release, "stable")
    if stable is None:
        return []
    used = primary.configs_in_use(stable)
    return [each for each in tracked if each.kind in CONFIG_KINDS and f"{each.kind}/{each.name}" not in used]


def find_undeclared(
    release: CanaryRelease, cluster: str, live: LiveObjects, held: Mapping[ObjectId, str] | None = None
) -> dict[ObjectId, Kind]:
    """What the release has made and the options no longer declare, of what stands there and of what is ``held`` (with
    its API version).

    Nothing of it goes while the stable side is not ready: it may be what leads to pods that are. Raises MeshError.
    """
    service, workload = _read_service(release, cluster, live), release.workload
    if service is None or workload is None or not _is_ready(workload, live.workload(release, "stable")):
        return {}
    declared = _list_declared(release, live, service, workload)
    standing = {
        ObjectId.of(each): str(each["apiVersion"])
        for each in (*live.objects.values(), *live.autoscalers)
        if is_held(each, COMPONENT, release.name, None)
    }
    return {
        key: find_known_kind(version, key.kind)
        for key, version in {**standing, **(held or {})}.items()
        if key not in declared and key.kind not in CONFIG_KINDS
    }


# What is wanted


def _list_declared(
    release: CanaryRelease, live: LiveObjects, service: ManagedService, workload: Workload
) -> set[ObjectId]:
    """What is made on a cluster, be it later, except for what the pods read."""
    made = [*managed.make_services(service), *managed.make_destination_rules(service)]
    canary = live.workload(release, "canary")
    autoscaler = None if canary is None else workloads.autoscaler_of(live.autoscalers, canary)
    if autoscaler is not None:
        made.append(workloads.primary_autoscaler(autoscaler, workload.stable))
    routes_of_release = {ObjectId.of_kind(each.kind, each.name, each.namespace) for each in release.routes}
    stable = ObjectId.of_kind(workload.kind, workload.stable, release.namespace)
    return {*map(ObjectId.of, made), *routes_of_release, stable}


def _declare(before: Object | None, manifest: Object, reason: str) -> WantedObject:
    """An object that is ours as a whole: what is not declared of it any more goes too."""
    return WantedObject(before, add_hash(manifest), reason, made=True)


def _hash_of(manifest: Mapping[str, Any]) -> str:
    return str((manifest["metadata"].get("annotations") or {}).get(ANNOTATION_HASH) or "")


def _read_service(release: CanaryRelease, cluster: str, live: LiveObjects) -> ManagedService | None:
    workload = release.workload
    if release.service is None or workload is None:
        return None
    target = live.workload(release, "canary")
    if target is None:
        raise MeshError(
            "The release cannot be made.",
            [_refuse_missing(cluster, workload.kind, workload.name, release.namespace, WORKLOAD_MISSING, "workload")],
        )
    return managed.read_service(
        release.service, target, live.workload(release, "stable"), labels=workload.selector_labels, cluster=cluster
    )


def _list_foundation(
    release: CanaryRelease, cluster: str, live: LiveObjects, target: ClusterTarget, service: ManagedService, mark: Mark
) -> Iterator[WantedObject]:
    """The stable side's workload and what it reads, Services and DestinationRules."""
    workload = release.workload
    canary, stable = live.workload(release, "canary"), live.workload(release, "stable")
    if workload is None or canary is None:
        return
    running = workloads.revision(canary, live.configs)
    # What has been deployed since is another release, which nobody has seen yet.
    copies = target.copy and mark.released.get(cluster, running) == running
    if target.restore and stable is not None:
        earlier = primary.restore_primary(stable, mark.released.get(cluster, running), cluster=cluster)
        yield WantedObject(stable, earlier, "gets its template back", made=True)
    else:
        if stable is None or copies:
            for config in make_config_copies(canary, live.configs):
                yield _declare(live.objects.get(ObjectId.of(config)), config, "is what the stable side reads")
        desired = primary.make_primary(
            canary,
            workload.stable,
            stable,
            copy=copies,
            revision=running,
            configs=live.configs,
            labels=workload.selector_labels,
            cluster=cluster,
        )
        yield WantedObject(stable, desired, "is the stable side", made=True)
    autoscaler = workloads.autoscaler_of(live.autoscalers, canary)
    if autoscaler is not None:
        desired = workloads.primary_autoscaler(autoscaler, workload.stable)
        yield _declare(_among(live.autoscalers, desired), desired, "scales the stable side")
    for manifest in (*managed.make_services(service), *managed.make_destination_rules(service)):
        before = live.objects.get(ObjectId.of(manifest))
        is_apex = ObjectId.of(manifest) == ObjectId.of_kind(SERVICE, service.name, service.namespace)
        if is_apex and before is not None and not is_ours(before):
            # The user's own Service follows when there are pods to follow to.
            if target.leaving or _is_ready(workload, stable):
                edited = managed.edit_apex(before, service, cluster=cluster)
                yield WantedObject(before, _select_pods(edited, service, target), "leads to the stable side")
        elif is_apex:
            yield _declare(before, _select_pods(manifest, service, target), "is part of the release")
        else:
            yield _declare(before, manifest, "is part of the release")


def _select_pods(apex: Object, service: ManagedService, target: ClusterTarget) -> Object:
    """The Service NAME; of a release that is removed it leads to the workload's own pods."""
    if not target.leaving:
        return apex
    return {**apex, "spec": {**apex["spec"], "selector": dict(service.own_pods)}}


def scale_canary(release: CanaryRelease, live: LiveObjects, target: ClusterTarget) -> Iterator[WantedObject]:
    """The canary's workload with the size that it is to have."""
    canary = live.workload(release, "canary")
    if canary is None or not release.rules.scales:
        return
    replicas = _replicas(release, live, target)
    autoscaled = workloads.autoscaler_of(live.autoscalers, canary) is not None
    yield WantedObject(
        canary, workloads.scale_workload(canary, replicas, autoscaled=autoscaled), f"has {replicas} replicas"
    )


def _replicas(release: CanaryRelease, live: LiveObjects, target: ClusterTarget) -> int:
    """How many the canary is to have."""
    canary = live.workload(release, "canary")
    wanted = workloads.canary_size(workloads.full_size(canary, live.workload(release, "stable")), target.replicas)
    return max(wanted, workloads.count_replicas(canary)) if target.keeps and canary is not None else wanted


def _comes_later(release: CanaryRelease, live: LiveObjects, reference: RouteReference, target: ClusterTarget) -> bool:
    """Whether a route of ours waits for the stable side's pods; until then clients reach those that ran before."""
    workload = release.workload
    if not release.makes_route or workload is None or target.sends:
        return False
    stable = live.workload(release, "stable")
    return live.find(reference.kind, reference.name, reference.namespace) is None and not _is_ready(workload, stable)


def _list_routes(
    release: CanaryRelease,
    cluster: str,
    live: LiveObjects,
    reference: RouteReference,
    traffic: TrafficSplit,
    mark: Mark,
    service: ManagedService | None,
) -> WantedObject:
    before = live.find(reference.kind, reference.name, reference.namespace)
    made = release.makes_route and service is not None
    if made and service is not None:
        content = managed.make_route(service)
    elif before is not None:
        content = before
    else:
        raise MeshError(
            "The release cannot be made.",
            [_refuse_missing(cluster, reference.kind, reference.name, reference.namespace, ROUTE_MISSING, "routes")],
        )
    try:
        desired = routes.make_desired(content, release.sides, reference.rules, traffic)
    except RouteError as error:
        described = reference.kind.describe(reference.name, reference.namespace)
        finding = Finding(cluster, error.kind, str(error), error.remedy, object=described)
        raise MeshError("The release cannot be made.", [finding]) from error
    marked, reason = _mark(desired, release, traffic, mark), "has the weights of the step"
    return _declare(before, marked, reason) if made else WantedObject(before, marked, reason)


def _mark(route: Object, release: CanaryRelease, traffic: TrafficSplit, mark: Mark) -> Object:
    note = {
        "name": release.name,
        "revision": mark.revision,
        "canary": traffic.canary,
        "stable": traffic.stable,
    }
    annotations = {**(route["metadata"].get("annotations") or {}), ANNOTATION: json.dumps(note, sort_keys=True)}
    return {**route, "metadata": {**route["metadata"], "annotations": annotations}}


# What is seen


def judge_side(
    release: CanaryRelease, live: LiveObjects, side: Side, target: ClusterTarget, now: float, since: float
) -> Readiness:
    """How far the pods of a side are."""
    workload = release.workload
    name = "" if workload is None else workload.name if side == "canary" else workload.stable
    if workload is None or not name:
        return Readiness()
    found = live.workload(release, side)
    if side == "canary" and workload.scales and target.replicas == 0:
        return Readiness("waiting", f"{workload.kind.kind} {name} has no pods yet")
    wanted_replicas = None
    if side == "canary" and workload.scales:
        wanted_replicas = _replicas(release, live, target)
        if found is not None and workloads.autoscaler_of(live.autoscalers, found) is not None:
            wanted_replicas = min(1, wanted_replicas)
    return workloads.readiness(
        found,
        now=now,
        threshold=workload.ready_threshold if side == "canary" else workload.stable_ready_threshold,
        deadline=workload.deadline,
        wanted=wanted_replicas,
        since=since,
    )


def _wait_for_earlier_pods(
    stable: Readiness, release: CanaryRelease, live: LiveObjects, target: ClusterTarget, waited: float
) -> Readiness:
    """A side that got the canary's pod template is waited for until its earlier pods have ended: connections from
    before may lead to them (of other networks' clients: through a gateway, which keeps them open), and what is in them
    answers no more. A pod that cannot end, because its node is gone, is not waited for longer than for a new one."""
    found, workload = live.workload(release, "stable"), release.workload
    if found is None or workload is None or stable.state != "ready" or not target.copy or waited > workload.deadline:
        return stable
    ending = workloads.count_ending(live.slices, found)
    if not ending:
        return stable
    name = f"{workload.kind.kind} {workload.stable}"
    return Readiness("waiting", f"{name}: {ending} pods of the earlier template are ending, and none is expected")


def _is_ready(workload: Workload, stable: Mapping[str, Any] | None) -> bool:
    if stable is None:
        return False
    threshold = workload.stable_ready_threshold
    return workloads.readiness(stable, now=0.0, threshold=threshold).state == "ready"


def _apex_leads_to_canary(release: CanaryRelease, cluster: str, live: LiveObjects) -> bool:
    """Whether the user's own Service still selects the canary's pods, as it did before the first release."""
    service, canary = _read_service(release, cluster, live), live.workload(release, "canary")
    apex = None if service is None else live.find(SERVICE, service.name, release.namespace)
    if canary is None or apex is None:
        return False
    selector = (apex.get("spec") or {}).get("selector")
    return bool(selector) and selects({"matchLabels": selector}, labels_of_pods(canary))


def _describe_drift(differing: Iterable[WantedObject], undeclared: Iterable[ObjectId]) -> str:
    words = [f"{each.id} {_describe_difference(each)}" for each in differing]
    return "; ".join([*words, *(f"{each} is not declared any more" for each in undeclared)])


def _describe_difference(wanted: WantedObject) -> str:
    if wanted.before is None:
        return "is not there"
    if wanted.is_declared_anew:
        return "is declared anew"
    by = describe_last_writer(wanted.before, wanted.desired, whole=not wanted.made)
    return f"is not as intended (last written by {by})"


def _unknown_subsets(
    release: CanaryRelease, cluster: str, live: LiveObjects, reference: RouteReference, route: Mapping[str, Any]
) -> list[Finding]:
    """Sides whose subset no DestinationRule of the cluster knows: their share would be answered 503."""
    if reference.kind != VIRTUAL_SERVICE:
        return []
    keys = (release.sides.stable, release.sides.canary)
    try:
        meant = select(route, reference.rules.selection, keys)
    except RouteError:
        return []
    named = {
        (full_name(destination.host, reference.namespace), destination.subset)
        for each in meant
        for key in keys
        for destination in find_matching(each, key, release.sides.by)
        if destination.subset
    }
    return [
        Finding(
            cluster,
            SUBSET_MISSING,
            f"no DestinationRule gives {host} the subset {subset}",
            "create it on every cluster, because both sides of a connection need it",
            object=reference.kind.describe(reference.name, reference.namespace),
        )
        for host, subset in subsets.find_undeclared(live.rules, named)
    ]


def _among(lives: tuple[Object, ...], manifest: Mapping[str, Any]) -> Object | None:
    return next((each for each in lives if each["metadata"]["name"] == manifest["metadata"]["name"]), None)


def _refuse_missing(cluster: str, kind: Kind, name: str, namespace: str, finding: FindingKind, option: str) -> Finding:
    return Finding(
        cluster,
        finding,
        "is not there",
        f"create it on every cluster, or correct option {option}",
        object=kind.describe(name, namespace),
    )
