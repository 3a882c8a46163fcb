# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restricted account lacks, as a real API server's RBAC says it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change import access
from ansible_collections.onemesh.istio.plugins.module_utils._change.access import Need
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Unauthorized
from support import control_plane
from support.control_plane import ControlPlane

ROUTES, SECRETS, ACCOUNTS = kinds.VIRTUAL_SERVICE, kinds.SECRET, kinds.SERVICE_ACCOUNT


@pytest.fixture
def stranger(plane: ControlPlane, connect: Callable[..., Client], admin: Client, namespace: str) -> Client:
    """May read routes everywhere, and in ``namespace`` also patch them and have tokens."""
    rules = [{"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": ["get", "list"]}]
    local_rules = [
        {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": ["patch"]},
        {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
    ]
    subjects = [{"kind": "User", "name": "stranger", "apiGroup": "rbac.authorization.k8s.io"}]
    api_version = "rbac.authorization.k8s.io/v1"
    for kind, name, where, granted in (
        ("ClusterRole", "reads-routes", {}, rules),
        ("Role", "writes-routes", {"namespace": namespace}, local_rules),
    ):
        metadata = {"name": name, **where}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
        for manifest in (
            {"apiVersion": api_version, "kind": kind, "metadata": metadata, "rules": granted},
            {
                "apiVersion": api_version,
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "roleRef": reference,
                "subjects": subjects,
            },
        ):
            admin.apply(manifest, field_manager="test")
    client = connect({**plane.admin_options(), "api_key": control_plane.STRANGER_TOKEN})
    # The authorizer reads roles by a watch of its own.
    while not client.can_i("patch", ROUTES, namespace):
        pass
    return client


def test_only_what_is_not_allowed_is_missing_in_the_order_of_the_needs(stranger: Client, namespace: str) -> None:
    allowed = [
        Need("get", ROUTES, namespace),
        Need("list", ROUTES, None),
        Need("patch", ROUTES, namespace),
        Need("create", ACCOUNTS, namespace, "token"),
    ]
    refused = [
        Need("patch", ROUTES, "elsewhere"),
        Need("patch", ROUTES, None),
        Need("delete", ROUTES, namespace),
        Need("create", ACCOUNTS, namespace),
        Need("create", kinds.NAMESPACE, None),
        Need("get", SECRETS, namespace),
    ]
    mixed = [need for pair in zip(refused, allowed, strict=False) for need in pair] + refused[len(allowed) :]
    assert access.find_missing(stranger, [*mixed, *mixed]) == refused
    assert access.find_missing(stranger, allowed) == []


def test_an_administrator_lacks_nothing_after_one_review_for_each_verb_on_a_type(
    admin: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str | None]] = []
    can_i = admin.can_i

    def counted(verb: str, kind: kinds.Kind, namespace: str | None = None, **details: str) -> bool:
        asked.append((verb, namespace))
        return can_i(verb, kind, namespace, **details)

    monkeypatch.setattr(admin, "can_i", counted)
    needs = [Need(verb, ROUTES, f"n{number}") for number in range(50) for verb in ("get", "patch")]
    assert access.find_missing(admin, needs) == []
    assert sorted(asked, key=str) == [("get", None), ("patch", None)]


def test_an_account_that_is_not_known_is_an_error_and_not_a_missing_right(
    plane: ControlPlane, connect: Callable[..., Client]
) -> None:
    nobody = connect({**plane.admin_options(), "api_key": "none"})
    with pytest.raises(Unauthorized):
        access.find_missing(nobody, [Need("get", ROUTES, None)])


def test_what_the_finding_says_to_grant_is_what_is_missing(stranger: Client, admin: Client, namespace: str) -> None:
    needs = [Need("delete", ROUTES, namespace), Need("get", SECRETS, namespace)]
    (finding,) = access.report_missing("west", access.find_missing(stranger, needs))
    assert finding.message == (
        f"the account in use may not delete virtualservices.networking.istio.io in namespace {namespace}; "
        f"get secrets in namespace {namespace}"
    )
    assert f'{{apiGroups: [""], resources: [secrets], verbs: [get]}} in namespace {namespace}' in finding.remedy
