# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a release did before, and whatever its user edited meanwhile, only what is wanted now counts."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = dict[str, Any]

SIDES = Sides("v1", "v2")
AFFINITIES = [None, Affinity("canary-user"), Affinity("canary-user", stable_cookie_name="stable-user")]

OPTIONAL = {
    "timeout": st.sampled_from(["1s", "2s"]),
    "fault": st.just({"delay": {"fixedDelay": "1s"}}),
    "field_of_tomorrow": st.integers(0, 3),
    "headers": st.just({"response": {"add": {"Set-Cookie": "theirs=1"}}}),
}
MIRRORS = st.just([{"destination": {"host": "audit"}, "percentage": {"value": 3}}])
HEADERS = st.sampled_from(
    [{"request": {"set": {"x": "1"}}}, {"response": {"remove": ["server"]}}, {"response": {"add": {"x-side": "1"}}}]
)
PORT = st.just({"number": 9080})
FILTERS = st.sampled_from(
    [
        [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["x"]}}],
        [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"add": [{"name": "x", "value": "1"}]}}],
        [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"remove": ["server"]}}],
    ]
)

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def istio_objects(draw: st.DrawFn) -> Json:
    """A VirtualService in which at least one route has both sides, beside routes of other services."""

    def split() -> Json:
        canary = draw(st.integers(0, 100))
        entries = [
            {
                "destination": {"host": "reviews", "subset": subset, **draw(_some({"port": PORT}))},
                "weight": weight,
                **draw(_some({"headers": HEADERS})),
            }
            for subset, weight in draw(st.permutations([("v1", 100 - canary), ("v2", canary), ("v3", 0)]))
        ]
        matches = {"match": st.lists(st.sampled_from([{"uri": {"prefix": "/a"}}, {"port": 80}]), min_size=1)}
        return {"route": entries, **draw(_some({**OPTIONAL, "mirrors": MIRRORS, **matches}))}

    def other() -> Json:
        return {"route": [{"destination": {"host": "other"}}], **draw(_some({**OPTIONAL, "mirrors": MIRRORS}))}

    routes = [split() if draw(st.booleans()) else other() for _number in range(draw(st.integers(0, 3)))]
    routes.insert(draw(st.integers(0, len(routes))), split())
    return _object("VirtualService", {"hosts": ["reviews"], "http": routes}, draw)


@st.composite
def gateway_objects(draw: st.DrawFn) -> Json:
    """The same as an HTTPRoute."""

    def split() -> Json:
        canary = draw(st.integers(0, 100))
        entries = [
            {"name": name, "port": 9080, "weight": weight, **draw(_some({"filters": FILTERS}))}
            for name, weight in draw(st.permutations([("v1", 100 - canary), ("v2", canary), ("v3", 0)]))
        ]
        return {"backendRefs": entries, **draw(_some({"filters": FILTERS, "field_of_tomorrow": st.integers(0, 3)}))}

    def other() -> Json:
        return {"backendRefs": [{"name": "other", "port": 80}], **draw(_some({"filters": FILTERS}))}

    rules = [split() if draw(st.booleans()) else other() for _number in range(draw(st.integers(0, 3)))]
    rules.insert(draw(st.integers(0, len(rules))), split())
    return _object("HTTPRoute", {"parentRefs": [{"kind": "Service", "name": "reviews"}], "rules": rules}, draw)


def _object(kind: str, spec: Json, draw: st.DrawFn) -> Json:
    labels = draw(st.dictionaries(st.sampled_from(["app", "team"]), st.just("a")))
    return {"kind": kind, "metadata": {"namespace": "shop", "name": "reviews", "labels": labels}, "spec": spec}


