# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh of the clusters east and west, whose requests the application itself tells of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAB = os.environ.get("MESHLAB_NAME", "test")
ROOT = Path(__file__).parents[3]
TIMEOUT = 120.0
URL = "http://echo.app.svc.cluster.local/"


def meshlab(verb: str, *arguments: str) -> str:
    command = ["meshlab", *verb.split(), "--name", LAB, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT).stdout


@dataclass(frozen=True)
class Mesh:
    inventory: Path
    trust: Path
    programs: Path
    kubeconfigs: dict[str, str]
    variables: dict[str, Any]

    def playbook(self, name: str, **variables: object) -> subprocess.CompletedProcess[str]:
        return self.run(f"onemesh.istio.{name}", **variables)

    def run(self, playbook: str, **variables: object) -> subprocess.CompletedProcess[str]:
        everything = {"trust_directory": str(self.trust), "eastwest_gateway_exposed_hosts": ["*.local"], **variables}
        return subprocess.run(
            ["ansible-playbook", "-i", str(self.inventory), "-e", json.dumps(everything), playbook],
            cwd=self.inventory.parent,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def kubectl(self, cluster: str, *arguments: str, text: str | None = None) -> str:
        return self._run("kubectl", cluster, *arguments, text=text)

    def istioctl(self, cluster: str, *arguments: str) -> str:
        return self._run("istioctl", cluster, *arguments)

    def answers(self, source: str, count: int = 20) -> Counter[str]:
        """How many of ``count`` requests from ``source`` each cluster answered; "" counts those that failed."""
        client = [str(self.programs / "echo-client"), "--count", str(count), "--timeout", "3s", URL]
        command = ["meshlab", "exec", "--name", LAB, source, "app/echo", "--", *client]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        answered = Counter(re.findall(r" Cluster=(\S+)", done.stdout))
        if missing := count - answered.total():
            answered[""] = missing
            print(done.stderr[-2000:])
        return answered

    def _run(self, program: str, cluster: str, *arguments: str, text: str | None = None) -> str:
        command = [str(self.programs / program), "--kubeconfig", self.kubeconfigs[cluster], *arguments]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def eventually(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    """Ask until ``condition`` holds: proxies learn of a change when istiod tells them."""
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, what()
        time.sleep(0.5)
