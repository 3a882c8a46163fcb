# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each cluster reaches each other one, and the one cause where it does not. Pure.

The checks stand in causal order: where roots differ every later check fails too, and only the first is the cause.
A pair is ordered: its source holds the workload that asks, its target the one that answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from ansible_collections.onemesh.istio.plugins.module_utils._finding_kinds import NOT_REACHABLE
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.plugins.module_utils._identity import made_for_another
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import SYNCED, Host, NetworkGateway
from ansible_collections.onemesh.istio.plugins.module_utils._operations.finding_kinds import (
    VERIFY_ENDPOINTS,
    VERIFY_GATEWAY,
    VERIFY_NAMES,
    VERIFY_NOTHING_EXPOSED,
    VERIFY_PLAIN_TEXT,
    VERIFY_PROXY_REJECTS,
    VERIFY_REQUESTS,
    VERIFY_SYNCED,
    VERIFY_TRUST,
)
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import (
    Answers,
    ClusterFacts,
    GatewayService,
    IstiodAnswers,
    Obstacle,
    Rejection,
    RemoteSecret,
    Traffic,
)

CHECKS = ("trust", "names", "synced", "gateway", "endpoints", "requests")

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """One check of one pair. ``cluster`` is where to act; ``eventual`` says that waiting may help."""

    name: str
    state: State
    cause: str = ""
    remedy: str = ""
    cluster: str = ""
    object: str = ""
    eventual: bool = False

    def as_dict(self) -> dict[str, str]:
        return {"state": self.state, "cause": self.cause, "remedy": self.remedy}


@dataclass(frozen=True)
class Pair:
    """The verdict on one ordered pair. ``linked`` is what is wanted, not what was found."""

    source: str
    target: str
    linked: bool
    checks: tuple[Check, ...]
    away: str = ""
    """The cluster of the two that could not be read."""
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def local(self) -> bool:
        return self.source == self.target

    @property
    def failure(self) -> Check | None:
        """The first check in causal order that failed."""
        return next((check for check in self.checks if check.state == "failed"), None)

    @property
    def ok(self) -> bool:
        return not self.away and self.failure is None

    @property
    def waiting(self) -> bool:
        """Whether it fails for a reason that may pass by itself."""
        return self.failure is not None and self.failure.eventual

    @property
    def state(self) -> str:
        if self.away:
            return "away"
        if not self.ok:
            return "failed"
        return "ok" if self.linked else "not-linked"

    @property
    def mutual_tls(self) -> bool | None:
        """None where no request succeeded."""
        answers = self.traffic.answers
        if not answers or not answers.successes or answers.identities is None:
            return None
        return bool(answers.identities)

    @property
    def p50(self) -> float | None:
        """Median latency of the successful requests in milliseconds."""
        answers = self.traffic.answers
        return round(median(answers.latencies), 1) if answers and answers.latencies else None

    def as_dict(self) -> dict[str, object]:
        answers = self.traffic.answers
        failure = self.failure
        return {
            "ok": self.ok,
            "state": self.state,
            "linked": self.linked,
            "cause": f"{self.away} is away" if self.away else failure.cause if failure else "",
            "remedy": failure.remedy if failure else "",
            "checks": {check.name: check.as_dict() for check in self.checks},
            "endpoints": [f"{host.address}:{host.port}" for host in self.traffic.endpoints or ()],
            "requests": {
                "sent": answers.sent if answers else 0,
                "answered": dict(answers.by_cluster) if answers else {},
                "identities": sorted(answers.identities or ()) if answers else [],
            },
            "mutual_tls": self.mutual_tls,
            "p50_ms": self.p50,
        }


