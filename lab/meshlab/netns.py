"""Network namespaces by iproute2 and nsenter.

All namespaces are made from the root namespace: one made inside `ip netns exec` would be seen only there.
Commands enter by `nsenter --net`, which keeps the mount namespace (`ip netns exec` makes a new one).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_RUN = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


class CommandError(RuntimeError):
    """A command of the system failed. str() has the command, its exit code and its standard error."""

    def __init__(self, command: Sequence[str], code: int, stderr: str) -> None:
        super().__init__(f"`{' '.join(command)}` ended with {code}: {stderr.strip() or 'no message'}")
        self.command = tuple(command)
        self.code = code
        self.stderr = stderr


def run(command: Sequence[str], *, stdin: str | None = None, check: bool = True) -> str:
    """Run a command and return its standard output. Raises CommandError unless it ends with 0 or check is false."""
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise CommandError(command, done.returncode, done.stderr)
    return done.stdout


def path(namespace: str) -> Path:
    return _RUN / namespace


def exists(namespace: str) -> bool:
    return path(namespace).exists()


def names() -> list[str]:
    return sorted(entry.name for entry in _RUN.iterdir()) if _RUN.is_dir() else []


def inside(namespace: str, command: Sequence[str]) -> list[str]:
    """The command line that runs `command` in the namespace."""
    return ["nsenter", f"--net={path(namespace)}", "--", *command]


def run_in(namespace: str, command: Sequence[str], *, stdin: str | None = None, check: bool = True) -> str:
    """As run(), in the namespace."""
    return run(inside(namespace, command), stdin=stdin, check=check)


def ip(namespace: str, *arguments: str) -> str:
    """iproute2's ip, in the namespace: ip(ns, "link", "set", "lo", "up")."""
    return run(["ip", "-n", namespace, *arguments])


def ip_batch(namespace: str, lines: Sequence[str]) -> None:
    """Several ip commands in one process; stops at the first that fails."""
    run(["ip", "-n", namespace, "-batch", "-"], stdin="".join(f"{line}\n" for line in lines))


def create(namespace: str) -> bool:
    """Make the namespace with its loopback device up. False when it was there already."""
    made = not exists(namespace)
    if made:
        run(["ip", "netns", "add", namespace])
    ip(namespace, "link", "set", "lo", "up")
    return made


def delete(namespace: str) -> None:
    """Remove the namespace's name; its devices go when its last process has ended. Nothing happens without it."""
    if exists(namespace):
        run(["ip", "netns", "delete", namespace])


def has_device(namespace: str, device: str) -> bool:
    return bool(run(["ip", "-n", namespace, "link", "show", "dev", device], check=False))


def connect(namespace: str, device: str, peer_namespace: str, peer_device: str) -> bool:
    """A veth pair between two namespaces, both ends up. False when the device was there already."""
    if has_device(namespace, device):
        return False
    ip(namespace, "link", "add", device, "type", "veth", "peer", "name", peer_device, "netns", peer_namespace)
    ip(namespace, "link", "set", device, "up")
    ip(peer_namespace, "link", "set", peer_device, "up")
    return True


def process_ids(namespace: str) -> list[int]:
    """Processes whose network namespace this is."""
    return [int(word) for word in run(["ip", "netns", "pids", namespace], check=False).split()]


def enter(namespace: str) -> None:
    """Move the calling thread into the namespace; sockets that it has keep theirs. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path(namespace), os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path(namespace)))
    finally:
        os.close(descriptor)
