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

from ..._change.objects import ObjectId, covers
from ..._finding_kinds import ROUTE_MISSING, SUBSET_MISSING
from ..._findings import Finding, FindingKind, MeshError
from ..._istio import subsets
from ..._istio.hosts import full_name
from ..._istio.routes import RouteError, matching, select
from ..._kube.kinds import DESTINATION_RULE, SERVICE, VIRTUAL_SERVICE, Kind, kind_of
from ..._ownership import is_ours, writers_beside_us
from ..finding_kinds import WORKLOAD_MISSING
from ..model import Readiness, Seen, Side, Traffic
from ..routes import routes
from ..state_machine.targets import ClusterTarget
from ..workloads import managed, primary, workloads
from ..workloads.configs import CONFIG_KINDS, config_copies
from ..workloads.managed import Service
from .release import Release, RouteReference, Workload

Object = dict[str, Any]

ANNOTATION = "onemesh.istio/canary"
"""On every route: the release and what it intends there, as JSON, so that each cluster tells what is going on."""


@dataclass(frozen=True)
class Live:
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

    def workload(self, release: Release, side: Side) -> Object | None:
        """The pods of a side; None where nobody looks at them, or they are not there."""
        if release.workload is None:
            return None
        name = release.workload.name if side == "canary" else release.workload.stable
        return self.find(release.workload.kind, name, release.namespace) if name else None


@dataclass(frozen=True)
class Wanted:
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


@dataclass(frozen=True)
class Mark:
    """What a route is annotated with, beside its weight. ``released`` is the revision that the release has on each
    cluster, whatever the workload has become since."""

    revision: str
    released: Mapping[str, str] = field(default_factory=dict)


def first_reads(release: Release) -> list[tuple[Kind, str, str]]:
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


def wanted(release: Release, cluster: str, live: Live, target: ClusterTarget, mark: Mark) -> list[Wanted]:
    """Everything that is to stand on a cluster. Raises MeshError with what is in the way there."""
    service = _service(release, cluster, live)
    return [
        *(_foundation(release, cluster, live, target, service, mark) if service is not None else ()),
        *_scaled(release, live, target),
        *(
            _route(release, cluster, live, reference, target.traffic, mark, service)
            for reference in release.routes
            if not _comes_later(release, live, reference, target)
        ),
    ]


def seen(
    release: Release, cluster: str, live: Live, target: ClusterTarget, mark: Mark, now: float, since: float
) -> Seen:
    """A cluster as the state machine sees it; ``target`` is what it is to be like. Raises MeshError."""
    differing = [each for each in wanted(release, cluster, live, target, mark) if each.changes]
    found = [
        (each, route)
        for each in release.routes
        if (route := live.find(each.kind, each.name, each.namespace)) is not None
    ]
    observed = [routes.observed(route, release.sides, each.rules) for each, route in found]
    sides: set[Side] = set()
    for _each, route in found:
        sides |= routes.routed(route, release.sides)
    if _apex_leads_to_canary(release, cluster, live):
        sides.add("canary")
    weights = [each for each in observed if each is not None]
    return Seen(
        as_intended=not differing,
        traffic=max(weights, key=lambda each: each.canary) if weights else None,
        routed=frozenset(sides),
        stable=_settled(_readiness(release, live, "stable", target, now, since), release, live, target, now - since),
        canary=_readiness(release, live, "canary", target, now, since),
        drift=_drift(differing),
    )


def revision(release: Release, live: Live) -> str:
    """The revision of the canary on a cluster, empty where nothing tells it."""
    found = live.workload(release, "canary")
    return "" if found is None else workloads.revision(found, live.configs)


def obstacles(release: Release, cluster: str, live: Live) -> list[Finding]:
    """What is in the way on a cluster, before anything is written."""
    findings: list[Finding] = []
    for reference in release.routes:
        route = live.find(reference.kind, reference.name, reference.namespace)
        if release.makes_route:
            continue
        if route is None:
            findings.append(
                _missing(cluster, reference.kind, reference.name, reference.namespace, ROUTE_MISSING, "routes")
            )
            continue
        described = reference.kind.describe(reference.name, reference.namespace)
        traffic = [Traffic(step.canary, step.stable, step.mirror, step.matched) for step in release.rules.steps]
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
            findings.append(_missing(cluster, workload.kind, name, release.namespace, WORKLOAD_MISSING, "workload"))
        else:
            findings += workloads.unsuitable(found, cluster=cluster)
    canary = live.workload(release, "canary")
    autoscaler = None if canary is None else workloads.autoscaler_of(live.autoscalers, canary)
    if autoscaler is not None and workload.scales:
        findings += workloads.unsuitable_autoscaler(autoscaler, cluster=cluster)
    if release.service is not None and canary is not None:
        try:
            service = managed.managed(release.service, canary, labels=workload.selector_labels, cluster=cluster)
            findings += managed.clashes(service, live.objects.values(), cluster=cluster)
        except MeshError as error:
            findings += error.findings
    return findings


