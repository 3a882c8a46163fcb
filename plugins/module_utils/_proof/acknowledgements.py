# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has acknowledged a change, who is late, who rejected it: the rule of level ``acknowledged``. Pure.

A proxy is done when istiod has gone through our push for it (see pushes.py), all that istiod sent it is acknowledged,
and two looks in a row found it so: between two types of resource of one push a proxy may look done for a moment.

That istiod has gone through the push is seen from what was sent: a nonce carries the number of its push. A proxy that
the push does not concern gets nothing (pilot/pkg/xds/proxy_dependencies.go, DefaultProxyNeedsPush); of it istiod is
asked which push it last went through, by its config_dump. That is dear, so with many such proxies SAMPLE of them are
asked, and the rest, which stood in the same queue, are taken to be through when those are (``inferred``).
Endpoints (EDS) are pushed on their own and say nothing of configuration, so their numbers do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .._istio.debug import ProxySync, Resource
from .pushes import PushTracker

SAMPLE = 20
_ENDPOINTS = ("ClusterLoadAssignment", "NameTable")
_WITHOUT_ROUTES = "ztunnel"
"""It has no routes, and its config_dump has no version."""

WORDS: Mapping[str, str] = {
    "Cluster": "clusters",
    "ClusterLoadAssignment": "endpoints",
    "Listener": "listeners",
    "RouteConfiguration": "routes",
    "Secret": "secrets",
    "TypedExtensionConfig": "extensions",
}


class ProxyKey(NamedTuple):
    """A proxy of the mesh. Pods of two clusters may have the same name."""

    cluster: str
    proxy: str


@dataclass(frozen=True)
class RejectedPush:
    """``fresh``: what was rejected was sent after the change, and was not rejected for the same reason before it.

    A proxy that an older object has made reject its listeners goes on to do so at every push; that is no failure of
    this change, as long as Envoy names nothing new. It names what it rejects in any order.
    """

    key: ProxyKey
    resource: str
    reason: str
    fresh: bool


def key_of(proxy: ProxySync) -> ProxyKey:
    return ProxyKey(proxy.cluster_id, proxy.proxy)


class IstiodWatch:
    """One istiod and the proxies that are connected to it, look by look."""

    def __init__(self, tracker: PushTracker, before: Iterable[ProxySync] = ()) -> None:
        self.tracker = tracker
        self._before = {key_of(proxy): proxy for proxy in before}
        self._proxies: dict[ProxyKey, ProxySync] = {}
        self._previous: dict[ProxyKey, ProxySync] = {}
        self._told: dict[ProxyKey, int] = {}

    def see(self, proxies: Iterable[ProxySync]) -> None:
        """What syncz gave at one look."""
        self._previous = self._proxies
        self._proxies = {key_of(proxy): proxy for proxy in proxies}

    def tell(self, key: ProxyKey, push: int) -> None:
        """Up to which push istiod has gone for a proxy, by its own word."""
        self._told[key] = push

    @property
    def proxies(self) -> set[ProxyKey]:
        return set(self._proxies)

    @property
    def known_before(self) -> set[ProxyKey]:
        return set(self._before)

    def list_to_ask(self) -> list[ProxyKey]:
        """Of which proxies istiod has to be asked now."""
        required = self.find_required()
        return [key for key in self._sample(self._find_silent(required)) if self._told.get(key, 0) < required]

    def count_inferred(self) -> int:
        """How many proxies are taken to be through because others are."""
        silent = self._find_silent(self.find_required())
        return len(silent) - len(self._sample(silent))

    def find_late(self) -> dict[ProxyKey, str]:
        """Who is not done, and what is awaited of each. Everybody until it is known which push is ours."""
        if self.tracker.ceiling is None:
            return dict.fromkeys(self._proxies, "istiod has not made its push yet")
        required = self.find_required()
        silent = self._find_silent(required)
        asked = self._sample(silent)
        behind = {key for key in asked if self._told.get(key, 0) < required}
        waiting = (set(silent) - set(asked) if behind else set()) | behind
        awaited = {key: self._describe_awaited(key, through=key not in waiting) for key in self._proxies}
        return {key: why for key, why in awaited.items() if why}

    def list_rejections(self) -> list[RejectedPush]:
        """What proxies reject, once it is known to be so."""
        if self.tracker.ceiling is None:
            return []
        return [rejection for key in self._proxies if self._is_steady(key) for rejection in self._find_rejected(key)]

    # -- one proxy ----------------------------------------------------------------------------------------------------

    def _describe_awaited(self, key: ProxyKey, *, through: bool) -> str:
        pending = sorted(
            _word(url)
            for url, resource in self._proxies[key].resources.items()
            if resource.sent != resource.acked and not resource.last_error
        )
        if pending:
            return f"it has not acknowledged its {' and '.join(pending)}"
        if not through:
            return "istiod has not gone through its push for it"
        return "" if self._is_steady(key) else "it is done, and is looked at once more"

    def _find_rejected(self, key: ProxyKey) -> list[RejectedPush]:
        before = self._before[key].resources if key in self._before else {}
        found = []
        for url, resource in self._proxies[key].resources.items():
            words = resource.last_error.split()
            if words:
                known = url in before and sorted(before[url].last_error.split()) == sorted(words)
                fresh = resource.push > self.tracker.floor and not known
                found.append(RejectedPush(key, _word(url), " ".join(words), fresh))
        return found

    def _is_steady(self, key: ProxyKey) -> bool:
        previous = self._previous.get(key)
        return previous is not None and previous.resources == self._proxies[key].resources

    # -- our push -----------------------------------------------------------------------------------------------------

    def find_required(self) -> int:
        """The newest push of configuration that can be ours: every proxy has to be through it."""
        floor, ceiling = self.tracker.floor, self.tracker.ceiling or 0
        if self.tracker.no_push:
            return 0
        # One that connected since got all under the newest number, which may be that of a push of endpoints only.
        newest = [find_newest_push(proxy) for key, proxy in self._proxies.items() if key in self._before]
        seen = [*newest, *self._told.values()]
        return max((push for push in seen if floor < push <= ceiling), default=floor + 1)

    def _find_silent(self, required: int) -> list[ProxyKey]:
        """Those to which istiod sent nothing of our push."""
        if self.tracker.ceiling is None:
            return []
        return sorted(
            key
            for key, proxy in self._proxies.items()
            if proxy.kind != _WITHOUT_ROUTES and find_newest_push(proxy) < required
        )

    def _sample(self, silent: list[ProxyKey]) -> list[ProxyKey]:
        return silent[:: max(1, len(silent) // SAMPLE)][:SAMPLE]


def select_configuration(proxy: ProxySync) -> dict[str, Resource]:
    """All that a proxy was sent, but for endpoints."""
    return {url: resource for url, resource in proxy.resources.items() if not url.endswith(_ENDPOINTS)}


def find_newest_push(proxy: ProxySync) -> int:
    """The newest push of configuration of which something was sent."""
    return max((resource.push for resource in select_configuration(proxy).values()), default=0)


def _word(type_url: str) -> str:
    name = type_url.rpartition(".")[2]
    return WORDS.get(name, name)
