# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.settings import resolve_settings

HUB = {
    "K8S_AUTH_HOST": "https://hub:6443",
    "K8S_AUTH_API_KEY": "hub-token",
    "K8S_AUTH_SSL_CA_CERT": "hub-ca",
    "K8S_AUTH_VERIFY_SSL": "False",
    "K8S_AUTH_PROXY": "http://hub-proxy",
    "K8S_AUTH_IMPERSONATE_USER": "hub-user",
}
"""What AWX's credential for the hub puts into the environment, and more."""
OF_HUB = {
    "host": "https://hub:6443",
    "api_key": "hub-token",
    "ca_cert": "hub-ca",
    "validate_certs": False,
    "proxy": "http://hub-proxy",
    "impersonate_user": "hub-user",
}


def resolved(options: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
    return resolve_settings(options, environ, cluster="west")


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        # Who names no cluster is the one that the environment names.
        ({}, OF_HUB),
        ({"validate_certs": True, "proxy": "p"}, {**OF_HUB, "validate_certs": True, "proxy": "p"}),
        ({"host": "hub:6443/"}, {**OF_HUB, "host": "hub:6443/"}),
        ({"host": "hub:6443", "ca_cert": "own"}, {**OF_HUB, "host": "hub:6443", "ca_cert": "own"}),
        # Who names another one gets nothing of it.
        ({"kubeconfig": "f"}, {"kubeconfig": "f"}),
        ({"context": "c"}, {"context": "c"}),
        ({"host": "https://west"}, {"host": "https://west"}),
        ({"host": "https://west", "ca_cert": "own"}, {"host": "https://west", "ca_cert": "own"}),
        ({"context": "c", "ca_cert": "own"}, {"context": "c", "ca_cert": "own"}),
        ({"kubeconfig": "f", "context": "c", "host": "h"}, {"kubeconfig": "f", "context": "c", "host": "h"}),
        ({"kubeconfig": "f", "host": "hub:6443"}, {"kubeconfig": "f", "host": "hub:6443"}),
        ({"host": "https://west", "api_key": "own"}, {"host": "https://west", "api_key": "own"}),
    ],
)
def test_an_environment_that_names_a_cluster_is_about_that_one_alone(
    options: dict[str, Any], settings: dict[str, Any]
) -> None:
    assert resolved(options, HUB) == settings


@pytest.mark.parametrize(
    ("options", "environ", "settings"),
    [
        ({}, {}, {}),
        # Both spellings that kubernetes.core knows.
        ({}, {"K8S_AUTH_VERIFY_SSL": "no", "K8S_AUTH_SSL_CA_CERT": "ca"}, {"validate_certs": False, "ca_cert": "ca"}),
        ({}, {"K8S_AUTH_VALIDATE_CERTS": "on", "K8S_AUTH_CA_CERT": "ca"}, {"validate_certs": True, "ca_cert": "ca"}),
        ({}, {"K8S_AUTH_CERT_FILE": "c", "K8S_AUTH_KEY_FILE": "k"}, {"client_cert": "c", "client_key": "k"}),
        # An option counts before its variable, also where it is False.
        ({"proxy": "p"}, {"K8S_AUTH_PROXY": "q"}, {"proxy": "p"}),
        ({"validate_certs": False}, {"K8S_AUTH_VERIFY_SSL": "yes"}, {"validate_certs": False}),
        # What names no cluster is for all of them.
        ({"kubeconfig": "f"}, {"K8S_AUTH_PROXY": "p"}, {"kubeconfig": "f", "proxy": "p"}),
        ({"context": "c"}, {"K8S_AUTH_VERIFY_SSL": "0"}, {"context": "c", "validate_certs": False}),
        ({"host": "h"}, {"K8S_AUTH_API_KEY": "e"}, {"host": "h", "api_key": "e"}),
        # A kubeconfig brings identity and authority of its own.
        ({"kubeconfig": "f"}, {"K8S_AUTH_API_KEY": "e", "K8S_AUTH_SSL_CA_CERT": "c"}, {"kubeconfig": "f"}),
        # One kubeconfig for all clusters, and a context for each.
        ({"context": "c"}, {"K8S_AUTH_KUBECONFIG": "f"}, {"context": "c", "kubeconfig": "f"}),
        ({"context": "c"}, {"K8S_AUTH_KUBECONFIG": "f", "K8S_AUTH_CONTEXT": "d"}, {"context": "c", "kubeconfig": "f"}),
        ({"context": "c"}, {"K8S_AUTH_KUBECONFIG": "f", **HUB}, {"context": "c", "kubeconfig": "f"}),
        (
            {"context": "c"},
            {"K8S_AUTH_KUBECONFIG": "f", "K8S_AUTH_PROXY": "p"},
            {"context": "c", "kubeconfig": "f", "proxy": "p"},
        ),
        ({"kubeconfig": "f"}, {"K8S_AUTH_CONTEXT": "c"}, {"kubeconfig": "f"}),
        ({"host": "h"}, {"K8S_AUTH_KUBECONFIG": "f", "K8S_AUTH_API_KEY": "e"}, {"host": "h"}),
        # An identity is taken whole from one source.
        (
            {"host": "h", "api_key": "o"},
            {"K8S_AUTH_USERNAME": "u", "K8S_AUTH_PASSWORD": "p"},
            {"host": "h", "api_key": "o"},
        ),
        (
            {"impersonate_groups": "a, b,"},
            {"K8S_AUTH_IMPERSONATE_USER": "dana"},
            {"impersonate_groups": ["a", "b"], "impersonate_user": "dana"},
        ),
    ],
)
def test_precedence(options: dict[str, Any], environ: dict[str, str], settings: dict[str, Any]) -> None:
    assert resolved(options, environ) == settings


@pytest.mark.parametrize("nothing", [None, "", " ", [], {}])
@pytest.mark.parametrize("name", [*sorted(OF_HUB), "kubeconfig", "context", "client_cert", "no_proxy"])
def test_empty_is_as_not_given(name: str, nothing: Any) -> None:
    assert resolved({name: nothing}, HUB) == OF_HUB
    variable = {"ca_cert": "SSL_CA_CERT", "validate_certs": "VERIFY_SSL"}.get(name, name.upper())
    assert resolved({}, {f"K8S_AUTH_{variable}": " "}) == {}


@pytest.mark.parametrize("environ", [{}, HUB, {"K8S_AUTH_KUBECONFIG": "f"}])
@pytest.mark.parametrize(
    "name", ["api_key", "username", "password", "client_cert", "client_key", "ca_cert", "tls_server_name"]
)
def test_what_is_of_one_cluster_needs_to_say_of_which(name: str, environ: dict[str, str]) -> None:
    with pytest.raises(CredentialsError, match=f"of {name} nothing says for which cluster") as raised:
        resolved({name: "my-secret"}, environ)
    assert "set host" in raised.value.remedy
    assert "my-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("options", "environ", "said"),
    [
        ({}, {"K8S_AUTH_VERIFY_SSL": "maybe"}, "K8S_AUTH_VERIFY_SSL is 'maybe', and true or false was expected"),
        ({}, {"K8S_AUTH_VALIDATE_CERTS": "2"}, "K8S_AUTH_VALIDATE_CERTS is '2'"),
        ({"validate_certs": "nope"}, {}, "validate_certs is 'nope'"),
    ],
)
def test_a_truth_that_is_none_is_refused_by_name(options: dict[str, Any], environ: dict[str, str], said: str) -> None:
    with pytest.raises(CredentialsError, match=said):
        resolved(options, environ)
