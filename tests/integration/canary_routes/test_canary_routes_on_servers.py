# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of a release are valid to the API server and to istiod, and are read back as they were written."""

from __future__ import annotations

import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import TrafficSplit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.affinity import Affinity
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.routes import (
    RouteRules,
    Sides,
    find_sides,
    make_desired,
    read_traffic,
)
from ansible_collections.onemesh.istio.plugins.module_utils._istio.routes import RouteSelection
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    GRPC_ROUTE,
    HTTP_ROUTE,
    TCP_ROUTE,
    VIRTUAL_SERVICE,
    Kind,
)
from support import control_plane

Json = dict[str, Any]

SUBSETS = Sides("v1", "v2")
BACKENDS = Sides("reviews-v1", "reviews-v2")
STICKY = Affinity("canary.user", stable_cookie_name="stable-user")


def rules(**options: Any) -> RouteRules:
    return RouteRules(RouteSelection(), "reviews", affinity=STICKY, **options)


def to(subset: str, weight: int, **more: Any) -> Json:
    return {"destination": {"host": "reviews", "subset": subset}, "weight": weight, **more}


def backend(name: str, weight: int, **more: Any) -> Json:
    return {"name": name, "port": 9080, "weight": weight, **more}


def made(kind: Kind, **spec: Any) -> Json:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": spec,
    }


HEADERS = {"response": {"add": {"x-side": "v2"}}}
FILTER = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x-side", "value": "v2"}]}}
GATEWAY_MATCH = {"headers": [{"name": "x-user", "value": "insider"}], "queryParams": [{"name": "beta", "value": "1"}]}
REFERENCE = {"parentRefs": [{"group": "", "kind": "Service", "name": "reviews", "port": 9080}]}

OBJECTS: dict[str, tuple[Json, Sides, RouteRules]] = {
    "VirtualService": (
        made(
            VIRTUAL_SERVICE,
            hosts=["reviews"],
            http=[
                {"match": [{"uri": {"prefix": "/admin"}}], "route": [{"destination": {"host": "admin"}}]},
                {
                    "match": [{"uri": {"prefix": "/reviews"}}, {"uri": {"exact": "/stars"}, "port": 9080}],
                    "timeout": "3s",
                    "route": [to("v1", 100), to("v2", 0, headers=HEADERS)],
                },
                {"mirrors": [{"destination": {"host": "audit"}}], "route": [to("v1", 100), to("v2", 0)]},
            ],
        ),
        SUBSETS,
        rules(
            match=(
                {"headers": {"x-user": {"exact": "insider"}}, "sourceLabels": {"app": "web"}},
                {"headers": {"cookie2": {"regex": ".*beta=1.*"}}},
            )
        ),
    ),
    "a delegate": (
        made(VIRTUAL_SERVICE, http=[{"route": [to("v1", 100), to("v2", 0)]}]),
        SUBSETS,
        rules(match=({"queryParams": {"beta": {"exact": "1"}}},)),
    ),
    "a segment": (
        made(VIRTUAL_SERVICE, hosts=["reviews"], http=[{"route": [to("v1", 100), to("v2", 0)]}]),
        SUBSETS,
        rules(match=({"headers": {"x-user": {"prefix": "in"}}},), segment=True),
    ),
    "HTTPRoute of a Service": (
        made(
            HTTP_ROUTE,
            **REFERENCE,
            rules=[
                {"backendRefs": [backend("reviews-v1", 100), backend("reviews-v2", 0, filters=[FILTER])]},
                {
                    "matches": [{"path": {"value": "/x"}, "headers": [{"name": "x-lang", "value": "de"}]}],
                    "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "a", "port": 1}}}],
                    "backendRefs": [backend("reviews-v1", 100), backend("reviews-v2", 0)],
                },
            ],
        ),
        BACKENDS,
        rules(match=(GATEWAY_MATCH,)),
    ),
    "HTTPRoute of a Gateway, total 1000": (
        made(
            HTTP_ROUTE,
            parentRefs=[{"name": "shop", "sectionName": "http"}],
            rules=[{"name": "shop", "backendRefs": [backend("reviews-v1", 1000), backend("reviews-v2", 0)]}],
        ),
        BACKENDS,
        rules(match=({"path": {"value": "/beta"}},), total=1000),
    ),
    "GRPCRoute": (
        made(GRPC_ROUTE, **REFERENCE, rules=[{"backendRefs": [backend("reviews-v1", 100), backend("reviews-v2", 0)]}]),
        BACKENDS,
        rules(match=({"method": {"service": "shop.Cart"}},)),
    ),
}

STEPS: list[Json] = [
    {"mirror": 30},
    {"canary": 10, "mirror": 100, "cookie": "abc"},
    {"canary": 50, "matched": True, "cookie": "abc"},
    {"canary": 100, "cookie": "abc"},
    {"matched": True, "expired": ("abc", "older")},
    {},
]


def traffic(step: Json, total: int) -> TrafficSplit:
    canary = step.get("canary", 0) * total // 100
    return TrafficSplit(**{**step, "canary": canary, "stable": total - canary})


@pytest.mark.parametrize(("manifest", "sides", "options"), OBJECTS.values(), ids=OBJECTS)
def test_every_step_is_valid_and_read_back_as_written(
    client: Client, manifest: Json, sides: Sides, options: RouteRules, tmp_path: Path
) -> None:
    kind = client.find_kind(manifest)
    client.delete(kind, "reviews", "shop")
    before = client.create(manifest)
    live = before
    for step in STEPS:
        wanted = traffic(step, options.total)
        written = make_desired(live, sides, options, wanted)
        _judge(tmp_path, written)
        client.replace(written, field_manager="test")
        live = client.get(kind, "reviews", "shop")
        assert live["spec"] == written["spec"], step
        assert make_desired(live, sides, options, wanted) == live
        assert read_traffic(live, sides, options) == wanted
        assert find_sides(live, sides) >= wanted.sides
    assert live["spec"] == before["spec"]


def test_tcp_routes_have_weights(client: Client) -> None:
    client.create(made(TCP_ROUTE, **REFERENCE, rules=[{"backendRefs": [backend("reviews-v1", 1), backend("b", 0)]}]))
    live = client.get(TCP_ROUTE, "reviews", "shop")
    options = RouteRules(RouteSelection(), "reviews")
    written = make_desired(live, Sides("reviews-v1", "b"), options, TrafficSplit(30, 70))
    client.replace(written, field_manager="test", dry_run=True)
    assert read_traffic(written, Sides("reviews-v1", "b"), options) == TrafficSplit(30, 70)


def _judge(folder: Path, manifest: Json) -> None:
    """What istiod's webhook would say of an object of Istio."""
    if manifest["kind"] != VIRTUAL_SERVICE.kind:
        return
    binaries = control_plane.binaries_folder()
    assert binaries is not None
    path = folder / "object.yaml"
    plain = deepcopy(manifest)
    plain["metadata"] = {name: plain["metadata"][name] for name in ("name", "namespace")}
    path.write_text(yaml.safe_dump(plain))
    command = [str(binaries / "istioctl"), "validate", "-f", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "Warning" not in said, said
