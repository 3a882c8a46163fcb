# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the routes of an object are to be for a release, and what they are now. Pure.

The object is the user's. In each route that is meant, a release divides between its two sides what other destinations
leave and, where it is asked to, sets a mirror to the canary and a cookie; before it stand copies of the route for
requests that go by another rule than its weights. All of that is made anew from the user's route each time, so whatever
is edited there reaches the copies, and what an earlier step made goes. Everything else of the object stays as it is.

Our copies are known by their names, ``onemesh-canary-<release>-<role>-<number of the route>``. A mirror to the canary
in a route that is meant is the release's, whoever made it. Of the Gateway API the CRDs have to know names of rules
(1.4 and later), where a release needs copies.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

from ..._findings import FindingKind
from ..._istio.finding_kinds import WEIGHTS_SUM
from ..._istio.routes import (
    Route,
    RouteError,
    RouteSelection,
    describe,
    find_matching,
    find_others,
    is_virtual_service,
    routes_of,
    select,
    with_shares,
)
from ..finding_kinds import (
    AFFINITY_MISSING,
    MATCH_CONFLICT,
    MATCH_INVALID,
    MATCH_MISSING,
    MATCH_NEVER,
    NEEDS_HTTP,
    RELEASE_NAME_INVALID,
    SIDES_EQUAL,
    TOO_MANY_RULES,
)
from ..model import Side, TrafficSplit
from . import affinity, matches
from .copies import (
    LEAVE,
    MATCH,
    SEGMENT,
    RouteWork,
    add_marks,
    find_copies,
    insert_copies,
    make_copies,
    release_of,
    remove_marks,
)
from .matches import NotOneMatch
from .words import (
    Form,
    Object,
    RouteRules,
    Sides,
    at,
    canary_test,
    form_of,
    is_http,
    mirror_routes,
    sections_of,
    sides_of,
)

__all__ = ["RouteRules", "Sides", "check", "find_sides", "make_desired", "read_traffic"]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def make_desired(live: Mapping[str, Any], sides: Sides, rules: RouteRules, traffic: TrafficSplit) -> Object:
    """The whole object as it is to be. Depends on nothing but the user's part of it, so it may be asked at any time.

    A cookie counts while the canary has a weight, expired ones while it has none. Raises RouteError.
    """
    form = form_of(live)
    plain = _remove_copies(live)
    meant = _select_routes(plain, sides, rules)
    _refuse(plain, meant, rules, traffic)
    for route in meant:
        plain = _replace_route(
            plain, route, remove_marks(form, at(plain, route), canary_test(live, sides, route), rules)
        )
    shares = {sides.canary: traffic.canary, sides.stable: traffic.stable}
    weighted = with_shares(plain, _selection(sides, rules), shares, total=rules.total)
    result = weighted
    if rules.segment:
        others = {sides.canary: 0, sides.stable: traffic.canary + traffic.stable}
        result = with_shares(plain, _selection(sides, rules), others, total=rules.total)
    copies: dict[tuple[str, int], list[Object]] = {}
    for route in meant:
        if not is_http(live, route):
            continue
        work = RouteWork(form, at(weighted, route), _place(route, sides, "canary"), _place(route, sides, "stable"))
        try:
            marked = add_marks(work, rules, traffic)
            copies[route.section, route.index] = list(make_copies(work, marked, rules, traffic, route.index))
        except (RouteError, NotOneMatch) as error:
            raise _add_place(error, live, route) from error
        if not rules.segment:
            result = _replace_route(result, route, marked)
    return insert_copies(live, result, copies, rules.name)


def read_traffic(live: Mapping[str, Any], sides: Sides, rules: RouteRules) -> TrafficSplit | None:
    """What the object does now; None if the sides are not in it.

    Where routes that are meant differ, the one counts that gives the canary most. Weights are of the release's total,
    and one that is above 0 is never shown as 0. Cookies are seen only where they have effect (see desired).
    """
    form = form_of(live)
    plain = _remove_copies(live)
    try:
        meant = _select_routes(plain, sides, rules)
    except RouteError:
        return None
    own = {role: find_copies(live, rules.name, role) for role in (MATCH, LEAVE, SEGMENT)}
    places = [(route, at(plain, route)) for route in meant]
    if own[SEGMENT]:
        places = [(route, at(live, route)) for route in own[SEGMENT]]
    found = [_read_route(form, live, sides, rules, route, content) for route, content in places]
    known = [traffic for traffic in found if traffic is not None]
    if len(known) < len(found):
        return None
    most = max(known, key=lambda traffic: traffic.canary)
    return replace(
        most,
        mirror=max(traffic.mirror for traffic in known),
        matched=bool(own[MATCH]),
        cookie=next((traffic.cookie for traffic in known if traffic.cookie), ""),
        expired=_read_expired(form, rules, [at(live, route) for route in own[LEAVE]]),
    )


