# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What verify's result says, and processes of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def descendants(process: int) -> list[int]:
    """ansible-playbook's workers have sessions of their own."""
    children = [
        int(child)
        for task in Path(f"/proc/{process}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [*children, *(each for child in children for each in descendants(child))]


def states(result: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (source, target): verdict["state"]
        for source, row in result["matrix"].items()
        for target, verdict in row.items()
    }


def failed_checks(result: dict[str, Any], source: str, target: str) -> list[str]:
    checks = result["matrix"][source][target]["checks"]
    return [name for name, check in checks.items() if check["state"] == "failed"]


ALL_WELL = {("east", "east"): "ok", ("east", "west"): "ok", ("west", "east"): "ok", ("west", "west"): "ok"}
