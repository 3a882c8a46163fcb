# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A traffic split sets the weights of a replica: replicating the object again leaves them as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..._change.ledger import LedgerEntry, Record
from ..._change.merge import merge
from ..._change.objects import ObjectId
from ..._findings import Finding
from ..finding_kinds import WEIGHTS_HELD
from .sources import DeclaredObject

SPLITS = "traffic-split"
"""The component under which splits keep their records."""


def with_weights_of_splits(
    objects: Mapping[str, Sequence[DeclaredObject]], splits: Iterable[Record]
) -> tuple[dict[str, list[DeclaredObject]], list[Finding]]:
    """What is declared, with what splits have made of it since; findings where both want to decide the same."""
    held: dict[tuple[str, ObjectId], tuple[str, LedgerEntry]] = {
        (cluster, entry.id): (split.name, entry)
        for split in splits
        for cluster, part in split.clusters.items()
        for entry in part.objects.values()
        if entry.original is not None and entry.written is not None
    }
    findings: list[Finding] = []
    result: dict[str, list[DeclaredObject]] = {}
    for cluster, declared in objects.items():
        result[cluster] = []
        for each in declared:
            split, entry = held.get((cluster, each.id), ("", None))
            if entry is None or entry.original is None or entry.written is None:
                result[cluster].append(each)
                continue
            merged, conflicts = merge(_spec(entry.original), _spec(entry.written), _spec(each.manifest))
            if conflicts:
                findings.append(_report_both(cluster, each.id, split, conflicts))
            # The hash stays that of the declaration, which has not changed.
            result[cluster].append(replace(each, manifest={**each.manifest, **merged}))
    return result, findings


def _spec(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {"spec": manifest.get("spec")}


def _report_both(cluster: str, name: ObjectId, split: str, conflicts: Sequence[str]) -> Finding:
    return Finding(
        cluster,
        WEIGHTS_HELD,
        f"{', '.join(conflicts)} is declared anew while traffic split {split} sets weights there",
        "end the split first (onemesh.istio.traffic_split with state: restored), or declare these routes as before",
        object=str(name),
    )
