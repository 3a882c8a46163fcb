"""Services as a kube-proxy and a load balancer would serve them. Pure: objects in, texts out.

Every pod has a /32 address and reaches everything, its neighbours too, through the cluster's namespace; so both
directions of a connection pass there, and its connection tracking undoes the translation of replies.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from .names import address_of, hostname

JSON = dict[str, Any]
# On a Service of type LoadBalancer: `none` leaves it without an address, `hostname` gives the address as a name, and
# `outside` serves the address whose name somebody else wrote into its status, as a load balancer would of which the
# cluster knows nothing.
LOAD_BALANCER_ANNOTATION = "meshlab/load-balancer"
_PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


@dataclass(frozen=True)
class Backend:
    """One address and port of a Service with the ready endpoints behind it ("ip:port")."""

    comment: str
    address: str
    protocol: str
    port: int
    endpoints: tuple[str, ...]


def load_balancer_addresses(services: Iterable[JSON], cidr: str) -> dict[tuple[str, str], str]:
    """Address of each Service that gets one; what its status says already is kept. (namespace, name) -> address.

    Raises RuntimeError when the range is used up.
    """
    network = ipaddress.ip_network(cidr)
    asking = sorted(
        (service for service in services if _wants_address(service)),
        key=lambda service: (service["metadata"].get("creationTimestamp", ""), _key(service)),
    )
    given: dict[tuple[str, str], str] = {}
    for service in asking:
        address = _status_address(service)
        if address and ipaddress.ip_address(address) in network and address not in given.values():
            given[_key(service)] = address
    used = set(given.values())
    free = (str(host) for host in network.hosts() if str(host) not in used)
    for service in asking:
        if _key(service) not in given and _annotation(service) != "outside":
            address = next(free, None)
            if address is None:
                raise RuntimeError(f"no address left in {cidr} for Service {'/'.join(_key(service))}")
            given[_key(service)] = address
    return given


def load_balancer_status(service: JSON, address: str | None) -> list[JSON] | None:
    """The ingress list that the Service's status should have; None when it is right already or not ours to say."""
    spec = service["spec"]
    if spec.get("type") != "LoadBalancer" or spec.get("loadBalancerClass") or _annotation(service) == "outside":
        return None
    ingress: list[JSON] = []
    if address is not None and _annotation(service) == "hostname":
        ingress = [{"hostname": hostname(address)}]
    elif address is not None:
        ingress = [{"ip": address, "ipMode": "VIP"}]
    present = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []
    return None if present == ingress else ingress


def backends(
    services: Iterable[JSON],
    slices: Iterable[JSON],
    load_balancers: dict[tuple[str, str], str],
    node_addresses: Iterable[str],
) -> list[Backend]:
    """Cluster IPs, external IPs, load balancer addresses and node ports of all Services, in a stable order."""
    ready, node_addresses = _ready(slices), tuple(node_addresses)
    found: list[Backend] = []
    for service in sorted(services, key=_key):
        key, spec = _key(service), service["spec"]
        addresses = [each for each in spec.get("clusterIPs") or [spec.get("clusterIP")] if each and each != "None"]
        addresses += spec.get("externalIPs") or []
        if key in load_balancers:
            addresses.append(load_balancers[key])
        for port in spec.get("ports") or []:
            protocol = _PROTOCOLS[port.get("protocol", "TCP")]
            endpoints = tuple(sorted(ready.get((*key, port.get("name") or "", protocol), ())))
            comment = f"{'/'.join(key)}:{port.get('name') or port['port']}"
            for address in addresses:
                if "." in address:
                    found.append(Backend(comment, address, protocol, port["port"], endpoints))
            for address in node_addresses if port.get("nodePort") else ():
                found.append(Backend(comment, address, protocol, port["nodePort"], endpoints))
    return found


