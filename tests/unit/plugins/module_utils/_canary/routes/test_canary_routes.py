# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release makes of the routes of an object, what it sees in them, and what it refuses."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import TrafficSplit
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.affinity import Affinity, expression
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.routes import (
    RouteRules,
    Sides,
    check,
    find_sides,
    make_desired,
    read_traffic,
)
from ansible_collections.onemesh.istio.plugins.module_utils._istio.routes import RouteError, RouteSelection

Json = dict[str, Any]

SIDES = Sides("v1", "v2")
BACKENDS = Sides("reviews-v1", "reviews-v2")
INSIDER: Json = {"headers": {"x-user": {"exact": "insider"}}}
INSIDER_OF_GATEWAY: Json = {"headers": [{"name": "x-user", "value": "insider"}]}
STICKY = Affinity("canary-user", stable_cookie_name="stable-user")
SET_COOKIE = "canary-user=abc; Path=/; Max-Age=86400"
SET_STABLE_COOKIE = "stable-user=abc; Path=/; Max-Age=60"
HALF = TrafficSplit(50, 50)


def to(subset: str, weight: int | None = None, host: str = "reviews", **more: Any) -> Json:
    return {
        "destination": {"host": host, "subset": subset},
        **({} if weight is None else {"weight": weight}),
        **more,
    }


def virtual_service(*http: Json, name: str = "reviews", **spec: Any) -> Json:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": name, "labels": {"team": "books"}},
        "spec": {"hosts": ["reviews"], "http": list(deepcopy(http)), **deepcopy(spec)},
    }


def http_route(*rules: Json, kind: str = "HTTPRoute", parent: str = "Service") -> Json:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"namespace": "shop", "name": "reviews"},
        "spec": {"parentRefs": [{"kind": parent, "name": "reviews", "port": 9080}], "rules": list(deepcopy(rules))},
    }


def backend(name: str, weight: int, **more: Any) -> Json:
    return {"group": "", "kind": "Service", "name": name, "port": 9080, "weight": weight, **more}


def rules(**options: Any) -> RouteRules:
    return RouteRules(RouteSelection(), "reviews", **options)


ROUTE: Json = {
    "name": "shop",
    "match": [{"uri": {"prefix": "/reviews"}}, {"uri": {"exact": "/stars"}}],
    "timeout": "3s",
    "route": [to("v1", 100, headers={"request": {"set": {"x-side": "stable"}}}), to("v2", 0)],
}
ADMIN: Json = {"match": [{"uri": {"prefix": "/admin"}}], "route": [{"destination": {"host": "admin"}}]}
RULE: Json = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
    "timeouts": {"request": "3s"},
    "backendRefs": [backend("reviews-v1", 100), backend("reviews-v2", 0)],
}


def http(manifest: Json) -> list[Json]:
    found: list[Json] = manifest["spec"].get("http") or manifest["spec"].get("rules")
    return found


def names(manifest: Json) -> list[str]:
    return [route.get("name", "") for route in http(manifest)]


def test_weights_are_set_and_nothing_else() -> None:
    live = virtual_service(ADMIN, ROUTE, tls=[{"match": [{"sniHosts": ["a"]}]}], exportTo=["."])
    expected = deepcopy(live)
    expected["spec"]["http"][1]["route"][0]["weight"] = 70
    expected["spec"]["http"][1]["route"][1]["weight"] = 30
    assert make_desired(live, SIDES, rules(), TrafficSplit(30, 70)) == expected


def test_weights_are_of_another_total() -> None:
    live = virtual_service({"route": [to("v1", 1000), to("v2", 0)]})
    options = rules(total=1000, match=(INSIDER,))
    result = make_desired(live, SIDES, options, TrafficSplit(5, 995, matched=True))
    assert [[entry["weight"] for entry in route["route"]] for route in http(result)] == [[1000], [995, 5]]
    assert read_traffic(result, SIDES, options) == TrafficSplit(5, 995, matched=True)


