# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster and a fleet are. Pure: no request is sent from here.

A fleet has one shape everywhere (design.md, "Two kinds of work"): the ``clusters`` option of every mesh-wide module is
a list of the mappings that :func:`clusters_of_hosts` makes from inventory host variables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, MeshError

AUTH_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "kubeconfig": {"type": "raw", "no_log": True},
    "context": {"type": "str"},
    "host": {"type": "str"},
    "api_key": {"type": "str", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "aliases": ["verify_ssl"]},
    "ca_cert": {"type": "path", "aliases": ["ssl_ca_cert"]},
    "client_cert": {"type": "path", "aliases": ["cert_file"]},
    "client_key": {"type": "path", "aliases": ["key_file"], "no_log": False},
    "proxy": {"type": "str"},
    "no_proxy": {"type": "str"},
    "tls_server_name": {"type": "str"},
    "impersonate_user": {"type": "str"},
    "impersonate_groups": {"type": "list", "elements": "str"},
}
"""How to reach one API server: kubernetes.core's option names, and ``tls_server_name``."""

IDENTITY_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "network": {"type": "str"},
    "region": {"type": "str"},
    "api_server": {"type": "str"},
    "istio_namespace": {"type": "str", "default": "istio-system"},
}

CLUSTER_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {**IDENTITY_ARGUMENT_SPEC, **AUTH_ARGUMENT_SPEC}
"""One cluster: who it is in the mesh, and how to reach it."""

FLEET_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "clusters": {"type": "list", "elements": "dict", "required": True, "options": CLUSTER_ARGUMENT_SPEC},
    "request_timeout": {"type": "float", "default": 10.0},
}
"""What every mesh-wide module takes."""


@dataclass(frozen=True)
class Cluster:
    """One API server with its place in the mesh.

    ``name`` is the Istio cluster ID; ``api_server`` the URL by which the *other* clusters reach its API server, where
    that differs from ours; ``options`` how this process reaches it (kept out of ``repr``: it may hold a token).
    """

    name: str
    network: str
    region: str = ""
    api_server: str = ""
    istio_namespace: str = "istio-system"
    options: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Cluster:
        """A cluster from one element of the ``clusters`` option."""
        return cls(
            name=parameters["name"],
            network=parameters.get("network") or parameters["name"],
            region=parameters.get("region") or "",
            api_server=parameters.get("api_server") or "",
            istio_namespace=parameters.get("istio_namespace") or "istio-system",
            options={name: parameters[name] for name in AUTH_ARGUMENT_SPEC if parameters.get(name) is not None},
        )


def fleet_of_parameters(elements: Iterable[Mapping[str, Any]]) -> dict[str, Cluster]:
    """The ordered mapping from cluster ID; refuses two clusters with one name (S3.9) and an empty fleet."""
    fleet: dict[str, Cluster] = {}
    findings: list[Finding] = []
    for element in elements:
        cluster = Cluster.from_parameters(element)
        if cluster.name in fleet:
            findings.append(
                Finding(
                    cluster.name,
                    "name-not-unique",
                    "two inventory hosts have this cluster name, and an Istio cluster ID must be unique in a mesh",
                    "give each host its own cluster_name (default: the inventory host's name)",
                )
            )
        fleet[cluster.name] = cluster
    if not fleet:
        raise MeshError("No cluster was given: the inventory has no hosts, or the clusters option is empty.")
    if findings:
        raise MeshError("The fleet is not usable.", findings)
    return fleet


def clusters_of_hosts(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ``clusters`` option from inventory hosts and their ``cluster_*`` variables.

    Defaults are those of role ``cluster``: the name is the inventory host's, the network ``cluster_shared_network`` or
    the name (S3.9, S3.10). Hosts of another mesh or none are the caller's to leave out.
    """
    return [_cluster_of_host(host, hostvars[host]) for host in hosts]


def _cluster_of_host(host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    def variable(name: str) -> Any:
        value = variables.get(f"cluster_{name}")
        return None if value == "" else value

    name = variable("name") or host
    element: dict[str, Any] = {"name": name, "network": variable("network") or variable("shared_network") or name}
    for option in (*IDENTITY_ARGUMENT_SPEC, *AUTH_ARGUMENT_SPEC):
        value = variable(option)
        if option not in element and value is not None:
            element[option] = value
    return element


def secret_values(clusters: Any) -> set[str]:
    """Tokens, passwords and keys inside the ``clusters`` option, which callers keep out of every output (I8)."""
    secrets: set[str] = set()
    if isinstance(clusters, Mapping):
        for name, value in clusters.items():
            if name in _SECRET_FIELDS and isinstance(value, str) and value:
                secrets.add(value)
            else:
                secrets |= secret_values(value)
    elif isinstance(clusters, (list, tuple)):
        for value in clusters:
            secrets |= secret_values(value)
    return secrets


def kubeconfig_paths(parameters: Any) -> set[str]:
    """Every kubeconfig that is given as a path, which messages may name; an inline one may hold a token."""
    paths: set[str] = set()
    if isinstance(parameters, Mapping):
        for name, value in parameters.items():
            if name == "kubeconfig" and isinstance(value, str) and not any(sign in value for sign in _SIGNS_OF_YAML):
                paths.add(value)
            else:
                paths |= kubeconfig_paths(value)
    elif isinstance(parameters, (list, tuple)):
        for value in parameters:
            paths |= kubeconfig_paths(value)
    return paths


_SIGNS_OF_YAML = ("\n", "{", ": ")
_SECRET_FIELDS = frozenset({"api_key", "password", "token", "client-key-data", "id-token", "refresh-token"})
