# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a managed release that are taken away: what was ours goes in the same run, on every cluster."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import HTTP_ROUTE, VIRTUAL_SERVICE
from managed_shop import ManagedShop
from support.fault_runs import COMMIT
from support.fleet_runs import Object
from support.releases import AT_5, AT_50

PORTS: dict[str, Any] = {"port": 80, "target_port": "8080"}
APART = {**PORTS, "hosts": ["shop.example.org"], "gateways": ["edge"]}
DELEGATE = {**PORTS, "delegation": True}
POLICY = {"outlierDetection": {"consecutive5xxErrors": 3}}


def specs(managed: ManagedShop, name: str = "VirtualService web") -> list[Object]:
    """Of an object, on each cluster."""
    return [managed.found(cluster)[name]["spec"] for cluster in managed.planes.clients]


def ends(managed: ManagedShop) -> list[Object]:
    """To whom the routes answer, on each cluster."""
    return [{name: spec.get(name) for name in ("hosts", "gateways")} for spec in specs(managed)]


NOBODY = {"hosts": None, "gateways": None}


def test_a_route_becomes_a_delegate_and_back(managed: ManagedShop) -> None:
    managed.to_the_end(service=APART)
    assert ends(managed) == [{"hosts": ["shop.example.org", "web"], "gateways": ["edge"]}] * 3
    assert managed.run(service=DELEGATE).succeeded()["changed"]
    assert ends(managed) == [NOBODY] * 3
    assert not managed.run(service=DELEGATE).succeeded()["changed"]
    managed.run(service=PORTS).succeeded()
    assert ends(managed) == [{"hosts": ["web"], "gateways": ["mesh"]}] * 3


def test_it_keeps_its_weights_in_the_middle_of_a_release(managed: ManagedShop) -> None:
    managed.to_the_end(service={**APART, "timeout": "5s", "retries": {"attempts": 3}, "traffic_policy": POLICY})
    managed.new_version(2)
    managed.to_step(AT_50, service={**APART, "timeout": "5s", "retries": {"attempts": 3}, "traffic_policy": POLICY})
    managed.run(service=DELEGATE).succeeded()
    assert (ends(managed), managed.shares()) == ([NOBODY] * 3, [(50, 50)] * 3)
    assert [set(spec["http"][0]) for spec in specs(managed)] == [{"route"}] * 3
    assert specs(managed, "DestinationRule web-canary") == [{"host": "web-canary"}] * 3
    assert managed.outages == []


def test_what_was_put_back_can_be_taken_away_too(managed: ManagedShop) -> None:
    """A step that failed is put back by another way of writing than it was made by, and the fields of both are ours."""
    managed.to_the_end()
    managed.new_version(2)
    managed.to_step(AT_5)
    with managed.lost_before("west", COMMIT):
        assert "west" in managed.run().failed()
    managed.run(service={**PORTS, "app_protocol": "tcp"}, request="hold").succeeded()
    assert [sorted(spec) for spec in specs(managed)] == [["gateways", "hosts", "tcp"]] * 3


@pytest.mark.usefixtures("gateway_api")
def test_a_route_of_another_api_takes_the_place_of_the_first(managed: ManagedShop) -> None:
    routes = {"VirtualService web", "DestinationRule web-primary", "DestinationRule web-canary"}
    managed.to_the_end()
    gateway = {**PORTS, "gateway_refs": [{"name": "edge"}]}
    managed.to_the_end(service=gateway)
    for cluster, client in managed.planes.clients.items():
        assert not routes & set(managed.found(cluster)), cluster
        assert client.find(HTTP_ROUTE, "web", managed.namespace), cluster
    managed.to_the_end()
    for cluster, client in managed.planes.clients.items():
        assert routes <= set(managed.found(cluster)), cluster
        assert client.find(HTTP_ROUTE, "web", managed.namespace) is None, cluster
    assert managed.run(state="absent").succeeded()["leaked"] == []
    assert managed.client("west").find(VIRTUAL_SERVICE, "web", managed.namespace) is None
