# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the objects of a set come from, what differs between clusters, and that any kind travels."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import strip_content
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    DESTINATION_RULE,
    INGRESS,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from sets import NAMES, Set, checks, config_map, of, virtual_service
from support.fleet_runs import Object

TIMEOUT = {"op": "replace", "path": "/spec/http/0/timeout", "value": "9s"}
HOSTS = {"spec": {"hosts": ["front.example.org"]}}


def values(routes: Set) -> dict[str, tuple[Any, Any]]:
    """Host and timeout of the route on each cluster; None where it is not there."""
    found = {name: routes.client(name).find(VIRTUAL_SERVICE, "reviews", routes.namespace) for name in NAMES}
    return {
        name: (live["spec"]["hosts"][0], live["spec"]["http"][0]["timeout"]) if live else (None, None)
        for name, live in found.items()
    }


FRONT = "front.example.org"
ROUTES = {"kind": "VirtualService"}
OVERLAYS: dict[str, tuple[list[Any], dict[str, tuple[Any, Any]]]] = {
    "json patch": ([{"clusters": ["west"], "json_patch": [TIMEOUT], **ROUTES}], {"west": (None, "9s")}),
    "merge": (
        [{"clusters": ["west", "north"], "merge": HOSTS, "name": "reviews", **ROUTES}],
        {"west": (FRONT, None), "north": (FRONT, None)},
    ),
    "everywhere": ([{"merge": HOSTS, **ROUTES}], dict.fromkeys(NAMES, (FRONT, None))),
    "one after the other": (
        [{"merge": HOSTS, **ROUTES}, {"clusters": ["west"], "json_patch": [TIMEOUT], **ROUTES}],
        {"east": (FRONT, None), "west": (FRONT, "9s"), "north": (FRONT, None)},
    ),
    "another object": ([{"clusters": ["west"], "merge": HOSTS, "name": "ratings"}], {}),
}


@pytest.mark.parametrize("case", OVERLAYS, ids=str)
def test_clusters_differ_where_an_overlay_says_so(routes: Set, case: str) -> None:
    overlays, expected = OVERLAYS[case]
    made = routes.made(*routes.pair(), overlays=overlays)
    usual = (f"reviews.{routes.namespace}.svc.cluster.local", "5s")
    assert values(routes) == {
        name: tuple(special or common for special, common in zip(expected.get(name, (None, None)), usual, strict=True))
        for name in NAMES
    }
    assert len({part["hash"] for part in made["clusters"].values()}) == len(set(values(routes).values()))
    assert not routes.made(*routes.pair(), overlays=overlays)["changed"]


def test_an_object_that_is_excluded_on_a_cluster_is_not_there_and_goes_when_it_was(routes: Set) -> None:
    routes.made(*routes.pair())
    overlays = [{"clusters": ["west"], "kind": "VirtualService", "exclude": True}]
    made = routes.made(*routes.pair(), overlays=overlays)
    assert made["clusters"]["west"]["deleted"] == [f"VirtualService {routes.namespace}/reviews"]
    assert [name for name, (host, _) in values(routes).items() if host] == ["east", "north"]
    assert made["consistent"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"overlays": [{"clusters": ["south"], "merge": HOSTS}]}, "south"),
        ({"overlays": [{"json_patch": [{**TIMEOUT, "path": "/spec/nothing/0"}]}]}, "json_patch"),
        ({"definition": "kind: [broken"}, "cannot be read as YAML: line "),
        (
            {"definition": "kind: Service\nspec: {}\nspec: {}"},
            "cannot be read as YAML: line 3: the key 'spec' stands twice",
        ),
        ({"definition": [{"kind": "VirtualService", "metadata": {"name": "x"}}]}, "apiVersion"),
        ({"definition": [7]}, "expected a mapping"),
        ({"src": ["/nowhere/at-all.yml"]}, "/nowhere/at-all.yml"),
        ({"definition": []}, "declares no object"),
        ({"template": ["x.j2"]}, "rendered by the controller"),
        ({"from_cluster": {"cluster": "south", "namespaces": ["x"]}}, "south"),
        ({"from_cluster": {"cluster": "east", "namespaces": ["default"], "names": ["nothing"]}}, "nothing"),
    ],
)
def test_a_source_that_is_not_usable_is_named_and_nothing_is_written(
    routes: Set, options: dict[str, Any], words: str
) -> None:
    with routes.writes_nothing():
        refused = routes.run(*routes.pair(), **options)
        refused.failed()
    assert words in str(refused.result["findings"])
    assert all(finding["remedy"] for finding in refused.result["findings"])


