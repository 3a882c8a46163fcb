# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wipe takes off a cluster, in which order, what stays and why. Pure: live objects in, plan out.

The plan of a cluster with nothing of Istio is empty, so the same function is the scan that proves a wipe.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from ..._findings import Finding
from ..._identity import CLAIM_ANNOTATIONS, ClusterIdentity, contradicted_beside
from ..._istio import istiod, names
from ..._kube import kinds
from ..._kube.kinds import Kind
from ..._kube.namespaces import is_made_by_kubernetes
from ..._ownership import is_ours
from . import signs
from .signs import FoundObject, FoundRelease, IstioSurroundings, Operator, is_a, sign_of


class WipeStage(IntEnum):
    """The order of a wipe: what can block goes first, what still writes goes before what it writes."""

    REMOTE_SECRETS = 1
    WEBHOOKS = 2
    OWN_OBJECTS = 3
    OPERATOR_RESOURCES = 4
    GATEWAYS = 5
    WORKLOADS = 6
    SERVICES = 7
    ACCESS = 8
    CONFIG_MAPS = 9
    LABELS = 10
    LEASES = 11
    SECRETS = 12
    RELEASE_RECORDS = 13
    DEFINITIONS = 14
    GATEWAY_CLASSES = 15
    NAMESPACES = 16
    MARKS = 17


_STAGE_OF_KIND = {
    (kind.group, kind.kind): stage
    for stage, members in {
        WipeStage.WEBHOOKS: (
            kinds.VALIDATING_WEBHOOK_CONFIGURATION,
            kinds.MUTATING_WEBHOOK_CONFIGURATION,
            kinds.VALIDATING_ADMISSION_POLICY_BINDING,
            kinds.VALIDATING_ADMISSION_POLICY,
        ),
        WipeStage.WORKLOADS: (
            kinds.DEPLOYMENT,
            kinds.DAEMON_SET,
            kinds.STATEFUL_SET,
            kinds.REPLICA_SET,
            kinds.JOB,
            kinds.POD,
        ),
        WipeStage.SERVICES: (
            kinds.SERVICE,
            kinds.ENDPOINTS,
            kinds.ENDPOINT_SLICE,
            kinds.HORIZONTAL_POD_AUTOSCALER,
            kinds.POD_DISRUPTION_BUDGET,
            kinds.NETWORK_POLICY,
            kinds.RESOURCE_QUOTA,
            kinds.NETWORK_ATTACHMENT_DEFINITION,
        ),
        WipeStage.ACCESS: (
            kinds.CLUSTER_ROLE_BINDING,
            kinds.CLUSTER_ROLE,
            kinds.ROLE_BINDING,
            kinds.ROLE,
            kinds.SERVICE_ACCOUNT,
        ),
        WipeStage.CONFIG_MAPS: (kinds.CONFIG_MAP,),
        WipeStage.LEASES: (kinds.LEASE,),
        WipeStage.SECRETS: (kinds.SECRET, signs.CLUSTER_TRUST_BUNDLE),
        WipeStage.DEFINITIONS: (kinds.CUSTOM_RESOURCE_DEFINITION,),
        WipeStage.GATEWAY_CLASSES: (kinds.KUBERNETES_GATEWAY_CLASS,),
        WipeStage.NAMESPACES: (kinds.NAMESPACE,),
    }.items()
    for kind in members
}

NAMESPACE_LABELS = (
    names.INJECTION_LABEL,
    names.REVISION_LABEL,
    "istio.io/dataplane-mode",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
    "istio.io/ingress-use-waypoint",
    names.NETWORK_LABEL,
)
NAMESPACE_ANNOTATIONS = (names.CONTROL_PLANE_CLUSTERS_ANNOTATION,)
_LABEL_OPERATOR_MANAGED = "istio-operator-managed"
"""Set by `istioctl operator init` on the operator's namespace."""
ANNOTATION_WIPE = "onemesh.istio/wipe"
"""Put on a namespace before what is in it goes, where only that says that it is Istio's: a wipe that is killed and run
again knows it still."""
WIPE_LEAVING = "leaving"
WIPE_CONTROL_PLANE = "control-plane"
SERVICE_LABELS = (
    "istio.io/global",
    "istio.io/use-waypoint",
    "istio.io/use-waypoint-namespace",
    "istio.io/ingress-use-waypoint",
)

