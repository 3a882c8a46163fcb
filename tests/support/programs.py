# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that tests start, and what they print."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
MESHLAB = str(Path(sys.executable).with_name("meshlab"))
ANSIBLE_PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
TIMEOUT = 600.0


def run(
    *command: str,
    stdin: str = "",
    check: bool = True,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> str:
    """What a command prints. It has to end with 0 where that is to be checked."""
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        cwd=cwd,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", **(environ or {})},
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-2000:]}"
    return done.stdout


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False).returncode == 0


def meshlab(lab: str, verb: str, *arguments: str) -> str:
    """``verb`` may have several words, as ``fault clear`` has."""
    return run(MESHLAB, *verb.split(), "--name", lab, *arguments)
