# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.helm_recover; the work is in module_utils/_mesh/helm_recover.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: helm_recover
short_description: Take away what an interrupted Helm left
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - A Helm that was killed leaves its release in a pending state, and every later Helm then refuses to work on it. This
    module removes the record of that unfinished revision, so that the next Helm finishes what it began.
  - A release in any other state is left alone.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  releases:
    description: Names of the Helm releases.
    type: list
    elements: str
    required: true
  namespace:
    description: Their namespace. Default is the namespace of Istio's control plane.
    type: str
  grace:
    description: Seconds that a Helm which may still be at work gets to finish.
    type: float
    default: 15.0
attributes:
  diff_mode:
    support: none
seealso:
  - module: kubernetes.core.helm
"""

EXAMPLES = r"""
- name: Recover what an interrupted run left half done
  onemesh.istio.helm_recover:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    releases: [istio-base, istiod]
"""

RETURN = r"""
clusters:
  description: The release records that were removed on each cluster.
  type: dict
  returned: always
  sample:
    east:
      recovered: [sh.helm.release.v1.istiod.v1]
findings:
  description: What could not be looked at, where, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.onemesh.istio.plugins.module_utils._mesh import helm_recover
from ansible_collections.onemesh.istio.plugins.module_utils._mesh.module import run_module


def main() -> None:
    run_module(AnsibleModule(argument_spec=helm_recover.ARGUMENT_SPEC, supports_check_mode=True), helm_recover)


if __name__ == "__main__":
    main()
