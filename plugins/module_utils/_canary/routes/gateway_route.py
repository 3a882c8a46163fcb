# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of a rule of an HTTPRoute or GRPCRoute that a release changes: mirror and headers of backends. Pure.

All functions give copies. An entry is one element of ``backendRefs[]``. What is made has the defaults of the CRDs, so
that it is equal to what is read back.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from .matches import both_of_gateway_api

Json = dict[str, Any]

ENTRIES = "backendRefs"
MATCHES = "matches"
ROUTES_LIMIT = 16
"""How many rules an object may have, by the CRD."""

both = both_of_gateway_api

_COOKIE = "Set-Cookie"
_RESPONSE = "ResponseHeaderModifier"
_MIRROR = "RequestMirror"
_REFERENCE = {"group": "", "kind": "Service"}


def cookie_match(pattern: str) -> Json:
    return {"headers": [{"name": "cookie", "type": "RegularExpression", "value": pattern}]}


def cookie_pattern(match: Mapping[str, Any]) -> str:
    """The expression of a match of ours, empty where it has none."""
    return next((str(one["value"]) for one in match.get("headers") or () if one["name"].lower() == "cookie"), "")


def mirrors(rule: Mapping[str, Any]) -> list[Json]:
    """Where copies go, as entries; filters of single backends may send some too."""
    owners = [rule, *(rule.get(ENTRIES) or ())]
    return [dict(one["requestMirror"]["backendRef"]) for owner in owners for one in _filters(owner, _MIRROR)]


def mirror_percent(rule: Mapping[str, Any], is_canary: Callable[[Json], bool]) -> float:
    """The percentage of requests that the canary gets a copy of; all, where the rule does not say."""
    own = [one["requestMirror"] for one in _filters(rule, _MIRROR) if is_canary(one["requestMirror"]["backendRef"])]
    return sum(_percent(mirror) for mirror in own)


def without_mirror(rule: Mapping[str, Any], is_canary: Callable[[Json], bool]) -> Json:
    own = [one for one in _filters(rule, _MIRROR) if is_canary(one["requestMirror"]["backendRef"])]
    return _with_filters(rule, [one for one in rule.get("filters") or () if one not in own])


def with_mirror(rule: Mapping[str, Any], entry: Mapping[str, Any], percent: int) -> Json:
    """The rule with a mirror to the entry's backend, beside those it has. It has none to it yet."""
    backend = {name: entry[name] for name in ("group", "kind", "name", "namespace", "port") if name in entry}
    mirror = {"type": _MIRROR, "requestMirror": {"backendRef": {**_REFERENCE, **backend}, "percent": percent}}
    return _with_filters(rule, [*(rule.get("filters") or ()), mirror])


def cookie(entry: Mapping[str, Any]) -> str:
    """The header Set-Cookie that answers of this backend get, empty where they get none."""
    modifiers = [one["responseHeaderModifier"] for one in _filters(entry, _RESPONSE)]
    named = [header for one in modifiers for header in (*(one.get("add") or ()), *(one.get("set") or ()))]
    return next((str(one["value"]) for one in named if one["name"].lower() == _COOKIE.lower()), "")


def with_cookie(entry: Mapping[str, Any], header: str) -> Json:
    """The entry whose answers get this header Set-Cookie. They get none yet. A backend may have one such filter."""
    added = {"name": _COOKIE, "value": header}
    if not _filters(entry, _RESPONSE):
        new = {"type": _RESPONSE, "responseHeaderModifier": {"add": [added]}}
        return _with_filters(entry, [*(entry.get("filters") or ()), new])
    result = deepcopy(dict(entry))
    _filters(result, _RESPONSE)[0]["responseHeaderModifier"].setdefault("add", []).append(added)
    return result


def without_cookie(entry: Mapping[str, Any]) -> Json:
    """The entry as it was before with_cookie."""
    result = deepcopy(dict(entry))
    modifier = _filters(result, _RESPONSE)[0]["responseHeaderModifier"]
    modifier["add"] = [one for one in modifier["add"] if one["name"] != _COOKIE]
    if not modifier["add"]:
        del modifier["add"]
    return _with_filters(result, [one for one in result["filters"] if one.get("responseHeaderModifier") != {}])


def _filters(owner: Mapping[str, Any], kind: str) -> list[Json]:
    return [one for one in owner.get("filters") or () if one.get("type") == kind]


def _with_filters(owner: Mapping[str, Any], filters: list[Any]) -> Json:
    result = deepcopy(dict(owner))
    if filters != (owner.get("filters") or []):
        result["filters"] = deepcopy(filters)
        if not filters:
            del result["filters"]
    return result


def _percent(mirror: Mapping[str, Any]) -> float:
    fraction = mirror.get("fraction")
    if fraction:
        return float(100 * fraction["numerator"] / fraction.get("denominator", 100))
    return float(mirror.get("percent", 100))
