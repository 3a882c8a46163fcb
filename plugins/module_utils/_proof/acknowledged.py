# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for level ``acknowledged``: looks at every istiod until nobody is late, by the rule of acknowledgements.py.

istiod's debug interface has nothing to watch, so it is polled, each cluster in its lane.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._findings import Finding
from .._fleet import Fleet, Member
from .._istio.debug import ProxySync
from .._istiod.pods import Istiod, list_ready_istiods
from .._kube.errors import KubeError
from . import gather, store
from .acknowledgements import IstiodWatch, ProxyKey, RejectedPush
from .arrivals import Arrivals, Between
from .finding_kinds import ISTIOD_NOT_ASKED, PROXY_LATE, PROXY_REJECTED, PROXY_REJECTED_BEFORE
from .gather import Look
from .levels import Changed
from .pushes import PushTracker

INTERVAL = 0.25
"""Seconds between two looks."""
FIRST_INTERVAL = 0.05
"""Seconds between two looks in the first _SOON seconds, in which most proxies have a change."""

_SOON = 2.0
_NEWS_EVERY = 5.0
_SHOWN = 10
_LANE = 30.0
_LAST_LOOK = 5.0
_LONGEST_REASON = 600
"""Characters of a rejection: Envoy repeats itself for every listener."""

Where = tuple[str, str]
"""Cluster and pod of an istiod."""


@dataclass(frozen=True)
class Before:
    """One istiod as it was before the first write. ``reads`` is the cluster whose configuration it serves."""

    reads: str
    pushes: int
    proxies: tuple[ProxySync, ...] = field(repr=False)


@dataclass(frozen=True)
class AcknowledgedOutcome:
    """What came of one cluster. ``at`` is the ``time.monotonic()`` at which it was known to be done (None: it is not),
    ``arrived`` when it was so, which was known only later.
    """

    at: float | None
    arrived: Between
    late: Mapping[str, str]
    findings: Sequence[Finding]
    details: Mapping[str, Any]


def snapshot(fleet: Fleet, clusters: Iterable[str], *, deadline: float) -> tuple[dict[Where, Before], list[Finding]]:
    """Every istiod of the clusters as it is now, and a finding for each that cannot be asked."""
    found: dict[Where, Before] = {}
    findings: list[Finding] = []
    looks, errors = _look(fleet, list(clusters), {}, deadline=deadline)
    for cluster, message in errors.items():
        findings.append(_report_not_asked(cluster, message))
    for cluster, each in looks:
        if each.error:
            findings.append(_report_not_asked(cluster, each.error, each.istiod))
        else:
            found[cluster, each.istiod.pod] = Before(each.istiod.reads, each.counters.pushes, each.proxies)
    return found, findings


def wait(
    fleet: Fleet,
    asked: Sequence[str],
    before: Mapping[Where, Before],
    changes: Mapping[str, Sequence[Changed]],
    *,
    ends: float,
    progress: Callable[[str], None],
) -> dict[str, AcknowledgedOutcome]:
    """Look at the istiods of the clusters in ``asked`` until all changed clusters are done, or until ``ends``."""
    return _Waiting(fleet, asked, before, changes, progress).run(ends)


def compute_skew(outcomes: Iterable[AcknowledgedOutcome]) -> float:
    """Milliseconds from the first cluster that was done to the last one, at most: a look finds a cluster done up to
    a pause and two looks after it was. 0 for one cluster. Pure.
    """
    done = [outcome for outcome in outcomes if outcome.at is not None]
    if len(done) < 2:
        return 0.0
    return 1000.0 * (max(each.arrived.at for each in done) - min(each.arrived.not_before for each in done))


def lane_seconds(ends: float) -> float:
    """How long a look may take: what is left, and at the end as long as a busy cluster needs to answer once more."""
    return min(_LANE, max(_LAST_LOOK, ends - time.monotonic()))


