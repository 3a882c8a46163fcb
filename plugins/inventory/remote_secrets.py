# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory onemesh.istio.remote_secrets; the work is in module_utils/_discovery.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: remote_secrets
short_description: The clusters of a mesh as hosts, from the remote secrets of one of them
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Reads the remote secrets of one cluster, the hub, as its istiod does, and makes a host of each cluster that they
    name, and of the hub. The host's name is the cluster ID.
  - The host variables are those of the role P(onemesh.istio.cluster#role). No token is among them, nor in a cache or in
    AWX's database. C(cluster_remote_secret) says in which secret of the hub it is, and each task reads it there.
  - A cluster whose secret istiod would not take is in the group C(unusable), with istiod's reason in C(cluster_reason).
    It hides no other. A play for those that work is for C(all:!unusable).
  - The hub's token comes from a kubeconfig file or from E(K8S_AUTH_API_KEY), and is no option here, because tasks
    need it too and find it there. So AWX's credential for a Kubernetes API server serves the inventory source and
    the job templates.
  - The file's name ends with V(remote_secrets.yml) or V(remote_secrets.yaml).
  - Roles that install with Helm need a kubeconfig of their own for a cluster, which its remote secret cannot replace
    since its account may only read.
extends_documentation_fragment:
  - onemesh.istio.hub
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [onemesh.istio.remote_secrets]
notes:
  - Further host variables to group by are C(cluster_usable), C(cluster_reason), C(cluster_findings), C(cluster_secret),
    C(cluster_server), C(cluster_expires) and C(cluster_is_hub), which mean what P(onemesh.istio.remote_clusters#lookup)
    says.
  - The variable C(mesh_hub) of all hosts is the name of the hub, so that changes keep their records there, whichever
    cluster is the first by name.
seealso:
  - plugin: onemesh.istio.remote_clusters
    plugin_type: lookup
"""

EXAMPLES = r"""
# mesh.remote_secrets.yml: all clusters that east reads, and east itself
plugin: onemesh.istio.remote_secrets
kubeconfig: ~/.kube/config
context: east

---
# In AWX, with a credential of the type 'OpenShift or Kubernetes API Bearer Token': a group for each network
plugin: onemesh.istio.remote_secrets
read_networks: true
keyed_groups:
  - key: cluster_network
    prefix: network

---
# What ends within a week, kept for an hour
plugin: onemesh.istio.remote_secrets
local_cluster: east
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/mesh
cache_timeout: 3600
strict: true
compose:
  ansible_python_interpreter: "'/usr/bin/python3'"
groups:
  soon: >-
    cluster_expires is not none and cluster_expires < '%Y-%m-%dT%H:%M:%SZ' | strftime(now().timestamp() + 7 * 86400)
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import discover
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError
from ansible_collections.onemesh.istio.plugins.plugin_utils.search import refuse_wrong_words, search_of, warn
from ansible_collections.onemesh.istio.plugins.plugin_utils.vault import decrypting

UNUSABLE = "unusable"


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "onemesh.istio.remote_secrets"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and path.endswith(("remote_secrets.yml", "remote_secrets.yaml"))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        options = self._read_config_data(path)
        try:
            refuse_wrong_words(self, {**(self._vars or {}), **options})
        except ValueError as error:
            raise AnsibleParserError(f"{path}: {error}") from error
        # A pattern such as all:!unusable shall not warn because all is well.
        self.inventory.add_group(UNUSABLE)
        clusters = self._clusters(path, cache)
        for found in clusters:
            self._add(found)
        # By name the hub would be whoever comes first, and its records would be a second ledger.
        hub = hub_of(clusters)
        if hub:
            self.inventory.set_variable("all", "mesh_hub", hub)

    def _clusters(self, path: str, cache: bool) -> list[dict[str, Any]]:
        """As dictionaries without any credentials, fit for the cache."""
        use_cache = self.get_option("cache")
        key = self.get_cache_key(path)
        if cache and use_cache and key in self._cache:
            kept: list[dict[str, Any]] = self._cache[key]
            return kept
        try:
            discovery = discover(search_of(self), os.environ, decrypting(self.loader))
        except (KubeError, MeshError) as error:
            raise AnsibleParserError(f"{path}: {error}") from error
        warn(discovery.findings)
        clusters = [each.as_dict() for each in discovery.clusters]
        if use_cache:
            self._cache[key] = clusters
        return clusters

    def _add(self, found: Mapping[str, Any]) -> None:
        name = self.inventory.add_host(found["name"])
        variables = host_variables(found)
        for variable, value in variables.items():
            self.inventory.set_variable(name, variable, value)
        if not found["usable"]:
            self.inventory.add_child(UNUSABLE, name)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict)


def hub_of(clusters: Iterable[Mapping[str, Any]]) -> str:
    """The name of the cluster whose Secrets were read; empty where nobody may know it. Pure."""
    names = (
        str(found["name"] if found["hub"] else (found["cluster"].get("remote_secret") or {}).get("hub") or "")
        for found in clusters
    )
    return next(filter(None, names), "")


def host_variables(found: Mapping[str, Any]) -> dict[str, Any]:
    """What the roles read of a cluster, and what a user groups by. Pure."""
    return {
        "ansible_connection": "local",
        **{f"cluster_{name}": value for name, value in found["cluster"].items()},
        **{f"cluster_{name}": found[name] for name in ("usable", "reason", "findings", "secret", "server", "expires")},
        "cluster_is_hub": found["hub"],
    }
