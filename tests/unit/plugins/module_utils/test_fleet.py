# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All clusters at once: lanes that fail, hang or are defective, and what the others see of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._finding_kinds import NOT_REACHABLE
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import Fleet, Member, findings_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import (
    CredentialsError,
    KubeError,
    Unauthorized,
    Unreachable,
)


def fleet(*names: str) -> Fleet:
    return Fleet({name: Cluster(name, name) for name in names}, environ={})


def test_each_lane_gives_its_value_in_the_order_of_the_fleet() -> None:
    first_may_end = threading.Event()

    def work(member: Member) -> str:
        if member.name == "b":
            assert first_may_end.wait(5)
        else:
            first_may_end.set()
        return member.name.upper()

    outcomes = fleet("b", "a").each(work, deadline=5)
    assert [(name, outcome.get()) for name, outcome in outcomes.items()] == [("b", "B"), ("a", "A")]


def test_only_the_chosen_work() -> None:
    assert list(fleet("a", "b", "c").each(lambda member: member.name, deadline=5, only=["c", "a"])) == ["c", "a"]


def test_an_error_is_the_outcome_of_its_own_lane() -> None:
    def work(member: Member) -> str:
        if member.name == "a":
            raise Unauthorized("a", "get x: refused", remedy="get a new token")
        return "fine"

    outcomes = fleet("a", "b").each(work, deadline=5)
    assert outcomes["b"].get() == "fine"
    assert findings_of(outcomes, NOT_REACHABLE) == [Finding("a", NOT_REACHABLE, "get x: refused", "get a new token")]
    with pytest.raises(Unauthorized):
        outcomes["a"].get()


def test_a_lane_that_hangs_is_unreachable_and_delays_nobody() -> None:
    never = threading.Event()

    def work(member: Member) -> str:
        if member.name == "hole":
            never.wait(60)
        return "fine"

    outcomes = fleet("hole", "a").each(work, deadline=0.05)
    assert outcomes["a"].get() == "fine"
    assert isinstance(outcomes["hole"].error, Unreachable)
    assert str(outcomes["hole"].error) == (
        "hole: gave no result within 0.05 s -> see whether its API server answers, or allow more time"
    )
    (lane,) = [thread for thread in threading.enumerate() if thread.name == "lane-hole"]
    assert lane.daemon, "the process must be able to end"
    never.set()


def test_a_defect_is_raised_once_all_lanes_have_ended() -> None:
    defect_is_out = threading.Event()
    ended: list[str] = []

    def work(member: Member) -> None:
        if member.name == "a":
            defect_is_out.set()
            raise ZeroDivisionError
        defect_is_out.wait(5)
        sum(range(1000))
        ended.append(member.name)

    with pytest.raises(ZeroDivisionError):
        fleet("a", "b").each(work, deadline=5)
    assert ended == ["b"]


def test_a_finding_always_says_what_to_do() -> None:
    def work(member: Member) -> None:
        raise KubeError(member.name, "something")

    (finding,) = findings_of(fleet("a").each(work, deadline=5), "slug")
    assert finding.remedy == "see whether its API server answers"


def test_credentials_that_cannot_be_used_are_an_outcome_too(tmp_path: Any) -> None:
    missing = Cluster("a", "a", options={"kubeconfig": str(tmp_path / "none")})
    outcomes = Fleet({"a": missing}, environ={}).each(lambda member: member.client, deadline=5)
    assert isinstance(outcomes["a"].error, CredentialsError)


def test_a_fleet_is_a_container_of_its_clusters() -> None:
    both = fleet("b", "a")
    assert both.names == ["b", "a"]
    assert (len(both), "a" in both, "c" in both, both["a"].name) == (2, True, False, "a")
    assert [member.name for member in both] == ["b", "a"]
