"""Names, addresses and paths of a lab. Pure: nothing here touches the machine.

Two labs may use the same addresses, because each has network namespaces of its own; only ports on the loopback
device of the root namespace are shared between them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_LAB = "lab"
API_SERVER_PORT = 6443
EAST_WEST_PORT = 15443
MAXIMUM_CLUSTERS = 60
# A lab's name has no dash, so that the namespaces of lab "a" are never taken for those of a lab "a-b".
_LAB_NAME = re.compile(r"[a-z][a-z0-9_]{0,15}")
# A cluster's name is a DNS label and short enough for names that are made from it.
_CLUSTER_NAME = re.compile(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?")
_RESERVED_CLUSTER_NAMES = frozenset({"wan", "processes", "files"})


def home(environ: Mapping[str, str] | None = None) -> Path:
    """The folder with the state of all labs: MESHLAB_HOME, else ~/.local/state/meshlab."""
    environ = os.environ if environ is None else environ
    given = environ.get("MESHLAB_HOME")
    return Path(given) if given else Path(environ.get("HOME", "/")) / ".local/state/meshlab"


@dataclass(frozen=True)
class ClusterLayout:
    """One cluster of a lab. `index` counts from 1 and stays the cluster's as long as the lab runs."""

    lab: Lab
    name: str
    index: int

    def __post_init__(self) -> None:
        if not _CLUSTER_NAME.fullmatch(self.name) or self.name in _RESERVED_CLUSTER_NAMES:
            raise ValueError(
                f"cluster name {self.name!r}: use a lower-case DNS label of at most 32 characters, not one of "
                + ", ".join(sorted(_RESERVED_CLUSTER_NAMES))
            )
        if not 1 <= self.index <= MAXIMUM_CLUSTERS:
            raise ValueError(f"cluster {self.name}: index {self.index} is not within 1..{MAXIMUM_CLUSTERS}")

    # Network namespaces and devices
    @property
    def namespace(self) -> str:
        """Network namespace with the bridge, the uplink and the control plane's processes."""
        return f"{self.lab.namespace_prefix}{self.name}"

    @property
    def bridge(self) -> str:
        """Bridge in the cluster's namespace on which every pod has a port."""
        return "br0"

    @property
    def uplink(self) -> str:
        """The cluster's device towards the wan."""
        return "uplink"

    @property
    def wan_port(self) -> str:
        """The wan's device towards this cluster (in the wan namespace)."""
        return f"c{self.index}"

    def pod_namespace(self, uid: str) -> str:
        return f"{self.namespace}-{short_uid(uid)}"

    def pod_port(self, uid: str) -> str:
        """The pod's device on the cluster's side; the pod's own is eth0."""
        return f"p{short_uid(uid)}"

    # Addresses
    @property
    def pod_cidr(self) -> str:
        return f"10.{64 + self.index}.0.0/16"

    @property
    def bridge_address(self) -> str:
        """Address of the bridge: the pods' default route."""
        return f"10.{64 + self.index}.0.1"

    @property
    def bridge_hardware_address(self) -> str:
        """A locally administered one."""
        return f"02:00:00:00:00:{self.index:02x}"

    @property
    def kwok_pod_cidr(self) -> str:
        """Addresses of the pods that only kwok says to run; apart from the bridge's and the agent's."""
        return f"10.{64 + self.index}.64.0/18"

    @property
    def agent_pod_cidr(self) -> str:
        """Addresses of the pods that really run."""
        return f"10.{64 + self.index}.128.0/17"

    @property
    def service_cidr(self) -> str:
        return f"10.{128 + self.index}.0.0/16"

    @property
    def kubernetes_service_address(self) -> str:
        """Cluster IP of default/kubernetes; port 443 of it is redirected to the API server."""
        return f"10.{128 + self.index}.0.1"

    @property
    def wan_address(self) -> str:
        return f"172.31.0.{self.index}"

    @property
    def load_balancer_cidr(self) -> str:
        """Addresses for Services of type LoadBalancer, routed by the wan to this cluster."""
        return f"172.31.{self.index}.0/24"

    @property
    def external_cidr(self) -> str:
        """Addresses that no cloud gives, for `externalIPs` of Services; routed by the wan to this cluster."""
        return f"172.30.{self.index}.0/24"

    @property
    def node_external_address(self) -> str:
        """The node's address of type ExternalIP, at which its node ports are served too; the first of external_cidr."""
        return f"172.30.{self.index}.1"

    @property
    def name_server(self) -> str:
        """The DNS server that pods ask."""
        return self.bridge_address

    @property
    def api_server(self) -> str:
        """The API server as pods of every cluster reach it."""
        return f"https://{self.wan_address}:{API_SERVER_PORT}"

    @property
    def node(self) -> str:
        return f"{self.name}-node"

    # Files
    @property
    def directory(self) -> Path:
        return self.lab.directory / self.name

    @property
    def kubeconfig(self) -> Path:
        """For users: through the forwarder on the loopback device."""
        return self.directory / "kubeconfig"

    @property
    def agent_kubeconfig(self) -> Path:
        """For the agent and others inside the cluster's namespace: https://127.0.0.1:6443."""
        return self.directory / "agent.kubeconfig"

    @property
    def kwok_directory(self) -> Path:
        return self.directory / "kwok"

    @property
    def seed(self) -> Path:
        """What the cluster's control plane starts from instead of from nothing (snapshots.py)."""
        return self.directory / "seed"

    @property
    def forwarder_control(self) -> Path:
        """Tells the forwarder which fault to play."""
        return self.directory / "forwarder.json"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def pods(self) -> Path:
        return self.directory / "pods"

    def pod_directory(self, uid: str) -> Path:
        return self.pods / uid

    def pod_address(self, uid: str) -> Path:
        """The file with the pod's address."""
        return self.pod_directory(uid) / "ip"

    def returning_marker(self, uid: str) -> Path:
        """Exists while a pod of a snapshot does not run again yet."""
        return self.pod_directory(uid) / "returning"

    def returning(self) -> set[str]:
        """UIDs of the pods that have the marker."""
        return {path.parent.name for path in self.pods.glob("*/returning")}

    def pod_hosts(self, uid: str) -> Path:
        """The pod's /etc/hosts."""
        return self.pod_directory(uid) / "hosts"

    def unready_marker(self, uid: str) -> Path:
        """While this file exists the pod is reported not Ready (fault `unready`)."""
        return self.pod_directory(uid) / "unready"

    # Names of recorded processes (files in Lab.processes)
    def process(self, part: str) -> str:
        """Name of the record of one of the cluster's processes, e.g. part "agent" or "pod-<8 hex>-istio-proxy"."""
        return f"{self.name}.{part}"


