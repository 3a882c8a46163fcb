"""Running a command in a pod's network namespace."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from . import netns
from .errors import LabError
from .layout import ClusterLayout
from .pods import Pod


def command_line(namespace: str, hosts: Path | None, command: Sequence[str]) -> list[str]:
    """In the network namespace, and with `hosts` as /etc/hosts in a mount namespace of its own. Pure."""
    if hosts is None:
        return netns.inside(namespace, command)
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    wrapped = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", script, str(hosts), *command]
    return netns.inside(namespace, wrapped)


def environment(environ: Mapping[str, str], binaries: Path) -> dict[str, str]:
    """The caller's environment with the lab's programs in PATH. Pure."""
    return {**environ, "PATH": f"{binaries}:{environ.get('PATH', '/usr/bin:/bin')}"}


def execute(cluster: ClusterLayout, pod: Pod, command: Sequence[str], binaries: Path) -> NoReturn:
    """Become the command. Raises LabError when the pod does not really run."""
    namespace = cluster.pod_namespace(pod.uid)
    if not netns.exists(namespace):
        raise LabError(
            f"cluster {cluster.name}: pod {pod} has no network namespace: only pods of known images really run, "
            "once they are scheduled"
        )
    hosts = cluster.pod_hosts(pod.uid)
    line = command_line(namespace, hosts if hosts.exists() else None, command)
    os.execvpe(line[0], line, environment(os.environ, binaries))
