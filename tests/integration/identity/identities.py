# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What says who a cluster is, put on API servers by hand, and what a run of each operation needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.client import Client
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import NotFound
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import DEPLOYMENT, NAMESPACE
from ansible_collections.onemesh.istio.plugins.module_utils._operations import operation as operation_module
from support.control_plane import SERVER_NAME
from support.fleet_runs import Object, Planes

ACTIONS = Path(operation_module.__file__).parents[2] / "action"
ISTIO = "istio-system"
NOBODY = {"onemesh.istio/cluster": None, "onemesh.istio/cluster-uid": None}

ROUTE: Object = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "shop", "namespace": ISTIO},
    "spec": {"hosts": ["shop"], "http": [{"route": [{"destination": {"host": "shop"}}]}]},
}
CONFIG: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made", "namespace": ISTIO}}

RUNS: dict[str, dict[str, Any]] = {
    "apply": {"objects": [CONFIG], "component": "test"},
    "apply, namespace of Istio": {
        "objects": [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ISTIO}}],
        "component": "namespace",
    },
    "cacerts": {"directory": "/no/such/store"},
    "cacerts, absent": {"state": "absent"},
    "canary": {
        "name": "shop",
        "namespace": ISTIO,
        "routes": [{"name": "shop"}],
        "stable": "v1",
        "canary": "v2",
        "plan": {"step_weights": [10, 100]},
    },
    "endpoint_sync": {"timeout": 1.0},
    "gateway_address": {"timeout": 1.0},
    "helm_release": {"releases": [{"name": "istiod", "chart": "istiod"}], "charts": "/no/such/charts"},
    "link": {"require_gateway": False, "timeout": 1.0},
    "link, absent": {"state": "absent", "timeout": 1.0},
    "replicate": {"set": "shop", "definition": [ROUTE]},
    "replicate, absent": {"set": "shop", "state": "absent"},
    "rollout": {"deployments": ["istiod"], "restart": True, "timeout": 1.0},
    "traffic_split": {"namespace": ISTIO, "name": "shop", "weights": {"v1": 100}},
    "verify": {"timeout": 1.0, "probe_timeout": 1.0},
    "wipe": {"timeout": 10.0},
    "writer": {},
    "writer, absent": {"state": "absent", "timeout": 1.0},
}
"""Operation, and what distinguishes this run of it -> its options beside the clusters."""


def operation_of(run: str) -> ModuleType:
    name = run.partition(",")[0]
    action = importlib.import_module(f"ansible_collections.onemesh.istio.plugins.action.{name}")
    return cast(ModuleType, action.ActionModule.OPERATION)


def clear(planes: Planes) -> None:
    for client in planes.clients.values():
        client.patch(NAMESPACE, ISTIO, None, {"metadata": {"annotations": NOBODY}})
        for live in client.list(DEPLOYMENT):
            client.delete(DEPLOYMENT, live["metadata"]["name"], live["metadata"]["namespace"])


def uid(client: Client) -> str:
    return str(client.get(NAMESPACE, "kube-system")["metadata"]["uid"])


def annotations(client: Client, namespace: str = ISTIO) -> Mapping[str, str]:
    """What the Namespace of Istio says of who the cluster is."""
    held = client.get(NAMESPACE, namespace)["metadata"].get("annotations") or {}
    return {name: held[name] for name in NOBODY if name in held}


def annotate(client: Client, name: str, of: str | None = None) -> None:
    """Put the record of a cluster on the Namespace of Istio, by default with the UID of this API server."""
    record = {"onemesh.istio/cluster": name, "onemesh.istio/cluster-uid": of or uid(client)}
    client.patch(NAMESPACE, ISTIO, None, {"metadata": {"annotations": record}})


def install_istiod(client: Client, cluster_id: str, name: str = "istiod") -> None:
    """The Deployment of an istiod, which nobody starts here."""
    labels = {"app": "istiod", "of": name}
    variable = {"name": "CLUSTER_ID", "value": cluster_id}
    container = {"name": "discovery", "image": "istio/pilot:1.31.0", "env": [variable]}
    client.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": ISTIO, "labels": labels},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        field_manager="test",
    )


def as_alias(options: Mapping[str, Any]) -> dict[str, Any]:
    """The same API server at another URL."""
    return {**options, "host": str(options["host"]).replace("127.0.0.1", "localhost"), "tls_server_name": SERVER_NAME}


def state(planes: Planes) -> dict[str, str]:
    """Every object of the kinds that any operation writes, with its version."""
    return {
        f"{name} {kind.kind} {live['metadata'].get('namespace')}/{live['metadata']['name']}": (
            live["metadata"]["resourceVersion"]
        )
        for name, client in planes.clients.items()
        for kind in kinds.KINDS
        if kind.plural not in _REVIEWS and kind != kinds.LEASE
        for live in _listed(client, kind)
    }


_REVIEWS = {kind.plural for kind in kinds.KINDS if kind.plural.endswith("reviews")} | {"events"}


def _listed(client: Client, kind: kinds.Kind) -> list[Object]:
    try:
        return client.list(kind)
    except NotFound:
        return []
