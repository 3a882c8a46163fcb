# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.rollout; the work is in module_utils/_operations/rollout.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Wait until Deployments are rolled out
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Waits by watching, on all given clusters at the same time, until the Deployments are rolled out as
    C(kubectl rollout status) understands it.
  - Shows while it waits what is still missing, and names the pods that are not ready, and why, when the time is over.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  deployments:
    description: Names of the Deployments.
    type: list
    elements: str
    required: true
  namespace:
    description: Their namespace. Default is the namespace of Istio's control plane.
    type: str
  restart:
    description: Replace all their pods first.
    type: bool
    default: false
  timeout:
    description: Seconds to wait, for all Deployments of a cluster together.
    type: float
    default: 180.0
attributes:
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Wait for the control plane
  onemesh.istio.rollout:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    deployments: [istiod]
"""

RETURN = r"""
clusters:
  description: Whether all Deployments are ready, and which were restarted. In check mode nothing is waited for.
  type: dict
  returned: always
  sample:
    east:
      ready: true
      restarted: []
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: rollout
    outcome: all Deployments are rolled out
    unit: Deployment
    foretold: false
    clusters:
      east:
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
        facts: {rolled out: Deployment istiod}
    body: []
    facts: []
    proof: null
    remarks: []
    next: []
findings:
  description: What is not ready, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import rollout
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(rollout)


if __name__ == "__main__":
    main()
