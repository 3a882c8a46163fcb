# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import ProxySync
from ansible_collections.onemesh.istio.plugins.module_utils._proof import acknowledged, serving
from ansible_collections.onemesh.istio.plugins.module_utils._proof.acknowledged import AcknowledgedOutcome
from ansible_collections.onemesh.istio.plugins.module_utils._proof.arrivals import Between
from ansible_collections.onemesh.istio.plugins.module_utils._proof.levels import Changed


def proxy(name: str, kind: str = "sidecar", cluster: str = "east") -> ProxySync:
    return ProxySync(name, cluster, kind, "", {})


def test_gateways_and_the_proxies_next_to_the_change_are_looked_at_first() -> None:
    connected = [
        *(proxy(f"other-{number}.elsewhere") for number in range(9)),
        proxy("the-echo.app"),
        proxy("the-echo.app", cluster="west"),
        proxy("edge.istio-system", "router"),
        proxy("way.app", "waypoint"),
    ]
    assert serving.sample(connected, "east", ["app"]) == [
        "edge.istio-system",
        "the-echo.app",
        "other-0.elsewhere",
        "other-1.elsewhere",
        "other-2.elsewhere",
        "other-3.elsewhere",
    ]


def test_the_services_that_an_object_names_are_next_to_it() -> None:
    rule: dict[str, Any] = {
        "kind": "DestinationRule",
        "metadata": {"name": "a", "namespace": "routes"},
        "spec": {"host": "echo.app.svc.cluster.local"},
    }
    service: dict[str, Any] = {
        "kind": "VirtualService",
        "metadata": {"name": "a", "namespace": "routes"},
        "spec": {"hosts": ["shop.example.com"], "http": [{"route": [{"destination": {"host": "cart.shop.svc.x.y"}}]}]},
    }
    changes = [Changed(None, each, 0, 0) for each in (rule, service)]
    assert serving.namespaces_of(changes) == ["routes", "app", "shop"]


def outcome(not_before: float, at: float | None) -> AcknowledgedOutcome:
    return AcknowledgedOutcome(at, Between(not_before, at or not_before), {}, (), {})


@pytest.mark.parametrize(
    ("outcomes", "milliseconds"),
    [
        ([], 0),
        ([outcome(1.0, 1.3)], 0),
        ([outcome(1.0, 1.3), outcome(1.0, 1.3)], 300),
        ([outcome(1.0, 1.3), outcome(2.0, 2.3)], 1300),
        ([outcome(1.0, 1.3), outcome(5.0, None)], 0),
    ],
)
def test_the_time_between_the_first_cluster_and_the_last_is_an_upper_bound(
    outcomes: list[AcknowledgedOutcome], milliseconds: float
) -> None:
    assert acknowledged.compute_skew(outcomes) == pytest.approx(milliseconds)
