# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Following objects as they change: a watch that goes on over closed connections, and waiting built on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from .errors import Gone, KubeError, ServerError, Throttled, Unauthorized, Unreachable, WaitTimeout, error_of_response
from .kinds import Kind, make_path

CONNECTION_SECONDS = 30
"""The server ends a watch connection after so many seconds; a connection that was silently lost costs no more."""
_GRACE = 5.0
_LONGEST_PAUSE = 2.0
_SHORTEST_CONNECTION = 0.5
"""Seconds; a connection that ends sooner is not opened again without a pause."""


class Event(NamedTuple):
    """``type`` is ADDED, MODIFIED or DELETED, ``object`` the whole object after it (DELETED: as it was last)."""

    type: str
    object: dict[str, Any]

    def __repr__(self) -> str:
        # The object may be a Secret.
        metadata = self.object.get("metadata") or {}
        return f"Event({self.type} {self.object.get('kind')} {metadata.get('namespace', '')}/{metadata.get('name')})"


class Source(Protocol):
    """What a watch needs of a client."""

    cluster: str

    def list_collection(self, kind: Kind, namespace: str | None, selectors: Mapping[str, str]) -> tuple[list[Any], str]:
        """All objects and the resource version of the whole."""

    def stream(
        self, path: str, *, action: str, query: Mapping[str, Any], ends: float, silence: float
    ) -> Iterator[bytes]:
        """The lines of a streamed answer."""


def watch(
    source: Source,
    kind: Kind,
    namespace: str | None,
    selectors: Mapping[str, str],
    timeout: float,
    resource_version: str | None,
    known: Sequence[dict[str, Any]] = (),
) -> Iterator[Event]:
    """Events until ``timeout`` seconds are over. See ``Client.watch``.

    ``known`` are the objects of ``resource_version``; that one of them went away is then told after a 410 too.
    """
    return _Watch(source, kind, namespace, selectors, timeout, resource_version, known).events()


class _Watch:
    """``_version`` is where to go on from (None: list first), ``_known`` what the consumer was told of."""

    def __init__(
        self,
        source: Source,
        kind: Kind,
        namespace: str | None,
        selectors: Mapping[str, str],
        timeout: float,
        resource_version: str | None,
        known: Sequence[dict[str, Any]],
    ) -> None:
        self._source = source
        self._kind = kind
        self._namespace = namespace
        self._selectors = selectors
        self._ends = time.monotonic() + timeout
        self._action = f"watch {kind.plural}" + (f" in {namespace}" if namespace else "")
        self._version = resource_version
        self._known = {_key(found): found for found in known}
        self._pause = 0.0

    def events(self) -> Iterator[Event]:
        """First the list (its failure is raised), then the stream; from there on outages are waited out."""
        if self._version is None:
            yield from self._relist()
        while self._left() > 0:
            began = time.monotonic()
            try:
                if self._version is None:
                    yield from self._relist()
                yield from self._follow()
                if time.monotonic() - began > _SHORTEST_CONNECTION:
                    continue
            except Gone:
                # The server no longer has what came after our version: take the whole again.
                self._version = None
                continue
            except Unauthorized:
                # The stream has renewed what can be renewed; what is refused again will not get better.
                if self._pause > 0:
                    raise
            except (Unreachable, Throttled, ServerError):
                pass
            self._pause = min(max(0.1, self._pause * 2), _LONGEST_PAUSE)
            time.sleep(min(self._pause, max(0.0, self._left())))

    def _left(self) -> float:
        return self._ends - time.monotonic()

    def _relist(self) -> Iterator[Event]:
        """Events that lead from what is known to what there is now."""
        objects, self._version = self._source.list_collection(self._kind, self._namespace, self._selectors)
        present = {_key(found): found for found in objects}
        for key, gone in list(self._known.items()):
            if key not in present or _uid(present[key]) != _uid(gone):
                del self._known[key]
                yield Event("DELETED", gone)
        for key, found in present.items():
            before = self._known.get(key)
            self._known[key] = found
            if before is None:
                yield Event("ADDED", found)
            elif _version(before) != _version(found):
                yield Event("MODIFIED", found)

    def _follow(self) -> Iterator[Event]:
        """Events of one connection."""
        seconds = max(1, min(CONNECTION_SECONDS, int(self._left()) + 1))
        query = {
            **self._selectors,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": seconds,
        }
        lines = self._source.stream(
            make_path(self._kind, self._namespace),
            action=self._action,
            query=query,
            ends=self._ends,
            silence=seconds + _GRACE,
        )
        for line in lines:
            try:
                change = json.loads(line)
            except ValueError:
                # The connection broke in the middle of an event; the next one brings it whole.
                return
            found = change["object"]
            if change["type"] == "ERROR":
                raise error_of_response(
                    self._source.cluster, self._action, int(found.get("code") or 500), json.dumps(found).encode()
                )
            self._pause = 0.0
            self._version = _version(found) or self._version
            if change["type"] == "BOOKMARK":
                continue
            if change["type"] == "DELETED":
                self._known.pop(_key(found), None)
            else:
                self._known[_key(found)] = found
            yield Event(change["type"], found)


def wait_for(
    source: Source,
    kind: Kind,
    name: str,
    namespace: str | None,
    predicate: Callable[[dict[str, Any]], bool],
    timeout: float,
    on_event: Callable[[Event], None] | None,
) -> dict[str, Any]:
    """The object once ``predicate`` holds. See ``Client.wait_for``."""
    last: dict[str, Any] | None = None
    for event in watch(source, kind, namespace, {"fieldSelector": f"metadata.name={name}"}, timeout, None):
        if on_event is not None:
            on_event(event)
        last = None if event.type == "DELETED" else event.object
        if last is not None and predicate(last):
            return last
    raise _make_late_error(source, kind, name, namespace, timeout, last, "is not as awaited")


def wait_gone(
    source: Source,
    kind: Kind,
    name: str,
    namespace: str | None,
    timeout: float,
    on_event: Callable[[Event], None] | None,
) -> None:
    """Return once the object is not there. See ``Client.wait_gone``."""
    selectors = {"fieldSelector": f"metadata.name={name}"}
    objects, version = source.list_collection(kind, namespace, selectors)
    if not objects:
        return
    last = objects[0]
    for event in watch(source, kind, namespace, selectors, timeout, version, objects):
        if on_event is not None:
            on_event(event)
        if event.type == "DELETED":
            return
        last = event.object
    raise _make_late_error(source, kind, name, namespace, timeout, last, "is still there")


def _make_late_error(
    source: Source,
    kind: Kind,
    name: str,
    namespace: str | None,
    timeout: float,
    last: Mapping[str, Any] | None,
    state: str,
) -> KubeError:
    found = state if last is not None else "does not exist"
    finalizers = (last or {}).get("metadata", {}).get("finalizers") or []
    remedy = "look at its status and events, or allow more time"
    if finalizers and state == "is still there":
        found += f", and waits for its finalizers {', '.join(finalizers)}"
        remedy = "see whether the controllers of these finalizers run"
    return WaitTimeout(
        source.cluster, f"{kind.describe(name, namespace)} {found} after {timeout:g} s", last=last, remedy=remedy
    )


def _key(found: Mapping[str, Any]) -> tuple[str, str]:
    metadata = found["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _uid(found: Mapping[str, Any]) -> str:
    return str(found["metadata"].get("uid") or "")


def _version(found: Mapping[str, Any]) -> str:
    return str((found.get("metadata") or {}).get("resourceVersion") or "")
