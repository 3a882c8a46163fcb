# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts that we made on a cluster: what there is of them, and how they go.

Others read a cluster by its reader, and a hub writes to it by its writer. Each has roles, and grants by which
its tokens end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ._istio import reader, writer
from ._istio.accounts import role_name
from ._kube.client import Client
from ._kube.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING, SECRET, SERVICE_ACCOUNT, Kind
from ._ownership import LABEL_COMPONENT, LABEL_MANAGED_BY, MANAGED_BY, is_ours

WRITER = "writer"
"""The component by which a writer's objects are labelled."""
_OURS = f"{LABEL_MANAGED_BY}={MANAGED_BY},{LABEL_COMPONENT}={WRITER}"
_KUBECONFIGS = f"{LABEL_MANAGED_BY}={MANAGED_BY},{writer.LABEL}=true"


class OwnedObject(NamedTuple):
    """A live object of ours."""

    kind: Kind
    name: str
    namespace: str | None
    uid: str

    def __str__(self) -> str:
        return self.kind.describe(self.name, self.namespace)


def owned_of(kind: Kind, live: Mapping[str, Any]) -> OwnedObject:
    metadata = live["metadata"]
    return OwnedObject(kind, metadata["name"], metadata.get("namespace"), metadata["uid"])


def reader_parts(account: str, namespace: str) -> list[tuple[Kind, str, str | None]]:
    """Kind, name and namespace of what makes up a reader, in the order in which it is removed."""
    name = role_name(account, namespace)
    return [
        (CLUSTER_ROLE_BINDING, name, None),
        (CLUSTER_ROLE, name, None),
        (SERVICE_ACCOUNT, account, namespace),
    ]


def readers_on(client: Client, namespace: str) -> dict[str, dict[str, str]]:
    """Account -> kind -> UID of what there is of each reader, as far as it is ours. Raises KubeError."""
    found = {
        account: {
            kind.kind: live["metadata"]["uid"]
            for kind, name, where in reader_parts(account, namespace)
            if (live := client.find(kind, name, where)) is not None and is_ours(live)
        }
        for account in reader.ACCOUNTS
    }
    return {account: uids for account, uids in found.items() if uids}


def remove_reader(client: Client, account: str, namespace: str, uids: Mapping[str, str]) -> None:
    """Remove what :func:`readers_on` has found of one. Raises KubeError."""
    for kind, name, where in reader_parts(account, namespace):
        if kind.kind in uids:
            client.delete(kind, name, where, uid=uids[kind.kind])


def writer_on(client: Client, namespace: str) -> tuple[OwnedObject, ...]:
    """The writer with its roles and its grant, in the order in which they are removed. Raises KubeError."""
    role = role_name(writer.ACCOUNT, namespace)
    return tuple(
        owned_of(kind, live)
        for kind, name, where in (
            (CLUSTER_ROLE_BINDING, role, None),
            (ROLE_BINDING, role, None),
            (CLUSTER_ROLE, role, None),
            (ROLE, role, None),
            (SECRET, writer.GRANT, namespace),
            (SERVICE_ACCOUNT, writer.ACCOUNT, namespace),
        )
        # By label in all namespaces: that of the ledger may be another than it was.
        for live in client.list(kind, where, label_selector=_OURS)
        if live["metadata"]["name"] == name
    )


def kubeconfigs_on(client: Client, namespace: str) -> tuple[dict[str, Any], ...]:
    """The Secrets in which a hub keeps the kubeconfigs of writers. Raises KubeError."""
    return tuple(client.list(SECRET, namespace, label_selector=_KUBECONFIGS))


def kubeconfigs_for(clusters: Iterable[str], secrets: Iterable[Mapping[str, Any]]) -> list[OwnedObject]:
    """Those of the Secrets that are for the writers of ``clusters``. Pure."""
    names = {*map(writer.secret_name, clusters)}
    return [owned_of(SECRET, secret) for secret in secrets if secret["metadata"]["name"] in names]
