# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``analysis``: everything that can be wrong with it is told before anything runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from ..._findings import OPTION, Finding, MeshError
from ..._kube.credentials import without_user_information
from ..._times import is_prometheus_duration
from . import analysis, queries
from .analysis import Metric, OnNoData, Rule
from .queries import Reporter

METRIC_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "builtin": {"type": "str", "choices": list(queries.BUILTINS)},
    "query": {"type": "str"},
    "min": {"type": "float"},
    "max": {"type": "float"},
    "compare": {"type": "str", "choices": ["ratio", "difference"]},
    "minimum_requests": {"type": "float", "default": 0.0},
    "interval": {"type": "str", "default": "1m"},
    "failure_limit": {"type": "int"},
    "inconclusive_limit": {"type": "int"},
    "error_limit": {"type": "int"},
    "success_limit": {"type": "int"},
    "dry_run": {"type": "bool", "default": False},
    "variables": {"type": "dict", "default": {}},
}

PROMETHEUS_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "url": {"type": "str"},
    "urls": {"type": "dict"},
    "cluster_label": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "headers": {"type": "dict", "no_log": True},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "proxy": {"type": "str"},
    "timeout": {"type": "float", "default": 5.0},
}

ENVOY_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "window": {"type": "float", "default": 10.0},
    "pods": {"type": "int", "default": 20},
}

ANALYSIS_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "interval": {"type": "float"},
    "threshold": {"type": "int", "default": 1},
    "rule": {"type": "str", "choices": list(analysis.RULES), "default": "any_bad"},
    "quorum": {"type": "int"},
    "metrics": {"type": "list", "elements": "dict", "default": [], "options": METRIC_ARGUMENT_SPEC},
    "source": {"type": "str", "choices": ["prometheus", "envoy"], "default": "prometheus"},
    "reporter": {"type": "str", "choices": ["destination", "source"], "default": "destination"},
    "prometheus": {"type": "dict", "options": PROMETHEUS_ARGUMENT_SPEC},
    "envoy": {"type": "dict", "options": ENVOY_ARGUMENT_SPEC},
    "on_no_data": {"type": "str", "choices": ["hold", "fail", "pass"], "default": "hold"},
}
"""Suboptions of ``analysis``."""

_LIMITS = ("failure_limit", "inconclusive_limit", "error_limit", "success_limit")


