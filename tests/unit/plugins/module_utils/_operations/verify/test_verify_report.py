# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrix on the screen and in the result."""

from __future__ import annotations

import json

from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, FindingKind
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import report
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.checks.check import Check
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import (
    Answers,
    ClusterFacts,
    Traffic,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.judge import Pair

FLEET = {
    "eu1": ClusterFacts("eu1", "eu"),
    "us1": ClusterFacts("us1", "us"),
    "ap1": ClusterFacts("ap1", "ap", away="no answer within 10 s"),
}
IDENTITY = frozenset({"spiffe://cluster.local/ns/a/sa/b"})


def answered(target: str, latency: float) -> Traffic:
    return Traffic((), Answers(1, {target: 1}, IDENTITY, (latency,)))


def pairs() -> list[Pair]:
    failed = Check("gateway", "failed", "the gateway is stopped", "start it", "us1")
    found = []
    for source in FLEET:
        for target in FLEET:
            away = "ap1" if "ap1" in (source, target) else ""
            checks = () if away else ((failed,) if (source, target) == ("eu1", "us1") else (Check("trust", "ok"),))
            seen = Traffic() if away or checks == (failed,) else answered(target, 2.5 if source == target else 4.25)
            found.append(Pair(source, target, True, checks, away, seen))
    return found


def test_rows_ask_and_columns_answer() -> None:
    kind = FindingKind("verify-gateway", "cause", "remedy")
    findings = [Finding("us1", kind, "the gateway is stopped", "start it", object="Service a/b")]
    spread = {"us1": Answers(3, {"us1": 2, "eu1": 1})}
    assert report.write_lines(FLEET, pairs(), findings, spread) == [
        "from \\ to  eu1   us1   ap1",
        "eu1         ✓     ✗    away",
        "us1         ✓     ✓    away  mTLS yes, via gateway, p50 4.2 ms",
        "ap1        away  away  away  no answer within 10 s",
        "requests from us1 to a Service of all clusters were answered by eu1 (1), us1 (2)",
        "✗ us1 (Service a/b): the gateway is stopped",
        "    -> start it",
    ]


def test_pairs_that_shall_not_be_linked_are_explained() -> None:
    fleet = {name: FLEET[name] for name in ("eu1", "us1")}
    checked = (Check("synced", "ok", "not linked, as wanted"),)
    shown = [Pair(source, target, source == target or source == "eu1", checked) for source in fleet for target in fleet]
    lines = report.write_lines(fleet, shown, [], {})
    assert lines[1:] == [
        "eu1         ✓    ✓   no requests made",
        "us1         ·    ✓   no requests made",
        "· not linked, as wanted",
    ]


def test_plain_text_is_shouted() -> None:
    fleet = {name: ClusterFacts(name, "flat") for name in ("eu1", "us1")}
    seen = Traffic((), Answers(1, {"us1": 1}, frozenset(), (1.0,)))
    shown = [
        Pair(source, target, True, (), traffic=seen if (source, target) == ("eu1", "us1") else Traffic())
        for source in fleet
        for target in fleet
    ]
    assert report.write_lines(fleet, shown, [], {})[1].endswith("mTLS NO, direct, p50 1 ms")


def test_the_matrix_says_why_and_can_be_written_as_json() -> None:
    matrix = report.make_matrix(pairs())
    verdict = json.loads(json.dumps(matrix))["eu1"]["us1"]
    assert (verdict["ok"], verdict["state"], verdict["cause"]) == (False, "failed", "the gateway is stopped")
    assert verdict["checks"]["gateway"] == {
        "state": "failed",
        "cause": "the gateway is stopped",
        "remedy": "start it",
    }
    assert matrix["eu1"]["ap1"]["cause"] == "ap1 is away"


def test_what_is_said_of_each_cluster() -> None:
    said = report.describe_clusters(FLEET, {"us1": Answers(3, {"us1": 3})}, pairs())
    assert {name: each["ok"] for name, each in said.items()} == {"eu1": False, "us1": False, "ap1": False}
    assert said["us1"]["answered_by"] == {"us1": 3}
    assert said["ap1"]["away"] == "no answer within 10 s"
