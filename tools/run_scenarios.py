#!/usr/bin/env python3
"""Run molecule's scenarios, two at a time, whatever the others did, and sum up.

Scenarios with the same lab run one after the other in it. It ends after the last of them, and after one that failed, so
that the next begins anew. Meshes come from a snapshot, which is made by the first scenario that needs one and kept as
long as nothing changes that decides it. What a scenario printed is shown whole when it has ended. Exit code 1 if one
failed.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType

import yaml
from meshlab import snapshots
from molecule.interpolation import Interpolator, TemplateWithDefaults

ROOT = Path(__file__).resolve().parents[1]
LANES = 2
SECONDS_TO_END = 60
MAKES_THE_MESH = ("plugins", "roles", "playbooks", "molecule/default", "molecule/shared", "lab/demo")


def read_lab(scenario: Path) -> str:
    """The lab that its molecule.yml names."""
    text = Interpolator(TemplateWithDefaults, os.environ).interpolate(scenario.read_text(), "MOLECULE_")
    return str(yaml.safe_load(text)["ansible"]["env"]["MESHLAB_NAME"])


def group_by_lab(labs: Iterable[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Each lab with its scenarios, the longest group first. Pure."""
    groups: dict[str, list[str]] = {}
    for scenario, lab in sorted(labs):
        groups.setdefault(lab, []).append(scenario)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def name_snapshot() -> str:
    """Of the mesh that this checkout makes; those that it made before are removed."""
    ours = f"molecule-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}-"
    name = f"{ours}{snapshots.digest(ROOT, MAKES_THE_MESH)}"
    for each in {snapshot.name for snapshot in snapshots.load_all()}:
        if each.startswith(ours) and not each.startswith(name):
            snapshots.forget(each)
    return name


class Scenarios:
    """Runs of scenarios, each in a process group of its own."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = {**os.environ, **environ}
        self.results: list[tuple[str, bool, float]] = []
        self._running: set[subprocess.Popen[bytes]] = set()
        self._interrupted = False
        self._lock = threading.Lock()

    def run(self, groups: list[tuple[str, list[str]]]) -> None:
        waiting: queue.SimpleQueue[tuple[str, list[str]]] = queue.SimpleQueue()
        for group in groups:
            waiting.put(group)
        lanes = [threading.Thread(target=self._run_lane, args=(waiting,)) for _ in range(LANES)]
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except KeyboardInterrupt:
            self._interrupt()
            for lane in lanes:
                lane.join()
            raise

    def _run_lane(self, waiting: queue.SimpleQueue[tuple[str, list[str]]]) -> None:
        with contextlib.suppress(queue.Empty):
            while not self._interrupted:
                self._run_group(*waiting.get_nowait())

    def _run_group(self, lab: str, scenarios: list[str]) -> None:
        # What a run that was killed may have left.
        _end_lab(lab)
        try:
            for scenario in scenarios:
                if not self._interrupted and not self._run_scenario(scenario, lab_stays=len(scenarios) > 1):
                    _end_lab(lab)
        finally:
            _end_lab(lab)

    def _run_scenario(self, scenario: str, *, lab_stays: bool) -> bool:
        started = time.monotonic()
        with tempfile.TemporaryFile() as log:
            with self._lock:
                if self._interrupted:
                    return True
                process = subprocess.Popen(
                    ["molecule", "test", "--scenario-name", scenario],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**self._environ, "LAB_STAYS": "1" if lab_stays else "0"},
                    start_new_session=True,
                )
                self._running.add(process)
            passed = process.wait() == 0
            with self._lock:
                self._running.remove(process)
                self.results.append((scenario, passed, time.monotonic() - started))
                log.seek(0)
                print(f"== {scenario}", flush=True)
                sys.stdout.buffer.write(log.read())
                sys.stdout.flush()
        return passed

    def _interrupt(self) -> None:
        """As with Ctrl-C, so that they clean up; what does not end is killed."""
        with self._lock:
            self._interrupted = True
            running = list(self._running)
        for number in (signal.SIGINT, signal.SIGKILL):
            for process in running:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
            deadline = time.monotonic() + SECONDS_TO_END
            for process in running:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0.0, deadline - time.monotonic()))


def _end_lab(lab: str) -> None:
    subprocess.run(["meshlab", "down", "--name", lab], check=False, stdout=subprocess.DEVNULL)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="default: all")
    given = parser.parse_args(arguments)
    files = {path.parent.name: path for path in (ROOT / "molecule").glob("*/molecule.yml")}
    unknown = sorted(set(given.scenarios) - set(files))
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}; there are {', '.join(sorted(files))}")
    signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()
    scenarios = Scenarios({"LAB_SNAPSHOT": name_snapshot()})
    try:
        scenarios.run(group_by_lab((name, read_lab(files[name])) for name in given.scenarios or files))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    failed = [scenario for scenario, passed, _seconds in scenarios.results if not passed]
    for scenario, passed, seconds in sorted(scenarios.results):
        print(f"{scenario:<32} {'passed' if passed else 'FAILED'} {seconds:5.0f} s")
    done = len(scenarios.results)
    print(f"molecule: {done - len(failed)} passed, {len(failed)} failed in {time.monotonic() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
