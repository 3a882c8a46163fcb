# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.trust import (
    Bundle,
    certificates,
    check_bundle,
    fingerprints,
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
    assert report.root_fingerprints == fingerprints(ROOT.pem)


def test_a_fingerprint_is_the_sha256_of_the_der_form() -> None:
    der = ROOT.certificate.public_bytes(serialization.Encoding.DER)
    assert fingerprints(b"# comment\n" + ROOT.pem + EAST.pem)[0] == hashlib.sha256(der).hexdigest()
    assert [facts.subject for facts in certificates(ROOT.pem + EAST.pem)] == ["CN=root", "CN=east"]


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
    "a key behind parameters": (
        replace(
            GOOD, ca_key=b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + GOOD.ca_key
        ),
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


def test_the_key_is_in_no_text() -> None:
    secret = GOOD.ca_key.splitlines()[1].decode()
    assert secret not in repr(GOOD)
    for broken, _check in BROKEN.values():
        body = broken.ca_key.splitlines()[1].decode() if broken.ca_key != EAST.pem else secret
        assert body not in repr(check_bundle(broken, NOW))
