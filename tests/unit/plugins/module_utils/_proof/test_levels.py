# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, FindingKind
from ansible_collections.onemesh.istio.plugins.module_utils._proof import levels
from ansible_collections.onemesh.istio.plugins.module_utils._proof.levels import Changed, ClusterProof, Proof


def change(name: str, started: float, finished: float) -> Changed:
    live = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "a"},
    }
    return Changed(None, live, started, finished)


def test_every_level_says_what_it_proves_and_what_it_does_not() -> None:
    assert set(levels.PROVES) == set(levels.NOT_PROVEN) == set(levels.LEVELS)


@pytest.mark.parametrize(
    ("reached", "lowest"),
    [(["serving", "written"], "written"), (["serving", "acknowledged"], "acknowledged"), ([], "serving")],
)
def test_the_weakest_cluster_decides(reached: list[str], lowest: str) -> None:
    assert levels.find_weakest(reached) == lowest


def test_a_change_is_named_as_messages_name_it() -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "app"}}
    assert change("echo", 0, 0).name == "VirtualService a/echo"
    assert change("echo", 0, 0).key == ("networking.istio.io", "VirtualService", "a", "echo")
    assert Changed(namespace, None, 0, 0).name == "Namespace app"
    with pytest.raises(ValueError, match="before and after"):
        assert Changed(None, None, 0, 0).object


@pytest.mark.parametrize(
    ("changes", "milliseconds"),
    [
        pytest.param({}, 0, id="nothing"),
        pytest.param({"east": [change("x", 1.0, 5.0)]}, 0, id="one cluster cannot disagree"),
        pytest.param({"east": [change("x", 1.0, 1.1)], "west": [change("x", 1.05, 1.3)]}, 300, id="first to last"),
        pytest.param(
            {
                "east": [change("x", 1.0, 1.1), change("y", 8.0, 8.1)],
                "west": [change("x", 1.0, 1.2), change("y", 8.0, 8.4)],
            },
            400,
            id="each object for itself, the longest counts",
        ),
        pytest.param({"east": [change("x", 1.0, 1.1)], "west": [change("y", 9.0, 9.1)]}, 0, id="different objects"),
    ],
)
def test_clusters_may_disagree_from_the_first_write_to_the_last(
    changes: dict[str, list[Changed]], milliseconds: float
) -> None:
    assert levels.compute_write_skew(changes) == pytest.approx(milliseconds)


def test_a_proof_is_small_and_plain() -> None:
    finding = Finding("west", FindingKind("proxy-late", "cause", "remedy"), "it is late", "wait")
    proof = Proof(
        asked="acknowledged",
        reached="written",
        clusters={"west": ClusterProof("written", 1.23456, ("echo.app",), {"proxies": 2})},
        skew_ms=12.345,
        not_proven="much",
        findings=(finding,),
    )
    assert not proof.holds
    assert proof.as_dict() == {
        "asked": "acknowledged",
        "reached": "written",
        "skew_ms": 12.3,
        "not_proven": "much",
        "clusters": {
            "west": {"level": "written", "seconds": 1.235, "late": ["echo.app"], "details": {"proxies": 2}},
        },
        "findings": [finding.as_dict()],
    }
