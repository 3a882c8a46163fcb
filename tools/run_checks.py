#!/usr/bin/env python3
"""Run `make check-NAME` for each check, whatever the others did, and sum up.

Two run at the same time, since few of them use both cores: always the first that may start, in the order given. Those
with a lab wait until the lab's programs are built, which is the check lab-build. Of those that measure traffic one runs
at a time, and all others give way to it: they get the cores that it leaves. What each printed is kept in
.cache/logs/NAME.log, the summary in .cache/logs/summary. Exit code 1 if one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from check_queue import Check, take_next
from check_summary import Result, closing_lines, render
from meshlab import processes
from meshlab.layout import home

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".cache/logs"
LANES = 2
SECONDS_ALLOWED = 4800
SECONDS_TO_END = 60
NICENESS = 5
"""Of checks that measure no traffic: beside one that does they get a quarter of what both want."""
LAB_BUILD = "lab-build"
"""The check that builds the lab's programs, which all checks with a lab need."""
MARK = "MESHLAB_RUN"
"""A variable that whatever runs because of these checks has in its environment; labs keep its value."""


@dataclass
class Running:
    check: Check
    process: subprocess.Popen[bytes]
    log: Path
    started: float
    interrupted: bool = False

    def interrupt(self) -> None:
        """As with Ctrl-C, so that tests clean up. Once: a second one would cut that off."""
        if self.interrupted:
            return
        self.interrupted = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Runner:
    """Checks as processes, each in a process group of its own."""

    def __init__(self) -> None:
        self._mark = {MARK: uuid.uuid4().hex}
        self._running: dict[int, Running] = {}
        self.results: list[Result] = []

    def run(self, checks: list[Check]) -> None:
        waiting = list(checks)
        while waiting or self._running:
            while check := take_next(waiting, self._checks(), lab_built=self._lab_built() is not None, lanes=LANES):
                waiting.remove(check)
                if check.needs_lab and not self._lab_built():
                    self._skip(check)
                else:
                    self._start(check)
            if self._running:
                self._await_one()

    def end(self) -> None:
        """Nothing keeps running that was started here, also when a test was cut off before it could clean up."""
        for running in self._running.values():
            running.interrupt()
        deadline = time.monotonic() + SECONDS_TO_END
        for running in self._running.values():
            try:
                running.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                running.kill()
        for folder in sorted(self._homes()):
            command = ["meshlab", "down", "--started-by", self._mark[MARK]]
            subprocess.run(command, env={**os.environ, "MESHLAB_HOME": str(folder)}, check=False)
        left = [(pid, processes.start_time(pid)) for pid in processes.with_environment(self._mark)]
        processes.end((processes.Record("left", pid, at) for pid, at in left if at is not None), grace=5.0)

    def _homes(self) -> set[Path]:
        """The usual folder of labs, and those of the labs whose processes have our mark."""
        found = {home()}
        for pid in processes.with_environment(self._mark):
            with contextlib.suppress(OSError):
                variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                for each in variables:
                    if each.startswith(b"MESHLAB_OWNER="):
                        found.add(Path(os.fsdecode(each.partition(b"=")[2])).parent)
        return found

    def _checks(self) -> list[Check]:
        return [running.check for running in self._running.values()]

    def _lab_built(self) -> bool | None:
        """None as long as it is not known."""
        return next((result.passed for result in self.results if result.name == LAB_BUILD), None)

    def _skip(self, check: Check) -> None:
        self.results.append(Result(check.name, False, 0, 0, f"ERROR not run, see {LOGS / LAB_BUILD}.log\n"))

    def _start(self, check: Check) -> None:
        command = ["make", "--no-print-directory", "-C", str(ROOT), f"check-{check.name}"]
        log = LOGS / f"{check.name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._mark},
                start_new_session=True,
            )
        if not check.measures_traffic:
            give_way(process.pid)
        self._running[process.pid] = Running(check, process, log, time.monotonic())

    def _await_one(self) -> None:
        """Until a check has ended, by itself or because it took too long."""
        while True:
            for pid, running in self._running.items():
                took = time.monotonic() - running.started
                if took > SECONDS_ALLOWED + SECONDS_TO_END:
                    running.kill()
                elif took > SECONDS_ALLOWED:
                    running.interrupt()
                ended, status, usage = os.wait4(pid, os.WNOHANG)
                if ended:
                    running.process.returncode = os.waitstatus_to_exitcode(status)
                    del self._running[pid]
                    self._report(running, took, usage.ru_utime + usage.ru_stime)
                    return
            time.sleep(0.1)

    def _report(self, running: Running, seconds: float, cpu_seconds: float) -> None:
        log = running.log.read_text(errors="replace")
        passed = running.process.returncode == 0
        result = Result(running.check.name, passed, seconds, cpu_seconds, log)
        self.results.append(result)
        print(f"== {result.name}: {result.outcome} after {seconds:.0f} s")
        for line in closing_lines(log, 2 if passed else 60):
            print(f"    {line}")
        sys.stdout.flush()


def give_way(session: int) -> None:
    """Whatever runs in a session gets less of the cores. Where Linux counts by session, that has a niceness too."""
    os.setpriority(os.PRIO_PGRP, session, NICENESS)
    with contextlib.suppress(OSError):
        Path(f"/proc/{session}/autogroup").write_text(str(NICENESS))


def read_checks(arguments: list[str]) -> list[Check]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traffic", nargs="*", default=[], metavar="CHECK", help="measure traffic on a lab")
    parser.add_argument("--lab", nargs="*", default=[], metavar="CHECK", help="need a lab")
    parser.add_argument("--static", nargs="*", default=[], metavar="CHECK", help="need none")
    given = parser.parse_args(arguments)
    return [
        Check(LAB_BUILD),
        *(Check(name, needs_lab=True, measures_traffic=True) for name in given.traffic),
        *(Check(name, needs_lab=True) for name in given.lab),
        *(Check(name) for name in given.static),
    ]


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    checks = read_checks(arguments)
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    started = time.monotonic()
    runner = Runner()
    interrupted = False
    try:
        runner.run(checks)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        runner.end()
    summary = render(runner.results, time.monotonic() - started)
    (LOGS / "summary").write_text(summary)
    print(f"\n{summary}", end="")
    if interrupted:
        print("interrupted", file=sys.stderr)
        return 130
    return 0 if all(result.passed for result in runner.results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
