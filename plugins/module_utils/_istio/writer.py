# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the account that writes to a cluster may do, and the Secret in which the hub keeps its kubeconfig. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._kube import kinds
from .._kube.kinds import Kind
from . import names, remote_secret
from .accounts import Rules

ACCOUNT = "onemesh-writer"
GRANT = ACCOUNT
"""An empty Secret beside the account: its token is bound to it, and dies with it."""
_HUB_ANNOTATION = "onemesh.istio/hub"
"""On the grant: who has the kubeconfig."""
LABEL = "onemesh.istio/writer"
"""On the Secrets of the hub. They have no label of istiod's, which would take them for links."""
_SECRET_PREFIX = "onemesh-writer-"

_WRITE = ("get", "list", "watch", "create", "patch", "update", "delete")
_READ_NAMESPACES = ("get", "list")
"""A change looks whether the namespaces of its objects are there, and which ones it has made."""
_WRITE_NAMESPACES = (*_READ_NAMESPACES, "create", "patch", "update")
"""Not delete: whoever may delete a namespace may delete everything in it, of whatever type."""

_VERSION = re.compile(r"v[0-9]+((alpha|beta)[0-9]+)?")


class Named(NamedTuple):
    """A type as a user names it; ``group`` and ``version`` are None where it is not said."""

    group: str | None
    version: str | None
    kind: str

    def __str__(self) -> str:
        return "/".join(part for part in (self.group, self.version, self.kind) if part)

    def fits(self, kind: Kind) -> bool:
        return (
            kind.kind == self.kind
            and self.group in (None, kind.group)
            and self.version in (None, kind.api_version.rpartition("/")[2])
        )


def parse_named(text: str) -> Named:
    """From ``Kind``, ``group/Kind`` or ``apiVersion/Kind``. ValueError where it is none of these."""
    *prefix, kind = text.strip().split("/")
    if not kind or len(prefix) > 2 or not all(prefix):
        raise ValueError(f"{text!r} is no kind")
    if prefix and _VERSION.fullmatch(prefix[-1]):
        return Named("/".join(prefix[:-1]), prefix[-1], kind)
    if len(prefix) == 2:
        raise ValueError(f"{text!r} is no kind: {prefix[-1]} is no version")
    return Named(prefix[0] if prefix else None, None, kind)


def find_known_kinds(wanted: Named) -> list[Kind]:
    """The types of the collection's table with this name: several where the group decides, none where it knows none.

    Roles know no versions, so the table serves every version.
    """
    unversioned = wanted._replace(version=None)
    return [kind for kind in kinds.KINDS if kind.plural and unversioned.fits(kind)]


def why_never(kind: Kind) -> str:
    """Why no writer may get a type, in words for people; empty where it may. Pure."""
    return _NEVER.get((kind.group, kind.kind)) or _NEVER_OF_GROUP.get(kind.group, "")


_ANY_ACCOUNT = "whoever may write it can get a token of any account, and all that account's rights"
_ANY_RIGHT = "whoever may write it can give accounts rights, or become another user"
_ANY_REQUEST = "whoever may write it sees and changes what others send to the API server"
_NEVER: Mapping[tuple[str, str], str] = {
    ("", "Secret"): f"it holds keys and tokens, and {_ANY_ACCOUNT}",
    ("", "ServiceAccount"): _ANY_ACCOUNT,
    ("", "Namespace"): "whoever may delete one deletes everything in it; option namespaces grants what a change needs",
    ("", "Node"): "whoever may write it decides where every pod runs",
}
_NEVER_OF_GROUP: Mapping[str, str] = {
    "rbac.authorization.k8s.io": _ANY_RIGHT,
    "authentication.k8s.io": _ANY_RIGHT,
    "authorization.k8s.io": _ANY_RIGHT,
    "certificates.k8s.io": _ANY_RIGHT,
    "admissionregistration.k8s.io": _ANY_REQUEST,
    "apiregistration.k8s.io": _ANY_REQUEST,
    "apiextensions.k8s.io": _ANY_REQUEST,
}


