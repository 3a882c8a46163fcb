# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace of a real API server holds, apart from what every namespace has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Forbidden
from ansible_collections.onemesh.istio.plugins.module_utils._kube.namespaces import SHOWN, list_contents
from support import control_plane
from support.control_plane import ControlPlane


def thing(namespace: str, kind: str, name: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **fields}


def made_for_everyone(namespace: str) -> list[dict[str, Any]]:
    """What Kubernetes, istiod and OpenShift put into each namespace, by name and annotation as they do."""
    pull_secret = thing(namespace, "Secret", "default-dockercfg-x1")
    pull_secret["metadata"]["annotations"] = {"openshift.io/internal-registry-auth-token.service-account": "default"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:image-puller"}
    rbac = "rbac.authorization.k8s.io/v1"
    config_maps = ("kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl", "openshift-service-ca.crt")
    return [
        *(thing(namespace, "ConfigMap", name, data={"a": "1"}) for name in config_maps),
        *(thing(namespace, "ServiceAccount", name) for name in ("default", "builder", "deployer")),
        pull_secret,
        thing(namespace, "RoleBinding", "system:image-pullers", rbac, roleRef=role),
        thing(namespace, "Endpoints", "gone-service"),
        thing(
            namespace,
            "Event",
            "web.1",
            involvedObject={"kind": "Pod", "namespace": namespace, "name": "web"},
            reason="Started",
        ),
    ]


def slice_of(namespace: str, name: str, **metadata: Any) -> dict[str, Any]:
    manifest = thing(
        namespace, "EndpointSlice", name, "discovery.k8s.io/v1", addressType="IPv4", endpoints=[], ports=[]
    )
    manifest["metadata"].update(metadata)
    return manifest


@pytest.fixture
def bare(admin: Client, namespace: str) -> str:
    """A namespace with what every namespace has, and nothing else."""
    for manifest in made_for_everyone(namespace):
        admin.apply(manifest, field_manager="test")
    service = {"apiVersion": "v1", "kind": "Service", "name": "gone", "uid": "0a0a0a0a-0000-4000-8000-000000000000"}
    admin.apply(slice_of(namespace, "gone-x1", ownerReferences=[service]), field_manager="test")
    return namespace


def test_what_every_namespace_has_is_no_content(admin: Client, bare: str) -> None:
    assert list_contents(admin, bare) == []


def test_a_namespace_that_is_not_there_is_empty(admin: Client) -> None:
    assert list_contents(admin, "not-there") == []


@pytest.mark.parametrize(
    ("manifest", "shown"),
    [
        (thing("", "ConfigMap", "mine", data={"a": "1"}), "ConfigMap {}/mine"),
        (thing("", "Secret", "mine"), "Secret {}/mine"),
        (thing("", "ServiceAccount", "mine"), "ServiceAccount {}/mine"),
        (thing("", "Service", "web", spec={"ports": [{"port": 80}]}), "Service {}/web"),
        (thing("", "Lease", "leader", "coordination.k8s.io/v1", spec={"holderIdentity": "a"}), "Lease {}/leader"),
        (slice_of("", "by-hand"), "EndpointSlice {}/by-hand"),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_anything_else_is_named(admin: Client, bare: str, manifest: dict[str, Any], shown: str) -> None:
    placed = {**manifest, "metadata": {**manifest["metadata"], "namespace": bare}}
    admin.apply(placed, field_manager="test")
    try:
        assert list_contents(admin, bare) == [shown.format(bare)]
    finally:
        admin.delete(admin.find_kind(placed), placed["metadata"]["name"], bare)


def test_an_object_of_a_type_that_has_come_since_is_named(
    plane: ControlPlane, connect: Callable[..., Client], admin: Client, bare: str
) -> None:
    assert list_contents(admin, bare) == []
    served = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget"}
    spec = {"group": "contents.mesh.test", "scope": "Namespaced", "names": names, "versions": [served]}
    definition = {
        "apiVersion": kinds.CUSTOM_RESOURCE_DEFINITION.api_version,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.contents.mesh.test"},
        "spec": spec,
    }
    admin.apply(definition, field_manager="test")
    admin.wait_for(
        kinds.CUSTOM_RESOURCE_DEFINITION,
        "widgets.contents.mesh.test",
        None,
        lambda live: any(
            condition["type"] == "Established" and condition["status"] == "True"
            for condition in (live.get("status") or {}).get("conditions") or ()
        ),
        timeout=30,
    )
    other = connect(plane.admin_options())
    while not any(kind.kind == "Widget" for kind in other.list_served_kinds(refresh=True)):
        pass
    other.apply(thing(bare, "Widget", "one", "contents.mesh.test/v1"), field_manager="test")
    assert list_contents(admin, bare) == [f"Widget {bare}/one"]
    admin.delete(kinds.CUSTOM_RESOURCE_DEFINITION, "widgets.contents.mesh.test")


def test_only_the_first_of_many_are_named_also_behind_pages_of_what_does_not_count(admin: Client, bare: str) -> None:
    for number in range(25):
        # Sorted before the others, held by a finalizer and being deleted: they do not count.
        going = thing(bare, "ConfigMap", f"a-going-{number}")
        going["metadata"]["finalizers"] = ["mesh.test/held"]
        admin.apply(going, field_manager="test")
        admin.delete(kinds.CONFIG_MAP, f"a-going-{number}", bare)
    assert list_contents(admin, bare) == []
    for number in range(9):
        admin.apply(thing(bare, "ConfigMap", f"b-mine-{number}"), field_manager="test")
    assert list_contents(admin, bare) == [f"ConfigMap {bare}/b-mine-{number}" for number in range(SHOWN)]


def test_what_may_not_be_listed_is_not_taken_for_empty(
    plane: ControlPlane, connect: Callable[..., Client], bare: str
) -> None:
    stranger = connect({**plane.admin_options(), "api_key": control_plane.STRANGER_TOKEN})
    with pytest.raises(Forbidden, match="stranger"):
        list_contents(stranger, bare)
