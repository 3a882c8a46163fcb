# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kubeconfig_file import environment_of, kubeconfig_of

SERVER = "https://west:6443"


@pytest.mark.parametrize(
    "name",
    [
        "K8S_AUTH_HOST",
        "K8S_AUTH_API_KEY",
        "KUBECONFIG",
        "KUBERNETES_MASTER",
        "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_PORT",
        "POD_NAMESPACE",
        "HELM_KUBEAPISERVER",
        "HELM_KUBECONTEXT",
        "HELM_NAMESPACE",
        "HELM_DRIVER",
        "HELM_DRIVER_SQL_CONNECTION_STRING",
    ],
)
def test_what_names_a_cluster_does_not_reach_the_program(name: str) -> None:
    assert name not in environment_of(Credentials(SERVER), {name: "another"})


@pytest.mark.parametrize(
    "name",
    ["PATH", "HOME", "HELM_CACHE_HOME", "HELM_REGISTRY_CONFIG", "HELM_REPOSITORY_CONFIG", "HTTPS_PROXY", "https_proxy"],
)
def test_what_charts_need_stays(name: str) -> None:
    assert environment_of(Credentials(SERVER), {name: "kept"})[name] == "kept"


@pytest.mark.parametrize(
    ("server", "environ", "exempt"),
    [
        ("https://west:6443", {}, "west:6443"),
        ("https://west", {"HTTPS_PROXY": "http://proxy"}, "west:443"),
        ("http://west", {}, "west:80"),
        ("https://[fd00::1]:6443", {}, "[fd00::1]:6443"),
        ("https://west:6443", {"NO_PROXY": "a,b", "no_proxy": "c"}, "a,b,west:6443"),
        ("https://west:6443", {"no_proxy": "c"}, "c,west:6443"),
    ],
)
def test_a_proxy_for_charts_is_not_one_for_the_api_server(server: str, environ: dict[str, str], exempt: str) -> None:
    environment = environment_of(Credentials(server), environ)
    assert (environment["NO_PROXY"], environment["no_proxy"]) == (exempt, exempt)


@pytest.mark.parametrize(
    ("credentials", "server", "user"),
    [
        (Credentials(SERVER), {"server": SERVER}, {}),
        (Credentials("http://west"), {"server": "http://west"}, {}),
        # client-go refuses both a token and a password, and an authority beside no verification.
        (Credentials(SERVER, token="t", username="u", password="p"), {"server": SERVER}, {"token": "t"}),
        (Credentials(SERVER, verify=False, ca=b"x"), {"server": SERVER, "insecure-skip-tls-verify": True}, {}),
        (
            Credentials(SERVER, proxy="http://u:a b@proxy:1"),
            {"server": SERVER, "proxy-url": "http://u:a%20b@proxy:1"},
            {},
        ),
        (Credentials(SERVER, proxy="http://proxy", no_proxy="west"), {"server": SERVER}, {}),
    ],
)
def test_content(credentials: Credentials, server: dict[str, Any], user: dict[str, Any]) -> None:
    content = kubeconfig_of(credentials, cluster="west")
    assert content["clusters"] == [{"name": "west", "cluster": server}]
    assert content["users"] == [{"name": "west", "user": user}]
    assert content["contexts"] == [{"name": "west", "context": {"cluster": "west", "user": "west"}}]
    assert content["current-context"] == "west"


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        (Credentials("http://west", token="t"), "http://west is no https:// address"),
        (Credentials("http://west", impersonate_user="dana"), "is no https:// address"),
        (Credentials(SERVER, ca=b"nothing"), "certificate authority of .* is no PEM certificate"),
        (Credentials(SERVER, client_certificate=b"x", client_key=b"y"), "cannot be used: not PEM"),
    ],
)
def test_what_no_kubeconfig_can_say(credentials: Credentials, said: str) -> None:
    with pytest.raises(CredentialsError, match=said) as raised:
        kubeconfig_of(credentials, cluster="west")
    assert str(raised.value).startswith("west: ")
    assert raised.value.remedy
