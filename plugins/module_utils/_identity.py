# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster an API server is, by what stands on it. Pure: judges what was read.

A kubeconfig or a context that is forgotten leads to another cluster, and nothing in a URL says so. The evidence is the
UID of namespace kube-system, which no two clusters share and none keeps when it is made anew; the claim, our own record
on the Namespace of Istio; and the CLUSTER_ID of each istiod there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, NamedTuple

from ._finding_kinds import CLUSTER_DIFFERS, CLUSTER_ID_DIFFERS, CLUSTER_REPLACED, SAME_API_SERVER
from ._findings import Finding
from ._istio import istiod

ANNOTATION_CLUSTER = "onemesh.istio/cluster"
"""On the Namespace of Istio: the name of the cluster in the mesh."""
ANNOTATION_CLUSTER_UID = "onemesh.istio/cluster-uid"
"""The UID of namespace kube-system when that was written: a backup that is restored elsewhere is known by it."""
CLAIM_ANNOTATIONS = (ANNOTATION_CLUSTER, ANNOTATION_CLUSTER_UID)
SYSTEM_NAMESPACE = "kube-system"

UNNAMED = "Kubernetes"
"""The CLUSTER_ID of an istiod that nobody gave one (pkg/cluster/id.go): it tells clusters apart as little as none."""


class Claim(NamedTuple):
    """Our own record on a cluster: who it is."""

    cluster: str
    uid: str

    @property
    def annotations(self) -> dict[str, str]:
        return dict(zip(CLAIM_ANNOTATIONS, self, strict=True))


@dataclass(frozen=True)
class ClusterIdentity:
    """What one API server says of who it is, beside the name that it is given.

    ``namespace`` is that of Istio, ``uid`` that of namespace kube-system, ``cluster_ids`` says the CLUSTER_ID of what
    runs istiod (``Deployment namespace/name``), where it has one.
    """

    cluster: str
    namespace: str
    server: str
    uid: str
    claim: Claim | None = None
    cluster_ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def rightful_claim(self) -> Claim:
        """What is to be written where nothing is claimed yet."""
        return Claim(self.cluster, self.uid)


class ExpectedUid(NamedTuple):
    """The UID by which a record (``where``) knows a cluster, and how a new cluster of this name gets past it."""

    uid: str
    where: str
    way_out: str


def claim_of(namespace: Mapping[str, Any] | None) -> Claim | None:
    """The claim on a live Namespace; None where there is none."""
    annotations = ((namespace or {}).get("metadata") or {}).get("annotations") or {}
    name = annotations.get(ANNOTATION_CLUSTER, "")
    return Claim(name, annotations.get(ANNOTATION_CLUSTER_UID, "")) if name else None


def made_for(secret: Mapping[str, Any]) -> str:
    """The UID of the cluster that a remote secret was made for; empty where it does not say."""
    return str((secret["metadata"].get("annotations") or {}).get(ANNOTATION_CLUSTER_UID) or "")


def made_for_another(cluster: str, noted: str, uid: str) -> str:
    """In words, where a remote secret for ``cluster`` notes another UID than the cluster has; empty elsewhere."""
    if not noted or not uid or noted == uid:
        return ""
    return f"{cluster} was made anew: it was made for one with UID {noted} of {SYSTEM_NAMESPACE}, and now that is {uid}"


