# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that stay with their side: the cookie that says so, and how routes know it. Pure.

Whoever got the canary once gets a cookie with the value of the run, and a route before the weighted one sends that
value to the canary. A later run has another value, so an old cookie has no effect, and is taken away where it is seen
(the idea is Flagger's, pkg/router/istio.go).

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..._istio.routes import RouteError
from ..finding_kinds import COOKIE_AGE_INVALID, COOKIE_NAME_INVALID, COOKIE_NAMES_EQUAL, COOKIE_VALUE_INVALID

DAY = 86400
MINUTE = 60

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
"""A token of RFC 6265, which is what a cookie's name is."""
_VALUE = re.compile(r"[A-Za-z0-9_-]+")
_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")


@dataclass(frozen=True)
class Affinity:
    """``cookie_name`` is of clients of the canary, ``stable_cookie_name`` of those of the stable side; without it those
    are divided anew at each request. Ages in seconds: for how long a client stays."""

    cookie_name: str
    max_age: int = DAY
    stable_cookie_name: str = ""
    stable_max_age: int = MINUTE

    @property
    def names(self) -> tuple[str, ...]:
        return (self.cookie_name, *([self.stable_cookie_name] if self.stable_cookie_name else []))


def problems(affinity: Affinity) -> Iterator[RouteError]:
    """What is wrong with the options."""
    for name in affinity.names:
        if not _NAME.fullmatch(name):
            yield RouteError(
                COOKIE_NAME_INVALID,
                f"the cookie's name is {name!r}, expected letters, digits or -_.",
                "give it another name",
            )
    if affinity.cookie_name in affinity.names[1:]:
        yield RouteError(
            COOKIE_NAMES_EQUAL,
            f"the cookies of both sides are named {affinity.cookie_name}, so that nobody can tell them apart",
            "give them different names",
        )
    for age in (affinity.max_age, affinity.stable_max_age):
        if age < 1:
            yield RouteError(
                COOKIE_AGE_INVALID, f"a cookie's age is {age} s, expected 1 or more", "give an age, or no affinity"
            )


def refuse_bad_values(values: Iterable[str]) -> None:
    """Values stand in expressions and headers. Raises RouteError."""
    for value in values:
        if not _VALUE.fullmatch(value):
            raise RouteError(
                COOKIE_VALUE_INVALID,
                f"a cookie's value is {value!r}, expected letters, digits, - or _",
                "start the run anew, which makes a value",
            )


def expression(name: str, values: Sequence[str]) -> str:
    """What the cookie header has to match, as a whole (RE2), where the cookie has one of the values."""
    literal = _SPECIAL.sub(r"\\\1", name)
    return rf"(.*;\s*)?{literal}=({'|'.join(values)})(;.*)?"


def values_in(pattern: str, name: str) -> tuple[str, ...]:
    """The values of an expression; none if it is not about this cookie."""
    head, tail = expression(name, ("\0",)).split("\0")
    if not (pattern.startswith(head) and pattern.endswith(tail)):
        return ()
    return tuple(pattern[len(head) : -len(tail)].split("|"))


def make_cookie(name: str, value: str, age: int) -> str:
    """The header Set-Cookie. It holds for every path, or a client would be divided anew on the next page."""
    return f"{name}={value}; Path=/; Max-Age={age}"


def make_expiry(name: str) -> str:
    """The header Set-Cookie by which a client forgets the cookie."""
    return f"{name}=; Path=/; Max-Age=-1"


def read_value(header: str, names: Iterable[str]) -> str | None:
    """The value in a header of ours, empty if it takes the cookie away; None if the header is not ours."""
    for name in names:
        found = re.fullmatch(rf"{re.escape(name)}=([A-Za-z0-9_-]*); Path=/; Max-Age=-?\d+", header)
        if found:
            return found[1]
    return None
