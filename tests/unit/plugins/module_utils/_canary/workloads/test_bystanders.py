# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of objects beside a workload, before its users are moved to pods with another label."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.bystanders import (
    SELECTING_KINDS,
    Bystanders,
    find_bystander_problems,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.managed import read_service
from ansible_collections.onemesh.istio.plugins.module_utils._canary.workloads.primary import make_primary
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.tests.support.canary.workload_objects import Object, workload

OWN = {"app": "web", "tier": "front"}
LABELS = {"matchLabels": {"app": "web"}}
STAYING = {"matchLabels": {"tier": "front"}}


def target_of(selector: Object | None = None, **pods: str) -> Object:
    live = workload(selector={"matchLabels": selector or {"app": "web"}})
    live["spec"]["template"]["metadata"]["labels"] = {**OWN, **(selector or {}), **pods}
    return live


def manifest(kind: str, spec: Object, name: str = "web", namespace: str = "shop") -> Object:
    groups = {known: group for group, known in SELECTING_KINDS}
    group = groups[kind]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": metadata, "spec": spec}


def found(
    *selecting: Object, target: Object | None = None, primary: Object | None = None, **more: Any
) -> list[Finding]:
    target = target or target_of()
    options = {"port": 80, **more.pop("service", {})}
    service = read_service(options, target, primary)
    return find_bystander_problems(service, target, primary, Bystanders(selecting=selecting, **more), cluster="east")


# What selects pods

