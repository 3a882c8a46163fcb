# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the preflight: a fleet that passes, one that fails, and the text that a person then reads."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._helm.leftovers import Leftover
from ansible_collections.onemesh.istio.plugins.module_utils._helm.manifest import ObjectIdentity, Owner
from ansible_collections.onemesh.istio.plugins.module_utils._identity import Claim
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight.checks import (
    CHECKS,
    IstiodDeployment,
    Snapshot,
    is_loopback,
    judge,
    minor_version,
)

OURS = IstiodDeployment("istiod", "default", "1.31.0", "west", "istiod")


def snapshot(
    name: str, *, network: str = "", api_server: str = "", control_plane: str = "self", **more: Any
) -> Snapshot:
    return Snapshot(
        cluster=Cluster(name, network or name, api_server=api_server, control_plane=control_plane),
        server=more.pop("server", f"https://{name}.example:6443"),
        uid=more.pop("uid", f"uid-of-{name}"),
        kubernetes=more.pop("kubernetes", (1, 31)),
        **more,
    )


EAST = snapshot("east", network="net-1", pod_cidrs=("10.1.0.0/16",), istio_version="1.31.0")

ROLE_LEFT = Leftover(ObjectIdentity("", "ClusterRole", "", "istiod-clusterrole-istio-system"), "v1", "u1")
TYPE_LEFT = Leftover(
    ObjectIdentity("", "CustomResourceDefinition", "", "gateways.networking.istio.io"),
    "v1",
    "u2",
    Owner("base", "old"),
    holds=2,
)
WEBHOOK_LEFT = Leftover(
    ObjectIdentity("", "MutatingWebhookConfiguration", "", "istio-revision-tag-default"),
    "v1",
    "u3",
    calls="mesh/istiod",
)

