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
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.workloads import canary_size

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


SIDES: dict[str, tuple[str, str, str, list[str]]] = {
    "by Services": ("stableService: now, canaryService: next", "name: a", "now next", []),
    "in a route of another namespace": (
        "stableService: now, canaryService: next",
        "name: a.edge",
        "now.shop.svc.cluster.local next.shop.svc.cluster.local",
        [],
    ),
    "ping and pong": ("pingPong: {pingService: ping, pongService: pong}", "name: a", "ping pong", ["pingPong"]),
}


@pytest.mark.parametrize(("services", "route", "sides", "told"), SIDES.values(), ids=SIDES)
def test_what_the_sides_are_called(services: str, route: str, sides: str, told: list[str]) -> None:
    istio = f"{{istio: {{virtualService: {{{route}}}}}}}"
    options, differences = rollout(f"{{{services}, trafficRouting: {istio}, steps: [{{setWeight: 5}}]}}")
    assert f"{options['stable']} {options['canary']}" == sides
    assert [field for field in told if f"spec.strategy.canary.{field}" not in differences] == []


def test_services_beside_subsets_count_for_nothing() -> None:
    rule = "{name: r, canarySubsetName: next, stableSubsetName: now}"
    routing = f"{{istio: {{virtualService: {{name: a.edge}}, destinationRule: {rule}}}}}"
    options, differences = rollout(f"{{stableService: s, canaryService: c, trafficRouting: {routing}}}")
    assert (options["stable"], options["canary"]) == ("now", "next")
    assert {"spec.strategy.canary.stableService", "spec.strategy.canary.canaryService"} <= set(differences)


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


SIZES: list[tuple[int, str, int, bool]] = [
    (8, "replicas: 1", 12, False),
    (3, "replicas: 1", 33, False),
    (3, "replicas: 2", 66, False),
    (1, "replicas: 1", 100, False),
    (4, "replicas: 0", 0, False),
    (7, "replicas: 7", 100, False),
    (300, "replicas: 1", 1, True),
    (4, "replicas: 9", 100, True),
    (4, "weight: 30", 30, False),
    (4, "weight: 130", 100, True),
]


@pytest.mark.parametrize(("replicas", "scale", "percent", "differs"), SIZES)
def test_a_size_comes_to_as_many_pods_as_it_says(replicas: int, scale: str, percent: int, differs: bool) -> None:
    steps = f"{{steps: [{{setCanaryScale: {{{scale}}}}}, {{setWeight: 5}}]}}"
    options, differences = rollout(steps, f"workloadRef: {{name: reviews}}, replicas: {replicas}")
    assert options["plan"]["steps"][0] == {"replicas": percent}
    assert ("spec.strategy.canary.steps[0]" in differences) is differs
    wanted = scale.rpartition(" ")[2]
    assert differs or scale.startswith("weight") or canary_size(replicas, percent) == int(wanted)
    assert options["workload"]["scale"] is True, "without it the step does nothing"


def test_a_size_by_weight_is_a_part_of_the_routers_total() -> None:
    routing = "{maxTrafficWeight: 1000}"
    options, _differences = rollout(f"{{trafficRouting: {routing}, steps: [{{setCanaryScale: {{weight: 250}}}}]}}")
    assert options["plan"]["steps"] == [{"replicas": 25}]


PAUSES: list[tuple[str, list[dict[str, Any]], bool]] = [
    ("[{setWeight: 5}, {pause: {duration: 1h30m}}]", [{"weight": 5, "interval": 5400.0}], False),
    ("[{setWeight: 5}, {pause: {duration: '90'}}]", [{"weight": 5, "interval": 90.0}], False),
    ("[{setWeight: 5}, {pause: {duration: 0}}]", [{"weight": 5, "interval": 0.0}], False),
    ("[{setWeight: 5}, {pause: {}}]", [{"weight": 5, "interval": 0}, {"pause": True}], False),
    ("[{setWeight: 5}, {pause: {duration: 1d}}]", [{"weight": 5, "interval": 0}, {"pause": True}], True),
    ("[{setWeight: 5}, {pause: {duration: -3}}]", [{"weight": 5, "interval": 0}, {"pause": True}], True),
]


