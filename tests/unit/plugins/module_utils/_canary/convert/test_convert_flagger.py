# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Canary of Flagger comes to, and that nothing of it is lost."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.convert import convert
from ansible_collections.onemesh.istio.plugins.module_utils._canary.convert.manifest_reader import ManifestInvalid
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule

HEAD = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: shop}
"""

WHOLE = (
    HEAD
    + """
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  progressDeadlineSeconds: 60
  service:
    port: 80
    targetPort: 9898
    portDiscovery: true
    gateways: [istio-system/public, mesh]
    hosts: [app.example.com]
    trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}
    match: [{uri: {prefix: /}}]
    rewrite: {uri: /}
    retries: {attempts: 3, perTryTimeout: 1s}
    timeout: 5s
    corsPolicy: {allowOrigin: ["*"]}
    headers: {request: {add: {x: "1"}}}
    apex: {labels: {team: shop}}
  analysis:
    interval: 1m30s
    threshold: 10
    maxWeight: 60
    stepWeight: 20
    stepWeightPromotion: 30
    mirror: true
    mirrorWeight: 10
    primaryReadyThreshold: 50
    canaryReadyThreshold: 80
    sessionAffinity: {cookieName: sticky, maxAge: 600, primaryCookieName: stable}
    metrics:
      - {name: request-success-rate, thresholdRange: {min: 99}, interval: 1m}
      - {name: request-duration, threshold: 500}
      - name: not-found
        templateRef: {name: not-found, namespace: metrics}
        thresholdRange: {max: 5}
        templateVariables: {path: /api}
    alerts:
      - {name: on-call, severity: error, providerRef: {name: on-call}}
    webhooks:
      - name: load-test
        url: http://loadtester.test/
        timeout: 5s
        metadata: {cmd: "hey -z 1m"}
      - {name: gate, type: confirm-promotion, url: "https://gate.test/", retries: 2, disableTLS: true}
"""
)

RELATED = """
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: not-found, namespace: metrics}
spec:
  provider: {type: prometheus, address: "http://prometheus.metrics:9090"}
  query: |
    sum(rate(requests{code="404", namespace="{{ namespace }}", path="{{ variables.path }}"}[{{interval}}]))
---
apiVersion: flagger.app/v1beta1
kind: AlertProvider
metadata: {name: on-call, namespace: shop}
spec: {type: slack, address: "https://hooks.example.com/abc"}
"""


def converted(text: str, related: str = "") -> tuple[dict[str, Any], list[dict[str, str]]]:
    result = convert(yaml.safe_load(text), list(yaml.safe_load_all(related)))
    return result["options"], result["differences"]


def canary(analysis: str, rest: str = "") -> tuple[dict[str, Any], list[str]]:
    """The options of a Canary with this analysis, and the fields that differ."""
    spec = f"""
