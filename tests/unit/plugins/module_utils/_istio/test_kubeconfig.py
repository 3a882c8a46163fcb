# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio.kubeconfig import check_kubeconfig, find_used_context
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._istio.certificate_authorities import (
    authority,
    key_pem,
)

AUTHORITY = authority("api server")
CA = base64.b64encode(AUTHORITY.pem).decode()
KEY = base64.b64encode(key_pem(AUTHORITY.private)).decode()
NO_CONFIGURATION = (
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
)


def kubeconfig(cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "east", "cluster": cluster or {"server": "https://east.example:6443"}}],
        "users": [{"name": "east", "user": {"token": "not-a-secret"} if user is None else user}],
        "contexts": [{"name": "east", "context": {"cluster": "east", "user": "east"}}],
        "current-context": "east",
        **top,
    }


def with_exec(**command: Any) -> dict[str, Any]:
    return kubeconfig(user={"exec": {"command": "aws", **command}})


SERVER = "https://east.example:6443"
V1 = "client.authentication.k8s.io/v1"
V1BETA1 = "client.authentication.k8s.io/v1beta1"
OTHER_USER = {"name": "other", "user": {"exec": {"command": "aws", "apiVersion": V1, "interactiveMode": "Never"}}}

OIDC = {"idp-issuer-url": "https://issuer.example", "client-id": "istiod"}
ACCEPTED = {
    "token": kubeconfig(),
    "no user's credentials": kubeconfig(user={}),
    "basic": kubeconfig(user={"username": "reader", "password": "x"}),
    "client certificate in the file": kubeconfig(user={"client-certificate-data": CA, "client-key-data": KEY}),
    "oidc": kubeconfig(
        user={"auth-provider": {"name": "oidc", "config": {"idp-issuer-url": "https://i", "client-id": "c"}}}
    ),
    "CA data": kubeconfig({"server": SERVER, "certificate-authority-data": CA}),
    "CA file": kubeconfig({"server": SERVER, "certificate-authority": "/etc/ca.pem"}),
    "insecure": kubeconfig({"server": SERVER, "insecure-skip-tls-verify": True}),
    "proxy and server name": kubeconfig({"server": SERVER, "proxy-url": "http://proxy", "tls-server-name": "east"}),
    "host and port": kubeconfig({"server": "10.0.0.1:6443"}),
    "no kind": {key: value for key, value in kubeconfig().items() if key not in ("kind", "apiVersion")},
}


@pytest.mark.parametrize("config", ACCEPTED.values(), ids=list(ACCEPTED))
def test_istiod_accepts(config: dict[str, Any]) -> None:
    assert check_kubeconfig(yaml.safe_dump(config).encode()) is None


