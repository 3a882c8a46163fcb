# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random edits of a user between our read and our write, and between our write and putting back.

The user's edits are made on a model in which each route has a number of its own, which no object shows. So it is known
afterwards on which route a weight has landed.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.alignment import without_weights
from ansible_collections.onemesh.istio.plugins.module_utils._change.merge import merge
from hypothesis import given, settings
from hypothesis import strategies as st

Json = Any

JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "b", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "weight", "destination", "host", "labels", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, JSON, JSON)
def test_the_laws_hold_for_any_json(base: Json, target: Json, current: Json) -> None:
    before = deepcopy((base, target, current))
    _merged, conflicts = merge(base, target, current)
    assert (base, target, current) == before
    assert merge(base, target, base) == (target, [])
    assert merge(base, base, current) == (current, [])
    assert merge(base, target, target) == (target, [])
    assert all(conflicts)


@dataclass
class Route:
    """One route of the model: ``number`` is known to the test alone."""

    number: int
    content: dict[str, Any]


@dataclass
class Model:
    """A VirtualService; ``weighted`` are the numbers of the routes that we change."""

    routes: list[Route]
    metadata: dict[str, Any] = field(default_factory=dict)
    hosts: list[str] = field(default_factory=lambda: ["shop"])

    def object(self) -> dict[str, Any]:
        http = [deepcopy(route.content) for route in self.routes]
        return {"metadata": deepcopy(self.metadata), "spec": {"hosts": list(self.hosts), "http": http}}


def weights(draw: st.DrawFn, count: int) -> list[int]:
    cuts = sorted(draw(st.lists(st.integers(0, 100), min_size=count - 1, max_size=count - 1)))
    return [after - before for before, after in zip([0, *cuts], [*cuts, 100], strict=True)]


def destinations(draw: st.DrawFn, host: str) -> list[dict[str, Any]]:
    subsets = ["v1", "v2", "v3"][: draw(st.integers(1, 3))]
    shares = weights(draw, len(subsets))
    return [
        {"destination": {"host": host, "subset": subset}, "weight": share}
        for subset, share in zip(subsets, shares, strict=True)
    ]


@st.composite
def models(draw: st.DrawFn) -> Model:
    routes = []
    for number in range(draw(st.integers(1, 4))):
        content: dict[str, Any] = {"route": destinations(draw, draw(st.sampled_from(["reviews", "ratings"])))}
        if draw(st.booleans()):
            content["name"] = f"route-{number}"
        if draw(st.booleans()):
            content["match"] = [{"uri": {"prefix": f"/{draw(st.integers(0, 2))}"}}]
        routes.append(Route(number, content))
    return Model(routes)


def with_new_weights(draw: st.DrawFn, model: Model) -> tuple[Model, set[int]]:
    """What we want: other weights on some routes, and nothing else."""
    wanted = deepcopy(model)
    chosen = draw(st.sets(st.sampled_from([route.number for route in model.routes]), min_size=1))
    for route in wanted.routes:
        if route.number in chosen:
            for element, share in zip(route.content["route"], weights(draw, len(route.content["route"])), strict=True):
                element["weight"] = share
    return wanted, chosen


HARMLESS = ("label", "annotation", "host", "timeout", "headers", "insert", "port")
HARMFUL = ("move", "remove", "rename", "condition", "reweigh", "retarget", "add", "drop", "swap")


def edit(draw: st.DrawFn, model: Model, kind: str, step: int) -> None:
    route = draw(st.sampled_from(model.routes))
    inside = route.content["route"]
    if kind in ("label", "annotation"):
        model.metadata.setdefault(f"{kind}s", {})[f"example.org/{step}"] = str(step)
    elif kind == "host":
        model.hosts.insert(draw(st.integers(0, len(model.hosts))), f"host-{step}")
    elif kind == "timeout":
        route.content["timeout"] = f"{step}s"
    elif kind == "headers":
        draw(st.sampled_from(inside))["headers"] = {"request": {"set": {"step": str(step)}}}
    elif kind == "port":
        for element in inside:
            element["destination"]["port"] = {"number": 8000 + step}
    elif kind == "insert":
        content = {"name": f"new-{step}", "route": destinations(draw, f"other-{step}")}
        model.routes.insert(draw(st.integers(0, len(model.routes))), Route(100 + step, content))
    elif kind == "move":
        model.routes[:] = draw(st.permutations(model.routes))
    elif kind == "remove":
        if len(model.routes) > 1:
            model.routes.remove(route)
    elif kind == "rename":
        route.content["name"] = f"renamed-{step}"
    elif kind == "condition":
        route.content["match"] = [{"uri": {"prefix": f"/{draw(st.integers(0, 3))}"}}]
    elif kind == "reweigh":
        for element, share in zip(inside, weights(draw, len(inside)), strict=True):
            element["weight"] = share
    elif kind == "retarget":
        draw(st.sampled_from(inside))["destination"]["subset"] = f"new-{step}"
    elif kind == "add":
        inside.append({"destination": {"host": "reviews", "subset": f"new-{step}"}, "weight": draw(st.integers(0, 9))})
    elif kind == "drop":
        if len(inside) > 1:
            inside.remove(draw(st.sampled_from(inside)))
    else:
        assert kind == "swap"
        # Between routes without a name this would be a move.
        other = draw(st.sampled_from(model.routes))
        if "name" in route.content and "name" in other.content:
            route.content["route"], other.content["route"] = other.content["route"], route.content["route"]


