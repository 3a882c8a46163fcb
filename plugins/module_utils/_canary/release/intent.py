# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A position of a release as a two-phase change: what is read of a cluster, and what is written there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._change import parallel
from ..._change.actions import Action
from ..._change.change import ClusterPlan
from ..._change.ledger import ClusterRecord, Hold, Owed
from ..._change.objects import ObjectId, content_hash
from ..._change.report import Touched
from ..._change.settle import is_held
from ..._finding_kinds import OBJECT_OF_ANOTHER
from ..._findings import Finding, MeshError
from ..._fleet import Member
from ..._istio.hosts import service_of
from ..._istio.routes import routes_of
from ..._kube.client import Client
from ..._kube.errors import Forbidden, NotFound
from ..._kube.kinds import DESTINATION_RULE, ENDPOINT_SLICE, HORIZONTAL_POD_AUTOSCALER, VIRTUAL_SERVICE, Kind
from ..._ownership import owned_in_set
from ..state_machine.targets import ClusterTarget
from ..workloads.configs import CONFIG_KINDS, list_references, make_config_copies
from . import objects
from .objects import COMPONENT, LiveObjects, Mark, WantedObject
from .release import CanaryRelease


def read(member: Member, release: CanaryRelease) -> LiveObjects:
    """What stands on a cluster. Raises KubeError."""
    client, namespace = member.client, release.namespace
    beside = objects.list_reads_beside(release)
    asked = [*objects.list_first_reads(release), *beside]

    def find(item: tuple[Kind, str, str]) -> dict[str, Any] | None:
        return _find_if_allowed(client, *item) if item in beside else client.find(*item)

    found = dict(zip(asked, parallel.collect_values(parallel.each(asked, find)), strict=True))
    live = {ObjectId.of(each): each for each in found.values() if each is not None}
    meant = [found[item] for item in asked if item[0] == VIRTUAL_SERVICE and item not in beside]
    rules = _rules(member, meant, release)
    workload = release.workload
    canary = None if workload is None else found.get((workload.kind, workload.name, namespace))
    if canary is None:
        return LiveObjects(live, rules)
    configs = _configs(client, canary, namespace)
    copies = _copies(client, release, canary, configs)
    lists = _lists(release)
    listed = parallel.collect_values(
        parallel.each(lists, lambda kind: client.list(kind, namespace, label_selector=lists[kind]))
    )
    of_kind = {kind: tuple(lives) for kind, lives in zip(lists, listed, strict=True)}
    autoscalers, slices = (of_kind.get(kind, ()) for kind in (HORIZONTAL_POD_AUTOSCALER, ENDPOINT_SLICE))
    return LiveObjects({**live, **copies}, rules, configs, autoscalers, slices)


def _find_if_allowed(client: Client, kind: Kind, name: str, namespace: str) -> dict[str, Any] | None:
    """None too where the account may not see it: then it cannot have made it either."""
    try:
        return client.find(kind, name, namespace)
    except Forbidden:
        return None


def _rules(
    member: Member, routes: Iterable[Mapping[str, Any] | None], release: CanaryRelease
) -> tuple[dict[str, Any], ...]:
    """DestinationRules that may give the subsets that these routes name."""
    if release.makes_route or not any(route is not None for route in routes):
        return ()
    namespaces = {release.namespace, member.cluster.istio_namespace}
    for route in routes:
        if route is not None:
            namespace = route["metadata"]["namespace"]
            services = (service_of(each.host, namespace) for one in routes_of(route) for each in one.destinations)
            namespaces |= {namespace, *(service.namespace for service in services if service is not None)}
    try:
        listed = parallel.collect_values(
            parallel.each(sorted(namespaces), lambda namespace: member.client.list(DESTINATION_RULE, namespace))
        )
    except NotFound as error:
        remedy = "install Istio there (onemesh.istio.site), or leave the cluster out of clusters"
        raise NotFound(member.name, f"Istio's kinds are not served: {error.message}", remedy=remedy) from error
    return tuple(rule for lives in listed for rule in lives)


def _lists(release: CanaryRelease) -> dict[Kind, str]:
    """What is listed of the namespace, by which labels: at the same time, because each tick waits for it."""
    lists = {}
    if release.workload is not None and release.workload.scales:
        lists[HORIZONTAL_POD_AUTOSCALER] = ""
    if release.service is not None:
        lists[ENDPOINT_SLICE] = f"kubernetes.io/service-name={release.apex}-primary"
    return lists


def _configs(client: Client, canary: Mapping[str, Any], namespace: str) -> dict[str, dict[str, Any]]:
    asked = list_references(canary)
    found = parallel.collect_values(
        parallel.each(asked, lambda config: client.find(CONFIG_KINDS[config.kind], config.name, namespace))
    )
    return {config.key: live for config, live in zip(asked, found, strict=True) if live is not None}


def _copies(
    client: Client, release: CanaryRelease, canary: Mapping[str, Any], configs: Mapping[str, dict[str, Any]]
) -> dict[ObjectId, dict[str, Any]]:
    """The stable side's copies of what the canary reads, as far as they are there."""
    if release.service is None:
        return {}
    asked = [ObjectId.of(each) for each in make_config_copies(canary, configs)]
    found = parallel.collect_values(
        parallel.each(asked, lambda each: client.find(CONFIG_KINDS[each.kind], each.name, each.namespace))
    )
    return {each: live for each, live in zip(asked, found, strict=True) if live is not None}


