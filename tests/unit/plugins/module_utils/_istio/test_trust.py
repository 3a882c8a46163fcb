# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio import trust
from ansible_collections.onemesh.istio.plugins.module_utils._istio.trust import (
    Bundle,
    check_bundle,
    compute_fingerprints,
    find_unreadable,
    list_public_keys,
    read_certificate_facts,
    repair,
)
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._istio.certificate_authorities import (
    NOW,
    Authority,
    authority,
    bundle,
    key,
    key_pem,
)
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

ROOT = authority("root", path_length=1)
EAST = authority("east", ROOT, path_length=0, usage=True, days=365)
GOOD = bundle(ROOT, EAST)


def found(candidate: Bundle, min_days: int = 30) -> dict[str, str]:
    return {
        finding.check: finding.severity
        for finding in check_bundle(candidate, NOW, cluster="east", min_days=min_days).findings
    }


def test_a_good_bundle_has_no_finding_and_says_what_it_is() -> None:
    report = check_bundle(GOOD, NOW, cluster="east")
    assert report.findings == ()
    assert report.usable
    assert report.ca is not None
    assert (report.ca.subject, report.ca.issuer, report.ca.key) == ("CN=east", "CN=root", "ECDSA P-256")
    assert report.ca.days_left(NOW) == 364
    assert report.root_fingerprints == compute_fingerprints(ROOT.pem)


def test_a_fingerprint_is_the_sha256_of_the_der_form() -> None:
    der = ROOT.certificate.public_bytes(serialization.Encoding.DER)
    assert compute_fingerprints(b"# comment\n" + ROOT.pem + EAST.pem)[0] == hashlib.sha256(der).hexdigest()
    assert [facts.subject for facts in read_certificate_facts(ROOT.pem + EAST.pem)] == ["CN=root", "CN=east"]


@pytest.mark.parametrize("kind", ["rsa2048", "p256", "p384"])
@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_keys_that_istiod_reads_are_accepted(kind: str, form: str) -> None:
    ca = authority("ca", ROOT, private=key(kind), days=365)
    assert found(replace(bundle(ROOT, ca), ca_key=key_pem(ca.private, form))) == {}


def test_intermediates_between_are_found_in_the_chain() -> None:
    root = authority("root", path_length=2)
    company = authority("company", root, days=2000)
    east = authority("east", company, days=365)
    assert found(bundle(root, company, east)) == {}
    assert found(replace(bundle(root, company, east), cert_chain=east.pem)) == {"trust-unverifiable": "error"}


def test_a_bundle_of_two_roots_verifies_to_either() -> None:
    other = authority("another root")
    assert found(replace(GOOD, root_cert=other.pem + ROOT.pem)) == {}


def test_a_root_may_sign_by_itself() -> None:
    alone = authority("alone")
    assert found(Bundle(alone.pem, key_pem(alone.private), alone.pem, alone.pem)) == {}


def weak(kind: str) -> Bundle:
    return bundle(ROOT, authority("weak", ROOT, private=key(kind), days=365))


SHORT_ROOT = authority("short root", path_length=0)
NO_SIGN = authority("root", usage=False)
SAME_NAME = authority("root", private=key("p384"))
EC_PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
BROKEN = {
    "no chain": (replace(GOOD, cert_chain=b""), "trust-incomplete"),
    "an empty root": (replace(GOOD, root_cert=b" \n"), "trust-incomplete"),
    "no certificate": (replace(GOOD, ca_cert=b"x"), "trust-unreadable"),
    "a damaged chain": (replace(GOOD, cert_chain=GOOD.cert_chain.replace(b"MII", b"M!I")), "trust-unreadable"),
    "not its key": (replace(GOOD, ca_key=key_pem(key("p384"))), "trust-key-mismatch"),
    "no key": (replace(GOOD, ca_key=EAST.pem), "trust-key-unreadable"),
    "an encrypted key": (replace(GOOD, ca_key=key_pem(EAST.private, passphrase=b"x")), "trust-key-unreadable"),
    "an old encrypted key": (
        replace(GOOD, ca_key=key_pem(EAST.private, "TraditionalOpenSSL", b"x")),
        "trust-key-unreadable",
    ),
    "another root": (replace(GOOD, root_cert=authority("other").pem), "trust-unverifiable"),
    "another root of the same name": (replace(GOOD, root_cert=SAME_NAME.pem), "trust-unverifiable"),
    "not a CA": (bundle(ROOT, authority("leaf", ROOT, ca=False, days=365)), "trust-not-a-ca"),
    "may not sign": (bundle(ROOT, authority("x", ROOT, usage=False, days=365)), "trust-key-usage"),
    "root may not sign": (bundle(NO_SIGN, authority("x", NO_SIGN, days=365)), "trust-key-usage"),
    "only for servers": (
        bundle(ROOT, authority("x", ROOT, days=365, extended=[ExtendedKeyUsageOID.SERVER_AUTH])),
        "trust-extended-key-usage",
    ),
    "root allows no CA below": (bundle(SHORT_ROOT, authority("x", SHORT_ROOT, days=365)), "trust-unverifiable"),
    "chain without the CA": (replace(GOOD, cert_chain=authority("other").pem), "trust-chain"),
    "RSA 1024": (weak("rsa1024"), "trust-weak-key"),
    "Ed25519": (weak("ed25519"), "trust-key-type"),
    "P-521": (weak("p521"), "trust-key-type"),
    "expired": (bundle(ROOT, authority("x", ROOT, days=10, start=NOW - timedelta(days=20))), "trust-expired"),
    "from tomorrow": (bundle(ROOT, authority("x", ROOT, days=9, start=NOW + timedelta(days=1))), "trust-not-yet-valid"),
}


