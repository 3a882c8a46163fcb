# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments and DaemonSets of a release: their revision, their readiness and their size. Pure.

Readiness is Flagger's (pkg/canary/deployment_ready.go and daemonset_ready.go), with one difference: of a side that is
to have pods at least one has to be available, whatever the threshold rounds to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from ..._change.objects import content_hash
from ..._findings import Finding
from ..._kube.kinds import DAEMON_SET, DEPLOYMENT, HORIZONTAL_POD_AUTOSCALER, Kind, group_of, kind_of
from ..._times import moment_of
from ..finding_kinds import AUTOSCALER_FROM_ZERO, AUTOSCALER_OWNED, ROLLOUT_PAUSED, UPDATE_STRATEGY
from ..model import Readiness
from .configs import hash_config, select_for_revision
from .inherited import strip_deployer_keys

Object = dict[str, Any]

KINDS: dict[str, Kind] = {kind.kind: kind for kind in (DEPLOYMENT, DAEMON_SET)}

REPLICAS_ANNOTATION = "onemesh.istio/replicas"
"""On a workload that we scale: how many replicas it had before we did."""

SCALE_TO_ZERO = "onemesh.istio/scale-to-zero"
"""A node label that no node has: a DaemonSet that selects nodes by it has no pods."""

_PRIMARY = "-primary"


def revision(workload: Mapping[str, Any], configs: Mapping[str, Object]) -> str:
    """A hash (16 hexadecimal digits) of the pod template and of the ConfigMaps and Secrets that it reads.

    ``configs`` is from ``Config.key`` to live object. As with Flagger a restart by annotation is a new revision, and
    how many pods there are is not part of it.
    """
    found = select_for_revision(workload, configs)
    return content_hash(
        {
            "template": own_template(workload["spec"]["template"]),
            "configs": {key: "" if config is None else hash_config(config) for key, config in found.items()},
        }
    )


def own_template(template: Mapping[str, Any]) -> Object:
    """A pod template without what we or the API server put there."""
    result: Object = deepcopy(dict(template))
    (result.get("metadata") or {}).pop("creationTimestamp", None)
    spec = result.get("spec") or {}
    selector = {name: value for name, value in (spec.pop("nodeSelector", None) or {}).items() if name != SCALE_TO_ZERO}
    if selector:
        spec["nodeSelector"] = selector
    return result


def find_workload_problems(target: Mapping[str, Any], *, cluster: str) -> list[Finding]:
    """Why a workload cannot be released this way."""
    strategy = (target["spec"].get("updateStrategy") or {}).get("type") or "RollingUpdate"
    findings = []
    if target["kind"] == DAEMON_SET.kind and strategy != "RollingUpdate":
        findings.append(
            Finding(
                cluster,
                UPDATE_STRATEGY,
                f"its update strategy is {strategy}, and RollingUpdate is expected, or a promoted template would reach "
                "no pod",
                "set spec.updateStrategy.type to RollingUpdate",
                object=_describe(target),
            )
        )
    if target["spec"].get("paused"):
        findings.append(
            Finding(
                cluster,
                ROLLOUT_PAUSED,
                "its rollout is paused, so that a new template reaches no pod",
                "resume it (kubectl rollout resume)",
                object=_describe(target),
            )
        )
    return findings


# Readiness


def readiness(
    live: Mapping[str, Any] | None,
    *,
    now: float,
    threshold: int = 100,
    deadline: float = 600.0,
    wanted: int | None = None,
    since: float | None = None,
) -> Readiness:
    """How far a workload is. ``now`` and ``since`` are seconds since the epoch, ``deadline`` is in seconds.

    ``threshold`` is how many percent of its updated pods (of a DaemonSet: of all) have to be available. ``wanted`` is
    how many replicas there have to be at least; of a DaemonSet any number from 1 means its pods. Without it the
    workload's own number counts. A DaemonSet has no condition that says since when it waits: its deadline counts from
    ``since``, and without that it has none.
    """
    if live is None:
        return Readiness("none") if wanted == 0 else Readiness("waiting", "the workload is not there")
    status = live.get("status") or {}
    if _is_stale(live):
        return Readiness(
            "waiting",
            f"{_describe(live)}: its controller has seen generation {status.get('observedGeneration') or 0}, and "
            f"{live['metadata']['generation']} is expected",
        )
    if live["kind"] == DAEMON_SET.kind:
        problem = _daemon_set_problem(live, threshold, wanted)
        expired = since is not None and now - since > deadline
        too_long = f"for more than {deadline:g} s since the step was taken"
    else:
        problem = _deployment_problem(live, threshold, wanted)
        progressing = _condition(live, "Progressing")
        if progressing.get("reason") == "ProgressDeadlineExceeded":
            allowed = live["spec"].get("progressDeadlineSeconds") or 600
            why = problem or progressing.get("message") or "no pod became available"
            return Readiness("failed", f"{_describe(live)}: exceeded its progress deadline of {allowed} s: {why}")
        expired = bool(progressing) and _unavailable_for(live, now) > deadline
        too_long = f"and too few replicas were available for more than {deadline:g} s"
    if not problem:
        return Readiness("ready")
    if expired:
        return Readiness("failed", f"{_describe(live)}: {problem}, {too_long}")
    return Readiness("waiting", f"{_describe(live)}: {problem}")


