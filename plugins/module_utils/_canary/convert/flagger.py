# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Canary of Flagger (pkg/apis/flagger/v1beta1/canary.go) as options of onemesh.istio.canary. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._times import seconds_of
from ..._values import number, truth, whole_number
from ..analysis.queries import BUILTINS
from .manifest_reader import ManifestReader, drop_empty, template_of

_SERVICE = {
    "name": "name",
    "targetPort": "target_port",
    "portName": "port_name",
    "appProtocol": "app_protocol",
    "hosts": "hosts",
    "gateways": "gateways",
    "gatewayRefs": "gateway_refs",
    "match": "match",
    "rewrite": "rewrite",
    "timeout": "timeout",
    "retries": "retries",
    "corsPolicy": "cors_policy",
    "headers": "headers",
    "trafficPolicy": "traffic_policy",
    "apex": "apex",
    "primary": "primary",
    "canary": "canary",
}
_SHORTEST_INTERVAL = 10.0
_LONGEST_RAMP = 100


def from_canary(source: ManifestReader) -> dict[str, Any]:
    """The options; what differs is noted in ``source``."""
    take = source.take
    name, namespace = take("metadata.name"), take("metadata.namespace") or "default"
    kind, target = take("spec.targetRef.kind") or "Deployment", take("spec.targetRef.name")
    take("spec.targetRef.apiVersion")
    if kind not in ("Deployment", "DaemonSet"):
        source.differs("spec.targetRef.kind", f"a {kind} is no workload here", "route only: leave workload out")
    service = drop_empty(
        port=source.whole("spec.service.port"),
        port_discovery=source.truth("spec.service.portDiscovery"),
        delegation=source.truth("spec.service.delegation"),
        **{ours: take(f"spec.service.{theirs}") for theirs, ours in _SERVICE.items()},
    )
    apex = service.get("name") or target
    # Flagger reads canaryAnalysis where there is no analysis.
    where = "spec.analysis" if source.left.get("spec", {}).get("analysis") else "spec.canaryAnalysis"
    workload = drop_empty(
        kind=kind,
        name=target,
        ready_threshold=source.whole(f"{where}.canaryReadyThreshold"),
        stable_ready_threshold=source.whole(f"{where}.primaryReadyThreshold"),
        progress_deadline=source.whole("spec.progressDeadlineSeconds"),
    )
    match = take(f"{where}.match")
    interval = _interval(source, where)
    plan = _plan(source, where, bool(match), interval)
    analysis = _analysis(source, where, namespace, interval)
    if match and "iterations" not in plan:
        source.differs(
            f"{where}.match",
            "without iterations the weights hold for the requests that match, as they do in Flagger, whose guide says "
            "otherwise",
            "nothing, if that is meant; for an A/B test add iterations",
        )
    if match and service.get("match") and any(set(each) - {"headers", "sourceLabels"} for each in match):
        source.differs(
            f"{where}.match",
            "with spec.service.match Flagger leaves out all but headers and sourceLabels; here everything counts",
            "take out what is not meant",
        )
    affinity = drop_empty(
        cookie_name=take(f"{where}.sessionAffinity.cookieName"),
        max_age=source.whole(f"{where}.sessionAffinity.maxAge"),
        stable_cookie_name=take(f"{where}.sessionAffinity.primaryCookieName"),
    )
    options = drop_empty(
        name=name,
        namespace=namespace,
        manage=True,
        workload=workload,
        service=service,
        stable=f"{apex}-primary",
        canary=f"{apex}-canary",
        plan=plan,
        match=match,
        session_affinity=affinity,
        analysis=analysis,
        webhooks=_webhooks(source, where, plan),
        notices=_notices(source, where, namespace),
        skip_analysis=source.truth("spec.skipAnalysis") or None,
    )
    _drop_unlike(source)
    source.check_plan(where, plan)
    return options


def _plan(source: ManifestReader, where: str, matches: bool, interval: float) -> dict[str, Any]:
    iterations = source.whole(f"{where}.iterations") or 0
    promotion = source.whole(f"{where}.stepWeightPromotion") or None
    mirror, mirror_weight = source.truth(f"{where}.mirror"), source.whole(f"{where}.mirrorWeight")
    if mirror_weight and not mirror:
        source.differs(f"{where}.mirrorWeight", "nothing is mirrored without mirror", "nothing")
    if iterations > 0:
        for ignored in ("stepWeight", "stepWeights", "maxWeight"):
            source.drop(f"{where}.{ignored}", "with iterations it counts for nothing, in Flagger too", "nothing")
        if matches and mirror:
            source.differs(f"{where}.mirror", "in an A/B test nothing is mirrored, in Flagger too", "nothing")
            mirror = False
        if matches and promotion:
            source.differs(
                f"{where}.stepWeightPromotion",
                "requests that match have no weight; they go back at once",
                "to go back by weights, use weights instead of iterations",
            )
            promotion = None
        plan = drop_empty(iterations=iterations, matched=matches or None)
    else:
        plan = _weights(source, where)
    return drop_empty(
        **plan,
        step_weight_promotion=promotion,
        mirror=mirror or None,
        mirror_weight=(mirror_weight or None) if mirror else None,
        interval=interval,
    )


