# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets as users run them: role, files and templates beside a playbook, check mode and async, by ansible-playbook."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, VIRTUAL_SERVICE
from sets import NAMES, Set, config_map, destination_rule, virtual_service
from support.control_plane import ADMIN_TOKEN

TIMEOUT = 120
CLUSTERS = "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
LOCALITY = """
apiVersion: v1
kind: ConfigMap
metadata:
  name: locality
data:
  # The cluster's own values, and the task's.
  place: "{{ cluster.name }} in {{ cluster.region }} on {{ cluster.network }}, {{ team }}"
"""


class Project:
    """A folder with an inventory of the three clusters, a playbook, files and templates."""

    def __init__(self, routes: Set, folder: Path) -> None:
        self.routes, self.folder = routes, folder
        for name in ("files", "templates"):
            (folder / name).mkdir()
        hosts = {
            name: {
                "cluster_host": plane.url,
                "cluster_ca_cert": str(plane.ca),
                "cluster_region": f"eu-{name}",
                "cluster_api_key": ADMIN_TOKEN,
            }
            for name, plane in routes.planes.planes.items()
        }
        (folder / "inventory.yml").touch(mode=0o600)
        variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
            "team": "shop",
        }
        self.write("inventory.yml", {"all": {"hosts": hosts, "vars": variables}})

    def write(self, name: str, content: Any) -> None:
        (self.folder / name).write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    def encrypt(self, *names: str) -> tuple[str, ...]:
        """Files, by ansible-vault; the arguments with which a run decrypts them."""
        self.write("password", "open-sesame")
        vault = VaultLib([("default", VaultSecret(b"open-sesame"))])
        for name in names:
            (self.folder / name).write_bytes(vault.encrypt((self.folder / name).read_bytes()))
        return ("--vault-password-file", "password")

    def play(self, *tasks: dict[str, Any], arguments: tuple[str, ...] = (), **play: Any) -> tuple[int, str]:
        """The exit code and the output of ansible-playbook with these tasks."""
        self.write("play.yml", [{"name": "Test", "hosts": "all", "gather_facts": False, "tasks": [*tasks], **play}])
        done = subprocess.run(
            ["ansible-playbook", "-i", "inventory.yml", *arguments, "play.yml"],
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp")},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        output = done.stdout + done.stderr
        assert ADMIN_TOKEN not in output
        return done.returncode, output

    def task(self, **options: Any) -> list[dict[str, Any]]:
        """The module, and what keeps its result."""
        given = {"clusters": CLUSTERS, "set": self.routes.name, "namespace": self.routes.namespace, **options}
        kept = {"content": "{{ result | to_json }}", "dest": str(self.folder / "result.json")}
        return [
            {"onemesh.istio.replicate": given, "run_once": True, "register": "result"},
            {"ansible.builtin.copy": kept, "run_once": True, "check_mode": False},
        ]

    def result(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "result.json").read_text()))


@pytest.fixture
def project(routes: Set, tmp_path: Path) -> Project:
    return Project(routes, tmp_path)


def test_the_role_takes_files_and_templates_that_know_their_cluster(project: Project) -> None:
    routes = project.routes
    project.write(
        "files/routes.yml", yaml.safe_dump_all([virtual_service(routes.namespace), destination_rule(routes.namespace)])
    )
    project.write("templates/locality.yml.j2", LOCALITY)
    variables = {
        "replicate_set": routes.name,
        "replicate_namespace": routes.namespace,
        "replicate_src": ["routes.yml"],
        "replicate_template": ["locality.yml.j2"],
        "replicate_overlays": [{"clusters": ["west"], "kind": "VirtualService", "exclude": True}],
    }
    role = {"import_role": {"name": "onemesh.istio.replicate"}, "vars": variables}
    with routes.writes_nothing():
        code, output = project.play(role, arguments=("--check", "--diff"))
        assert code == 0, output
    assert f"+++ after: west: ConfigMap {routes.namespace}/locality" in output
    code, output = project.play(role)
    assert code == 0, output
    assert output.count("changed=1") == 1, output
    assert "WARNING" not in output
    for name in NAMES:
        place = routes.client(name).get(CONFIG_MAP, "locality", routes.namespace)["data"]["place"]
        assert place == f"{name} in eu-{name} on {name}, shop"
        route = routes.client(name).find(VIRTUAL_SERVICE, "reviews", routes.namespace)
        assert (route is None) == (name == "west")
    code, output = project.play(role)
    assert code == 0, output
    assert "changed=1" not in output
    code, output = project.play({**role, "vars": {"replicate_set": routes.name, "replicate_state": "absent"}})
    assert code == 0, output
    assert routes.left() == []


