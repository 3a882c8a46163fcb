# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rollout of Argo (pkg/apis/rollouts/v1alpha1/types.go) as options of onemesh.istio.canary. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..._times import seconds_of
from ..._values import whole_number
from ..model import TOTAL
from .manifest_reader import ManifestReader, drop_empty, template_of

_GATEWAY_PLUGIN = "argoproj-labs/gatewayAPI"
_CONDITION = re.compile(r"\s*(?:result(?:\[0\])?)\s*(>=|<=|>|<)\s*([0-9]+(?:\.[0-9]+)?)\s*")
_LIMITS = {
    "failureLimit": "failure_limit",
    "inconclusiveLimit": "inconclusive_limit",
    "consecutiveErrorLimit": "error_limit",
    "consecutiveSuccessLimit": "success_limit",
}


def from_rollout(source: ManifestReader) -> dict[str, Any]:
    """The options; what differs is noted in ``source``."""
    take = source.take
    name, namespace = take("metadata.name"), take("metadata.namespace") or "default"
    workload = _workload(source, name)
    blue_green = "blueGreen" in ((source.left.get("spec") or {}).get("strategy") or {})
    where = "spec.strategy.blueGreen" if blue_green else "spec.strategy.canary"
    specific = _blue_green(source, where) if blue_green else _canary(source, where, namespace)
    source.differs(
        where,
        "when the steps are over the stable workload gets the canary's template, and users go back to it; in Argo the "
        "canary's pods become the stable ones",
        "nothing; the stable Service has to select the stable workload's pods, the canary's Service the others",
    )
    _drop_unlike(source, where)
    options = drop_empty(name=name, namespace=namespace, manage=False, workload=workload, **specific)
    source.check_plan(f"{where}.steps", options.get("plan") or {})
    return options


def _workload(source: ManifestReader, name: str) -> dict[str, Any]:
    take = source.take
    reference = take("spec.workloadRef")
    if reference:
        kind, target = reference.get("kind", "Deployment"), reference.get("name")
        if reference.get("scaleDown"):
            source.differs(
                "spec.workloadRef.scaleDown", "the Deployment is the canary, and is scaled as such", "nothing"
            )
    else:
        kind, target = "Deployment", name
        source.differs(
            "spec.template",
            "there is no Rollout here that makes pods",
            f"make it a Deployment {name} with the same selector and template; its replicas stay",
        )
    for field in ("template", "selector", "revisionHistoryLimit", "minReadySeconds"):
        take(f"spec.{field}")
    return drop_empty(kind=kind, name=target, progress_deadline=source.whole("spec.progressDeadlineSeconds"))


# Canary


def _canary(source: ManifestReader, where: str, namespace: str) -> dict[str, Any]:
    take = source.take
    stable, canary = take(f"{where}.stableService"), take(f"{where}.canaryService")
    rule = take(f"{where}.trafficRouting.istio.destinationRule")
    if rule:
        stable, canary = rule.get("stableSubsetName"), rule.get("canarySubsetName")
        source.differs(
            f"{where}.trafficRouting.istio.destinationRule",
            "subsets are the user's; nothing writes rollouts-pod-template-hash into them",
            "give each subset a label that its own workload's pods have",
        )
    total = source.whole(f"{where}.trafficRouting.maxTrafficWeight") or TOTAL
    replicas = source.whole("spec.replicas")
    steps, match = _steps(source, where, total, replicas)
    if not steps:
        source.differs(
            f"{where}.steps",
            "without steps Argo replaces pods as a Deployment does; here it is one step",
            "write steps",
        )
        steps = [{"weight": total}]
    routes = _routes(source, where, namespace)
    if not routes:
        source.differs(f"{where}.trafficRouting", "no route that has weights is named", "name it in routes")
    return drop_empty(
        stable=stable,
        canary=canary,
        routes=routes,
        match=match,
        plan=drop_empty(steps=steps, total=total if total != TOTAL else None),
        analysis=_background(source, where, namespace),
    )


