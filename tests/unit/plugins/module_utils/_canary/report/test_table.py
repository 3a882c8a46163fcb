# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the screen shows of a tick and of a run."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report import table
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.course import report_course
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import TickRecord, Waiting
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import START, tick

TWELVE = {f"cluster-{number}": 100 for number in range(12)}
COMMAND = "kubectl --kubeconfig hub.yml --context hub " + "x" * 130


@pytest.mark.parametrize(
    ("record", "lines"),
    [
        (
            tick(rates={"eu1": 99.98, "us1": 99.96}, settled_after={"eu1": 0.25, "us1": 0.262}, decision="continue"),
            [
                "12:00:00  step 3/5  canary 25 %  skew 12 ms  errors 0.03 % (requests not counted)  -> continue"
                "  eu1, us1 25 % ok in 0.3 s",
            ],
        ),
        # The number of requests stands beside the rate of errors.
        (
            tick(rates={"eu1": 99.98, "us1": 99.0}, requests={"eu1": 12000, "us1": 345}),
            ["12:00:00  step 3/5  canary 25 %  errors 0.047 % of 12 345 requests  eu1, us1 25 % ok"],
        ),
        (
            tick(1, rates={"eu1": 99.98, "us1": 96.6}, requests={"eu1": 500, "us1": 500}, decision="roll back"),
            [
                "12:00:30  step 3/5  canary 25 %  errors 1.71 % of 1 000 requests  fail  -> roll back",
                "    eu1 25 % ok; us1 25 % FAIL",
                "    us1 request-success-rate 96.6 % of 500 requests, expected at least 99 % (fail)",
            ],
        ),
        (
            tick(1, drift={"us1": 10}, away={"ap1": "gave no answer within 10 s"}, wave=1),
            [
                "12:00:30  step 3/5  canary 25 %  wave 2",
                "    eu1 25 % ok; us1 10 %, not 25 %, drift; ap1 not known away",
                "    us1: weights are 10; ap1: gave no answer within 10 s",
            ],
        ),
        (
            tick(phase="waiting_promotion", waiting=Waiting("gate half", START - 60, (COMMAND, "another"), "east")),
            [
                "12:00:00  step 3/5  canary 25 %  waiting promotion  eu1, us1 25 % ok",
                "    waits for gate half since 11:59:00",
                # A command that is broken cannot be copied.
                f"    on east: {COMMAND}",
            ],
        ),
        # No more than three lines, whatever comes together.
        (
            tick(drift={"us1": 10}, waiting=Waiting("gate half", None, (COMMAND,), "east")),
            [
                "12:00:00  step 3/5  canary 25 %",
                "    eu1 25 % ok; us1 10 %, not 25 %, drift; us1: weights are 10; waits for gate half",
                f"    on east: {COMMAND}",
            ],
        ),
        # What the head says is not said again.
        (
            tick(reasons=("step 3/5: canary 25 %, progressing",), decision="continue"),
            ["12:00:00  step 3/5  canary 25 %  -> continue  eu1, us1 25 % ok"],
        ),
        (
            tick(weights={"eu1": 32, "us1": 32}, total=128),
            ["12:00:00  step 3/5  canary 32 of 128  eu1, us1 32 of 128 ok"],
        ),
    ],
)
def test_one_tick(record: TickRecord, lines: list[str]) -> None:
    assert table.tick_lines(record) == lines


def test_a_step_says_how_long_it_lasts() -> None:
    (line,) = table.tick_lines(tick(decision="continue"), 300.0)
    assert "-> continue  next in 5 min" in line


@pytest.mark.parametrize(
    "more", [{}, {"settled_after": dict.fromkeys(TWELVE, 0.25)}, {"drift": dict.fromkeys(TWELVE, 5)}]
)
def test_twelve_clusters_that_are_alike_are_one(more: dict[str, Any]) -> None:
    assert "all 12 clusters" in " ".join(table.tick_lines(tick(weights=TWELVE, **more)))


