# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of several clusters, and their written form."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._findings import (
    Finding,
    FindingKind,
    join_clusters,
    read_finding,
)

KIND = FindingKind("slug", "", "")


def finding(cluster: str, message: str = "is gone", **more: str) -> Finding:
    return Finding(cluster, KIND, message, "make it", "warning", **more)


def test_what_is_the_same_on_several_clusters_is_said_once() -> None:
    found = [finding("east"), finding("north", object="Service a/b"), finding("west"), finding("west", "is odd")]
    assert list(map(str, join_clusters(found))) == [
        "east, west: is gone -> make it",
        "north (Service a/b): is gone -> make it",
        "west: is odd -> make it",
    ]


def test_a_finding_is_read_as_it_was_written() -> None:
    for each in (finding("east", object="Service a/b"), *join_clusters([finding("east"), finding("west")])):
        assert read_finding(each.as_dict()) == each
