# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mark of the hub on what is written: one for what a set made, one a set for what is somebody else's."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.hubs import find_others, hub_of, mark
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import owned_in_set

USERS: dict[str, Any] = {"metadata": {"name": "reviews", "annotations": {"team": "shop"}}}
OURS = owned_in_set(USERS, "canary", "reviews")


@pytest.mark.parametrize(
    ("manifest", "key"), [(OURS, "onemesh.istio/hub"), (USERS, "onemesh.istio/hub.canary.reviews")]
)
def test_the_mark_is_read_as_it_was_written(manifest: dict[str, Any], key: str) -> None:
    live = mark(manifest, "canary", "reviews", "east")
    assert live["metadata"]["annotations"] == {"team": "shop", key: "east"}
    assert hub_of(live, "canary", "reviews") == "east"
    assert hub_of(manifest, "canary", "reviews") == ""


@pytest.mark.parametrize(
    ("component", "name", "hub", "refused"),
    [
        ("canary", "reviews", "west", True),
        ("canary", "reviews", "east", False),
        ("canary", "ratings", "west", False),
        ("traffic-split", "reviews", "west", False),
    ],
)
def test_another_hub_is_refused_for_the_same_set_only(component: str, name: str, hub: str, refused: bool) -> None:
    live = mark(USERS, "canary", "reviews", "east")
    found = find_others("west", [("VirtualService shop/reviews", live)], component, name, hub, ())
    assert [(each.check, "hub: east" in each.remedy) for each in found] == ([("other-hub", True)] if refused else [])


def test_what_was_written_before_there_were_marks_is_taken() -> None:
    assert find_others("west", [("VirtualService shop/reviews", OURS)], "canary", "reviews", "west", ()) == []


def test_the_record_of_a_hub_that_is_gone_for_good_is_lost() -> None:
    lives = [("VirtualService shop/reviews", mark(OURS, "canary", "reviews", "east"))]
    assert len(find_others("west", lives, "canary", "reviews", "west", ())) == 1
    assert find_others("west", lives, "canary", "reviews", "west", ("east",)) == []
