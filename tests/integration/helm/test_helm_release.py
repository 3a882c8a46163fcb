# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is what is asked for and what stands there; Helm runs where that differs, and only there."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._helm.manifest import objects_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from helm_runs import ISTIO, NO_HELM, RELEASES, Releases

UNCHANGED = {"istio-base": "unchanged", "istiod": "unchanged"}
EDIT = "kubectl-edit"
GATEWAYS = "gateways.networking.istio.io"


def istiod(client: Client) -> dict[str, Any]:
    return client.get(kinds.DEPLOYMENT, "istiod", ISTIO)


def environment(client: Client) -> dict[str, Any]:
    (container,) = istiod(client)["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each.get("value") for each in container["env"]}


def edit_istiod(client: Client, **spec: Any) -> None:
    client.patch(kinds.DEPLOYMENT, "istiod", ISTIO, {"spec": spec}, patch_type="strategic", field_manager=EDIT)


def set_environment(client: Client, **variables: str) -> None:
    env = [{"name": name, "value": value} for name, value in variables.items()]
    edit_istiod(client, template={"spec": {"containers": [{"name": "discovery", "env": env}]}})


def delete(kind: kinds.Kind, name: str, namespace: str | None = ISTIO) -> Callable[[Client], None]:
    def by_hand(client: Client) -> None:
        client.delete(kind, name, namespace)
        client.wait_gone(kind, name, namespace, 20)

    return by_hand


def edit_definition(client: Client) -> None:
    change = {"spec": {"names": {"shortNames": ["mine"]}}}
    client.patch(kinds.CUSTOM_RESOURCE_DEFINITION, GATEWAYS, None, change, field_manager=EDIT)


def make_again_from_the_manifest(cluster: Releases) -> None:
    """As `helm get manifest istiod | kubectl create -f -` does: without Helm's annotations."""
    delete(kinds.DEPLOYMENT, "istiod")(cluster.client)
    (manifest,) = [
        each.object for each in objects_of(cluster.kept("istiod").manifest) if each.id.kind == kinds.DEPLOYMENT.kind
    ]
    cluster.client.create(manifest)


# what a hand did, the release that is put right, what is said of it
BY_HAND: dict[str, tuple[Callable[[Client], None], str, str]] = {
    "istiod's Deployment was deleted": (
        delete(kinds.DEPLOYMENT, "istiod"),
        "istiod",
        "Deployment istio-system/istiod is missing",
    ),
    "its Service was deleted": (delete(kinds.SERVICE, "istiod"), "istiod", "Service istio-system/istiod is missing"),
    "a resource type was deleted": (
        delete(kinds.CUSTOM_RESOURCE_DEFINITION, GATEWAYS, None),
        "istio-base",
        f"CustomResourceDefinition {GATEWAYS} is missing",
    ),
    "kubectl scale": (
        lambda client: edit_istiod(client, replicas=0),
        "istiod",
        "Deployment istio-system/istiod differs in spec.replicas",
    ),
    "kubectl rollout pause": (
        lambda client: edit_istiod(client, paused=True),
        "istiod",
        "Deployment istio-system/istiod differs in spec.paused",
    ),
    "kubectl set env": (
        lambda client: set_environment(client, SAID="by-hand"),
        "istiod",
        "Deployment istio-system/istiod differs in spec.template.spec.containers[discovery].env[SAID].value",
    ),
    "a webhook was led elsewhere": (
        lambda client: client.patch(  # type: ignore[arg-type,return-value]
            kinds.VALIDATING_WEBHOOK_CONFIGURATION,
            "istiod-default-validator",
            None,
            {"webhooks": [{"name": "validation.istio.io", "clientConfig": {"service": {"name": "mine"}}}]},
            patch_type="strategic",
            field_manager=EDIT,
        ),
        "istio-base",
        "ValidatingWebhookConfiguration istiod-default-validator differs in "
        "webhooks[validation.istio.io].clientConfig.service.name",
    ),
    # Helm itself passes these over: it compares them with what the manifest said before, and not with what is there.
    "a resource type was edited": (
        edit_definition,
        "istio-base",
        f"CustomResourceDefinition {GATEWAYS} differs in spec.names.shortNames[0]",
    ),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_what_a_hand_did_is_foretold_put_right_and_then_nothing_is_left_to_do(cluster: Releases, case: str) -> None:
    by_hand, name, reason = BY_HAND[case]
    by_hand(cluster.client)

    foretold = cluster.run(check_mode=True, binary_path=NO_HELM)
    assert foretold.actions == {**UNCHANGED, name: "repaired"}
    assert foretold.releases[name]["reasons"] == [reason]
    assert foretold.result["changed"]
    (entry,) = foretold.result["diff"]
    assert entry["before"] != entry["after"]
    assert entry["after_header"] == "east: " + reason.split(" differs")[0].split(" is missing")[0]

    done = cluster.run().succeeded()
    assert (done.actions, done.result["diff"]) == (foretold.actions, foretold.result["diff"])
    revision = cluster.kept(name).revision
    assert done.said == []
    assert list(done.result["summary"]["clusters"]["east"]["put_right"]) == [
        f"release {name}, revision {revision} ({reason})"
    ]

    again = cluster.run(binary_path=NO_HELM).succeeded()
    assert (again.actions, again.result["changed"], again.result["diff"]) == (UNCHANGED, False, [])


def test_what_the_chart_does_not_say_is_the_users(cluster: Releases) -> None:
    set_environment(cluster.client, MINE="1")
    mine = {"metadata": {"annotations": {"example.org/mine": "1"}, "labels": {"example.org/mine": "1"}}}
    cluster.client.patch(kinds.SERVICE, "istiod", ISTIO, mine, field_manager=EDIT)
    assert cluster.run(binary_path=NO_HELM).succeeded().actions == UNCHANGED
    edit_istiod(cluster.client, replicas=3)
    assert cluster.run().succeeded().actions["istiod"] == "repaired"
    assert environment(cluster.client)["MINE"] == "1"
    assert cluster.client.get(kinds.SERVICE, "istiod", ISTIO)["metadata"]["labels"]["example.org/mine"] == "1"


def test_what_istiod_writes_into_its_webhooks_is_no_difference(cluster: Releases) -> None:
    kind, name = kinds.VALIDATING_WEBHOOK_CONFIGURATION, "istio-validator-istio-system"
    webhook = {"name": "rev.validation.istio.io", "failurePolicy": "Fail", "clientConfig": {"caBundle": "Y2E="}}
    cluster.client.patch(kind, name, None, {"webhooks": [webhook]}, patch_type="strategic", field_manager="pilot")
    assert cluster.run(binary_path=NO_HELM).succeeded().actions == UNCHANGED


def test_an_istiod_made_again_from_helms_manifest_is_no_stranger_and_put_right(cluster: Releases) -> None:
    make_again_from_the_manifest(cluster)
    assert "istio-of-another" not in cluster.preflight().checks
    run = cluster.run().succeeded()
    assert run.releases["istiod"]["reasons"] == ["Deployment istio-system/istiod differs in metadata.annotations"]
    assert istiod(cluster.client)["metadata"]["annotations"]["meta.helm.sh/release-name"] == "istiod"


def test_other_values_are_shown_and_asked_of_helm(cluster: Releases) -> None:
    releases = json.loads(json.dumps(RELEASES))
    releases[1]["chart_values"].update(env={"SAID": "otherwise"}, adminPassword="hunter-22")
    foretold = cluster.run(releases=releases, check_mode=True).succeeded()
    assert foretold.actions == {**UNCHANGED, "istiod": "upgraded"}
    assert foretold.releases["istiod"]["reasons"] == ["other values: adminPassword, env.SAID"]
    headers = [each["after_header"] for each in foretold.result["diff"]]
    assert headers[0] == "east: values of release istiod"
    assert "east: Deployment istio-system/istiod" in headers
    assert "hunter-22" not in str(foretold.result)
    assert environment(cluster.client)["SAID"] == "by-the-chart"

    done = cluster.run(releases=releases).succeeded()
    assert done.actions == foretold.actions
    assert environment(cluster.client)["SAID"] == "otherwise"
    assert cluster.run(releases=releases, binary_path=NO_HELM).succeeded().actions == UNCHANGED
    cluster.run().succeeded()


def test_what_an_interrupted_helm_left_is_recovered(cluster: Releases) -> None:
    before = cluster.kept("istiod").revision
    (deployed,) = cluster.client.list(kinds.SECRET, ISTIO, label_selector="owner=helm,name=istiod,status=deployed")
    pending = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": deployed["type"],
        "metadata": {
            "name": f"sh.helm.release.v1.istiod.v{before + 1}",
            "namespace": ISTIO,
            "labels": {**deployed["metadata"]["labels"], "version": str(before + 1), "status": "pending-upgrade"},
        },
        "data": deployed["data"],
    }
    cluster.client.create(pending)
    assert cluster.run(check_mode=True).releases["istiod"]["recovered"] == pending["metadata"]["name"]
    run = cluster.run().succeeded()
    assert run.releases["istiod"]["recovered"] == pending["metadata"]["name"]
    assert run.result["changed"]
    assert cluster.client.find(kinds.SECRET, pending["metadata"]["name"], ISTIO) is None


def test_the_environment_leads_helm_nowhere_else(cluster: Releases) -> None:
    delete(kinds.DEPLOYMENT, "istiod")(cluster.client)
    elsewhere = {"K8S_AUTH_HOST": "https://127.0.0.1:1", "HELM_KUBEAPISERVER": "https://127.0.0.1:1"}
    assert cluster.run(environ={**elsewhere, "KUBECONFIG": "/nonexistent"}).succeeded().actions["istiod"] == "repaired"
    assert istiod(cluster.client)["metadata"]["uid"]


def test_a_helm_that_is_not_there_and_a_chart_that_is_not_there_are_said_so(cluster: Releases) -> None:
    delete(kinds.DEPLOYMENT, "istiod")(cluster.client)
    refused = cluster.run(binary_path=NO_HELM)
    assert refused.result["failed"]
    assert "east: /nonexistent/helm cannot be run: No such file or directory -> install Helm 3" in refused.result["msg"]
    refused = cluster.run(charts="/nonexistent/charts")
    assert "east: /nonexistent/charts/base is no chart: No such file or directory" in refused.result["msg"]
