# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of credential against a real API server: who it takes us for, and what it says where it does not."""

from __future__ import annotations

import base64
import json
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import read_token_expiry
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import (
    CredentialsError,
    Forbidden,
    KubeError,
    Unauthorized,
    Unreachable,
)
from support.control_plane import ADMIN_TOKEN, SERVER_NAME, STRANGER_TOKEN, Authority, ControlPlane
from support.faults import ConnectProxy, SecureConnectProxy

Connect = Callable[..., Client]


def user_of(client: Client) -> dict[str, Any]:
    review = client.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    return dict(review["status"]["userInfo"])


def kubeconfig(plane: ControlPlane, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    """A kubeconfig of one context, west."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "west",
        "clusters": [
            {
                "name": "west",
                "cluster": {"server": plane.url, "certificate-authority": str(plane.ca), **cluster},
            }
        ],
        "users": [{"name": "somebody", "user": user}],
        "contexts": [{"name": "west", "context": {"cluster": "west", "user": "somebody"}}],
    }


def data_of(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_token(plane: ControlPlane, connect: Connect) -> None:
    assert user_of(connect({"kubeconfig": kubeconfig(plane, {"token": ADMIN_TOKEN})}))["username"] == "token-admin"


def test_client_certificate_in_files(plane: ControlPlane, connect: Connect) -> None:
    user = {"client-certificate": str(plane.admin_certificate), "client-key": str(plane.admin_key)}
    assert user_of(connect({"kubeconfig": kubeconfig(plane, user)}))["username"] == "admin"


def test_client_certificate_as_data_leaves_no_file(
    plane: ControlPlane, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    user = {
        "client-certificate-data": data_of(plane.admin_certificate),
        "client-key-data": data_of(plane.admin_key),
    }
    assert user_of(connect({"kubeconfig": kubeconfig(plane, user)}))["username"] == "admin"
    assert list(tmp_path.iterdir()) == []


def test_client_certificate_options(plane: ControlPlane, connect: Connect) -> None:
    options = {
        "host": plane.url,
        "ca_cert": str(plane.ca),
        "client_cert": str(plane.admin_certificate),
        "client_key": str(plane.admin_key),
    }
    assert user_of(connect(options))["username"] == "admin"


def test_a_token_option_counts_before_the_kubeconfigs_client_certificate(plane: ControlPlane, connect: Connect) -> None:
    user = {"client-certificate": str(plane.admin_certificate), "client-key": str(plane.admin_key)}
    client = connect({"kubeconfig": kubeconfig(plane, user), "api_key": STRANGER_TOKEN})
    assert user_of(client)["username"] == "stranger"


def test_variables_of_kubernetes_core(plane: ControlPlane, connect: Connect) -> None:
    environ = {"K8S_AUTH_HOST": plane.url, "K8S_AUTH_API_KEY": STRANGER_TOKEN, "K8S_AUTH_SSL_CA_CERT": str(plane.ca)}
    assert user_of(connect({}, environ=environ))["username"] == "stranger"


def test_kubeconfig_text(plane: ControlPlane, connect: Connect) -> None:
    text = json.dumps(kubeconfig(plane, {"token": ADMIN_TOKEN}), indent=1)
    assert user_of(connect({"kubeconfig": text}))["username"] == "token-admin"


def test_relative_paths_are_relative_to_the_kubeconfig(plane: ControlPlane, connect: Connect) -> None:
    path = plane.folder / "relative.kubeconfig"
    content = kubeconfig(plane, {"client-certificate": plane.admin_certificate.name, "client-key": "admin.key"})
    content["clusters"][0]["cluster"]["certificate-authority"] = plane.ca.name
    path.write_text(json.dumps(content))
    assert user_of(connect({"kubeconfig": str(path)}))["username"] == "admin"


def test_token_file_that_was_renewed_meanwhile_is_read_again(
    plane: ControlPlane, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("no-longer-valid\n")
    client = connect({"kubeconfig": kubeconfig(plane, {"tokenFile": str(tmp_path / "token")})})
    (tmp_path / "token").write_text(ADMIN_TOKEN + "\n")
    assert user_of(client)["username"] == "token-admin"


def write_plugin(path: Path, body: str) -> str:
    path.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}\n")
    path.chmod(0o755)
    return str(path)


TOKEN_PLUGIN = """
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
cluster = info["spec"]["cluster"]
assert info["apiVersion"] == "client.authentication.k8s.io/v1" and cluster["certificate-authority-data"], info
assert info["spec"]["interactive"] is False and "insecure-skip-tls-verify" not in cluster, info
assert cluster["config"] == {"audience": "west"}, info
with open(os.environ["CALLS"], "a") as calls:
    calls.write(cluster["server"] + "\\n")
with open(os.environ["TOKEN"]) as token:
    status = {"token": token.read()}
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


def exec_user(command: str, **variables: str) -> dict[str, Any]:
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": ["get-token"],
            "provideClusterInfo": True,
            "interactiveMode": "Never",
            "env": [{"name": name, "value": value} for name, value in variables.items()],
        }
    }


