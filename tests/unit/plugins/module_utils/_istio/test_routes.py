# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which destinations a weight may name, what becomes of the object, and what is refused in which words."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.routes import (
    By,
    RouteError,
    RouteSelection,
    has_same_weights,
    routes_of,
    weights_of,
    with_shares,
    with_weights,
)

FULL = "reviews.shop.svc.cluster.local"


def to(
    host: str = "reviews", subset: str = "", weight: int | None = None, port: int = 0, **more: Any
) -> dict[str, Any]:
    destination: dict[str, Any] = {"host": host}
    if subset:
        destination["subset"] = subset
    if port:
        destination["port"] = {"number": port}
    return {"destination": destination, **({} if weight is None else {"weight": weight}), **more}


def virtual_service(**sections: list[list[dict[str, Any]] | dict[str, Any]]) -> dict[str, Any]:
    """Each section a list of routes, or of what only its destinations are."""
    spec = {
        section: [deepcopy(route if isinstance(route, dict) else {"route": route}) for route in routes]
        for section, routes in sections.items()
    }
    return {"kind": "VirtualService", "metadata": {"namespace": "shop", "name": "reviews"}, "spec": spec}


def backend(name: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "port": 9080, **({} if weight is None else {"weight": weight}), **more}


def gateway_route(*rules: list[dict[str, Any]] | dict[str, Any], kind: str = "HTTPRoute") -> dict[str, Any]:
    return {
        "kind": kind,
        "metadata": {"namespace": "shop", "name": "reviews"},
        "spec": {"rules": [rule if isinstance(rule, dict) else {"backendRefs": rule} for rule in rules]},
    }


def weights(manifest: dict[str, Any]) -> list[list[int | None]]:
    return [[destination.weight for destination in route.destinations] for route in routes_of(manifest)]


V1_V2 = [to(subset="v1", weight=90), to(subset="v2", weight=10)]
CANARY = {"name": "canary", "route": V1_V2}

KEYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "subsets": (virtual_service(http=[V1_V2]), ["v1", "v2"]),
    "hosts": (virtual_service(tcp=[[to("reviews"), to("ratings")]]), ["reviews", "ratings"]),
    "the same subset of two hosts": (
        virtual_service(tls=[[to("reviews", "v1"), to("ratings", "v1")]]), ["reviews/v1", "ratings/v1"],
    ),
    "a host with and without subset": (virtual_service(http=[[to(), to(subset="v2")]]), ["reviews", "v2"]),
    "ports": (virtual_service(http=[[to(port=80), to(port=81)]]), ["reviews:80", "reviews:81"]),
    "nothing that differs": (virtual_service(http=[[to(), to()]]), ["#0", "#1"]),
    "backends": (gateway_route([backend("v1"), backend("v2")]), ["v1", "v2"]),
    "backends of two namespaces": (
        gateway_route([backend("v1"), backend("v1", namespace="other")]), ["shop/v1", "other/v1"],
    ),
    "backends of two ports": (gateway_route([backend("v1", port=1), backend("v1", port=2)]), ["v1:1", "v1:2"]),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "keys"), KEYS.values(), ids=KEYS)
def test_a_destination_has_the_shortest_name_that_is_its_own(manifest: dict[str, Any], keys: list[str]) -> None:
    assert [destination.key for destination in routes_of(manifest)[0].destinations] == keys


COUNTS: dict[str, tuple[dict[str, Any], list[int]]] = {
    "the only destination gets all": (virtual_service(http=[[to()]]), [100]),
    "whatever its weight": (virtual_service(http=[[to(weight=0)]]), [100]),
    "of several, one without weight gets nothing": (
        virtual_service(http=[[to(), to("ratings", weight=100)]]),
        [0, 100],
    ),
    "a backend without weight has 1": (gateway_route([backend("v1"), backend("v2", 3)]), [1, 3]),
    "a backend with 0 gets nothing": (gateway_route([backend("v1", 0)]), [0]),
    "no destination": (virtual_service(http=[{"redirect": {"uri": "/"}}]), []),
}


@pytest.mark.parametrize(("manifest", "shares"), COUNTS.values(), ids=COUNTS)
def test_what_a_weight_counts(manifest: dict[str, Any], shares: list[int]) -> None:
    assert [destination.share for destination in routes_of(manifest)[0].destinations] == shares


