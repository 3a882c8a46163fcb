# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollouts of Deployments: begun, waited for by watching, and why one is not at its end.

The rule is kubectl's (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go): the controller has seen the newest
generation, all replicas are of it, none of an older one is left, and all are available.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .._ownership import FIELD_MANAGER
from .._times import rfc3339
from .client import Client
from .errors import KubeError, WaitTimeout
from .kinds import DEPLOYMENT, POD
from .watch import Event

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def restart(client: Client, namespace: str, deployment: str) -> None:
    """Replace a Deployment's pods as ``kubectl rollout restart`` does."""
    annotation = {RESTARTED_AT: rfc3339(time.time())}
    patch = {"spec": {"template": {"metadata": {"annotations": annotation}}}}
    client.patch(DEPLOYMENT, deployment, namespace, patch, patch_type="strategic", field_manager=FIELD_MANAGER)


def wait_for_rollout(
    client: Client, namespace: str, deployment: str, timeout: float, progress: Callable[[str], None]
) -> None:
    """Raises KubeError that names the pods which are not ready, and why, when ``timeout`` seconds are over."""
    began = time.monotonic()
    shown = ""

    def on_event(event: Event) -> None:
        nonlocal shown
        state = progress_of(event.object)
        if state and state != shown:
            shown = state
            waited = time.monotonic() - began
            progress(f"{client.cluster}: Deployment {namespace}/{deployment}: {state} (for {waited:.0f} s)")

    if client.find(DEPLOYMENT, deployment, namespace) is None:
        raise _make_missing_error(client, namespace, deployment, "does not exist")
    try:
        ended = client.wait_for(
            DEPLOYMENT,
            deployment,
            namespace,
            lambda live: is_paused(live) or not progress_of(live),
            timeout=max(timeout, 0.0),
            on_event=on_event,
        )
    except WaitTimeout as error:
        if error.last is None:
            raise _make_missing_error(client, namespace, deployment, "was deleted while it was waited for") from None
        reasons = "; ".join(_list_unready(client, namespace, deployment)) or shown
        raise KubeError(
            client.cluster,
            f"Deployment {namespace}/{deployment} was not ready after {time.monotonic() - began:.0f} s: {reasons}",
            reason="not-rolled-out",
            remedy=f"see `kubectl -n {namespace} describe pods` and the pods' logs, or allow more time",
        ) from None
    if is_paused(ended):
        raise KubeError(
            client.cluster,
            f"the rollout of Deployment {namespace}/{deployment} is paused: {progress_of(ended)}, and none follows",
            reason="not-rolled-out",
            remedy=f"`kubectl -n {namespace} rollout resume deployment/{deployment}`, then run again",
        )


def _make_missing_error(client: Client, namespace: str, deployment: str, what: str) -> KubeError:
    """Nobody makes it while we wait, so more time is no remedy."""
    return KubeError(
        client.cluster,
        f"Deployment {namespace}/{deployment} {what}",
        reason="not-rolled-out",
        remedy="run what makes it (for istiod and gateways `site`, or their role), or correct its name and namespace",
    )


def progress_of(live: Mapping[str, Any]) -> str:
    """What a Deployment still lacks, in words; empty when it is rolled out."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    wanted = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return "its controller has not seen the change yet"
    if status.get("updatedReplicas", 0) < wanted:
        return f"{status.get('updatedReplicas', 0)} of {wanted} replicas are new"
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return f"{status['replicas'] - status.get('updatedReplicas', 0)} old replicas are still ending"
    if status.get("availableReplicas", 0) < wanted:
        return f"{status.get('availableReplicas', 0)} of {wanted} replicas are available"
    return ""


def is_paused(live: Mapping[str, Any]) -> bool:
    """Whether somebody has paused a rollout that is not at its end: more time is no remedy."""
    spec, status = live.get("spec") or {}, live.get("status") or {}
    seen = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    return seen and spec.get("paused") is True and status.get("updatedReplicas", 0) < spec.get("replicas", 1)


def _list_unready(client: Client, namespace: str, deployment: str) -> list[str]:
    live = client.find(DEPLOYMENT, deployment, namespace)
    if live is None:
        return []
    labels = live["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    return [reason for pod in client.list(POD, namespace, label_selector=selector) if (reason := describe_unready(pod))]


def describe_unready(pod: Mapping[str, Any]) -> str:
    """Why a pod is not ready, from its conditions and containers; empty when it is."""
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    if (conditions.get("Ready") or {}).get("status") == "True":
        return ""
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        waiting = state.get("waiting") or {}
        if waiting:
            why = f"{waiting.get('reason')} {waiting.get('message', '')}".strip()
            return f"pod {name}, container {container['name']}: {why}"
    unmet = conditions.get("PodScheduled") or {}
    if unmet.get("status") == "False":
        return f"pod {name} is not scheduled: {unmet.get('message', unmet.get('reason', ''))}"
    unready = [container["name"] for container in status.get("containerStatuses") or () if not container.get("ready")]
    return f"pod {name}: {', '.join(unready) or 'its containers'} not ready"