def find_sides(live: Mapping[str, Any], sides: Sides) -> frozenset[Side]:
    """The sides that any route of the object sends something to, be it copies of requests.

    In doubt a side is in it: a destination counts by every name that it may be meant by, except that what is exactly
    one side is not the other too.
    """
    found: set[Side] = set()
    for route in routes_of(live):
        for destination in route.destinations:
            if destination.share:
                found |= sides_of(destination, route, sides)
        for mirror in mirror_routes(live, route):
            found |= sides_of(mirror.destinations[0], mirror, sides)
    return frozenset(found)


def check(
    live: Mapping[str, Any], sides: Sides, rules: RouteRules, wanted: Iterable[TrafficSplit] = ()
) -> list[RouteError]:
    """Everything that is in the way of the release, before anything is written.

    ``wanted`` is the traffic of the schedule; without it, all that the rules ask for is tried at once. Cookies are seen
    to here.
    """
    problems = list(_bad_rules(sides, rules))
    if problems:
        return problems
    total = rules.total
    try:
        # Both have to be in each route.
        plain = _remove_copies(live)
        with_shares(plain, _selection(sides, rules), {sides.canary: 0, sides.stable: total}, total=total)
    except RouteError as error:
        return [error]
    meant = _select_routes(plain, sides, rules)
    problems += [*_find_lost_shares(plain, meant, sides, rules), *_needs_http(plain, meant, rules)]
    if problems:
        return problems
    if rules.match:
        problems += _find_empty_matches(plain, meant, rules)
    half = total // 2
    everything = TrafficSplit(half, total - half, matched=bool(rules.match) and not rules.segment)
    found: dict[tuple[FindingKind, str], RouteError] = {}
    for traffic in tuple(wanted) or (everything,):
        kept = replace(traffic, cookie="value") if rules.affinity else traffic
        problem = _try_traffic(live, sides, rules, kept)
        if problem is not None:
            found[problem.kind, str(problem)] = problem
    return [*problems, *found.values()]


def _remove_copies(live: Mapping[str, Any]) -> Object:
    """The object without the copies of any release, so that a route's index is the one its user knows."""
    result = deepcopy(dict(live))
    for section in sections_of(live):
        if (live.get("spec") or {}).get(section):
            result["spec"][section] = [one for one in result["spec"][section] if not release_of(one)]
    return result


def _select_routes(plain: Mapping[str, Any], sides: Sides, rules: RouteRules) -> tuple[Route, ...]:
    return select(plain, _selection(sides, rules), (sides.canary, sides.stable))


def _selection(sides: Sides, rules: RouteRules) -> RouteSelection:
    return replace(rules.selection, by=sides.by)


def _replace_route(manifest: Object, route: Route, content: Object) -> Object:
    """The object with another content of one route."""
    routes = list(manifest["spec"][route.section])
    routes[route.index] = content
    return {**manifest, "spec": {**manifest["spec"], route.section: routes}}


def _place(route: Route, sides: Sides, side: Side) -> int:
    return find_matching(route, sides.canary if side == "canary" else sides.stable, sides.by)[0].index


def _read_route(
    form: Form, live: Mapping[str, Any], sides: Sides, rules: RouteRules, route: Route, content: Object
) -> TrafficSplit | None:
    canary, stable = (find_matching(route, key, sides.by) for key in (sides.canary, sides.stable))
    if not (canary and stable):
        return None
    # Of what other destinations leave.
    whole = canary[0].share + stable[0].share
    percent = form.mirror_percent(content, canary_test(live, sides, route))
    cookie = ""
    if rules.affinity:
        header = form.cookie(content[form.ENTRIES][canary[0].index])
        cookie = affinity.read_value(header, [rules.affinity.cookie_name]) or ""
    return TrafficSplit(
        canary=_round(canary[0].share * rules.total, whole),
        stable=_round(stable[0].share * rules.total, whole),
        mirror=_round(percent, 1),
        cookie=cookie,
    )


def _round(number: float, divisor: int) -> int:
    """Rounded, but what is more than nothing stays so."""
    return max(1, round(number / divisor)) if number else 0


def _read_expired(form: Form, rules: RouteRules, copies: Sequence[Object]) -> tuple[str, ...]:
    name = rules.affinity.cookie_name if rules.affinity else ""
    patterns = [form.cookie_pattern(match) for content in copies for match in content.get(form.MATCHES) or ()]
    return tuple(dict.fromkeys(value for pattern in patterns for value in affinity.values_in(pattern, name)))


def _refuse(plain: Mapping[str, Any], meant: Iterable[Route], rules: RouteRules, traffic: TrafficSplit) -> None:
    """What this traffic needs and cannot have. Raises RouteError."""
    affinity.refuse_bad_values((*traffic.expired, *([traffic.cookie] if traffic.cookie else [])))
    if traffic.matched and not rules.match:
        raise RouteError(MATCH_MISSING, "requests that match are to go to the canary, and no match is given", "give it")
    if (traffic.cookie or traffic.expired) and not rules.affinity:
        raise RouteError(AFFINITY_MISSING, "there is a cookie and no name for it", "give the affinity")
    asked = {
        "match": traffic.matched or rules.segment,
        "affinity": bool(traffic.cookie or traffic.expired),
        "mirror": bool(traffic.mirror),
    }
    for route in meant:
        if not is_http(plain, route):
            for what in (what for what, is_asked in asked.items() if is_asked):
                raise _http_only(what, plain, route)


