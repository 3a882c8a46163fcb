# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a namespace, apart from what every namespace has by itself: one that we made goes only when empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from . import kinds
from .client import Client
from .errors import KubeError, NotFound
from .kinds import Kind

SHOWN = 5
"""So many objects of each type are named at most."""

_PAGE = 20
"""More than a namespace has by itself of any type, so that one page decides."""

_ACCOUNTS = frozenset({"default", "builder", "deployer"})
_MADE_BY_KUBERNETES: Mapping[tuple[str, str], frozenset[str]] = {
    ("", "ConfigMap"): frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"}),
    ("", "ServiceAccount"): _ACCOUNTS,
    ("rbac.authorization.k8s.io", "RoleBinding"): frozenset(
        {"system:deployers", "system:image-builders", "system:image-pullers"}
    ),
}
_MADE_BY_ISTIOD = frozenset({"istio-ca-root-cert", "istio-ca-crl"})
"""ConfigMaps that istiod writes into every namespace, and writes again within milliseconds."""
_ACCOUNT_OF_SECRET = (
    "kubernetes.io/service-account.name",
    # OpenShift 4.16 and later, on pull secrets of its own registry.
    "openshift.io/internal-registry-auth-token.service-account",
)
_VIRTUAL_GROUPS = frozenset({"events.k8s.io", "metrics.k8s.io", "packages.operators.coreos.com"})
"""What they serve is computed from elsewhere, or a record of what happened."""


def list_contents(client: Client, namespace: str, *, connections: int = 8) -> list[str]:
    """What is left in a namespace, sorted, as ``VirtualService demo/web``: at most SHOWN of each type; [] is empty.

    Every namespaced type that the API server serves is listed, ``connections`` at a time. Objects that are being
    deleted do not count. Raises KubeError where a type cannot be listed (also where the account may not): then it is
    not known to be empty.
    """
    listed = [
        kind
        for kind in select_newest(client.list_served_kinds(refresh=True))
        if kind.namespaced and not _is_virtual(kind)
    ]
    with ThreadPoolExecutor(connections, thread_name_prefix=f"contents-{client.cluster}") as pool:
        return sorted(
            shown for found in pool.map(lambda kind: _list_left(client, kind, namespace), listed) for shown in found
        )


def select_newest(served: Iterable[Kind]) -> list[Kind]:
    """One version of each type; the API server names the one it prefers first. Pure."""
    chosen: dict[tuple[str, str], Kind] = {}
    for kind in served:
        chosen.setdefault((kind.group, kind.plural), kind)
    return list(chosen.values())


def is_made_by_kubernetes(kind: Kind, found: Mapping[str, Any]) -> bool:
    """What every namespace has, or what a controller shows in it: nobody misses it when the namespace goes. Pure."""
    metadata = found["metadata"]
    if _is_virtual(kind) or "olm.copiedFrom" in (metadata.get("labels") or {}):
        return True
    if metadata["name"] in _MADE_BY_KUBERNETES.get((kind.group, kind.kind), ()):
        return True
    annotations = metadata.get("annotations") or {}
    return (kind.group, kind.kind) == ("", "Secret") and any(
        annotations.get(name) in _ACCOUNTS for name in _ACCOUNT_OF_SECRET
    )


def is_left(kind: Kind, found: Mapping[str, Any]) -> bool:
    """Whether an object is a reason to keep its namespace. Pure.

    Endpoints and the slices that controllers make of them go with their Service, which is a reason of its own.
    """
    metadata = found["metadata"]
    type_ = (kind.group, kind.kind)
    derived = type_ == ("", "Endpoints") or (
        type_ == ("discovery.k8s.io", "EndpointSlice") and bool(metadata.get("ownerReferences"))
    )
    of_istiod = type_ == ("", "ConfigMap") and metadata["name"] in _MADE_BY_ISTIOD
    return not (derived or of_istiod or metadata.get("deletionTimestamp") or is_made_by_kubernetes(kind, found))


def _is_virtual(kind: Kind) -> bool:
    return kind.group in _VIRTUAL_GROUPS or (kind.group, kind.kind) == ("", "Event")


def _list_left(client: Client, kind: Kind, namespace: str) -> list[str]:
    """The first SHOWN objects of a type that are a reason to keep the namespace."""
    left: list[str] = []
    following = ""
    while len(left) < SHOWN:
        try:
            page = client.request(
                "GET",
                kinds.make_path(kind, namespace),
                query={"limit": _PAGE, "continue": following},
                action=f"list {kind.plural} in {namespace}",
            )
        except NotFound:
            break
        except KubeError as error:
            # A type that can only be created, such as a review.
            if error.status == 405:
                break
            raise
        items = page.get("items") or ()
        left += [kind.describe(item["metadata"]["name"], namespace) for item in items if is_left(kind, item)]
        following = page["metadata"].get("continue") or ""
        if not following:
            break
    return left[:SHOWN]
