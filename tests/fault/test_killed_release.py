# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release is killed at each of its writes, and run again ends as if it had not been killed.

No step is taken twice, and none is skipped. All moments of a scenario are tried at the same time, each on a release of
its own.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, VIRTUAL_SERVICE
from support.fault_runs import Forked, Kill, forked
from support.fleet_runs import Object, Planes
from support.releases import Shop, phases

PLAN = {"step_weights": [5, 50], "interval": 0.01, "drain": 0}
AT_50 = 2
WAIT = {"wait": True, "poll": 0.02, "wait_timeout": 60}
CLUSTERS = ("east", "west")

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Scenario:
    """A run to be killed, after others that are not."""

    name: str
    killed: dict[str, Any]
    before: tuple[dict[str, Any], ...] = ()

    def once(self, shop: Shop, options: dict[str, Any], kill: Kill | None = None) -> Forked:
        return forked(shop.parameters(clusters=CLUSTERS, plan=PLAN, **options), kill, operation="canary")

    def prepare(self, shop: Shop) -> None:
        for options in self.before:
            self.once(shop, options).succeeded()

    def run(self, shop: Shop, kill: Kill | None = None) -> Forked:
        return self.once(shop, self.killed, kill)


UP = Scenario("up", WAIT)
ROLLBACK = Scenario("rollback", {**WAIT, "state": "rolled_back"}, ({**WAIT, "wait_step": AT_50},))
ABSENT = Scenario("absent", {"state": "absent"}, ({**WAIT, "wait_step": AT_50},))
ABSENT_AFTER_PROMOTION = Scenario("absent-after-promotion", {"state": "absent"}, (WAIT,))


@pytest.mark.parametrize("scenario", [UP, ROLLBACK, ABSENT, ABSENT_AFTER_PROMOTION], ids=lambda scenario: scenario.name)
def test_and_run_again(planes: Planes, scenario: Scenario) -> None:
    with a_shop(planes) as undisturbed:
        scenario.prepare(undisturbed)
        writes = scenario.run(undisturbed).succeeded().writes
        expected = end_state(undisturbed)

    def trial(kill: Kill) -> str:
        with a_shop(planes) as shop:
            scenario.prepare(shop)
            killed = scenario.run(shop, kill)
            if killed.ran is not None:
                return f"{kill}: it was not killed"
            again = scenario.run(shop).ran
            if again is None or again.result.get("failed"):
                return f"{kill}: {again and again.result.get('msg')}"
            found = end_state(shop)
            return "" if found == expected else f"{kill}:\n{found}\nand expected\n{expected}"

    kills = [Kill(1, "before"), *(Kill(nth, "after") for nth in range(1, writes + 1))]
    with ThreadPoolExecutor(4) as pool:
        failed = list(filter(None, pool.map(trial, kills)))
    assert not failed, "\n".join(failed)


def test_a_rollback_that_is_killed_goes_on_without_being_asked_for_again(planes: Planes) -> None:
    """From the moment on at which it is stored."""

    def trial(nth: int) -> str:
        with a_shop(planes) as shop:
            ROLLBACK.prepare(shop)
            assert ROLLBACK.run(shop, Kill(nth, "after")).ran is None
            stored = shop.run(clusters=CLUSTERS, plan=PLAN, state="status").succeeded()["phase"] == "failed"
            UP.run(shop).succeeded()
            stands = [shop.weights(cluster) for cluster in CLUSTERS]
            expected = {"v1": 100, "v2": 0} if stored else {"v1": 0, "v2": 100}
            return "" if stands == [expected] * 2 else f"write {nth}: {stored=}, {stands}"

    with ThreadPoolExecutor(4) as pool:
        failed = list(filter(None, pool.map(trial, range(1, 7))))
    assert not failed, "\n".join(failed)


@contextmanager
def a_shop(planes: Planes) -> Iterator[Shop]:
    name = f"killed-{next(_NUMBERS)}"
    shop = Shop(Planes({each: planes.planes[each] for each in CLUSTERS}), name)
    for client in shop.planes.clients.values():
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    shop.put_routes()
    yield shop
    for client in shop.planes.clients.values():
        for kind in (VIRTUAL_SERVICE, DESTINATION_RULE):
            client.delete(kind, "reviews", name)


def end_state(shop: Shop) -> str:
    """Everything, without identities and times: the same for two releases that were treated the same way."""
    status = shop.run(clusters=CLUSTERS, plan=PLAN, state="status").succeeded()
    shown = {
        "objects": [_anonymous(live) for live in shop.everything()],
        "steps": phases(status),
        "stands": {key: status[key] for key in ("known", "phase", "done", "step", "weights", "promoted")},
        "hub": shop.left_on_the_hub(),
        # It counts changes of weights: one that is made twice is made back in between.
        "generations": [shop.route(cluster)["metadata"]["generation"] for cluster in CLUSTERS],
    }
    return re.sub(rf"\b{shop.namespace}\b", "NAME", json.dumps(shown, indent=1, sort_keys=True))


def _anonymous(live: Object) -> Object:
    shown = copy.deepcopy(live)
    for name in ("uid", "creationTimestamp"):
        shown["metadata"].pop(name, None)
    shown["metadata"]["managedFields"] = sorted(
        f"{each['manager']} {each['operation']}" for each in shown["metadata"].get("managedFields") or []
    )
    return shown
