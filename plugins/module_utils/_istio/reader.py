# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account by which another cluster's istiod reads this one, and how little it may do.

Istio's charts make one too, with more rights than these. Of those here only Secrets are more than reading endpoints
takes: istiod 1.31 waits for them before it says ``synced`` (pilot/pkg/credentials/kube/multicluster.go), though only a
primary that serves the gateways of this cluster uses them, and PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER=false, which
is to turn that off, makes it end with a nil pointer.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import accounts

ACCOUNT = "onemesh-istio-reader"
"""Our own reader: what it may do, and its tokens, end with the last link."""
CONTROL_PLANE_ACCOUNT = "onemesh-istio-control-plane"
"""The account for the istiod that controls this cluster, and no other: it may write what that has to write."""
ACCOUNTS = (ACCOUNT, CONTROL_PLANE_ACCOUNT)
KINDS = frozenset({"ServiceAccount", "ClusterRole", "ClusterRoleBinding"})
ANNOTATION_ACCOUNT = "onemesh.istio/account"
"""On a grant: the account whose token is bound to it."""
GRANT_PREFIX = "onemesh-link-"
"""An empty Secret on the target for each source: the source's token is bound to it, and dies with it."""

_READ = ["get", "list", "watch"]

RULES: tuple[dict[str, list[str]], ...] = (
    # What a remote registry watches: pkg/kube/multicluster/cluster.go and pilot/pkg/serviceregistry/kube/controller.
    {
        "apiGroups": [""],
        "resources": ["configmaps", "endpoints", "namespaces", "nodes", "pods", "secrets", "services"],
        "verbs": _READ,
    },
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
    {"apiGroups": ["networking.istio.io"], "resources": ["workloadentries"], "verbs": _READ},
    {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gateways"], "verbs": _READ},
    {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": _READ},
    {"apiGroups": ["multicluster.x-k8s.io"], "resources": ["serviceexports", "serviceimports"], "verbs": _READ},
    # A primary that serves this cluster's proxies checks their tokens here (kubeauth/kube_jwt.go).
    {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]},
    {"apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]},
)

CONTROL_PLANE_RULES: tuple[dict[str, list[str]], ...] = (
    *RULES,
    # The root certificate in each namespace and the locks of leader election (pilot/pkg/leaderelection).
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "update"]},
    # It puts its own certificate authority into the webhook that injects here (pkg/webhooks/webhookpatch.go).
    {
        "apiGroups": ["admissionregistration.k8s.io"],
        "resources": ["mutatingwebhookconfigurations"],
        "verbs": [*_READ, "update", "patch"],
    },
)
_RULES_OF = {ACCOUNT: RULES, CONTROL_PLANE_ACCOUNT: CONTROL_PLANE_RULES}


def account_of(grant: Mapping[str, Any]) -> str:
    """Whose token is bound to a grant; those that were made before there were two say nothing."""
    return str((grant["metadata"].get("annotations") or {}).get(ANNOTATION_ACCOUNT, ACCOUNT))


def grant_name(source: str) -> str:
    """The Secret on the target that the token of ``source`` is bound to."""
    return GRANT_PREFIX + source


def make_objects(account: str, namespace: str) -> list[dict[str, Any]]:
    """ServiceAccount ``account`` in ``namespace``, and its ClusterRole and ClusterRoleBinding, named after both."""
    return accounts.make_objects(account, namespace, _RULES_OF[account])