@pytest.mark.parametrize(("steps", "made", "differs"), PAUSES)
def test_how_long_a_pause_is(steps: str, made: list[dict[str, Any]], differs: bool) -> None:
    """What is no length of time is ended by a person, and not at once."""
    options, differences = rollout(f"{{steps: {steps}}}")
    assert options["plan"]["steps"] == made
    assert ("spec.strategy.canary.steps[1].pause.duration" in differences) is differs


ODD_STEPS = ["{}", "null", "{wait: 5}", "{pause: null}"]


@pytest.mark.parametrize("step", ODD_STEPS)
def test_a_step_that_does_nothing_is_told(step: str) -> None:
    options, differences = rollout(f"{{steps: [{step}, {{setWeight: 5}}]}}")
    assert options["plan"]["steps"] == [{"weight": 5, "interval": 0}]
    assert "spec.strategy.canary.steps[0]" in differences


def test_of_a_step_that_does_two_things_one_is_told() -> None:
    _options, differences = rollout("{steps: [{setWeight: 5, pause: {duration: 1h}}]}")
    assert "spec.strategy.canary.steps[0].pause.duration" in differences


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


def template(name: str, *metrics: str, rest: str = "") -> str:
    metadata = f"{{name: {name}, namespace: shop}}"
    spec = f"{{metrics: [{', '.join(metrics)}]{rest}}}"
    return f"---\nkind: AnalysisTemplate\nmetadata: {metadata}\nspec: {spec}\n"


def metric(name: str, fields: str = "", query: str = "up", address: str = "http://p") -> str:
    provider = f"{{prometheus: {{address: '{address}', query: '{query}'}}}}"
    return f"{{name: {name}, successCondition: 'result[0] < 1', provider: {provider}{fields and ', ' + fields}}}"


