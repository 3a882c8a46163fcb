# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Service by which a remote cluster reaches the istiod of its primary."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._istio.remote_istiod import (
    IstiodAddresses,
    has_endpoints,
    make_service,
    make_slices,
)


def test_the_service_selects_nothing_and_has_the_ports_of_istiod() -> None:
    service = make_service("istio-system", "r2")
    assert service["metadata"]["name"] == "istiod-r2"
    assert "selector" not in service["spec"]
    assert [(port["port"], port.get("targetPort")) for port in service["spec"]["ports"]] == [
        (15012, None),
        (443, 15017),
    ]


def test_every_address_is_an_endpoint_of_its_family_once() -> None:
    given = IstiodAddresses(["192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2"], 31512, 31517)
    slices = make_slices("istio-system", given)
    found = {each["addressType"]: [endpoint["addresses"] for endpoint in each["endpoints"]] for each in slices}
    assert found == {"IPv4": [["192.0.2.1"], ["192.0.2.2"]], "IPv6": [["2001:db8::1"]]}
    for each in slices:
        assert each["metadata"]["labels"]["kubernetes.io/service-name"] == "istiod"
        assert {port["name"]: port["port"] for port in each["ports"]} == {"tcp-istiod": 31512, "tcp-webhook": 31517}


def test_a_family_without_an_address_has_an_empty_slice() -> None:
    slices = make_slices("istio-system", IstiodAddresses(["192.0.2.1"]))
    assert [has_endpoints(each) for each in slices] == [True, False]
