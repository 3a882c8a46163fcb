# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task tells of a release at its end. How rows are laid out is not asked here."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import as_dict, build_schedule
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.course import report_course
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.summary import summarize_release
from ansible_collections.onemesh.istio.plugins.module_utils._summary.lines import write_lines
from ansible_collections.onemesh.istio.tests.support.canary.recorded_runs import START, tick

ROUTE = "VirtualService shop/reviews"
SCHEDULE = [as_dict(step) for step in build_schedule({"step_weights": [5, 100], "promotion": "switch"})]
RUN = [
    tick(0, {"eu1": 5, "us1": 5}, step=1, rates={"eu1": 99.9, "us1": 99.5}, requests={"eu1": 1000, "us1": 1000}),
    tick(1, {"eu1": 100, "us1": 100}, step=3, settled_after={"eu1": 0.25, "us1": 0.5}),
    tick(2, {"eu1": 100, "us1": 100}, step=4, phase="succeeded"),
]
WAITING = {"what": "gate half is closed", "since": START, "how": ["kubectl --context hub x"], "where": "eu1"}


def result(**more: Any) -> dict[str, Any]:
    """Of a task that took one tick, and waits for nothing."""
    return {
        "name": "reviews",
        "hub": "eu1",
        "phase": "progressing",
        "done": False,
        "changed": False,
        "revision": "5f3c",
        "step": 1,
        "steps": 4,
        "total": 100,
        "since": START,
        "weights": {"eu1": 5, "us1": 5},
        "held": "",
        "reason": "",
        "waiting": "",
        "reasons": [],
        "schedule": SCHEDULE,
        **more,
    }


