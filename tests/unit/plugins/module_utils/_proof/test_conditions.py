# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._proof import conditions

OURS, OTHER = "istio.io/gateway-controller", "example.com/controller"
SERVICE = {"group": "", "kind": "Service", "name": "web", "port": 8000}
GATEWAY = {"name": "edge"}


def condition(
    kind: str, status: str = "True", generation: int = 2, reason: str = "", message: str = ""
) -> dict[str, Any]:
    return {"type": kind, "status": status, "observedGeneration": generation, "reason": reason, "message": message}


GOOD = (condition("Accepted"), condition("ResolvedRefs"))


def entry(parent: dict[str, Any], *said: dict[str, Any], controller: str = OURS) -> dict[str, Any]:
    # As recorded: the API server fills in group and kind of a Gateway.
    full = parent if "kind" in parent else {"group": "gateway.networking.k8s.io", "kind": "Gateway", **parent}
    return {"parentRef": full, "controllerName": controller, "conditions": list(said)}


def route(parents: list[dict[str, Any]], entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "web", "namespace": "app", "generation": 2},
        "spec": {"parentRefs": parents},
        "status": {"parents": entries},
    }


@pytest.mark.parametrize(
    ("live", "waiting", "refused"),
    [
        pytest.param(route([SERVICE], [entry(SERVICE, *GOOD)]), "", "", id="accepted"),
        pytest.param(route([], []), "", "", id="no parent, nothing to accept"),
        pytest.param(
            route([SERVICE], [entry(SERVICE, condition("Accepted", generation=1), condition("ResolvedRefs"))]),
            "Service app/web port 8000: Accepted is not said of generation 2 yet",
            "",
            id="of the generation before",
        ),
        pytest.param(
            route([SERVICE, GATEWAY], [entry(SERVICE, *GOOD)]),
            "no controller says anything of its parent Gateway app/edge",
            "",
            id="one parent unheard",
        ),
        pytest.param(
            route([SERVICE, GATEWAY], [entry(SERVICE, *GOOD), entry(GATEWAY, controller=OTHER)]),
            "",
            "",
            id="a parent of somebody else",
        ),
        pytest.param(
            route(
                [GATEWAY], [entry(GATEWAY, condition("Accepted", "False", reason="NotAllowed", message="no"), GOOD[1])]
            ),
            "",
            "Gateway app/edge: Accepted is False (NotAllowed): no",
            id="refused",
        ),
        pytest.param(
            route([GATEWAY], [entry(GATEWAY, condition("Accepted", "Unknown", message="soon"), GOOD[1])]),
            "Gateway app/edge: Accepted is Unknown: soon",
            "",
            id="not decided",
        ),
        pytest.param(
            route([{**GATEWAY, "sectionName": "a"}], [entry({**GATEWAY, "sectionName": "b"}, *GOOD)]),
            "no controller says anything of its parent Gateway app/edge section a",
            "",
            id="another listener of the same gateway",
        ),
    ],
)
def test_a_route_is_accepted_by_each_parent_of_istio(live: dict[str, Any], waiting: str, refused: str) -> None:
    verdict = conditions.judge(live)
    assert ("; ".join(verdict.waiting), "; ".join(verdict.refused)) == (waiting, refused)
    assert verdict.accepted is not (waiting or refused != "")


@pytest.mark.parametrize(
    ("programmed", "listener", "accepted"),
    [("True", "True", True), ("False", "True", False), ("True", "False", False)],
)
def test_a_gateway_is_accepted_with_all_its_listeners(programmed: str, listener: str, accepted: bool) -> None:
    said = [condition("Accepted"), condition("ResolvedRefs"), condition("Programmed", listener)]
    live = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "app", "generation": 2},
        "status": {
            "conditions": [condition("Accepted"), condition("Programmed", programmed)],
            "listeners": [{"name": "http", "conditions": said}],
        },
    }
    assert conditions.judge(live).accepted is accepted


@pytest.mark.parametrize(
    ("api_version", "kind", "has"),
    [
        ("gateway.networking.k8s.io/v1", "HTTPRoute", True),
        ("gateway.networking.k8s.io/v1", "Gateway", True),
        ("networking.istio.io/v1", "Gateway", False),
        ("networking.istio.io/v1", "VirtualService", False),
        ("v1", "Service", False),
    ],
)
def test_istio_writes_conditions_for_the_gateway_api_only(api_version: str, kind: str, has: bool) -> None:
    assert conditions.has_conditions({"apiVersion": api_version, "kind": kind}) is has