def judge(
    fleet: Mapping[str, ClusterFacts],
    links: Iterable[tuple[str, str]],
    traffic: Mapping[tuple[str, str], Traffic],
    *,
    obstacles: Mapping[str, Obstacle] | None = None,
    no_requests: str = "",
) -> list[Pair]:
    """The verdict on every ordered pair of the fleet and, where requests were made, on each cluster with itself.

    ``links`` are the pairs (source, target) that shall work; the others shall not see each other. ``obstacles`` are
    clusters where no probe runs; ``no_requests`` says why none were made at all.
    """
    wanted = set(links)
    obstacles = obstacles or {}
    pairs = []
    for source in fleet.values():
        for target in fleet.values():
            key = (source.name, target.name)
            seen = traffic.get(key, Traffic())
            away = next((facts.name for facts in (source, target) if facts.away), "")
            linked = source is target or key in wanted
            if away:
                checks: tuple[Check, ...] = ()
            elif source is target:
                checks = (_requests(source, target, seen, obstacles, no_requests),)
            elif linked:
                checks = (
                    _trust(source, target),
                    _names(source, target, fleet),
                    _synced(source, target),
                    _gateway(source, target),
                    _endpoints(source, target, seen),
                    _requests(source, target, seen, obstacles, no_requests),
                )
            else:
                checks = _not_linked(source, target, seen)
            pairs.append(Pair(source.name, target.name, linked, checks, away, seen))
    return pairs


def findings(fleet: Mapping[str, ClusterFacts], pairs: Iterable[Pair]) -> list[Finding]:
    """One error for each cause, however many pairs it breaks, and warnings that broke none."""
    found = [
        Finding(facts.name, NOT_REACHABLE, f"cannot be verified: {facts.away}", facts.away_remedy)
        for facts in fleet.values()
        if facts.away
    ]
    pairs = list(pairs)
    for pair in pairs:
        failure = pair.failure
        if failure:
            found.append(
                Finding(
                    failure.cluster or pair.source,
                    _KINDS[failure.name],
                    failure.cause,
                    failure.remedy,
                    object=failure.object,
                )
            )
    named = {(finding.cluster, finding.message) for finding in found}
    for facts in fleet.values():
        for rejection in _rejections(facts.istiods):
            cause = _rejected(rejection)
            if not any(cluster == facts.name and cause in message for cluster, message in named):
                found.append(
                    Finding(facts.name, VERIFY_PROXY_REJECTS, cause, _REJECTED, "warning", f"proxy {rejection.proxy}")
                )
    found.extend(_exposing_nothing(fleet.values()))
    found.extend(_plain_text(pairs))
    return list(dict.fromkeys(found))


_KINDS = {
    "trust": VERIFY_TRUST,
    "names": VERIFY_NAMES,
    "synced": VERIFY_SYNCED,
    "gateway": VERIFY_GATEWAY,
    "endpoints": VERIFY_ENDPOINTS,
    "requests": VERIFY_REQUESTS,
}


def _exposing_nothing(fleet: Iterable[ClusterFacts]) -> Iterator[Finding]:
    """A gateway may rightly expose nothing yet, but whoever expects an answer of a service wants to know."""
    for facts in fleet:
        for gateway in facts.gateways:
            if not gateway.hosts:
                yield Finding(
                    facts.name,
                    VERIFY_NOTHING_EXPOSED,
                    f"gateway {gateway.name} exposes no service of {facts.name} to other networks (the probe brings an "
                    "exposure of its own)",
                    "say which hosts it shall expose (role eastwest_gateway)",
                    "warning",
                    f"Service {gateway.name}",
                )


def _plain_text(pairs: Iterable[Pair]) -> Iterator[Finding]:
    for pair in pairs:
        if pair.mutual_tls is False and not pair.local:
            yield Finding(
                pair.source,
                VERIFY_PLAIN_TEXT,
                f"{pair.target} answered, but was not shown the client's identity: no mutual TLS, or the mesh "
                "configuration does not forward it",
                "see the PeerAuthentication and DestinationRule objects that hold for the probe",
                "warning",
            )


def without_istiod(facts: ClusterFacts) -> tuple[str, str]:
    """What is said of a cluster where no istiod is ready, and what to do."""
    namespace, pods = facts.istio_namespace, ", ".join(facts.istiods_not_ready)
    if not pods:
        return f"no istiod runs in namespace {namespace}", "install it first: playbook onemesh.istio.site"
    return (
        f"no istiod is ready in {namespace}: {pods}",
        f"see kubectl -n {namespace} describe pods -l app=istiod, and its log",
    )


# -- trust ------------------------------------------------------------------------------------------------------------