def _routes(source: ManifestReader, where: str, namespace: str) -> list[dict[str, Any]]:
    take = source.take
    one = take(f"{where}.trafficRouting.istio.virtualService")
    several = take(f"{where}.trafficRouting.istio.virtualServices") or []
    made = []
    for service in [*([one] if one else []), *several]:
        name, _dot, own = str(service.get("name")).partition(".")
        base = drop_empty(kind="VirtualService", name=name, namespace=own or namespace)
        named = service.get("routes") or []
        if service.get("tlsRoutes") or service.get("tcpRoutes"):
            source.differs(
                f"{where}.trafficRouting.istio",
                f"tlsRoutes and tcpRoutes of {name} go by port and name of the server; here all routes of the section "
                "that lead to both sides are meant",
                "name others by index in routes",
            )
        sections = [("http", named)] if named or not (service.get("tlsRoutes") or service.get("tcpRoutes")) else []
        sections += [(section, []) for section in ("tls", "tcp") if service.get(f"{section}Routes")]
        made += [
            drop_empty(**base, section=section if len(sections) > 1 or section != "http" else None, routes=of)
            for section, of in sections
        ]
    plugin = (take(f"{where}.trafficRouting.plugins") or {}).copy()
    gateway = plugin.pop(_GATEWAY_PLUGIN, None) or {}
    listed = [gateway.get("httpRoute"), *(each.get("name") for each in gateway.get("httpRoutes") or ())]
    made += [
        drop_empty(kind="HTTPRoute", name=name, namespace=gateway.get("namespace") or namespace)
        for name in listed
        if name
    ]
    for other in plugin:
        source.differs(f"{where}.trafficRouting.plugins.{other}", "plugins are not known here", "name the routes")
    return made


