# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that make options of preflight out of inventory hosts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.filter.chart_sources import chart_sources
from ansible_collections.onemesh.istio.plugins.filter.gateway_addresses import gateway_addresses
from ansible_collections.onemesh.istio.plugins.filter.gateways import gateways

HOSTS: dict[str, dict[str, Any]] = {
    "one": {"cluster_name": "east", "eastwest_gateway_port": "443", "cluster_charts": "/charts"},
    "west": {"cluster_shared_network": "flat"},
}


def test_each_cluster_has_what_its_host_says() -> None:
    assert gateways(["one", "west"], HOSTS) == {"east": {"enabled": True, "port": "443"}, "west": {"enabled": False}}
    assert [(each["cluster"], each["charts"]) for each in chart_sources(["one", "west"], HOSTS)] == [
        ("east", "/charts"),
        ("west", "https://istio-release.storage.googleapis.com/charts"),
    ]


@pytest.mark.parametrize("of_hosts", [gateways, chart_sources])
def test_a_name_in_place_of_a_list_is_refused(of_hosts: Callable[..., Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="takes a list of inventory hosts, not str"):
        of_hosts("one", HOSTS)


def test_addresses_are_parted_or_refused() -> None:
    assert gateway_addresses("192.0.2.1,gw.example.com") == {"ips": ["192.0.2.1"], "hostnames": ["gw.example.com"]}
    with pytest.raises(AnsibleFilterError, match="addresses has 'gw', a name without a domain"):
        gateway_addresses(["gw"])
