"""Processes of a lab: started detached, recorded on disk, ended exactly.

A record is pid plus start time, so that a pid which the kernel gave to someone else is never mistaken for ours.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One process: `started` is field 22 of /proc/PID/stat, in clock ticks since the machine started."""

    name: str
    pid: int
    started: int
    command: tuple[str, ...] = ()


def start_time(pid: int) -> int | None:
    """Start time in clock ticks, None when there is no such process or it is a zombie."""
    stat = _stat(pid)
    return None if stat is None or stat[0] in "ZX" else int(stat[19])


def is_alive(record: Record) -> bool:
    return start_time(record.pid) == record.started


def record(directory: Path, name: str, pid: int, command: Sequence[str] = ()) -> Record | None:
    """Write <directory>/<name>.json for a process that runs already. None when it has ended."""
    started = start_time(pid)
    if started is None:
        return None
    made = Record(name, pid, started, tuple(command))
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / f"{name}.json", made)
    return made


def load(directory: Path, name: str) -> Record | None:
    """The record of that name, whether its process lives or not. None without one, or with a torn one."""
    return _read(directory / f"{name}.json")


def load_all(directory: Path) -> list[Record]:
    found = (_read(path) for path in sorted(directory.glob("*.json"))) if directory.is_dir() else iter(())
    return [each for each in found if each is not None]


def alive(directory: Path, name: str) -> Record | None:
    """The record of that name if its process runs."""
    found = load(directory, name)
    return found if found is not None and is_alive(found) else None


def start(
    directory: Path,
    name: str,
    command: Sequence[str],
    *,
    log: Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    user: int | None = None,
    group: int | None = None,
    keep: Sequence[int] = (),
) -> Record:
    """Start a detached process in a session of its own, output appended to `log`, and record it.

    It inherits the file descriptors in `keep`, under the same numbers.

    Raises OSError when the program cannot be started, RuntimeError when it ended at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if environ is None else dict(environ),
            start_new_session=True,
            user=user,
            group=group,
            pass_fds=keep,
        )
    made = record(directory, name, child.pid, command)
    if made is None:
        raise RuntimeError(f"{name} ended at once with {child.wait()}; its output is in {log}")
    return made


def stop(directory: Path, name: str, *, grace: float = 5.0) -> bool:
    """End the recorded process and all its descendants, remove the record. True when something was running."""
    found = load(directory, name)
    running = found is not None and end([found], grace=grace)
    (directory / f"{name}.json").unlink(missing_ok=True)
    return bool(running)


def end(records: Iterable[Record], *, grace: float = 5.0) -> bool:
    """End the processes with all their descendants: TERM, and KILL for those that remain after `grace` seconds.

    Raises RuntimeError naming the pids that remain even so. True when something was running.
    """
    roots = [each for each in records if is_alive(each)]
    victims = {each.pid: each for root in roots for each in tree(root)}
    if not victims:
        return False
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        # A process may have started another since; ask again before each signal.
        for root in roots:
            victims.update({each.pid: each for each in tree(root)})
        for each in victims.values():
            _signal(each, number)
        if _wait_gone(victims.values(), patience):
            return True
    remaining = sorted(each.pid for each in victims.values() if is_alive(each))
    raise RuntimeError(f"processes {remaining} do not end, not even by SIGKILL")


@contextlib.contextmanager
def paused(records: Sequence[Record]) -> Iterator[None]:
    """The processes do nothing while the block runs. Raises RuntimeError when they do not stop."""
    try:
        for each in records:
            _signal(each, signal.SIGSTOP)
        deadline = time.monotonic() + 10
        while not all(_stopped(each) for each in records):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{', '.join(each.name for each in records)}: not stopped by SIGSTOP")
            time.sleep(0.005)
        yield
    finally:
        for each in records:
            resume(each)


def resume(paused_one: Record) -> None:
    _signal(paused_one, signal.SIGCONT)


def tree(root: Record) -> list[Record]:
    """The process and everything that descends from it or shares its session (it leads a session of its own)."""
    parents: dict[int, int] = {}
    sessions: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(int(entry))
            if stat is not None:
                parents[int(entry)], sessions[int(entry)] = int(stat[1]), int(stat[3])
    if not is_alive(root):
        return []
    found = {root.pid} | {pid for pid, session in sessions.items() if session == root.pid}
    size = 0
    while size != len(found):
        size = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    found.discard(os.getpid())
    made = ((pid, start_time(pid)) for pid in found)
    return [Record(root.name, pid, started) for pid, started in made if started is not None]


def with_environment(variables: Mapping[str, str]) -> set[int]:
    """Pids of the processes that were started with all of these variables, to the letter."""
    wanted = {f"{name}={value}".encode() for name, value in variables.items()}
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            # It may end meanwhile, or be another user's.
            with contextlib.suppress(OSError):
                if wanted <= set(Path(f"/proc/{entry}/environ").read_bytes().split(b"\0")):
                    found.add(int(entry))
    return found


def running(command: Sequence[str], variables: Mapping[str, str]) -> set[int]:
    """Pids of the processes with exactly these arguments that were started with these variables."""
    wanted = "\0".join(command).encode() + b"\0"
    found = set()
    for pid in with_environment(variables):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted:
                found.add(pid)
    return found


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third (state) on; the second may hold blanks and brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _stopped(target: Record) -> bool:
    """Every thread of it, or it has ended."""
    for path in Path(f"/proc/{target.pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            if path.read_text().rpartition(")")[2].split()[0] not in "TtZX":
                return False
    return True


def _signal(target: Record, number: signal.Signals) -> None:
    if is_alive(target):
        with contextlib.suppress(ProcessLookupError):
            os.kill(target.pid, number)


def _wait_gone(targets: Iterable[Record], seconds: float) -> bool:
    remaining = list(targets)
    deadline = time.monotonic() + seconds
    while True:
        for each in remaining:
            _reap(each.pid)
        remaining = [each for each in remaining if is_alive(each)]
        if not remaining:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def _reap(pid: int) -> None:
    """Collect the exit code if the process is our own child, so that it is no zombie."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _read(path: Path) -> Record | None:
    try:
        fields = json.loads(path.read_text())
        return Record(fields["name"], fields["pid"], fields["started"], tuple(fields.get("command", ())))
    except (OSError, ValueError, KeyError):
        return None


def _write(path: Path, made: Record) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(asdict(made)))
    partial.replace(path)
