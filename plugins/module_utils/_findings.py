# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found wrong, where, and what to do about it (never "failed: rc=1")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal


@dataclass(frozen=True)
class FindingKind:
    """What a check can find: its slug for machines, its cause and remedy for docs/findings.md.

    A slug is declared once, as a constant of ``finding_kinds.py`` in the room that finds it.
    """

    slug: str
    cause: str
    remedy: str


@dataclass(frozen=True)
class FindingFamily:
    """Kinds that differ only by what they are about, such as the name of an option."""

    prefix: str
    about: str
    cause: str
    remedy: str

    def kind(self, name: str) -> FindingKind:
        return FindingKind(f"{self.prefix}-{name.replace('_', '-')}", self.cause, self.remedy)


OPTION = FindingFamily(
    "option",
    "OPTION",
    "An option has a value that cannot be used, or that another option rules out.",
    "Correct the option that the slug names.",
)


@dataclass(frozen=True)
class Finding:
    """One fact that a person has to know.

    ``cluster`` is the one that it is about: empty where it is about several, which ``clusters`` names then, or about
    none, such as an option. ``message`` says what was expected and what was found, ``remedy`` what to do next.
    ``severity`` ``error`` stops the operation, ``warning`` does not.
    """

    cluster: str
    kind: FindingKind
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    object: str = ""
    clusters: tuple[str, ...] = ()

    @property
    def check(self) -> str:
        """The stable slug for machines."""
        return self.kind.slug

    def as_dict(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "clusters": list(self.clusters) or [self.cluster] * bool(self.cluster),
            "check": self.check,
            "severity": self.severity,
            "object": self.object,
            "message": self.message,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        where = self.cluster or ", ".join(self.clusters)
        place = (f"{where} ({self.object})" if where else self.object) if self.object else where
        return f"{place}: {self.message} -> {self.remedy}" if place else f"{self.message} -> {self.remedy}"


class MeshError(Exception):
    """An operation refused to start or could not finish; every reason is a finding.

    ``result`` holds what is known per cluster nevertheless, so that nothing learnt is lost.
    """

    def __init__(
        self,
        message: str,
        findings: Iterable[Finding] = (),
        result: Mapping[str, Any] | None = None,
    ) -> None:
        self.findings: Sequence[Finding] = tuple(findings)
        self.result: dict[str, Any] = dict(result or {})
        super().__init__("\n".join([message, *(f"  {finding}" for finding in self.findings)]))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Only those that stop an operation."""
    return [finding for finding in findings if finding.severity == "error"]


def read_finding(found: Mapping[str, Any]) -> Finding:
    """A finding of its dictionary, which does not say what its kind means."""
    return Finding(
        found["cluster"],
        FindingKind(found["check"], "", ""),
        found["message"],
        found["remedy"],
        found["severity"],
        found["object"],
        () if found["cluster"] else tuple(found["clusters"]),
    )


def join_clusters(findings: Iterable[Finding]) -> list[Finding]:
    """What is the same on several clusters said once, in the order of what was found first."""
    found: dict[Finding, list[str]] = {}
    for finding in findings:
        found.setdefault(replace(finding, cluster=""), []).append(finding.cluster)
    return [
        replace(finding, cluster=clusters[0]) if len(clusters) == 1 else replace(finding, clusters=tuple(clusters))
        for finding, clusters in found.items()
    ]
