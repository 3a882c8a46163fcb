# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real API server as the hub with the whole zoo in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from support import control_plane, discovery_runs, zoo
from support.control_plane import ControlPlane
from support.discovery_runs import Hub


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
