# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._istio import reader

# From the istiod chart of Istio 1.31, shortened to what matters here.
CHART_ROLE: dict[str, list[dict[str, list[str]]]] = {
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


def rights(rules: Iterable[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    return {
        (verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_our_reader_may_do_less_than_the_one_of_istios_chart() -> None:
    ours, chart = rights(reader.RULES), rights(CHART_ROLE["rules"])
    assert ours - chart == {(verb, "networking.istio.io", "workloadentries") for verb in ("get", "list", "watch")}
    assert {
        ("create", "multicluster.x-k8s.io", "serviceexports"),
        ("delete", "multicluster.x-k8s.io", "serviceexports"),
        ("list", "networking.istio.io", "*"),
    } <= chart - ours


def test_it_writes_nothing_but_questions() -> None:
    written = {resource for verb, group, resource in rights(reader.RULES) if verb not in ("get", "list", "watch")}
    assert written == {"tokenreviews", "subjectaccessreviews"}


def test_the_istiod_that_controls_a_remote_may_write_what_istio_writes_there_and_no_more() -> None:
    more = rights(reader.CONTROL_PLANE_RULES) - rights(reader.RULES)
    webhooks = ("admissionregistration.k8s.io", "mutatingwebhookconfigurations")
    assert more == {
        ("create", "", "configmaps"),
        ("update", "", "configmaps"),
        *((verb, *webhooks) for verb in ("get", "list", "watch", "update", "patch")),
    }


def test_the_role_is_bound_to_the_account() -> None:
    account, role, binding = reader.make_objects(reader.ACCOUNT, "mesh")
    assert account["metadata"] == {"name": reader.ACCOUNT, "namespace": "mesh"}
    assert (
        role["metadata"]["name"]
        == binding["roleRef"]["name"]
        == binding["metadata"]["name"]
        == f"{reader.ACCOUNT}-mesh"
    )
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": reader.ACCOUNT, "namespace": "mesh"}]