def idle_configs(release: Release, live: Live, held: Iterable[ObjectId]) -> list[ObjectId]:
    """Of the copies that we hold, those that the stable side neither reads nor would read if it were restored."""
    stable = live.workload(release, "stable")
    if stable is None:
        return []
    used = primary.configs_in_use(stable)
    return [each for each in held if each.kind in CONFIG_KINDS and f"{each.kind}/{each.name}" not in used]


# What is wanted


def _service(release: Release, cluster: str, live: Live) -> Service | None:
    workload = release.workload
    if release.service is None or workload is None:
        return None
    target = live.workload(release, "canary")
    if target is None:
        raise MeshError(
            "The release cannot be made.",
            [_missing(cluster, workload.kind, workload.name, release.namespace, WORKLOAD_MISSING, "workload")],
        )
    return managed.managed(release.service, target, labels=workload.selector_labels, cluster=cluster)


def _foundation(
    release: Release, cluster: str, live: Live, target: ClusterTarget, service: Service, mark: Mark
) -> Iterator[Wanted]:
    """The stable side's workload and what it reads, Services and DestinationRules."""
    workload = release.workload
    canary, stable = live.workload(release, "canary"), live.workload(release, "stable")
    if workload is None or canary is None:
        return
    running = workloads.revision(canary, live.configs)
    # What has been deployed since is another release, which nobody has seen yet.
    copies = target.copy and mark.released.get(cluster, running) == running
    if target.restore and stable is not None:
        earlier = primary.restored(stable, mark.released.get(cluster, running), cluster=cluster)
        yield Wanted(stable, earlier, "gets its template back", made=True)
    else:
        if stable is None or copies:
            for config in config_copies(canary, live.configs):
                yield Wanted(live.objects.get(ObjectId.of(config)), config, "is what the stable side reads", made=True)
        desired = primary.primary_of(
            canary,
            workload.stable,
            stable,
            copy=copies,
            revision=running,
            configs=live.configs,
            labels=workload.selector_labels,
            cluster=cluster,
        )
        yield Wanted(stable, desired, "is the stable side", made=True)
    autoscaler = workloads.autoscaler_of(live.autoscalers, canary)
    if autoscaler is not None:
        desired = workloads.primary_autoscaler(autoscaler, workload.stable)
        yield Wanted(_among(live.autoscalers, desired), desired, "scales the stable side", made=True)
    for manifest in (*managed.services(service), *managed.destination_rules(service)):
        before = live.objects.get(ObjectId.of(manifest))
        is_apex = ObjectId.of(manifest) == ObjectId.of_kind(SERVICE, service.name, service.namespace)
        if is_apex and before is not None and not is_ours(before):
            # The user's own Service follows when there are pods to follow to.
            if target.leaving or _is_ready(workload, stable):
                edited = managed.apex_edit(before, service, cluster=cluster)
                yield Wanted(before, _selecting(edited, service, target), "leads to the stable side")
        elif is_apex:
            yield Wanted(before, _selecting(manifest, service, target), "is part of the release", made=True)
        else:
            yield Wanted(before, manifest, "is part of the release", made=True)


def _selecting(apex: Object, service: Service, target: ClusterTarget) -> Object:
    """The Service NAME; of a release that is removed it leads to the workload's own pods."""
    if not target.leaving:
        return apex
    return {**apex, "spec": {**apex["spec"], "selector": {service.label.name: service.label.value}}}


def _scaled(release: Release, live: Live, target: ClusterTarget) -> Iterator[Wanted]:
    canary = live.workload(release, "canary")
    if canary is None or not release.rules.scales:
        return
    replicas = _replicas(release, live, target)
    autoscaled = workloads.autoscaler_of(live.autoscalers, canary) is not None
    yield Wanted(canary, workloads.scaled(canary, replicas, autoscaled=autoscaled), f"has {replicas} replicas")


def _replicas(release: Release, live: Live, target: ClusterTarget) -> int:
    """How many the canary is to have."""
    full = workloads.full_size(live.workload(release, "canary"), live.workload(release, "stable"))
    return workloads.canary_size(full, target.replicas)


