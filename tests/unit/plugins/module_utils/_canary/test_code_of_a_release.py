# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the files of a release say of themselves is so: what is pure is pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.onemesh.istio.plugins.module_utils._canary import model

CANARY = Path(model.__file__).resolve().parent


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def changed_by(target: ast.expr) -> str:
    """The name of what an assignment to an attribute or an element changes; empty for a plain name."""
    base = target
    while isinstance(base, (ast.Attribute, ast.Subscript)):
        base = base.value
    return base.id if base is not target and isinstance(base, ast.Name) else ""


def changes_of_arguments(path: Path) -> Iterator[str]:
    """Where a function assigns to a part of what it was given."""
    for function in ast.walk(tree(path)):
        if not isinstance(function, ast.FunctionDef):
            continue
        given = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)} - {"self"}
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, (ast.Assign, ast.Delete)) else []
            targets = [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else targets
            yield from (f"{path.name}:{node.lineno}" for each in targets if changed_by(each) in given)


def test_what_is_pure_assigns_to_nothing_that_it_was_given() -> None:
    pure = [path for path in CANARY.rglob("*.py") if "Pure." in (ast.get_docstring(tree(path)) or "")]
    assert pure
    assert [place for path in pure for place in changes_of_arguments(path)] == []