@dataclass(frozen=True)
class PrometheusSpec:
    """How Prometheus is asked. ``urls`` go by cluster, ``url`` is for the others. ``cluster_label`` is empty where
    every Prometheus has one cluster's metrics only. ``timeout`` is for
    all queries to one of them together, in seconds."""

    url: str = ""
    urls: Mapping[str, str] = field(default_factory=dict)
    cluster_label: str = "destination_cluster"
    token: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_cert: str = ""
    validate_certs: bool = True
    proxy: str = field(default="", repr=False)
    timeout: float = 5.0

    def url_of(self, cluster: str) -> str:
        return self.urls.get(cluster, self.url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not appear in any output."""
        proxy_password = urlsplit(self.proxy).password or ""
        return tuple(filter(None, (self.token, self.password, proxy_password, *self.headers.values())))


@dataclass(frozen=True)
class EnvoySpec:
    """``window``: for how many seconds requests are counted. ``pods``: how many proxies of a cluster are looked at."""

    window: float = 10.0
    pods: int = 20


@dataclass(frozen=True)
class AnalysisSpec:
    """The analysis of a release, checked. ``interval`` is seconds from one to the next (None: that of the plan),
    ``threshold`` how many have to fail."""

    metrics: tuple[Metric, ...] = ()
    rule: Rule = field(default_factory=Rule)
    interval: float | None = None
    threshold: int = 1
    on_no_data: OnNoData = "hold"
    source: Literal["prometheus", "envoy"] = "prometheus"
    reporter: Reporter = "destination"
    prometheus: PrometheusSpec = field(default_factory=PrometheusSpec)
    envoy: EnvoySpec = field(default_factory=EnvoySpec)

    @classmethod
    def of(cls, options: Mapping[str, Any] | None, clusters: Iterable[str] = ()) -> AnalysisSpec:
        """From options with ANALYSIS_ARGUMENT_SPEC, for these clusters. Raises MeshError with all that is wrong."""
        given = _fill_defaults(ANALYSIS_ARGUMENT_SPEC, options)
        named = list(clusters)
        metrics = tuple(_metric(each) for each in given["metrics"])
        findings = [*_of_run(given, named), *_of_metrics(given, metrics)]
        envoy = EnvoySpec(**_fill_defaults(ENVOY_ARGUMENT_SPEC, given["envoy"]))
        if given["source"] == "envoy":
            # Proxies are looked at for this time, whatever interval a query would have.
            metrics = tuple(replace(metric, interval=f"{envoy.window:g}s") for metric in metrics)
        spec = cls(
            metrics=metrics,
            rule=Rule(given["rule"], given["quorum"] or 1),
            interval=given["interval"],
            threshold=given["threshold"],
            on_no_data=given["on_no_data"],
            source=given["source"],
            reporter=given["reporter"],
            prometheus=_prometheus(given),
            envoy=envoy,
        )
        findings += _of_prometheus(spec, named) if spec.source == "prometheus" and metrics else []
        findings += _of_envoy(spec) if spec.source == "envoy" else []
        if findings:
            raise MeshError("the analysis cannot be done as it is given", findings)
        return spec

    @property
    def needs_requests(self) -> bool:
        """Whether the number of requests has to be known of metrics that do not ask for it themselves."""
        return self.rule.kind == "weighted"


def _fill_defaults(argument_spec: Mapping[str, Mapping[str, Any]], options: Mapping[str, Any] | None) -> dict[str, Any]:
    given = {name: value for name, value in (options or {}).items() if value is not None}
    return {**{name: spec.get("default") for name, spec in argument_spec.items()}, **given}


def _metric(options: Mapping[str, Any]) -> Metric:
    given = _fill_defaults(METRIC_ARGUMENT_SPEC, options)
    return Metric(
        name=given["name"] or given["builtin"] or "",
        builtin=given["builtin"],
        query=given["query"] or "",
        minimum=given["min"],
        maximum=given["max"],
        compare=given["compare"] or "",
        minimum_requests=given["minimum_requests"],
        interval=given["interval"],
        dry_run=given["dry_run"],
        variables={str(name): str(value) for name, value in given["variables"].items()},
        **{name: given[name] for name in _LIMITS},
    )


def _prometheus(given: Mapping[str, Any]) -> PrometheusSpec:
    options = _fill_defaults(PROMETHEUS_ARGUMENT_SPEC, given["prometheus"])
    label = options["cluster_label"]
    return PrometheusSpec(
        url=(options["url"] or "").rstrip("/"),
        urls={str(cluster): str(url).rstrip("/") for cluster, url in (options["urls"] or {}).items()},
        cluster_label=queries.default_cluster_label(given["reporter"]) if label is None else label,
        token=options["token"] or "",
        username=options["username"] or "",
        password=options["password"] or "",
        headers={str(name): str(value) for name, value in (options["headers"] or {}).items()},
        ca_cert=options["ca_cert"] or "",
        validate_certs=options["validate_certs"],
        proxy=options["proxy"] or "",
        timeout=options["timeout"],
    )


# -- what can be wrong ------------------------------------------------------------------------------------------------


def _of_run(given: Mapping[str, Any], clusters: Sequence[str]) -> list[Finding]:
    findings = []
    if given["interval"] is not None and given["interval"] <= 0:
        findings.append(_option("interval", f"is {given['interval']:g} s", "give seconds above 0"))
    if given["threshold"] < 1:
        findings.append(_option("threshold", f"is {given['threshold']}", "give 1 or more failed analyses"))
    quorum = given["quorum"]
    if given["rule"] == "quorum":
        if quorum is None:
            findings.append(_option("quorum", "is missing", "say how many clusters have to be bad"))
        elif quorum < 1 or (clusters and quorum > len(clusters)):
            most = f" to {len(clusters)}, the number of clusters" if clusters else ""
            findings.append(_option("quorum", f"is {quorum}", f"give a number from 1{most}"))
    elif quorum is not None:
        findings.append(
            _option("quorum", f"is given with the rule {given['rule']}", "set rule: quorum, or leave it out")
        )
    return findings


def _of_metrics(given: Mapping[str, Any], metrics: Sequence[Metric]) -> list[Finding]:
    findings = []
    names = [metric.name for metric in metrics]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        findings.append(_option("metrics", f"has {name} more than once", "give each metric a name of its own"))
    for index, metric in enumerate(metrics):
        where = f"metrics[{metric.name or index}]"
        if not metric.name:
            findings.append(_option(where, "has no name", "give it one"))
        findings += [_option(where, found, remedy) for found, remedy in _find_problems(metric)]
        if given["source"] == "envoy" and metric.query:
            remedy = "use a builtin metric, or the source prometheus"
            findings.append(_option(where, "has a query, and the source envoy answers none", remedy))
    return findings


def _find_problems(metric: Metric) -> Iterable[tuple[str, str]]:
    """What is wrong, and what to do about it."""
    if bool(metric.builtin) == bool(metric.query):
        yield "has to have exactly one of builtin and query", "leave one out, or give one"
    if metric.minimum is None and metric.maximum is None and not metric.dry_run:
        yield "has neither min nor max, so that it could never fail", "give a bound, or set dry_run"
    if metric.minimum is not None and metric.maximum is not None and metric.minimum > metric.maximum:
        yield f"has min {metric.minimum:g} above max {metric.maximum:g}", "exchange them"
    if not is_prometheus_duration(metric.interval):
        yield f"has the interval {metric.interval!r}", "write it as Prometheus does: 30s, 1m, 1h30m"
    if metric.minimum_requests < 0:
        yield f"has minimum_requests {metric.minimum_requests:g}", "give 0 or more"
    for name in _LIMITS:
        most = getattr(metric, name)
        least = 1 if name == "success_limit" else 0
        if most is not None and most < least:
            yield f"has {name} {most}", f"give {least} or more, or leave it out"
    unknown = queries.find_unknown_names(metric.query, metric.variables)
    if unknown:
        known = ", ".join((*queries.NAMES, *(f"variables.{name}" for name in metric.variables)))
        yield f"uses {', '.join(f'${{{name}}}' for name in unknown)}, which nobody gives", f"there are {known}"
    if metric.query and metric.compare and not queries.names_in(metric.query) & queries.OF_A_SIDE:
        names = ", ".join(f"${{{name}}}" for name in sorted(queries.OF_A_SIDE))
        yield "compares the sides, and its query is the same for both", f"use one of {names} in it"


def _of_prometheus(spec: AnalysisSpec, clusters: Sequence[str]) -> list[Finding]:
    findings = []
    prometheus = spec.prometheus
    if not prometheus.url and not prometheus.urls:
        remedy = "give url (one for all clusters) or urls (one for each), or set source: envoy"
        findings.append(_option("prometheus", "has no address", remedy))
    without = [cluster for cluster in clusters if not prometheus.url_of(cluster)]
    if prometheus.urls and without:
        findings.append(
            _option("prometheus.urls", f"says nothing of {', '.join(without)}", "add them, or give url too")
        )
    for where, url in (("url", prometheus.url), *((f"urls.{name}", url) for name, url in prometheus.urls.items())):
        found = _find_problems_of_url(url)
        if url and found:
            findings.append(_option(f"prometheus.{where}", *found))
    if len({prometheus.url_of(cluster) for cluster in clusters}) < len(clusters) and not prometheus.cluster_label:
        remedy = "name the label that tells clusters apart"
        findings.append(_option("prometheus.cluster_label", "is empty, and clusters share one Prometheus", remedy))
    if bool(prometheus.username) != bool(prometheus.password) or (prometheus.token and prometheus.username):
        findings.append(_option("prometheus", "has half an identity or two", "give token, or username and password"))
    if any(mark in text for text in (prometheus.token, *prometheus.headers.values()) for mark in "\r\n"):
        findings.append(_option("prometheus", "has a token or header with a line break in it", "give it as one line"))
    if prometheus.timeout <= 0:
        findings.append(_option("prometheus.timeout", f"is {prometheus.timeout:g} s", "give seconds above 0"))
    return findings


def _find_problems_of_url(url: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is no address", "give it as https://HOST:PORT"
    if parts.username or parts.password:
        return "has a user's name in it", "give username and password as options: addresses are shown in messages"
    if not usable or parts.query or parts.fragment:
        return (
            f"is {without_user_information(url)}",
            "give it as https://HOST:PORT, with the path that comes before /api",
        )
    return None


def _of_envoy(spec: AnalysisSpec) -> list[Finding]:
    findings = []
    if spec.envoy.window <= 0:
        findings.append(_option("envoy.window", f"is {spec.envoy.window:g} s", "give seconds above 0"))
    if spec.envoy.pods < 1:
        findings.append(_option("envoy.pods", f"is {spec.envoy.pods}", "give 1 or more"))
    return findings


def _option(name: str, found: str, remedy: str) -> Finding:
    return Finding("", OPTION.kind("analysis"), f"analysis.{name} {found}", remedy)
