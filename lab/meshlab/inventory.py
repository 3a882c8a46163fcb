"""The Ansible inventory of a lab. Pure.

Here, and nowhere in a role, stands what only the lab needs: Envoy as its project builds it lacks Istio's own filters,
so istiod must not send them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from .state import LabState

ISTIO_VERSION = "1.31.0"
SHARED_NETWORK = "network1"
_SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}}


def control_plane_values() -> dict[str, Any]:
    """Helm values of the istiod chart for stock Envoy."""
    return {
        "global": {"hub": "docker.io/istio", "tag": ISTIO_VERSION, "proxy": {"resources": _SMALL}},
        # Statistics are Istio's own filter: with it stock Envoy rejects every listener.
        "telemetry": {"enabled": False},
        "autoscaleEnabled": False,
        "resources": _SMALL,
        "env": {"PILOT_ENABLE_METADATA_EXCHANGE": "false", "PILOT_ENABLE_ALPN_FILTER": "false"},
    }


def eastwest_gateway_values() -> dict[str, Any]:
    """Helm values of the gateway chart."""
    return {"autoscaling": {"enabled": False}, "resources": _SMALL}


def inventory(state: LabState) -> dict[str, Any]:
    """The inventory as Ansible's YAML plugin reads it."""
    charts = Path(state.charts)
    variables: dict[str, Any] = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "cluster_helm_binary": str(Path(state.binaries) / "helm"),
        "cluster_charts": str(charts),
        "control_plane_values": control_plane_values(),
        "eastwest_gateway_values": eastwest_gateway_values(),
    }
    if state.shared_network:
        variables["cluster_shared_network"] = SHARED_NETWORK
    return {"all": {"vars": variables, "hosts": {each.name: _host(state, each.name) for each in state.layouts()}}}


def render(state: LabState) -> str:
    return yaml.dump(inventory(state), Dumper=_PlainDumper, sort_keys=False, width=120)


def _host(state: LabState, name: str) -> dict[str, Any]:
    cluster = state.layout(name)
    host: dict[str, Any] = {
        "cluster_kubeconfig": str(cluster.kubeconfig),
        "cluster_context": name,
        "cluster_region": state.clusters[name].region,
        "cluster_api_server": cluster.api_server,
    }
    return host if state.shared_network else {**host, "cluster_network": name}


class _PlainDumper(yaml.SafeDumper):
    """Writes a value that occurs twice in full, where YAML would refer back to the first."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
