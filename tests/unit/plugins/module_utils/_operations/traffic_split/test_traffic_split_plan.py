# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a split makes of the objects of each cluster, and what it refuses."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.records import is_set_name
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._istio.subsets import CLUSTER_LABEL, make_destination_rule
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split.plan import (
    SPLIT_ARGUMENT_SPEC,
    Live,
    Split,
    SplitPlan,
    find_conflicts,
    find_drift,
    plan,
    set_name,
    split_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import owned

HOST = "reviews.shop.svc.cluster.local"
FLEET = {name: Cluster(name, network=f"net-{name}") for name in ("east", "west")}


def options(**given: Any) -> dict[str, Any]:
    defaults = {name: spec.get("default") for name, spec in SPLIT_ARGUMENT_SPEC.items()}
    return {**defaults, "namespace": "shop", **given}


def split(**given: Any) -> Split:
    return split_of(options(**given), FLEET)


BY_CLUSTER = {"host": "reviews", "by": "cluster", "weights": {"east": 70, "west": 30}}


def virtual_service(*destinations: tuple[str, int | None], name: str = "reviews", **spec: Any) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {
            "destination": {"host": "reviews", **({"subset": subset} if subset else {})},
            **({} if weight is None else {"weight": weight}),
        }
        for subset, weight in destinations
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop", "labels": {"of": "the user"}},
        "spec": {"hosts": ["reviews"], **spec, "http": [{"name": "main", "timeout": "3s", "route": entries}]},
    }


def rule(*names: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    made = make_destination_rule(
        "reviews", namespace, HOST, {name: more.get("labels", {"version": name}) for name in names}
    )
    made["spec"] |= more.get("spec", {})
    return made


# On one cluster


def test_the_weights_of_the_users_object_are_set_and_nothing_else() -> None:
    before = virtual_service(("v1", 90), ("v2", 10))
    after = virtual_service(("v1", 70), ("v2", 30))
    found = plan(split(name="reviews", weights={"v1": 70, "v2": 30}), "east", Live(before, rules=(rule("v1", "v2"),)))
    assert [(wanted.before, wanted.desired, wanted.changes) for wanted in found.wanted] == [(before, after, True)]
    assert found.before == {"http[main]": {"v1": 90, "v2": 10}}
    assert found.after == {"http[main]": {"v1": 70, "v2": 30}}
    assert found.wanted[0].reason == "http[main]: v1 70, v2 30"
    assert found.findings == ()


def test_a_second_run_changes_nothing() -> None:
    asked = split(**BY_CLUSTER)
    first = plan(asked, "east", Live(None))
    made = {wanted.desired["kind"]: deepcopy(wanted.desired) for wanted in first.wanted}
    second = plan(asked, "east", Live(made["VirtualService"], rules=(made["DestinationRule"],)))
    assert [wanted.changes for wanted in second.wanted] == [False, False]
    assert second.findings == ()


def test_where_the_host_has_nothing_rule_and_route_are_made_in_this_order() -> None:
    found = plan(split(**BY_CLUSTER), "east", Live(None))
    assert found.findings == ()
    assert [wanted.before for wanted in found.wanted] == [None, None]
    assert found.wanted[0].desired == make_destination_rule(
        "reviews-split", "shop", HOST, {"east": {CLUSTER_LABEL: "east"}, "west": {CLUSTER_LABEL: "west"}}
    )
    assert found.wanted[1].desired == {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "reviews-split", "namespace": "shop"},
        "spec": {
            "hosts": [HOST],
            "http": [
                {
                    "name": "split",
                    "route": [
                        {"destination": {"host": HOST, "subset": "east"}, "weight": 70},
                        {"destination": {"host": HOST, "subset": "west"}, "weight": 30},
                    ],
                }
            ],
        },
    }


def test_tcp_is_split_where_asked() -> None:
    found = plan(split(**BY_CLUSTER, section="tcp"), "east", Live(None))
    assert list(found.wanted[1].desired["spec"]) == ["hosts", "tcp"]


def test_the_users_route_to_the_host_becomes_one_for_each_cluster() -> None:
    before = virtual_service(("", None))
    found = plan(split(**BY_CLUSTER, name="reviews"), "east", Live(before, rules=(rule("v1"),)))
    assert found.findings == ()
    added, changed = found.wanted
    assert [subset["name"] for subset in added.desired["spec"]["subsets"]] == ["v1", "east", "west"]
    assert changed.desired == virtual_service(("east", 70), ("west", 30))


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"by": "cluster"}, {"topology.istio.io/cluster": "east"}),
        ({"by": "network"}, {"topology.istio.io/network": "net-east"}),
        ({"by": "version"}, {"version": "east"}),
        ({"by": "version", "label": "track", "label_values": {"east": "stable"}}, {"track": "stable"}),
        ({"by": "network", "label_values": {"east": "net-west"}}, {"topology.istio.io/network": "net-west"}),
    ],
)
def test_what_a_subset_goes_by(given: dict[str, Any], labels: dict[str, str]) -> None:
    assert split(**{**BY_CLUSTER, **given}).subsets["east"] == labels


