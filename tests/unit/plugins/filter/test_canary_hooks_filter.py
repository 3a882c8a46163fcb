# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.filter.canary_hooks import canary_hooks


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ask.yml", "check.yml"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("hooks", "found"),
    [
        ({}, {}),
        ("", {}),
        ("{}", {}),
        ({"rollout": ["check.yml"]}, {"rollout": ["check.yml"]}),
        ({"rollout": "check.yml"}, {"rollout": ["check.yml"]}),
        ('{"rollout": ["check.yml"], "event": "ask.yml"}', {"rollout": ["check.yml"], "event": ["ask.yml"]}),
        ("rollout: [ask.yml, check.yml]", {"rollout": ["ask.yml", "check.yml"]}),
        ({"rollout": None}, {"rollout": []}),
    ],
)
def test_files_of_the_moments(folder: Path, hooks: Any, found: dict[str, list[str]]) -> None:
    assert canary_hooks(hooks, str(folder)) == {
        moment: [str(folder / name) for name in names] for moment, names in found.items()
    }


def test_a_file_may_be_anywhere(folder: Path) -> None:
    assert canary_hooks({"event": str(folder / "ask.yml")}, "/elsewhere") == {"event": [str(folder / "ask.yml")]}


@pytest.mark.parametrize(
    ("hooks", "words"),
    [
        ({"rolout": ["check.yml"]}, "'rolout' is no moment of a release; they are confirm-rollout, pre-rollout, "),
        ({"rollout": ["no.yml"]}, "rollout: {folder}/no.yml is not there"),
        ({"rollout": 5}, "rollout: a list of files was expected, found 5"),
        ({"rollout": [{"file": "check.yml"}]}, "rollout: a list of files was expected, found "),
        (["check.yml"], "a mapping from a moment to files was expected, found ['check.yml']"),
        ("{", "canary_hooks is no YAML: line "),
    ],
)
def test_hooks_that_are_refused(folder: Path, hooks: Any, words: str) -> None:
    with pytest.raises(AnsibleFilterError) as raised:
        canary_hooks(hooks, str(folder))
    assert words.format(folder=folder) in str(raised.value)
