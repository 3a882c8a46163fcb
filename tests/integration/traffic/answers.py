# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of the echo servers, whose answers tell which cluster gave them."""

from __future__ import annotations

import re
import subprocess
from collections import Counter

from support.mesh import HOST, Mesh


def ask(mesh: Mesh, source: str, count: int, *options: str) -> str:
    """What the client in ``source`` prints of ``count`` requests, with the servers' answers."""
    asked = ("--count", str(count), "--timeout", "3s", *options, f"http://{HOST}/")
    command = mesh.exec_command(source, "app/echo", "echo-client", *asked)
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        print(done.stderr[-2000:])
    return done.stdout


def clusters_of(told: str) -> Counter[str]:
    """How many requests each cluster answered."""
    return Counter(re.findall(r" Cluster=(\S+)", told))


def answers(mesh: Mesh, source: str, count: int = 20) -> Counter[str]:
    """How many of ``count`` requests from ``source`` each cluster answered; "" counts those that failed."""
    answered = clusters_of(ask(mesh, source, count))
    if missing := count - answered.total():
        answered[""] = missing
    return answered
