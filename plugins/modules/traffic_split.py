# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.traffic_split; the work is in module_utils/_operations/traffic_split/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_split
short_description: Set the weights of a route on every cluster as one change
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Sets weights on a VirtualService, HTTPRoute, GRPCRoute, TCPRoute or TLSRoute that stands on every cluster, and
    nothing but weights and an annotation that names the hub. Labels, annotations, timeouts and routes stay, and so does
    what others edit at the same time.
  - What fails on one cluster is put back on all.
  - With O(by) V(version), V(cluster) or V(network) it also sees to the subsets in a DestinationRule on every cluster,
    because both sides of a connection between networks need them. They stand everywhere before any weight is written.
  - Where a host has no VirtualService, one is made that splits it, and removed with O(state=restored).
  - What stood before is recorded before the first write.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
  - onemesh.istio.change
options:
  set:
    description:
      - The name under which the split is recorded. At most 40 lower case letters, digits and hyphens.
      - Default is made of O(kind), O(namespace) and O(name).
    type: str
  state:
    description:
      - V(present) sets the weights.
      - V(restored) puts everything back as it was before the first run for this set. What others changed since stays.
        What this module made is removed.
      - V(settled) makes up for what clusters missed that were away, and needs no weights.
    type: str
    choices: [present, restored, settled]
    default: present
  kind:
    description:
      - The kind of the object.
      - The kinds of the Gateway API are split among Services, whether their parent is a Gateway or a Service.
    type: str
    choices: [VirtualService, HTTPRoute, GRPCRoute, TCPRoute, TLSRoute]
    default: VirtualService
  namespace:
    description: The namespace of the object.
    type: str
    required: true
  name:
    description:
      - The name of the object.
      - With O(by) V(version), V(cluster) or V(network) the default is the name of the service and C(-split), and a
        VirtualService of that name is made where there is none.
    type: str
  section:
    description: The section of a VirtualService whose routes are meant. Default is all.
    type: str
    choices: [http, tls, tcp]
  routes:
    description:
      - The routes or rules whose weights are set, by name or by index from 0.
      - Default are all that send to every destination in the weights, or with O(by) V(version), V(cluster) or
        V(network) all that send to O(host).
    type: list
    elements: str
    default: []
  by:
    description:
      - What the keys of the weights are.
      - V(destination). Any name of a destination that is unambiguous in its route. In a VirtualService these are
        subset, host, host/subset, host:port and host:port/subset. In the Gateway API these are service, service:port
        and namespace/service. A host may be said in full or short.
      - V(subset) and V(host). Only names that have or do not have a subset, where one name could be either.
      - V(version). Names of subsets of O(host) by the label C(version) of workloads.
      - V(cluster). Names of clusters. Traffic goes to the endpoints of O(host) in that cluster.
      - V(network). Names of clusters or other names. Traffic goes to the endpoints of O(host) in that cluster's
        network, or in the one that O(label_values) says.
    type: str
    choices: [destination, subset, host, version, cluster, network]
    default: destination
  host:
    description:
      - The service that is split. Required with O(by) V(version), V(cluster) and V(network).
      - A name without a dot is one of O(namespace).
    type: str
  weights:
    description:
      - From each destination to its weight, a whole number. Together they make O(total).
      - A destination that is not named keeps its weight, which counts for the total too.
      - Where traffic is divided in this way already, whatever the numbers, nothing is written.
    type: dict
  from:
    description:
      - From the name of a cluster to the weights for clients in that cluster, instead of O(weights).
      - In a mesh with a control plane in each cluster the objects of a cluster count for the clients of that cluster.
        Clients of a cluster whose control plane is in another one go by the objects of that other cluster.
      - Without O(weights), clusters that are not named keep their routes.
    type: dict
  total:
    description: What the weights of each route make together.
    type: int
    default: 100
  label:
    description: The label of workloads that subsets go by, instead of the usual one for O(by).
    type: str
  label_values:
    description:
      - The value of the label for a subset, where it is not its name.
      - With O(by=network) the default is the network of the cluster of that name.
    type: dict
    default: {}
  destination_rule:
    description:
      - The name of the DestinationRule that is made where O(host) has none. Default is the name of the service and
        C(-split).
      - It is made in the namespace of the service. A DestinationRule that the host has there gets the subsets that it
        lacks.
    type: str
  traffic_policy:
    description: The C(trafficPolicy) of a DestinationRule that is made.
    type: dict
