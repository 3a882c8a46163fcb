# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module onemesh.istio.gateway_address; the work is in module_utils/_operations/gateway_address.py."""

from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_address
short_description: Wait for the address of an east-west gateway
version_added: 1.0.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Resolves where the east-west gateway of each given cluster is reached, exactly as istiod does, and waits for it.
  - It understands the IP address or host name of a load balancer, external IPs, and node ports with the external
    addresses of nodes. Host names are told as they are; the other clusters' istiods resolve them.
  - Where somebody else runs the load balancer, it writes its host names into the status of the gateway's Service, in
    which istiod finds them. Names that an earlier run wrote go when none is given any more.
extends_documentation_fragment:
  - onemesh.istio.fleet
options:
  name:
    description: The name of the gateway's Service.
    type: str
    default: istio-eastwestgateway
  namespace:
    description: Its namespace. Default is the namespace of Istio's control plane.
    type: str
  hostnames:
    description:
      - Full host names at which the gateway of every given cluster is reached. Its Service has to be of type
        C(LoadBalancer), and no load balancer of the cluster may have given it an address.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait. In check mode nothing is waited for.
    type: float
    default: 300.0
attributes:
  diff_mode:
    support: full
"""

EXAMPLES = r"""
- name: Wait until the gateway has an address
  onemesh.istio.gateway_address:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
  register: gateway

- name: Say by which name a load balancer outside of the cluster reaches the gateway
  onemesh.istio.gateway_address:
    clusters: "{{ [inventory_hostname] | onemesh.istio.clusters(hostvars) }}"
    hostnames: [gateway.east.example.com]
"""

RETURN = r"""
clusters:
  description: The addresses of each cluster's gateway, IP addresses or host names, and whether its Service changed.
  type: dict
  returned: always
  sample:
    east:
      addresses:
        - address: 192.0.2.10
          port: 15443
      changed: false
findings:
  description: Which gateway has no address, why, and what gives it one.
  type: list
  elements: dict
  returned: on failure
"""

from ansible_collections.onemesh.istio.plugins.module_utils._operations import gateway_address
from ansible_collections.onemesh.istio.plugins.module_utils._operations.module import run_module


def main() -> None:
    run_module(gateway_address)


if __name__ == "__main__":
    main()