def edited(draw: st.DrawFn, model: Model, kinds: tuple[str, ...]) -> Model:
    result = deepcopy(model)
    for step in range(draw(st.integers(0, 5))):
        edit(draw, result, draw(st.sampled_from(kinds)), step)
    return result


def shares(route: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (element["destination"]["host"], element["destination"]["subset"]): element["weight"]
        for element in route["route"]
    }


def content_without_weights(route: dict[str, Any]) -> dict[str, Any]:
    stripped: dict[str, Any] = without_weights(route)
    return stripped


@pytest.mark.parametrize("put_back", [False, True])
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_harmless_edits_and_our_weights_both_stand(put_back: bool, data: st.DataObject) -> None:
    @st.composite
    def scenario(draw: st.DrawFn) -> tuple[Model, Model, Model]:
        old = draw(models())
        new, _chosen = with_new_weights(draw, old)
        base, target = (new, old) if put_back else (old, new)
        return base, target, edited(draw, base, HARMLESS)

    base, target, current = data.draw(scenario())
    merged, conflicts = merge(base.object(), target.object(), current.object())
    expected = deepcopy(current)
    wanted = {route.number: shares(route.content) for route in target.routes}
    for route in expected.routes:
        if route.number in wanted:
            for element in route.content["route"]:
                key = (element["destination"]["host"], element["destination"]["subset"])
                element["weight"] = wanted[route.number][key]
    if _routes_are_distinct(base):
        assert conflicts == []
        assert merged == expected.object()


def _routes_are_distinct(model: Model) -> bool:
    """Routes without a name that are equal but for weights cannot be told apart once one of them is edited."""
    contents = [content_without_weights(route.content) for route in model.routes]
    return all(contents.count(content) == 1 for content in contents)


@pytest.mark.parametrize("put_back", [False, True])
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_whatever_happened_no_weight_lands_on_another_route(put_back: bool, data: st.DataObject) -> None:
    @st.composite
    def scenario(draw: st.DrawFn) -> tuple[Model, Model, Model]:
        old = draw(models())
        new, _chosen = with_new_weights(draw, old)
        base, target = (new, old) if put_back else (old, new)
        return base, target, edited(draw, base, HARMLESS + HARMFUL)

    base, target, current = data.draw(scenario())
    _renumber(base, current)
    merged, conflicts = merge(base.object(), target.object(), current.object())
    original = {route.number: shares(route.content) for route in base.routes}
    wanted = {route.number: shares(route.content) for route in target.routes}
    after = merged["spec"]["http"]
    assert without_weights(merged) == without_weights(current.object())
    done = set()
    for route, result in zip(current.routes, after, strict=True):
        ours = wanted.get(route.number, {})
        # What came beside them may get nothing.
        is_as_wanted = ours == {key: share for key, share in shares(result).items() if key in ours or share}
        assert is_as_wanted or shares(result) == shares(route.content)
        if is_as_wanted:
            done.add(route.number)
    if not conflicts:
        assert merge(base.object(), target.object(), merged)[0] == merged
        assert {number for number in wanted if wanted[number] != original[number]} <= done


def _renumber(base: Model, current: Model) -> None:
    """Edits may turn a route into exactly another one of those that we saw; then it is that one to everybody.

    Likewise nobody can see that two equal ones changed places.
    """
    for route in current.routes:
        content = content_without_weights(route.content)
        same = [known.number for known in base.routes if content_without_weights(known.content) == content]
        if same and route.number not in same:
            route.number = same[0]
    for route in current.routes:
        equal = [other for other in current.routes if other.content == route.content]
        for other, number in zip(equal, sorted(other.number for other in equal), strict=True):
            other.number = number


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_putting_back_what_nobody_touched_is_exact(data: st.DataObject) -> None:
    @st.composite
    def scenario(draw: st.DrawFn) -> tuple[Model, Model]:
        old = draw(models())
        return old, with_new_weights(draw, edited(draw, old, HARMLESS + HARMFUL))[0]

    old, new = data.draw(scenario())
    assert merge(new.object(), old.object(), new.object()) == (old.object(), [])
