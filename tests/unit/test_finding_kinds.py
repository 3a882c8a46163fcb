# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings are declared once, in one spelling, and docs/findings.md lists them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "plugins/module_utils"
SLUG = re.compile(r"(?!no-)[a-z0-9]+(-[a-z0-9]+)*(?<!-bad)")
DECLARATIONS = ("FindingKind", "FindingFamily")

in_the_repository = pytest.mark.skipif(not (ROOT / "tools").exists(), reason="the tools are not installed")


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted((ROOT / "plugins").rglob("*.py"))}


def calls(tree: ast.AST, *names: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names
    ]


def declared() -> dict[str, str]:
    """Name of the constant -> slug, of all rooms."""
    found: list[tuple[str, str]] = []
    for path, tree in trees().items():
        if path.name.endswith("finding_kinds.py"):
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                    target, slug = node.targets[0], node.value.args[0]
                    assert isinstance(target, ast.Name)
                    assert isinstance(slug, ast.Constant)
                    found.append((target.id, slug.value))
    assert len({slug for _name, slug in found}) == len(found), "a slug is declared once"
    return dict(found)


def test_slugs_have_one_spelling_and_constants_are_named_after_them() -> None:
    assert len(declared()) > 100, "the sources are read"
    assert [slug for slug in declared().values() if not SLUG.fullmatch(slug)] == []
    assert [(name, slug) for name, slug in declared().items() if name != slug.upper().replace("-", "_")] == []


def test_kinds_are_declared_in_the_rooms_own_file() -> None:
    elsewhere = [
        f"{path.name}:{call.lineno}"
        for path, tree in trees().items()
        if not path.name.endswith("finding_kinds.py") and path != ENGINE / "_findings.py"
        for call in calls(tree, *DECLARATIONS)
    ]
    assert elsewhere == []


def test_every_kind_is_found_somewhere() -> None:
    used = {
        node.id
        for path, tree in trees().items()
        if not path.name.endswith("finding_kinds.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name)
    }
    assert set(declared()) - used == set()


def test_no_finding_has_a_cluster_that_is_none() -> None:
    """A literal name would be one that no inventory has."""
    named = [
        f"{path.name}:{call.lineno}"
        for path, tree in trees().items()
        for call in calls(tree, "Finding")
        if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value
    ]
    assert named == []


@in_the_repository
def test_the_page_lists_what_is_declared() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/findings.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
