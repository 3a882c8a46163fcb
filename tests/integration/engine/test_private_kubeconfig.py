# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Helm reaches the cluster that our client reaches, as the same user and by the same way, whatever the environment."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError, KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kubeconfig_file import private_kubeconfig
from support.control_plane import ADMIN_TOKEN, SERVER_NAME, STRANGER_TOKEN, Authority, ControlPlane, binaries_folder
from support.faults import ConnectProxy, Front

Connect = Callable[..., Client]

ELSEWHERE = "https://127.0.0.1:1"
"""Where nobody answers: what is sent there is sent to the wrong cluster."""
OF_ANOTHER_CLUSTER = {
    "K8S_AUTH_HOST": ELSEWHERE,
    "K8S_AUTH_API_KEY": "another-clusters-token",
    "K8S_AUTH_VERIFY_SSL": "true",
    "HELM_KUBEAPISERVER": ELSEWHERE,
    "HELM_KUBECONTEXT": "another",
    "HELM_KUBETOKEN": "another-clusters-token",
    "HELM_KUBEASUSER": "another",
    "HELM_KUBEASGROUPS": "another",
    "HELM_KUBECAFILE": "/nowhere",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY": "true",
    "HELM_KUBETLS_SERVER_NAME": "another",
    "HELM_NAMESPACE": "another",
    "HELM_DRIVER": "memory",
    "KUBECONFIG": "/nowhere",
    "KUBERNETES_MASTER": ELSEWHERE,
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "KUBERNETES_SERVICE_PORT": "1",
}


