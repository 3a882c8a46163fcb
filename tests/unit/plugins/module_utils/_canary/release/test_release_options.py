# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of a release mean, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import CanaryRelease
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.routes import Sides
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.tests.support.canary.releases import MANAGED, OF_ROUTES, release_of

TESTERS = [{"headers": {"x-tester": {"exact": "yes"}}}]
METRIC = {"builtin": "request-success-rate", "min": 99}
BY_ENVOY = {"source": "envoy", "metrics": [METRIC]}
WEBHOOK = {"name": "gate", "type": "confirm-rollout", "url": "https://gate.example.org"}
RECEIVER = {"url": "chat"}

REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "a name with capitals": (OF_ROUTES, {"name": "Reviews"}, {"option-name"}),
    "a name that is too long": (OF_ROUTES, {"name": "r" * 41}, {"option-name"}),
    "no stable side": (OF_ROUTES, {"stable": None}, {"option-stable"}),
    "no canary": (OF_ROUTES, {"canary": None}, {"option-canary"}),
    "two sides of one name": (OF_ROUTES, {"canary": "v1"}, {"option-canary"}),
    "a plan without a step": (OF_ROUTES, {"plan": {}}, {"plan-no-steps"}),
    "a plan that does not fit the clusters": (
        OF_ROUTES,
        {"plan": {"step_weight": 50, "waves": [{"clusters": ["west"]}, {}]}},
        {"plan-wave-clusters"},
    ),
    "a metric without bounds": (
        OF_ROUTES,
        {"analysis": {"metrics": [{"name": "errors", "query": "q"}]}},
        {"option-analysis"},
    ),
    "a webhook without a usable address": (OF_ROUTES, {"webhooks": [{**WEBHOOK, "url": "gate"}]}, {"option-url"}),
    "a receiver without a usable address": (OF_ROUTES, {"notices": [RECEIVER]}, {"option-url"}),
    "a deadline that is no time": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "progress_deadline": "soon"}},
        {"option-progress-deadline"},
    ),
    "a deadline of no time": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "progress_deadline": 0}},
        {"option-progress-deadline"},
    ),
    "a threshold above all": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "ready_threshold": 101}},
        {"option-ready-threshold"},
    ),
    "a threshold below none": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "stable_ready_threshold": -1}},
        {"option-stable-ready-threshold"},
    ),
    "manage without a workload": (OF_ROUTES, {"manage": True, "service": {"port": 80}}, {"option-manage"}),
    "manage without a service": (OF_ROUTES, {"manage": True, "workload": {"name": "reviews"}}, {"option-manage"}),
    "a service of somebody who makes it": (OF_ROUTES, {"service": {"port": 80}}, {"option-service"}),
    "matched steps without a match": (OF_ROUTES, {"plan": {"iterations": 2, "matched": True}}, {"option-match"}),
    "a gate named like webhooks": (
        OF_ROUTES,
        {"plan": {"step_weight": 50, "gates": [{"before_weight": 50, "name": "rollback"}]}},
        {"option-gates"},
    ),
    "a rollback that rises": (OF_ROUTES, {"rollback_step": -1}, {"option-rollback-step"}),
    "a rollback by more than all": (OF_ROUTES, {"rollback_step": 101}, {"option-rollback-step"}),
    "a rollback in no time": (OF_ROUTES, {"rollback_interval": "later"}, {"option-rollback-interval"}),
    "a drain of no time": (OF_ROUTES, {"drain": "-5s"}, {"option-drain"}),
    "no history at all": (OF_ROUTES, {"history_limit": 0}, {"option-history-limit"}),
    "everything that is wrong at once": (
        OF_ROUTES,
        {"name": "Reviews", "canary": "v1", "drain": "later", "plan": {}},
        {"option-name", "option-canary", "option-drain", "plan-no-steps"},
    ),
}