PROOF = {"asked": "written", "reached": "written", "skew_ms": 1.0}
STATUS = {"known": True, "reason": "step 1/4: canary 5 %, progressing", "owed": {}}
PLAN = [
    "step phase canary not before waits for",
    "0/5 progressing 0 % 0.0 s -",
    "now 1/5 progressing 5 % 0.0 s analysis",
    "2/5 progressing 100 % 60 s analysis",
    "3/5 promoting 100 % 2 min -",
    "4/5 finalising 100 % 2 min -",
    "5/5 succeeded 100 % 3 min -",
]

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "a whole run, without a journal": (
        {},
        result(
            done=True,
            changed=True,
            phase="succeeded",
            course=report_course(RUN, START, ended=True),
            touched={name: {"configured": [ROUTE]} for name in ("eu1", "us1")},
            proof=PROOF,
        ),
        [
            "release reviews: Promoted on all 2 clusters in 60 s, over 3 ticks. At no change of weights were the "
            "clusters apart for more than 250 ms.",
            "step phase canary from (UTC) lasted ticks verdict errors skew",
            "1/5 progressing 5 % 12:00:00 30 s 1 pass 0.3 % of 2 000 requests -",
            "3/5 progressing 100 % 12:00:30 30 s 1 - - 250 ms",
            "4/5 succeeded 100 % 12:01:00 - 1 - - -",
            f"changed eu1, us1 {ROUTE}",
            "canary eu1, us1 100 %",
            "worst errors eu1 0.1 % of 1 000 requests",
            "worst errors us1 0.5 % of 1 000 requests",
            "revision 5f3c",
            "proof written; skew at most 250 ms",
        ],
    ),
    "the end of a run that an earlier task began": (
        {},
        result(done=True, changed=True, phase="succeeded", course=report_course(RUN[-1:], START - 540, ended=True)),
        [
            "release reviews: Promoted on all 2 clusters in 10 min.",
            "step phase canary from (UTC) ticks",
            "4/5 succeeded 100 % 12:01:00 1",
            "canary eu1, us1 100 %",
            "revision 5f3c",
        ],
    ),
    "nothing to do": (
        {},
        result(done=True, phase="succeeded", weights={"eu1": 100, "us1": 100}),
        ["release reviews: nothing to do; succeeded, revision 5f3c", "canary eu1, us1 100 %"],
    ),
    "a gate is waited for": (
        {},
        result(waiting="gate half is closed", records=[{"waiting": WAITING}], course=report_course(RUN[:1], START)),
        [
            "release reviews: step 1/4, progressing, revision 5f3c",
            "canary eu1, us1 5 %",
            "worst errors eu1 0.1 % of 1 000 requests",
            "worst errors us1 0.5 % of 1 000 requests",
            "waits gate half is closed",
            "next on eu1: kubectl --context hub x",
            "or a task with request: approve",
        ],
    ),
    "the step that the task was to reach": (
        {"wait_step": 1},
        result(changed=True, reason="step 1/4: canary 5 %, progressing"),
        ["release reviews: step 1/4, progressing, revision 5f3c", "canary eu1, us1 5 %"],
    ),
    "a plan without analyses": (
        {"state": "planned", "analysis": None},
        result(reasons=["revision 5f3c begins"], schedule=SCHEDULE[:2]),
        [
            "release reviews: would go on: revision 5f3c begins; nothing is written",
            "step phase canary not before",
            "0/1 progressing 0 % 0.0 s",
            "now 1/1 progressing 5 % 0.0 s",
            "canary eu1, us1 5 %",
        ],
    ),
    "one tick, with a debt": (
        {},
        result(changed=True, owed={"us1": [f"apply {ROUTE}"]}, touched={"eu1": {"put_right": [f"{ROUTE} is not so"]}}),
        [
            "release reviews: step 1/4, progressing, revision 5f3c",
            f"put right eu1 {ROUTE} is not so",
            f"owed us1 apply {ROUTE}",
            "canary eu1, us1 5 %",
            "next run again: it goes on where it is",
            "run again when us1 can be reached, which gets what it is owed",
        ],
    ),
    "rolled back": (
        {},
        result(done=True, phase="failed", reason="us1 fails", weights={"eu1": 0}),
        [
            "release reviews: nothing to do; failed, revision 5f3c",
            "canary eu1 0 %",
            "last us1 fails",
            "next deploy another revision, or begin this one again with request: restart",
        ],
    ),
    "check mode": (
        {"state": "progressing"},
        result(reasons=["revision 5f3c begins"], step=1, clusters={"eu1": {"configured": [ROUTE]}}, foretold=True),
        [
            "release reviews: would go on: revision 5f3c begins; nothing is written",
            *PLAN,
            f"changed eu1 {ROUTE}",
            "canary eu1, us1 5 %",
        ],
    ),
    "status": (
        {"state": "status"},
        result(**STATUS),
        [
            "release reviews: step 1/4, progressing, revision 5f3c",
            *PLAN,
            "canary eu1, us1 5 %",
            "since 2026-11-25 12:00:00 UTC",
        ],
    ),
    "status of one that is held, without a plan": (
        {"state": "status"},
        {key: value for key, value in result(known=True, held="asked for").items() if key != "schedule"},
        [
            "release reviews: step 1/4, progressing, revision 5f3c",
            "canary eu1, us1 5 %",
            "held asked for",
            "since 2026-11-25 12:00:00 UTC",
            "next request: resume goes on, state: rolled_back takes it back",
        ],
    ),
    "status of one that there is not": (
        {"state": "status"},
        result(known=False),
        [
            "release reviews: hub eu1 has none of this name: it has not begun, or was removed, or name or hub is "
            "another",
        ],
    ),
    "an approval": (
        {},
        result(
            **{**STATUS, "reason": ""},
            approval={"gate": "half", "revision": "5f3c", "decision": "open", "expires": START, "by": "ada"},
        ),
        [
            "release reviews: gate half is open for this run of revision 5f3c until 2026-11-25 12:00:00 UTC, by ada",
            *PLAN,
            "canary eu1, us1 5 %",
            "since 2026-11-25 12:00:00 UTC",
        ],
    ),
    "a removal": (
        {"state": "absent"},
        {
            "hub": "eu1",
            "changed": True,
            "clusters": {
                "eu1": {
                    "state": "ready",
                    "created": [],
                    "configured": [],
                    "restored": [ROUTE],
                    "deleted": [],
                    "kept": [],
                    "unchanged": [],
                    "findings": [],
                }
            },
            "owed": {"us1": [f"restore {ROUTE}"]},
        },
        [
            "release reviews, removal: changed 1 of 2 clusters; owed to us1",
            "looked at eu1 1 object",
            f"given back eu1 {ROUTE}",
            f"owed us1 restore {ROUTE}",
            "not in the fleet us1 on record, and not among the clusters of this run",
            "next run again when us1 can be reached; if gone for good, set write_off: [us1]",
        ],
    ),
    "a removal of what has only a state": (
        {"state": "absent"},
        {"hub": "eu1", "changed": True, "clusters": {}},
        ["release reviews, removal: what was stored of it on eu1 is gone"],
    ),
    "a failure without a result": ({}, {"failed": True}, ["release reviews: nothing to do"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_of_a_release(case: str) -> None:
    options, found, told = CASES[case]
    foretold = bool(found.get("foretold"))
    parameters = {"name": "reviews", "state": "progressing", "analysis": {"metrics": []}, **options}
    lines = write_lines(summarize_release(parameters, found, foretold=foretold))
    said = [" ".join(line.split()) for line in lines]
    # The head may take two lines.
    assert said == told or [" ".join(said[:2]), *said[2:]] == told
