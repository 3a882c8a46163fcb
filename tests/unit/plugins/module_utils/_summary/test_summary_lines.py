# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job's log has at the end of a task."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._summary.lines import WIDTH, write_lines
from ansible_collections.onemesh.istio.plugins.module_utils._summary.summary import (
    ClusterSummary,
    ProofSummary,
    Remark,
    Summary,
    collect_remarks,
)

SAME = ClusterSummary(looked_at=2)
ROUTE, RULE = "VirtualService shop/reviews", "DestinationRule shop/reviews"
MANY = tuple(f"CustomResourceDefinition c{number}" for number in range(26))


def told(clusters: dict[str, ClusterSummary], **more: Any) -> Summary:
    return Summary("replicate reviews", clusters=clusters, **more)


CASES: dict[str, tuple[Summary, list[str]]] = {
    "nothing to do is one line": (
        told({"east": SAME, "north": SAME, "west": SAME}),
        ["replicate reviews: nothing to do; looked at 2 objects on east, north, west"],
    ),
    "nothing to do on clusters that hold different things": (
        told({"east": SAME, "west": ClusterSummary(looked_at=1)}),
        ["replicate reviews: nothing to do; looked at 1 to 2 objects on east, west"],
    ),
    "nothing to do on many clusters": (
        told({f"c{number}": SAME for number in range(12)}),
        ["replicate reviews: nothing to do; looked at 2 objects on all 12 clusters"],
    ),
    "nothing is looked at": (told({}), ["replicate reviews: nothing to do"]),
    "each deed on its clusters, the same once": (
        told(
            {
                "east": ClusterSummary(looked_at=3, made=(ROUTE, RULE)),
                "north": ClusterSummary(looked_at=3, made=(ROUTE, RULE)),
                "west": ClusterSummary(looked_at=3, changed=(ROUTE,), put_right=(RULE,), removed=("Service shop/old",)),
            },
            proof=ProofSummary("acknowledged", "acknowledged", 12.9),
        ),
        [
            "replicate reviews: changed 3 of 3 clusters",
            "    looked at  east, north, west  3 objects",
            "    made       east, north        VirtualService shop/reviews, DestinationRule shop/reviews",
            "    changed    west               VirtualService shop/reviews",
            "    put right  west               DestinationRule shop/reviews",
            "    removed    west               Service shop/old",
            "    proof      acknowledged; skew at most 13 ms",
        ],
    ),
    "what is owed to whom, and what to do": (
        told(
            {
                "east": ClusterSummary(looked_at=1, given_back=(ROUTE,)),
                "west": ClusterSummary("away", "gave no answer within 10 s", owed=(f"restore {ROUTE}",)),
            },
            proof=ProofSummary("acknowledged", "written", 0.0),
            following=("run again when west can be reached",),
        ),
        [
            "replicate reviews: changed 1 of 2 clusters; owed to west",
            "    looked at   east  1 object",
            "    given back  east  VirtualService shop/reviews",
            "    owed        west  restore VirtualService shop/reviews",
            "    away        west  gave no answer within 10 s",
            "    proof       written, and acknowledged was asked for",
            "    next        run again when west can be reached",
        ],
    ),
    "of many objects how many of each kind": (
        told({"east": ClusterSummary(looked_at=27, removed=("Deployment istio-system/istiod", *MANY))}),
        [
            "replicate reviews: changed east",
            "    looked at  east  27 objects",
            "    removed    east  26 CustomResourceDefinition, 1 Deployment",
        ],
    ),
    "check mode says what would be": (
        told({"east": ClusterSummary(looked_at=2, made=(ROUTE,)), "west": SAME}, foretold=True),
        [
            "replicate reviews: would change 1 of 2 clusters; nothing is written in check mode",
            "    looked at  east, west  2 objects",
            "    made       east        VirtualService shop/reviews",
        ],
    ),
    "check mode with nothing to do": (
        told({"east": SAME}, foretold=True),
        ["replicate reviews: nothing would be done; looked at 2 objects on east"],
    ),
    "findings with what to do about them, on clusters that have them in common": (
        told(
            {"east": SAME, "west": SAME},
            outcome="The change was not begun; nothing was written anywhere.",
            remarks=(Remark("error", ("east", "west"), f"{ROUTE}: .spec.retires: not in schema", "correct the field"),),
        ),
        [
            "replicate reviews: The change was not begun; nothing was written anywhere.",
            "    looked at  east, west  2 objects",
            "    wrong      east, west  VirtualService shop/reviews: .spec.retires: not in schema",
            "               -> correct the field",
        ],
    ),
    "rows of the verb's own, and commands that are never broken": (
        told(
            {"east": ClusterSummary(facts={"weights": "main: v1 70 %, v2 30 %"})},
            body=("a line of its own",),
            facts=(("hub", "east"),),
            following=("kubectl " + "x" * 150, "kubectl y"),
        ),
        [
            "replicate reviews: nothing to do",
            "a line of its own",
            "    weights  east  main: v1 70 %, v2 30 %",
            "    hub      east",
            "    next     kubectl " + "x" * 150,
            "             kubectl y",
        ],
    ),
    "what others say is one line, and steers no terminal": (
        told({"west": ClusterSummary("away", "a\x1b[2Jb\nc")}),
        ["replicate reviews: nothing to do", "    away  west  a [2Jb c"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_task_ends_with_one_short_table(case: str) -> None:
    summary, lines = CASES[case]
    assert write_lines(summary) == lines


@pytest.mark.parametrize("case", CASES)
def test_the_result_of_a_task_holds_all_that_its_log_says(case: str) -> None:
    summary, lines = CASES[case]
    assert write_lines(Summary.from_dict(json.loads(json.dumps(summary.as_dict())))) == lines


def test_long_texts_are_wrapped_below_their_place() -> None:
    lines = write_lines(told({"west": ClusterSummary("away", "does not answer " * 20)}))
    assert max(map(len, lines)) <= WIDTH
    assert {line[:10] for line in lines[2:]} == {" " * 10}


def test_no_more_than_ten_findings_are_listed() -> None:
    remarks = tuple(Remark("warning", ("east",), f"cause {number}", "see it") for number in range(15))
    lines = write_lines(told({"east": SAME}, remarks=remarks))
    assert sum("cause" in line for line in lines) == 10
    assert lines[-1].split() == ["and", "5", "more,", "which", "the", "result", "has"]


def finding(cluster: str, message: str, about: str = "") -> dict[str, Any]:
    return {
        "cluster": cluster,
        "clusters": [cluster] * bool(cluster),
        "check": "drift",
        "severity": "warning",
        "object": about,
        "message": message,
        "remedy": "see it",
    }


@pytest.mark.parametrize(
    ("findings", "remarks"),
    [
        ([], []),
        ([finding("east", "is late"), finding("west", "is late")], [(("east", "west"), "is late")]),
        ([finding("east", "is late", ROUTE)], [(("east",), f"{ROUTE}: is late")]),
        ([finding("east", f"in {ROUTE} it is late", ROUTE)], [(("east",), f"in {ROUTE} it is late")]),
        ([finding("", "no cluster")], [((), "no cluster")]),
    ],
)
def test_findings_that_say_the_same_are_one(findings: list[Any], remarks: list[Any]) -> None:
    assert collect_remarks(findings) == tuple(Remark("warning", where, text, "see it") for where, text in remarks)
