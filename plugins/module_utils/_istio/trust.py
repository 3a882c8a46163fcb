# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether istiod can sign with a certificate authority, and whether what it signs will be trusted.

istiod's own checks are in security/pkg/pki/util/keycertbundle.go (Verify) and pilot/pkg/bootstrap/istio_ca.go; they
look at the CA's certificate as a leaf, so a bundle may pass there whose workloads nobody trusts. Those cases are
checked here too. Nothing here prints a key.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, TypeVar

from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.plugins.module_utils._istio import names

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID

    HAS_CRYPTOGRAPHY = True
except ImportError:  # whoever calls says how to install it
    HAS_CRYPTOGRAPHY = False

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

E = TypeVar("E", bound="x509.ExtensionType")

# The only block types that istiod reads (security/pkg/pki/util/crypto.go ParsePemEncodedKey).
_KEY_BLOCKS = ("EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY")
_PEM_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?-----END \1-----[^\S\n]*\n?", re.DOTALL)
_MAX_CHAIN = 10


@dataclass(frozen=True)
class Bundle:
    """The four files of ``cacerts`` as PEM bytes. The key stays out of repr."""

    ca_cert: bytes
    ca_key: bytes = field(repr=False)
    root_cert: bytes
    cert_chain: bytes


@dataclass(frozen=True)
class CertificateFacts:
    """What may be shown of a certificate."""

    subject: str
    issuer: str
    serial: str
    """Hexadecimal, as openssl prints it."""
    fingerprint: str
    """sha256 of the DER form in hexadecimal: ``openssl x509 -outform DER | sha256sum``."""
    not_before: datetime
    not_after: datetime
    key: str

    def days_left(self, now: datetime) -> int:
        """Whole days until it expires, negative afterwards."""
        return (self.not_after - now) // timedelta(days=1)


