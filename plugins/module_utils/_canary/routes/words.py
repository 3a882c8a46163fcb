# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words about routes of a release: its sides, its rules, and how each kind of object writes what they mean. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..._istio.routes import (
    GATEWAY_API_SECTION,
    VIRTUAL_SERVICE_SECTIONS,
    By,
    Route,
    RouteDestination,
    RouteSelection,
    find_matching,
    is_virtual_service,
    routes_of,
)
from ..model import TOTAL, Side
from . import gateway_route, virtual_service
from .affinity import Affinity

Object = dict[str, Any]

_HTTP_KINDS = ("HTTPRoute", "GRPCRoute")


class Form(Protocol):
    """How one kind of object writes what a release changes: virtual_service.py and gateway_route.py."""

    ENTRIES: str
    MATCHES: str
    ROUTES_LIMIT: int

    def both(self, one: Mapping[str, Any], other: Mapping[str, Any], /) -> Object | None: ...
    def cookie_match(self, pattern: str, /) -> Object: ...
    def cookie_pattern(self, match: Mapping[str, Any], /) -> str: ...
    def mirrors(self, route: Mapping[str, Any], /) -> list[Object]: ...
    def mirror_percent(self, route: Mapping[str, Any], is_canary: Callable[[Object], bool], /) -> float: ...
    def without_mirror(self, route: Mapping[str, Any], is_canary: Callable[[Object], bool], /) -> Object: ...
    def with_mirror(self, route: Mapping[str, Any], entry: Mapping[str, Any], percent: int, /) -> Object: ...
    def cookie(self, entry: Mapping[str, Any], /) -> str: ...
    def with_cookie(self, entry: Mapping[str, Any], header: str, /) -> Object: ...
    def without_cookie(self, entry: Mapping[str, Any], /) -> Object: ...


@dataclass(frozen=True)
class Sides:
    """The destinations of both sides, as traffic_split names them: ``v1``, ``reviews-canary``, ``reviews:9080/v1``."""

    stable: str
    canary: str
    by: By = "destination"


@dataclass(frozen=True)
class RouteRules:
    """What a release wants of the routes beside weights.

    ``name`` is the release's, for several may share an object. ``match`` are HTTPMatchRequests of Istio, or for a route
    of the Gateway API its matches; they count where the traffic is ``matched``. With ``segment`` the weights hold for
    these requests only, and all others get the stable side.
    """

    selection: RouteSelection
    name: str
    match: tuple[Mapping[str, Any], ...] = ()
    affinity: Affinity | None = None
    total: int = TOTAL
    segment: bool = False


def form_of(live: Mapping[str, Any]) -> Form:
    """How objects of this kind are written."""
    return virtual_service if is_virtual_service(live) else gateway_route


def sections_of(live: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields of the spec that have routes."""
    return VIRTUAL_SERVICE_SECTIONS if is_virtual_service(live) else (GATEWAY_API_SECTION,)


def is_http(live: Mapping[str, Any], route: Route) -> bool:
    """Whether the route is about single requests, so that it can match, copy and answer with headers."""
    return route.section == "http" if is_virtual_service(live) else live.get("kind") in _HTTP_KINDS


def at(manifest: Mapping[str, Any], route: Route) -> Object:
    """The route as the object has it, not a copy."""
    content: Object = manifest["spec"][route.section][route.index]
    return content


def _alone(live: Mapping[str, Any], section: str, entry: Mapping[str, Any]) -> Route:
    """The route that has this entry only."""
    form = form_of(live)
    manifest = {**live, "spec": {section: [{form.ENTRIES: [dict(entry)]}]}}
    return routes_of(manifest)[0]


def mirror_routes(live: Mapping[str, Any], route: Route) -> Iterator[Route]:
    """Where the route sends copies to, each as a route with this one destination."""
    for entry in form_of(live).mirrors(at(live, route)):
        yield _alone(live, route.section, entry)


def canary_test(live: Mapping[str, Any], sides: Sides, route: Route) -> Callable[[Object], bool]:
    """Whether an entry is the canary, for mirrors of this route."""

    def is_canary(entry: Object) -> bool:
        alone = _alone(live, route.section, entry)
        return "canary" in sides_of(alone.destinations[0], alone, sides)

    return is_canary


def sides_of(destination: RouteDestination, route: Route, sides: Sides) -> set[Side]:
    """The sides that a destination of the route may be meant by; what is exactly one is not the other too."""
    keys: dict[Side, str] = {"stable": sides.stable, "canary": sides.canary}
    # A subset of a host answers to the host's name only where no other destination does; here it always does.
    by_host: set[Side] = {
        side for side, key in keys.items() if destination.subset and f"{key}/{destination.subset}" in destination.names
    }
    exact: set[Side] = {
        side for side, key in keys.items() if destination in find_matching(route, key, sides.by)
    } - by_host
    return exact or (by_host if sides.by != "subset" else set())
