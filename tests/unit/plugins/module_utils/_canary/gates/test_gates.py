# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which approvals open a gate, which close it, and which count for nothing: one row per case."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates import gates
from ansible_collections.onemesh.istio.plugins.module_utils._canary.gates.gates import Approval, Door

NOW = 1795608000.0  # 2026-11-25T12:00:00Z
LATER, EARLIER = NOW + 60, NOW - 60

CREATE = (
    "kubectl create configmap onemesh-approval.cart.half --from-literal=gate=half --from-literal=checksum=5f3c "
    "--from-literal=decision=open --dry-run=client -o yaml | "
    "kubectl label --local -f - onemesh.istio/approval=cart -o yaml"
)


def said(gate: str = "half", checksum: str = "5f3c", decision: str = "open", **more: Any) -> Approval:
    return Approval(gate, checksum, decision, "ConfigMap mesh/one", **more)


@pytest.mark.parametrize(
    ("approvals", "expected", "reason"),
    [
        ([], "closed", "nobody has opened it yet"),
        ([said()], "open", "opened by ConfigMap mesh/one"),
        ([said(by="ada")], "open", "opened by ada (ConfigMap mesh/one)"),
        ([said("*")], "open", "opened by ConfigMap mesh/one"),
        ([said(expires=LATER)], "open", "opened by ConfigMap mesh/one until 2026-11-25T12:01:00Z"),
        ([said("other")], "closed", "nobody has opened it yet"),
        ([said(checksum="77aa")], "closed", "ConfigMap mesh/one is for run 77aa, this one is 5f3c"),
        ([said(expires=EARLIER)], "closed", "ConfigMap mesh/one expired at 2026-11-25T11:59:00Z"),
        ([said(expires=NOW)], "closed", "ConfigMap mesh/one expired at 2026-11-25T12:00:00Z"),
        ([said(problem="it has no checksum")], "closed", "ConfigMap mesh/one cannot be understood: it has no checksum"),
        # One that is of no use does not spoil a good one.
        ([said(checksum="77aa"), said(expires=EARLIER), said(problem="x"), said()], "open", "opened by ConfigMap"),
        # A refusal counts more than any number of approvals, whatever their order.
        ([said(), said(decision="closed", by="bob")], "closed", "closed by bob (ConfigMap mesh/one)"),
        ([said("*", decision="closed"), said()], "closed", "closed by ConfigMap mesh/one"),
        ([said(), said(decision="close", problem="its decision is 'close'")], "closed", "cannot be understood"),
        # One for another run, or an expired one, does not.
        ([said(), said(checksum="77aa", decision="closed")], "open", "opened by ConfigMap mesh/one"),
        ([said(), said(decision="closed", expires=EARLIER)], "open", "opened by ConfigMap mesh/one"),
    ],
)
def test_answer(approvals: list[Approval], expected: str, reason: str) -> None:
    answer = gates.judge_gate("half", "5f3c", approvals, NOW)
    assert answer.answer == expected
    assert reason in answer.reason


def config_map(**data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "metadata": {"name": "one", "namespace": "mesh"}, "data": data}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"gate": "half", "checksum": "5f3c", "decision": "open"}, ""),
        ({"gate": "half", "checksum": "5f3c", "decision": "open", "expires": "2026-11-25T12:00:00+01:00"}, ""),
        ({"gate": "half", "checksum": "5f3c", "decision": "closed", "by": "ada"}, ""),
        ({"checksum": "5f3c", "decision": "open"}, "it has no gate"),
        ({"gate": "half", "decision": "open"}, "it has no checksum"),
        ({"gate": "half", "checksum": "5f3c"}, "it has no decision"),
        ({"gate": "half", "checksum": "5f3c", "decision": "yes"}, "its decision is 'yes', expected open or closed"),
        ({"gate": "half", "checksum": "5f3c", "decision": "open", "expire": "x"}, "expire is no key of an approval"),
        ({"gate": "half", "checksum": "5f3c", "decision": "open", "expires": "tomorrow"}, "'tomorrow' is no time"),
        ({"gate": "half", "checksum": "5f3c", "decision": "open", "expires": "2026-11-25T12:00:00"}, "is no time"),
    ],
)
def test_config_maps_are_understood_or_say_why_not(data: dict[str, str], problem: str) -> None:
    found = gates.of_config_map(config_map(**data)).problem
    assert problem in found
    assert bool(problem) == bool(found)


def test_a_config_map_without_a_gate_may_mean_any() -> None:
    assert gates.of_config_map(config_map(decision="closed")).concerns("half")


@pytest.mark.parametrize(
    ("value", "checksum", "expires", "problem"),
    [
        ("5f3c", "5f3c", None, ""),
        ("5f3c until 2026-11-25T12:00:00Z", "5f3c", NOW, ""),
        ("5f3c until 2026-11-25T12:00:00.25Z", "5f3c", NOW + 0.25, ""),
        ("5f3c until noon", "5f3c", None, "'noon' is no time"),
        ("5f3c till 2026-11-25T12:00:00Z", "5f3c", None, "expected the run's checksum"),
        ("5f3c 2026-11-25T12:00:00Z", "5f3c", None, "expected the run's checksum"),
        ("", "", None, "expected the run's checksum"),
    ],
)
def test_annotations(value: str, checksum: str, expires: float | None, problem: str) -> None:
    annotations = {"onemesh.istio/approve-half": value, "onemesh.istio/uid": "x"}
    live = {"kind": "VirtualService", "metadata": {"name": "cart", "namespace": "shop", "annotations": annotations}}
    [found] = gates.of_annotations(live)
    assert (found.gate, found.checksum, found.expires, found.decision) == ("half", checksum, expires, "open")
    assert problem in found.problem
    assert bool(problem) == bool(found.problem)


@pytest.mark.parametrize("decision", ["open", "closed"])
@pytest.mark.parametrize("expires", [None, NOW])
@pytest.mark.parametrize("by", ["", "ada"])
def test_what_we_write_is_what_we_read(decision: Any, expires: float | None, by: str) -> None:
    manifest = gates.approval_manifest("cart", "mesh", "half", "5f3c", decision=decision, expires=expires, by=by)
    source = "ConfigMap mesh/onemesh-approval.cart.half"
    assert gates.of_config_map(manifest) == Approval("half", "5f3c", decision, source, expires, by)
    assert manifest["metadata"]["labels"]["onemesh.istio/approval"] == "cart"


def test_names_of_config_maps_are_not_mixed_up() -> None:
    pairs = [("a-b", "*"), ("a", "b"), ("a", "*"), ("a", "all"), ("a-b", "c"), ("a", "b-c")]
    assert len({gates.approval_name(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("door", "lines"),
    [
        (
            Door("cart", "mesh"),
            [f"{CREATE} | kubectl -n mesh apply -f -"],
        ),
        (
            Door("cart", "mesh", "the hub", ("virtualservice", "shop", "cart")),
            [
                "kubectl --context 'the hub' -n shop annotate --overwrite virtualservice cart "
                "onemesh.istio/approve-half=5f3c",
                f"{CREATE} | kubectl --context 'the hub' -n mesh apply -f -",
            ],
        ),
    ],
)
def test_a_person_is_told_what_to_type(door: Door, lines: list[str]) -> None:
    assert list(gates.list_commands("half", "5f3c", door)) == lines


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("half", True),
        ("50-percent", True),
        ("a" * 40, True),
        ("a" * 41, False),
        ("Half", False),
        ("-a", False),
        ("", False),
    ],
)
def test_names_of_gates(name: str, good: bool) -> None:
    assert gates.is_gate_name(name) is good
