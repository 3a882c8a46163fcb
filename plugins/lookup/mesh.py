# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup onemesh.istio.mesh; the work is in plugin_utils/mesh.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mesh
short_description: The inventory hosts of a mesh, whatever a run is limited to
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Gives the hosts of the inventory that are the clusters of the mesh, in the order of the inventory. A C(--limit), a
    batch of C(serial) and a host that failed change nothing of it.
  - They are the hosts of the pattern, by default of the variable C(mesh_hosts), else all, that say how their cluster is
    reached (C(cluster_kubeconfig), C(cluster_context), C(cluster_host) or C(cluster_remote_secret)) and are of no other
    mesh (C(cluster_mesh_id)).
options:
  _terms:
    description: A pattern of hosts instead of C(mesh_hosts).
    type: list
    elements: str
  pattern:
    description:
      - Gives the pattern itself, for C(hosts) of a play, which Ansible limits as ever.
      - It is an error where C(--limit) leaves no host of it. Ansible would end such a run green, with nothing done.
      - The collection's playbooks have C(query('onemesh.istio.mesh', pattern=true)) as their C(hosts).
    type: bool
    default: false
seealso:
  - plugin: onemesh.istio.clusters
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look at all clusters of the mesh, also with --limit
  onemesh.istio.cluster_info:
    clusters: "{{ query('onemesh.istio.mesh') | onemesh.istio.clusters(hostvars) }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: Names of inventory hosts, or with O(pattern=true) the pattern that names them.
  type: list
  elements: str
  sample: [east, west]
"""

from collections.abc import Mapping
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.onemesh.istio.plugins.plugin_utils.mesh import hosts_of_mesh
from ansible_collections.onemesh.istio.plugins.plugin_utils.run_of_task import inventory_hosts


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        self.set_options(var_options=variables, direct=kwargs)
        known = variables or {}
        pattern = terms or self._listed(self._mesh_hosts(known))
        # Whoever checks the syntax of a playbook gives no inventory.
        if self.get_option("pattern") and context.CLIARGS.get("syntax"):
            return pattern
        matched = inventory_hosts(pattern, known, self._loader, self._templar)
        if self.get_option("pattern"):
            return self._refused_where_nothing_is_left(pattern, matched, known)
        mesh_id = str(self._templar.template(known.get("cluster_mesh_id")) or "")
        return hosts_of_mesh(matched, known.get("hostvars") or {}, mesh_id)

    def _mesh_hosts(self, variables: Mapping[str, Any]) -> Any:
        """The variable; before a play has hosts, what the inventory gives all of them counts too."""
        given = self._templar.template(variables.get("mesh_hosts"))
        hostvars = variables.get("hostvars") or {}
        if not given and "inventory_hostname" not in variables:
            hosts = (variables.get("groups") or {}).get("all") or ()
            given = next((hostvars[host].get("mesh_hosts") for host in hosts if hostvars.get(host)), None)
        return given or "all"

    @staticmethod
    def _listed(pattern: Any) -> list[str]:
        return [pattern] if isinstance(pattern, str) else [str(each) for each in pattern]

    def _refused_where_nothing_is_left(
        self, pattern: list[str], matched: list[str], variables: Mapping[str, Any]
    ) -> list[str]:
        limit = self._templar.template(variables.get("ansible_limit"))
        left = inventory_hosts(limit, variables, self._loader, self._templar) if limit and limit[:1] != "@" else matched
        if not matched:
            raise AnsibleLookupError(
                f"no host of the inventory matches {', '.join(pattern)}: correct mesh_hosts, or give an inventory (-i)"
            )
        if not set(matched) & set(left):
            raise AnsibleLookupError(
                f"--limit {limit} leaves none of the clusters ({', '.join(matched)}), so nothing would be done: "
                "name some of them, or correct mesh_hosts"
            )
        return pattern
