# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wipes of real clusters: Istio from its own charts with a running istiod, and what people leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import run as wipe
from wipe_lab import (
    ISTIO_OPERATOR_TYPE,
    Cluster,
    Lab,
    cluster_role,
    config_map,
    dead_webhook,
    definition,
    istio_operators,
    namespace,
    parameters,
    remote_secret,
    virtual_service,
)

pytestmark = pytest.mark.lab

OURS = {"app.kubernetes.io/managed-by": "onemesh.istio", "onemesh.istio/component": "link"}
FINALIZER = "istio-finalizer.install.istio.io"


class Killed(BaseException):
    """The end of a process, as far as the engine can see it."""


def wiped(options: dict[str, Any], *, check: bool = False, kill_at: str = "") -> dict[str, Any]:
    def progress(line: str) -> None:
        if kill_at and kill_at in line:
            raise Killed(line)

    return run_operation(wipe, options, Context(check_mode=check, environ={}, progress=progress))


def objects(entries: list[dict[str, str]]) -> set[str]:
    return {entry["object"] for entry in entries}


def assert_wiped(result: dict[str, Any], cluster: Cluster) -> dict[str, Any]:
    assert not result.get("failed"), result["msg"]
    of_cluster: dict[str, Any] = result["clusters"][cluster.name]
    assert of_cluster["leaked"] == []
    return of_cluster


def assert_second_run_changes_nothing(options: dict[str, Any]) -> None:
    again = wiped(options)
    assert (again["changed"], again.get("failed"), again["diff"]) == (False, None, [])


class TestWholeCluster:
    """In the order of a user's day: installed, looked at in check mode, wiped, wiped again."""

    @pytest.fixture(scope="class")
    @classmethod
    def before(cls, lab: Lab) -> Iterator[set[str]]:
        """The cluster with Istio, users' objects and leftovers; returns what was there before all that."""
        solo, peer = lab.wiped, lab.peer
        clean = solo.traces()
        solo.install_istio()
        solo.apply(
            namespace("app", **{"istio-injection": "enabled", "topology.istio.io/network": "solo", "team": "payments"}),
            namespace("onemesh-made", **OURS),
            namespace("istio-operator", **{"istio-operator-managed": "Reconcile"}),
            namespace("istio-egress"),
            ISTIO_OPERATOR_TYPE,
        )
        solo.wait_for("condition=Established", "crd/istiooperators.install.istio.io")
        solo.apply(
            *istio_operators("istio-system", "installed-state", "second"),
            virtual_service("app", "reviews"),
            virtual_service("app", "replica", labels=OURS),
            config_map("istio-system", "dashboards"),
            config_map("app", "istio-notes"),
            config_map("onemesh-made", "ours", labels=OURS),
            cluster_role("istio-something"),
            dead_webhook("istio-revision-tag-gone"),
            remote_secret("istio-remote-secret-peer", "peer"),
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web", "namespace": "app"},
                "spec": {
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {
                        "metadata": {
                            "labels": {"app": "web", "service.istio.io/canonical-name": "web"},
                            "annotations": {"sidecar.istio.io/inject": "false", "sidecar.istio.io/status": "{}"},
                        },
                        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
                    },
                },
            },
        )
        solo.wait_for("create", "configmap/istio-ca-root-cert", "-n", "app")
        peer.apply(
            namespace("istio-system"),
            remote_secret("istio-remote-secret-solo", "solo"),
            remote_secret("under-any-name", "solo", "north"),
            remote_secret("istio-remote-secret-north", "north"),
        )
        yield clean
        solo.kubectl("delete", "namespace", "istio-system", "istio-egress", "app")
        solo.kubectl("delete", "clusterrole", "istio-something")
        peer.kubectl("delete", "namespace", "istio-system")

    def test_check_mode_says_what_would_go_and_changes_nothing(self, before: set[str], lab: Lab) -> None:
        there = lab.wiped.traces()
        result = wiped(parameters([lab.wiped], [lab.peer]), check=True)
        assert result["changed"]
        removed = objects(result["clusters"]["solo"]["removed"])
        assert {
            "Deployment istio-system/istiod",
            "DaemonSet istio-system/ztunnel",
            "IstioOperator istio-system/second",
            "VirtualService app/reviews",
            "Namespace onemesh-made",
        } <= removed
        assert objects(result["peers"]["peer"]["removed"]) == {
            "Secret istio-system/istio-remote-secret-solo",
            "Secret istio-system/under-any-name",
        }
        shown = json.dumps(result["diff"])
        assert "Deployment istio-system/istiod" in shown
        assert "token" not in json.dumps(result).replace("istio-remote-secret-token", "")
        assert lab.wiped.traces() >= there
        assert lab.peer.exists("secret", "-n", "istio-system", "istio-remote-secret-solo")

    def test_everything_of_istio_goes_and_strangers_live(self, before: set[str], lab: Lab) -> None:
        solo, peer = lab.wiped, lab.peer
        options = parameters([solo], [peer])
        foreseen = objects(wiped(options, check=True)["clusters"]["solo"]["removed"])

        result = wiped(options)

        of_solo = assert_wiped(result, solo)
        strangers = {
            "ClusterRole /istio-something",
            "ConfigMap app/istio-notes",
            "ConfigMap istio-system/dashboards",
            "Namespace /istio-system",
            "ConfigMap istio-system/kube-root-ca.crt",
            "ServiceAccount istio-system/default",
            # Nothing in it and nothing on it says that it was made for Istio.
            "Namespace /istio-egress",
            "ConfigMap istio-egress/kube-root-ca.crt",
            "ServiceAccount istio-egress/default",
        }
        assert solo.traces() - before == strangers
        assert objects(of_solo["removed"]) >= foreseen
        assert sorted(of_solo["finalizers_cleared"]) == [
            f"IstioOperator istio-system/installed-state: {FINALIZER}",
            f"IstioOperator istio-system/second: {FINALIZER}",
        ]
        assert {
            "ClusterRole istio-something",
            "Namespace istio-system",
            "ConfigMap istio-system/dashboards",
        } <= objects(of_solo["stays"])
        labels = solo.get("namespace", "app")["metadata"]["labels"]
        assert labels == {"kubernetes.io/metadata.name": "app", "team": "payments"}
        assert of_solo["sidecars"] == {"app": ["deployment/web"]}
        assert any("rollout restart deployment/web" in warning for warning in result["warnings"])
        secrets = {item["metadata"]["name"]: item for item in peer.get("secrets", "-n", "istio-system")["items"]}
        assert set(secrets) == {"under-any-name", "istio-remote-secret-north"}
        assert set(secrets["under-any-name"]["data"]) == {"north"}

    def test_wiped_again_changes_nothing(self, before: set[str], lab: Lab) -> None:
        assert_second_run_changes_nothing(parameters([lab.wiped], [lab.peer]))