def cluster_ids_of(deployments: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """``Deployment namespace/name`` -> CLUSTER_ID of those that say one; one that comes from elsewhere is none."""
    return _said({_described("Deployment", each): each["spec"]["template"]["spec"] for each in deployments})


def cluster_ids_of_pods(pods: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The same of istiod's pods."""
    return _said({_described("Pod", each): each["spec"] for each in pods})


def _said(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {where: cluster_id for where, spec in specs.items() if (cluster_id := istiod.cluster_id(spec))}


def _described(kind: str, live: Mapping[str, Any]) -> str:
    return f"{kind} {live['metadata']['namespace']}/{live['metadata']['name']}"


def judge(identities: Iterable[ClusterIdentity]) -> list[Finding]:
    """A finding for each API server that is not the cluster it is said to be, and for two names of one."""
    known = list(identities)
    return [*(finding for each in known for finding in contradictions(each)), *same_servers(known)]


def contradictions(identity: ClusterIdentity) -> list[Finding]:
    """Where what stands on a cluster says that it is another one: our own record, else its istiods."""
    return _claimed_otherwise(identity) or _named_otherwise(identity)


def contradicted_beside(
    identity: ClusterIdentity, namespaces: Iterable[Mapping[str, Any]], istiods: Iterable[Mapping[str, Any]]
) -> list[Finding]:
    """The same of all other namespaces, for who acts on the whole API server, as a wipe does.

    ``namespaces`` and ``istiods`` (Deployments) are live ones. Two meshes may share a cluster: each by its own name.
    """
    claims = {live["metadata"]["name"]: claim_of(live) for live in namespaces}
    deployments: dict[str, list[Mapping[str, Any]]] = {}
    for live in istiods:
        deployments.setdefault(live["metadata"]["namespace"], []).append(live)
    others = [
        replace(identity, namespace=name, claim=claims.get(name), cluster_ids=cluster_ids_of(deployments.get(name, ())))
        for name in sorted({*claims, *deployments} - {identity.namespace})
    ]
    return [
        replace(
            finding, remedy=f"{finding.remedy}; where two meshes rightly share a cluster, uninstall that Istio before"
        )
        for each in others
        for finding in contradictions(each)
    ]


def same_servers(identities: Iterable[ClusterIdentity]) -> list[Finding]:
    """Two names for one API server would link a cluster with itself, and write everything to it twice."""
    return [
        same_server(first.cluster, second) for first, second in combinations(identities, 2) if first.uid == second.uid
    ]


def same_server(first: str, second: ClusterIdentity) -> Finding:
    """Of the second of two names, whatever URLs they have."""
    return Finding(
        second.cluster,
        SAME_API_SERVER,
        f"{second.cluster} and {first} are the same cluster (UID {second.uid} of kube-system, {second.server})",
        "correct kubeconfig or context of one of them",
    )


def another_than_expected(identity: ClusterIdentity, expected: ExpectedUid) -> Finding | None:
    """Where a record of ours elsewhere knows the cluster by another UID."""
    if expected.uid == identity.uid:
        return None
    name = identity.cluster
    return Finding(
        name,
        CLUSTER_REPLACED,
        f"the API server at {identity.server} is not the one that {expected.where} knows as {name}: its namespace "
        f"{SYSTEM_NAMESPACE} has UID {identity.uid}, expected {expected.uid}",
        f"correct kubeconfig or context of {name}; if it was rightly made anew, {expected.way_out}",
    )


def _claimed_otherwise(identity: ClusterIdentity) -> list[Finding]:
    claim, name = identity.claim, identity.cluster
    if claim is None or claim == identity.rightful_claim:
        return []
    where = f"Namespace {identity.namespace}"
    correct = f"correct kubeconfig or context of {name}"
    forget = f"kubectl annotate namespace {identity.namespace} {' '.join(f'{each}-' for each in CLAIM_ANNOTATIONS)}"
    if claim.uid == identity.uid:
        return [
            Finding(
                name,
                CLUSTER_DIFFERS,
                f"the API server at {identity.server} is cluster {claim.cluster} (annotation {ANNOTATION_CLUSTER})",
                f"{correct}; {_meant(claim.cluster)}",
                object=where,
            )
        ]
    return [
        Finding(
            name,
            CLUSTER_REPLACED,
            f"the record on the API server at {identity.server} is of cluster {claim.cluster} with UID "
            f"{claim.uid or '(none)'} of kube-system, and this one has {identity.uid}: it was restored from a backup",
            f"{correct}; if this is rightly {name}, made anew, take the old record away: `{forget}`",
            object=where,
        )
    ]


def _named_otherwise(identity: ClusterIdentity) -> list[Finding]:
    return [
        Finding(
            identity.cluster,
            CLUSTER_ID_DIFFERS,
            f"istiod at {identity.server} runs with CLUSTER_ID {cluster_id!r}, and the inventory says "
            f"{identity.cluster!r}",
            f"correct kubeconfig or context of {identity.cluster}; {_put_back(identity, cluster_id)}",
            object=where,
        )
        for where, cluster_id in identity.cluster_ids.items()
        if cluster_id not in (identity.cluster, UNNAMED)
    ]


def _put_back(identity: ClusterIdentity, cluster_id: str) -> str:
    """Where our own record is right, somebody has changed istiod; no chart is asked before that is known."""
    if identity.claim != identity.rightful_claim:
        return _meant(cluster_id)
    return (
        f"Namespace {identity.namespace} says that this is {identity.cluster}, so if a hand changed istiod, set "
        f"CLUSTER_ID={identity.cluster} there again (kubectl set env)"
    )


def _meant(other: str) -> str:
    """Not as an order: under an operation that removes, whoever follows it loses the other cluster."""
    return f"only if {other} is the cluster that you mean, this one's name has to be {other}"
