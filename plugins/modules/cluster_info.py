# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.cluster_info; the work is in module_utils/_operations/cluster_info.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: What the clusters of a mesh are, and what each sees of the others
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Reads all given clusters at the same time, and says of each its versions, network, root of trust, gateways, nodes
    and peers.
  - A cluster that does not answer within O(timeout) is a result with its reason, and delays no other.
  - What an account may not read is V(none), with the reason in RV(clusters). The account of a remote secret may read
    all but what each istiod says of its peers, for which it would have to be let into its pod.
  - Nothing is written.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  require_all:
    description: Fail where a cluster does not answer. The facts of the others are returned nevertheless.
    type: bool
    default: false
  timeout:
    description: Seconds that all requests to one cluster may take together.
    type: float
    default: 30.0
attributes:
  diff_mode:
    support: none
seealso:
  - module: onemesh.istio.verify
  - plugin: onemesh.istio.remote_clusters
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Look at the clusters of this play
  onemesh.istio.cluster_info:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
  run_once: true

- name: Insist that all of them answer within ten seconds
  onemesh.istio.cluster_info:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    require_all: true
    timeout: 10
  run_once: true
"""

RETURN = r"""
clusters:
  description: The facts of each cluster, by its name.
  type: dict
  returned: always
  contains:
    reachable:
      description: Whether it answered. All below is there only then.
      type: bool
    reason:
      description: Why it did not.
      type: str
    server:
      description: The URL of its API server, as this controller reaches it.
      type: str
    uid:
      description: The UID of its namespace C(kube-system), by which it is known.
      type: str
    kubernetes:
      description: The version of Kubernetes.
      type: str
    network:
      description: The network that the namespace of Istio says. Empty where it says none.
      type: str
    revisions:
      description: The versions, replicas, ready replicas and trust domain of each revision of istiod.
      type: dict
    istiods:
      description: Each pod of istiod, and the state in which it has each cluster that it reads.
      type: list
      elements: dict
    root_fingerprints:
      description: The sha256 fingerprints of the root certificates that istiod hands out.
      type: list
      elements: str
    gateways:
      description: The services by which other networks reach it, with their addresses or why there is none.
      type: list
      elements: dict
    nodes:
      description: How many nodes it has.
      type: int
    regions:
      description: The regions of its nodes.
      type: list
      elements: str
    zones:
      description: The zones of its nodes.
      type: list
      elements: str
    peers:
      description:
        - The clusters that it reads, or has a remote secret for. C(usable) and C(reason) say whether istiod takes the
          secret, C(expires) when its token ends, C(synced) whether every istiod that is ready has synchronised.
        - Where one does not, what is in the secret is tried from here, and C(reason) says what came of it; also where
          the cluster was made anew since it was linked.
      type: dict
    not_read:
      description: What the account may not read, and why.
      type: dict
  sample:
    east:
      reachable: true
      reason: ""
      server: https://east.example.org:6443
      uid: 0c4d3b1e-8f55-4a47-9f0c-9e5d3c0f9b51
      kubernetes: v1.36.3
      network: east
      revisions:
        default:
          versions: ["1.31.0"]
          replicas: 1
          ready: 1
          trust_domain: cluster.local
      istiods:
        - pod: istiod-6d5f9c7b8-x2x7k
          revision: default
          version: "1.31.0"
          cluster_id: east
          ready: true
          reason: ""
          clusters:
            west: synced
      root_fingerprints: [9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08]
      gateways:
        - name: istio-system/istio-eastwestgateway
          addresses:
            - address: 192.0.2.10
              port: 15443
          reason: ""
      nodes: 3
      regions: [eu-central]
      zones: [eu-central-a, eu-central-b]
      peers:
        west:
          secret: istio-system/istio-remote-secret-west
          server: https://west.example.org:6443
          usable: true
          reason: ""
          expires: "2026-12-21T09:00:00Z"
          synced: true
      not_read: {}
    west:
      reachable: false
      reason: gave no result within 30 s
findings:
  description:
    - Which cluster did not answer or is another one than it is said to be, what could not be read, which link does not
      work and why, and what to do about it.
  type: list
  elements: dict
  returned: always
  sample:
    - cluster: west
      check: not-reachable
      severity: warning
      object: ""
      message: gave no result within 30 s
      remedy: see whether its API server answers, or allow more time
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import cluster_info
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(cluster_info)


if __name__ == "__main__":
    main()
