# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix as people read it and as a document. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._findings import Finding
from .facts import Answers, ClusterFacts
from .judge import Pair

SYMBOLS = {"ok": "✓", "failed": "✗", "not-linked": "·", "away": "away"}


def make_matrix(pairs: Iterable[Pair]) -> dict[str, dict[str, Any]]:
    """source -> target -> verdict."""
    rows: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        rows.setdefault(pair.source, {})[pair.target] = pair.as_dict()
    return rows


def describe_clusters(
    fleet: Mapping[str, ClusterFacts], spread: Mapping[str, Answers], pairs: Sequence[Pair]
) -> dict[str, dict[str, Any]]:
    """What there is to say about each cluster by itself. ``spread`` are requests that any cluster may answer."""
    return {
        facts.name: {
            "ok": all(pair.ok for pair in pairs if facts.name in (pair.source, pair.target)),
            "away": facts.away,
            "network": facts.network,
            "control_plane": facts.control_plane or facts.name,
            "root": sorted(facts.root_distributed),
            "istiods": {
                istiod.pod: {"revision": istiod.revision, "clusters": dict(istiod.clusters)} for istiod in facts.istiods
            },
            "gateways": {
                gateway.name: [f"{host}:{port}" for host, port in gateway.addresses] for gateway in facts.gateways
            },
            "answered_by": dict(spread[facts.name].by_cluster) if facts.name in spread else {},
        }
        for facts in fleet.values()
    }


def write_lines(
    fleet: Mapping[str, ClusterFacts],
    pairs: Sequence[Pair],
    findings: Sequence[Finding],
    spread: Mapping[str, Answers],
) -> list[str]:
    """The table, then where requests went that any cluster may answer, then each finding with its remedy."""
    verdicts = {(pair.source, pair.target): pair for pair in pairs}
    names = list(fleet)
    corner = "from \\ to"
    margin = max(len(corner), *(len(name) for name in names))
    widths = {name: max(len(name), *(len(_symbol(verdicts.get((source, name)))) for source in names)) for name in names}
    drawn = [f"{corner.ljust(margin)}  {'  '.join(name.center(widths[name]) for name in names)}".rstrip()]
    for source in names:
        cells = "  ".join(_symbol(verdicts.get((source, target))).center(widths[target]) for target in names)
        row = [verdicts[source, target] for target in names if (source, target) in verdicts]
        words = filter(None, (_row_text(fleet, row), _model_text(fleet[source])))
        drawn.append(f"{source.ljust(margin)}  {cells}  {', '.join(words)}".rstrip())
    if any(pair.state == "not-linked" for pair in pairs):
        drawn.append(f"{SYMBOLS['not-linked']} not linked, as wanted")
    if len(pairs) < len(names) ** 2:
        drawn.append("an empty place was not looked at, because of the limit")
    if len(names) == 1:
        drawn.append(f"{names[0]} is the only cluster of the mesh, so there is no link to verify")
    drawn += [
        f"requests from {source} to a Service of all clusters were answered by {_counts(answers)}"
        for source, answers in spread.items()
        if answers.successes
    ]
    marks = {"error": SYMBOLS["failed"], "warning": "!"}
    for finding in findings:
        where = f"{finding.cluster} ({finding.object})" if finding.object else finding.cluster
        drawn += [f"{marks[finding.severity]} {where}: {finding.message}", f"    -> {finding.remedy}"]
    return drawn


def _symbol(pair: Pair | None) -> str:
    return SYMBOLS[pair.state] if pair is not None else ""


def _row_text(fleet: Mapping[str, ClusterFacts], row: Sequence[Pair]) -> str:
    """``mTLS yes, via gateway, p50 4.2 ms`` of the pairs with another cluster."""
    away = next((pair for pair in row if pair.local and pair.away), None)
    if away:
        return fleet[away.source].away
    asked = [pair for pair in row if pair.traffic.answers]
    if not asked:
        return "no requests made"
    answered = [pair for pair in asked if not pair.local and pair.traffic.answers and pair.traffic.answers.successes]
    if not answered:
        return ""
    secure = {pair.mutual_tls for pair in answered}
    ways = {
        "direct" if fleet[pair.source].network == fleet[pair.target].network else "via gateway" for pair in answered
    }
    words = [f"mTLS {'NO' if False in secure else 'not seen' if None in secure else 'yes'}", *sorted(ways)]
    latencies = [pair.p50 for pair in answered if pair.p50 is not None]
    if latencies:
        words.append(f"p50 {max(latencies):g} ms")
    return ", ".join(words)


def _model_text(facts: ClusterFacts) -> str:
    return f"remote of {facts.control_plane}" if facts.control_plane else ""


def _counts(answers: Answers) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(answers.by_cluster.items()))