class _Waiting:
    def __init__(
        self,
        fleet: Fleet,
        asked: Sequence[str],
        before: Mapping[Where, Before],
        changes: Mapping[str, Sequence[Changed]],
        progress: Callable[[str], None],
    ) -> None:
        self._fleet = fleet
        self._asked = asked
        self._before = before
        self._progress = progress
        self._changes = {
            cluster: [change for change in changed if store.moves_proxies(change)]
            for cluster, changed in changes.items()
        }
        self._watches: dict[Where, IstiodWatch] = {}
        self._arrivals: dict[Where, Arrivals] = {}
        self._istiods: dict[Where, Istiod] = {}
        self._trouble: dict[str, dict[str, str]] = {}
        began = time.monotonic()
        self._since = {
            cluster: min((change.started for change in moving), default=began)
            for cluster, moving in self._changes.items()
        }
        self._not_before = dict(self._since)
        self._done_at = {cluster: began for cluster, moving in self._changes.items() if not moving}

    def run(self, ends: float) -> dict[str, AcknowledgedOutcome]:
        began = shown = time.monotonic()
        while True:
            looked = time.monotonic()
            self._see(ends, looked)
            self._ask(ends)
            now = time.monotonic()
            late = {cluster: self._find_late(cluster) for cluster in self._changes}
            for cluster, who in late.items():
                if who:
                    self._done_at.pop(cluster, None)
                    self._not_before[cluster] = looked
                else:
                    self._done_at.setdefault(cluster, now)
            if not any(late.values()) or now >= ends:
                return {cluster: self._make_outcome(cluster, who, now - began) for cluster, who in late.items()}
            if now - shown >= _NEWS_EVERY:
                shown = now
                for line in _list_news(late, now - began):
                    self._progress(line)
            pause = FIRST_INTERVAL if now - began < _SOON else INTERVAL
            time.sleep(max(0.0, min(pause, ends - now)))

    # -- one look -----------------------------------------------------------------------------------------------------

    def _see(self, ends: float, began: float) -> None:
        """Look at every istiod that reads a changed cluster."""
        wanted = {cluster: moving for cluster, moving in self._changes.items() if moving}
        if not wanted:
            return
        looks, errors = _look(
            self._fleet,
            self._asked,
            wanted,
            deadline=lane_seconds(ends),
            known=self._find_settled(),
        )
        self._trouble = {cluster: {f"API server of {cluster}": message} for cluster, message in errors.items()}
        present: set[Where] = set()
        for cluster, each in looks:
            where = (cluster, each.istiod.pod)
            present.add(where)
            self._istiods[where] = each.istiod
            watch = self._watch(where)
            if each.error:
                self._trouble.setdefault(each.istiod.reads, {})[f"istiod {each.istiod.pod}"] = each.error
                continue
            counters = each.counters
            watch.tracker.see(each.at, counters.pushes, counters.updates, counters.preparation, stored=not each.missing)
            watch.see(each.proxies)
            self._arrivals[where].see(each.proxies, began, each.at)
            if each.missing:
                self._trouble.setdefault(each.istiod.reads, {})[f"istiod {each.istiod.pod}"] = (
                    f"it does not have {', '.join(each.missing[:_SHOWN])} yet"
                )
            elif watch.tracker.ceiling is None:
                self._trouble.setdefault(each.istiod.reads, {})[f"istiod {each.istiod.pod}"] = (
                    "it has not made its push yet"
                )
        for where in [where for where in self._watches if where not in present and where[0] not in errors]:
            # A pod that is gone, or is not ready any more, serves nobody.
            del self._watches[where], self._istiods[where], self._arrivals[where]

    def _find_settled(self) -> set[Where]:
        """Istiods whose store need not be read again."""
        return {where for where, watch in self._watches.items() if watch.tracker.ceiling is not None}

    def _watch(self, where: Where) -> IstiodWatch:
        if where not in self._watches:
            before = self._before.get(where)
            tracker = PushTracker(before.pushes if before else 0, debounce=self._istiods[where].debounce)
            proxies = before.proxies if before else ()
            self._watches[where] = IstiodWatch(tracker, proxies)
            self._arrivals[where] = Arrivals(proxies, self._since[self._istiods[where].reads])
        return self._watches[where]

    def _ask(self, ends: float) -> None:
        """Ask istiod of the proxies to which it sent nothing."""
        asked = {where: keys for where, watch in self._watches.items() if (keys := watch.list_to_ask())}

        def on_cluster(member: Member) -> list[tuple[Where, ProxyKey, int]]:
            return [
                (where, key, gather.read_push(member.client, self._istiods[where], key.proxy))
                for where, keys in asked.items()
                if where[0] == member.name
                for key in keys
            ]

        clusters = list(dict.fromkeys(cluster for cluster, _pod in asked))
        deadline = lane_seconds(ends)
        for outcome in self._fleet.each(on_cluster, deadline=deadline, only=clusters).values():
            for where, key, push in outcome.value or ():
                self._watches[where].tell(key, push)

    # -- one cluster --------------------------------------------------------------------------------------------------

    def _list_readers(self, cluster: str) -> list[Where]:
        return [where for where, istiod in self._istiods.items() if istiod.reads == cluster]

    def _find_owner(self, key: ProxyKey, where: Where) -> str:
        """The cluster to whose account a proxy goes: its own, or that which its istiod reads."""
        return key.cluster if key.cluster in self._changes else self._istiods[where].reads

    def _find_late(self, cluster: str) -> dict[str, str]:
        """Who is late, and why; empty when the cluster is done."""
        if not self._changes[cluster]:
            return {}
        late = dict(self._trouble.get(cluster, {}))
        if not self._list_readers(cluster):
            late.setdefault(f"istiod of {cluster}", "none that reads this cluster's configuration is ready")
        for where, watch in self._watches.items():
            for key, why in watch.find_late().items():
                if self._find_owner(key, where) == cluster:
                    late[key.proxy] = why
        return late or self._find_lost(cluster)

    def _find_lost(self, cluster: str) -> dict[str, str]:
        """Proxies that were connected before and are not now, though their pods go on: they keep what they had."""
        connected = set().union(*(watch.proxies for watch in self._watches.values()))
        lost = {}
        for where, before in self._before.items():
            istiod = self._istiods.get(where)
            for proxy in before.proxies:
                key = ProxyKey(proxy.cluster_id, proxy.proxy)
                owner = key.cluster if key.cluster in self._changes else istiod.reads if istiod else where[0]
                if key in connected or owner != cluster or key.cluster not in self._fleet:
                    continue
                try:
                    if gather.runs(self._fleet[key.cluster].client, key.proxy):
                        lost[key.proxy] = "its pod runs, but it is connected to no istiod"
                except KubeError as error:
                    lost[key.proxy] = f"it is connected to no istiod, and its pod cannot be read: {error.message}"
        return lost

    def _list_rejections(self, cluster: str) -> list[tuple[Where, RejectedPush]]:
        return [
            (where, rejection)
            for where, watch in self._watches.items()
            for rejection in watch.list_rejections()
            if self._find_owner(rejection.key, where) == cluster
        ]

    def _make_outcome(self, cluster: str, late: Mapping[str, str], waited: float) -> AcknowledgedOutcome:
        rejections = self._list_rejections(cluster)
        findings = [_report_late(cluster, who, why, waited) for who, why in late.items()]
        findings += [_report_rejected(cluster, where, rejection) for where, rejection in rejections]
        watches = [self._watches[where] for where in self._list_readers(cluster) if where in self._watches]
        proxies = {
            key
            for where, watch in self._watches.items()
            for key in watch.proxies
            if self._find_owner(key, where) == cluster
        }
        details: dict[str, Any] = {
            "istiods": len(watches),
            "proxies": len(proxies),
            "inferred": sum(watch.count_inferred() for watch in watches),
        }
        if not self._changes[cluster]:
            details["no_push"] = "istiod reads none of what was changed"
        elif watches and all(watch.tracker.no_push for watch in watches):
            details["no_push"] = "istiod has the change and made no push for it: nothing that it serves depends on it"
        refused = any(rejection.fresh for _where, rejection in rejections)
        at = None if late or refused else self._done_at[cluster]
        return AcknowledgedOutcome(at, self._find_arrival(cluster), late, findings, details)

    def _find_arrival(self, cluster: str) -> Between:
        """When the last proxy of a cluster came to have the change, of those that it concerns."""
        found = [
            between
            for where, watch in self._watches.items()
            for key in watch.proxies
            if self._find_owner(key, where) == cluster
            and (between := self._arrivals[where].of(key, watch.find_required())) is not None
        ]
        if not found:
            return Between(self._not_before[cluster], self._done_at.get(cluster, self._not_before[cluster]))
        return Between(max(each.not_before for each in found), max(each.at for each in found))


