# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster and a fleet are made of: module options, and inventory host variables."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.common.parameters import _return_datastructure_name
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import (
    CLUSTER_ARGUMENT_SPEC,
    REMOTE_SECRET_ARGUMENT_SPEC,
    Cluster,
    SecretReference,
    clusters_of_hosts,
    fleet_of_parameters,
    hidden_values,
    secret_values,
)
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, FindingKind, MeshError, errors

HOSTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "defaults are the host's name": ({}, {"name": "host", "network": "host"}),
    "the network follows the name": ({"cluster_name": "c1"}, {"name": "c1", "network": "c1"}),
    "a shared network": ({"cluster_shared_network": "flat"}, {"name": "host", "network": "flat"}),
    "a network of its own despite the shared one": (
        {"cluster_shared_network": "flat", "cluster_network": "own"},
        {"name": "host", "network": "own"},
    ),
    "empty is as not set": (
        {"cluster_kubeconfig": "", "cluster_context": "", "cluster_network": "", "cluster_validate_certs": ""},
        {"name": "host", "network": "host"},
    ),
    "empty is as not set, of every option": (
        {f"cluster_{option}": ["", " ", [], {}][number % 4] for number, option in enumerate(CLUSTER_ARGUMENT_SPEC)},
        {"name": "host", "network": "host"},
    ),
    "False is set": (
        {"cluster_validate_certs": False},
        {"name": "host", "network": "host", "validate_certs": False},
    ),
    "a truth as an INI inventory gives it": (
        {"cluster_validate_certs": "False"},
        {"name": "host", "network": "host", "validate_certs": False},
    ),
    "how it is reached": (
        {
            "cluster_kubeconfig": "~/c1",
            "cluster_context": "c1",
            "cluster_api_server": "https://192.0.2.1",
            "cluster_region": "eu",
            "cluster_istio_namespace": "mesh",
            "cluster_tls_server_name": "c1.example",
            "cluster_impersonate_groups": ["ops"],
        },
        {
            "name": "host",
            "network": "host",
            "kubeconfig": "~/c1",
            "context": "c1",
            "api_server": "https://192.0.2.1",
            "region": "eu",
            "istio_namespace": "mesh",
            "tls_server_name": "c1.example",
            "impersonate_groups": ["ops"],
        },
    ),
    "by a Secret of the hub": (
        {"cluster_remote_secret": {"name": "s", "context": "hub"}, "cluster_kubeconfig": ""},
        {"name": "host", "network": "host", "remote_secret": {"name": "s", "context": "hub"}},
    ),
    "no Secret of the hub": ({"cluster_remote_secret": {}}, {"name": "host", "network": "host"}),
    "variables of the roles alone are left out": (
        {"cluster_mesh_id": "mesh9", "cluster_charts": "oci://x", "ansible_host": "192.0.2.9"},
        {"name": "host", "network": "host"},
    ),
}


@pytest.mark.parametrize("case", HOSTS)
def test_a_host_becomes_a_cluster(case: str) -> None:
    variables, expected = HOSTS[case]
    assert clusters_of_hosts(["host"], {"host": variables}) == [expected]


KIND = FindingKind("slug", "cause", "remedy")


def test_a_wrong_word_is_refused_with_the_variable_and_its_host() -> None:
    with pytest.raises(
        ValueError, match=r"^cluster_validate_certs of host west is 'never', and true or false was expected"
    ):
        clusters_of_hosts(["west"], {"west": {"cluster_validate_certs": "never"}})


def test_hosts_keep_their_order() -> None:
    assert [each["name"] for each in clusters_of_hosts(["b", "a", "c"], {"a": {}, "b": {}, "c": {}})] == ["b", "a", "c"]


def test_options_become_a_cluster_with_defaults() -> None:
    cluster = Cluster.from_parameters({"name": "c1", "network": None, "region": None, "context": "x", "host": None})
    assert cluster == Cluster("c1", "c1", region="", api_server="", istio_namespace="istio-system")
    assert cluster.options == {"context": "x"}


REFERENCES: dict[str, tuple[dict[str, Any], SecretReference, str]] = {
    "only its name": (
        {"name": "s"},
        SecretReference("s", "c1", "istio-system"),
        "Secret istio-system/s, key c1, of the hub",
    ),
    "all of it": (
        {"name": "s", "namespace": "mesh", "key": "k", "hub": "east", "context": "east", "host": None},
        SecretReference("s", "k", "mesh", "east"),
        "Secret mesh/s, key k, of hub east",
    ),
}


@pytest.mark.parametrize("case", REFERENCES)
def test_a_reference_names_hub_secret_and_key(case: str) -> None:
    parameters, expected, text = REFERENCES[case]
    reference = Cluster.from_parameters({"name": "c1", "remote_secret": parameters}).remote_secret
    assert reference == expected
    assert str(reference) == text
    assert reference.options == {name: parameters[name] for name in ("context",) if name in parameters}


