# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.writer; the work is in module_utils/_operations/writer/."""

from __future__ import annotations

DOCUMENTATION = r"""
module: writer
short_description: Give mesh-wide changes an account that may write on every cluster, and no more than they need
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - The account of a remote secret may only read. This module makes one on every cluster that may write objects of the
    kinds in O(kinds) in all namespaces, may see which namespaces there are, and can do nothing else.
  - Kinds by which an account gets more rights than these are refused, such as Secret, ServiceAccount and ClusterRole.
  - The hub keeps a kubeconfig for each cluster, itself included, in a Secret C(onemesh-writer-CLUSTER) with the label
    C(onemesh.istio/writer=true) in its namespace of Istio. Its key is the cluster ID. istiod does not see such Secrets.
  - A token is short-lived and bound to a Secret beside its account, so that removing the writer revokes it at once.
    Running the module again renews it in the last third of its life.
  - All clusters are looked at first. Nothing is written anywhere where one is away, refuses the rights or has an object
    of somebody else under a name that is needed.
  - Where a write then fails on one cluster, what was written to the others stays. Another run completes it.
  - Rights that are no longer asked for are taken away by the next run, also from tokens that were issued before.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
options:
  state:
    description:
      - V(present) makes the accounts, gives them the rights that are asked for, and renews tokens.
      - V(absent) removes the accounts and the kubeconfigs from every cluster of the fleet, shows that the old tokens
        are refused, and looks a second time whether anything is left.
    type: str
    choices: [present, absent]
    default: present
  hub:
    description:
      - The name of the cluster that keeps the kubeconfigs. Default is the variable C(mesh_hub), then the first cluster
        of the mesh in the inventory, whatever the limit.
      - It has to be the same in every run. Kubeconfigs on another cluster of the fleet are removed.
    type: str
  kinds:
    description:
      - What may be written, as V(Kind), V(group/Kind) or V(apiVersion/Kind).
      - A kind that the collection does not know is looked up on each cluster, and has to be served there.
    type: list
    elements: str
    default: [VirtualService, DestinationRule]
  namespaces:
    description:
      - Whether namespaces may be created and labelled too.
      - They may not be deleted, since that would delete everything in them. A namespace that a change made with this
        account stays behind when the change is taken away, without the labels of this collection.
    type: bool
    default: false
  proof:
    description:
      - How far a change by this account is to be proven.
      - From V(accepted) on it may read gateway classes, if O(kinds) has a kind of the Gateway API.
      - From V(acknowledged) on it may also read pods, and forward ports to those in the namespace of Istio.
    type: str
    choices: [written, accepted, acknowledged, serving]
    default: written
  ledger_namespace:
    description:
      - The namespace of the hub where changes keep their records and locks. Default is C(onemesh-system), or
        C(onemesh-NAME) where the hub's Istio is in namespace C(NAME) instead of C(istio-system). It is made where it is
        missing, takes the records along that earlier versions kept beside Istio, and is removed when nothing is left.
      - The hub's own writer may read and write all Secrets there, since Kubernetes cannot limit this to records, and so
        may get a token of every account there. Istio's namespace, and one whose accounts have rights, are refused.
      - A namespace that is named here has to be there, and stays. Give changes the same.
    type: str
  token_lifetime:
    description: Seconds that a token shall live, 600 to 4294967296. An API server may give less.
    type: int
    default: 2592000
  renew_before:
    description: Seconds before its end from which a token is renewed. Default is a third of its life.
    type: int
  timeout:
    description: Seconds to wait until a revoked token is refused. API servers may remember a good one for a while.
    type: float
    default: 60.0
seealso:
  - module: onemesh.istio.link
"""

EXAMPLES = r"""
- name: Make accounts that may change routes on all clusters
  onemesh.istio.writer:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    hub: east
  run_once: true

- name: Let them write Gateway API routes too, make namespaces, and see what proxies acknowledge
  onemesh.istio.writer:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    hub: east
    kinds: [VirtualService, DestinationRule, gateway.networking.k8s.io/HTTPRoute]
    namespaces: true
    proof: acknowledged
  run_once: true

- name: Remove the accounts, and revoke their tokens
  onemesh.istio.writer:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
    state: absent
  run_once: true
"""

RETURN = r"""
writers:
  description: What happened with the writer of each cluster, and why.
  type: list
  elements: dict
  returned: always
  contains:
    cluster:
      description: The name of the cluster.
      type: str
      returned: always
      sample: west
    action:
      description:
        - What was done. V(configure) changed what it may do, V(renew) gave it a new token, V(create) did both.
      type: str
      returned: always
      sample: create
    reason:
      description: Why.
      type: str
      returned: always
      sample: east has no kubeconfig for it
    changed:
      description: Whether something was changed on its behalf.
      type: bool
      returned: always
      sample: true
    expires:
      description: When its token ends.
      type: str
      returned: when O(state=present) and there is a token
      sample: "2026-12-21T09:00:00Z"
    secret:
      description: Namespace and name of the Secret of the hub with its kubeconfig.
      type: str
      returned: when O(state=present)
      sample: istio-system/onemesh-writer-west
hub:
  description: The name of the cluster that keeps the kubeconfigs.
  type: str
  returned: when O(state=present)
  sample: east
leaked:
  description: What is still there, with its cluster. Anything but an empty list is a failure.
  type: list
  elements: str
  returned: when O(state=absent)
  sample: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: writer
    outcome: ""
    unit: account
    foretold: false
    clusters:
      west:
        state: ready
        reason: ""
        looked_at: 1
        made: [writer (east has no kubeconfig for it)]
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {token until: "2026-12-21T09:00:00Z"}
    body: []
    facts: [{name: hub, text: east keeps the kubeconfigs}]
    proof: null
    remarks: []
    next: []
findings:
  description: What could not be made or removed, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
  sample:
    - cluster: west
      check: object-of-another
      severity: error
      object: ClusterRole onemesh-writer-istio-system
      message: ClusterRole onemesh-writer-istio-system was not made by this collection, and its name is needed
      remedy: rename or delete it, and run again
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.writer import run as writer


def main() -> None:
    run_module(writer)


if __name__ == "__main__":
    main()
