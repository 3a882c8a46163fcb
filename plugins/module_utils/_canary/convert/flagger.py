# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Canary of Flagger (pkg/apis/flagger/v1beta1/canary.go) as options of onemesh.istio.canary. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._times import go_seconds
from . import istio_words
from .flagger_analysis import take_analysis
from .flagger_posts import take_notices, take_webhooks
from .identity import take_identity
from .manifest_reader import Conversion, ManifestPart, RelatedObjects, drop_empty

WORKLOADS = ("Deployment", "DaemonSet")

_SHORTEST_INTERVAL = 10.0
_LONGEST_RAMP = 100
_ITERATIONS_OF_KUBERNETES = 10


def from_canary(manifest: ManifestPart, related: RelatedObjects) -> Conversion:
    """The options; what differs is noted."""
    identity = take_identity(manifest)
    spec = manifest.part("spec")
    provider = _take_provider(spec)
    target = spec.part("targetRef")
    target.ignore("apiVersion")
    kind, target_name = target.text("kind") or "Deployment", target.required("name")
    service = _take_service(spec, provider)
    apex = service.get("name") or target_name
    # Flagger reads canaryAnalysis where there is no analysis.
    where = "analysis" if spec.has("analysis") else "canaryAnalysis"
    given = spec.part(where)
    if where == "analysis":
        spec.drop("canaryAnalysis", "beside analysis it counts for nothing, in Flagger too", "nothing")
    workload = drop_empty(
        kind=kind,
        name=target_name,
        ready_threshold=given.whole("canaryReadyThreshold"),
        stable_ready_threshold=given.whole("primaryReadyThreshold"),
        progress_deadline=spec.whole("progressDeadlineSeconds"),
    )
    match = given.words("match", istio_words.MATCHES, istio_words.WHY_UNKNOWN)
    interval = _take_interval(given)
    plan = _take_plan(given, matches=bool(match), interval=interval, provider=provider)
    _compare_matches(given, match or [], plan, service)
    managed: dict[str, Any] = {"manage": True, "workload": workload, "service": service}
    if kind not in WORKLOADS:
        target.differs(
            "kind",
            f"a {kind} is no workload here, so that routes only are released, and service counts for nothing",
            "name in routes the route to both",
        )
        managed = {}
    _drop_unlike(spec)
    options = drop_empty(
        name=identity.name,
        namespace=identity.namespace,
        **managed,
        stable=f"{apex}-primary",
        canary=f"{apex}-canary",
        plan=plan,
        match=match,
        session_affinity=_take_affinity(given, interval),
        analysis=take_analysis(spec, given, related, identity.namespace, interval),
        webhooks=take_webhooks(given, plan),
        notices=take_notices(given, related, identity.namespace),
        skip_analysis=spec.truth("skipAnalysis") or None,
    )
    return Conversion(options, _list_places(given.path))


def _list_places(analysis: str) -> dict[str, str]:
    """Where the options come from; ``analysis`` is the path of what Flagger goes by."""
    return {
        "plan": analysis,
        "option-analysis": f"{analysis}.metrics",
        "option-match": f"{analysis}.match",
        "option-ready-threshold": f"{analysis}.canaryReadyThreshold",
        "option-stable-ready-threshold": f"{analysis}.primaryReadyThreshold",
        "option-progress-deadline": "spec.progressDeadlineSeconds",
        **dict.fromkeys(("option-url", "option-timeout", "option-retries"), f"{analysis}.webhooks"),
        "option": "spec.service",
    }


def _take_provider(spec: ManifestPart) -> str:
    provider = spec.text("provider") or ""
    if provider and not provider.startswith(("istio", "gatewayapi")):
        spec.differs("provider", f"{provider} is not known here", "use Istio's routes or the Gateway API's")
    return provider


# Service


