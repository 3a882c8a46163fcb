# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A remote cluster, whose proxies are served by the istiod of its primary: west by that of east."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.control_planes import (
    list_gateways,
    serve_remotes,
)
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    GATEWAYS,
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
    fleet, seen = primary_and_remote()
    fleet["east"] = replace(fleet["east"], istiods=(), istiods_not_ready=("istiod-east",))
    fleet["west"] = replace(fleet["west"], root_distributed=frozenset())
    failure = verdicts(fleet, seen, links=frozenset({("west", "east")}))["west", "east"].failure
    assert failure is not None
    assert "istio-ca-root-cert has no root certificate" in failure.cause


def test_gateways_of_a_remote_are_configured_in_its_primary() -> None:
    fleet, _seen = primary_and_remote()
    served = serve_remotes(fleet)
    assert [each.addresses for each in list_gateways(served, "east")] == [(GATEWAYS["east"],), (GATEWAYS["west"],)]
    assert [each.hosts for each in served["west"].gateways] == [("*.local",)]
