"""Network of the pods that really run: a namespace each, joined to the cluster's bridge.

A pod has a /32 address and one route, by the bridge's address: what it sends to a neighbour on the same bridge passes
the cluster's namespace too, where Services are translated. Directly between bridge ports replies would go past it.
"""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from meshlab import netns
from meshlab.layout import ClusterLayout

from .services import JUMPS


def free_address(cidr: str, used: Iterable[str], last: str | None) -> str:
    """The next address after `last` that nobody uses, round the range. Raises RuntimeError when all are used."""
    network = ipaddress.IPv4Network(cidr)
    taken = set(used)
    first = int(network.network_address) + 1
    count = network.num_addresses - 2
    begin = int(ipaddress.IPv4Address(last)) - first + 1 if last else 0
    for step in range(count):
        candidate = str(ipaddress.IPv4Address(first + (begin + step) % count))
        if candidate not in taken:
            return candidate
    raise RuntimeError(f"no pod address left in {cidr}")


def prepare_cluster(layout: ClusterLayout) -> None:
    """Settings and chains in the cluster's namespace that pods and Services need. Safe to repeat."""
    settings = {
        "net/ipv4/ip_forward": "1",
        # The pods' way over the bridge's address is meant: no redirects to the neighbour.
        "net/ipv4/conf/all/send_redirects": "0",
        f"net/ipv4/conf/{layout.bridge}/send_redirects": "0",
        # Pods' packets are routed; seen by iptables on the bridge too, they would be translated twice.
        "net/bridge/bridge-nf-call-iptables": "0",
    }
    for name, value in settings.items():
        path = Path("/proc/sys") / name
        if path.exists():
            path.write_text(value)
    for table, chain, target in JUMPS:
        netns.run(["iptables", "-w", "-t", table, "-N", target], check=False)
        if subprocess.run(
            ["iptables", "-w", "-t", table, "-C", chain, "-j", target], capture_output=True, check=False
        ).returncode:
            netns.run(["iptables", "-w", "-t", table, "-I", chain, "-j", target])


def create_pod(layout: ClusterLayout, uid: str, address: str, sysctls: Mapping[str, str]) -> None:
    """The pod's namespace with its address, default route and sysctls. Safe to repeat after an interruption."""
    name, port = layout.pod_namespace(uid), layout.pod_port(uid)
    netns.create(name)
    if not netns.has_device(layout.namespace, port):
        netns.connect(layout.namespace, port, name, "eth0")
    netns.ip(layout.namespace, "link", "set", port, "master", layout.bridge)
    netns.ip_batch(
        name,
        [
            f"address replace {address}/32 dev eth0",
            f"route replace {layout.bridge_address} dev eth0 scope link",
            f"route replace default via {layout.bridge_address} dev eth0 src {address}",
        ],
    )
    # As container engines do by default: any user of the pod may listen on port 80.
    wanted = {"net.ipv4.ip_unprivileged_port_start": "0", **sysctls}
    netns.run_in(name, ["sysctl", "-q", "-w", *(f"{key}={value}" for key, value in wanted.items())])


def delete_pod(layout: ClusterLayout, uid: str) -> None:
    """Remove the pod's devices and namespace. The devices go at once, so that nothing is sent to a dead pod."""
    port = layout.pod_port(uid)
    if netns.has_device(layout.namespace, port):
        netns.ip(layout.namespace, "link", "delete", port)
    netns.delete(layout.pod_namespace(uid))
