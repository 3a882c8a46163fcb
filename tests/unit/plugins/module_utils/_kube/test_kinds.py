# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import Kind, UnknownKind


@pytest.mark.parametrize(
    ("kind", "namespace", "name", "subresource", "path"),
    [
        (kinds.NAMESPACE, None, None, "", "/api/v1/namespaces"),
        (kinds.NAMESPACE, None, "a", "", "/api/v1/namespaces/a"),
        (kinds.NAMESPACE, "ignored", "a", "finalize", "/api/v1/namespaces/a/finalize"),
        (kinds.SECRET, None, None, "", "/api/v1/secrets"),
        (kinds.SECRET, "a", None, "", "/api/v1/namespaces/a/secrets"),
        (kinds.SECRET, "a", "b", "", "/api/v1/namespaces/a/secrets/b"),
        (kinds.SERVICE_ACCOUNT, "a", "b", "token", "/api/v1/namespaces/a/serviceaccounts/b/token"),
        (kinds.DEPLOYMENT, "a", "b", "scale", "/apis/apps/v1/namespaces/a/deployments/b/scale"),
        (kinds.CLUSTER_ROLE, None, "system:x/y", "", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%2Fy"),
        (kinds.GATEWAY, "a", "b", "", "/apis/networking.istio.io/v1/namespaces/a/gateways/b"),
        (kinds.KUBERNETES_GATEWAY, "a", "b", "", "/apis/gateway.networking.k8s.io/v1/namespaces/a/gateways/b"),
    ],
)
def test_paths(kind: Kind, namespace: str | None, name: str | None, subresource: str, path: str) -> None:
    assert kinds.make_path(kind, namespace, name, subresource) == path


def test_object_of_a_namespaced_type_needs_its_namespace() -> None:
    with pytest.raises(ValueError, match="Secret x needs a namespace"):
        kinds.make_path(kinds.SECRET, None, "x")


@pytest.mark.parametrize(
    ("api_version", "kind", "found"),
    [
        ("v1", "Secret", kinds.SECRET),
        ("networking.istio.io/v1", "Gateway", kinds.GATEWAY),
        ("networking.istio.io/v1beta1", "Gateway", kinds.GATEWAY._replace(api_version="networking.istio.io/v1beta1")),
        ("gateway.networking.k8s.io/v1", "Gateway", kinds.KUBERNETES_GATEWAY),
    ],
)
def test_known_kinds(api_version: str, kind: str, found: Kind) -> None:
    assert kinds.kind_of({"apiVersion": api_version, "kind": kind}) == found


@pytest.mark.parametrize("manifest", [{}, {"kind": "Secret"}, {"apiVersion": "example.org/v1", "kind": "Secret"}])
def test_unknown_kinds(manifest: dict[str, str]) -> None:
    with pytest.raises(UnknownKind):
        kinds.kind_of(manifest)


def test_no_type_is_in_the_table_twice() -> None:
    assert len({(kind.group, kind.kind) for kind in kinds.KINDS}) == len(kinds.KINDS)


@pytest.mark.parametrize(
    ("name", "namespace", "text"),
    [("", None, "Secret"), ("b", "a", "Secret a/b"), ("b", None, "Secret b"), ("", "a", "Secret a")],
)
def test_how_errors_name_objects(name: str, namespace: str | None, text: str) -> None:
    assert kinds.SECRET.describe(name, namespace) == text
