# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.filter.sni import sni_decode, sni_encode

NAMES: list[tuple[dict[str, Any], str]] = [
    (
        {"direction": "outbound", "port": 8080, "subset": "v1", "host": "backend.shop.svc.cluster.local"},
        "outbound_.8080_.v1_.backend.shop.svc.cluster.local",
    ),
    ({"direction": "outbound", "port": 80, "subset": "", "host": "a.b"}, "outbound_.80_._.a.b"),
]


@pytest.mark.parametrize(("destination", "name"), NAMES)
def test_both_filters_agree(destination: dict[str, Any], name: str) -> None:
    assert sni_encode(destination) == name
    assert sni_decode(name) == destination


def test_direction_and_subset_may_be_left_out() -> None:
    assert sni_encode({"host": "a.b", "port": "80"}) == "outbound_.80_._.a.b"


@pytest.mark.parametrize(
    "destination", [{}, {"host": "a.b"}, {"host": "a.b", "port": "http"}, {"host": "a.b", "port": True}, "a.b"]
)
def test_what_is_no_destination_is_refused(destination: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="takes a mapping with host and port"):
        sni_encode(destination)


@pytest.mark.parametrize("name", ["", "a.b", "outbound|80||a.b", 7])
def test_what_is_no_server_name_is_refused(name: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="takes a server name of Istio"):
        sni_decode(name)
