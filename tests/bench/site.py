# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long playbook ``site`` takes beside a plain script of helm, istioctl and kubectl, as ratios of one run.

    python tests/bench/site.py --clusters 2 --clusters 4 --runs 3

Each run starts with fresh clusters and the same certificates for both. The order of the two changes from run to run, so
that a machine that gets slower favours neither. The proof by requests is left out: the script has nothing like it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

LAB = "bench"
NAMES = ("east", "west", "north", "south", "centre", "coast", "hill", "valley")
PLAIN = Path(__file__).with_name("plain.sh")


@dataclass(frozen=True)
class Run:
    """Seconds of wall-clock time."""

    clusters: int
    plain: float
    site: float
    again: float

    @property
    def ratio(self) -> float:
        return self.site / self.plain

    @property
    def ratio_again(self) -> float:
        return self.again / self.site


def meshlab(*arguments: str) -> str:
    return subprocess.run(["meshlab", *arguments], check=True, capture_output=True, text=True).stdout


def timed(command: list[str], folder: Path, log: str) -> float:
    """Seconds that ``command`` took; what it printed is in ``log`` of the folder."""
    started = time.perf_counter()
    with (folder / log).open("w") as output:
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{(folder / log).read_text()[-3000:]}")
    return time.perf_counter() - started


def fresh_lab(count: int, folder: Path) -> Path:
    meshlab("down", "--name", LAB)
    meshlab("up", "--name", LAB, "--clusters", ",".join(NAMES[:count]))
    inventory = folder / "inventory.yml"
    inventory.write_text(meshlab("inventory", "--name", LAB))
    return inventory


def site(inventory: Path, trust: Path, *arguments: str) -> list[str]:
    variables = {"trust_directory": str(trust), "eastwest_gateway_exposed_hosts": ["*.local"]}
    command = ["ansible-playbook", "-i", str(inventory), "-e", json.dumps(variables), "onemesh.istio.site"]
    return [*command, *arguments]


def measure(count: int, folder: Path, programs: Path, plain_first: bool) -> Run:
    inventory, trust = fresh_lab(count, folder), folder / f"trust-{count}"
    if not trust.exists():
        # Certificates for both sides, and a discarded first run that fills the page cache for both.
        timed(site(inventory, trust, "--skip-tags", "verify"), folder, "warm-up.log")
        inventory = fresh_lab(count, folder)

    def plain() -> float:
        return timed([str(PLAIN), str(inventory), str(programs), str(trust)], folder, "plain.log")

    def ours() -> tuple[float, float]:
        command = site(inventory, trust, "--skip-tags", "verify")
        return timed(command, folder, "site.log"), timed(command, folder, "again.log")

    if plain_first:
        plain_seconds = plain()
        inventory = fresh_lab(count, folder)
        site_seconds, again_seconds = ours()
    else:
        site_seconds, again_seconds = ours()
        inventory = fresh_lab(count, folder)
        plain_seconds = plain()
    return Run(count, plain_seconds, site_seconds, again_seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clusters", type=int, action="append", help="how many clusters; may be given again")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    programs = Path(meshlab("build").partition("programs: ")[2].partition("\n")[0])
    folder = Path(tempfile.mkdtemp(prefix="onemesh-bench-"))
    os.environ.pop("ANSIBLE_CONFIG", None)
    try:
        print("clusters  plain s  site s  again s  site/plain  again/site")
        for count in arguments.clusters or [2, 4]:
            runs = [measure(count, folder, programs, bool(number % 2)) for number in range(arguments.runs)]
            for run in runs:
                print(_row(run), flush=True)
            ratios = [
                statistics.median(values) for values in zip(*((r.ratio, r.ratio_again) for r in runs), strict=True)
            ]
            print(f"{count:8}  median {ratios[0]:35.2f}  {ratios[1]:10.2f}", flush=True)
            print(json.dumps([asdict(run) for run in runs]), file=sys.stderr)
    finally:
        meshlab("down", "--name", LAB)
        shutil.rmtree(folder)


def _row(run: Run) -> str:
    seconds = f"{run.plain:7.1f}  {run.site:6.1f}  {run.again:7.1f}"
    return f"{run.clusters:8}  {seconds}  {run.ratio:10.2f}  {run.ratio_again:10.2f}"


if __name__ == "__main__":
    main()