def test_the_same_object_from_two_sources_is_refused(routes: Set, tmp_path: Any) -> None:
    file = tmp_path / "routes.yml"
    file.write_text(str(routes.pair()[0]))
    refused = routes.run(*routes.pair(), src=[str(file)])
    refused.failed()
    assert "is declared twice" in str(refused.result["findings"])


def test_an_object_without_a_namespace_gets_that_of_the_set_or_is_refused(routes: Set) -> None:
    nowhere = config_map("x", "settings", key="value")
    del nowhere["metadata"]["namespace"]
    refused = routes.run(nowhere)
    refused.failed()
    assert {check for _, check in checks(refused.result)} == {"namespace-not-given"}
    routes.made(nowhere, namespace=routes.namespace)
    assert routes.client("west").get(CONFIG_MAP, "settings", routes.namespace)


# From a cluster


def test_objects_of_a_cluster_are_copied_to_the_others_without_identity_owner_or_status(routes: Set) -> None:
    routes.make_namespace("east", **{"istio-injection": "enabled"})
    owner = routes.client("east").apply(config_map(routes.namespace, "owner"), field_manager="test").object
    original = virtual_service(routes.namespace)
    original["metadata"].update(
        labels={"team": "shop"},
        finalizers=["example.org/hold"],
        ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}],
    )
    routes.put(original, "east")
    routes.put(virtual_service(routes.namespace, "ratings"), "east")
    east = routes.client("east")
    east.patch(
        VIRTUAL_SERVICE, "reviews", routes.namespace, {"status": {"observedGeneration": 7}}, subresource="status",
        field_manager="istiod",
    )  # fmt: skip
    before = east.get(VIRTUAL_SERVICE, "reviews", routes.namespace)
    assert before["status"]
    source = {"cluster": "east", "namespaces": [routes.namespace], "label_selectors": ["team=shop"]}
    made = routes.made(from_cluster=source)
    assert set(made["clusters"]) == {"west", "north"}
    for name in ("west", "north"):
        live = routes.live(name, VIRTUAL_SERVICE)
        assert live["spec"] == before["spec"]
        assert live["metadata"]["uid"] != before["metadata"]["uid"]
        assert "ownerReferences" not in live["metadata"]
        assert "finalizers" not in live["metadata"]
        assert "status" not in live
        assert live["metadata"]["labels"]["team"] == "shop"
        assert live["metadata"]["annotations"]["onemesh.istio/source"] == "cluster east"
        assert routes.client(name).find(VIRTUAL_SERVICE, "ratings", routes.namespace) is None
    assert not routes.made(from_cluster=source)["changed"]
    assert east.get(VIRTUAL_SERVICE, "reviews", routes.namespace) == before
    east.patch(VIRTUAL_SERVICE, "reviews", routes.namespace, {"metadata": {"finalizers": None}}, field_manager="test")
    routes.removed()
    assert east.get(VIRTUAL_SERVICE, "reviews", routes.namespace)["metadata"]["uid"] == before["metadata"]["uid"]
    assert routes.left() == []


def test_a_change_at_the_source_follows_and_a_source_that_is_gone_prunes(routes: Set) -> None:
    routes.make_namespace("east")
    source = {"cluster": "east", "namespaces": [routes.namespace]}
    for name in ("reviews", "ratings"):
        routes.put(virtual_service(routes.namespace, name), "east")
    routes.made(from_cluster=source)
    routes.edit("east", VIRTUAL_SERVICE, {"spec": {"exportTo": ["."]}})
    routes.client("east").delete(VIRTUAL_SERVICE, "ratings", routes.namespace)
    made = routes.made(from_cluster=source)
    for name in ("west", "north"):
        assert made["clusters"][name]["configured"] == [f"VirtualService {routes.namespace}/reviews"]
        assert made["clusters"][name]["deleted"] == [f"VirtualService {routes.namespace}/ratings"]
        assert routes.live(name, VIRTUAL_SERVICE)["spec"]["exportTo"] == ["."]


# Any kind

