# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time works on a set: a Lease on the hub, as controllers elect their leader by."""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from .._kube.client import Client
from .._kube.errors import Conflict, Forbidden, KubeError, NotFound
from .._kube.kinds import LEASE
from .._ownership import FIELD_MANAGER, LABEL_MANAGED_BY, MANAGED_BY
from .._times import moment_of, rfc3339_micro
from .finding_kinds import LOCK_HELD, LOCK_LOST
from .objects import content_hash

SECONDS = 15
"""How long a Lease outlives a run that ends without giving it back (client-go's leader election)."""
_POLL = 1.0
_NUMBERS = itertools.count(1)
_TAKEN: set[str] = set()
"""Who this process is, in the Leases that it has: one that could not be given back is not its own any more."""


def holder_identity() -> str:
    """``user@host pid 4711 (1f2e3d4c.123456.1)``: who a person asks, and by what a dead process is known.

    In brackets are the machine's boot and process namespace, hashed, the process's start in ticks since boot, and a
    number, which each Lease of a process has for itself.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no such user in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} pid {os.getpid()} ({_machine()}.{_start_of(os.getpid())}.{next(_NUMBERS)})"


def is_dead(holder: str) -> bool:
    """Whether the holder was a process that this process would see, and runs no more; or this process, earlier."""
    found = re.fullmatch(r".* pid (?P<pid>\d+) \((?P<machine>\w+)\.(?P<start>\d+)\.\d+\)", holder)
    if found is None or found["machine"] != _machine() or found["machine"] == "unknown":
        return False
    if int(found["pid"]) == os.getpid():
        return holder not in _TAKEN
    return _start_of(int(found["pid"])) != found["start"]


def _machine() -> str:
    """Two hosts may have one name, and containers of one host see other processes under the same number."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return content_hash([boot, os.readlink("/proc/self/ns/pid")])[:8]
    except OSError:
        return "unknown"


def _start_of(pid: int) -> str:
    """The moment a process started, in clock ticks since boot; empty where there is none. Linux's /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


def is_free(lease: Mapping[str, Any], now: datetime) -> bool:
    """Whether nobody holds the Lease: given back, lapsed, or its holder died on this host. Pure but for /proc."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    return not holder or seconds_left(spec, now) <= 0 or is_dead(holder)


def seconds_left(spec: Mapping[str, Any], now: datetime) -> float:
    """Seconds until a Lease lapses if it is not renewed. Pure."""
    renewed = spec.get("renewTime")
    if not renewed:
        return 0.0
    age = (now - moment_of(renewed)).total_seconds()
    return float(spec.get("leaseDurationSeconds") or SECONDS) - age


class Home(Protocol):
    """The namespace that a Lease is taken in."""

    def make(self) -> bool:
        """Make it where it is missing. Whether it was."""

    def arrive(self, taken: str) -> None:
        """What has to be done first once Lease ``taken`` is taken."""

    def leave(self) -> None:
        """What has to be done once the Lease is given back."""


