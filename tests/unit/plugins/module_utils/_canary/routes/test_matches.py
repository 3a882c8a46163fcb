# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that satisfy two matches: what is narrower, what cannot be, and what has no form."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.routes.matches import (
    NotOneMatch,
    both_of_gateway_api,
    both_of_istio,
    intersect,
    is_taken_by,
)

Json = dict[str, Any]

INSIDER = {"headers": {"x-user": {"exact": "insider"}}}
NONE = None

ISTIO: dict[str, tuple[Json, Json, Json | None]] = {
    "other fields are added": (
        {"uri": {"prefix": "/shop"}, "port": 80},
        {**INSIDER, "sourceLabels": {"app": "web"}},
        {"uri": {"prefix": "/shop"}, "port": 80, **INSIDER, "sourceLabels": {"app": "web"}},
    ),
    "other headers are added": (
        {"headers": {"x-lang": {"regex": "de|fr"}}}, INSIDER,
        {"headers": {"x-user": {"exact": "insider"}, "x-lang": {"regex": "de|fr"}}},
    ),
    "the same condition is one": (INSIDER, INSIDER, INSIDER),
    "a header that only has to be there is narrowed": ({"headers": {"x-user": {}}}, INSIDER, INSIDER),
    "a prefix narrows a prefix": ({"uri": {"prefix": "/"}}, {"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/a"}}),
    "the narrower prefix stays": ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/"}}, {"uri": {"prefix": "/a"}}),
    "a value below a prefix": ({"uri": {"prefix": "/a"}}, {"uri": {"exact": "/ab"}}, {"uri": {"exact": "/ab"}}),
    "a value not below a prefix": ({"uri": {"exact": "/b"}}, {"uri": {"prefix": "/a"}}, NONE),
    "two prefixes apart": ({"uri": {"prefix": "/a"}}, {"uri": {"prefix": "/b"}}, NONE),
    "two values": (INSIDER, {"headers": {"x-user": {"exact": "guest"}}}, NONE),
    "two ports": ({"port": 80}, {"port": 81}, NONE),
    "two values of a label": ({"sourceLabels": {"app": "a"}}, {"sourceLabels": {"app": "b"}}, NONE),
    "labels": (
        {"sourceLabels": {"app": "a"}}, {"sourceLabels": {"zone": "b"}}, {"sourceLabels": {"app": "a", "zone": "b"}},
    ),
    "gateways that both have": ({"gateways": ["mesh", "shop"]}, {"gateways": ["shop"]}, {"gateways": ["shop"]}),
    "gateways that only one has": ({"gateways": ["mesh"]}, {"gateways": ["shop"]}, NONE),
    "the route's name stays": ({"name": "user"}, {"name": "release"}, {"name": "user"}),
    "a header that the route excludes": ({"withoutHeaders": {"x-user": {"exact": "insider"}}}, INSIDER, NONE),
    "a header that is not to be there at all": ({"withoutHeaders": {"x-user": {}}}, INSIDER, NONE),
    "a header that the route excludes by its beginning": (
        {"withoutHeaders": {"x-user": {"prefix": "in"}}}, INSIDER, NONE,
    ),
    "a header that the route excludes by an expression": (
        {"withoutHeaders": {"X-User": {"regex": "in.*|out.*"}}}, INSIDER, NONE,
    ),
    "a beginning that the route excludes": (
        {"withoutHeaders": {"x-user": {"prefix": "in"}}}, {"headers": {"x-user": {"prefix": "ins"}}}, NONE,
    ),
    "an expression that the route excludes": (
        {"withoutHeaders": {"x-user": {"regex": "i.*"}}}, {"headers": {"x-user": {"regex": "i.*"}}}, NONE,
    ),
    "a header that the route excludes whatever it is": (
        {"withoutHeaders": {"x-user": {"regex": ".*"}}}, {"headers": {"x-user": {"regex": "i.*"}}}, NONE,
    ),
    "a release that excludes what it matches": ({}, {**INSIDER, "withoutHeaders": {"x-user": {}}}, NONE),
    "another value of a header that the route excludes": (
        {"withoutHeaders": {"x-user": {"exact": "guest"}}}, INSIDER,
        {"withoutHeaders": {"x-user": {"exact": "guest"}}, **INSIDER},
    ),
    "a part of the values that the route excludes": (
        {"withoutHeaders": {"x-user": {"exact": "insider"}}}, {"headers": {"x-user": {"prefix": "in"}}},
        {"withoutHeaders": {"x-user": {"exact": "insider"}}, "headers": {"x-user": {"prefix": "in"}}},
    ),
    "an expression that nobody here can compare": (
        {"withoutHeaders": {"x-user": {"regex": r"\pL+"}}}, INSIDER,
        {"withoutHeaders": {"x-user": {"regex": r"\pL+"}}, **INSIDER},
    ),
    "headers that are not to be there add up": (
        {"withoutHeaders": {"a": {}}}, {"withoutHeaders": {"b": {}}}, {"withoutHeaders": {"a": {}, "b": {}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("route", "release", "expected"), ISTIO.values(), ids=ISTIO)
def test_both_of_istio(route: Json, release: Json, expected: Json | None) -> None:
    assert both_of_istio(route, release) == expected


def header(value: str, kind: str = "Exact", name: str = "x-user") -> Json:
    return {"name": name, "type": kind, "value": value}


def path(value: str, kind: str = "PathPrefix") -> Json:
    return {"path": {"type": kind, "value": value}}


GATEWAY_API: dict[str, tuple[Json, Json, Json | None]] = {
    "fields are added, with defaults": (
        path("/"), {"headers": [{"name": "x-user", "value": "insider"}], "queryParams": [{"name": "a", "value": "b"}]},
        {**path("/"), "headers": [header("insider")], "queryParams": [header("b", name="a")]},
    ),
    "the same header is one, whatever its case": (
        {"headers": [header("a")]}, {"headers": [header("a", name="X-User")]}, {"headers": [header("a")]},
    ),
    "two values": ({"headers": [header("a")]}, {"headers": [header("b")]}, NONE),
    "a path below a prefix": (path("/a"), path("/a/b", "Exact"), path("/a/b", "Exact")),
    "a prefix itself": (path("/a/"), path("/a", "Exact"), path("/a", "Exact")),
    "a prefix counts by whole elements": (path("/a"), path("/ab"), NONE),
    "two methods": ({"method": "GET"}, {"method": "POST"}, NONE),
    "a method of a gRPC service": (
        {"method": {"type": "Exact", "service": "shop.Cart"}}, {"method": {"method": "Add"}},
        {"method": {"type": "Exact", "service": "shop.Cart", "method": "Add"}},
    ),
    "two gRPC services": ({"method": {"service": "a"}}, {"method": {"service": "b"}}, NONE),
}  # fmt: skip


@pytest.mark.parametrize(("route", "release", "expected"), GATEWAY_API.values(), ids=GATEWAY_API)
def test_both_of_gateway_api(route: Json, release: Json, expected: Json | None) -> None:
    assert both_of_gateway_api(route, release) == expected


NO_FORM: dict[str, tuple[Any, Json, Json, str]] = {
    "two expressions": (both_of_istio, {"uri": {"regex": "/a.*"}}, {"uri": {"regex": ".*b"}}, "uri of the route"),
    "an expression and a value of a header": (
        both_of_istio,
        {"headers": {"cookie": {"regex": "a"}}},
        {"headers": {"cookie": {"exact": "a"}}},
        "headers cookie",
    ),
    "cases of paths": (
        both_of_istio,
        {"uri": {"prefix": "/A"}, "ignoreUriCase": True},
        {"uri": {"prefix": "/a"}},
        "ignoreUriCase",
    ),
    "a header that must not have two values": (
        both_of_istio,
        {"withoutHeaders": {"a": {"exact": "1"}}},
        {"withoutHeaders": {"a": {"exact": "2"}}},
        "withoutHeaders a",
    ),
    "a field of tomorrow": (both_of_istio, {"new": 1}, {"new": 2}, "new of the route"),
    "an expression and a path": (both_of_gateway_api, path("/", "RegularExpression"), path("/"), "path of the route"),
    "an expression and a header": (
        both_of_gateway_api,
        {"headers": [header("a", "RegularExpression")]},
        {"headers": [header("a")]},
        "headers x-user",
    ),
    "an expression and a gRPC method": (
        both_of_gateway_api,
        {"method": {"type": "RegularExpression", "service": "a"}},
        {"method": {"service": "a"}},
        "method of the route",
    ),
}


@pytest.mark.parametrize(("both", "route", "release", "text"), NO_FORM.values(), ids=NO_FORM)
def test_what_has_no_form_is_said(both: Any, route: Json, release: Json, text: str) -> None:
    with pytest.raises(NotOneMatch, match=text):
        both(route, release)


def test_the_product_is_of_all_pairs_that_can_be() -> None:
    routes = [{"uri": {"exact": "/a"}}, {"uri": {"exact": "/b"}}]
    release = [INSIDER, {"uri": {"prefix": "/a"}}]
    assert intersect(both_of_istio, routes, release) == [
        {"uri": {"exact": "/a"}, **INSIDER},
        {"uri": {"exact": "/a"}},
        {"uri": {"exact": "/b"}, **INSIDER},
    ]
    assert intersect(both_of_istio, [], [INSIDER]) == [INSIDER]
    nested = [{"uri": {"prefix": "/"}}, {"uri": {"prefix": "/a"}}]
    assert intersect(both_of_istio, nested, [{"uri": {"exact": "/a/b"}}]) == [{"uri": {"exact": "/a/b"}}]


@pytest.mark.parametrize(
    ("match", "earlier", "taken"),
    [
        (INSIDER, [], True),
        (INSIDER, [INSIDER], True),
        (INSIDER, [{"name": "users", "headers": {"x-user": {}}}], True),
        ({"uri": {"exact": "/a/b"}, **INSIDER}, [{"uri": {"prefix": "/z"}}, {"uri": {"prefix": "/a"}}], True),
        (INSIDER, [{"uri": {"prefix": "/a"}}], False),
        (INSIDER, [{**INSIDER, "gateways": ["mesh"]}], False),
        (INSIDER, [{"withoutHeaders": {"x-user": {}}}], False),
        ({"uri": {"regex": "/a.*"}}, [{"uri": {"prefix": "/a"}}], False),
    ],
)
def test_which_requests_an_earlier_route_takes(match: Json, earlier: list[Json], taken: bool) -> None:
    assert is_taken_by(both_of_istio, match, earlier) == taken