def _take_service(spec: ManifestPart, provider: str) -> dict[str, Any]:
    service = spec.part("service")
    why = istio_words.WHY_UNKNOWN
    if not service.has("port"):
        service.refuse_missing("port")
    if provider.startswith("istio"):
        service.drop("gatewayRefs", "Flagger reads them with the Gateway API only", "leave provider out to use them")
    references = service.words("gatewayRefs", istio_words.GATEWAY_REFERENCES, why)
    if references:
        for option in ("gateways", "delegation", "retries"):
            service.drop(option, "an HTTPRoute, which gatewayRefs make, has none; Flagger leaves it out", "nothing")
    for name, reason, remedy in (
        ("mirror", "filters of the user's own route stay where routes are given", "put it into the route"),
        ("headless", "Services that are made have an address", "nothing, where requests go through the mesh"),
        ("trafficDistribution", "Services that are made have none", "say it in trafficPolicy"),
        ("backendTimeout", "an HTTPRoute that is made has one timeout for the whole request", "use timeout"),
        ("unmanagedMetadata", "labels and annotations of others always stay", "nothing"),
        ("backends", "it is App Mesh's", "nothing"),
        ("meshName", "it is App Mesh's", "nothing"),
    ):
        service.drop(name, reason, remedy)
    return drop_empty(
        port=service.whole("port"),
        name=service.text("name"),
        target_port=service.number_or_text("targetPort"),
        port_name=service.text("portName"),
        app_protocol=service.text("appProtocol"),
        port_discovery=service.truth("portDiscovery"),
        delegation=service.truth("delegation"),
        hosts=service.texts("hosts"),
        gateways=service.texts("gateways"),
        gateway_refs=references,
        match=service.words("match", istio_words.MATCHES, why),
        rewrite=service.words("rewrite", istio_words.REWRITE, why),
        timeout=service.text("timeout"),
        retries=service.words("retries", istio_words.RETRIES, why),
        cors_policy=service.words("corsPolicy", istio_words.CORS_POLICY, why),
        headers=service.words("headers", istio_words.HEADERS, why),
        traffic_policy=service.words("trafficPolicy", istio_words.TRAFFIC_POLICY, why),
        **{side: _take_metadata(service.part(side)) for side in ("apex", "primary", "canary")},
    )


def _take_metadata(side: ManifestPart) -> dict[str, Any]:
    return drop_empty(labels=side.mapping("labels"), annotations=side.mapping("annotations"))


# Plan


def _take_plan(given: ManifestPart, *, matches: bool, interval: float, provider: str) -> dict[str, Any]:
    iterations = given.whole("iterations") or 0
    if provider == "kubernetes" and iterations < 1:
        iterations = _ITERATIONS_OF_KUBERNETES
        given.differs("iterations", f"with the provider kubernetes Flagger makes {iterations} of them", "nothing")
    promotion = given.whole("stepWeightPromotion") or None
    mirror, mirror_weight = given.truth("mirror"), given.whole("mirrorWeight")
    if mirror_weight and not mirror:
        given.differs("mirrorWeight", "nothing is mirrored without mirror", "nothing")
    if iterations > 0:
        for ignored in ("stepWeight", "stepWeights", "maxWeight"):
            given.drop(ignored, "with iterations it counts for nothing, in Flagger too", "nothing")
        if matches and mirror:
            given.differs("mirror", "in an A/B test nothing is mirrored, in Flagger too", "nothing")
            mirror = False
        if matches and promotion:
            given.differs(
                "stepWeightPromotion",
                "requests that match have no weight; they go back at once",
                "to go back by weights, use weights instead of iterations",
            )
            promotion = None
        plan = drop_empty(iterations=iterations, matched=matches or None)
    else:
        plan = _take_weights(given)
    return drop_empty(
        **plan,
        step_weight_promotion=promotion,
        mirror=mirror or None,
        mirror_weight=(mirror_weight or None) if mirror else None,
        interval=interval,
    )