def _trust(source: ClusterFacts, target: ClusterFacts) -> Check:
    for facts in (source, target):
        if facts.cacerts_unreadable:
            return _failed(
                "trust",
                facts,
                f"istiod cannot read what secret cacerts holds, and does not start with it again: "
                f"{'; '.join(facts.cacerts_unreadable)}",
                "run role trust, which writes it anew (with its option adopt where something else made it)",
                object=f"Secret {facts.istio_namespace}/cacerts",
            )
        if not facts.root_distributed:
            if not (facts.istiods or facts.istiods_not_ready):
                # Nobody makes one meanwhile, so it is not waited for.
                return _failed("trust", facts, *without_istiod(facts))
            return _failed(
                "trust",
                facts,
                f"config map {facts.istio_namespace}/istio-ca-root-cert has no root certificate: "
                "istiod has not written it",
                "see whether istiod is ready and what its log says about the certificate authority",
                eventual=True,
            )
        if facts.root_secret and not facts.root_secret & facts.root_distributed:
            return _failed(
                "trust",
                facts,
                f"istiod hands out root {_short(facts.root_distributed)}, but secret cacerts holds "
                f"{_short(facts.root_secret)}: it has not taken the secret up",
                f"restart it: kubectl -n {facts.istio_namespace} rollout restart deployment -l app=istiod, "
                "then the gateways and workloads",
                object=f"Secret {facts.istio_namespace}/cacerts",
                eventual=True,
            )
    if not source.root_distributed & target.root_distributed:
        # The same words for both directions, so that it is one finding.
        one, other = sorted((source, target), key=lambda facts: facts.name)
        own = [facts.name for facts in (one, other) if not facts.root_secret]
        why = f"; {' and '.join(own)} signed its own, because it has no secret cacerts" if own else ""
        return _failed(
            "trust",
            other,
            f"the roots differ: {one.name} trusts {_short(one.root_distributed)}, "
            f"{other.name} {_short(other.root_distributed)}{why}",
            "give both clusters intermediates of one root (role trust)",
        )
    stale = _stale_proxy(source) or _stale_proxy(target)
    if stale:
        return stale
    if source.root_distributed != target.root_distributed:
        return Check("trust", "ok", "one root in common, others differ: a root is being replaced")
    return Check("trust", "ok")


def _stale_proxy(facts: ClusterFacts) -> Check | None:
    for proxy, roots in facts.proxy_roots.items():
        if roots and facts.root_serials and not roots & facts.root_serials:
            pod, _separator, namespace = proxy.rpartition(".")
            return _failed(
                "trust",
                facts,
                f"proxy {proxy} trusts another root than istiod hands out: it has run since before the root changed",
                f"restart it: kubectl -n {namespace} delete pod {pod}",
                object=f"Pod {namespace}/{pod}",
                eventual=True,
            )
    return None


def _short(fingerprints: Iterable[str]) -> str:
    return " and ".join(sorted(fingerprint[:12] for fingerprint in fingerprints)) or "none"


# -- names ------------------------------------------------------------------------------------------------------------


def _names(source: ClusterFacts, target: ClusterFacts, fleet: Mapping[str, ClusterFacts]) -> Check:
    separate = source.network != target.network
    for facts in (target, source):
        problem = _own_names(facts, separate)
        if problem:
            return problem
    secret = source.secrets.get(target.name)
    if secret and secret.mismatch:
        return _failed(
            "names",
            source,
            secret.mismatch,
            f"link {target.name} again so that the secret is made anew",
            object=f"Secret {secret.secret}",
        )
    if secret:
        other = next(
            (facts.name for facts in fleet.values() if facts is not target and _same_url(facts, secret.server)), None
        )
        if other:
            return _failed(
                "names",
                source,
                f"the remote secret for {target.name} leads to {secret.server}, which is the API server of {other}",
                f"link {target.name} again so that the secret is made anew",
                object=f"Secret {secret.secret}",
            )
    return Check("names", "ok")


