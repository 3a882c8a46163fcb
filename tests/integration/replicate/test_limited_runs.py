# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run does that is limited, in batches, or without a host that failed: by ansible-playbook, on API servers."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP, SECRET, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify
from sets import NAMES, Set, config_map, destination_rule, granted_to_the_stranger, of, virtual_service
from support.control_plane import ADMIN_TOKEN, STRANGER_TOKEN
from support.fleet_runs import ISTIO, RECORDS, run

TIMEOUT = 240


class Project:
    """A folder with an inventory of the three clusters, and a playbook of the collection or of somebody's own."""

    def __init__(self, routes: Set, folder: Path) -> None:
        self.routes, self.folder = routes, folder
        clusters = {
            name: {"cluster_host": plane.url, "cluster_ca_cert": str(plane.ca), "cluster_api_key": ADMIN_TOKEN}
            for name, plane in routes.planes.planes.items()
        }
        variables = {
            "replicate_set": routes.name,
            "replicate_namespace": routes.namespace,
            "replicate_definition": [config_map(routes.namespace, "settings", key="value")],
        }
        (folder / "inventory.yml").touch(mode=0o600)
        self.inventory = {"clusters": {"hosts": clusters, "vars": variables}}
        self.save()

    def save(self) -> None:
        (self.folder / "inventory.yml").write_text(yaml.safe_dump(self.inventory))

    def site(self, *arguments: str) -> tuple[int, str]:
        """The collection's own playbook."""
        return self._run("onemesh.istio.replicate", *arguments)

    def play(
        self, *arguments: str, role: str = "onemesh.istio.replicate", before: Any = (), **play: Any
    ) -> tuple[int, str]:
        """A play of somebody's own with a role."""
        tasks = [*before, {"ansible.builtin.import_role": {"name": role}}]
        whole = {"name": "Own", "hosts": "all", "gather_facts": False, "tasks": tasks, **play}
        (self.folder / "play.yml").write_text(yaml.safe_dump([whole]))
        return self._run("play.yml", *arguments)

    def _run(self, playbook: str, *arguments: str) -> tuple[int, str]:
        environ = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(self.folder / "tmp")}
        done = subprocess.run(
            ["ansible-playbook", "-i", "inventory.yml", *arguments, playbook],
            cwd=self.folder,
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        output = done.stdout + done.stderr
        assert ADMIN_TOKEN not in output
        return done.returncode, output

    def has(self) -> set[str]:
        """The clusters that the set stands on."""
        return {
            name
            for name in NAMES
            if self.routes.client(name).find(CONFIG_MAP, "settings", self.routes.namespace) is not None
        }

    def records(self) -> set[str]:
        """The clusters that keep a record of the set."""
        name = f"onemesh-replicate-{self.routes.name}"
        return {each for each in NAMES if self.routes.client(each).find(SECRET, name, RECORDS) is not None}

    def mark(self, cluster: str) -> str:
        live = self.routes.client(cluster).get(CONFIG_MAP, "settings", self.routes.namespace)
        return str(live["metadata"]["annotations"].get("onemesh.istio/hub"))


@pytest.fixture
def project(routes: Set, tmp_path: Path) -> Project:
    return Project(routes, tmp_path)


def test_a_limit_says_on_whom_to_act_and_not_who_keeps_the_record(project: Project) -> None:
    code, output = project.site("--limit", "west")
    assert (code, project.has(), project.records()) == (0, {"west"}, {"east"}), output
    assert project.mark("west") == "east"
    code, output = project.site()
    assert (code, project.has(), project.records()) == (0, set(NAMES), {"east"}), output
    code, output = project.site("--limit", "north", "-e", "replicate_state=absent")
    assert (code, project.has(), project.records()) == (0, {"east", "west"}, {"east"}), output

    # Another hub would begin a second record, whatever it is asked for.
    for state in ("present", "absent"):
        code, output = project.site("-e", "mesh_hub=west", "-e", f"replicate_state={state}")
        assert code != 0
        assert "hub: east" in output
        assert (project.has(), project.records()) == ({"east", "west"}, {"east"})
    code, output = project.site("-e", "replicate_state=absent")
    assert (code, project.has(), project.records()) == (0, set(), set()), output


@pytest.mark.parametrize(
    ("play", "words"),
    [
        ({"serial": 1}, "it is done with the last batch (north, west still to come)"),
        ({"strategy": "free"}, ""),
        ({"strategy": "ansible.builtin.host_pinned"}, ""),
    ],
    ids=["serial", "free", "host_pinned"],
)
def test_what_is_for_all_clusters_is_done_once(project: Project, play: dict[str, Any], words: str) -> None:
    code, output = project.play(**play)
    assert (code, project.has(), project.records()) == (0, set(NAMES), {"east"}), output
    assert words in output
    assert output.count("changed=1") == 1 or "serial" in play, output


@pytest.mark.parametrize("play", [{"serial": 1}, {"strategy": "free"}], ids=["serial", "free"])
def test_a_release_goes_on_once_for_all_clusters(project: Project, play: dict[str, Any]) -> None:
    routes = project.routes
    routes.make_namespace()
    routes.put(virtual_service(routes.namespace, v2=0))
    routes.put(destination_rule(routes.namespace))
    release = {
        "canary_name": routes.name,
        "canary_namespace": routes.namespace,
        "canary_routes": [{"name": "reviews"}],
        "canary_stable": "v1",
        "canary_canary": "v2",
        "canary_plan": {"step_weights": [50, 100], "interval": 0.01, "drain": 0},
        "canary_drain": "0",
        "canary_poll": 0.05,
        "canary_proof": "written",
    }
    project.inventory["clusters"]["vars"] |= release
    project.save()
    code, output = project.play(**play, role="onemesh.istio.canary")
    assert code == 0, output
    assert {routes.live(name, VIRTUAL_SERVICE)["spec"]["http"][0]["route"][1]["weight"] for name in NAMES} == {100}
    code, output = project.play("-e", "canary_state=absent", "-e", "canary_force=true", role="onemesh.istio.canary")
    assert code == 0, output


def test_a_host_that_failed_is_not_written_to(project: Project) -> None:
    fails = {"ansible.builtin.fail": {"msg": "no"}, "when": "inventory_hostname == 'east'"}
    code, output = project.play(before=[fails])
    assert code != 0
    assert "its host failed earlier in this play" in output
    assert project.has() == set()
    fails["when"] = "inventory_hostname == 'west'"
    code, output = project.play("-e", "replicate_unreachable=quorum", "-e", "replicate_quorum=2", before=[fails])
    assert (code, project.has(), project.records()) == (2, {"east", "north"}, {"east"}), output
    # What it missed is owed to it, and paid by the next run.
    code, output = project.play()
    assert (code, project.has()) == (0, set(NAMES)), output


def test_a_connection_of_the_inventory_leads_nowhere(project: Project) -> None:
    project.inventory["clusters"]["vars"] |= {"ansible_connection": "ssh", "ansible_host": "192.0.2.1"}
    project.save()
    code, output = project.site()
    assert (code, project.has()) == (0, set(NAMES)), output
    code, output = project.play()
    assert code == 0, output


def test_a_host_that_is_no_cluster_is_refused_by_name(project: Project) -> None:
    project.inventory["web"] = {"hosts": {"web1": {}}}
    project.save()
    code, output = project.site()
    assert code != 0
    assert "web1" in output
    assert "mesh_hosts" in output
    assert project.has() == set()
    code, output = project.site("-e", "mesh_hosts=clusters")
    assert (code, project.has()) == (0, set(NAMES)), output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--limit", "web1", "-e", "mesh_hosts=clusters"), "--limit web1 leaves none of the clusters"),
        (("-e", "mesh_hosts=nowhere"), "no host of the inventory matches nowhere"),
        (("-e", "mesh_hub=nowhere"), "hub is nowhere"),
    ],
)
def test_a_run_that_can_do_nothing_says_so(project: Project, arguments: tuple[str, ...], words: str) -> None:
    project.inventory["web"] = {"hosts": {"web1": {}}}
    project.save()
    code, output = project.site("-e", "mesh_hosts=clusters", *arguments)
    assert code != 0, output
    assert words in " ".join(output.split()), output


