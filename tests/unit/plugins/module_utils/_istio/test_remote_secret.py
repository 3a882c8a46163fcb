# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio.kubeconfig import check_kubeconfig
from ansible_collections.onemesh.istio.plugins.module_utils._istio.remote_secret import (
    build,
    is_loopback,
    make_stored,
    parse,
)
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._istio.certificate_authorities import authority
from hypothesis import example, given
from hypothesis import strategies as st

CA = authority("api server").pem

# The form of a secret that istioctl 1.31 printed; the values are made up.
PRINTED = f"""\
apiVersion: v1
kind: Secret
metadata:
  annotations:
    networking.istio.io/cluster: east
  labels:
    istio/multiCluster: "true"
  name: istio-remote-secret-east
  namespace: istio-system
stringData:
  east: |
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: {base64.b64encode(CA).decode()}
        server: https://127.0.0.1:26452
      name: east
    contexts:
    - context:
        cluster: east
        user: east
      name: east
    current-context: east
    kind: Config
    users:
    - name: east
      user:
        token: header.payload.signature
"""


def test_the_secret_is_the_one_that_istioctl_prints() -> None:
    assert build("east", "https://127.0.0.1:26452", CA, "header.payload.signature") == yaml.safe_load(PRINTED)


def test_the_server_name_goes_where_istioctl_puts_it() -> None:
    secret = build("east", "https://10.0.0.1", CA, "t", tls_server_name="east.example")
    assert (
        "    server: https://10.0.0.1\n    tls-server-name: east.example\n  name: east\n"
        in secret["stringData"]["east"]
    )


def test_as_stored_it_is_opaque_with_one_base64_key() -> None:
    secret = build("east", "https://10.0.0.1", CA, "t", namespace="mesh")
    as_stored = make_stored(secret)
    assert as_stored["type"] == "Opaque"
    assert as_stored["metadata"]["namespace"] == "mesh"
    assert "stringData" not in as_stored
    assert base64.b64decode(as_stored["data"]["east"]).decode() == secret["stringData"]["east"]


@pytest.mark.parametrize("name", ["", "East", "east_1", "-east", "east.example", "e" * 64])
def test_a_name_that_istioctl_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="DNS-1123"):
        build(name, "https://10.0.0.1", CA, "t")


# Names that YAML takes for a number, a date or a truth value unless they are quoted.
TRICKY = st.sampled_from(["1e3", "0x1f", "0b1", "0o7", "12", "2026-01-02", "no", "on", "y", "null", "1-a", "e1", "0e0"])
NAME = TRICKY | st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)


@given(NAME, st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40))
@example("east", "0_")
@example("east", "1:30")
@example("east", "1_000.5")
@example("east", "+0")
@example("east", "2026-01-02T03:04:05Z")
@example("east", "1E+3")
def test_every_name_and_token_is_read_back_as_text(name: str, token: str) -> None:
    text = build(name, "https://[2001:db8::1]:6443", CA, token)["stringData"][name]
    config = yaml.safe_load(text)
    assert config["current-context"] == name
    assert config["users"] == [{"name": name, "user": {"token": token}}]
    assert check_kubeconfig(text.encode()) is None


def secret(name: str, **data: dict[str, Any] | str) -> dict[str, Any]:
    """A stored remote secret; a value that is a mapping is a kubeconfig."""
    texts = {key: value if isinstance(value, str) else yaml.safe_dump(value) for key, value in data.items()}
    return {
        "metadata": {
            "name": name,
            "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": next(iter(data), "")},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()},
    }


def kubeconfig(name: str, server: str = "https://10.0.0.1:6443", **cluster: Any) -> dict[str, Any]:
    text = build(name, server, CA, "t")["stringData"][name]
    config: dict[str, Any] = yaml.safe_load(text)
    config["clusters"][0]["cluster"].update(cluster)
    return config


def checks(*secrets: dict[str, Any], cluster: str = "west") -> dict[str, str]:
    return {finding.check: finding.severity for finding in parse(secrets, cluster=cluster).findings}


def test_what_was_built_is_registered_without_a_finding() -> None:
    registrations = parse([make_stored(build("east", "https://10.0.0.1:6443", CA, "t"))], cluster="west")
    east = registrations.get("east")
    assert east is not None
    assert (east.server, east.authentication) == ("https://10.0.0.1:6443", "token")
    assert east.secret == "istio-system/istio-remote-secret-east"
    assert (registrations.findings, registrations.ignored) == ((), ())


def test_every_key_of_a_secret_is_a_cluster() -> None:
    two = secret("istio-remote-secret-east", east=kubeconfig("east"), north=kubeconfig("north"))
    assert [cluster.cluster_id for cluster in parse([two], cluster="west").clusters] == ["east", "north"]
    assert checks(two) == {"remote-secret-annotation": "warning", "remote-secret-name": "warning"}