NEW = {"v1": 70, "v2": 30}
SET: dict[str, tuple[dict[str, Any], RouteSelection, dict[str, int], list[list[int | None]]]] = {
    "every route that has these destinations": (
        virtual_service(http=[V1_V2, [to("ratings")], CANARY], tcp=[V1_V2]), RouteSelection(), NEW,
        [[70, 30], [None], [70, 30], [70, 30]],
    ),
    "those of one section": (
        virtual_service(http=[V1_V2], tcp=[V1_V2]), RouteSelection("tcp"), NEW, [[90, 10], [70, 30]],
    ),
    "a named route": (
        virtual_service(http=[V1_V2, CANARY]), RouteSelection(routes=("canary",)), NEW, [[90, 10], [70, 30]],
    ),
    "an indexed route": (
        virtual_service(http=[V1_V2, V1_V2]), RouteSelection(routes=("1",)), NEW, [[90, 10], [70, 30]],
    ),
    "a route that is called 1": (
        virtual_service(http=[{"name": "1", "route": V1_V2}, V1_V2]), RouteSelection(routes=("1",)), NEW,
        [[70, 30], [90, 10]],
    ),
    "an indexed route of a section": (
        virtual_service(http=[V1_V2], tls=[V1_V2]), RouteSelection("tls", ("0",)), NEW, [[90, 10], [70, 30]],
    ),
    "a named rule": (
        gateway_route({"name": "canary", "backendRefs": [backend("v1", 9), backend("v2", 1)]}),
        RouteSelection(routes=("canary",)), NEW, [[70, 30]],
    ),
    "backends that said no weight": (gateway_route([backend("v1"), backend("v2")]), RouteSelection(), NEW, [[70, 30]]),
    "by the name with subset": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"reviews/v1": 70, f"{FULL}/v2": 30}, [[70, 30]],
    ),
    "by a short name for a full one": (
        virtual_service(http=[[to(FULL, weight=50), to("ratings", weight=50)]]), RouteSelection(),
        {"reviews": 70, "ratings.shop.svc.cluster.local": 30}, [[70, 30]],
    ),
    "by host where it has one subset": (
        virtual_service(http=[[to(subset="v1", weight=50), to("ratings", "v1", 50)]]), RouteSelection(),
        {"reviews": 70, "ratings": 30}, [[70, 30]],
    ),
    "who is not named keeps": (
        virtual_service(http=[[*V1_V2[:1], to(subset="v2", weight=5), to(subset="v3", weight=5)]]), RouteSelection(),
        {"v1": 80, "v2": 15}, [[80, 15, 5]],
    ),
    "nothing is said of the only destination": (
        virtual_service(http=[[to()]]), RouteSelection(), {"reviews": 100}, [[None]],
    ),
    "shares that are these already stay": (
        gateway_route([backend("v1"), backend("v2")]), RouteSelection(), {"v1": 50, "v2": 50}, [[None, None]],
    ),
    "a rule of a gRPC route": (gateway_route([backend("v1"), backend("v2")], kind="GRPCRoute"), RouteSelection(), NEW,
                               [[70, 30]]),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "selection", "new", "expected"), SET.values(), ids=SET)
def test_weights_are_set_where_they_are_meant(
    manifest: dict[str, Any], selection: RouteSelection, new: dict[str, int], expected: list[list[int | None]]
) -> None:
    before = deepcopy(manifest)
    result = with_weights(manifest, selection, new)
    assert weights(result) == expected
    assert manifest == before
    assert has_same_weights(result, selection, new)
    assert has_same_weights(manifest, selection, new) == (result == manifest)


@pytest.mark.parametrize(("by", "expected"), [("subset", [[0, 60, 40]]), ("host", [[60, 0, 40]])])
def test_a_name_may_be_said_to_be_a_subset_or_a_host(by: By, expected: list[list[int]]) -> None:
    entries = [to("v1", weight=0), to("reviews", "v1", 0), to("ratings", "v1" if by == "subset" else "", 100)]
    manifest = virtual_service(http=[entries])
    key = "ratings/v1" if by == "subset" else "ratings"
    first = "reviews/v1" if by == "subset" else "v1"
    assert weights(with_weights(manifest, RouteSelection(by=by), {first: 60, key: 40})) == expected


@pytest.mark.parametrize("manifest", [virtual_service(http=[CANARY]), gateway_route([backend("v1"), backend("v2")])])
def test_only_weights_are_changed(manifest: dict[str, Any]) -> None:
    manifest["metadata"]["labels"] = {"weight": "1"}
    manifest["spec"]["hosts"] = ["reviews"]
    before = deepcopy(manifest)
    result = with_weights(manifest, RouteSelection(), NEW)
    section = "http" if "http" in before["spec"] else "rules"
    list_of = "route" if section == "http" else "backendRefs"
    for entry, weight in zip(before["spec"][section][0][list_of], (70, 30), strict=True):
        entry["weight"] = weight
    assert result == before