def _deployment_problem(live: Mapping[str, Any], threshold: int, wanted: int | None) -> str:
    status = live.get("status") or {}
    replicas = _spec_replicas(live)
    existing, updated, available = (
        int(status.get(name) or 0) for name in ("replicas", "updatedReplicas", "availableReplicas")
    )
    if wanted is not None and replicas < wanted:
        return f"it asks for {replicas} replicas, and {wanted} are wanted"
    if updated < replicas:
        paused = " (its rollout is paused)" if live["spec"].get("paused") else ""
        return f"{updated} of {replicas} replicas have its template{paused}"
    if existing > updated:
        return f"{existing - updated} replicas of an earlier template are still there, and none is expected"
    needed = _count_needed(updated, threshold)
    if available < needed:
        return f"{available} replicas are available, and {needed} are expected ({threshold} % of {updated})"
    return ""


def count_ending(slices: Iterable[Mapping[str, Any]], live: Mapping[str, Any]) -> int:
    """How many pods behind EndpointSlices are on their way out. A slice is written some time after a pod was asked to
    end, so those count too that are more than the workload has."""
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or ()]
    asked = {_pod(each) for each in endpoints if (each.get("conditions") or {}).get("terminating")}
    status = live.get("status") or {}
    existing = int(status.get("replicas") or status.get("desiredNumberScheduled") or 0)
    return max(len(asked), len({_pod(each) for each in endpoints}) - existing)


def _pod(endpoint: Mapping[str, Any]) -> str:
    return str((endpoint.get("targetRef") or {}).get("name") or endpoint["addresses"][0])


def _daemon_set_problem(live: Mapping[str, Any], threshold: int, wanted: int | None) -> str:
    status = live.get("status") or {}
    desired, updated, available = (
        int(status.get(name) or 0) for name in ("desiredNumberScheduled", "updatedNumberScheduled", "numberAvailable")
    )
    if wanted and _has_no_nodes(live):
        return f"it is scaled to zero by node selector {SCALE_TO_ZERO}, and its pods are wanted"
    if wanted and not desired:
        return "no node fits its pods, and at least one is expected"
    if updated < desired:
        return f"{updated} of {desired} pods have its template"
    needed = _count_needed(desired, threshold)
    if available < needed:
        return f"{available} pods are available, and {needed} are expected ({threshold} % of {desired})"
    return ""


