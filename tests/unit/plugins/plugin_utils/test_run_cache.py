# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of one run, which share nothing but its temporary folder."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible import constants
from ansible_collections.onemesh.istio.plugins.plugin_utils.run_cache import of_run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def count_up(folder: Path, key: str = "one", *, refresh: bool = False) -> int:
    """How often this was made."""

    def make() -> int:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)  # some time, in which others ask
        with (folder / "made").open("a") as stream:
            stream.write("x")
        return len((folder / "made").read_text())

    made: int = of_run("test", {"key": key}, make, refresh=refresh)
    return made


def test_a_value_is_made_once_for_each_key(folder: Path) -> None:
    assert [count_up(folder), count_up(folder), count_up(folder, "two"), count_up(folder)] == [1, 1, 2, 1]


def test_it_is_made_anew_when_asked_for_all_who_ask_later(folder: Path) -> None:
    assert [count_up(folder), count_up(folder, refresh=True), count_up(folder)] == [1, 2, 2]


def test_those_who_ask_at_the_same_time_wait_for_the_first(folder: Path) -> None:
    context = multiprocessing.get_context("fork")
    all_are_here = context.Barrier(4)

    def ask() -> None:
        all_are_here.wait(30)
        count_up(folder)

    workers = [context.Process(target=ask) for _worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {worker.exitcode for worker in workers} == {0}
    assert (folder / "made").read_text() == "x"


def test_a_failure_is_not_kept(folder: Path) -> None:
    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        of_run("test", {"key": "one"}, fail)
    assert count_up(folder) == 1


def test_others_cannot_read_it(folder: Path) -> None:
    count_up(folder)
    (kept,) = folder.glob("onemesh-test-*.json")
    assert kept.stat().st_mode & 0o077 == 0