def _weights(source: ManifestReader, where: str) -> dict[str, Any]:
    """As Flagger reads them: stepWeight counts more than the list, and the list's end more than maxWeight."""
    step = source.whole(f"{where}.stepWeight") or 0
    listed = [
        whole_number(weight, f"{where}.stepWeights[{index}]")
        for index, weight in enumerate(source.take(f"{where}.stepWeights") or [])
    ]
    most = source.whole(f"{where}.maxWeight") or 0
    if listed and most:
        source.differs(f"{where}.maxWeight", "with stepWeights it counts for nothing, in Flagger too", "nothing")
    if listed and step <= 0:
        return {"step_weights": listed}
    if listed:
        most = min(_LONGEST_RAMP, listed[-1])
        source.differs(
            f"{where}.stepWeights", f"with stepWeight only its end {most} counts, in Flagger too", "keep one of both"
        )
    if 0 < step < most and most % step:
        over = min(_LONGEST_RAMP, (most // step + 1) * step)
        source.differs(
            f"{where}.maxWeight",
            f"Flagger's last weight is {over}, here it is {most}",
            "nothing; plan.overshoot: true has Flagger's",
        )
    return drop_empty(step_weight=step or None, max_weight=most if most > 0 else None)


def _interval(source: ManifestReader, where: str) -> float:
    given_interval = source.take(f"{where}.interval")
    seconds = seconds_of(given_interval) if given_interval is not None else 60.0
    if seconds is None:
        source.differs(
            f"{where}.interval", f"{given_interval!r} is no length of time, Flagger takes 60 s for it", "write it right"
        )
        return 60.0
    if seconds < _SHORTEST_INTERVAL:
        source.differs(
            f"{where}.interval", "Flagger waits 10 s at least, and so does what was made", "set the interval meant"
        )
    return max(seconds, _SHORTEST_INTERVAL)


# Analysis


def _analysis(source: ManifestReader, where: str, namespace: str, interval: float) -> dict[str, Any]:
    threshold = source.whole(f"{where}.threshold")
    if threshold is not None:
        source.differs(
            f"{where}.threshold",
            "the failed analysis that reaches it ends the release at once, in Flagger one interval later; where there "
            "is no data, or monitoring is down, nothing failed",
            "nothing; analysis.on_no_data: fail counts missing data as Flagger does",
        )
    url = source.take("spec.metricsServer")
    metrics = []
    for index, metric in enumerate(source.take(f"{where}.metrics") or []):
        path = f"{where}.metrics[{index}]"
        part = ManifestReader.of({"metric": metric}, source.related)
        made, address = _metric(part, path, namespace)
        source.add_differences(part.differences)
        source.add_differences(
            type(each)(f"{path}.{each.field.partition('.')[2]}", each.why, each.what_to_do)
            for each in ManifestReader(part.left).rest("nothing here goes by it")
        )
        if made is not None:
            metrics.append(made)
        if address and url not in (None, address):
            source.differs(
                f"{path}.templateRef", "it asks another address than metrics before it", "one source serves all"
            )
        url = url or address
    return drop_empty(
        interval=interval,
        threshold=threshold if threshold and threshold > 0 else None,
        metrics=metrics,
        prometheus=drop_empty(url=url),
    )


def _metric(part: ManifestReader, path: str, namespace: str) -> tuple[dict[str, Any] | None, str | None]:
    """One metric, and the address that its template names. None where it cannot be asked here."""
    take = part.take
    name, reference = take("metric.name"), take("metric.templateRef")
    query, address = take("metric.query"), None
    if reference:
        template = part.refer("MetricTemplate", reference.get("name"), reference.get("namespace") or namespace)
        provider = ((template or {}).get("spec") or {}).get("provider") or {}
        if template is None:
            part.differs(
                f"{path}.templateRef",
                f"the query of MetricTemplate {reference.get('name')} is not known, so the metric is left out",
                "give the MetricTemplate to the filter too (related)",
            )
            return _drop_metric(take)
        if provider.get("type", "prometheus") != "prometheus":
            part.differs(
                f"{path}.templateRef",
                f"it asks {provider['type']}, and only Prometheus is asked here, so the metric is left out",
                "ask it in a webhook of type rollout",
            )
            return _drop_metric(take)
        if provider.get("secretRef"):
            part.differs(
                f"{path}.templateRef",
                "the credentials of its provider are in a Secret",
                "give them in analysis.prometheus, from a vault",
            )
        query, address = template["spec"].get("query"), provider.get("address")
    builtin = name if name in BUILTINS and not query else None
    bounds, limit = take("metric.thresholdRange"), take("metric.threshold")
    least, most = (bounds or {}).get("min"), (bounds or {}).get("max")
    if not bounds and limit is not None:
        least, most = (limit, None) if name == "request-success-rate" else (None, limit)
    elif not bounds:
        part.differs(path, "it has no thresholdRange, and Flagger compares with 0", "give it min or max")
    if query and "{{" in template_of(query):
        part.differs(f"{path}.query", "it has expressions beside names", "write them out; names are ${name} here")
    return drop_empty(
        name=name,
        builtin=builtin,
        query=template_of(query) if query else None,
        min=None if least is None else number(least, f"{path}.min"),
        max=None if most is None else number(most, f"{path}.max"),
        interval=take("metric.interval"),
        variables=take("metric.templateVariables"),
    ), address


def _drop_metric(take: Any) -> tuple[None, None]:
    """A metric that is left out as a whole has been read as a whole."""
    take("metric")
    return None, None


# Webhooks and notices


def _webhooks(source: ManifestReader, where: str, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    made = []
    for index, hook in enumerate(source.take(f"{where}.webhooks") or []):
        path = f"{where}.webhooks[{index}]"
        rest = dict(hook)
        kind = rest.pop("type", None) or "rollout"
        timeout = rest.pop("timeout", None)
        made.append(
            drop_empty(
                name=rest.pop("name", None),
                type=kind,
                url=rest.pop("url", None),
                timeout=seconds_of(timeout) if timeout is not None else None,
                retries=rest.pop("retries", None),
                metadata=rest.pop("metadata", None),
                validate_certs=False if truth(rest.pop("disableTLS", False), f"{path}.disableTLS") else None,
            )
        )
        for unknown in [name for name, value in rest.items() if value]:
            source.differs(f"{path}.{unknown}", "a webhook has nothing like it", "see notices")
        if kind == "confirm-promotion" and plan.get("iterations") and not plan.get("matched"):
            source.differs(
                path,
                "in blue/green it is asked once; Flagger asks again after the switch, and goes back if it is refused",
                "to end a release after the switch, use a webhook of type rollback",
            )
        if kind == "confirm-traffic-increase":
            source.differs(path, "while it refuses there is one notice, and not one for each tick", "nothing")
    return made


def _notices(source: ManifestReader, where: str, namespace: str) -> list[dict[str, Any]]:
    made = []
    for index, alert in enumerate(source.take(f"{where}.alerts") or []):
        path = f"{where}.alerts[{index}]"
        reference = alert.get("providerRef") or {}
        provider = source.refer("AlertProvider", str(reference.get("name")), reference.get("namespace") or namespace)
        spec = (provider or {}).get("spec") or {}
        if not spec.get("address"):
            source.differs(
                path,
                f"the address of AlertProvider {reference.get('name')} is not known, or is in a Secret",
                "add it to notices, with the url from a vault",
            )
            continue
        if spec.get("type") != "slack":
            source.differs(
                path, f"for {spec.get('type')} there is JSON only", "let something translate it, or use slack"
            )
        if not alert.get("severity"):
            source.differs(
                path, "without severity Flagger never sends it; here it is info", "leave it out, if never is meant"
            )
        made.append(
            drop_empty(
                url=spec["address"],
                kind="slack" if spec.get("type") == "slack" else "json",
                severity=alert.get("severity"),
            )
        )
    return made


def _drop_unlike(source: ManifestReader) -> None:
    """Fields that have no counterpart, and why."""
    drop = source.drop
    provider = source.take("spec.provider")
    if provider and not str(provider).startswith(("istio", "gatewayapi")):
        source.differs("spec.provider", f"{provider} is not known here", "use Istio's routes or the Gateway API's")
    drop("spec.autoscalerRef", "autoscalers are found by the workload that they scale", "nothing")
    drop("spec.revertOnDeletion", "state: absent always puts everything back", "run it instead of deleting the Canary")
    drop("spec.suspend", "a release is held by a request", "request: hold")
    drop("spec.ingressRef", "an Ingress has no weights in Istio", "use routes")
    drop("spec.routeRef", "routes of other meshes are not known here", "use routes")
    drop("spec.upstreamRef", "upstreams of other meshes are not known here", "use routes")
    drop("spec.service.mirror", "filters of the user's own route stay where routes are given", "put it into the route")
    drop("spec.service.backends", "it is App Mesh's", "nothing")
    drop("spec.service.meshName", "it is App Mesh's", "nothing")
    drop("spec.service.unmanagedMetadata", "labels and annotations of others always stay", "nothing")
    drop("metadata.labels", "a release is no object that has labels", "nothing")
    drop("metadata.annotations", "a release is no object that has annotations", "nothing")
