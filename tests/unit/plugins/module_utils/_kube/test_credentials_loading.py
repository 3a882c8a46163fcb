# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import transport
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import (
    Credentials,
    load_credentials,
    read_token_expiry,
    without_user_information,
)
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError

SECRET = "my-secret-token"


def config(user: dict[str, Any] | None = None, **cluster: Any) -> dict[str, Any]:
    return {
        "current-context": "west",
        "clusters": [{"name": "west", "cluster": {"server": "https://west:6443/", **cluster}}],
        "users": [{"name": "dana", "user": {"token": "from-kubeconfig"} if user is None else user}],
        "contexts": [{"name": "west", "context": {"cluster": "west", "user": "dana"}}],
    }


def load(options: dict[str, Any], **environ: str) -> Credentials:
    return load_credentials(options, cluster="west", environ=environ)


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"kubeconfig": config()}, {}, {"server": "https://west:6443", "token": "from-kubeconfig", "verify": True}),
        ({"kubeconfig": json.dumps(config())}, {}, {"token": "from-kubeconfig"}),
        ({"kubeconfig": config(), "api_key": "option"}, {}, {"token": "option"}),
        (
            {"kubeconfig": config(), "host": "https://other"},
            {},
            {"server": "https://other", "token": "from-kubeconfig"},
        ),
        ({"host": "10.0.0.1:6443"}, {}, {"server": "https://10.0.0.1:6443", "token": ""}),
        ({"host": "https://rancher/k8s/clusters/c-1/"}, {}, {"server": "https://rancher/k8s/clusters/c-1"}),
        ({"host": "h", "username": "u", "password": "p"}, {}, {"username": "u", "password": "p"}),
        ({}, {"K8S_AUTH_HOST": "https://h", "K8S_AUTH_API_KEY": "e"}, {"server": "https://h", "token": "e"}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": True})}, {}, {"verify": False}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": True}), "validate_certs": True}, {}, {"verify": True}),
        ({"kubeconfig": config()}, {"K8S_AUTH_VERIFY_SSL": "False"}, {"verify": False}),
        # Templates give text, and the text "False" once was a truth.
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": "False"})}, {}, {"verify": True}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": "no"})}, {}, {"verify": True}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": ""})}, {}, {"verify": True}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": None})}, {}, {"verify": True}),
        ({"kubeconfig": config(**{"insecure-skip-tls-verify": "True"})}, {}, {"verify": False}),
        ({"kubeconfig": config(**{"tls-server-name": "a"})}, {}, {"tls_server_name": "a"}),
        ({"kubeconfig": config(**{"tls-server-name": "a"}), "tls_server_name": "b"}, {}, {"tls_server_name": "b"}),
        ({"kubeconfig": config(**{"proxy-url": "http://a"})}, {}, {"proxy": "http://a"}),
        ({"kubeconfig": config(**{"proxy-url": "http://a"}), "proxy": "http://b"}, {}, {"proxy": "http://b"}),
        ({"kubeconfig": config({"token": "t", "as": "dana"})}, {}, {"impersonate_user": "dana"}),
        (
            {"host": "h", "impersonate_user": "dana"},
            {"K8S_AUTH_IMPERSONATE_GROUPS": "a,b"},
            {"impersonate_user": "dana", "impersonate_groups": ("a", "b")},
        ),
        (
            {"kubeconfig": config({"username": "u", "password": "p"})},
            {},
            {"username": "u", "password": "p", "token": ""},
        ),
        ({"kubeconfig": config({})}, {}, {"token": "", "username": ""}),
        (
            {"kubeconfig": config(**{"certificate-authority-data": base64.b64encode(b"PEM").decode()})},
            {},
            {"ca": b"PEM"},
        ),
    ],
)
def test_credentials(options: dict[str, Any], environ: dict[str, str], expected: dict[str, Any]) -> None:
    credentials = load(options, **environ)
    assert {name: getattr(credentials, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("user", "cluster", "said"),
    [
        ({}, {"insecure-skip-tls-verify": "maybe"}, "insecure-skip-tls-verify of cluster west in .* is text, and true"),
        ({}, {"server": 6443}, "server of cluster west in the kubeconfig .* is a number, and text was expected"),
        ({}, {"tls-server-name": ["a"]}, "tls-server-name of cluster west in .* is a list, and text"),
        ({}, {"proxy-url": True}, "proxy-url of cluster west in .* is true or false, and text"),
        ({}, {"certificate-authority-data": 1}, "certificate-authority-data of cluster west in .* is a number"),
        ({}, {"certificate-authority": {}}, "certificate-authority of cluster west in .* is a mapping"),
        ({"token": 12345678}, {}, "token of user dana in .* is a number"),
        ({"tokenFile": 1}, {}, "tokenFile of user dana in .* is a number"),
        ({"username": "u", "password": 12345678}, {}, "password of user dana in .* is a number"),
        ({"as": 1}, {}, "as of user dana in .* is a number"),
        ({"as": "a", "as-groups": "ops"}, {}, "as-groups of user dana in .* is text, and a list of texts"),
        ({"as": "a", "as-groups": [1]}, {}, "as-groups of user dana in .* is a list, and a list of texts"),
        ({"as": "a", "as-uid": 17}, {}, "as-uid of user dana in .* is a number"),
        ({"as": "a", "as-user-extra": ["x"]}, {}, "as-user-extra of user dana in .* is a list, and a mapping"),
        ({"as": "a", "as-user-extra": {"x": "y"}}, {}, "x of as-user-extra of user dana in .* is text, and a list"),
        ({"exec": "aws"}, {}, "exec of user dana in .* is text, and a mapping"),
        ({"auth-provider": "gcp"}, {}, "auth-provider of user dana in .* is text, and a mapping"),
        ({"client-certificate": 1}, {}, "client-certificate of user dana in .* is a number"),
    ],
)
def test_fields_of_another_type_are_refused_by_name(user: dict[str, Any], cluster: dict[str, Any], said: str) -> None:
    with pytest.raises(CredentialsError, match=said) as raised:
        load({"kubeconfig": config(user, **cluster)})
    assert str(raised.value).startswith("west: ")
    assert "12345678" not in str(raised.value)


def test_files_that_ansible_vault_has_encrypted(tmp_path: Path) -> None:
    """Kubeconfigs, and the files that they and the options name."""

    def vaulted(name: str, content: str) -> str:
        (tmp_path / name).write_bytes(b"$ANSIBLE_VAULT;1.1;AES256\n" + content.encode().hex().encode())
        return str(tmp_path / name)

    def decrypt(content: bytes) -> bytes:
        return bytes.fromhex(content.split(b"\n", 1)[1].decode())

    vaulted("ca.crt", "authority")
    path = vaulted("config", json.dumps(config(**{"certificate-authority": "ca.crt"})))
    options = {"kubeconfig": path, "client_cert": vaulted("cert", "c"), "client_key": vaulted("key", "k")}
    credentials = load_credentials(options, cluster="west", environ={}, decrypt=decrypt)
    assert (credentials.ca, credentials.client_certificate, credentials.client_key) == (b"authority", b"c", b"k")
    for environ in ({"KUBECONFIG": path}, {"K8S_AUTH_KUBECONFIG": f"{tmp_path}/absent:{path}"}):
        assert load_credentials({}, cluster="west", environ=environ, decrypt=decrypt).token == "from-kubeconfig"
    text = Path(vaulted("text", json.dumps(config()))).read_text()
    assert (
        load_credentials({"kubeconfig": text}, cluster="west", environ={}, decrypt=decrypt).token == "from-kubeconfig"
    )

    def refuse(_content: bytes) -> bytes:
        raise ValueError("no secret fits")

    with pytest.raises(CredentialsError, match=r"config .* is encrypted by ansible-vault, and a module cannot decrypt"):
        load(options)
    with pytest.raises(CredentialsError, match=r"cannot be decrypted: no secret fits -> give the vault's password"):
        load_credentials(options, cluster="west", environ={}, decrypt=refuse)


def test_default_files(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text(json.dumps(config({"token": "default"})))
    (tmp_path / "other").write_text(json.dumps(config({"token": "named"})))
    assert load({}, HOME=str(tmp_path)).token == "default"
    assert load({}, HOME=str(tmp_path), KUBECONFIG=f"{tmp_path}/absent:{tmp_path}/other").token == "named"
    assert load({"context": "west"}, HOME=str(tmp_path)).token == "default"


def test_files_named_by_the_kubeconfig(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    (tmp_path / "ca.crt").write_text("authority")
    path = tmp_path / "config"
    path.write_text(json.dumps(config({"tokenFile": "token"}, **{"certificate-authority": "ca.crt"})))
    credentials = load({"kubeconfig": str(path)})
    assert (credentials.token, credentials.ca) == ("from-file", b"authority")
    assert credentials.renew is not None
    (tmp_path / "token").write_text("renewed\n")
    assert credentials.renew().token == "renewed"
    assert load({"kubeconfig": str(path), "api_key": "fixed"}).renew is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "nothing says how to reach its API server"),
        ({"kubeconfig": {**config(), "clusters": [{"name": "west", "cluster": {}}]}}, "has no server"),
        (
            {"kubeconfig": {**config(), "contexts": [*config()["contexts"], {"name": "east"}]}, "host": "h"},
            "has several contexts, and no context: .* -> set context to one of: west, east",
        ),
        (
            {"kubeconfig": config(**{"certificate-authority-data": "%%%"})},
            "certificate-authority-data in .* is not base64",
        ),
        ({"kubeconfig": config(**{"certificate-authority": "/nowhere/ca"})}, "cannot read /nowhere/ca .* No such file"),
        ({"kubeconfig": config({"client-certificate-data": "YQ=="})}, "only one of client-certificate and client-key"),
        ({"kubeconfig": config({"tokenFile": "/nowhere/token"})}, "cannot read /nowhere/token"),
        ({"host": "ftp://h"}, "is no address of an API server"),
        ({"host": "https://h:port"}, "is no address of an API server"),
        ({"host": "https://u:hidden@[::1"}, r"https://\[::1 is no address of an API server"),
        ({"kubeconfig": config(server="https://[::1")}, "is no address of an API server"),
        ({"host": "h", "proxy": "http://u:hidden@[::1"}, r"proxy http://\[::1 is no http:// or https:// address"),
        ({"host": "h", "proxy": "u:hidden@p:3128"}, "the proxy p:3128 is no http:// or https:// address"),
        ({"host": "h", "proxy": "http://:3128"}, "proxy http://:3128 is no http:// or https:// address"),
        ({"host": "h", "password": "p"}, "password was given without username"),
        ({"host": "h", "client_key": __file__}, "client_key was given without client_cert"),
        ({"host": "h", "client_cert": __file__}, "client_cert was given without client_key"),
        ({"host": "h", "api_key": "two\nlines"}, "the token has a line break"),
        ({"host": "h", "proxy": "socks5://u:hidden@p"}, "proxy socks5://p is no http:// or https:// address"),
        ({"host": "h", "impersonate_groups": ["a"]}, "no user -> set impersonate_user too"),
    ],
)
def test_what_cannot_be_used(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=said) as raised:
        load(options, HOME=str(tmp_path))
    assert str(raised.value).startswith("west: ")
    assert raised.value.remedy
    assert "hidden" not in str(raised.value)