def test_a_hub_has_no_hub_and_no_credentials_in_a_reference() -> None:
    """So that resolving ends after one step, and a host variable holds no token."""
    assert not {"remote_secret", "api_key", "username", "password"} & set(REMOTE_SECRET_ARGUMENT_SPEC)


def test_a_cluster_shows_no_credentials() -> None:
    assert "hunter2" not in repr(Cluster.from_parameters({"name": "c1", "api_key": "hunter2"}))


def test_a_fleet_keeps_its_order() -> None:
    assert list(fleet_of_parameters([{"name": "b"}, {"name": "a"}])) == ["b", "a"]


REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no cluster": ([], "No cluster was given: the inventory has no hosts, or the clusters option is empty."),
    "two of one name": (
        [{"name": "c1"}, {"name": "c2"}, {"name": "c1"}],
        "The fleet is not usable.\n"
        "  c1: two inventory hosts have this cluster name, and an Istio cluster ID must be unique in a mesh"
        " -> give each cluster a name of its own (in an inventory it is the host's, where it says no other)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_fleet_that_cannot_be_is_refused(case: str) -> None:
    elements, text = REFUSED[case]
    with pytest.raises(MeshError) as refused:
        fleet_of_parameters(elements)
    assert str(refused.value) == text


SECRETS: dict[str, tuple[Any, set[str]]] = {
    "a token": ([{"name": "c1", "api_key": "s1"}], {"s1"}),
    "a password": ([{"username": "u", "password": "s1"}], {"s1"}),
    "inside an inline kubeconfig": (
        [
            {
                "kubeconfig": {
                    "users": [
                        {"user": {"token": "s1", "client-key-data": "s2", "client-certificate-data": "public"}},
                        {"user": {"auth-provider": {"config": {"id-token": "s3", "refresh-token": "s4"}}}},
                    ]
                }
            }
        ],
        {"s1", "s2", "s3", "s4"},
    ),
    "nothing": (None, set()),
    "a path": ([{"kubeconfig": "~/.kube/config"}], set()),
    "empty": ([{"api_key": ""}], set()),
}


@pytest.mark.parametrize("case", SECRETS)
def test_secret_values_of_options(case: str) -> None:
    parameters, expected = SECRETS[case]
    assert secret_values(parameters) == expected


CONTENT = {
    "apiVersion": "v1",
    "clusters": [{"name": "west", "cluster": {"server": "https://west"}}],
    "users": [
        {
            "name": "dana",
            "user": {
                "token": "s1",
                "exec": {"env": [{"name": "REGION", "value": "eu"}, {"name": "AWS_SECRET_ACCESS_KEY", "value": "s2"}]},
            },
        }
    ],
}


@pytest.mark.parametrize(
    ("kubeconfig", "hidden"),
    [
        ("~/.kube/config", set()),
        ("/nowhere/config:/there/config", set()),
        (["/first", CONTENT], {"s1", "s2"}),
        (CONTENT, {"s1", "s2"}),
        (json.dumps(CONTENT), {json.dumps(CONTENT), "s1", "s2"}),
        ("users:\n- user: {token: s1}\n", {"users:\n- user: {token: s1}\n", "s1"}),
        ("users: [\n", {"users: [\n"}),
        (None, set()),
    ],
)
@pytest.mark.parametrize("place", ["clusters", "peers", "remote_secret"])
def test_of_a_kubeconfig_only_what_is_secret_is_hidden(kubeconfig: Any, hidden: set[str], place: str) -> None:
    """Ansible would hide each of its words: names of clusters, servers, and "v1" wherever it stands."""
    way = {"name": "c1", "kubeconfig": kubeconfig}
    parameters = {"clusters": [], place: [way]} if place != "remote_secret" else {"clusters": [{"remote_secret": way}]}
    no_log = {*_return_datastructure_name(kubeconfig), "an-api-key"}
    assert hidden_values(no_log, parameters) == hidden | {"an-api-key"}


def test_a_finding_says_where_what_and_what_to_do() -> None:
    finding = Finding("c1", KIND, "found A, expected B", "do C", object="Secret ns/x")
    assert str(finding) == "c1 (Secret ns/x): found A, expected B -> do C"
    assert finding.as_dict() == {
        "cluster": "c1",
        "clusters": ["c1"],
        "check": "slug",
        "severity": "error",
        "object": "Secret ns/x",
        "message": "found A, expected B",
        "remedy": "do C",
    }


def test_only_errors_stop_an_operation() -> None:
    warning = Finding("c1", KIND, "a", "r", severity="warning")
    error = Finding("c1", KIND, "b", "r")
    assert errors([warning, error]) == [error]
