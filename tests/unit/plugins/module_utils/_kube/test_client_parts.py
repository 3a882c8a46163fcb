# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import client, transport
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import Credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import Kind


@pytest.mark.parametrize(
    ("host", "no_proxy", "bypassed"),
    [
        ("api.example.com", "", False),
        ("api.example.com", "api.example.com", True),
        ("API.example.com", "api.EXAMPLE.com", True),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("badexample.com", "example.com", False),
        ("api.example.com", "other.com, localhost", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8,example.com", False),
        ("fd00::1", "fd00::/8", True),
        ("10.1.2.3", "fd00::/8", False),
        ("anything", "*", True),
    ],
)
def test_hosts_that_go_past_the_proxy(host: str, no_proxy: str, bypassed: bool) -> None:
    assert transport.bypasses_proxy(host, no_proxy) is bypassed


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        ({}, []),
        ({"token": "t"}, [("Authorization", "Bearer t")]),
        ({"username": "u", "password": "p"}, [("Authorization", "Basic dTpw")]),
        ({"token": "t", "username": "u"}, [("Authorization", "Bearer t")]),
        (
            {"impersonate_user": "a", "impersonate_groups": ("g", "h"), "impersonate_uid": "1"},
            [
                ("Impersonate-User", "a"),
                ("Impersonate-Uid", "1"),
                ("Impersonate-Group", "g"),
                ("Impersonate-Group", "h"),
            ],
        ),
        ({"impersonate_extra": {"a/b": ("c", "d")}}, [("Impersonate-Extra-a%2Fb", v) for v in ("c", "d")]),
    ],
)
def test_headers(credentials: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    found = list(transport.request_headers(Credentials(server="https://h", **credentials)))
    assert found == [("User-Agent", "onemesh.istio"), *headers]


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        ({"ca": b"no pem"}, "the certificate authority of FILE is no PEM certificate"),
        ({"client_certificate": b"no pem", "client_key": b"my-key"}, "the client certificate and key of FILE"),
    ],
)
def test_certificates_that_cannot_be_used(credentials: dict[str, Any], said: str) -> None:
    with pytest.raises(CredentialsError, match=said) as raised:
        transport.tls_context("west", Credentials(server="https://h", origin="FILE", **credentials))
    assert "my-key" not in str(raised.value)


def test_missing_library_is_told_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_URLLIB3_IMPORT_ERROR", "ModuleNotFoundError: No module named 'urllib3'")
    with pytest.raises(CredentialsError, match=r"needs the Python library urllib3 on .*Python .*install urllib3"):
        client.Client("west", Credentials(server="https://h"))


@pytest.mark.parametrize(
    ("before", "after", "equal"),
    [
        ({"data": 1}, {"data": 1}, True),
        ({"data": 1}, {"data": 2}, False),
        ({"metadata": {"resourceVersion": "1", "generation": 1}}, {"metadata": {"managedFields": []}}, True),
        ({"metadata": {"labels": {}}}, {"metadata": {}}, False),
        ({"status": 1}, {"status": 2}, True),
    ],
)
def test_content_that_counts(before: dict[str, Any], after: dict[str, Any], equal: bool) -> None:
    assert (client.strip_content(before) == client.strip_content(after)) is equal


def test_kinds_of_a_discovery_answer() -> None:
    resource = {"resource": "widgets", "responseKind": {"kind": "Widget"}, "scope": "Namespaced"}
    node = {"resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster"}
    answer = {
        "items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [node]}]},
            {
                "metadata": {"name": "x.org"},
                "versions": [{"version": "v1", "resources": [resource]}, {"version": "v2"}],
            },
        ]
    }
    assert list(client._kinds_of_discovery(answer)) == [
        Kind("v1", "Node", "nodes", False),
        Kind("x.org/v1", "Widget", "widgets", True),
    ]


SECRET_BODY = {"kind": "Secret", "data": {"a": "my-value"}, "stringData": {"b": "other"}}


@pytest.mark.parametrize(
    ("body", "kind", "values"),
    [
        (SECRET_BODY, "", ("my-value", "other")),
        ({"data": {"a": "my-value", "gone": None}}, "Secret", ("my-value",)),
        ([{"op": "add", "value": "my-value"}, {"op": "remove"}], "Secret", ("my-value",)),
        ({"kind": "ConfigMap", "data": {"a": "b"}}, "", ()),
        (None, "", ()),
    ],
)
def test_values_that_errors_must_not_repeat(body: Any, kind: str, values: tuple[str, ...]) -> None:
    assert client._list_secret_values(body, kind) == values


@pytest.mark.parametrize("library", ["urllib3", "yaml", "websocket", "kubernetes", "jinja2"])
def test_every_file_can_be_imported_without_the_libraries(library: str) -> None:
    files = sorted(path.stem for path in Path(client.__file__).parent.glob("*.py") if path.stem != "__init__")
    package = client.__name__.rpartition(".")[0]
    program = (
        f"import importlib, sys; sys.modules[{library!r}] = None\n"
        f"for name in {files!r}: importlib.import_module({package!r} + '.' + name)\n"
        "sys.exit(any(name in sys.modules for name in "
        "('ansible.module_utils.basic', 'kubernetes.client', 'websocket._core')))"
    )
    tree = Path(client.__file__).parents[len(client.__name__.split(".")) - 1]
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": str(tree)}, timeout=60)
