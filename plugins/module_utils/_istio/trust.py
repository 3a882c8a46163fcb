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

import contextlib
import hashlib
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, TypeVar

from .. import _pem
from .._findings import Finding, FindingKind
from .._pem import NotPem
from . import names
from .finding_kinds import (
    TRUST_CHAIN,
    TRUST_EXPIRED,
    TRUST_EXPIRES_SOON,
    TRUST_EXTENDED_KEY_USAGE,
    TRUST_INCOMPLETE,
    TRUST_KEY_MISMATCH,
    TRUST_KEY_TYPE,
    TRUST_KEY_UNREADABLE,
    TRUST_KEY_USAGE,
    TRUST_NOT_A_CA,
    TRUST_NOT_YET_VALID,
    TRUST_OUTLIVES_ROOT,
    TRUST_UNREADABLE,
    TRUST_UNVERIFIABLE,
    TRUST_WEAK_KEY,
    TRUST_WEAK_SIGNATURE,
)

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

# Serial number 0 is what some certificate authorities have, kubeadm's among them, and Go takes it.
_OF_SERIAL_0 = ("ignore", re.compile("Parsed a serial number which wasn't positive", re.IGNORECASE), Warning, None, 0)

# The only block types that istiod reads (security/pkg/pki/util/crypto.go ParsePemEncodedKey).
_KEY_BLOCKS = ("EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY")
# Forms of certificates that Go does not read, and that must not be left out in silence as other blocks are.
_OTHER_CERTIFICATES = ("TRUSTED CERTIFICATE", "PKCS7", "CMS")
_NO_BLOCK = "istiod finds no block in it, since BEGIN or END does not stand on a line of its own"
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
class BundleReport:
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


def read_certificate_facts(pem: bytes) -> tuple[CertificateFacts, ...]:
    """Facts of all certificates in PEM bytes, in their order. ValueError when one cannot be read."""
    return tuple(_facts(certificate) for certificate in _load_certificates(pem))


def compute_fingerprints(pem: bytes) -> tuple[str, ...]:
    """sha256 of the DER form of each certificate. ValueError when one cannot be read."""
    return tuple(facts.fingerprint for facts in read_certificate_facts(pem))


def has_certificate(pem: bytes) -> bool:
    """Whether Go finds at least one certificate in it; damaged ones are passed over, as Go's CertPool does.

    Without the library cryptography only that there is a block of that type.
    """
    return any(not HAS_CRYPTOGRAPHY or _is_readable(block) for block in _pem.read_certificates(pem))


def _is_readable(block: _pem.Block) -> bool:
    try:
        _load_certificate(block)
    except ValueError:
        return False
    return True


def check_bundle(
    bundle: Bundle,
    now: datetime,
    *,
    cluster: str = "",
    min_days: int = 30,
    passphrase: str = "",
    files: Mapping[str, str] | None = None,
) -> BundleReport:
    """Every reason for which istiod would refuse ``bundle``, or its workloads would not be trusted with it.

    ``now`` is aware (UTC). A certificate that expires within ``min_days`` days is a warning, an expired one an error.
    ``files`` says from which file a part is (``ca-cert.pem`` -> path), ``passphrase`` what was tried on the key.
    """
    return _Check(bundle, now, cluster, min_days, passphrase, files or {}).run()


def repair(bundle: Bundle, passphrase: str = "") -> Bundle:
    """``bundle`` in a form that istiod reads: certificates and the opened key only, written anew.

    A part that cannot be read stays as it is, and check_bundle says why.
    """
    return Bundle(
        ca_cert=_rewrite_certificates(bundle.ca_cert),
        ca_key=_rewrite_key(bundle.ca_key, passphrase),
        root_cert=_rewrite_certificates(bundle.root_cert),
        cert_chain=_rewrite_certificates(bundle.cert_chain),
    )


def _rewrite_certificates(pem: bytes) -> bytes:
    try:
        found = _load_certificates(pem)
    except ValueError:
        return pem
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in found)