# check: (what passes beside EAST, what does not, the finding as it is printed)
ROWS: dict[str, tuple[Snapshot, Snapshot, str]] = {
    "cluster-name-invalid": (
        snapshot("west-1"),
        snapshot("West_1"),
        "West_1: the cluster name 'West_1' is not a DNS-1123 label (lower-case letters, digits, '-', 63 at most)"
        " -> set its name to such a label",
    ),
    "same-api-server": (
        snapshot("west"),
        snapshot("west", uid="uid-of-east", server="https://192.0.2.1:6443"),
        "west: west and east are the same cluster (UID uid-of-east of kube-system, https://192.0.2.1:6443)"
        " -> correct kubeconfig or context of one of them",
    ),
    "cluster-differs": (
        snapshot("west", claim=Claim("west", "uid-of-west")),
        snapshot("west", claim=Claim("north", "uid-of-west")),
        "west (Namespace istio-system): the API server at https://west.example:6443 is cluster north (annotation "
        "onemesh.istio/cluster) -> correct kubeconfig or context of west; only if north is the "
        "cluster that you mean, this one's name has to be north",
    ),
    "cluster-replaced": (
        snapshot("west"),
        snapshot("west", claim=Claim("west", "old")),
        "west (Namespace istio-system): the record on the API server at https://west.example:6443 is of cluster west "
        "with UID old of kube-system, and this one has uid-of-west: it was restored from a backup -> correct "
        "kubeconfig or context of west; if this is rightly west, made anew, take the old record away: "
        "`kubectl annotate namespace istio-system onemesh.istio/cluster- onemesh.istio/cluster-uid-`",
    ),
    "kubernetes-too-old": (
        snapshot("west", kubernetes=(1, 29)),
        snapshot("west", kubernetes=(1, 28)),
        "west: its Kubernetes is 1.28, and at least 1.29 is needed -> upgrade the cluster",
    ),
    "permission-missing": (
        snapshot("west"),
        snapshot("west", missing_permissions=("patch namespaces", "create secrets")),
        "west: these credentials may not: patch namespaces, create secrets"
        " -> use credentials with these rights, or grant them (cluster-admin holds them all)",
    ),
    "credentials-not-for-helm": (
        snapshot("west", helm_refuses=("", "")),
        snapshot("west", helm_refuses=("http://west is no https:// address", "give the https:// address")),
        "west: http://west is no https:// address -> give the https:// address",
    ),
    "credentials-expire-soon": (
        snapshot("west", minutes_left=31.0),
        snapshot("west", minutes_left=29.0),
        "west: the token of these credentials expires in 29 minutes -> get a new one before a run that may last longer",
    ),
    "api-server-url": (
        snapshot("west", api_server="https://192.0.2.1"),
        snapshot("west", api_server="192.0.2.1:6443"),
        "west: api_server is '192.0.2.1:6443', and an https URL with a host was expected"
        " -> write it as https://HOST:PORT",
    ),
    "api-server-loopback": (
        snapshot("west", server="https://127.0.0.1:6443", api_server="https://192.0.2.1:6443"),
        snapshot("west", server="https://127.0.0.1:6443"),
        "west: the other clusters would dial its API server at https://127.0.0.1:6443, their own loopback"
        " -> set api_server to the https URL by which pods of the other clusters reach it",
    ),
    "pod-cidr-overlap": (
        snapshot("west", network="net-2", pod_cidrs=("10.1.0.0/16",)),
        snapshot("west", network="net-1", pod_cidrs=("10.2.0.0/16", "10.1.128.0/24")),
        "west: its pod CIDR 10.1.128.0/24 overlaps with 10.1.0.0/16 of east, both on network 'net-1'"
        " -> give west a network of its own, or another pod CIDR",
    ),
    "network-label-differs": (
        snapshot("west", network="net-2", network_label="net-2"),
        snapshot("west", network="net-2", network_label="old"),
        "west (Namespace istio-system): label topology.istio.io/network is 'old', and the inventory says 'net-2'"
        " -> set network to 'old', or remove the label if the network has really changed",
    ),
    "istio-of-another": (
        snapshot("west", istiods=(OURS,)),
        snapshot("west", istiods=(replace(OURS, release=""),)),
        "west (Deployment istio-system/istiod): Istio 1.31.0 is installed already, and not by Helm -> to take it over "
        "set leftovers to adopt, which gives its objects Helm's marks and the charts' content; to be rid of it "
        "use the tool that installed it, or playbook onemesh.istio.wipe deletes it together with all that is Istio's "
        "on the cluster, its resource types and your objects of them",
    ),
    "cluster-id-differs": (
        snapshot("west", istiods=(replace(OURS, cluster_id=""),)),
        snapshot("west", istiods=(replace(OURS, cluster_id="Kubernetes"),)),
        "west (Deployment istio-system/istiod): istiod runs with CLUSTER_ID 'Kubernetes', which is that of a "
        "cluster without a name -> give it value global.multiCluster.clusterName=west by helm upgrade, as it was "
        "installed, and restart its workloads",
    ),
    "istiod-of-a-remote": (
        snapshot("west", control_plane="east"),
        snapshot("west", control_plane="east", istiods=(OURS,)),
        "west (Deployment istio-system/istiod): it has an istiod (istiod), and the inventory says that it is a remote "
        "of east -> set control_plane of west to self; where it is to become a remote, its istiod goes first: playbook "
        "onemesh.istio.wipe deletes it together with all that is Istio's on the cluster, its resource types and your "
        "objects of them",
    ),
    "istio-skew": (
        snapshot("west", istio_version="1.30.4"),
        snapshot("west", istio_version="1.31.0", istiods=(replace(OURS, version="1.29.2"),)),
        "west: its Istio 1.29 is too far from 1.31 of east (1 minor version apart is supported)"
        " -> upgrade the older one first, one minor version at a time",
    ),
    "istio-operator": (
        snapshot("west"),
        snapshot("west", legacy_operators=("istio-system/installed-state",)),
        "west (IstioOperator): IstioOperator objects are left: istio-system/installed-state"
        " -> move spec.values of each to the values of the istiod chart (spec.components.pilot.k8s.env becomes env, "
        "spec.meshConfig becomes meshConfig); then delete these objects with kubectl: where their operator still runs, "
        "that deletes the Istio which it made from them",
    ),
    "leftover": (
        snapshot("west", leftovers=(ROLE_LEFT, TYPE_LEFT), choice="adopt"),
        snapshot("west", leftovers=(ROLE_LEFT, TYPE_LEFT)),
        "west (ClusterRole istiod-clusterrole-istio-system): the charts will own what somebody else left: ClusterRole "
        "istiod-clusterrole-istio-system, CustomResourceDefinition gateways.networking.istio.io (of Helm release "
        "old/base; with 2 objects) -> to take them over set leftovers to adopt, which gives them Helm's marks "
        "and the charts' content; to have exactly these deleted set it to remove (2 objects of these resource types "
        "stand in the way of that); if Helm still lists release old/base, do not uninstall it, which would delete "
        "them: `kubectl --namespace old delete secret --selector owner=helm,name=base` forgets it",
    ),
    "leftover-in-use": (
        snapshot("west", leftovers=(ROLE_LEFT,), choice="remove"),
        snapshot("west", leftovers=(ROLE_LEFT, TYPE_LEFT), choice="remove"),
        "west (CustomResourceDefinition gateways.networking.istio.io): CustomResourceDefinition "
        "gateways.networking.istio.io (of Helm release old/base; with 2 objects) is to be removed, and its objects "
        "would be deleted with it -> to keep them set leftovers to adopt; or delete those objects yourself "
        "first",
    ),
    "webhook-of-a-gone-istio": (
        snapshot("west", gone=(WEBHOOK_LEFT,), choice="remove"),
        snapshot("west", gone=(WEBHOOK_LEFT,), choice="adopt"),
        "west (MutatingWebhookConfiguration istio-revision-tag-default): webhooks of an Istio that is gone refuse what "
        "they are asked about: MutatingWebhookConfiguration istio-revision-tag-default (calls Service mesh/istiod, "
        "which does not exist) -> make that Service again if this Istio is to stay; else set leftovers to "
        "remove, or run `kubectl delete mutatingwebhookconfiguration/istio-revision-tag-default`: only these "
        "configurations go, nothing answers them",
    ),
}