def jwt(claims: Any) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{encoded}.signature"


@pytest.mark.parametrize(
    ("token", "expiry"),
    [
        (jwt({"exp": 1800000000}), datetime(2027, 1, 15, 8, tzinfo=timezone.utc)),
        (jwt({"exp": 1800000000, "sub": "ÿ?>"}), datetime(2027, 1, 15, 8, tzinfo=timezone.utc)),
        (jwt({"sub": "no expiry"}), None),
        (jwt({"exp": "soon"}), None),
        (jwt({"exp": 1e300}), None),
        (jwt(["exp"]), None),
        ("a.b.c", None),
        ("opaque", None),
        ("", None),
    ],
)
def test_token_expiry(token: str, expiry: datetime | None) -> None:
    assert read_token_expiry(Credentials(server="https://h", token=token)) == expiry


def test_nothing_secret_in_what_is_printed() -> None:
    credentials = Credentials(
        server="https://h",
        token=SECRET,
        password="my-password",
        client_key=b"my-key",
        client_certificate=b"my-certificate",
        proxy="http://u:my-proxy-password@p",
    )
    assert set(credentials.secrets) == {SECRET, "my-password", "my-key", "my-proxy-password"}
    session = transport.Session("west", Credentials(server="https://h", token=SECRET), connections=1)
    printed = f"{credentials!r} {credentials!s} {session!r}"
    assert not [secret for secret in credentials.secrets if secret in printed]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://u:p@proxy:3128", "http://proxy:3128"),
        ("http://u:p%40ss@proxy", "http://proxy"),
        ("https://h:6443/x", "https://h:6443/x"),
        ("", ""),
    ],
)
def test_urls_in_messages(url: str, shown: str) -> None:
    assert without_user_information(url) == shown
