# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check names: one row for each cause that it names."""

from __future__ import annotations

from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._operations.verify.two_clusters import (
    Breaks,
    Cause,
    assert_first_failure,
    change,
    change_istiod,
    change_secret,
    for_each_cause,
)

CAUSES: list[Cause] = [
    (
        "another cluster ID",
        change_istiod("west", cluster_id="Kubernetes"),
        *("west", "CLUSTER_ID Kubernetes", "clusterName of the istiod chart to west", False),
    ),
    (
        "another network in the chart",
        change_istiod("west", network="net-w"),
        *("west", "network net-w, the fleet says west", "global.network", False),
    ),
    (
        "no network label",
        change("west", namespace_network=""),
        *("west", "is missing, expected west", "kubectl label namespace", False),
    ),
    (
        "a name in the secret that contradicts its key",
        change_secret(mismatch="annotation says north, the data key is west"),
        *("east", "annotation says north", "link west again", False),
    ),
    (
        "a secret that leads to another cluster",
        change_secret(server="https://east:6443/"),
        *("east", "which is the API server of east", "link west again", False),
    ),
]


@for_each_cause(CAUSES)
def test_the_first_check_that_fails_is_the_cause(
    broken: Breaks, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    assert_first_failure("names", broken, where, cause, remedy, eventual)
