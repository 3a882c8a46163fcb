# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the istiod of a primary is reached, and what a run says of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._operations import endpoint_sync


def test_an_ip_address_is_its_own_and_a_host_name_is_resolved() -> None:
    assert endpoint_sync.resolve_host("hub", "192.0.2.1") == ["192.0.2.1"]
    assert endpoint_sync.resolve_host("hub", "2001:db8::1") == ["2001:db8::1"]
    assert "127.0.0.1" in endpoint_sync.resolve_host("hub", "localhost")


def test_a_host_name_that_nobody_knows_is_named_with_the_way_out() -> None:
    with pytest.raises(KubeError) as raised:
        endpoint_sync.resolve_host("hub", "gateway.invalid")
    assert "the host name gateway.invalid of its gateway is not resolved here" in raised.value.message
    assert "IP addresses" in raised.value.remedy


def test_ports_are_those_of_the_objects() -> None:
    service = {"spec": {"ports": [{"port": 15443}, {"port": 15012}]}}
    gateway = {"spec": {"servers": [{"port": {"number": 15012}}, {"port": {"number": 15017}}]}}
    assert endpoint_sync.ports_of_service(service) == {15443, 15012}
    assert endpoint_sync.ports_of_gateway(gateway) == {15012, 15017}
    assert endpoint_sync.ports_of_service({"spec": {}}) == endpoint_sync.ports_of_gateway({"spec": {}}) == set()


def result(**clusters: dict[str, Any]) -> dict[str, Any]:
    return {"changed": True, "clusters": clusters}


def test_a_run_says_where_each_remote_reaches_istiod_and_what_it_did() -> None:
    changes = {"Service istio-system/istiod": "created", "EndpointSlice istio-system/istiod-ipv4": "configured"}
    part = {"control_plane": "hub", "addresses": ["192.0.2.1", "192.0.2.2"], "changes": changes}
    summary = endpoint_sync.summarize({}, result(edge=part), foretold=False)
    assert summary.clusters["edge"].made == ("Service istio-system/istiod",)
    assert summary.clusters["edge"].changed == ("EndpointSlice istio-system/istiod-ipv4",)
    assert summary.clusters["edge"].facts == {"istiod": "of hub, at 192.0.2.1, 192.0.2.2"}


def test_without_a_remote_it_says_so() -> None:
    assert endpoint_sync.summarize({}, result(), foretold=False).outcome == "no remote cluster"
