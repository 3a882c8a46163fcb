# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How kinds are named, and which rules they become."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import writer
from ansible_collections.onemesh.istio.plugins.module_utils._istio.writer import Named, find_known_kinds, parse_named
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds

WRITE = ["get", "list", "watch", "create", "patch", "update", "delete"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VirtualService", Named(None, None, "VirtualService")),
        ("networking.istio.io/Gateway", Named("networking.istio.io", None, "Gateway")),
        ("networking.istio.io/v1beta1/Gateway", Named("networking.istio.io", "v1beta1", "Gateway")),
        ("v1/Service", Named("", "v1", "Service")),
        ("batch/v1/CronJob", Named("batch", "v1", "CronJob")),
        (" Service ", Named(None, None, "Service")),
    ],
)
def test_a_kind_is_named_with_or_without_its_group_and_version(text: str, expected: Named) -> None:
    assert parse_named(text) == expected


@pytest.mark.parametrize("text", ["", "/", "a/", "/Kind", "a/b/Kind", "a/b/v1/Kind"])
def test_what_is_no_kind_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no kind"):
        parse_named(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VirtualService", [kinds.VIRTUAL_SERVICE]),
        ("networking.istio.io/v1alpha3/VirtualService", [kinds.VIRTUAL_SERVICE]),
        ("Gateway", [kinds.GATEWAY, kinds.KUBERNETES_GATEWAY]),
        ("gateway.networking.k8s.io/Gateway", [kinds.KUBERNETES_GATEWAY]),
        ("v1/Service", [kinds.SERVICE]),
        ("serving.knative.dev/Service", []),
        ("CronJob", []),
    ],
)
def test_a_known_kind_is_found_at_whatever_version(text: str, expected: list[kinds.Kind]) -> None:
    assert find_known_kinds(parse_named(text)) == expected


def rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, list[str]]:
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


NOTHING_MORE = {"namespaces": False, "accepted": False, "acknowledged": False}
READ = rule("", ["namespaces"], ["get", "list"])
ROUTES = [kinds.VIRTUAL_SERVICE, kinds.DESTINATION_RULE]


@pytest.mark.parametrize(
    ("granted", "more", "expected"),
    [
        ([], {}, [READ]),
        (ROUTES, {}, [rule("networking.istio.io", ["destinationrules", "virtualservices"], WRITE), READ]),
        (
            [kinds.SERVICE, *ROUTES, *ROUTES],
            {},
            [
                rule("", ["services"], WRITE),
                rule("networking.istio.io", ["destinationrules", "virtualservices"], WRITE),
                READ,
            ],
        ),
        ([], {"namespaces": True}, [rule("", ["namespaces"], ["get", "list", "create", "patch", "update"])]),
        (ROUTES[:1], {"accepted": True}, [rule("networking.istio.io", ["virtualservices"], WRITE), READ]),
        (
            [kinds.HTTP_ROUTE],
            {"accepted": True},
            [
                rule("gateway.networking.k8s.io", ["httproutes"], WRITE),
                READ,
                rule("gateway.networking.k8s.io", ["gatewayclasses"], ["get"]),
            ],
        ),
        # A release of a workload asks which of its pods are ending.
        (
            [kinds.DEPLOYMENT],
            {},
            [rule("apps", ["deployments"], WRITE), READ, rule("discovery.k8s.io", ["endpointslices"], ["list"])],
        ),
        ([], {"acknowledged": True}, [READ, rule("", ["pods"], ["get"])]),
    ],
)
def test_one_rule_for_each_group_and_one_for_each_thing_more(
    granted: list[kinds.Kind], more: dict[str, bool], expected: list[dict[str, Any]]
) -> None:
    assert list(writer.make_cluster_rules(granted, **{**NOTHING_MORE, **more})) == expected
