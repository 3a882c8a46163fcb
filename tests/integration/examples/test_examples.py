# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every EXAMPLES of a module or lookup runs as it is printed, against the lab that MESHLAB_NAME names.

In check mode, on clusters without Istio: what an example asks of a mesh that is not there may be refused with a
finding, but neither Ansible nor the module may misunderstand it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import labs
from support.programs import ANSIBLE_PLAYBOOK, REPOSITORY, run

pytestmark = pytest.mark.lab
PLUGINS = REPOSITORY / "plugins"
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


def play(module: Path, folder: Path) -> dict[str, Any]:
    """The tasks of its examples, and one that writes down what came of them for each host."""
    tasks = examples(module)
    registers = [f"{module.stem}_{number}" for number in range(len(tasks))]
    report = {
        "name": "Report",
        "ansible.builtin.copy": {
            "content": "{{ [" + ", ".join(registers) + "] | to_json }}",
            "dest": str(folder / f"{module.stem}-{{{{ inventory_hostname }}}}.json"),
        },
        "check_mode": False,
    }
    return {
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


@dataclass(frozen=True)
class Ran:
    folder: Path
    output: str


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One run with a play for each module."""
    folder = tmp_path_factory.mktemp("examples")
    lab = labs.find(labs.SHARED, folder)
    for name, content in BESIDE_THE_PLAYBOOK.items():
        file = folder / name
        file.parent.mkdir()
        file.write_text(content)
    playbook = folder / "examples.yml"
    playbook.write_text(yaml.safe_dump([play(module, folder) for module in MODULES], sort_keys=False))
    return Ran(folder, run(ANSIBLE_PLAYBOOK, "--check", "-i", str(lab.inventory), str(playbook), check=False))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_examples_are_understood(module: Path, ran: Ran) -> None:
    assert examples(module), f"{module.name} has no examples"
    reports = [json.loads(path.read_text()) for path in ran.folder.glob(f"{module.stem}-*.json")]
    assert reports, ran.output
    for result in (result for report in reports for result in report):
        assert not result.get("failed") or result.get("findings"), result
