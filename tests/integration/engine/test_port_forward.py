# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Port-forward to a pod that really runs, on the first cluster of a running lab (MESHLAB_NAME, default ``test``)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError, NotFound, Unreachable
from faults import ConnectProxy

pytestmark = pytest.mark.lab

Connect = Callable[..., Client]
NAMESPACE = "forwarding"
PORT = 8080
LONG = 60.0


def meshlab(*arguments: str) -> str:
    command = ["meshlab", *arguments, "--name", os.environ.get("MESHLAB_NAME", "test")]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.fixture(scope="module")
def lab_kubeconfig() -> str:
    inventory = yaml.safe_load(meshlab("inventory"))
    first = next(iter(_hosts(inventory)))
    return str(inventory_value(inventory, first, "cluster_kubeconfig"))


def _hosts(inventory: dict[str, Any]) -> dict[str, Any]:
    """Hosts of the first group that has some."""
    for group in inventory.values():
        if group.get("hosts"):
            return dict(group["hosts"])
        if group.get("children"):
            return _hosts(group["children"])
    raise AssertionError("the lab's inventory has no hosts")


def inventory_value(inventory: dict[str, Any], host: str, name: str) -> Any:
    return _hosts(inventory)[host][name]


@pytest.fixture(scope="module")
def lab(lab_kubeconfig: str) -> Iterator[Client]:
    client = Client("lab", load_credentials({"kubeconfig": lab_kubeconfig}, cluster="lab", environ={}))
    yield client
    client.close()


@pytest.fixture(scope="module")
def pod(lab: Client) -> Iterator[str]:
    """Istio's echo server, ready, in a namespace that goes away after the tests."""
    lab.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, field_manager="test")
    lab.wait_for(kinds.SERVICE_ACCOUNT, "default", NAMESPACE, lambda found: True, LONG)
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
    lab.apply(manifest, field_manager="test")
    lab.wait_for(kinds.POD, "echo", NAMESPACE, is_ready, LONG)
    yield "echo"
    lab.delete(kinds.NAMESPACE, NAMESPACE)
    lab.wait_gone(kinds.NAMESPACE, NAMESPACE, None, LONG)


def is_ready(found: dict[str, Any]) -> bool:
    conditions = found.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def test_http_through_a_port_forward(lab: Client, pod: str) -> None:
    answer = lab.pod_http_get(NAMESPACE, pod, PORT, "/some/path").decode()
    assert "Cluster=here" in answer
    assert "URL=/some/path" in answer
    # A forwarded connection comes from the pod's own localhost: istiod's debug endpoints then ask for no token.
    assert re.search(r"IP=(127\.0\.0\.1|::1)", answer)


def test_status_that_is_no_success(lab: Client, pod: str) -> None:
    with pytest.raises(KubeError, match="HTTP 503") as raised:
        lab.pod_http_get(NAMESPACE, pod, PORT, "/?codes=503:1")
    assert raised.value.status == 503


def test_bytes_both_ways(lab: Client, pod: str) -> None:
    with lab.port_forward(NAMESPACE, pod, PORT) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
            head = connection.recv(4096)
            assert head.startswith(b"HTTP/1.1 200 OK")


def test_several_at_once(lab: Client, pod: str) -> None:
    with lab.port_forward(NAMESPACE, pod, PORT) as one, lab.port_forward(NAMESPACE, pod, PORT) as other:
        for connection in (other, one):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
        for connection in (one, other):
            received = b""
            while b"Cluster=here" not in received:
                received += connection.recv(4096)


def test_port_at_which_nothing_listens(lab: Client, pod: str) -> None:
    with pytest.raises(Unreachable, match=f"9999 of Pod {NAMESPACE}/{pod}"):
        lab.pod_http_get(NAMESPACE, pod, 9999, "/", timeout=5)


def test_pod_that_does_not_exist(lab: Client) -> None:
    with pytest.raises(NotFound, match='pods "nobody" not found'):
        lab.pod_http_get("default", "nobody", 80, "/")


def test_through_a_proxy(lab_kubeconfig: str, connect: Connect, http_proxy: ConnectProxy, pod: str) -> None:
    http_proxy.user_information = "operator:proxy-password"
    address = http_proxy.url.replace("://", "://operator:proxy-password@")
    client = connect({"kubeconfig": lab_kubeconfig, "proxy": address})
    assert b"Cluster=here" in client.pod_http_get(NAMESPACE, pod, PORT, "/")
    assert len(http_proxy.targets) == 1


def test_impersonated_user_without_the_right(lab_kubeconfig: str, connect: Connect, pod: str) -> None:
    client = connect({"kubeconfig": lab_kubeconfig, "impersonate_user": "dana"})
    with pytest.raises(KubeError, match="pods/portforward") as raised:
        client.pod_http_get(NAMESPACE, pod, PORT, "/")
    assert raised.value.status == 403


def test_istiod_says_what_it_reads(lab: Client) -> None:
    """Only where the lab's cluster has an istiod: its debug endpoints answer without a token."""
    pods = [found for found in lab.list(kinds.POD, "istio-system", label_selector="app=istiod") if is_ready(found)]
    if not pods:
        pytest.skip("no istiod on this lab")
    clusters = json.loads(lab.pod_http_get("istio-system", pods[0]["metadata"]["name"], 15014, "/debug/clusterz"))
    assert all(cluster["syncStatus"] for cluster in clusters)
