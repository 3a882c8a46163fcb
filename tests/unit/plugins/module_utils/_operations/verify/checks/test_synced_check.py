# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check synced: one row for each cause that it names."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    Breaks,
    Cause,
    assert_first_failure,
    both,
    change,
    change_istiod,
    change_secret,
    for_each_cause,
    healthy,
    verdicts,
)

CAUSES: list[Cause] = [
    (
        "no secret",
        change("east", secrets={}),
        *("east", "no remote secret for west", "role link", False),
    ),
    (
        "a secret that istiod refuses",
        change_secret(refused="kubeconfig is not allowed: exec is not allowed"),
        *("east", "exec is not allowed", "link west again", False),
    ),
    (
        "a secret for a cluster that was made anew",
        both(change_secret(made_for="old"), change("west", uid="new")),
        *("east", "made for one with UID old of kube-system, and now that is new", "link west again", False),
    ),
    (
        "a secret with another authority than the cluster publishes",
        both(change_secret(authority=b"one"), change("west", authority=b"another")),
        *("east", "authority is not the one that west publishes", "link west again", False),
    ),
    (
        "an istiod that timed out, and why as far as it is known here",
        both(change_istiod("east", clusters={"west": "timeout"}), change_secret(cause="it does not accept its token")),
        *("east", "not 'synced': it does not accept its token", "https://west:6443", True),
    ),
    (
        "no istiod",
        change("east", istiods=(), istiods_not_ready=("istiod-1",)),
        *("east", "no istiod is ready in istio-system: istiod-1", "describe pods", True),
    ),
    (
        "an istiod that no longer reads secrets",
        change_istiod("east", clusters={}),
        *("east", "no longer reads secrets", "rollout restart", True),
    ),
    (
        "an istiod that timed out",
        change_istiod("east", clusters={"west": "timeout"}),
        *("east", "says 'timeout' of west", "https://west:6443", True),
    ),
    (
        "a debug port that is closed",
        change_istiod("east", error="port 15014 refused"),
        *("east", "port 15014 refused", "pods/portforward", True),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("synced", broken, where, cause, remedy, eventual)


def test_every_istiod_is_asked() -> None:
    fleet, seen = healthy()
    first = fleet["east"].istiods[0]
    fleet["east"] = replace(fleet["east"], istiods=(first, replace(first, pod="istiod-canary", clusters={})))
    failure = verdicts(fleet, seen)["east", "west"].failure
    assert failure is not None
    assert failure.object == "Pod istio-system/istiod-canary"