def test_each_source_cluster_may_have_its_own_weights_and_all_have_the_subsets() -> None:
    asked = split(host="reviews", by="cluster", **{"from": {"east": {"west": 100}}})
    east, west = (plan(asked, cluster, Live(None)) for cluster in FLEET)
    assert [wanted.desired["kind"] for wanted in east.wanted] == ["DestinationRule", "VirtualService"]
    assert east.after == {"http[split]": {"west": 100}}
    assert [wanted.desired for wanted in west.wanted] == [east.wanted[0].desired]


def test_weights_are_for_clusters_that_from_does_not_name() -> None:
    asked = split(name="x", weights={"v1": 100}, **{"from": {"west": {"v1": "50", "v2": 50.0}}})
    assert asked.weights == {"east": {"v1": 100}, "west": {"v1": 50, "v2": 50}}


def test_a_rule_is_made_in_the_namespace_of_the_service() -> None:
    asked = split(**{**BY_CLUSTER, "host": "reviews.other.svc.cluster.local"})
    rule_wanted, route = plan(asked, "east", Live(None)).wanted
    assert (rule_wanted.desired["metadata"]["namespace"], route.desired["metadata"]["namespace"]) == ("other", "shop")
    assert asked.rule_namespaces(FLEET["east"]) == ("other", "shop", "istio-system")


def backends(kind: str) -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "reviews", "namespace": "shop"},
        "spec": {"rules": [{"backendRefs": [{"name": "v1", "weight": 1}, {"name": "v2", "weight": 1}]}]},
    }


@pytest.mark.parametrize("kind", ["HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute"])
def test_routes_of_the_gateway_api_are_split_among_services(kind: str) -> None:
    asked = split(kind=kind, name="reviews", weights={"v1": 90, "v2": 10})
    found = plan(asked, "east", Live(backends(kind)))
    assert found.after == {"rules[0]": {"v1": 90, "v2": 10}}
    assert found.findings == ()


IN_THE_WAY: dict[str, tuple[dict[str, Any], Live, str, str]] = {
    "the object is missing": (
        {"name": "reviews", "weights": {"v1": 100}}, Live(None), "object-missing", "no VirtualService shop/reviews",
    ),
    "a named route cannot be made": (
        {**BY_CLUSTER, "routes": ["main"]}, Live(None), "object-missing", "no VirtualService shop/reviews-split",
    ),
    "another VirtualService has the host": (
        BY_CLUSTER, Live(None, (virtual_service(("", None), name="other"),)), "host-already-routed",
        f"VirtualService shop/other routes {HOST} already",
    ),
    "the weights do not fit": (
        {"name": "reviews", "weights": {"v1": 60}}, Live(virtual_service(("v1", 90), ("v2", 10))), "weights-sum",
        "make 70, with what v2 keeps",
    ),
    "no rule knows a subset that gets traffic": (
        {"name": "reviews", "weights": {"v1": 60, "v2": 40}},
        Live(virtual_service(("v1", 100), ("v2", 0)), rules=(rule("v1"),)), "subset-missing", "the subset v2",
    ),
    "a subset has other labels": (
        BY_CLUSTER, Live(None, rules=(rule("east"),)), "subset-conflict", "subset east of",
    ),
    "the rule is hidden from others": (
        BY_CLUSTER, Live(None, rules=(rule("v1", spec={"exportTo": ["."]}),)), "rule-not-exported", "shop/reviews",
    ),
    "a rule for all hosts would no longer count": (
        BY_CLUSTER, Live(None, rules=(rule("v1", spec={"host": "*.local"}),)), "rule-hidden", "shop/reviews no longer",
    ),
    "clients go by another rule": (
        {**BY_CLUSTER, "host": "reviews.other.svc.cluster.local"},
        Live(None, rules=(rule("v1", spec={"host": "reviews.other.svc.cluster.local"}),)), "rule-shadowed",
        "clients in namespace shop go by DestinationRule shop/reviews",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "live", "check", "message"), IN_THE_WAY.values(), ids=IN_THE_WAY)
def test_what_is_in_the_way_is_named(given: dict[str, Any], live: Live, check: str, message: str) -> None:
    findings = plan(split(**given), "east", live).findings
    assert [finding.check for finding in findings] == [check]
    assert message in findings[0].message
    assert findings[0].cluster == "east"
    assert findings[0].remedy


@pytest.mark.parametrize(
    "other",
    [
        virtual_service(("", None), name="other", hosts=["ratings"]),
        virtual_service(("", None), name="other", gateways=["shop/public"]),
    ],
    ids=["another host", "a gateway only"],
)
def test_a_virtual_service_for_something_else_is_not_in_the_way(other: dict[str, Any]) -> None:
    assert plan(split(**BY_CLUSTER), "east", Live(None, (other,))).findings == ()


