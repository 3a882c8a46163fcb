# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of 127.0.0.1 for servers that are started a moment later."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

# Below those that the kernel gives to outgoing connections (from 32768 on) and those of the lab (from 26440 on): a port
# that is free now is else somebody's connection by the time the server listens.
_RANGE = range(20000, 26000)
_held: list[IO[str]] = []


def free_port() -> int:
    """A port on which nothing listens, and which no other process of these tests is given as long as this one runs."""
    folder = Path(tempfile.gettempdir()) / f"onemesh-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for port in random.sample(_RANGE, len(_RANGE)):
        lock = (folder / str(port)).open("w")
        if _locked(lock) and _is_free(port):
            _held.append(lock)
            return port
        lock.close()
    raise RuntimeError(f"no free port in {_RANGE}")


def _locked(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