def fleet(*snapshots: Snapshot) -> dict[str, Snapshot]:
    return {each.name: each for each in snapshots}


@pytest.mark.parametrize("check", ROWS)
def test_a_cluster_that_is_in_order_passes(check: str) -> None:
    assert judge(fleet(EAST, ROWS[check][0])) == []


@pytest.mark.parametrize("check", ROWS)
def test_what_is_wrong_is_named_with_a_remedy(check: str) -> None:
    _passes, fails, text = ROWS[check]
    found = judge(fleet(EAST, fails))
    assert [(each.check, each.cluster, str(each)) for each in found] == [(check, fails.name, text)]


def test_every_check_has_a_row() -> None:
    # One function judges whose Istio it is and whether it has a name, one in three ways who a cluster is, one all that
    # somebody left.
    assert len(ROWS) == len(CHECKS) + 5


DESTROYS = re.compile(r"\b(wipe|delete|remove|uninstall)", re.IGNORECASE)


@pytest.mark.parametrize("check", ROWS)
def test_no_remedy_begins_with_what_destroys_and_each_says_what_it_would_delete(check: str) -> None:
    (finding,) = [each for each in judge(fleet(EAST, ROWS[check][1])) if each.check == check]
    first, *others = re.split(r"[,;] ", finding.remedy)
    assert not DESTROYS.search(first), finding.remedy
    if "onemesh.istio.wipe" in finding.remedy:
        assert "wipe" in others[-2] or "wipe" in others[-1]
        assert "deletes it together with all that is Istio's on the cluster" in finding.remedy


def test_all_findings_of_all_clusters_come_at_once() -> None:
    found = judge(fleet(snapshot("east", kubernetes=(1, 20)), snapshot("west", kubernetes=(1, 20), network_label="x")))
    assert [(each.cluster, each.check) for each in found] == [
        ("east", "kubernetes-too-old"),
        ("west", "kubernetes-too-old"),
        ("west", "network-label-differs"),
    ]


def test_a_single_cluster_may_be_on_loopback() -> None:
    assert judge(fleet(snapshot("solo", server="https://127.0.0.1:6443"))) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://127.0.0.1:6443", True),
        ("https://127.9.9.9", True),
        ("https://localhost:6443", True),
        ("https://kind.localhost", True),
        ("https://[::1]:6443", True),
        ("https://0.0.0.0:6443", True),
        ("https://10.0.0.1:6443", False),
        ("https://localhost.example.org", False),
        ("https://[2001:db8::1]", False),
    ],
)
def test_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.31.0", (1, 31)),
        ("v1.31.2-distroless", (1, 31)),
        ("1.31-alpha.0f3", (1, 31)),
        ("1.31", (1, 31)),
        ("latest", None),
        ("", None),
        ("sha256", None),
    ],
)
def test_the_minor_version_of_a_tag(text: str, expected: tuple[int, int] | None) -> None:
    assert minor_version(text) == expected


@pytest.mark.parametrize(
    ("first", "second", "overlap"),
    [
        ("10.1.0.0/16", "10.1.0.0/24", True),
        ("10.1.0.0/16", "10.2.0.0/16", False),
        ("10.1.0.0/16", "fd00::/48", False),
        ("fd00::/48", "fd00::/64", True),
    ],
)
def test_pod_ranges_of_a_shared_network(first: str, second: str, overlap: bool) -> None:
    east = snapshot("east", network="net", pod_cidrs=(first,))
    west = snapshot("west", network="net", pod_cidrs=(second,))
    assert bool(judge(fleet(east, west))) is overlap
