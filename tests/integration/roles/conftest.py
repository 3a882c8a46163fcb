# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab for all tests of this folder: first without Istio, then with it. It is left without."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from support.lab_runs import CONTROL_PLANE, GATEWAY, NAMESPACE, PREFLIGHT, Lab

KEEP = os.environ.get("LAB_KEEPS_MESH", "") == "1"
"""For those who write tests: find the mesh installed, and leave it."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("lab"))
    lab.meshlab("fault clear")
    yield lab
    lab.meshlab("fault clear")
    if not KEEP:
        lab.wipe()


@pytest.fixture(scope="module")
def bare(lab: Lab) -> Lab:
    """Both clusters without anything of Istio or of ours."""
    if any(client.find(kinds.NAMESPACE, NAMESPACE) for client in lab.clients.values()):
        lab.wipe()
    return lab


@pytest.fixture(scope="session")
def mesh(lab: Lab) -> Lab:
    """Both clusters with control plane and gateway, not linked."""
    if not (KEEP and all(client.find(kinds.NAMESPACE, NAMESPACE) for client in lab.clients.values())):
        exposed = {"eastwest_gateway_exposed_hosts": ["*.local"]}
        lab.run(PREFLIGHT, CONTROL_PLANE, GATEWAY, variables=exposed).succeeded()
    return lab
