# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of ``replicate`` in a fresh process: its seconds, where they went, and what the process held of memory.

Reads the parameters as JSON from standard input, prints the measurement as JSON. Imports are not in the seconds. The
phases are measured by wrapping functions of the engine from here: the engine itself has no clocks for that.
"""

from __future__ import annotations

import json
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._change import (
    access,
    change,
    commit,
    prepare,
    proving,
    records,
)
from ansible_collections.onemesh.istio.plugins.module_utils._change.lease import SetLease
from ansible_collections.onemesh.istio.plugins.module_utils._kube.transport import Transport
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate

Interval = tuple[float, float]


class Phases:
    """When each phase was at work on any cluster."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._intervals: dict[str, list[Interval]] = {}
        self.requests = 0

    def watch(self, owner: Any, attribute: str, phase: str | Callable[[int], str]) -> None:
        """Measure a function; ``phase`` may depend on how often it was called before."""
        original = getattr(owner, attribute)
        calls = 0

        def measured(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            with self._lock:
                name = phase if isinstance(phase, str) else phase(calls)
                calls += 1
            started = time.perf_counter()
            try:
                return original(*arguments, **options)
            finally:
                with self._lock:
                    self._intervals.setdefault(name, []).append((started, time.perf_counter()))

        setattr(owner, attribute, measured)

    def count_requests(self) -> None:
        original = Transport.request

        def counted(*arguments: Any, **options: Any) -> Any:
            with self._lock:
                self.requests += 1
            return original(*arguments, **options)

        setattr(Transport, "request", counted)  # noqa: B010  # a plain assignment is not what mypy lets pass

    def seconds(self) -> dict[str, float]:
        """Per phase the wall-clock time in which at least one cluster was in it."""
        return {name: round(_union(found), 4) for name, found in self._intervals.items()}


def _union(intervals: list[Interval]) -> float:
    total, until = 0.0, 0.0
    for started, ended in sorted(intervals):
        total += max(0.0, ended - max(started, until))
        until = max(until, ended)
    return total


def watched() -> Phases:
    phases = Phases()
    phases.watch(records.Records, "load", "read the record")
    phases.watch(replicate, "read_declared", "read the source")
    phases.watch(replicate._Replication, "read", "read the clusters")
    phases.watch(replicate._Replication, "plan", "plan")
    phases.watch(access, "find_missing", "access reviews")
    phases.watch(prepare, "_try", "dry run")
    phases.watch(SetLease, "__enter__", "take the lease")
    phases.watch(
        records.Records, "save", lambda calls: "record what is begun" if calls == 0 else "record what was done"
    )
    phases.watch(commit.Commit, "run", "commit")
    phases.watch(proving, "prove", "prove")
    phases.watch(SetLease, "__exit__", "give the lease back")
    phases.watch(change.Change, "_make_result", "report")
    phases.count_requests()
    return phases


def run(parameters: dict[str, Any]) -> dict[str, Any]:
    """As the action plugin does it."""
    validated = ArgumentSpecValidator(replicate.ARGUMENT_SPEC, required_if=replicate.REQUIRED_IF).validate(parameters)
    if validated.error_messages:
        sys.exit("; ".join(validated.error_messages))
    result = run_operation(replicate, validated.validated_parameters, Context(diff=False))
    if result.get("failed"):
        sys.exit(str(result["msg"]))
    return result


def main() -> None:
    parameters = json.load(sys.stdin)
    phases = watched()
    started, worked = time.perf_counter(), time.process_time()
    result = run(parameters)
    seconds = time.perf_counter() - started
    measured = {
        "seconds": seconds,
        "changed": result["changed"],
        "touched": sum(
            len(part[word]) for part in result["clusters"].values() for word in ("created", "configured", "unchanged")
        ),
        "phases": phases.seconds(),
        "requests": phases.requests,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "cpu_seconds": time.process_time() - worked,
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