spec:
  targetRef: {{kind: Deployment, name: podinfo}}
  service: {{port: 80}}
  analysis: {analysis}
{rest}
"""
    options, differences = converted(HEAD + spec)
    return options, [each["field"] for each in differences]


def test_the_whole_of_a_canary() -> None:
    options, differences = converted(WHOLE, RELATED)
    assert options == {
        "name": "podinfo",
        "namespace": "shop",
        "manage": True,
        "workload": {
            "kind": "Deployment",
            "name": "podinfo",
            "ready_threshold": 80,
            "stable_ready_threshold": 50,
            "progress_deadline": 60,
        },
        "service": {
            "port": 80,
            "target_port": 9898,
            "port_discovery": True,
            "gateways": ["istio-system/public", "mesh"],
            "hosts": ["app.example.com"],
            "traffic_policy": {"tls": {"mode": "ISTIO_MUTUAL"}},
            "match": [{"uri": {"prefix": "/"}}],
            "rewrite": {"uri": "/"},
            "retries": {"attempts": 3, "perTryTimeout": "1s"},
            "timeout": "5s",
            "cors_policy": {"allowOrigin": ["*"]},
            "headers": {"request": {"add": {"x": "1"}}},
            "apex": {"labels": {"team": "shop"}},
        },
        "stable": "podinfo-primary",
        "canary": "podinfo-canary",
        "plan": {
            "step_weight": 20,
            "max_weight": 60,
            "step_weight_promotion": 30,
            "mirror": True,
            "mirror_weight": 10,
            "interval": 90.0,
        },
        "session_affinity": {
            "cookie_name": "sticky",
            "max_age": 600,
            "stable_cookie_name": "stable",
            "stable_max_age": 90,
        },
        "analysis": {
            "interval": 90.0,
            "threshold": 10,
            "metrics": [
                {"name": "request-success-rate", "builtin": "request-success-rate", "min": 99, "interval": "1m"},
                {"name": "request-duration", "builtin": "request-duration", "max": 500},
                {
                    "name": "not-found",
                    "query": 'sum(rate(requests{code="404", namespace="${namespace}", path="${variables.path}"}'
                    "[${interval}]))\n",
                    "max": 5,
                    "variables": {"path": "/api"},
                },
            ],
            "prometheus": {"url": "http://prometheus.metrics:9090"},
        },
        "webhooks": [
            {
                "name": "load-test",
                "type": "rollout",
                "url": "http://loadtester.test/",
                "timeout": 5.0,
                "metadata": {"cmd": "hey -z 1m"},
            },
            {
                "name": "gate",
                "type": "confirm-promotion",
                "url": "https://gate.test/",
                "retries": 2,
                "validate_certs": False,
            },
        ],
        "notices": [{"url": "https://hooks.example.com/abc", "kind": "slack", "severity": "error"}],
    }
    assert [each["field"] for each in differences] == [
        "spec.analysis.threshold",
        "spec.metricsServer",
        "MetricTemplate not-found.spec.provider.address",
        "spec.analysis.webhooks",
    ]
    assert build_schedule(options["plan"])


@pytest.mark.parametrize(
    ("analysis", "plan", "differs"),
    [
        ("{interval: 1m, stepWeights: [1, 5, 20]}", {"step_weights": [1, 5, 20], "interval": 60.0}, []),
        ("{stepWeight: 10}", {"step_weight": 10, "interval": 60.0}, []),
        ("{stepWeight: 20, maxWeight: 50}", {"step_weight": 20, "max_weight": 50, "interval": 60.0}, ["maxWeight"]),
        (
            "{stepWeights: [1, 5], maxWeight: 80}",
            {"step_weights": [1, 5], "interval": 60.0},
            ["maxWeight"],
        ),
        (
            "{stepWeights: [1, 80], stepWeight: 40}",
            {"step_weight": 40, "max_weight": 80, "interval": 60.0},
            ["stepWeights"],
        ),
        ("{iterations: 3, mirror: true}", {"iterations": 3, "mirror": True, "interval": 60.0}, []),
        ("{iterations: 3, stepWeight: 5}", {"iterations": 3, "interval": 60.0}, ["stepWeight"]),
        (
            "{iterations: 3, match: [{headers: {x: {exact: y}}}], mirror: true, stepWeightPromotion: 5}",
            {"iterations": 3, "matched": True, "interval": 60.0},
            ["mirror", "stepWeightPromotion"],
        ),
        (
            "{stepWeight: 50, match: [{headers: {x: {exact: y}}}]}",
            {"step_weight": 50, "interval": 60.0},
            ["match"],
        ),
        ("{stepWeight: 50, mirrorWeight: 5}", {"step_weight": 50, "interval": 60.0}, ["mirrorWeight"]),
        ("{stepWeight: 50, interval: 2x}", {"step_weight": 50, "interval": 60.0}, ["interval"]),
        ("{stepWeight: 50, interval: 5s}", {"step_weight": 50, "interval": 10.0}, ["interval"]),
    ],
)
def test_what_the_weights_come_to(analysis: str, plan: dict[str, Any], differs: list[str]) -> None:
    options, fields = canary(analysis)
    assert options["plan"] == plan
    assert fields == [f"spec.analysis.{name}" for name in differs]


@pytest.mark.parametrize(
    "analysis",
    [
        "{interval: 1m}",
        "{stepWeight: -1}",
        "{stepWeights: [0, 5]}",
        "{stepWeights: [5, 5]}",
        "{stepWeight: 5, maxWeight: 200}",
    ],
)
def test_what_hangs_in_flagger_is_said_to_be_refused(analysis: str) -> None:
    result = convert(
        yaml.safe_load(HEAD + f"spec: {{targetRef: {{name: p}}, service: {{port: 1}}, analysis: {analysis}}}")
    )
    assert any(each["why"].startswith("refused here: ") for each in result["differences"])


AS_TEXT: list[tuple[str, str, dict[str, Any]]] = [
    ("{stepWeight: '20', maxWeight: '50', mirror: 'false'}", "", {"step_weight": 20, "max_weight": 50}),
    ("{stepWeights: ['5', '50'], mirror: 'yes'}", "", {"step_weights": [5, 50], "mirror": True}),
    ("{iterations: '3', stepWeightPromotion: '0'}", "  skipAnalysis: 'no'", {"iterations": 3}),
]


@pytest.mark.parametrize(("analysis", "rest", "plan"), AS_TEXT)
def test_truths_and_numbers_may_be_text(analysis: str, rest: str, plan: dict[str, Any]) -> None:
    options, _differences = canary(analysis, rest)
    assert options["plan"] == {**plan, "interval": 60.0}
    assert "skip_analysis" not in options


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        ("{stepWeight: 5, mirror: sometimes}", "spec.analysis.mirror is 'sometimes', and true or false was expected"),
        ("{stepWeight: little}", "spec.analysis.stepWeight is 'little', and a number was expected"),
        ("{stepWeights: [1, 1.5]}", r"spec.analysis.stepWeights\[1\] is 1.5, and a whole number was expected"),
        ("{stepWeight: 5, webhooks: [{name: a, disableTLS: maybe}]}", r"webhooks\[0\].disableTLS is 'maybe'"),
        (
            "{stepWeight: 5, metrics: [{name: a, thresholdRange: {min: high}}]}",
            r"metrics\[0\].thresholdRange.min is 'high'",
        ),
    ],
)
def test_what_is_neither_is_refused_with_its_place(analysis: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        canary(analysis)


@pytest.mark.parametrize(("word", "verified"), [("'false'", None), ("'true'", False)])
def test_certificates_are_verified_unless_the_manifest_says_otherwise(word: str, verified: bool | None) -> None:
    options, _differences = canary(f"{{stepWeight: 5, webhooks: [{{name: a, url: x, disableTLS: {word}}}]}}")
    assert options["webhooks"][0].get("validate_certs") is verified


def test_what_is_not_known_is_said() -> None:
    rest = """
  suspend: true
  revertOnDeletion: true
  autoscalerRef: {kind: HorizontalPodAutoscaler, name: podinfo}
  somethingNew: {really: [1]}
