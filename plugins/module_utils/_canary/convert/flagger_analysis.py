# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a Canary, with the MetricTemplates that it names, as the option ``analysis``. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..._times import is_prometheus_duration
from ..analysis.queries import BUILTINS
from .manifest_reader import ManifestPart, RelatedObjects, drop_empty
from .metric_sources import MetricSource, join_sources, name_each

_EXPRESSION = re.compile(r"\{\{-?\s*([A-Za-z][\w.-]*)\s*-?\}\}")


@dataclass(frozen=True)
class _Query:
    """What a metric asks; ``source`` is None where the Canary's own Prometheus answers."""

    text: str
    source: MetricSource | None = None


def take_analysis(
    spec: ManifestPart, given: ManifestPart, related: RelatedObjects, namespace: str, interval: float
) -> dict[str, Any]:
    threshold = given.whole("threshold")
    if threshold is not None:
        given.differs(
            "threshold",
            "the failed analysis that reaches it ends the release at once, in Flagger one interval later; where there "
            "is no data, or monitoring is down, nothing failed",
            "nothing; analysis.on_no_data: fail counts missing data as Flagger does",
        )
    address = spec.text("metricsServer")
    own = [] if address is None else [MetricSource(spec.place("metricsServer"), address)]
    metrics, sources = [], list(own)
    for metric in given.parts("metrics"):
        made = _take_metric(metric, related, namespace)
        if made is not None:
            metrics.append(made[0])
            sources += [source for source in made[1:] if source is not None]
    return drop_empty(
        interval=interval,
        threshold=threshold if threshold and threshold > 0 else None,
        metrics=name_each(metrics, given.place("metrics"), given.notes),
        **_choose_source(spec, metrics, sources),
    )


def _choose_source(
    spec: ManifestPart, metrics: Sequence[dict[str, Any]], sources: Sequence[MetricSource]
) -> dict[str, Any]:
    """Who is asked. Flagger's controller has an address for all Canaries, which no Canary says."""
    if sources:
        if any(metric.get("builtin") for metric in metrics) and sources[0].place != spec.place("metricsServer"):
            spec.differs(
                "metricsServer",
                "Flagger asks the Prometheus of its controller (-metrics-server) for the built-in metrics; here "
                f"{sources[0].address} is asked for all of them",
                "give analysis.prometheus.url, if it is another one",
            )
        return {"prometheus": join_sources(sources, spec.notes)}
    if metrics and all(metric.get("builtin") for metric in metrics):
        spec.differs(
            "metricsServer",
            "Flagger asks the Prometheus of its controller (-metrics-server), whose address is not known; here the "
            "proxies of the canary's pods are asked, for analysis.envoy.window seconds",
            "leave analysis.source out and give analysis.prometheus.url or urls, to ask Prometheus",
        )
        return {"source": "envoy"}
    if metrics:
        spec.differs(
            "metricsServer",
            "Flagger asks the Prometheus of its controller (-metrics-server), whose address is not known; without one "
            "the task is refused",
            "give analysis.prometheus.url, or urls with one for each cluster",
        )
    return {}


def _take_metric(
    metric: ManifestPart, related: RelatedObjects, namespace: str
) -> tuple[dict[str, Any], MetricSource | None] | None:
    """One metric, and the source that its template names. None where it cannot be asked here."""
    name, inline = metric.text("name"), metric.text("query")
    interval, variables = _take_window(metric), metric.mapping("templateVariables")
    least, most, dry = _take_bounds(metric, name)
    query = None if inline is None else _Query(inline)
    if metric.has("templateRef"):
        if inline is not None:
            metric.differs("query", "beside templateRef it is not asked; Flagger asks both", "make it another metric")
        query = _take_template(metric, name or "", related, namespace)
        if query is None:
            return None
    builtin = name if name in BUILTINS and query is None else None
    if query is None and builtin is None:
        metric.differs(
            "", "it has neither templateRef nor query, so that it is left out; Flagger asks nothing", "nothing"
        )
        return None
    if query is not None and name in BUILTINS:
        metric.differs(
            "name", f"Flagger asks its own {name} too; here the query alone", "name a metric without a query"
        )
    text = None if query is None else _as_template(metric, query.text)
    return drop_empty(
        name=name,
        builtin=builtin,
        query=text,
        min=least,
        max=most,
        interval=interval,
        variables=variables,
        dry_run=dry or None,
    ), None if query is None else query.source


def _take_window(metric: ManifestPart) -> str | None:
    text = metric.text("interval")
    if text is not None and not is_prometheus_duration(text):
        metric.differs("interval", f"{text!r} is no range for Prometheus, so that it is 1m", "write it as 30s or 1m")
        return None
    return text


def _take_bounds(metric: ManifestPart, name: str | None) -> tuple[float | None, float | None, bool]:
    """Least, most, and whether nothing is compared. Without a range Flagger compares with threshold, which may be 0."""
    threshold = metric.number("threshold")
    if metric.has("thresholdRange"):
        bounds = metric.part("thresholdRange")
        least, most = bounds.number("min"), bounds.number("max")
        if threshold:
            metric.differs("threshold", "beside thresholdRange it counts for nothing, in Flagger too", "nothing")
        if least is None and most is None:
            bounds.differs("", "it has no bound, so that the metric is reported and does not decide", "give min or max")
        return least, most, least is None and most is None
    if threshold is None:
        metric.differs("", "it has no thresholdRange, and Flagger compares with 0", "give it min or max")
    limit = threshold or 0.0
    return (limit, None, False) if name == "request-success-rate" else (None, limit, False)


def _take_template(metric: ManifestPart, called: str, related: RelatedObjects, namespace: str) -> _Query | None:
    """The query of the template; None where it is not known, or asks something else than Prometheus. ``called`` is the
    metric's name."""
    reference = metric.part("templateRef")
    reference.ignore("apiVersion", "kind")
    name = reference.required("name")
    template = related.find("MetricTemplate", name, reference.text("namespace") or namespace)
    if template is None:
        metric.differs(
            "templateRef",
            f"the query of MetricTemplate {name} is not known, so the metric {called} is left out",
            "give the MetricTemplate to the filter too (related)",
        )
        return None
    spec = template.part("spec")
    provider = spec.part("provider")
    kind = provider.text("type") or "prometheus"
    if kind != "prometheus":
        said = ", ".join([*spec.names, *provider.names])
        metric.differs(
            "templateRef",
            f"it asks {kind}, and only Prometheus is asked here, so the metric {called} is left out ({said})",
            "ask it in a webhook of type rollout",
        )
        spec.ignore(*spec.names)
        provider.ignore(*provider.names)
        return None
    provider.drop("secretRef", "its credentials are in a Secret", "give them in analysis.prometheus, from a vault")
    provider.drop("headers", "they are not taken over", "give analysis.prometheus.headers, from a vault")
    query = spec.text("query")
    address, insecure = provider.text("address"), bool(provider.truth("insecureSkipVerify"))
    if address is None:
        provider.differs("address", "it names none, so that the address of other metrics is asked, if any", "write it")
    if query is None:
        spec.differs("query", "it is empty, so the metric is left out", "write it")
        return None
    return _Query(query, None if address is None else MetricSource(provider.place("address"), address, insecure))


def _as_template(metric: ManifestPart, query: str) -> str:
    """A query with ``{{ name }}`` as one with ``${name}``."""
    template = _EXPRESSION.sub(r"${\1}", query)
    if "{{" in template:
        metric.differs("query", "it has expressions beside names", "write them out; names are ${name} here")
    return template
