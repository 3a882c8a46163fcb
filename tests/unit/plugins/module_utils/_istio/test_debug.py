# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import debug
from ansible_collections.onemesh.istio.plugins.module_utils._istio.sni import SniDestination

CLUSTERZ = b"""[
  {"id": "west", "secretName": "", "syncStatus": "synced"},
  {"id": "east", "secretName": "istio-system/istio-remote-secret-east", "syncStatus": "timeout"}
]"""


def test_clusterz() -> None:
    west, east = debug.parse_clusterz(CLUSTERZ)
    assert (west.cluster_id, west.own, west.synced) == ("west", True, True)
    assert (east.cluster_id, east.own, east.synced) == ("east", False, False)
    assert east.secret == "istio-system/istio-remote-secret-east"


CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
EDS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


def syncz(**eds: str) -> bytes:
    return json.dumps(
        [
            {
                "cluster_id": "west",
                "proxy": "echo-0.demo",
                "proxy_type": "sidecar",
                "istio_version": "1.31.0",
                "cluster_sent": "a",
                "cluster_acked": "a",
                "resources": {CDS: {"sent": "a", "acked": "a", "sentTime": "2026-01-01T00:00:00Z"}, EDS: eds},
            }
        ]
    ).encode()


@pytest.mark.parametrize(
    ("eds", "acknowledged"),
    [
        ({"sent": "b", "acked": "b"}, True),
        ({"sent": "c", "acked": "b"}, False),
        ({"sent": "b"}, False),
        ({"sent": "b", "acked": "b", "lastError": "refused"}, False),
        ({}, True),
    ],
)
def test_syncz_says_what_a_proxy_acknowledged(eds: dict[str, str], acknowledged: bool) -> None:
    (proxy,) = debug.parse_syncz(syncz(**eds))
    assert (proxy.proxy, proxy.cluster_id, proxy.kind) == ("echo-0.demo", "west", "sidecar")
    assert proxy.acknowledged is acknowledged


def test_networkz() -> None:
    body = b"""[{"Network": "net-east", "Cluster": "east", "Addr": "172.31.1.1", "Port": 15443, "HBONEPort": 0,
                 "ServiceAccount": {"Namespace": "", "Name": ""}}]"""
    assert debug.parse_networkz(body) == (debug.NetworkGateway("net-east", "east", "172.31.1.1", 15443, 0),)
    assert debug.parse_networkz(b"null") == ()


def endpoint(**more: object) -> dict[str, object]:
    return {
        "Labels": {"app": "echo"},
        "Addresses": ["10.65.0.7"],
        "ServicePortName": "http",
        "ServiceAccount": "spiffe://cluster.local/ns/demo/sa/echo",
        "Network": "net-east",
        "Locality": {"Label": "region/zone/", "ClusterID": "east"},
        "EndpointPort": 8080,
        "LbWeight": 0,
        "TLSMode": "istio",
        "Namespace": "demo",
        "WorkloadName": "echo",
        "HealthStatus": 1,
        **more,
    }


def test_endpoint_shardz_gives_a_shard_for_each_cluster() -> None:
    body = json.dumps(
        {
            "echo.demo.svc.cluster.local": {
                "demo": {
                    "Shards": {"Kubernetes/east": [endpoint(), endpoint(HealthStatus=2)], "Kubernetes/west": None},
                    "ServiceAccounts": {},
                }
            }
        }
    ).encode()
    east, west = debug.parse_endpoint_shardz(body)
    assert (east.host, east.namespace, east.provider) == ("echo.demo.svc.cluster.local", "demo", "Kubernetes")
    assert (east.cluster_id, west.cluster_id, west.endpoints) == ("east", "west", ())
    assert {entry.locality for entry in east.endpoints} == {"region/zone"}
    assert [(entry.addresses, entry.port, entry.healthy) for entry in east.endpoints] == [
        (("10.65.0.7",), 8080, True),
        (("10.65.0.7",), 8080, False),
    ]


def test_endpoint_shardz_of_an_older_istiod() -> None:
    old = endpoint(Address="10.65.0.7")
    del old["Addresses"]
    body = json.dumps({"echo": {"demo": {"Shards": {"Kubernetes/east": [old]}}}}).encode()
    assert debug.parse_endpoint_shardz(body)[0].endpoints[0].addresses == ("10.65.0.7",)


CLUSTERS = {
    "cluster_statuses": [
        {
            "name": "outbound|80||echo.demo.svc.cluster.local",
            "added_via_api": True,
            "host_statuses": [
                {
                    "address": {"socket_address": {"address": "172.31.1.1", "port_value": 15443}},
                    "stats": [
                        {"name": "cx_active", "value": "1"},
                        {"name": "rq_total", "value": "7"},
                        {"name": "rq_error"},
                    ],
                    "health_status": {"eds_health_status": "HEALTHY"},
                    "weight": 2,
                    "locality": {"region": "r", "zone": "z"},
                },
                {
                    "address": {"socket_address": {"address": "10.66.0.2", "port_value": 8080}},
                    "health_status": {"eds_health_status": "HEALTHY", "failed_outlier_check": True},
                    "weight": 1,
                    "priority": 1,
                    "locality": {},
                },
            ],
        },
        {"name": "xds-grpc", "host_statuses": [{"address": {"pipe": {"path": "./etc/istio/proxy/XDS"}}}]},
        {"name": "BlackHoleCluster"},
    ]
}