@pytest.mark.parametrize(
    "moment",
    ["Deployment", "ClusterRole", "Lease", "Namespace"],
)
def test_killed_and_run_again_it_ends_the_same(solo: Cluster, moment: str) -> None:
    before = solo.traces()
    solo.helm("gateway", "gateway", "istio-ingress", autoscaling={"minReplicas": 1}, replicaCount=0)
    place = {"global": {**solo.values["global"], "istioNamespace": "mesh-a"}, "replicaCount": 0, "revision": "a"}
    solo.helm("istiod", "istiod", "mesh-a", **{**solo.values, **place})
    leader = {"control-plane.alpha.kubernetes.io/leader": "{}"}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    solo.apply(
        config_map("mesh-a", "istio-leader", annotations=leader),
        {**lease, "metadata": {"name": "istio-gateway-deployment-a", "namespace": "mesh-a"}},
    )
    with pytest.raises(Killed):
        wiped(parameters([solo]), kill_at=moment)

    assert_wiped(wiped(parameters([solo])), solo)

    assert solo.traces() == before
    assert solo.get("namespace", "mesh-a")["metadata"].get("annotations") is None
    assert_second_run_changes_nothing(parameters([solo]))
    solo.kubectl("delete", "namespace", "mesh-a")


def test_a_namespace_that_was_stuck_before_ends_once_its_finalizers_are_cleared(solo: Cluster) -> None:
    solo.apply(namespace("istio-system"), ISTIO_OPERATOR_TYPE)
    solo.wait_for("condition=Established", "crd/istiooperators.install.istio.io")
    solo.apply(*istio_operators("istio-system", "installed-state"))
    solo.kubectl("delete", "namespace", "istio-system", "--wait=false")
    solo.wait_for("jsonpath={.metadata.deletionTimestamp}", "istiooperator/installed-state", "-n", "istio-system")

    of_solo = assert_wiped(wiped(parameters([solo])), solo)

    assert of_solo["finalizers_cleared"] == [f"IstioOperator istio-system/installed-state: {FINALIZER}"]
    assert not solo.exists("namespace", "istio-system")


