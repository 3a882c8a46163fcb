# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every istiod of a cluster says of the clusters that it reads, and waiting for it.

There can be several istiods, replicas and revisions, and each reads for itself, so each is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from .._cluster import Cluster
from .._finding_kinds import ISTIOD_DOES_NOT_READ, ISTIOD_MISSING
from .._findings import Finding
from .._istio import debug, istiod, names
from .._kube.client import Client
from .._kube.errors import KubeError
from .._kube.kinds import DEPLOYMENT
from .._kube.rollouts import restart, wait_for_rollout
from .finding_kinds import NOT_SYNCED
from .pods import list_ready_istiods

INTERVAL = 0.5
"""Seconds between two questions: istiod's debug interface has nothing to watch."""

Progress = Callable[[str], None]
"""Shows a person what is waited for."""
Registered = Mapping[str, Mapping[str, str]]
"""istiod pod -> cluster ID -> syncStatus."""


def read_registered(client: Client, namespace: str) -> dict[str, dict[str, str]]:
    """Ask every istiod. Raises KubeError where one cannot be reached."""
    return {
        each.pod: {cluster.cluster_id: cluster.status for cluster in read_registered_by(client, namespace, each.pod)}
        for each in list_ready_istiods(client, namespace)
    }


def read_registered_by(client: Client, namespace: str, pod: str) -> tuple[debug.RegisteredCluster, ...]:
    """What one istiod says. Raises KubeError where it cannot be reached, UnexpectedAnswer where it is none."""
    return debug.parse_clusterz(client.pod_http_get(namespace, pod, names.MONITORING_PORT, debug.CLUSTERZ))


def wait_until_synced(
    client: Client, cluster: Cluster, targets: Iterable[str], timeout: float, progress: Progress
) -> list[Finding]:
    """Wait until every istiod says ``synced`` of each target; a finding for each that does not in ``timeout`` s."""
    wanted = sorted(targets)

    def missing(answers: Registered) -> list[tuple[str, str, str]]:
        if not answers:
            return [("", target, "no istiod is ready") for target in wanted]
        return [
            (pod, target, clusters.get(target, ""))
            for pod, clusters in answers.items()
            for target in wanted
            if clusters.get(target) != debug.SYNCED
        ]

    late = _poll(client, cluster, missing, timeout, progress, "to read")
    return [_report_not_synced(cluster, pod, target, status, timeout) for pod, target, status in late]


def wait_until_forgotten(
    client: Client, cluster: Cluster, targets: Iterable[str], timeout: float, progress: Progress
) -> list[Finding]:
    """Wait until no istiod lists any of the targets any more."""
    unwanted = sorted(targets)

    def kept(answers: Registered) -> list[tuple[str, str, str]]:
        return [
            (pod, target, clusters[target])
            for pod, clusters in answers.items()
            for target in unwanted
            if target in clusters
        ]

    late = _poll(client, cluster, kept, timeout, progress, "to forget")
    return [
        Finding(
            cluster.name,
            ISTIOD_DOES_NOT_READ,
            f"{timeout:.0f} s after its remote secret was deleted, {pod} still lists {target} ({status}): "
            "its worker for remote secrets hangs",
            f"restart it: set restart_istiod: true, or `kubectl -n {cluster.istio_namespace} rollout restart "
            "deployment istiod`",
            object=f"Pod {cluster.istio_namespace}/{pod}",
        )
        for pod, target, status in late
    ]


def restart_istiods(client: Client, cluster: Cluster, timeout: float, progress: Progress) -> None:
    """Restart every revision's istiod and wait until it is rolled out."""
    deployments = client.list(DEPLOYMENT, cluster.istio_namespace, label_selector=istiod.SELECTOR)
    for deployment in deployments:
        restart(client, cluster.istio_namespace, deployment["metadata"]["name"])
    for deployment in deployments:
        wait_for_rollout(client, cluster.istio_namespace, deployment["metadata"]["name"], timeout, progress)


def _poll(
    client: Client,
    cluster: Cluster,
    unmet: Callable[[Registered], list[tuple[str, str, str]]],
    timeout: float,
    progress: Progress,
    purpose: str,
) -> list[tuple[str, str, str]]:
    began = time.monotonic()
    shown = 0.0
    while True:
        failure: KubeError | None = None
        try:
            late = unmet(read_registered(client, cluster.istio_namespace))
        except KubeError as error:
            failure, late = error, [("", "", error.message)]
        waited = time.monotonic() - began
        if not late:
            return []
        if waited >= timeout:
            if failure is not None:
                raise failure
            return late
        if waited - shown >= 5:
            shown = waited
            names_waited_for = ", ".join(sorted({target for pod, target, status in late if target})) or late[0][2]
            progress(f"{cluster.name}: waiting for istiod {purpose} {names_waited_for} (for {waited:.0f} s)")
        time.sleep(INTERVAL)


def _report_not_synced(cluster: Cluster, pod: str, target: str, status: str, timeout: float) -> Finding:
    if not pod:
        return Finding(
            cluster.name, ISTIOD_MISSING, f"no istiod was ready within {timeout:.0f} s", "see the istiod pods' logs"
        )
    where = f"Pod {cluster.istio_namespace}/{pod}"
    if not status:
        return Finding(
            cluster.name,
            ISTIOD_DOES_NOT_READ,
            f"{pod} does not list {target} {timeout:.0f} s after its remote secret was written: its worker for "
            "remote secrets hangs, or it refused the kubeconfig",
            "see its log for 'Add cluster'; to restart it set restart_istiod: true",
            object=where,
        )
    return Finding(
        cluster.name,
        NOT_SYNCED,
        f"{pod} says {status!r} of {target} after {timeout:.0f} s, expected {debug.SYNCED!r}: it cannot read its API "
        "server",
        f"see that pods of {cluster.name} reach api_server of {target}, and that its certificate names it",
        object=where,
    )
