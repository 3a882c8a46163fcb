# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workloads as users write them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

IMAGE = "registry.example.org/web:"


def manifest(
    namespace: str, kind: str = "Deployment", *, version: int = 1, pod: Object | None = None, **spec: Any
) -> Object:
    container = {"name": "web", "image": f"{IMAGE}{version}", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web", "namespace": namespace, "labels": {"app": "web"}},
        "spec": {
            **({"replicas": 3} if kind == "Deployment" else {}),
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container], **(pod or {})}},
            **spec,
        },
    }
