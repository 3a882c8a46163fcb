# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The analyses of a Rollout, with the AnalysisTemplates that they name, as the option ``analysis``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..._times import go_seconds
from ..._values import whole_number
from .argo_conditions import take_bounds
from .manifest_reader import ManifestPart, RelatedObjects, drop_empty
from .metric_sources import MetricSource, join_sources, name_each

_ARGUMENT = re.compile(r"\{\{\s*args\.([^{}\s]+)\s*\}\}")
_FIELD = re.compile(r"""\.?([^.\[\]'"]+)|\[['"]([^'"]+)['"]\]""")
_OF_THE_MANIFEST = ("metadata", "spec")
_LIMITS = {
    "failureLimit": "failure_limit",
    "inconclusiveLimit": "inconclusive_limit",
    "consecutiveErrorLimit": "error_limit",
    "consecutiveSuccessLimit": "success_limit",
}
_NO_LIMIT = 1_000_000
"""A threshold that no release reaches."""


@dataclass(frozen=True)
class Arguments:
    """The values of arguments; ``manifest`` is the Rollout, to whose fields they may refer."""

    manifest: Mapping[str, Any]
    values: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, text: str) -> tuple[str, list[str]]:
        """The text with values for arguments, and the names of those that have none, which stand there as variables."""
        missing = [name for name in _ARGUMENT.findall(text) if name not in self.values]
        return _ARGUMENT.sub(lambda found: self.values.get(found[1], f"${{variables.{found[1]}}}"), text), missing

    def find(self, path: str) -> str | None:
        """The text or number at ``metadata.labels['region']`` of the Rollout, as it is written."""
        value: Any = self.manifest
        for plain, quoted in _FIELD.findall(path):
            value = value.get(plain or quoted) if isinstance(value, Mapping) else None
        known = path.startswith(_OF_THE_MANIFEST) and isinstance(value, (str, int, float))
        return str(value) if known else None


@dataclass(frozen=True)
class _ReadMetric:
    """A metric of ours, and what it says of the analysis as a whole. ``interval`` is seconds between measurements;
    ``limited`` says whether any number of failures ends the release."""

    name: str
    options: Mapping[str, Any]
    place: ManifestPart
    source: MetricSource | None
    interval: float | None
    count: int
    limited: bool

    def run_dry(self) -> _ReadMetric:
        return replace(self, options={**self.options, "dry_run": True})


