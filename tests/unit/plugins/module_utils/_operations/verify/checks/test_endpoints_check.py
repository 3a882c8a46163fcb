# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check endpoints: one row for each cause that it names."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import ProxyRejection, ProxySample
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    GATEWAYS,
    PODS,
    Breaks,
    Cause,
    Fleet,
    Seen,
    assert_first_failure,
    change,
    change_istiod,
    change_traffic,
    for_each_cause,
    healthy,
    host,
    verdicts,
)


def cut_off(fleet: Fleet, seen: Seen) -> None:
    change_istiod("east", probe_shards=frozenset({"east"}))(fleet, seen)
    change_traffic(endpoints=())(fleet, seen)


CAUSES: list[Cause] = [
    (
        "a probe's proxy that rejects its configuration",
        change_istiod("east", rejections=(ProxyRejection("probe-east.onemesh-verify", "Cluster", "bad"),)),
        *("east", "rejects its Cluster configuration: bad", "EnvoyFilter", True),
    ),
    (
        "no endpoint",
        change_traffic(endpoints=()),
        *("east", "holds no endpoint of west", "injected", True),
    ),
    (
        "an istiod that is cut off from an API server",
        cut_off,
        *("east", "has not heard of the workload in west", "reach https://west:6443 now", True),
    ),
    (
        "only unhealthy endpoints",
        change_traffic(endpoints=(host(*GATEWAYS["west"], "UNHEALTHY"),)),
        *("east", "unhealthy: 172.31.2.1:15443", "ready", True),
    ),
    (
        "a raw pod address of another network",
        change_traffic(endpoints=(host(PODS["west"], 8080),)),
        *("east", f"holds {PODS['west']}, a pod's own address on network west", "gateway", True),
    ),
    (
        "a raw pod address in another proxy",
        change("east", sample=ProxySample("shop-1.shop", frozenset({PODS["west"]}))),
        *("east", PODS["west"], "gateway", True),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("endpoints", broken, where, cause, remedy, eventual)


def test_equal_pod_addresses_in_two_networks_are_no_stray_addresses() -> None:
    fleet, seen = healthy()
    for name in fleet:
        fleet[name] = replace(
            fleet[name], pod_addresses=frozenset({"10.0.0.5"}), sample=ProxySample("a.b", frozenset({"10.0.0.5"}))
        )
    assert verdicts(fleet, seen)["east", "west"].ok


def test_without_a_probe_istiods_own_knowledge_of_endpoints_counts() -> None:
    fleet, _seen = healthy()
    pairs = verdicts(fleet, {}, no_requests="check mode makes none")
    assert pairs["east", "west"].ok
    assert pairs["east", "west"].checks[-1].cause == "check mode makes none"
    change_istiod("east", shards=frozenset({"east"}))(fleet, {})
    failure = verdicts(fleet, {}, no_requests="check mode makes none")["east", "west"].failure
    assert failure is not None
    assert failure.name == "endpoints"