INDENTED = base64.b64encode(b" " + AUTHORITY.pem).decode()
DAMAGED = base64.b64encode(AUTHORITY.pem.replace(b"MII", b"M!I")).decode()
REFUSED = {
    "a list": ([1], "kubeconfig cannot be loaded: expected a mapping"),
    "nothing in a list": ({"clusters": [None]}, "kubeconfig is not valid: invalid configuration: cluster has no"),
    "an auth provider without its configuration": (
        kubeconfig(user={"auth-provider": {"name": "oidc", "config": ["x"]}}),
        "Must provide idp-issuer-url",
    ),
    "another kind": ({"kind": "Secret", "apiVersion": "v1"}, "kubeconfig cannot be loaded: no kind 'Secret'"),
    "number for a name": (kubeconfig(**{"current-context": 1000.0}), "cannot be loaded: current-context"),
    "bad base64": (kubeconfig({"server": SERVER, "certificate-authority-data": "%"}), "illegal base64 data"),
    "two of one name": (
        kubeconfig(users=[{"name": "east", "user": {}}] * 2),
        "kubeconfig cannot be loaded: duplicate name 'east' in list of users",
    ),
    "nothing in it": ({"kind": "Config", "apiVersion": "v1"}, f"kubeconfig is not valid: {NO_CONFIGURATION}"),
    "no current context": (kubeconfig(**{"current-context": ""}), NO_CONFIGURATION),
    "unknown current context": (
        kubeconfig(**{"current-context": "gone"}),
        "kubeconfig is not valid: invalid configuration: context was not found for specified context: gone",
    ),
    "context without its user": (
        kubeconfig(users=[]),
        'kubeconfig is not valid: invalid configuration: user "east" was not found for context "east"',
    ),
    "another broken context": (
        kubeconfig(contexts=[*kubeconfig()["contexts"], {"name": "other", "context": {"user": "east"}}]),
        'kubeconfig is not valid: invalid configuration: cluster was not specified for context "other"',
    ),
    "no server": (
        kubeconfig({"tls-server-name": "east"}),
        'kubeconfig is not valid: invalid configuration: no server found for cluster "east"',
    ),
    "an empty cluster": (
        kubeconfig(clusters=[{"name": "east", "cluster": {}}]),
        "kubeconfig is not valid: invalid configuration: cluster has no server defined",
    ),
    "two ways to authenticate": (
        kubeconfig(user={"token": "t", "username": "u"}),
        "kubeconfig is not valid: invalid configuration: more than one authentication method found for east; "
        "found [token basicAuth], only one is allowed",
    ),
    "certificate without key": (
        kubeconfig(user={"client-certificate-data": CA}),
        "kubeconfig is not valid: invalid configuration: client-key-data or client-key must be specified for east "
        "to use the clientCert authentication method.",
    ),
    "exec": (with_exec(apiVersion=V1, interactiveMode="Never"), "kubeconfig is not allowed: exec is not allowed"),
    "exec v1beta1": (with_exec(apiVersion=V1BETA1), "kubeconfig is not allowed: exec is not allowed"),
    "exec of v1 without interactiveMode": (
        with_exec(apiVersion=V1),
        "kubeconfig is not valid: invalid configuration: interactiveMode must be specified for east to use exec "
        "authentication plugin",
    ),
    "exec without apiVersion": (
        with_exec(),
        "kubeconfig is not valid: invalid configuration: [apiVersion must be specified for east to use exec "
        "authentication plugin, interactiveMode must be specified for east to use exec authentication plugin]",
    ),
    "exec of a user that is not used": (
        kubeconfig(users=[*kubeconfig()["users"], OTHER_USER]),
        "kubeconfig is not allowed: exec is not allowed",
    ),
    "token file": (kubeconfig(user={"tokenFile": "/t"}), "kubeconfig is not allowed: tokenFile is not allowed"),
    "client key file": (
        kubeconfig(user={"client-certificate-data": CA, "client-key": "/k"}),
        "kubeconfig is not allowed: clientKey is not allowed",
    ),
    "client certificate file": (
        kubeconfig(user={"client-certificate": "/c", "client-key-data": CA}),
        "kubeconfig is not allowed: clientCertificate is not allowed",
    ),
    "cloud's provider": (
        kubeconfig(user={"auth-provider": {"name": "gcp"}}),
        "kubeconfig is not allowed: auth provider gcp is not allowed",
    ),
    "insecure with CA": (
        kubeconfig({"server": SERVER, "insecure-skip-tls-verify": True, "certificate-authority-data": CA}),
        "failed to create kube clients: specifying a root certificates file with the insecure flag is not allowed",
    ),
    "CA that is no PEM": (
        kubeconfig({"server": SERVER, "certificate-authority-data": base64.b64encode(b"x").decode()}),
        "failed to create kube clients: unable to load root certificates: unable to parse bytes as PEM block",
    ),
    "CA that is damaged": (
        kubeconfig({"server": SERVER, "certificate-authority-data": DAMAGED}),
        "failed to create kube clients: unable to load root certificates: ",
    ),
    "CA that is a key": (
        kubeconfig({"server": SERVER, "certificate-authority-data": KEY}),
        "failed to create kube clients: unable to load root certificates: no valid certificate authority data seen",
    ),
    "CA that is indented": (
        kubeconfig({"server": SERVER, "certificate-authority-data": INDENTED}),
        "failed to create kube clients: unable to load root certificates: unable to parse bytes as PEM block",
    ),
    "client certificate for a key": (
        kubeconfig(user={"client-certificate-data": CA, "client-key-data": CA}),
        "failed to create kube clients: tls: found a certificate rather than a key in the PEM for the private key",
    ),
    "client key for a certificate": (
        kubeconfig(user={"client-certificate-data": KEY, "client-key-data": KEY}),
        "failed to create kube clients: tls: failed to find certificate PEM data in certificate input, but did find a",
    ),
    "client certificate that is indented": (
        kubeconfig(user={"client-certificate-data": INDENTED, "client-key-data": KEY}),
        "failed to create kube clients: tls: failed to find any PEM data in certificate input",
    ),
    "oidc without its issuer": (
        kubeconfig(user={"auth-provider": {"name": "oidc"}}),
        "failed to create kube clients: Must provide idp-issuer-url",
    ),
    "text for a truth value": (
        kubeconfig({"server": SERVER, "insecure-skip-tls-verify": "yes"}),
        "kubeconfig cannot be loaded: insecure-skip-tls-verify of cluster 'east'",
    ),
    "text for another truth value": (
        kubeconfig({"server": SERVER, "disable-compression": "true"}),
        "kubeconfig cannot be loaded: disable-compression of cluster 'east'",
    ),
    "proxy of another scheme": (
        kubeconfig({"server": SERVER, "proxy-url": "ftp://x"}),
        'kubeconfig is not valid: invalid configuration: invalid \'proxy-url\' "ftp://x" for cluster "east": '
        'unsupported scheme "ftp", must be http, https, or socks5',
    ),
    "namespace that is no label": (
        kubeconfig(contexts=[{"name": "east", "context": {"cluster": "east", "user": "east", "namespace": "A_b"}}]),
        'kubeconfig is not valid: invalid configuration: namespace "A_b" for context "east" does not conform to the '
        "kubernetes DNS_LABEL rules",
    ),
    "server with a blank": (
        kubeconfig({"server": "https://a b"}),
        'failed to create kube clients: host must be a URL or a host:port pair: "https://a b"',
    ),
    "path without a scheme": (
        kubeconfig({"server": "host/path"}),
        'failed to create kube clients: host must be a URL or a host:port pair: "host/path"',
    ),
    "server that is no URL": (
        kubeconfig({"server": "https://"}),
        'failed to create kube clients: host must be a URL or a host:port pair: "https://"',
    ),
}


