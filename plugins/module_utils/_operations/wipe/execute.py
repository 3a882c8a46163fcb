# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks the plan of a wipe on one cluster, within a time limit, and proves the result by a second scan.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.errors import Conflict, CredentialsError, KubeError, NotFound, Unauthorized, Unreachable, WaitTimeout
from ..._ownership import FIELD_MANAGER
from . import signs
from .plan import ANNOTATION_WIPE, Inventory, Kept, Scope, WipePlan, WipeStage, WipeStep, make_plan, summarize
from .scan import scan
from .signs import FoundObject, Operator, is_a

_PASSES = 3
"""The first does the work; the others take what was written meanwhile, such as certificates in a new namespace."""

_ATTEMPTS = 3
_CONNECTIONS = 8

# What a wait may take of the time that is left, so that one that never ends leaves time for what comes after it.
_SHARE_OF_OPERATORS = 0.3
_SHARE_OF_WAITS = 0.6
_SHARE_OF_NAMESPACES = 0.9

_ENDS_LATER = (kinds.NAMESPACE, kinds.CUSTOM_RESOURCE_DEFINITION, kinds.POD)
_MAKES_PODS = (kinds.DEPLOYMENT, kinds.DAEMON_SET, kinds.STATEFUL_SET, kinds.REPLICA_SET)


@dataclass
class WipeReport:
    """What a wipe did to one cluster so far. Filled while it runs, so that an interruption loses nothing."""

    changed: bool = False
    removed: dict[str, WipeStep] = field(default_factory=dict)
    stays: tuple[Kept, ...] = ()
    finalizers_cleared: list[str] = field(default_factory=list)
    leaked: list[Kept] = field(default_factory=list)
    sidecars: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    finished: bool = False

    def foresee(self, plan: WipePlan) -> None:
        """What a plan says before it is walked; in check mode that is the result."""
        self.changed = bool(plan.steps)
        self.removed = {str(step): step for step in plan.removals}
        self.stays = plan.stays
        self.sidecars = plan.sidecars
        self.leaked = [kept for kept in plan.stays if kept.problem]


