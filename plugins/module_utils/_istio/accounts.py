# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of our own on a cluster, and the roles that say what they may do. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_RBAC_GROUP = "rbac.authorization.k8s.io"

Rules = Sequence[Mapping[str, Sequence[str]]]
"""Rules of a role, as Kubernetes has them: ``apiGroups``, ``resources``, ``verbs``."""


def role_name(account: str, namespace: str) -> str:
    """What the roles of an account and their bindings are called: meshes that share a cluster have one each."""
    return f"{account}-{namespace}"


def make_objects(account: str, namespace: str, rules: Rules) -> list[dict[str, Any]]:
    """ServiceAccount ``account`` in ``namespace``, and its ClusterRole and ClusterRoleBinding, named after both."""
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}},
        *_make_role_and_binding("ClusterRole", {"name": role_name(account, namespace)}, account, namespace, rules),
    ]


def make_role_objects(account: str, namespace: str, rules: Rules, *, within: str) -> list[dict[str, Any]]:
    """Role and RoleBinding in namespace ``within``, for the account in ``namespace``."""
    metadata = {"name": role_name(account, namespace), "namespace": within}
    return _make_role_and_binding("Role", metadata, account, namespace, rules)


def with_rights(bindings: Iterable[Mapping[str, Any]], namespace: str) -> list[str]:
    """Who in ``namespace`` has rights by (Cluster)RoleBindings: ``ServiceAccount istiod by ClusterRoleBinding x``."""
    found = []
    for binding in bindings:
        for subject in binding.get("subjects") or ():
            kind, name = str(subject.get("kind")), str(subject.get("name"))
            is_account = kind == "ServiceAccount" and subject.get("namespace") == namespace
            is_user = name.startswith(f"system:serviceaccount:{namespace}:")
            if is_account or is_user or name == f"system:serviceaccounts:{namespace}":
                found.append(f"{kind} {name} by {binding['kind']} {binding['metadata']['name']}")
    return sorted(found)


def _make_role_and_binding(
    kind: str, metadata: Mapping[str, str], account: str, namespace: str, rules: Rules
) -> list[dict[str, Any]]:
    api_version = f"{_RBAC_GROUP}/v1"
    return [
        {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {**metadata},
            "rules": [{field: [*values] for field, values in rule.items()} for rule in rules],
        },
        {
            "apiVersion": api_version,
            "kind": f"{kind}Binding",
            "metadata": {**metadata},
            "roleRef": {"apiGroup": _RBAC_GROUP, "kind": kind, "name": metadata["name"]},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        },
    ]
