# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every EXAMPLES of a module or lookup runs as it is printed, against the lab that MESHLAB_NAME names.

In check mode, on clusters without Istio: what an example asks of a mesh that is not there may be refused with a
finding, but neither Ansible nor the module may misunderstand it.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.lab
LAB = os.environ.get("MESHLAB_NAME", "test")
PLUGINS = Path(__file__).parents[3] / "plugins"
BESIDE_THE_PLAYBOOK = {
    "files/ratings.yml": """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ratings
spec:
  hosts: [ratings]
  http:
    - timeout: 5s
      route:
        - destination:
            host: ratings
""",
    "templates/locality.yml.j2": """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: ratings
  labels:
    region: "{{ cluster.region | default('unknown', true) }}"
spec:
  host: ratings
""",
}
"""What examples name and users have: by its path beside the playbook."""
MODULES = sorted([*(PLUGINS / "modules").glob("*.py"), *(PLUGINS / "lookup").glob("*.py")])


def examples(module: Path) -> list[dict[str, Any]]:
    """The tasks under EXAMPLES of a module or lookup file."""
    text = module.read_text().partition('EXAMPLES = r"""\n')[2].partition('"""')[0]
    tasks: list[dict[str, Any]] = yaml.safe_load(text)
    return tasks


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examples") / "inventory.yml"
    command = ["meshlab", "inventory", "--name", LAB]
    path.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for name, content in BESIDE_THE_PLAYBOOK.items():
        file = path.parent / name
        file.parent.mkdir()
        file.write_text(content)
    return path


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_examples_are_understood(module: Path, inventory: Path) -> None:
    tasks = examples(module)
    assert tasks, f"{module.name} has no examples"
    registers = [f"result_{number}" for number in range(len(tasks))]
    results_file = inventory.parent / f"{module.stem}-{{{{ inventory_hostname }}}}.json"
    report = {
        "name": "Report",
        "ansible.builtin.copy": {
            "content": "{{ [" + ", ".join(registers) + "] | to_json }}",
            "dest": str(results_file),
        },
        "check_mode": False,
    }
    play = {
        "name": module.stem,
        "hosts": "all",
        "gather_facts": False,
        "connection": "local",
        "vars": {
            "cluster_name": "{{ inventory_hostname }}",
            "cluster_network": "{{ inventory_hostname }}",
            "vaulted_ca_key": "",
        },
        "tasks": [
            *(
                {**task, "register": register, "ignore_errors": True}
                for task, register in zip(tasks, registers, strict=True)
            ),
            report,
        ],
    }
    playbook = inventory.parent / f"{module.stem}.yml"
    playbook.write_text(yaml.safe_dump([play], sort_keys=False))
    done = subprocess.run(
        ["ansible-playbook", "--check", "-i", str(inventory), str(playbook)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    reports = [json.loads(path.read_text()) for path in inventory.parent.glob(f"{module.stem}-*.json")]
    assert reports, done.stdout
    for result in (result for report in reports for result in report):
        assert not result.get("failed") or result.get("findings"), result
