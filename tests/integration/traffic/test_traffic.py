# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who answers whom in a mesh of two clusters, told by the application itself.

Faults are part of it.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from typing import Any

import pytest
from answers import answers, ask, clusters_of
from meshlab import layout
from support import wire
from support.mesh import HOST, Mesh, eventually

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("source", ["east", "west"])
def test_both_clusters_answer_requests_from_each(mesh: Mesh, source: str) -> None:
    seen: Counter[str] = Counter()

    def both() -> bool:
        seen.update(answers(mesh, source))
        return {"east", "west"} <= set(seen)

    eventually(both, lambda: seen)


ONE_REQUEST_A_CONNECTION: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "DestinationRule",
    "metadata": {"name": "one-request", "namespace": "app"},
    "spec": {"host": HOST, "trafficPolicy": {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}}},
}
"""So that requests can be told by their connections."""
SNI = f"outbound_.80_._.{HOST}"


def connections(mesh: Mesh) -> int:
    """How many the gateway of west has made to its echo server, as its Envoy counts them."""
    listed = mesh.envoy_clusters("west", "istio-system/istio-eastwestgateway")
    counted = re.findall(rf"^{re.escape(SNI)}::[^:]+:\d+::cx_total::(\d+)$", listed, re.MULTILINE)
    assert counted, listed
    return sum(map(int, counted))


def test_what_leaves_a_cluster_is_encrypted_and_passes_the_gateway_of_the_other(mesh: Mesh) -> None:
    """Each answer of west is a connection that its gateway counts, and between the clusters there is only TLS."""
    secret = uuid.uuid4().hex
    with mesh.east.applied(ONE_REQUEST_A_CONNECTION), wire.payloads(wan(mesh), layout.EAST_WEST_PORT) as payloads:
        seen: list[tuple[int, int]] = []

        def each_answer_of_west_is_a_connection() -> bool:
            before = connections(mesh)
            told = ask(mesh, "east", 20, f"--header=x-secret:{secret}")
            answered = clusters_of(told)["west"]
            assert told.lower().count(f"x-secret:{secret}") >= answered, "requests have the header"
            seen.append((answered, connections(mesh) - before))
            return 0 < seen[-1][0] == seen[-1][1]

        eventually(each_answer_of_west_is_a_connection, lambda: seen)
    names = [name for each in payloads if (name := wire.server_name(each)) is not None]
    assert len(names) >= seen[-1][0]
    assert set(names) == {SNI}
    assert not any(secret.encode() in each for each in payloads)


def wan(mesh: Mesh) -> str:
    """The network namespace through which clusters reach each other."""
    return layout.Lab(mesh.lab.name, layout.home()).wan_namespace


def test_with_the_gateway_of_west_stopped_east_is_answered_by_east_only(mesh: Mesh) -> None:
    with mesh.lab.fault("gateway-down", "west"):
        eventually(lambda: set(answers(mesh, "east")) == {"east"}, lambda: answers(mesh, "east"))
    eventually(lambda: "west" in answers(mesh, "east"), lambda: answers(mesh, "east"))


def test_the_mesh_goes_on_while_one_control_plane_is_gone(mesh: Mesh) -> None:
    """Proxies keep what istiod told them last."""
    mesh.east.kubectl("scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=0")
    try:
        pods = ("get", "pods", "--namespace", "istio-system", "--selector=app=istiod", "--output=name")
        eventually(lambda: not mesh.east.kubectl(*pods), lambda: mesh.east.kubectl(*pods))
        eventually(lambda: set(answers(mesh, "east", 40)) == {"east", "west"}, lambda: answers(mesh, "east", 40))
        eventually(lambda: set(answers(mesh, "west", 40)) == {"east", "west"}, lambda: answers(mesh, "west", 40))
    finally:
        mesh.east.kubectl("scale", "deployment/istiod", "--namespace", "istio-system", "--replicas=1")
        mesh.east.kubectl("rollout", "status", "deployment/istiod", "--namespace", "istio-system", "--timeout=90s")