def _rewrite_key(pem: bytes, passphrase: str) -> bytes:
    try:
        key, block = _load_key(pem, passphrase)
    except ValueError:
        return pem
    if not block.encrypted and _key_form(block.der) == block.kind:
        return _pem.written([block])
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption())


def find_unreadable(bundle: Bundle) -> tuple[str, ...]:
    """Why istiod does not read parts of ``bundle`` as they were meant. A part that is empty is not judged."""
    reasons = []
    for part, content in _parts(bundle).items():
        if not content.strip():
            continue
        try:
            reason = _find_hidden_from_go(part, content)
        except NotPem as error:
            reason = str(error)
        if reason:
            reasons.append(f"{part}: {reason}")
    return tuple(reasons)


def _find_hidden_from_go(part: str, content: bytes) -> str:
    meant = _pem.meant(content)
    if part == names.CA_KEY_KEY:
        # istiod takes the first block that there is, of whatever type, and reads it by the name of its type.
        first = next(iter(_pem.read(content)), None)
        if first is None:
            return _NO_BLOCK
        if first.kind not in _KEY_BLOCKS:
            return f"istiod takes its first block, of type {first.kind}, and reads only {', '.join(_KEY_BLOCKS)}"
        form = _key_form(first.der)
        return "" if form == first.kind else f"istiod reads it as {first.kind}, and it holds {form}"
    if any(block.kind.endswith("PRIVATE KEY") for block in meant):
        return "it holds a private key, which istiod would hand out with it"
    wanted = [block.der for block in meant if block.kind == _pem.CERTIFICATE]
    if part == names.CA_CERT_KEY:
        first = next(iter(_pem.read(content)), None)
        if first is None:
            return _NO_BLOCK
        if first.kind != _pem.CERTIFICATE:
            return f"istiod takes its first block, of type {first.kind}, for the certificate"
        return "" if first.der == wanted[0] else "istiod passes over its first certificate"
    found = [block.der for block in _pem.read_certificates(content)]
    return "" if found == wanted else f"istiod finds {len(found)} of its {len(wanted)} certificates"


def list_public_keys(bundle: Bundle, passphrase: str = "") -> frozenset[str]:
    """sha256 of the public keys of the bundle's certificate authority, from its certificate and from its key."""
    found = set()
    with contextlib.suppress(ValueError):  # check_bundle says what is wrong
        found.add(_key_print(_load_certificates(bundle.ca_cert)[0].public_key()))
    with contextlib.suppress(ValueError):
        found.add(open_key(bundle.ca_key, passphrase))
    return frozenset(found)


def open_key(pem: bytes, passphrase: str = "") -> str:
    """sha256 of the public key that belongs to the private key in ``pem``. ValueError where it cannot be opened."""
    return _key_print(_load_key(pem, passphrase)[0].public_key())


def is_encrypted(pem: bytes) -> bool:
    """Whether a private key in ``pem`` needs a passphrase. False too for what is no key."""
    try:
        return any(block.encrypted for block in _pem.meant(pem))
    except NotPem:
        return False


def _parts(bundle: Bundle) -> dict[str, bytes]:
    return {
        names.CA_CERT_KEY: bundle.ca_cert,
        names.CA_KEY_KEY: bundle.ca_key,
        names.ROOT_CERT_KEY: bundle.root_cert,
        names.CERT_CHAIN_KEY: bundle.cert_chain,
    }


