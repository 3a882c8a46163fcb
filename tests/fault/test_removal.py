# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal leaves nothing of ours, and everything of others."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import VIRTUAL_SERVICE
from support.fault_runs import HUB, SOMEBODY, Moments, Site, virtual_service
from support.faults import Wire


def test_twice(site: Site, moments: Moments) -> None:
    before = site.snapshot()
    site.run(definition=site.objects()).succeeded()
    assert site.run(state="absent").succeeded()["changed"]
    again = site.run(moments, state="absent").succeeded()
    assert not again["changed"]
    assert again["leaked"] == []
    assert moments.writes == []
    assert site.snapshot() == before
    assert site.leftovers() == []


def test_with_a_cluster_away_that_comes_back(site: Site, wires: dict[str, Wire]) -> None:
    before = site.snapshot()
    site.run(definition=site.objects()).succeeded()
    wires["west"].shut = True
    said = site.run(state="absent").failed()
    assert "west: away: " in said
    assert "VirtualService" in said
    for cluster in ("east", "north"):
        found = site.of(cluster)
        assert "VirtualService reviews" not in found
        assert "DestinationRule reviews" in found, "west may still route to what it stands for"
    wires["west"].heal()
    site.run(state="settled").succeeded()
    assert site.snapshot() == before
    assert site.leftovers() == []


def test_without_a_cluster_that_is_excluded(site: Site, wires: dict[str, Wire]) -> None:
    before = site.snapshot()
    site.run(definition=site.objects()).succeeded()
    wires["west"].shut = True
    result = site.run(state="absent", unreachable="exclude", exclude=["west"]).succeeded()
    assert set(result["owed"]) == {"west"}
    assert all(site.of(cluster) == before[cluster] for cluster in ("east", "north"))
    wires["west"].heal()
    site.run(state="settled").succeeded()
    assert site.snapshot() == before
    assert site.leftovers() == []


def test_after_a_cluster_left_the_fleet(site: Site) -> None:
    before = site.snapshot()
    site.run(definition=site.objects()).succeeded()
    site.names = ("east", "north")
    said = site.run(state="absent").failed()
    assert "west: not in the fleet" in said
    assert "write_off: [west]" in said
    site.names = ()
    site.run(state="absent").succeeded()
    assert site.snapshot() == before
    assert site.leftovers() == []


def test_of_a_name_that_is_a_strangers(site: Site, moments: Moments) -> None:
    """Nothing of theirs is touched, neither by the change, which is refused, nor by the removal."""
    theirs = virtual_service(site.name, "reviews", 30, labels={"team": "reviews"})
    site.clients["west"].create(theirs, field_manager=SOMEBODY)
    before = site.snapshot()
    said = site.run(moments, definition=site.objects()).failed()
    assert "west (VirtualService" in said
    assert "was not made by this set" in said
    assert all("lease" in request.path for request in moments.writes)
    site.run(state="absent").succeeded()
    assert site.snapshot() == before
    assert site.leftovers() == []


def test_of_a_strangers_copy_of_ours(site: Site) -> None:
    """Our labels came along with the copy; our field manager did not."""
    site.run(definition=site.objects()).succeeded()
    client = site.clients["west"]
    live = client.get(VIRTUAL_SERVICE, "reviews", site.name)
    copied = {key: live[key] for key in ("apiVersion", "kind", "spec")}
    kept = {key: live["metadata"][key] for key in ("labels", "annotations", "namespace")}
    copied["metadata"] = {**kept, "name": "copied"}
    client.create(copied, field_manager="kubectl-create")
    # This one even has the name of ours, and another identity.
    client.delete(VIRTUAL_SERVICE, "reviews", site.name)
    client.create({**copied, "metadata": {**kept, "name": "reviews"}}, field_manager="kubectl-create")
    before = site.of("west")
    result = site.run(state="absent").succeeded()
    after = site.of("west")
    for name in ("VirtualService copied", "VirtualService reviews"):
        assert after[name] == before[name]
    assert any(finding["check"] == "object-of-another" for finding in result["clusters"]["west"]["findings"])
    assert site.record() is None


@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "with what they changed since"])
def test_of_an_object_that_was_taken_over(site: Site, edited: bool) -> None:
    theirs = virtual_service(site.name, "reviews", 30, labels={"team": "reviews"}, annotations={"note": "by hand"})
    theirs["spec"]["http"][0]["timeout"] = "3s"
    for client in site.clients.values():
        client.apply(theirs, field_manager=SOMEBODY)
    before = {name: _whole(site, name) for name in site.clients}
    site.run(definition=site.objects(80), adopt=True).succeeded()
    site.stands(site.objects(80)) if not edited else None
    west = site.clients["west"]
    if edited:
        patch = {"metadata": {"annotations": {"note": "changed", "more": "yes"}}, "spec": {"exportTo": ["."]}}
        west.patch(VIRTUAL_SERVICE, "reviews", site.name, patch, field_manager="kubectl-edit")
    site.run(state="absent").succeeded()
    after = {name: _whole(site, name) for name in site.clients}
    if edited:
        live = strip_content(after.pop("west"))
        wanted = strip_content(before.pop("west"))
        wanted["metadata"]["annotations"] = {"note": "changed", "more": "yes"}
        wanted["spec"]["exportTo"] = ["."]
        assert live == wanted
    assert after == before
    assert site.leftovers() == []


def _whole(site: Site, cluster: str) -> dict[str, object]:
    """All of it, owners of fields included; versions count writes, and are not given back."""
    live = site.clients[cluster].get(VIRTUAL_SERVICE, "reviews", site.name)
    live["metadata"] = {
        name: value for name, value in live["metadata"].items() if name not in ("resourceVersion", "generation")
    }
    return live


def test_deleting_never_creates(site: Site, moments: Moments) -> None:
    """Neither the namespace nor an object that somebody removed before."""
    site.run(definition=site.objects()).succeeded()
    for client in site.clients.values():
        client.delete(VIRTUAL_SERVICE, "reviews", site.name)
    site.run(moments, state="absent").succeeded()
    created = [request for request in moments.writes if request.method == "POST" and "lease" not in request.path]
    assert created == []
    assert site.leftovers() == []


def test_by_another_hub_than_the_one_that_has_the_record(site: Site) -> None:
    """It is refused while that one may come back. Where it is gone for good, what has our labels still goes."""
    before = site.snapshot()
    site.run(definition=site.objects()).succeeded()
    there = site.snapshot()
    refused = site.run(state="absent", hub="west")
    assert refused.result["failed"]
    assert f"if {HUB} is gone for good, set write_off: [{HUB}]" in refused.result["msg"]
    assert site.snapshot() == there
    site.run(state="absent", hub="west", write_off=[HUB]).succeeded()
    assert site.snapshot() == before
    site.run(state="absent", hub=HUB).succeeded()
    assert site.leftovers() == []