seealso:
  - module: onemesh.istio.replicate
  - module: onemesh.istio.verify
"""

EXAMPLES = r"""
- name: Send 30 percent to version 2, on every cluster, by the user's own VirtualService and subsets
  onemesh.istio.traffic_split:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    namespace: shop
    name: reviews
    routes: [main]
    weights:
      v1: 70
      v2: 30
  run_once: true

- name: Put the weights back as they were before
  onemesh.istio.traffic_split:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    namespace: shop
    name: reviews
    state: restored
  run_once: true

- name: Divide a service among clusters, with all that this needs
  onemesh.istio.traffic_split:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    namespace: shop
    host: ratings
    by: cluster
    weights:
      east: 70
      west: 30
  run_once: true

- name: Let clients in east go to west, and leave all others alone
  onemesh.istio.traffic_split:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    namespace: shop
    host: details
    by: network
    from:
      east:
        west: 100
  run_once: true
"""

RETURN = r"""
weights:
  description: The weights on each cluster after the run, by route and destination.
  type: dict
  returned: when O(state=present)
  sample:
    east:
      http[main]:
        v1: 70
        v2: 30
    west:
      http[main]:
        v1: 70
        v2: 30
set:
  description: The name under which the split is recorded.
  type: str
  returned: always
  sample: virtualservice-shop-reviews
hub:
  description: The name of the cluster that keeps the record.
  type: str
  returned: always
  sample: east
clusters:
  description: What was done on each cluster, or would be in check mode, as M(onemesh.istio.replicate) returns it.
  type: dict
  returned: always
  sample:
    east:
      state: ready
      changed: true
      created: []
      configured: [VirtualService shop/reviews]
      restored: []
      deleted: []
      kept: []
      unchanged: []
      uids:
        VirtualService shop/reviews: 2d4f9f3e-9d3b-4a56-8d0b-5b1d9a7c2e02
      hash: 5f3c0a9be41d7726
      seconds: 0.012
      findings: []
consistent:
  description: Whether every cluster has its weights, and nothing is owed.
  type: bool
  returned: always
  sample: true
owed:
  description: What has yet to be done on which cluster. A later run does it.
  type: dict
  returned: always
  sample:
    west:
      - apply VirtualService shop/reviews
proof:
  description: How far the change is known to have arrived, on each cluster and on all. Empty where nothing changed.
  type: dict
  returned: always
  sample:
    asked: written
    reached: written
    skew_ms: 11.2
    not_proven: that any istiod has read it, that it is used, or that another object does not override it
    clusters:
      east:
        level: written
        seconds: 0.0
        late: []
        details: {}
    findings: []
skew_ms:
  description: Milliseconds, at most, during which clusters disagreed, as far as the level of proof can tell.
  type: float
  returned: always
  sample: 11.2
leaked:
  description: What this module made and is still there, with its cluster. Anything but an empty list is a failure.
  type: list
  elements: str
  returned: when O(state=restored)
  sample: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: traffic_split virtualservice-shop-reviews
    outcome: ""
    unit: object
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 1
        made: []
        changed: [VirtualService shop/reviews]
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {weights: "http[main]: v1 70 %, v2 30 %"}
    body: []
    facts: []
    proof: {asked: written, reached: written, skew_ms: 11.2}
    remarks: []
    next: []
findings:
  description: What is in the way, went wrong or is left, on which cluster, and what to do about it.
  type: list
  elements: dict
  returned: on failure
  sample:
    - cluster: west
      check: weights-sum
      severity: error
      object: VirtualService shop/reviews
      message: in VirtualService shop/reviews, http[main], the weights make 90, and not 100
      remedy: give weights that make 100, or another total
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split


def main() -> None:
    run_module(traffic_split)


if __name__ == "__main__":
    main()
