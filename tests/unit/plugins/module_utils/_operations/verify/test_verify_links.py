# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pairs shall work, and how roots are recognised."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import gather
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify

NAMES = ["a", "b", "c"]
ALL = {(one, other) for one in NAMES for other in NAMES if one != other}


@pytest.mark.parametrize(
    ("parameters", "links"),
    [
        ({}, ALL),
        ({"from": ["a"]}, {("a", "b"), ("a", "c")}),
        ({"to": ["c"]}, {("a", "c"), ("b", "c")}),
        ({"from": ["a", "b"], "to": ["b"]}, {("a", "b")}),
        ({"links": [{"from": "a", "to": "b"}, {"from": "c", "to": "a"}]}, {("a", "b"), ("c", "a")}),
        ({"links": []}, set()),
    ],
    ids=["full mesh", "from", "to", "both", "one by one", "none"],
)
def test_the_pairs_that_shall_work(parameters: dict[str, Any], links: set[tuple[str, str]]) -> None:
    assert verify.list_wanted_links(NAMES, parameters) == links


def test_a_link_to_an_unknown_cluster_is_refused_before_anything_is_read() -> None:
    with pytest.raises(MeshError, match="the clusters are a, b, c"):
        verify.list_wanted_links(NAMES, {"links": [{"from": "a", "to": "d"}]})


def test_the_roots_that_an_envoy_trusts() -> None:
    held = {"certificates": [{"ca_cert": [{"serial_number": "0A"}, {"serial_number": "ff"}]}, {"cert_chain": []}]}
    assert gather.read_root_serials(json.dumps(held).encode()) == {10, 255}
    assert gather.read_root_serials(b"{}") == frozenset()
