# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account by which another cluster's istiod reads this one, and how little it may do.

Istio's charts make all of it: base the ServiceAccount, istiod the ClusterRole and its binding. So a link needs
nothing more where both charts are installed, and the objects here are for clusters that only have base or nothing.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ansible_collections.onemesh.istio.plugins.module_utils._istio import names

_READ = ("get", "list", "watch")

_RULES: tuple[dict[str, list[str]], ...] = (
    # What a remote registry watches: pkg/kube/multicluster/cluster.go and pilot/pkg/serviceregistry/kube/controller.
    {
        "apiGroups": [""],
        "resources": ["configmaps", "endpoints", "namespaces", "nodes", "pods", "services"],
        "verbs": list(_READ),
    },
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": list(_READ)},
    {"apiGroups": ["networking.istio.io"], "resources": ["workloadentries"], "verbs": list(_READ)},
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gateways"], "verbs": list(_READ)},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": list(_READ)},
    {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceexports", "serviceimports"], "verbs": list(_READ)},
    # A primary that serves this cluster's proxies checks their tokens here (kubeauth/kube_jwt.go).
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
)
_SECRETS_RULE = {"apiGroups": [""], "resources": ["secrets"], "verbs": list(_READ)}


def rules(*, secrets: bool) -> list[dict[str, list[str]]]:
    """The rules that a remote istiod needs.

    ``secrets``: whether it reads all secrets too. It does unless its environment has
    PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER=false, and then it waits for them before it says ``synced``
    (pilot/pkg/credentials/kube/multicluster.go); only a primary that serves the gateways of this cluster uses them.
    """
    return [dict(rule) for rule in (*_RULES, *([_SECRETS_RULE] if secrets else []))]


def objects(
    namespace: str = names.SYSTEM_NAMESPACE, revision: str = "", *, secrets: bool = True
) -> list[dict[str, Any]]:
    """ServiceAccount, ClusterRole and ClusterRoleBinding under the names that Istio's charts use."""
    role = names.reader_cluster_role_name(namespace, revision)
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": names.READER_SERVICE_ACCOUNT, "namespace": namespace},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": role},
            "rules": rules(secrets=secrets),
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": names.READER_SERVICE_ACCOUNT, "namespace": namespace}],
        },
    ]


class Right(NamedTuple):
    verb: str
    api_group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}" + (f".{self.api_group}" if self.api_group else "")


def excess(cluster_role: Mapping[str, Any], *, secrets: bool = False) -> tuple[Right, ...]:
    """The rights of a ClusterRole that reading another cluster's endpoints does not need, sorted.

    Istio's own role has some: it reads every secret of the cluster, for instance.
    """
    return tuple(sorted(set(_rights(cluster_role.get("rules") or ())) - set(_rights(rules(secrets=secrets)))))


def missing(cluster_role: Mapping[str, Any], *, secrets: bool = True) -> tuple[Right, ...]:
    """The needed rights that a ClusterRole does not give, sorted. Wildcards give everything they cover."""
    given = set(_rights(cluster_role.get("rules") or ()))

    def covered(right: Right) -> bool:
        return any(
            Right(verb, group, resource) in given
            for verb in (right.verb, "*")
            for group in (right.api_group, "*")
            for resource in (right.resource, "*")
        )

    return tuple(sorted(right for right in _rights(rules(secrets=secrets)) if not covered(right)))


def _rights(granted: Iterable[Mapping[str, Any]]) -> Iterator[Right]:
    for rule in granted:
        for verb in rule.get("verbs") or ():
            for group in rule.get("apiGroups") or ():
                for resource in rule.get("resources") or ():
                    yield Right(verb, group, resource)
