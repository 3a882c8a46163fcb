from __future__ import annotations

from dataclasses import replace

import yaml
from meshlab.inventory import render
from meshlab.kubeconfig import render as render_kubeconfig
from meshlab.state import LabState


def test_each_cluster_is_a_host_with_what_the_roles_ask_for(two_clusters: LabState) -> None:
    hosts = yaml.safe_load(render(two_clusters))["all"]["hosts"]
    assert list(hosts) == ["east", "west"]
    assert hosts["west"] == {
        "cluster_kubeconfig": str(two_clusters.layout("west").kubeconfig),
        "cluster_context": "west",
        "cluster_network": "west",
        "cluster_region": "region-2",
        "cluster_api_server": "https://172.31.0.2:6443",
    }


def test_on_a_shared_network_the_network_is_said_once_for_all(two_clusters: LabState) -> None:
    everything = yaml.safe_load(render(replace(two_clusters, shared_network=True)))["all"]
    assert everything["vars"]["cluster_shared_network"] == "network1"
    assert not any("cluster_network" in host for host in everything["hosts"].values())


def test_programs_and_charts_are_those_of_the_lab(two_clusters: LabState) -> None:
    variables = yaml.safe_load(render(two_clusters))["all"]["vars"]
    assert variables["cluster_helm_binary"] == "/programs/helm"
    assert variables["cluster_charts"] == "/charts"


def test_istiod_is_told_not_to_send_what_stock_envoy_lacks(two_clusters: LabState) -> None:
    values = yaml.safe_load(render(two_clusters))["all"]["vars"]["control_plane_values"]
    assert values["telemetry"] == {"enabled": False}
    assert values["env"] == {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"}


def test_the_inventory_repeats_values_instead_of_referring_to_them(two_clusters: LabState) -> None:
    assert "&id" not in render(two_clusters)


def test_a_kubeconfig_is_named_after_its_cluster() -> None:
    document = yaml.safe_load(render_kubeconfig("east", "https://127.0.0.1:1", b"ca", b"cert", b"key"))
    assert document["current-context"] == document["contexts"][0]["name"] == "east"
    assert document["clusters"][0]["cluster"] == {
        "server": "https://127.0.0.1:1",
        "certificate-authority-data": "Y2E=",
    }
