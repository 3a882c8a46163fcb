# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long ``onemesh.istio.replicate`` takes, beside other ways to do the same in the same run, and how that grows.

    python tests/bench/replicate.py --runs 3 --json measured.json --plot docs/growth.svg
    python tests/bench/replicate.py --only peers --only bare

API servers and etcds are real and start for this; a long way to them is made by delay.py. Ours and the peers take
turns, so that a machine that gets slower favours neither; what is compared are medians. Needs MESHLAB_BIN or `meshlab
build`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import peers
import plot
from ground import Endpoint, Ground, started

FEW = ("east", "west", "north", "south")
MANY = (*FEW, "centre", "coast", "hill", "valley")
OBJECTS = (1, 10, 50, 100, 200, 500, 1000, 2000)
CLUSTERS = (1, 2, 5, 10, 20, 50, 100, 200)
FAR = 100.0
"""Milliseconds of round trip to simulated clusters."""
SIMULATED_OBJECTS = 1
"""Objects on each simulated cluster; the few API servers behind 200 of them do the work of all."""


@dataclass(frozen=True)
class Line:
    """One comparison. ``ratio`` is what ``aim`` speaks of; ``at_least`` says in which direction."""

    what: str
    ours: float
    other: float
    other_is: str
    ratio: float
    aim: float
    at_least: bool
    runs: int
    unit: str = "s"

    @property
    def holds(self) -> bool:
        return self.ratio >= self.aim if self.at_least else self.ratio <= self.aim


@dataclass
class Measured:
    """Everything, as it is written to the JSON file."""

    cores: int = field(default_factory=lambda: os.cpu_count() or 0)
    load: list[float] = field(default_factory=list)
    """Processes that wanted to run, averaged over a minute, at the end of each part: ours alone are 2 to 6."""
    lines: list[Line] = field(default_factory=list)
    notes: dict[str, float] = field(default_factory=dict)
    phases: dict[str, dict[str, float]] = field(default_factory=dict)
    growth: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    exponents: dict[str, float] = field(default_factory=dict)

    def faster(self, what: str, ours: Sequence[float], other: Sequence[float], other_is: str, aim: float) -> None:
        """Ours is to be ``aim`` times faster than the other."""
        self._add(what, ours, other, other_is, statistics.median(other) / statistics.median(ours), aim, at_least=True)

    def within(self, what: str, ours: Sequence[float], other: Sequence[float], other_is: str, aim: float) -> None:
        """Ours is to take at most ``aim`` times as long as the other."""
        self._add(what, ours, other, other_is, statistics.median(ours) / statistics.median(other), aim, at_least=False)

    def _add(
        self,
        what: str,
        ours: Sequence[float],
        other: Sequence[float],
        other_is: str,
        ratio: float,
        aim: float,
        *,
        at_least: bool,
    ) -> None:
        medians = statistics.median(ours), statistics.median(other)
        self.add(Line(what, *medians, other_is, ratio, aim, at_least, len(ours)))

    def add(self, line: Line) -> None:
        self.lines.append(line)
        print(_row(line), flush=True)


@dataclass(frozen=True)
class Bench:
    """What each part measures with."""

    ground: Ground
    folder: Path
    runs: int
    measured: Measured

    def play(self, make: Callable[..., peers.Play], endpoints: Sequence[Endpoint], count: int) -> peers.Run:
        """A playbook on clusters that hold nothing of it."""
        run = peers.play(make, endpoints, count, self.folder)
        found = self.ground.clear(endpoints)
        if make is not peers.empty and found != count * len(endpoints):
            sys.exit(f"{make.__name__} wrote {found} objects, expected {count * len(endpoints)}")
        return run

    def ours(self, endpoints: Sequence[Endpoint], count: int, *, clear: bool = True) -> dict[str, Any]:
        """The engine alone, in a process of its own."""
        run = peers.in_process(endpoints, count)
        if run["touched"] != count * len(endpoints):
            sys.exit(f"replicate touched {run['touched']} objects, expected {count * len(endpoints)}")
        if clear:
            self.ground.clear(endpoints)
        return run


