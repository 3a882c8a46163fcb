# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was found wrong, where, and what to do about it (never "failed: rc=1")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Finding:
    """One fact about one cluster that a person has to know.

    ``check`` is a stable slug for machines, ``message`` says what was expected and what was found,
    ``remedy`` says what to do next. ``severity`` ``error`` stops the operation, ``warning`` does not.
    """

    cluster: str
    check: str
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"
    object: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "cluster": self.cluster,
            "check": self.check,
            "severity": self.severity,
            "object": self.object,
            "message": self.message,
            "remedy": self.remedy,
        }

    def __str__(self) -> str:
        where = f"{self.cluster} ({self.object})" if self.object else self.cluster
        return f"{where}: {self.message} -> {self.remedy}"


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
