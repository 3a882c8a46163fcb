# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.credentials import load_credentials
from support import control_plane, faults
from support.control_plane import ControlPlane


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The API server that all these tests share."""
    with control_plane.running(tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    """A function that makes a client from module options and an otherwise empty environment."""
    clients: list[Client] = []

    def make(options: dict[str, Any], *, environ: dict[str, str] | None = None, **settings: Any) -> Client:
        credentials = load_credentials(options, cluster="west", environ=environ or {})
        clients.append(Client("west", credentials, **settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def admin(plane: ControlPlane, connect: Callable[..., Client]) -> Client:
    return connect(plane.admin_options())


@pytest.fixture
def namespace(admin: Client, request: pytest.FixtureRequest) -> str:
    """A namespace of the test's own."""
    name = request.node.name.split("[")[0].replace("_", "-")[:50].strip("-")
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, field_manager="test")
    return str(name)


@pytest.fixture
def front(plane: ControlPlane, tmp_path: Path) -> Iterator[faults.Front]:
    """An HTTPS server before the API server that answers some requests itself, as told."""
    with faults.Front(plane) as started:
        yield started


@pytest.fixture
def wire(plane: ControlPlane) -> Iterator[faults.Wire]:
    """A TCP relay before the API server that can be cut or made silent."""
    with faults.Wire(plane) as started:
        yield started


@pytest.fixture
def http_proxy() -> Iterator[faults.ConnectProxy]:
    """An HTTP proxy that knows CONNECT."""
    with faults.ConnectProxy() as started:
        yield started
