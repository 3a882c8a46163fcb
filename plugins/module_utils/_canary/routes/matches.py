# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What matches of requests have in common: a request has to satisfy both.

Within one match all conditions count together, and a list of matches means any of them, in Istio's HTTPMatchRequest as
in HTTPRouteMatch and GRPCRouteMatch. So the routes of a release match the products of what the user's route matches and
what the release wants. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Match = dict[str, Any]
Both = Callable[[Mapping[str, Any], Mapping[str, Any]], "Match | None"]

_STRINGS = ("uri", "scheme", "method", "authority")
_STRING_MAPS = ("headers", "queryParams")
_LABELS_OF_MATCH = ("name", "statPrefix")
_ALTERNATIVES = ("port", "sourceNamespace")


class NotOneMatch(ValueError):
    """The format has no single match for requests that satisfy both; the text names the field and both conditions."""


def intersect(both: Both, first: Iterable[Mapping[str, Any]], second: Iterable[Mapping[str, Any]]) -> list[Match]:
    """All pairs, without those that no request satisfies. No first match at all means any request.

    ``both`` is of the dialect. Raises NotOneMatch.
    """
    result: list[Match] = []
    others = list(second)
    for one in list(first) or [{}]:
        for other in others:
            found = both(one, other)
            if found is not None and found not in result:
                result.append(found)
    return result