@pytest.mark.parametrize(("broken", "check"), BROKEN.values(), ids=list(BROKEN))
def test_what_cannot_work_is_an_error(broken: Bundle, check: str) -> None:
    report = check_bundle(broken, NOW, cluster="east")
    assert {finding.check for finding in report.findings if finding.severity == "error"} == {check}
    assert not report.usable
    assert all(finding.cluster == "east" and finding.remedy for finding in report.findings)


# Made with OpenSSL, since no library of today signs with SHA-1. "old" is signed by a root that is not here.
SIGNED_WITH_SHA1 = b"""\
-----BEGIN CERTIFICATE-----
MIIBcTCCARmgAwIBAgIUaMOgJdovrMaeFAnjCDQC682BP4cwCQYHKoZIzj0EATAP
MQ0wCwYDVQQDDARyb290MCAXDTI2MTEyMTA5Mzk0MFoYDzIxMjYxMDI4MDkzOTQw
WjAOMQwwCgYDVQQDDANvbGQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQTAHPz
rgi1pDMNfZ/2K7hyKAtE1az6lq3yCWgLLvhAWtZrMbsavg3UwZm5ZtohMevC9aiM
EdureCe4wIVibahMo1MwUTAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBT/U9q7
0iM1d6X232sVSwvXLMIFOTAfBgNVHSMEGDAWgBRzfbhbDZL2ShMtx40nnFxH9Gyx
5jAJBgcqhkjOPQQBA0cAMEQCIDkQaXzf9NqYEvE5zE0OaXNPoQwgkbQh4WUvxQTv
F8X1AiByZnN/lYv6Do4MpDurYYUqEpgI7qGBriyVDV71RA/K6Q==
-----END CERTIFICATE-----
"""


def test_sha1_is_refused_and_not_taken_for_another_signature() -> None:
    old = replace(GOOD, ca_cert=SIGNED_WITH_SHA1, cert_chain=SIGNED_WITH_SHA1)
    later = check_bundle(old, NOW + timedelta(days=365))
    assert {finding.check for finding in later.findings if "CN=old" in finding.message} == {
        "trust-weak-signature",
        "trust-key-mismatch",
    }


def expiring(days: int) -> Authority:
    return authority("x", ROOT, days=days, start=NOW)


@pytest.mark.parametrize(("days", "expected"), [(29, {"trust-expires-soon": "warning"}), (30, {})])
def test_an_expiry_within_the_asked_days_is_a_warning(days: int, expected: dict[str, str]) -> None:
    assert found(bundle(ROOT, expiring(days))) == expected


def test_an_intermediate_that_outlives_its_root_is_a_warning() -> None:
    assert found(bundle(ROOT, authority("x", ROOT, days=9999))) == {"trust-outlives-root": "warning"}


