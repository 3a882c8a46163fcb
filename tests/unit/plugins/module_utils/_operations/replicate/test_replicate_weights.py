# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a declaration whose weights a traffic split sets."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.ledger import ClusterRecord, LedgerEntry, Record
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate.sources import DeclaredObject
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate.weights import (
    SPLITS,
    with_weights_of_splits,
)

ROUTE = ObjectId("networking.istio.io", "VirtualService", "shop", "reviews")


def to(subset: str, weight: int | None = None) -> dict[str, Any]:
    destination = {"destination": {"host": "reviews", **({"subset": subset} if subset else {})}}
    return destination if weight is None else {**destination, "weight": weight}


def manifest(*route: dict[str, Any], **http: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"hosts": ["reviews"], "http": [{"name": "main", "route": list(route), **http}]},
    }


def record(original: dict[str, Any] | None, written: dict[str, Any] | None, cluster: str = "east") -> Record:
    hold = "edited" if original is not None else "created"
    entry = LedgerEntry(ROUTE, "networking.istio.io/v1", hold, original=original, written=written)
    return Record(SPLITS, "canary", {cluster: ClusterRecord({ROUTE: entry})})


SPLIT = record(manifest(to("v1", 90), to("v2", 10)), manifest(to("v1", 70), to("v2", 30)))
DIVIDED = record(manifest(to("")), manifest(to("east", 80), to("west", 20)))
MADE = record(None, None)


@pytest.mark.parametrize(
    ("split", "declared", "expected"),
    [
        pytest.param(
            SPLIT,
            manifest(to("v1", 90), to("v2", 10)),
            manifest(to("v1", 70), to("v2", 30)),
            id="as before: the split's weights",
        ),
        pytest.param(
            SPLIT,
            manifest(to("v1", 90), to("v2", 10), timeout="7s"),
            manifest(to("v1", 70), to("v2", 30), timeout="7s"),
            id="a new timeout beside them",
        ),
        pytest.param(
            SPLIT,
            manifest(to("v1", 70), to("v2", 30)),
            manifest(to("v1", 70), to("v2", 30)),
            id="the split's own weights",
        ),
        pytest.param(
            SPLIT,
            manifest({**to("v1", 90), "headers": {"request": {"set": {"a": "b"}}}}, to("v2", 10)),
            manifest({**to("v1", 70), "headers": {"request": {"set": {"a": "b"}}}}, to("v2", 30)),
            id="a header rule on a destination",
        ),
        pytest.param(
            DIVIDED,
            manifest(to(""), retries={"attempts": 1}),
            manifest(to("east", 80), to("west", 20), retries={"attempts": 1}),
            id="destinations that the split made",
        ),
        pytest.param(
            MADE,
            manifest(to("v1", 90), to("v2", 10)),
            manifest(to("v1", 90), to("v2", 10)),
            id="the split gives nothing back, so it does not edit a replica",
        ),
    ],
)
def test_the_split_keeps_its_weights_and_the_declaration_the_rest(
    split: Record, declared: dict[str, Any], expected: dict[str, Any]
) -> None:
    given = DeclaredObject(declared, "inline")
    result, findings = with_weights_of_splits({"east": [given]}, [split])
    assert findings == []
    (made,) = result["east"]
    assert made.manifest == expected
    assert (made.hash, made.source) == (given.hash, "inline")


@pytest.mark.parametrize(
    ("split", "declared", "paths"),
    [
        (
            SPLIT,
            manifest(to("v1", 60), to("v2", 40)),
            "spec.http[main].route[0].weight, spec.http[main].route[1].weight",
        ),
        (SPLIT, manifest(to("v3", 100)), "spec.http[main].route[0].weight, spec.http[main].route[1].weight"),
        (DIVIDED, manifest(to("v1", 50), to("v2", 50)), "spec.http[main].route"),
    ],
    ids=["other weights", "other destinations", "destinations where the split made its own"],
)
def test_weights_that_both_decide_are_refused(split: Record, declared: dict[str, Any], paths: str) -> None:
    _result, findings = with_weights_of_splits({"east": [DeclaredObject(declared, "inline")]}, [split])
    (finding,) = findings
    assert (finding.cluster, finding.check, finding.object) == ("east", "weights-held", "VirtualService shop/reviews")
    assert finding.severity == "error"
    assert finding.message.startswith(f"{paths} is declared anew while traffic split canary")
    assert "state: restored" in finding.remedy


def test_the_split_of_another_cluster_or_object_decides_nothing() -> None:
    given = DeclaredObject(manifest(to("v1", 90), to("v2", 10)), "inline")
    other = DeclaredObject({**given.manifest, "metadata": {"name": "ratings", "namespace": "shop"}}, "inline")
    result, findings = with_weights_of_splits({"west": [given], "east": [other]}, [SPLIT])
    assert (result, findings) == ({"west": [given], "east": [other]}, [])
