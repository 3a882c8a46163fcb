# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.endpoint_sync; the work is in module_utils/_operations/endpoint_sync.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: endpoint_sync
short_description: Let remote clusters reach the istiod of their primary
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Writes on each remote cluster the Service C(istiod), which selects nothing, and an EndpointSlice for it with all
    addresses of the east-west gateway of its primary. Proxies and the API server of the remote reach istiod by it.
  - The gateway is the Service of the primary's network (label C(topology.istio.io/network)) with ports 15012 and 15017.
  - Host names are resolved where the module runs. Run it again when the address of a gateway changes. A run that finds
    all as it is to be changes nothing.
  - Clusters with an istiod of their own are left as they are.
extends_documentation_fragment:
  - onemesh.istio.fleet
  - onemesh.istio.fleet.mesh
options:
  revision:
    description: The revision of istiod, which its Service is named after. Empty for the default one.
    type: str
    default: ""
  timeout:
    description: Seconds to wait until the gateway of a primary has an address. In check mode nothing is waited for.
    type: float
    default: 300.0
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Let remote clusters reach the istiod of their primary
  onemesh.istio.endpoint_sync:
    clusters: "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
  run_once: true
"""

RETURN = r"""
clusters:
  description: For each remote cluster whose istiod it has, where that is reached, and what was done with each object.
  type: dict
  returned: always
  sample:
    edge:
      control_plane: hub
      addresses: [192.0.2.10]
      changes:
        Service istio-system/istiod: created
        EndpointSlice istio-system/istiod-ipv4: created
        EndpointSlice istio-system/istiod-ipv6: unchanged
summary:
  description:
    - What the task looked at, did, owes and proved, and what to do next. The log of the task ends with the same as a
      short table; a task in the background (C(async)) has only this. M(onemesh.istio.replicate) says
      what is in it.
  type: dict
  returned: always
  sample:
    what: endpoint_sync
    outcome: ""
    unit: object
    foretold: false
    clusters:
      edge:
        state: ready
        looked_at: 3
        made: [Service istio-system/istiod, EndpointSlice istio-system/istiod-ipv4]
        facts: {istiod: "of hub, at 192.0.2.10"}
findings:
  description: Which gateway has no address, or what could not be written, and what to do about it.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import endpoint_sync
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(endpoint_sync)


if __name__ == "__main__":
    main()
