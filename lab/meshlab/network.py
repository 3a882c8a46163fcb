"""The lab's networks: a wan that routes between clusters, and in each cluster a bridge for its pods.

Each uplink is a routed link of its own, so that traffic between two clusters always passes the wan's FORWARD chain,
where a partition can drop it. Every step may be repeated.
"""

from __future__ import annotations

from .layout import API_SERVER_PORT, ClusterLayout, Lab
from .netns import connect, create, ip_batch, run, run_in


def ensure_wan(lab: Lab) -> bool:
    """The wan namespace with its router's address. True when it was made now."""
    made = create(lab.wan_namespace)
    if made:
        ip_batch(lab.wan_namespace, [f"addr add {lab.wan_router}/32 dev lo"])
        _set(lab.wan_namespace, "net/ipv4/ip_forward", "1")
    return made


def ensure_cluster(cluster: ClusterLayout, *, shared_network: bool) -> bool:
    """The cluster's namespace, bridge, uplink, routes and masquerading. True when the namespace was made now."""
    made = create(cluster.namespace)
    connect(cluster.namespace, cluster.uplink, cluster.lab.wan_namespace, cluster.wan_port)
    if f"{cluster.bridge}:" not in run(["ip", "-n", cluster.namespace, "-o", "link", "show", "type", "bridge"]):
        # With an address of its own: a bridge without one takes that of a port, and another one's when that pod goes,
        # and then the other pods send to an address that nobody has, until they ask again.
        ip_batch(
            cluster.namespace, [f"link add {cluster.bridge} address {cluster.bridge_hardware_address} type bridge"]
        )
    ip_batch(cluster.namespace, _cluster_routes(cluster))
    ip_batch(cluster.lab.wan_namespace, _wan_routes(cluster, shared_network=shared_network))
    _set(cluster.namespace, "net/ipv4/ip_forward", "1")
    for rule in _rules(cluster, shared_network=shared_network):
        ensure_rule(cluster.namespace, rule)
    return made


def ensure_rule(namespace: str, rule: str, *, first: bool = False) -> None:
    """Add an iptables rule, "-t nat POSTROUTING -s ...", as last or first of its chain, unless it is there."""
    if not has_rule(namespace, rule):
        _iptables(namespace, "-I" if first else "-A", rule)


def remove_rule(namespace: str, rule: str) -> None:
    while has_rule(namespace, rule):
        _iptables(namespace, "-D", rule)


def has_rule(namespace: str, rule: str) -> bool:
    check = " ".join(_iptables_command("-C", rule))
    return run_in(namespace, ["sh", "-c", f"{check} 2>/dev/null && echo yes"], check=False).strip() == "yes"


def _iptables(namespace: str, action: str, rule: str) -> None:
    run_in(namespace, _iptables_command(action, rule))


def _iptables_command(action: str, rule: str) -> list[str]:
    words = rule.split()
    table, words = (words[:2], words[2:]) if words[0] == "-t" else ([], words)
    return ["iptables", "-w", *table, action, *words]


def _cluster_routes(cluster: ClusterLayout) -> list[str]:
    return [
        f"addr replace {cluster.wan_address}/32 dev {cluster.uplink}",
        f"addr replace {cluster.bridge_address}/16 dev {cluster.bridge}",
        f"link set {cluster.bridge} up",
        f"route replace {cluster.lab.wan_router}/32 dev {cluster.uplink}",
        f"route replace default via {cluster.lab.wan_router} dev {cluster.uplink} src {cluster.wan_address}",
    ]


def _wan_routes(cluster: ClusterLayout, *, shared_network: bool) -> list[str]:
    via = f"via {cluster.wan_address} dev {cluster.wan_port} onlink"
    return [
        f"route replace {cluster.wan_address}/32 dev {cluster.wan_port} src {cluster.lab.wan_router}",
        f"route replace {cluster.load_balancer_cidr} {via}",
        f"route replace {cluster.external_cidr} {via}",
        *([f"route replace {cluster.pod_cidr} {via}"] if shared_network else []),
    ]


def _rules(cluster: ClusterLayout, *, shared_network: bool) -> list[str]:
    return [
        # In-cluster configuration names the cluster IP of default/kubernetes.
        f"-t nat PREROUTING -d {cluster.kubernetes_service_address}/32 -p tcp -m tcp --dport 443"
        f" -j REDIRECT --to-ports {API_SERVER_PORT}",
        # Load balancer addresses that nobody has would go round between cluster and wan.
        f"FORWARD -i {cluster.uplink} -o {cluster.uplink} -j REJECT --reject-with icmp-host-unreachable",
        *([] if shared_network else [f"-t nat POSTROUTING -s {cluster.pod_cidr} -o {cluster.uplink} -j MASQUERADE"]),
    ]


def _set(namespace: str, key: str, value: str) -> None:
    run_in(namespace, ["sh", "-c", f"echo {value} > /proc/sys/{key}"])