WELL_KNOWN_NAMESPACES = (
    "istio-system",
    "istio-operator",
    "istio-ingress",
    "istio-egress",
    "istio-cni",
    "istio-gateways",
    "ztunnel",
)
"""Namespaces that installation guides make for Istio: they go where they carry a sign of it and hold nothing else."""
_PROTECTED_NAMESPACES = re.compile(r"default|kube-.*|openshift|openshift-.*")

SHARED_GROUPS = ("gateway.networking.k8s.io", "gateway.networking.x-k8s.io", "multicluster.x-k8s.io")
"""Not Istio's, but Istio and we write objects of them. Their resource types always stay."""
_ISTIO_GROUP = re.compile(r"([a-z0-9-]+\.)+istio\.io")


def is_mesh_group(group: str) -> bool:
    """Whether objects of an API group are of Istio, or of an operator that installs it."""
    return bool(_ISTIO_GROUP.fullmatch(group)) or signs.operator_of(group) is not None


@dataclass(frozen=True)
class Scope:
    """What the user asked for."""

    namespaces: tuple[str, ...]
    """Namespaces that are Istio's whatever they carry; they go when nothing that stays lives in them."""
    keep_crds: bool = False


@dataclass(frozen=True)
class Inventory:
    """Everything of one cluster that a plan depends on."""

    objects: tuple[FoundObject, ...]
    """Of all namespaces: the types of Istio's charts, the custom resources, and the namespaces themselves."""
    contents: tuple[FoundObject, ...] = ()
    """Of the namespaces that may go: every other type that the API server has."""
    releases: Mapping[tuple[str, str], FoundRelease] = field(default_factory=dict)
    """By namespace and name: helm's releases, as their records say."""
    dead_groups: tuple[str, ...] = ()
    """API groups that are announced and do not answer: what they hold cannot be known, nor any namespace end."""


@dataclass(frozen=True)
class WipeStep:
    """Delete one object (with the UID that was seen), or take labels and annotations off it."""

    stage: WipeStage
    found: FoundObject
    reason: str
    labels: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()

    @property
    def strips(self) -> bool:
        return bool(self.labels or self.annotations)

    def __str__(self) -> str:
        if not self.strips:
            return str(self.found)
        marks = [f"label {name}={self.found.labels[name]}" for name in self.labels]
        marks += [f"annotation {name}={self.found.annotations[name]}" for name in self.annotations]
        return f"{self.found}: {', '.join(marks)}"


@dataclass(frozen=True)
class Kept:
    """What a wipe leaves, and why. ``problem``: it should go and cannot."""

    object: str
    reason: str
    problem: bool = False


@dataclass(frozen=True)
class WipePlan:
    """Steps in the order of their stages; ``cascades`` are objects that end with their resource type."""

    steps: tuple[WipeStep, ...]
    cascades: tuple[WipeStep, ...]
    stays: tuple[Kept, ...]
    sidecars: Mapping[str, tuple[str, ...]]
    """By namespace that stays: workloads (``deployment/web``) whose pods still have a sidecar."""
    marks: Mapping[str, str]
    """Namespaces to annotate before anything goes, with the value of ANNOTATION_WIPE."""
    surroundings: IstioSurroundings

    @property
    def removals(self) -> tuple[WipeStep, ...]:
        return (*self.steps, *self.cascades)


