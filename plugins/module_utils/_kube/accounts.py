# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of accounts of our own: issued, and shown to be refused once they are revoked."""

from __future__ import annotations

import base64
import time
from typing import Any

from .. import _pem
from .._findings import OPTION, Finding, MeshError
from .client import Client
from .kinds import CONFIG_MAP, SECRET

SHORTEST, LONGEST = 600, 1 << 32
"""Seconds of a token that an API server gives (pkg/apis/authentication/validation/validation.go of Kubernetes)."""


def refuse_lifetime(seconds: int) -> None:
    """Raises MeshError for a token that no API server would give, before an account is made for it."""
    if not SHORTEST <= seconds <= LONGEST:
        message, remedy = f"token_lifetime is {seconds}", f"give {SHORTEST} to {LONGEST} seconds"
        finding = Finding("", OPTION.kind("token_lifetime"), message, remedy)
        raise MeshError("Nothing was written.", [finding])


def request_bound_token(client: Client, account: str, namespace: str, grant: str, seconds: int) -> str:
    """A new token of the account for ``seconds`` (an API server may give less), which ends with Secret ``grant``."""
    bound_to = client.get(SECRET, grant, namespace)
    return client.request_token(account, namespace, seconds=seconds, bound_to=bound_to)["token"]


def wait_for_token(client: Client, namespace: str, name: str, timeout: float) -> str:
    """The token that never expires, once the API server has put it into a Secret of its type."""
    secret = client.wait_for(
        SECRET,
        name,
        namespace,
        lambda live: bool((live.get("data") or {}).get("token")),
        timeout=timeout,
    )
    return base64.b64decode(secret["data"]["token"]).decode()


def read_authority(client: Client, namespace: str) -> bytes:
    """The CA that signs the API server's certificate, as every pod of the cluster gets it, so that Go reads it."""
    published: dict[str, Any] = client.get(CONFIG_MAP, "kube-root-ca.crt", namespace)
    pem = str(published["data"]["ca.crt"]).encode()
    try:
        return _pem.certificates(pem)
    except _pem.NotPem:
        return pem  # whoever makes a kubeconfig of it says why it is refused


def read_published_authority(client: Client, namespace: str) -> bytes:
    """The same; empty where none is published, as before the namespace is made."""
    published = client.find(CONFIG_MAP, "kube-root-ca.crt", namespace) or {}
    return str((published.get("data") or {}).get("ca.crt") or "").encode()


def is_refused(client: Client, token: str, timeout: float) -> bool:
    """Whether the API server answers 401 to ``token``. It may remember a good one for some 10 s, so it is asked again.

    A TokenReview asks the same authenticator that a request would meet.
    """
    ends = time.monotonic() + timeout
    while True:
        review = client.request(
            "POST",
            "/apis/authentication.k8s.io/v1/tokenreviews",
            body={
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenReview",
                "spec": {"token": token},
            },
        )
        if not (review.get("status") or {}).get("authenticated"):
            return True
        if time.monotonic() >= ends:
            return False
        time.sleep(0.5)