class SetLease:
    """Taken for the time of a ``with`` block. Raises Conflict (``kind`` LOCK_HELD) at once where another run has it.

    With ``wait`` that many seconds are given to the other run to end.
    """

    def __init__(
        self, client: Client, namespace: str, name: str, *, wait: float = 0.0, home: Home | None = None
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._wait = wait
        self._home = home
        self._identity = holder_identity()
        self._lease: dict[str, Any] = {}
        self._ended = threading.Event()
        self._lost: BaseException | None = None
        self._renewed = 0.0
        self._asking: threading.Thread | None = None
        self._renewing = threading.Thread(target=self._renew, name=f"lease-{name}", daemon=True)

    @property
    def holder(self) -> str:
        return self._identity

    def check(self) -> None:
        """Raises KubeError where the Lease was lost, or may have been: nothing more may be written.

        It may have been where this process was stopped for so long that another run could take it.
        """
        if self._asking is not None:
            self._asking.join()
        if self._lost is not None:
            raise self._lost
        if time.monotonic() - self._renewed > SECONDS:
            raise self._make_lapsed_error()

    @contextlib.contextmanager
    def take_beside(self) -> Iterator[SetLease]:
        """The same block, begun without waiting: the Lease is taken meanwhile, and ``check`` waits for it."""
        self._asking = threading.Thread(target=self._ask, name=f"lease-{self._name}", daemon=True)
        self._asking.start()
        try:
            yield self
        finally:
            self._ended.set()
            self._asking.join()
            if self._identity in _TAKEN:
                self.__exit__(None, None, None)

    def _ask(self) -> None:
        try:
            self.__enter__()
        except BaseException as error:  # pylint: disable=broad-exception-caught  # raised again in check()
            self._lost = error

    def __enter__(self) -> SetLease:
        ends = time.monotonic() + self._wait
        while not self._try():
            if time.monotonic() >= ends or self._ended.wait(_POLL):
                raise self._make_busy_error()
        self._renewed = time.monotonic()
        _TAKEN.add(self._identity)
        self._renewing.start()
        if self._home is not None:
            try:
                self._home.arrive(self._name)
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._renewing.join()
        _TAKEN.discard(self._identity)
        try:
            self._client.delete(LEASE, self._name, self._namespace, uid=self._lease["metadata"]["uid"])
            if self._home is not None:
                self._home.leave()
        except KubeError:
            # It lapses by itself; what the block did, or why it failed, counts more.
            return

    def borrow(self) -> Borrowed:
        """The same Lease for work that is part of what it was taken for."""
        return Borrowed(self)

    def clear(self) -> None:
        """Remove the Lease of a run that ended without giving it back. Raises KubeError."""
        live = self._client.find(LEASE, self._name, self._namespace)
        if live is not None and is_free(live, datetime.now(timezone.utc)):
            with contextlib.suppress(Conflict):  # taken by another run since
                self._client.delete(LEASE, self._name, self._namespace, uid=live["metadata"]["uid"])

    def _try(self) -> bool:
        try:
            self._lease = self._create()
            return True
        except Conflict:
            pass
        live = self._client.find(LEASE, self._name, self._namespace)
        if live is None:
            return False
        self._lease = live
        if not is_free(live, datetime.now(timezone.utc)):
            return False
        try:
            self._lease = self._client.replace(self._make_manifest(live), field_manager=FIELD_MANAGER)
        except Conflict:
            return False
        return True

    def _create(self) -> dict[str, Any]:
        manifest = self._make_manifest({})
        try:
            return self._client.create(manifest, field_manager=FIELD_MANAGER)
        except (NotFound, Forbidden):  # 403: the namespace is being deleted
            if self._home is None or not self._home.make():
                raise
        return self._client.create(manifest, field_manager=FIELD_MANAGER)

    def _renew(self) -> None:
        while not self._ended.wait(SECONDS / 3):
            try:
                live = self._client.get(LEASE, self._name, self._namespace)
                if (live.get("spec") or {}).get("holderIdentity") != self._identity:
                    self._lost = self._make_lost_error(live)
                    return
                asked = time.monotonic()
                self._client.replace(self._make_manifest(live), field_manager=FIELD_MANAGER)
                self._renewed = asked
            except KubeError as error:
                if time.monotonic() - self._renewed > SECONDS:
                    self._lost = error
                    return

    def _make_manifest(self, live: Mapping[str, Any]) -> dict[str, Any]:
        now = rfc3339_micro(time.time())
        spec = live.get("spec") or {}
        ours = spec.get("holderIdentity") == self._identity
        metadata = {
            "name": self._name,
            "namespace": self._namespace,
            "labels": {LABEL_MANAGED_BY: MANAGED_BY},
        }
        if live:
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self._identity,
                "leaseDurationSeconds": SECONDS,
                "acquireTime": spec["acquireTime"] if ours else now,
                "renewTime": now,
            },
        }

    def _make_busy_error(self) -> Conflict:
        spec = self._lease.get("spec") or {}
        left = max(0.0, seconds_left(spec, datetime.now(timezone.utc)))
        return Conflict(
            self._client.cluster,
            f"another run works on this set: Lease {self._namespace}/{self._name} is held by "
            f"{spec.get('holderIdentity') or 'nobody any more'} since {spec.get('acquireTime') or 'just now'}",
            kind=LOCK_HELD,
            remedy=f"wait for that run to end, or set lock_timeout; if it is dead, the Lease lapses in {left:.0f} s",
        )

    def _make_lost_error(self, live: Mapping[str, Any]) -> Conflict:
        return Conflict(
            self._client.cluster,
            f"Lease {self._namespace}/{self._name} was taken by {(live.get('spec') or {}).get('holderIdentity')}",
            kind=LOCK_LOST,
            remedy="see that run; this one wrote nothing more",
        )

    def _make_lapsed_error(self) -> Conflict:
        return Conflict(
            self._client.cluster,
            f"Lease {self._namespace}/{self._name} was not renewed for {SECONDS} s, and may be another run's by now",
            kind=LOCK_LOST,
            remedy="run again; this run wrote nothing more",
        )


class Borrowed:
    """A Lease that the run has already: it is used as one, and neither taken nor given back."""

    def __init__(self, lease: SetLease) -> None:
        self._lease = lease

    def __enter__(self) -> SetLease:
        return self._lease

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """It stays taken."""

    def take_beside(self) -> Borrowed:
        return self

    def clear(self) -> None:
        """Whoever took it gives it back."""
