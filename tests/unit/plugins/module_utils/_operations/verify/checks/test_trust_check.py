# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check trust: one row for each cause that it names."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    OTHER_ROOT,
    ROOT,
    Breaks,
    Cause,
    assert_first_failure,
    change,
    for_each_cause,
    healthy,
    verdicts,
)

CAUSES: list[Cause] = [
    (
        "another root",
        change("west", root_secret=OTHER_ROOT, root_distributed=OTHER_ROOT),
        *("west", "east trusts aaaaaaaaaaaa, west bbbbbbbbbbbb", "one root", False),
    ),
    (
        "a root of its own",
        change("west", root_secret=frozenset(), root_distributed=OTHER_ROOT),
        *("west", "west signed its own, because it has no secret cacerts", "role trust", False),
    ),
    (
        "cacerts after istiod",
        change("west", root_distributed=OTHER_ROOT),
        *("west", "it has not taken the secret up", "rollout restart", True),
    ),
    (
        "cacerts that istiod cannot read",
        change("west", cacerts_unreadable=("ca-cert.pem: istiod finds no block in it",)),
        *("west", "istiod cannot read what secret cacerts holds", "role trust", False),
    ),
    (
        "no root handed out",
        change("west", root_distributed=frozenset()),
        *("west", "istio-ca-root-cert has no root certificate", "istiod is ready", True),
    ),
    (
        "a cluster without Istio, which nobody installs meanwhile",
        change("west", root_secret=frozenset(), root_distributed=frozenset(), istiods=()),
        *("west", "no istiod runs in namespace istio-system", "onemesh.istio.site", False),
    ),
    (
        "a proxy that runs since before the root changed",
        change("west", proxy_roots={"gateway-west.istio-system": frozenset({7})}),
        *("west", "proxy gateway-west.istio-system trusts another root", "delete pod gateway-west", True),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("trust", broken, where, cause, remedy, eventual)


def test_roots_that_differ_are_one_finding_for_both_directions() -> None:
    fleet, seen = healthy()
    change("west", root_secret=OTHER_ROOT, root_distributed=OTHER_ROOT)(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert not pairs["east", "west"].ok
    assert not pairs["west", "east"].ok
    assert len(judge.report_causes(fleet, pairs.values())) == 1


def test_a_root_that_is_being_replaced_is_no_failure() -> None:
    fleet, seen = healthy()
    change("west", root_distributed=ROOT | OTHER_ROOT)(fleet, seen)
    pair = verdicts(fleet, seen)["east", "west"]
    assert pair.ok
    assert "being replaced" in pair.checks[0].cause
