# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rollout of Argo (pkg/apis/rollouts/v1alpha1/types.go) as options of onemesh.istio.canary. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._istio.hosts import full_name
from ..model import TOTAL
from .argo_analysis import Arguments, RolloutAnalysis
from .argo_routes import take_routes
from .argo_steps import StepReader
from .identity import ReleaseIdentity, take_identity
from .manifest_reader import Conversion, ManifestPart, RelatedObjects, drop_empty

_WORKLOAD = "Deployment"
_OF_PODS = "pods are the Deployment's"


def from_rollout(manifest: ManifestPart, related: RelatedObjects) -> Conversion:
    """The options; what differs is noted."""
    identity = take_identity(manifest)
    spec = manifest.part("spec")
    strategy = spec.part("strategy")
    blue_green = strategy.has("blueGreen")
    given = strategy.part("blueGreen" if blue_green else "canary")
    workload = _take_workload(spec, identity)
    replicas = spec.whole("replicas")
    if replicas is not None:
        spec.differs(
            "replicas", "pods are the Deployment's, which has a size of its own", f"set it to {replicas} there"
        )
    if blue_green:
        specific = _take_blue_green(given)
    else:
        analysis = RolloutAnalysis(related, identity.namespace, Arguments(manifest.content))
        specific = _take_canary(given, identity, analysis, replicas)
    given.differs(
        "",
        "when the steps are over all requests stay at the canary's side, which is the stable one of the next release; "
        "in Argo the canary's pods become the stable ones, behind the stable Service",
        "exchange stable and canary for the next release, or set manage and give service",
    )
    _drop_unlike(spec, given)
    scales = any("replicas" in step for step in specific["plan"].get("steps", ()))
    if workload and scales:
        workload = {**workload, "scale": True}
    options = drop_empty(name=identity.name, namespace=identity.namespace, manage=False, workload=workload, **specific)
    return Conversion(options, _list_places(given.path, blue_green=blue_green))


def _list_places(where: str, *, blue_green: bool) -> dict[str, str]:
    """Where the options come from; ``where`` is the path of the strategy."""
    return {
        "plan": where if blue_green else f"{where}.steps",
        "option-analysis": f"{where}.analysis",
        "option-stable": f"{where}.{'activeService' if blue_green else 'stableService'}",
        "option-canary": f"{where}.{'previewService' if blue_green else 'canaryService'}",
        "option-match": f"{where}.steps",
        "option-progress-deadline": "spec.progressDeadlineSeconds",
    }


def _take_workload(spec: ManifestPart, identity: ReleaseIdentity) -> dict[str, Any]:
    deadline = spec.whole("progressDeadlineSeconds")
    fields = ("template", "selector", "revisionHistoryLimit", "minReadySeconds")
    if not spec.has("workloadRef"):
        named = [field for field in fields if spec.has(field)]
        spec.ignore(*fields)
        spec.differs(
            "template",
            f"there is no Rollout here that makes pods ({', '.join(named) or 'it has no template'})",
            f"make it a Deployment {identity.object_name} with the same {', '.join(named) or 'pods'} and replicas",
        )
        return drop_empty(kind=_WORKLOAD, name=identity.object_name, progress_deadline=deadline)
    reference = spec.part("workloadRef")
    reference.ignore("apiVersion")
    kind, name = reference.text("kind") or _WORKLOAD, reference.required("name")
    reference.drop("scaleDown", "the Deployment is the canary, and is scaled as such", "nothing")
    for field in fields:
        spec.drop(field, _OF_PODS, "set it there")
    if kind != _WORKLOAD:
        reference.differs("kind", f"a {kind} is no workload here, so that pods are not waited for", "name a Deployment")
        return {}
    return drop_empty(kind=kind, name=name, progress_deadline=deadline)


# Canary


def _take_canary(
    given: ManifestPart, identity: ReleaseIdentity, analysis: RolloutAnalysis, replicas: int | None
) -> dict[str, Any]:
    routing = given.part("trafficRouting")
    total = routing.whole("maxTrafficWeight") or TOTAL
    istio = routing.part("istio")
    rule = istio.part("destinationRule")
    by_subset = bool(rule.names)
    stable, canary = _take_subsets(given, rule) if by_subset else _take_services(given)
    routes = take_routes(routing, istio, identity.namespace)
    if not routes:
        routing.differs("", "no route that has weights is named", "name it in routes")
    if not by_subset and _is_elsewhere(routes, identity.namespace):
        # A short name in a route is one of the route's own namespace.
        stable, canary = (side and full_name(side, identity.namespace) for side in (stable, canary))
    if given.has("analysis"):
        analysis.take_background(given.part("analysis"))
    steps = StepReader(analysis, total, replicas)
    for step in given.parts("steps"):
        steps.take(step)
    return drop_empty(
        stable=stable,
        canary=canary,
        routes=routes,
        match=steps.matches,
        plan=drop_empty(steps=steps.finish(given), total=total if total != TOTAL else None),
        analysis=analysis.make_options(given),
    )


