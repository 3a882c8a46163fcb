# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the screen shows of a tick and of a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import table
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import TickRecord, Waiting
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import START, large_run, tick

TWELVE = {f"cluster-{number}": 100 for number in range(12)}


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (
            tick(rates={"eu1": 99.98, "us1": 99.96}, settled_after={"eu1": 0.25, "us1": 0.262}, decision="continue"),
            [
                "12:00:00  step 3/5  25 %   eu1 25 ok 0.2 s   us1 25 ok 0.3 s   skew 12 ms  errors 0.03 %  -> continue",
            ],
        ),
        (
            tick(1, rates={"eu1": 99.98, "us1": 96.6}, decision="roll back"),
            [
                "12:00:30  step 3/5  25 %   eu1 25 ok   us1 25 FAIL   errors 1.71 %  fail  -> roll back",
                "    - us1 request-success-rate 96.6 %, expected at least 99 % (fail)",
            ],
        ),
        (
            tick(1, drift={"us1": 10}, away={"ap1": "gave no answer within 10 s"}, wave=1),
            [
                "12:00:30  step 3/5  25 %   eu1 25 ok   us1 10/25 drift   ap1 ? away   wave 2",
                "    - us1: weights are 10",
                "    - ap1: gave no answer within 10 s",
            ],
        ),
        (
            tick(phase="waiting_promotion", waiting=Waiting("gate half", START - 60, ("kubectl " + "x" * 130,))),
            [
                "12:00:00  step 3/5  25 %  waiting promotion   eu1 25 ok   us1 25 ok",
                "    - waits for gate half since 11:59:00",
                # A command that is broken cannot be copied.
                "      $ kubectl " + "x" * 130,
            ],
        ),
    ],
)
def test_one_tick(record: TickRecord, lines: list[str]) -> None:
    assert [line.rstrip() for line in table.tick_lines(record)] == lines


@pytest.mark.parametrize(
    "more", [{}, {"settled_after": dict.fromkeys(TWELVE, 0.25)}, {"drift": dict.fromkeys(TWELVE, 5)}]
)
def test_twelve_clusters_stand_in_columns_within_the_width(more: dict[str, Any]) -> None:
    lines = table.tick_lines(tick(weights=TWELVE, **more))
    grid = [line for line in lines[1:] if not line.startswith("    - ")]
    starts = {place for line in grid for place in range(len(line)) if line.startswith("cluster-", place)}
    assert max(map(len, lines)) <= table.WIDTH
    assert sum(line.count("cluster-") for line in grid) == 12
    assert len(starts) == max(line.count("cluster-") for line in grid)


def test_names_and_weights_are_aligned() -> None:
    weights = {"eu1": 5, "production-south": 100, "us1": 50, "us2": 5, "production-east": 5}
    assert table.tick_lines(tick(weights=weights, settled_after={"eu1": 0.25, "us2": 0.5}))[1:] == [
        "    eu1                5 ok 0.2 s   production-south 100 ok         us1               50 ok",
        "    us2                5 ok 0.5 s   production-east    5 ok",
    ]


def test_what_others_say_does_not_steer_the_terminal() -> None:
    lines = table.tick_lines(tick(reasons=("a\x1b[2Jb\nc\u202ed",), decision="go\x07"))
    assert all(line.isprintable() for line in lines)


def test_a_reason_is_told_once() -> None:
    reasons = ("us1 request-success-rate 96.6 % is below 99 %",)
    lines = table.tick_lines(tick(rates={"us1": 96.6}, reasons=reasons))
    assert [line for line in lines if "96.6" in line] == ["    - us1 request-success-rate 96.6 % is below 99 %"]


def test_the_end_of_a_run() -> None:
    run = [
        tick(0, {"eu1": 5, "us1": 5}, step=1, rates={"eu1": 99.9, "us1": 99.8}),
        tick(1, {"eu1": 5, "us1": 5}, step=1, rates={"eu1": 99.9, "us1": 99.2}),
        tick(2, {"eu1": 50, "us1": 50}, step=2, settled_after={"eu1": 0.25, "us1": 0.5}),
        tick(4, {"eu1": 0, "us1": 0}, step=5, phase="succeeded"),
    ]
    assert table.summary_lines(run) == [
        "PROMOTED  Promoted on all 2 clusters in 2 min, over 4 ticks.",
        "At no change of weights were the clusters apart for more than 250 ms.",
        "",
        "    step  phase        canary      from  held  ticks  verdict  errors    skew",
        "    1/5   progressing     5 %  12:00:00  60 s      2  pass     0.45 %       -",
        "    2/5   progressing    50 %  12:01:00  60 s      1  -             -  250 ms",
        "    5/5   succeeded       0 %  12:02:00     -      1  -             -       -",
        "",
        "    cluster  canary  slowest  worst errors  not well  state",
        "    eu1           0    0.2 s         0.1 %   0 ticks  ok",
        "    us1           0    0.5 s         0.8 %   0 ticks  ok",
    ]


def test_nothing_recorded() -> None:
    assert table.summary_lines([]) == ["NOT STARTED  Nothing is recorded yet."]


def test_the_summary_of_many_clusters_keeps_to_the_width() -> None:
    assert max(map(len, table.summary_lines(large_run(12, 300)))) <= table.WIDTH


def test_a_schedule_has_a_row_for_each_step() -> None:
    plan = {"step_weights": [5, 100], "interval": "5m", "drain": 0, "gates": [{"before_weight": 100}]}
    lines = [" ".join(line.split()) for line in table.schedule_lines(build_schedule(plan))]
    assert lines[:4] == [
        "step phase canary after waits for",
        "0/5 progressing 0 of 100 0.0 s -",
        "1/5 progressing 5 of 100 0.0 s analysis, gate weight-100",
        "2/5 progressing 100 of 100 5 min analysis",
    ]


def test_the_waves_of_a_schedule_are_told_apart() -> None:
    plan = {"step_weights": [50], "waves": [{"clusters": ["east"]}, {"clusters": ["west"]}]}
    rows = [line.split() for line in table.schedule_lines(build_schedule(plan))]
    assert "wave" in rows[0]
    assert {"1", "2"} <= {word for row in rows[1:] for word in row[5:]}


SITUATION = {
    "known": True,
    "hub": "eu1",
    "name": "reviews",
    "phase": "waiting_promotion",
    "done": False,
    "step": 3,
    "steps": 5,
    "weights": {"eu1": 25, "us1": 50},
    "revision": "80d441ae3e",
    "held": "",
    "reason": "",
}


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({}, ["reviews: waiting promotion, step 3/5, canary eu1 25, us1 50, revision 80d441ae3e"]),
        (
            {"phase": "failed", "done": True, "weights": {"eu1": 0}, "reason": "us1: 65 is below 99"},
            ["reviews: failed, canary eu1 0, revision 80d441ae3e", "    - us1: 65 is below 99"],
        ),
        (
            {"held": "asked by a person", "step": -1, "weights": {}, "revision": ""},
            ["reviews: waiting promotion, step 0/5", "    - held: asked by a person"],
        ),
        (
            {"known": False},
            ["hub eu1 has no release reviews: it has not begun, or was removed, or its name or hub is another one"],
        ),
    ],
)
def test_the_status_of_a_release(more: dict[str, Any], lines: list[str]) -> None:
    assert table.status_lines({**SITUATION, **more}) == lines
