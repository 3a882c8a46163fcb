# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a change goes on without some clusters, and what counts as being away: one row per case."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.policy import Policy, is_away
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube import errors

NAMES = ["east", "west", "north"]


def options(unreachable: str = "halt", quorum: int | None = None, exclude: list[str] | None = None) -> dict[str, Any]:
    return {"unreachable": unreachable, "quorum": quorum, "exclude": exclude or []}


@pytest.mark.parametrize(
    ("given", "present", "total", "goes_on"),
    [
        (options(), 3, 3, True),
        (options(), 2, 3, False),
        (options("quorum", 2), 3, 3, True),
        (options("quorum", 2), 2, 3, True),
        (options("quorum", 2), 1, 3, False),
        (options("exclude", exclude=["west"]), 2, 2, True),
        (options("exclude", exclude=["west"]), 1, 2, False),
    ],
)
def test_enough_clusters(given: dict[str, Any], present: int, total: int, goes_on: bool) -> None:
    assert Policy.of(given, NAMES).goes_on(present, total) is goes_on


@pytest.mark.parametrize(
    ("given", "check"),
    [
        (options("quorum", 0), "option-quorum"),
        (options("quorum", 4), "option-quorum"),
        (options("exclude", exclude=["south", "west"]), "cluster-unknown"),
        (options("exclude", exclude=NAMES), "nobody-left"),
    ],
)
def test_options_that_do_not_fit_the_fleet_are_refused(given: dict[str, Any], check: str) -> None:
    with pytest.raises(MeshError) as raised:
        Policy.of(given, NAMES)
    assert [finding.check for finding in raised.value.findings] == [check]


@pytest.mark.parametrize("given", [options("halt", 9, ["south"]), options("quorum", 1, ["south"])])
def test_options_of_another_policy_are_not_looked_at(given: dict[str, Any]) -> None:
    assert Policy.of(given, NAMES).exclude == frozenset()


@pytest.mark.parametrize(
    ("given", "regardless"),
    [(options(), False), (options("quorum", 1), True), (options("exclude", exclude=["west"]), True)],
)
def test_what_routes_lead_to_goes_early_only_where_leaving_out_was_asked_for(
    given: dict[str, Any], regardless: bool
) -> None:
    assert Policy.of(given, NAMES).regardless is regardless


AWAY = (errors.Unreachable, errors.ServerError, errors.Throttled)
REFUSES = (
    errors.Conflict,
    errors.Forbidden,
    errors.Gone,
    errors.Invalid,
    errors.NotFound,
    errors.Unauthorized,
    errors.KubeError,
)


@pytest.mark.parametrize("kind", [*AWAY, *REFUSES], ids=lambda kind: kind.__name__)
def test_a_cluster_that_refuses_is_not_away(kind: type[errors.KubeError]) -> None:
    assert is_away(kind("west", "message")) is (kind in AWAY)