"""
    _options, fields = canary("{stepWeight: 50, sessionAffinity: {cookieName: c, domain: d}, newer: 1}", rest)
    assert sorted(fields) == [
        "spec.analysis.newer",
        "spec.analysis.sessionAffinity.domain",
        "spec.autoscalerRef",
        "spec.revertOnDeletion",
        "spec.somethingNew.really",
        "spec.suspend",
    ]


@pytest.mark.parametrize(
    ("analysis", "field", "words"),
    [
        ("{stepWeight: 50, metrics: [{name: x, templateRef: {name: t}}]}", "metrics[0].templateRef", "is not known"),
        ("{stepWeight: 50, metrics: [{name: x, query: q}]}", "metrics[0]", "no thresholdRange"),
        (
            "{stepWeight: 50, metrics: [{name: x, query: '{{ if y }}', threshold: 1}]}",
            "metrics[0].query",
            "expressions",
        ),
        ("{stepWeight: 50, metrics: [{name: x, query: q, threshold: 1, odd: 1}]}", "metrics[0].odd", "nothing here"),
        ("{stepWeight: 50, alerts: [{name: a, providerRef: {name: p}}]}", "alerts[0]", "AlertProvider p"),
        (
            "{stepWeight: 50, webhooks: [{name: w, url: u, muteAlert: true}]}",
            "webhooks[0].muteAlert",
            "nothing like it",
        ),
        ("{iterations: 2, webhooks: [{name: w, url: u, type: confirm-promotion}]}", "webhooks[0]", "asked once"),
    ],
)
def test_what_differs_of_metrics_alerts_and_webhooks(analysis: str, field: str, words: str) -> None:
    result = convert(
        yaml.safe_load(HEAD + f"spec: {{targetRef: {{name: p}}, service: {{port: 1}}, analysis: {analysis}}}")
    )
    found = {each["field"]: each["why"] for each in result["differences"]}
    assert words in found[f"spec.analysis.{field}"]


SUCCESS = "{name: request-success-rate, thresholdRange: {min: 99}}"
QUERY = "{name: queue, query: queue_length, threshold: 5}"
TEMPLATE = "{name: not-found, templateRef: {name: not-found, namespace: metrics}, thresholdRange: {max: 5}}"
NOT_KNOWN = "whose address is not known"

SOURCES: dict[str, tuple[str, str, dict[str, Any], dict[str, str]]] = {
    "a usual Canary, whose controller knows the address": (
        f"[{SUCCESS}]",
        "",
        {"source": "envoy"},
        {"spec.metricsServer": NOT_KNOWN},
    ),
    "one that says it": (
        f"[{SUCCESS}]",
        "metricsServer: http://prometheus:9090",
        {"prometheus": {"url": "http://prometheus:9090"}},
        {"spec.metricsServer": "from where the task runs"},
    ),
    "a query that the controller's Prometheus answers": (
        f"[{SUCCESS}, {QUERY}]",
        "",
        {},
        {"spec.metricsServer": NOT_KNOWN, "spec.analysis.metrics": "refused here: analysis.prometheus has no address"},
    ),
    "a template with an address": (
        f"[{SUCCESS}, {TEMPLATE}]",
        "",
        {"prometheus": {"url": "http://prometheus.metrics:9090"}},
        {
            "spec.metricsServer": "http://prometheus.metrics:9090 is asked for all",
            "MetricTemplate not-found.spec.provider.address": "from where the task runs",
        },
    ),
    "a template with another address": (
        f"[{SUCCESS}, {TEMPLATE}]",
        "metricsServer: http://prometheus:9090",
        {"prometheus": {"url": "http://prometheus:9090"}},
        {"MetricTemplate not-found.spec.provider.address": "another address"},
    ),
    "no metric": ("[]", "", {}, {}),
}


@pytest.mark.parametrize(("metrics", "server", "source", "told"), SOURCES.values(), ids=SOURCES)
def test_who_is_asked(metrics: str, server: str, source: dict[str, Any], told: dict[str, str]) -> None:
    """https://docs.flagger.app/tutorials/istio-progressive-delivery"""
    spec = (
        f"{{targetRef: {{name: p}}, service: {{port: 1}}, analysis: {{stepWeight: 50, metrics: {metrics}}}, {server}}}"
    )
    options, differences = converted(f"{HEAD}spec: {spec}", RELATED)
    asked = {name: options["analysis"][name] for name in ("source", "prometheus") if name in options["analysis"]}
    assert asked == source
    why = {each["field"]: each["why"] for each in differences}
    assert [field for field, words in told.items() if words not in why.get(field, "")] == []


