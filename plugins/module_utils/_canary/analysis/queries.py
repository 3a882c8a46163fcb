# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PromQL for one side of a release on one cluster: of Istio's own metrics, and of templates that users write. Pure.

Istio's metrics: https://istio.io/latest/docs/reference/config/metrics/. A template has ``${name}``, because Ansible
itself renders ``{{ name }}`` before a module sees it; a ``$`` without braces stays, as it ends regular expressions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..model import Side

Reporter = Literal["destination", "source"]
Builtin = Literal["request-success-rate", "request-duration"]

BUILTINS: tuple[Builtin, ...] = ("request-success-rate", "request-duration")

NAMES = (
    "name",
    "namespace",
    "target",
    "service",
    "ingress",
    "route",
    "interval",
    "cluster",
    "side",
    "host",
    "subset",
    "workload",
    "version",
    "selector",
)
"""What a template may use beside ``variables.NAME``. Those up to ``interval`` are Flagger's (pkg/metrics/metric.go)."""

OF_A_SIDE = frozenset({"side", "host", "subset", "workload", "version", "selector"})
"""The names that differ between canary and stable."""

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_VARIABLE = "variables."


@dataclass(frozen=True)
class MeasuredSide:
    """One side of a release on one cluster. ``host`` is in full; ``subset``, ``workload`` (its name) and ``version``
    (the value of its pods' label) are empty where there is none."""

    host: str
    subset: str = ""
    workload: str = ""
    version: str = ""


@dataclass(frozen=True)
class MeasuredService:
    """What is measured on one cluster. ``port`` is that of the service (None: all of them). ``names`` are values for
    ``name``, ``target``, ``service``, ``ingress`` and ``route`` in templates; what is missing is empty."""

    namespace: str
    canary: MeasuredSide
    stable: MeasuredSide
    port: int | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    def side(self, side: Side) -> MeasuredSide:
        return self.canary if side == "canary" else self.stable


@dataclass(frozen=True)
class SeriesScope:
    """Which series of Istio's metrics belong to one side on one cluster.

    ``reporter`` destination counts what the workloads of the cluster answered, source what its clients saw.
    ``cluster_label`` tells clusters apart, empty where a Prometheus has those of one cluster only.
    """

    cluster: str
    target: MeasuredService
    side: Side
    reporter: Reporter = "destination"
    cluster_label: str = "destination_cluster"

    @property
    def selector(self) -> str:
        """Label matchers without braces. The workload says most: a request to a host may end at either side."""
        destination = self.target.side(self.side)
        labels: dict[str, str] = {}
        if destination.workload:
            labels["destination_workload_namespace"] = self.target.namespace
            labels["destination_workload"] = destination.workload
        else:
            labels["destination_service"] = destination.host
            if destination.version:
                labels["destination_version"] = destination.version
        if self.cluster_label:
            labels[self.cluster_label] = self.cluster
        return ",".join(f'{name}="{_quote(value)}"' for name, value in labels.items())


def default_cluster_label(reporter: Reporter) -> str:
    return f"{reporter}_cluster"


def make_requests_query(scope: SeriesScope, interval: str) -> str:
    """How many requests the side got in the interval; 0 where there is no series."""
    return f"sum(increase(istio_requests_total{{{_matchers(scope)}}}[{interval}])) or vector(0)"


def make_builtin_query(builtin: Builtin, scope: SeriesScope, interval: str) -> str:
    """Of a metric that needs no template: percent of requests not answered with 5xx, or milliseconds of the 99th
    percentile. Nothing comes of it where there were no requests."""
    matchers = _matchers(scope)
    if builtin == "request-duration":
        buckets = f"istio_request_duration_milliseconds_bucket{{{matchers}}}[{interval}]"
        return f"histogram_quantile(0.99, sum(rate({buckets})) by (le))"
    every = f"sum(rate(istio_requests_total{{{matchers}}}[{interval}]))"
    good = f'sum(rate(istio_requests_total{{{matchers},response_code!~"5.."}}[{interval}]))'
    # Where every request failed there is no series of good ones at all.
    return f"100 * ({good} or vector(0)) / {every}"


def render_template(template: str, scope: SeriesScope, interval: str, variables: Mapping[str, str]) -> str:
    """The query of a template without problems()."""
    target, destination = scope.target, scope.target.side(scope.side)
    values = {
        **dict.fromkeys(NAMES, ""),
        **target.names,
        "namespace": target.namespace,
        "interval": interval,
        "cluster": scope.cluster,
        "side": scope.side,
        "host": destination.host,
        "subset": destination.subset,
        "workload": destination.workload,
        "version": destination.version,
        "selector": scope.selector,
        **{f"{_VARIABLE}{name}": value for name, value in variables.items()},
    }
    return _PLACEHOLDER.sub(lambda found: values[found.group(1).strip()], template)


def names_in(template: str) -> set[str]:
    """The names that a template uses."""
    return {found.strip() for found in _PLACEHOLDER.findall(template)}


def find_unknown_names(template: str, variables: Iterable[str]) -> list[str]:
    """What a template uses and nobody gives, in alphabetical order."""
    known = {*NAMES, *(f"{_VARIABLE}{name}" for name in variables)}
    return sorted(names_in(template) - known)


def _matchers(scope: SeriesScope) -> str:
    return f'reporter="{scope.reporter}",{scope.selector}'


def _quote(text: str) -> str:
    """As PromQL writes a string (that of Go)."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
