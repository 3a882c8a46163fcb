# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads, writes and removes the approvals on the hub. What they mean is in gates.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._change.moving import LABEL_APPROVAL
from ..._change.place import Place
from ..._kube.client import Applied, Client
from ..._kube.errors import Conflict
from ..._kube.kinds import CONFIG_MAP
from ..._ownership import FIELD_MANAGER, is_ours
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


def forget(client: Client, namespace: str, canary: str, *, dry_run: bool = False) -> tuple[list[str], list[str]]:
    """Remove the approvals that we wrote, when a canary goes. Names of those removed, and of those that people wrote,
    which stay theirs. Raises KubeError."""
    removed, left = [], []
    for live in client.list(CONFIG_MAP, namespace, label_selector=_selector(canary)):
        metadata = live["metadata"]
        if not is_ours(live):
            left.append(metadata["name"])
            continue
        try:
            client.delete(CONFIG_MAP, metadata["name"], namespace, uid=metadata["uid"], dry_run=dry_run)
            removed.append(metadata["name"])
        except Conflict:
            # Somebody has written another one since.
            left.append(metadata["name"])
    return removed, left


def _selector(canary: str) -> str:
    return f"{LABEL_APPROVAL}={canary}"