def test_a_finalizer_stays_while_its_operator_is_ready(solo: Cluster) -> None:
    """kwok makes the operator's pod ready, and nobody behind it ever finishes: the wipe names who has to."""
    sail = definition("sailoperator.io", "Istio", "istios", "v1")
    sail["spec"]["scope"] = "Cluster"
    solo.apply(namespace("sail-operator"), sail)
    solo.wait_for("condition=Established", "crd/istios.sailoperator.io")
    held = {"name": "default", "finalizers": ["sailoperator.io/sail-operator"]}
    solo.apply(
        {"apiVersion": "sailoperator.io/v1", "kind": "Istio", "metadata": held},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "sail-operator", "namespace": "sail-operator"},
            "spec": {
                "selector": {"matchLabels": {"app": "sail"}},
                "template": {
                    "metadata": {"labels": {"app": "sail"}},
                    "spec": {"containers": [{"name": "operator", "image": "quay.io/sail-dev/sail-operator:1"}]},
                },
            },
        },
    )
    solo.kubectl("rollout", "status", "-n", "sail-operator", "deployment/sail-operator", "--timeout", "60s")

    result = wiped(parameters([solo], timeout=6.0))

    assert result["failed"]
    (leaked,) = result["clusters"]["solo"]["leaked"]
    assert leaked["object"] == "Istio default"
    assert "sailoperator.io/sail-operator" in leaked["reason"]
    assert result["clusters"]["solo"]["finalizers_cleared"] == []

    solo.kubectl("delete", "namespace", "sail-operator")
    of_solo = assert_wiped(wiped(parameters([solo])), solo)
    assert of_solo["finalizers_cleared"] == ["Istio default: sailoperator.io/sail-operator"]
    assert not solo.exists("crd", "istios.sailoperator.io")


def test_what_someone_elses_finalizer_holds_is_named_and_nothing_hangs(solo: Cluster) -> None:
    solo.apply(namespace("istio-system"))
    solo.apply(config_map("istio-system", "held", labels=OURS, finalizers=["example.org/busy"]))

    first = wiped(parameters([solo], timeout=3.0))
    assert (first["changed"], first["failed"]) == (True, True)
    # The namespace controller says so some seconds after the deletion.
    solo.wait_for("condition=NamespaceFinalizersRemaining", "namespace/istio-system")
    again = wiped(parameters([solo], timeout=1.0))

    assert (again["changed"], again["failed"]) == (False, True)
    reasons = {kept["object"]: kept["reason"] for kept in again["clusters"]["solo"]["leaked"]}
    assert set(reasons) == {"ConfigMap istio-system/held", "Namespace istio-system"}
    assert "waits for finalizer example.org/busy" in reasons["ConfigMap istio-system/held"]
    assert "ConfigMap istio-system/held has finalizer example.org/busy" in reasons["Namespace istio-system"]
    assert "NamespaceFinalizersRemaining" in reasons["Namespace istio-system"]
    assert "solo (ConfigMap istio-system/held)" in again["msg"]

    solo.kubectl("patch", "configmap", "held", "-n", "istio-system", "-p", '{"metadata":{"finalizers":null}}')
    solo.wait_for("delete", "namespace/istio-system")
    assert_second_run_changes_nothing(parameters([solo]))


def test_no_namespace_is_sent_to_hang_on_a_dead_api(solo: Cluster) -> None:
    service = {"name": "gone", "namespace": "default"}
    spec = {"group": "metrics.k8s.io", "version": "v1beta1", "service": service, "insecureSkipTLSVerify": True}
    solo.apply(
        namespace("istio-system"),
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {**spec, "groupPriorityMinimum": 100, "versionPriority": 100},
        },
    )
    solo.wait_for("condition=Available=false", "apiservice/v1beta1.metrics.k8s.io")
    try:
        result = wiped(parameters([solo]))
        assert result["failed"]
        (leaked,) = result["clusters"]["solo"]["leaked"]
        assert leaked["object"] == "Namespace istio-system"
        assert "API group metrics.k8s.io/v1beta1 does not answer" in leaked["reason"]
        assert solo.get("namespace", "istio-system")["status"]["phase"] == "Active"
    finally:
        solo.kubectl("delete", "apiservice", "v1beta1.metrics.k8s.io")
    assert_wiped(wiped(parameters([solo])), solo)
    assert not solo.exists("namespace", "istio-system")


