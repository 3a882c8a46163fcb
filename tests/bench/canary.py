# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long one tick of a release takes that takes a step, beside the two-phase change alone, and how that grows.

    python tests/bench/canary.py --runs 10

API servers and etcds are real and start for this. Ticks and changes take turns on the same objects, so that a machine
that gets slower favours neither; what is compared are medians. Needs MESHLAB_BIN or `meshlab build`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._operations import canary
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split
from support.fleet_runs import Planes, run, started
from support.releases import Shop
from support.splits import destination_rule

MANY = ("east", "west", "north", "south", "centre", "coast", "hill", "valley")
FEW = MANY[:2]
STEPS = 40


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def measured(planes: Planes, names: tuple[str, ...], runs: int) -> tuple[float, float]:
    """Medians of a tick that takes a step and of a split alone, on these clusters."""
    shop = Shop(planes, f"bench-{len(names)}")
    for name in names:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": shop.namespace}}
        planes.clients[name].apply(namespace, field_manager="bench")
        shop.put(shop.declared(), only=name)
        shop.put(*_rules(shop), only=name)
    plan = {"steps": [{"weight": weight} for weight in range(1, STEPS + 1)], "interval": 0.001}
    parameters = shop.parameters(clusters=names, plan=plan)
    run(canary, parameters).succeeded()
    ticks, splits = [], []
    for number in range(runs):
        ticks.append(seconds(lambda: run(canary, parameters).succeeded()))
        weights = {"v1": 50 + number, "v2": 50 - number}
        split = {
            "clusters": parameters["clusters"],
            "namespace": shop.namespace,
            "name": "other",
            "weights": weights,
        }
        splits.append(seconds(lambda split=split: run(traffic_split, split).succeeded()))
    return statistics.median(ticks), statistics.median(splits)


def _rules(shop: Shop) -> list[dict[str, Any]]:
    other = shop.declared()
    other["metadata"]["name"] = "other"
    return [destination_rule(shop.namespace, "v1", "v2"), other]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10)
    runs = min(parser.parse_args().runs, STEPS - 1)
    with tempfile.TemporaryDirectory() as folder, started(Path(folder), *MANY) as planes:
        few = measured(planes, FEW, runs)
        many = measured(planes, MANY, runs)
    print(f"a tick that takes a step, {runs} runs each, seconds (median)")
    print(
        f"  2 clusters: tick {few[0]:.3f}, two-phase change alone {few[1]:.3f}, more {few[0] - few[1]:+.3f} (aim 1.5)"
    )
    print(f"  8 clusters: tick {many[0]:.3f}, two-phase change alone {many[1]:.3f}")
    print(f"  8 to 2 clusters: {many[0] / few[0]:.2f} (aim 1.5)")


if __name__ == "__main__":
    main()