WIDGETS = Kind("example.org/v1", "Widget", "widgets", True)


def widget_definition() -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": schema}}},
    }
    names = {"plural": "widgets", "kind": "Widget", "singular": "widget", "listKind": "WidgetList"}
    spec = {"group": "example.org", "scope": "Namespaced", "names": names, "versions": [version]}
    return of(CUSTOM_RESOURCE_DEFINITION, "widgets.example.org", spec=spec)


def service(namespace: str) -> Object:
    return of(SERVICE, "front", namespace, spec={"ports": [{"port": 80, "name": "http"}], "selector": {"app": "front"}})


def ingress(namespace: str) -> Object:
    backend = {"service": {"name": "front", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    rules = [{"host": "front.example.org", "http": {"paths": paths}}]
    return of(INGRESS, "front", namespace, spec={"ingressClassName": "istio", "rules": rules})


def test_objects_of_kinds_with_defaults_stand_and_are_left_alone_and_go(routes: Set) -> None:
    objects = [
        ingress(routes.namespace),
        service(routes.namespace),
        config_map(routes.namespace, "settings", key="value"),
        of(kinds.SERVICE_ENTRY, "legacy", routes.namespace, spec={
            "hosts": ["legacy.example.org"], "ports": [{"number": 80, "name": "http"}], "resolution": "DNS"}),
        of(kinds.CLUSTER_ROLE, f"reader-{routes.name}", rules=[
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    ]  # fmt: skip
    made = routes.made(*objects)
    for name in NAMES:
        assert len(made["clusters"][name]["created"]) == len(objects) + 1
    again = routes.made(*objects)
    assert not again["changed"]
    assert all(not part["findings"] for part in again["clusters"].values())
    routes.removed()
    assert routes.left() == []
    assert all(routes.client(name).find(kinds.CLUSTER_ROLE, f"reader-{routes.name}") is None for name in NAMES)


def test_a_service_keeps_none_of_the_addresses_of_the_cluster_that_it_comes_from(routes: Set) -> None:
    routes.make_namespace("east")
    declared = service(routes.namespace)
    declared["spec"]["type"] = "NodePort"
    routes.put(declared, "east")
    before = routes.client("east").get(SERVICE, "front", routes.namespace)["spec"]
    source = {"cluster": "east", "namespaces": [routes.namespace], "names": ["front"]}
    wanted = [{"apiVersion": "v1", "kind": "Service"}]
    routes.made(from_cluster=source, kinds=wanted)
    live = routes.client("west").get(SERVICE, "front", routes.namespace)["spec"]
    assert live["type"] == "NodePort"
    assert live["selector"] == before["selector"]
    assert not routes.made(from_cluster=source, kinds=wanted)["changed"]
    routes.removed()
    assert routes.left() == []


def test_a_kind_that_only_the_clusters_know_is_found_by_discovery(routes: Set) -> None:
    widget = of(WIDGETS, "one", routes.namespace, spec={"size": 7})
    for name in NAMES:
        client = routes.client(name)
        client.apply(widget_definition(), field_manager="test")
        client.wait_for(CUSTOM_RESOURCE_DEFINITION, "widgets.example.org", None, established, timeout=30)
    try:
        routes.made(widget)
        assert all(routes.client(name).get(WIDGETS, "one", routes.namespace)["spec"] == {"size": 7} for name in NAMES)
        assert not routes.made(widget)["changed"]
        routes.removed()
        assert all(routes.client(name).find(WIDGETS, "one", routes.namespace) is None for name in NAMES)
    finally:
        for name in NAMES:
            routes.client(name).delete(CUSTOM_RESOURCE_DEFINITION, "widgets.example.org")


def established(live: Object) -> bool:
    conditions = (live.get("status") or {}).get("conditions") or []
    return any((each["type"], each["status"]) == ("Established", "True") for each in conditions)


def test_a_set_may_be_many_objects_in_one_yaml_text(routes: Set) -> None:
    text = "\n---\n".join(str(each) for each in routes.pair()) + "\n---\n"
    routes.made(definition=text)
    listed = {"apiVersion": "v1", "kind": "List", "items": routes.pair()}
    assert not routes.made(definition=listed)["changed"]
    assert strip_content(routes.live("west", DESTINATION_RULE))["spec"]["subsets"][0]["name"] == "v1"
