# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a change, by its result."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.summary import summarize_change
from ansible_collections.onemesh.istio.plugins.module_utils._summary.lines import write_lines

ROUTE, RULE = "VirtualService shop/reviews", "DestinationRule shop/reviews"
NOTHING: dict[str, Any] = {
    "state": "ready",
    "created": [],
    "configured": [],
    "restored": [],
    "deleted": [],
    "kept": [],
    "unchanged": [],
    "findings": [],
}


def part(state: str = "ready", **words: Any) -> dict[str, Any]:
    return {**NOTHING, "state": state, **words}


def finding(check: str, message: str, severity: str = "warning") -> dict[str, Any]:
    return {
        "cluster": "west",
        "clusters": ["west"],
        "check": check,
        "severity": severity,
        "object": ROUTE,
        "message": message,
        "remedy": "keep whoever writes it from doing so",
    }


DRIFT = finding("drift", "differs (last written by kubectl-edit at 12:00)")
PROOF = {"asked": "written", "reached": "written", "skew_ms": 24.8}

CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "all as declared": (
        {"clusters": {"east": part(unchanged=[ROUTE]), "west": part(unchanged=[ROUTE])}},
        ["replicate reviews: nothing to do; looked at 1 object on east, west"],
    ),
    "a record that was written off": (
        {"changed": True, "clusters": {"east": part(unchanged=[ROUTE])}},
        ["replicate reviews: the record on the hub was brought up to date", "    looked at  east  1 object"],
    ),
    "nothing but a debt": (
        {
            "changed": True,
            "clusters": {"east": part(), "west": part("excluded")},
            "owed": {"west": [f"delete {ROUTE}"]},
        },
        [
            "replicate reviews: nothing to do; owed to west",
            "    owed      west  delete VirtualService shop/reviews",
            "    excluded  west  left out by the option exclude",
            "    next      run again, or with state: settled, when west can be reached; "
            "if gone for good, set write_off: [west]",
        ],
    ),
    "made, and what somebody changed put right": (
        {
            "clusters": {
                "east": part(created=[ROUTE, RULE]),
                "west": part(configured=[ROUTE, RULE], findings=[DRIFT]),
            },
            "proof": PROOF,
        },
        [
            "replicate reviews: changed 2 of 2 clusters",
            "    looked at  east, west  2 objects",
            "    made       east        VirtualService shop/reviews, DestinationRule shop/reviews",
            "    changed    west        DestinationRule shop/reviews",
            "    put right  west        VirtualService shop/reviews",
            "    proof      written; skew at most 25 ms",
            "    warning    west        VirtualService shop/reviews: differs (last written by kubectl-edit at 12:00)",
            "               -> keep whoever writes it from doing so",
        ],
    ),
    "a removal that leaves a debt": (
        {
            "clusters": {
                "east": part(deleted=[RULE], restored=[ROUTE]),
                "west": part("away", findings=[finding("not-reachable", "gave no answer within 10 s", "error")]),
                "north": part("excluded"),
            },
            "owed": {"west": [f"delete {RULE}", f"restore {ROUTE}"], "north": [f"delete {RULE}"]},
        },
        [
            "replicate reviews: changed 1 of 3 clusters; owed to west, north",
            "    looked at   east   2 objects",
            "    given back  east   VirtualService shop/reviews",
            "    removed     east   DestinationRule shop/reviews",
            "    owed        west   delete DestinationRule shop/reviews, restore VirtualService shop/reviews",
            "    owed        north  delete DestinationRule shop/reviews",
            "    away        west   gave no answer within 10 s",
            "    excluded    north  left out by the option exclude",
            "    next        run again, or with state: settled, when west, north can be reached; "
            "if gone for good, set write_off: [west, north]",
        ],
    ),
    "a cluster that was reached is owed what waits for another one, and is not to be written off": (
        {
            "clusters": {
                "east": part(deleted=[ROUTE]),
                "west": part("away", findings=[finding("not-reachable", "gave no answer within 10 s", "error")]),
            },
            "owed": {"east": [f"delete {RULE}"], "west": [f"delete {RULE}"]},
        },
        [
            "replicate reviews: changed 1 of 2 clusters; owed to east, west",
            "    looked at  east        1 object",
            "    removed    east        VirtualService shop/reviews",
            "    owed       east, west  delete DestinationRule shop/reviews",
            "    away       west        gave no answer within 10 s",
            "    next       run again, or with state: settled, when west can be reached; "
            "if gone for good, set write_off: [west]",
        ],
    ),
    "owed only to those that were reached": (
        {"clusters": {"east": part(kept=[RULE])}, "owed": {"east": [f"delete {RULE}"]}},
        [
            "replicate reviews: nothing to do; owed to east",
            "    kept  east  DestinationRule shop/reviews",
            "    owed  east  delete DestinationRule shop/reviews",
            "    next  run again, or with state: settled, which does what is owed",
        ],
    ),
    "a change that was taken back": (
        {"clusters": {"east": part("put back"), "west": part("put back")}},
        ["replicate reviews: nothing to do", "    put back  east, west  as it was before this run"],
    ),
    "a debt to a cluster that this run was not told of": (
        {"clusters": {"east": part()}, "owed": {"old": [f"delete {RULE}"]}},
        [
            "replicate reviews: nothing to do; owed to old",
            "    owed              old  delete DestinationRule shop/reviews",
            "    not in the fleet  old  on record, and not among the clusters of this run",
            "    next              run again, or with state: settled, when old can be reached; "
            "if gone for good, set write_off: [old]",
        ],
    ),
    "a failure that has no result": ({}, ["replicate reviews: nothing to do"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_told_of_a_change(case: str) -> None:
    result, lines = CASES[case]
    assert write_lines(summarize_change("replicate reviews", result, foretold=False)) == lines
