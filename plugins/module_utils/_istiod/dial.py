# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a kubeconfig for an istiod leads to: it is tried from here, with nothing but what is in it.

istiod says no more than that a cluster is not synced. Who dials the same URL with the same authority and token learns
why. Where this machine cannot reach the URL nothing is known: pods of the other cluster may.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from .._identity import SYSTEM_NAMESPACE
from .._istio.remote_secret import RemoteCluster
from .._kube.client import Client
from .._kube.credentials import Credentials
from .._kube.errors import CertificateRefused, CredentialsError, Forbidden, KubeError, Unauthorized
from .._kube.kinds import NAMESPACE

Trouble = Literal["certificate", "token", "unknown"]
"""Its authority did not sign the server's certificate; its token is not accepted; this machine cannot tell."""
_PAUSE = 0.1


@dataclass(frozen=True)
class Dialled:
    """What came of it. ``uid`` is that of the namespace kube-system which stands there, empty where none was read."""

    server: str
    uid: str = ""
    trouble: Trouble | None = None
    message: str = ""


def read_credentials(remote: RemoteCluster) -> Credentials:
    """What an istiod uses of a remote secret."""
    return Credentials(
        server=remote.server.rstrip("/"),
        origin=f"Secret {remote.secret}",
        ca=remote.ca,
        verify=not remote.insecure,
        tls_server_name=remote.tls_server_name,
        token=remote.token,
    )


def dial(cluster: str, credentials: Credentials, *, timeout: float, patience: float = 0.0) -> Dialled:
    """Ask the API server that ``credentials`` lead to who it is, in ``timeout`` seconds. Raises nothing.

    ``patience`` is for how many seconds a 403 may yet come right: an API server needs a moment until it knows the roles
    of an account that was just made.
    """
    server = credentials.server
    try:
        return Dialled(server, uid=_uid(Client(cluster, credentials, timeout=timeout, connections=1), patience))
    except Forbidden:
        return Dialled(server)  # It knows the token, and does not tell who it is.
    except KubeError as error:
        return Dialled(server, trouble=trouble_of(error), message=error.message.partition(": ")[2])


def _uid(client: Client, patience: float) -> str:
    ends = time.monotonic() + patience
    try:
        while True:
            try:
                return str(client.get(NAMESPACE, SYSTEM_NAMESPACE)["metadata"]["uid"])
            except Forbidden:
                if time.monotonic() + _PAUSE > ends:
                    raise
                time.sleep(_PAUSE)
    finally:
        client.close()


def trouble_of(error: KubeError) -> Trouble:
    """What an error says of the kubeconfig. Pure."""
    if isinstance(error, (CertificateRefused, CredentialsError)):
        return "certificate"
    return "token" if isinstance(error, Unauthorized) else "unknown"


def find_cause(dialled: Dialled, uid: str, cluster: str) -> str:
    """Why a link to ``cluster``, whose namespace kube-system has ``uid``, does not work; empty where it should."""
    if dialled.trouble == "certificate":
        return f"from here the authority in its kubeconfig does not vouch for {dialled.server}: {dialled.message}"
    if dialled.trouble == "token":
        return f"{dialled.server} does not accept its token: {cluster} was made anew, or the token was revoked"
    if dialled.trouble is not None:
        return f"from here {dialled.server} does not answer ({dialled.message})"
    if dialled.uid and uid and dialled.uid != uid:
        return f"{dialled.server} is another cluster (UID {dialled.uid} of kube-system) than {cluster} (UID {uid})"
    return ""
