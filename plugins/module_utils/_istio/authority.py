# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate authority that a cluster goes by, as its objects show it. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import names
from .trust import Bundle, compute_fingerprints

OPAQUE = "Opaque"


@dataclass(frozen=True)
class ClusterAuthority:
    """What one cluster has. Objects as the API server gave them, None where they are not there."""

    cluster: str
    namespace: str
    secret: Mapping[str, Any] | None = None
    """``cacerts``"""
    self_signed: Mapping[str, Any] | None = None
    """``istio-ca-secret``"""
    distributed: Mapping[str, Any] | None = None
    """ConfigMap ``istio-ca-root-cert`` of Istio's namespace."""
    istiods: tuple[str, ...] = ()
    """Names of the pods of istiod."""

    @property
    def bundle(self) -> Bundle | None:
        """What ``cacerts`` holds in Istio's form; missing parts are empty."""
        if self.secret is None:
            return None
        data = {key: _decode(self.secret, key) for key in names.CA_SECRET_KEYS}
        return Bundle(
            ca_cert=data[names.CA_CERT_KEY],
            ca_key=data[names.CA_KEY_KEY],
            root_cert=data[names.ROOT_CERT_KEY],
            cert_chain=data[names.CERT_CHAIN_KEY],
        )

    @property
    def foreign_form(self) -> bool:
        """cert-manager's form, or any other type than ours: an API server lets nobody change the type."""
        return self.secret is not None and self.secret.get("type", OPAQUE) != OPAQUE

    def find_roots(self) -> dict[str, frozenset[str]]:
        """Fingerprints of the roots that the cluster goes by, under the object that says so, best first."""
        found: dict[str, bytes] = {}
        if self.secret is not None:
            found[f"Secret {self.namespace}/{names.CA_SECRET}"] = _decode(self.secret, names.ROOT_CERT_KEY) or _decode(
                self.secret, "ca.crt"
            )
        elif self.self_signed is not None:
            where = f"Secret {self.namespace}/{names.SELF_SIGNED_CA_SECRET}, which istiod signed itself"
            found[where] = _decode(self.self_signed, names.CA_CERT_KEY)
        # Without an istiod the ConfigMap is only what an earlier installation left.
        if self.istiods and self.distributed is not None:
            where = f"ConfigMap {self.namespace}/{names.ROOT_CONFIG_MAP}, which istiod hands out"
            found[where] = str((self.distributed.get("data") or {}).get(names.ROOT_CERT_KEY, "")).encode()
        return {where: prints for where, pem in found.items() if (prints := read_fingerprints(pem))}


def read_fingerprints(pem: bytes) -> frozenset[str]:
    """Of what can be read; somebody else's damaged certificate is no reason to fail here."""
    try:
        return frozenset(compute_fingerprints(pem))
    except ValueError:
        return frozenset()


def _decode(secret: Mapping[str, Any], key: str) -> bytes:
    return base64.b64decode((secret.get("data") or {}).get(key, ""))
