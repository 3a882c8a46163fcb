# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of records: whole lines whatever happens, and for its owner only."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import ClusterObservation
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import journal
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import TickRecord


def record(number: int) -> TickRecord:
    return TickRecord.of_tick(
        now=float(number),
        name="cart",
        namespace="shop",
        revision="5f3c",
        phase="progressing",
        step=1,
        of=5,
        wave=0,
        intended={"eu1": 5},
        clusters={"eu1": ClusterObservation(error="x" * 20000)},
    )


def test_a_new_file_is_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    before = os.umask(0)
    try:
        journal.append(path, record(1))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("torn", [b"", b'{"format":1,"time":', b'{"format":1}\n', b"\xff\xfe", b"[]\n5\n"])
def test_what_a_kill_left_of_a_line_spoils_neither_the_one_before_nor_the_one_after(
    tmp_path: Path, torn: bytes
) -> None:
    path = tmp_path / "run.jsonl"
    journal.append(path, record(1))
    with path.open("ab") as stream:
        stream.write(torn)
    journal.append(path, record(2))
    found = journal.read(path)
    assert [each.time for each in found.records] == [1, 2]
    assert bool(found.skipped) == bool(torn)


def append_some(path: Path, first: int) -> None:
    for number in range(first, first + 50):
        journal.append(path, record(number))


def test_processes_that_write_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(append_some, [path] * 4, [0, 100, 200, 300]))
    found = journal.read(path)
    assert found.skipped == ()
    assert len({each.time for each in found.records}) == 200
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_no_file_is_no_records(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "none") == journal.Journal((), ())
