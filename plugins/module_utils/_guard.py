# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gets to an API server that is not known to be the cluster it is said to be; see ``_identity.py``."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from . import _identity
from ._cluster import Cluster
from ._finding_kinds import CLUSTER_NOT_IDENTIFIED, NOT_CLAIMED
from ._findings import Finding
from ._identity import ClusterIdentity, ExpectedUid
from ._istio import istiod
from ._kube.client import Client
from ._kube.errors import Conflict, Forbidden, KubeError
from ._kube.kinds import DEPLOYMENT, NAMESPACE, POD
from ._ownership import FIELD_MANAGER, owned

T = TypeVar("T")

_CLAIM_MANAGER = f"{FIELD_MANAGER}/claim"
"""One of its own, because a claim is written by create or by patch, and all else by server-side apply."""
_TRIES = 5


class WrongCluster(KubeError):
    """The API server is another cluster than it is said to be. Nothing is written to it."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first = self.findings[0]
        super().__init__(first.cluster, first.message, kind=first.kind, remedy=first.remedy)


class Guard:
    """The API servers of one fleet, known by what was read of them. Safe to use from several threads.

    A cluster that was away when all were looked at is looked at on its first use after that.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looking: dict[str, threading.Lock] = {}
        self._known: dict[str, ClusterIdentity] = {}
        self._wrong: dict[str, WrongCluster] = {}
        self._missed: dict[str, KubeError] = {}
        self._expected: dict[str, ExpectedUid] = {}

    def identity(self, cluster: str) -> ClusterIdentity | None:
        """What is known of a cluster; None where it did not answer yet."""
        return self._known.get(cluster)

    def note(self, found: Iterable[ClusterIdentity], missed: Mapping[str, KubeError]) -> list[Finding]:
        """Judge what was read of all clusters at once, and remember it: those ``missed`` fail once more as they did."""
        identities = list(found)
        findings = _identity.judge(identities)
        with self._lock:
            for each in identities:
                wrong = [finding for finding in findings if finding.cluster == each.cluster]
                self._conclude(each, wrong)
            self._missed.update(missed)
        return findings

    def admit(self, cluster: Cluster, client: Client) -> None:
        """Raises WrongCluster, and KubeError where nobody can tell which cluster it is."""
        name = cluster.name
        with self._lock:
            looking = self._looking.setdefault(name, threading.Lock())
        with looking:
            if name in self._wrong:
                raise self._wrong[name]
            if name in self._known:
                return
            missed = self._missed.pop(name, None)
            if missed is not None:
                raise missed
            identity = read(client, cluster)
            with self._lock:
                twin = next((each for each in self._known.values() if each.uid == identity.uid), None)
                findings = _identity.contradictions(identity)
                findings += [_identity.same_server(twin.cluster, identity)] if twin is not None else []
                self._conclude(identity, findings)
            if name in self._wrong:
                raise self._wrong[name]

    def expect(self, expected: Mapping[str, ExpectedUid]) -> list[Finding]:
        """Hold clusters to what a record knows of them, at once or, where one is not known yet, on its first use."""
        with self._lock:
            self._expected.update(expected)
            for name in expected.keys() & self._known.keys():
                self._conclude(self._known[name], [])
            return [finding for name in expected if name in self._wrong for finding in self._wrong[name].findings]

    def _conclude(self, identity: ClusterIdentity, findings: list[Finding]) -> None:
        expected = self._expected.get(identity.cluster)
        replaced = None if expected is None else _identity.another_than_expected(identity, expected)
        findings = [*findings, *([replaced] if replaced is not None else [])]
        self._known[identity.cluster] = identity
        if findings:
            self._wrong[identity.cluster] = WrongCluster(findings)


def read(client: Client, cluster: Cluster) -> ClusterIdentity:
    """What an API server says of who it is, in the time of one request. Raises KubeError."""
    namespace = cluster.istio_namespace
    with ThreadPoolExecutor(2) as beside:
        claimed = beside.submit(client.find, NAMESPACE, namespace)
        deployments = beside.submit(_istiods, client, namespace)
        uid = _uid(client)
        return ClusterIdentity(
            cluster=cluster.name,
            namespace=namespace,
            server=client.credentials.server,
            uid=uid,
            claim=_identity.claim_of(_allowed(claimed)),
            cluster_ids=_allowed(deployments) or {},
        )


def claim(client: Client, identity: ClusterIdentity) -> None:
    """Write our record on the cluster, before anything else is written there, with the Namespace where there is none.

    The first one to write it wins, also where two runs meet on an API server that nobody has claimed yet. Raises
    WrongCluster where it is claimed for another one.
    """
    rightful = identity.rightful_claim
    for _try in range(_TRIES):
        live = client.find(NAMESPACE, identity.namespace)
        claim = _identity.claim_of(live)
        if claim == rightful:
            return
        findings = _identity.contradictions(replace(identity, claim=claim))
        if findings:
            raise WrongCluster(findings)
        metadata: dict[str, Any] = {"annotations": rightful.annotations}
        try:
            if live is None:
                manifest = {"apiVersion": NAMESPACE.api_version, "kind": NAMESPACE.kind}
                named = {**manifest, "metadata": {"name": identity.namespace, **metadata}}
                client.create(owned(named, "namespace"), field_manager=_CLAIM_MANAGER)
            else:
                metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
                client.patch(NAMESPACE, identity.namespace, None, {"metadata": metadata}, field_manager=_CLAIM_MANAGER)
            return
        except Conflict:
            continue  # Somebody else has written it meanwhile: perhaps another claim.
    raise Conflict(
        client.cluster,
        f"{NAMESPACE.describe(identity.namespace)} was changed by somebody else at each of {_TRIES} tries",
        kind=NOT_CLAIMED,
        remedy="see what changes it again and again, then run again",
    )


def _uid(client: Client) -> str:
    try:
        return str(client.get(NAMESPACE, _identity.SYSTEM_NAMESPACE)["metadata"]["uid"])
    except Forbidden as error:
        raise Forbidden(
            error.cluster,
            f"nobody can tell which cluster this API server is: {error.message}",
            status=error.status,
            kind=CLUSTER_NOT_IDENTIFIED,
            remedy=f"let this account get namespace {_identity.SYSTEM_NAMESPACE} (a ClusterRole with verb get on "
            f"namespaces, resourceNames [{_identity.SYSTEM_NAMESPACE}])",
        ) from error


def _istiods(client: Client, namespace: str) -> Mapping[str, str]:
    """CLUSTER_ID by Deployment; from their pods for an account that may see only these."""
    try:
        return _identity.cluster_ids_of(client.list(DEPLOYMENT, namespace, label_selector=istiod.SELECTOR))
    except Forbidden:
        pods = client.list(POD, namespace, label_selector=istiod.SELECTOR)
    return _identity.cluster_ids_of_pods(pods)


def _allowed(answer: Future[T]) -> T | None:
    """What was read; None where this account may not, which is no evidence of anything."""
    try:
        return answer.result()
    except Forbidden:
        return None