def test_envoy_clusters() -> None:
    echo, xds, black_hole = debug.parse_envoy_clusters(json.dumps(CLUSTERS).encode())
    assert echo.destination == SniDestination("outbound", 80, "", "echo.demo.svc.cluster.local")
    gateway, ejected = echo.hosts
    assert (gateway.address, gateway.port, gateway.requests, gateway.errors) == ("172.31.1.1", 15443, 7, 0)
    assert (gateway.weight, gateway.priority, gateway.locality, gateway.usable) == (2, 0, "r/z", True)
    assert (ejected.priority, ejected.locality, ejected.usable) == (1, "", False)
    assert (xds.destination, xds.hosts[0].address) == (None, "./etc/istio/proxy/XDS")
    assert black_hole.hosts == ()


def test_envoy_clusters_of_a_gateway_go_by_their_sni() -> None:
    body = b'{"cluster_statuses": [{"name": "outbound_.80_._.echo.demo.svc.cluster.local"}]}'
    assert debug.parse_envoy_clusters(body)[0].destination == SniDestination(
        "outbound", 80, "", "echo.demo.svc.cluster.local"
    )


def test_envoy_certs_name_each_certificate_once() -> None:
    root = {
        "path": "<inline>",
        "serial_number": "4C73",
        "subject_alt_names": [],
        "days_until_expiration": "3649",
        "valid_from": "2026-01-01T00:00:00Z",
        "expiration_time": "2036-01-01T00:00:00Z",
    }
    leaf = {**root, "serial_number": "AA", "subject_alt_names": [{"uri": "spiffe://cluster.local/ns/demo/sa/echo"}]}
    body = json.dumps(
        {"certificates": [{"ca_cert": [], "cert_chain": [leaf]}, {"ca_cert": [root], "cert_chain": [leaf]}]}
    ).encode()
    certificates = debug.parse_envoy_certs(body)
    assert [certificate.serial for certificate in certificates.roots] == ["4c73"]
    assert [certificate.uris for certificate in certificates.chain] == [("spiffe://cluster.local/ns/demo/sa/echo",)]
    assert certificates.roots[0].not_after == datetime(2036, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize("body", [b"", b"Unauthorized", b"{}", b'[{"name": "x"}]', b"[1]"])
def test_another_answer_names_its_endpoint(body: bytes) -> None:
    with pytest.raises(debug.UnexpectedAnswer, match=r"^/debug/clusterz gave") as error:
        debug.parse_clusterz(body)
    assert body[:10].decode() in str(error.value)


NONCE = "2026-11-24T21:56:20Z/102fb1ce80-8d95-4b14-a04e-89d638a8ae41"
"""Recorded: push 10, and directly after it a UUID that begins with 2."""


@pytest.mark.parametrize(("nonce", "push"), [(NONCE, 10), ("", 0), ("2fb1ce80-8d95-4b14-a04e-89d638a8ae41", 0)])
def test_a_nonce_carries_the_number_of_its_push(nonce: str, push: int) -> None:
    assert debug.Resource(nonce, "", "", "").push == push


METRICS = b"""# TYPE pilot_inbound_updates counter
pilot_inbound_updates{type="config"} 92
pilot_inbound_updates{type="eds"} 84
# TYPE pilot_pushcontext_init_seconds histogram
pilot_pushcontext_init_seconds_bucket{le="0.01"} 10
pilot_pushcontext_init_seconds_sum 0.02
pilot_pushcontext_init_seconds_count 10
"""


def test_istiod_counts_its_pushes() -> None:
    assert debug.parse_push_counters(METRICS) == debug.PushCounters(pushes=10, updates=92, preparation=0.002)
    assert debug.parse_push_counters(b"up 1\n") == debug.PushCounters(0, 0, 0.0)
    with pytest.raises(debug.UnexpectedAnswer, match="/metrics"):
        debug.parse_push_counters(b"pilot_pushcontext_init_seconds_count many\n")


def test_configz_has_objects_and_what_istiod_made_itself() -> None:
    body = json.dumps(
        [
            {
                "kind": "VirtualService",
                "apiVersion": "networking.istio.io/v1",
                "metadata": {"name": "echo", "namespace": "app", "uid": "u", "resourceVersion": "655", "generation": 2},
                "spec": {},
            },
            {"kind": "GatewayClass", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {"name": "istio"}},
        ]
    ).encode()
    assert debug.parse_configz(body) == (
        debug.StoredObject("networking.istio.io", "VirtualService", "app", "echo", "u", 2, "655"),
        debug.StoredObject("gateway.networking.k8s.io", "GatewayClass", "", "istio", "", 0, ""),
    )


def test_a_dump_says_up_to_which_push_istiod_has_gone() -> None:
    body = json.dumps({"configs": [{"@type": "bootstrap"}, {"@type": "c", "versionInfo": "2026-11-24T21:37:27Z/12"}]})
    assert debug.parse_dumped_push(body.encode()) == 12
    assert debug.parse_dumped_push(b'{"configs": []}') == 0
    with pytest.raises(debug.UnexpectedAnswer, match="config_dump"):
        debug.parse_dumped_push(b"Proxy not connected to this Pilot instance.")
    assert debug.make_config_dump_path("echo-0.app") == "/debug/config_dump?proxyID=echo-0.app"
