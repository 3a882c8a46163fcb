from __future__ import annotations

from typing import Any

import pytest
from meshlab.agent import services

CIDR = "172.31.1.0/24"


def service(name: str, *, namespace: str = "app", created: str = "1", **spec: Any) -> dict[str, Any]:
    annotations = spec.pop("annotations", {})
    ingress = spec.pop("ingress", [])
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": created,
            "annotations": annotations,
        },
        "spec": {"clusterIP": "10.129.0.9", "ports": [{"name": "http", "port": 80}], **spec},
        "status": {"loadBalancer": {"ingress": ingress}},
    }


def slice_of(name: str, *hosts: str, port: int = 8080, ready: bool | None = True, namespace: str = "app") -> Any:
    return {
        "metadata": {"namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": [host], "conditions": {"ready": ready}} for host in hosts],
    }


def translated(*given: Any, slices: list[Any]) -> str:
    addresses = services.load_balancer_addresses(given, CIDR)
    return services.rules(services.backends(given, slices, addresses, ["172.31.0.1", "172.30.1.1"]), ("10.129.0.0/16",))


def test_a_service_is_spread_over_its_ready_endpoints() -> None:
    text = translated(service("echo"), slices=[slice_of("echo", "10.65.128.2", "10.65.128.1", "10.65.128.3")])
    assert text == (
        "*nat\n"
        ":MESHLAB-SERVICES - [0:0]\n"
        ":MESHLAB-HAIRPIN - [0:0]\n"
        "-A MESHLAB-SERVICES -d 10.129.0.9/32 -p tcp --dport 80 -m statistic --mode random --probability 0.33333333"
        ' -m comment --comment "app/echo:http" -j DNAT --to-destination 10.65.128.1:8080\n'
        "-A MESHLAB-SERVICES -d 10.129.0.9/32 -p tcp --dport 80 -m statistic --mode random --probability 0.50000000"
        ' -m comment --comment "app/echo:http" -j DNAT --to-destination 10.65.128.2:8080\n'
        "-A MESHLAB-SERVICES -d 10.129.0.9/32 -p tcp --dport 80"
        ' -m comment --comment "app/echo:http" -j DNAT --to-destination 10.65.128.3:8080\n'
        "-A MESHLAB-HAIRPIN -s 10.65.128.1/32 -d 10.65.128.1/32 -j MASQUERADE\n"
        "-A MESHLAB-HAIRPIN -s 10.65.128.2/32 -d 10.65.128.2/32 -j MASQUERADE\n"
        "-A MESHLAB-HAIRPIN -s 10.65.128.3/32 -d 10.65.128.3/32 -j MASQUERADE\n"
        "COMMIT\n"
        "*filter\n"
        ":MESHLAB-REFUSE - [0:0]\n"
        "-A MESHLAB-REFUSE -d 10.129.0.0/16 -j REJECT\n"
        "COMMIT\n"
    )


@pytest.mark.parametrize(
    "slices",
    [
        pytest.param([], id="no slice"),
        pytest.param([slice_of("echo", "10.65.128.1", ready=False)], id="not ready"),
        pytest.param([slice_of("other", "10.65.128.1")], id="of another service"),
        pytest.param([slice_of("echo", "10.65.128.1", namespace="other")], id="of another namespace"),
    ],
)
def test_without_a_ready_endpoint_connections_are_refused(slices: list[Any]) -> None:
    text = translated(service("echo"), slices=slices)
    assert "DNAT" not in text
    assert (
        '-A MESHLAB-REFUSE -d 10.129.0.9/32 -p tcp --dport 80 -m comment --comment "app/echo:http"'
        " -j REJECT --reject-with tcp-reset" in text
    )


def test_an_endpoint_of_unknown_readiness_is_ready() -> None:
    assert "--to-destination 10.65.128.1:8080" in translated(
        service("echo"), slices=[slice_of("echo", "10.65.128.1", ready=None)]
    )


def test_load_balancer_external_and_node_addresses_lead_to_the_same_endpoints() -> None:
    gateway = service(
        "gateway",
        type="LoadBalancer",
        externalIPs=["192.0.2.7"],
        ports=[{"name": "http", "port": 15443, "nodePort": 30443}],
    )
    text = translated(gateway, slices=[slice_of("gateway", "10.65.128.5", port=15443)])
    for destination in (
        "10.129.0.9/32 -p tcp --dport 15443",
        "192.0.2.7/32 -p tcp --dport 15443",
        "172.31.1.1/32 -p tcp --dport 15443",
        "172.31.0.1/32 -p tcp --dport 30443",
        "172.30.1.1/32 -p tcp --dport 30443",
    ):
        assert f"-d {destination} -m comment" in text


