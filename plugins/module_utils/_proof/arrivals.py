# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When proxies came to have a push, as far as looks can tell. Pure: fed with what each look at an istiod brought.

Which push is ours is known only when istiod has been quiet for a while (pushes.py). By then most proxies have had it
for long, so what they had at earlier looks is kept, and says how long clusters disagreed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from .._istio.debug import ProxySync, Resource
from .acknowledgements import ProxyKey, find_newest_push, key_of, select_configuration


class Between(NamedTuple):
    """The begin of the last look at which something had not happened, and the end of the first at which it had."""

    not_before: float
    at: float


class Arrivals:
    """The proxies of one istiod. ``since`` is when the first write of a change began, in seconds as of looks."""

    def __init__(self, before: Iterable[ProxySync], since: float) -> None:
        self._had: dict[ProxyKey, Mapping[str, Resource]] = {
            key_of(each): select_configuration(each) for each in before
        }
        self._arrivals: dict[ProxyKey, list[tuple[int, Between]]] = {}
        self._looked = since

    def see(self, proxies: Iterable[ProxySync], began: float, ended: float) -> None:
        """What a look showed that began and ended then."""
        for proxy in proxies:
            key, has = key_of(proxy), select_configuration(proxy)
            if self._had.get(key) != has:
                self._had[key] = has
                self._arrivals.setdefault(key, []).append((find_newest_push(proxy), Between(self._looked, ended)))
        self._looked = began

    def of(self, key: ProxyKey, push: int) -> Between | None:
        """When a proxy acknowledged all of the first push from this number on that it got; None where it got none."""
        got = [(number, between) for number, between in self._arrivals.get(key, ()) if number >= push]
        first = min((number for number, _between in got), default=0)
        return next((between for number, between in reversed(got) if number == first), None)