@pytest.mark.parametrize(("config", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_istiod_refuses_for_its_own_reason(config: Any, reason: str) -> None:
    found = check_kubeconfig(yaml.safe_dump(config).encode())
    assert found is not None
    assert reason in found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "kubeconfig is empty"),
        (b"# nothing\n", f"kubeconfig is not valid: {NO_CONFIGURATION}"),
        (
            b"kind: 2026-99-99\n",
            "kubeconfig cannot be loaded: no kind '2026-99-99' is registered for version None, expected kind Config of "
            "version v1",
        ),
        (b"kind: !!int x\n", "kubeconfig cannot be loaded: yaml: not YAML"),
        # sigs.k8s.io/yaml reads the first document, and lets the last of two equal keys win.
        (b"kind: Secret\nkind: Config\n---\nkind: Secret\n", f"kubeconfig is not valid: {NO_CONFIGURATION}"),
    ],
)
def test_files_that_are_no_kubeconfig(content: bytes, reason: str) -> None:
    assert check_kubeconfig(content) == reason


def test_a_file_that_is_not_yaml_is_refused_with_its_line() -> None:
    found = check_kubeconfig(b"clusters: []\nusers: [\n")
    assert found is not None
    assert found.startswith("kubeconfig cannot be loaded: yaml: line 3: ")


@pytest.mark.parametrize("broken", [b"users: [{user: {token: T0PSECRET}}\n", b'token: "T0PSECRET\n', b"T0PSECRET"])
def test_a_reason_never_quotes_the_file(broken: bytes) -> None:
    assert "T0PSECRET" not in str(check_kubeconfig(broken))


def test_what_istiod_is_told_to_allow_is_accepted() -> None:
    config = yaml.safe_dump(with_exec(apiVersion=V1, interactiveMode="Never")).encode()
    assert check_kubeconfig(config, frozenset({"exec"})) is None
    assert find_used_context(config, frozenset({"exec"})).authentication == "exec"
