# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change tells at the end of its task, by its result. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._summary.summary import READY, ClusterSummary, ProofSummary, Summary, collect_remarks
from .finding_kinds import DRIFT
from .report import WORDS

_ABSENT = "not in the fleet"
_REASONS = {
    "excluded": "left out by the option exclude",
    "put back": "as it was before this run",
    _ABSENT: "on record, and not among the clusters of this run",
}


def summarize_change(
    what: str, result: Mapping[str, Any], *, foretold: bool, settle: str = "state: settled"
) -> Summary:
    """Of a change or a removal. ``settle`` is what pays debts beside running again, empty where nothing else does."""
    parts: Mapping[str, Any] = result.get("clusters") or {}
    owed: Mapping[str, Any] = result.get("owed") or {}
    clusters = {name: _summarize_cluster(part, owed.get(name, ())) for name, part in parts.items()}
    # What is owed to clusters that this run was not told of.
    clusters |= {
        name: ClusterSummary(_ABSENT, _REASONS[_ABSENT], owed=tuple(items))
        for name, items in owed.items()
        if name not in clusters
    }
    silent = not any(each.touched or each.owed for each in clusters.values())
    return Summary(
        what,
        "the record on the hub was brought up to date" if result.get("changed") and silent and not foretold else "",
        foretold=foretold,
        clusters=clusters,
        proof=summarize_proof(result),
        remarks=collect_remarks(
            finding
            for part in parts.values()
            if part["state"] == READY
            for finding in part["findings"]
            if finding["severity"] == "warning"
        ),
        following=tuple(_list_next([name for name in owed if clusters[name].state != READY], settle, owed=bool(owed))),
    )


def summarize_proof(result: Mapping[str, Any]) -> ProofSummary | None:
    """None where nothing was proven, because nothing was written."""
    proof = result.get("proof")
    if not proof:
        return None
    return ProofSummary(proof["asked"], proof["reached"], proof["skew_ms"])


def _summarize_cluster(part: Mapping[str, Any], owed: Any) -> ClusterSummary:
    drifted = {each["object"] for each in part["findings"] if each["check"] == DRIFT.slug}
    configured = part["configured"]
    state = part["state"]
    return ClusterSummary(
        state=state,
        reason="; ".join(each["message"] for each in part["findings"]) if state == "away" else _REASONS.get(state, ""),
        looked_at=sum(len(part[word]) for word in WORDS),
        made=tuple(part["created"]),
        changed=tuple(each for each in configured if each not in drifted),
        put_right=tuple(each for each in configured if each in drifted),
        given_back=tuple(part["restored"]),
        removed=tuple(part["deleted"]),
        kept=tuple(part["kept"]),
        owed=tuple(owed),
    )


def _list_next(names: list[str], settle: str, *, owed: bool) -> list[str]:
    """``names`` are those that were not reached. One that was may be owed what waits for the others."""
    how = f", or with {settle}," if settle else ""
    if not names:
        return [f"run again{how or ','} which does what is owed"] if owed else []
    listed = ", ".join(names)
    return [f"run again{how} when {listed} can be reached; if gone for good, set write_off: [{listed}]"]
