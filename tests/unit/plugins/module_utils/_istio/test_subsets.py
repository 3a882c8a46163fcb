# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DestinationRules with subsets: as they are written, what a cluster lacks, and which rules count for a host."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio.hosts import covers, full_name, service_of
from ansible_collections.onemesh.istio.plugins.module_utils._istio.subsets import (
    LABELS,
    complete,
    find_disagreements,
    find_hidden_rules,
    is_exported,
    list_declared,
    make_destination_rule,
    make_subsets,
    rules_of_host,
)

HOST = "reviews.shop.svc.cluster.local"
CLUSTER = LABELS["cluster"]

# As in the seeds, with the host in full and the version that is stable.
BY_NETWORK = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: multi-cluster-destination
  namespace: sandbox
spec:
  host: si-sandbox-1-app.sandbox.svc.cluster.local
  trafficPolicy:
    tls:
      mode: ISTIO_MUTUAL
  subsets:
    - name: west
      labels:
        topology.istio.io/network: network1
    - name: central
      labels:
        topology.istio.io/network: network2
"""
BY_CLUSTER = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata:
  name: mybackend-dr
  namespace: sample
spec:
  host: mybackend.sample.svc.cluster.local
  subsets:
    - name: cluster-1
      labels:
        topology.istio.io/cluster: cluster-1
    - name: cluster-2
      labels:
        topology.istio.io/cluster: cluster-2
"""


def test_by_network_as_people_write_it() -> None:
    subsets = make_subsets(LABELS["network"], {"west": "network1", "central": "network2"})
    policy = {"tls": {"mode": "ISTIO_MUTUAL"}}
    written = make_destination_rule("multi-cluster-destination", "sandbox", "si-sandbox-1-app", subsets, policy)
    assert written == yaml.safe_load(BY_NETWORK)


def test_by_cluster_as_people_write_it() -> None:
    subsets = make_subsets(CLUSTER, {"cluster-1": "cluster-1", "cluster-2": "cluster-2"})
    assert make_destination_rule("mybackend-dr", "sample", "mybackend", subsets) == yaml.safe_load(BY_CLUSTER)


@pytest.mark.parametrize(
    ("host", "full"),
    [
        ("reviews", HOST),
        (HOST, HOST),
        ("reviews.shop", "reviews.shop"),
        ("example.org", "example.org"),
        ("*", "*"),
        ("*.local", "*.local"),
        ("fd00::1", "fd00::1"),
    ],
)
def test_only_a_name_without_a_dot_is_short(host: str, full: str) -> None:
    assert full_name(host, "shop") == full


@pytest.mark.parametrize(
    ("host", "service"),
    [("reviews", ("reviews", "shop")), ("a.b.svc.example.org", ("a", "b")), ("example.org", None), ("*.b.svc.x", None)],
)
def test_which_service_a_host_is(host: str, service: tuple[str, str] | None) -> None:
    assert service_of(host, "shop") == service


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [(HOST, HOST, True), ("*", HOST, True), ("*.shop.svc.cluster.local", HOST, True), ("*.org", HOST, False),
     ("reviews", HOST, False)],
)  # fmt: skip
def test_a_wildcard_covers(pattern: str, host: str, expected: bool) -> None:
    assert covers(pattern, host) == expected


def rule(name: str, *subsets: tuple[str, dict[str, str]], host: str = "reviews", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {
            "name": name,
            "namespace": more.pop("namespace", "shop"),
            "creationTimestamp": more.pop("created", ""),
            "labels": {"of": "the user"},
        },
        "spec": {
            "host": host,
            "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
            "subsets": [{"name": subset, "labels": labels} for subset, labels in subsets],
            **more,
        },
    }


EAST, WEST = ("east", {CLUSTER: "east"}), ("west", {CLUSTER: "west"})
NEEDED = dict([EAST, WEST])


def test_a_rule_is_made_where_the_host_has_none() -> None:
    others = [rule("other", host="ratings"), rule("elsewhere", EAST, WEST, namespace="other", host=HOST)]
    found = complete(others, HOST, NEEDED, name="reviews-split", namespace="shop")
    assert found == (None, make_destination_rule("reviews-split", "shop", HOST, NEEDED), ())


