"""What the end of `make test` says."""

from __future__ import annotations

import pytest
from check_summary import Counts, Result, count_tests, list_failures, list_folders, render


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("===== 17 passed in 227.31s (0:03:47) =====", Counts(passed=17)),
        ("2820 passed, 3 skipped in 36.01s", Counts(passed=2820, skipped=3)),
        ("\x1b[31m= 1 failed, 2 passed, 4 deselected, 1 error in 3.20s =\x1b[0m", Counts(passed=2, failed=2)),
        ("= 1 passed in 1.00s =\nfolder a/b: 1 passed in 2 s\n= 2 passed in 1.00s =", Counts(passed=3)),
        ("a sentence: 3 passed in 1.00s", Counts()),
        ("default                   : actions=7  successful=7  skipped=0  missing=0  failed=0", Counts(passed=1)),
        ("\x1b[1mjoin\x1b[0m    : actions=5  successful=4  skipped=0  missing=0  failed=1", Counts(failed=1)),
        ("east     : ok=12   changed=0    unreachable=0    failed=0    skipped=3", Counts()),
        ("", Counts()),
    ],
)
def test_counts_are_read_from_closing_lines(log: str, expected: Counts) -> None:
    assert count_tests(log) == expected


def test_folders_and_scenarios_have_seconds_and_counts() -> None:
    log = "folder tests/integration/engine: 30 passed, 1 failed in 32 s\nfolder tests/integration/empty:  in 1 s\n"
    log += "join                             passed    52 s\ndefault     FAILED     3 s\n"
    assert list_folders(log) == [
        ("tests/integration/engine", 32, Counts(passed=30, failed=1)),
        ("tests/integration/empty", 1, Counts()),
        ("molecule/join", 52, Counts(passed=1)),
        ("molecule/default", 3, Counts(failed=1)),
    ]


def test_failures_are_the_names_of_tests_scenarios_and_tasks() -> None:
    log = (
        "FAILED tests/a.py::test_a - AssertionError\nfine\nfatal: [east]: FAILED!\n  x CRITICAL y\n"
        "test_a FAILED and more\nlinter: FAILED"
    )
    assert list_failures(log) == [
        "FAILED tests/a.py::test_a - AssertionError",
        "fatal: [east]: FAILED!",
        "  x CRITICAL y",
        "linter: FAILED",
    ]


def test_the_summary_ends_with_the_counts_of_all() -> None:
    results = [
        Result("ruff", True, 1.4, 0.9, "All checks passed!\n"),
        Result(
            "objects",
            False,
            12.6,
            20,
            "FAILED a::b\n= 1 failed, 2 passed in 9.00s =\nfolder a/b: 1 failed, 2 passed in 11 s\n",
        ),
    ]
    assert render(results, 13.2) == (
        "== summary (13 s)\n"
        "check    outcome  wall s  CPU s  passed  failed  skipped\n"
        "ruff     passed        1      1\n"
        "objects  FAILED       13     20       2       1        0\n"
        "\n"
        "test folder  wall s  passed  failed  skipped\n"
        "a/b              11       2       1        0\n"
        "\n"
        "== objects\n"
        "FAILED a::b\n"
        "1 of 2 checks failed: objects\n"
        "2 passed, 1 failed, 0 skipped\n"
    )
