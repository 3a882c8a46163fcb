# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not divided by weights alone, told by the answers that clients of both clusters get."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from release_lab import CANARY, EVEN, NAMESPACE, REQUESTS, STABLE, Shop, list_failures
from support.fleet_runs import gateway_api
from support.mesh import NAMES, eventually
from support.receivers import Answer, receiving

NOW: dict[str, Any] = {"interval": 1, "drain": 0}


def test_the_canary_gets_copies_and_no_user_an_answer_of_it(shop: Shop) -> None:
    plan = {"plan": {**NOW, "iterations": 2, "mirror": True}}
    before = {name: shop.received(name, "reviews-v2") for name in NAMES}
    shop.release(wait_step=1, **plan).succeeded()
    shop.sees(STABLE)

    def copies() -> int:
        """At both clusters together: Envoy sends a copy and waits for no answer."""
        return sum(shop.received(name, "reviews-v2") - before[name] for name in NAMES)

    eventually(lambda: copies() >= REQUESTS, copies, within=30)
    assert shop.release(**plan).succeeded()["succeeded"]
    shop.sees(CANARY)


def test_nobody_is_switched_while_the_confirmation_of_blue_green_is_refused(shop: Shop) -> None:
    plan = {"plan": {**NOW, "iterations": 1}}
    with receiving([Answer(403)]) as refusing:
        confirm = [{"name": "confirm", "type": "confirm-promotion", "url": refusing.url}]
        phases: list[str] = []

        def waits() -> bool:
            phases.append(shop.release(webhooks=confirm, wait=False, **plan).succeeded()["phase"])
            return phases[-2:] == ["waiting_promotion"] * 2

        eventually(waits, lambda: phases)
        shop.sees(STABLE)
    with receiving([Answer(200)]) as confirming:
        confirm = [{"name": "confirm", "type": "confirm-promotion", "url": confirming.url}]
        assert shop.release(webhooks=confirm, **plan).succeeded()["succeeded"]
    shop.sees(CANARY)


def test_who_got_the_canary_once_stays_with_it(shop: Shop) -> None:
    options = {"plan": {**NOW, "step_weights": [50, 100]}, "session_affinity": {"cookie_name": "reviews-canary"}}
    shop.release(wait_step=1, **options).succeeded()
    shop.sees(EVEN)
    for name in NAMES:
        (cookie,) = set(re.findall(r"ResponseHeader=Set-Cookie:(reviews-canary=[^;]+)", shop.ask(name, REQUESTS)))
        stays = shop.requests(name, f"--header=Cookie: {cookie}")
        assert (stays.versions, stays.failed) == ({"v2": REQUESTS}, 0)
    shop.release(state="rolled_back", **options).succeeded()
    for name in NAMES:
        assert shop.requests(name, f"--header=Cookie: {cookie}").versions == {"v1": REQUESTS}


def test_an_approval_opens_nothing_for_the_next_release(shop: Shop) -> None:
    options = {
        "plan": {**NOW, "step_weights": [50, 100], "gates": [{"before_weight": 100, "name": "all"}]},
        "revision": "2",
        "wait_for_gates": False,
    }
    shop.release(**options).succeeded()
    shop.release(request="approve", gate="all", **options).succeeded()
    shop.release(state="rolled_back", **options).succeeded()
    shop.release(state="absent", **options).succeeded()
    shop.sees(STABLE)
    waiting = shop.release(**options).succeeded()
    assert (waiting["waits_for_a_person"], waiting["weights"]) == (True, dict.fromkeys(NAMES, 50))
    shop.sees(EVEN)


@pytest.fixture
def http_route(shop: Shop) -> Iterator[dict[str, Any]]:
    """An HTTPRoute in place of the VirtualService, and the release of it."""
    backends = [{"name": f"reviews-{version}", "port": 80, "weight": share} for version, share in STABLE.items()]
    parent = {"group": "", "kind": "Service", "name": "reviews", "port": 80}
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "reviews", "namespace": NAMESPACE},
        "spec": {"parentRefs": [parent], "rules": [{"backendRefs": backends}]},
    }
    services = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"reviews-{version}", "namespace": NAMESPACE},
            "spec": {
                "selector": {"app": "reviews", "version": version},
                "ports": [{"name": "http", "port": 80, "targetPort": 8080}],
            },
        }
        for version in STABLE
    ]
    options = {
        "routes": [{"kind": "HTTPRoute", "name": "reviews"}],
        "stable": "reviews-v1",
        "canary": "reviews-v2",
        "plan": {**NOW, "step_weights": [50, 100]},
    }
    with gateway_api([member.client for member in shop.fleet]):
        for cluster in shop.clusters.values():
            cluster.apply(*services, route)
            cluster.kubectl("-n", NAMESPACE, "delete", "virtualservice", "reviews")
        shop.sees(STABLE)
        yield options
        shop.release(state="absent", wait=False, **options).succeeded()
    for cluster in shop.clusters.values():
        cluster.kubectl("-n", NAMESPACE, "delete", "service", "reviews-v1", "reviews-v2")


def test_an_http_route_is_divided_as_planned_and_fails_no_request(shop: Shop, http_route: dict[str, Any]) -> None:
    with shop.load() as answered:
        shop.release(wait_step=1, **http_route).succeeded()
        shop.sees(EVEN)
        assert shop.release(**http_route).succeeded()["succeeded"]
        shop.sees(CANARY)
    assert list_failures(answered) == []
