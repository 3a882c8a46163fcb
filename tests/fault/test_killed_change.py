# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change is killed at each of its writes, and what follows ends as if it had not been killed.

What follows is the same run again, a settlement, or a removal; or the second run is killed too. All moments of a
scenario are tried at the same time, each on a set of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any

import pytest
from support.fault_runs import SOMEBODY, Forked, Kill, Site, Snapshot, forked, virtual_service
from support.fleet_runs import Planes

Options = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """A run to be killed, after others that are not."""

    name: str
    killed: Callable[[Site], Options]
    before: Callable[[Site], list[Options]] = lambda _site: []
    by_others: Callable[[Site], None] = lambda _site: None
    makes_namespace: bool = False
    part_bytes: int = 0
    """From this size on a record is stored in several Secrets."""

    def run(self, site: Site, kill: Kill | None = None) -> Forked:
        return self.once(site, self.killed(site), kill)

    def once(self, site: Site, options: Options, kill: Kill | None = None) -> Forked:
        return forked(site.parameters(**options), kill, part_bytes=self.part_bytes)

    def prepared(self, site: Site) -> Snapshot:
        """The site right before the run in question; returned is what stood there before the collection came."""
        if not self.makes_namespace:
            site.make_namespace()
        self.by_others(site)
        clean = site.snapshot()
        for options in self.before(site):
            self.once(site, options).succeeded()
        return clean

    def remove(self, site: Site, clean: Snapshot) -> None:
        """Removing the set leaves nothing of it, and all that is not ours as it was."""
        self.once(site, {"state": "absent"}).succeeded()
        left, stands = site.leftovers(), site.snapshot()
        assert left == []
        assert stands == clean


def present(site: Site, weight: int = 100, *names: str, **options: Any) -> Options:
    return {"definition": site.objects(weight, *names), **options}


def others_have_a_route(site: Site) -> None:
    mine = virtual_service(site.name, "reviews", 30, labels={"team": "reviews"}, annotations={"note": "by hand"})
    for client in site.clients.values():
        client.apply(mine, field_manager=SOMEBODY)


CREATE = Scenario("create", present)
CHANGE = Scenario("change", lambda site: present(site, 20), lambda site: [present(site)])
PRUNE = Scenario("prune", present, lambda site: [present(site, 100, "reviews", "ratings")])
REMOVE = Scenario("remove", lambda _site: {"state": "absent"}, lambda site: [present(site)])
ADOPT = Scenario("adopt", lambda site: present(site, adopt=True), by_others=others_have_a_route)
RELEASE = Scenario(
    "release",
    lambda _site: {"state": "absent"},
    lambda site: [present(site, adopt=True)],
    by_others=others_have_a_route,
)
NAMESPACE = Scenario("namespace", present, makes_namespace=True)
LARGE = Scenario("large-record", lambda site: present(site, 20), lambda site: [present(site)], part_bytes=300)
LARGE_GONE = Scenario(
    "large-record-gone", lambda _site: {"state": "absent"}, lambda site: [present(site)], part_bytes=300
)
PUT_BACK = Scenario("put-back", lambda site: present(site, 20, "reviews", "refused"), lambda site: [present(site)])


def scenarios(*chosen: Scenario) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("scenario", chosen, ids=lambda scenario: scenario.name)


@scenarios(CREATE, CHANGE, PRUNE, REMOVE, ADOPT, RELEASE, NAMESPACE, LARGE, LARGE_GONE)
def test_and_run_again(planes: Planes, scenario: Scenario) -> None:
    undisturbed = Site(planes, f"{scenario.name}-again")
    clean = scenario.prepared(undisturbed)
    writes = scenario.run(undisturbed).succeeded().writes
    expected = undisturbed.end_state()

    # All that follow end with the same objects and the same record, which is what a run decides by.
    nothing_left_to_do = scenario.run(undisturbed).succeeded().writes == 0
    assert nothing_left_to_do
    scenario.remove(undisturbed, clean)

    def follow(site: Site, clean: Snapshot) -> None:
        scenario.run(site).succeeded()
        same(expected, site.end_state())
        scenario.remove(site, clean)

    at_every_write(planes, scenario, "again", writes, follow)


