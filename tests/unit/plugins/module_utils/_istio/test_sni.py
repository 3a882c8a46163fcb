# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.sni import (
    DIRECTIONS,
    SniDestination,
    decode_cluster,
    decode_sni,
    encode_cluster,
    encode_sni,
)
from hypothesis import given
from hypothesis import strategies as st

EXAMPLES = [
    (
        SniDestination("outbound", 8080, "v1", "backend-svc.backend-ns.svc.cluster.local"),
        "outbound|8080|v1|backend-svc.backend-ns.svc.cluster.local",
        "outbound_.8080_.v1_.backend-svc.backend-ns.svc.cluster.local",
    ),
    (
        SniDestination("outbound", 80, "", "echo.demo.svc.cluster.local"),
        "outbound|80||echo.demo.svc.cluster.local",
        "outbound_.80_._.echo.demo.svc.cluster.local",
    ),
    (SniDestination("inbound", 8080, "", ""), "inbound|8080||", "inbound_.8080_._."),
]


@pytest.mark.parametrize(("destination", "cluster", "server_name"), EXAMPLES)
def test_both_names_are_written_and_read(destination: SniDestination, cluster: str, server_name: str) -> None:
    assert encode_cluster(destination) == cluster
    assert decode_cluster(cluster) == destination
    assert encode_sni(destination) == server_name
    assert decode_sni(server_name) == destination


LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
# Subsets are any text that Kubernetes stores; istiod does not restrict them to labels.
SUBSET = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)


@given(
    st.builds(
        SniDestination,
        st.sampled_from(DIRECTIONS),
        st.integers(0, 65535),
        SUBSET,
        st.lists(LABEL, min_size=1, max_size=5).map(".".join),
    )
)
def test_what_can_be_written_is_read_back_and_the_rest_is_refused(destination: SniDestination) -> None:
    for separator, encode, decode in (("|", encode_cluster, decode_cluster), ("_.", encode_sni, decode_sni)):
        if separator in destination.subset:
            with pytest.raises(ValueError, match=r"is not of the form|cannot be written|has port"):
                encode(destination)
        else:
            assert decode(encode(destination)) == destination


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("BlackHoleCluster", "is not of the form"),
        ("outbound|80|echo", "is not of the form"),
        ("outbound|80||echo|more", "is not of the form"),
        ("sideways|80||echo", "has direction 'sideways'"),
        ("outbound|http||echo", "has port 'http'"),
        ("outbound|080||echo", "has port '080'"),
        ("outbound|70000||echo", "has port '70000'"),
    ],
)
def test_other_names_are_refused(name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_cluster(name)
    with pytest.raises(ValueError, match=reason):
        decode_sni(name.replace("|", "_."))
