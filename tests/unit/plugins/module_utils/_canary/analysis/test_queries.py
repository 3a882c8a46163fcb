# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PromQL of one side of a release, and of the templates that users write."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import (
    Builtin,
    MeasuredService,
    MeasuredSide,
    SeriesScope,
    find_unknown_names,
    make_builtin_query,
    make_requests_query,
    render_template,
)

HOST = "reviews.shop.svc.cluster.local"
BY_WORKLOAD = MeasuredService(
    "shop", MeasuredSide(HOST, workload="reviews"), MeasuredSide(HOST, workload="reviews-primary")
)
BY_SUBSET = MeasuredService("shop", MeasuredSide(HOST, "v2", version="2"), MeasuredSide(HOST, "v1", version="1"))
CANARY = SeriesScope("east", BY_WORKLOAD, "canary")


@pytest.mark.parametrize(
    ("scope", "selector"),
    [
        (
            CANARY,
            'destination_workload_namespace="shop",destination_workload="reviews",destination_cluster="east"',
        ),
        (
            SeriesScope("east", BY_WORKLOAD, "stable", "source", "source_cluster"),
            'destination_workload_namespace="shop",destination_workload="reviews-primary",source_cluster="east"',
        ),
        (
            SeriesScope("east", BY_SUBSET, "canary"),
            f'destination_service="{HOST}",destination_version="2",destination_cluster="east"',
        ),
        (
            SeriesScope(
                "east", MeasuredService("shop", MeasuredSide("a"), MeasuredSide("b")), "stable", cluster_label=""
            ),
            'destination_service="b"',
        ),
        (
            SeriesScope(
                'we"st\\',
                MeasuredService("shop", MeasuredSide("a"), MeasuredSide("b")),
                "canary",
                cluster_label="cluster",
            ),
            'destination_service="a",cluster="we\\"st\\\\"',
        ),
    ],
)
def test_which_series_belong_to_a_side_of_a_cluster(scope: SeriesScope, selector: str) -> None:
    assert scope.selector == selector


@pytest.mark.parametrize(
    ("builtin", "query"),
    [
        (
            "request-success-rate",
            '100 * (sum(rate(istio_requests_total{reporter="destination",S,response_code!~"5.."}[2m])) or vector(0))'
            ' / sum(rate(istio_requests_total{reporter="destination",S}[2m]))',
        ),
        (
            "request-duration",
            "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket"
            '{reporter="destination",S}[2m])) by (le))',
        ),
    ],
)
def test_builtin_metrics(builtin: Builtin, query: str) -> None:
    assert make_builtin_query(builtin, CANARY, "2m") == query.replace("S", CANARY.selector)


def test_no_series_is_no_request() -> None:
    assert make_requests_query(CANARY, "1m").endswith("[1m])) or vector(0)")


def test_a_template_names_its_side_and_keeps_other_dollars() -> None:
    target = MeasuredService("shop", MeasuredSide(HOST, workload="r"), MeasuredSide(HOST), names={"name": "release"})
    template = (
        'm{job=~"a$",n="${name}",i="${ingress}",s="${side}",w="${ workload }",l="${variables.limit}"}[${interval}]'
    )
    query = 'm{job=~"a$",n="release",i="",s="canary",w="r",l="9"}[30s]'
    assert render_template(template, SeriesScope("east", target, "canary"), "30s", {"limit": "9"}) == query


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("x{${selector}}[${interval}] ${cluster} ${variables.a}", []),
        ("${nmae} ${variables.b} ${nmae}", ["nmae", "variables.b"]),
        ("${}", [""]),
    ],
)
def test_names_that_nobody_gives(template: str, unknown: list[str]) -> None:
    assert find_unknown_names(template, ["a"]) == unknown
