# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run's records tell: how it ended, and what is worth a mark."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import story
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import TickRecord, Waiting
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import START, tick

BACK = {"eu1": 0, "us1": 0}


@pytest.mark.parametrize(
    ("run", "tone", "sentence", "detail"),
    [
        ([], "moving", "Nothing is recorded yet.", ""),
        ([tick()], "moving", "On its way: step 3 of 5, canary at 25 %, after 0.0 s.", ""),
        (
            [tick(0), tick(1, waiting=Waiting("gate half", START))],
            "waiting",
            "Held at step 3 of 5, canary at 25 %.",
            "Waits for gate half since 12:00:00.",
        ),
        ([tick(0), tick(1, BACK, phase="succeeded")], "good", "Promoted on all 2 clusters in 30 s, over 2 ticks.", ""),
        (
            [tick(0, {"eu1": 5}), tick(1, {"eu1": 0}, phase="succeeded")],
            "good",
            "Promoted on the only cluster in 30 s, over 2 ticks.",
            "",
        ),
        (
            [tick(0), tick(1, BACK, phase="succeeded", away={"us1": "x"}, owed={"us1": "weight 0"})],
            "waiting",
            "Promoted on 1 of 2 clusters in 30 s, over 2 ticks. us1 is still owed something.",
            "",
        ),
        (
            [
                tick(0),
                tick(1, BACK, phase="failed", reasons=("us1 fails",), drift={"us1": 25}),
                tick(2, BACK, phase="failed"),
            ],
            "bad",
            "Rolled back: all 2 clusters have all traffic on the stable side.",
            "Cause at step 3 of 5: us1 fails.",
        ),
    ],
)
def test_conclusion(run: list[TickRecord], tone: str, sentence: str, detail: str) -> None:
    end = story.conclude(run)
    assert (end.tone, end.sentence, end.detail) == (tone, sentence, detail)


@pytest.mark.parametrize(
    ("run", "texts"),
    [
        ([tick(0), tick(1)], ["Progressing"]),
        ([tick(0, step=1), tick(1, step=2)], ["Progressing", "Step 2 of 5: canary 25 %"]),
        # A gate that was never closed is no event.
        ([tick(0, gates={"half": "open"})], ["Progressing"]),
        (
            [tick(0, gates={"half": "closed"}), tick(1, gates={"half": "closed"}), tick(2, gates={"half": "open"})],
            ["Progressing", "Gate half is closed", "Gate half is open"],
        ),
        (
            [tick(0), tick(1, away={"us1": "no answer"}), tick(2, away={"us1": "late"}), tick(3)],
            ["Progressing", "us1 cannot be observed: no answer", "us1 can be observed again"],
        ),
        ([tick(0), tick(1, drift={"us1": 5})], ["Progressing", "us1 was changed: weights are 5"]),
        (
            [
                tick(0, rates={"eu1": 100.0}),
                tick(1, rates={"eu1": None}, reasons=("no requests",)),
                tick(2, rates={"eu1": 100.0}),
            ],
            ["Progressing", "Analysis says inconclusive: no requests", "Analysis passes again"],
        ),
        ([tick(0), tick(1, phase="failed", reasons=("us1 fails",))], ["Progressing", "Failed: us1 fails"]),
    ],
)
def test_events(run: list[TickRecord], texts: list[str]) -> None:
    assert [event.text for event in story.list_events(run)] == texts


def test_ticks_with_the_same_intent_are_one_spell() -> None:
    run = [tick(0, step=1), tick(1, step=1), tick(2, step=2), tick(3, {"eu1": 30, "us1": 25}, step=2)]
    assert [(len(spell.records), spell.seconds) for spell in story.group_by_intent(run)] == [(2, 60), (1, 30), (1, 0)]


def test_only_the_last_release_of_a_file_is_told() -> None:
    run = [tick(0, revision="old"), tick(1), tick(2)]
    assert story.select_last_run(run) == run[1:]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (45.4, "45 s"), (150, "2 min"), (3570, "1 h 00 min"), (11100, "3 h 05 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert story.format_duration(seconds) == words


@pytest.mark.parametrize(
    ("value", "digits"),
    [(0, "0"), (0.0941, "0.094"), (3.25, "3.25"), (99.946, "99.95"), (12345.6, "12 346"), (-0.5, "-0.5")],
)
def test_numbers(value: float, digits: str) -> None:
    assert story.format_number(value) == digits
