# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup onemesh.istio.remote_clusters; the work is in module_utils/_discovery.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: remote_clusters
short_description: The clusters that the remote secrets of a cluster name
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Reads the remote secrets of one cluster, the hub, as its istiod does, and gives one mapping for each cluster that
    they name, with what the O(onemesh.istio.verify#module:clusters) option of every module takes.
  - Each data key of a secret is a cluster ID. A secret that istiod would not take hides no other. Its cluster is there
    with RV(_raw[].usable) V(false) and istiod's reason.
  - No token is in the result. RV(_raw[].cluster) says in which secret of the hub it is, and each task reads it there.
    Set O(credentials) to have it nevertheless.
  - The hub is asked once in a run of Ansible for the same options, however often the variable with the lookup is used.
    Set O(refresh) after the run itself has linked clusters.
  - It runs on the controller with the controller's environment, as lookups do. C(environment) of a task is not seen.
extends_documentation_fragment:
  - onemesh.istio.hub
options:
  _terms:
    description: Names of the clusters wanted, each of which has to be there. Default is all.
    type: list
    elements: str
  api_key:
    description: A bearer token for the hub. Also E(K8S_AUTH_API_KEY). As an option it needs O(credentials=true).
    type: str
    vars:
      - name: remote_clusters_api_key
  username:
    description: A user name for basic authentication. Also E(K8S_AUTH_USERNAME). As an option it needs
      O(credentials=true).
    type: str
    vars:
      - name: remote_clusters_username
  password:
    description: The password for O(username). Also E(K8S_AUTH_PASSWORD).
    type: str
    vars:
      - name: remote_clusters_password
  credentials:
    description:
      - Gives in RV(_raw[].cluster) the kubeconfig itself, with its token. Keep it out of facts and output.
      - Then nothing is kept for the rest of the run.
    type: bool
    default: false
    vars:
      - name: remote_clusters_credentials
  refresh:
    description: Asks the hub again, for this use and for all later ones of the run.
    type: bool
    default: false
seealso:
  - plugin: onemesh.istio.remote_secrets
    plugin_type: inventory
  - module: onemesh.istio.cluster_info
"""

EXAMPLES = r"""
- name: Which clusters does this one read, and what is wrong with the others
  ansible.builtin.debug:
    msg: "{{ item.name }} {{ item.server }} {{ 'until ' ~ item.expires if item.usable else item.reason }}"
  loop: "{{ query('onemesh.istio.remote_clusters', kubeconfig=cluster_kubeconfig, local_cluster='east') }}"
  run_once: true

- name: Look at all of them, with one kubeconfig for the hub alone
  onemesh.istio.cluster_info:
    clusters: "{{ found | selectattr('usable') | map(attribute='cluster') }}"
  vars:
    found: "{{ query('onemesh.istio.remote_clusters', kubeconfig=cluster_kubeconfig, local_cluster='east') }}"
  run_once: true

- name: Clusters by the kubeconfigs of accounts that may write
  ansible.builtin.debug:
    msg: "{{ query('onemesh.istio.remote_clusters', kubeconfig=cluster_kubeconfig,
                   secret_label='onemesh.istio/writer=true', include_hub=false) | map(attribute='name') }}"
  run_once: true
"""

RETURN = r"""
_raw:
  description: One mapping for each cluster, the hub first and the others by name.
  type: list
  elements: dict
  contains:
    name:
      description: The cluster ID, which is the data key of the secret.
      type: str
    usable:
      description: Whether istiod takes the kubeconfig.
      type: bool
    reason:
      description: Why it does not, in its own words.
      type: str
    findings:
      description: What else a person should know about the secret, with what to do about it.
      type: list
      elements: dict
    secret:
      description: Namespace and name of the secret. Empty for the hub.
      type: str
    server:
      description: The URL of the API server in the kubeconfig. Empty where it is not usable.
      type: str
    network:
      description: The network of its pods. Empty without O(read_networks), or where the cluster does not say.
      type: str
    expires:
      description: When the token ends. None where it never does, or does not say so.
      type: str
    hub:
      description: Whether this is the hub itself.
      type: bool
    cluster:
      description: An element for the option C(clusters) of every module.
      type: dict
  sample:
    - name: west
      usable: true
      reason: ""
      findings: []
      secret: istio-system/istio-remote-secret-west
      server: https://west.example.org:6443
      network: ""
      expires: "2026-12-21T09:00:00Z"
      hub: false
      cluster:
        name: west
        api_server: https://west.example.org:6443
        remote_secret:
          namespace: istio-system
          name: istio-remote-secret-west
          key: west
          hub: east
          kubeconfig: ~/.kube/east
"""

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import CREDENTIAL_OPTIONS
from ansible_collections.onemesh.istio.plugins.module_utils._discovery import Search, discover
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.files import Decrypt
from ansible_collections.onemesh.istio.plugins.plugin_utils.run_cache import of_run
from ansible_collections.onemesh.istio.plugins.plugin_utils.search import refuse_wrong_words, search_of, warn
from ansible_collections.onemesh.istio.plugins.plugin_utils.vault import decrypting


class LookupModule(LookupBase):
    def run(self, terms: list[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        # Ansible hands variables over as they are written; those of a play are often templates.
        own = {name: value for name, value in (variables or {}).items() if name.startswith("remote_clusters_")}
        own = self._templar.template(own)
        try:
            refuse_wrong_words(self, {**own, **kwargs})
        except ValueError as error:
            raise AnsibleLookupError(f"onemesh.istio.remote_clusters: {error}") from error
        self.set_options(var_options=own, direct=kwargs)
        search = search_of(self, also=CREDENTIAL_OPTIONS, credentials=self.get_option("credentials"))
        try:
            found = _clusters(search, decrypting(self._loader), refresh=self.get_option("refresh"))
        except (KubeError, MeshError) as error:
            raise AnsibleLookupError(f"onemesh.istio.remote_clusters: {error}") from error
        return _chosen(found, terms)


def _clusters(search: Search, decrypt: Decrypt, *, refresh: bool) -> list[dict[str, Any]]:
    def make() -> list[dict[str, Any]]:
        discovery = discover(search, os.environ, decrypt)
        warn(discovery.findings)
        return [each.as_dict() for each in discovery.clusters]

    if search.credentials:
        return make()
    # Where the hub is may be said by the environment alone.
    environ = {name: value for name, value in os.environ.items() if name in _PLACES or name.startswith("K8S_AUTH_")}
    found: list[dict[str, Any]] = of_run(
        "remote-clusters", {"search": asdict(search), "environ": environ}, make, refresh=refresh
    )
    return found


_PLACES = ("KUBECONFIG", "HOME", "KUBERNETES_SERVICE_HOST")


def _chosen(found: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    by_name = {each["name"]: each for each in found}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise AnsibleLookupError(
            f"onemesh.istio.remote_clusters: no secret names {', '.join(unknown)}; there are: "
            f"{', '.join(by_name) or 'none'}. Link the cluster, or correct the name"
        )
    return [by_name[name] for name in names] if names else found
