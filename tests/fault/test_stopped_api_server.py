# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server stops while a change is made, and comes back later: all clusters are as before, then all alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.fault_runs import COMMIT, HUB, RECORD_WRITTEN, REMOVAL, ROUTE, Moments, Object, Site, Snapshot
from support.faults import Wire
from support.fleet_runs import Planes, Ran

HUB_AND_ANOTHER = pytest.mark.parametrize("stopped", [HUB, "west"], ids=["hub", "other"])


@pytest.fixture
def stop(planes: Planes, stopped: str) -> Callable[[], None]:
    return planes.planes[stopped].kill


def all_as_before_then_all_alike(site: Site, before: Snapshot, objects: list[Object]) -> None:
    """What every interrupted change has to come to, once all API servers answer again."""
    site.run(state="settled").succeeded()
    assert site.snapshot() == before
    assert site.leftovers() == []
    site.run(definition=objects).succeeded()
    site.stands(objects)
    assert not site.run(definition=objects).succeeded()["changed"]
    site.run(state="absent").succeeded()
    assert site.leftovers() == []
    assert site.snapshot() == before


@HUB_AND_ANOTHER
def test_between_prepare_and_commit(
    planes: Planes, site: Site, moments: Moments, stopped: str, stop: Callable[[], None]
) -> None:
    before, objects = site.snapshot(), site.objects()
    moments.after(HUB, RECORD_WRITTEN, stop)
    said = site.run(moments, definition=objects).failed()
    assert stopped in said
    planes.planes[stopped].start_again()
    all_as_before_then_all_alike(site, before, objects)


@HUB_AND_ANOTHER
def test_during_the_commit(
    planes: Planes, site: Site, moments: Moments, stopped: str, stop: Callable[[], None]
) -> None:
    before, objects = site.snapshot(), site.objects(100, "reviews", "ratings")
    moments.before(stopped, ROUTE, stop)
    said = site.run(moments, definition=objects).failed()
    assert stopped in said
    planes.planes[stopped].start_again()
    left = {key for found in site.snapshot().values() for key in found if not key.startswith("Namespace")}
    assert all(key.startswith("DestinationRule") for key in left), "a route stays where the others were put back"
    all_as_before_then_all_alike(site, before, objects)


@HUB_AND_ANOTHER
def test_during_the_put_back(
    planes: Planes, site: Site, moments: Moments, stopped: str, stop: Callable[[], None], refuses: dict[str, str]
) -> None:
    before, objects = site.snapshot(), site.objects(100, refuses["north"], "reviews")
    moments.before(stopped, REMOVAL, stop)
    said = site.run(moments, definition=objects).failed()
    assert "north" in said
    assert stopped in said
    planes.planes[stopped].start_again()
    all_as_before_then_all_alike(site, before, site.objects())


@HUB_AND_ANOTHER
def test_during_a_change_of_what_stands(
    planes: Planes, site: Site, moments: Moments, stopped: str, stop: Callable[[], None]
) -> None:
    """The weights are those of before on every cluster, or those that were asked for."""
    site.run(definition=site.objects(100)).succeeded()
    before = site.snapshot()
    moments.before(stopped, COMMIT, stop)
    site.run(moments, definition=site.objects(20)).failed()
    planes.planes[stopped].start_again()
    site.run(state="settled").succeeded()
    assert site.snapshot() == before
    # What was put back is ours as before, so it goes when it is declared no more.
    route, rule = site.objects()
    route["spec"].pop("http")
    site.run(definition=[route, rule]).succeeded()
    assert all("http" not in site.of(cluster)["VirtualService reviews"]["spec"] for cluster in site.clients)
    site.run(definition=site.objects(20)).succeeded()
    site.stands(site.objects(20))


@HUB_AND_ANOTHER
def test_during_the_removal(
    planes: Planes, site: Site, moments: Moments, stopped: str, stop: Callable[[], None]
) -> None:
    before, objects = site.snapshot(), site.objects()
    site.run(definition=objects).succeeded()
    moments.before(stopped, REMOVAL, stop)
    said = site.run(moments, state="absent").failed()
    assert stopped in said
    for cluster in site.clients.keys() - {stopped}:
        assert "DestinationRule reviews" in site.of(cluster), "rules stay while a cluster may still route to them"
    planes.planes[stopped].start_again()
    site.run(state="absent").succeeded()
    assert site.leftovers() == []
    assert site.snapshot() == before
    assert not site.run(state="absent").succeeded()["changed"]


@HUB_AND_ANOTHER
def test_away_from_any_write_on(site: Site, wires: dict[str, Wire], stopped: str) -> None:
    """From the nth write on nobody gets to it; once it is back, running again is enough."""
    before, objects = site.snapshot(), site.objects()
    counted = Moments()
    site.run(counted, definition=objects).succeeded()
    site.run(state="absent").succeeded()

    for nth in range(1, len(counted.writes) + 1):
        ran = away_from(nth, wires[stopped], site, definition=objects)
        where = f"write {nth} of {len(counted.writes)}"
        if ran.result.get("failed"):
            assert stopped in ran.failed(), where
        else:
            stands = {str({key: live["spec"] for key, live in found.items()}) for found in site.snapshot().values()}
            assert len(stands) == 1, where
        site.run(definition=objects).succeeded()
        site.stands(objects)
        site.run(state="absent").succeeded()
        assert site.leftovers() == [], where
        assert site.snapshot() == before, where


@HUB_AND_ANOTHER
def test_away_from_any_write_of_the_removal_on(site: Site, wires: dict[str, Wire], stopped: str) -> None:
    before, objects = site.snapshot(), site.objects()
    counted = Moments()
    site.run(definition=objects).succeeded()
    site.run(counted, state="absent").succeeded()

    for nth in range(1, len(counted.writes) + 1):
        site.run(definition=objects).succeeded()
        ran = away_from(nth, wires[stopped], site, state="absent")
        where = f"write {nth} of {len(counted.writes)}"
        if ran.result.get("failed"):
            assert stopped in ran.failed(), where
        for cluster, found in site.snapshot().items():
            assert "DestinationRule reviews" in found or "VirtualService reviews" not in found, (where, cluster)
        site.run(state="absent").succeeded()
        assert site.leftovers() == [], where
        assert site.snapshot() == before, where


def away_from(nth: int, wire: Wire, site: Site, **options: Any) -> Ran:
    """A run during which one API server is cut off right before the nth write to any; afterwards it is back."""
    moments = Moments()
    moments.before(None, ".", wire.sever, nth=nth)
    ran = site.run(moments, **options)
    wire.heal()
    return ran
