# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a change of ours where somebody else has changed the same object meanwhile: one row per case."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.merge import merge


def destination(subset: str, weight: int, **more: Any) -> dict[str, Any]:
    return {"destination": {"host": "reviews", "subset": subset}, "weight": weight, **more}


def split(v1: int, v2: int, **route: Any) -> dict[str, Any]:
    return {**route, "route": [destination("v1", v1), destination("v2", v2)]}


def rules(*routes: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {**spec, "http": list(routes)}}


NAMED = [split(90, 10, name="canary"), split(100, 0, name="rest")]
TO_70 = [split(70, 30, name="canary"), split(100, 0, name="rest")]
A, B = {"match": [{"uri": {"prefix": "/a"}}]}, {"match": [{"uri": {"prefix": "/b"}}]}

SURVIVES: dict[str, tuple[Any, Any, Any, Any]] = {
    "nothing happened": (rules(*NAMED), rules(*TO_70), rules(*NAMED), rules(*TO_70)),
    "nothing is to change": (rules(*NAMED), rules(*NAMED), {"x": 1}, {"x": 1}),
    "somebody already did it": (rules(*NAMED), rules(*TO_70), rules(*TO_70), rules(*TO_70)),
    "somebody did half of it": (
        [split(90, 10)],
        [split(70, 30)],
        [split(70, 10)],
        [split(70, 30)],
    ),
    "a route came before": (
        rules(*NAMED),
        rules(*TO_70),
        rules(split(50, 50, name="new"), *NAMED),
        rules(split(50, 50, name="new"), *TO_70),
    ),
    "routes changed places": (rules(*NAMED), rules(*TO_70), rules(*NAMED[::-1]), rules(*TO_70[::-1])),
    "another route was removed": (rules(*NAMED), rules(*TO_70), rules(NAMED[0]), rules(TO_70[0])),
    "another route got other weights": (
        rules(*NAMED),
        rules(*TO_70),
        rules(NAMED[0], split(1, 99, name="rest")),
        rules(TO_70[0], split(1, 99, name="rest")),
    ),
    "the route got a timeout, the destination headers": (
        rules(NAMED[0]),
        rules(TO_70[0]),
        rules({"name": "canary", "timeout": "3s", "route": [destination("v1", 90, headers={}), destination("v2", 10)]}),
        rules({"name": "canary", "timeout": "3s", "route": [destination("v1", 70, headers={}), destination("v2", 30)]}),
    ),
    "destinations changed places": (
        [split(90, 10)],
        [split(70, 30)],
        [{"route": [destination("v2", 10), destination("v1", 90)]}],
        [{"route": [destination("v2", 30), destination("v1", 70)]}],
    ),
    "a destination that gets nothing came": (
        [split(90, 10)],
        [split(70, 30)],
        [{"route": [destination("v1", 90), destination("v2", 10), destination("v3", 0)]}],
        [{"route": [destination("v1", 70), destination("v2", 30), destination("v3", 0)]}],
    ),
    "routes without name are known by their conditions": (
        [split(90, 10, **A), split(90, 10, **B)],
        [split(70, 30, **A), split(90, 10, **B)],
        [split(90, 10, **B, timeout="3s"), split(90, 10, **A, timeout="3s")],
        [split(90, 10, **B, timeout="3s"), split(70, 30, **A, timeout="3s")],
    ),
    "the default route got a timeout beside one that is like it": (
        [split(90, 10, **A), split(90, 10)],
        [split(90, 10, **A), split(70, 30)],
        [split(90, 10, **A), split(90, 10, timeout="3s")],
        [split(90, 10, **A), split(70, 30, timeout="3s")],
    ),
    "the only route got a condition": (
        [split(90, 10)],
        [split(70, 30)],
        [split(90, 10, **A)],
        [split(70, 30, **A)],
    ),
    "routes of one content are known by their order": (
        [split(90, 10), split(90, 10)],
        [split(90, 10), split(70, 30)],
        [split(5, 95, **A), split(90, 10), split(90, 10)],
        [split(5, 95, **A), split(90, 10), split(70, 30)],
    ),
    "backends are known by name, the default kind said or not": (
        {"backendRefs": [{"name": "v1", "port": 80, "weight": 90}, {"name": "v2", "port": 80, "weight": 10}]},
        {"backendRefs": [{"name": "v1", "port": 80, "weight": 70}, {"name": "v2", "port": 80, "weight": 30}]},
        {
            "backendRefs": [
                {"kind": "Service", "name": "v2", "port": 81, "weight": 10},
                {"kind": "Service", "name": "v1", "port": 81, "weight": 90},
            ]
        },
        {
            "backendRefs": [
                {"kind": "Service", "name": "v2", "port": 81, "weight": 30},
                {"kind": "Service", "name": "v1", "port": 81, "weight": 70},
            ]
        },
    ),
    "one destination became several": (
        {"http": [{"name": "a", "route": [{"destination": {"host": "reviews"}}]}]},
        {"http": [{"name": "a", "route": [destination("west", 70), destination("east", 30)]}]},
        {"http": [{"name": "b"}, {"name": "a", "timeout": "1s", "route": [{"destination": {"host": "reviews"}}]}]},
        {
            "http": [
                {"name": "b"},
                {"name": "a", "timeout": "1s", "route": [destination("west", 70), destination("east", 30)]},
            ]
        },
    ),
    "both label": (
        {"metadata": {}},
        {"metadata": {"labels": {"ours": "1"}}},
        {"metadata": {"labels": {"theirs": "1"}}},
        {"metadata": {"labels": {"ours": "1", "theirs": "1"}}},
    ),
    "all other labels went": ({"labels": {"a": "1"}}, {"labels": {"a": "1", "b": "2"}}, {}, {"labels": {"b": "2"}}),
    "our labels go, theirs stay": (
        {"labels": {"ours": "1"}}, {}, {"labels": {"ours": "1", "b": "2"}}, {"labels": {"b": "2"}},
    ),
    "the last of our labels goes": ({"x": 1, "labels": {"a": "1", "b": "2"}}, {"x": 1}, {"x": 1, "labels": {"a": "1"}},
                                    {"x": 1}),
    "null is nothing": ({"a": None, "b": 1}, {"a": 1}, {"b": 1, "c": 2}, {"a": 1, "c": 2}),
    "both added a field": ({}, {"tls": {"a": 1}}, {"tls": {"b": 1}}, {"tls": {"a": 1, "b": 1}}),
    "both added a host": ({"hosts": ["a"]}, {"hosts": ["a", "b"]}, {"hosts": ["c", "a"]}, {"hosts": ["c", "a", "b"]}),
    "both added the same": (["a"], ["a", "b"], ["a", "c", "b"], ["a", "c", "b"]),
    "the list is new": ({}, {"subsets": [{"name": "a"}]}, {"subsets": [{"name": "b"}]},
                        {"subsets": [{"name": "b"}, {"name": "a"}]}),
    "the list of ours goes, theirs stays": (
        {"subsets": [{"name": "a"}]}, {}, {"subsets": [{"name": "b"}, {"name": "a"}]}, {"subsets": [{"name": "b"}]},
    ),
    "new routes stand where they are meant to": (
        [{"name": "a"}, {"name": "d"}],
        [{"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"}],
        [{"name": "x"}, {"name": "a", "timeout": "1s"}, {"name": "y"}, {"name": "d"}],
        [{"name": "x"}, {"name": "a", "timeout": "1s"}, {"name": "b"}, {"name": "c"}, {"name": "y"}, {"name": "d"}],
    ),
    "a new first route stands first": (
        [{"name": "b"}],
        [{"name": "a"}, {"name": "b"}],
        [{"name": "b", "timeout": "1s"}],
        [{"name": "a"}, {"name": "b", "timeout": "1s"}],
    ),
    "we change places, they add": (
        [{"name": "a"}, {"name": "b"}],
        [{"name": "b"}, {"name": "a"}],
        [{"name": "a"}, {"name": "x"}, {"name": "b"}],
        [{"name": "b"}, {"name": "x"}, {"name": "a"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("base", "target", "current", "expected"), SURVIVES.values(), ids=SURVIVES)
def test_what_others_did_survives_beside_what_we_do(base: Any, target: Any, current: Any, expected: Any) -> None:
    assert merge(base, target, current) == (expected, [])


UNNAMED = {"http": [split(90, 10, **A), split(90, 10, **B)]}
UNNAMED_70 = {"http": [split(70, 30, **A), split(90, 10, **B)]}

STAYS: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "somebody chose other weights": (
        rules(*NAMED),
        rules(*TO_70),
        rules(split(80, 20, name="canary"), NAMED[1]),
        ["spec.http[canary].route[0].weight", "spec.http[canary].route[1].weight"],
    ),
    "somebody chose one other weight": (
        {"http": [split(90, 10)]},
        {"http": [split(70, 30)]},
        {"http": [split(90, 20)]},
        ["http[0].route[0].weight", "http[0].route[1].weight"],
    ),
    "a destination came": (
        {"http": [split(90, 10)]},
        {"http": [split(70, 30)]},
        {"http": [{"route": [destination("v1", 90), destination("v2", 10), destination("v3", 5)]}]},
        ["http[0].route[0].weight", "http[0].route[1].weight"],
    ),
    "a destination whose weight nobody said came": (
        {"backendRefs": [{"name": "v1", "weight": 9}, {"name": "v2", "weight": 1}]},
        {"backendRefs": [{"name": "v1", "weight": 7}, {"name": "v2", "weight": 3}]},
        {"backendRefs": [{"name": "v1", "weight": 9}, {"name": "v2", "weight": 1}, {"name": "v3"}]},
        ["backendRefs[v1].weight", "backendRefs[v2].weight"],
    ),
    "a destination went": (
        {"http": [split(90, 10)]},
        {"http": [split(70, 30)]},
        {"http": [{"route": [destination("v1", 90)]}]},
        ["http[0].route[0].weight", "http[0].route[1].weight"],
    ),
    "a destination is another": (
        {"http": [split(90, 10)]},
        {"http": [split(70, 30)]},
        {"http": [{"route": [destination("v1", 90), destination("v3", 10)]}]},
        ["http[0].route[0].weight", "http[0].route[1].weight"],
    ),
    "the route went": (rules(*NAMED), rules(*TO_70), rules(NAMED[1]), ["spec.http[canary]"]),
    "the route has another name": (
        rules(*NAMED), rules(*TO_70), rules(split(90, 10, name="x"), NAMED[1]), ["spec.http[canary]"],
    ),
    "a route without name may be the other one, renamed": (
        [split(90, 10, name="a"), split(90, 10)],
        [split(90, 10, name="a"), split(70, 30)],
        [split(90, 10, name="b")],
        ["[1]"],
    ),
    "a route may have been made like another, which has a name now": (
        [split(90, 10, **A), split(90, 10)],
        [split(90, 10, **A), split(70, 30)],
        [split(90, 10, **A, name="a"), split(90, 10, **A)],
        ["[1]"],
    ),
    "a route stands elsewhere, unless two have other conditions": (
        [split(90, 10, **A), split(90, 10)],
        [split(90, 10, **A), split(70, 30)],
        [split(90, 10, **B), split(90, 10, **A)],
        ["[1]"],
    ),
    "a route may have lost its name, or another its place": (
        [split(90, 10, **A, name="a"), split(90, 10)],
        [split(70, 30, **A, name="a"), split(90, 10)],
        [split(90, 10, **A)],
        ["[a]"],
    ),
    "either of two routes may have gone": (UNNAMED, UNNAMED_70, {"http": [split(90, 10, match=[])]}, ["http[0]"]),
    "one of two equal routes went": (
        [split(90, 10), split(90, 10)], [split(90, 10), split(70, 30)], [split(90, 10)], ["[1]"],
    ),
    "both routes have other conditions": (
        UNNAMED, UNNAMED_70, {"http": [split(90, 10, match=[{"port": 1}]), split(90, 10, match=[{"port": 2}])]},
        ["http[0]"],
    ),
    "the first has the conditions of the second, which went": (
        [split(90, 10, **A, timeout="1s"), split(90, 10, **B)],
        [split(70, 30, **A, timeout="1s"), split(90, 10, **B)],
        [split(90, 10, **B, timeout="1s")],
        ["[0]"],
    ),
    "one destination was to become several, and has headers now": (
        {"route": [{"destination": {"host": "reviews"}}]},
        {"route": [destination("west", 70), destination("east", 30)]},
        {"route": [{"destination": {"host": "reviews"}, "headers": {}}]},
        ["route"],
    ),
    "one destination was to become several, and one of these came": (
        {"route": [{"destination": {"host": "reviews"}}]},
        {"route": [destination("west", 70), destination("east", 30)]},
        {"route": [{"destination": {"host": "reviews"}}, destination("west", 0)]},
        ["route"],
    ),
    "either of two equal elements was to go": (
        {"l": [{"x": 1}, {"x": 1}]}, {"l": [{"x": 1}]}, {"l": [{"x": 1}, {"x": 1}, {"y": 1}]}, ["l"],
    ),
    "an element took the place of one that it has little of": (
        [split(90, 10, **A, timeout="1s")],
        [split(90, 10, **A, timeout="2s")],
        [{"timeout": "1s", "route": [{"destination": {"host": "other"}}], **B}],
        ["[0]"],
    ),
    "a value is another": ({"a": 1}, {"a": 2}, {"a": 3}, ["a"]),
    "a value went": ({"a": 1}, {"a": 2}, {}, ["a"]),
    "a value that is to go is another": ({"a": 1}, {}, {"a": 2}, ["a"]),
    "both added another value": ({}, {"a": 1}, {"a": 2}, ["a"]),
    "both added a mapping that differs": ({}, {"a": {"x": 1, "y": 1}}, {"a": {"x": 2}}, ["a.x"]),
    "a mapping went": ({"a": {"x": 1}}, {"a": {"x": 1, "y": 1}}, {}, ["a"]),
    "a mapping that is to go has more": ({"a": {"x": 1}}, {}, {"a": {"x": 1, "y": 1}}, ["a"]),
    "a mapping is a list": ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": [1]}, ["a"]),
    "a host is another": ({"hosts": ["a", "b"]}, {"hosts": ["a", "c"]}, {"hosts": ["a", "d"]}, ["hosts[1]"]),
    "a host that is to go is another": ({"hosts": ["a", "b"]}, {"hosts": ["a"]}, {"hosts": ["a", "d"]}, ["hosts[1]"]),
    "an element that is to go has more": ([{"name": "a"}], [], [{"name": "a", "x": 1}], ["[a]"]),
    "both added one of a name": ([], [{"name": "a"}], [{"name": "a", "x": 1}], ["[a]"]),
    "both changed the order": (
        {"l": [{"name": "a"}, {"name": "b"}, {"name": "c"}]},
        {"l": [{"name": "b"}, {"name": "a"}, {"name": "c"}]},
        {"l": [{"name": "c"}, {"name": "b"}, {"name": "a"}]},
        ["l"],
    ),
    "a key with dots": (
        {"annotations": {"a.b/c": "1"}}, {"annotations": {"a.b/c": "2"}}, {"annotations": {"a.b/c": "3"}},
        ["annotations[a.b/c]"],
    ),
    "all of it": ({"a": 1}, None, {"a": 2}, ["."]),
}  # fmt: skip


@pytest.mark.parametrize(("base", "target", "current", "conflicts"), STAYS.values(), ids=STAYS)
def test_what_somebody_changed_stays_and_is_named(base: Any, target: Any, current: Any, conflicts: list[str]) -> None:
    assert merge(base, target, current) == (current, conflicts)


def test_the_rest_is_done_where_one_thing_is_in_conflict() -> None:
    merged, conflicts = merge(
        rules(*NAMED, hosts=["a"]),
        rules(split(70, 30, name="canary"), split(50, 50, name="rest"), hosts=["a", "b"]),
        rules(split(80, 20, name="canary"), split(100, 0, name="rest"), hosts=["a"]),
    )
    assert merged == rules(split(80, 20, name="canary"), split(50, 50, name="rest"), hosts=["a", "b"])
    assert conflicts == ["spec.http[canary].route[0].weight", "spec.http[canary].route[1].weight"]


def test_the_arguments_stay_as_they_are_and_share_nothing_with_the_result() -> None:
    arguments = (rules(*NAMED), rules(*TO_70), rules(*NAMED, hosts=["a"]))
    before = deepcopy(arguments)
    merged, _conflicts = merge(*arguments)
    merged["spec"]["http"][0]["route"][0]["destination"]["host"] = "changed"
    merged["spec"]["hosts"].append("changed")
    assert arguments == before