@scenarios(CREATE, CHANGE, ADOPT, PUT_BACK)
def test_and_settled(planes: Planes, scenario: Scenario, refuses: dict[str, str]) -> None:
    """Then it is as before on all clusters; or made, where it was killed after the last of the change was recorded."""
    del refuses  # by them one run is put back
    writes = counted(planes, scenario, "settled")

    def follow(site: Site, clean: Snapshot) -> None:
        before = clean if not scenario.before(site) else None
        scenario.once(site, {"state": "settled"}).succeeded()
        record = site.record()
        assert record is None or not record.list_owed()
        weights = {
            tuple(share["weight"] for share in found["VirtualService reviews"]["spec"]["http"][0]["route"])
            for found in site.snapshot().values()
            if "VirtualService reviews" in found
        }
        assert len(weights) <= 1
        refused = [name for name, found in site.snapshot().items() if "VirtualService refused" in found]
        assert refused == []
        if before is not None and record is None:
            stands = site.snapshot()
            assert stands == before
        scenario.remove(site, clean)

    at_every_write(planes, scenario, "settled", writes, follow)


@scenarios(CREATE, CHANGE, PRUNE, ADOPT, PUT_BACK)
def test_and_removed(planes: Planes, scenario: Scenario, refuses: dict[str, str]) -> None:
    del refuses
    writes = counted(planes, scenario, "removed")
    at_every_write(planes, scenario, "removed", writes, scenario.remove)


@scenarios(CREATE, CHANGE, ADOPT)
def test_and_killed_again(planes: Planes, scenario: Scenario) -> None:
    """The run that follows is killed at its second write after the Lease, then at the one before its last."""
    writes = counted(planes, scenario, "twice")

    def follow(site: Site, clean: Snapshot) -> None:
        for nth in (3, 1):
            scenario.run(site, Kill(nth, "after"))
        scenario.run(site).succeeded()
        objects = scenario.killed(site)["definition"]
        site.stands(objects)
        scenario.remove(site, clean)

    at_every_write(planes, scenario, "twice", writes, follow)


def counted(planes: Planes, scenario: Scenario, word: str) -> int:
    """Writes of the run where nobody disturbs it."""
    site = Site(planes, f"{scenario.name}-{word}")
    clean = scenario.prepared(site)
    writes = scenario.run(site).writes
    scenario.remove(site, clean)
    return writes


def at_every_write(
    planes: Planes, scenario: Scenario, word: str, writes: int, follow: Callable[[Site, Snapshot], None]
) -> None:
    """Kill it before the first write, and after each of them; all that goes wrong is shown together."""

    def trial(kill: Kill) -> str:
        site = Site(planes, f"{scenario.name}-{word}-{kill.when}-{kill.nth}")
        try:
            clean = scenario.prepared(site)
            ran = scenario.run(site, kill).ran
            # How much is written before all is put back depends on which cluster is faster.
            assert ran is None or ran.result.get("failed"), "it was not killed"
            follow(site, clean)
        except AssertionError as error:
            return f"{kill}: {error}"
        return ""

    kills = [Kill(1, "before"), *(Kill(nth, "after") for nth in range(1, writes + 1))]
    with ThreadPoolExecutor(len(kills) if scenario.makes_namespace else 4) as pool:
        failed = list(filter(None, pool.map(trial, kills)))
    assert not failed, "\n".join(failed)


def same(expected: str, found: str) -> None:
    if expected != found:
        lines = unified_diff(expected.splitlines(), found.splitlines(), "undisturbed", "killed and run again", n=1)
        raise AssertionError("\n".join(lines))
