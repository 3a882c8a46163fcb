# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a lab takes to start from a snapshot that `meshlab save` has made.

    python tests/bench/snapshot.py mesh --runs 10

Beside each number stands the machine's load average before the start: what others do at the same time counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import time

LAB = "bench"


def meshlab(*arguments: str) -> None:
    subprocess.run(["meshlab", "--name", LAB, *arguments], check=True, stdout=subprocess.DEVNULL)


def start_seconds(snapshot: str) -> float:
    began = time.perf_counter()
    try:
        meshlab("up", "--from", snapshot)
        return time.perf_counter() - began
    finally:
        meshlab("down")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("snapshot")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    seconds = []
    print("seconds  load")
    for _ in range(given.runs):
        load = os.getloadavg()[0]
        seconds.append(start_seconds(given.snapshot))
        print(f"{seconds[-1]:7.1f}  {load:4.1f}", flush=True)
    print(f"median {statistics.median(seconds):.1f}, {min(seconds):.1f} to {max(seconds):.1f}")


if __name__ == "__main__":
    main()