@pytest.mark.parametrize(("base", "options", "slugs"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused_by_the_name_of_its_option(
    base: dict[str, Any], options: dict[str, Any], slugs: set[str]
) -> None:
    with pytest.raises(MeshError) as refused:
        release_of({**base, **options})
    assert {finding.check for finding in refused.value.findings} == slugs
    assert all(finding.message and finding.remedy for finding in refused.value.findings)


def described(release: CanaryRelease) -> dict[str, Any]:
    """What a table can show of it."""
    (route,) = release.routes
    workload, rules = release.workload, release.rules
    return {
        "sides": (release.sides.stable, release.sides.canary),
        "route": (route.kind.kind, route.namespace, route.name),
        "makes_route": release.makes_route,
        "workload": None if workload is None else (workload.name, workload.stable, workload.scales),
        "baseline": rules.baseline,
        "segment": route.rules.segment,
        "copies": any(step.copy for step in rules.steps),
        "apex": release.apex,
    }


MEANT: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "the user's route": (
        OF_ROUTES,
        {},
        {
            "sides": ("v1", "v2"),
            "route": ("VirtualService", "shop", "reviews"),
            "makes_route": False,
            "workload": None,
            "baseline": False,
            "segment": False,
            "copies": False,
            "apex": "reviews",
        },
    ),
    "a route of another kind and namespace": (
        OF_ROUTES,
        {"routes": [{"kind": "HTTPRoute", "name": "edge", "namespace": "gateways"}]},
        {"route": ("HTTPRoute", "gateways", "edge"), "apex": "edge"},
    ),
    "no route named: the one that is named like the release": (
        OF_ROUTES,
        {"routes": []},
        {"route": ("VirtualService", "shop", "reviews"), "makes_route": False},
    ),
    "a workload that is watched, and not scaled": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "stable": "reviews-v1"}},
        {"workload": ("reviews-v2", "reviews-v1", False)},
    ),
    "a canary that is scaled": (
        OF_ROUTES,
        {"workload": {"name": "reviews-v2", "scale": True}},
        {"workload": ("reviews-v2", "", True)},
    ),
    "weights for requests that match": (OF_ROUTES, {"match": TESTERS}, {"segment": True}),
    "iterations for requests that match": (
        OF_ROUTES,
        {"match": TESTERS, "plan": {"iterations": 2}},
        {"segment": False},
    ),
    "everything is made": (
        MANAGED,
        {},
        {
            "sides": ("web-primary", "web-canary"),
            "route": ("VirtualService", "shop", "web"),
            "makes_route": True,
            "workload": ("web", "web-primary", True),
            "baseline": True,
            "segment": False,
            "copies": True,
            "apex": "web",
        },
    ),
    "everything is made for a gateway of the Gateway API": (
        MANAGED,
        {"service": {"port": 80, "gateway_refs": [{"name": "edge"}]}},
        {"route": ("HTTPRoute", "shop", "web"), "makes_route": True},
    ),
    "the Service has a name of its own": (
        MANAGED,
        {"service": {"port": 80, "name": "shop"}},
        {"sides": ("shop-primary", "shop-canary"), "route": ("VirtualService", "shop", "shop"), "apex": "shop"},
    ),
    "all is made but the route": (
        MANAGED,
        {"routes": [{"name": "edge"}]},
        {"route": ("VirtualService", "shop", "edge"), "makes_route": False, "apex": "web"},
    ),
}


@pytest.mark.parametrize(("base", "options", "meant"), MEANT.values(), ids=MEANT)
def test_what_options_mean(base: dict[str, Any], options: dict[str, Any], meant: dict[str, Any]) -> None:
    found = described(release_of({**base, **options}))
    assert {name: found[name] for name in meant} == meant


def test_without_analysis_the_canary_is_started_and_promoted_without_a_ramp() -> None:
    skipped = release_of({**MANAGED, "analysis": {"source": "envoy", "metrics": [METRIC]}, "skip_analysis": True})
    assert not skipped.rules.metrics
    assert {step.canary for step in skipped.rules.steps} == {0}


@pytest.mark.parametrize("skip_analysis", [False, True])
def test_requests_that_match_are_no_segment_where_the_plan_has_iterations(skip_analysis: bool) -> None:
    of_matches = {**OF_ROUTES, "match": TESTERS, "plan": {"iterations": 2}, "skip_analysis": skip_analysis}
    assert not release_of(of_matches).routes[0].rules.segment


def test_what_moves_nobody_needs_no_plan() -> None:
    found = release_of({**OF_ROUTES, "plan": None}, moves=False)
    assert found.sides == Sides("v1", "v2")


@pytest.mark.parametrize(
    ("options", "interval", "rollback_interval", "drain"),
    [
        ({}, 60.0, 60.0, 60.0),
        ({"plan": {"step_weight": 50, "interval": "10s"}}, 10.0, 10.0, 10.0),
        ({"plan": {"step_weight": 50, "interval": "10s"}, "drain": "2m", "rollback_interval": 5}, 10.0, 5.0, 120.0),
        ({"analysis": {"interval": 30, **BY_ENVOY}}, 30.0, 30.0, 30.0),
        ({"analysis": {"interval": 30, **BY_ENVOY}, "plan": {"step_weight": 50, "interval": "10s"}}, 30.0, 30.0, 30.0),
        # What the user said counts more than a default of ours.
        ({"analysis": BY_ENVOY, "plan": {"step_weight": 50, "interval": "10s"}}, 10.0, 10.0, 10.0),
        ({"analysis": BY_ENVOY}, 60.0, 60.0, 60.0),
    ],
)
def test_times_that_are_not_given_are_those_of_the_steps(
    options: dict[str, Any], interval: float, rollback_interval: float, drain: float
) -> None:
    rules = release_of({**OF_ROUTES, **options}).rules
    assert (rules.interval, rules.rollback_interval, rules.drain) == (interval, rollback_interval, drain)
