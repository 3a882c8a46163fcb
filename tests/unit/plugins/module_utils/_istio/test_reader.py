# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._istio import names, reader

# From the istiod chart of Istio 1.31, shortened to what matters here.
CHART_ROLE = {
    "rules": [
        {"apiGroups": ["networking.istio.io"], "resources": ["*"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": [""],
            "resources": ["endpoints", "pods", "services", "nodes", "namespaces", "secrets", "configmaps"],
            "verbs": ["get", "list", "watch"],
        },
        {
            "apiGroups": ["networking.x-k8s.io", "gateway.networking.k8s.io"],
            "resources": ["gateways"],
            "verbs": ["get", "watch", "list"],
        },
        {
            "apiGroups": ["apiextensions.k8s.io"],
            "resources": ["customresourcedefinitions"],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {
            "apiGroups": ["multicluster.x-k8s.io"],
            "resources": ["serviceexports"],
            "verbs": ["get", "list", "watch", "create", "delete"],
        },
        {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceimports"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
        {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
    ]
}


def test_the_role_of_istio_s_chart_is_enough_and_more() -> None:
    assert reader.missing(CHART_ROLE) == ()
    excess = [str(right) for right in reader.excess(CHART_ROLE)]
    assert "get secrets" in excess
    assert "create serviceexports.multicluster.x-k8s.io" in excess
    assert "get *.networking.istio.io" in excess
    assert "get pods" not in excess


def test_secrets_are_no_excess_for_an_istiod_that_waits_for_them() -> None:
    assert "get secrets" not in [str(right) for right in reader.excess(CHART_ROLE, secrets=True)]


def test_our_role_is_exactly_enough() -> None:
    account, role, binding = reader.objects("mesh", "canary", secrets=False)
    assert role["metadata"]["name"] == binding["roleRef"]["name"] == "istio-reader-clusterrole-canary-mesh"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": "mesh"}]
    assert account["metadata"]["name"] == names.READER_SERVICE_ACCOUNT
    assert reader.excess(role) == ()
    assert reader.missing(role, secrets=False) == ()
    assert {str(right) for right in reader.missing(role)} == {"get secrets", "list secrets", "watch secrets"}


def test_a_wildcard_is_enough_and_all_of_it_is_excess() -> None:
    everything = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    assert reader.missing(everything) == ()
    assert [str(right) for right in reader.excess(everything)] == ["* *.*"]