def against_peers(bench: Bench) -> None:
    """Whole runs of ansible-playbook."""
    for what, count, round_trip, aim in (
        ("4 clusters x 50 objects", 50, 0.0, 2.5),
        ("4 clusters x 50 objects, 30 ms", 50, 30.0, 5.0),
        ("4 clusters x 500 objects, 30 ms", 500, 30.0, 5.0),
    ):
        with bench.ground.endpoints(FEW, round_trip) as endpoints:
            runs = min(bench.runs, 2) if count > 100 else bench.runs
            ours, others = [], []
            for _number in range(runs):
                others.append(bench.play(peers.one_task, endpoints, count).seconds)
                ours.append(bench.play(peers.ours, endpoints, count).seconds)
            bench.measured.faster(what, ours, others, "one SSA task a cluster", aim)


def against_loop(bench: Bench) -> None:
    """Once: it takes minutes."""
    with bench.ground.endpoints(FEW) as endpoints:
        ours = [bench.play(peers.ours, endpoints, 50).seconds]
        loop = [bench.play(peers.loop, endpoints, 50).seconds]
        ours.append(bench.play(peers.ours, endpoints, 50).seconds)
    bench.measured.faster("4 clusters x 50 objects", ours, loop, "a loop", 50.0)


def one_object(bench: Bench) -> None:
    """The task alone: a run of ansible-playbook less an empty one."""
    ours, others = [], []
    with bench.ground.endpoints(FEW[:1]) as endpoints:
        for _number in range(bench.runs + 2):
            empty = bench.play(peers.empty, endpoints, 1).seconds
            others.append(bench.play(peers.loop, endpoints, 1).seconds - empty)
            ours.append(bench.play(peers.ours, endpoints, 1).seconds - empty)
    bench.measured.within("1 object on 1 cluster, the task alone", ours, others, "kubernetes.core.k8s", 0.5)


def nothing_to_change(bench: Bench) -> None:
    with bench.ground.endpoints(FEW) as endpoints:
        first, again = [], []
        for _number in range(bench.runs):
            first.append(peers.play(peers.ours, endpoints, 50, bench.folder).seconds)
            again.append(bench.play(peers.ours, endpoints, 50).seconds)
    bench.measured.within("4 clusters x 50 objects, nothing to change", again, first, "the changing run", 0.6)


def against_bare(bench: Bench) -> None:
    """Without Ansible around either, both from their first connection on."""
    ours, others = [], []
    with bench.ground.endpoints(FEW[:2]) as endpoints:
        for _number in range(2 * bench.runs + 3):
            others.append(peers.bare(endpoints, 20).seconds)
            bench.ground.clear(endpoints)
            ours.append(bench.ours(endpoints, 20)["seconds"])
    bench.measured.within("2 clusters x 20 objects, the engine alone", ours, others, "a bare parallel client", 2.5)


def phases(bench: Bench) -> None:
    for round_trip in (0.0, 30.0):
        with bench.ground.endpoints(FEW, round_trip) as endpoints:
            found = [bench.ours(endpoints, 50) for _number in range(bench.runs)]
        names = dict.fromkeys(name for run in found for name in run["phases"])
        part = {name: statistics.median(run["phases"].get(name, 0.0) for run in found) for name in names}
        part["all"] = statistics.median(run["seconds"] for run in found)
        bench.measured.phases[f"4 clusters x 50 objects, {round_trip:g} ms"] = part
        for name, seconds in part.items():
            print(f"{round_trip:6g} ms  {name:24} {1000 * seconds:7.0f} ms", flush=True)


def growth(bench: Bench) -> None:
    by_objects: list[tuple[int, float]] = []
    with bench.ground.endpoints(FEW[:2]) as endpoints:
        for count in OBJECTS:
            runs = bench.runs if count <= 200 else 1
            by_objects.append(
                (count, statistics.median(bench.ours(endpoints, count)["seconds"] for _number in range(runs)))
            )
            print(f"{count:6} objects on 2 clusters {by_objects[-1][1]:8.2f} s", flush=True)
    by_clusters: list[tuple[int, float]] = []
    memory = 0.0
    with bench.ground.simulated(CLUSTERS[-1], FAR) as endpoints:
        for count in CLUSTERS:
            chosen = endpoints[:count]
            found = [bench.ours(chosen, SIMULATED_OBJECTS) for _number in range(min(bench.runs, 3))]
            by_clusters.append((count, statistics.median(run["seconds"] for run in found)))
            memory = max(run["memory_mb"] for run in found)
            print(f"{count:6} clusters {FAR:g} ms away {by_clusters[-1][1]:8.2f} s {memory:6.0f} MB", flush=True)
        whole = peers.play(peers.ours, endpoints, SIMULATED_OBJECTS, bench.folder)
        bench.ground.clear(endpoints)
    measured = bench.measured
    measured.growth = {"objects": by_objects, "clusters": by_clusters}
    measured.exponents = {name: plot.exponent(points) for name, points in measured.growth.items()}
    for name, exponent in measured.exponents.items():
        print(f"growth with {name}: exponent {exponent:.2f} over the upper half", flush=True)
    what = f"{CLUSTERS[-1]} simulated clusters, {FAR:g} ms"
    measured.within(what, [by_clusters[-1][1]], [by_clusters[0][1]], "1 of them", 3.0)
    measured.add(Line(f"{what}: its process", memory, 300.0, "the limit", memory / 300.0, 1.0, False, 1, "MB"))
    measured.notes["200 clusters, whole ansible-playbook: seconds"] = whole.seconds
    measured.notes["200 clusters, whole ansible-playbook: megabytes of its largest process"] = whole.memory_mb


