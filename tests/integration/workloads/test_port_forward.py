# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port-forward to a pod that really runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError, NotFound, Unreachable
from support.faults import ConnectProxy

pytestmark = pytest.mark.lab

NAMESPACE = "forwarding"
PORT = 8080
CLUSTER = "east"
LONG = 60.0


@pytest.fixture
def http_proxy() -> Iterator[ConnectProxy]:
    """An HTTP proxy that knows CONNECT."""
    with ConnectProxy() as started:
        yield started


@pytest.fixture(scope="module")
def pod(client: Client) -> Iterator[str]:
    """Istio's echo server, ready, in a namespace that goes away after the tests."""
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, field_manager="test")
    client.wait_for(kinds.SERVICE_ACCOUNT, "default", NAMESPACE, lambda found: True, LONG)
    arguments = [f"--port={PORT}", "--version=v1", "--cluster=here"]
    container = {
        "name": "echo",
        "image": "docker.io/istio/app:1.31.0",
        "args": arguments,
        "readinessProbe": {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1},
    }
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "echo", "namespace": NAMESPACE},
        "spec": {"containers": [container]},
    }
    client.apply(manifest, field_manager="test")
    client.wait_for(kinds.POD, "echo", NAMESPACE, is_ready, LONG)
    yield "echo"
    client.delete(kinds.NAMESPACE, NAMESPACE)
    client.wait_gone(kinds.NAMESPACE, NAMESPACE, None, LONG)


def connect(kubeconfig: str, **options: str) -> Client:
    return Client(CLUSTER, load_credentials({"kubeconfig": kubeconfig, **options}, cluster=CLUSTER, environ={}))


def is_ready(found: dict[str, Any]) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def test_http_through_a_port_forward(client: Client, pod: str) -> None:
    answer = client.pod_http_get(NAMESPACE, pod, PORT, "/some/path").decode()
    assert "Cluster=here" in answer
    assert "URL=/some/path" in answer
    # A forwarded connection comes from the pod's own localhost: istiod's debug endpoints then ask for no token.
    assert re.search(r"IP=(127\.0\.0\.1|::1)", answer)


def test_status_that_is_no_success(client: Client, pod: str) -> None:
    with pytest.raises(KubeError, match="HTTP 503") as raised:
        client.pod_http_get(NAMESPACE, pod, PORT, "/?codes=503:1")
    assert raised.value.status == 503


def test_bytes_both_ways(client: Client, pod: str) -> None:
    with client.port_forward(NAMESPACE, pod, PORT) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
            head = connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 OK")


def test_several_at_once(client: Client, pod: str) -> None:
    with client.port_forward(NAMESPACE, pod, PORT) as one, client.port_forward(NAMESPACE, pod, PORT) as other:
        for connection in (other, one):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
        for connection in (one, other):
            received = b""
            while b"Cluster=here" not in received:
                received += connection.recv(4096)


def test_port_at_which_nothing_listens(client: Client, pod: str) -> None:
    with pytest.raises(Unreachable, match=f"9999 of Pod {NAMESPACE}/{pod}"):
        client.pod_http_get(NAMESPACE, pod, 9999, "/", timeout=5)


def test_pod_that_does_not_exist(client: Client) -> None:
    with pytest.raises(NotFound, match='pods "nobody" not found'):
        client.pod_http_get("default", "nobody", 80, "/")


def test_through_a_proxy(kubeconfig: str, http_proxy: ConnectProxy, pod: str) -> None:
    http_proxy.user_information = "operator:proxy-password"
    address = http_proxy.url.replace("://", "://operator:proxy-password@")
    with closing(connect(kubeconfig, proxy=address)) as client:
        assert b"Cluster=here" in client.pod_http_get(NAMESPACE, pod, PORT, "/")
    assert len(http_proxy.targets) == 1


def test_impersonated_user_without_the_right(kubeconfig: str, pod: str) -> None:
    with (
        closing(connect(kubeconfig, impersonate_user="dana")) as client,
        pytest.raises(KubeError, match="pods/portforward") as raised,
    ):
        client.pod_http_get(NAMESPACE, pod, PORT, "/")
    assert raised.value.status == 403
