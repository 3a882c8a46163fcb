# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Istio's charts own whatever their values, so that it can be looked for before any chart is there. Pure.

What else a chart owns with the values of the day is known when it is rendered, before Helm runs on that cluster.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .._kube import kinds
from .._kube.kinds import Kind

BASE, ISTIOD, GATEWAY = "base", "istiod", "gateway"

DEFINITIONS = {
    "extensions.istio.io": ("trafficextensions", "wasmplugins"),
    "networking.istio.io": (
        "destinationrules",
        "envoyfilters",
        "gateways",
        "proxyconfigs",
        "serviceentries",
        "sidecars",
        "virtualservices",
        "workloadentries",
        "workloadgroups",
    ),
    "security.istio.io": ("authorizationpolicies", "peerauthentications", "requestauthentications"),
    "telemetry.istio.io": ("telemetries",),
}
"""Resource types of chart base: plurals by group."""


class ChartObject(NamedTuple):
    """An object that a chart makes. ``namespace`` is empty for one of the whole cluster."""

    kind: Kind
    name: str
    namespace: str = ""


def list_chart_objects(chart: str, release: str, namespace: str, revision: str = "") -> list[ChartObject]:
    """The objects of a release of one of these charts; ``revision`` is istiod's, empty for the default one."""
    makers = {BASE: _base, ISTIOD: _istiod, GATEWAY: _gateway}
    return list(makers[chart](release, namespace, f"-{revision}" if revision else ""))


def _base(_release: str, namespace: str, _suffix: str) -> Iterator[ChartObject]:
    for group, plurals in DEFINITIONS.items():
        yield from (ChartObject(kinds.CUSTOM_RESOURCE_DEFINITION, f"{plural}.{group}") for plural in plurals)
    yield ChartObject(kinds.SERVICE_ACCOUNT, "istio-reader-service-account", namespace)
    yield ChartObject(kinds.VALIDATING_WEBHOOK_CONFIGURATION, "istiod-default-validator")


def _istiod(_release: str, namespace: str, suffix: str) -> Iterator[ChartObject]:
    for name in ("istiod-clusterrole", "istiod-gateway-controller", "istio-reader-clusterrole"):
        for kind in (kinds.CLUSTER_ROLE, kinds.CLUSTER_ROLE_BINDING):
            yield ChartObject(kind, f"{name}{suffix}-{namespace}")
    place = "" if namespace == "istio-system" else f"-{namespace}"
    yield ChartObject(kinds.MUTATING_WEBHOOK_CONFIGURATION, f"istio-sidecar-injector{suffix}{place}")
    yield ChartObject(kinds.VALIDATING_WEBHOOK_CONFIGURATION, f"istio-validator{suffix}-{namespace}")
    for kind in (kinds.SERVICE_ACCOUNT, kinds.ROLE, kinds.ROLE_BINDING, kinds.SERVICE, kinds.DEPLOYMENT):
        yield ChartObject(kind, f"istiod{suffix}", namespace)
    for name in ("istio", "istio-sidecar-injector"):
        yield ChartObject(kinds.CONFIG_MAP, f"{name}{suffix}", namespace)


def _gateway(release: str, namespace: str, _suffix: str) -> Iterator[ChartObject]:
    for kind in (kinds.SERVICE_ACCOUNT, kinds.SERVICE, kinds.DEPLOYMENT):
        yield ChartObject(kind, release, namespace)