def surroundings_of(inventory: Inventory, scope: Scope, known: Iterable[str] = ()) -> IstioSurroundings:
    """Istio's namespaces (given, ``known`` from an earlier look, or holding a control plane) and helm releases."""
    releases = {key for key, release in inventory.releases.items() if release.is_istio}
    control_planes = {
        namespace for namespace, name in releases if inventory.releases[namespace, name].chart.startswith("istiod")
    }
    control_planes |= {
        found.namespace
        for found in inventory.objects
        if is_a(found, kinds.DEPLOYMENT) and found.labels.get("app") == "istiod" and signs.sign_of_chart(found)
    }
    control_planes |= {
        found.name
        for found in inventory.objects
        if is_a(found, kinds.NAMESPACE) and found.annotations.get(ANNOTATION_WIPE) == WIPE_CONTROL_PLANE
    }
    return IstioSurroundings(frozenset({*scope.namespaces, *known, *control_planes}), frozenset(releases))


def find_removable_namespaces(inventory: Inventory, scope: Scope, surroundings: IstioSurroundings) -> list[str]:
    """Namespaces that may go, if nothing that stays lives in them."""
    inhabited = {
        found.namespace
        for found in inventory.objects
        if found.namespace in WELL_KNOWN_NAMESPACES
        and found.name not in signs.CERTIFICATES_OF_EVERY_NAMESPACE
        and sign_of(found, surroundings)
    }
    return sorted(
        found.name
        for found in inventory.objects
        if is_a(found, kinds.NAMESPACE)
        and not _PROTECTED_NAMESPACES.fullmatch(found.name)
        and (
            found.name in scope.namespaces
            or is_ours(found.object)
            or (found.name in WELL_KNOWN_NAMESPACES and (found.name in inhabited or _is_marked(found)))
        )
    )


def find_others(inventory: Inventory, identity: ClusterIdentity) -> list[Finding]:
    """What stands there of another cluster: whoever is led there by a wrong context would take it away."""
    namespaces = [found.object for found in inventory.objects if is_a(found, kinds.NAMESPACE)]
    deployments = [found for found in inventory.objects if is_a(found, kinds.DEPLOYMENT)]
    istiods = [found.object for found in deployments if istiod.selects(found.labels)]
    return contradicted_beside(identity, namespaces, istiods)


def make_plan(inventory: Inventory, scope: Scope, known: Iterable[str] = ()) -> WipePlan:
    """Decide for every object of an inventory whether it goes, and what that means for the namespaces."""
    surroundings = surroundings_of(inventory, scope, known)
    return _Planner(inventory, scope, surroundings).plan()