LEFT = [
    # What stands, what the canary is to have of 100, and what is written.
    ((80, 0, 20), 0, (80, 0, 20)),
    ((80, 0, 20), 50, (40, 40, 20)),
    ((80, 0, 20), 5, (76, 4, 20)),
    ((80, 0, 20), 100, (0, 80, 20)),
    # More than nothing stays so, and less than all.
    ((80, 0, 20), 1, (79, 1, 20)),
    ((5, 0, 95), 1, (4, 1, 95)),
    ((5, 0, 95), 99, (1, 4, 95)),
    # Somebody edits meanwhile, the sides or the other one.
    ((10, 40, 20), 50, (40, 40, 20)),
    ((40, 40, 60), 50, (20, 20, 60)),
    # In a route with two sides alone each weight is as it is planned.
    ((100, 0, 0), 37, (63, 37, 0)),
]


@pytest.mark.parametrize(("stands", "canary", "written"), LEFT)
@pytest.mark.parametrize("kind", ["VirtualService", "HTTPRoute"])
def test_another_destination_keeps_its_weight_and_the_sides_divide_what_it_leaves(
    stands: tuple[int, int, int], canary: int, written: tuple[int, int, int], kind: str
) -> None:
    """20 percent of the requests go to an old system (argo-rollouts#1364)."""
    if kind == "VirtualService":
        names, sides = ("v1", "v2", "old"), SIDES
        live = virtual_service({"route": [to(name, weight) for name, weight in zip(names, stands, strict=True)]})
    else:
        names, sides = ("reviews-v1", "reviews-v2", "old"), BACKENDS
        live = http_route({"backendRefs": [backend(name, weight) for name, weight in zip(names, stands, strict=True)]})
    result = make_desired(live, sides, rules(), TrafficSplit(canary, 100 - canary))
    (route,) = http(result)
    entries = route.get("route") or route["backendRefs"]
    assert tuple(entry["weight"] for entry in entries) == written
    assert make_desired(result, sides, rules(), TrafficSplit(canary, 100 - canary)) == result
    seen = read_traffic(result, sides, rules())
    assert seen is not None
    assert (seen.canary > 0, seen.stable > 0) == (canary > 0, canary < 100)


def test_each_route_divides_what_is_left_of_it() -> None:
    live = virtual_service(
        {"route": [to("v1", 100), to("v2", 0)]}, {"route": [to("v1", 60), to("v2", 0), to("old", 40)]}
    )
    result = make_desired(live, SIDES, rules(), HALF)
    assert [[entry["weight"] for entry in route["route"]] for route in http(result)] == [[50, 50], [30, 30, 40]]
    assert read_traffic(result, SIDES, rules()) == HALF


def test_tcp_and_tls_have_weights() -> None:
    entries = [to("v1", 100), to("v2", 0)]
    live = virtual_service(tcp=[{"route": entries}], tls=[{"match": [{"sniHosts": ["a"]}], "route": entries}])
    result = make_desired(live, SIDES, rules(), TrafficSplit(20, 80))
    assert [[entry["weight"] for entry in result["spec"][part][0]["route"]] for part in ("tcp", "tls")] == [
        [80, 20]
    ] * 2
    assert read_traffic(result, SIDES, rules()) == TrafficSplit(20, 80)


def test_a_delegate_is_an_object_like_any_other() -> None:
    live = virtual_service(ROUTE)
    del live["spec"]["hosts"]
    result = make_desired(live, SIDES, rules(match=(INSIDER,)), TrafficSplit(matched=True))
    assert list(result["spec"]) == ["http"]
    assert names(result) == ["onemesh-canary-reviews-match-0", "shop"]


def test_requests_that_match_go_to_the_canary_and_keep_what_the_route_says() -> None:
    result = make_desired(
        virtual_service(ADMIN, ROUTE), SIDES, rules(match=(INSIDER,)), TrafficSplit(10, 90, matched=True)
    )
    assert http(result) == [
        ADMIN,
        {
            "name": "onemesh-canary-reviews-match-1",
            "match": [{"uri": {"prefix": "/reviews"}, **INSIDER}, {"uri": {"exact": "/stars"}, **INSIDER}],
            "timeout": "3s",
            "route": [to("v2", 100)],
        },
        {**ROUTE, "route": [{**ROUTE["route"][0], "weight": 90}, to("v2", 10)]},
    ]


