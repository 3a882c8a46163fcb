# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account by which others read a cluster: found, and removed once nobody reads it any more."""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    SERVICE_ACCOUNT,
    Kind,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.link.plan import READER_ACCOUNT
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import is_ours


def parts(namespace: str) -> list[tuple[Kind, str, str | None]]:
    """Kind, name and namespace of what makes up the reader, in the order in which it is removed."""
    name = f"{READER_ACCOUNT}-{namespace}"
    return [
        (CLUSTER_ROLE_BINDING, name, None),
        (CLUSTER_ROLE, name, None),
        (SERVICE_ACCOUNT, READER_ACCOUNT, namespace),
    ]


def found(client: Client, namespace: str) -> dict[str, str]:
    """Kind -> UID of what there is of it, as far as it is ours. Raises KubeError."""
    return {
        kind.kind: live["metadata"]["uid"]
        for kind, name, where in parts(namespace)
        if (live := client.find(kind, name, where)) is not None and is_ours(live)
    }


def remove(client: Client, namespace: str, uids: Mapping[str, str]) -> None:
    """Remove what :func:`found` has found. Raises KubeError."""
    for kind, name, where in parts(namespace):
        if kind.kind in uids:
            client.delete(kind, name, where, uid=uids[kind.kind])
