# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real API server as the hub with the whole zoo in it; and a lab with a mesh for what needs istiods."""

from __future__ import annotations

import os
from collections.abc import Iterator

import discovery_runs
import pytest
import zoo
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from discovery_runs import Hub, MeshOfLab
from support import control_plane
from support.control_plane import ControlPlane

KEPT_LAB = os.environ.get("DISCOVERY_LAB", "")
"""The name of a lab with a mesh that is to stay after the tests, for those who write them."""


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with control_plane.running(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture(scope="session")
def hub(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """The hub ``east``: every good kubeconfig in its secrets leads to itself, as another cluster would be."""
    admin = Client("east", load_credentials(plane.admin_options(), cluster="east", environ={}))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "istio-system"}}
    namespace["metadata"]["labels"] = {"topology.istio.io/network": "net-east"}  # type: ignore[index]
    admin.apply(namespace, field_manager="test")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "peer", "namespace": "istio-system"}}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "peer"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "peer", "namespace": "istio-system"}],
    }
    for manifest in (account, binding, discovery_runs.istiod_deployment("east")):
        admin.apply(manifest, field_manager="test")
    token = admin.request_token("peer", "istio-system", seconds=3600)["token"]
    animals = zoo.beasts(plane.url, plane.ca.read_bytes(), token, "east")
    for beast in animals:
        admin.apply(beast.manifest(), field_manager="test")
    folder = tmp_path_factory.mktemp("hub")
    return Hub(plane, admin, token, animals, discovery_runs.write_kubeconfig(folder / "kubeconfig", plane))


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeshOfLab]:
    """Two clusters of a lab of its own, linked, without any request made between them."""
    name = KEPT_LAB or f"discovery{os.getpid()}"
    try:
        yield discovery_runs.start_mesh(name, tmp_path_factory.mktemp("mesh"))
    finally:
        if not KEPT_LAB:
            discovery_runs.run("meshlab", "down", "--name", name)
