# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.verify; the work is in module_utils/_operations/verify/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify
short_description: Prove that each cluster of a mesh reaches each other one, or name the cause
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - For every ordered pair of clusters (the source asks, the target answers) six things are checked, in causal order.
  - C(trust), whether the roots of both are one, in the secret C(cacerts), as istiod hands it out, and in the gateways.
  - C(names), whether cluster ID, remote secret and network labels agree with the fleet.
  - C(synced), whether every ready istiod of the source, of every replica and revision, has read the target.
  - C(gateway), where the networks differ, whether the target's gateway is ready and known to the
    source at its true address.
  - C(endpoints), whether a proxy of the source holds the target's endpoints, and no address of a pod that it could not
    reach.
  - C(requests), whether real requests from the source are answered by the target.
  - A pair fails with its first check that failed as the one cause, and what to do about it. A cluster that cannot be
    read fails its own pairs only. Pairs that shall not be linked are checked for having nothing of each other.
  - For the requests a small workload is put into the namespace C(onemesh-verify) of each cluster, and taken away
    afterwards together with the namespace. It has one Service in each cluster for each cluster, so that a request has
    to be answered by that cluster, and neither a preference for local endpoints nor a retry can hide a broken path.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
options:
  from:
    description:
      - Names of the clusters whose workloads shall reach others, that is, whose istiod reads others. Empty for all.
    type: list
    elements: str
    default: []
  to:
    description: Names of the clusters that shall be reached. Empty for all.
    type: list
    elements: str
    default: []
  links:
    description:
      - The pairs that shall work, instead of O(from) and O(to) where those cannot say it. All other pairs shall not.
    type: list
    elements: dict
    suboptions:
      from:
        description: Name of the cluster that asks.
        type: str
        required: true
      to:
        description: Name of the cluster that answers.
        type: str
        required: true
  probe:
    description:
      - What makes the requests.
      - V(deploy) puts a workload of ours into each cluster, Istio's own echo server.
      - V(existing) uses your client, O(client), and your Service, O(service), whose answers are told apart by what the
        client's Envoy counts for each endpoint.
      - V(none) makes no requests, and is what check mode does.
    type: str
    choices: [deploy, existing, none]
    default: deploy
  probe_image:
    description:
      - The image of Istio's echo server and client. Default is C(docker.io/istio/app) with the version of istiod.
    type: str
  keep_probe:
    description: Leave the probe where it is. The next run uses it again.
    type: bool
    default: false
  requests:
    description: The number of requests for each pair.
    type: int
    default: 10
  client:
    description: The workload that asks, for O(probe=existing), in every cluster that has it. It needs a sidecar.
    type: dict
    suboptions:
      namespace:
        description: The namespace of its pods.
        type: str
        required: true
      selector:
        description: A label selector for its pods.
        type: str
        required: true
      container:
        description: The container in which the command is run.
        type: str
        required: true
      command:
        description:
          - A command that makes one request to O(service), and fails where the request does. Default is C(curl).
        type: list
        elements: str
  service:
    description: The Service that is asked, for O(probe=existing).
    type: dict
    suboptions:
      namespace:
        description: Its namespace.
        type: str
        required: true
      name:
        description: Its name.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 80
  report_file:
    description: A file on the controller for the result as JSON. It holds no secrets. Not written in check mode.
    type: path
  timeout:
    description:
      - Seconds to wait for what may come right by itself, first until istiods are synchronised, then until requests are
        answered.
    type: float
    default: 60.0
  probe_timeout:
    description: Seconds to wait until the probe runs, its image pulled, and as long again until it is gone.
    type: float
    default: 120.0
requirements:
  - websocket-client
attributes:
  check_mode:
    description: Reads everything that can be read, and makes no requests.
    support: full
  diff_mode:
    description: There is nothing to show, because nothing stays changed.
    support: none
notes:
  - C(changed) is false when the clusters end as they began. It is true where O(keep_probe) leaves a new probe, or
    where one that was kept earlier is taken away.
  - Needs the permission to create a namespace, and in it Services, Deployments and C(pods/exec), besides reading and
    C(pods/portforward).
seealso:
  - module: onemesh.istio.link
"""

EXAMPLES = r"""
- name: Prove that all clusters of this play reach each other
  onemesh.istio.verify:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    report_file: mesh_report.json
  run_once: true

- name: Look without deploying anything
  onemesh.istio.verify:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    probe: none
  run_once: true

- name: Prove that east reaches west, and that west sees nothing of east
  onemesh.istio.verify:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    links:
      - from: east
        to: west
  run_once: true
"""

RETURN = r"""
matrix:
  description: The verdict on each pair, by source and then by target. A cluster with itself is there too.
  type: dict
  returned: always
  sample:
    east:
      west:
        ok: false
        state: failed
        linked: true
        cause: gateway istio-system/istio-eastwestgateway has no ready pod of 1
        remedy: see kubectl -n istio-system describe pods -l istio=eastwestgateway
        checks:
          trust: {state: ok, cause: "", remedy: ""}
        endpoints: ["172.31.2.1:15443"]
        requests: {sent: 10, answered: {west: 10}, identities: ["spiffe://cluster.local/ns/onemesh-verify/sa/default"]}
        mutual_tls: true
        p50_ms: 4.2
clusters:
  description: What was found in each cluster.
  type: dict
  returned: always
  sample:
    east:
      ok: true
      away: ""
      network: east
      control_plane: east
      root: [3f0c...]
      istiods: {istiod-7d9c-x2x: {revision: default, clusters: {west: synced}}}
      gateways: {istio-system/istio-eastwestgateway: ["172.31.1.1:15443"]}
      answered_by: {east: 11, west: 9}
report:
  description: The matrix and the findings as lines of text.
  type: list
  elements: str
  returned: always
later:
  description: Clusters beside a limit that have no istiod yet, and are left out.
  type: list
  elements: str
  returned: always
  sample: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: verify
    outcome: 4 of 4 pairs of clusters are as they are to be
    unit: object
    foretold: false
    clusters: {}
    body:
      - "from \\ to  east  west"
      - "east        ✓     ✓    mTLS yes, via gateway, p50 4.2 ms"
      - "west        ✓     ✓    mTLS yes, via gateway, p50 4.5 ms"
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: Each cause once, where it lies, and what to do about it.
  type: list
  elements: dict
  returned: always
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify


def main() -> None:
    run_module(verify)


if __name__ == "__main__":
    main()