def make_cluster_rules(granted: Iterable[Kind], *, namespaces: bool, accepted: bool, acknowledged: bool) -> Rules:
    """What the account may do in the whole cluster: write the granted types, and read what a change has to know.

    A proof that objects are ``accepted`` asks whose class a Gateway is of, one that they are ``acknowledged`` whether
    the pod of a silent proxy is still there, and a release of a workload which of its pods are ending.
    """
    resources: dict[str, set[str]] = {}
    for kind in granted:
        resources.setdefault(kind.group, set()).add(kind.plural)
    rules = [_make_rule(group, sorted(plurals), _WRITE) for group, plurals in sorted(resources.items())]
    rules.append(_make_rule("", ["namespaces"], _WRITE_NAMESPACES if namespaces else _READ_NAMESPACES))
    if accepted and kinds.KUBERNETES_GATEWAY_CLASS.group in resources:
        rules.append(_make_rule(kinds.KUBERNETES_GATEWAY_CLASS.group, [kinds.KUBERNETES_GATEWAY_CLASS.plural], ["get"]))
    if kinds.DEPLOYMENT.group in resources:
        rules.append(_make_rule(kinds.ENDPOINT_SLICE.group, [kinds.ENDPOINT_SLICE.plural], ["list"]))
    if acknowledged:
        rules.append(_make_rule("", ["pods"], ["get"]))
    return rules


def _make_rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Mapping[str, list[str]]:
    return {"apiGroups": [group], "resources": [*resources], "verbs": [*verbs]}


ISTIOD_RULES: Rules = (
    _make_rule("", ["pods"], ["get", "list"]),
    # A WebSocket asks with GET; since Kubernetes 1.35 an API server asks for create too, as it always did of SPDY.
    _make_rule("", ["pods/portforward"], ["get", "create"]),
)
"""What it may do in the namespace of istiod, where proxies have to acknowledge: ask istiod's debug endpoints."""

LEDGER_RULES: Rules = (
    _make_rule("", ["secrets"], ["get", "list", "create", "update", "delete"]),
    _make_rule("", ["configmaps"], ["get", "list", "create", "patch", "update", "delete"]),
    _make_rule("coordination.k8s.io", ["leases"], ["get", "create", "update", "delete"]),
)
"""What the hub's own writer may do in the namespace of the ledger: records are Secrets, locks are Leases, and states of
releases and approvals are ConfigMaps.

A rule cannot be limited to the beginning of a name, so these are all of them in that namespace. Whoever may create
Secrets gets a token of every account of their namespace, so none there may have a right.
"""


def make_grant(namespace: str, hub: str) -> dict[str, Any]:
    """The Secret that the token of the account in ``namespace`` ends with."""
    metadata = {"name": GRANT, "namespace": namespace, "annotations": {_HUB_ANNOTATION: hub}}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}


def hub_of(live: Mapping[str, Any]) -> str:
    """The hub that a grant says; empty for one of an earlier version, which does not."""
    return str((live["metadata"].get("annotations") or {}).get(_HUB_ANNOTATION, ""))


def secret_name(cluster: str) -> str:
    return _SECRET_PREFIX + cluster


def make_secret(
    cluster: str, server: str, authority: bytes, token: str, *, namespace: str, tls_server_name: str | None
) -> dict[str, Any]:
    """The Secret of the hub: the cluster's ID is its key, a kubeconfig as in a remote secret its value."""
    text = remote_secret.write_kubeconfig(cluster, server, authority, token, tls_server_name)
    return remote_secret.make_stored(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "annotations": {names.CLUSTER_ANNOTATION: cluster},
                "labels": {LABEL: "true"},
                "name": secret_name(cluster),
                "namespace": namespace,
            },
            "stringData": {cluster: text},
        }
    )
