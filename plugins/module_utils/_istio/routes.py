# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights in routing objects: read them, and set them without touching anything else.

VirtualService has its destinations in ``spec.{http,tls,tcp}[].route[]``; HTTPRoute, GRPCRoute, TLSRoute and TCPRoute
have them in ``spec.rules[].backendRefs[]``, whether the parent is a gateway or a Service. Weights are relative to their
sum in both. What is absent counts differently: nothing in a VirtualService with several destinations
(networking/v1alpha3/virtual_service.proto), 1 in the Gateway API.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from .._finding_kinds import ROUTE_MISSING
from .._findings import FindingKind
from .finding_kinds import (
    DESTINATION_AMBIGUOUS,
    DESTINATION_MIRRORED,
    DESTINATION_MISSING,
    DESTINATION_TWICE,
    DESTINATION_UNCLEAR,
    ROUTE_AMBIGUOUS,
    SUBSETS_NOT_SUPPORTED,
    WEIGHT_INVALID,
    WEIGHTS_MISSING,
    WEIGHTS_SUM,
)
from .hosts import full_name, service_of

VIRTUAL_SERVICE_SECTIONS = ("http", "tls", "tcp")
GATEWAY_API_SECTION = "rules"
GATEWAY_API_KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")

TOTAL = 100
"""What the weights of a route add up to, where nobody wants another resolution."""

By = Literal["destination", "subset", "host"]
"""What the keys of weights name: anything that is unambiguous, only subsets, or only hosts and services."""


