# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads, writes and removes the approvals on the hub. What they mean is in gates.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from ..._change.moving import LABEL_APPROVAL
from ..._change.place import Place
from ..._kube.client import Applied, Client
from ..._kube.errors import Conflict
from ..._kube.kinds import CONFIG_MAP
from ..._ownership import FIELD_MANAGER
from . import gates
from .gates import Approval


def read(place: Place, canary: str, objects: Iterable[Mapping[str, Any] | None] = ()) -> list[Approval]:
    """All approvals of a canary. ``objects`` are its routes and workloads on the hub as just read (None: not there).

    One request. Raises KubeError.
    """
    found = [gates.of_config_map(live) for live in place.select(CONFIG_MAP, _selector(canary))]
    return found + [approval for live in objects if live is not None for approval in gates.of_annotations(live)]


def approve(client: Client, manifest: Mapping[str, Any], *, dry_run: bool = False) -> Applied:
    """Write an approval (``gates.approval_manifest``). Raises KubeError.

    What a person wrote under this name before is taken over: the newer word counts.
    """
    return client.apply(manifest, field_manager=FIELD_MANAGER, force=True, dry_run=dry_run)


def forget(place: Place, canary: str) -> list[str]:
    """Remove the approvals of a canary, whoever wrote them: each is a word to one run of it, and goes with that.

    Names of those removed. Raises KubeError.
    """
    removed = []
    for live in place.select(CONFIG_MAP, _selector(canary)):
        metadata = live["metadata"]
        # A conflict: somebody has written another one since.
        with suppress(Conflict):
            if place.client.delete(CONFIG_MAP, metadata["name"], metadata["namespace"], uid=metadata["uid"]):
                removed.append(metadata["name"])
    return removed


def _selector(canary: str) -> str:
    return f"{LABEL_APPROVAL}={canary}"