OLD_KEY = key_pem(EAST.private, "TraditionalOpenSSL")
KEY_IN_OTHER_WORDS = OLD_KEY.replace(b"EC PRIVATE", b"PRIVATE")
# Each says what istiod makes of it as it is; all are put right by writing them anew.
HIDDEN = {
    "parameters before the key": (
        replace(GOOD, ca_key=EC_PARAMETERS + GOOD.ca_key),
        "ca-key.pem: istiod takes its first block, of type EC PARAMETERS",
    ),
    "a key under another name": (
        replace(GOOD, ca_key=KEY_IN_OTHER_WORDS),
        "ca-key.pem: istiod reads it as PRIVATE KEY, and it holds EC PRIVATE KEY",
    ),
    "a certificate before the key": (
        replace(GOOD, ca_key=EAST.pem + GOOD.ca_key),
        "ca-key.pem: istiod takes its first block, of type CERTIFICATE",
    ),
    "a byte order mark": (replace(GOOD, ca_cert=b"\xef\xbb\xbf" + GOOD.ca_cert), "ca-cert.pem: istiod finds no block"),
    "a key before the certificate": (
        replace(GOOD, ca_cert=GOOD.ca_key + GOOD.ca_cert),
        "ca-cert.pem: it holds a private key",
    ),
    "an indented one before it": (
        replace(GOOD, ca_cert=b" " + GOOD.ca_cert + ROOT.pem),
        "ca-cert.pem: istiod passes over its first certificate",
    ),
    "glued together": (
        replace(GOOD, cert_chain=EAST.pem.rstrip() + ROOT.pem),
        "cert-chain.pem: istiod finds 0 of its 2 certificates",
    ),
    "an indented root": (
        replace(GOOD, root_cert=b"".join(b"  " + line for line in ROOT.pem.splitlines(keepends=True))),
        "root-cert.pem: istiod finds 0 of its 1 certificates",
    ),
    "a root with headers": (
        replace(GOOD, root_cert=ROOT.pem.replace(b"E-----\n", b"E-----\nName: root\n\n", 1)),
        "root-cert.pem: istiod finds 0 of its 1 certificates",
    ),
    "a key beside the root": (replace(GOOD, root_cert=ROOT.pem + GOOD.ca_key), "root-cert.pem: it holds a private key"),
}


@pytest.mark.parametrize(("hidden", "reason"), HIDDEN.values(), ids=list(HIDDEN))
def test_what_istiod_would_not_read_is_an_error_until_it_is_written_anew(hidden: Bundle, reason: str) -> None:
    assert [said for said in find_unreadable(hidden) if said.startswith(reason)]
    assert set(found(hidden).values()) == {"error"}
    assert find_unreadable(repair(hidden)) == ()
    assert found(repair(hidden)) == {}
    assert (repair(hidden).root_cert, repair(hidden).cert_chain) == (GOOD.root_cert, GOOD.cert_chain)


FINE = {
    "as openssl writes it": GOOD,
    "no line end at the end": replace(GOOD, ca_cert=GOOD.ca_cert.rstrip(), ca_key=GOOD.ca_key.rstrip()),
    "line ends of Windows": Bundle(
        *(part.replace(b"\n", b"\r\n") for part in (GOOD.ca_cert, GOOD.ca_key, GOOD.root_cert, GOOD.cert_chain))
    ),
    "text around": replace(GOOD, ca_cert=b"Bag Attributes\n" + GOOD.ca_cert),
    "white space behind the chain": replace(GOOD, cert_chain=GOOD.cert_chain + b"\n \n"),
    "a chain in another order": replace(GOOD, cert_chain=ROOT.pem + EAST.pem),
    "a chain of the CA alone": replace(GOOD, cert_chain=EAST.pem),
    "a chain with one twice": replace(GOOD, cert_chain=GOOD.cert_chain + EAST.pem),
    "an old form of the key": replace(GOOD, ca_key=OLD_KEY),
    "several certificates of which the first is the CA": replace(GOOD, ca_cert=EAST.pem + ROOT.pem),
}


@pytest.mark.parametrize("fine", FINE.values(), ids=list(FINE))
def test_what_istiod_reads_is_no_finding_and_stays_what_it_is(fine: Bundle) -> None:
    assert find_unreadable(fine) == ()
    assert found(fine) == {}
    assert found(repair(fine)) == {}
    assert compute_fingerprints(repair(fine).ca_cert) == compute_fingerprints(fine.ca_cert)
    assert repair(repair(fine)) == repair(fine)


@pytest.mark.parametrize("form", ["PKCS8", "TraditionalOpenSSL"])
def test_an_encrypted_key_is_opened_by_its_passphrase(form: str) -> None:
    locked = replace(GOOD, ca_key=key_pem(EAST.private, form, b"sesame"))
    assert found(repair(locked, "sesame")) == {}
    for passphrase, reason in (("", "no passphrase was given"), ("wrong", "the passphrase does not open the key")):
        assert repair(locked, passphrase).ca_key == locked.ca_key
        (finding,) = check_bundle(locked, NOW, passphrase=passphrase).findings
        assert finding.check == "trust-key-unreadable"
        assert reason in finding.message


