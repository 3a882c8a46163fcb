"""What `make test` says of its checks: how many tests ran, what failed, and the two tables at the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PYTEST_CLOSES = re.compile(r"(?:=+ )?((?:\d+ [a-z]+, )*\d+ [a-z]+) in \d+\.\d\ds(?: \([\d:]+\))?(?: =+)?")
_SCENARIO = re.compile(r"\S+ *: actions=\d+ .*\bfailed=(\d+)\b.*")
_SECONDS_OF_SCENARIO = re.compile(r"(\S+) +(passed|FAILED) +(\d+) s")
_FOLDER = re.compile(r"folder (\S+): (.*) in (\d+) s")
_FAILURE = re.compile(r"(FAILED|ERROR) |fatal: |.*(CRITICAL|: FAILED)")
_MOST_FAILURES = 12
_LONGEST_FAILURE = 400


@dataclass(frozen=True)
class Counts:
    """Tests by how they ended; one that broke outside of its body has failed. A molecule scenario is one test."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Result:
    """A check that has ended. `cpu_seconds` leaves out what the check did not wait for, such as a lab's processes."""

    name: str
    passed: bool
    seconds: float
    cpu_seconds: float
    log: str

    @property
    def outcome(self) -> str:
        return "passed" if self.passed else "FAILED"


def plain(text: str) -> str:
    return _COLOURS.sub("", text)


def read_counts(text: str) -> Counts:
    """From words of pytest: ``3 passed, 1 error``."""
    found = {what: int(number) for number, what in re.findall(r"(\d+) ([a-z]+)", text)}
    failed = sum(found.get(what, 0) for what in ("failed", "error", "errors"))
    return Counts(found.get("passed", 0), failed, found.get("skipped", 0))


def count_tests(log: str) -> Counts:
    """Of all runs of pytest and of molecule in the log."""
    counts = Counts()
    for line in plain(log).splitlines():
        if closing := _PYTEST_CLOSES.fullmatch(line):
            counts += read_counts(closing[1])
        elif scenario := _SCENARIO.fullmatch(line):
            counts += Counts(failed=1) if int(scenario[1]) else Counts(passed=1)
    return counts


def list_folders(log: str) -> list[tuple[str, int, Counts]]:
    """Folder, seconds and counts, as each-folder.sh and run_scenarios.py tell them."""
    found = []
    for line in plain(log).splitlines():
        if folder := _FOLDER.fullmatch(line):
            found.append((folder[1], int(folder[3]), read_counts(folder[2])))
        elif scenario := _SECONDS_OF_SCENARIO.fullmatch(line):
            counts = Counts(passed=1) if scenario[2] == "passed" else Counts(failed=1)
            found.append((f"molecule/{scenario[1]}", int(scenario[3]), counts))
    return found


def list_failures(log: str) -> list[str]:
    """What failed in a check, in the runners' own words: names of tests, molecule's scenarios, Ansible's tasks."""
    found = [line[:_LONGEST_FAILURE] for line in plain(log).splitlines() if _FAILURE.match(line)]
    return found[-_MOST_FAILURES:]


def closing_lines(log: str, number: int) -> list[str]:
    """The lines in which a runner counts: its last ones."""
    return [line for line in plain(log).splitlines() if line.strip()][-number:]


def render(results: Sequence[Result], seconds: float) -> str:
    """Both tables, what failed, and as the last line the counts of all tests."""
    counts = {result.name: count_tests(result.log) for result in results}
    total = sum(counts.values(), Counts())
    rows = [
        (
            result.name,
            result.outcome,
            f"{result.seconds:.0f}",
            f"{result.cpu_seconds:.0f}",
            *_cells(counts[result.name]),
        )
        for result in results
    ]
    lines = [f"== summary ({seconds:.0f} s)"]
    lines += _table(("check", "outcome", "wall s", "CPU s", "passed", "failed", "skipped"), rows)
    folders = [row for result in results for row in list_folders(result.log)]
    if folders:
        header = ("test folder", "wall s", "passed", "failed", "skipped")
        lines += ["", *_table(header, ((name, str(took), *_cells(each)) for name, took, each in folders))]
    lines.append("")
    failed = [result for result in results if not result.passed]
    for result in failed:
        lines += [f"== {result.name}", *list_failures(result.log)]
    if failed:
        names = " ".join(result.name for result in failed)
        lines.append(f"{len(failed)} of {len(results)} checks failed: {names}")
    else:
        lines.append(f"all {len(results)} checks passed")
    return "\n".join([*lines, str(total)]) + "\n"


def _cells(counts: Counts) -> tuple[str, str, str]:
    """Nothing for a check without tests."""
    if counts == Counts():
        return ("", "", "")
    return (str(counts.passed), str(counts.failed), str(counts.skipped))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The first column and words to the left, numbers to the right."""
    lines = [tuple(header), *map(tuple, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    left = {0} | {column for column, title in enumerate(header) if title == "outcome"}
    return [
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
