# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of tasks that the role canary runs between the steps, beside what clients get at that moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.filter.canary_hooks import MOMENTS
from release_lab import CANARY, NAMESPACE, REQUESTS, STABLE, Shop, answers_of, list_failures
from support.chance import is_within
from support.mesh import NAMES


class Job:
    """A play of the role, with a file of tasks for each moment. Each notes its moment and its step."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self._shop, self._folder = shop, folder
        self._notes = folder / "notes"
        announce = self._note("announced {{ inventory_hostname }}")
        play = {"hosts": "all", "gather_facts": False, "roles": ["onemesh.istio.canary"], "post_tasks": [announce]}
        self._write("release.yml", [play])
        for moment in MOMENTS:
            self.on(moment)

    def _write(self, name: str, content: object) -> None:
        (self._folder / name).write_text(yaml.safe_dump(content, sort_keys=False))

    def on(self, moment: str, *tasks: dict[str, Any]) -> None:
        """These tasks are run, too."""
        note = self._note(f"{moment} {{{{ canary__step.index | default('-') }}}}")
        self._write(f"{moment}.yml", [note, *tasks])

    def _note(self, words: str) -> dict[str, Any]:
        return {"name": "Note", "ansible.builtin.shell": f"echo {words} >> {self._notes}", "changed_when": False}

    def run(self, *, succeeds: bool) -> str:
        variables = {
            "canary_name": "reviews",
            "canary_namespace": NAMESPACE,
            "canary_stable": "v1",
            "canary_canary": "v2",
            "canary_plan": {"step_weights": [50, 100], "interval": 1, "drain": 0},
            "canary_hooks": json.dumps({moment: [f"{moment}.yml"] for moment in MOMENTS}),
            "canary_poll": 0.5,
            "canary_wait_timeout": 300,
        }
        log = self._shop.mesh.playbook(str(self._folder / "release.yml"), check=False, **variables)
        assert ("failed=0" in log and "failed=1" not in log) is succeeds, log
        return log

    def notes(self) -> list[str]:
        """Those since they were read last."""
        found = self._notes.read_text().splitlines() if self._notes.exists() else []
        self._notes.unlink(missing_ok=True)
        return found


@pytest.fixture
def job(shop: Shop, tmp_path: Path) -> Job:
    return Job(shop, tmp_path)


def test_each_file_is_run_once_at_its_moment_and_one_that_refuses_is_asked_again(shop: Shop, job: Job) -> None:
    answers = shop.mesh.files / "answers-at-half"
    asked = {
        "name": "Ask as a user",
        "ansible.builtin.shell": f"{' '.join(shop.command('east', REQUESTS, 150))} > {answers}",
        "when": "canary__step.index == 1",
        "changed_when": False,
    }
    job.on("rollout", asked)
    job.on("confirm-promotion", {"name": "Refuse", "ansible.builtin.fail": {"msg": "not before the morning"}})
    with shop.load() as answered:
        assert "not before the morning" in job.run(succeeds=False)
        assert job.notes() == [
            "confirm-rollout 0",
            "rollout 0",
            "event 0",
            "pre-rollout 1",
            "confirm-traffic-increase 1",
            "rollout 1",
            "event 1",
            "confirm-traffic-increase 2",
            "rollout 2",
            "event 2",
            "confirm-promotion 3",
        ]
        at_half = answers_of(answers.read_text(), REQUESTS)
        assert is_within(at_half.versions["v2"], REQUESTS, 0.5)
        shop.sees(CANARY)
        assert shop.release(state="status").succeeded()["phase"] == "progressing"
        job.on("confirm-promotion")
        job.run(succeeds=True)
    notes = job.notes()
    assert notes[:-2] == [
        "rollout 2",
        "confirm-promotion 3",
        "event 3",
        "event 4",
        "event 5",
        "post-rollout -",
    ]
    assert sorted(notes[-2:]) == ["announced east", "announced west"]
    assert list_failures(answered) == []
    shop.sees(CANARY)


def test_a_check_that_fails_takes_the_release_back_on_all_clusters(shop: Shop, job: Job) -> None:
    job.on("rollout", {"name": "Check orders", "ansible.builtin.assert": {"that": "canary__step.index != 1"}})
    with shop.load() as answered:
        job.run(succeeds=False)
    assert job.notes()[-4:] == ["rollout 1", "event 1", "rollback -", "post-rollout -"]
    assert shop.weights() == dict.fromkeys(NAMES, 0)
    assert list_failures(answered) == []
    shop.sees(STABLE)