def rules(served: Iterable[Backend], refused_cidrs: Iterable[str]) -> str:
    """Text for `iptables-restore --noflush`: the whole content of our three chains.

    What has no endpoint is refused at once, and so is every other port of the ranges that belong to Services.
    """
    served = list(served)
    translate: list[str] = []
    refuse: list[str] = []
    for each in served:
        match = f"-d {each.address}/32 -p {each.protocol} --dport {each.port}"
        note = f'-m comment --comment "{each.comment}"'
        for index, endpoint in enumerate(each.endpoints):
            remaining = len(each.endpoints) - index
            chance = f" -m statistic --mode random --probability {1 / remaining:.8f}" if remaining > 1 else ""
            translate.append(f"-A MESHLAB-SERVICES {match}{chance} {note} -j DNAT --to-destination {endpoint}")
        if not each.endpoints:
            how = "tcp-reset" if each.protocol == "tcp" else "icmp-port-unreachable"
            refuse.append(f"-A MESHLAB-REFUSE {match} {note} -j REJECT --reject-with {how}")
    refuse += [f"-A MESHLAB-REFUSE -d {cidr} -j REJECT" for cidr in refused_cidrs]
    # A pod that reaches itself through a Service must see another source, or the answer would never leave it.
    hosts = sorted({endpoint.rpartition(":")[0] for each in served for endpoint in each.endpoints})
    masquerade = [f"-A MESHLAB-HAIRPIN -s {host}/32 -d {host}/32 -j MASQUERADE" for host in hosts]
    return "\n".join(
        [
            "*nat",
            ":MESHLAB-SERVICES - [0:0]",
            ":MESHLAB-HAIRPIN - [0:0]",
            *translate,
            *masquerade,
            "COMMIT",
            "*filter",
            ":MESHLAB-REFUSE - [0:0]",
            *refuse,
            "COMMIT",
            "",
        ]
    )


# (table, chain, jump): where our chains are called from.
JUMPS = (
    ("nat", "PREROUTING", "MESHLAB-SERVICES"),
    ("nat", "OUTPUT", "MESHLAB-SERVICES"),
    ("nat", "POSTROUTING", "MESHLAB-HAIRPIN"),
    ("filter", "FORWARD", "MESHLAB-REFUSE"),
    ("filter", "OUTPUT", "MESHLAB-REFUSE"),
)


def service_names(services: Iterable[JSON], slices: Iterable[JSON]) -> list[tuple[str, str, str]]:
    """(address, namespace, name) of every Service; headless ones have their ready endpoints' addresses."""
    ready = _ready(slices)
    found: list[tuple[str, str, str]] = []
    for service in sorted(services, key=_key):
        key = _key(service)
        address = service["spec"].get("clusterIP")
        if address == "None":
            hosts = {each.rpartition(":")[0] for other, ends in ready.items() if other[:2] == key for each in ends}
            found.extend((host, *key) for host in sorted(hosts))
        elif address:
            found.append((address, *key))
    return found


def hosts(
    names: Iterable[tuple[str, str, str]], namespace: str, own: tuple[str, str], domain: str = "cluster.local"
) -> str:
    """/etc/hosts of a pod in the namespace. `own` is the pod's (address, host name).

    It stands in for the cluster's DNS with its search list.
    """
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost", f"{own[0]} {own[1]}"]
    for address, of, name in names:
        aliases = [f"{name}.{of}.svc.{domain}", f"{name}.{of}.svc", f"{name}.{of}"]
        lines.append(" ".join([address, *aliases, *([name] if of == namespace else [])]))
    return "\n".join(lines) + "\n"


def _key(item: JSON) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _annotation(service: JSON) -> str:
    value: str = (service["metadata"].get("annotations") or {}).get(LOAD_BALANCER_ANNOTATION, "")
    return value


def _wants_address(service: JSON) -> bool:
    spec = service["spec"]
    ours = spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass")
    return ours and _annotation(service) != "none"


def _status_address(service: JSON) -> str | None:
    for entry in (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or []:
        if "ip" in entry:
            address: str = entry["ip"]
            return address
        return address_of(entry.get("hostname", ""))
    return None


def _ready(slices: Iterable[JSON]) -> dict[tuple[str, str, str, str], set[str]]:
    """Ready endpoints by (namespace, service, port name, protocol)."""
    found: dict[tuple[str, str, str, str], set[str]] = {}
    for each in slices:
        metadata = each["metadata"]
        service = (metadata.get("labels") or {}).get("kubernetes.io/service-name")
        if not service or each.get("addressType") != "IPv4":
            continue
        for port in each.get("ports") or []:
            key = (metadata["namespace"], service, port.get("name") or "", _PROTOCOLS[port.get("protocol") or "TCP"])
            if port.get("port") is not None:
                found.setdefault(key, set()).update(f"{host}:{port['port']}" for host in _ready_hosts(each))
    return found


def _ready_hosts(slice_: JSON) -> Iterator[str]:
    for endpoint in slice_.get("endpoints") or []:
        if (endpoint.get("conditions") or {}).get("ready") is not False:
            yield from endpoint.get("addresses") or []