@pytest.mark.parametrize("host", ["reviews", HOST])
def test_what_is_missing_is_added_to_the_rule_of_the_host(host: str) -> None:
    existing = rule("mine", ("v1", {"version": "v1"}), EAST, host=host)
    found = complete([existing], HOST, NEEDED, name="reviews-split", namespace="shop")
    assert found.before == existing
    assert found.desired == rule("mine", ("v1", {"version": "v1"}), EAST, WEST, host=host)
    assert found.conflicts == ()


@pytest.mark.parametrize(
    "rules", [[rule("mine", EAST, WEST)], [rule("one", WEST), rule("other", EAST, host=HOST)]], ids=["one", "two"]
)
def test_nothing_is_missing(rules: list[dict[str, Any]]) -> None:
    assert complete(rules, HOST, NEEDED, name="reviews-split", namespace="shop") == (None, None, ())


def test_a_rule_without_subsets_gets_its_first() -> None:
    existing = rule("mine")
    del existing["spec"]["subsets"]
    desired = complete([existing], HOST, NEEDED, name="reviews-split", namespace="shop").desired
    assert desired == rule("mine", EAST, WEST)


def test_the_oldest_rule_counts_for_a_name_and_gets_what_is_missing() -> None:
    young, old = (
        rule("a", ("east", {}), created="2026-02-01T00:00:00Z"),
        rule("b", EAST, created="2026-01-01T00:00:00Z"),
    )
    assert [found["metadata"]["name"] for found in rules_of_host([young, old], HOST, "shop")] == ["b", "a"]
    assert list_declared([young, old], HOST, "shop")["east"].labels == {CLUSTER: "east"}
    found = complete([young, old], HOST, NEEDED, name="reviews-split", namespace="shop")
    assert found.before == old


def test_a_rule_for_selected_workloads_does_not_count() -> None:
    selective = rule("selective", EAST, WEST, workloadSelector={"matchLabels": {"app": "x"}})
    found = complete([selective], HOST, NEEDED, name="reviews-split", namespace="shop")
    assert found == (None, make_destination_rule("reviews-split", "shop", HOST, NEEDED), ())


def test_a_subset_of_other_labels_is_not_touched() -> None:
    existing = rule("mine", ("east", {"version": "v1"}))
    found = complete([existing], HOST, NEEDED, name="reviews-split", namespace="shop")
    assert found == (
        None,
        None,
        (
            f"subset east of {HOST} has the labels version=v1 in DestinationRule shop/mine, "
            f"and {CLUSTER}=east are needed",
        ),
    )


@pytest.mark.parametrize(
    ("existing", "hidden"),
    [
        (rule("a", host="*.shop.svc.cluster.local"), ["shop/a"]),
        (rule("a", host="*", namespace="istio-system"), ["istio-system/a"]),
        (rule("a", host=HOST, namespace="istio-system"), ["istio-system/a"]),
        (rule("a", host="*.other.svc.cluster.local"), []),
        (rule("a"), []),
    ],
)
def test_which_policies_a_new_rule_would_hide(existing: dict[str, Any], hidden: list[str]) -> None:
    assert find_hidden_rules([existing], HOST, "shop") == hidden


@pytest.mark.parametrize(("more", "expected"), [({}, True), ({"exportTo": ["*"]}, True), ({"exportTo": ["."]}, False)])
def test_whether_gateways_see_a_rule(more: dict[str, Any], expected: bool) -> None:
    assert is_exported(rule("a", **more)) == expected


def test_subsets_that_differ_between_clusters_are_named() -> None:
    known = {
        "a": list_declared([rule("x", ("v1", {"version": "v1"}), EAST)], HOST, "shop"),
        "b": list_declared([rule("x", ("v1", {}), EAST)], HOST, "shop"),
        "c": list_declared([], HOST, "shop"),
    }
    assert find_disagreements(HOST, known) == [
        f"subset v1 of {HOST} has not the same labels everywhere: version=v1 on a, no labels on b"
    ]