@dataclass(frozen=True)
class Lab:
    """A lab by name. Which clusters it has is state (state.py), not layout."""

    name: str
    home: Path

    def __post_init__(self) -> None:
        if not is_lab_name(self.name):
            raise ValueError(
                f"lab name {self.name!r}: use at most 16 lower-case letters, digits and underscores, a letter first"
            )

    @property
    def directory(self) -> Path:
        return self.home / self.name

    @property
    def state_file(self) -> Path:
        return self.directory / "lab.json"

    @property
    def faults_file(self) -> Path:
        return self.directory / "faults.json"

    @property
    def lock_file(self) -> Path:
        """Held while a command changes the lab. Beside the folder, because `down` removes the folder."""
        return self.home / f".{self.name}.lock"

    @property
    def files(self) -> Path:
        """For whatever belongs to the lab and comes and goes with it."""
        return self.directory / "files"

    @property
    def processes(self) -> Path:
        return self.directory / "processes"

    @property
    def mark(self) -> dict[str, str]:
        """Environment of every process that the lab starts, and of no other process.

        It tells `down` of one that was started just before its starter was killed, and so never recorded.
        """
        return {"MESHLAB_OWNER": str(self.directory)}

    @property
    def namespace_prefix(self) -> str:
        """Every network namespace of this lab, and of no other, begins with it."""
        return f"ml-{self.name}-"

    @property
    def wan_namespace(self) -> str:
        return f"{self.namespace_prefix}wan"

    @property
    def wan_router(self) -> str:
        return "172.31.0.254"

    def cluster(self, name: str, index: int) -> ClusterLayout:
        return ClusterLayout(self, name, index)


def is_lab_name(text: str) -> bool:
    return _LAB_NAME.fullmatch(text) is not None


def short_uid(uid: str) -> str:
    """The 8 hex digits of a pod's UID that name its namespace and devices."""
    return uid.replace("-", "")[:8]