ONE_SIDED: dict[str, Object] = {
    **{
        kind: manifest(kind, {"selector": LABELS})
        for kind in (
            "AuthorizationPolicy",
            "PeerAuthentication",
            "RequestAuthentication",
            "Telemetry",
            "WasmPlugin",
            "TrafficExtension",
            "ProxyConfig",
            "PodDisruptionBudget",
            "PodMonitor",
            "ServiceMonitor",
        )
    },
    "EnvoyFilter": manifest("EnvoyFilter", {"workloadSelector": {"labels": {"app": "web"}}}),
    "Sidecar": manifest("Sidecar", {"workloadSelector": {"labels": {"app": "web"}}}),
    "ServiceEntry": manifest("ServiceEntry", {"workloadSelector": {"labels": {"app": "web"}}}),
    "DestinationRule": manifest("DestinationRule", {"workloadSelector": LABELS}),
    "Gateway": manifest("Gateway", {"selector": {"app": "web"}}, namespace="gateways"),
    "NetworkPolicy": manifest("NetworkPolicy", {"podSelector": LABELS}),
    "CiliumNetworkPolicy": manifest("CiliumNetworkPolicy", {"endpointSelector": LABELS}),
    "Service": manifest("Service", {"selector": {"app": "web"}}, name="web-headless"),
    "a mesh-wide policy": manifest("AuthorizationPolicy", {"selector": LABELS}, namespace="istio-system"),
    "by more labels": manifest("AuthorizationPolicy", {"selector": {"matchLabels": OWN}}),
    "by an expression": manifest(
        "NetworkPolicy", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}
    ),
    "for all but it": manifest(
        "NetworkPolicy", {"podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}}
    ),
    "a policy of another workload that lets it in": manifest(
        "NetworkPolicy",
        {"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [{"from": [{"podSelector": LABELS}]}]},
    ),
    "one of another namespace that lets it in": manifest(
        "NetworkPolicy",
        {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": {}, "podSelector": LABELS}]}]},
        namespace="data",
    ),
    "one that lets traffic to it": manifest(
        "NetworkPolicy", {"podSelector": {}, "egress": [{"to": [{"podSelector": LABELS}]}]}
    ),
    "a monitor of all namespaces": manifest(
        "PodMonitor", {"selector": LABELS, "namespaceSelector": {"any": True}}, namespace="monitoring"
    ),
    "a monitor that names the namespace": manifest(
        "PodMonitor", {"selector": LABELS, "namespaceSelector": {"matchNames": ["a", "shop"]}}, namespace="monitoring"
    ),
}


@pytest.mark.parametrize("selecting", ONE_SIDED.values(), ids=ONE_SIDED)
def test_what_selects_the_pods_of_one_side_only_is_named(selecting: Object) -> None:
    (finding,) = found(selecting)
    metadata = selecting["metadata"]
    assert finding.object == f"{selecting['kind']} {metadata['namespace']}/{metadata['name']}"
    assert (finding.check, finding.severity, finding.cluster) == ("selects-one-side", "warning", "east")
    assert "app" in finding.message


def test_every_kind_that_selects_pods_has_a_row() -> None:
    assert {each["kind"] for each in ONE_SIDED.values()} == {kind for _group, kind in SELECTING_KINDS}


BOTH_SIDES: dict[str, Object] = {
    "everything": manifest("NetworkPolicy", {"podSelector": {}}),
    "no selector": manifest("AuthorizationPolicy", {"rules": []}),
    "nothing at all": {**manifest("AuthorizationPolicy", {}), "spec": None},
    "by a label that stays": manifest("AuthorizationPolicy", {"selector": STAYING}),
    "another workload": manifest("AuthorizationPolicy", {"selector": {"matchLabels": {"app": "db"}}}),
    "both values": manifest(
        "PodDisruptionBudget",
        {"selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "web-primary"]}]}},
    ),
    "the Service that follows the stable side": manifest("Service", {"selector": {"app": "web"}}),
    "a Service of another namespace": manifest("Service", {"selector": {"app": "web"}}, "other", namespace="other"),
    "a policy of another namespace": manifest("NetworkPolicy", {"podSelector": LABELS}, namespace="data"),
    "one that lets in pods of its own namespace": manifest(
        "NetworkPolicy", {"podSelector": {}, "ingress": [{"from": [{"podSelector": LABELS}]}]}, namespace="data"
    ),
    "one that lets in addresses": manifest(
        "NetworkPolicy", {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, {}]}
    ),
    "a monitor of its own namespace": manifest("PodMonitor", {"selector": LABELS}, namespace="monitoring"),
    "a monitor of other namespaces": manifest(
        "PodMonitor", {"selector": LABELS, "namespaceSelector": {"matchNames": ["a"]}}
    ),
}


@pytest.mark.parametrize("selecting", BOTH_SIDES.values(), ids=BOTH_SIDES)
def test_nothing_is_said_of_what_is_the_same_for_both_sides(selecting: Object) -> None:
    assert found(selecting) == []


def test_a_monitor_of_services_is_right_where_the_canarys_service_has_its_labels() -> None:
    monitor = ONE_SIDED["ServiceMonitor"]
    assert "Service web-canary does not have" in found(monitor)[0].message
    assert found(monitor, service={"canary": {"labels": {"app": "web"}}}) == []


# What is offered

CHART = {"app.kubernetes.io/name": "web", "app.kubernetes.io/instance": "prod"}
BY_NAME = manifest("AuthorizationPolicy", {"selector": {"matchLabels": {"app.kubernetes.io/name": "web"}}})
SHARED = workload(name="worker", selector={"matchLabels": {"app": "worker"}})
SHARED["spec"]["template"]["metadata"]["labels"] = {"app": "worker", "tier": "front"}

OFFERED: dict[str, tuple[Object, Object, dict[str, Any], list[str]]] = {
    "a label of the selector that stays, or one that tells the sides apart instead": (
        target_of(CHART),
        BY_NAME,
        {},
        [
            "let it select by app.kubernetes.io/instance=prod, which the pods of both sides have",
            "workload.selector_labels: [app.kubernetes.io/instance]",
            "make one like it for app.kubernetes.io/name=web-primary",
        ],
    ),
    "another label of the pods": (target_of(), ONE_SIDED["Sidecar"], {}, ["let it select by tier=front"]),
    "not one that other pods have": (
        target_of(),
        ONE_SIDED["Sidecar"],
        {"workloads": (SHARED,)},
        ["give the pods of Deployment shop/web a label that both sides have then"],
    ),
    "not one that changes": (
        {**workload()},
        ONE_SIDED["Sidecar"],
        {},
        ["give the pods of Deployment shop/web a label that both sides have then"],
    ),
}


@pytest.mark.parametrize(("target", "selecting", "more", "offered"), OFFERED.values(), ids=OFFERED)
def test_the_label_that_stays_is_offered(
    target: Object, selecting: Object, more: dict[str, Any], offered: list[str]
) -> None:
    (finding,) = found(selecting, target=target, **more)
    assert all(each in finding.remedy for each in offered), finding.remedy


def test_once_there_is_a_stable_side_its_label_stays_what_it_is() -> None:
    target = target_of(CHART)
    primary = make_primary(target, "web-primary", None, copy=True, revision="r", configs={})
    (finding,) = found(BY_NAME, target=target, primary=primary)
    assert "selector_labels" not in finding.remedy


# Other workloads


def other(name: str, kind: str = "Deployment", **labels: str) -> Object:
    live = workload(kind, name=name)
    live["spec"]["template"]["metadata"]["labels"] = labels
    return live


SHARING: dict[str, tuple[Object, list[str]]] = {
    "pods like the workload's": (other("prod1", app="web"), ["Service web-canary"]),
    "with further labels": (other("worker", app="web", role="worker"), ["Service web-canary"]),
    "of any kind": (other("store", "StatefulSet", app="web"), ["Service web-canary"]),
    "pods like the stable side's": (other("prod1-primary", app="web-primary"), ["Service web-primary"]),
    "other pods": (other("db", app="db"), []),
    "the workload itself": (other("web", app="web"), []),
    "its stable side": (other("web-primary", app="web-primary"), []),
}


@pytest.mark.parametrize(("beside", "expected"), SHARING.values(), ids=SHARING)
def test_a_workload_whose_pods_would_get_requests_of_this_one_is_refused(beside: Object, expected: list[str]) -> None:
    findings = found(workloads=(beside,))
    assert [(each.check, each.severity, each.object.split("/")[1]) for each in findings] == [
        ("pods-shared", "error", beside["metadata"]["name"]) for _each in expected
    ]
    assert all(service in finding.message for finding, service in zip(findings, expected, strict=True))


def test_a_whole_selector_tells_instances_apart() -> None:
    beside = other("prod1", **{**CHART, "app.kubernetes.io/instance": "prod1"})
    assert found(target=target_of(CHART), workloads=(beside,)) == []


# What may not be seen


def test_what_may_not_be_listed_is_said() -> None:
    (finding,) = found(unread=("AuthorizationPolicy of istio-system", "Telemetry of shop"))
    assert (finding.check, finding.severity) == ("selects-unknown", "warning")
    assert "AuthorizationPolicy of istio-system, Telemetry of shop could not be listed" in finding.message
