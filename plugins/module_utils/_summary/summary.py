# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run looked at, did, owes and proved, and what comes next: a value that every operation fills. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

READY = "ready"


@dataclass(frozen=True)
class ClusterSummary:
    """One cluster. Objects are named as people write them: ``VirtualService shop/reviews``.

    ``state`` is ``ready``, or in a word why the cluster is not as asked for; ``reason`` is then the text of its row.
    ``looked_at`` counts what was compared with what is asked for. ``put_right`` had been changed by somebody else,
    ``given_back`` is as it was before we had it. ``facts`` are what else a verb says of it, by the name of the row.
    """

    state: str = READY
    reason: str = ""
    looked_at: int = 0
    made: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    put_right: tuple[str, ...] = ()
    given_back: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def touched(self) -> bool:
        return bool(self.made or self.changed or self.put_right or self.given_back or self.removed)

    def without_deeds(self) -> ClusterSummary:
        """Of a cluster that was not written to, because the run failed before."""
        return replace(self, made=(), changed=(), put_right=(), given_back=(), removed=())


@dataclass(frozen=True)
class ProofSummary:
    """How far a change is known to have arrived on all clusters, and for how long they disagreed at most."""

    asked: str
    reached: str
    skew_ms: float


@dataclass(frozen=True)
class Remark:
    """What a person has to know, merged over the clusters that it is about. ``severity``: error or warning."""

    severity: str
    clusters: tuple[str, ...]
    text: str
    remedy: str


@dataclass(frozen=True)
class Summary:
    """``what`` is the verb and its object (``replicate reviews``), ``outcome`` how it ended, empty where the clusters
    say it. ``unit`` is what is looked at. ``foretold``: nothing was written, this is what would be. ``body`` are
    lines that the verb draws itself, ``facts`` its rows about no cluster in particular. ``following`` is what to do
    next, commands on lines of their own. ``tells_findings``: those of the result are in ``body`` already.
    """

    what: str
    outcome: str = ""
    unit: str = "object"
    foretold: bool = False
    clusters: Mapping[str, ClusterSummary] = field(default_factory=dict)
    body: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    proof: ProofSummary | None = None
    remarks: tuple[Remark, ...] = ()
    following: tuple[str, ...] = ()
    tells_findings: bool = False

    def without_deeds(self) -> Summary:
        """Of a run that failed before it wrote, whose result has what was to be done."""
        return replace(self, clusters={name: each.without_deeds() for name, each in self.clusters.items()})

    def as_dict(self) -> dict[str, Any]:
        """For the result of a task."""
        document = asdict(self)
        document["next"] = document.pop("following")
        del document["tells_findings"]
        document["facts"] = [{"name": name, "text": text} for name, text in self.facts]
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Summary:
        """Of ``as_dict``, or of its JSON."""
        values = dict(document)
        proof = values["proof"]
        return cls(
            **{
                **{name: values[name] for name in ("what", "outcome", "unit", "foretold")},
                "clusters": {name: _cluster_of(each) for name, each in values["clusters"].items()},
                "body": tuple(values["body"]),
                "facts": tuple((each["name"], each["text"]) for each in values["facts"]),
                "proof": None if proof is None else ProofSummary(**proof),
                "remarks": tuple(Remark(**{**each, "clusters": tuple(each["clusters"])}) for each in values["remarks"]),
                "following": tuple(values["next"]),
            }
        )


def _cluster_of(document: Mapping[str, Any]) -> ClusterSummary:
    values: dict[str, Any] = {key: tuple(each) if isinstance(each, list) else each for key, each in document.items()}
    return ClusterSummary(**values)


def collect_remarks(findings: Iterable[Mapping[str, Any]]) -> tuple[Remark, ...]:
    """Findings as results have them, what several clusters have in common once."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for each in findings:
        message = each["message"]
        named = each["object"] and each["object"] not in message
        text = f"{each['object']}: {message}" if named else message
        clusters = merged.setdefault((each["severity"], text, each["remedy"]), [])
        clusters += [name for name in each["clusters"] if name not in clusters]
    return tuple(Remark(severity, tuple(where), text, remedy) for (severity, text, remedy), where in merged.items())