class _Planner:
    def __init__(self, inventory: Inventory, scope: Scope, surroundings: IstioSurroundings) -> None:
        self._inventory = inventory
        self._scope = scope
        self._surroundings = surroundings
        self._everything = _drop_repeated((*inventory.objects, *inventory.contents))
        self._steps: list[WipeStep] = []
        self._cascades: list[WipeStep] = []
        self._stays: list[Kept] = []

    def plan(self) -> WipePlan:
        self._plan_definitions()
        self._plan_objects()
        going = self._with_dependents(step.found.uid for step in (*self._steps, *self._cascades))
        self._leave_dependents_to_garbage_collection(going)
        leaving = self._plan_namespaces(going)
        self._plan_labels(going, leaving)
        self._report_strangers(going)
        return WipePlan(
            steps=tuple(sorted(self._steps, key=_order)),
            cascades=tuple(sorted(self._cascades, key=_order)),
            stays=tuple(dict.fromkeys(self._stays)),
            sidecars=self._find_sidecars(going, leaving),
            marks=self._list_marks(leaving),
            surroundings=self._surroundings,
        )

    def _add_step(self, found: FoundObject, reason: str, stage: WipeStage | None = None) -> None:
        chosen = stage or _STAGE_OF_KIND.get(found.type, WipeStage.OWN_OBJECTS)
        self._steps.append(WipeStep(chosen, found, reason))

    # Resource types

    def _plan_definitions(self) -> None:
        for found in self._of_kind(kinds.CUSTOM_RESOURCE_DEFINITION):
            operator = signs.operator_of(_group_of_definition(found))
            reason = sign_of(found, self._surroundings)
            if operator is not None and not operator.removed:
                workloads = self._list_operator_workloads(operator)
                if workloads:
                    stays = f"belongs to {operator.title} ({workloads[0]}), which stays"
                    self._stays.append(Kept(str(found), stays))
                    continue
                reason = reason or f"resource type of {operator.title}, which is gone"
            if not reason:
                if is_mesh_group(_group_of_definition(found)):
                    self._stays.append(Kept(str(found), "not a resource type that Istio has, and no sign that it is"))
            elif self._scope.keep_crds:
                self._stays.append(Kept(str(found), "keep_crds is set"))
            else:
                self._add_step(found, reason)

    def _list_operator_workloads(self, operator: Operator) -> list[FoundObject]:
        return [
            found
            for found in self._inventory.objects
            if is_a(found, kinds.DEPLOYMENT, kinds.STATEFUL_SET) and signs.runs(found, operator)
        ]

    # Objects

    def _plan_objects(self) -> None:
        definitions = {step.found.name for step in self._steps}
        apart = (kinds.NAMESPACE, kinds.CUSTOM_RESOURCE_DEFINITION)
        for found in self._everything:
            if is_a(found, *apart):
                continue
            operator = signs.operator_of(found.kind.group)
            record = _record(found)
            reason = sign_of(found, self._surroundings)
            if record is not None:
                self._plan_record(found, record)
            elif operator is not None:
                self._add_step(found, f"installs Istio through {operator.title}", WipeStage.OPERATOR_RESOURCES)
            elif reason:
                self._add_step(found, reason, _special_stage(found))
            elif (definition := f"{found.kind.plural}.{found.kind.group}") in definitions:
                stage = WipeStage.DEFINITIONS
                self._cascades.append(WipeStep(stage, found, f"ends with CustomResourceDefinition {definition}"))
            elif _ISTIO_GROUP.fullmatch(found.kind.group):
                self._stays.append(Kept(str(found), self._why_it_stays(found)))

    def _plan_record(self, found: FoundObject, key: tuple[str, str]) -> None:
        release = self._inventory.releases.get(key) or FoundRelease(key[1], key[0], "")
        members = [member for member in self._everything if _release_of(member) == key]
        istios = [member for member in members if signs.sign_of_chart(member)]
        title = f"helm release {key[0]}/{key[1]}"
        if release.is_istio:
            self._add_step(found, f"record of {title} (chart {release.chart})", WipeStage.RELEASE_RECORDS)
        elif release.chart:
            if istios:
                why = f"{title} is of chart {release.chart}, which holds more than Istio: uninstall it with helm"
                self._stays.append(Kept(str(found), why))
        elif istios and len(istios) == len(members):
            # Its objects are known without it. It goes first: a wipe that is interrupted could not tell any more.
            self._add_step(
                found, f"unreadable record of {title}, all of whose objects are Istio's", WipeStage.OWN_OBJECTS
            )
        elif key[0] in self._surroundings.namespaces:
            self._stays.append(Kept(str(found), f"record of {title} cannot be read, and no object says what it is"))

    def _why_it_stays(self, found: FoundObject) -> str:
        if self._scope.keep_crds and _ISTIO_GROUP.fullmatch(found.kind.group):
            return "yours, and keep_crds is set"
        if signs.ANNOTATION_CERT_MANAGER in found.annotations:
            return "cert-manager writes it, and would again: delete its Certificate"
        return "neither Istio nor onemesh.istio made it"

    # What goes by itself

    def _with_dependents(self, uids: Iterable[str]) -> set[str]:
        """The given objects and all that Kubernetes ends with them."""
        going = {uid for uid in uids if uid}
        children: dict[str, list[str]] = {}
        for found in self._everything:
            for owner in found.owners:
                children.setdefault(owner, []).append(found.uid)
        accounts = {
            (found.namespace, found.name) for found in self._of_kind(kinds.SERVICE_ACCOUNT) if found.uid in going
        }
        services = {(found.namespace, found.name) for found in self._of_kind(kinds.SERVICE) if found.uid in going}
        for found in self._everything:
            if is_a(found, kinds.SECRET) and (found.namespace, _account_of(found)) in accounts:
                going.add(found.uid)
            if is_a(found, kinds.ENDPOINTS) and (found.namespace, found.name) in services:
                going.add(found.uid)
        pending = list(going)
        while pending:
            for uid in children.get(pending.pop(), ()):
                if uid not in going:
                    going.add(uid)
                    pending.append(uid)
        return going

    def _leave_dependents_to_garbage_collection(self, going: set[str]) -> None:
        """A pod is not deleted beside its Deployment: the ReplicaSet would only make another."""
        self._steps = [
            step
            for step in self._steps
            if step.stage is WipeStage.OPERATOR_RESOURCES
            or not (any(owner in going for owner in step.found.owners) or self._are_endpoints_of_service(step.found))
        ]

    def _are_endpoints_of_service(self, found: FoundObject) -> bool:
        """Endpoints carry the labels of their Service, and end with it without an owner reference."""
        return is_a(found, kinds.ENDPOINTS) and any(
            (service.namespace, service.name) == (found.namespace, found.name)
            for service in self._of_kind(kinds.SERVICE)
        )

    # Namespaces

    def _plan_namespaces(self, going: set[str]) -> set[str]:
        removable = set(find_removable_namespaces(self._inventory, self._scope, self._surroundings))
        leaving: set[str] = set()
        for found in self._of_kind(kinds.NAMESPACE):
            if found.name not in removable:
                if found.name in WELL_KNOWN_NAMESPACES:
                    self._stays.append(Kept(str(found), "nothing says that it was made for Istio"))
                elif found.name in self._surroundings.namespaces:
                    self._stays.append(Kept(str(found), "not among the namespaces to remove"))
                continue
            occupants = [] if found.deleting else self._find_occupants(found.name, going)
            for occupant in occupants:
                self._stays.append(Kept(str(occupant), self._why_it_stays(occupant)))
            if occupants:
                shown = ", ".join(map(str, occupants[:5])) + (" and others" if len(occupants) > 5 else "")
                self._stays.append(Kept(str(found), f"{len(occupants)} objects in it stay: {shown}"))
            elif self._inventory.dead_groups and not found.deleting:
                groups = ", ".join(self._inventory.dead_groups)
                why = (
                    f"API group {groups} does not answer, so that no namespace can end: repair its APIService, "
                    "or delete it (kubectl get apiservices)"
                )
                self._stays.append(Kept(str(found), why, problem=True))
            else:
                leaving.add(found.name)
                self._add_step(found, _why_namespace(found, self._scope))
        return leaving

    def _find_occupants(self, namespace: str, going: set[str]) -> list[FoundObject]:
        return [
            found
            for found in self._everything
            if found.namespace == namespace
            and found.uid not in going
            and not is_made_by_kubernetes(found.kind, found.object)
        ]

    # Labels

    def _plan_labels(self, going: set[str], leaving: set[str]) -> None:
        for found in self._inventory.objects:
            labels: tuple[str, ...] = ()
            annotations: tuple[str, ...] = ()
            if is_a(found, kinds.NAMESPACE) and found.name not in leaving:
                labels = tuple(name for name in NAMESPACE_LABELS if name in found.labels)
                annotations = tuple(
                    name for name in (*NAMESPACE_ANNOTATIONS, *CLAIM_ANNOTATIONS) if name in found.annotations
                )
                if ANNOTATION_WIPE in found.annotations:
                    why = "an earlier wipe put it there"
                    self._steps.append(WipeStep(WipeStage.MARKS, found, why, annotations=(ANNOTATION_WIPE,)))
            elif is_a(found, kinds.SERVICE) and found.uid not in going and found.namespace not in leaving:
                labels = tuple(name for name in SERVICE_LABELS if name in found.labels)
            if (labels or annotations) and not found.deleting:
                reason = f"the {found.kind.kind.lower()} stays, without what only Istio and we read"
                self._steps.append(WipeStep(WipeStage.LABELS, found, reason, labels, annotations))

    # What only looks like Istio's

    def _report_strangers(self, going: set[str]) -> None:
        for found in self._inventory.objects:
            if found.uid in going:
                continue
            operators = [operator for operator in signs.OPERATORS if not operator.removed]
            if is_a(found, kinds.DEPLOYMENT, kinds.STATEFUL_SET) and any(signs.runs(found, one) for one in operators):
                self._stays.append(
                    Kept(str(found), "an operator is a product of its own: remove it as it was installed")
                )
            elif is_a(found, kinds.KUBERNETES_GATEWAY) and _class_of(found) in signs.GATEWAY_CLASSES:
                self._stays.append(Kept(str(found), "yours; nothing serves it until its class has a controller again"))
            elif is_a(found, kinds.KUBERNETES_GATEWAY_CLASS) and _controller_of(found).startswith("istio.io/"):
                self._stays.append(Kept(str(found), "not a class that istiod makes"))
            elif is_a(found, *_NAMED_ALIKE) and _LOOKS_LIKE_ISTIO.match(found.name):
                self._stays.append(Kept(str(found), "named like Istio's, but nothing says that Istio made it"))

    def _find_sidecars(self, going: set[str], leaving: set[str]) -> dict[str, tuple[str, ...]]:
        workloads: dict[str, dict[str, None]] = {}
        for found in self._of_kind(kinds.POD):
            if signs.ANNOTATION_INJECTED not in found.annotations or found.deleting:
                continue
            if found.uid not in going and found.namespace not in leaving:
                workloads.setdefault(found.namespace, {})[_workload_of(found)] = None
        return {namespace: tuple(sorted(workloads[namespace])) for namespace in sorted(workloads)}

    def _list_marks(self, leaving: set[str]) -> dict[str, str]:
        marks = {}
        for found in self._of_kind(kinds.NAMESPACE):
            if found.name in self._scope.namespaces or found.deleting:
                continue
            if found.name in self._surroundings.namespaces:
                marks[found.name] = WIPE_CONTROL_PLANE
            elif found.name in leaving and not is_ours(found.object):
                marks[found.name] = WIPE_LEAVING
            if marks.get(found.name) == found.annotations.get(ANNOTATION_WIPE, ""):
                del marks[found.name]
        return marks

    def _of_kind(self, kind: Kind) -> Iterator[FoundObject]:
        return (found for found in self._everything if is_a(found, kind))