def test_rules_of_the_gateway_api_are_copied_too() -> None:
    live = http_route(RULE, parent="Gateway")
    result = make_desired(live, BACKENDS, rules(match=(INSIDER_OF_GATEWAY,)), TrafficSplit(matched=True))
    header = {"name": "x-user", "type": "Exact", "value": "insider"}
    assert http(result) == [
        {
            **RULE,
            "name": "onemesh-canary-reviews-match-0",
            "matches": [{**RULE["matches"][0], "headers": [header]}],
            "backendRefs": [backend("reviews-v2", 100)],
        },
        RULE,
    ]


def test_a_grpc_route_is_matched_by_method() -> None:
    live = http_route({"backendRefs": RULE["backendRefs"]}, kind="GRPCRoute")
    result = make_desired(
        live, BACKENDS, rules(match=({"method": {"service": "shop.Cart"}},)), TrafficSplit(matched=True)
    )
    assert http(result)[0]["matches"] == [{"method": {"type": "Exact", "service": "shop.Cart"}}]


MIRRORS: dict[str, tuple[Json, Sides, Json, Json]] = {
    "none yet": (
        virtual_service(ROUTE), SIDES, {},
        {"mirror": to("v2")["destination"], "mirrorPercentage": {"value": 20}},
    ),
    "beside those of the user": (
        virtual_service({**ROUTE, "mirrors": [{"destination": {"host": "audit"}}]}), SIDES,
        {"mirrors": [{"destination": {"host": "audit"}}]},
        {"mirrors": [{"destination": {"host": "audit"}},
                     {"destination": to("v2")["destination"], "percentage": {"value": 20}}]},
    ),
    "of the gateway API": (
        http_route(RULE), BACKENDS, {},
        {"filters": [{"type": "RequestMirror", "requestMirror": {
            "backendRef": {"group": "", "kind": "Service", "name": "reviews-v2", "port": 9080}, "percent": 20}}]},
    ),
    "of the gateway API, beside the user's filters": (
        http_route({**RULE, "filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}]}), BACKENDS,
        {"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}]},
        {"filters": [{"type": "URLRewrite", "urlRewrite": {"hostname": "a"}}, {
            "type": "RequestMirror", "requestMirror": {
                "backendRef": {"group": "", "kind": "Service", "name": "reviews-v2", "port": 9080}, "percent": 20}}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("live", "sides", "before", "after"), MIRRORS.values(), ids=MIRRORS)
def test_the_canary_gets_copies(live: Json, sides: Sides, before: Json, after: Json) -> None:
    """Together with weights, on both kinds."""
    fields = ("mirror", "mirrors", "mirrorPercentage", "filters")
    result = make_desired(live, sides, rules(), TrafficSplit(10, 90, mirror=20))
    assert {name: value for name, value in http(result)[0].items() if name in fields} == after
    assert read_traffic(result, sides, rules()) == TrafficSplit(10, 90, mirror=20)
    again = make_desired(result, sides, rules(), TrafficSplit())
    assert {name: value for name, value in http(again)[0].items() if name in fields} == before
    assert again == live


def test_a_mirror_to_the_canary_is_the_release_s() -> None:
    live = virtual_service({**ROUTE, "mirrors": [to("v2")]})
    assert make_desired(live, SIDES, rules(), TrafficSplit()) == virtual_service(ROUTE)


PERCENTAGES: dict[str, tuple[Json, Sides, int]] = {
    "all, where the route does not say": (virtual_service({**ROUTE, "mirror": to("v2")["destination"]}), SIDES, 100),
    "the old field": (
        virtual_service({**ROUTE, "mirror": to("v2")["destination"], "mirror_percent": 7}), SIDES, 7,
    ),
    "less than one": (
        virtual_service({**ROUTE, "mirror": to("v2")["destination"], "mirrorPercentage": {"value": 0.1}}), SIDES, 1,
    ),
    "none to the canary": (virtual_service({**ROUTE, "mirror": {"host": "audit"}}), SIDES, 0),
    "a fraction": (
        http_route({**RULE, "filters": [{"type": "RequestMirror", "requestMirror": {
            "backendRef": {"name": "reviews-v2"}, "fraction": {"numerator": 1, "denominator": 4}}}]}), BACKENDS, 25,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("live", "sides", "percent"), PERCENTAGES.values(), ids=PERCENTAGES)
def test_a_mirror_is_seen_however_it_is_written(live: Json, sides: Sides, percent: int) -> None:
    seen = read_traffic(live, sides, rules())
    assert seen is not None
    assert seen.mirror == percent


def test_clients_stay_with_their_side() -> None:
    result = make_desired(virtual_service(ROUTE), SIDES, rules(affinity=STICKY), TrafficSplit(10, 90, cookie="abc"))
    stable = ROUTE["route"][0]
    pattern = {name: {"headers": {"cookie": {"regex": expression(name, ["abc"])}}} for name in STICKY.names}
    assert http(result) == [
        {
            **ROUTE,
            "name": "onemesh-canary-reviews-stay-0",
            "match": [{**match, **pattern["canary-user"]} for match in ROUTE["match"]],
            "route": [to("v2", 100)],
        },
        {
            **ROUTE,
            "name": "onemesh-canary-reviews-stay-stable-0",
            "match": [{**match, **pattern["stable-user"]} for match in ROUTE["match"]],
            "route": [stable],
        },
        {
            **ROUTE,
            "route": [
                {
                    **stable,
                    "weight": 90,
                    "headers": {**stable["headers"], "response": {"add": {"Set-Cookie": SET_STABLE_COOKIE}}},
                },
                to("v2", 10, headers={"response": {"add": {"Set-Cookie": SET_COOKIE}}}),
            ],
        },
    ]
    assert read_traffic(result, SIDES, rules(affinity=STICKY)) == TrafficSplit(10, 90, cookie="abc")


def test_nobody_stays_with_a_side_that_has_no_weight() -> None:
    everything = make_desired(virtual_service(ROUTE), SIDES, rules(affinity=STICKY), TrafficSplit(100, 0, cookie="abc"))
    assert names(everything) == ["onemesh-canary-reviews-stay-0", "shop"]
    assert find_sides(everything, SIDES) == {"canary"}
    nothing = make_desired(virtual_service(ROUTE), SIDES, rules(affinity=STICKY), TrafficSplit(cookie="abc"))
    assert nothing == virtual_service(ROUTE)


def test_backends_keep_their_filters_beside_the_cookie() -> None:
    own = {"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x-side", "value": "v2"}]}}
    live = http_route({**RULE, "backendRefs": [RULE["backendRefs"][0], backend("reviews-v2", 0, filters=[own])]})
    sticky = rules(affinity=Affinity("canary-user"))
    result = make_desired(live, BACKENDS, sticky, TrafficSplit(10, 90, cookie="abc"))
    assert http(result)[0]["matches"][0]["headers"] == [
        {"name": "cookie", "type": "RegularExpression", "value": expression("canary-user", ["abc"])}
    ]
    [modifier] = http(result)[1]["backendRefs"][1]["filters"]
    assert modifier["responseHeaderModifier"]["add"] == [
        {"name": "x-side", "value": "v2"},
        {"name": "Set-Cookie", "value": SET_COOKIE},
    ]
    assert read_traffic(result, BACKENDS, sticky) == TrafficSplit(10, 90, cookie="abc")
    assert make_desired(result, BACKENDS, sticky, TrafficSplit()) == live


def test_cookies_of_earlier_runs_are_taken_away() -> None:
    result = make_desired(virtual_service(ROUTE), SIDES, rules(affinity=STICKY), TrafficSplit(expired=("abc", "def")))
    assert names(result) == ["onemesh-canary-reviews-leave-0", "shop"]
    [entry] = http(result)[0]["route"]
    assert entry["destination"]["subset"] == "v1"
    assert entry["headers"]["response"]["add"] == {"Set-Cookie": "canary-user=; Path=/; Max-Age=-1"}
    assert http(result)[0]["match"][0]["headers"]["cookie"]["regex"] == expression("canary-user", ["abc", "def"])
    assert read_traffic(result, SIDES, rules(affinity=STICKY)) == TrafficSplit(expired=("abc", "def"))
    assert find_sides(result, SIDES) == {"stable"}


@pytest.mark.parametrize(
    ("header", "stays"),
    [
        ("a.b=abc", True),
        ("x=1; a.b=abc; y=2", True),
        ("x=1;a.b=abc", True),
        ("a.b=abcd", False),
        ("a.b=old", False),
        ("xa.b=abc", False),
        ("a_b=abc", False),
        ("x=a.b=abc", False),
    ],
)
def test_only_the_cookie_itself_counts(header: str, stays: bool) -> None:
    assert bool(re.fullmatch(expression("a.b", ["abc"]), header)) is stays


def test_weights_of_a_segment_are_for_requests_that_match() -> None:
    segment = rules(match=(INSIDER,), segment=True, affinity=Affinity("canary-user"))
    result = make_desired(virtual_service(ROUTE), SIDES, segment, TrafficSplit(10, 90, mirror=5, cookie="abc"))
    assert names(result) == ["onemesh-canary-reviews-stay-0", "onemesh-canary-reviews-segment-0", "shop"]
    assert set(http(result)[0]["match"][0]["headers"]) == {"x-user", "cookie"}
    assert http(result)[1]["match"][1] == {"uri": {"exact": "/stars"}, **INSIDER}
    assert http(result)[2] == ROUTE
    assert read_traffic(result, SIDES, segment) == TrafficSplit(10, 90, mirror=5, cookie="abc")
    assert find_sides(make_desired(result, SIDES, segment, TrafficSplit(100, 0)), SIDES) == {"stable", "canary"}
    assert make_desired(result, SIDES, segment, TrafficSplit()) == virtual_service(ROUTE)


def test_edits_of_the_user_reach_the_copies() -> None:
    options = rules(match=(INSIDER,))
    live = make_desired(virtual_service(ROUTE), SIDES, options, TrafficSplit(matched=True))
    live["spec"]["http"][1]["timeout"] = "9s"
    live["spec"]["http"].insert(1, deepcopy(ADMIN))
    live["metadata"]["labels"]["mine"] = "yes"
    result = make_desired(live, SIDES, options, TrafficSplit(matched=True))
    assert [route.get("timeout") for route in http(result)] == [None, "9s", "9s"]
    assert names(result) == ["", "onemesh-canary-reviews-match-1", "shop"]
    assert result["metadata"] == live["metadata"]


def test_two_releases_share_an_object() -> None:
    """Neither takes away or moves what the other made, and an index is the one that the user knows."""
    live = virtual_service(ROUTE, {"name": "stars", "route": [to("a", 100, "stars"), to("b", 0, "stars")]})
    first = (Sides("v1", "v2"), RouteRules(RouteSelection(routes=("0",)), "b-reviews", match=(INSIDER,)))
    second = (Sides("a", "b"), RouteRules(RouteSelection(routes=("1",)), "stars", match=(INSIDER,)))
    third = (Sides("v1", "v2"), RouteRules(RouteSelection(routes=("0",)), "a-reviews", match=({"port": 80},)))
    traffic = TrafficSplit(matched=True)
    result = live
    for sides, options in (first, second, third):
        result = make_desired(result, sides, options, traffic)
    assert names(result) == [
        "onemesh-canary-a-reviews-match-0",
        "onemesh-canary-b-reviews-match-0",
        "shop",
        "onemesh-canary-stars-match-1",
        "stars",
    ]
    for sides, options in (first, second, third):
        assert make_desired(result, sides, options, traffic) == result
    assert read_traffic(result, *second) == TrafficSplit(matched=True)
    for sides, options in (first, second, third):
        result = make_desired(result, sides, options, TrafficSplit())
    assert result == live


ROUTED: dict[str, tuple[Json, Sides, set[str]]] = {
    "weights above 0": (virtual_service(ROUTE), SIDES, {"stable"}),
    "one destination alone gets all": (virtual_service({"route": [to("v2")]}), SIDES, {"canary"}),
    "another route of the object": (
        virtual_service(ROUTE, {"match": [{"uri": {"prefix": "/x"}}], "route": [to("v2", 100)]}), SIDES,
        {"stable", "canary"},
    ),
    "tcp": (virtual_service(ROUTE, tcp=[{"route": [to("v2")]}]), SIDES, {"stable", "canary"}),
    "a mirror": (virtual_service({**ROUTE, "mirror": to("v2")["destination"]}), SIDES, {"stable", "canary"}),
    "one of several mirrors": (
        virtual_service({**ROUTE, "mirrors": [{"destination": {"host": "audit"}}, to("v2")]}), SIDES,
        {"stable", "canary"},
    ),
    "a mirror of a rule": (
        http_route({**RULE, "filters": [
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "reviews-v2", "port": 1}}}]}),
        BACKENDS, {"stable", "canary"},
    ),
    "a mirror of a backend": (
        http_route({"backendRefs": [backend("reviews-v1", 1, filters=[
            {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "reviews-v2"}}}])]}),
        BACKENDS, {"stable", "canary"},
    ),
    "hosts in full": (
        virtual_service({"route": [to("v2", host="reviews.shop.svc.cluster.local")]}),
        Sides("stars", "reviews", by="host"), {"canary"},
    ),
    "a host that is there with two subsets": (
        virtual_service({"route": [to("v1", 50), to("v2", 50)]}), Sides("stars", "reviews"), {"canary"},
    ),
    "a host beside its own subset": (
        virtual_service({"route": [{"destination": {"host": "reviews"}, "weight": 0}, to("v2", 100)]}),
        Sides("reviews", "v2"), {"canary"},
    ),
    "a subset alone is not its host too": (virtual_service({"route": [to("v2")]}), Sides("reviews", "v2"), {"canary"}),
    "subsets only": (
        virtual_service({"route": [{"destination": {"host": "v2"}}]}), Sides("v1", "v2", by="subset"), set(),
    ),
    "nothing": (virtual_service(ADMIN), SIDES, set()),
}  # fmt: skip