def eight(bench: Bench) -> None:
    """Eight real clusters are sixteen more programs on the same cores, so their work is shown beside the time."""
    two, all_of_them = [], []
    with bench.ground.endpoints(MANY) as endpoints:
        for _number in range(2 * bench.runs + 1):
            two.append(bench.ours(endpoints[:2], 20)["seconds"])
            before = bench.ground.cpu_seconds()
            run = bench.ours(endpoints, 20)
            work = bench.ground.cpu_seconds() - before + run["cpu_seconds"]
            all_of_them.append(run["seconds"])
            bench.measured.notes["8 clusters x 20 objects: CPU seconds of API servers and engine"] = work
    bench.measured.within("8 clusters x 20 objects, the engine alone", all_of_them, two, "2 of them", 1.5)
    with bench.ground.endpoints(MANY, FAR) as endpoints:
        near = [bench.ours(endpoints[:2], 20)["seconds"] for _number in range(bench.runs)]
        far = [bench.ours(endpoints, 20)["seconds"] for _number in range(bench.runs)]
    bench.measured.within(f"8 clusters x 20 objects, {FAR:g} ms", far, near, "2 of them", 1.5)


PARTS: dict[str, tuple[Sequence[str], Callable[[Bench], None]]] = {
    "peers": (FEW, against_peers),
    "loop": (FEW, against_loop),
    "one": (FEW, one_object),
    "again": (FEW, nothing_to_change),
    "bare": (FEW, against_bare),
    "phases": (FEW, phases),
    "growth": (FEW, growth),
    "eight": (MANY, eight),
}


@contextmanager
def benches(names: Sequence[str], runs: int, measured: Measured) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="onemesh-bench-") as folder, started(Path(folder), *names) as planes:
        bench = Bench(Ground(planes, Path(folder)), Path(folder), runs, measured)
        # The first requests to new API servers are slow, and fill caches for all.
        with bench.ground.endpoints(names) as endpoints:
            bench.ours(endpoints, 10)
        bench.ground.settle()
        yield bench


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=list(PARTS), action="append", help="a part; may be given again")
    parser.add_argument("--json", type=Path, help="write everything there")
    parser.add_argument("--plot", type=Path, help="draw the growth there, as SVG")
    arguments = parser.parse_args()
    chosen = arguments.only or list(PARTS)
    measured = Measured()
    os.environ.pop("ANSIBLE_CONFIG", None)
    for names in (FEW, MANY):
        parts = [part for part in chosen if PARTS[part][0] is names]
        if not parts:
            continue
        with benches(names, arguments.runs, measured) as bench:
            for part in parts:
                PARTS[part][1](bench)
                measured.load.append(round(os.getloadavg()[0], 1))
                if arguments.json:
                    arguments.json.write_text(json.dumps(asdict(measured), indent=2) + "\n")
    for note, value in measured.notes.items():
        print(f"{note}: {value:.1f}")
    print(f"load after each part: {measured.load} on {measured.cores} cores")
    if arguments.plot and measured.growth:
        arguments.plot.write_text(plot.svg(measured.growth, measured.exponents))


def _row(line: Line) -> str:
    aim = f"{'at least' if line.at_least else 'at most'} {line.aim:g}"
    verdict = "" if line.holds else "  MISSED"
    return (
        f"{line.what:46} {line.ours:7.2f} {line.unit:2}  {line.other_is:24} {line.other:7.2f} {line.unit:2}"
        f"  {line.ratio:6.2f}  {aim}{verdict}"
    )


if __name__ == "__main__":
    main()
