# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scan finds planted secrets however they are written, and takes nothing public for one."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from support import scan

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
KEYS: dict[str, PrivateKey] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
FORMATS = {
    "traditional": serialization.PrivateFormat.TraditionalOpenSSL,
    "pkcs8": serialization.PrivateFormat.PKCS8,
}


def pem(name: str, form: str = "pkcs8") -> bytes:
    return KEYS[name].private_bytes(
        serialization.Encoding.PEM, FORMATS[form], serialization.NoEncryption()
    )  # fmt: skip


def certificate(name: str) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a name")])
    now = datetime.datetime(2026, 1, 1)
    key = KEYS[name]
    built = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=now,
        not_valid_after=now + datetime.timedelta(days=1),
    ).sign(key, None if name == "ed25519" else hashes.SHA256())
    return built.public_bytes(serialization.Encoding.PEM)


def token(payload: str = "system:serviceaccount:istio-system:istio-reader") -> bytes:
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header = part(json.dumps({"alg": "RS256", "kid": "x"}, separators=(",", ":")).encode())
    return b".".join([header, part(json.dumps({"sub": payload}).encode()), part(bytes(range(100, 200)))])


def kubeconfig() -> bytes:
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "users": [
                {"name": "token", "user": {"token": token("of a kubeconfig").decode()}},
                {"name": "certificate", "user": {"client-key-data": base64.b64encode(pem("p256")).decode()}},
                {"name": "basic", "user": {"username": "admin", "password": "correct horse battery staple"}},
            ],
        }
    ).encode()


def known(text: bytes) -> list[scan.Secret]:
    return list(scan.secrets_in(text, "the origin"))


def found(secrets: list[scan.Secret], text: bytes) -> list[str]:
    return [hit.what for hit in scan.Scanner(secrets).hits("a place", text)]


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda text: text,
    "in JSON": lambda text: json.dumps({"stdout": text.decode()}).encode(),
    "in JSON in JSON": lambda text: json.dumps(json.dumps({"stdout": text.decode()})).encode(),
    "as Python shows bytes": lambda text: repr(text).encode(),
    "indented": lambda text: text.replace(b"\n", b"\n        "),
    "in base64": base64.b64encode,
    "in base64 of JSON": lambda text: base64.b64encode(json.dumps({"key": text.decode()}).encode()),
    "in base64 twice": lambda text: base64.b64encode(b"users: " + base64.b64encode(b"{}" + text)),
    "the lines without the frame": lambda text: b"\n".join(
        line for line in text.splitlines() if not line.startswith(b"---")
    ),
}


# Ed25519 has no traditional format.
KEY_FORMATS = [(key, form) for key in KEYS for form in FORMATS if (key, form) != ("ed25519", "traditional")]


@pytest.mark.parametrize(("key", "form"), KEY_FORMATS)
@pytest.mark.parametrize("written", WRITTEN)
def test_a_private_key_is_found(written: str, key: str, form: str) -> None:
    text = pem(key, form)
    assert "private key of the origin" in found(known(text), b"before " + WRITTEN[written](text) + b" after")


@pytest.mark.parametrize("written", WRITTEN)
def test_a_token_is_found(written: str) -> None:
    assert "token of the origin" in found(known(token()), b"Authorization: Bearer " + WRITTEN[written](token()))


@given(before=st.binary(max_size=7), after=st.binary(max_size=7))
def test_base64_is_found_at_every_alignment(before: bytes, after: bytes) -> None:
    text = base64.b64encode(before + token() + after)
    assert "token of the origin" in found(known(token()), text)
    assert "token of the origin" in found(known(token()), base64.b64encode(after + text + before))


@pytest.mark.parametrize(("key", "form"), KEY_FORMATS)
def test_the_certificate_of_a_known_key_is_public(key: str, form: str) -> None:
    public = certificate(key)
    assert found(known(pem(key, form)), public + base64.b64encode(public)) == []


def test_what_nobody_knows_is_found_by_its_looks() -> None:
    assert found([], pem("rsa")) == ["looks like a private key"]
    assert found([], pem("rsa")[:200]) == ["looks like a private key"]
    assert found([], token()) == ["looks like a token"]
    assert found([], base64.b64encode(pem("p256"))) == ["looks like a private key in base64"]
    assert found([], base64.b64encode(b"  token: " + token())) == ["looks like a token in base64"]


