"""Run a command in a container: `python -I -S entry.py RECORD PLAN COMMAND...`.

RECORD is the record of the container's process, PLAN its launch plan: the command has the container's user,
environment and folder. Uses the standard library alone and imports nothing of meshlab, so that it starts fast and
works where only the interpreter is to be seen (shims.py).
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from typing import Any

# The mount namespace last: afterwards paths are the container's.
_SPACES = (("pid", 0x20000000), ("net", 0x40000000), ("uts", 0x04000000), ("ipc", 0x08000000), ("mnt", 0x00020000))


def first_process(record: dict[str, Any]) -> int:
    """Process 1 of the container. Raises ProcessLookupError when it does not run."""
    pid = record["pid"]
    try:
        with open(f"/proc/{pid}/stat") as stat:
            started = int(stat.read().rpartition(")")[2].split()[19])
        with open(f"/proc/{pid}/task/{pid}/children") as children:
            inner = children.read().split()
    except OSError:
        inner, started = [], -1
    if started != record["started"] or not inner:
        raise ProcessLookupError("the container does not run")
    return int(inner[0])


def enter(pid: int) -> None:
    """Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptors = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), flag) for name, flag in _SPACES]
    for descriptor, flag in descriptors:
        if libc.setns(descriptor, flag) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"enter the container: {os.strerror(number)}")
        os.close(descriptor)


def become(plan: dict[str, Any], argv: list[str]) -> None:
    """Drop to the container's user and become the command. Raises OSError."""
    os.chdir(plan["cwd"])
    os.setgroups(plan["groups"])
    os.setresgid(plan["gid"], plan["gid"], plan["gid"])
    os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    environment = {**plan["environment"], **({"TERM": os.environ["TERM"]} if "TERM" in os.environ else {})}
    path = environment.get("PATH", os.defpath)
    # A bare name was already made a path on the machine when this was called through shims.py.
    program = shutil.which(argv[0], path=path) or shutil.which(os.path.basename(argv[0]), path=path)
    if program is None:
        raise FileNotFoundError(f"no program {argv[0]!r} in the container")
    os.execve(program, argv, environment)


def main(record: str, plan: str, argv: list[str]) -> int:
    """The command's exit code; 126 when it cannot be started."""
    try:
        with open(record) as source:
            found = json.load(source)
        with open(plan) as source:
            planned = json.load(source)
        enter(first_process(found))
        # Only a child is in the pid namespace.
        child = os.fork()
        if child == 0:
            become(planned, argv)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except OSError as error:
        print(f"{argv[0]}: {error.strerror or error}", file=sys.stderr, flush=True)
        os._exit(126)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