def test_exec_plugin_is_asked_again_when_its_token_is_refused(
    plane: ControlPlane, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("ended-meanwhile")
    command = write_plugin(tmp_path / "plugin", TOKEN_PLUGIN)
    user = exec_user(command, TOKEN=str(tmp_path / "token"), CALLS=str(tmp_path / "calls"))
    extension = {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "west"}}
    told = {"insecure-skip-tls-verify": "False", "extensions": [extension]}
    client = connect({"kubeconfig": kubeconfig(plane, user, **told)})
    (tmp_path / "token").write_text(ADMIN_TOKEN)
    assert user_of(client)["username"] == "token-admin"
    assert user_of(client)["username"] == "token-admin"
    assert (tmp_path / "calls").read_text().split() == [plane.url] * 2


def test_exec_plugin_that_gives_a_certificate(plane: ControlPlane, connect: Connect, tmp_path: Path) -> None:
    status = {
        "clientCertificateData": plane.admin_certificate.read_text(),
        "clientKeyData": plane.admin_key.read_text(),
    }
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    command = write_plugin(tmp_path / "plugin", f"print({json.dumps(json.dumps(answer))})")
    assert user_of(connect({"kubeconfig": kubeconfig(plane, exec_user(command))}))["username"] == "admin"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('sys.exit("log in first: example login")', "log in first"),
        ('print("hello")', "no JSON"),
        ("print(7)", "no ExecCredential"),
        (
            'print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": None}))',
            "no ExecCredential",
        ),
        ('print(json.dumps({"apiVersion": "v1", "kind": "x", "status": {"token": "t"}}))', "answers in v1"),
        (
            'print(json.dumps({"apiVersion": "client.authentication.k8s.io/v1", "kind": "x", "status": {}}))',
            "neither a token nor a client certificate",
        ),
    ],
)
def test_exec_plugin_that_fails(plane: ControlPlane, connect: Connect, tmp_path: Path, body: str, said: str) -> None:
    command = write_plugin(tmp_path / "plugin", body)
    with pytest.raises(CredentialsError) as raised:
        connect({"kubeconfig": kubeconfig(plane, exec_user(command))})
    assert said in str(raised.value)
    assert str(raised.value).startswith("west: ")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"args": ["--port", 8080]}, "args of exec of user somebody .* a list of texts was expected"),
        ({"env": [{"name": "PORT", "value": 8080}]}, "value of env of exec of user somebody .* text was expected"),
        ({"env": {"PORT": "8080"}}, "env of exec of user somebody .* a list of mappings was expected"),
        ({"provideClusterInfo": "maybe"}, "provideClusterInfo of exec of user somebody .* true or false was expected"),
        ({"apiVersion": None}, "no command or no apiVersion"),
        ({"interactiveMode": "Always"}, "a task has no terminal"),
    ],
)
def test_exec_plugin_that_cannot_be_meant(
    plane: ControlPlane, connect: Connect, tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    user = exec_user(write_plugin(tmp_path / "plugin", ""))
    with pytest.raises(CredentialsError, match=said):
        connect({"kubeconfig": kubeconfig(plane, {"exec": {**user["exec"], **wrong}})})


def test_exec_plugin_that_is_not_installed(plane: ControlPlane, connect: Connect) -> None:
    user = exec_user("no-such-plugin")
    user["exec"]["installHint"] = "get it from your platform team"
    with pytest.raises(CredentialsError, match="get it from your platform team"):
        connect({"kubeconfig": kubeconfig(plane, user)})


def test_service_account_token_and_its_expiry(plane: ControlPlane, admin: Client, connect: Connect) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "reader", "namespace": "default"}}
    admin.apply(account, field_manager="test")
    issued = admin.request_token("reader", "default", seconds=600)
    client = connect({"host": plane.url, "ca_cert": str(plane.ca), "api_key": issued["token"]})
    assert user_of(client)["username"] == "system:serviceaccount:default:reader"
    expiry = read_token_expiry(client.credentials)
    assert expiry is not None
    assert expiry.strftime("%Y-%m-%dT%H:%M:%SZ") == issued["expirationTimestamp"]