def _take_subsets(given: ManifestPart, rule: ManifestPart) -> tuple[str | None, str | None]:
    rule.differs(
        "",
        "subsets are the user's; nothing writes rollouts-pod-template-hash into them",
        "give each subset a label that its own workload's pods have",
    )
    rule.ignore("name")
    rule.drop("additionalSubsetNames", "a destination that is neither side keeps its weight, named or not", "nothing")
    for service in ("stableService", "canaryService"):
        given.drop(service, "with destinationRule requests are divided by subsets; no Service is changed", "nothing")
    return rule.text("stableSubsetName"), rule.text("canarySubsetName")


def _take_services(given: ManifestPart) -> tuple[str | None, str | None]:
    stable, canary = given.text("stableService"), given.text("canaryService")
    pair = given.part("pingPong")
    if not pair.names:
        return stable, canary
    pair.differs(
        "",
        "both sides keep their Services, which is what it is for; which of them is the stable one now is in "
        "status.canary.stablePingPong",
        "exchange stable and canary, if it is pong",
    )
    return pair.text("pingService"), pair.text("pongService")


def _is_elsewhere(routes: Iterable[Mapping[str, Any]], namespace: str) -> bool:
    return any(each["kind"] == "VirtualService" and each["namespace"] != namespace for each in routes)


# Blue/green


def _take_blue_green(given: ManifestPart) -> dict[str, Any]:
    stable, canary = given.text("activeService"), given.text("previewService")
    given.differs(
        "activeService",
        "users are moved by weights of a route, and not by the selector of a Service",
        "name in routes a route to both Services",
    )
    by_hand = given.truth("autoPromotionEnabled") is False
    if by_hand:
        given.drop(
            "autoPromotionSeconds", "with autoPromotionEnabled false it counts for nothing, in Argo too", "nothing"
        )
    seconds = given.whole("autoPromotionSeconds")
    for analysis in ("prePromotionAnalysis", "postPromotionAnalysis"):
        given.drop(
            analysis,
            "templates are not taken over; the metrics of the release are asked before the switch and after it",
            "give analysis.metrics",
        )
    given.drop("previewReplicaCount", "the canary has its full size", "use steps with {replicas: PERCENT}")
    plan = drop_empty(iterations=1, interval=seconds or None, gates=[{"before": "promotion"}] if by_hand else None)
    return drop_empty(stable=stable, canary=canary, plan=plan)


def _drop_unlike(spec: ManifestPart, given: ManifestPart) -> None:
    """Fields that have no counterpart, and why."""
    drop = given.drop
    drop("maxSurge", _OF_PODS, "set it there")
    drop("maxUnavailable", _OF_PODS, "set it there")
    drop("antiAffinity", _OF_PODS, "put it into the template")
    for metadata in ("canaryMetadata", "stableMetadata", "previewMetadata", "activeMetadata"):
        drop(metadata, _OF_PODS, "put it into the templates")
    drop("abortScaleDownDelaySeconds", "there is one drain for every end of a release", "plan.drain and drain")
    drop("scaleDownDelaySeconds", "there is one drain for every end of a release", "plan.drain and drain")
    drop("scaleDownDelayRevisionLimit", "one canary is kept, not several revisions", "nothing")
    drop("dynamicStableScale", "the stable side keeps its size, so that users can go back at once", "nothing")
    drop("minPodsPerReplicaSet", "the canary has its full size, or what a step says", "nothing")
    drop("replicaProgressThreshold", "readiness has a threshold in percent", "workload.ready_threshold")
    spec.drop("progressDeadlineAbort", "a canary that is not ready in time always ends the release", "nothing")
    spec.drop("rollbackWindow", "the template that was promoted last is no new release; older ones are", "nothing")
    spec.drop("analysis", "history is kept in the record", "nothing")
    spec.drop("paused", "a release is held by a request", "request: hold")
    spec.drop("restartAt", _OF_PODS, "kubectl rollout restart")