@dataclass
class ReleaseIntent:
    """What every cluster is to be like. ``fresh`` is what was read of clusters a moment ago, used once."""

    release: CanaryRelease
    aims: Mapping[str, ClusterTarget]
    mark: Mark
    fresh: dict[str, LiveObjects] = field(default_factory=dict)

    def list_targets(self) -> Iterable[str]:
        return self.aims

    def read(self, member: Member, recorded: Callable[[], ClusterRecord]) -> LiveObjects:
        return self.fresh.pop(member.name, None) or read(member, self.release)

    def find_conflicts(self, states: Mapping[str, LiveObjects]) -> Iterable[Finding]:
        return ()

    def list_objects(self, cluster: str, state: LiveObjects) -> Iterable[ObjectId]:
        try:
            return [each.id for each in self._list_wanted(cluster, state)]
        except MeshError:
            return []

    def plan(self, cluster: str, state: LiveObjects, part: ClusterRecord) -> ClusterPlan:
        try:
            made = self._list_wanted(cluster, state)
        except MeshError as error:
            return ClusterPlan(findings=tuple(error.findings))
        taken = [
            each
            for each in made
            if each.made and each.before is not None and not is_of_release(self.release, each, part)
        ]
        if taken:
            return ClusterPlan(findings=tuple(_of_another(cluster, each) for each in taken))
        actions = [make_action(self.release, each, part) for each in made if each.changes]
        actions += self._idle(state, part, {each.id for each in made if each.changes})
        actions += self._end_undeclared(cluster, state, part)
        unchanged = [Touched(each.id, "unchanged", each.before, each.before) for each in made if not each.changes]
        return ClusterPlan(tuple(actions), tuple(unchanged), (), self._hash(cluster))

    def list_owed(self, cluster: str, part: ClusterRecord, since: str) -> Iterable[Owed]:
        """One word for all: the routes' first object is what the cluster has yet to get."""
        reference = self.release.routes[0]
        missed = Owed(
            ObjectId.of_kind(reference.kind, reference.name, reference.namespace),
            reference.kind.api_version,
            "apply",
            "the cluster was away",
            since,
            desired={"canary": self.aims[cluster].traffic.canary, "revision": self.mark.revision},
        )
        return [*part.owed.values(), missed]

    def _list_wanted(self, cluster: str, state: LiveObjects) -> list[WantedObject]:
        return objects.list_wanted(self.release, cluster, state, self.aims[cluster], self.mark)

    def _idle(self, state: LiveObjects, part: ClusterRecord, written: set[ObjectId]) -> list[Action]:
        """Copies that the stable side does not read any more go, once it is as it is to be."""
        if self.release.service is None or any(each.kind == self._stable_kind for each in written):
            return []
        return [
            Action(each, CONFIG_KINDS[each.kind], "end", "is not read any more", "created")
            for each in objects.find_idle_configs(self.release, state, part.objects)
        ]

    def _end_undeclared(self, cluster: str, state: LiveObjects, part: ClusterRecord) -> list[Action]:
        """What was made when the options were others, and is not declared any more."""
        held = {key: entry.api_version for key, entry in part.objects.items() if entry.hold == "created"}
        return [
            Action(key, kind, "end", "is not declared any more", "created")
            for key, kind in objects.find_undeclared(self.release, cluster, state, held).items()
        ]

    @property
    def _stable_kind(self) -> str:
        return self.release.workload.kind.kind if self.release.workload is not None else ""

    def _hash(self, cluster: str) -> str:
        traffic = self.aims[cluster].traffic
        return content_hash([self.release.name, self.mark.revision, traffic.canary, traffic.stable])


def make_action(release: CanaryRelease, wanted: WantedObject, part: ClusterRecord) -> Action:
    """The write that makes an object what it is to be."""
    if not wanted.made:
        hold: Hold = "created" if is_of_release(release, wanted, part) else "edited"
        return Action(wanted.id, wanted.kind, "edit", wanted.reason, hold, before=wanted.before, desired=wanted.desired)
    desired = owned_in_set(wanted.desired, COMPONENT, release.name)
    return Action(
        wanted.id,
        wanted.kind,
        "apply",
        wanted.reason,
        "created",
        before=wanted.before,
        desired=desired,
        hash=content_hash(wanted.desired),
        # What is ours is put right whoever changed it.
        force=True,
        whole=True,
    )


def is_of_release(release: CanaryRelease, wanted: WantedObject, part: ClusterRecord) -> bool:
    """Whether what stands was made by the release."""
    entry = part.objects.get(wanted.id)
    uid = entry.uid if entry is not None else None
    return wanted.before is not None and is_held(wanted.before, COMPONENT, release.name, uid)


def _of_another(cluster: str, wanted: WantedObject) -> Finding:
    return Finding(
        cluster,
        OBJECT_OF_ANOTHER,
        "is there already, and was not made by this release",
        "set another name, or delete it",
        object=str(wanted.id),
    )
