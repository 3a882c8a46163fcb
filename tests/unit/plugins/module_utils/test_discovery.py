# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the secrets of a hub to clusters: one entry for each, whatever else is among them."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import (
    DiscoveredCluster,
    Discovery,
    Search,
    describe,
    refuse_what_no_reference_carries,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._istio import remote_secret
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils import jwt_maker
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 12, 1, tzinfo=timezone.utc)
BY_DEFAULT = Search()
HUB = DiscoveredCluster("east", usable=True, hub=True, cluster={"name": "east"})


def secret(name: str, **data: bytes) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"istio-remote-secret-{name}",
            "namespace": "istio-system",
            "labels": {"istio/multiCluster": "true"},
            "annotations": {"networking.istio.io/cluster": name},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }


def good(name: str, token: str = "t") -> bytes:
    return remote_secret.build(name, f"https://{name}:6443", b"", token)["stringData"][name].encode()


def described(*secrets: dict[str, Any], search: Search = BY_DEFAULT, hub: DiscoveredCluster | None = HUB) -> Discovery:
    registrations = remote_secret.parse(secrets, cluster="east", by_istiod=search.by_istiod)
    return describe(registrations, search, "east", hub, now=NOW)


def test_a_cluster_is_described_without_its_token() -> None:
    expires = NOW + timedelta(days=20)
    token = jwt_maker.token(exp=int(expires.timestamp()))
    search = Search({"kubeconfig": "~/hub", "context": "east"})
    _hub, west = described(secret("west", west=good("west", token)), search=search).clusters
    assert west.as_dict() == {
        "name": "west",
        "usable": True,
        "reason": "",
        "findings": [],
        "secret": "istio-system/istio-remote-secret-west",
        "server": "https://west:6443",
        "network": "",
        "expires": "2026-12-21T00:00:00Z",
        "hub": False,
        "cluster": {
            "name": "west",
            "api_server": "https://west:6443",
            "remote_secret": {
                "namespace": "istio-system",
                "name": "istio-remote-secret-west",
                "key": "west",
                "kubeconfig": "~/hub",
                "context": "east",
                "hub": "east",
            },
        },
    }


def test_the_hub_comes_first_and_the_others_by_name() -> None:
    clusters = described(secret("west", west=good("west")), secret("alps", alps=good("alps"))).clusters
    assert [each.name for each in clusters] == ["east", "alps", "west"]


def test_a_token_that_has_ended_is_a_finding() -> None:
    token = jwt_maker.token(exp=int((NOW - timedelta(days=1)).timestamp()))
    (west,) = described(secret("west", west=good("west", token)), hub=None).clusters
    assert (west.usable, [finding.check for finding in west.findings]) == (True, ["remote-secret-expired"])


def test_a_refused_cluster_keeps_its_reference() -> None:
    """Without any way to it a task would take the default kubeconfig, and work on another cluster."""
    for search in (Search(), Search(credentials=True)):
        (west,) = described(secret("west", west=b""), search=search, hub=None).clusters
        assert (west.usable, west.reason) == (False, "kubeconfig is empty")
        assert west.cluster["remote_secret"]["name"] == "istio-remote-secret-west"


def test_a_duplicate_is_a_finding_of_the_cluster_that_counts() -> None:
    other = secret("west", west=good("west"))
    other["metadata"]["name"] = "zz"
    (west,) = described(secret("west", west=good("west")), other, hub=None).clusters
    assert west.secret == "istio-system/istio-remote-secret-west"
    assert [finding.check for finding in west.findings] == ["remote-secret-duplicate"]


def test_a_good_secret_counts_after_a_refused_one() -> None:
    refused, fine = secret("west", west=b""), secret("west", west=good("west"))
    fine["metadata"]["creationTimestamp"] = "2026-02-02T00:00:00Z"
    (west,) = described(refused, fine, hub=None).clusters
    assert (west.usable, [finding.check for finding in west.findings]) == (True, ["remote-secret-refused"])


def test_the_own_id_is_the_hub_where_that_is_included() -> None:
    own = secret("east", east=good("east"))
    (hub,) = described(own).clusters
    assert (hub.hub, hub.usable, hub.cluster) == (True, True, {"name": "east"})
    assert [finding.check for finding in hub.findings] == ["remote-secret-own-cluster"]
    (ignored,) = described(own, hub=None).clusters
    assert ignored.reason == "ignoring cluster as it would overwrite the config cluster"