def analysed(canary: str, *templates: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The option ``analysis`` of a Rollout, and what differs."""
    options, differences = converted(f"{HEAD}spec: {{strategy: {{canary: {canary}}}}}", "".join(templates))
    return options.get("analysis", {}), differences


ARGUMENTS: dict[str, tuple[str, str, tuple[str, str], list[str]]] = {
    "one that the Rollout gives": ("{name: x, value: '5'}", "{name: x, value: '1'}", ("5", "http://p5"), []),
    "a number that nobody quoted": ("{name: x, value: 5}", "{name: x}", ("5", "http://p5"), []),
    "one that the template has": ("", "{name: x, value: '1'}", ("1", "http://p1"), []),
    "one of the Rollout's own fields": (
        "{name: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}",
        "{name: x}",
        ("reviews", "http://previews"),
        ["spec.strategy.canary.analysis.args.x"],
    ),
    "one that is known in the cluster only": (
        "{name: x, valueFrom: {podTemplateHashValue: Latest}}",
        "{name: x}",
        ("${variables.x}", ""),
        [
            "spec.strategy.canary.analysis.args.x",
            "AnalysisTemplate t.m.provider.prometheus.query",
            "AnalysisTemplate t.m.provider.prometheus.address",
            "spec.strategy.canary.analysis",
        ],
    ),
    "one without a value": (
        "{name: x}",
        "{name: x}",
        ("${variables.x}", ""),
        ["spec.strategy.canary.analysis.args.x", "AnalysisTemplate t.m.provider.prometheus.query"],
    ),
}


@pytest.mark.parametrize(("given", "own", "made", "told"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_in_queries_and_addresses(given: str, own: str, made: tuple[str, str], told: list[str]) -> None:
    """https://github.com/argoproj/argo-rollouts/issues/1208"""
    analysis, differences = analysed(
        f"{{steps: [{{setWeight: 5}}], analysis: {{templates: [{{templateName: t}}], args: [{given}]}}}}",
        template("t", metric("m", query="{{args.x}}", address="http://p{{ args.x }}"), rest=f", args: [{own}]"),
    )
    assert analysis["metrics"][0]["query"] == made[0]
    assert analysis.get("prometheus", {}).get("url", "") == made[1]
    assert [field for field in told if field not in differences] == []


def test_what_lacks_a_value_is_refused_until_it_has_one() -> None:
    _analysis, differences = analysed(
        "{steps: [{setWeight: 5}], analysis: {templates: [{templateName: t}]}}",
        template("t", metric("m", query="{{args.x}}")),
    )
    assert "refused here" in differences["spec.strategy.canary.analysis"]


DRY_RUNS: list[tuple[str, str, list[str], bool]] = [
    ("[{metricName: cpu}]", "", ["cpu"], False),
    ("[{metricName: c.*}]", "", ["cpu"], False),
    ("[{metricName: .*}]", "", ["errors", "cpu"], False),
    ("[]", ", dryRun: [{metricName: errors}]", ["errors"], False),
    ("[{metricName: memory}]", "", [], True),
    ("[{metricName: '*'}]", "", [], True),
]


@pytest.mark.parametrize(("at_rollout", "in_template", "dry", "differs"), DRY_RUNS)
def test_what_runs_dry_does_not_decide(at_rollout: str, in_template: str, dry: list[str], differs: bool) -> None:
    """https://github.com/argoproj/argo-rollouts/issues/2151"""
    analysis, differences = analysed(
        f"{{steps: [{{setWeight: 5}}], analysis: {{templates: [{{templateName: t}}], dryRun: {at_rollout}}}}}",
        template("t", metric("errors", "failureLimit: 2"), metric("cpu"), rest=in_template),
    )
    assert [each["name"] for each in analysis["metrics"] if each.get("dry_run")] == dry
    assert analysis["threshold"] == (1 if "errors" in dry else 3)
    assert ("spec.strategy.canary.analysis.dryRun" in differences) is differs


def test_templates_of_steps_and_of_templates_are_read_too() -> None:
    analysis, differences = analysed(
        "{steps: [{setWeight: 5}, {analysis: {templates: [{templateName: outer}]}}]}",
        template("outer", metric("a", "count: 4, interval: 30s"), rest=", templates: [{templateName: inner}]"),
        template("inner", metric("b", "count: '2', interval: 45s"), rest=", templates: [{templateName: outer}]"),
    )
    assert [each["name"] for each in analysis["metrics"]] == ["a", "b"]
    assert analysis["interval"] == 30.0
    assert "AnalysisTemplate inner.b.interval" in differences


def test_a_step_is_as_long_as_its_templates_say() -> None:
    options, _differences = converted(
        f"{HEAD}spec: {{strategy: {{canary: {{steps: [{{analysis: {{templates: [{{templateName: t}}]}}}}]}}}}}}",
        template("t", metric("a", "count: 4, interval: 30s"), metric("b", "count: 2, interval: 45s")),
    )
    assert options["plan"]["steps"] == [{"analysis": 4, "interval": 30.0}]


def test_one_name_for_two_metrics() -> None:
    background, step = (f"{{templates: [{{templateName: t}}], args: [{{name: x, value: {x}}}]}}" for x in "ab")
    analysis, differences = analysed(
        f"{{analysis: {background}, steps: [{{setWeight: 5}}, {{analysis: {step}}}]}}",
        template("t", metric("m", query="{{args.x}}")),
    )
    assert [(each["name"], each["query"]) for each in analysis["metrics"]] == [("m", "a"), ("m-2", "b")]
    assert "two metrics are named m" in differences["spec.strategy.canary.analysis"]


def test_a_failure_limit_below_zero_ends_no_release() -> None:
    analysis, differences = analysed(
        "{steps: [{setWeight: 5}], analysis: {templates: [{templateName: t}]}}",
        template("t", metric("m", "failureLimit: -1, consecutiveSuccessLimit: 0")),
    )
    assert "failure_limit" not in analysis["metrics"][0]
    assert "success_limit" not in analysis["metrics"][0]
    assert analysis["threshold"] > 1000
    assert "AnalysisTemplate t.m.failureLimit" in differences


def test_the_old_name_of_a_template_is_told() -> None:
    """https://github.com/argoproj/rollouts-demo/pull/51"""
    _analysis, differences = analysed(
        "{steps: [{setWeight: 5}], analysis: {templateName: t}}", template("t", metric("m"))
    )
    assert "spec.strategy.canary.analysis.templateName" in differences


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