@pytest.mark.parametrize(
    ("name", "operation"), [("replicate", replicate), ("verify", verify)], ids=["replicate", "verify"]
)
def test_an_account_that_is_to_read_only_is_not_told_to_get_more_rights(
    routes: Set, name: str, operation: ModuleType
) -> None:
    """By an inventory of the Secrets that istiod reads; writers have Secrets of their own."""
    plane, hub = routes.planes.planes["west"], routes.client("east")
    kubeconfig = plane.admin_kubeconfig()
    kubeconfig["users"][0]["user"] = {"token": STRANGER_TOKEN}
    authority = base64.b64encode(plane.ca.read_bytes()).decode()
    kubeconfig["clusters"][0]["cluster"] = {"server": plane.url, "certificate-authority-data": authority}
    secret = of(SECRET, f"reader-{name}", ISTIO, stringData={"west": yaml.safe_dump(kubeconfig)})
    secret["metadata"]["labels"] = {"istio/multiCluster": "true"}
    hub.apply(secret, field_manager="test")
    try:
        reference = {"name": secret["metadata"]["name"], **routes.planes.planes["east"].admin_options()}
        environ = {"K8S_AUTH_API_KEY": reference.pop("api_key")}
        clusters = [{"name": "west", "remote_secret": {**reference, "hub": "east"}}]
        options = (
            routes.parameters([config_map(routes.namespace, "settings", key="value")]) if operation is replicate else {}
        )
        more = {"hub": "east", "mesh": routes.planes.clusters("east")} if operation is replicate else {"probe": "none"}
        # As Istio's own reader, it may see which cluster it is.
        rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]}
        with granted_to_the_stranger(routes.client("west"), secret["metadata"]["name"], **rule):
            ran = run(operation, {**options, "clusters": clusters, **more}, environ=environ)
    finally:
        hub.delete(SECRET, secret["metadata"]["name"], ISTIO)
    assert "secret_label: onemesh.istio/writer=true" in ran.failed()
    assert "grant" not in ran.failed()
