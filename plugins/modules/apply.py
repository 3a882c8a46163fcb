# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.apply; the work is in module_utils/_operations/apply.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Server-side apply of objects on one cluster or on many
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Applies the given objects on all given clusters at the same time, by server-side apply under the field manager
    C(onemesh.istio), with strict validation. Only the fields that are given become ours; all others stay as they are.
  - An object that did not exist is created with the ownership labels of this collection. An object that existed keeps
    its owner.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  objects:
    description: The objects, each with C(apiVersion), C(kind) and C(metadata.name), applied in the order given.
    type: list
    elements: dict
    required: true
  component:
    description: The part of the mesh that the objects belong to, for the ownership label C(onemesh.istio/component).
    type: str
    required: true
  state:
    description:
      - V(present) applies the objects.
      - V(absent) removes those that this collection created. One that somebody else made stays.
    type: str
    choices: [present, absent]
    default: present
  force:
    description:
      - Take over fields that another field manager holds.
      - Without it such a conflict fails, and names the manager and the field.
    type: bool
    default: false
seealso:
  - module: kubernetes.core.k8s
"""

EXAMPLES = r"""
- name: Label the namespace of Istio with its network on each cluster of this play
  onemesh.istio.apply:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    component: namespace
    objects:
      - apiVersion: v1
        kind: Namespace
        metadata:
          name: istio-system
          labels:
            topology.istio.io/network: "{{ cluster_network }}"
"""

RETURN = r"""
clusters:
  description: What happened on each cluster.
  type: dict
  returned: always
  sample:
    east:
      changed: true
      created: [Namespace istio-system]
      configured: []
      deleted: []
      unchanged: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: apply namespace
    outcome: ""
    unit: object
    foretold: false
    clusters:
      east:
        state: ready
        reason: ""
        looked_at: 1
        made: [Namespace istio-system]
        changed: []
        put_right: []
        given_back: []
        removed: []
        kept: []
        owed: []
        facts: {}
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: What was wrong, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import apply
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(apply)


if __name__ == "__main__":
    main()
