# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on pairs, what is left of links that shall not be, and the findings of a fleet."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import (
    ClusterFacts,
    ProxyRejection,
    RemoteSecret,
    Traffic,
)
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    GATEWAYS,
    Breaks,
    answers,
    change,
    change_gateway,
    change_istiod,
    change_traffic,
    healthy,
    host,
    one_way,
    verdicts,
)


def test_a_healthy_mesh_has_no_finding() -> None:
    fleet, seen = healthy()
    pairs = verdicts(fleet, seen)
    assert [pair.state for pair in pairs.values()] == ["ok"] * 4
    assert [check.state for check in pairs["east", "west"].checks] == ["ok"] * 6
    assert judge.report_causes(fleet, pairs.values()) == []
    assert pairs["east", "west"].mutual_tls is True
    assert pairs["east", "west"].p50 == 4.0


def test_a_cause_that_breaks_many_pairs_is_found_once() -> None:
    fleet, seen = healthy()
    change("west", namespace_network="")(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert not pairs["east", "west"].ok
    assert not pairs["west", "east"].ok
    assert [finding.cluster for finding in judge.report_causes(fleet, pairs.values())] == ["west"]


def test_a_cluster_that_is_away_spoils_its_row_and_column_only() -> None:
    fleet, seen = healthy()
    fleet["north"] = ClusterFacts("north", "north", away="no answer within 10 s", away_remedy="see its API server")
    links = {(one, other) for one in fleet for other in fleet if one != other}
    pairs = verdicts(fleet, seen, links)
    assert {key for key, pair in pairs.items() if pair.state == "away"} == {key for key in pairs if "north" in key}
    assert pairs["east", "west"].ok
    found = judge.report_causes(fleet, pairs.values())
    assert [(each.cluster, each.severity, each.remedy) for each in found] == [("north", "error", "see its API server")]


def test_plain_text_is_a_warning() -> None:
    fleet, seen = healthy()
    change_traffic(answers=answers("west", identities=frozenset()))(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert pairs["east", "west"].mutual_tls is False
    found = judge.report_causes(fleet, pairs.values())
    assert [(each.check, each.severity) for each in found] == [("verify-plain-text", "warning")]


def test_a_proxy_of_a_user_that_rejects_its_configuration_is_a_warning() -> None:
    fleet, seen = healthy()
    change_istiod("east", rejections=(ProxyRejection("shop-1.shop", "Listener", "no such filter"),))(fleet, seen)
    pairs = verdicts(fleet, seen)
    found = judge.report_causes(fleet, pairs.values())
    assert [(each.severity, each.object) for each in found] == [("warning", "proxy shop-1.shop")]
    assert "no such filter" in found[0].message


def test_a_gateway_that_exposes_nothing_is_a_warning() -> None:
    fleet, seen = healthy()
    change_gateway(hosts=())(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert pairs["east", "west"].ok
    found = judge.report_causes(fleet, pairs.values())
    assert [(each.cluster, each.check, each.severity) for each in found] == [
        ("west", "verify-nothing-exposed", "warning")
    ]


def test_a_pair_that_shall_not_be_linked_is_well_when_it_sees_nothing() -> None:
    fleet, seen = one_way()
    pairs = verdicts(fleet, seen, {("east", "west")})
    assert pairs["east", "west"].state == "ok"
    assert pairs["west", "east"].state == "not-linked"
    assert pairs["west", "east"].ok
    assert judge.report_causes(fleet, pairs.values()) == []


# (what is left of the link west -> east, check, in the cause)
LEFTOVERS: list[tuple[str, Breaks, str, str]] = [
    (
        "a secret",
        change("west", secrets={"east": RemoteSecret("istio-system/istio-remote-secret-east")}),
        *("synced", "shall not be linked"),
    ),
    (
        "an istiod that no longer reads secrets",
        change_istiod("west", clusters={"east": "synced"}),
        *("synced", "no longer reads secrets"),
    ),
    ("endpoints", change_istiod("west", shards=frozenset({"west", "east"})), "endpoints", "shall not be linked"),
    (
        "an endpoint in a proxy",
        lambda _fleet, seen: seen.update({("west", "east"): Traffic((host(*GATEWAYS["east"]),))}),
        *("endpoints", "172.31.1.1:15443"),
    ),
    (
        "answers",
        lambda _fleet, seen: seen.update({("west", "east"): Traffic((), answers("east"))}),
        *("requests", "east answered 10 requests of west"),
    ),
]


@pytest.mark.parametrize(("left", "check", "cause"), [row[1:] for row in LEFTOVERS], ids=[row[0] for row in LEFTOVERS])
def test_what_is_left_of_a_link_is_named(left: Breaks, check: str, cause: str) -> None:
    fleet, seen = one_way()
    left(fleet, seen)
    pairs = verdicts(fleet, seen, {("east", "west")})
    failure = pairs["west", "east"].failure
    assert failure is not None
    assert failure.name == check
    assert cause in failure.cause
    assert pairs["east", "west"].ok
