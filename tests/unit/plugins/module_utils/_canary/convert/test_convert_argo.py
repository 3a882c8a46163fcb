# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Rollout of Argo comes to, and that nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.convert import convert
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule

HEAD = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: reviews, namespace: shop}
"""

WHOLE = (
    HEAD
    + """
spec:
  replicas: 8
  progressDeadlineSeconds: 300
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: reviews}
  strategy:
    canary:
      stableService: reviews-stable
      canaryService: reviews-canary
      dynamicStableScale: true
      trafficRouting:
        managedRoutes: [{name: beta}]
        istio:
          virtualService: {name: reviews, routes: [main]}
      analysis:
        startingStep: 2
        templates: [{templateName: success}]
        args: [{name: service, value: reviews-canary}]
      steps:
        - setCanaryScale: {replicas: 1}
        - setHeaderRoute: {name: beta, match: [{headerName: x-beta, headerValue: {exact: "1"}}]}
        - pause: {duration: 10m}
        - setHeaderRoute: {name: beta}
        - setCanaryScale: {weight: 100}
        - setWeight: 5
        - pause: {duration: 1h}
        - setWeight: 50
        - pause: {}
        - analysis: {templates: [{templateName: success}]}
"""
)

TEMPLATE = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success, namespace: shop}
spec:
  args: [{name: service}, {name: window, value: 2m}]
  metrics:
    - name: success
      interval: 1m
      successCondition: result[0] >= 0.95 && result[0] < 2
      failureLimit: 3
      consecutiveErrorLimit: 5
      provider:
        prometheus:
          address: http://prometheus:9090
          query: sum(rate(good{service="{{args.service}}"}[{{ args.window }}]))
    - name: job
      provider: {job: {spec: {}}}
"""


def converted(text: str, related: str = "") -> tuple[dict[str, Any], dict[str, str]]:
    """The options, and by field what differs."""
    result = convert(yaml.safe_load(text), list(yaml.safe_load_all(related)))
    return result["options"], {each["field"]: each["why"] for each in result["differences"]}


def test_the_whole_of_a_rollout() -> None:
    options, differences = converted(WHOLE, TEMPLATE)
    assert options == {
        "name": "reviews",
        "namespace": "shop",
        "manage": False,
        "workload": {"kind": "Deployment", "name": "reviews", "progress_deadline": 300, "scale": True},
        "stable": "reviews-stable",
        "canary": "reviews-canary",
        "routes": [{"kind": "VirtualService", "name": "reviews", "namespace": "shop", "routes": ["main"]}],
        "match": [{"headers": {"x-beta": {"exact": "1"}}}],
        "plan": {
            "steps": [
                {"replicas": 12},
                {"matched": True},
                {"pause": 600.0},
                {"matched": False},
                {"replicas": 100},
                {"weight": 5, "interval": 3600.0},
                {"weight": 50, "interval": 0},
                {"pause": True},
                {"analysis": 1, "interval": 60.0},
            ]
        },
        "analysis": {
            "interval": 60.0,
            "threshold": 4,
            "metrics": [
                {
                    "name": "success",
                    "query": 'sum(rate(good{service="reviews-canary"}[2m]))',
                    "min": 0.95,
                    "max": 2.0,
                    "failure_limit": 3,
                    "error_limit": 5,
                }
            ],
            "prometheus": {"url": "http://prometheus:9090"},
        },
    }
    assert sorted(differences) == [
        "AnalysisTemplate success.job",
        "AnalysisTemplate success.success.provider.prometheus.address",
        "AnalysisTemplate success.success.successCondition",
        "spec.replicas",
        "spec.strategy.canary",
        "spec.strategy.canary.analysis.startingStep",
        "spec.strategy.canary.dynamicStableScale",
        "spec.strategy.canary.steps",
        "spec.strategy.canary.steps[9]",
        "spec.strategy.canary.trafficRouting.managedRoutes",
    ]
    weights = [(step.canary, step.after) for step in build_schedule(options["plan"]) if step.phase == "progressing"]
    assert weights == [(0, 0), (0, 0), (5, 600), (50, 4200), (50, 4200), (50, 4200)]


def rollout(canary: str, rest: str = "workloadRef: {name: reviews}") -> tuple[dict[str, Any], dict[str, str]]:
    return converted(HEAD + f"spec: {{strategy: {{canary: {canary}}}, {rest}}}")


@pytest.mark.parametrize(
    ("routing", "routes"),
    [
        ("{istio: {virtualService: {name: a}}}", [{"kind": "VirtualService", "name": "a", "namespace": "shop"}]),
        (
            "{istio: {virtualServices: [{name: a.other, routes: [r]}, {name: b, tcpRoutes: [{port: 1}]}]}}",
            [
                {"kind": "VirtualService", "name": "a", "namespace": "other", "routes": ["r"]},
                {"kind": "VirtualService", "name": "b", "namespace": "shop", "section": "tcp"},
            ],
        ),
        (
            "{plugins: {argoproj-labs/gatewayAPI: {httpRoute: a, httpRoutes: [{name: b}], namespace: other}}}",
            [
                {"kind": "HTTPRoute", "name": "a", "namespace": "other"},
                {"kind": "HTTPRoute", "name": "b", "namespace": "other"},
            ],
        ),
    ],
)
def test_routes(routing: str, routes: list[dict[str, Any]]) -> None:
    options, _differences = rollout(f"{{steps: [{{setWeight: 5}}], trafficRouting: {routing}}}")
    assert options["routes"] == routes


def test_subsets() -> None:
    rule = "{name: reviews, canarySubsetName: next, stableSubsetName: now}"
    options, differences = rollout(
        "{steps: [{setWeight: 5}], trafficRouting: {istio: {virtualService: {name: a}, destinationRule: " + rule + "}}}"
    )
    assert (options["stable"], options["canary"]) == ("now", "next")
    assert "spec.strategy.canary.trafficRouting.istio.destinationRule" in differences


