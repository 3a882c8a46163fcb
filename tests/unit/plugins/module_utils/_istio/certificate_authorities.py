# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate authorities for tests, as broken as asked for."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._istio.trust import Bundle
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


@functools.cache
def key(kind: str = "p256", index: int = 0) -> Any:
    """A key that is made once in a run; ``index`` tells keys of one kind apart."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


def key_pem(private: Any, form: str = "PKCS8", passphrase: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem: bytes = private.private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption
    )
    return pem


@dataclass(frozen=True)
class Authority:
    certificate: x509.Certificate
    private: Any

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def authority(
    name: str,
    issuer: Authority | None = None,
    *,
    private: Any = None,
    ca: bool = True,
    path_length: int | None = None,
    days: int = 3650,
    start: datetime = NOW - timedelta(days=1),
    usage: bool | None = None,
    extended: list[x509.ObjectIdentifier] | None = None,
) -> Authority:
    """A certificate authority under ``issuer``, or a root. ``usage`` says whether keyUsage has keyCertSign."""
    private = private or key(index=hash(name))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer.private if issuer else private
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    )
    if usage is not None:
        others = (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        )
        flags = dict.fromkeys(others, False)
        builder = builder.add_extension(x509.KeyUsage(digital_signature=True, key_cert_sign=usage, **flags), True)
    if extended is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Authority(builder.sign(signer, algorithm), private)


def bundle(root: Authority, *chain: Authority) -> Bundle:
    """The four files of the last of ``chain``, with all of it and the root in cert-chain.pem."""
    ca = chain[-1]
    return Bundle(
        ca_cert=ca.pem,
        ca_key=key_pem(ca.private),
        root_cert=root.pem,
        cert_chain=b"".join(part.pem for part in (*reversed(chain), root)),
    )
