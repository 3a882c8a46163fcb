# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real requests, and the workload of ours that makes them: put there, asked, taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._istio import debug
from ..._kube.client import Client
from ..._kube.errors import KubeError, WaitTimeout
from ..._kube.exec import exec_in_pod
from ..._kube.kinds import DEPLOYMENT, NAMESPACE, POD
from ..._kube.pods import pod_is_ready
from ..._ownership import FIELD_MANAGER, is_ours, owned
from . import echo, gather, probe
from .facts import Answers, ClusterFacts, Obstacle, Traffic

# One after another rather than all at once, so that latencies are those of a request and not of a queue.
_PACE = ("--qps=50", "--timeout=10s")
_EXEC_TIMEOUT = 20.0


@dataclass(frozen=True)
class Probe:
    """The probe's pod in one cluster, ready to ask."""

    cluster: str
    pod: str
    created: bool
    """Whether its namespace was not there before."""


def deploy(
    client: Client,
    facts: ClusterFacts,
    manifests: Sequence[Mapping[str, Any]],
    *,
    ends: float,
    progress: Callable[[str], None],
) -> Probe | Obstacle:
    """Put the probe into one cluster and wait until ``ends`` (monotonic) for its pod; or say why there is none."""
    live = client.find(NAMESPACE, probe.NAMESPACE)
    if live is not None and live["metadata"].get("deletionTimestamp"):
        progress(f"verify: {facts.name}: waiting for namespace {probe.NAMESPACE} of an earlier run to be gone")
        client.wait_gone(NAMESPACE, probe.NAMESPACE, None, _left(ends))
        live = None
    if live is not None and not is_ours(live):
        return Obstacle(
            facts.name,
            f"namespace {probe.NAMESPACE} is there and not ours, so no probe is put into it",
            "choose probe: existing, or rename or remove it",
            f"Namespace {probe.NAMESPACE}",
        )
    for manifest in manifests:
        client.apply(owned(manifest, probe.COMPONENT), field_manager=FIELD_MANAGER, force=True)
    where = f"Deployment {probe.NAMESPACE}/{probe.NAME}"
    if not probe.is_ready(client.find(DEPLOYMENT, probe.NAME, probe.NAMESPACE)):
        progress(f"verify: {facts.name}: waiting for the probe's pod to be ready")
        try:
            client.wait_for(DEPLOYMENT, probe.NAME, probe.NAMESPACE, probe.is_ready, _left(ends))
        except WaitTimeout:
            reason, remedy = probe.why_not_ready(_list_pods(client))
            return Obstacle(facts.name, f"the probe in {facts.name} is not ready: {reason}", remedy, where)
    pods = [pod for pod in _list_pods(client) if pod_is_ready(pod)]
    if not pods:
        return Obstacle(facts.name, f"the probe in {facts.name} has no ready pod any more", "run verify again", where)
    if not probe.has_sidecar(pods[0]):
        return Obstacle(
            facts.name,
            f"the probe's pod in {facts.name} was given no sidecar",
            "see kubectl get mutatingwebhookconfigurations: a webhook of Istio has to select namespace "
            f"{probe.NAMESPACE}",
            f"Pod {probe.NAMESPACE}/{pods[0]['metadata']['name']}",
        )
    return Probe(facts.name, pods[0]["metadata"]["name"], created=live is None)


def remove(client: Client, *, ends: float) -> bool:
    """Take the probe and its namespace away, and wait until they are gone. False where it was not there or not ours."""
    live = client.find(NAMESPACE, probe.NAMESPACE)
    if live is None or not is_ours(live):
        return False
    client.delete(NAMESPACE, probe.NAMESPACE, uid=live["metadata"]["uid"])
    # The namespace controller begins only after 5 s: by then the pod has ended.
    client.delete(DEPLOYMENT, probe.NAME, probe.NAMESPACE)
    client.wait_gone(NAMESPACE, probe.NAMESPACE, None, _left(ends))
    return True


def ask(client: Client, source: Probe, target: str, *, domain: str, requests: int) -> Traffic:
    """Endpoints of the target's own Service in the source's proxy, and requests to it."""
    service = probe.service_name(target)
    hosts = gather.read_proxy_hosts(client, source.pod, probe.NAMESPACE, probe.host(service, domain), probe.PORT)
    answers = ask_service(client, source, service, domain=domain, requests=requests)
    return Traffic(hosts, answers, (f"{source.pod}.{probe.NAMESPACE}",))