COMPARED: list[tuple[str, dict[str, Any]]] = [
    ("{name: request-success-rate}", {"min": 0.0}),
    ("{name: request-duration}", {"max": 0.0}),
    ("{name: request-success-rate, threshold: 99}", {"min": 99.0}),
    ("{name: request-duration, threshold: 500}", {"max": 500.0}),
    ("{name: request-duration, threshold: 1, thresholdRange: {min: 5, max: 9}}", {"min": 5.0, "max": 9.0}),
    ("{name: request-duration, thresholdRange: {}}", {"dry_run": True}),
]


@pytest.mark.parametrize(("metric", "bounds"), COMPARED)
def test_a_metric_is_compared_with_what_flagger_compares_it(metric: str, bounds: dict[str, Any]) -> None:
    options, _fields = canary(f"{{stepWeight: 50, metrics: [{metric}]}}")
    (made,) = options["analysis"]["metrics"]
    assert {name: made[name] for name in ("min", "max", "dry_run") if name in made} == bounds


HOOKS: list[tuple[str, dict[str, Any] | None, str]] = [
    ("{name: w, url: 'http://u', type: tell}", None, "webhooks[0].type"),
    ("{name: w, url: 'http://u', timeout: 1m30s}", {"timeout": 90.0}, "webhooks"),
    ("{name: w, url: 'http://u', timeout: long}", {}, "webhooks[0].timeout"),
    ("{name: w, url: 'http://u', metadata: {cmd: x, none: null}}", {"metadata": {"cmd": "x"}}, "webhooks"),
]


