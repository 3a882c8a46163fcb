# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases by ansible-playbook with variables as text, as surveys and ``-e name=value`` give them, and their output.

https://github.com/ansible/ansible/issues/15636, https://github.com/ansible/ansible/issues/17193
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.control_plane import ADMIN_TOKEN
from support.releases import PLAN, Shop

TIMEOUT = 120


@dataclass
class Job:
    """The playbook canary on all clusters, with the variables of a file."""

    shop: Shop
    folder: Path

    def __post_init__(self) -> None:
        hosts = {
            name: {"cluster_host": plane.url, "cluster_ca_cert": str(plane.ca), "cluster_api_key": ADMIN_TOKEN}
            for name, plane in self.shop.planes.planes.items()
        }
        variables = {
            "canary_name": self.shop.namespace,
            "canary_namespace": self.shop.namespace,
            "canary_routes": [{"name": "reviews"}],
            "canary_stable": "v1",
            "canary_canary": "v2",
            # With waiting, an hour would have to pass.
            "canary_plan": {**PLAN, "interval": 3600},
            "canary_proof": "written",
        }
        (self.folder / "inventory.yml").touch(mode=0o600)
        (self.folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
        (self.folder / "release.yml").write_text(yaml.safe_dump(variables))

    def run(
        self, *variables: str, environ: dict[str, str] | None = None, **how: Any
    ) -> subprocess.CompletedProcess[str]:
        texts = [argument for variable in variables for argument in ("-e", variable)]
        return subprocess.run(
            ["ansible-playbook", "-i", "inventory.yml", "-e", "@release.yml", *texts, "onemesh.istio.canary"],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp"),
                **(environ or {}),
            },
            text=True,
            timeout=TIMEOUT,
            check=False,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how},
        )


@pytest.fixture
def job(shop: Shop, tmp_path: Path) -> Job:
    return Job(shop, tmp_path)


def test_a_word_that_is_no_truth_is_refused_by_name_before_anything_is_written(job: Job) -> None:
    before = job.shop.everything()
    done = job.run("canary_wait=perhaps")
    assert done.returncode != 0
    assert "canary_wait" in done.stdout + done.stderr
    assert job.shop.everything() == before


def test_truths_as_text_are_what_they_say(job: Job) -> None:
    one_tick = job.run("canary_wait=false")
    assert one_tick.returncode == 0, one_tick.stdout
    assert "WARNING" not in one_tick.stdout + one_tick.stderr
    assert job.run("canary_wait=no").returncode == 0
    assert job.shop.everywhere() == [{"v1": 95, "v2": 5}] * 3
    assert job.run("canary_wait=false", "canary_state=rolled_back").returncode == 0
    ended = [job.run("canary_wait=0", f"canary_fail_on_rollback={word}") for word in ("false", "yes")]
    assert [done.returncode for done in ended] == [0, 2], ended[0].stdout
    assert "was rolled back" in " ".join(ended[1].stdout.split())


@pytest.mark.parametrize("merged", [False, True])
def test_a_callback_that_writes_json_has_standard_output_for_itself(job: Job, merged: bool) -> None:
    environ = {
        "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).with_name("callback_plugins")),
        "ANSIBLE_STDOUT_CALLBACK": "results_as_json",
    }
    done = job.run("canary_wait=false", environ=environ, **({"stderr": subprocess.STDOUT} if merged else {}))
    results = json.loads(done.stdout)
    assert done.returncode == 0
    assert "progressing" in [each["result"].get("phase") for each in results]
