# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where role trust looks for its store, as Ansible itself reads inventories. No cluster is needed for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
ROLE = REPOSITORY / "roles" / "trust"


def place(folder: Path, *inventories: str, cwd: str = ".", variables: str = "{}") -> tuple[str, str]:
    """The store of each host, by role trust's own variables, and all that Ansible said."""
    task = {"ansible.builtin.debug": {"msg": "STORE={{ __trust_store }}"}}
    files = [str(ROLE / part / "main.yml") for part in ("defaults", "vars")]
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "vars_files": files, "tasks": [task]}
    (folder / "play.yml").write_text(json.dumps([play]))
    arguments = [argument for inventory in inventories for argument in ("-i", inventory)]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), *arguments, str(folder / "play.yml"), "-e", variables],
        cwd=folder / cwd,
        env={
            **os.environ,
            "PWD": str(folder / cwd),
            "ANSIBLE_COLLECTIONS_PATH": f"{REPOSITORY}/.cache/tree:{REPOSITORY}/.cache/deps",
            "ANSIBLE_NOCOLOR": "true",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_LOCAL_TEMP": f"{folder}/ansible",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    found = {line.partition("STORE=")[2].strip(' "') for line in output.splitlines() if "STORE=" in line}
    return " ".join(sorted(found)), " ".join(output.split())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, (one, other) in {"prod": ("east", "west"), "stage": ("north", "south")}.items():
        (tmp_path / "inventories" / name / "zone").mkdir(parents=True)
        (tmp_path / "inventories" / name / "hosts.ini").write_text(f"[mesh]\n{one}\n")
        (tmp_path / "inventories" / name / "zone" / "more.yml").write_text(f"all: {{hosts: {{{other}: {{}}}}}}\n")
    return tmp_path


def test_every_host_and_every_run_has_the_store_beside_the_inventory_directory(project: Path) -> None:
    store = project / "inventories" / "prod-trust"
    assert place(project, "inventories/prod/")[0] == str(store)
    (store / "root").mkdir(parents=True)
    (store / "root" / "root-cert.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    found, said = place(project, "prod", cwd="inventories")
    assert found == str(store)
    assert "WARNING" not in said, "nothing of it is read as an inventory"


def test_a_store_within_the_inventory_is_refused_with_the_command_that_moves_it(project: Path) -> None:
    folder = project / "inventories" / "prod"
    (folder / "trust" / "root").mkdir(parents=True)
    found, said = place(project, "inventories/prod")
    assert found == ""
    assert f"mv {folder}/trust {folder}-trust" in said
    given = json.dumps({"trust_directory": str(folder / "pki")})
    assert (
        f"leave trust_directory out, or set it to {folder}-trust"
        in place(project, "inventories/prod", variables=given)[1]
    )


def test_what_gives_no_place_or_several_asks_for_one(project: Path) -> None:
    assert "set trust_directory to an absolute path" in place(project, "east,west,")[1]
    assert "several places for the store" in place(project, "inventories/prod", "inventories/stage")[1]
    job = json.dumps({"awx_job_id": 7})
    assert "a volume that stays" in place(project, "inventories/prod", variables=job)[1]
