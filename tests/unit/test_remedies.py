# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the sources: no remedy begins with the one that destroys, but where what it deletes is itself what is wrong;
and the engine names its own options, to which a role adds its prefix."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

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


READS_VARIABLES = {"_cluster.py", "_helm/source.py", "_istio/wanted_gateway.py"}
"""Where host variables become options."""


def variables_of_roles() -> set[str]:
    found: set[str] = set()
    for path in sorted(PLUGINS.parent.glob("roles/*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            found |= set(entry["options"])
    return found


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and content of every text of a file, but for docstrings, which users do not read."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_texts_of_the_engine_name_its_options_and_no_variable_of_a_role() -> None:
    variables = variables_of_roles()
    assert {"cluster_api_server", "link_writer", "trust_replace_root"} <= variables
    engine = PLUGINS / "module_utils"
    files = [path for path in engine.rglob("*.py") if str(path.relative_to(engine)) not in READS_VARIABLES]
    assert [
        f"{path.relative_to(engine)}:{line}: {word}"
        for path in files
        for line, text in texts(path)
        for word in re.findall(r"\w+", text)
        if word in variables and word != text  # that is a key, as Envoy's label cluster_name
    ] == []


def test_no_remedy_begins_with_what_destroys() -> None:
    found = list(remedies())
    assert len(found) > 100, "the sources are read"
    first = {place: text for place, text in found if DESTROYS.match(text) and not text.startswith(ONLY_WAY)}
    assert first == {}
