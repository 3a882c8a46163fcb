# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be is refused before anything is written, with the cluster and the remedy in words.

Mostly by the operation itself, which is given what role cluster gives it; a play shows that the role passes text on.
"""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.filter.chart_sources import chart_sources
from ansible_collections.onemesh.istio.plugins.filter.clusters import clusters
from ansible_collections.onemesh.istio.plugins.filter.gateways import gateways
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight import run as preflight
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from support.fleet_runs import Ran, run
from support.lab_runs import CONTROL_PLANE, GATEWAY, LINK, NAMESPACE, PREFLIGHT, Lab, Variables

pytestmark = pytest.mark.lab
SITE = (PREFLIGHT, CONTROL_PLANE, GATEWAY, LINK)


def judged(lab: Lab, hosts: Mapping[str, Variables] | None = None, **options: Any) -> Ran:
    """Preflight as role cluster asks for it: by the same filters from the same variables."""
    variables = lab.hostvars(hosts or {})
    named = list(variables)
    read = {"clusters": clusters, "gateways": gateways, "charts": chart_sources}
    given = {option: filtered(named, variables) for option, filtered in read.items()}
    return run(preflight, {**given, **options})


def refused(
    lab: Lab,
    findings: set[tuple[str, str]],
    *words: str,
    hosts: Mapping[str, Variables] | None = None,
    by_a_play: bool = False,
    **options: Any,
) -> None:
    """Preflight, or a whole installation, ends with ``findings`` and ``words``; no object has changed."""
    before = lab.state()
    if by_a_play:
        played = lab.run(*SITE, hosts=hosts).failed()
        assert played.changed == []
        found, said = played.findings(), played.output
    else:
        ran = judged(lab, hosts, **options)
        said = ran.failed()
        found = {(finding["cluster"], finding["check"]) for finding in ran.result["findings"]}
    assert lab.state() == before
    assert found == findings
    for word in words:
        assert word in said


@contextlib.contextmanager
def planted(client: Client, *manifests: dict[str, Any]) -> Iterator[None]:
    """Objects that are there for the time of a test."""
    made: list[tuple[kinds.Kind, str, str | None]] = []
    try:
        for manifest in manifests:
            client.apply(manifest, field_manager="somebody")
            metadata = manifest["metadata"]
            made.append((client.find_kind(manifest), metadata["name"], metadata.get("namespace")))
        yield
    finally:
        for kind, name, namespace in reversed(made):
            client.delete(kind, name, namespace)
        for kind, name, namespace in made:
            client.wait_gone(kind, name, namespace, 60)


# What the inventory says wrongly: changes of west's variables, the finding, and what a person reads


def east_of(lab: Lab, *names: str) -> dict[str, Any]:
    return {name: lab.hosts["east"][name] for name in names}


def test_two_hosts_with_one_cluster_name(bare: Lab) -> None:
    refused(
        bare,
        {("east", "cluster-name-not-unique")},
        "give each cluster a name of its own",
        hosts={"west": {"cluster_name": "east"}},
    )


def test_two_names_for_one_api_server(bare: Lab) -> None:
    east = east_of(bare, "cluster_kubeconfig", "cluster_context")
    refused(
        bare,
        {("west", "same-api-server")},
        "west and east are the same cluster",
        "correct kubeconfig or context of one of them",
        hosts={"west": east},
        by_a_play=True,
    )


def test_a_kubeconfig_without_the_context(bare: Lab) -> None:
    refused(
        bare,
        {("west", "not-reachable")},
        "west: the kubeconfig ",
        "has no context nowhere -> set context to one of: west",
        hosts={"west": {"cluster_context": "nowhere"}},
    )


def test_an_api_server_that_only_this_machine_reaches(bare: Lab) -> None:
    refused(
        bare,
        {("west", "api-server-loopback")},
        "west: the other clusters would dial its API server at https://127.0.0.1:",
        "set api_server to the https URL",
        hosts={"west": {"cluster_api_server": None}},
    )


def signed(claims: dict[str, Any], key_file: Path, header: str) -> str:
    """A token with other claims, by the key with which the API server signs them."""
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    signature = key.sign(f"{header}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{header}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def test_an_expired_token(bare: Lab) -> None:
    """Only its time is wrong: with another end of its life the same token is let in."""
    client = bare.clients["west"]
    kubeconfig = Path(bare.hosts["west"]["cluster_kubeconfig"])
    (key_file,) = kubeconfig.parent.rglob("pki/admin.key")
    header, body, _signature = client.request_token("default", "default")["token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    now = int(time.time())
    past = signed({**claims, "iat": now - 7200, "nbf": now - 7200, "exp": now - 3600}, key_file, header)
    good = signed({**claims, "exp": now + 3600}, key_file, header)
    server, authority = client.credentials.server, str(key_file.parent / "ca.crt")
    by_token = {"cluster_kubeconfig": None, "cluster_context": None, "cluster_host": server}
    by_token |= {"cluster_ca_cert": authority}

    who = bare.client("west", kubeconfig=None, context=None, host=server, ca_cert=authority, api_key=good)
    review = who.create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
    assert review["status"]["userInfo"]["username"] == "system:serviceaccount:default:default"
    refused(
        bare,
        {("west", "not-reachable")},
        "west: ",
        "expired",
        "get a new one",
        hosts={"west": {**by_token, "cluster_api_key": past}},
    )


# What the clusters have that must not be


ISTIOD_OF_SOMEBODY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "istiod", "namespace": NAMESPACE, "labels": {"app": "istiod"}},
    "spec": {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "istiod"}},
        "template": {
            "metadata": {"labels": {"app": "istiod"}},
            "spec": {"containers": [{"name": "discovery", "image": "docker.io/istio/pilot:1.27.1"}]},
        },
    },
}
OPERATOR_TYPE = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "istiooperators.install.istio.io"},
    "spec": {
        "group": "install.istio.io",
        "scope": "Namespaced",
        "names": {"kind": "IstioOperator", "plural": "istiooperators", "singular": "istiooperator"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
OPERATOR = {
    "apiVersion": "install.istio.io/v1alpha1",
    "kind": "IstioOperator",
    "metadata": {"name": "installed-state", "namespace": "default"},
    "spec": {"profile": "default"},
}


def namespace(**labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def node(name: str, cidr: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr]},
    }


def test_gateways_that_could_have_no_address(bare: Lab) -> None:
    """An address that is none, and nodes that nobody outside reaches."""
    inner = node("inner", "10.99.0.0/16")
    inner["metadata"]["labels"] = {"role": "inner"}
    with planted(bare.clients["west"], inner):
        refused(
            bare,
            {("east", "gateway-address-refused"), ("west", "gateway-nodes-missing")},
            "east: of its east-west gateway addresses has 'gateway', a name without a domain",
            "west: its gateway would have no address: none of the 1 nodes with role=inner has an address of",
            hosts={
                "east": {"eastwest_gateway_addresses": ["gateway"]},
                "west": {
                    "eastwest_gateway_service_type": "NodePort",
                    "eastwest_gateway_node_selector": {"role": "inner"},
                },
            },
            by_a_play=True,
        )


def established(resource_type: dict[str, Any]) -> bool:
    # The API server writes null where there is no condition yet.
    conditions = resource_type.get("status", {}).get("conditions") or ()
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


def test_all_that_is_wrong_with_a_cluster_is_said_at_once(bare: Lab) -> None:
    """A network label that differs, an istiod of somebody else, and what IstioOperator left."""
    client = bare.clients["west"]
    label = namespace(**{"topology.istio.io/network": "old-network"})
    with planted(client, label, ISTIOD_OF_SOMEBODY, OPERATOR_TYPE):
        client.wait_for(
            kinds.CUSTOM_RESOURCE_DEFINITION,
            OPERATOR_TYPE["metadata"]["name"],
            None,
            established,
            30,
        )
        with planted(client, OPERATOR):
            refused(
                bare,
                {("west", "network-label-differs"), ("west", "istio-of-another"), ("west", "istio-operator")},
                "west (Namespace istio-system): label topology.istio.io/network is 'old-network', and the inventory "
                "says 'west' -> set network to 'old-network', or remove the label",
                "west (Deployment istio-system/istiod): Istio 1.27.1 is installed already, and not by Helm",
                "west (IstioOperator): IstioOperator objects are left: default/installed-state -> move spec.values",
            )


def test_pods_of_two_clusters_on_one_network_with_the_same_addresses(bare: Lab) -> None:
    with (
        planted(bare.clients["east"], node("overlapping", "10.99.0.0/16")),
        planted(bare.clients["west"], node("overlapping", "10.99.7.0/24")),
    ):
        refused(
            bare,
            {("west", "pod-cidr-overlap")},
            "west: its pod CIDR 10.99.7.0/24 overlaps with 10.99.0.0/16 of east, both on network 'flat' -> give west",
            hosts={name: {"cluster_network": "flat"} for name in ("east", "west")},
        )
        judged(bare).succeeded()


def test_words_that_only_later_roles_read(bare: Lab) -> None:
    before = bare.state()
    wrong = {"verify_keep_probe": "maybe", "link_timeout": "soon", "trust_renew_days": "later"}
    played = bare.run(playbook="onemesh.istio.site", variables=wrong).failed()
    for variable in wrong:
        assert f"argument '{variable}' is of type str" in played.output
    assert (played.changed, bare.state()) == ([], before)


def test_while_a_cluster_is_away_the_others_still_get_their_findings(bare: Lab) -> None:
    with bare.fault("api-down", "west"):
        ran = judged(bare, {"east": {"cluster_api_server": "east.example"}}, request_timeout=2)
    found = {(finding["cluster"], finding["check"]) for finding in ran.result["findings"]}
    assert found == {("west", "not-reachable"), ("east", "api-server-url")}
    assert "east: api_server is 'east.example', and an https URL with a host was expected" in ran.failed()
