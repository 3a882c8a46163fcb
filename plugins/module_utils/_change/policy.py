# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when clusters are away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .._finding_kinds import CLUSTER_UNKNOWN
from .._findings import OPTION, Finding, MeshError
from .._kube.errors import KubeError, ServerError, Throttled, Unreachable
from .finding_kinds import NOBODY_LEFT


@dataclass(frozen=True)
class Policy:
    """``halt``: all clusters or none. ``quorum``: at least that many. ``exclude``: all but those, which are not asked.

    For a cluster that is left out the change is owed, and paid by a later run.
    """

    unreachable: str = "halt"
    quorum: int = 0
    exclude: frozenset[str] = frozenset()
    regardless: bool = False
    """Whether what routes lead to is taken away while a cluster that may still have such a route is left out."""
    tolerant: bool = False
    """Whether a cluster on which something fails is owed it, whatever it is, and all others keep what they got: for
    what takes a danger away."""

    @classmethod
    def of(cls, parameters: Mapping[str, Any], clusters: Iterable[str]) -> Policy:
        """Raises MeshError where the options do not fit the fleet."""
        names = list(clusters)
        findings = []
        excluded = frozenset(parameters["exclude"]) if parameters["unreachable"] == "exclude" else frozenset()
        # Who is left out by a limit too is not asked anyway.
        excluded -= {each["name"] for each in parameters.get("mesh") or ()} - set(names)
        unknown = sorted(excluded - set(names))
        if unknown:
            findings.append(
                Finding(
                    "",
                    CLUSTER_UNKNOWN,
                    f"exclude names {', '.join(unknown)}, the fleet has {', '.join(names)}",
                    "correct exclude",
                )
            )
        quorum = parameters["quorum"] if parameters["unreachable"] == "quorum" else 0
        if parameters["unreachable"] == "quorum" and not 1 <= quorum <= len(names):
            findings.append(
                Finding(
                    "",
                    OPTION.kind("quorum"),
                    f"quorum is {quorum}, the fleet has {len(names)} clusters",
                    f"give a number from 1 to {len(names)}",
                )
            )
        if excluded and excluded >= set(names):
            findings.append(Finding("", NOBODY_LEFT, "exclude names every cluster", "leave one in"))
        if findings:
            raise MeshError("The change cannot be made.", findings)
        return cls(parameters["unreachable"], quorum, excluded, regardless=parameters["unreachable"] != "halt")

    def goes_on(self, present: int, total: int) -> bool:
        """Whether ``present`` of ``total`` clusters (the excluded ones not counted) are enough."""
        if self.tolerant:
            return True
        return present >= self.quorum if self.unreachable == "quorum" else present == total


def may_be_left_out(error: KubeError, policy: Policy) -> bool:
    """Whether a cluster with this error can be left out of a change, and owed it."""
    return policy.tolerant or is_away(error)


def is_away(error: KubeError) -> bool:
    """Whether the cluster is out of order for now, rather than refusing what was asked of it."""
    return isinstance(error, (Unreachable, ServerError, Throttled))
