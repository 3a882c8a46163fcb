# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an HTTP route of a VirtualService that a release changes: mirror and headers of destinations. Pure.

All functions give copies. An entry is one element of ``route[]``.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from ..._istio.routes import RouteError
from ..finding_kinds import MIRROR_TAKEN
from .matches import both_of_istio

Json = dict[str, Any]

ENTRIES = "route"
MATCHES = "match"
ROUTES_LIMIT = 0
"""How many routes an object may have; 0 for any number."""

both = both_of_istio

_COOKIE = "Set-Cookie"
_PERCENTAGES = ("mirrorPercentage", "mirrorPercent", "mirror_percent")


def cookie_match(pattern: str) -> Json:
    return {"headers": {"cookie": {"regex": pattern}}}


def cookie_pattern(match: Mapping[str, Any]) -> str:
    """The expression of a match of ours, empty where it has none."""
    return str(((match.get("headers") or {}).get("cookie") or {}).get("regex") or "")


def mirrors(route: Mapping[str, Any]) -> list[Json]:
    """Where copies go, as entries."""
    single = [{"destination": route["mirror"]}] if route.get("mirror") else []
    return [*single, *({"destination": one["destination"]} for one in route.get("mirrors") or ())]


def mirror_percent(route: Mapping[str, Any], is_canary: Callable[[Json], bool]) -> float:
    """The percentage of requests that the canary gets a copy of; all, where the route does not say."""
    if route.get("mirror") and is_canary({"destination": route["mirror"]}):
        if "mirrorPercentage" in route:
            return float(route["mirrorPercentage"].get("value", 0))
        return float(next((route[name] for name in _PERCENTAGES if route.get(name) is not None), 100))
    own = [one for one in route.get("mirrors") or () if is_canary({"destination": one["destination"]})]
    return sum(float(one.get("percentage", {"value": 100}).get("value", 0)) for one in own)


def without_mirror(route: Mapping[str, Any], is_canary: Callable[[Json], bool]) -> Json:
    result = deepcopy(dict(route))
    if route.get("mirror") and is_canary({"destination": route["mirror"]}):
        for name in ("mirror", *_PERCENTAGES):
            result.pop(name, None)
    several = route.get("mirrors") or []
    kept = [deepcopy(one) for one in several if not is_canary({"destination": one["destination"]})]
    if len(kept) < len(several):
        result["mirrors"] = kept
        if not kept:
            del result["mirrors"]
    return result


def with_mirror(route: Mapping[str, Any], entry: Mapping[str, Any], percent: int) -> Json:
    """The route with a mirror to the entry's destination. It has none to it yet. Raises RouteError."""
    result = deepcopy(dict(route))
    destination = deepcopy(entry["destination"])
    if route.get("mirrors"):
        result["mirrors"].append({"destination": destination, "percentage": {"value": percent}})
    elif route.get("mirror"):
        # istiod refuses a route with both fields (pkg/config/validation/virtualservice.go).
        raise RouteError(
            MIRROR_TAKEN,
            f"it sends copies to {route['mirror'].get('host')} already, in mirror, which holds one",
            "write that one into mirrors, which may hold several",
        )
    else:
        result.update(mirror=destination, mirrorPercentage={"value": percent})
    return result


def cookie(entry: Mapping[str, Any]) -> str:
    """The header Set-Cookie that answers of this destination get, empty where they get none."""
    response = (entry.get("headers") or {}).get("response") or {}
    named = {**(response.get("set") or {}), **(response.get("add") or {})}
    return next((str(value) for name, value in named.items() if name.lower() == _COOKIE.lower()), "")


def with_cookie(entry: Mapping[str, Any], header: str) -> Json:
    """The entry whose answers get this header Set-Cookie. They get none yet."""
    result = deepcopy(dict(entry))
    added = result.setdefault("headers", {}).setdefault("response", {}).setdefault("add", {})
    added[_COOKIE] = header
    return result


def without_cookie(entry: Mapping[str, Any]) -> Json:
    """The entry as it was before with_cookie."""
    result = deepcopy(dict(entry))
    headers = result["headers"]
    del headers["response"]["add"][_COOKIE]
    if not headers["response"]["add"]:
        del headers["response"]["add"]
    if not headers["response"]:
        del headers["response"]
    if not headers:
        del result["headers"]
    return result
