# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook that is run with a tag that no task has says so. No cluster is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

PLAYBOOKS = sorted((Path(__file__).resolve().parents[2] / "playbooks").glob("*.yml"))
NOTHING = "No task of this playbook has the tag"


def said(tmp_path: Path, playbook: str, *arguments: str) -> str:
    inventory = tmp_path / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"hosts": {"east": {"cluster_kubeconfig": str(tmp_path / "none")}}}}))
    command = ["ansible-playbook", "-i", str(inventory), playbook, "--check", *arguments]
    return " ".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_playbook_begins_with_it(path: Path) -> None:
    [play] = yaml.safe_load(path.read_text(encoding="utf-8"))
    first, *others = play["tasks"]
    assert first["ansible.builtin.import_role"] == {"name": "onemesh.istio.cluster", "tasks_from": "tags"}
    tags = {tag for task in others for tag in task.get("tags", ())} - {"always"}
    assert set(first.get("vars", {}).get("cluster_playbook_tags", ())) == tags


@pytest.mark.parametrize(
    ("playbook", "tag", "words"),
    [
        ("site", "nosuch", f"{NOTHING} nosuch, so nothing is done: its tags are preflight, trust"),
        ("verify", "nosuch", f"{NOTHING} nosuch, so nothing is done: it has no tags"),
    ],
)
def test_a_tag_that_no_task_has(tmp_path: Path, playbook: str, tag: str, words: str) -> None:
    assert words in said(tmp_path, f"onemesh.istio.{playbook}", "--tags", tag)


@pytest.mark.parametrize("playbook", ["site", "verify"])
def test_a_tag_of_whoever_imports_the_playbook_is_one(tmp_path: Path, playbook: str) -> None:
    outer = tmp_path / "outer.yml"
    outer.write_text(yaml.safe_dump([{"import_playbook": f"onemesh.istio.{playbook}", "tags": ["mesh"]}]))
    output = said(tmp_path, str(outer), "--tags", "mesh")
    assert "PLAY [" in output
    assert NOTHING not in output


def test_the_tags_of_site_are_known(tmp_path: Path) -> None:
    output = said(tmp_path, "onemesh.istio.site", "--tags", "link")
    assert "PLAY [" in output
    assert NOTHING not in output