def test_token_of_a_deleted_account_is_refused_with_what_to_do(
    plane: ControlPlane, admin: Client, connect: Connect
) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "leaver", "namespace": "default"}}
    admin.apply(account, field_manager="test")
    token = admin.request_token("leaver", "default", seconds=600)["token"]
    admin.delete(kinds.SERVICE_ACCOUNT, "leaver", "default")
    with pytest.raises(Unauthorized) as raised:
        # The API server remembers an accepted token for some seconds; this one it has not seen yet.
        connect({"host": plane.url, "ca_cert": str(plane.ca), "api_key": token}).version()
    assert raised.value.status == 401
    assert "expired, was revoked" in raised.value.remedy
    assert token not in str(raised.value)


def test_impersonation(plane: ControlPlane, connect: Connect) -> None:
    groups = ["auditors", "europe"]
    client = connect({**plane.admin_options(), "impersonate_user": "dana", "impersonate_groups": groups})
    user = user_of(client)
    assert user["username"] == "dana"
    assert set(user["groups"]) == {*groups, "system:authenticated"}


def test_impersonation_of_a_kubeconfig(plane: ControlPlane, connect: Connect) -> None:
    user = {
        "token": ADMIN_TOKEN,
        "as": "dana",
        "as-uid": "17",
        "as-groups": ["auditors"],
        "as-user-extra": {"example.org/reason": ["audit"]},
    }
    found = user_of(connect({"kubeconfig": kubeconfig(plane, user)}))
    assert (found["username"], found["uid"]) == ("dana", "17")
    assert found["extra"] == {"example.org/reason": ["audit"]}


def test_impersonation_without_the_right_names_what_to_grant(plane: ControlPlane, connect: Connect) -> None:
    options = {**plane.admin_options(), "api_key": STRANGER_TOKEN, "impersonate_user": "dana"}
    with pytest.raises(Forbidden, match='grant "stranger" the verb impersonate on users'):
        connect(options).version()


def test_forbidden_names_what_to_grant(plane: ControlPlane, connect: Connect) -> None:
    client = connect({**plane.admin_options(), "api_key": STRANGER_TOKEN})
    with pytest.raises(Forbidden) as raised:
        client.list(kinds.SECRET, "default")
    assert raised.value.remedy == (
        'grant "stranger" the verb list on secrets in namespace default, or use other credentials'
    )
    assert client.can_i("list", kinds.SECRET, "default") is False


def test_without_credentials(plane: ControlPlane, connect: Connect) -> None:
    with pytest.raises(Forbidden, match="no credentials were recognised"):
        connect({"host": plane.url, "ca_cert": str(plane.ca)}).list(kinds.SECRET, "default")


def test_an_identity_of_the_environment_for_another_cluster_is_not_shown(plane: ControlPlane, connect: Connect) -> None:
    options = {"host": plane.url, "ca_cert": str(plane.ca)}
    environ = {"K8S_AUTH_HOST": "https://hub.example", "K8S_AUTH_API_KEY": ADMIN_TOKEN}
    with pytest.raises(Forbidden, match="since that of the environment is about another cluster"):
        connect(options, environ=environ).list(kinds.SECRET, "default")
    assert user_of(connect(options, environ={"K8S_AUTH_API_KEY": ADMIN_TOKEN}))["username"] == "token-admin"


