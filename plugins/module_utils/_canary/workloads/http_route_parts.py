# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of a VirtualService's http route as a rule of an HTTPRoute has them. Pure.

What an HTTPRoute (v1, standard channel) cannot say is refused, where Flagger leaves it out without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from ..._times import go_seconds

Object = dict[str, Any]

_PATHS = {"exact": "Exact", "prefix": "PathPrefix", "regex": "RegularExpression"}
_VALUES = {"exact": "Exact", "regex": "RegularExpression"}
_NATIVE_MATCH = frozenset({"path", "headers", "queryParams", "method"})
_ISTIO_MATCH = frozenset({"name", "uri", "headers", "queryParams", "method"})
_EVERYTHING: Object = {"path": {"type": "PathPrefix", "value": "/"}}
_REWRITE = frozenset({"uri", "authority", "type"})
_CORS = {
    "allowMethods": "allowMethods",
    "allowHeaders": "allowHeaders",
    "exposeHeaders": "exposeHeaders",
    "allowCredentials": "allowCredentials",
}

Problem = tuple[str, str, str]
"""Option, what is wrong with it, what to do."""


def problems(options: Mapping[str, Any]) -> list[Problem]:
    """What of SERVICE_ARGUMENT_SPEC's options an HTTPRoute cannot do."""
    found: list[Problem] = [
        (option, f"{option} is for a VirtualService, and gateway_refs make an HTTPRoute", f"leave out {option}")
        for option in ("gateways", "delegation", "retries")
        if options.get(option)
    ]
    if str(options.get("app_protocol") or "").lower() == "tcp":
        found.append(("gateway_refs", "an HTTPRoute has no tcp", "leave out gateway_refs or app_protocol tcp"))
    if "*" in (options.get("hosts") or ()):
        found.append(("hosts", "an HTTPRoute does not know host *", "leave out hosts, which means every host"))
    odd = sorted(set(options.get("rewrite") or ()) - _REWRITE)
    if odd:
        found.append(("rewrite", f"an HTTPRoute does not rewrite by {', '.join(odd)}", "use uri and authority"))
    found += [("match", text, "use uri, method, headers and queryParams") for text in _odd_matches(options)]
    cors = options.get("cors_policy") or {}
    odd = sorted(set(cors) - {*_CORS, "allowOrigin", "allowOrigins", "maxAge"})
    if odd:
        found.append(("cors_policy", f"an HTTPRoute has no {', '.join(odd)} for CORS", "leave it out"))
    if any("exact" not in each for each in cors.get("allowOrigins") or ()):
        found.append(("cors_policy", "an HTTPRoute allows origins by exact only", "name each origin"))
    if cors.get("maxAge") and _seconds(cors["maxAge"]) is None:
        found.append(("cors_policy", f"maxAge is {cors['maxAge']}", "give whole seconds, such as 600s or 10m"))
    return found


def rule(matches: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]) -> Object:
    """Matches, filters and timeouts of a rule; ``settings`` are by their names in a VirtualService's http route."""
    filters = list(_filters(settings))
    timeout = settings.get("timeout")
    return {
        "matches": [_match(each) for each in matches] or [deepcopy(_EVERYTHING)],
        **({"filters": filters} if filters else {}),
        **({"timeouts": {"request": timeout}} if timeout else {}),
    }


def _odd_matches(options: Mapping[str, Any]) -> Iterator[str]:
    for each in options.get("match") or ():
        if _is_native(each):
            continue
        odd = sorted(set(each) - _ISTIO_MATCH)
        if odd:
            yield f"an HTTPRoute does not match by {', '.join(odd)}"
        kinds: list[tuple[str, Mapping[str, Any], Iterable[str]]] = [
            ("uri", {"uri": each["uri"]} if "uri" in each else {}, _PATHS),
            ("method", {"method": each["method"]} if "method" in each else {}, ("exact",)),
            ("headers", each.get("headers") or {}, _VALUES),
            ("queryParams", each.get("queryParams") or {}, _VALUES),
        ]
        for what, values, known in kinds:
            for name, value in values.items():
                if not isinstance(value, Mapping) or len(value) != 1 or set(value) - set(known):
                    yield f"{what} {name} is matched by {' or '.join(known)} in an HTTPRoute, and {value} is given"


def _is_native(match: Mapping[str, Any]) -> bool:
    """Whether it is an HTTPRouteMatch already."""
    lists = all(isinstance(match.get(part, []), list) for part in ("headers", "queryParams"))
    return set(match) <= _NATIVE_MATCH and lists and isinstance(match.get("method", ""), str)


def _match(match: Mapping[str, Any]) -> Object:
    if _is_native(match):
        return deepcopy(dict(match))
    result: Object = {}
    for form, value in (match.get("uri") or {}).items():
        result["path"] = {"type": _PATHS[form], "value": value}
    for part in ("headers", "queryParams"):
        values = match.get(part)
        if values:
            result[part] = [
                {"name": name, "type": _VALUES[form], "value": value}
                for name, wanted in sorted(values.items())
                for form, value in wanted.items()
            ]
    if match.get("method"):
        result["method"] = match["method"]["exact"]
    return result or deepcopy(_EVERYTHING)


def _filters(settings: Mapping[str, Any]) -> Iterator[Object]:
    for direction, kind in (("request", "RequestHeaderModifier"), ("response", "ResponseHeaderModifier")):
        changes = (settings.get("headers") or {}).get(direction)
        if changes:
            yield {"type": kind, f"{direction}HeaderModifier": _header_changes(changes)}
    rewrite = settings.get("rewrite")
    if rewrite:
        yield {"type": "URLRewrite", "urlRewrite": _rewrite(rewrite)}
    if settings.get("corsPolicy"):
        yield {"type": "CORS", "cors": _cors(settings["corsPolicy"])}


def _header_changes(changes: Mapping[str, Any]) -> Object:
    result: Object = {
        verb: [{"name": name, "value": value} for name, value in sorted(changes[verb].items())]
        for verb in ("add", "set")
        if changes.get(verb)
    }
    if changes.get("remove"):
        result["remove"] = sorted(changes["remove"])
    return result


def _rewrite(rewrite: Mapping[str, Any]) -> Object:
    result: Object = {"hostname": rewrite["authority"]} if rewrite.get("authority") else {}
    if rewrite.get("uri"):
        by_prefix = rewrite.get("type") == "ReplacePrefixMatch"
        form = "replacePrefixMatch" if by_prefix else "replaceFullPath"
        result["path"] = {"type": form[0].upper() + form[1:], form: rewrite["uri"]}
    return result


def _cors(policy: Mapping[str, Any]) -> Object:
    origins = [*(policy.get("allowOrigin") or ()), *(each["exact"] for each in policy.get("allowOrigins") or ())]
    result: Object = {"allowOrigins": origins} if origins else {}
    result |= {_CORS[name]: deepcopy(value) for name, value in policy.items() if name in _CORS and value}
    if policy.get("maxAge"):
        result["maxAge"] = _seconds(policy["maxAge"])
    return result


def _seconds(duration: Any) -> int | None:
    """Whole seconds, as an HTTPRoute has them, of a duration as a VirtualService has it, or of a number."""
    text = str(duration)
    seconds = go_seconds(f"{text}s" if text.isascii() and text.isdigit() else text)
    return None if seconds is None or seconds < 0 or not seconds.is_integer() else int(seconds)
