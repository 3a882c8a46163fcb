# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote cluster, whose proxies are served by the istiod of its primary: west by that of east."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._deployment_model import DeploymentModel
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.checks.check import without_istiod
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.control_planes import (
    list_gateways,
    serve_remotes,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import ClusterFacts
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.run import follow_primaries
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    GATEWAYS,
    OTHER_ROOT,
    Fleet,
    Seen,
    healthy,
    verdicts,
)


def primary_and_remote() -> tuple[Fleet, Seen]:
    fleet, seen = healthy()
    gateways = tuple(replace(each, hosts=()) for each in fleet["west"].gateways)
    fleet["west"] = replace(
        fleet["west"], control_plane="east", istiods=(), secrets={}, root_secret=frozenset(), gateways=gateways
    )
    return fleet, seen


def test_a_healthy_primary_and_its_remote_have_no_finding() -> None:
    fleet, seen = primary_and_remote()
    pairs = verdicts(fleet, seen)
    assert [pair.state for pair in pairs.values()] == ["ok"] * 4
    states = {check.name: check.state for check in pairs["west", "east"].checks}
    assert states.pop("synced") == "skipped"
    assert set(states.values()) == {"ok"}
    assert judge.report_causes(serve_remotes(fleet), pairs.values()) == []


def test_the_primary_has_to_read_its_remote() -> None:
    fleet, seen = primary_and_remote()
    fleet["east"] = replace(fleet["east"], secrets={})
    failure = verdicts(fleet, seen)["east", "west"].failure
    assert failure is not None
    assert failure.cause == "there is no remote secret for west, so istiod does not read it"


def test_where_the_istiod_of_the_primary_is_down_it_is_said_what_goes_on_and_what_waits() -> None:
    fleet, _seen = primary_and_remote()
    fleet["east"] = replace(fleet["east"], istiods=(), istiods_not_ready=("istiod-east",))
    said, remedy = without_istiod(serve_remotes(fleet)["west"])
    assert said == (
        "the istiod of east, which controls west, is not ready: requests of running pods go on, and new pods wait"
    )
    assert remedy == "see that east answers and its istiod is ready"


def test_a_remote_whose_primary_is_away_has_no_other_cause() -> None:
    fleet, seen = primary_and_remote()
    fleet["east"] = ClusterFacts("east", "east", away="no answer within 10 s", away_remedy="see its API server")
    pairs = verdicts(fleet, seen)
    assert {pair.state for pair in pairs.values()} == {"away"}
    assert [each.cluster for each in judge.report_causes(serve_remotes(fleet), pairs.values())] == ["east"]


def test_a_cacerts_that_a_remote_has_left_says_nothing_of_its_root() -> None:
    fleet, seen = primary_and_remote()
    fleet["west"] = replace(fleet["west"], root_secret=OTHER_ROOT)
    assert verdicts(fleet, seen)["east", "west"].ok


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        pytest.param(
            {("hub", "edge"), ("hub", "other"), ("other", "hub")},
            {("hub", "edge"), ("hub", "other"), ("other", "hub"), ("edge", "hub"), ("edge", "other")},
            id="a remote reaches what its primary reads, and its primary",
        ),
        pytest.param({("other", "hub")}, {("other", "hub"), ("edge", "hub")}, id="its primary reads nobody"),
        pytest.param(
            {("edge", "other"), ("other", "edge")},
            {("other", "edge"), ("edge", "hub")},
            id="a remote reads for itself as little as its primary",
        ),
    ],
)
def test_what_a_remote_reaches_is_what_its_primary_reads(
    wanted: set[tuple[str, str]], expected: set[tuple[str, str]]
) -> None:
    model = DeploymentModel({"hub": "hub", "edge": "hub", "other": "other"})
    assert follow_primaries(wanted, model) == expected


def test_gateways_of_a_remote_are_configured_in_its_primary() -> None:
    fleet, _seen = primary_and_remote()
    served = serve_remotes(fleet)
    assert [each.addresses for each in list_gateways(served, "east")] == [(GATEWAYS["east"],), (GATEWAYS["west"],)]
    assert [each.hosts for each in served["west"].gateways] == [("*.local",)]