def _look(
    fleet: Fleet,
    asked: Sequence[str],
    changes: Mapping[str, Sequence[Changed]],
    *,
    deadline: float,
    known: Iterable[Where] = (),
) -> tuple[list[tuple[str, Look]], dict[str, str]]:
    """One look at the istiods that read ``changes`` (all of them where there are none), and clusters without answer."""
    settled = set(known)

    def on_cluster(member: Member) -> list[Look]:
        looks = []
        for istiod in list_ready_istiods(member.client, member.cluster.istio_namespace):
            wanted = [change for change in changes.get(istiod.reads, ()) if store.read_by(change, istiod.revision)]
            if changes and not wanted:
                continue
            looks.append(gather.look(member.client, istiod, () if (member.name, istiod.pod) in settled else wanted))
        return looks

    outcomes = fleet.each(on_cluster, deadline=deadline, only=asked)
    looks = [(cluster, each) for cluster, outcome in outcomes.items() for each in outcome.value or ()]
    return looks, {cluster: outcome.error.message for cluster, outcome in outcomes.items() if outcome.error}


def _list_news(late: Mapping[str, Mapping[str, str]], waited: float) -> Iterable[str]:
    for cluster, who in late.items():
        if who:
            shown = ", ".join(f"{name} ({why})" for name, why in list(who.items())[:_SHOWN])
            more = f" and {len(who) - _SHOWN} more" if len(who) > _SHOWN else ""
            yield f"{cluster}: waiting for {shown}{more} (for {waited:.0f} s)"