class RolloutAnalysis:
    """Gathers the metrics of all analyses of a Rollout: a release has one."""

    def __init__(self, related: RelatedObjects, namespace: str, arguments: Arguments) -> None:
        self._related = related
        self._namespace = namespace
        self._arguments = arguments
        self._given: dict[str, str] = {}
        self._metrics: list[_ReadMetric] = []

    def take_background(self, part: ManifestPart) -> None:
        part.drop("startingStep", "every step in which the canary has traffic is analysed", "nothing")
        self._given = dict(_take_arguments(part, self._arguments, "it comes from elsewhere"))
        self._take(part)

    def take_inline(self, part: ManifestPart) -> tuple[dict[str, Any], str]:
        """The step that is as long as the templates say, and the names of these."""
        metrics, names = self._take(part)
        interval = min((each.interval for each in metrics if each.interval), default=None)
        step = drop_empty(analysis=max((each.count for each in metrics), default=1), interval=interval)
        return step, ", ".join(names)

    def make_options(self, place: ManifestPart) -> dict[str, Any]:
        """The option ``analysis``, empty where nothing is asked."""
        metrics = list({repr(each.options): each for each in self._metrics}.values())
        if not metrics:
            return {}
        interval = min((each.interval for each in metrics if each.interval), default=None)
        for each in metrics:
            if each.interval and each.interval != interval:
                each.place.differs(
                    "interval", f"all metrics are asked together, every {interval:g} s", "see analysis.interval"
                )
        sources = [each.source for each in metrics if each.source is not None]
        if not sources:
            place.differs(
                "analysis",
                "no metric names the address of its Prometheus, and without one the task is refused",
                "give analysis.prometheus.url, or urls with one for each cluster",
            )
        deciding = [each for each in metrics if not each.options.get("dry_run")]
        # The limits of the metrics decide, so all failures that these allow have to be allowed together.
        allowed = sum(each.options.get("failure_limit", 0) for each in deciding) + 1
        return drop_empty(
            interval=interval,
            threshold=allowed if all(each.limited for each in deciding) else _NO_LIMIT,
            metrics=name_each((dict(each.options) for each in metrics), place.place("analysis"), place.notes),
            prometheus=join_sources(sources, place.notes) if sources else None,
        )

    def _take(self, part: ManifestPart) -> tuple[list[_ReadMetric], list[str]]:
        """The metrics of one analysis, and the names of its templates."""
        # A step that runs templates of the background once more is about the same values.
        given = {**self._given, **dict(_take_arguments(part, self._arguments, "it comes from elsewhere"))}
        templates = self._gather_templates(part)
        _drop_unlike(part)
        rules = _take_dry_runs(part)
        metrics: list[_ReadMetric] = []
        for name, template in templates.items():
            rules += _take_dry_runs(template)
            _drop_unlike(template)
            own = dict(_take_arguments(template, self._arguments, ""))
            metrics += _take_metrics(template, name, replace(self._arguments, values={**own, **given}))
        for rule in rules:
            if not any(_fits(rule, each.name) for each in metrics):
                part.differs("dryRun", f"{rule!r} is the name of no metric that is known", "correct it")
        ran = [each.run_dry() if any(_fits(rule, each.name) for rule in rules) else each for each in metrics]
        self._metrics += ran
        return ran, [name.rpartition(" ")[2] for name in templates]

    def _gather_templates(self, part: ManifestPart) -> dict[str, ManifestPart]:
        """The specs of the templates that are named, and of those that these name, each once."""
        found: dict[str, ManifestPart] = {}
        naming = [part]
        while naming:
            place = naming.pop(0)
            for reference in place.parts("templates"):
                kind = "ClusterAnalysisTemplate" if reference.truth("clusterScope") else "AnalysisTemplate"
                called = reference.required("templateName")
                name = f"{kind} {called}"
                template = self._related.find(kind, called, self._namespace if kind == "AnalysisTemplate" else "")
                if template is None:
                    place.differs(
                        "templates",
                        f"{name} is not known, so its metrics are left out",
                        "give it to the filter too (related)",
                    )
                elif name not in found:
                    found[name] = template.part("spec")
                    naming.append(found[name])
        return found


def _take_arguments(part: ManifestPart, arguments: Arguments, why_missing: str) -> Iterator[tuple[str, str]]:
    """Names and values. Where there is no value ``why_missing`` is told, or nothing, if somebody else may give it."""
    for argument in part.parts("args"):
        name, value = argument.required("name"), argument.scalar("value")
        if argument.has("valueFrom"):
            value = _take_reference(part, name, argument.part("valueFrom"), arguments)
        elif value is None and why_missing:
            part.differs(f"args.{name}", f"its value is missing: {why_missing}", "write it into variables")
        if value is not None:
            yield name, value


def _take_reference(part: ManifestPart, name: str, source: ManifestPart, arguments: Arguments) -> str | None:
    path = source.part("fieldRef").text("fieldPath")
    value = None if path is None else arguments.find(path)
    if value is not None:
        part.differs(f"args.{name}", f"it is {value!r} in the Rollout now, for all clusters and from now on", "nothing")
        return value
    what = path or ", ".join(source.names) or "nothing"
    source.ignore(*source.names)
    part.differs(f"args.{name}", f"its value comes from elsewhere ({what})", "write it into variables")
    return None


def _take_dry_runs(part: ManifestPart) -> list[str]:
    return [rule.required("metricName") for rule in part.parts("dryRun")]


def _fits(rule: str, name: str) -> bool:
    """Whether a metric runs dry: the rule is an expression, which may be any part of the name."""
    try:
        return re.search(rule, name) is not None
    except re.error:
        return False


def _drop_unlike(part: ManifestPart) -> None:
    part.drop("measurementRetention", "all measurements are in the journal", "journal")
    part.drop("analysisRunMetadata", "there is no AnalysisRun that has labels", "nothing")


# Metrics


def _take_metrics(template: ManifestPart, name: str, arguments: Arguments) -> Iterator[_ReadMetric]:
    for number, metric in enumerate(template.parts("metrics"), 1):
        called = metric.required("name") or f"metric-{number}"
        # By its name people find it.
        named = metric.at(f"{name}.{called}")
        made = _take_metric(named, called, arguments)
        if made is not None:
            yield made


