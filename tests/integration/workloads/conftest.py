# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with one cluster: its controllers and its scheduler are real, its pods are said to run."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import NAMESPACE
from support import control_plane, labs
from support.fleet_runs import define, gateway_api_definitions, istio_definitions

KEPT_LAB = os.environ.get("WORKLOADS_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""

CLUSTER = "east"
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with labs.running(KEPT_LAB, "workloads", tmp_path_factory.mktemp("lab"), CLUSTER) as lab:
        yield str(lab.clusters[CLUSTER].kubeconfig)


@pytest.fixture(scope="session")
def client(kubeconfig: str) -> Iterator[Client]:
    client = Client(CLUSTER, load_credentials({"kubeconfig": kubeconfig}, cluster=CLUSTER, environ={}))
    yield client
    client.close()


@pytest.fixture(scope="session")
def routing(client: Client) -> Client:
    """The cluster knows the kinds of Istio and of the Gateway API."""
    binaries = control_plane.binaries_folder()
    assert binaries is not None
    define(client, [*istio_definitions(binaries), *gateway_api_definitions()])
    return client


@pytest.fixture
def namespace(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    # A namespace takes a while to go, and the next test may be the same one with other parameters.
    name = request.node.name.split("[")[0].removeprefix("test_").replace("_", "-")[:30].strip("-")
    name = f"{name}-{next(_NUMBERS)}"
    client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    yield name
    client.delete(NAMESPACE, name)
