# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Prometheus processes on the loopback, with Istio's metric series as promtool loads them."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

STEP = 15
PAST, FUTURE = 600, 900
"""Seconds for which there are samples before and after now, so that tests may take their time."""

TIMES = (10, 100, 1000)
"""Upper bounds of the buckets, in ms."""

_LISTENING = re.compile(r'msg="Listening on" address=(127\.0\.0\.1:\d+)')
_READY = "Server is ready to receive web requests"


@dataclass(frozen=True)
class Workload:
    """What a workload answers. ``codes`` are requests a second by status code, ``times`` by the bucket that they fall
    into."""

    name: str
    cluster: str
    codes: Mapping[int, float] = field(default_factory=dict)
    times: Mapping[int, float] = field(default_factory=dict)
    since: int = -PAST
    """Seconds from now at which its counters begin."""

    def lines(self, now: float) -> Iterator[tuple[str, str]]:
        """Name of the metric, and its samples as OpenMetrics writes them."""
        labels = (
            f'reporter="destination",destination_workload="{self.name}",destination_workload_namespace="shop",'
            f'destination_service="reviews.shop.svc.cluster.local",destination_version="{self.name}",'
            f'source_cluster="elsewhere",destination_cluster="{self.cluster}"'
        )
        for code, rate in self.codes.items():
            yield from self._samples("istio_requests_total", f'{labels},response_code="{code}"', rate, now)
        below = 0.0
        for bound in (*TIMES, "+Inf"):
            below += self.times.get(bound, 0.0) if isinstance(bound, int) else 0.0
            if self.times:
                name = "istio_request_duration_milliseconds_bucket"
                yield from self._samples(name, f'{labels},le="{bound}"', below, now)

    def _samples(self, name: str, labels: str, rate: float, now: float) -> Iterator[tuple[str, str]]:
        for second in range(self.since, FUTURE, STEP):
            yield name, f"{name}{{{labels}}} {rate * (second - self.since):g} {now + second:.3f}\n"


@dataclass(frozen=True)
class Sources:
    """Addresses. ``mesh`` has the metrics of several clusters, ``east`` of that one."""

    mesh: str
    east: str


@contextmanager
def serving(folder: Path, workloads: Iterable[Workload], *arguments: str) -> Iterator[str]:
    """A Prometheus that has what the workloads counted. Gives its address as HOST:PORT."""
    now = time.time()
    lines: dict[str, list[str]] = {}
    for workload in workloads:
        for name, line in workload.lines(now):
            lines.setdefault(name, []).append(line)
    # OpenMetrics calls a counter's family by its name without _total; what has no type is of no known one.
    text = "".join(line for each in lines.values() for line in each) + "# EOF\n"
    (folder / "metrics.txt").write_text(text)
    (folder / "prometheus.yml").write_text("global: {}\n")
    load = [_program("promtool"), "tsdb", "create-blocks-from", "openmetrics", folder / "metrics.txt", folder / "data"]
    loaded = subprocess.run(load, capture_output=True, text=True, timeout=60, check=False)
    assert loaded.returncode == 0, loaded.stderr
    command = [
        _program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--web.listen-address=127.0.0.1:0",
        *arguments,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield _address(process)
        finally:
            process.kill()


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is not in PATH: run `make setup`"
    return found


def _address(process: subprocess.Popen[str]) -> str:
    """Once it answers."""
    assert process.stderr is not None
    said, address = "", ""
    for line in process.stderr:
        said += line
        found = _LISTENING.search(line)
        address = found.group(1) if found else address
        if _READY in line:
            assert address, said
            return address
    raise AssertionError(said)


@contextmanager
def silent() -> Iterator[str]:
    """The address of something that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def closed() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"