def test_addresses_stay_and_new_ones_take_the_first_free() -> None:
    given = [
        service("new", type="LoadBalancer", created="3"),
        service("kept", type="LoadBalancer", created="2", ingress=[{"ip": "172.31.1.1"}]),
        service("named", type="LoadBalancer", created="1", ingress=[{"hostname": "172-31-1-9.lb.meshlab"}]),
        service("foreign", type="LoadBalancer", created="4", ingress=[{"ip": "198.51.100.1"}]),
        service("inside", type="ClusterIP"),
        service("none", type="LoadBalancer", annotations={"meshlab/load-balancer": "none"}),
        service("class", type="LoadBalancer", loadBalancerClass="other"),
        service(
            "outside",
            type="LoadBalancer",
            annotations={"meshlab/load-balancer": "outside"},
            ingress=[{"hostname": "172-31-1-77.lb.meshlab"}],
        ),
        service("nameless", type="LoadBalancer", annotations={"meshlab/load-balancer": "outside"}),
    ]
    assert services.load_balancer_addresses(given, CIDR) == {
        ("app", "kept"): "172.31.1.1",
        ("app", "named"): "172.31.1.9",
        ("app", "new"): "172.31.1.2",
        ("app", "foreign"): "172.31.1.3",
        ("app", "outside"): "172.31.1.77",
    }


def test_a_range_that_is_used_up_is_named() -> None:
    given = [service(f"s{number}", type="LoadBalancer") for number in range(3)]
    with pytest.raises(RuntimeError, match=r"172\.31\.1\.0/30 for Service app/s2"):
        services.load_balancer_addresses(given, "172.31.1.0/30")


IP = {"ip": "172.31.1.1", "ipMode": "VIP"}


@pytest.mark.parametrize(
    ("given", "address", "expected"),
    [
        (service("s", type="LoadBalancer"), "172.31.1.1", [IP]),
        (service("s", type="LoadBalancer", ingress=[IP]), "172.31.1.1", None),
        (service("s", type="LoadBalancer", ingress=[IP]), None, []),
        (service("s", type="LoadBalancer"), None, None),
        (service("s", type="LoadBalancer", loadBalancerClass="other"), None, None),
        (service("s", type="ClusterIP"), None, None),
        (service("s", type="LoadBalancer", annotations={"meshlab/load-balancer": "outside"}), "172.31.1.1", None),
        (
            service("s", type="LoadBalancer", annotations={"meshlab/load-balancer": "hostname"}),
            "172.31.1.1",
            [{"hostname": "172-31-1-1.lb.meshlab"}],
        ),
    ],
)
def test_status_is_written_only_where_it_differs(given: Any, address: str | None, expected: Any) -> None:
    assert services.load_balancer_status(given, address) == expected


def test_a_pod_knows_every_service_by_all_its_names() -> None:
    given = [
        service("echo"),
        service("istiod", namespace="istio-system", clusterIP="10.129.0.3"),
        service("headless", clusterIP="None"),
        service("edge", type="LoadBalancer"),
        service("outside", type="ExternalName", clusterIP=None),
    ]
    names = services.service_names(given, [slice_of("headless", "10.65.128.8", "10.65.128.7")])
    # In the order (namespace, name), the addresses of one name sorted.
    assert services.hosts(names, "app", ("10.65.128.1", "client-1")) == (
        "127.0.0.1 localhost\n"
        "::1 localhost ip6-localhost\n"
        "10.65.128.1 client-1\n"
        "10.129.0.9 echo.app.svc.cluster.local echo.app.svc echo.app echo\n"
        "10.129.0.9 edge.app.svc.cluster.local edge.app.svc edge.app edge\n"
        "10.65.128.7 headless.app.svc.cluster.local headless.app.svc headless.app headless\n"
        "10.65.128.8 headless.app.svc.cluster.local headless.app.svc headless.app headless\n"
        "10.129.0.3 istiod.istio-system.svc.cluster.local istiod.istio-system.svc istiod.istio-system\n"
    )