def _steps(
    source: ManifestReader, where: str, total: int, replicas: int | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The steps, and the matches of their header routes. A weight with a pause behind it is one step."""
    made: list[dict[str, Any]] = []
    matches: list[dict[str, Any]] = []
    for number, step in enumerate(source.take(f"{where}.steps") or []):
        path = f"{where}.steps[{number}]"
        if "setWeight" in step:
            made.append({"weight": whole_number(step["setWeight"], f"{path}.setWeight"), "interval": 0})
        elif "pause" in step:
            made = _with_pause(source, path, step["pause"] or {}, made)
        elif "analysis" in step:
            made.append({"analysis": 1})
            names = ", ".join(str(each.get("templateName")) for each in step["analysis"].get("templates") or ())
            source.differs(
                path,
                f"it runs {names or 'templates'} for as long as these say; here all metrics of the release are asked",
                "set analysis to the number of measurements, and see that analysis.metrics has these",
            )
        elif "setCanaryScale" in step:
            _scale(source, path, step["setCanaryScale"] or {}, replicas, made)
        elif "setHeaderRoute" in step:
            _header_route(source, path, step["setHeaderRoute"] or {}, made, matches)
        elif "setMirrorRoute" in step:
            mirror = step["setMirrorRoute"] or {}
            # Without a match Argo takes the route away.
            share = whole_number(mirror.get("percentage", 100), f"{path}.setMirrorRoute.percentage")
            made.append({"mirror": share if mirror.get("match") else 0})
            if mirror.get("match"):
                source.differs(
                    path, "all requests are mirrored, and not only those that match", "see whether that will do"
                )
        else:
            source.differs(
                path,
                f"there is no step like {next(iter(step), 'an empty one')}",
                "leave it out, or ask it in a webhook",
            )
    if not any("replicas" in each for each in made):
        source.differs(
            f"{where}.steps",
            "the canary has its full size from the start; in Argo it grows with the weight",
            "put {replicas: PERCENT} before a weight",
        )
    return made, matches


def _with_pause(
    source: ManifestReader, path: str, pause: Mapping[str, Any], made: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The steps with a pause after them."""
    duration = pause.get("duration")
    if duration is None:
        return [*made, {"pause": True}]
    seconds = seconds_of(duration)
    if seconds is None:
        source.differs(path, f"{duration!r} is no length of time", "write it right")
    # A weight that nothing has followed lasts for the time of the pause.
    if made and made[-1].get("interval") == 0 and "weight" in made[-1]:
        return [*made[:-1], {**made[-1], "interval": seconds or 0}]
    return [*made, {"pause": seconds or duration}]


def _scale(
    source: ManifestReader, path: str, scale: Mapping[str, Any], replicas: int | None, made: list[dict[str, Any]]
) -> None:
    if scale.get("weight") is not None:
        made.append({"replicas": min(100, whole_number(scale["weight"], f"{path}.setCanaryScale.weight"))})
    elif scale.get("replicas") is not None and replicas:
        wanted = whole_number(scale["replicas"], f"{path}.setCanaryScale.replicas")
        made.append({"replicas": min(100, math.ceil(100 * wanted / replicas))})
    elif scale.get("replicas") is not None:
        source.differs(path, "spec.replicas is not known, of which it would be a part", "put {replicas: PERCENT} there")
    else:
        source.differs(
            path, "the canary's size does not follow its weight by itself", "put {replicas: PERCENT} before each weight"
        )


def _header_route(
    source: ManifestReader,
    path: str,
    route: Mapping[str, Any],
    made: list[dict[str, Any]],
    matches: list[dict[str, Any]],
) -> None:
    wanted = [
        {"headers": {each["headerName"]: dict(each.get("headerValue") or {})}}
        for each in route.get("match") or ()
        if each.get("headerName")
    ]
    # All of one header route have to match.
    together = {"headers": {name: value for each in wanted for name, value in each["headers"].items()}}
    if wanted and matches and together not in matches:
        source.differs(
            path,
            "another header route was there before; here one set of matches is on or off",
            "see whether all of match may be on at the same time",
        )
    if wanted and together not in matches:
        matches.append(together)
    made.append({"matched": bool(wanted)})


# Analysis


def _background(source: ManifestReader, where: str, namespace: str) -> dict[str, Any]:
    background = source.take(f"{where}.analysis")
    if not background:
        return {}
    if background.get("startingStep"):
        source.differs(
            f"{where}.analysis.startingStep", "every step in which the canary has traffic is analysed", "nothing"
        )
    names = [each.get("templateName") for each in background.get("templates") or ()]
    values = {
        each["name"]: str(each["value"]) for each in background.get("args") or () if each.get("value") is not None
    }
    for argument in background.get("args") or ():
        if argument.get("value") is None:
            source.differs(
                f"{where}.analysis.args.{argument.get('name')}",
                "its value comes from elsewhere",
                "write it into variables",
            )
    metrics, urls = [], []
    for name in names:
        template = source.refer("AnalysisTemplate", name, namespace) or source.refer(
            "ClusterAnalysisTemplate", name, ""
        )
        if template is None:
            source.differs(
                f"{where}.analysis.templates",
                f"AnalysisTemplate {name} is not known, so its metrics are left out",
                "give it to the filter too (related)",
            )
            continue
        spec = template["spec"]
        known = {
            **{each["name"]: str(each["value"]) for each in spec.get("args") or () if each.get("value") is not None},
            **values,
        }
        dry = {each.get("metricName") for each in spec.get("dryRun") or ()}
        for metric in spec.get("metrics") or ():
            path = f"AnalysisTemplate {name}.{metric.get('name')}"
            prometheus = (metric.get("provider") or {}).get("prometheus")
            if not prometheus:
                source.differs(
                    path, "it does not ask Prometheus, so it is left out", "ask it in a webhook of type rollout"
                )
                continue
            urls.append(prometheus.get("address"))
            metrics.append(_metric(source, path, metric, prometheus, known, dry))
    if len(set(urls)) > 1:
        source.differs(f"{where}.analysis.templates", "they ask more than one address", "one source serves all metrics")
    # The limits of the metrics decide, so all failures that these allow have to be allowed together.
    threshold = sum(metric["failure_limit"] for metric in metrics) + 1 if metrics else None
    return drop_empty(threshold=threshold, metrics=metrics, prometheus=drop_empty(url=next(iter(urls), None)))


def _metric(
    source: ManifestReader,
    path: str,
    metric: Mapping[str, Any],
    prometheus: Mapping[str, Any],
    known: Mapping[str, str],
    dry: Iterable[Any],
) -> dict[str, Any]:
    least, most = _bounds(source, path, metric.get("successCondition"))
    for unlike in ("failureCondition", "count", "initialDelay"):
        if metric.get(unlike) not in (None, 0, ""):
            source.differs(
                f"{path}.{unlike}",
                {
                    "failureCondition": "what is outside of min and max fails, and there is nothing in between",
                    "count": "it is asked in each analysis of the plan",
                    "initialDelay": "the first analysis is an interval after the first step",
                }[unlike],
                "see min and max" if unlike == "failureCondition" else "see plan.interval",
            )
    if metric.get("interval"):
        source.differs(f"{path}.interval", "it is asked once in each interval of the plan", "set plan.interval")
    for secret in ("authentication", "headers"):
        if prometheus.get(secret):
            source.differs(
                f"{path}.provider", f"{secret} is not taken over", "give it in analysis.prometheus, from a vault"
            )
    # Argo ends a metric with its first failure where nothing else is said.
    limits = {ours: _limit(source, path, theirs, metric.get(theirs), known) for theirs, ours in _LIMITS.items()}
    limits["failure_limit"] = limits["failure_limit"] or 0
    query = template_of(str(prometheus.get("query", "")), known)
    return drop_empty(
        name=metric.get("name"),
        query=query,
        min=least,
        max=most,
        dry_run=True if metric.get("name") in dry else None,
        **limits,
    )


def _limit(source: ManifestReader, path: str, name: str, given_limit: Any, known: Mapping[str, str]) -> int | None:
    """A limit, which Argo takes as a number or as text that may name an argument."""
    if given_limit is None:
        return None
    text = template_of(given_limit, known) if isinstance(given_limit, str) else given_limit
    try:
        return whole_number(text, name)
    except ValueError:
        source.differs(
            f"{path}.{name}",
            f"{given_limit!r} comes to no number, so it is left out",
            f"give {_LIMITS[name]} of the metric",
        )
        return None


def _bounds(source: ManifestReader, path: str, condition: str | None) -> tuple[float | None, float | None]:
    """Minimum and maximum that mean a successCondition, where it is a simple one."""
    least = most = None
    for part in re.split(r"&&|\band\b", condition or ""):
        found = _CONDITION.fullmatch(part)
        if found is None:
            source.differs(
                f"{path}.successCondition", f"{condition or 'none'} is no comparison with a number", "give min and max"
            )
            return None, None
        if found[1] in ("<", ">"):
            source.differs(
                f"{path}.successCondition", f"the bound itself passes too: {part.strip()}", "nothing, mostly"
            )
        if found[1].startswith(">"):
            least = float(found[2])
        else:
            most = float(found[2])
    return least, most


# Blue/green


def _blue_green(source: ManifestReader, where: str) -> dict[str, Any]:
    take = source.take
    stable, canary = take(f"{where}.activeService"), take(f"{where}.previewService")
    source.differs(
        f"{where}.activeService",
        "users are moved by weights of a route, and not by the selector of a Service",
        "name in routes a route to both Services",
    )
    automatic = source.truth(f"{where}.autoPromotionEnabled")
    seconds = source.whole(f"{where}.autoPromotionSeconds")
    for analysis in ("prePromotionAnalysis", "postPromotionAnalysis"):
        source.drop(
            f"{where}.{analysis}",
            "templates are not taken over; the metrics of the release are asked before the switch and after it",
            "give analysis.metrics",
        )
    source.drop(f"{where}.previewReplicaCount", "the canary has its full size", "use steps with {replicas: PERCENT}")
    plan = drop_empty(
        iterations=1,
        interval=seconds,
        gates=[{"before": "promotion"}] if automatic is False else None,
    )
    return drop_empty(stable=stable, canary=canary, plan=plan)


def _drop_unlike(source: ManifestReader, where: str) -> None:
    """Fields that have no counterpart, and why."""
    drop = source.drop
    take = source.take
    # What remains of replicas is the workload's own.
    take("spec.replicas")
    drop(f"{where}.maxSurge", "pods are the Deployment's", "set it there")
    drop(f"{where}.maxUnavailable", "pods are the Deployment's", "set it there")
    drop(f"{where}.antiAffinity", "pods are the Deployment's", "put it into the template")
    for metadata in ("canaryMetadata", "stableMetadata", "previewMetadata", "activeMetadata"):
        drop(f"{where}.{metadata}", "pods are the Deployment's", "put it into the templates")
    drop(f"{where}.pingPong", "both sides keep their names, which is what it is for", "nothing")
    drop(f"{where}.abortScaleDownDelaySeconds", "there is one drain for every end of a release", "plan.drain")
    drop(f"{where}.scaleDownDelaySeconds", "there is one drain for every end of a release", "plan.drain")
    drop(f"{where}.scaleDownDelayRevisionLimit", "one canary is kept, not several revisions", "nothing")
    drop(f"{where}.dynamicStableScale", "the stable side keeps its size, so that users can go back at once", "nothing")
    drop(f"{where}.minPodsPerReplicaSet", "the canary has its full size, or what a step says", "nothing")
    drop(f"{where}.replicaProgressThreshold", "readiness has a threshold in percent", "workload.ready_threshold")
    drop(f"{where}.trafficRouting.managedRoutes", "routes that are made are known by their names", "nothing")
    drop("spec.progressDeadlineAbort", "a canary that is not ready in time always ends the release", "nothing")
    drop("spec.rollbackWindow", "the template that was promoted last is no new release; older ones are", "nothing")
    drop("spec.analysis", "history is kept in the record", "nothing")
    drop("spec.paused", "a release is held by a request", "request: hold")
    drop("spec.restartAt", "pods are the Deployment's", "kubectl rollout restart")
    drop("metadata.labels", "a release is no object that has labels", "nothing")
    drop("metadata.annotations", "a release is no object that has annotations", "nothing")
