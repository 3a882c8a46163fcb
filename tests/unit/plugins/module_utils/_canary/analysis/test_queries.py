# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PromQL of one side of a release, and of the templates that users write."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import (
    Builtin,
    Destination,
    Scope,
    Target,
    builtin_query,
    rendered,
    requests_query,
    unknown_names,
)

HOST = "reviews.shop.svc.cluster.local"
BY_WORKLOAD = Target("shop", Destination(HOST, workload="reviews"), Destination(HOST, workload="reviews-primary"))
BY_SUBSET = Target("shop", Destination(HOST, "v2", version="2"), Destination(HOST, "v1", version="1"))
CANARY = Scope("east", BY_WORKLOAD, "canary")


@pytest.mark.parametrize(
    ("scope", "selector"),
    [
        (
            CANARY,
            'destination_workload_namespace="shop",destination_workload="reviews",destination_cluster="east"',
        ),
        (
            Scope("east", BY_WORKLOAD, "stable", "source", "source_cluster"),
            'destination_workload_namespace="shop",destination_workload="reviews-primary",source_cluster="east"',
        ),
        (
            Scope("east", BY_SUBSET, "canary"),
            f'destination_service="{HOST}",destination_version="2",destination_cluster="east"',
        ),
        (
            Scope("east", Target("shop", Destination("a"), Destination("b")), "stable", cluster_label=""),
            'destination_service="b"',
        ),
        (
            Scope('we"st\\', Target("shop", Destination("a"), Destination("b")), "canary", cluster_label="cluster"),
            'destination_service="a",cluster="we\\"st\\\\"',
        ),
    ],
)
def test_which_series_belong_to_a_side_of_a_cluster(scope: Scope, selector: str) -> None:
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
    assert builtin_query(builtin, CANARY, "2m") == query.replace("S", CANARY.selector)


def test_no_series_is_no_request() -> None:
    assert requests_query(CANARY, "1m").endswith("[1m])) or vector(0)")


def test_a_template_names_its_side_and_keeps_other_dollars() -> None:
    target = Target("shop", Destination(HOST, workload="r"), Destination(HOST), names={"name": "release"})
    template = (
        'm{job=~"a$",n="${name}",i="${ingress}",s="${side}",w="${ workload }",l="${variables.limit}"}[${interval}]'
    )
    query = 'm{job=~"a$",n="release",i="",s="canary",w="r",l="9"}[30s]'
    assert rendered(template, Scope("east", target, "canary"), "30s", {"limit": "9"}) == query


@pytest.mark.parametrize(
    ("template", "unknown"),
    [
        ("x{${selector}}[${interval}] ${cluster} ${variables.a}", []),
        ("${nmae} ${variables.b} ${nmae}", ["nmae", "variables.b"]),
        ("${}", [""]),
    ],
)
def test_names_that_nobody_gives(template: str, unknown: list[str]) -> None:
    assert unknown_names(template, ["a"]) == unknown
