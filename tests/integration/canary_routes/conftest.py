# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from support.fleet_runs import define, gateway_api_definitions, started

CLUSTER = "east"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A cluster that knows the kinds of Istio and of the Gateway API."""
    with started(tmp_path_factory.mktemp("planes"), CLUSTER) as planes:
        client = planes.clients[CLUSTER]
        define(client, gateway_api_definitions())
        client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, field_manager="test")
        yield client