def _own_names(facts: ClusterFacts, separate: bool) -> Check | None:
    for istiod in facts.istiods:
        if istiod.cluster_id != facts.name:
            return _failed(
                "names",
                facts,
                f"istiod has CLUSTER_ID {istiod.cluster_id or '(none)'}, the fleet and the remote secrets say "
                f"{facts.name}",
                f"set global.multiCluster.clusterName of the istiod chart to {facts.name}, or cluster_name to "
                f"{istiod.cluster_id or 'its ID'}",
                object=f"Pod {facts.istio_namespace}/{istiod.pod}",
            )
        if istiod.network != facts.network and (istiod.network or separate):
            return _failed(
                "names",
                facts,
                f"istiod injects proxies with network {istiod.network or '(none)'}, the fleet says {facts.network}",
                f"set global.network of the istiod chart to {facts.network}, or cluster_network to what it says",
                object=f"Pod {facts.istio_namespace}/{istiod.pod}",
            )
    if facts.namespace_network != facts.network and (facts.namespace_network or separate):
        return _failed(
            "names",
            facts,
            f"label topology.istio.io/network of namespace {facts.istio_namespace} is "
            f"{facts.namespace_network or 'missing'}, expected {facts.network}: istiod takes its pods' network from it",
            f"kubectl label namespace {facts.istio_namespace} topology.istio.io/network={facts.network} --overwrite",
            object=f"Namespace {facts.istio_namespace}",
        )
    return None


def _same_url(facts: ClusterFacts, server: str) -> bool:
    return bool(facts.api_server) and facts.api_server.rstrip("/") == server.rstrip("/")


# -- synced -----------------------------------------------------------------------------------------------------------


def _synced(source: ClusterFacts, target: ClusterFacts) -> Check:
    namespace = source.istio_namespace
    secret = source.secrets.get(target.name)
    if secret is None:
        return _failed(
            "synced",
            source,
            f"there is no remote secret for {target.name}, so istiod does not read it",
            f"link the two (role link): {source.name} has to read {target.name}",
        )
    where = f"Secret {secret.secret}"
    if secret.refused:
        return _failed(
            "synced",
            source,
            f"istiod refuses the remote secret for {target.name}: {secret.refused}",
            f"link {target.name} again so that the secret is made anew",
            object=where,
        )
    outdated = _outdated(secret, target)
    if outdated:
        return _failed(
            "synced",
            source,
            f"the remote secret for {target.name} leads nowhere any more: {outdated}",
            f"link {target.name} again so that the secret is made anew",
            object=where,
        )
    if not source.istiods:
        return _failed("synced", source, *without_istiod(source), eventual=True)
    for istiod in source.istiods:
        pod = f"Pod {namespace}/{istiod.pod}"
        if istiod.error:
            return _failed(
                "synced",
                source,
                f"the debug port of istiod cannot be read: {istiod.error}",
                "allow pods/portforward in the namespace, and see whether the pod answers",
                object=pod,
                eventual=True,
            )
        status = istiod.clusters.get(target.name)
        if status is None:
            return _failed(
                "synced",
                source,
                f"istiod does not know {target.name}, although secret {secret.secret} is there: "
                f"it no longer reads secrets, or failed to build a client from this one{_because(secret)}",
                f"restart it: kubectl -n {namespace} rollout restart deployment -l app=istiod "
                "(its log says 'Add cluster' or 'Deleting cluster' last)",
                object=pod,
                eventual=True,
            )
        if status != SYNCED:
            return _failed(
                "synced",
                source,
                f"istiod says '{status}' of {target.name}, not 'synced'{_because(secret)}",
                f"see that pods of {source.name} reach {secret.server or 'its API server'}, and that the token in "
                f"{secret.secret} still holds (link again renews it)",
                object=pod,
                eventual=True,
            )
    return Check("synced", "ok")


def _outdated(secret: RemoteSecret, target: ClusterFacts) -> str:
    """Why istiod cannot read the target by it, whatever it says: it goes on saying 'synced' where it once was."""
    replaced = made_for_another(target.name, secret.made_for, target.uid)
    if replaced:
        return replaced
    if secret.authority and target.authority and secret.authority.split() != target.authority.split():
        return f"its certificate authority is not the one that {target.name} publishes"
    return ""


def _because(secret: RemoteSecret) -> str:
    return f": {secret.cause}" if secret.cause else ""


# -- gateway ----------------------------------------------------------------------------------------------------------


def _gateway(source: ClusterFacts, target: ClusterFacts) -> Check:
    if source.network == target.network:
        return Check("gateway", "skipped", f"both are on network {target.network}: pods are reached directly")
    if not target.gateways:
        return _failed(
            "gateway",
            target,
            f"no gateway for network {target.network}: no Service has label topology.istio.io/network={target.network}",
            "install one (role eastwest_gateway)",
        )
    for gateway in target.gateways:
        problem = _gateway_problem(target, gateway)
        if problem:
            return problem
    for istiod in source.istiods:
        known = [
            each
            for each in istiod.gateways
            if each.network == target.network and each.cluster_id in ("", target.name) and each.port
        ]
        problem = _unknown_gateway(source, target, istiod, known)
        if problem:
            return problem
    return Check("gateway", "ok")


