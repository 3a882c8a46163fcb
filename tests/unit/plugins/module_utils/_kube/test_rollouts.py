# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a Deployment is rolled out, and what is said of one that is not."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube.rollouts import (
    describe_unready,
    is_paused,
    progress_of,
)


def deployment(generation: int = 2, wanted: int | None = 2, **status: int) -> dict[str, Any]:
    spec = {} if wanted is None else {"replicas": wanted}
    return {"metadata": {"name": "istiod", "generation": generation}, "spec": spec, "status": status}


DONE = {"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}
PROGRESS: dict[str, tuple[dict[str, Any], str]] = {
    "rolled out": (deployment(**DONE), ""),
    "scaled to nothing": (deployment(wanted=0, observedGeneration=2), ""),
    "one replica where none is asked for": (
        deployment(wanted=None, observedGeneration=2, updatedReplicas=1, replicas=1, availableReplicas=1),
        "",
    ),
    "just created": (deployment(), "its controller has not seen the change yet"),
    "changed": (deployment(**{**DONE, "observedGeneration": 1}), "its controller has not seen the change yet"),
    "half new": (deployment(**{**DONE, "updatedReplicas": 1}), "1 of 2 replicas are new"),
    "old ones still there": (deployment(**{**DONE, "replicas": 3}), "1 old replicas are still ending"),
    "not all available": (deployment(**{**DONE, "availableReplicas": 1}), "1 of 2 replicas are available"),
    "none available": (
        deployment(observedGeneration=2, updatedReplicas=2, replicas=2),
        "0 of 2 replicas are available",
    ),
}


@pytest.mark.parametrize("case", PROGRESS)
def test_what_a_deployment_still_lacks(case: str) -> None:
    live, words = PROGRESS[case]
    assert progress_of(live) == words


@pytest.mark.parametrize(
    ("paused", "status", "held"),
    [
        (True, {**DONE, "updatedReplicas": 0}, True),
        (True, {**DONE, "updatedReplicas": 0, "observedGeneration": 1}, False),
        (True, DONE, False),
        (False, {**DONE, "updatedReplicas": 0}, False),
    ],
)
def test_a_rollout_that_is_paused_is_not_waited_for(paused: bool, status: dict[str, int], held: bool) -> None:
    live = deployment(**status)
    live["spec"]["paused"] = paused
    assert is_paused(live) is held


def pod(*conditions: tuple[str, str], **status: Any) -> dict[str, Any]:
    made = [{"type": kind, "status": value, "message": f"message of {kind}"} for kind, value in conditions]
    return {"metadata": {"name": "istiod-x"}, "status": {"conditions": made, **status}}


def container(name: str, *, ready: bool = False, **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": ready, "state": state}


PULL = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
REASONS: dict[str, tuple[dict[str, Any], str]] = {
    "ready": (pod(("Ready", "True")), ""),
    "an image that is not there": (
        pod(("Ready", "False"), containerStatuses=[container("discovery", **PULL)]),
        "pod istiod-x, container discovery: ImagePullBackOff no such image",
    ),
    "an init container that waits": (
        pod(
            ("Ready", "False"),
            initContainerStatuses=[container("istio-init", waiting={"reason": "CrashLoopBackOff"})],
            containerStatuses=[container("app", waiting={"reason": "PodInitializing"})],
        ),
        "pod istiod-x, container istio-init: CrashLoopBackOff",
    ),
    "no node takes it": (
        pod(("PodScheduled", "False")),
        "pod istiod-x is not scheduled: message of PodScheduled",
    ),
    "running and not ready": (
        pod(("Ready", "False"), containerStatuses=[container("a", ready=True), container("b", running={})]),
        "pod istiod-x: b not ready",
    ),
    "nothing known yet": ({"metadata": {"name": "istiod-x"}}, "pod istiod-x: its containers not ready"),
}


@pytest.mark.parametrize("case", REASONS)
def test_why_a_pod_is_not_ready(case: str) -> None:
    live, words = REASONS[case]
    assert describe_unready(live) == words