def _count_needed(pods: int, threshold: int) -> int:
    """So many pods have to be available: at least one, because requests to a side without any fail."""
    return max(pods * threshold // 100, 1 if pods and threshold > 0 else 0)


def _unavailable_for(live: Mapping[str, Any], now: float) -> float:
    available = _condition(live, "Available")
    since = available.get("lastUpdateTime") or available.get("lastTransitionTime")
    if available.get("status") != "False" or available.get("reason") != "MinimumReplicasUnavailable" or not since:
        return 0.0
    return now - moment_of(str(since)).timestamp()


def _condition(live: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    conditions = (live.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == name), {})


def _is_stale(live: Mapping[str, Any]) -> bool:
    observed = (live.get("status") or {}).get("observedGeneration") or 0
    return int(observed) < int(live["metadata"].get("generation") or 0)


# Size


def scale_workload(live: Mapping[str, Any], replicas: int, *, autoscaled: bool = False) -> Object:
    """The workload with so many replicas: the whole object, with what it had before in REPLICAS_ANNOTATION.

    A DaemonSet has its pods or none. ``autoscaled``: a HorizontalPodAutoscaler sets the number; it leaves a workload
    alone that has none, so that only whether there are any is ours to say.
    """
    result: Object = deepcopy(dict(live))
    if live["kind"] == DAEMON_SET.kind:
        pod = result["spec"]["template"]["spec"]
        selector = {name: value for name, value in (pod.get("nodeSelector") or {}).items() if name != SCALE_TO_ZERO}
        if replicas <= 0:
            selector[SCALE_TO_ZERO] = "true"
        if selector or "nodeSelector" in pod:
            pod["nodeSelector"] = selector
        if not pod.get("nodeSelector", True):
            del pod["nodeSelector"]
        return result
    now = _spec_replicas(live)
    if now == replicas or (autoscaled and now > 0 and replicas > 0):
        return result
    result["spec"]["replicas"] = replicas
    if now > 0:
        annotations = dict(result["metadata"].get("annotations") or {})
        annotations.setdefault(REPLICAS_ANNOTATION, str(now))
        result["metadata"]["annotations"] = annotations
    return result


def full_size(canary: Mapping[str, Any] | None, stable: Mapping[str, Any] | None) -> int:
    """How many replicas 100 percent of the canary are; of a DaemonSet 1, which means its pods.

    As many as the stable side has, else as many as the canary had before we scaled it, else as it has, else 1.
    """
    if any(live is not None and live["kind"] == DAEMON_SET.kind for live in (canary, stable)):
        return 1
    of_stable = 0 if stable is None else _spec_replicas(stable)
    return of_stable or (0 if canary is None else _original_replicas(canary) or _spec_replicas(canary)) or 1


def canary_size(full: int, percent: int) -> int:
    """``percent`` of ``full`` replicas, rounded up, so that the canary's share of the traffic has the pods for it."""
    return -(-full * percent // 100) if percent > 0 else 0


def count_replicas(live: Mapping[str, Any]) -> int:
    """How many replicas a workload asks for; of a DaemonSet 1, which means its pods, or none."""
    return int(not _has_no_nodes(live)) if live["kind"] == DAEMON_SET.kind else _spec_replicas(live)


def _original_replicas(live: Mapping[str, Any]) -> int:
    text = ((live.get("metadata") or {}).get("annotations") or {}).get(REPLICAS_ANNOTATION, "")
    return int(text) if text.isascii() and text.isdigit() else 0


def _spec_replicas(live: Mapping[str, Any]) -> int:
    replicas = live["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _has_no_nodes(live: Mapping[str, Any]) -> bool:
    return SCALE_TO_ZERO in (live["spec"]["template"]["spec"].get("nodeSelector") or {})


# Autoscaling


def autoscaler_of(autoscalers: Iterable[Object], workload: Mapping[str, Any]) -> Object | None:
    """The HorizontalPodAutoscaler (of the workload's namespace) that sets its number of replicas."""
    for autoscaler in autoscalers:
        reference = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
        named = (group_of(str(reference.get("apiVersion") or "")), reference.get("kind"), reference.get("name"))
        if named == (group_of(workload["apiVersion"]), workload["kind"], workload["metadata"]["name"]):
            return autoscaler
    return None


def primary_autoscaler(autoscaler: Mapping[str, Any], primary: str) -> Object:
    """The like for the stable side, as Flagger makes it: ``NAME-primary``, for the workload named ``primary``."""
    labels = strip_deployer_keys(autoscaler["metadata"].get("labels"))
    spec = deepcopy(autoscaler["spec"])
    return {
        "apiVersion": HORIZONTAL_POD_AUTOSCALER.api_version,
        "kind": HORIZONTAL_POD_AUTOSCALER.kind,
        "metadata": {
            "name": autoscaler["metadata"]["name"] + _PRIMARY,
            "namespace": autoscaler["metadata"]["namespace"],
            **({"labels": labels} if labels else {}),
        },
        "spec": {**spec, "scaleTargetRef": {**spec["scaleTargetRef"], "name": primary}},
    }


def find_autoscaler_problems(autoscaler: Mapping[str, Any], *, cluster: str) -> list[Finding]:
    """Why it would fight with the canary over the number of replicas."""
    findings = []
    owner = next((each for each in autoscaler["metadata"].get("ownerReferences") or () if each.get("controller")), None)
    if owner is not None:
        findings.append(
            Finding(
                cluster,
                AUTOSCALER_OWNED,
                f"{owner.get('kind')} {owner.get('name')} made it, so a copy of it for the stable side would not be "
                "kept up to date",
                f"give the stable side a {owner.get('kind')} of its own",
                severity="warning",
                object=_describe(autoscaler),
            )
        )
    if autoscaler["spec"].get("minReplicas") == 0:
        findings.append(
            Finding(
                cluster,
                AUTOSCALER_FROM_ZERO,
                "minReplicas is 0, so it scales the canary up by itself when that was scaled down",
                "set minReplicas to 1 or more",
                object=_describe(autoscaler),
            )
        )
    return findings


def _describe(live: Mapping[str, Any]) -> str:
    return kind_of(live).describe(live["metadata"]["name"], live["metadata"].get("namespace"))