@dataclass(frozen=True)
class Report:
    """What is wrong with a bundle, and what it is. ``ca`` and ``roots`` hold what could be read."""

    findings: tuple[Finding, ...]
    ca: CertificateFacts | None
    roots: tuple[CertificateFacts, ...]

    @property
    def usable(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def root_fingerprints(self) -> tuple[str, ...]:
        return tuple(root.fingerprint for root in self.roots)


def certificates(pem: bytes) -> tuple[CertificateFacts, ...]:
    """Facts of all certificates in PEM bytes, in their order. ValueError when one cannot be read."""
    return tuple(_facts(certificate) for certificate in _load_certificates(pem))


def fingerprints(pem: bytes) -> tuple[str, ...]:
    """sha256 of the DER form of each certificate. ValueError when one cannot be read."""
    return tuple(facts.fingerprint for facts in certificates(pem))


def has_certificate(pem: bytes) -> bool:
    """Whether at least one certificate in it can be read; damaged ones are passed over, as Go's CertPool does.

    Without the library cryptography only that there is a block of that type.
    """
    blocks = [match.group() for match in _PEM_BLOCK.finditer(pem) if match.group(1) == b"CERTIFICATE"]
    return any(not HAS_CRYPTOGRAPHY or _is_readable(block) for block in blocks)


def _is_readable(block: bytes) -> bool:
    try:
        _load_certificate(block)
    except ValueError:
        return False
    return True


def check_bundle(bundle: Bundle, now: datetime, *, cluster: str = "", min_days: int = 30) -> Report:
    """Every reason for which istiod would refuse ``bundle``, or its workloads would not be trusted with it.

    ``now`` is aware (UTC). A certificate that expires within ``min_days`` days is a warning, an expired one an error.
    """
    return _Check(bundle, now, cluster, min_days).run()


class _Check:
    """Collects findings; each step goes as far as the steps before it allow."""

    def __init__(self, bundle: Bundle, now: datetime, cluster: str, min_days: int) -> None:
        self.bundle = bundle
        self.now = now
        self.cluster = cluster
        self.min_days = min_days
        self.findings: list[Finding] = []

    def run(self) -> Report:
        parts = {
            names.CA_CERT_KEY: self.bundle.ca_cert,
            names.CA_KEY_KEY: self.bundle.ca_key,
            names.ROOT_CERT_KEY: self.bundle.root_cert,
            names.CERT_CHAIN_KEY: self.bundle.cert_chain,
        }
        absent = [key for key, content in parts.items() if not content.strip()]
        if absent:
            self._error(
                "incomplete",
                f"{' and '.join(absent)} missing or empty; istiod stops with: incomplete signing CA bundle detected",
                "give all four of ca_cert, ca_key, root_cert and cert_chain",
            )
        loaded = {key: self._certificates(key, content) for key, content in parts.items() if key != names.CA_KEY_KEY}
        # istiod takes the first certificate of ca-cert.pem and nothing else.
        ca = next(iter(loaded[names.CA_CERT_KEY]), None)
        roots, chain = loaded[names.ROOT_CERT_KEY], loaded[names.CERT_CHAIN_KEY]
        if ca is not None:
            self._check_authority(ca, names.CA_CERT_KEY)
            self._check_key(ca)
            if roots and not _weakly_signed(ca):
                self._check_path(ca, chain, roots)
            if chain and ca not in (*chain, *roots):
                self._error(
                    "chain",
                    f"{names.CERT_CHAIN_KEY} does not hold the certificate of {names.CA_CERT_KEY} "
                    f"({_name(ca)}); istiod sends the chain with every workload certificate, so no peer could "
                    "verify them",
                    f"make cert_chain of ca_cert followed by what lies between it and the root "
                    f"(cat ca-cert.pem root-cert.pem > {names.CERT_CHAIN_KEY})",
                )
        for index, root in enumerate(roots):
            self._check_authority(root, names.ROOT_CERT_KEY if index == 0 else f"{names.ROOT_CERT_KEY} ({index + 1})")
        return Report(
            tuple(self.findings), _facts(ca) if ca is not None else None, tuple(_facts(root) for root in roots)
        )

    def _error(self, check: str, message: str, remedy: str) -> None:
        self.findings.append(
            Finding(self.cluster, f"trust-{check}", message, remedy, "error", f"Secret {names.CA_SECRET}")
        )

    def _warning(self, check: str, message: str, remedy: str) -> None:
        self.findings.append(
            Finding(self.cluster, f"trust-{check}", message, remedy, "warning", f"Secret {names.CA_SECRET}")
        )

    def _certificates(self, key: str, content: bytes) -> tuple[x509.Certificate, ...]:
        if not content.strip():
            return ()
        try:
            return _load_certificates(content)
        except ValueError as error:
            self._error("unreadable", f"{key} is not a PEM certificate: {error}", f"give a PEM file for {key}")
            return ()

    def _check_authority(self, certificate: x509.Certificate, where: str) -> None:
        renew = "issue it again"
        basic = _extension(certificate, x509.BasicConstraints)
        if basic is None or not basic.ca:
            self._error(
                "not-a-ca",
                f"{where} ({_name(certificate)}) is not a certificate authority (basicConstraints CA:true missing)",
                f"{renew} with basicConstraints critical,CA:true",
            )
        usage = _extension(certificate, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            self._error(
                "key-usage",
                f"{where} ({_name(certificate)}) may not sign certificates (keyUsage without keyCertSign)",
                f"{renew} with keyCertSign among keyUsage",
            )
        extended = _extension(certificate, x509.ExtendedKeyUsage)
        if extended is not None and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in extended:
            for oid, label in (
                (ExtendedKeyUsageOID.SERVER_AUTH, "serverAuth"),
                (ExtendedKeyUsageOID.CLIENT_AUTH, "clientAuth"),
            ):
                if oid not in extended:
                    self._error(
                        "extended-key-usage",
                        f"{where} ({_name(certificate)}) has extendedKeyUsage without {label}, so certificates "
                        "under it are refused for it",
                        f"{renew} without extendedKeyUsage, or with serverAuth and clientAuth",
                    )
        self._check_algorithm(certificate, where)
        self._check_dates(certificate, where)

    def _check_algorithm(self, certificate: x509.Certificate, where: str) -> None:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            if key.key_size < 2048:
                self._error(
                    "weak-key",
                    f"{where} ({_name(certificate)}) has an RSA key of {key.key_size} bits, fewer than 2048",
                    "issue it again with RSA 2048 or more, or ECDSA P-256",
                )
        elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
            self._error(
                "key-type",
                f"{where} ({_name(certificate)}) has a key of type {_key_name(key)}; proxies only accept RSA and "
                "ECDSA P-256 or P-384",
                "issue it again with one of these",
            )
        if _weakly_signed(certificate):
            self._error(
                "weak-signature",
                f"{where} ({_name(certificate)}) is signed with SHA-1 or MD5, which istiod refuses",
                "issue it again with SHA-256",
            )

    def _check_dates(self, certificate: x509.Certificate, where: str) -> None:
        facts = _facts(certificate)
        if facts.not_before > self.now:
            self._error(
                "not-yet-valid",
                f"{where} ({facts.subject}) is valid only from {facts.not_before:%Y-%m-%d %H:%M} UTC",
                "check the clocks, or issue it again",
            )
        if facts.not_after <= self.now:
            self._error(
                "expired",
                f"{where} ({facts.subject}) has expired on {facts.not_after:%Y-%m-%d %H:%M} UTC",
                "issue it again under the same root" if where == names.CA_CERT_KEY else "a new root is needed",
            )
        elif facts.days_left(self.now) < self.min_days:
            self._warning(
                "expires-soon",
                f"{where} ({facts.subject}) expires in {facts.days_left(self.now)} days, "
                f"on {facts.not_after:%Y-%m-%d} (asked for: {self.min_days} days)",
                "issue it again under the same root; istiod takes it over while it runs"
                if where == names.CA_CERT_KEY
                else "plan the change of the root: it needs both roots to be trusted for a while",
            )

    def _check_key(self, ca: x509.Certificate) -> None:
        if not self.bundle.ca_key.strip():
            return
        try:
            key = _load_key(self.bundle.ca_key)
        except ValueError as error:
            self._error("key-unreadable", f"{names.CA_KEY_KEY}: {error}", "give the key unencrypted, in PEM")
            return
        if _public_bytes(key.public_key()) != _public_bytes(ca.public_key()):
            self._error(
                "key-mismatch",
                f"{names.CA_KEY_KEY} is not the key of {names.CA_CERT_KEY} ({_name(ca)})",
                "give the key with which this certificate was requested",
            )

    def _check_path(
        self, ca: x509.Certificate, chain: tuple[x509.Certificate, ...], roots: tuple[x509.Certificate, ...]
    ) -> None:
        if ca in roots:
            return
        problems: list[str] = []
        path = _find_path((ca,), chain, roots, problems.append)
        if path is None:
            known = ", ".join(_name(root) for root in roots)
            reason = problems[0] if problems else f"its issuer {ca.issuer.rfc4514_string()} is in neither"
            self._error(
                "unverifiable",
                f"{names.CA_CERT_KEY} ({_name(ca)}) does not verify to {names.ROOT_CERT_KEY} ({known}) with "
                f"{names.CERT_CHAIN_KEY}: {reason}",
                "give the root that issued it and, in cert_chain, all certificates between",
            )
            return
        for certificate in path[1:-1]:
            self._check_authority(certificate, names.CERT_CHAIN_KEY)
        if _facts(ca).not_after > _facts(path[-1]).not_after:
            self._warning(
                "outlives-root",
                f"{names.CA_CERT_KEY} ({_name(ca)}) expires after its root, on {_facts(ca).not_after:%Y-%m-%d}; "
                f"the root ends on {_facts(path[-1]).not_after:%Y-%m-%d}",
                "issue it with a shorter validity",
            )


def _find_path(
    path: tuple[x509.Certificate, ...],
    chain: tuple[x509.Certificate, ...],
    roots: tuple[x509.Certificate, ...],
    problem: Callable[[str], None],
) -> tuple[x509.Certificate, ...] | None:
    last = path[-1]
    for issuer in (*roots, *chain):
        if issuer in path or issuer.subject != last.issuer or len(path) >= _MAX_CHAIN:
            continue
        try:
            last.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError):  # the last two: an algorithm that cannot be verified
            problem(f"{_name(issuer)} has the name of the issuer but did not sign {_name(last)}")
            continue
        # The certificate of a workload comes below: so many certificate authorities are under this issuer.
        limit = _path_length(issuer)
        if limit is not None and limit < len(path):
            problem(
                f"{_name(issuer)} allows {limit} certificate authorities below it (pathlen), {len(path)} are needed "
                "for workload certificates to verify"
            )
            continue
        found = (*path, issuer) if issuer in roots else _find_path((*path, issuer), chain, roots, problem)
        if found is not None:
            return found
    return None


def _path_length(certificate: x509.Certificate) -> int | None:
    basic = _extension(certificate, x509.BasicConstraints)
    return basic.path_length if basic is not None else None


def _weakly_signed(certificate: x509.Certificate) -> bool:
    # A root is trusted as it is; nobody verifies its own signature.
    weak = isinstance(certificate.signature_hash_algorithm, (hashes.SHA1, hashes.MD5))
    return weak and certificate.subject != certificate.issuer


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    blocks = [match.group() for match in _PEM_BLOCK.finditer(pem) if match.group(1) == b"CERTIFICATE"]
    if not blocks:
        raise ValueError("it holds no block BEGIN CERTIFICATE")
    return tuple(map(_load_certificate, blocks))


def _load_certificate(block: bytes) -> x509.Certificate:
    try:
        with warnings.catch_warnings():
            # Go accepts the serial number 0 that some cluster CAs have, and so do we.
            warnings.simplefilter("ignore")
            certificate = x509.load_pem_x509_certificate(block)
        tuple(certificate.extensions)  # parsed only now; a damaged one has to be found here
    except Exception as error:  # not all that cryptography raises is a ValueError
        raise ValueError(f"{type(error).__name__}: {error}") from None
    return certificate


def _load_key(pem: bytes) -> PrivateKeyTypes:
    # The text of a failure must not quote the input.
    block = _PEM_BLOCK.search(pem)
    if block is None:
        raise ValueError("it holds no PEM block")
    kind = block.group(1).decode()
    if kind not in _KEY_BLOCKS or b"ENCRYPTED" in block.group():
        encrypted = " (encrypted)" if b"ENCRYPTED" in block.group() else ""
        raise ValueError(f"istiod does not read a block of type {kind}{encrypted}, only {', '.join(_KEY_BLOCKS)}")
    try:
        return serialization.load_pem_private_key(block.group(), password=None)
    except Exception:
        raise ValueError(f"the block of type {kind} is damaged") from None


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        serial=f"{certificate.serial_number:x}",
        fingerprint=hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
        not_before=_utc(certificate, "not_valid_before"),
        not_after=_utc(certificate, "not_valid_after"),
        key=_key_name(certificate.public_key()),
    )


def _utc(certificate: x509.Certificate, attribute: str) -> datetime:
    # The aware attributes came with cryptography 42, where the others became deprecated.
    aware: datetime | None = getattr(certificate, f"{attribute}_utc", None)
    if aware is not None:
        return aware
    naive: datetime = getattr(certificate, attribute)
    return naive.replace(tzinfo=timezone.utc)


def _key_name(key: object) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return {"secp256r1": "ECDSA P-256", "secp384r1": "ECDSA P-384"}.get(key.curve.name, f"ECDSA {key.curve.name}")
    return type(key).__name__.replace("PublicKey", "").lstrip("_")


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or f"serial {certificate.serial_number:x}"


def _public_bytes(key: object) -> bytes:
    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded
