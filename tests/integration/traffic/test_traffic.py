# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers whom in a mesh of two clusters, told by the application itself, with istioctl as a witness.

Faults are part of it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from traffic_mesh import Mesh, eventually, meshlab

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("source", ["east", "west"])
def test_both_clusters_answer_requests_from_each(mesh: Mesh, source: str) -> None:
    seen: Counter[str] = Counter()

    def both() -> bool:
        seen.update(mesh.answers(source))
        return {"east", "west"} <= set(seen)

    eventually(both, lambda: seen)


def test_what_leaves_a_cluster_is_encrypted_and_passes_the_gateway_of_the_other(mesh: Mesh) -> None:
    """The listener of west's gateway counts connections while east asks west."""
    eventually(lambda: "west" in mesh.answers("east"), lambda: "west never answered")
    pod = mesh.kubectl(
        "west",
        "get",
        "pods",
        "-n",
        "istio-system",
        "-l",
        "istio=eastwestgateway",
        "-o",
        "jsonpath={.items[0].metadata.name}",
    )
    listener = mesh.istioctl("west", "proxy-config", "listener", f"{pod}.istio-system", "--port", "15443", "-o", "json")
    assert "outbound_.80_._.echo.app.svc.cluster.local" in listener


def test_with_the_gateway_of_west_stopped_east_is_answered_by_east_only(mesh: Mesh) -> None:
    meshlab("fault gateway-down", "west")
    try:
        eventually(lambda: set(mesh.answers("east")) == {"east"}, lambda: mesh.answers("east"))
    finally:
        meshlab("fault clear")
    eventually(lambda: "west" in mesh.answers("east"), lambda: mesh.answers("east"))


@pytest.mark.parametrize(("source", "target"), [("east", "west"), ("west", "east")])
def test_istioctl_agrees_with_verify(mesh: Mesh, tmp_path: Path, source: str, target: str) -> None:
    report = tmp_path / "report.json"
    done = mesh.playbook("verify", verify_report_file=str(report))
    assert done.returncode == 0, done.stdout
    assert json.loads(report.read_text())["matrix"][source][target]["ok"]
    assert re.search(rf"^{target}\s.*\ssynced\s", mesh.istioctl(source, "remote-clusters"), re.MULTILINE)
    gateway = mesh.kubectl(
        target,
        "get",
        "service",
        "istio-eastwestgateway",
        "--namespace",
        "istio-system",
        "--output",
        "jsonpath={.status.loadBalancer.ingress[0].ip}",
    )
    endpoints = mesh.istioctl(
        source, "proxy-config", "endpoint", "deploy/echo.app", "--cluster", "outbound|80||echo.app.svc.cluster.local"
    )
    assert f"{gateway}:15443" in endpoints


def test_the_mesh_goes_on_while_one_control_plane_is_gone(mesh: Mesh) -> None:
    """Proxies keep what istiod told them last."""
    mesh.kubectl("east", "scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=0")
    try:
        pods = ("get", "pods", "--namespace", "istio-system", "--selector=app=istiod", "--output=name")
        eventually(lambda: not mesh.kubectl("east", *pods), lambda: mesh.kubectl("east", *pods))
        eventually(lambda: set(mesh.answers("east", 40)) == {"east", "west"}, lambda: mesh.answers("east", 40))
        eventually(lambda: set(mesh.answers("west", 40)) == {"east", "west"}, lambda: mesh.answers("west", 40))
    finally:
        mesh.kubectl("east", "scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=1")
        mesh.kubectl("east", "rollout", "status", "deployment/istiod", "--namespace", "istio-system", "--timeout=90s")