@pytest.mark.parametrize(
    ("step", "made", "differs"),
    [
        ("{setMirrorRoute: {name: m, percentage: 30, match: [{path: {prefix: /}}]}}", [{"mirror": 30}], True),
        ("{setMirrorRoute: {name: m}}", [{"mirror": 0}], False),
        ("{setCanaryScale: {matchTrafficWeight: true}}", [], True),
        ("{setCanaryScale: {replicas: 3}}", [], True),
        ("{experiment: {templates: []}}", [], True),
        ("{plugin: {name: x}}", [], True),
        ("{pause: {duration: 30}}", [{"pause": 30.0}], False),
        ("{setMirrorRoute: {name: m, percentage: '30', match: [{path: {prefix: /}}]}}", [{"mirror": 30}], True),
        ("{setCanaryScale: {weight: '40'}}", [{"replicas": 40}], False),
        ("{setWeight: '3'}", [{"weight": 3, "interval": 0}], False),
    ],
)
def test_single_steps(step: str, made: list[dict[str, Any]], differs: bool) -> None:
    options, differences = rollout(f"{{steps: [{step}, {{setWeight: 5}}]}}")
    assert options["plan"]["steps"] == [*made, {"weight": 5, "interval": 0}]
    assert ("spec.strategy.canary.steps[0]" in differences) is differs


def test_the_total_is_that_of_the_router() -> None:
    options, _differences = rollout("{steps: [{setWeight: 250}], trafficRouting: {maxTrafficWeight: 1000}}")
    assert options["plan"] == {"steps": [{"weight": 250, "interval": 0}], "total": 1000}


def test_blue_green() -> None:
    options, differences = converted(
        HEAD
        + """
spec:
  template: {spec: {containers: []}}
  selector: {matchLabels: {app: reviews}}
  strategy:
    blueGreen:
      activeService: reviews
      previewService: reviews-preview
      autoPromotionEnabled: false
      scaleDownDelaySeconds: 30
      prePromotionAnalysis: {templates: [{templateName: x}]}
"""
    )
    assert options["plan"] == {"iterations": 1, "gates": [{"before": "promotion"}]}
    assert (options["stable"], options["canary"]) == ("reviews", "reviews-preview")
    assert sorted(differences) == [
        "spec.strategy.blueGreen",
        "spec.strategy.blueGreen.activeService",
        "spec.strategy.blueGreen.prePromotionAnalysis",
        "spec.strategy.blueGreen.scaleDownDelaySeconds",
        "spec.template",
    ]


def test_what_is_not_known_is_said() -> None:
    _options, differences = rollout(
        "{steps: [{setWeight: 5}], newer: 1, trafficRouting: {alb: {ingress: x}, plugins: {a/b: {}}}}",
        "workloadRef: {name: r}, rollbackWindow: {revisions: 3}, other: {deep: true}",
    )
    assert {
        "spec.strategy.canary.newer",
        "spec.strategy.canary.trafficRouting",
        "spec.strategy.canary.trafficRouting.alb.ingress",
        "spec.strategy.canary.trafficRouting.plugins.a/b",
        "spec.rollbackWindow",
        "spec.other.deep",
    } <= set(differences)


LIMITS: list[tuple[str, str, int, bool]] = [
    ("'2'", "", 2, False),
    ("'{{args.failures}}'", "{name: failures, value: '3'}", 3, False),
    ("'{{ args.failures }}'", "{name: failures, value: many}", 0, True),
    ("'{{args.failures}}'", "{name: failures}", 0, True),
]


@pytest.mark.parametrize(("limit", "argument", "failures", "differs"), LIMITS)
def test_a_limit_may_be_text_or_an_argument(limit: str, argument: str, failures: int, differs: bool) -> None:
    """https://github.com/argoproj/argo-rollouts/issues/570"""
    template = f"""
kind: AnalysisTemplate
metadata: {{name: errors, namespace: shop}}
spec:
  metrics:
    - {{name: errors, failureLimit: {limit}, provider: {{prometheus: {{address: "http://p", query: up}}}}}}
"""
    canary = f"{{steps: [{{setWeight: 5}}], analysis: {{templates: [{{templateName: errors}}], args: [{argument}]}}}}"
    options, differences = converted(HEAD + f"spec: {{strategy: {{canary: {canary}}}}}", template)
    assert options["analysis"]["metrics"][0]["failure_limit"] == failures
    assert ("AnalysisTemplate errors.errors.failureLimit" in differences) is differs


@pytest.mark.parametrize(
    ("canary", "words"),
    [
        ("{steps: [{setWeight: some}]}", r"steps\[0\].setWeight is 'some', and a number was expected"),
        ("{steps: [{setCanaryScale: {weight: 0.5}}]}", r"steps\[0\].setCanaryScale.weight is 0.5, and a whole"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(canary: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rollout(canary)


@pytest.mark.parametrize("word", ["false", "'False'", "'no'"])
def test_a_promotion_by_hand_has_a_gate_however_it_is_written(word: str) -> None:
    spec = f"{{activeService: a, previewService: b, autoPromotionEnabled: {word}}}"
    options, _differences = converted(HEAD + f"spec: {{strategy: {{blueGreen: {spec}}}}}")
    assert options["plan"]["gates"] == [{"before": "promotion"}]


def test_a_template_that_is_not_known_is_said() -> None:
    options, differences = rollout("{steps: [{setWeight: 5}], analysis: {templates: [{templateName: gone}]}}")
    assert "analysis" not in options
    assert "AnalysisTemplate gone is not known" in differences["spec.strategy.canary.analysis.templates"]
