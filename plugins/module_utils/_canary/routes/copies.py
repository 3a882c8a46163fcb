# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One route of a release: its marks, and the copies that stand before it for requests that go by another rule. Pure.

Copies are known by their names, ``onemesh-canary-<release>-<role>-<number of the route>``.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ..._istio.routes import Route, RouteError, routes_of
from ..finding_kinds import COOKIE_TAKEN
from ..model import TrafficSplit
from . import affinity, matches
from .words import Form, Object, RouteRules, sections_of

COPY_PREFIX = "onemesh-canary-"

MATCH, LEAVE, SEGMENT = "match", "leave", "segment"
_STAY, _STAY_STABLE = "stay", "stay-stable"
_COPY = re.compile(rf"{COPY_PREFIX}(?P<release>.+?)-(?P<role>match|stay-stable|stay|leave|segment)-\d+")


@dataclass(frozen=True)
class RouteWork:
    """One route with its weights and without our marks, and where its sides are."""

    form: Form
    content: Object
    canary: int
    stable: int

    def entry(self, index: int) -> Object:
        entry: Object = self.content[self.form.ENTRIES][index]
        return entry

    def matches(self) -> list[Object]:
        return list(self.content.get(self.form.MATCHES) or [])

    def product(self, match: Iterable[Mapping[str, Any]]) -> list[Object]:
        return matches.intersect(self.form.both, self.matches(), match)


def add_marks(work: RouteWork, rules: RouteRules, traffic: TrafficSplit) -> Object:
    """The weighted route, with mirror and cookies. Raises RouteError."""
    result = deepcopy(work.content)
    entries = result[work.form.ENTRIES]
    if rules.affinity and traffic.cookie and traffic.canary:
        value, kept = traffic.cookie, rules.affinity
        entries[work.canary] = _with_cookie(
            work, work.canary, affinity.make_cookie(kept.cookie_name, value, kept.max_age)
        )
        if kept.stable_cookie_name and traffic.stable:
            header = affinity.make_cookie(kept.stable_cookie_name, value, kept.stable_max_age)
            entries[work.stable] = _with_cookie(work, work.stable, header)
    if traffic.mirror:
        result = work.form.with_mirror(result, work.entry(work.canary), traffic.mirror)
    return result


def make_copies(
    work: RouteWork, marked: Object, rules: RouteRules, traffic: TrafficSplit, number: int
) -> Iterator[Object]:
    """What stands before the route; the first that matches counts. Raises RouteError and NotOneMatch."""
    base = work.product(rules.match) if rules.segment else work.matches()

    def copy(role: str, match: list[Object], content: Object) -> Iterator[Object]:
        if match or role == SEGMENT:
            name = f"{COPY_PREFIX}{rules.name}-{role}-{number}"
            yield {**deepcopy(content), "name": name, work.form.MATCHES: deepcopy(match)}

    def only(entry: Object) -> Object:
        return {**work.content, work.form.ENTRIES: [{**entry, "weight": rules.total}]}

    def with_cookie(name: str, values: Sequence[str]) -> list[Object]:
        condition = work.form.cookie_match(affinity.expression(name, values))
        return matches.intersect(work.form.both, base, [condition])

    if rules.segment and not base:
        return
    if traffic.matched:
        yield from copy(MATCH, work.product(rules.match), only(work.entry(work.canary)))
    kept = rules.affinity
    if kept and traffic.cookie and traffic.canary:
        values = (traffic.cookie,)
        yield from copy(_STAY, with_cookie(kept.cookie_name, values), only(work.entry(work.canary)))
        if kept.stable_cookie_name and traffic.stable:
            match = with_cookie(kept.stable_cookie_name, values)
            yield from copy(_STAY_STABLE, match, only(work.entry(work.stable)))
    if kept and traffic.expired and not traffic.canary:
        entry = _with_cookie(work, work.stable, affinity.make_expiry(kept.cookie_name))
        yield from copy(LEAVE, with_cookie(kept.cookie_name, traffic.expired), only(entry))
    if rules.segment and (traffic.canary or traffic.mirror):
        yield from copy(SEGMENT, base, marked)


def _with_cookie(work: RouteWork, index: int, header: str) -> Object:
    entry = work.entry(index)
    had = work.form.cookie(entry)
    if had:
        raise RouteError(
            COOKIE_TAKEN,
            f"its destination {index} sets the cookie {had.split('=')[0]} already, and may set one only",
            "set that cookie on the route and not on the destination, or in the workload, or leave out the affinity",
        )
    return work.form.with_cookie(entry, header)


def remove_marks(form: Form, content: Object, is_canary: Callable[[Object], bool], rules: RouteRules) -> Object:
    """The route as its user has it, but for the weights."""
    result = form.without_mirror(content, is_canary)
    if rules.affinity and form.ENTRIES in result:
        names = rules.affinity.names
        result[form.ENTRIES] = [
            entry if affinity.read_value(form.cookie(entry), names) is None else form.without_cookie(entry)
            for entry in result[form.ENTRIES]
        ]
    return result


def release_of(content: Mapping[str, Any]) -> str:
    """The release whose copy a route is, empty for the user's."""
    found = _COPY.fullmatch(content.get("name") or "")
    return found["release"] if found else ""


def insert_copies(
    live: Mapping[str, Any], result: Object, copies: Mapping[tuple[str, int], list[Object]], release: str
) -> Object:
    """The result with copies before their routes. Those of other releases stay; before one route, releases stand in
    the order of their names, or two of them would keep on changing places."""
    spec = dict(result["spec"])
    for section in [section for section in sections_of(live) if live["spec"].get(section)]:
        routes: list[Object] = []
        block: list[tuple[str, Object]] = []
        index = 0
        for content in live["spec"][section]:
            owner = release_of(content)
            if owner == release:
                continue
            if owner:
                block.append((owner, content))
                continue
            block += [(release, copy) for copy in copies.get((section, index), ())]
            routes += [copy for _owner, copy in sorted(block, key=lambda one: one[0])]
            routes.append(result["spec"][section][index])
            block = []
            index += 1
        routes += [copy for _owner, copy in block]
        spec[section] = deepcopy(routes)
    return {**result, "spec": spec}


def find_copies(live: Mapping[str, Any], release: str, role: str) -> list[Route]:
    """The copies of a release that have this role."""
    found = []
    for route in routes_of(live):
        name = _COPY.fullmatch(route.name)
        if name and (name["release"], name["role"]) == (release, role):
            found.append(route)
    return found