def test_a_damaged_part_is_named_with_its_file_and_line() -> None:
    damaged = replace(GOOD, cert_chain=EAST.pem + ROOT.pem[:-20])
    (finding,) = check_bundle(repair(damaged), NOW, files={"cert-chain.pem": "pki/chain.pem"}).findings
    line = EAST.pem.count(b"\n") + 1
    assert f"cert-chain.pem (pki/chain.pem) is not a PEM certificate: line {line}: BEGIN CERTIFICATE without" in str(
        finding
    )


@pytest.mark.parametrize("kind", ["TRUSTED CERTIFICATE", "PKCS7"])
def test_certificates_in_a_form_that_go_does_not_read_are_not_left_out_in_silence(kind: str) -> None:
    other = replace(GOOD, cert_chain=GOOD.cert_chain + ROOT.pem.replace(b" CERTIFICATE", b" " + kind.encode()))
    (finding,) = check_bundle(repair(other), NOW).findings
    assert kind in finding.message


def test_an_expired_certificate_at_the_head_of_the_chain_stops_istiod() -> None:
    expired = authority("before", ROOT, days=10, start=NOW - timedelta(days=20))
    assert found(replace(GOOD, cert_chain=expired.pem + GOOD.cert_chain)) == {"trust-expired": "error"}
    assert found(replace(GOOD, cert_chain=GOOD.cert_chain + expired.pem)) == {}


def test_one_key_in_two_bundles_is_known_by_certificate_or_key() -> None:
    again = replace(bundle(ROOT, authority("west", ROOT, private=EAST.private)), ca_key=b"")
    assert list_public_keys(GOOD) == list_public_keys(again)
    assert list_public_keys(replace(GOOD, ca_cert=b"")) == list_public_keys(GOOD)
    assert not list_public_keys(GOOD) & list_public_keys(bundle(ROOT, authority("w", ROOT, private=key("p384"))))


SERIAL_0 = b"""\
-----BEGIN CERTIFICATE-----
MIIBYTCCAQigAwIBAgIBADAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDAR6ZXJvMCAX
DTI2MTEzMDAwNDQ1MloYDzIxMjYxMTA2MDA0NDUyWjAPMQ0wCwYDVQQDDAR6ZXJv
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbwvnTgpcMRDw1yW+h7WRgSAnUhVl
9dvGh5w2UGLaFMJ/mBpFzxtjjDsRfYFyHYU8Z3ob6KOHZK5C+Y1trkk+gqNTMFEw
HQYDVR0OBBYEFEy/SjuqZFdMyhaR6bNA2QBFzMQCMB8GA1UdIwQYMBaAFEy/Sjuq
ZFdMyhaR6bNA2QBFzMQCMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAw
RAIgW513I/a5BPWnEWEPcQlsdGzDUxJUIZS2tVkcipVX1kQCIBKt3aQz43hlOZpk
RQjeFro8eomJPgkEMHIaN1tVhD0i
-----END CERTIFICATE-----
"""

_LOADS_IN_THREADS = """
import sys, warnings
from concurrent.futures import ThreadPoolExecutor
with warnings.catch_warnings():  # as Ansible does around the import of a plugin
    from ansible_collections.onemesh.istio.plugins.module_utils._istio import trust
pem = sys.stdin.buffer.read()
assert trust.has_certificate(pem)
before = list(warnings.filters)
with ThreadPoolExecutor(16) as pool:
    assert all(pool.map(trust.has_certificate, [pem] * 400))
    assert len(set(pool.map(trust.compute_fingerprints, [pem] * 400))) == 1
assert warnings.filters == before, "the filters of the process were changed"
warnings.warn("somebody else's")
"""


def test_a_serial_number_0_warns_nobody_and_hides_no_other_warning() -> None:
    tree = Path(trust.__file__).parents[len(trust.__name__.split(".")) - 1]
    command = [sys.executable, "-W", "always", "-c", _LOADS_IN_THREADS]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, input=SERIAL_0, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"somebody else's" in done.stderr
    assert b"serial" not in done.stderr


def test_the_key_is_in_no_text() -> None:
    secret = GOOD.ca_key.splitlines()[1].decode()
    assert secret not in repr(GOOD)
    for broken, _check in BROKEN.values():
        body = broken.ca_key.splitlines()[1].decode() if broken.ca_key != EAST.pem else secret
        assert body not in repr(check_bundle(broken, NOW))