def test_what_names_no_cluster_is_a_finding_of_none() -> None:
    discovery = described(secret("west"))
    assert [each.name for each in discovery.clusters] == ["east"]
    assert [finding.check for finding in discovery.findings] == ["remote-secret-empty"]


def test_secrets_of_others_may_hold_the_hub_itself_and_have_any_name() -> None:
    writers = secret("x", east=good("east"), west=good("west"))
    labels = {"onemesh.istio/writer": "true"}
    writers["metadata"] = {"name": "onemesh-writer", "namespace": "istio-system", "labels": labels}
    discovery = described(writers, search=Search(label="onemesh.istio/writer=true"))
    assert [(each.name, each.usable, each.findings) for each in discovery.clusters] == [
        ("east", True, ()),
        ("west", True, ()),
    ]
    assert "api_server" not in discovery.clusters[1].cluster


def test_the_namespace_of_istio_is_handed_on_where_it_is_another() -> None:
    west = secret("west", west=good("west"))
    west["metadata"]["namespace"] = "mesh"
    registrations = remote_secret.parse([west], cluster="east", namespace="mesh")
    (found,) = describe(registrations, Search(namespace="mesh"), "east", None, now=NOW).clusters
    assert found.cluster["istio_namespace"] == "mesh"
    assert found.cluster["remote_secret"]["namespace"] == "mesh"


def test_credentials_are_given_only_when_asked_for() -> None:
    inline = described(secret("west", west=good("west", "T0PSECRET")), search=Search(credentials=True), hub=None)
    assert inline.clusters[0].cluster["kubeconfig"]["users"][0]["user"]["token"] == "T0PSECRET"
    assert inline.clusters[0].cluster["context"] == "west"
    search = Search({"api_key": "T0PSECRET"})
    assert "T0PSECRET" not in str(described(secret("west", west=good("west", "T0PSECRET")), search=search).clusters)
    assert "T0PSECRET" not in repr(search)


# Anything that somebody may have put under a key, and what could be taken for a kubeconfig.
JUNK = st.binary(max_size=60) | st.text(max_size=60).map(str.encode)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELD = st.sampled_from(["name", "cluster", "user", "context", "server", "token", "exec", "auth-provider", "as-groups"])
ENTRY = st.dictionaries(FIELD, VALUE | st.dictionaries(FIELD, VALUE, max_size=4), max_size=4)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "current-context": VALUE,
        "clusters": st.lists(ENTRY, max_size=2) | VALUE,
        "users": st.lists(ENTRY, max_size=2) | VALUE,
        "contexts": st.lists(ENTRY, max_size=2) | VALUE,
    },
).map(jwt_maker.as_json)


@given(st.dictionaries(st.from_regex(r"[a-z0-9._-]{1,12}", fullmatch=True), JUNK | SHAPED, max_size=4))
def test_nothing_hides_the_good_ones(rest: dict[str, bytes]) -> None:
    rest.pop("good", None)
    older = secret("rest", **rest)
    older["metadata"]["creationTimestamp"] = "2025-01-01T00:00:00Z"
    found = {each.name: each for each in described(older, secret("good", good=good("good"))).clusters}
    assert found["good"].usable
    assert set(found) == {*rest, "good", "east"}
    assert all(each.usable or each.reason for each in found.values())


CARRIED: dict[str, tuple[Search, str]] = {
    "a path": (Search({"kubeconfig": "~/a:~/b", "context": "x"}), ""),
    "a proxy": (Search({"proxy": "http://proxy:3128"}), ""),
    "a token": (Search({"api_key": "t"}), "api_key"),
    "a user": (Search({"username": "u", "password": "p"}), "username, password"),
    "content as a mapping": (Search({"kubeconfig": {"users": []}}), "kubeconfig (its content)"),
    "content as text": (Search({"kubeconfig": "apiVersion: v1\nkind: Config"}), "kubeconfig (its content)"),
    "a proxy's password": (Search({"proxy": "http://u:p@proxy:3128"}), "proxy (its password)"),
    "a token, asked for by name": (Search({"api_key": "t"}, credentials=True), ""),
}


@pytest.mark.parametrize("case", CARRIED)
def test_what_a_reference_cannot_carry_is_refused(case: str) -> None:
    search, refused = CARRIED[case]
    if not refused:
        return refuse_what_no_reference_carries(search)
    with pytest.raises(MeshError) as error:
        refuse_what_no_reference_carries(search)
    assert f"{refused} cannot be handed on to tasks" in str(error.value)
