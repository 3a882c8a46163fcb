# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases with the options that ``canary_from`` makes of manifests of other tools, on two clusters, without help."""

from __future__ import annotations

from typing import Any

import yaml
from ansible_collections.onemesh.istio.plugins.filter.canary_from import canary_from
from managed_lab import NAMESPACE, Store, service
from support.mesh import NAMES

CANARY = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web, namespace: store}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  service: {port: 80, targetPort: 8080}
  analysis:
    interval: 10s
    threshold: 2
    maxWeight: 50
    stepWeight: 50
    metrics:
    - {name: request-success-rate, thresholdRange: {min: 99}, interval: 10s}
"""

ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: store}
spec:
  replicas: 3
  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  strategy:
    canary:
      stableService: old
      canaryService: web
      trafficRouting: {istio: {virtualService: {name: web, routes: [primary]}}}
      steps:
      - setCanaryScale: {replicas: 1}
      - setWeight: 50
      - pause: {duration: 1s}
"""


def options_of(manifest: str) -> dict[str, Any]:
    options: dict[str, Any] = canary_from(yaml.safe_load(manifest))["options"]
    # Nobody else has a long answer that is to be waited for.
    options["plan"]["drain"] = 0
    return options


def test_a_canary_of_flagger_without_a_metrics_server(store: Store) -> None:
    options = options_of(CANARY)
    store.put("Deployment", "v1")
    store.release_of(options).succeeded()
    store.put("Deployment", "v2")
    with store.load():
        store.release_of(options, wait_step=1).succeeded()
        store.sees({"v1": 50, "v2": 50})
        result = store.release_of(options).succeeded()
    assert (result["succeeded"], result["failed_checks"]) == (True, 0)
    store.sees({"v2": 100})


def test_a_rollout_whose_canary_has_one_pod_of_three(store: Store) -> None:
    store.put("Deployment", "v1", name="old")
    store.put("Deployment", "v2", name="web", replicas=3)
    shares = [{"destination": {"host": name}, "weight": weight} for name, weight in (("old", 100), ("web", 0))]
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"hosts": ["front"], "http": [{"name": "primary", "route": shares}]},
    }
    for cluster in store.shop.clusters.values():
        cluster.apply(service("front", {"app": "old"}), route)
    options = options_of(ROLLOUT)
    store.release_of(options, wait_step=1).succeeded()
    assert store.pods("web") == dict.fromkeys(NAMES, 1)
    store.sees({"v1": 50, "v2": 50}, "front")
    assert store.release_of(options).succeeded()["succeeded"]
    store.sees({"v2": 100}, "front")
