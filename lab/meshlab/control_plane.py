"""A cluster's control plane: etcd, API server, controller manager, scheduler and kwok, started by kwokctl.

kwokctl runs in the cluster's network namespace, so everything it starts lives there. What it is told is rendered by
pure functions; only what differs from its defaults is set, because a whole KwokConfiguration drops the defaults.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import yaml

from . import netns, processes
from .agent import shims
from .api import Api, ApiError
from .errors import LabError
from .files import copy_folder
from .kubeconfig import render
from .layout import API_SERVER_PORT, ClusterLayout, Lab
from .state import ClusterState

_COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok-controller")
_NAME = "cluster"  # kwokctl's own name for the cluster; each has a work directory of its own
EXTERNAL_ADDRESS_ANNOTATION = "meshlab/external-address"
"""On a Node: its address of type ExternalIP (stages/node.yaml). A Node without it has none."""
_CRDS = ("PortForward", "Exec", "Logs")
_STAGES = Path(__file__).parent / "stages"
SEED_PARTS = ("etcd", "pki")
"""Folders of kwokctl's from which it makes the same cluster again; what else it keeps, it writes anew."""


def configuration(cluster: ClusterLayout, *, seeded: bool = False) -> list[dict[str, Any]]:
    """kwokctl's configuration documents, without the stages. A seeded cluster has kwok's CRDs already."""
    service_range = {"key": "service-cluster-ip-range", "value": cluster.service_cidr}
    # There is one of each, and on a busy machine a late renewal of its lease would end it for good.
    no_leader_election = {"key": "leader-elect", "value": "false"}
    patches = {
        # A lab ends with its machine, and on a busy disk each write would wait for seconds.
        "etcd": [{"key": "unsafe-no-fsync", "value": "true"}],
        # Without aggregator routing the API server calls webhooks at a cluster IP, which nothing serves here.
        "kube-apiserver": [
            service_range,
            {"key": "enable-aggregator-routing", "value": "true"},
            # By default a node is dialled by its host name, which nothing resolves here (port-forward, exec, logs).
            {"key": "kubelet-preferred-address-types", "value": "InternalIP"},
            {"key": "advertise-address", "value": cluster.wan_address},
        ],
        "kube-controller-manager": [
            service_range,
            no_leader_election,
            {"key": "node-monitor-grace-period", "value": "87600h"},
        ],
        "kube-scheduler": [no_leader_election],
        "kwok-controller": [
            {"key": "cidr", "value": cluster.kwok_pod_cidr},
            {"key": "node-ip", "value": cluster.wan_address},
            # kwok holds a node's Lease under a name of its process, so after a restart it would wait 200 s for its
            # own. The node, of which nothing is heard then, stays ready by the controller manager's long patience.
            {"key": "node-lease-duration-seconds", "value": "0"},
            # kwokctl would add this itself to kwok's arguments, and fail to make CRDs that are there.
            *([{"key": "enable-crds", "value": ",".join(_CRDS)}] if seeded else []),
        ],
    }
    return [
        {
            "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
            "kind": "KwokctlConfiguration",
            "options": {
                "runtime": "binary",
                "bindAddress": "0.0.0.0",
                "kubeApiserverPort": API_SERVER_PORT,
                "kubeApiserverCertSANs": [
                    cluster.wan_address,
                    cluster.bridge_address,
                    cluster.kubernetes_service_address,
                ],
                "enableCRDs": [] if seeded else list(_CRDS),
            },
            "componentsPatches": [{"name": name, "extraArgs": extra} for name, extra in patches.items()],
        }
    ]


def node(cluster: ClusterLayout, region: str) -> dict[str, Any]:
    """The cluster's one Node; kwok keeps it Ready."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": cluster.node,
            "annotations": {
                "kwok.x-k8s.io/node": "fake",
                EXTERNAL_ADDRESS_ANNOTATION: cluster.node_external_address,
            },
            "labels": {
                "kubernetes.io/hostname": cluster.node,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/region": region,
                "topology.kubernetes.io/zone": f"{region}-a",
            },
        },
    }


def api(cluster: ClusterLayout, state: ClusterState, *, timeout: float = 5.0) -> Api:
    """The API server as seen from the root namespace."""
    return Api("127.0.0.1", state.port, pki(cluster), timeout=timeout)


def pki(cluster: ClusterLayout) -> Path:
    return part(cluster, "pki")


def create_directories(cluster: ClusterLayout) -> None:
    """The cluster's folders, as they may be read by others."""
    # Proxies run under another user and must reach their pod's folder; kwok's folder holds the cluster's keys.
    for folder, mode in ((cluster.directory, 0o711), (cluster.pods, 0o711), (cluster.logs, 0o755)):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
    cluster.kwok_directory.mkdir(mode=0o700, exist_ok=True)
    logs = cluster.logs / "control-plane"
    if not logs.is_symlink():
        logs.symlink_to(os.path.relpath(_work_directory(cluster) / "logs", cluster.logs))


