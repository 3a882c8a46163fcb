# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation does beside the usual: no address, nothing to expose, two revisions, a Helm that was killed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DEPLOYMENT, SECRET
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import GATEWAY as KIND
from support.lab_runs import CONTROL_PLANE, GATEWAY, NAMESPACE, Lab

pytestmark = pytest.mark.lab
EXPOSE = "Expose the named services to other networks, and no others"


def releases(lab: Lab, cluster: str, name: str) -> dict[str, str]:
    """Secret and status of each revision of a Helm release."""
    found = lab.clients[cluster].list(SECRET, NAMESPACE, label_selector=f"owner=helm,name={name}")
    return {each["metadata"]["name"]: each["metadata"]["labels"]["status"] for each in found}


def test_services_that_are_no_longer_named_are_no_longer_exposed(mesh: Lab) -> None:
    def exposed() -> list[bool]:
        found = [client.find(KIND, "cross-network-gateway", NAMESPACE) for client in mesh.clients.values()]
        return [each is not None for each in found]

    assert exposed() == [True, True]
    checked = mesh.run(GATEWAY, arguments=["--check"]).succeeded()
    assert exposed() == [True, True]
    run = mesh.run(GATEWAY).succeeded()
    assert sorted(run.changed) == sorted(checked.changed) == [(name, EXPOSE) for name in ("east", "west")]
    assert exposed() == [False, False]
    assert mesh.run(GATEWAY).succeeded().changed == []


def test_a_gateway_without_an_address_fails_when_its_time_is_over(mesh: Lab) -> None:
    values = mesh.variables["eastwest_gateway_values"]
    variables: dict[str, Any] = {
        "eastwest_gateway_name": "no-address",
        "eastwest_gateway_timeout": 2,
        "eastwest_gateway_values": {
            **values,
            "replicaCount": 0,
            "service": {"annotations": {"meshlab/load-balancer": "none"}},
        },
    }
    try:
        run = mesh.run(GATEWAY, variables=variables).failed()
    finally:
        for cluster in mesh.hosts:
            mesh.clusters[cluster].program(
                "helm", "uninstall", "no-address", "--namespace", NAMESPACE, "--ignore-not-found"
            )
    for cluster in ("east", "west"):
        assert (
            f"{cluster}: gateway istio-system/no-address has no address after 2 s: its load balancer has no"
            in run.output
        )
    assert "check that the cluster has a load balancer controller" in run.output
    assert "its load balancer has no address yet (for 0 s)" in run.output, "progress is shown while it waits"


def test_two_revisions_run_side_by_side(mesh: Lab) -> None:
    second = {"control_plane_revision": "second", "control_plane_default_revision": "default"}
    try:
        mesh.run(CONTROL_PLANE, variables=second, arguments=["--limit", "west"]).succeeded()
        istiods = mesh.clients["west"].list(DEPLOYMENT, NAMESPACE, label_selector="app=istiod")
        assert sorted(each["metadata"]["name"] for each in istiods) == ["istiod", "istiod-second"]
        assert mesh.run(CONTROL_PLANE, arguments=["--limit", "west"]).succeeded().changed == []
    finally:
        mesh.clusters["west"].program(
            "helm", "uninstall", "istiod-second", "--namespace", NAMESPACE, "--ignore-not-found"
        )


def test_a_helm_that_was_killed_in_an_upgrade_is_recovered(mesh: Lab) -> None:
    values = mesh.variables["control_plane_values"]
    changed: dict[str, Any] = {
        "control_plane_values": {**values, "podLabels": {"example.org/upgrade": uuid.uuid4().hex}}
    }
    west = mesh.clients["west"]
    mesh.meshlab("fault api-delay", "west", "60")
    try:
        before = set(releases(mesh, "west", "istiod"))
        running = mesh.start(CONTROL_PLANE, variables=changed, arguments=["--limit", "west"])
        try:
            for event in west.watch(SECRET, NAMESPACE, timeout=60, label_selector="owner=helm,name=istiod"):
                metadata = event.object["metadata"]
                if metadata["name"] not in before and metadata["labels"]["status"] == "pending-upgrade":
                    break
        finally:
            running.kill()
    finally:
        mesh.meshlab("fault clear")
    (pending,) = set(releases(mesh, "west", "istiod")) - before
    assert releases(mesh, "west", "istiod")[pending] == "pending-upgrade"

    run = mesh.run(CONTROL_PLANE, variables=changed, arguments=["--limit", "west"]).succeeded()
    (istiod,) = [
        each
        for each in run.of("Install Istio's charts").result["clusters"]["west"]["releases"]
        if each["name"] == "istiod"
    ]
    assert (istiod["recovered"], istiod["action"]) == (pending, "upgraded")
    assert "west: release istiod is pending-upgrade: giving Helm 15 s to finish" in run.output
    assert [status for status in releases(mesh, "west", "istiod").values() if status == "deployed"] == ["deployed"]
    again = mesh.run(CONTROL_PLANE, variables=changed, arguments=["--limit", "west"]).succeeded()
    assert again.changed == []