def test_authority_that_did_not_sign_the_servers_certificate(
    plane: ControlPlane, connect: Connect, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    client = connect({**plane.admin_options(), "ca_cert": str(stranger.path)})
    with pytest.raises(Unreachable) as raised:
        client.version()
    assert "is not accepted" in raised.value.message
    assert "set ca_cert" in raised.value.remedy


def test_system_authorities_do_not_know_the_server(plane: ControlPlane, connect: Connect) -> None:
    with pytest.raises(Unreachable, match="set ca_cert"):
        connect({"host": plane.url, "api_key": ADMIN_TOKEN}).version()


def test_validate_certs_false(plane: ControlPlane, connect: Connect) -> None:
    client = connect({"host": plane.url, "api_key": ADMIN_TOKEN, "validate_certs": False})
    assert client.version()["major"] == "1"


def test_name_that_the_certificate_has_not(plane: ControlPlane, connect: Connect) -> None:
    address = plane.url.replace("127.0.0.1", "localhost")
    options = {**plane.admin_options(), "host": address}
    with pytest.raises(Unreachable, match="set tls_server_name"):
        connect(options).version()
    assert connect({**options, "tls_server_name": SERVER_NAME}).version()["major"] == "1"
    config = kubeconfig(plane, {"token": ADMIN_TOKEN}, server=address, **{"tls-server-name": SERVER_NAME})
    assert connect({"kubeconfig": config}).version()["major"] == "1"


def test_proxy(plane: ControlPlane, connect: Connect, http_proxy: ConnectProxy) -> None:
    http_proxy.user_information = "operator:proxy-password"
    address = http_proxy.url.replace("://", "://operator:proxy-password@")
    client = connect({"kubeconfig": kubeconfig(plane, {"token": ADMIN_TOKEN}, **{"proxy-url": address})})
    assert user_of(client)["username"] == "token-admin"
    assert http_proxy.targets == [plane.url.removeprefix("https://")]


def test_proxy_behind_tls(plane: ControlPlane, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(plane.ca))
    with SecureConnectProxy(plane) as proxy:
        client = connect({**plane.admin_options(), "proxy": proxy.url})
        assert user_of(client)["username"] == "token-admin"
        assert proxy.targets == [plane.url.removeprefix("https://")]


def test_proxy_that_refuses(plane: ControlPlane, connect: Connect, http_proxy: ConnectProxy) -> None:
    http_proxy.user_information = "operator:proxy-password"
    address = http_proxy.url.replace("://", "://operator:wrong-password@")
    with pytest.raises(Unreachable) as raised:
        connect({**plane.admin_options(), "proxy": address}).version()
    assert "407" in raised.value.message
    assert http_proxy.url in raised.value.message
    assert "wrong-password" not in str(raised.value)


def test_no_proxy(plane: ControlPlane, connect: Connect, http_proxy: ConnectProxy) -> None:
    client = connect({**plane.admin_options(), "proxy": http_proxy.url, "no_proxy": "10.0.0.0/8,127.0.0.0/8"})
    assert client.version()["major"] == "1"
    assert http_proxy.targets == []


def test_key_file_while_it_is_loaded_is_ours_alone(
    plane: ControlPlane, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    unlink = os.unlink

    def observe(path: Any, **rest: Any) -> None:
        modes.append(stat.S_IMODE(os.stat(path).st_mode))
        unlink(path, **rest)

    user = {"client-certificate": str(plane.admin_certificate), "client-key": str(plane.admin_key)}
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", observe)
        connect({"kubeconfig": kubeconfig(plane, user)})
    assert modes == [0o600]


def test_nothing_secret_in_what_is_printed(plane: ControlPlane, connect: Connect, tmp_path: Path) -> None:
    certificate = {"client-certificate": str(plane.admin_certificate), "client-key": str(plane.admin_key)}
    user = {"token": ADMIN_TOKEN, **certificate}
    client = connect({"kubeconfig": kubeconfig(plane, user, **{"proxy-url": "http://operator:hidden@127.0.0.1:1"})})
    with pytest.raises(KubeError) as raised:
        client.version()
    printed = f"{client!r} {client.credentials!r} {raised.value!r} {raised.value} {raised.value.__cause__!r}"
    for secret in (ADMIN_TOKEN, "hidden", plane.admin_key.read_text().splitlines()[1]):
        assert secret not in printed
