# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check requests: one row for each cause that it names."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import Obstacle
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    Breaks,
    Cause,
    answers,
    assert_first_failure,
    change_traffic,
    failing,
    for_each_cause,
    healthy,
    verdicts,
)

CAUSES: list[Cause] = [
    (
        "a path that is blocked",
        failing("HTTP 503: upstream connect error or disconnect/reset before headers. reset reason: overflow"),
        *("east", "none of 10 requests from east was answered by west: HTTP 503", "reach 172.31.2.1", True),
    ),
    (
        "a certificate that is not trusted",
        failing("HTTP 503: TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"),
        *("east", "CERTIFICATE_VERIFY_FAILED", "compare the roots", True),
    ),
    (
        "a policy that forbids it",
        failing("HTTP 403: RBAC: access denied"),
        *("east", "RBAC: access denied", "AuthorizationPolicy of west", True),
    ),
    (
        "a name that does not resolve",
        failing('Get "http://probe-west": dial tcp: lookup probe-west: no such host'),
        *("east", "no such host", "has to exist in east", True),
    ),
    (
        "an answer from elsewhere",
        change_traffic(answers=answers("north")),
        *("east", "were answered by north (10)", "remote secret", True),
    ),
    (
        "some requests fail",
        change_traffic(answers=answers("west", 7, failure="HTTP 503: no healthy upstream")),
        *("east", "3 of 10 requests from east to west failed: HTTP 503", "endpoint of west", True),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("requests", broken, where, cause, remedy, eventual)


def test_a_probe_that_cannot_run_is_the_cause_where_nothing_else_is() -> None:
    fleet, seen = healthy()
    seen.clear()
    obstacle = Obstacle("west", "the probe in west is not ready: image", "give an image", "Deployment x")
    pairs = verdicts(fleet, seen, obstacles={"west": obstacle})
    assert {key for key, pair in pairs.items() if not pair.ok} == {key for key in pairs if "west" in key}
    assert [finding.message for finding in judge.report_causes(fleet, pairs.values())] == [obstacle.message]
