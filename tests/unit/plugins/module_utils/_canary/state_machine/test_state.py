# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The written form of a state."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.state_machine.state import (
    Hold,
    ReleaseState,
    UnreadableState,
    decode,
    encode,
)
from ansible_collections.onemesh.istio.tests.support.canary.release_world import World, rules_of


@pytest.mark.parametrize("step", [0, 2, 4])
def test_what_was_written_is_read_again(step: int) -> None:
    world = World(rules_of()).until(step)
    world.tick(60, cut=1)
    assert decode(encode(world.state)) == world.state
    assert decode(encode(ReleaseState())) == ReleaseState()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "its format is 2"),
        ({"more": 1}, "unknown fields: more"),
        ({"phase": "flying"}, "unknown phase flying"),
        ({"position": {"step": 1, "sideways": True}}, "cannot be read"),
        ({"position": 3}, "cannot be read"),
    ],
)
def test_what_is_no_state_of_this_version_is_refused_with_the_reason(change: dict[str, Any], words: str) -> None:
    document = {**json.loads(encode(ReleaseState())), **change}
    with pytest.raises(UnreadableState, match=words):
        decode(json.dumps(document))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "7"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(UnreadableState):
        decode(text)


@pytest.mark.parametrize(
    ("phase", "running"),
    [("initialized", False), ("waiting", False), ("progressing", True), ("waiting_promotion", True), ("failed", False)],
)
def test_which_phases_are_under_way(phase: Any, running: bool) -> None:
    assert ReleaseState(phase).is_running == running


@pytest.mark.parametrize(
    ("changes", "is_the_same"),
    [
        ({}, True),
        ({"phase": "promoting", "since": 9.0, "failed": 2}, True),
        # The same revision, begun once more: an approval of the first run is none of the second.
        ({"started": 8.0}, False),
        ({"revision": "r3"}, False),
    ],
)
def test_a_run_is_told_from_every_other_one_of_its_revision(changes: dict[str, Any], is_the_same: bool) -> None:
    state = ReleaseState("progressing", revision="r2", started=7.0)
    assert (replace(state, **changes).run == state.run) == is_the_same
    assert state.run.isalnum()
    assert ReleaseState().run == ""


@pytest.mark.parametrize(
    ("text", "hold"),
    [
        ("", None),
        ("asked for", Hold("person", "asked for")),
        ("the promotion failed", Hold("promotion", "the promotion failed")),
        ("rate: inconclusive 2 times, the limit is 1", Hold("analysis", "rate: inconclusive 2 times, the limit is 1")),
    ],
)
def test_a_hold_of_an_earlier_version_is_read(text: str, hold: Hold | None) -> None:
    document = json.loads(encode(ReleaseState()))
    del document["hold"]
    assert decode(json.dumps({**document, "held": text})).hold == hold


@pytest.mark.parametrize(
    ("size", "bare", "keeps"), [(0, True, False), (0, False, True), (100, True, True), (100, False, True)]
)
def test_of_pods_that_an_earlier_version_kept_none_go_unseen(size: int, bare: bool, keeps: bool) -> None:
    document = json.loads(encode(ReleaseState()))
    position = {name: value for name, value in document["position"].items() if name != "keeps"}
    document["position"] = {**position, "size": size, "bare": bare}
    assert decode(json.dumps(document)).position.keeps == keeps


def test_what_an_earlier_version_remembered_of_gates_is_asked_again() -> None:
    document = json.loads(encode(ReleaseState()))
    assert decode(json.dumps({**document, "approved": True})) == ReleaseState()


def test_a_hold_is_read_as_it_was_written() -> None:
    state = ReleaseState("progressing", hold=Hold("promotion", "the promotion failed"))
    assert decode(encode(state)) == state
