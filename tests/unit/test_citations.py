# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the sources cite can be read by whoever reads them, and every invariant is held by tests that exist."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INVARIANTS = ROOT / "docs/invariants.md"
DOCUMENT = re.compile(r"[\w./-]*\w\.md\b")
REQUIREMENT = re.compile(r"(?<![\w./-])(?:[A-Z]\d{0,2}\.\d{1,2}(?![\w.])|[AMST]\d{1,2}(?=[):,;]))")
INVARIANT = re.compile(r"(?<![\w-])I[1-8]\b(?!-)")
# What programs wrote, or hold no words of ours.
NOT_READ = (".json", ".sum", ".svg", ".lock", ".mod")

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout has all that is cited")


@cache
def texts() -> dict[Path, list[str]]:
    """Lines of every file of the repository, but of this one."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name and not name.endswith(NOT_READ))
    return {
        path: path.read_text(encoding="utf-8", errors="replace").splitlines()
        for path in paths
        if path.is_file() and path != Path(__file__)
    }


def found(pattern: re.Pattern[str]) -> list[tuple[Path, str, str]]:
    """File, line and match."""
    return [(path, line, text) for path, lines in texts().items() for line in lines for text in pattern.findall(line)]


def named_tests() -> list[str]:
    return re.findall(r"`([\w/]+\.py::\w+)`", INVARIANTS.read_text(encoding="utf-8"))


def test_every_document_that_is_cited_is_in_the_repository() -> None:
    documents = {path.name for path in texts() if path.suffix == ".md"}
    cited = found(DOCUMENT)
    assert len(cited) > 20, "the files are read"
    assert [(path.name, text) for path, _line, text in cited if text.rpartition("/")[2] not in documents] == []


def test_no_number_of_a_requirement_is_cited() -> None:
    assert [(path.name, line.strip()) for path, line, _text in found(REQUIREMENT)] == []


def test_an_invariant_is_cited_with_its_document() -> None:
    assert [
        (path.name, line.strip())
        for path, line, _text in found(INVARIANT)
        if path != INVARIANTS and "docs/invariants.md" not in line
    ] == []


def test_every_invariant_is_held_by_a_test() -> None:
    sections = re.split(r"^## ", INVARIANTS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [section[:2] for section in sections] == [f"I{number}" for number in range(1, 9)]
    assert [section[:2] for section in sections if ".py::test_" not in section] == []


@pytest.mark.parametrize("file", sorted({test.partition("::")[0] for test in named_tests()}))
def test_the_tests_that_hold_invariants_exist(file: str) -> None:
    tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {test.partition("::")[2] for test in named_tests() if test.startswith(f"{file}::")} <= there