HEADERS = {"headers": {"request": {"set": {"x": "1"}}}}
EXPANDED: dict[str, tuple[dict[str, Any], dict[str, int], dict[str, Any]]] = {
    "the only destination": (
        virtual_service(http=[{"timeout": "1s", "route": [to(port=80, **HEADERS)]}]), {"west": 70, "east": 30},
        virtual_service(
            http=[
                {
                    "timeout": "1s",
                    "route": [
                        to(subset="west", port=80, weight=70, **HEADERS),
                        to(subset="east", port=80, weight=30, **HEADERS),
                    ],
                }
            ]
        ),
    ),
    "beside another host": (
        virtual_service(http=[[to("old", weight=20), to(weight=80)]]), {"west": 56, "east": 24},
        virtual_service(http=[[to("old", weight=20), to(subset="west", weight=56), to(subset="east", weight=24)]]),
    ),
    "beside a subset of the same name": (
        virtual_service(http=[[to("old", "west", 20), to(weight=80)]]), {"west": 56, "east": 24},
        virtual_service(http=[[to("old", "west", 20), to(subset="west", weight=56), to(subset="east", weight=24)]]),
    ),
    "a subset that comes later": (
        virtual_service(http=[[to(subset="west", weight=70), to(subset="east", weight=30)]]),
        {"west": 50, "east": 25, "north": 25},
        virtual_service(http=[[to(subset="west", weight=50), to(subset="east", weight=25),
                               to(subset="north", weight=25)]]),
    ),
    "into one subset": (virtual_service(http=[[to()]]), {"west": 100}, virtual_service(http=[[to(subset="west")]])),
    "routes to other hosts stay": (
        virtual_service(http=[[to("ratings")]], tcp=[[to(FULL)]]), {"west": 100, "east": 0},
        virtual_service(http=[[to("ratings")]], tcp=[[to(FULL, "west", 100), to(FULL, "east", 0)]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "new", "expected"), EXPANDED.values(), ids=EXPANDED)
def test_a_destination_becomes_one_for_each_subset(
    manifest: dict[str, Any], new: dict[str, int], expected: dict[str, Any]
) -> None:
    result = with_weights(manifest, RouteSelection(), new, subsets_of="reviews")
    assert result == expected
    assert with_weights(result, RouteSelection(), new, subsets_of="reviews") == expected


REFUSED: dict[str, tuple[dict[str, Any], RouteSelection, dict[str, Any], str, str]] = {
    "no weight": (virtual_service(http=[V1_V2]), RouteSelection(), {}, "weights-missing", "no weight is given"),
    "negative": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"v1": 110, "v2": -10},
        "weight-invalid", "the weight of v2 is -10",
    ),
    "a fraction": (virtual_service(http=[V1_V2]), RouteSelection(), {"v1": 99.5, "v2": 0.5}, "weight-invalid", "99.5"),
    "a truth": (virtual_service(http=[V1_V2]), RouteSelection(), {"v1": True, "v2": 99}, "weight-invalid", "True"),
    "not the total": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"v1": 70, "v2": 20}, "weights-sum",
        r"VirtualService shop/reviews, http\[0\], the weights make 90, and not 100",
    ),
    "not the total with the others": (
        virtual_service(http=[CANARY]), RouteSelection(), {"v2": 30}, "weights-sum",
        r"http\[canary\], the weights make 120, with what v1 keeps, and not 100",
    ),
    "an unknown destination": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"v1": 70, "v3": 30}, "destination-missing",
        r"has no route that sends to v3; it has http\[0\]: v1, v2$",
    ),
    "not in the named route": (
        virtual_service(http=[CANARY, [to("ratings")]]), RouteSelection(routes=("1",)), NEW, "destination-missing",
        r"sends to v1; it has http\[1\]: ratings$",
    ),
    "not together": (
        virtual_service(http=[[to(subset="v1")], [to(subset="v2")]]), RouteSelection(), NEW, "destination-missing",
        "sends to all of v1, v2",
    ),
    "a redirect": (
        virtual_service(http=[{"name": "canary", "redirect": {}}]), RouteSelection(routes=("canary",)), NEW,
        "destination-missing", "no destination",
    ),
    "only mirrored": (
        virtual_service(http=[{"route": [to(subset="v1")], "mirror": {"host": "reviews", "subset": "v2"}}]),
        RouteSelection(), NEW, "destination-mirrored", "v2 is only sent copies",
    ),
    "one of several mirrors": (
        virtual_service(http=[{"route": [to("v1")], "mirrors": [{"destination": {"host": "v2"}}]}]),
        RouteSelection(), NEW, "destination-mirrored", "v2 is only sent copies",
    ),
    "a mirror of a rule": (
        gateway_route({"backendRefs": [backend("v1")],
                       "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "v2"}}}]}),
        RouteSelection(), NEW, "destination-mirrored", "v2 is only sent copies",
    ),
    "an unknown route": (
        virtual_service(http=[CANARY], tcp=[V1_V2]), RouteSelection(routes=("x",)), NEW, "route-missing",
        r"has no route x; it has http\[canary\], tcp\[0\]$",
    ),
    "an index beyond": (
        virtual_service(http=[CANARY]), RouteSelection("http", ("1",)), NEW, "route-missing", "1 in http",
    ),
    "two routes of a name": (
        virtual_service(http=[CANARY, CANARY]), RouteSelection(routes=("canary",)), NEW, "route-ambiguous",
        r"2 routes canary: http\[0\], http\[1\]$",
    ),
    "an index of two sections": (
        virtual_service(http=[V1_V2], tcp=[V1_V2]), RouteSelection(routes=("0",)), NEW, "route-ambiguous", "tcp",
    ),
    "a subset of two hosts": (
        virtual_service(http=[[to("reviews", "v1"), to("ratings", "v1")]]), RouteSelection(), {"v1": 100},
        "destination-ambiguous", "v1 may be reviews/v1, ratings/v1",
    ),
    "a host of two subsets": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"reviews": 100}, "destination-missing", "sends to reviews",
    ),
    "a destination twice": (
        virtual_service(http=[V1_V2]), RouteSelection(), {"v1": 70, "reviews/v1": 0, "v2": 30},
        "destination-twice", "v1",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "selection", "new", "check", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_set_is_refused(
    manifest: dict[str, Any], selection: RouteSelection, new: dict[str, Any], check: str, message: str
) -> None:
    with pytest.raises(RouteError, match=message) as refused:
        with_weights(manifest, selection, new)
    assert refused.value.kind.slug == check
    assert refused.value.remedy
    assert not has_same_weights(manifest, selection, new)


NOT_EXPANDED: dict[str, tuple[dict[str, Any], str]] = {
    "backends": (gateway_route([backend("reviews")]), "subsets-not-supported"),
    "no route to the host": (virtual_service(http=[[to("ratings")]]), "destination-missing"),
    "destinations that differ": (
        virtual_service(http=[[to(subset="v1", weight=50, **HEADERS), to(subset="v2", weight=50)]]),
        "destination-unclear",
    ),
    "with and without subset": (
        virtual_service(http=[[to(weight=50), to(subset="v2", weight=50)]]), "destination-unclear",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("manifest", "check"), NOT_EXPANDED.values(), ids=NOT_EXPANDED)
def test_subsets_are_not_guessed(manifest: dict[str, Any], check: str) -> None:
    with pytest.raises(RouteError) as refused:
        with_weights(manifest, RouteSelection(), {"west": 70, "east": 30}, subsets_of="reviews")
    assert refused.value.kind.slug == check


def test_another_total() -> None:
    manifest = virtual_service(http=[V1_V2])
    assert weights(with_weights(manifest, RouteSelection(), {"v1": 999, "v2": 1}, total=1000)) == [[999, 1]]


def test_the_weights_that_stand_are_read_as_they_count() -> None:
    manifest = virtual_service(http=[CANARY, [to("ratings")]])
    assert weights_of(manifest, RouteSelection(), ["v1"]) == {"http[canary]": {"v1": 90, "v2": 10}}
    assert weights_of(manifest, RouteSelection(routes=("1",)), []) == {"http[1]": {"ratings": 100}}


@pytest.mark.parametrize(
    ("stands", "shares", "written"),
    [
        ([80, 0, 20], {"v1": 50, "v2": 50}, [40, 40, 20]),
        ([80, 0, 20], {"v1": 100, "v2": 0}, [80, 0, 20]),
        ([40, 40, 20], {"v1": 1, "v2": 99}, [1, 79, 20]),
        ([33, 33, 34], {"v1": 50, "v2": 50}, [33, 33, 34]),
        # Nothing is written where the ratio is the asked one already.
        ([1, 1, 0], {"v1": 50, "v2": 50}, [1, 1, 0]),
    ],
)
def test_shares_are_of_what_other_destinations_leave(
    stands: list[int], shares: dict[str, int], written: list[int]
) -> None:
    entries = [to(subset=name, weight=weight) for name, weight in zip(("v1", "v2", "v3"), stands, strict=True)]
    live = virtual_service(http=[entries])
    before = deepcopy(live)
    assert weights(with_shares(live, RouteSelection(), shares)) == [written]
    assert live == before


def test_shares_that_have_no_room_are_refused() -> None:
    live = virtual_service(http=[[to(subset="v1", weight=1), to(subset="v2", weight=0), to(subset="v3", weight=99)]])
    with pytest.raises(RouteError, match="v3 keeps 99 of 100, which leaves too little"):
        with_shares(live, RouteSelection(), {"v1": 50, "v2": 50})
