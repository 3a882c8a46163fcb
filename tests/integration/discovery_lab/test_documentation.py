# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and commands of docs/discovery.md, as they are printed there, on a real mesh."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import discovery_runs as runs
from support.mesh import Mesh
from support.programs import REPOSITORY

pytestmark = pytest.mark.lab
PAGE = (REPOSITORY / "docs" / "discovery.md").read_text()
BLOCK = re.compile(r"```(yaml|console)\n(.*?)```", re.DOTALL)


def test_the_page_shows_what_happens(mesh: Mesh, tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(Path(mesh.lab.hosts["east"]["cluster_kubeconfig"]).read_text())
    blocks = list(BLOCK.finditer(PAGE))
    assert len(blocks) >= 6
    # Files first: one of them tells how this machine reaches west.
    for block in blocks:
        if block[1] == "yaml":
            write(tmp_path, block[2].replace("https://west.example.org:6443", mesh.west.server))
    for command, expected in (each for block in blocks if block[1] == "console" for each in commands(block[2])):
        said = runs.run(*shlex.split(command), cwd=tmp_path, environ={"HOME": str(tmp_path)})
        for part in expected:
            assert part in said, f"{command} did not print:\n{part}\n{said}"


def write(folder: Path, content: str) -> None:
    """A file is named by its first line."""
    path = folder / content.splitlines()[0].removeprefix("# ")
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with what it prints, result by result: hosts answer in any order."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, [result for result in re.split(r"^(?=ok: )", expected, flags=re.MULTILINE) if result]