def test_the_own_cluster_is_ignored() -> None:
    registrations = parse([secret("istio-remote-secret-west", west=kubeconfig("west"))], cluster="west")
    assert registrations.clusters == ()
    assert registrations.ignored[0].reason == "ignoring cluster as it would overwrite the config cluster"


def test_of_two_secrets_with_one_cluster_the_older_one_counts() -> None:
    newer = secret("istio-remote-secret-east", east=kubeconfig("east", "https://10.0.0.2"))
    newer["metadata"]["creationTimestamp"] = "2026-02-02T00:00:00Z"
    older = secret("old-east", east=kubeconfig("east", "https://10.0.0.1"))
    registrations = parse([newer, older], cluster="west")
    assert [cluster.server for cluster in registrations.clusters] == ["https://10.0.0.1"]
    assert registrations.ignored[0].secret == "istio-system/istio-remote-secret-east"
    assert registrations.ignored[0].reason == "cluster has already been registered"
    assert checks(newer, older)["remote-secret-duplicate"] == "error"


def test_a_refused_kubeconfig_does_not_hide_the_other_key() -> None:
    mixed = secret("istio-remote-secret-east", east="", north=kubeconfig("north"))
    registrations = parse([mixed], cluster="west")
    assert [cluster.cluster_id for cluster in registrations.clusters] == ["north"]
    assert registrations.ignored[0].reason == "kubeconfig is empty"


def two_contexts() -> dict[str, Any]:
    config = kubeconfig("east")
    config["contexts"].append({"name": "spare", "context": {"cluster": "east", "user": "east"}})
    return config


def without_annotation() -> dict[str, Any]:
    made = secret("istio-remote-secret-east", east=kubeconfig("east"))
    del made["metadata"]["annotations"]
    return made


def elsewhere() -> dict[str, Any]:
    made = secret("istio-remote-secret-east", east=kubeconfig("east"))
    made["metadata"]["namespace"] = "default"
    return made


INSECURE = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
CA_FILE = {"certificate-authority-data": None, "certificate-authority": "/etc/ca.pem"}
DOUBTS = {
    "two contexts": (secret("istio-remote-secret-east", east=two_contexts()), "remote-secret-contexts"),
    "context of another cluster": (
        secret("istio-remote-secret-east", east=kubeconfig("north")),
        "remote-secret-current-context",
    ),
    "insecure": (
        secret("istio-remote-secret-east", east=kubeconfig("east", **INSECURE)),
        "remote-secret-insecure",
    ),
    "CA file": (
        secret("istio-remote-secret-east", east=kubeconfig("east", **CA_FILE)),
        "remote-secret-ca-file",
    ),
    "no annotation": (without_annotation(), "remote-secret-annotation"),
    "another name": (secret("remote-east", east=kubeconfig("east")), "remote-secret-name"),
    "loopback": (
        secret("istio-remote-secret-east", east=kubeconfig("east", "https://127.0.0.1:6443")),
        "remote-secret-loopback",
    ),
    "another namespace": (elsewhere(), "remote-secret-namespace"),
    "no key": (secret("istio-remote-secret-east"), "remote-secret-empty"),
    "own cluster": (secret("istio-remote-secret-west", west=kubeconfig("west")), "remote-secret-own-cluster"),
}


@pytest.mark.parametrize(("doubtful", "check"), DOUBTS.values(), ids=list(DOUBTS))
def test_what_istiod_accepts_in_silence_is_a_warning(doubtful: dict[str, Any], check: str) -> None:
    assert checks(doubtful) == {check: "warning"}


def test_secrets_without_the_label_are_nobody_s_business() -> None:
    other = secret("istio-remote-secret-east", east="")
    other["metadata"]["labels"] = {"istio/multiCluster": "false"}
    assert parse([other], cluster="west") == parse([], cluster="west")


def test_credentials_are_in_no_repr() -> None:
    secrets = [make_stored(build("east", "https://10.0.0.1:6443", CA, "T0PSECRET"))]
    assert "T0PSECRET" not in repr(parse(secrets, cluster="west"))


@pytest.mark.parametrize(
    ("server", "loopback"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://localhost", True),
        ("https://[::1]:6443", True),
        ("127.1.2.3:6443", True),
        ("https://0.0.0.0:6443", True),
        ("https://localhost.example:6443", False),
        ("https://10.127.0.1:6443", False),
        ("https://example.org/127.0.0.1", False),
    ],
)
def test_loopback_servers(server: str, loopback: bool) -> None:
    assert is_loopback(server) is loopback
