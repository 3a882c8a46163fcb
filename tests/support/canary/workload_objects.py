# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads as an API server returns them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

Object = dict[str, Any]

NOW = 1_800_000_000.0
"""2027-01-15T08:00:00Z."""

CONTAINER: Object = {"name": "web", "image": "registry.example.org/web:1", "ports": [{"containerPort": 8080}]}


def workload(kind: str = "Deployment", *, name: str = "web", status: Object | None = None, **spec: Any) -> Object:
    pod = {"containers": [deepcopy(CONTAINER)], **spec.pop("pod", {})}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": "8d7c",
            "generation": 2,
            "resourceVersion": "41",
            "labels": {"app": "web", "team": "shop", "app.kubernetes.io/instance": "shop-of-argo"},
            "annotations": {
                "example.org/owner": "ann",
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "deployment.kubernetes.io/revision": "7",
            },
        },
        "spec": {
            **({"replicas": 3, "progressDeadlineSeconds": 600} if kind == "Deployment" else {}),
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"creationTimestamp": None, "labels": {"app": "web", "version": "v1"}},
                "spec": pod,
            },
            **spec,
        },
        "status": {"observedGeneration": 2, **(status or {})},
    }


def config(name: str, kind: str = "ConfigMap", annotations: Object | None = None, **more: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": "3a",
            "resourceVersion": "9",
            "labels": {"team": "shop", "argocd.argoproj.io/instance": "shop"},
            **({"annotations": annotations} if annotations else {}),
        },
        **({"type": "Opaque"} if kind == "Secret" else {}),
        "data": {"key": "value"},
        **more,
    }


def by_key(*configs: Object) -> dict[str, Object]:
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in configs}