@pytest.mark.parametrize(
    ("written", "live", "said"),
    [
        ((80, 20), (80, 20), None),
        ((80, 20), (70, 30), "weights were set to http[main]: v1 80, v2 20, and are http[main]: v1 70, v2 30"),
        (None, (70, 30), None),
    ],
    ids=["as written", "changed since", "never written"],
)
def test_weights_that_somebody_changed_are_reported(
    written: tuple[int, int] | None, live: tuple[int, int], said: str | None
) -> None:
    now = virtual_service(("v1", live[0]), ("v2", live[1]))
    now["metadata"]["managedFields"] = [{"manager": "kubectl-edit", "time": "2026-11-24T21:00:00Z"}]
    then = None if written is None else virtual_service(("v1", written[0]), ("v2", written[1]))
    wanted = split(name="reviews", weights={"v1": 80, "v2": 20})
    found = find_drift(wanted, "east", Live(now), then)
    assert [finding.check for finding in found] == ([] if said is None else ["drift"])
    assert all(said in finding.message and "kubectl-edit at 2026" in finding.message for finding in found if said)


def test_a_subset_without_traffic_needs_no_rule() -> None:
    live = Live(virtual_service(("v1", 50), ("v2", 50)), rules=(rule("v1"),))
    assert plan(split(name="reviews", weights={"v1": 100, "v2": 0}), "east", live).findings == ()


# Between clusters


def checks(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings]


def test_an_object_of_the_user_has_to_stand_everywhere() -> None:
    theirs = virtual_service(("", None))
    asked = split(**BY_CLUSTER, name="reviews")
    assert checks(find_conflicts(asked, {"east": Live(theirs), "west": Live(None)})) == ["object-not-everywhere"]
    assert find_conflicts(asked, {"east": Live(theirs), "west": Live(theirs)}) == []
    assert find_conflicts(asked, {"east": Live(owned(theirs, "traffic-split")), "west": Live(None)}) == []


def test_subsets_have_to_mean_the_same_on_both_sides() -> None:
    asked = split(name="reviews", weights={"v1": 100})
    live = virtual_service(("v1", None))
    same = {name: Live(live, rules=(rule("v1"),)) for name in FLEET}
    differ = {**same, "west": Live(live, rules=(rule("v1", labels={}),))}
    assert find_conflicts(asked, same) == []
    assert checks(find_conflicts(asked, differ)) == ["subset-differs"]


# Options


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no weights": ({"name": "x"}, "option-weights", "neither weights nor from is given"),
    "no object": ({"host": "reviews", "weights": {"a": 1}}, "option-name", "by is destination, and no object is named"),
    "from an unknown cluster": (
        {"name": "x", "from": {"north": {"a": 1}}}, "option-from", "names cluster north, the fleet has east, west",
    ),
    "from without weights": ({"name": "x", "from": {"east": {}}}, "option-from", "from east has no weights"),
    "no total": ({"name": "x", "weights": {"a": 1}, "total": 0}, "option-total", "total is 0"),
    "backends by cluster": ({**BY_CLUSTER, "kind": "HTTPRoute"}, "option-kind", "a HTTPRoute knows no subsets"),
    "sections of a rule": (
        {"name": "x", "kind": "TCPRoute", "section": "tcp", "weights": {"a": 1}}, "option-section", "no sections",
    ),
    "an unknown cluster": (
        {**BY_CLUSTER, "weights": {"north": 100}}, "option-weights",
        "subset north would be cluster north, and the fleet has east, west",
    ),
    "an unknown network": (
        {**BY_CLUSTER, "by": "network", "label_values": {"east": "net"}}, "option-weights",
        "subset east would be network net, and the fleet has net-east, net-west",
    ),
    "a label without weight": (
        {**BY_CLUSTER, "label_values": {"north": "x"}}, "option-label-values",
        "label_values has north, the weights have east, west",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "check", "message"), REFUSED.values(), ids=REFUSED)
def test_options_that_do_not_fit_are_refused(given: dict[str, Any], check: str, message: str) -> None:
    with pytest.raises(MeshError) as refused:
        split(**given)
    assert checks(list(refused.value.findings)) == [check]
    assert message in refused.value.findings[0].message


@pytest.mark.parametrize("state", ["restored", "settled"])
def test_what_ends_a_split_needs_no_weights(state: str) -> None:
    assert split(name="x", state=state).weights == {}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "reviews"}, "virtualservice-shop-reviews"),
        ({"name": "reviews", "set": "mine"}, "mine"),
        ({"name": "r.example.org"}, None),
        ({"name": "r" * 60}, None),
    ],
)
def test_a_split_has_a_name_that_a_record_can_have(given: dict[str, Any], expected: str | None) -> None:
    parameters = options(**given, weights={"v1": 100})
    name = set_name(parameters, split_of(parameters, FLEET))
    assert is_set_name(name)
    assert expected in (None, name)


def test_nothing_is_made_of_nothing() -> None:
    assert plan(split(name="x", state="settled"), "east", Live(None)) == SplitPlan()