class _Check:
    """Collects findings; each step goes as far as the steps before it allow."""

    def __init__(
        self,
        bundle: Bundle,
        now: datetime,
        cluster: str,
        min_days: int,
        passphrase: str,
        files: Mapping[str, str],
    ) -> None:
        self.bundle = bundle
        self.now = now
        self.cluster = cluster
        self.min_days = min_days
        self.passphrase = passphrase
        self.files = files
        self.findings: list[Finding] = []

    def run(self) -> BundleReport:
        parts = _parts(self.bundle)
        absent = [key for key, content in parts.items() if not content.strip()]
        if absent:
            files = [self.files[key] for key in absent if key in self.files]
            looked = f" (looked for in {' and '.join(files)})" if files else ""
            self._add_error(
                TRUST_INCOMPLETE,
                f"{' and '.join(absent)} missing or empty{looked}; istiod stops with: incomplete signing CA bundle "
                "detected",
                "give all four of ca_cert, ca_key, root_cert and cert_chain",
            )
        loaded = {
            key: self._read_certificates(key, content) for key, content in parts.items() if key != names.CA_KEY_KEY
        }
        # istiod takes the first certificate of ca-cert.pem and nothing else.
        ca = next(iter(loaded[names.CA_CERT_KEY]), None)
        roots, chain = loaded[names.ROOT_CERT_KEY], loaded[names.CERT_CHAIN_KEY]
        key = self._read_key()
        if ca is not None:
            self._check_authority(ca, names.CA_CERT_KEY)
            if key is not None:
                self._check_key(ca, key, len(loaded[names.CA_CERT_KEY]))
            if roots and not _is_weakly_signed(ca):
                self._check_path(ca, chain, roots)
            if chain and ca not in (*chain, *roots):
                self._add_error(
                    TRUST_CHAIN,
                    f"{self._name_part(names.CERT_CHAIN_KEY)} does not hold the certificate of {names.CA_CERT_KEY} "
                    f"({_name(ca)}); istiod sends the chain with every workload certificate, so no peer could "
                    "verify them",
                    f"make cert_chain of ca_cert followed by what lies between it and the root "
                    f"(cat ca-cert.pem root-cert.pem > {names.CERT_CHAIN_KEY})",
                )
            elif chain and chain[0] not in (ca, *roots):
                # The first one's end is what istiod takes for its own: no workload certificate lasts longer.
                self._check_dates(chain[0], names.CERT_CHAIN_KEY)
        for index, root in enumerate(roots):
            self._check_authority(root, names.ROOT_CERT_KEY if index == 0 else f"{names.ROOT_CERT_KEY} ({index + 1})")
        return BundleReport(
            tuple(self.findings),
            _facts(ca) if ca is not None else None,
            tuple(_facts(root) for root in roots),
        )

    def _name_part(self, key: str) -> str:
        return f"{key} ({self.files[key]})" if key in self.files else key

    def _add_error(self, kind: FindingKind, message: str, remedy: str) -> None:
        self.findings.append(Finding(self.cluster, kind, message, remedy, "error", f"Secret {names.CA_SECRET}"))

    def _add_warning(self, kind: FindingKind, message: str, remedy: str) -> None:
        self.findings.append(Finding(self.cluster, kind, message, remedy, "warning", f"Secret {names.CA_SECRET}"))

    def _read_certificates(self, key: str, content: bytes) -> tuple[x509.Certificate, ...]:
        if not content.strip():
            return ()
        remedy = f"give a PEM file with certificates for {key}"
        try:
            found = _load_certificates(content)
        except ValueError as error:
            self._add_error(TRUST_UNREADABLE, f"{self._name_part(key)} is not a PEM certificate: {error}", remedy)
            return ()
        hidden = _find_hidden_from_go(key, content)
        if hidden:
            self._add_error(TRUST_UNREADABLE, f"{self._name_part(key)}: {hidden}", remedy)
        return found

    def _check_authority(self, certificate: x509.Certificate, where: str) -> None:
        renew = "issue it again"
        basic = _extension(certificate, x509.BasicConstraints)
        if basic is None or not basic.ca:
            self._add_error(
                TRUST_NOT_A_CA,
                f"{where} ({_name(certificate)}) is not a certificate authority (basicConstraints CA:true missing)",
                f"{renew} with basicConstraints critical,CA:true",
            )
        usage = _extension(certificate, x509.KeyUsage)
        if usage is not None and not usage.key_cert_sign:
            self._add_error(
                TRUST_KEY_USAGE,
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
                    self._add_error(
                        TRUST_EXTENDED_KEY_USAGE,
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
                self._add_error(
                    TRUST_WEAK_KEY,
                    f"{where} ({_name(certificate)}) has an RSA key of {key.key_size} bits, fewer than 2048",
                    "issue it again with RSA 2048 or more, or ECDSA P-256",
                )
        elif not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
            self._add_error(
                TRUST_KEY_TYPE,
                f"{where} ({_name(certificate)}) has a key of type {_key_name(key)}; proxies only accept RSA and "
                "ECDSA P-256 or P-384",
                "issue it again with one of these",
            )
        if _is_weakly_signed(certificate):
            self._add_error(
                TRUST_WEAK_SIGNATURE,
                f"{where} ({_name(certificate)}) is signed with SHA-1 or MD5, which istiod refuses",
                "issue it again with SHA-256",
            )

    def _check_dates(self, certificate: x509.Certificate, where: str) -> None:
        facts = _facts(certificate)
        if facts.not_before > self.now:
            self._add_error(
                TRUST_NOT_YET_VALID,
                f"{where} ({facts.subject}) is valid only from {facts.not_before:%Y-%m-%d %H:%M} UTC",
                "check the clocks, or issue it again",
            )
        if facts.not_after <= self.now:
            self._add_error(
                TRUST_EXPIRED,
                f"{where} ({facts.subject}) has expired on {facts.not_after:%Y-%m-%d %H:%M} UTC",
                "issue it again under the same root" if where == names.CA_CERT_KEY else "a new root is needed",
            )
        elif facts.days_left(self.now) < self.min_days:
            self._add_warning(
                TRUST_EXPIRES_SOON,
                f"{where} ({facts.subject}) expires in {facts.days_left(self.now)} days, "
                f"on {facts.not_after:%Y-%m-%d} (asked for: {self.min_days} days)",
                "issue it again under the same root; istiod takes it over while it runs"
                if where == names.CA_CERT_KEY
                else "plan the change of the root: it needs both roots to be trusted for a while",
            )

    def _read_key(self) -> PrivateKeyTypes | None:
        if not self.bundle.ca_key.strip():
            return None
        try:
            key = _load_key(self.bundle.ca_key, self.passphrase)[0]
            reason = _find_hidden_from_go(names.CA_KEY_KEY, self.bundle.ca_key)
        except ValueError as error:
            key, reason = None, str(error)
        if reason:
            self._add_error(
                TRUST_KEY_UNREADABLE,
                f"{self._name_part(names.CA_KEY_KEY)}: {reason}",
                "give the key in PEM, and its passphrase where it is encrypted",
            )
        return key

    def _check_key(self, ca: x509.Certificate, key: PrivateKeyTypes, certificates_given: int) -> None:
        if _public_bytes(key.public_key()) != _public_bytes(ca.public_key()):
            which = f", the first of {certificates_given}, of which istiod takes the first" * (certificates_given > 1)
            self._add_error(
                TRUST_KEY_MISMATCH,
                f"{self._name_part(names.CA_KEY_KEY)} is not the key of {names.CA_CERT_KEY} ({_name(ca)}{which})",
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
            self._add_error(
                TRUST_UNVERIFIABLE,
                f"{names.CA_CERT_KEY} ({_name(ca)}) does not verify to {names.ROOT_CERT_KEY} ({known}) with "
                f"{names.CERT_CHAIN_KEY}: {reason}",
                "give the root that issued it and, in cert_chain, all certificates between",
            )
            return
        for certificate in path[1:-1]:
            self._check_authority(certificate, names.CERT_CHAIN_KEY)
        if _facts(ca).not_after > _facts(path[-1]).not_after:
            self._add_warning(
                TRUST_OUTLIVES_ROOT,
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


def _is_weakly_signed(certificate: x509.Certificate) -> bool:
    # A root is trusted as it is; nobody verifies its own signature.
    weak = isinstance(certificate.signature_hash_algorithm, (hashes.SHA1, hashes.MD5))
    return weak and certificate.subject != certificate.issuer


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _load_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """All that ``pem`` was meant to hold, each once. ValueError with the line of what cannot be read."""
    blocks = _pem.meant(pem)
    found: dict[bytes, x509.Certificate] = {}
    for block in blocks:
        if block.kind in _OTHER_CERTIFICATES:
            raise NotPem(
                f"line {block.line}: istiod does not read certificates of type {block.kind}, only CERTIFICATE, "
                "which openssl x509 or openssl pkcs7 -print_certs makes of it"
            )
        if block.kind == _pem.CERTIFICATE:
            found.setdefault(block.der, _load_certificate(block))
    if not found:
        others = ", ".join(dict.fromkeys(block.kind for block in blocks))
        raise NotPem(f"it holds no block BEGIN CERTIFICATE, but {others}")
    return tuple(found.values())


def _load_certificate(block: _pem.Block) -> x509.Certificate:
    # Filters belong to the whole process: setting and taking back one around a call is not safe in threads, and Ansible
    # takes back what a plugin sets while it is imported. So it is looked for each time, and stays.
    if _OF_SERIAL_0 not in warnings.filters:
        warnings.filterwarnings("ignore", message=_OF_SERIAL_0[1].pattern)
    try:
        certificate = x509.load_der_x509_certificate(block.der)
        tuple(certificate.extensions)  # parsed only now; a damaged one has to be found here
        serial = certificate.serial_number
    except Exception as error:  # not all that cryptography raises is a ValueError
        raise NotPem(f"line {block.line}: {type(error).__name__}: {error}") from None
    if serial < 0:
        raise NotPem(f"line {block.line}: its serial number is negative, which Go does not read")
    return certificate


def _load_key(pem: bytes, passphrase: str) -> tuple[PrivateKeyTypes, _pem.Block]:
    """The key, and the block in which istiod reads it. ValueError, whose text quotes nothing of the input."""
    blocks = _pem.meant(pem)
    keys = {block.der: block for block in blocks if block.kind.endswith("PRIVATE KEY")}
    if len(keys) != 1:
        kinds = ", ".join(dict.fromkeys(block.kind for block in blocks))
        raise NotPem(
            f"it holds {len(keys)} private keys, of which istiod takes the first; give one"
            if keys
            else f"istiod does not read a block of type {kinds}, only {', '.join(_KEY_BLOCKS)}"
        )
    (block,) = keys.values()
    if not block.encrypted and block.kind not in _KEY_BLOCKS:
        raise NotPem(f"istiod does not read a block of type {block.kind}, only {', '.join(_KEY_BLOCKS)}")
    if block.encrypted and not passphrase:
        raise NotPem(f"the key is encrypted (line {block.line}: {block.kind}), and no passphrase was given")
    try:
        key = _decode_key(block, passphrase)
    except Exception:
        if block.encrypted:
            raise NotPem(f"the passphrase does not open the key (line {block.line}: {block.kind})") from None
        raise NotPem(f"the block of type {block.kind} on line {block.line} is damaged") from None
    return key, block


def _decode_key(block: _pem.Block, passphrase: str) -> PrivateKeyTypes:
    if not block.encrypted:
        return serialization.load_der_private_key(block.der, password=None)
    if block.kind == "ENCRYPTED PRIVATE KEY":
        return serialization.load_der_private_key(block.der, password=passphrase.encode())
    # The old form, whose headers say how.
    headers = "".join(f"{name}: {value}\n" for name, value in block.headers.items())
    first, rest = _pem.written([block]).split(b"\n", 1)
    pem = b"%s\n%s\n%s" % (first, headers.encode(), rest)
    return serialization.load_pem_private_key(pem, password=passphrase.encode())


def _key_form(der: bytes) -> str:
    """The type that a block with this key has to have, by what follows the version in it."""
    start = 2 + (der[1] & 0x7F if der[1:2] >= b"\x80" else 0)
    return {0x30: "PRIVATE KEY", 0x02: "RSA PRIVATE KEY", 0x04: "EC PRIVATE KEY"}.get(
        next(iter(der[start + 3 : start + 4]), 0), "of none that is known"
    )


def _key_print(key: object) -> str:
    return hashlib.sha256(_public_bytes(key)).hexdigest()


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
