# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a Lease is free, and when its holder is known to be dead: one row per case."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.lease import (
    SECONDS,
    holder_identity,
    is_dead,
    is_free,
    seconds_left,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
STRANGER = "her@laptop pid 1 (0123abcd.7.1)"


def lease(holder: str | None, *, age: float = 0.0, **spec: Any) -> dict[str, Any]:
    renewed = (NOW - timedelta(seconds=age)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": SECONDS, **spec}}


@pytest.mark.parametrize(
    ("found", "free"),
    [
        ({}, True),
        ({"spec": None}, True),
        (lease(None), True),
        (lease(""), True),
        (lease(STRANGER), False),
        (lease(STRANGER, age=SECONDS - 1), False),
        (lease(STRANGER, age=SECONDS), True),
        (lease(STRANGER, age=SECONDS + 3600), True),
        (lease(STRANGER, age=20, leaseDurationSeconds=60), False),
        (lease(STRANGER, renewTime=None), True),
        (lease("somebody who writes no such names"), False),
        (lease("her@laptop pid 1 (unknown.7.1)"), False),
    ],
)
def test_a_lease_is_free_once_given_back_or_lapsed(found: dict[str, Any], free: bool) -> None:
    assert is_free(found, NOW) is free


def test_the_time_that_is_left_is_counted_from_the_last_renewal() -> None:
    assert seconds_left(lease(STRANGER, age=5)["spec"], NOW) == SECONDS - 5
    assert seconds_left({}, NOW) == 0


def test_a_holder_is_a_person_on_a_host_and_a_process() -> None:
    assert re.fullmatch(rf"\S+@\S+ pid {os.getpid()} \(\w+\.\d+\.\d+\)", holder_identity())


def test_a_process_of_this_machine_that_ended_is_dead_at_once() -> None:
    ask = f"from {is_dead.__module__} import holder_identity; print(holder_identity())"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", ask], check=True, capture_output=True, text=True, env=environment
    ).stdout.strip()
    assert is_dead(ended)
    assert is_free(lease(ended), NOW)


def with_start(holder: str, start: str) -> str:
    """The name of a process with the same number that started at another time."""
    return re.sub(r"\.\d+\.\d+\)$", f".{start}.1)", holder)


def start_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def of_parent(holder: str) -> str:
    """The name of a process that runs: the one that started this one."""
    return holder.replace(f" pid {os.getpid()} ", f" pid {os.getppid()} ")


# Made when a test runs: it may run in another process than the one that collected it.
HOLDERS: dict[str, tuple[Callable[[], str], bool]] = {
    "runs": (lambda: with_start(of_parent(holder_identity()), start_of(os.getppid())), False),
    "its number was given anew": (lambda: with_start(of_parent(holder_identity()), "1"), True),
    "given back by this process": (holder_identity, True),
    "another machine": (lambda: STRANGER, False),
    "unknown": (lambda: "her@laptop pid 1 (unknown.7.1)", False),
    "none": (lambda: "", False),
    "ours": (lambda: "ours", False),
}


@pytest.mark.parametrize("case", HOLDERS)
def test_only_a_process_that_is_known_to_have_ended_is_called_dead(case: str) -> None:
    holder, dead = HOLDERS[case]
    assert is_dead(holder()) is dead