def documents(cluster: ClusterLayout, *, seeded: bool = False) -> str:
    """All that kwokctl is told, as the text of its configuration file."""
    parts = [yaml.safe_dump(each, sort_keys=False) for each in configuration(cluster, seeded=seeded)]
    return "---\n".join([*parts, *(stage.read_text() for stage in sorted(_STAGES.glob("*.yaml")))])


def key(programs: str) -> str:
    """16 hex digits over what decides whether a cluster's data fits: the programs' own key and our settings."""
    example = Lab("lab", Path("/")).cluster("example", 1)
    parts = [programs, documents(example), yaml.safe_dump(node(example, "region"))]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def part(cluster: ClusterLayout, name: str) -> Path:
    """One of kwokctl's folders of the cluster."""
    return _work_directory(cluster) / name


def is_complete(cluster: ClusterLayout) -> bool:
    """The control plane was started completely once."""
    return _complete_marker(cluster).exists()


def resume(cluster: ClusterLayout) -> None:
    """Let etcd go on, which a save that was killed may have left paused."""
    etcd = processes.alive(cluster.lab.processes, cluster.process("etcd"))
    if etcd is not None:
        processes.resume(etcd)


def is_running(cluster: ClusterLayout) -> bool:
    """All components were started, completely once, and live."""
    return is_complete(cluster) and not ended(cluster)


def ended(cluster: ClusterLayout) -> list[str]:
    """The components that do not live."""
    return [name for name in _COMPONENTS if not processes.alive(cluster.lab.processes, cluster.process(name))]


def _pid_file(cluster: ClusterLayout, component: str) -> Path:
    return _work_directory(cluster) / "pids" / f"{component}.pid"


def start(cluster: ClusterLayout, state: ClusterState, binaries: Path) -> None:
    """Start or finish the control plane. Raises LabError with the end of kwokctl's output when it fails.

    What needs an API server may have `ended` for want of one: then start again once there is one.

    A cluster that never was complete starts from its seed, or from nothing, because a half-written one cannot be told
    from a whole one.
    """
    create_directories(cluster)
    if is_complete(cluster):
        for name in _COMPONENTS:
            if processes.alive(cluster.lab.processes, cluster.process(name)) is None:
                # kwokctl takes an ended process that nobody has waited for yet for a running one.
                _pid_file(cluster, name).unlink(missing_ok=True)
        _kwokctl(cluster, binaries, ["start", "cluster", "--name", _NAME])
    else:
        _end_all(cluster)
        shutil.rmtree(cluster.kwok_directory, ignore_errors=True)
        create_directories(cluster)
        if cluster.seed.exists():
            _work_directory(cluster).mkdir(parents=True)
            for name in SEED_PARTS:
                copy_folder(cluster.seed / name, part(cluster, name))
        _create(cluster, binaries)
    for name in _COMPONENTS:
        pid = int(_pid_file(cluster, name).read_text())
        recorded = processes.record(cluster.lab.processes, cluster.process(name), pid, [name])
        if recorded is None and name in ("etcd", "kube-apiserver"):
            raise LabError(f"cluster {cluster.name}: {name} ended at once: see {cluster.logs}/control-plane/{name}.log")
    _protect_keys(cluster)
    _write_kubeconfigs(cluster, state)
    _complete_marker(cluster).touch()
    shutil.rmtree(cluster.seed, ignore_errors=True)


def ensure_node(cluster: ClusterLayout, state: ClusterState) -> bool:
    """The Node; True when it was made now."""
    server = api(cluster, state)
    try:
        server.get(f"/api/v1/nodes/{cluster.node}")
        return False
    except ApiError as error:
        if error.status != 404:
            raise LabError(f"cluster {cluster.name}: {error}: run `meshlab fault clear`, or `meshlab down`") from error
    server.request("POST", "/api/v1/nodes", node(cluster, state.region))
    return True