def ask_service(client: Client, source: Probe, service: str, *, domain: str, requests: int) -> Answers:
    """Requests from the probe's pod, with the client that lies beside the server in its image."""
    result = exec_in_pod(
        client,
        probe.NAMESPACE,
        source.pod,
        probe.CONTAINER,
        [probe.CLIENT, f"--count={requests}", *_PACE, probe.url(service, domain)],
        timeout=_EXEC_TIMEOUT,
    )
    return echo.read_answers(requests, result.stdout, result.stderr, result.exit_code)


@dataclass(frozen=True)
class Existing:
    """A user's own client and Service, instead of the probe."""

    namespace: str
    """Of the client's pods."""
    selector: str
    """Label selector of the client's pods."""
    container: str
    command: tuple[str, ...]
    """Makes one request."""
    host: str
    """The Service's full name."""
    port: int


def ask_existing(
    client: Client, facts: ClusterFacts, fleet: Mapping[str, ClusterFacts], existing: Existing, *, requests: int
) -> dict[str, Traffic] | Obstacle:
    """Requests from the user's client. Who answered is what its Envoy counts for each endpoint of the Service."""
    pods = [
        pod
        for pod in client.list(POD, existing.namespace, label_selector=existing.selector)
        if pod_is_ready(pod) and probe.has_sidecar(pod)
    ]
    if not pods:
        return Obstacle(
            facts.name,
            f"no ready pod with a sidecar has labels {existing.selector} in namespace {existing.namespace}",
            "correct client, or choose probe: deploy",
        )
    name = pods[0]["metadata"]["name"]

    def hosts() -> tuple[debug.Host, ...]:
        return gather.read_proxy_hosts(client, name, existing.namespace, existing.host, existing.port)

    before = {(host.address, host.port): host for host in hosts()}
    failure = ""
    for _number in range(requests):
        result = exec_in_pod(
            client, existing.namespace, name, existing.container, existing.command, timeout=_EXEC_TIMEOUT
        )
        if result.exit_code and not failure:
            failure = f"the command ended with code {result.exit_code}: {' '.join(result.stderr.split())[:300]}"
    after = hosts()
    return {
        target.name: _count(facts, target, before, after, f"{name}.{existing.namespace}", failure, requests)
        for target in fleet.values()
        if not target.away
    }


def _count(
    source: ClusterFacts,
    target: ClusterFacts,
    before: Mapping[tuple[str, int], debug.Host],
    after: Sequence[debug.Host],
    proxy: str,
    failure: str,
    requests: int,
) -> Traffic:
    hosts = tuple(host for host in after if _belongs(host, source, target))
    sent = errors = 0
    for host in hosts:
        earlier = before.get((host.address, host.port))
        sent += host.requests - (earlier.requests if earlier else 0)
        errors += host.errors - (earlier.errors if earlier else 0)
    if not sent:
        reason = f"none of {requests} requests was sent to {target.name}: others are preferred (locality, weights)"
        return Traffic(hosts, None, (proxy,), reason)
    answered = {target.name: sent - errors} if sent > errors else {}
    return Traffic(hosts, Answers(sent, answered, None, (), failure if errors else ""), (proxy,))


def _belongs(host: debug.Host, source: ClusterFacts, target: ClusterFacts) -> bool:
    """Whether an endpoint leads to the target: its gateway from another network, else one of its pods."""
    if source.network != target.network:
        return any((host.address, host.port) == address for gateway in target.gateways for address in gateway.addresses)
    return host.address in target.pod_addresses


def describe_obstacle(error: KubeError, what: str, *, eventual: bool = False) -> Obstacle:
    remedy = error.remedy or "see whether its API server answers"
    return Obstacle(error.cluster, f"{what}: {error.message}", remedy, eventual=eventual)


def _list_pods(client: Client) -> list[dict[str, Any]]:
    return client.list(POD, probe.NAMESPACE, label_selector=f"{probe.APP_LABEL}={probe.NAME}")


def _left(ends: float) -> float:
    return max(1.0, ends - time.monotonic())