def _comes_later(release: Release, live: Live, reference: RouteReference, target: ClusterTarget) -> bool:
    """Whether a route of ours waits for the stable side's pods; until then clients reach those that ran before."""
    workload = release.workload
    if not release.makes_route or workload is None or target.sends:
        return False
    stable = live.workload(release, "stable")
    return live.find(reference.kind, reference.name, reference.namespace) is None and not _is_ready(workload, stable)


def _route(
    release: Release,
    cluster: str,
    live: Live,
    reference: RouteReference,
    traffic: Traffic,
    mark: Mark,
    service: Service | None,
) -> Wanted:
    before = live.find(reference.kind, reference.name, reference.namespace)
    made = release.makes_route and service is not None
    if made and service is not None:
        content = managed.route(service)
    elif before is not None:
        content = before
    else:
        raise MeshError(
            "The release cannot be made.",
            [_missing(cluster, reference.kind, reference.name, reference.namespace, ROUTE_MISSING, "routes")],
        )
    try:
        desired = routes.desired(content, release.sides, reference.rules, traffic)
    except RouteError as error:
        described = reference.kind.describe(reference.name, reference.namespace)
        finding = Finding(cluster, error.kind, str(error), error.remedy, object=described)
        raise MeshError("The release cannot be made.", [finding]) from error
    return Wanted(before, _marked(desired, release, traffic, mark), "has the weights of the step", made=made)


def _marked(route: Object, release: Release, traffic: Traffic, mark: Mark) -> Object:
    note = {
        "name": release.name,
        "revision": mark.revision,
        "canary": traffic.canary,
        "stable": traffic.stable,
    }
    annotations = {**(route["metadata"].get("annotations") or {}), ANNOTATION: json.dumps(note, sort_keys=True)}
    return {**route, "metadata": {**route["metadata"], "annotations": annotations}}


# What is seen


def _readiness(release: Release, live: Live, side: Side, target: ClusterTarget, now: float, since: float) -> Readiness:
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


def _settled(stable: Readiness, release: Release, live: Live, target: ClusterTarget, waited: float) -> Readiness:
    """A side that got the canary's pod template is waited for until its earlier pods have ended: connections from
    before may lead to them (of other networks' clients: through a gateway, which keeps them open), and what is in them
    answers no more. A pod that cannot end, because its node is gone, is not waited for longer than for a new one."""
    found, workload = live.workload(release, "stable"), release.workload
    if found is None or workload is None or stable.state != "ready" or not target.copy or waited > workload.deadline:
        return stable
    ending = workloads.ending(live.slices, found)
    if not ending:
        return stable
    name = f"{workload.kind.kind} {workload.stable}"
    return Readiness("waiting", f"{name}: {ending} pods of the earlier template are ending, and none is expected")


def _is_ready(workload: Workload, stable: Mapping[str, Any] | None) -> bool:
    if stable is None:
        return False
    threshold = workload.stable_ready_threshold
    return workloads.readiness(stable, now=0.0, threshold=threshold).state == "ready"


def _apex_leads_to_canary(release: Release, cluster: str, live: Live) -> bool:
    """Whether the user's own Service still selects the canary's pods, as it did before the first release."""
    service = _service(release, cluster, live)
    apex = None if service is None else live.find(SERVICE, service.name, release.namespace)
    if service is None or apex is None:
        return False
    return bool(((apex.get("spec") or {}).get("selector") or {}).get(service.label.name) == service.label.value)


def _drift(differing: list[Wanted]) -> str:
    words = []
    for each in differing:
        by = writers_beside_us(each.before)[-1:] if each.before is not None else []
        what = "is not as intended" if each.before is not None else "is not there"
        words.append(f"{each.id} {what}{f' (last written by {by[0]})' if by else ''}")
    return "; ".join(words)


def _unknown_subsets(
    release: Release, cluster: str, live: Live, reference: RouteReference, route: Mapping[str, Any]
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
        for destination in matching(each, key, release.sides.by)
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
        for host, subset in subsets.undeclared(live.rules, named)
    ]


def _among(lives: tuple[Object, ...], manifest: Mapping[str, Any]) -> Object | None:
    return next((each for each in lives if each["metadata"]["name"] == manifest["metadata"]["name"]), None)


def _missing(cluster: str, kind: Kind, name: str, namespace: str, finding: FindingKind, option: str) -> Finding:
    return Finding(
        cluster,
        finding,
        "is not there",
        f"create it on every cluster, or correct option {option}",
        object=kind.describe(name, namespace),
    )