@pytest.mark.parametrize(("live", "sides", "expected"), ROUTED.values(), ids=ROUTED)
def test_sides_that_get_anything_are_known(live: Json, sides: Sides, expected: set[str]) -> None:
    assert find_sides(live, sides) == expected


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([(100, 0)], TrafficSplit()),
        ([(1, 1)], TrafficSplit(50, 50)),
        ([(2, 1)], TrafficSplit(33, 67)),
        ([(9999, 1)], TrafficSplit(1, 100)),
        ([(90, 10), (30, 70)], TrafficSplit(70, 30)),
    ],
)
def test_weights_are_seen_as_shares(weights: list[tuple[int, int]], expected: TrafficSplit) -> None:
    live = virtual_service(*({"route": [to("v1", stable), to("v2", canary)]} for stable, canary in weights))
    assert read_traffic(live, SIDES, rules()) == expected


@pytest.mark.parametrize("live", [virtual_service(ADMIN), virtual_service({"route": [to("v1")]})])
def test_nothing_is_seen_where_the_sides_are_not(live: Json) -> None:
    assert read_traffic(live, SIDES, rules()) is None
    assert read_traffic(live, SIDES, RouteRules(RouteSelection(routes=("0",)), "reviews")) is None


TCP = virtual_service(tcp=[{"route": [to("v1", 100), to("v2", 0)]}])
REFUSED: dict[str, tuple[Json, Sides, RouteRules, TrafficSplit, str]] = {
    "a key that is in no route": (virtual_service(ROUTE), Sides("v1", "v3"), rules(), HALF, "destination-missing"),
    "weights that others have": (
        virtual_service({"route": [to("v1", 0), to("v2", 0), to("v3", 100)]}), SIDES, rules(), HALF, "weights-sum",
    ),
    "one weight for both": (
        virtual_service({"route": [to("v1", 1), to("v2", 0), to("v3", 99)]}), SIDES, rules(), HALF, "weights-sum",
    ),
    "a match on TCP": (TCP, SIDES, rules(match=(INSIDER,)), TrafficSplit(matched=True), "needs-http-match"),
    "affinity on TCP": (TCP, SIDES, rules(affinity=STICKY), TrafficSplit(1, 99, cookie="a"), "needs-http-affinity"),
    "a mirror on TCP": (TCP, SIDES, rules(), TrafficSplit(mirror=10), "needs-http-mirror"),
    "a mirror on TCPRoute": (
        http_route(RULE, kind="TCPRoute"), BACKENDS, rules(), TrafficSplit(mirror=1), "needs-http-mirror",
    ),
    "a mirror where the field is taken": (
        virtual_service({**ROUTE, "mirror": {"host": "audit"}}),
        SIDES,
        rules(),
        TrafficSplit(mirror=10),
        "mirror-taken",
    ),
    "a cookie where another is set": (
        virtual_service({"route": [
            to("v1", 100), to("v2", 0, headers={"response": {"set": {"set-cookie": "a=b"}}})]}),
        SIDES, rules(affinity=STICKY), TrafficSplit(1, 99, cookie="abc"), "cookie-taken",
    ),
    "matches that have no form together": (
        virtual_service({**ROUTE, "match": [{"headers": {"cookie": {"regex": "a"}}}]}), SIDES,
        rules(affinity=STICKY), TrafficSplit(1, 99, cookie="abc"), "match-conflict",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("live", "sides", "options", "traffic", "slug"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(
    live: Json, sides: Sides, options: RouteRules, traffic: TrafficSplit, slug: str
) -> None:
    """By the check beforehand, and by what would write it."""
    before = deepcopy(live)
    with pytest.raises(RouteError) as caught:
        make_desired(live, sides, options, traffic)
    assert caught.value.kind.slug == slug
    assert "shop/reviews" in str(caught.value)
    assert slug in [problem.kind.slug for problem in check(live, sides, options, [traffic])]
    assert live == before


MANY = [{"matches": [{"method": method}], "backendRefs": RULE["backendRefs"]} for method in ["GET", "POST", "PUT"] * 3]
BAD: dict[str, tuple[Json, Sides, RouteRules, list[str]]] = {
    "equal sides": (virtual_service(ROUTE), Sides("v1", "v1"), rules(), ["sides-equal"]),
    "equal cookies": (
        virtual_service(ROUTE), SIDES, rules(affinity=Affinity("a", stable_cookie_name="a")), ["cookie-names-equal"],
    ),
    "cookies without a name, an age or a good name": (
        virtual_service(ROUTE), SIDES, rules(affinity=Affinity("a b", max_age=0, stable_cookie_name="ü")),
        ["cookie-name-invalid", "cookie-name-invalid", "cookie-age-invalid"],
    ),
    "a cookie without a name": (virtual_service(ROUTE), SIDES, rules(affinity=Affinity("")), ["cookie-name-invalid"]),
    "a match of everything": (virtual_service(ROUTE), SIDES, rules(match=({},)), ["match-invalid"]),
    "a segment of everything": (virtual_service(ROUTE), SIDES, rules(segment=True), ["match-missing"]),
    "a name that no route may have": (
        virtual_service(ROUTE), SIDES, RouteRules(RouteSelection(), "Reviews!"), ["release-name-invalid"],
    ),
    "a match that no route has": (
        virtual_service(ROUTE), SIDES, rules(match=({"uri": {"exact": "/x"}},)), ["match-never"],
    ),
    "a match of a header that the route excludes": (
        virtual_service({**ROUTE, "match": [{"withoutHeaders": {"x-user": {"prefix": "in"}}}]}), SIDES,
        rules(match=(INSIDER,)), ["match-never"],
    ),
    "a match of requests that an earlier route takes": (
        virtual_service({"match": [INSIDER], "route": ADMIN["route"]}, ROUTE), SIDES, rules(match=(INSIDER,)),
        ["match-never"],
    ),
    "nothing, where an earlier route takes some of the requests": (
        virtual_service({"match": [{"uri": {"prefix": "/stars"}, **INSIDER}], "route": ADMIN["route"]}, ROUTE), SIDES,
        rules(match=(INSIDER,)), [],
    ),
    "nothing, where one of two matches is excluded": (
        virtual_service({**ROUTE, "match": [{"withoutHeaders": {"x-user": {}}}]}), SIDES,
        rules(match=(INSIDER, {"headers": {"x-beta": {"exact": "1"}}})), [],
    ),
    "a share of another that would not be kept": (
        virtual_service({"route": [to("v1", 8), to("v2", 0), to("v3", 2)]}), SIDES, rules(), ["weights-sum"],
    ),
    "a share of another where weights are not said": (
        http_route({"backendRefs": [{"name": name} for name in ("reviews-v1", "reviews-v2", "legacy")]}),
        BACKENDS, rules(), ["weights-sum"],
    ),
    "nothing, beside a share of another": (
        virtual_service({"route": [to("v1", 80), to("v2", 0), to("v3", 20)]}), SIDES, rules(), [],
    ),
    "nothing, beside a share of another in the user's own total": (
        virtual_service({"route": [to("v1", 8), to("v2", 0), to("v3", 2)]}), SIDES, rules(total=10), [],
    ),
    "a cookie where the route looks at cookies": (
        virtual_service({**ROUTE, "match": [{"headers": {"cookie": {"regex": "a"}}}]}), SIDES,
        rules(affinity=STICKY), ["match-conflict"],
    ),
    "both on TCP": (
        TCP, SIDES, rules(match=(INSIDER,), affinity=STICKY), ["needs-http-match", "needs-http-affinity"],
    ),
    "more rules than there may be": (
        http_route(*MANY), BACKENDS, rules(match=(INSIDER_OF_GATEWAY,)), ["too-many-rules"],
    ),
    "nothing": (virtual_service(ROUTE), SIDES, rules(match=(INSIDER,), affinity=STICKY), []),
    "nothing, in a segment": (virtual_service(ROUTE), SIDES, rules(match=(INSIDER,), segment=True), []),
}  # fmt: skip


@pytest.mark.parametrize(("live", "sides", "options", "slugs"), BAD.values(), ids=BAD)
def test_everything_in_the_way_is_said_beforehand(
    live: Json, sides: Sides, options: RouteRules, slugs: list[str]
) -> None:
    problems = check(live, sides, options)
    assert [problem.kind.slug for problem in problems] == slugs
    assert all(str(problem) and problem.remedy for problem in problems)


@pytest.mark.parametrize(
    ("options", "traffic", "slug"),
    [
        (rules(), TrafficSplit(matched=True), "match-missing"),
        (rules(), TrafficSplit(1, 99, cookie="a"), "affinity-missing"),
        (rules(affinity=STICKY), TrafficSplit(1, 99, cookie="a;b"), "cookie-value-invalid"),
        (rules(affinity=STICKY), TrafficSplit(expired=("a|b",)), "cookie-value-invalid"),
    ],
)
def test_traffic_that_the_rules_do_not_know_is_refused(options: RouteRules, traffic: TrafficSplit, slug: str) -> None:
    with pytest.raises(RouteError) as caught:
        make_desired(virtual_service(ROUTE), SIDES, options, traffic)
    assert caught.value.kind.slug == slug