@pytest.mark.parametrize(("hook", "made", "told"), HOOKS)
def test_what_a_webhook_comes_to(hook: str, made: dict[str, Any] | None, told: str) -> None:
    options, fields = canary(f"{{stepWeight: 50, webhooks: [{hook}]}}")
    expected = [] if made is None else [{"name": "w", "type": "rollout", "url": "http://u", **made}]
    assert options.get("webhooks", []) == expected
    assert f"spec.analysis.{told}" in fields


CHATS: list[tuple[str, list[dict[str, Any]], str]] = [
    ("{type: slack, address: 'http://c/x'}", [{"url": "http://c/x", "kind": "slack"}], ""),
    ("{type: rocket, address: 'http://c/x'}", [{"url": "http://c/x", "kind": "slack"}], ""),
    ("{type: discord, address: 'http://c/x/'}", [{"url": "http://c/x/slack", "kind": "slack"}], ""),
    ("{type: discord, address: 'http://c/slack'}", [{"url": "http://c/slack", "kind": "slack"}], ""),
    ("{type: msteams, address: 'http://c/x'}", [{"url": "http://c/x", "kind": "json"}], "spec.analysis.alerts[0]"),
    ("{type: slack, secretRef: {name: s}, address: 'http://c/x'}", [], "spec.analysis.alerts[0]"),
    (
        "{type: slack, address: 'http://c/x', proxy: 'http://p'}",
        [{"url": "http://c/x", "kind": "slack"}],
        "P.spec.proxy",
    ),
]


@pytest.mark.parametrize(("provider", "notices", "told"), CHATS)
def test_what_an_alert_comes_to(provider: str, notices: list[dict[str, Any]], told: str) -> None:
    related = f"{{kind: AlertProvider, metadata: {{name: P, namespace: shop}}, spec: {provider}}}"
    spec = "{targetRef: {name: p}, service: {port: 1}, analysis: {stepWeight: 50, alerts: [{severity: warn, "
    options, differences = converted(f"{HEAD}spec: {spec}providerRef: {{name: P}}}}]}}}}", related)
    assert options.get("notices", []) == [{**each, "severity": "warn"} for each in notices]
    assert any(each["field"].endswith(told) for each in differences) or not told


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("podinfo", "podinfo"),
        ("podinfo.v2", "podinfo-v2-de911b74"),
        ("a" * 40, "a" * 40),
        ("a" * 41, f"{'a' * 31}-18a3c568"),
    ],
)
def test_a_release_has_a_name_that_it_may_have(name: str, called: str) -> None:
    spec = "{targetRef: {name: p}, service: {port: 1}, analysis: {stepWeight: 50}}"
    options, differences = converted(f"{HEAD.replace('podinfo', name)}spec: {spec}")
    assert options["name"] == called
    assert [each["field"] for each in differences] == ([] if name == called else ["metadata.name"])


def test_a_namespace_that_is_not_said_is_told() -> None:
    spec = "{targetRef: {name: p}, service: {port: 1}, analysis: {stepWeight: 50}}"
    options, differences = converted(f"{HEAD.replace(', namespace: shop', '')}spec: {spec}")
    assert options["namespace"] == "default"
    assert [each["field"] for each in differences] == ["metadata.namespace"]


