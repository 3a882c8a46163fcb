# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root certificates that istiod hands out."""

from __future__ import annotations

import hashlib
import ssl

from ansible_collections.onemesh.istio.plugins.module_utils._istiod.roots import compute_fingerprints


def pem(der: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(der)


def test_each_certificate_of_a_bundle_has_its_fingerprint() -> None:
    # The text around certificates, and what is no certificate, do not count.
    bundle = f"old root\n{pem(b'one')}new root\n{pem(b'two')}-----BEGIN CERTIFICATE-----\ntorn"
    assert compute_fingerprints(bundle) == {hashlib.sha256(der).hexdigest() for der in (b"one", b"two")}
    assert compute_fingerprints("") == frozenset()
