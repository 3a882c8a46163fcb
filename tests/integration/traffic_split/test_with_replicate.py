# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replica whose weights a split sets: each of the two operations leaves to the other what is the other's."""

from __future__ import annotations

from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._change.records import record_name
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DESTINATION_RULE, SECRET, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from support.fleet_runs import RECORDS, Object, Ran, run
from support.splits import Shop, destination_rule, everything, virtual_service

DECLARED = {"v1": 90, "v2": 10}
SPLIT = {"v1": 80, "v2": 20}


def replicated(shop: Shop, *objects: Object, **options: Any) -> Ran:
    parameters = {"clusters": shop.planes.clusters(), "set": shop.namespace, "definition": list(objects), **options}
    return run(replicate, parameters)


def declared(shop: Shop, timeout: str | None, **weights: int) -> list[Object]:
    route = virtual_service(shop.namespace, **(weights or DECLARED))
    main = route["spec"]["http"][0]
    del main["timeout"]
    if timeout is not None:
        main["timeout"] = timeout
    return [route, destination_rule(shop.namespace, "v1", "v2")]


def mains(shop: Shop) -> list[dict[str, Any]]:
    """The route ``main`` on each cluster: its timeout and weights."""
    return [
        {"timeout": live["spec"]["http"][0].get("timeout"), **shop.weights(cluster)}
        for cluster in shop.planes.clients
        if (live := shop.live(cluster)) is not None
    ]


def test_each_operation_leaves_to_the_other_what_is_the_others(shop: Shop) -> None:
    replicated(shop, *declared(shop, "5s")).succeeded()
    shop.run(name="reviews", weights=SPLIT).succeeded()
    assert mains(shop) == [{"timeout": "5s", **SPLIT}] * 2

    assert not replicated(shop, *declared(shop, "5s")).succeeded()["changed"]
    replicated(shop, *declared(shop, "7s")).succeeded()
    assert mains(shop) == [{"timeout": "7s", **SPLIT}] * 2
    again = shop.run(name="reviews", weights=SPLIT).succeeded()
    assert not again["changed"]
    assert not any(part["findings"] for part in again["clusters"].values())

    before = everything(shop)
    refused = replicated(shop, *declared(shop, "7s", v1=60, v2=40)).result
    assert {(each["cluster"], each["check"], each["object"]) for each in refused["findings"]} == {
        (cluster, "weights-held", f"VirtualService {shop.namespace}/reviews") for cluster in ("east", "west")
    }
    assert "spec.http[main].route[0].weight" in refused["msg"]
    assert f"traffic split {again['set']} sets weights there" in refused["msg"]
    assert "state: restored" in refused["msg"]
    assert everything(shop) == before

    shop.run(name="reviews", state="restored").succeeded()
    assert mains(shop) == [{"timeout": "7s", **DECLARED}] * 2
    assert not replicated(shop, *declared(shop, "7s")).succeeded()["changed"]
    replicated(shop, *declared(shop, "7s", v1=60, v2=40)).succeeded()
    assert mains(shop) == [{"timeout": "7s", "v1": 60, "v2": 40}] * 2

    replicated(shop, state="absent").succeeded()
    for kind in (VIRTUAL_SERVICE, DESTINATION_RULE):
        assert shop.everywhere(kind) == [None, None]


def test_a_replica_that_a_split_gave_back_is_replicates_again(shop: Shop) -> None:
    """What is no longer declared goes, which the API server does only for who owns a field."""
    replicated(shop, *declared(shop, "5s")).succeeded()
    shop.run(name="reviews", weights=SPLIT).succeeded()
    shop.run(name="reviews", state="restored").succeeded()
    replicated(shop, *declared(shop, None)).succeeded()
    assert mains(shop) == [{"timeout": None, **DECLARED}] * 2

    labelled = declared(shop, None)
    labelled[0]["spec"]["exportTo"] = ["."]
    replicated(shop, *labelled).succeeded()
    shop.run(name="reviews", weights=SPLIT).succeeded()
    shop.run(name="reviews", state="restored").succeeded()
    replicated(shop, *declared(shop, None)).succeeded()
    assert ["exportTo" in (live or {})["spec"] for live in shop.everywhere()] == [False, False]


def test_a_removed_set_takes_the_split_replica_with_it(shop: Shop) -> None:
    replicated(shop, *declared(shop, "5s")).succeeded()
    shop.run(name="reviews", weights=SPLIT).succeeded()
    replicated(shop, state="absent").succeeded()
    assert shop.everywhere() == [None, None]
    result = shop.run(name="reviews", state="restored").succeeded()
    assert result["leaked"] == []
    assert {each["check"] for part in result["clusters"].values() for each in part["findings"]} == {"gone-meanwhile"}
    assert shop.everywhere() == [None, None]
    hub = shop.planes.clients["east"]
    for component, name in (("replicate", shop.namespace), ("traffic-split", result["set"])):
        assert hub.find(SECRET, record_name(component, name), RECORDS) is None
