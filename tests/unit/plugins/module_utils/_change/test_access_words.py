# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How missing rights are put into words: one finding for a cluster, one row per shape of what is missing."""

from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.access import Need, report_missing
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds

ROUTE, RULE = kinds.VIRTUAL_SERVICE, kinds.DESTINATION_RULE


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ([Need("patch", ROUTE, "a")], "patch virtualservices.networking.istio.io in namespace a"),
        (
            [Need(verb, kind, place) for place in "ab" for kind in (ROUTE, RULE) for verb in ("create", "patch")],
            "create, patch virtualservices.networking.istio.io, destinationrules.networking.istio.io "
            "in namespaces a, b",
        ),
        (
            [Need("create", ROUTE, "a"), Need("patch", ROUTE, "a"), Need("patch", ROUTE, "b")],
            "create, patch virtualservices.networking.istio.io in namespace a; "
            "patch virtualservices.networking.istio.io in namespace b",
        ),
        ([Need("patch", ROUTE, "a"), Need("patch", ROUTE, None)], "patch virtualservices.networking.istio.io in "),
        ([Need("create", kinds.NAMESPACE, None)], "create namespaces in the whole cluster"),
        (
            [Need("create", kinds.SERVICE_ACCOUNT, "a", "token")],
            "create serviceaccounts/token in namespace a",
        ),
        (
            [Need("get", kinds.SECRET, f"n{n}") for n in range(7)],
            "get secrets in namespaces n0, n1, n2, n3, n4 and 2 more",
        ),
    ],
)
def test_the_message_names_verbs_types_and_namespaces_once(missing: list[Need], words: str) -> None:
    (finding,) = report_missing("west", [*missing, *missing])
    assert (finding.cluster, finding.check) == ("west", "permission-missing")
    assert finding.message.startswith(f"the account in use may not {words}")


def test_the_remedy_holds_the_rule_and_the_roles_variable() -> None:
    (finding,) = report_missing("west", [Need("patch", ROUTE, "a"), Need("get", kinds.SECRET, "b")])
    assert "onemesh.istio.writer" in finding.remedy
    assert finding.remedy.endswith(
        "the rule {apiGroups: [networking.istio.io], resources: [virtualservices], verbs: [patch]} in namespace a; "
        'the rule {apiGroups: [""], resources: [secrets], verbs: [get]} in namespace b'
    )


def test_nothing_missing_is_no_finding() -> None:
    assert report_missing("west", []) == []
