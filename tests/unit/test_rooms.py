# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rooms of the engine import which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from itertools import permutations
from pathlib import Path

import pytest

MODULE_UTILS = Path(__file__).resolve().parents[2] / "plugins" / "module_utils"
CANARY = MODULE_UTILS / "_canary"
PREFIX = "ansible_collections.onemesh.istio.plugins.module_utils."

CANARY_ARROWS = {
    "analysis": set(),
    "convert": {"analysis", "plan"},
    "gates": set(),
    "plan": set(),
    "release": {"analysis", "gates", "plan", "report", "routes", "state_machine", "workloads"},
    "report": set(),
    "routes": set(),
    "state_machine": {"analysis", "plan"},
    "workloads": set(),
}
"""What each sub-room of ``_canary`` imports of the others. What two of them share lies beside them, in ``_canary``."""

STRANGERS = ("plan", "routes", "workloads", "analysis", "gates")
"""They do not know each other, so that each can be read and changed alone."""


def imports_of(path: Path) -> Iterator[str]:
    """The modules, and their members, that a file of the engine imports, as dotted paths below ``module_utils``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            package = path.relative_to(MODULE_UTILS).parts[: -node.level]
            module = ".".join((*package, *([node.module] if node.module else [])))
        elif f"{node.module}.".startswith(PREFIX):
            module = f"{node.module}."[len(PREFIX) :].rstrip(".")
        else:
            continue
        yield from (f"{module}.{alias.name}".lstrip(".") for alias in node.names)


def canary_arrows(room: str) -> set[str]:
    found = {
        parts[1]
        for path in (CANARY / room).glob("*.py")
        for parts in (name.split(".") for name in imports_of(path))
        if parts[0] == "_canary" and parts[1] in CANARY_ARROWS
    }
    return found - {room}


def test_every_folder_of_a_release_is_known() -> None:
    assert {path.parent.name for path in CANARY.glob("*/__init__.py")} == set(CANARY_ARROWS)


@pytest.mark.parametrize("room", CANARY_ARROWS)
def test_a_sub_room_imports_only_these(room: str) -> None:
    assert canary_arrows(room) == CANARY_ARROWS[room]


def test_no_sub_rooms_import_each_other_in_a_circle() -> None:
    assert set(TopologicalSorter(CANARY_ARROWS).static_order()) == set(CANARY_ARROWS)


@pytest.mark.parametrize(("one", "other"), list(permutations(STRANGERS, 2)))
def test_strangers_stay_strangers(one: str, other: str) -> None:
    assert other not in CANARY_ARROWS[one]


def test_what_sub_rooms_share_imports_none_of_them() -> None:
    """Else it would tie together what the table keeps apart."""
    shared = {name for path in CANARY.glob("*.py") for name in imports_of(path) if name.startswith("_canary.")}
    assert not {name for name in shared if name.split(".")[1] in CANARY_ARROWS}
