"""Become a container's program: `unshare --mount --pid ... launcher.py FILE`. Uses the standard library alone.

Started in the pod's network namespace and in new mount and pid namespaces, it builds the container's root on a tmpfs,
makes it the root, drops to the container's user and becomes its program. All mounts vanish with the namespace.
FILE is JSON, see `LaunchPlan` in containers.py. It runs by `python -I -S`, so it imports nothing of meshlab.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import signal
import socket
import sys
from typing import Any

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT, _MS_BIND, _MS_REC = 1, 2, 4, 8, 32, 4096, 16384
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode() if data else None
    )
    _check(result, f"mount {source} on {target}")


def _bind(source: str, target: str, readonly: bool) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    _mount(source, target, flags=_MS_BIND | _MS_REC)
    if readonly:
        _mount("none", target, flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY)


def _build_root(plan: dict[str, Any]) -> None:
    root: str = plan["root"]
    os.makedirs(root, exist_ok=True)
    _mount("tmpfs", root, "tmpfs", _MS_NODEV, "mode=0755,size=256m")
    for name in ("bin", "lib", "lib64", "sbin", "usr"):
        host = f"/{name}"
        if os.path.islink(host):
            os.symlink(os.readlink(host), root + host)
        elif os.path.isdir(host):
            _bind(host, root + host, True)
    _mount("tmpfs", f"{root}/usr/local", "tmpfs", 0, "mode=0755,size=1m")
    for path, mode in (("tmp", 0o1777), ("run", 0o755), ("var/tmp", 0o1777), ("root", 0o700), ("dev/shm", 0o1777)):
        os.makedirs(f"{root}/{path}", exist_ok=True)
        os.chmod(f"{root}/{path}", mode)
    os.symlink("/run", f"{root}/var/run")
    for name in _DEVICES:
        _bind(f"/dev/{name}", f"{root}/dev/{name}", False)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{root}/dev/{name}")
    os.makedirs(f"{root}/proc")
    _mount("proc", f"{root}/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    for path, text in plan["files"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "w") as output:
            output.write(text)
    for bind in plan["binds"]:
        _bind(bind["source"], _inside(root, bind["target"]), bind["readonly"])


def _inside(root: str, target: str) -> str:
    """A path of the container as seen before its root is the root: /var/run is the link to /run there."""
    return root + ("/run" + target[len("/var/run") :] if target.startswith("/var/run/") else target)


def _enter_root(plan: dict[str, Any]) -> None:
    os.chdir(plan["root"])
    _check(_libc.syscall(_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", _MNT_DETACH), "umount of the old root")
    os.chdir("/")
    if plan["readonly_root"]:
        _mount("none", "/", flags=_MS_REMOUNT | _MS_BIND | _MS_RDONLY)
    os.chdir(plan["cwd"])


def main(path: str) -> None:
    with open(path) as source:
        plan = json.load(source)
    socket.sethostname(plan["hostname"])
    _build_root(plan)
    _enter_root(plan)
    os.umask(0o022)
    os.setgroups(plan["groups"])
    os.setresgid(plan["gid"], plan["gid"], plan["gid"])
    os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    # A change of user clears the signal that ends us with `unshare`, and with it the whole pid namespace.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    program = shutil.which(plan["argv"][0], path=plan["environment"].get("PATH", os.defpath))
    if program is None:
        raise FileNotFoundError(f"no program {plan['argv'][0]!r} in the container")
    os.execve(program, plan["argv"], plan["environment"])


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(f"container does not start: {error}")
