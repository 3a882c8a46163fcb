from __future__ import annotations

import ipaddress
from itertools import combinations
from pathlib import Path

import pytest
from meshlab.layout import MAXIMUM_CLUSTERS, ClusterLayout, Lab, home, short_uid

UID = "0123abcd-4567-89ab-cdef-0123456789ab"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("namespace", "ml-lab-east"),
        ("pod_cidr", "10.65.0.0/16"),
        ("bridge_address", "10.65.0.1"),
        ("bridge_hardware_address", "02:00:00:00:00:01"),
        ("service_cidr", "10.129.0.0/16"),
        ("kubernetes_service_address", "10.129.0.1"),
        ("wan_address", "172.31.0.1"),
        ("node_external_address", "172.30.1.1"),
        ("name_server", "10.65.0.1"),
        ("load_balancer_cidr", "172.31.1.0/24"),
        ("api_server", "https://172.31.0.1:6443"),
    ],
)
def test_the_first_cluster_has_these_names_and_addresses(lab: Lab, name: str, expected: str) -> None:
    assert getattr(lab.cluster("east", 1), name) == expected


def test_no_addresses_of_any_two_clusters_overlap(lab: Lab) -> None:
    clusters = [lab.cluster(f"c{index}", index) for index in range(1, MAXIMUM_CLUSTERS + 1)]
    ranges = [
        ipaddress.ip_network(cidr)
        for each in clusters
        for cidr in (each.pod_cidr, each.service_cidr, each.load_balancer_cidr)
    ]
    ranges.append(ipaddress.ip_network("172.31.0.0/24"))
    assert not [(a, b) for a, b in combinations(ranges, 2) if a.overlaps(b)]


def test_pods_of_kwok_and_of_the_agent_share_the_range_without_the_bridge(lab: Lab) -> None:
    cluster = lab.cluster("east", 1)
    whole, kwok, agent = map(ipaddress.IPv4Network, (cluster.pod_cidr, cluster.kwok_pod_cidr, cluster.agent_pod_cidr))
    assert kwok.subnet_of(whole) and agent.subnet_of(whole) and not kwok.overlaps(agent)
    assert not any(ipaddress.IPv4Address(cluster.bridge_address) in each for each in (kwok, agent))


def test_device_names_fit_the_kernels_15_characters(lab: Lab) -> None:
    cluster = lab.cluster("a-cluster-with-quite-a-long-name", MAXIMUM_CLUSTERS)
    assert max(map(len, (cluster.bridge, cluster.uplink, cluster.wan_port, cluster.pod_port(UID)))) <= 15


def test_a_pods_namespace_is_named_after_its_cluster_and_uid(lab: Lab) -> None:
    assert short_uid(UID) == "0123abcd"
    assert lab.cluster("east", 1).pod_namespace(UID) == "ml-lab-east-0123abcd"


@pytest.mark.parametrize("name", ["", "East", "1", "-a", "a-", "a_b", "a.b", "wan", "processes", "a" * 33, "../x"])
def test_a_name_that_cannot_be_a_clusters_is_refused(lab: Lab, name: str) -> None:
    with pytest.raises(ValueError, match="cluster name"):
        ClusterLayout(lab, name, 1)


@pytest.mark.parametrize("name", ["", "a-b", "Lab", "1", "a" * 17, "../x"])
def test_a_name_that_cannot_be_a_labs_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="lab name"):
        Lab(name, tmp_path)


def test_namespaces_of_one_lab_never_begin_as_those_of_another(tmp_path: Path) -> None:
    longer = Lab("ab", tmp_path).cluster("east", 1).namespace
    assert not longer.startswith(Lab("a", tmp_path).namespace_prefix)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"MESHLAB_HOME": "/x", "HOME": "/h"}, "/x"), ({"HOME": "/h"}, "/h/.local/state/meshlab")],
)
def test_state_is_kept_where_the_environment_says(environ: dict[str, str], expected: str) -> None:
    assert home(environ) == Path(expected)