def _gateway_problem(target: ClusterFacts, gateway: GatewayService) -> Check | None:
    where = f"Service {gateway.name}"
    namespace = gateway.name.partition("/")[0]
    if not gateway.ready_pods:
        return _failed(
            "gateway",
            target,
            f"gateway {gateway.name} has no ready pod" + (f" of {len(gateway.pods)}" if gateway.pods else ""),
            f"see kubectl -n {namespace} describe pods -l "
            + ",".join(f"{key}={value}" for key, value in sorted(gateway.selector.items())),
            object=where,
            eventual=True,
        )
    rejection = next((each for each in _rejections(target.istiods) if each.proxy in gateway.pods), None)
    if rejection:
        return _failed("gateway", target, _rejected(rejection), _REJECTED, object=where, eventual=True)
    if not gateway.addresses and gateway.reason:
        return _failed(
            "gateway",
            target,
            f"gateway {gateway.name} has no address: {gateway.reason}",
            gateway.remedy,
            object=where,
            eventual=True,
        )
    return None


def _unknown_gateway(
    source: ClusterFacts, target: ClusterFacts, istiod: IstiodAnswers, known: list[NetworkGateway]
) -> Check | None:
    pod = f"Pod {source.istio_namespace}/{istiod.pod}"
    addresses = {address for gateway in target.gateways for address in gateway.addresses}
    expected = ", ".join(f"{host}:{port}" for host, port in sorted(addresses))
    # A host name is resolved by istiod, so what it knows then is an IP that the Service does not say.
    named = sorted({host for host, _port in addresses if not _is_ip(host)})
    if not known and named and len(named) == len({host for host, _port in addresses}):
        return _failed(
            "gateway",
            source,
            f"istiod knows no gateway for network {target.network}: the one of {target.name} is at the host name "
            f"{expected}, which istiod has to resolve itself",
            f"see that {', '.join(named)} resolves in pods of {source.name} (istiod's log says 'could not resolve "
            f"hostname'), that RESOLVE_HOSTNAME_GATEWAYS of istiod is not false, and that istiod reads {target.name}",
            object=pod,
            eventual=True,
        )
    if not known:
        return _failed(
            "gateway",
            source,
            f"istiod knows no gateway for network {target.network}; the one of {target.name} is at {expected}",
            f"see that istiod reads {target.name} (check synced) and that its Service carries the network's label",
            object=pod,
            eventual=True,
        )
    if not named and not {(each.address, each.port) for each in known} & addresses:
        return _failed(
            "gateway",
            source,
            f"istiod takes {', '.join(f'{each.address}:{each.port}' for each in known)} for the gateway of "
            f"{target.name}, but its Service is at {expected}",
            f"see meshNetworks of {source.name}, and whether istiod still reads {target.name}",
            object=pod,
            eventual=True,
        )
    return None