def helm(credentials: Credentials, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `helm list` says with these credentials, in an environment that speaks of another cluster."""
    binaries = binaries_folder()
    assert binaries is not None
    environ = {**os.environ, **OF_ANOTHER_CLUSTER}
    with private_kubeconfig(credentials, cluster="west", environ=environ) as private:
        return subprocess.run(
            [str(binaries / "helm"), *(arguments or ("list", "--namespace", "default"))],
            env=dict(private.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def kubeconfig(plane: ControlPlane, user: Mapping[str, Any], **cluster: Any) -> dict[str, Any]:
    server = {"server": plane.url, "certificate-authority": str(plane.ca), **cluster}
    return {
        "current-context": "west",
        "clusters": [{"name": "west", "cluster": server}],
        "users": [{"name": "somebody", "user": user}],
        "contexts": [{"name": "west", "context": {"cluster": "west", "user": "somebody"}}],
    }


def written(path: Path, content: bytes | str) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def exec_plugin(folder: Path, status: Mapping[str, Any]) -> dict[str, Any]:
    api = "client.authentication.k8s.io/v1"
    answer = json.dumps({"apiVersion": api, "kind": "ExecCredential", "status": status})
    command = written(folder / "plugin", f"#!{sys.executable}\nprint({answer!r})\n")
    Path(command).chmod(0o755)
    return {"exec": {"apiVersion": api, "command": command, "interactiveMode": "Never"}}


Options = dict[str, Any]


class Forms:
    """Every form of credentials, as options of a module, and the user that it stands for."""

    def __init__(self, plane: ControlPlane, folder: Path, proxy: ConnectProxy) -> None:
        self.plane, self.folder, self.proxy = plane, folder, proxy
        self.named = str(folder / "kubeconfig")
        self.certificate, self.key = plane.authority.issue("certified")
        self.reach = {"host": plane.url, "ca_cert": str(plane.ca)}

    def options_with_a_token(self) -> Options:
        return {**self.reach, "api_key": STRANGER_TOKEN}

    def a_path(self) -> Options:
        return {"kubeconfig": written(Path(self.named), json.dumps(kubeconfig(self.plane, {"token": STRANGER_TOKEN})))}

    def two_paths(self) -> Options:
        """The first has another cluster's context only; as KUBECONFIG has them."""
        own = self.a_path()["kubeconfig"]
        other = kubeconfig(self.plane, {"token": "another-clusters-token"}, server=ELSEWHERE)
        other["contexts"][0]["name"] = other["clusters"][0]["name"] = "another"
        other["users"][0]["name"] = other["contexts"][0]["context"]["cluster"] = "another"
        other["contexts"][0]["context"]["user"] = other["current-context"] = "another"
        return {"kubeconfig": f"{written(self.folder / 'first', json.dumps(other))}:{own}", "context": "west"}

    def text(self) -> Options:
        return {"kubeconfig": json.dumps(kubeconfig(self.plane, {"token": STRANGER_TOKEN}), indent=1)}

    def a_context_beside_an_authority(self) -> Options:
        content = kubeconfig(self.plane, {"token": STRANGER_TOKEN})
        del content["clusters"][0]["cluster"]["certificate-authority"]
        return {"kubeconfig": content, "context": "west", "ca_cert": str(self.plane.ca)}

    def token_file(self) -> Options:
        return {
            "kubeconfig": kubeconfig(self.plane, {"tokenFile": written(self.folder / "token", f"{STRANGER_TOKEN}\n")})
        }

    def an_exec_plugin(self) -> Options:
        return {"kubeconfig": kubeconfig(self.plane, exec_plugin(self.folder, {"token": STRANGER_TOKEN}))}

    def without_verification(self) -> Options:
        return {"host": self.plane.url, "api_key": STRANGER_TOKEN, "validate_certs": False}

    def another_server_name(self) -> Options:
        host = self.plane.url.replace("127.0.0.1", "localhost")
        return {**self.options_with_a_token(), "host": host, "tls_server_name": SERVER_NAME}

    def a_proxy(self) -> Options:
        self.proxy.user_information = "operator:p@ss/word"
        address = self.proxy.url.replace("://", "://operator:p%40ss%2Fword@")
        return {**self.options_with_a_token(), "proxy": address}

    def a_proxy_not_for_this_one(self) -> Options:
        return {**self.options_with_a_token(), "proxy": self.proxy.url, "no_proxy": "127.0.0.0/8"}

    def client_certificate_files(self) -> Options:
        return {**self.reach, "client_cert": str(self.certificate), "client_key": str(self.key)}

    def client_certificate_and_key_in_one_file(self) -> Options:
        both = self.key.read_bytes() + self.certificate.read_bytes()
        return {**self.reach, "client_cert": written(self.folder / "both.pem", both)}

    def client_certificate_data(self) -> Options:
        user = {
            "client-certificate-data": base64.b64encode(self.certificate.read_bytes()).decode(),
            "client-key-data": base64.b64encode(self.key.read_bytes()).decode(),
        }
        return {"kubeconfig": kubeconfig(self.plane, user)}

    def an_exec_plugin_with_a_certificate(self) -> Options:
        status = {"clientCertificateData": self.certificate.read_text(), "clientKeyData": self.key.read_text()}
        return {"kubeconfig": kubeconfig(self.plane, exec_plugin(self.folder, status))}

    def an_authority_that_only_openssl_reads(self) -> Options:
        """With a byte order mark, words, and a line that Go's reader does not take."""
        lines = self.plane.ca.read_text().splitlines()
        text = "\n".join(["\ufeffOur authority:", lines[0], *(f"  {line}" for line in lines[1:-1]), lines[-1]])
        return {**self.options_with_a_token(), "ca_cert": written(self.folder / "ca", text)}

    def impersonation(self) -> Options:
        return {**self.reach, "api_key": ADMIN_TOKEN, "impersonate_user": "dana", "impersonate_groups": ["auditors"]}


FORMS: dict[Callable[[Forms], Options], str] = {
    Forms.options_with_a_token: "stranger",
    Forms.a_path: "stranger",
    Forms.two_paths: "stranger",
    Forms.text: "stranger",
    Forms.a_context_beside_an_authority: "stranger",
    Forms.token_file: "stranger",
    Forms.an_exec_plugin: "stranger",
    Forms.without_verification: "stranger",
    Forms.another_server_name: "stranger",
    Forms.a_proxy: "stranger",
    Forms.a_proxy_not_for_this_one: "stranger",
    Forms.client_certificate_files: "certified",
    Forms.client_certificate_and_key_in_one_file: "certified",
    Forms.client_certificate_data: "certified",
    Forms.an_exec_plugin_with_a_certificate: "certified",
    Forms.an_authority_that_only_openssl_reads: "stranger",
    Forms.impersonation: "dana",
}


@pytest.mark.parametrize(("form", "user"), FORMS.items(), ids=[form.__name__ for form in FORMS])
def test_helm_is_who_we_are(
    plane: ControlPlane,
    connect: Connect,
    tmp_path: Path,
    http_proxy: ConnectProxy,
    form: Callable[[Forms], Options],
    user: str,
) -> None:
    client = connect(form(Forms(plane, tmp_path, http_proxy)), environ={**OF_ANOTHER_CLUSTER, "KUBECONFIG": ""})
    review = client.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    assert review["status"]["userInfo"]["username"] == user
    target = plane.url.removeprefix("https://")
    ours, http_proxy.targets = http_proxy.targets, []
    answer = helm(client.credentials)
    assert f'User "{user}" cannot list resource "secrets"' in answer.stderr, answer.stderr
    assert set(http_proxy.targets) == set(ours) == ({target} if form is Forms.a_proxy else set())


def test_an_authority_that_is_no_root_is_enough_for_both(plane: ControlPlane, connect: Connect, tmp_path: Path) -> None:
    """A cluster's own, which the firm's has signed: https://github.com/kubernetes-client/python/issues/1767."""
    of_the_firm = Authority(tmp_path, "firm")
    of_the_cluster = Authority(tmp_path, "department", above=of_the_firm)
    with Front(plane, of_the_cluster) as front:
        client = connect({"host": front.url, "ca_cert": str(of_the_cluster.path), "api_key": ADMIN_TOKEN})
        assert client.version()["major"] == "1"
        assert helm(client.credentials).returncode == 0
        for other in (Authority(tmp_path, "stranger"), of_the_firm):
            with pytest.raises(KubeError, match="certificate"):
                connect({"host": front.url, "ca_cert": str(other.path), "api_key": ADMIN_TOKEN}).version()


def test_helm_may_what_we_may(plane: ControlPlane, admin: Client) -> None:
    answer = helm(admin.credentials)
    assert (answer.returncode, answer.stderr) == (0, "")


SAID_IN_HEADERS: dict[str, dict[str, Any]] = {
    "user and password": {"username": "dana", "password": "a:pass word"},
    "impersonation": {
        "token": ADMIN_TOKEN,
        "as": "dana",
        "as-uid": "17",
        "as-groups": ["auditors", "europe"],
        "as-user-extra": {"example.org/reason": ["audit", "again"]},
    },
}


@pytest.mark.parametrize("user", SAID_IN_HEADERS.values(), ids=SAID_IN_HEADERS)
def test_helm_says_the_same_of_itself(
    plane: ControlPlane, connect: Connect, front: Front, user: dict[str, Any]
) -> None:
    front.answers = lambda _method, _path: (403, {})
    client = connect({"kubeconfig": kubeconfig(plane, user, server=front.url)})
    with pytest.raises(KubeError):
        client.version()
    helm(client.credentials)
    of_an_identity = ("authorization", "impersonate-")
    ours, *helms = [
        sorted((name.lower(), value) for name, value in headers if name.lower().startswith(of_an_identity))
        for headers in front.headers
    ]
    assert ours
    assert helms
    assert all(headers == ours for headers in helms)


def test_a_renewed_token_is_the_one_that_helm_gets(plane: ControlPlane, connect: Connect, tmp_path: Path) -> None:
    path = tmp_path / "token"
    client = connect({"kubeconfig": kubeconfig(plane, {"tokenFile": written(path, "ended-meanwhile")})})
    path.write_text(ADMIN_TOKEN)
    assert helm(client.credentials).returncode == 0


def test_credentials_that_helm_would_not_send_are_refused_before_anything_is_written(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    client = connect({"host": "http://127.0.0.1:8080", "api_key": ADMIN_TOKEN})
    with pytest.raises(CredentialsError, match="is no https:// address") as raised:
        helm(client.credentials)
    assert ADMIN_TOKEN not in str(raised.value)


@pytest.mark.parametrize("ending", [None, RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_file_is_ours_alone_and_gone_afterwards(
    plane: ControlPlane,
    admin: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ending: type[BaseException] | None,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = os.umask(0)
    try:
        with (
            pytest.raises(ending) if ending else contextlib.nullcontext(),
            private_kubeconfig(admin.credentials, cluster="west", environ={}) as private,
        ):
            path = Path(private.path)
            modes = [stat.S_IMODE(place.stat().st_mode) for place in (path.parent, path)]
            assert ADMIN_TOKEN in path.read_text()
            assert ADMIN_TOKEN not in repr(private)
            if ending is not None:
                raise ending
    finally:
        os.umask(before)
    assert modes == [0o700, 0o600]
    assert list(tmp_path.iterdir()) == []


HOLDS_ONE_FOR_EVER = """
import sys, threading
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kubeconfig_file import private_kubeconfig
credentials = load_credentials({"host": "https://west", "api_key": "t"}, cluster="west", environ={})

def hold():
    with private_kubeconfig(credentials, cluster="west", environ={}) as private:
        print(private.path, flush=True)
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_file_goes_with_a_process_that_is_ended_while_helm_runs(tmp_path: Path, ending: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_ONE_FOR_EVER],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        assert path.is_file()
        os.killpg(process.pid, ending)
        process.wait(30)
    ends = time.monotonic() + 30
    while list(tmp_path.iterdir()) and time.monotonic() < ends:
        time.sleep(0.01)
    assert list(tmp_path.iterdir()) == []
