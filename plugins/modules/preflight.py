# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.preflight; the work is in module_utils/_operations/preflight/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Everything that can be known to go wrong, before anything is written
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Reads all given clusters at the same time and reports everything that would make one mesh of them fail, each with
    what to do about it.
  - It looks at reachability, permissions, names that are not unique, API servers that are the same, addresses that
    other clusters cannot dial, pod ranges that overlap on one network, labels that differ, versions that are too far
    apart, an Istio that somebody else installed, leftovers of IstioOperator, objects that the charts will own and
    that somebody else left, webhooks of an Istio that is gone, gateways that could have no address, and charts that
    cannot be had.
  - Nothing is written.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
options:
  istio_version:
    description: The version of Istio that is to be installed on each cluster, by the cluster's name.
    type: dict
    default: {}
  revision:
    description: The revision of Istio that is to be installed on each cluster, by the cluster's name.
    type: dict
    default: {}
  leftovers:
    description:
      - What will be done on each cluster with objects that the charts will own and that somebody else left, by the
        cluster's name.
      - The values are those of O(onemesh.istio.helm_release#module:leftovers).
    type: dict
    default: {}
  gateways:
    description:
      - What is wanted of the east-west gateway of each cluster, by the cluster's name, as
        P(onemesh.istio.gateways#filter) makes it.
      - It is judged by the same rules by which the role P(onemesh.istio.eastwest_gateway#role) reads it.
    type: dict
    default: {}
  charts:
    description: Where the charts of each cluster come from, as P(onemesh.istio.chart_sources#filter) makes it.
    type: list
    elements: dict
    default: []
    suboptions:
      cluster:
        description: The name of the cluster.
        type: str
        required: true
      charts:
        description: As O(onemesh.istio.helm_release#module:charts).
        type: str
        required: true
      chart_version:
        description: As O(onemesh.istio.helm_release#module:chart_version).
        type: str
        default: ""
      charts_ca_cert:
        description: As O(onemesh.istio.helm_release#module:charts_ca_cert).
        type: str
        default: ""
      charts_username:
        description: As O(onemesh.istio.helm_release#module:charts_username).
        type: str
        default: ""
      charts_password:
        description: As O(onemesh.istio.helm_release#module:charts_password).
        type: str
        default: ""
      charts_plain_http:
        description: As O(onemesh.istio.helm_release#module:charts_plain_http).
        type: bool
        default: false
      binary_path:
        description: As O(onemesh.istio.helm_release#module:binary_path).
        type: str
        default: helm
  charts_timeout:
    description: Seconds that helm may take to look up one chart.
    type: float
    default: 60.0
attributes:
  diff_mode:
    support: none
seealso:
  - module: onemesh.istio.verify
"""

EXAMPLES = r"""
- name: See what would go wrong
  onemesh.istio.preflight:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
  run_once: true
"""

RETURN = r"""
clusters:
  description: What was found out about each cluster.
  type: dict
  returned: always
  sample:
    east:
      reachable: true
      server: https://east.example.org:6443
      network: east
      kubernetes: "1.36"
      pod_cidrs: [10.65.0.0/17]
      istio: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: preflight
    outcome: nothing is in the way on 1 cluster
    unit: object
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 0
        made: []
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {found: "Kubernetes 1.36, no Istio, network east"}
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: What is wrong, where, and what to do about it. An entry of severity V(error) makes the task fail.
  type: list
  elements: dict
  returned: always
  sample:
    - cluster: west
      check: pod-cidr-overlap
      severity: error
      object: ""
      message: its pod CIDR 10.65.0.0/16 overlaps with 10.65.0.0/16 of east, both on network 'flat'
      remedy: give west a network of its own, or another pod CIDR
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight import run as preflight


def main() -> None:
    run_module(preflight)


if __name__ == "__main__":
    main()
