# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no account that we make may do, asked of real API servers with each account's own token."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._apply import apply_object
from ansible_collections.onemesh.istio.plugins.module_utils._istio import reader
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Forbidden
from writer_runs import NAMESPACE, RECORDS_IN, Fleet

READ = "get list watch"
WRITE = "create update patch delete deletecollection"
EVERYWHERE = ("", "default", "kube-system", NAMESPACE, RECORDS_IN)
"""The empty one is the whole cluster."""

Denied = tuple[str, str, str, str]
"""Verb, API group, resource with subresource, namespace."""


def each(verbs: str, group: str, resources: str, namespaces: Iterable[str] = EVERYWHERE) -> set[Denied]:
    return {
        (verb, group, resource, namespace)
        for verb in verbs.split()
        for resource in resources.split()
        for namespace in namespaces
    }


RBAC = "rbac.authorization.k8s.io"
NOBODY: set[Denied] = (
    # keys and tokens
    each(f"{READ} {WRITE}", "", "secrets")
    | each("create", "", "serviceaccounts/token")
    | each(WRITE, "", "serviceaccounts")
    # more rights than one has
    | each(f"{WRITE} bind escalate", RBAC, "roles clusterroles")
    | each(WRITE, RBAC, "rolebindings clusterrolebindings")
    | each("impersonate", "", "users groups serviceaccounts")
    | each("create approve", "certificates.k8s.io", "certificatesigningrequests certificatesigningrequests/approval")
    # somebody else's account, by a pod
    | each(WRITE, "", "pods pods/ephemeralcontainers replicationcontrollers podtemplates")
    | each(WRITE, "apps", "deployments daemonsets statefulsets replicasets")
    | each(WRITE, "batch", "jobs cronjobs")
    | each("create get", "", "pods/exec pods/attach pods/proxy services/proxy")
    | each("create get", "", "pods/portforward")
    # what runs nodes, and what sees requests of others
    | each(f"{WRITE} get create", "", "nodes/proxy")
    | each(WRITE, "", "nodes persistentvolumes")
    | each(WRITE, "admissionregistration.k8s.io", "mutatingwebhookconfigurations validatingwebhookconfigurations")
    | each(WRITE, "apiextensions.k8s.io", "customresourcedefinitions")
    | each(WRITE, "apiregistration.k8s.io", "apiservices")
    | each("create", "authentication.k8s.io", "tokenreviews")
    | each("create", "authorization.k8s.io", "subjectaccessreviews localsubjectaccessreviews")
    # other things of the cluster
    | each(WRITE, "", "namespaces")
    | each(f"{READ} {WRITE}", "", "configmaps")
    | each(f"{READ} {WRITE}", "coordination.k8s.io", "leases")
    | each(WRITE, "security.istio.io", "authorizationpolicies peerauthentications")
    | each(WRITE, "networking.istio.io", "envoyfilters")
    | each("*", "*", "*")
)
RECORDS: set[Denied] = (
    each("get list create update delete", "", "secrets", [RECORDS_IN])
    | each("get list create patch update delete", "", "configmaps", [RECORDS_IN])
    | each("get create update delete", "coordination.k8s.io", "leases", [RECORDS_IN])
)
FORWARD = each("create get", "", "pods/portforward", [NAMESPACE])


@dataclass(frozen=True)
class Account:
    """``may`` is what it may do of all that nobody may: to be read with every change of it."""

    who: str
    cluster: str
    options: dict[str, Any] = field(default_factory=dict)
    may: frozenset[Denied] = frozenset()

    def __str__(self) -> str:
        return f"{self.who} of {self.cluster} {self.options or ''}".strip()


ACCOUNTS = (
    Account(
        "reader",
        "west",
        # istiod says `synced` only after it has read them, and asks who a proxy is that has another cluster's token.
        may=frozenset(
            each(READ, "", "secrets configmaps")
            | each("create", "authentication.k8s.io", "tokenreviews")
            | each("create", "authorization.k8s.io", "subjectaccessreviews")
        ),
    ),
    Account("writer", "west"),
    Account("writer", "east", may=frozenset(RECORDS)),
    *(
        Account("writer", "east", {"proof": proof}, frozenset(RECORDS | more))
        for proof, more in (
            ("accepted", set()),
            ("acknowledged", FORWARD),
            ("serving", FORWARD),
        )
    ),
    Account("writer", "west", {"proof": "serving"}, frozenset(FORWARD)),
    Account("writer", "west", {"namespaces": True}, frozenset(each("create update patch", "", "namespaces"))),
    Account("nobody, in the namespace of the records", "east"),
)


@pytest.mark.parametrize("account", ACCOUNTS, ids=str)
def test_it_may_do_nothing_of_what_nobody_may(fleet: Fleet, account: Account) -> None:
    fleet.run(**account.options).succeeded()
    client = client_of(fleet, account)
    if account.may:
        # API servers take roles up in their own time.
        probe = sorted(account.may)[-1]
        while not allowed(client, probe):
            continue
    found = {right for right in NOBODY if allowed(client, right)}
    assert sorted(found ^ account.may) == []


def client_of(fleet: Fleet, account: Account) -> Client:
    if account.who == "writer":
        return fleet.writer(account.cluster)
    admin = fleet.planes.clients[account.cluster]
    if account.who == "reader":
        for manifest in reader.make_objects(reader.ACCOUNT, NAMESPACE):
            apply_object(admin, manifest, component="link")
        return fleet.bearer(account.cluster, admin.request_token(reader.ACCOUNT, NAMESPACE)["token"])
    # That of the records has what Kubernetes makes in every namespace, and no other.
    default = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": RECORDS_IN}}
    admin.apply(default, field_manager="test")
    assert [live["metadata"]["name"] for live in admin.list(kinds.SERVICE_ACCOUNT, RECORDS_IN)] == ["default"]
    return fleet.bearer(account.cluster, admin.request_token("default", RECORDS_IN)["token"])


def allowed(client: Client, right: Denied) -> bool:
    verb, group, resource, namespace = right
    name, _slash, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": name, "subresource": subresource, "namespace": namespace}
    review = client.create(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
    )
    return bool(review["status"]["allowed"])


@pytest.mark.parametrize("account", ["istiod", "onemesh-istio-reader", "onemesh-writer"])
def test_the_writer_of_the_hub_gets_no_token_of_an_account_beside_istiod(fleet: Fleet, account: str) -> None:
    fleet.run(proof="serving").succeeded()
    hub = fleet.writer("east")
    while not allowed(hub, ("create", "", "secrets", RECORDS_IN)):
        continue
    marks = {"kubernetes.io/service-account.name": account}
    token = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {"name": "mine", "namespace": NAMESPACE, "annotations": marks},
    }
    with pytest.raises(Forbidden):
        hub.create(token)
    with pytest.raises(Forbidden):
        hub.request_token(account, NAMESPACE)
    for kubeconfig in ("onemesh-writer-east", "onemesh-writer-west"):
        with pytest.raises(Forbidden):
            hub.get(kinds.SECRET, kubeconfig, NAMESPACE)
