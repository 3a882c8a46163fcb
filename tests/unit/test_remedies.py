# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No remedy in the sources begins with the one that destroys, but where what it deletes is itself what is wrong."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
DESTROYS = re.compile(r"(delete|remove|wipe|uninstall|run (playbook )?onemesh\.istio\.wipe)\b", re.IGNORECASE)
# One object, named in the finding, that nothing else can put right.
ONLY_WAY = (
    "delete it, wait until istiod has lost",
    "remove the key: a cluster is not linked to itself",
    "delete it (`kubectl -n",
    "delete it yourself",
    "remove exportTo from it",
    "remove it from the other set first",
    "remove the cause, then run the wipe again",
)


def remedies() -> Iterator[tuple[str, str]]:
    """Place and beginning of every text that is a Finding's or an error's remedy."""
    for path in sorted(PLUGINS.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                given = [each.value for each in node.keywords if each.arg == "remedy"]
                given += node.args[3:4] if name == "Finding" else []
                for value in given:
                    for text in ast.walk(value):
                        # The first literal of a text; of a choice between two texts, each.
                        if isinstance(text, ast.JoinedStr) and text.values and isinstance(text.values[0], ast.Constant):
                            yield f"{path.name}:{text.lineno}", str(text.values[0].value)
                            break
                        if isinstance(text, ast.Constant) and isinstance(text.value, str):
                            yield f"{path.name}:{text.lineno}", text.value
                            break


def test_no_remedy_begins_with_what_destroys() -> None:
    found = list(remedies())
    assert len(found) > 100, "the sources are read"
    first = {place: text for place, text in found if DESTROYS.match(text) and not text.startswith(ONLY_WAY)}
    assert first == {}