def test_keep_crds_keeps_types_and_what_users_made_of_them(solo: Cluster) -> None:
    solo.helm("istio-base", "base", "istio-system")
    solo.apply(namespace("app"))
    # kubectl waits for a condition only where there is any already.
    solo.wait_for("jsonpath={.status.acceptedNames.kind}=VirtualService", "crd/virtualservices.networking.istio.io")
    solo.wait_for("condition=Established", "crd/virtualservices.networking.istio.io")
    solo.apply(virtual_service("app", "reviews"), virtual_service("app", "replica", labels=OURS))

    of_solo = assert_wiped(wiped(parameters([solo], keep_crds=True)), solo)

    assert "VirtualService app/reviews" in objects(of_solo["stays"])
    assert solo.exists("virtualservice", "-n", "app", "reviews")
    assert not solo.exists("virtualservice", "-n", "app", "replica")
    assert not solo.exists("namespace", "istio-system")
    assert_second_run_changes_nothing(parameters([solo], keep_crds=True))
    assert_wiped(wiped(parameters([solo])), solo)
    assert not solo.exists("crd", "virtualservices.networking.istio.io")
    solo.kubectl("delete", "namespace", "app")


class TestClusterThatIsAway:
    def options(self, solo: Cluster, peer: Cluster, unreachable: str) -> dict[str, Any]:
        solo.apply(namespace("istio-system"), config_map("default", "ours", labels=OURS))
        peer.apply(namespace("istio-system"), remote_secret("istio-remote-secret-away", "away"))
        options = parameters([solo], [peer], unreachable=unreachable)
        options["clusters"].append({"name": "away", "host": "https://127.0.0.1:1", "api_key": "x"})
        return options

    def test_the_others_are_wiped_and_the_failure_names_it(self, solo: Cluster, peer: Cluster) -> None:
        result = wiped(self.options(solo, peer, "fail"))
        assert result["failed"]
        assert "away: " in result["msg"]
        assert result["clusters"]["solo"]["leaked"] == []
        assert not solo.exists("configmap", "-n", "default", "ours")
        # Taking away the secret of a cluster that does not answer can wedge an istiod.
        assert peer.exists("secret", "-n", "istio-system", "istio-remote-secret-away")

    def test_ignored_it_is_a_warning_and_the_peers_forget_it(self, solo: Cluster, peer: Cluster) -> None:
        result = wiped(self.options(solo, peer, "ignore"))
        assert not result.get("failed"), result["msg"]
        assert any(warning.startswith("away: ") for warning in result["warnings"])
        assert not solo.exists("configmap", "-n", "default", "ours")
        assert not peer.exists("secret", "-n", "istio-system", "istio-remote-secret-away")


class TestPlaybook:
    def play(self, lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
        playbook = Path(sys.executable).with_name("ansible-playbook")
        command = [str(playbook), "-i", str(lab.inventory), "--diff", *arguments, "onemesh.istio.wipe"]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    def test_without_a_limit_it_asks_for_a_confirmation(self, lab: Lab) -> None:
        done = self.play(lab, "-e", "wipe_confirmed=false")
        assert done.returncode != 0
        assert "set wipe_confirmed to true" in " ".join(done.stdout.split())

    def test_a_limit_is_one_and_the_other_hosts_are_peers(self, lab: Lab) -> None:
        lab.wiped.apply(namespace("istio-system"), remote_secret("istio-remote-secret-peer", "peer"))
        lab.peer.apply(namespace("istio-system"), remote_secret("istio-remote-secret-solo", "solo"))
        done = self.play(lab, "--limit", "solo")
        assert done.returncode == 0, done.stdout
        assert "-Secret istio-system/istio-remote-secret-peer" in done.stdout
        assert not lab.wiped.exists("namespace", "istio-system")
        assert not lab.peer.exists("secret", "-n", "istio-system", "istio-remote-secret-solo")
        again = self.play(lab, "--limit", "solo")
        assert "changed=0" in again.stdout
        assert again.returncode == 0
