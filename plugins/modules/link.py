# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.link; the work is in module_utils/_operations/link/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: Let the Istio control planes of clusters read each other
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Gives the istiod of each cluster a remote secret for each other cluster, in the form that C(istioctl
    create-remote-secret) makes, and waits until every istiod, all replicas of all revisions, says that it has
    synchronised.
  - A link has a direction. The workloads of the cluster that it goes from reach those of the cluster that it goes to.
  - The credentials are a token of an account that may only read what a link needs, a token of its own for each link.
    It is short-lived and bound to a Secret, so that removing the link revokes it at once.
  - A remote cluster (O(clusters[].control_plane)) is read by every istiod and reads nobody. The istiod that controls it
    gets another account there, which may also write what Istio writes in a remote.
  - All clusters are looked at first. Nothing is written anywhere where one is away or a link would not work.
  - Where a write then fails on one cluster, what was written to the others stays. Another run completes it.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
options:
  state:
    description:
      - V(present) makes the links that are missing and renews those whose token expires soon or was revoked.
      - V(absent) removes them on both sides, and shows that the old tokens are refused.
      - V(rendered) writes the manifests into files of O(render_to) and applies no remote secret. The accounts and
        tokens that the manifests need are made.
    type: str
    choices: [present, absent, rendered]
    default: present
  from:
    description: Names of the clusters whose istiod shall read others. Default is all.
    type: list
    elements: str
    default: []
  to:
    description: Names of the clusters that shall be read. Default is all.
    type: list
    elements: str
    default: []
  token:
    description:
      - V(short_lived) tokens expire, and running this module again renews them in time.
      - V(long_lived) tokens never expire, for API servers that issue no others.
    type: str
    choices: [short_lived, long_lived]
    default: short_lived
  token_lifetime:
    description: Seconds that a short-lived token shall live, 600 to 4294967296. An API server may give less.
    type: int
    default: 2592000
  renew_before:
    description: Seconds before its end from which a token is renewed. Default is a third of its life.
    type: int
  adopt:
    description: Take over, or remove, remote secrets that were not made by this collection.
    type: bool
    default: false
  require_gateway:
    description: Refuse a link to another network while that network has no east-west gateway with an address.
    type: bool
    default: true
  restart_istiod:
    description: Restart an istiod that no longer reads remote secrets.
    type: bool
    default: false
  render_to:
    description: The directory for rendered manifests, one file for each cluster that they are to be applied to.
    type: path
  timeout:
    description: Seconds to wait until every istiod has synchronised.
    type: float
    default: 120.0
"""

EXAMPLES = r"""
- name: Link all clusters with each other
  onemesh.istio.link:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
  run_once: true

- name: Let east reach west, and not the other way
  onemesh.istio.link:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    from: [east]
    to: [west]
  run_once: true

- name: Unlink all clusters, and revoke the credentials
  onemesh.istio.link:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    state: absent
  run_once: true
"""

RETURN = r"""
links:
  description: What happened with each link, and why.
  type: list
  elements: dict
  returned: always
  sample:
    - from: east
      to: west
      action: create
      reason: not linked
      changed: true
      expires: "2026-12-21T09:00:00Z"
later:
  description: Clusters beside a limit that have no istiod yet. They are linked when they join.
  type: list
  elements: str
  returned: unless O(state=absent)
  sample: []
beyond:
  description: Findings about links with clusters that the inventory does not have. Those stay.
  type: list
  elements: dict
  returned: when O(state=absent)
  sample: []
manifests:
  description: The file for each cluster, readable by its owner only because it holds tokens.
  type: dict
  returned: when O(state=rendered)
  sample:
    east: /home/me/links/east.json
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: link
    outcome: ""
    unit: link
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 1
        made: [link to west]
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {}
      west:
        state: ready
        reason: ""
        looked_at: 1
        made: []
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {}
    body: []
    facts:
      - name: tokens
        text: the first of the new ones ends at 2026-12-21T09:00:00Z
    proof: null
    remarks: []
    next: []
findings:
  description: What could not be made or proven, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.link import run as link
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(link)


if __name__ == "__main__":
    main()