def is_taken_by(both: Both, match: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a route with the matches ``earlier`` gets every request that satisfies ``match``, as far as that can be
    said. No earlier match at all means any request."""
    others = [{name: value for name, value in each.items() if name not in _LABELS_OF_MATCH} for each in earlier]
    for other in others or [{}]:
        try:
            if both(match, other) == match:
                return True
        except NotOneMatch:
            continue
    return False


def both_of_istio(one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    """The HTTPMatchRequest for both, with the names of the first; None if no request can satisfy it.

    Raises NotOneMatch.
    """
    if "uri" in one and "uri" in other and (one.get("ignoreUriCase") or other.get("ignoreUriCase")):
        _same("ignoreUriCase", one.get("ignoreUriCase"), other.get("ignoreUriCase"))
        _same("uri", one["uri"], other["uri"])
    result: Match = {**other, **one}
    for field in [name for name in one if name in other and one[name] != other[name]]:
        found: Any
        if field in _LABELS_OF_MATCH:
            found = one[field]
        elif field in _STRINGS:
            found = _both_strings(field, one[field], other[field])
        elif field in _STRING_MAPS:
            found = _both_maps(field, one[field], other[field])
        elif field == "sourceLabels":
            found = _both_labels(one[field], other[field])
        elif field == "gateways":
            found = [name for name in one[field] if name in other[field]] or None
        elif field == "withoutHeaders":
            found = {**other[field], **one[field]}
            for name in set(one[field]) & set(other[field]):
                _same(f"withoutHeaders {name}", one[field][name], other[field][name])
        elif field in _ALTERNATIVES:
            found = None
        else:
            raise _not_one(field, one[field], other[field])
        if found is None:
            return None
        result[field] = found
    return None if _excludes_itself(result) else result


def both_of_gateway_api(one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    """The HTTPRouteMatch or GRPCRouteMatch for both, with the API server's defaults; None if no request satisfies it.

    Raises NotOneMatch.
    """
    one, other = _add_defaults(one), _add_defaults(other)
    result: Match = {**other, **one}
    for field in [name for name in one if name in other and one[name] != other[name]]:
        found: Any
        if field == "path":
            found = _both_paths(one[field], other[field])
        elif field in _STRING_MAPS:
            found = _both_lists(field, one[field], other[field])
        elif field == "method" and isinstance(one[field], Mapping):
            found = _both_methods(one[field], other[field])
        elif field == "method":
            found = None
        else:
            raise _not_one(field, one[field], other[field])
        if found is None:
            return None
        result[field] = found
    return result


def _both_strings(field: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    """Of Istio's StringMatch; an empty one is satisfied by any value."""
    if one == other or not other:
        return dict(one)
    if not one:
        return dict(other)
    if "regex" in one or "regex" in other:
        raise _not_one(field, one, other)
    for exact, rest in ((one, other), (other, one)):
        if "exact" in exact:
            value = exact["exact"]
            fits = value == rest["exact"] if "exact" in rest else value.startswith(rest["prefix"])
            return dict(exact) if fits else None
    for longer, shorter in ((one, other), (other, one)):
        if longer["prefix"].startswith(shorter["prefix"]):
            return dict(longer)
    return None


def _both_maps(field: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    result: Match = {**other, **one}
    for name in [name for name in one if name in other]:
        found = _both_strings(f"{field} {name}", one[name], other[name])
        if found is None:
            return None
        result[name] = found
    return result


def _excludes_itself(match: Mapping[str, Any]) -> bool:
    """Whether a header has to be what it must not be."""
    wanted = {name.lower(): condition or {} for name, condition in (match.get("headers") or {}).items()}
    unwanted = {name.lower(): condition or {} for name, condition in (match.get("withoutHeaders") or {}).items()}
    return any(name in unwanted and _covers(unwanted[name], condition) for name, condition in wanted.items())


def _covers(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> bool:
    """Whether each value that satisfies ``inner`` satisfies ``outer``, as far as that can be said: of two expressions
    only where they are the same one, or the outer one is satisfied by anything."""
    if not outer or outer == inner or outer.get("regex") == ".*" or outer.get("prefix") == "":
        return True
    if "exact" in inner:
        return _satisfies(str(inner["exact"]), outer)
    return "prefix" in inner and "prefix" in outer and str(inner["prefix"]).startswith(str(outer["prefix"]))


def _satisfies(value: str, condition: Mapping[str, Any]) -> bool:
    if "exact" in condition:
        return value == str(condition["exact"])
    if "prefix" in condition:
        return value.startswith(str(condition["prefix"]))
    try:
        return re.fullmatch(str(condition.get("regex", "")), value) is not None
    except re.error:
        # RE2 may understand it all the same.
        return False


def _both_labels(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str] | None:
    clash = any(one[name] != other[name] for name in one if name in other)
    return None if clash else {**other, **one}


def _both_paths(one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    kinds = {one["type"], other["type"]}
    if "RegularExpression" in kinds:
        raise _not_one("path", one, other)
    for inner, outer in ((one, other), (other, one)):
        if outer["type"] == "PathPrefix" and _is_below(inner["value"], outer["value"]):
            return dict(inner)
    return None


def _is_below(path: str, prefix: str) -> bool:
    """Prefixes of paths count by whole elements: ``/a`` covers ``/a/b`` and not ``/ab``."""
    stem = prefix.rstrip("/")
    return path.rstrip("/") == stem or path.startswith(f"{stem}/")


def _both_lists(field: str, one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> list[Match] | None:
    known = {condition["name"].lower(): condition for condition in one}
    result = [dict(condition) for condition in one]
    for condition in other:
        had = known.get(condition["name"].lower())
        if had is None:
            result.append(dict(condition))
        elif (had["type"], had["value"]) != (condition["type"], condition["value"]):
            if "RegularExpression" in (had["type"], condition["type"]):
                raise _not_one(f"{field} {had['name']}", had, condition)
            return None
    return result


def _both_methods(one: Mapping[str, Any], other: Mapping[str, Any]) -> Match | None:
    if "RegularExpression" in (one["type"], other["type"]):
        raise _not_one("method", one, other)
    clash = any(one[name] != other[name] for name in one if name in other)
    return None if clash else {**other, **one}


def _add_defaults(match: Mapping[str, Any]) -> Match:
    """With the defaults of the CRDs, so that what is written is equal to what is read back."""
    result = dict(match)
    if isinstance(match.get("path"), Mapping):
        result["path"] = {"type": "PathPrefix", "value": "/", **match["path"]}
    if isinstance(match.get("method"), Mapping):
        result["method"] = {"type": "Exact", **match["method"]}
    for field in _STRING_MAPS:
        if field in match:
            result[field] = [{"type": "Exact", **condition} for condition in match[field]]
    return result


def _same(field: str, one: Any, other: Any) -> None:
    if one != other:
        raise _not_one(field, one, other)


def _not_one(field: str, one: Any, other: Any) -> NotOneMatch:
    return NotOneMatch(f"{field} of the route, {one}, and of the release, {other}, cannot be one match")