def _take_metric(metric: ManifestPart, name: str, arguments: Arguments) -> _ReadMetric | None:
    provider = metric.part("provider")
    if not provider.has("prometheus"):
        said = ", ".join([*metric.names, *provider.names])
        metric.differs(
            "", f"it does not ask Prometheus, so it is left out ({said})", "ask it in a webhook of type rollout"
        )
        provider.ignore(*provider.names)
        metric.ignore(*metric.names)
        return None
    resolver = _Resolver(metric, arguments)
    bounds = take_bounds(metric, resolver.text("successCondition"), resolver.text("failureCondition"))
    metric.drop("initialDelay", "the first analysis is an interval after the first step", "see plan.interval")
    count = resolver.whole("count")
    if count:
        metric.differs("count", f"it is asked in each analysis of the release, and not {count} times", "see plan")
    query, source = _take_prometheus(provider.part("prometheus"), arguments)
    limits = {ours: resolver.whole(theirs) for theirs, ours in _LIMITS.items()}
    limited = limits["failure_limit"] is None or limits["failure_limit"] >= 0
    if not limited:
        metric.differs("failureLimit", "below 0 there is none; then no number of failures ends the release", "nothing")
    options = drop_empty(
        name=name,
        query=query,
        **bounds,
        # Argo ends a metric with its first failure where nothing else is said.
        failure_limit=(limits["failure_limit"] or 0) if limited else None,
        inconclusive_limit=_at_least(0, limits["inconclusive_limit"]),
        error_limit=_at_least(0, limits["error_limit"]),
        success_limit=_at_least(1, limits["success_limit"]),
    )
    return _ReadMetric(name, options, metric, source, resolver.seconds("interval"), count or 1, limited)


def _at_least(least: int, limit: int | None) -> int | None:
    """The limit, where it is one: 0 successes, and less than 0 of anything, are none for Argo."""
    return None if limit is None or limit < least else limit


def _take_prometheus(prometheus: ManifestPart, arguments: Arguments) -> tuple[str | None, MetricSource | None]:
    resolver = _Resolver(prometheus, arguments)
    query, address = resolver.text("query"), resolver.text("address")
    for secret in ("authentication", "headers"):
        prometheus.drop(secret, f"{secret} is not taken over", "give it in analysis.prometheus, from a vault")
    prometheus.drop("rangeQuery", "the newest value is asked for, and not those of a range", "write it into the query")
    timeout, insecure = prometheus.number("timeout"), bool(prometheus.truth("insecure"))
    if query is None:
        prometheus.differs("query", "it is empty", "write it")
    if address is None:
        prometheus.differs(
            "address",
            "it names none; Argo asks that of its controller, here that of the other metrics is asked, if there is any",
            "give analysis.prometheus.url, if it is another one",
        )
    if address is None or "${" in address:
        return query, None
    return query, MetricSource(prometheus.place("address"), address, insecure, timeout or None)


class _Resolver:
    """Fields of a metric with the values of arguments; what has none is told."""

    def __init__(self, part: ManifestPart, arguments: Arguments) -> None:
        self._part = part
        self._arguments = arguments

    def text(self, name: str) -> str | None:
        given = self._part.scalar(name)
        if not given:
            return None
        resolved, missing = self._arguments.resolve(given)
        if missing:
            self._part.differs(
                name,
                f"{', '.join(missing)} has no value, and without one the task is refused",
                "give it in variables of the metric, or write it",
            )
        if "{{" in resolved:
            self._part.differs(name, f"{given!r} has expressions beside arguments", "write them out")
        return resolved

    def whole(self, name: str) -> int | None:
        """A number, which Argo takes as text too."""
        given = self._part.scalar(name)
        if not given:
            return None
        try:
            return whole_number(self._arguments.resolve(given)[0], name)
        except ValueError:
            remedy = f"give {_LIMITS[name]} of the metric" if name in _LIMITS else "see plan"
            self._part.differs(name, f"{given!r} comes to no number, so it is left out", remedy)
            return None

    def seconds(self, name: str) -> float | None:
        given = self._part.scalar(name)
        if not given:
            return None
        seconds = go_seconds(self._arguments.resolve(given)[0])
        if seconds is None or seconds <= 0:
            self._part.differs(
                name, f"{given!r} comes to no length of time, so it is left out", "give analysis.interval"
            )
            return None
        return seconds
