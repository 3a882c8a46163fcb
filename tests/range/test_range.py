# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh's life under the ansible-core that runs these tests, on the lab whose inventory RANGE_INVENTORY names.

What other tests prove in depth under one ansible-core is touched once here: roles, playbooks, action plugins, filters,
lookups, templates and the inventory plugin. Each test starts where the one before ended.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.clusters import Cluster
from support.labs import RunningLab
from support.programs import ANSIBLE_PLAYBOOK, REPOSITORY, run

pytestmark = pytest.mark.lab
ANSIBLE_INVENTORY = str(Path(sys.executable).with_name("ansible-inventory"))
TEMPLATE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: greeting
spec:
  hosts: [greeting]
  http:
    - directResponse: {status: 418, body: {string: "{{ cluster.name }} of {{ ansible_play_hosts_all | length }}"}}
"""
RELEASE = {
    "canary_name": "reviews",
    "canary_namespace": "shop",
    "canary_stable": "v1",
    "canary_canary": "v2",
    "canary_plan": {"step_weights": [50, 100], "interval": 0.1},
    "canary_proof": "written",
    "canary_poll": 1,
}


class Mesh:
    def __init__(self, inventory: Path, folder: Path) -> None:
        self.inventory, self.folder = inventory, folder
        written: dict[str, Any] = yaml.safe_load(inventory.read_text())["all"]
        self.clusters: dict[str, Cluster] = RunningLab("", inventory, written).clusters

    def play(self, name: str, **variables: Any) -> str:
        """What a playbook of the collection prints. It has to succeed."""
        given = {
            "trust_directory": str(self.folder / "trust"),
            "eastwest_gateway_exposed_hosts": ["*.local"],
            **variables,
        }
        command = [ANSIBLE_PLAYBOOK, "-i", str(self.inventory), "-e", json.dumps(given), f"onemesh.istio.{name}"]
        return run(*command, cwd=self.folder)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    return Mesh(Path(os.environ["RANGE_INVENTORY"]), tmp_path_factory.mktemp("mesh"))


def weights(cluster: Cluster) -> list[int]:
    route = cluster.get("virtualservice", "reviews", "-n", "shop")["spec"]["http"][0]["route"]
    return [each.get("weight", 0) for each in route]


def test_site_makes_one_mesh_and_proves_it(mesh: Mesh) -> None:
    mesh.play("site")


def test_site_again_changes_nothing(mesh: Mesh) -> None:
    recap = [line for line in mesh.play("site").splitlines() if " changed=" in line]
    assert len(recap) == len(mesh.clusters)
    assert all(" changed=0 " in line for line in recap), recap


def test_replicate_renders_a_template_for_each_cluster(mesh: Mesh) -> None:
    template = mesh.folder / "greeting.yml.j2"
    template.write_text(TEMPLATE)
    routes = {"replicate_set": "greeting", "replicate_namespace": "greeting", "replicate_template": [str(template)]}
    mesh.play("replicate", **routes)
    for name, cluster in mesh.clusters.items():
        route = cluster.get("virtualservice", "greeting", "-n", "greeting")["spec"]["http"][0]
        assert route["directResponse"]["body"]["string"] == f"{name} of {len(mesh.clusters)}"
    mesh.play("replicate", **routes, replicate_state="absent")
    assert not any(cluster.exists("virtualservice", "greeting", "-n", "greeting") for cluster in mesh.clusters.values())


def test_a_release_takes_its_steps_on_all_clusters_and_tells_of_it(mesh: Mesh) -> None:
    routes = (REPOSITORY / "lab/demo/reviews.yaml").read_text().replace("NAMESPACE", "shop")
    kinds = ("Namespace", "Service", "DestinationRule", "VirtualService")
    for cluster in mesh.clusters.values():
        cluster.apply(*(each for each in yaml.safe_load_all(routes) if each and each["kind"] in kinds))
    mesh.play("canary", **RELEASE)
    assert {name: weights(cluster) for name, cluster in mesh.clusters.items()} == {
        name: [0, 100] for name in mesh.clusters
    }
    assert "reviews: succeeded" in mesh.play("canary", **RELEASE, canary_state="status")
    mesh.play("canary", **RELEASE, canary_state="absent")


def test_the_inventory_plugin_finds_the_clusters_from_one_of_them(mesh: Mesh) -> None:
    hub, *_ = mesh.clusters.values()
    source = mesh.folder / "mesh.remote_secrets.yml"
    source.write_text(
        f"plugin: onemesh.istio.remote_secrets\nkubeconfig: {hub.kubeconfig}\ncontext: {hub.name}\n"
        "groups: {hub: cluster_is_hub}\n"
    )
    strict = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}
    listed = json.loads(run(ANSIBLE_INVENTORY, "-i", str(source), "--list", cwd=mesh.folder, environ=strict))
    found = listed["_meta"]["hostvars"]
    assert listed["hub"]["hosts"] == [hub.name]
    assert {name: found[name]["cluster_usable"] for name in found} == dict.fromkeys(mesh.clusters, True)


def test_wipe_leaves_no_control_plane(mesh: Mesh) -> None:
    mesh.play("wipe", wipe_confirmed=True)
    for cluster in mesh.clusters.values():
        assert not cluster.exists("namespace", "istio-system")