def test_of_many_troubles_the_first_are_told_and_how_many_there_are() -> None:
    away = {f"c{number}": "gave no answer within 10 s, and nobody knows why" for number in range(30)}
    lines = table.tick_lines(tick(weights=TWELVE, away=away))
    assert len(lines) == table.MOST_LINES
    assert lines[2].startswith("    c0: gave no answer within 10 s, and nobody knows why; c1: ")
    assert lines[2].endswith("and 25 more")


def test_what_others_say_does_not_steer_the_terminal() -> None:
    lines = table.tick_lines(tick(reasons=("a\x1b[2Jb\nc\u202ed",), decision="go\x07"))
    assert all(line.isprintable() for line in lines)


def test_a_reason_is_told_once() -> None:
    reasons = ("us1 request-success-rate 96.6 % is below 99 %",)
    lines = table.tick_lines(tick(rates={"us1": 96.6}, reasons=reasons))
    assert [line for line in lines if "96.6" in line] == ["    us1 request-success-rate 96.6 % is below 99 %"]


def test_the_way_of_a_run() -> None:
    requests = {"eu1": 1000, "us1": 1000}
    run = [
        tick(0, {"eu1": 5, "us1": 5}, step=1, rates={"eu1": 99.9, "us1": 99.8}, requests=requests),
        tick(1, {"eu1": 5, "us1": 5}, step=1, rates={"eu1": 99.9, "us1": 99.2}, requests=requests),
        tick(2, {"eu1": 50, "us1": 50}, step=2, settled_after={"eu1": 0.25, "us1": 0.5}),
        tick(4, {"eu1": 0, "us1": 0}, step=5, phase="succeeded"),
    ]
    assert table.steps_lines(report_course(run, None)["steps"]) == [
        "    step  phase        canary  from (UTC)  lasted  ticks  verdict  errors                      skew",
        "    1/5   progressing     5 %    12:00:00    60 s      2  pass     0.45 % of 2 000 requests       -",
        "    2/5   progressing    50 %    12:01:00    60 s      1  -        -                         250 ms",
        "    5/5   succeeded       0 %    12:02:00       -      1  -        -                              -",
    ]


def test_a_schedule_has_a_row_for_each_step_and_says_which_one_is_held() -> None:
    plan = {"step_weights": [5, 100], "interval": "5m", "drain": 0, "gates": [{"before_weight": 100}]}
    lines = [" ".join(line.split()) for line in table.schedule_lines(build_schedule(plan), 1)]
    assert lines[:4] == [
        "step phase canary not before waits for",
        "0/5 progressing 0 % 0.0 s -",
        "now 1/5 progressing 5 % 0.0 s analysis, gate weight-100",
        "2/5 progressing 100 % 5 min analysis",
    ]


def test_the_waves_of_a_schedule_are_told_apart() -> None:
    plan = {"step_weights": [50], "waves": [{"clusters": ["east"]}, {"clusters": ["west"]}]}
    rows = [line.split() for line in table.schedule_lines(build_schedule(plan))]
    assert "wave" in rows[0]
    assert {"1", "2"} <= {word for row in rows[1:] for word in row[5:]}


EAST_FIRST = [{"clusters": ["east"]}, {"clusters": ["west"]}]


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (
            {"step_weights": [5, 50, 100], "gates": [{"before_weight": 50, "name": "half"}]},
            "plan of 7 steps: canary 0 % -> 5 % -> gate half -> 50 % -> 100 % -> promotion",
        ),
        (
            {"step_weights": [50], "waves": EAST_FIRST},
            "plan of 10 steps: canary wave 1: 0 % -> 50 % -> promotion; wave 2: 0 % -> 50 % -> promotion",
        ),
        (
            {"step_weights": [50], "waves": EAST_FIRST, "promote": "together"},
            "plan of 7 steps: canary wave 1: 0 % -> 50 %; wave 2: 0 % -> 50 %; all waves: promotion",
        ),
        ({"iterations": 2}, "plan of 7 steps: canary 0 % -> 100 % -> promotion"),
    ],
)
def test_a_plan_is_one_line(plan: dict[str, Any], line: str) -> None:
    assert table.plan_line(build_schedule(plan)) == line
