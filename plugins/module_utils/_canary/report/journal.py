# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of ticks in a file, one line of JSON each."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .record import TickRecord, UnreadableTick


class Journal(NamedTuple):
    """What a file holds. ``skipped`` are the numbers of lines that are no record: a process was killed there, or the
    disk was full."""

    records: tuple[TickRecord, ...]
    skipped: tuple[int, ...]


def append(path: str | Path, record: TickRecord) -> None:
    """Add a record. A new file can be read by its owner only. Raises OSError.

    The line is one write to the end of the file, under a lock, and it is on disk when this returns.
    """
    line = json.dumps(record.as_dict(), separators=(",", ":"), allow_nan=False).encode() + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # Released with the descriptor, also where the process is killed.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        size = os.fstat(descriptor).st_size
        # What a kill left of a line must not swallow this one.
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(descriptor, line)
        if written != len(line):
            raise OSError(
                f"only {written} of {len(line)} bytes could be written to {path}: see whether the disk is full"
            )
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: str | Path) -> Journal:
    """All whole records, in their order; none where there is no such file. Raises OSError."""
    records: list[TickRecord] = []
    skipped: list[int] = []
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except FileNotFoundError:
        return Journal((), ())
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            document: Mapping[str, Any] = json.loads(line)
            records.append(TickRecord.from_dict(document))
        except (ValueError, UnreadableTick):
            skipped.append(number)
    return Journal(tuple(records), tuple(skipped))