def test_ordinary_output_is_not_a_secret() -> None:
    output = (
        b"TASK [onemesh.istio.trust : Write the private key] ***\nok: [east] => {'path': 'trust/east/ca-key.pem',"
        b"'checksum': '3f786850e387550fdab836ed7e6dc881de23001b', 'mode': '0600'}\n"
        b"-----BEGIN PRIVATE KEY----- is how a key starts\n" + certificate("rsa")
    )
    assert found([*known(pem("rsa")), *known(token()), *known(kubeconfig())], output) == []


def test_the_credentials_of_a_kubeconfig_are_known() -> None:
    origins = {secret.origin for secret in known(kubeconfig())}
    assert origins == {
        "token of the origin",
        "token of the origin, user token",
        "private key of the origin, user certificate",
        "password of the origin, user basic",
    }
    assert found(known(kubeconfig()), b"-p 'correct horse battery staple'") == ["password of the origin, user basic"]


def secret(name: str, data: dict[str, bytes], kind: str = "Opaque") -> dict[str, object]:
    return {
        "type": kind,
        "metadata": {"namespace": "istio-system", "name": name},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def test_the_secrets_of_a_cluster_are_known_and_its_certificates_are_not() -> None:
    objects = [
        secret("cacerts", {"ca-key.pem": pem("rsa"), "ca-cert.pem": certificate("rsa")}),
        secret("istio-remote-secret-west", {"west": kubeconfig()}),
        secret(
            "reader", {"token": token(), "namespace": b"istio-system-and-more"}, "kubernetes.io/service-account-token"
        ),
        secret("webhook", {"password": b"a long enough password", "short-key": b"x"}),
        secret("sh.helm.release.v1.istiod.v1", {"release": token()}, "helm.sh/release.v1"),
    ]
    origins = sorted(each.origin for each in scan.secrets_of_objects("east", objects))
    assert [origin for origin in origins if "remote-secret" not in origin] == [
        "Secret istio-system/webhook, password, of cluster east",
        "private key of Secret istio-system/cacerts, ca-key.pem, of cluster east",
        "token of Secret istio-system/reader, token, of cluster east",
    ]
    assert len(origins) == 7


def test_a_secret_does_not_show_its_value() -> None:
    assert "battery" not in repr(known(kubeconfig()))
    assert token()[-20:].decode() not in repr(known(token()))


def test_a_report_names_the_place_and_never_the_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trust, output = tmp_path / "trust", tmp_path / "output"
    trust.mkdir(mode=0o700)
    output.mkdir()
    (trust / "key.pem").write_bytes(pem("p256"))
    (trust / "key.pem").chmod(0o600)
    (output / "ansible.log").write_bytes(b"0123456789" + pem("p256"))
    (output / "other.log").write_bytes(b"nothing here")

    assert scan.main(["--private", str(trust), str(output)]) == 1

    report = capsys.readouterr().out
    assert f"{output}/ansible.log: offset 10: looks like a private key" in report
    assert f"private key of {trust}/key.pem" in report
    assert "other.log" not in report
    assert report.endswith("secrecy: 2 files, 1 secrets, 2 hits\n")
    assert pem("p256").splitlines()[1].decode() not in report


def test_nothing_found_is_success(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"changed: [east]")
    assert scan.main([str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("mode", "folder_mode", "expected"),
    [(0o600, 0o700, []), (0o640, 0o700, ["key.pem"]), (0o600, 0o755, ["trust"]), (0o400, 0o500, [])],
)
def test_files_that_may_hold_secrets_are_their_owners_only(
    tmp_path: Path, mode: int, folder_mode: int, expected: list[str]
) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    for name, content in (("key.pem", pem("ed25519")), ("cert.pem", certificate("ed25519"))):
        (trust / name).write_bytes(content)
    (trust / "key.pem").chmod(mode)
    trust.chmod(folder_mode)
    try:
        assert [Path(hit.place).name for hit in scan.open_to_others([trust])] == expected
    finally:
        trust.chmod(0o700)
