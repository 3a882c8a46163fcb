# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what stands beside the workload of a release on one cluster. What it means is in workloads/bystanders.py."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..._change import parallel
from ..._fleet import LaneOutcome, Member
from ..._kube.client import Client
from ..._kube.errors import Forbidden, NotFound
from ..._kube.kinds import DAEMON_SET, DEPLOYMENT, STATEFUL_SET, Kind
from ..workloads.bystanders import SELECTING_KINDS, Bystanders
from .release import CanaryRelease

_WORKLOADS = (DEPLOYMENT, DAEMON_SET, STATEFUL_SET)


def read(member: Member, release: CanaryRelease) -> Bystanders:
    """Kinds that the cluster does not serve are left out. Raises KubeError."""
    client = member.client
    served: dict[tuple[str, str], Kind] = {}
    for kind in client.list_served_kinds():
        # Of several versions the first is the one that the API server prefers.
        served.setdefault((kind.group, kind.kind), kind)
    selecting = [served[key] for key in SELECTING_KINDS if key in served]
    asked = [*_WORKLOADS, *selecting]
    tried = parallel.each(asked, lambda kind: _list(client, kind, release.namespace, member.cluster.istio_namespace))
    listed = dict(zip(asked, parallel.collect_values(tried), strict=True))
    return Bystanders(
        workloads=tuple(live for kind in _WORKLOADS for live in listed[kind].found),
        selecting=tuple(live for kind in selecting for live in listed[kind].found),
        unread=tuple(f"{kind.kind} of {listed[kind].refused}" for kind in asked if listed[kind].refused),
    )


def get_known(outcome: LaneOutcome[Bystanders]) -> Bystanders:
    """What was read of a cluster, or that nothing was: an API that fails keeps no release, and is said."""
    if outcome.error is None:
        return outcome.get()
    return Bystanders(unread=(f"objects of all kinds ({outcome.error.message})",))


class _Listed(NamedTuple):
    """``refused`` names the place where the account may not list, empty where it may in all."""

    found: list[dict[str, Any]]
    refused: str


def _list(client: Client, kind: Kind, namespace: str, root_namespace: str) -> _Listed:
    known = SELECTING_KINDS.get((kind.group, kind.kind))
    reach = known.reach if known is not None else "namespace"
    if reach == "everywhere":
        everywhere = _list_in(client, kind, None)
        if everywhere is not None:
            return _Listed(everywhere, "")
    found, refused = [], ["other namespaces"] if reach == "everywhere" else []
    for place in dict.fromkeys([namespace, root_namespace] if reach == "mesh" else [namespace]):
        lives = _list_in(client, kind, place)
        found += lives or []
        refused += [place] if lives is None else []
    return _Listed(found, " and ".join(refused))


def _list_in(client: Client, kind: Kind, namespace: str | None) -> list[dict[str, Any]] | None:
    """None where the account may not."""
    try:
        return client.list(kind, namespace)
    except NotFound:
        return []
    except Forbidden:
        return None
