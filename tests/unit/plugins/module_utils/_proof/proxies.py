# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proxies as istiod shows them."""

from __future__ import annotations

from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import ProxySync, Resource
from ansible_collections.onemesh.istio.plugins.module_utils._proof.acknowledgements import ProxyKey

CDS = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
EDS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
LDS = "type.googleapis.com/envoy.config.listener.v3.Listener"
RDS = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
UUID = "2fb1ce80-8d95-4b14-a04e-89d638a8ae41"
ECHO = ProxyKey("east", "echo.app")

FLOOR, OURS = 7, 8


def nonce(push: int) -> str:
    return f"2026-11-24T21:56:20Z/{push}{UUID}"


def sent(push: int, acked: int | None = None, error: str = "") -> Resource:
    return Resource(nonce(push), nonce(push if acked is None else acked), "", error)


def proxy(name: str = "echo.app", *, kind: str = "sidecar", **resources: Resource) -> ProxySync:
    urls = {"cds": CDS, "eds": EDS, "lds": LDS, "rds": RDS}
    return ProxySync(name, "east", kind, "1.31.0", {urls[key]: value for key, value in resources.items()})