class RouteError(ValueError):
    """Weights cannot be set: ``kind`` is that of its finding, the text says what was expected and found,
    ``remedy`` what to do."""

    def __init__(self, kind: FindingKind, message: str, remedy: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.remedy = remedy


@dataclass(frozen=True)
class RouteDestination:
    """One place that a route sends to. ``weight`` is None where the object says none, ``share`` what that counts as.

    ``key`` is its shortest name that is unique in its route: ``v1``, ``reviews``, ``reviews/v1``, ``reviews:9080/v1``;
    for a backend ``reviews``, ``reviews:9080``, ``shop/reviews``. ``names`` are all that it answers to.
    """

    index: int
    host: str
    subset: str
    port: int | None
    weight: int | None
    share: int
    key: str
    names: frozenset[str] = field(repr=False, default=frozenset())


@dataclass(frozen=True)
class Route:
    """One route or rule, in the order of the object. ``mirrors`` are hosts that only get copies of requests."""

    section: str
    index: int
    name: str
    destinations: tuple[RouteDestination, ...]
    mirrors: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As paths write it: ``http[canary]``, ``rules[0]``."""
        return f"{self.section}[{self.name or self.index}]"


@dataclass(frozen=True)
class RouteSelection:
    """Which routes: of ``section`` (default: of all), and in ``routes`` names or indexes.

    Without ``routes`` it is every route that has all the destinations that get a weight.
    """

    section: str = ""
    routes: tuple[str, ...] = ()
    by: By = "destination"


def is_virtual_service(manifest: Mapping[str, Any]) -> bool:
    return manifest.get("kind") == "VirtualService"


def routes_of(manifest: Mapping[str, Any]) -> tuple[Route, ...]:
    """All routes of an object, of a VirtualService in the order http, tls, tcp."""
    namespace = _namespace(manifest)
    spec = manifest.get("spec") or {}
    if is_virtual_service(manifest):
        return tuple(
            Route(section, index, route.get("name") or "", _istio_destinations(route, namespace), _istio_mirrors(route))
            for section in VIRTUAL_SERVICE_SECTIONS
            for index, route in enumerate(spec.get(section) or ())
        )
    return tuple(
        Route(GATEWAY_API_SECTION, index, rule.get("name") or "", _backends(rule, namespace), _backend_mirrors(rule))
        for index, rule in enumerate(spec.get(GATEWAY_API_SECTION) or ())
    )


def with_weights(
    manifest: Mapping[str, Any],
    selection: RouteSelection,
    weights: Mapping[str, Any],
    *,
    total: int = TOTAL,
    subsets_of: str = "",
) -> dict[str, Any]:
    """A copy of the object whose selected routes have these weights, and which is otherwise the same.

    ``weights`` is from names of destinations to integers. A destination of a selected route that is not named keeps its
    weight, and all of them together have to make ``total``. Where the shares are the asked ones already, in whatever
    numbers, nothing is written.

    With ``subsets_of``, a host, the keys are names of its subsets, and a route that sends to the host gets one
    destination for each of them: in the place of the one without subset, and with everything that it has (port,
    headers). Subsets that the route has already keep their places.

    Raises RouteError.
    """
    _refuse_bad_weights(weights)
    result = deepcopy(dict(manifest))
    if subsets_of and not is_virtual_service(manifest):
        raise RouteError(
            SUBSETS_NOT_SUPPORTED,
            f"a {manifest.get('kind')} has backends and no subsets",
            "give each part of the host a Service of its own, or use a VirtualService",
        )
    for route in select(manifest, selection, weights, subsets_of=subsets_of):
        owner = result["spec"][route.section][route.index]
        entries = owner.get("route" if is_virtual_service(manifest) else "backendRefs") or []
        wanted = dict(weights)
        if subsets_of:
            host = full_name(subsets_of, _namespace(manifest))
            entries[:] = _with_subsets(route, entries, host, list(weights), _namespace(manifest))
            wanted = {f"{host}/{subset}": weight for subset, weight in weights.items()}
        _set(entries, _find_again(routes_of(result), route), selection, wanted, total, manifest)
    return result


def with_shares(
    manifest: Mapping[str, Any], selection: RouteSelection, shares: Mapping[str, Any], *, total: int = TOTAL
) -> dict[str, Any]:
    """A copy of the object whose selected routes are divided by ``shares``, which are parts of ``total``.

    A destination that is not named keeps its weight, and what all of them leave of ``total`` is divided. A share above
    0 gets a weight of at least 1.

    Raises RouteError.
    """
    _refuse_bad_weights(shares)
    result = deepcopy(dict(manifest))
    for route in select(manifest, selection, shares):
        owner = result["spec"][route.section][route.index]
        entries = owner.get("route" if is_virtual_service(manifest) else "backendRefs") or []
        kept = find_others(route, selection, shares)
        rest = total - sum(one.share for one in kept)
        if rest < sum(share > 0 for share in shares.values()):
            others = ", ".join(one.key for one in kept)
            raise RouteError(
                WEIGHTS_SUM,
                f"in {describe(manifest)}, {route}, {others} keeps {total - rest} of {total}, which leaves too little",
                f"give less to {others}, or leave this route out",
            )
        _set(entries, route, selection, _divide(shares, rest, total), total, manifest)
    return result


def find_others(route: Route, selection: RouteSelection, keys: Iterable[str]) -> list[RouteDestination]:
    """The destinations of a route that have a weight and no key."""
    named = {one.index for key in keys for one in find_matching(route, key, selection.by)}
    return [one for one in route.destinations if one.index not in named and one.share]


def _divide(shares: Mapping[str, int], rest: int, total: int) -> dict[str, int]:
    """Whole weights that make ``rest``, in the ratio of the shares; what rounding leaves is the largest one's."""
    largest = max(shares, key=lambda key: shares[key])
    weights = {
        key: max(1, (2 * share * rest + total) // (2 * total)) if share else 0
        for key, share in shares.items()
        if key != largest
    }
    return {**weights, largest: rest - sum(weights.values())}


def weights_of(
    manifest: Mapping[str, Any], selection: RouteSelection, keys: Iterable[str], *, subsets_of: str = ""
) -> dict[str, dict[str, int]]:
    """What the selected routes have: from ``http[canary]`` to key to weight, as it counts. Raises RouteError."""
    return {
        str(route): {destination.key: destination.share for destination in route.destinations}
        for route in select(manifest, selection, keys, subsets_of=subsets_of)
    }


def has_same_weights(
    manifest: Mapping[str, Any],
    selection: RouteSelection,
    weights: Mapping[str, Any],
    *,
    total: int = TOTAL,
    subsets_of: str = "",
) -> bool:
    """Whether the selected routes divide in this way already; False too where they no longer can."""
    try:
        return with_weights(manifest, selection, weights, total=total, subsets_of=subsets_of) == manifest
    except RouteError:
        return False


def select(
    manifest: Mapping[str, Any], selection: RouteSelection, keys: Iterable[str], *, subsets_of: str = ""
) -> tuple[Route, ...]:
    """The routes that are meant, at least one. Raises RouteError."""
    wanted = list(keys)
    known = [route for route in routes_of(manifest) if selection.section in ("", route.section)]
    if selection.routes:
        return tuple(dict.fromkeys(_route(manifest, known, name, selection) for name in selection.routes))
    if subsets_of:
        host = full_name(subsets_of, _namespace(manifest))
        found = [route for route in known if _of_host(route, host, _namespace(manifest))]
    else:
        found = [route for route in known if all(find_matching(route, key, selection.by) for key in wanted)]
    if found:
        return tuple(found)
    lacking = next((key for key in wanted if not any(find_matching(route, key, selection.by) for route in known)), None)
    what = f"the host {subsets_of}" if subsets_of else lacking or f"all of {', '.join(wanted)}"
    raise _make_unknown_destination_error(manifest, known, what)


def _route(manifest: Mapping[str, Any], known: Sequence[Route], name: str, selection: RouteSelection) -> Route:
    found = [route for route in known if route.name == name]
    if not found and name.isascii() and name.isdigit():
        found = [route for route in known if route.index == int(name)]
    if len(found) == 1:
        return found[0]
    where = f" in {selection.section}" if selection.section else ""
    if found:
        raise RouteError(
            ROUTE_AMBIGUOUS,
            f"{describe(manifest)} has {len(found)} routes {name}{where}: {_join_names(map(_position, found))}",
            "name the section, or select the route by its index",
        )
    raise RouteError(
        ROUTE_MISSING,
        f"{describe(manifest)} has no route {name}{where}; it has {_join_names(map(str, known))}",
        "correct the route's name, or leave it out to select by destinations",
    )


def _position(route: Route) -> str:
    return f"{route.section}[{route.index}]"


def _find_again(routes: Iterable[Route], route: Route) -> Route:
    return next(found for found in routes if (found.section, found.index) == (route.section, route.index))


def _set(
    entries: list[dict[str, Any]],
    route: Route,
    selection: RouteSelection,
    weights: Mapping[str, int],
    total: int,
    manifest: Mapping[str, Any],
) -> None:
    wanted: dict[int, int] = {}
    for key, weight in weights.items():
        found = find_matching(route, key, selection.by)
        if not found:
            raise _make_unknown_destination_error(manifest, [route], key)
        if len(found) > 1:
            raise RouteError(
                DESTINATION_AMBIGUOUS,
                f"in {describe(manifest)}, {route}, {key} may be {_join_names(one.key for one in found)}",
                "use one of these names",
            )
        if found[0].index in wanted:
            raise RouteError(
                DESTINATION_TWICE,
                f"in {describe(manifest)}, {route}, two weights are given for {found[0].key}",
                "name it once",
            )
        wanted[found[0].index] = weight
    before = [destination.share for destination in route.destinations]
    after = [wanted.get(destination.index, destination.share) for destination in route.destinations]
    if sum(after) != total:
        kept = [one.key for one in route.destinations if one.index not in wanted]
        others = f", with what {_join_names(kept)} keeps" if kept else ""
        raise RouteError(
            WEIGHTS_SUM,
            f"in {describe(manifest)}, {route}, the weights make {sum(after)}{others}, and not {total}",
            f"give weights that make {total}, or another total",
        )
    if _shares(before) == _shares(after):
        return
    for index, weight in wanted.items():
        entries[index]["weight"] = weight


def _with_subsets(
    route: Route, entries: Sequence[dict[str, Any]], host: str, subsets: Sequence[str], namespace: str
) -> list[dict[str, Any]]:
    """The destinations of a route where those of ``host`` are one for each subset, in the place of the first."""
    own = [one for one in route.destinations if full_name(one.host, namespace) == host]
    missing = [subset for subset in subsets if subset not in {one.subset for one in own}]
    if not own or not missing:
        return list(entries)
    plain = [one for one in own if not one.subset]
    forms = [_without_subset(entries[one.index]) for one in own]
    if any(form != forms[0] for form in forms) or (plain and len(own) > 1):
        raise RouteError(
            DESTINATION_UNCLEAR,
            f"route {route} has several destinations {host} that differ, so it is not known what one for subset "
            f"{_join_names(missing)} is to be like",
            "add these destinations yourself, with weight 0",
        )
    made = [
        {**deepcopy(forms[0]), "destination": {**deepcopy(forms[0]["destination"]), "subset": subset}}
        for subset in missing
    ]
    first, behind = (plain[0].index, plain[0].index + 1) if plain else (own[-1].index + 1, own[-1].index + 1)
    return [*entries[:first], *made, *entries[behind:]]


def _without_subset(entry: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in entry.items() if name != "weight"}
    return {**rest, "destination": {name: value for name, value in entry["destination"].items() if name != "subset"}}


def find_matching(route: Route, key: str, by: By) -> list[RouteDestination]:
    """The destinations of a route that a key names: one if it is unambiguous, none if the route has none such."""
    exact = [one for one in route.destinations if one.key == key and by == "destination"]
    if exact:
        return exact
    return [one for one in route.destinations if key in one.names and _is_named(one, key, by)]


def _is_named(destination: RouteDestination, key: str, by: By) -> bool:
    names_a_subset = bool(destination.subset) and (key == destination.subset or "/" in key)
    return by == "destination" or names_a_subset == (by == "subset")


def _of_host(route: Route, host: str, namespace: str) -> bool:
    return any(full_name(one.host, namespace) == host for one in route.destinations)


class _Names(NamedTuple):
    """``own`` tells a destination from others, the shortest first; ``loose`` do as long as no other has them."""

    own: list[str]
    loose: list[str]


def _istio_destinations(route: Mapping[str, Any], namespace: str) -> tuple[RouteDestination, ...]:
    entries = [entry for entry in route.get("route") or () if isinstance(entry, Mapping)]
    places = [entry.get("destination") or {} for entry in entries]
    weights = [entry.get("weight") for entry in entries]
    alone = len(entries) == 1
    known = _name_destinations([_istio_names(place, namespace) for place in places])
    return tuple(
        RouteDestination(
            index,
            place.get("host") or "",
            place.get("subset") or "",
            (place.get("port") or {}).get("number"),
            weight,
            # The only destination gets everything, whatever its weight (pilot/pkg/networking/core/route/route.go).
            (weight or TOTAL) if alone else (weight or 0),
            *names,
        )
        for index, (place, weight, names) in enumerate(zip(places, weights, known, strict=True))
    )


def _backends(rule: Mapping[str, Any], namespace: str) -> tuple[RouteDestination, ...]:
    entries = [entry for entry in rule.get("backendRefs") or () if isinstance(entry, Mapping)]
    known = _name_destinations([_backend_names(entry, namespace) for entry in entries])
    return tuple(
        RouteDestination(
            index,
            entry.get("name") or "",
            "",
            entry.get("port"),
            entry.get("weight"),
            1 if entry.get("weight") is None else entry["weight"],
            *names,
        )
        for index, (entry, names) in enumerate(zip(entries, known, strict=True))
    )


def _name_destinations(given: Sequence[_Names]) -> list[tuple[str, frozenset[str]]]:
    """Key and all names of each destination."""
    result = []
    for index, names in enumerate(given):
        others = [other for number, other in enumerate(given) if number != index]
        taken = {name for other in others for name in other.own}
        shared = taken.union(*(other.loose for other in others))
        key = next((name for name in names.own if name not in taken), f"#{index}")
        result.append((key, frozenset({key, *names.own, *(name for name in names.loose if name not in shared)})))
    return result


def _istio_names(destination: Mapping[str, Any], namespace: str) -> _Names:
    host, subset = destination.get("host") or "", destination.get("subset") or ""
    service = service_of(host, namespace)
    short = service.name if service is not None and service.namespace == namespace else host
    hosts = list(dict.fromkeys((host, short, full_name(host, namespace))))
    with_ports = [*hosts, *_add_port(hosts, (destination.get("port") or {}).get("number"))]
    if not subset:
        return _Names(with_ports, [])
    return _Names([subset, *(f"{name}/{subset}" for name in with_ports)], with_ports)


def _backend_names(entry: Mapping[str, Any], namespace: str) -> _Names:
    name = entry.get("name") or ""
    names = [name, f"{entry.get('namespace') or namespace}/{name}"]
    return _Names([*names, *_add_port(names, entry.get("port"))], [])


def _add_port(names: Iterable[str], port: Any) -> list[str]:
    return [f"{name}:{port}" for name in names] if port else []


def _istio_mirrors(route: Mapping[str, Any]) -> tuple[str, ...]:
    single = [route["mirror"]] if route.get("mirror") else []
    several = [mirror.get("destination") or {} for mirror in route.get("mirrors") or ()]
    return tuple(name for mirror in (*single, *several) for name in (mirror.get("host"), mirror.get("subset")) if name)


def _backend_mirrors(rule: Mapping[str, Any]) -> tuple[str, ...]:
    backends = ((one.get("requestMirror") or {}).get("backendRef") or {} for one in rule.get("filters") or ())
    return tuple(backend["name"] for backend in backends if backend.get("name"))


def _shares(weights: Sequence[int]) -> list[int]:
    divisor = math.gcd(*weights) or 1
    return [weight // divisor for weight in weights]


def _refuse_bad_weights(weights: Mapping[str, Any]) -> None:
    if not weights:
        raise RouteError(WEIGHTS_MISSING, "no weight is given", "give each destination its weight")
    for key, weight in weights.items():
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 0:
            raise RouteError(
                WEIGHT_INVALID, f"the weight of {key} is {weight!r}, and not a whole number from 0", "correct it"
            )


def _make_unknown_destination_error(manifest: Mapping[str, Any], routes: Sequence[Route], what: str) -> RouteError:
    if any(what in route.mirrors for route in routes):
        return RouteError(
            DESTINATION_MIRRORED,
            f"in {describe(manifest)} {what} is only sent copies of requests (mirror), which have no weight here",
            "add it as a destination with weight 0, or name another",
        )
    known = (
        f"{route}: {_join_names(one.key for one in route.destinations) if route.destinations else 'no destination'}"
        for route in routes
    )
    return RouteError(
        DESTINATION_MISSING,
        f"{describe(manifest)} has no route that sends to {what}; it has {'; '.join(known) or 'no route'}",
        "name a destination that the route has, or add it with weight 0",
    )


def describe(manifest: Mapping[str, Any]) -> str:
    """The object for people: ``VirtualService shop/reviews``."""
    metadata = manifest.get("metadata") or {}
    return f"{manifest.get('kind')} {metadata.get('namespace')}/{metadata.get('name')}"


def _namespace(manifest: Mapping[str, Any]) -> str:
    return str((manifest.get("metadata") or {}).get("namespace") or "")


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