def _needs_http(plain: Mapping[str, Any], meant: Iterable[Route], rules: RouteRules) -> list[RouteError]:
    asked = [what for what, is_asked in (("match", rules.match), ("affinity", rules.affinity)) if is_asked]
    return [_http_only(what, plain, route) for route in meant if not is_http(plain, route) for what in asked]


def _http_only(what: str, plain: Mapping[str, Any], route: Route) -> RouteError:
    return RouteError(
        NEEDS_HTTP.kind(what),
        f"{describe(plain)}, {route}, is not about HTTP requests, so there is no {what}",
        f"use weights there, or leave it out (section, routes), or do without {what}",
    )


def _bad_rules(sides: Sides, rules: RouteRules) -> Iterator[RouteError]:
    if not _NAME.fullmatch(rules.name):
        yield RouteError(
            RELEASE_NAME_INVALID,
            f"the release is named {rules.name!r}, expected lower-case letters, digits and -",
            "give it another name",
        )
    if sides.stable == sides.canary:
        yield RouteError(SIDES_EQUAL, f"both sides are {sides.stable}", "name two destinations")
    if not all(isinstance(match, Mapping) and match for match in rules.match):
        yield RouteError(
            MATCH_INVALID,
            f"a match is empty or no mapping in {list(rules.match)!r}, so it would be of all requests",
            "give each a condition",
        )
    if rules.segment and not rules.match:
        yield RouteError(MATCH_MISSING, "weights are for requests that match, and no match is given", "give it")
    if rules.affinity:
        yield from affinity.problems(rules.affinity)


def _find_lost_shares(
    plain: Mapping[str, Any], meant: Iterable[Route], sides: Sides, rules: RouteRules
) -> Iterator[RouteError]:
    """Routes whose other destinations would not keep their share, because weights count by their sum."""
    for route in meant:
        others = find_others(route, _selection(sides, rules), (sides.canary, sides.stable))
        whole = sum(one.share for one in route.destinations)
        if others and whole != rules.total:
            names = ", ".join(one.key for one in others)
            yield RouteError(
                WEIGHTS_SUM,
                f"in {describe(plain)}, {route}, the weights make {whole}, and {names} keeps its part of {rules.total}",
                f"write weights there that make {rules.total}, or set the total of the plan to {whole}",
            )


def _find_empty_matches(plain: Mapping[str, Any], meant: Iterable[Route], rules: RouteRules) -> Iterator[RouteError]:
    form = form_of(plain)
    places = list(meant)
    takers: list[str] = []
    for route in places:
        try:
            found = matches.intersect(form.both, at(plain, route).get(form.MATCHES) or (), rules.match)
        except NotOneMatch:
            return
        taken = [taker for match in found if (taker := _find_taker(plain, route, match))]
        if len(taken) < len(found):
            return
        takers += taken
    if takers:
        yield RouteError(
            MATCH_NEVER,
            f"in {describe(plain)}, {', '.join(dict.fromkeys(takers))} comes first and takes all requests that the "
            f"release matches, so that none gets to {', '.join(map(str, places))}",
            "correct the match, or put the route before that one",
        )
        return
    yield RouteError(
        MATCH_NEVER,
        f"no request can be matched both by the release and by {describe(plain)}, {', '.join(map(str, places))}",
        "correct the match, or the routes",
    )


def _find_taker(plain: Mapping[str, Any], route: Route, match: Mapping[str, Any]) -> str:
    """The route that gets these requests before; empty for none. Rules of the Gateway API do not go by their order."""
    if not is_virtual_service(plain):
        return ""
    form = form_of(plain)
    for each in routes_of(plain):
        comes_first = each.section == route.section and each.index < route.index
        if comes_first and matches.is_taken_by(form.both, match, at(plain, each).get(form.MATCHES) or ()):
            return str(each)
    return ""


def _try_traffic(live: Mapping[str, Any], sides: Sides, rules: RouteRules, traffic: TrafficSplit) -> RouteError | None:
    limit = form_of(live).ROUTES_LIMIT
    try:
        routes = routes_of(make_desired(live, sides, rules, traffic))
    except RouteError as error:
        return error
    if limit and len(routes) > limit:
        return RouteError(
            TOO_MANY_RULES,
            f"{describe(live)} would have {len(routes)} rules, and may have {limit}",
            "name the routes that are meant, or put them in an object of their own",
        )
    return None


def _add_place(error: RouteError | NotOneMatch, live: Mapping[str, Any], route: Route) -> RouteError:
    """The error with its place."""
    text = f"{describe(live)}, {route}: {error}"
    if isinstance(error, RouteError):
        return RouteError(error.kind, text, error.remedy)
    return RouteError(MATCH_CONFLICT, text, "give the release another match, or the route another condition")
