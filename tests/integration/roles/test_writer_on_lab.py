# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role link with writers, beside two real istiods; what the accounts may do is in tests/integration/writer."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import CLUSTERZ, parse_clusterz
from ansible_collections.onemesh.istio.plugins.module_utils._istio.names import MONITORING_PORT
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import POD, SECRET, VIRTUAL_SERVICE
from ansible_collections.onemesh.istio.plugins.module_utils._kube.pods import pod_is_ready
from support.lab_runs import LINK, NAMESPACE, Lab, list_objects

pytestmark = pytest.mark.lab
NAMES = ("east", "west")
MAKE = "Make the accounts that may write to the clusters"
REMOVE = "Remove the accounts that may write to the clusters"
UNLINK = "Link the clusters, and wait until every istiod reads its peers"
LEFT = "Say which of the accounts that may write are left"
ROUTE: dict[str, Any] = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "written", "namespace": "default"},
    "spec": {"hosts": ["written.example"], "http": [{"route": [{"destination": {"host": "written.example"}}]}]},
}


@pytest.fixture
def written(mesh: Lab) -> Lab:
    """Linked, with writers."""
    mesh.run(LINK, variables={"link_writer": True}).succeeded()
    return mesh


def kubeconfig(lab: Lab, cluster: str) -> dict[str, Any]:
    secret = lab.clients["east"].get(SECRET, f"onemesh-writer-{cluster}", NAMESPACE)
    return dict(yaml.safe_load(base64.b64decode(secret["data"][cluster])))


def writer(lab: Lab, cluster: str) -> Client:
    """A client with the account of the Secret, at the address by which this machine reaches the cluster."""
    ours = lab.client(cluster).credentials.server
    return lab.client(cluster, kubeconfig=kubeconfig(lab, cluster), context=cluster, host=ours)


def traces(lab: Lab) -> list[str]:
    return [
        f"{name} {key}"
        for name, client in lab.clients.items()
        for key in list_objects(client)
        if "onemesh-writer" in key
    ]


def seen(client: Client) -> set[str]:
    """The clusters that istiod knows, by port-forward to its debug endpoint."""
    pods = [pod for pod in client.list(POD, NAMESPACE, label_selector="app=istiod") if pod_is_ready(pod)]
    body = client.pod_http_get(NAMESPACE, pods[0]["metadata"]["name"], MONITORING_PORT, CLUSTERZ)
    return {cluster.cluster_id for cluster in parse_clusterz(body)}


def test_writers_are_made_after_the_links_and_a_second_run_changes_nothing(written: Lab) -> None:
    run = written.run(LINK, variables={"link_writer": True}, arguments=["--diff"]).succeeded()
    assert run.changed == []
    assert [each["action"] for each in run.of(MAKE).result["writers"]] == ["keep", "keep"]
    for name in NAMES:
        client = writer(written, name)
        assert client.apply(ROUTE, field_manager="test").created
        assert client.delete(VIRTUAL_SERVICE, "written", "default")
    run = written.run(LINK, variables={"link_writer": "false"}).succeeded()
    assert run.changed == []
    assert MAKE not in [each.task for each in run.results]
    assert len(traces(written)) > 0


def test_istiod_does_not_take_a_writer_for_a_link(written: Lab) -> None:
    for name in NAMES:
        assert seen(written.clients[name]) == set(NAMES)
    for secret in written.clients["east"].list(SECRET, NAMESPACE, label_selector="istio/multiCluster=true"):
        assert secret["metadata"]["name"] == "istio-remote-secret-west"


def test_a_writer_that_may_see_acknowledgements_reaches_istiod(written: Lab) -> None:
    run = written.run(LINK, variables={"link_writer": True, "link_writer_proof": "acknowledged"}).succeeded()
    assert [each["action"] for each in run.of(MAKE).result["writers"]] == ["configure", "configure"]
    for name in NAMES:
        assert seen(writer(written, name)) == set(NAMES)


def test_unlinking_one_way_keeps_writers_and_unlinking_all_removes_them(written: Lab) -> None:
    before = traces(written)
    written.run(LINK, variables={"link_state": "absent", "link_from": ["east"], "link_to": ["west"]}).succeeded()
    assert traces(written) == before
    checked = written.run(playbook="onemesh.istio.unlink", arguments=["--check"]).succeeded()
    assert traces(written) == before
    run = written.run(playbook="onemesh.istio.unlink", arguments=["--diff", "-vvvv"]).succeeded()
    assert run.of(REMOVE).result["writers"] == checked.of(REMOVE).result["writers"]
    assert run.of(REMOVE).result["leaked"] == []
    assert traces(written) == []
    assert written.run(playbook="onemesh.istio.unlink").succeeded().changed == []


def test_with_a_cluster_away_the_other_is_unlinked_all_the_same(written: Lab) -> None:
    written.meshlab("fault api-down", "west")
    try:
        run = written.run(playbook="onemesh.istio.unlink", variables={"cluster_request_timeout": 3}).failed()
    finally:
        written.meshlab("fault clear")
    assert (run.of(UNLINK).status, run.of(LEFT).status) == ("failed", "failed")
    assert "west" in run.of(LEFT).result["msg"]
    east = written.clients["east"]
    assert east.list(SECRET, NAMESPACE, label_selector="istio/multiCluster=true") == []
    assert [trace for trace in traces(written) if trace.startswith("east ")] == []
    written.run(playbook="onemesh.istio.unlink").succeeded()
    assert traces(written) == []
