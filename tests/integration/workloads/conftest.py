# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of its own with one cluster: its controllers and its scheduler are real, its pods are said to run."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import NAMESPACE

sys.path.append(str(Path(__file__).parents[1] / "replicate"))
from fleet_runs import control_plane, define, gateway_api_definitions, istio_definitions

KEPT_LAB = os.environ.get("WORKLOADS_LAB", "")
"""The name of a lab that is to stay after the tests, for those who write them."""

CLUSTER = "east"
_NUMBERS = itertools.count(1)


def meshlab(*arguments: str) -> str:
    done = subprocess.run(["meshlab", *arguments], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"meshlab {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    name = KEPT_LAB or f"workloads{os.getpid()}"
    try:
        meshlab("up", "--name", name, "--clusters", CLUSTER)
        kubeconfig = meshlab("kubeconfig", "--name", name, CLUSTER)
        yield Client(CLUSTER, load_credentials({"kubeconfig": kubeconfig}, cluster=CLUSTER, environ={}))
    finally:
        if not KEPT_LAB:
            meshlab("down", "--name", name)


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
