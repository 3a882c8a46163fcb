# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root certificates that istiod hands out to proxies."""

from __future__ import annotations

import hashlib

from .. import _pem
from .._istio import names
from .._kube.client import Client
from .._kube.kinds import CONFIG_MAP


def read_distributed_root(client: Client, namespace: str) -> str:
    """The root certificates that istiod hands out to proxies, PEM; empty where it does not."""
    data = (client.find(CONFIG_MAP, names.ROOT_CONFIG_MAP, namespace) or {}).get("data") or {}
    return data.get(names.ROOT_CERT_KEY) or ""


def compute_fingerprints(pem: str) -> frozenset[str]:
    """sha256 of the DER form of each certificate that istiod and Envoy find in it."""
    return frozenset(hashlib.sha256(block.der).hexdigest() for block in _pem.read_certificates(pem.encode()))
