# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports that tests give to their servers."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

from support import ports

TESTS = Path(__file__).parents[1]


def test_a_port_is_none_that_the_kernel_gives_to_a_connection() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert ports.free_port() < first


def test_a_port_that_another_process_was_given_or_listens_on_is_left_out() -> None:
    mine = ports.free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        theirs = listener.getsockname()[1]
        code = f"from support import ports; ports._RANGE = ({mine}, {theirs}); ports.free_port()"
        done = subprocess.run([sys.executable, "-c", code], cwd=TESTS, capture_output=True, text=True, check=False)
    assert "no free port" in done.stderr
