"""Records of real processes: only that tells whether exactly the right ones end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from meshlab import processes

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
# A parent that ignores TERM, with a child; says "ready" when both are there.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "processes"
    processes.end(processes.load_all(tmp_path / "processes"), grace=0.1)


def start(folder: Path, name: str, command: list[str] = SLEEPER) -> processes.Record:
    return processes.start(folder, name, command, log=folder.parent / f"{name}.log")


def test_a_started_process_is_recorded_and_ended(folder: Path) -> None:
    made = start(folder, "one")
    assert processes.alive(folder, "one") == made
    assert processes.stop(folder, "one") is True
    assert not processes.is_alive(made)
    assert processes.load(folder, "one") is None


def test_stopping_one_leaves_the_others(folder: Path) -> None:
    start(folder, "one")
    other = start(folder, "other")
    processes.stop(folder, "one")
    assert processes.is_alive(other)


def test_stopping_what_is_not_there_is_no_error(folder: Path) -> None:
    assert processes.stop(folder, "nobody") is False


def test_a_pid_that_was_given_to_another_process_is_not_ours(folder: Path) -> None:
    made = start(folder, "one")
    stale = replace(made, started=made.started - 1)
    assert not processes.is_alive(stale)
    assert processes.end([stale], grace=0.1) is False
    assert processes.is_alive(made)


def test_a_process_that_ignores_term_ends_with_its_children(folder: Path) -> None:
    made = start(folder, "stubborn", [sys.executable, "-c", STUBBORN])
    log = folder.parent / "stubborn.log"
    while not log.read_text().endswith("\n"):
        assert processes.is_alive(made), log.read_text()
    child = int(log.read_text())
    processes.stop(folder, "stubborn", grace=0.1)
    assert not processes.is_alive(made)
    assert processes.start_time(child) is None


def test_a_paused_process_does_nothing_and_goes_on_afterwards(folder: Path) -> None:
    made = start(folder, "one", [sys.executable, "-u", "-c", "while True: print('.')"])
    log = folder.parent / "one.log"

    def writes_more_than(size: int) -> None:
        while log.stat().st_size <= size:
            assert processes.is_alive(made)

    writes_more_than(0)
    with processes.paused([made]):
        before = log.stat().st_size
        assert processes.is_alive(made)
        assert log.stat().st_size == before
    writes_more_than(before)


def test_a_process_that_has_ended_is_no_obstacle_to_a_pause(folder: Path) -> None:
    made = start(folder, "one")
    processes.stop(folder, "one")
    with processes.paused([made]):
        pass


def test_a_process_survives_its_starter(folder: Path) -> None:
    code = f"""
from pathlib import Path
from meshlab import processes
processes.start(Path({str(folder)!r}), "one", {SLEEPER!r}, log=Path({str(folder.parent / "log")!r}))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    assert processes.alive(folder, "one") is not None


def test_a_program_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(folder, "one", ["/nowhere/program"])


def test_a_torn_record_counts_as_none(folder: Path) -> None:
    folder.mkdir()
    (folder / "torn.json").write_text('{"name": "torn", ')
    assert processes.load_all(folder) == []


def test_a_process_is_found_by_the_environment_that_it_was_started_with(folder: Path) -> None:
    mark = {"MESHLAB_OWNER": str(folder)}
    made = processes.start(folder, "one", SLEEPER, log=folder.parent / "log", environ={**os.environ, **mark})
    # The environment is the program's only once the child has become it.
    while made.pid not in processes.with_environment(mark):
        assert processes.is_alive(made)
    assert processes.with_environment({"MESHLAB_OWNER": f"{folder}x"}) == set()
    assert processes.running(SLEEPER, mark) == {made.pid}
    assert processes.running([*SLEEPER, "x"], mark) == set()