_SERVICE_ACCOUNT = ("", "ServiceAccount")
_SERVICE = ("", "Service")
_LOOKS_LIKE_ISTIO = re.compile(r"(istio|istiod|ztunnel)([-.]|$)")
_NAMED_ALIKE = (
    kinds.CLUSTER_ROLE,
    kinds.CLUSTER_ROLE_BINDING,
    kinds.MUTATING_WEBHOOK_CONFIGURATION,
    kinds.VALIDATING_WEBHOOK_CONFIGURATION,
    kinds.VALIDATING_ADMISSION_POLICY,
    kinds.VALIDATING_ADMISSION_POLICY_BINDING,
)


def remote_secret_keys(secret: FoundObject, wiped: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """The wiped clusters that a peer's remote secret names, and whether it names only those.

    Every data key is a cluster ID, whatever the secret's name and annotation say.
    """
    keys = tuple(secret.object.get("data") or ())
    named = tuple(key for key in keys if key in set(wiped))
    return named, len(named) == len(keys)


def summarize(steps: Sequence[WipeStep]) -> str:
    """``2 Secret, 15 CustomResourceDefinition`` for one line on a screen."""
    counts = Counter("labels of " + step.found.kind.kind if step.strips else step.found.kind.kind for step in steps)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing"


def _order(step: WipeStep) -> tuple[int, str, str, str]:
    return (step.stage, step.found.kind.kind, step.found.namespace, step.found.name)


def _drop_repeated(objects: Iterable[FoundObject]) -> tuple[FoundObject, ...]:
    """The same object can be listed twice, by two groups that serve it."""
    chosen: dict[object, FoundObject] = {}
    for found in objects:
        chosen.setdefault(found.uid or (found.type, found.namespace, found.name), found)
    return tuple(chosen.values())


def _special_stage(found: FoundObject) -> WipeStage | None:
    if is_a(found, kinds.SECRET) and found.labels.get(names.MULTI_CLUSTER_LABEL) == "true":
        return WipeStage.REMOTE_SECRETS
    if found.labels.get(signs.LABEL_MANAGED_GATEWAY) and _STAGE_OF_KIND.get(found.type) is WipeStage.WORKLOADS:
        return WipeStage.GATEWAYS
    return None


def _is_marked(namespace: FoundObject) -> bool:
    labels = (*NAMESPACE_LABELS, _LABEL_OPERATOR_MANAGED)
    annotations = (*NAMESPACE_ANNOTATIONS, ANNOTATION_WIPE)
    return any(name in namespace.labels for name in labels) or any(
        name in namespace.annotations for name in annotations
    )


def _why_namespace(found: FoundObject, scope: Scope) -> str:
    if found.deleting:
        return "was being deleted already"
    if is_ours(found.object):
        return "made by onemesh.istio, and nothing that stays lives in it"
    if found.name in scope.namespaces:
        return "a namespace of Istio, and nothing that stays lives in it"
    return "made for Istio, and nothing else lives in it"


def _group_of_definition(definition: FoundObject) -> str:
    return definition.name.partition(".")[2]


def _record(found: FoundObject) -> tuple[str, str] | None:
    """Namespace and name of the release that a Secret or ConfigMap is a record of (helm's own storage format)."""
    if not is_a(found, kinds.SECRET, kinds.CONFIG_MAP) or found.labels.get("owner") != "helm":
        return None
    name = found.labels.get("name") or ""
    return (found.namespace, name) if name and found.name.startswith(f"sh.helm.release.v1.{name}.") else None


def _release_of(found: FoundObject) -> tuple[str, str]:
    annotations = found.annotations
    return (
        annotations.get(signs.ANNOTATION_RELEASE_NAMESPACE, ""),
        annotations.get(signs.ANNOTATION_RELEASE_NAME, ""),
    )


def _account_of(secret: FoundObject) -> str:
    return secret.annotations.get(names.SERVICE_ACCOUNT_NAME_ANNOTATION, "")


def _class_of(gateway: FoundObject) -> str:
    return str((gateway.object.get("spec") or {}).get("gatewayClassName") or "")


def _controller_of(gateway_class: FoundObject) -> str:
    return str((gateway_class.object.get("spec") or {}).get("controllerName") or "")


def _workload_of(pod: FoundObject) -> str:
    """What to restart so that a pod is made anew: its controller, and for a ReplicaSet the Deployment above it."""
    owners = pod.metadata.get("ownerReferences") or ()
    owner = next((owner for owner in owners if owner.get("controller")), None)
    if owner is None:
        return f"pod/{pod.name}"
    suffix = "-" + pod.labels.get("pod-template-hash", "")
    if owner["kind"] == "ReplicaSet" and owner["name"].endswith(suffix) and suffix != "-":
        return f"deployment/{owner['name'].removesuffix(suffix)}"
    return f"{owner['kind'].lower()}/{owner['name']}"
