# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All clusters at once: a lane and a deadline for each, so that one dead cluster delays nobody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._cluster import Cluster
from ._findings import Finding, FindingKind
from ._guard import Guard, read
from ._identity import ClusterIdentity
from ._kube.client import Client
from ._kube.credentials import Credentials, load_credentials
from ._kube.errors import KubeError, LeftPlay, Unreachable
from ._kube.files import Decrypt

if TYPE_CHECKING:
    from ._hub import Hubs

T = TypeVar("T")


@dataclass(frozen=True)
class LaneOutcome(Generic[T]):
    """What came of one lane: a value, or the error of its cluster."""

    value: T | None
    error: KubeError | None
    seconds: float

    def get(self) -> T:
        """The value; raises the lane's error where there is none."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]  # T may itself be None


class Member:
    """One cluster of a fleet with its client, which is made on first use, inside the lane that needs it."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        timeout: float,
        environ: Mapping[str, str],
        hubs: Hubs | None,
        decrypt: Decrypt | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.cluster = cluster
        self._guard = guard
        self._timeout = timeout
        self._environ = environ
        self._decrypt = decrypt
        self._hubs = hubs
        self._client: Client | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.cluster.name

    @property
    def client(self) -> Client:
        """Raises CredentialsError where the cluster's options, or the secret that they name, cannot be used; LeftPlay
        where it is not to be asked.

        In a guarded fleet it is given out once its API server is known to be this cluster, and WrongCluster is raised
        where that is another one.
        """
        client = self._connected()
        if self._guard is not None:
            self._guard.admit(self.cluster, client)
        return client

    @property
    def identity(self) -> ClusterIdentity:
        """Which cluster the API server says it is. Raises as ``client`` does."""
        client = self.client
        known = None if self._guard is None else self._guard.identity(self.name)
        return read(client, self.cluster) if known is None else known

    def look(self) -> ClusterIdentity:
        """What its API server says of who it is, not judged yet. Raises KubeError."""
        return read(self._connected(), self.cluster)

    def _connected(self) -> Client:
        if self.cluster.away:
            raise LeftPlay(self.name, self.cluster.away, remedy="put right what failed there, then run again")
        with self._lock:
            if self._client is None:
                self._client = Client(self.name, self._credentials(), timeout=self._timeout)
            return self._client

    def _credentials(self) -> Credentials:
        if self.cluster.remote_secret is not None and self._hubs is not None:
            return self._hubs.credentials(self.cluster, self.cluster.remote_secret)
        return load_credentials(self.cluster.options, cluster=self.name, environ=self._environ, decrypt=self._decrypt)


class Fleet:
    """The clusters that one task addresses, in the order given."""

    def __init__(
        self,
        clusters: Mapping[str, Cluster],
        *,
        request_timeout: float = 10.0,
        environ: Mapping[str, str] | None = None,
        decrypt: Decrypt | None = None,
        guard: Guard | None = None,
    ) -> None:
        """With a ``guard`` no client is given out before its API server is known to be the cluster it is said to be."""
        self.guard = guard
        environment = os.environ if environ is None else environ
        self._request_timeout, self._environ, self._decrypt = request_timeout, environment, decrypt
        hubs = None
        if any(cluster.remote_secret is not None for cluster in clusters.values()):
            # What understands these secrets needs cryptography, which is slow to import.
            from ._hub import Hubs

            hubs = Hubs(timeout=request_timeout, environ=environment, decrypt=decrypt)
        self._members = {
            name: Member(
                cluster,
                timeout=request_timeout,
                environ=environment,
                hubs=hubs,
                decrypt=decrypt,
                guard=guard,
            )
            for name, cluster in clusters.items()
        }

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def beside(self, cluster: Cluster) -> Member:
        """A cluster that is not of this fleet, reached as those are which are."""
        other = Fleet(
            {cluster.name: cluster},
            request_timeout=self._request_timeout,
            environ=self._environ,
            decrypt=self._decrypt,
            guard=self.guard,
        )
        return other[cluster.name]

    @property
    def names(self) -> list[str]:
        return list(self._members)

    def identify(self, *, leave_out: Iterable[str] = ()) -> list[Finding]:
        """Look at all API servers at once, but for those to ``leave_out``. What is found wrong; a cluster that is away
        is no finding, and is looked at when it is used.
        """
        if self.guard is None:
            return []
        left_out = set(leave_out)
        asked = [name for name in self.names if name not in left_out]
        outcomes = self.each(Member.look, deadline=3 * self._request_timeout, only=asked)
        found = [outcome.value for outcome in outcomes.values() if outcome.value is not None]
        missed = {name: outcome.error for name, outcome in outcomes.items() if outcome.error is not None}
        return self.guard.note(found, missed)

    def each(
        self,
        work: Callable[[Member], T],
        *,
        deadline: float,
        only: Iterable[str] | None = None,
    ) -> dict[str, LaneOutcome[T]]:
        """Run ``work`` for every member (or ``only`` those) at the same time.

        A KubeError is an outcome, as is a lane that gives nothing within ``deadline`` seconds; any other exception is a
        defect and is raised here once all lanes have ended. The result has the order of the fleet, or of ``only``.
        """
        chosen = [self._members[name] for name in (self.names if only is None else only)]
        lanes = {member.name: _Lane(work, member) for member in chosen}
        ends = time.monotonic() + deadline
        for lane in lanes.values():
            lane.start()
        for lane in lanes.values():
            lane.join(until=ends)
        return {name: lane.outcome(deadline) for name, lane in lanes.items()}


class _Lane(Generic[T]):
    """A daemon thread: one that hangs in a black hole neither delays the others nor the end of the process."""

    def __init__(self, work: Callable[[Member], T], member: Member) -> None:
        self._work = work
        self._member = member
        self._value: T | None = None
        self._error: KubeError | None = None
        self._defect: BaseException | None = None
        self._started = time.monotonic()
        self._seconds = 0.0
        self._thread = threading.Thread(target=self._run, name=f"lane-{member.name}", daemon=True)

    def start(self) -> None:
        self._started = time.monotonic()
        self._thread.start()

    def join(self, *, until: float) -> None:
        self._thread.join(max(0.0, until - time.monotonic()))

    def outcome(self, deadline: float) -> LaneOutcome[T]:
        """What there is now. A lane that is still at work is late, whatever it may bring afterwards."""
        if self._thread.is_alive():
            late = Unreachable(
                self._member.name,
                f"gave no result within {deadline:g} s",
                remedy="see whether its API server answers, or allow more time",
            )
            return LaneOutcome(None, late, deadline)
        if self._defect is not None:
            raise self._defect
        return LaneOutcome(self._value, self._error, self._seconds)

    def _run(self) -> None:
        try:
            self._value = self._work(self._member)
        except KubeError as error:
            self._error = error
        except BaseException as defect:  # pylint: disable=broad-exception-caught  # raised again in outcome()
            self._defect = defect
        finally:
            self._seconds = time.monotonic() - self._started


def findings_of(outcomes: Mapping[str, LaneOutcome[Any]], kind: FindingKind) -> list[Finding]:
    """One finding for each lane that ended in an error."""
    return [
        Finding(name, kind, outcome.error.message, outcome.error.remedy or "see whether its API server answers")
        for name, outcome in outcomes.items()
        if outcome.error is not None
    ]
