# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a Secret of the hub holds to credentials: what is taken from it, and what is not."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils import _yaml
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster, SecretReference
from ansible_collections.onemesh.istio.plugins.module_utils._hub import credentials_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError

REFERENCE = SecretReference("s", "west", hub="east")


def kubeconfig(user: dict[str, Any] | None = None, **cluster: Any) -> bytes:
    return yaml.safe_dump(
        {
            "current-context": "west",
            "clusters": [{"name": "west", "cluster": {"server": "https://west:6443", **cluster}}],
            "users": [{"name": "west", "user": user or {"token": "t-west"}}],
            "contexts": [{"name": "west", "context": {"cluster": "west", "user": "west"}}],
        }
    ).encode()


def credentials(content: bytes, environ: dict[str, str] | None = None, **options: Any) -> Any:
    cluster = Cluster("west", "west", options=options, remote_secret=REFERENCE)
    return credentials_of(cluster, REFERENCE, {"west": content}, environ or {})


def test_the_kubeconfig_says_server_and_token() -> None:
    found = credentials(kubeconfig())
    assert (found.server, found.token) == ("https://west:6443", "t-west")
    assert found.origin == "Secret istio-system/s, key west, of hub east"


def test_the_kubeconfig_is_read_as_yaml_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    load_all = _yaml.load_all

    def counted(content: bytes, **options: Any) -> Any:
        read.append(content)
        return load_all(content, **options)

    monkeypatch.setattr(_yaml, "load_all", counted)
    credentials(kubeconfig())
    assert read == [kubeconfig()]


def test_options_beside_the_reference_correct_the_kubeconfig() -> None:
    found = credentials(kubeconfig(), host="https://bastion:6443", tls_server_name="west")
    assert (found.server, found.tls_server_name, found.token) == ("https://bastion:6443", "west", "t-west")


def test_the_environment_of_the_hub_says_nothing_of_the_cluster() -> None:
    environ = {
        "K8S_AUTH_HOST": "https://east:6443",
        "K8S_AUTH_API_KEY": "t-east",
        "K8S_AUTH_VERIFY_SSL": "False",
        "K8S_AUTH_IMPERSONATE_USER": "admin",
    }
    assert credentials(kubeconfig(), environ) == credentials(kubeconfig())
    assert credentials(kubeconfig(), environ).verify


def test_a_ca_file_of_istiod_is_replaced_by_an_option(tmp_path: Any) -> None:
    own = tmp_path / "ca.crt"
    own.write_text("PEM")
    content = kubeconfig(**{"certificate-authority": "/nowhere/ca.crt"})
    assert credentials(content, ca_cert=str(own)).ca == b"PEM"


REFUSED: dict[str, tuple[bytes, str]] = {
    "a program": (
        kubeconfig({"exec": {"command": "touch", "apiVersion": "client.authentication.k8s.io/v1beta1"}}),
        "kubeconfig is not allowed: exec is not allowed -> link the cluster again so that the secret is made anew",
    ),
    "a file of this machine": (
        kubeconfig({"tokenFile": "/etc/hostname"}),
        "kubeconfig is not allowed: tokenFile is not allowed -> link the cluster again so that the secret is made anew",
    ),
    "a CA file": (
        kubeconfig(**{"certificate-authority": "/etc/ca.pem"}),
        "its CA is the file /etc/ca.pem, which is meant to be where istiod runs -> set ca_cert to a copy of it on this "
        "machine, or link the cluster again",
    ),
    "nothing": (b"", "kubeconfig is empty -> link the cluster again so that the secret is made anew"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_kubeconfig_that_others_wrote_is_not_trusted(case: str) -> None:
    content, text = REFUSED[case]
    with pytest.raises(CredentialsError) as refused:
        credentials(content)
    assert str(refused.value) == f"west: Secret istio-system/s, key west, of hub east: {text}"
