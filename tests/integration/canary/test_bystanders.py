# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands beside the workload of a managed release: it is looked at before its users get other pods."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import SERVICE
from managed_shop import ManagedShop, deployment
from support.control_plane import STRANGER_TOKEN
from support.fault_runs import Request, observed
from support.fleet_runs import Object, define

BY_LABEL = {"matchLabels": {"app": "web"}}
INSTANCE = "app.kubernetes.io/instance"


def policy(managed: ManagedShop, api_version: str, kind: str, name: str = "guard", **spec: Any) -> Object:
    metadata = {"name": name, "namespace": managed.namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def pod_monitors() -> Object:
    """A kind that only some clusters have."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "podmonitors.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": "PodMonitor", "plural": "podmonitors", "singular": "podmonitor"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def guards(managed: ManagedShop) -> list[Object]:
    return [
        policy(managed, "security.istio.io/v1", "AuthorizationPolicy", selector=BY_LABEL),
        policy(managed, "security.istio.io/v1", "PeerAuthentication", selector=BY_LABEL),
        policy(managed, "security.istio.io/v1", "RequestAuthentication", selector=BY_LABEL),
        policy(managed, "telemetry.istio.io/v1", "Telemetry", selector=BY_LABEL),
        policy(
            managed,
            "extensions.istio.io/v1alpha1",
            "WasmPlugin",
            selector=BY_LABEL,
            url="oci://registry.example.org/a:1",
        ),
        policy(
            managed, "networking.istio.io/v1alpha3", "EnvoyFilter", workloadSelector={"labels": BY_LABEL["matchLabels"]}
        ),
        policy(managed, "networking.istio.io/v1", "Sidecar", workloadSelector={"labels": BY_LABEL["matchLabels"]}),
        policy(managed, "networking.k8s.io/v1", "NetworkPolicy", podSelector=BY_LABEL),
        policy(managed, "policy/v1", "PodDisruptionBudget", selector=BY_LABEL, minAvailable=1),
    ]


@pytest.mark.parametrize("state", ["planned", "progressing"])
def test_what_selects_the_workloads_pods_alone_is_named_object_by_object(managed: ManagedShop, state: str) -> None:
    objects = guards(managed)
    managed.put(*objects)
    monitored = managed.client("west")
    define(monitored, [pod_monitors()])
    managed.put(policy(managed, "monitoring.coreos.com/v1", "PodMonitor", selector=BY_LABEL), only="west")
    ran = managed.run(state=state)
    warnings = ran.succeeded()["warnings"]
    for each in objects:
        place = f"east, west, north ({each['kind']} {managed.namespace}/guard): selects pods by app=web"
        assert [place in warning for warning in warnings].count(True) == 1, each["kind"]
    assert f"west (PodMonitor {managed.namespace}/guard): selects pods by app=web" in "\n".join(warnings)
    assert len(warnings) == len(objects) + 1
    assert all(f"warning: {each}" in ran.lines for each in warnings)


def test_it_is_said_when_a_release_begins_and_not_while_nothing_does(managed: ManagedShop) -> None:
    managed.put(guards(managed)[0])
    assert managed.to_the_end()["warnings"]
    assert "warnings" not in managed.run().succeeded()
    managed.broken.add(2)
    managed.new_version(2)
    assert managed.run().succeeded()["warnings"]
    assert "warnings" not in managed.run().succeeded()
    assert managed.to_the_end()["phase"] == "failed"
    managed.new_version(3)
    assert managed.run().succeeded()["warnings"]


def test_what_may_not_be_listed_is_said_and_keeps_nothing(managed: ManagedShop) -> None:
    """An account for the release alone."""
    client = managed.client("west")
    grant(managed, client)
    managed.options = {"west": {**managed.planes.planes["west"].admin_options(), "api_key": STRANGER_TOKEN}}
    said = "\n".join(managed.to_the_end()["warnings"])
    assert f"west (Deployment {managed.namespace}/web): " in said
    assert "could not be listed" in said
    assert f"AuthorizationPolicy of {managed.namespace}" in said


def test_an_api_that_fails_keeps_nothing_and_is_said(managed: ManagedShop) -> None:
    def fail(this: Request) -> None:
        if "authorizationpolicies" in this.path and this.cluster == "west":
            raise KubeError("west", "list authorizationpolicies: it failed", status=503)

    with observed(fail, lambda _this: None):
        (said,) = managed.run().succeeded()["warnings"]
    assert said.startswith(
        f"west (Deployment {managed.namespace}/web): objects of all kinds (list authorizationpolicies: "
    )
    assert "could not be listed" in said


def grant(managed: ManagedShop, client: Any) -> None:
    """All that a release needs on west, and no policies."""
    group = "rbac.authorization.k8s.io"
    kinds = {
        "": ["services", "configmaps", "secrets"],
        "apps": ["deployments"],
        "autoscaling": ["horizontalpodautoscalers"],
        "discovery.k8s.io": ["endpointslices"],
        "networking.istio.io": ["virtualservices", "destinationrules"],
    }
    rules = [{"apiGroups": [name], "resources": found, "verbs": ["*"]} for name, found in kinds.items()]
    readers = [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}]
    metadata = {"name": "stranger", "namespace": managed.namespace}
    subjects = [{"kind": "User", "name": "stranger", "apiGroup": group}]
    for kind, name, found in (("Role", metadata, rules), ("ClusterRole", {"name": "stranger-reads"}, readers)):
        client.apply(
            {"apiVersion": f"{group}/v1", "kind": kind, "metadata": name, "rules": found}, field_manager="admin"
        )
        binding = {"apiVersion": f"{group}/v1", "kind": f"{kind}Binding", "metadata": name, "subjects": subjects}
        reference = {"apiGroup": group, "kind": kind, "name": name["name"]}
        client.apply({**binding, "roleRef": reference}, field_manager="admin", force=True)


# Two instances of one chart


def instance(managed: ManagedShop, name: str, **labels: str) -> Object:
    found = deployment(managed.namespace)
    found["metadata"]["name"] = name
    found["spec"]["selector"]["matchLabels"] = {"app": "web", **labels}
    found["spec"]["template"]["metadata"]["labels"] = {"app": "web", **labels}
    return found


def release_of(name: str) -> dict[str, Any]:
    return {"name": name, "workload": {"kind": "Deployment", "name": name}, "service": {"port": 80, "name": name}}


def test_two_instances_of_one_chart_keep_apart(managed: ManagedShop) -> None:
    names = ("prod0", "prod1")
    # The user's own, which is told from nothing.
    for client in managed.planes.clients.values():
        client.delete(SERVICE, "web", managed.namespace)
    managed.put(*(instance(managed, name, **{INSTANCE: name}) for name in names), manager="user")
    refused = managed.run(**release_of("web")).failed()
    assert "prod0" in refused
    assert "prod1" in refused
    for name in names:
        managed.to_the_end(**release_of(name))
    for cluster in managed.planes.clients:
        found = managed.found(cluster)
        for name in names:
            stable = {"app": "web-primary", INSTANCE: name}
            assert found[f"Deployment {name}-primary"]["spec"]["selector"] == {"matchLabels": stable}
            assert found[f"Service {name}"]["spec"]["selector"] == stable
            assert found[f"Service {name}-canary"]["spec"]["selector"] == {"app": "web", INSTANCE: name}
