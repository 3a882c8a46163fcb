# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service moves from the pods of one cluster to those of another: a split by cluster, released in steps."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split
from support.fleet_runs import run
from support.releases import Shop

HOST = "ratings"


def test_a_release_moves_a_split_by_cluster_and_both_leave_nothing(shop: Shop) -> None:
    split = {"clusters": shop.planes.clusters(), "namespace": shop.namespace, "host": HOST, "by": "cluster"}
    run(traffic_split, {**split, "weights": {"east": 100, "west": 0}}).succeeded()
    release = {"routes": [{"name": f"{HOST}-split"}], "stable": "east", "canary": "west"}
    shop.to_step(2, **release)
    assert [weights_of(shop, name) for name in shop.planes.clients] == [{"east": 50, "west": 50}] * 3
    result = shop.to_the_end(**release)
    assert result["succeeded"]
    shop.run(state="absent", **release).succeeded()
    assert [weights_of(shop, name) for name in shop.planes.clients] == [{"east": 0, "west": 100}] * 3
    removed = run(traffic_split, {**split, "state": "restored"}).succeeded()
    assert removed["leaked"] == []
    for client in shop.planes.clients.values():
        names = {live["metadata"]["name"] for kind in (VIRTUAL_SERVICE, DESTINATION_RULE) for live in client.list(kind)}
        assert f"{HOST}-split" not in names


def weights_of(shop: Shop, cluster: str) -> dict[str, int]:
    live = shop.planes.clients[cluster].get(VIRTUAL_SERVICE, f"{HOST}-split", shop.namespace)
    return {each["destination"]["subset"]: each.get("weight", 0) for each in live["spec"]["http"][0]["route"]}
