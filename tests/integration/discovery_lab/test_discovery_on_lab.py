# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Discovery and cluster_info on a real mesh, with istiod itself, kubectl and istioctl as witnesses."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import Search, discover
from ansible_collections.onemesh.istio.plugins.module_utils._operations import cluster_info
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from support import discovery_runs as runs
from support import zoo
from support.mesh import Mesh

pytestmark = pytest.mark.lab


def info(clusters: list[dict[str, Any]], **options: Any) -> dict[str, Any]:
    defaults = {name: spec.get("default") for name, spec in cluster_info.ARGUMENT_SPEC.items()}
    return run_operation(cluster_info, {**defaults, "clusters": clusters, **options}, Context(environ={}))


def direct(mesh: Mesh, name: str) -> dict[str, Any]:
    return {"name": name, "network": name, "kubeconfig": mesh.lab.hosts[name]["cluster_kubeconfig"]}


def by_reference(mesh: Mesh) -> dict[str, Any]:
    """West by what east has of it; this machine reaches its API server elsewhere than east does."""
    search = Search({"kubeconfig": mesh.lab.hosts["east"]["cluster_kubeconfig"]})
    west = next(each for each in discover(search, environ={}).clusters if each.name == "west")
    return {**west.cluster, "host": mesh.west.server}


def test_the_facts_of_a_mesh(mesh: Mesh) -> None:
    result = info([direct(mesh, "east"), direct(mesh, "west")])
    assert (result["changed"], result["findings"]) == (False, [])
    for name, other in (("east", "west"), ("west", "east")):
        facts = result["clusters"][name]
        labels = json.loads(mesh.lab.clusters[name].kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"][
            "labels"
        ]
        assert (
            facts["kubernetes"]
            == json.loads(mesh.lab.clusters[name].kubectl("version", "-o", "json"))["serverVersion"]["gitVersion"]
        )
        assert facts["network"] == name
        assert facts["revisions"] == {
            "default": {"versions": ["1.31.0"], "replicas": 1, "ready": 1, "trust_domain": "cluster.local"}
        }
        assert facts["regions"] == [labels["topology.kubernetes.io/region"]]
        assert facts["zones"] == [labels["topology.kubernetes.io/zone"]]
        assert facts["peers"][other]["synced"] is True
        assert facts["peers"][other]["expires"] > "2026"
        assert f"{other} " in mesh.lab.clusters[name].istioctl("remote-clusters")
        service = json.loads(
            mesh.lab.clusters[name].kubectl("-n", "istio-system", "get", "svc", "istio-eastwestgateway", "-o", "json")
        )
        address = service["status"]["loadBalancer"]["ingress"][0]["ip"]
        assert facts["gateways"][0]["addresses"] == [{"address": address, "port": 15443}]
    roots = [result["clusters"][name]["root_fingerprints"] for name in ("east", "west")]
    assert roots[0] == roots[1] != []


def test_by_way_of_the_hub_all_is_known_but_what_takes_entering_a_pod(mesh: Mesh) -> None:
    west = info([by_reference(mesh)])["clusters"]["west"]
    full = info([direct(mesh, "west")])["clusters"]["west"]
    assert west["not_read"] == {}
    differing = {name for name, value in full.items() if west[name] != value}
    assert differing == {"istiods", "peers"}
    assert west["peers"]["east"]["synced"] is None
    assert 'cannot get resource "pods/portforward"' in west["istiods"][0]["reason"]


def test_a_cluster_that_is_away_is_a_result(mesh: Mesh) -> None:
    with mesh.lab.fault("api-down", "west"):
        clusters = [direct(mesh, "east"), direct(mesh, "west")]
        result = info(clusters)
        assert not result.get("failed")
        assert result["clusters"]["east"]["reachable"]
        assert result["clusters"]["west"]["reachable"] is False
        assert [(each["cluster"], each["severity"]) for each in result["findings"]] == [("west", "warning")]
        required = info(clusters, require_all=True)
        assert required["failed"]
        assert required["msg"].startswith("1 of 2 clusters cannot be read.")
        assert required["clusters"]["east"]["reachable"]


def test_charts_of_a_discovered_host_go_to_no_other_cluster(mesh: Mesh, tmp_path: Path) -> None:
    """Helm knows no reference and would take the default kubeconfig; it gets what the Secret says."""
    path = runs.write_inventory(tmp_path, kubeconfig=mesh.lab.hosts["east"]["cluster_kubeconfig"], read_networks=False)
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars" / "west.yml").write_text(yaml.safe_dump({"cluster_host": mesh.west.server}))
    tasks: list[dict[str, Any]] = [
        {"import_role": {"name": "onemesh.istio.cluster", "tasks_from": "main"}},
        {
            "onemesh.istio.cluster_info": {
                "clusters": "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}",
                "require_all": True,
            },
            "run_once": True,
        },
        {
            "import_role": {"name": "onemesh.istio.cluster", "tasks_from": "charts"},
            "vars": {
                "cluster_releases": [{"name": "x", "chart": "base", "chart_values": {}}],
                "cluster_charts": str(mesh.lab.programs.parent / "charts"),
                "cluster_helm_binary": str(mesh.lab.programs / "helm"),
            },
        },
    ]
    said = runs.play(tmp_path, tasks, "-i", str(path), "--limit", "west", hosts="all", check=False)
    words = " ".join(said.split())
    assert "west: " in words
    assert "is forbidden: User " in words, "the reader's account may install nothing"
    for cluster in ("east", "west"):
        assert "sh.helm.release.v1.x." not in mesh.lab.clusters[cluster].kubectl("get", "secrets", "-A", "-o", "name")


@pytest.fixture
def zoo_on_east(mesh: Mesh, tmp_path: Path) -> Iterator[list[zoo.Beast]]:
    """The zoo beside the mesh's own link. Its clusters are never reached, so istiod is restarted once they are gone."""
    authority = mesh.west.kubectl("get", "configmap", "kube-root-ca.crt", "-o", "jsonpath={.data.ca\\.crt}")
    animals = zoo.beasts("https://192.0.2.1:6443", authority.encode(), "no-token", "east")
    manifest = tmp_path / "zoo.yml"
    manifest.touch(mode=0o600)
    manifest.write_text(yaml.safe_dump_all(beast.manifest() for beast in animals))
    mesh.east.kubectl("apply", "-f", str(manifest))
    try:
        yield animals
    finally:
        mesh.east.kubectl("delete", "-f", str(manifest))
        mesh.east.restart_istiod()


def test_istiod_takes_exactly_what_is_said_to_be_usable(mesh: Mesh, zoo_on_east: list[zoo.Beast]) -> None:
    search = Search({"kubeconfig": mesh.lab.hosts["east"]["cluster_kubeconfig"]})
    usable = {each.name for each in discover(search, environ={}).clusters if each.usable and not each.hub}
    assert usable == {"west", *(name for beast in zoo_on_east for name in beast.usable)}
    ends = time.monotonic() + 60
    registered: set[str] = set()
    while registered != usable and time.monotonic() < ends:
        facts = info([direct(mesh, "east")])["clusters"]["east"]
        registered = set(facts["istiods"][0]["clusters"] or ())
        time.sleep(0.5)
    assert registered == usable
    log = mesh.east.kubectl("-n", "istio-system", "logs", "deployment/istiod")
    for beast in zoo_on_east:
        for reason in beast.refused.values():
            assert reason.replace('"', '\\"') in log or reason in log, reason