def _is_ip(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdigit()


# -- endpoints --------------------------------------------------------------------------------------------------------


def _endpoints(source: ClusterFacts, target: ClusterFacts, seen: Traffic) -> Check:
    rejection = next((each for each in _rejections(source.istiods) if each.proxy in seen.proxies), None)
    if rejection:
        return _failed(
            "endpoints", source, _rejected(rejection), _REJECTED, object=f"proxy {rejection.proxy}", eventual=True
        )
    stray = _stray_addresses(source, target, seen.endpoints)
    if stray:
        proxy = ", ".join(seen.proxies) or (source.sample.proxy if source.sample else "")
        return _failed(
            "endpoints",
            source,
            f"a proxy holds {stray[0]}, a pod's own address on network {target.network}, which cannot be reached "
            f"from {source.network}",
            f"see that istiod knows the gateway of {target.network} and that the network labels are right",
            object=f"proxy {proxy}",
            eventual=True,
        )
    if seen.endpoints is None:
        return _contributed(source, target)
    where = f"proxy {', '.join(seen.proxies)}"
    if not seen.endpoints:
        deaf = next((istiod for istiod in source.istiods if target.name not in istiod.probe_shards), None)
        if deaf:
            secret = source.secrets.get(target.name)
            return _failed(
                "endpoints",
                source,
                f"istiod has not heard of the workload in {target.name}, although it says 'synced'",
                f"see that pods of {source.name} reach {(secret and secret.server) or 'its API server'} now, and that "
                "the workload has a ready pod",
                object=f"Pod {source.istio_namespace}/{deaf.pod}",
                eventual=True,
            )
        return _failed(
            "endpoints",
            source,
            f"the probe's proxy holds no endpoint of {target.name}",
            f"see that pods of {target.name} are injected: without a sidecar they are left out across networks; "
            "'exportTo', 'clusterLocal' or a Sidecar object may hide them too",
            object=where,
            eventual=True,
        )
    unusable = [host for host in seen.endpoints if not host.usable]
    if len(unusable) == len(seen.endpoints):
        return _failed(
            "endpoints",
            source,
            f"the probe's proxy takes all endpoints of {target.name} for unhealthy: "
            + ", ".join(f"{host.address}:{host.port}" for host in unusable),
            f"see whether {target.name}'s gateway and pods are ready",
            object=where,
            eventual=True,
        )
    return Check("endpoints", "ok", ", ".join(f"{host.address}:{host.port}" for host in seen.endpoints))


def _stray_addresses(source: ClusterFacts, target: ClusterFacts, hosts: tuple[Host, ...] | None) -> list[str]:
    """Raw pod addresses of another network. Networks may use the same addresses, so one's own are not counted."""
    if source.network == target.network:
        return []
    held = {host.address for host in hosts or ()} | (source.sample.addresses if source.sample else frozenset())
    return sorted(held & (target.pod_addresses - source.pod_addresses))


def _contributed(source: ClusterFacts, target: ClusterFacts) -> Check:
    """Without a probe: does istiod hold endpoints of the target for any service (its own is always one)?"""
    for istiod in source.istiods:
        if target.name not in istiod.shards:
            return _failed(
                "endpoints",
                source,
                f"istiod holds no endpoint of {target.name} for any service",
                f"see its log; a restart helps where {target.name} is synced nevertheless",
                object=f"Pod {source.istio_namespace}/{istiod.pod}",
                eventual=True,
            )
    if not source.istiods:
        return Check("endpoints", "skipped", "no istiod is ready")
    return Check("endpoints", "ok", "as istiod knows them, no proxy of a probe was asked")


# -- requests ---------------------------------------------------------------------------------------------------------


def _requests(
    source: ClusterFacts,
    target: ClusterFacts,
    seen: Traffic,
    obstacles: Mapping[str, Obstacle],
    no_requests: str,
) -> Check:
    if no_requests:
        return Check("requests", "skipped", no_requests)
    obstacle = obstacles.get(source.name) or obstacles.get(target.name)
    if obstacle:
        return Check(
            "requests",
            "failed",
            obstacle.message,
            obstacle.remedy,
            obstacle.cluster,
            obstacle.object,
            obstacle.eventual,
        )
    answers = seen.answers
    if answers is None:
        return Check("requests", "skipped", seen.why_none or "no request was made")
    if not answers.successes:
        return _failed(
            "requests",
            source,
            f"none of {answers.sent} requests from {source.name} was answered by {target.name}: {answers.failure}",
            _remedy_for(answers.failure, source, target),
            eventual=True,
        )
    others = {name: count for name, count in answers.by_cluster.items() if name != target.name}
    if others:
        return _failed(
            "requests",
            source,
            f"requests from {source.name} to {target.name} were answered by {_counts(others)}",
            "a cluster's remote secret leads to another cluster: see the servers in them",
            eventual=True,
        )
    if answers.successes < answers.sent:
        return _failed(
            "requests",
            source,
            f"{answers.sent - answers.successes} of {answers.sent} requests from {source.name} to {target.name} "
            f"failed: {answers.failure}",
            _remedy_for(answers.failure, source, target),
            eventual=True,
        )
    return Check("requests", "ok", f"{answers.successes} of {answers.sent} answered by {target.name}")


def _remedy_for(failure: str, source: ClusterFacts, target: ClusterFacts) -> str:
    """What to do about Envoy's words (the response flags' long texts) or the client's."""
    lower = failure.lower()
    if "certificate_verify_failed" in lower or "tls_error" in lower or "certificate" in lower:
        return "compare the roots that the proxies hold; those started before a root changed have to be restarted"
    if "no healthy upstream" in lower:
        return f"{source.name}'s proxy has no endpoint of {target.name}: see whether its pods and gateway are ready"
    if "no such host" in lower:
        return f"the Service has to exist in {source.name} too, for its name to be resolved"
    if "rbac" in lower:
        return f"an AuthorizationPolicy of {target.name} forbids it"
    if source.network != target.network:
        addresses = ", ".join(f"{host}:{port}" for gateway in target.gateways for host, port in gateway.addresses)
        return f"see that pods of {source.name} reach {addresses or 'the gateway'} of {target.name} (firewall, route)"
    return f"see that pods of {source.name} reach pods of {target.name} (firewall, route)"


def _counts(by_cluster: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in sorted(by_cluster.items()))


# -- pairs that shall not be linked -----------------------------------------------------------------------------------


def _not_linked(source: ClusterFacts, target: ClusterFacts, seen: Traffic) -> tuple[Check, ...]:
    skipped = {name: Check(name, "skipped", "not linked") for name in CHECKS}
    return tuple(
        {
            **skipped,
            "synced": _not_synced(source, target),
            "endpoints": _no_endpoints(source, target, seen),
            "requests": _no_answers(source, target, seen.answers),
        }.values()
    )


def _not_synced(source: ClusterFacts, target: ClusterFacts) -> Check:
    secret = source.secrets.get(target.name)
    if secret:
        return _failed(
            "synced",
            source,
            f"a remote secret for {target.name} is there, but {source.name} shall not be linked to it",
            f"unlink it (playbook unlink), or name the link from {source.name} to {target.name}",
            object=f"Secret {secret.secret}",
        )
    for istiod in source.istiods:
        if target.name in istiod.clusters:
            return _failed(
                "synced",
                source,
                f"istiod still holds {target.name}, although its remote secret is gone: it no longer reads secrets",
                f"restart it: kubectl -n {source.istio_namespace} rollout restart deployment -l app=istiod",
                object=f"Pod {source.istio_namespace}/{istiod.pod}",
                eventual=True,
            )
    return Check("synced", "ok", "not linked, as wanted")


def _no_endpoints(source: ClusterFacts, target: ClusterFacts, seen: Traffic) -> Check:
    contributes = any(target.name in istiod.shards for istiod in source.istiods)
    if seen.endpoints or contributes:
        what = ", ".join(f"{host.address}:{host.port}" for host in seen.endpoints or ()) or "endpoints"
        return _failed(
            "endpoints",
            source,
            f"{source.name} holds {what} of {target.name}, but shall not be linked to it",
            f"restart istiod: kubectl -n {source.istio_namespace} rollout restart deployment -l app=istiod",
            eventual=True,
        )
    return Check("endpoints", "ok", "none, as wanted")


def _no_answers(source: ClusterFacts, target: ClusterFacts, answers: Answers | None) -> Check:
    if answers is None:
        return Check("requests", "skipped", "no request was made")
    if answers.by_cluster.get(target.name):
        return _failed(
            "requests",
            source,
            f"{target.name} answered {answers.by_cluster[target.name]} requests of {source.name}, which shall not be "
            "linked to it",
            "see which ServiceEntry or link leads there",
            eventual=True,
        )
    return Check("requests", "ok", "not answered, as wanted")


# -- shared -----------------------------------------------------------------------------------------------------------

_REJECTED = "correct the configuration that the reason names (an EnvoyFilter, or an Envoy without Istio's extensions)"


def _rejections(istiods: Iterable[IstiodAnswers]) -> list[Rejection]:
    return [rejection for istiod in istiods for rejection in istiod.rejections]


def _rejected(rejection: Rejection) -> str:
    return f"proxy {rejection.proxy} rejects its {rejection.resource} configuration: {rejection.reason}"


def _failed(
    name: str, facts: ClusterFacts, cause: str, remedy: str, *, object: str = "", eventual: bool = False
) -> Check:
    return Check(name, "failed", cause, remedy, facts.name, object, eventual)
