# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for level ``accepted``: by watches, each cluster in its lane."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from .._findings import Finding
from .._fleet import Fleet, Member, findings_of
from .._kube import kinds
from .._kube.client import Client
from .._kube.errors import WaitTimeout
from . import conditions
from .finding_kinds import NOT_ACCEPTED
from .levels import Changed

_REFUSAL_SETTLES = 2.0
"""Seconds in which a False may still turn: istiod may see a route before the Service that was written with it."""


def wait(
    fleet: Fleet,
    changes: Mapping[str, Sequence[Changed]],
    *,
    ends: float,
    grace: float,
    progress: Callable[[str], None],
) -> dict[str, list[Finding]]:
    """What is not accepted, by cluster, at ``ends`` at the latest; ``grace`` seconds more for a lane to say so."""
    concerned = {
        cluster: [change for change in changed if change.after is not None and conditions.has_conditions(change.after)]
        for cluster, changed in changes.items()
    }

    def on_cluster(member: Member) -> list[Finding]:
        found = []
        for change in concerned[member.name]:
            finding = _wait_for(member.client, change, ends=ends, progress=progress)
            if finding is not None:
                found.append(finding)
        return found

    asked = [cluster for cluster, changed in concerned.items() if changed]
    outcomes = fleet.each(on_cluster, deadline=max(0.0, ends - time.monotonic()) + grace, only=asked)
    result: dict[str, list[Finding]] = {cluster: [] for cluster in changes}
    for cluster, outcome in outcomes.items():
        result[cluster] = outcome.value or []
    for finding in findings_of(outcomes, NOT_ACCEPTED):
        result[finding.cluster].append(finding)
    return result


def _wait_for(client: Client, change: Changed, *, ends: float, progress: Callable[[str], None]) -> Finding | None:
    _group, _kind, namespace, name = change.key
    kind = client.find_kind(change.object)
    if conditions.is_gateway(change.object) and not _is_of_istio(client, change):
        return None
    progress(f"{client.cluster}: waiting until {change.name} is accepted")

    def until(settled: Callable[[conditions.Verdict], bool], seconds: float) -> conditions.Verdict:
        try:
            live = client.wait_for(kind, name, namespace or None, lambda now: settled(conditions.judge(now)), seconds)
        except WaitTimeout as late:
            if late.last is None:
                return conditions.Verdict(waiting=("it is not there any more",))
            live = dict(late.last)
        return conditions.judge(live)

    verdict = until(lambda now: not now.waiting, max(0.0, ends - time.monotonic()))
    if verdict.refused:
        verdict = until(lambda now: now.accepted, max(0.0, min(_REFUSAL_SETTLES, ends - time.monotonic())))
    if verdict.accepted:
        return None
    return Finding(
        client.cluster,
        NOT_ACCEPTED,
        f"{change.name} is not accepted: {'; '.join((*verdict.refused, *verdict.waiting))}",
        "correct what the message names"
        if verdict.refused
        else "see whether istiod runs and has Gateway API switched on, or allow more time",
        object=change.name,
    )


def _is_of_istio(client: Client, change: Changed) -> bool:
    """Whether the class of a Gateway is one of Istio's. A class that is not there is nobody's."""
    name = str((change.object.get("spec") or {}).get("gatewayClassName") or "")
    found = client.find(kinds.KUBERNETES_GATEWAY_CLASS, name)
    controller = ((found or {}).get("spec") or {}).get("controllerName") or ""
    return str(controller).startswith(conditions.ISTIO_CONTROLLERS)
