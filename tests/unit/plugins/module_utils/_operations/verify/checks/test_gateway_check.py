# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check gateway: one row for each cause that it names."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import NetworkGateway
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import ProxyRejection
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    PODS,
    Breaks,
    Cause,
    assert_first_failure,
    change,
    change_gateway,
    change_istiod,
    for_each_cause,
    healthy,
    host,
    verdicts,
)

CAUSES: list[Cause] = [
    (
        "no gateway",
        change("west", gateways=()),
        *("west", "no gateway for network west", "role eastwest_gateway", False),
    ),
    (
        "a gateway that is stopped",
        change_gateway(ready_pods=0),
        *("west", "has no ready pod of 1", "-l istio=eastwestgateway", True),
    ),
    (
        "a gateway without an address",
        change_gateway(addresses=(), reason="its load balancer has no address yet", remedy="use NodePort"),
        *("west", "load balancer has no address", "NodePort", True),
    ),
    (
        "a gateway that rejects its configuration",
        change_istiod(
            "west", rejections=(ProxyRejection("gateway-west.istio-system", "Listener", "no 'istio.stats'"),)
        ),
        *("west", "rejects its Listener configuration: no 'istio.stats'", "EnvoyFilter", True),
    ),
    (
        "a gateway that istiod does not know",
        change_istiod("east", gateways=()),
        *("east", "knows no gateway for network west; the one of west is at 172.31.2.1:15443", "", True),
    ),
    (
        "a gateway that has moved",
        change_istiod("east", gateways=(NetworkGateway("west", "west", "172.31.2.9", 15443, 0),)),
        *("east", "172.31.2.9:15443 for the gateway of west, but its Service is at 172.31.2.1", "", True),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("gateway", broken, where, cause, remedy, eventual)


def test_a_stopped_gateway_breaks_one_direction_only() -> None:
    fleet, seen = healthy()
    change_gateway(ready_pods=0)(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert [key for key, pair in pairs.items() if not pair.ok] == [("east", "west")]


def test_on_one_network_there_is_no_gateway_to_check() -> None:
    fleet, seen = healthy()
    for name in fleet:
        istiod = replace(fleet[name].istiods[0], network="flat", gateways=())
        fleet[name] = replace(fleet[name], network="flat", namespace_network="", gateways=(), istiods=(istiod,))
    seen["east", "west"] = replace(seen["east", "west"], endpoints=(host(PODS["west"], 8080),))
    pair = verdicts(fleet, seen)["east", "west"]
    assert {check.name: check.state for check in pair.checks}["gateway"] == "skipped"
    assert pair.ok


def test_a_gateway_whose_host_name_istiod_cannot_resolve_is_said_to_be_so() -> None:
    fleet, seen = healthy()
    change_gateway(addresses=(("gateway.example.org", 15443),))(fleet, seen)
    change_istiod("east", gateways=())(fleet, seen)
    failure = verdicts(fleet, seen)["east", "west"].failure
    assert failure is not None
    assert "at the host name gateway.example.org:15443, which istiod has to resolve itself" in failure.cause
    assert "see that gateway.example.org resolves in pods of east" in failure.remedy


def test_a_gateway_with_a_host_name_is_known_by_what_it_resolves_to() -> None:
    fleet, seen = healthy()
    change_gateway(addresses=(("gateway.example.org", 15443),))(fleet, seen)
    assert verdicts(fleet, seen)["east", "west"].ok