SERVICES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("gatewayRefs: [{name: edge}]", "istio", {"port": 80}, ["gatewayRefs"]),
    (
        "gatewayRefs: [{name: edge}], retries: {attempts: 2}, gateways: [mesh]",
        "gatewayapi:v1",
        {"port": 80, "gateway_refs": [{"name": "edge"}]},
        ["gateways", "retries"],
    ),
    ("delegation: true, hosts: [shop]", "istio", {"port": 80, "delegation": True, "hosts": ["shop"]}, [""]),
    (
        "match: [{uri: {prefix: /}, new: 1}], retries: {backoff: 1s}",
        "istio",
        {"port": 80, "match": [{"uri": {"prefix": "/"}, "new": 1}], "retries": {"backoff": "1s"}},
        ["match[0].new", "retries.backoff"],
    ),
]


@pytest.mark.parametrize(("service", "provider", "made", "told"), SERVICES)
def test_what_a_service_comes_to(service: str, provider: str, made: dict[str, Any], told: list[str]) -> None:
    rest = f"provider: {provider}, targetRef: {{name: p}}, analysis: {{stepWeight: 50}}"
    options, differences = converted(f"{HEAD}spec: {{{rest}, service: {{port: 80, {service}}}}}")
    assert options["service"] == made
    assert [each["field"] for each in differences] == [f"spec.service.{name}".rstrip(".") for name in told]


def test_what_is_no_workload_here_is_released_by_its_routes() -> None:
    spec = "{targetRef: {kind: Service, name: p}, service: {port: 1}, analysis: {stepWeight: 50}}"
    options, differences = converted(f"{HEAD}spec: {spec}")
    assert not {"manage", "workload", "service"} & set(options)
    assert [each["field"] for each in differences] == ["spec.targetRef.kind"]


def test_all_that_has_another_type_is_refused_at_once() -> None:
    spec = "{targetRef: [], service: {port: many, hosts: a.example.org}, analysis: {stepWeight: 50, metrics: [7]}}"
    with pytest.raises(ManifestInvalid) as refused:
        converted(f"{HEAD}spec: {spec}")
    assert [(finding.check, finding.message) for finding in refused.value.findings] == [
        ("manifest-invalid", "spec.targetRef is a list, and a mapping was expected"),
        ("manifest-invalid", "spec.targetRef.name is missing"),
        ("manifest-invalid", "spec.service.port is 'many', and a number was expected"),
        ("manifest-invalid", "spec.service.hosts is 'a.example.org', and a list was expected"),
        ("manifest-invalid", "spec.analysis.metrics[0] is 7, and a mapping was expected"),
    ]


@pytest.mark.parametrize(
    ("related", "words"),
    [(7, r"related\[0\] is 7"), (["text"], r"related\[0\] is 'text'"), ([{}, True], r"related\[1\] is True")],
)
def test_what_is_no_object_is_refused(related: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        convert(yaml.safe_load(WHOLE), related)


def test_related_objects_may_be_one_or_a_list_of_kubectl() -> None:
    objects = list(yaml.safe_load_all(RELATED))
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    assert convert(yaml.safe_load(WHOLE), listed) == convert(yaml.safe_load(WHOLE), [None, *objects])


def test_the_old_name_of_analysis_is_read_too() -> None:
    options, differences = converted(
        HEAD + "spec: {targetRef: {name: p}, service: {port: 1}, canaryAnalysis: {stepWeight: 50}}"
    )
    assert options["plan"] == {"step_weight": 50, "interval": 60.0}
    assert differences == []


@pytest.mark.parametrize(
    "manifest", [{}, {"apiVersion": "apps/v1", "kind": "Deployment"}, {"apiVersion": "x/v1", "kind": "Canary"}]
)
def test_another_manifest_is_refused(manifest: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected a manifest of Canary \(flagger.app\) or Rollout \(argoproj.io\)"):
        convert(manifest)