def missing(cluster: ClusterLayout, state: ClusterState) -> str:
    """What a pod would still have to wait for; "" when there is nothing."""
    server = api(cluster, state)
    try:
        status = server.get(f"/api/v1/nodes/{cluster.node}").get("status", {})
        if not any(each["type"] == "Ready" and each["status"] == "True" for each in status.get("conditions") or ()):
            return "the node is not ready"
        server.get("/api/v1/namespaces/default/serviceaccounts/default")
    except ApiError as error:
        return str(error)
    return ""


def runs_shims(cluster: ClusterLayout) -> bool:
    """Whether kwok was started so that the commands it executes run in containers (shims.py)."""
    program = part(cluster, "bin") / "kwok-controller"
    return program.resolve() == (_shims(cluster) / "kwok").resolve()


def _shims(cluster: ClusterLayout) -> Path:
    return cluster.directory / "shims"


def _work_directory(cluster: ClusterLayout) -> Path:
    return cluster.kwok_directory / "clusters" / _NAME


def _complete_marker(cluster: ClusterLayout) -> Path:
    return cluster.kwok_directory / "complete"


def _create(cluster: ClusterLayout, binaries: Path) -> None:
    config = cluster.directory / "kwokctl.yaml"
    config.write_text(documents(cluster, seeded=cluster.seed.exists()))
    options = {
        "--name": _NAME,
        "--config": str(config),
        "--kubeconfig": str(cluster.kwok_directory / "kubeconfig"),
        "--etcd-binary": str(binaries / "etcd"),
        "--kube-apiserver-binary": str(binaries / "kube-apiserver"),
        "--kube-controller-manager-binary": str(binaries / "kube-controller-manager"),
        "--kube-scheduler-binary": str(binaries / "kube-scheduler"),
        # So that what kwok executes for a container runs in it.
        "--kwok-controller-binary": str(shims.install(_shims(cluster), binaries / "kwok")),
    }
    _kwokctl(cluster, binaries, ["create", "cluster", *(word for option in options.items() for word in option)])


def _kwokctl(cluster: ClusterLayout, binaries: Path, arguments: list[str]) -> None:
    log = cluster.logs / "kwokctl.log"
    # kwokctl calls kubectl, and downloads one unless it is in PATH.
    environ = {
        **os.environ,
        **cluster.lab.mark,
        # Memory for time: a start of the API server takes a fifth less of a core.
        "GOGC": "300",
        "KWOK_WORKDIR": str(cluster.kwok_directory),
        "PATH": f"{binaries}:{os.environ.get('PATH', '')}",
    }
    with log.open("ab") as output:
        # A session of its own: Ctrl-C ends the command, and what it started is then known by its record.
        child = subprocess.Popen(
            netns.inside(cluster.namespace, [str(binaries / "kwokctl"), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environ,
            start_new_session=True,
        )
        name = cluster.process("kwokctl")
        processes.record(cluster.lab.processes, name, child.pid, ["kwokctl"])
        code = child.wait()
        processes.stop(cluster.lab.processes, name)
    if code != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-3:])
        raise LabError(f"cluster {cluster.name}: kwokctl ended with {code}; the end of {log}:\n{tail}")


def _end_all(cluster: ClusterLayout) -> None:
    """End whatever an interrupted start left in the cluster's namespace."""
    deadline = time.monotonic() + 10
    while found := netns.process_ids(cluster.namespace):
        started = ((pid, processes.start_time(pid)) for pid in found)
        processes.end((processes.Record("leftover", pid, at) for pid, at in started if at is not None), grace=0.5)
        if time.monotonic() > deadline:
            raise LabError(f"cluster {cluster.name}: processes {found} do not end: run `meshlab down`")


def _protect_keys(cluster: ClusterLayout) -> None:
    for key in pki(cluster).glob("*.key"):
        key.chmod(0o600)


def _write_kubeconfigs(cluster: ClusterLayout, state: ClusterState) -> None:
    folder = pki(cluster)
    authority, certificate, key = (folder.joinpath(name).read_bytes() for name in ("ca.crt", "admin.crt", "admin.key"))
    for path, server in (
        (cluster.kubeconfig, f"https://127.0.0.1:{state.port}"),
        (cluster.agent_kubeconfig, f"https://127.0.0.1:{API_SERVER_PORT}"),
    ):
        partial = path.with_name(f".{path.name}.partial")
        partial.touch(mode=0o600)
        partial.write_text(render(cluster.name, server, authority, certificate, key))
        partial.replace(path)