class Executor:
    """One wipe of one cluster. ``timeout`` are the seconds that everything together may take."""

    def __init__(
        self,
        client: Client,
        scope: Scope,
        report: WipeReport,
        *,
        timeout: float,
        progress: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._scope = scope
        self._report = report
        self._progress = progress
        self._clock = clock
        self._ends = clock() + timeout
        self._attempted: dict[tuple[object, ...], WipeStep] = {}
        self._refused: dict[str, KubeError] = {}
        self._away: KubeError | None = None

    def run(self, plan: WipePlan) -> None:
        """Walk ``plan``, scan again, and take what has appeared since. Raises KubeError where the cluster goes away."""
        if not plan.steps:
            self._conclude(plan, Inventory(()))
            return
        self._mark(plan)
        inventory = Inventory(())
        for _pass in range(_PASSES):
            self._walk([step for step in plan.steps if self._is_new(step)])
            self._report.removed.update({str(step): step for step in plan.cascades})
            inventory = scan(self._client, self._scope, known=plan.surroundings.namespaces)
            plan = make_plan(inventory, self._scope, known=plan.surroundings.namespaces)
            if not any(map(self._is_new, plan.steps)) or self._left() <= 0:
                break
        self._conclude(plan, inventory)

    def _mark(self, plan: WipePlan) -> None:
        for namespace, value in plan.marks.items():
            mark = {"metadata": {"annotations": {ANNOTATION_WIPE: value}}}
            with suppress(NotFound):
                self._client.patch(kinds.NAMESPACE, namespace, None, mark, field_manager=FIELD_MANAGER)

    def _is_new(self, step: WipeStep) -> bool:
        return _key(step) not in self._attempted

    def _left(self) -> float:
        return max(0.0, self._ends - self._clock())

    def _say(self, line: str) -> None:
        self._progress(f"{self._client.cluster}: {line}")

    # Walking

    def _walk(self, steps: Sequence[WipeStep]) -> None:
        with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix=f"wipe-{self._client.cluster}") as pool:
            for stage in WipeStage:
                members = [step for step in steps if step.stage is stage]
                if members and self._left() > 0:
                    self._say(f"removing {summarize(members)}")
                    list(pool.map(self._take, members))
                    self._wait_after(stage, members)
                if stage is WipeStage.WORKLOADS and self._left() > 0:
                    # Istio's own operator is gone by now, and its resources with it.
                    self._release([step for step in steps if step.stage is WipeStage.OPERATOR_RESOURCES], final=True)
        # Nothing depends on these: what holds them has had until now.
        self._wait_gone([step.found for step in steps if step.found.finalizers and not step.strips])

    def _take(self, step: WipeStep) -> None:
        if self._away is not None or self._left() <= 0:
            return
        self._attempted[_key(step)] = step
        try:
            if self._try_persistently(self._strip if step.strips else self._delete, step):
                self._report.changed = True
            if step.stage is not WipeStage.MARKS:
                self._report.removed[str(step)] = step
        except (CredentialsError, Unreachable, Unauthorized) as error:
            self._away = error
            raise
        except Conflict:
            # Another object has taken the name, or it changed: the next scan judges what is there now.
            return
        except KubeError as error:
            self._refused[step.found.uid] = error

    def _try_persistently(self, work: Callable[[WipeStep], bool], step: WipeStep) -> bool:
        """An API server that ends many resource types at once can take longer than one request may."""
        for _attempt in range(_ATTEMPTS - 1):
            try:
                return work(step)
            except Unreachable:
                if self._left() <= 0:
                    raise
        return work(step)

    def _delete(self, step: WipeStep) -> bool:
        found = step.found
        if found.deleting:
            return False
        return self._client.delete(found.kind, found.name, found.namespace or None, uid=found.uid)

    def _strip(self, step: WipeStep) -> bool:
        found = step.found
        metadata: dict[str, Any] = {"uid": found.uid}
        if step.labels:
            metadata["labels"] = dict.fromkeys(step.labels)
        if step.annotations:
            metadata["annotations"] = dict.fromkeys(step.annotations)
        try:
            self._client.patch(
                found.kind, found.name, found.namespace or None, {"metadata": metadata}, field_manager=FIELD_MANAGER
            )
        except NotFound:
            return False
        return True

    def _wait_after(self, stage: WipeStage, steps: Sequence[WipeStep]) -> None:
        if stage is WipeStage.OPERATOR_RESOURCES:
            self._release(steps, final=False)
            return
        later = [step.found for step in steps if not step.strips and is_a(step.found, *_ENDS_LATER)]
        self._wait_gone(later, _SHARE_OF_NAMESPACES if stage is WipeStage.NAMESPACES else _SHARE_OF_WAITS)
        if stage in (WipeStage.GATEWAYS, WipeStage.WORKLOADS):
            self._wait_gone(self._pods_of(step.found for step in steps))

    def _pods_of(self, workloads: Iterable[FoundObject]) -> list[FoundObject]:
        """Pods of workloads that are gone: istiod writes certificates into every namespace until its last pod ends."""
        pods: dict[str, FoundObject] = {}
        for workload in workloads:
            selector = ((workload.object.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
            if is_a(workload, *_MAKES_PODS) and selector:
                labels = ",".join(f"{name}={value}" for name, value in sorted(selector.items()))
                for pod in self._client.list(kinds.POD, workload.namespace, label_selector=labels):
                    pods[pod["metadata"]["uid"]] = FoundObject(kinds.POD, pod)
        return list(pods.values())

    def _wait_gone(self, objects: Sequence[FoundObject], share: float = _SHARE_OF_WAITS) -> list[FoundObject]:
        """Wait for the objects to end, and return those that did not within their share of the time."""
        ends = self._clock() + share * self._left()
        late = []
        for found in objects:
            try:
                remaining = max(0.0, ends - self._clock())
                if self._is_there(found):
                    self._say(f"waiting until {found} is gone, for {remaining:.0f} s at most")
                    self._client.wait_gone(found.kind, found.name, found.namespace or None, remaining)
            except WaitTimeout:
                late.append(found)
            except NotFound:
                # The resource type went with it.
                continue
        return late

    def _is_there(self, found: FoundObject) -> bool:
        return self._read_live(found) is not None

    def _read_live(self, found: FoundObject) -> FoundObject | None:
        """The same object as it is now; a namesake is another object."""
        live = self._client.find(found.kind, found.name, found.namespace or None)
        if live is None or live["metadata"]["uid"] != found.uid:
            return None
        return FoundObject(found.kind, live)

    # Resources of operators

    def _release(self, steps: Sequence[WipeStep], *, final: bool) -> None:
        """Let an operator that runs finish its resources; clear the finalizers of one that does not."""
        for operator in signs.OPERATORS:
            resources = [step.found for step in steps if step.found.kind.group == operator.group]
            if not resources or not (resources := [found for found in resources if self._is_there(found)]):
                continue
            if self._runs(operator):
                # Only Istio's own operator is removed later on; any other has to finish now.
                share = _SHARE_OF_OPERATORS if operator.removed and not final else _SHARE_OF_WAITS
                self._wait_gone(resources, share)
            else:
                for found in resources:
                    self._clear_finalizers(found, operator)
                self._wait_gone(resources)

    def _runs(self, operator: Operator) -> bool:
        """Asked at the last moment, of the cluster and not of the plan."""
        return any(
            signs.runs(workload, operator) and signs.is_ready(workload)
            for kind in (kinds.DEPLOYMENT, kinds.STATEFUL_SET)
            for workload in (FoundObject(kind, found) for found in self._client.list(kind))
        )

    def _clear_finalizers(self, found: FoundObject, operator: Operator) -> None:
        for _attempt in range(3):
            live = self._read_live(found)
            if live is None or not live.deleting:
                return
            cleared = [finalizer for finalizer in live.finalizers if finalizer in operator.finalizers]
            if not cleared:
                return
            metadata = {
                "uid": live.uid,
                "resourceVersion": live.metadata["resourceVersion"],
                "finalizers": [finalizer for finalizer in live.finalizers if finalizer not in operator.finalizers],
            }
            try:
                self._client.patch(
                    live.kind, live.name, live.namespace or None, {"metadata": metadata}, field_manager=FIELD_MANAGER
                )
            except Conflict:
                continue
            except NotFound:
                return
            self._report.changed = True
            self._report.finalizers_cleared += [f"{live}: {finalizer}" for finalizer in cleared]
            return

    # The proof

    def _conclude(self, plan: WipePlan, inventory: Inventory) -> None:
        left = {str(step) for step in plan.removals}
        self._report.removed = {name: step for name, step in self._report.removed.items() if name not in left}
        self._report.stays = tuple(kept for kept in plan.stays if not kept.problem)
        self._report.sidecars = plan.sidecars
        self._report.leaked = [kept for kept in plan.stays if kept.problem]
        self._report.leaked += [Kept(str(step), self._why_left(step, inventory), problem=True) for step in plan.steps]
        self._report.finished = True

    def _why_left(self, step: WipeStep, inventory: Inventory) -> str:
        found = step.found
        if error := self._refused.get(found.uid):
            return f"{error.message} -> {error.remedy}" if error.remedy else error.message
        if is_a(found, kinds.NAMESPACE) and found.deleting:
            live = self._client.find(found.kind, found.name) or found.object
            return why_namespace_stays(live, (*inventory.objects, *inventory.contents))
        if found.deleting and is_a(found, kinds.CUSTOM_RESOURCE_DEFINITION):
            plural, _dot, group = found.name.partition(".")
            return why_definition_stays(plural, group, inventory.objects)
        if found.deleting and found.finalizers:
            return _describe_finalizers(found)
        if found.deleting:
            return "is being deleted, and did not end in time"
        if str(step) in {str(attempted) for attempted in self._attempted.values()}:
            return "was made again after it was deleted: something that is not on this cluster still writes it"
        return "there was no time left to remove it: run again, or allow more time"


def _key(step: WipeStep) -> tuple[object, ...]:
    return (step.found.uid, step.labels, step.annotations)


def why_namespace_stays(namespace: Mapping[str, Any], objects: Iterable[FoundObject]) -> str:
    """Why a namespace does not end: what its status says, and the objects in it that finalizers hold. Pure."""
    conditions = (namespace.get("status") or {}).get("conditions") or ()
    said = [
        f"{condition['type']}: {condition.get('message', '').strip()}"
        for condition in conditions
        if condition.get("status") == "True" and condition.get("type") in _CAUSES_OF_A_STUCK_NAMESPACE
    ]
    holders = [
        f"{found} has finalizer {', '.join(found.finalizers)}"
        for found in _drop_repeated(objects)
        if found.namespace == namespace["metadata"]["name"] and found.finalizers
    ]
    if not said and not holders:
        return "is Terminating, and its status says not why"
    return "; ".join(["is Terminating", *said, *holders])


_CAUSES_OF_A_STUCK_NAMESPACE = frozenset(
    {
        "NamespaceDeletionDiscoveryFailure",
        "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure",
        "NamespaceContentRemaining",
        "NamespaceFinalizersRemaining",
    }
)


def why_definition_stays(plural: str, group: str, objects: Iterable[FoundObject]) -> str:
    """Why a CustomResourceDefinition does not end: the resources of it that finalizers hold. Pure."""
    holders = [
        _name_holder(found)
        for found in _drop_repeated(objects)
        if (found.kind.plural, found.kind.group) == (plural, group)
    ]
    if not holders:
        return "is being deleted, and did not end in time"
    return "waits for its resources: " + "; ".join(holders)


def _name_holder(found: FoundObject) -> str:
    return f"{found} {_describe_finalizers(found)}" if found.finalizers else str(found)


def _describe_finalizers(found: FoundObject) -> str:
    return f"waits for finalizer {', '.join(found.finalizers)}: what set it has to finish, or to be repaired"


def _drop_repeated(objects: Iterable[FoundObject]) -> list[FoundObject]:
    return list({found.uid or str(found): found for found in objects}.values())
