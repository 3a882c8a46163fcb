# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary, west, and its remote, east, from nothing to nothing. Each test starts where the one before ended.

The remote is the first host, and so the hub of the mesh.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from support.lab_runs import NAMESPACE, Lab, Run, list_objects

pytestmark = pytest.mark.lab
ROUTE = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "greeting"},
    "spec": {"hosts": ["greeting"], "http": [{"directResponse": {"status": 418}}]},
}
SLICE = "istiod-ipv4"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Both clusters without Istio, before and afterwards."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.meshlab("fault clear")
    lab.wipe()
    yield lab
    lab.wipe()


@pytest.fixture(scope="module")
def before(lab: Lab) -> dict[str, set[str]]:
    """What each cluster had before Istio came."""
    return {name: set(list_objects(client)) for name, client in lab.clients.items()}


def play(lab: Lab, playbook: str, *arguments: str, **variables: Any) -> Run:
    given = {
        "eastwest_gateway_exposed_hosts": ["*.local"],
        "trust_directory": str(lab.folder / "trust"),
        "cluster_request_timeout": 60,
        **variables,
    }
    remote = {"east": {"cluster_control_plane": "west"}}
    return lab.run(playbook=f"onemesh.istio.{playbook}", hosts=remote, variables=given, arguments=arguments)


def addresses_of_istiod(lab: Lab) -> list[str]:
    """Where pods of east reach it."""
    found = lab.clients["east"].find(kinds.ENDPOINT_SLICE, SLICE, NAMESPACE)
    return [] if found is None else [address for each in found["endpoints"] for address in each["addresses"]]


def test_from_nothing_check_mode_foretells_and_writes_nothing(lab: Lab, before: dict[str, set[str]]) -> None:
    play(lab, "site", "--check").succeeded()
    assert {name: set(list_objects(client)) for name, client in lab.clients.items()} == before


def test_a_primary_and_its_remote_become_one_mesh(lab: Lab, before: dict[str, set[str]]) -> None:
    assert not any("Istio" in name for names in before.values() for name in names)
    said = play(lab, "site").succeeded().output
    assert "4 of 4 pairs of clusters are as they are to be" in said
    assert "remote of west" in said
    istiods = {name: client.list(kinds.DEPLOYMENT, NAMESPACE) for name, client in lab.clients.items()}
    names = {name: sorted(each["metadata"]["name"] for each in found) for name, found in istiods.items()}
    assert names == {"west": ["istio-eastwestgateway", "istiod"], "east": ["istio-eastwestgateway"]}
    assert lab.clients["east"].find(kinds.SECRET, "cacerts", NAMESPACE) is None
    assert lab.clients["east"].list(kinds.SECRET, NAMESPACE, label_selector="istio/multiCluster=true") == []


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    assert play(lab, "site", verify_probe="none").succeeded().changed == []


def test_a_hand_that_took_the_way_to_istiod_is_put_right(lab: Lab) -> None:
    there = addresses_of_istiod(lab)
    assert there
    lab.clients["east"].delete(kinds.ENDPOINT_SLICE, SLICE, NAMESPACE)
    run = play(lab, "site", "--tags", "control_plane").succeeded()
    assert run.changed == [("east", "Lead proxies and the API server to it")]
    assert addresses_of_istiod(lab) == there


def test_configuration_goes_to_the_primary_and_the_log_says_so(lab: Lab) -> None:
    sets = {"replicate_set": "greeting", "replicate_namespace": "greeting", "replicate_definition": [ROUTE]}
    said = play(lab, "replicate", **sets).succeeded().output
    assert "is a remote of west, which has its configuration" in said
    found = {
        name: client.find(kinds.VIRTUAL_SERVICE, "greeting", "greeting") is not None
        for name, client in lab.clients.items()
    }
    assert found == {"west": True, "east": False}
    refused = play(lab, "replicate", "--limit", "east", **sets).failed()
    assert refused.findings() == {("east", "configured-in-primary")}
    play(lab, "replicate", replicate_state="absent", **sets).succeeded()


def test_where_the_istiod_of_the_primary_is_down_it_is_said_what_waits(lab: Lab) -> None:
    west = lab.clusters["west"]
    west.kubectl("-n", NAMESPACE, "scale", "deployment", "istiod", "--replicas=0")
    west.rolled_out(NAMESPACE, "istiod")
    try:
        said = play(lab, "verify", verify_timeout=5).failed().output
    finally:
        west.kubectl("-n", NAMESPACE, "scale", "deployment", "istiod", "--replicas=1")
        west.rolled_out(NAMESPACE, "istiod")
    assert "requests of running pods go on, and new pods wait" in said
    play(lab, "verify").succeeded()


def test_wipe_leaves_both_as_they_were(lab: Lab, before: dict[str, set[str]]) -> None:
    play(lab, "wipe", wipe_confirmed=True).succeeded()
    assert {name: set(list_objects(client)) for name, client in lab.clients.items()} == before