def _take_weights(given: ManifestPart) -> dict[str, Any]:
    """As Flagger reads them: stepWeight counts more than the list, and the list's end more than maxWeight."""
    step = given.whole("stepWeight") or 0
    listed = given.whole_numbers("stepWeights")
    most = given.whole("maxWeight") or 0
    if listed and most:
        given.differs("maxWeight", "with stepWeights it counts for nothing, in Flagger too", "nothing")
    if listed and step <= 0:
        return {"step_weights": listed}
    if listed:
        most = min(_LONGEST_RAMP, listed[-1])
        given.differs("stepWeights", f"with stepWeight only its end {most} counts, in Flagger too", "keep one of both")
    if 0 < step < most and most % step:
        over = min(_LONGEST_RAMP, (most // step + 1) * step)
        given.differs(
            "maxWeight",
            f"Flagger's last weight is {over}, here it is {most}",
            "nothing; plan.overshoot: true has Flagger's",
        )
    return drop_empty(step_weight=step or None, max_weight=most if most > 0 else None)


def _take_interval(given: ManifestPart) -> float:
    text = given.text("interval")
    seconds = 60.0 if text is None else go_seconds(text)
    if seconds is None:
        given.differs("interval", f"{text!r} is no length of time, Flagger takes 60 s for it", "write it right")
        return 60.0
    if seconds < _SHORTEST_INTERVAL:
        given.differs("interval", "Flagger waits 10 s at least, and so does what was made", "set the interval meant")
    return max(seconds, _SHORTEST_INTERVAL)


def _compare_matches(
    given: ManifestPart, match: list[Any], plan: Mapping[str, Any], service: Mapping[str, Any]
) -> None:
    """Where Flagger's guide, or Flagger, takes matches for something else."""
    if match and "iterations" not in plan:
        given.differs(
            "match",
            "without iterations the weights hold for the requests that match, as they do in Flagger, whose guide says "
            "otherwise",
            "nothing, if that is meant; for an A/B test add iterations",
        )
    if match and service.get("match") and any(set(each) - {"headers", "sourceLabels"} for each in match):
        given.differs(
            "match",
            "with spec.service.match Flagger leaves out all but headers and sourceLabels; here everything counts",
            "take out what is not meant",
        )


def _take_affinity(given: ManifestPart, interval: float) -> dict[str, Any]:
    affinity = given.part("sessionAffinity")
    named = bool(affinity.names)
    for attribute in ("domain", "httpOnly", "partitioned", "path", "sameSite", "secure"):
        affinity.drop(attribute, "a cookie has Path=/ and Max-Age, and nothing else", "nothing fits")
    cookie, stable = affinity.text("cookieName"), affinity.text("primaryCookieName")
    age = affinity.whole("maxAge") or None
    if cookie is None:
        if named:
            affinity.differs("cookieName", "no cookie is named, so that clients stay with neither side", "name one")
        return {}
    return drop_empty(
        cookie_name=cookie,
        max_age=age,
        stable_cookie_name=stable,
        # Flagger's cookie of the primary is as old as an interval.
        stable_max_age=int(interval) if stable else None,
    )


def _drop_unlike(spec: ManifestPart) -> None:
    """Fields that have no counterpart, and why."""
    _drop_autoscaler(spec.part("autoscalerRef"))
    spec.drop("revertOnDeletion", "state: absent always puts everything back", "run it instead of deleting the Canary")
    spec.drop(
        "suspend",
        "nothing stops all of a release: request: hold keeps it where it is, and still puts right what stands and "
        "counts failures",
        "run no task for it, or request: hold",
    )
    spec.drop("ingressRef", "an Ingress has no weights in Istio", "use routes")
    spec.drop("routeRef", "routes of other meshes are not known here", "use routes")
    spec.drop("upstreamRef", "upstreams of other meshes are not known here", "use routes")


def _drop_autoscaler(reference: ManifestPart) -> None:
    if not reference.names:
        return
    reference.ignore("apiVersion", "name")
    kind = reference.text("kind")
    if kind == "HorizontalPodAutoscaler":
        reference.differs("", "autoscalers are found by the workload that they scale", "nothing")
    else:
        reference.differs("", f"a {kind} is not known here; the stable side gets no copy of it", "make it one yourself")
    for name in ("primaryScalerReplicas", "primaryScalerQueries"):
        reference.drop(name, "the stable side's autoscaler is a copy of the workload's", "set the workload's")