def _report_late(cluster: str, who: str, why: str, waited: float) -> Finding:
    return Finding(
        cluster,
        PROXY_LATE,
        f"after {waited:.1f} s {who} has not acknowledged the change: {why}",
        "see the logs of this pod and of istiod, or allow more time; it goes on with its former configuration",
        object=who,
    )


def _report_rejected(cluster: str, where: Where, rejection: RejectedPush) -> Finding:
    pod, _separator, namespace = rejection.key.proxy.rpartition(".")
    when = "" if rejection.fresh else "before the change already "
    reason = rejection.reason
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[:_LONGEST_REASON]} (and more)"
    return Finding(
        cluster,
        PROXY_REJECTED if rejection.fresh else PROXY_REJECTED_BEFORE,
        f"{rejection.key.proxy} {when}rejected the {rejection.resource} of istiod {where[1]}: {reason}",
        "correct what Envoy names; until then the proxy goes on with its former configuration",
        severity="error" if rejection.fresh else "warning",
        object=f"Pod {namespace}/{pod}",
    )


def _report_not_asked(cluster: str, message: str, istiod: Istiod | None = None) -> Finding:
    return Finding(
        cluster,
        ISTIOD_NOT_ASKED,
        f"{f'istiod {istiod.pod}' if istiod else 'istiod'} cannot be asked what its proxies have: {message}",
        "let the account get and list pods and create pods/portforward in its namespace, a writer's with "
        "proof: acknowledged of onemesh.istio.writer; or ask for the level written",
        object=f"Pod {istiod.namespace}/{istiod.pod}" if istiod else "",
    )