def test_the_playbook_says_what_the_role_lacks(project: Project) -> None:
    project.write("play.yml", [{"import_playbook": "onemesh.istio.replicate"}])
    done = subprocess.run(
        ["ansible-playbook", "-i", "inventory.yml", "play.yml"],
        cwd=project.folder, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "missing required arguments: replicate_set" in done.stdout


def test_the_definition_may_be_text_that_ansible_has_read(project: Project) -> None:
    project.write("routes.yml", yaml.safe_dump_all(project.routes.pair()))
    code, output = project.play(*project.task(definition="{{ lookup('ansible.builtin.file', 'routes.yml') }}"))
    assert code == 0, output
    assert project.result()["clusters"]["west"]["created"]


def test_a_file_that_is_not_there_is_named_with_where_it_was_searched(project: Project) -> None:
    code, output = project.play(*project.task(src=["nowhere.yml"]))
    assert code == 2
    assert "nowhere.yml" in output
    assert "files/nowhere.yml" in output


def test_the_task_runs_as_a_module_too(project: Project) -> None:
    task, keep = project.task(definition=[config_map(project.routes.namespace, "settings", key="value")])
    code, output = project.play({**task, "async": 60, "poll": 1}, keep)
    assert code == 0, output
    made = project.result()
    assert made["changed"]
    assert "diff" not in made
    assert set(made["clusters"]) == set(NAMES)
    code, output = project.play(
        *project.task(definition=[config_map(project.routes.namespace, "settings", key="value")])
    )
    assert code == 0, output
    assert not project.result()["changed"]


def test_files_and_templates_that_ansible_vault_has_encrypted(project: Project) -> None:
    """As tasks of kubernetes.core take them."""
    project.write("files/settings.yml", config_map(project.routes.namespace, "settings", key="value"))
    project.write("templates/locality.yml.j2", LOCALITY)
    arguments = project.encrypt("files/settings.yml", "templates/locality.yml.j2")
    tasks = project.task(src=["settings.yml"], template=["locality.yml.j2"])
    for part in ("src", "template"):
        (task, _result) = project.task(**{part: tasks[0]["onemesh.istio.replicate"][part]})
        code, output = project.play(task)
        assert code == 2
        assert "is encrypted by ansible-vault, and cannot be decrypted" in output
    code, output = project.play(*tasks, arguments=("--check", "--diff", *arguments))
    assert code == 0, output
    for name in ("settings", "locality"):
        # One hunk for the clusters that get the same.
        assert re.search(
            rf"^\+\+\+ after: (.*, )?west: ConfigMap {project.routes.namespace}/{name}$", output, re.MULTILINE
        )


def test_templates_need_the_controller_and_the_module_says_so(project: Project) -> None:
    project.write("templates/locality.yml.j2", LOCALITY)
    task, _ = project.task(template=["locality.yml.j2"])
    code, output = project.play({**task, "async": 60, "poll": 1})
    assert code == 2
    assert "templates are rendered by the controller" in output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unreachable": "quorum"}, "unreachable is quorum but all of the following are missing: quorum"),
        ({"state": "gone"}, "value of state must be one of: present, absent, settled"),
        ({"from_cluster": {"cluster": "east"}}, "missing required arguments: namespaces found in from_cluster"),
    ],
)
def test_options_that_do_not_go_together_are_refused(project: Project, options: dict[str, Any], words: str) -> None:
    code, output = project.play(*project.task(definition=project.routes.pair(), **options))
    assert code == 2
    assert words in output
