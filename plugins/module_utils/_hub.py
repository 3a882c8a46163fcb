# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of clusters whose kubeconfig is in a Secret of the hub, read when a task needs them.

Such a Secret is written by others, so only what istiod takes is taken: a kubeconfig that runs a program or names files
of this machine is refused (see ``_istio/kubeconfig.py``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ._cluster import Cluster, SecretReference
from ._istio import names, remote_secret
from ._istio.kubeconfig import RefusedKubeconfig, find_used_context
from ._kube.client import Client
from ._kube.credentials import Credentials, load_credentials
from ._kube.errors import CredentialsError, KubeError, NotFound, Unreachable
from ._kube.files import Decrypt
from ._kube.kinds import SECRET

HUB = "the hub"
"""How messages call a hub whose name nobody has said."""
CA_FILE = "certificate-authority"


class Hubs:
    """The hubs of one fleet, each with one client that all lanes share."""

    def __init__(self, *, timeout: float, environ: Mapping[str, str], decrypt: Decrypt | None = None) -> None:
        self._timeout = timeout
        self._environ = environ
        self._decrypt = decrypt
        self._clients: dict[str, Client] = {}
        self._lock = threading.Lock()

    def credentials(self, cluster: Cluster, reference: SecretReference) -> Credentials:
        """How ``cluster`` is reached, by its secret as it is now; asked again after a 401, as links are renewed.

        Raises Unreachable where the hub does not answer, CredentialsError where it does not let us read the secret or
        the secret is of no use. Both name hub, secret and key.
        """
        try:
            secret = self._client(reference).get(SECRET, reference.name, reference.namespace)
        except KubeError as error:
            raise _unread(cluster.name, reference, error) from None
        credentials = credentials_of(
            cluster, reference, remote_secret.payload(secret), self._environ, decrypt=self._decrypt
        )
        if (secret["metadata"].get("labels") or {}).get(names.MULTI_CLUSTER_LABEL) == "true":
            credentials = replace(credentials, beyond=_of_a_reader(reference))
        return replace(credentials, renew=lambda: self.credentials(cluster, reference))

    def _client(self, reference: SecretReference) -> Client:
        key = json.dumps(reference.options, sort_keys=True, default=str)
        with self._lock:
            if key not in self._clients:
                name = reference.hub or HUB
                credentials = load_credentials(
                    reference.options, cluster=name, environ=self._environ, decrypt=self._decrypt
                )
                self._clients[key] = Client(name, credentials, timeout=self._timeout)
            return self._clients[key]


def credentials_of(
    cluster: Cluster,
    reference: SecretReference,
    payload: Mapping[str, bytes],
    environ: Mapping[str, str],
    *,
    decrypt: Decrypt | None = None,
) -> Credentials:
    """Credentials out of what the Secret holds (key -> kubeconfig). No request is sent. Raises CredentialsError."""
    if reference.key not in payload:
        raise CredentialsError(
            cluster.name,
            f"{reference}: there is no such key, only {', '.join(sorted(payload)) or 'none'}",
            remedy="correct remote_secret, or link the cluster again",
        )
    try:
        used = find_used_context(payload[reference.key])
    except RefusedKubeconfig as refused:
        raise CredentialsError(
            cluster.name, f"{reference}: {refused}", remedy="link the cluster again so that the secret is made anew"
        ) from None
    document = used.document
    if used.ca_file:
        if "ca_cert" not in cluster.options:
            raise CredentialsError(
                cluster.name,
                f"{reference}: its CA is the file {used.ca_file}, which is meant to be where istiod runs",
                remedy="set ca_cert to a copy of it on this machine, or link the cluster again",
            )
        document = _without_ca_files(document)
    options = {**cluster.options, "kubeconfig": document, "context": used.context}
    # The environment speaks of the hub: neither its server nor its way to verify certificates holds for this one.
    others = {name: value for name, value in environ.items() if not name.startswith("K8S_AUTH_")}
    credentials = load_credentials(options, cluster=cluster.name, environ=others, decrypt=decrypt)
    return replace(credentials, origin=str(reference))


def _of_a_reader(reference: SecretReference) -> str:
    return (
        f"the account of {reference} is an istiod's, and meant to read only: use an inventory of writers "
        "(secret_label: onemesh.istio/writer=true), which the module onemesh.istio.writer and the role "
        "onemesh.istio.link make, or for verify and installations a kubeconfig of your own (option kubeconfig)"
    )


def _without_ca_files(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **document,
        "clusters": [
            {**entry, "cluster": {name: value for name, value in entry["cluster"].items() if name != CA_FILE}}
            for entry in document["clusters"]
        ],
    }


def _unread(cluster: str, reference: SecretReference, error: KubeError) -> KubeError:
    remedy = error.remedy
    if isinstance(error, NotFound):
        remedy = "correct remote_secret, link the cluster again, or look which clusters there are now"
    kind = Unreachable if isinstance(error, Unreachable) else CredentialsError
    return kind(cluster, f"{reference} cannot be read: {error.message}", remedy=remedy)