def _some(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


@st.composite
def rules_for(draw: st.DrawFn, kind: str) -> RouteRules:
    istio = {"headers": {"x-user": {"exact": "insider"}}}
    gateway = {"headers": [{"name": "x-user", "value": "insider"}]}
    return RouteRules(
        RouteSelection(),
        "reviews",
        match=(istio if kind == "VirtualService" else gateway,),
        affinity=draw(st.sampled_from(AFFINITIES)),
        segment=draw(st.booleans()),
    )


def traffics(rules: RouteRules) -> st.SearchStrategy[TrafficSplit]:
    cookies = st.sampled_from(["", "abc", "def"]) if rules.affinity else st.just("")
    expired = st.sampled_from([(), ("old",), ("old", "older")]) if rules.affinity else st.just(())
    return st.integers(0, 100).flatmap(
        lambda canary: st.builds(
            TrafficSplit,
            canary=st.just(canary),
            stable=st.just(100 - canary),
            mirror=st.integers(0, 100),
            matched=st.booleans(),
            cookie=cookies,
            expired=expired,
        )
    )


@st.composite
def runs(draw: st.DrawFn) -> tuple[Json, RouteRules, list[TrafficSplit]]:
    live = draw(istio_objects() | gateway_objects())
    rules = draw(rules_for(live["kind"]))
    return live, rules, draw(st.lists(traffics(rules), min_size=1, max_size=4))


@unhurried
@given(runs())
def test_only_the_last_traffic_counts(run: tuple[Json, RouteRules, list[TrafficSplit]]) -> None:
    live, rules, steps = run
    before = deepcopy(live)
    current = live
    for traffic in steps:
        current = make_desired(current, SIDES, rules, traffic)
    assert current == make_desired(live, SIDES, rules, steps[-1])
    assert make_desired(current, SIDES, rules, steps[-1]) == current
    assert live == before


@unhurried
@given(runs())
def test_nothing_but_weights_is_left(run: tuple[Json, RouteRules, list[TrafficSplit]]) -> None:
    live, rules, steps = run
    current = live
    for traffic in steps:
        current = make_desired(current, SIDES, rules, traffic)
    left = make_desired(current, SIDES, rules, TrafficSplit())
    assert _without_weights(left) == _without_weights(live)
    assert find_sides(left, SIDES) == {"stable"}
    assert read_traffic(left, SIDES, rules) == TrafficSplit()


@unhurried
@given(runs())
def test_what_is_written_is_what_is_seen(run: tuple[Json, RouteRules, list[TrafficSplit]]) -> None:
    """But for cookies that have no effect."""
    live, rules, steps = run
    wanted = steps[-1]
    result = make_desired(live, SIDES, rules, wanted)
    expected = TrafficSplit(
        wanted.canary,
        wanted.stable,
        wanted.mirror,
        wanted.matched,
        wanted.cookie if wanted.canary else "",
        () if wanted.canary else wanted.expired,
    )
    assert read_traffic(result, SIDES, rules) == expected
    assert find_sides(result, SIDES) >= expected.sides
    assert ("canary" in find_sides(result, SIDES)) == ("canary" in expected.sides or bool(wanted.mirror))


@unhurried
@given(runs(), st.data())
def test_an_edit_counts_as_if_it_had_been_there(
    run: tuple[Json, RouteRules, list[TrafficSplit]], data: st.DataObject
) -> None:
    live, rules, steps = run
    section = "http" if live["kind"] == "VirtualService" else "rules"
    edited = make_desired(live, SIDES, rules, steps[0])
    users = [one for one in edited["spec"][section] if not one.get("name", "").startswith("onemesh-canary-")]
    number = data.draw(st.integers(0, len(users) - 1))
    users[number]["edited"] = live["spec"][section][number]["edited"] = "yes"
    edited["metadata"]["labels"]["edited"] = live["metadata"]["labels"]["edited"] = "yes"
    assert make_desired(edited, SIDES, rules, steps[-1]) == make_desired(live, SIDES, rules, steps[-1])


@unhurried
@given(st.integers(0, 98), st.lists(st.integers(0, 100), min_size=2, max_size=5))
def test_what_another_destination_leaves_is_divided_whole(kept: int, shares: list[int]) -> None:
    entries = [{"destination": {"host": "reviews", "subset": name}} for name in ("v1", "v2", "v3")]
    weighted = [{**entry, "weight": weight} for entry, weight in zip(entries, (100 - kept, 0, kept), strict=True)]
    live: Json = {
        "kind": "VirtualService",
        "metadata": {"namespace": "shop", "name": "reviews"},
        "spec": {"hosts": ["reviews"], "http": [{"route": weighted}]},
    }
    before = 0
    for canary in sorted(shares):
        live = make_desired(live, SIDES, RouteRules(RouteSelection(), "reviews"), TrafficSplit(canary, 100 - canary))
        stable, new, other = (entry["weight"] for entry in live["spec"]["http"][0]["route"])
        assert (stable + new + other, other) == (100, kept)
        assert (new > 0, stable > 0) == (canary > 0, canary < 100)
        assert new >= before, "a larger share is no smaller weight"
        assert abs(new - canary * (100 - kept) / 100) <= 1
        before = new


def _without_weights(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_weights(one) for name, one in value.items() if name != "weight"}
    if isinstance(value, list):
        return [_without_weights(one) for one in value]
    return value
