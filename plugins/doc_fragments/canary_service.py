# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``service`` of a canary (SERVICE_ARGUMENT_SPEC)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  service:
    description:
      - What is made with O(manage=true), with the meaning of C(spec.service) of a Canary of Flagger.
      - On every cluster there are Services NAME, NAME-primary and NAME-canary, DestinationRules for the latter two, and
        a VirtualService NAME, or an HTTPRoute NAME with O(service.gateway_refs).
      - A Service NAME that is there already stays the user's. Only its selector changes, to the stable side's pods.
    type: dict
    suboptions:
      name:
        description: NAME. Default is the name of the workload.
        type: str
      port:
        description: The port of the Services.
        type: int
        required: true
      target_port:
        description: The number or the name of the pods' port. Default is O(service.port).
        type: str
      port_name:
        description: The name of the port.
        type: str
        default: http
      app_protocol:
        description: The protocol of the port. With V(tcp) the route is one of TCP.
        type: str
      port_discovery:
        description: Whether the Services get all further ports of the pods too.
        type: bool
        default: false
      hosts:
        description: Hosts of the route. In a VirtualService NAME is always one of them, unless V(*) is.
        type: list
        elements: str
        default: []
      gateways:
        description: Istio gateways of the VirtualService. Default is V(mesh), which is not added to others.
        type: list
        elements: str
        default: []
      gateway_refs:
        description: The C(parentRefs) of an HTTPRoute, which are Gateways or, for requests within the mesh, Services.
        type: list
        elements: dict
        default: []
      delegation:
        description: The VirtualService has neither hosts nor gateways, because another one delegates to it.
        type: bool
        default: false
      match:
        description: Which requests the route is for, as C(match) of a VirtualService's HTTP route. Default is all.
        type: list
        elements: dict
        default: []
      rewrite:
        description: As C(rewrite) of a VirtualService's HTTP route.
        type: dict
      timeout:
        description: As C(timeout) there, for example V(15s).
        type: str
      retries:
        description: As C(retries) there.
        type: dict
      cors_policy:
        description: As C(corsPolicy) there.
        type: dict
      headers:
        description: As C(headers) there.
        type: dict
      traffic_policy:
        description: The C(trafficPolicy) of both DestinationRules.
        type: dict
      apex:
        description: What the Service NAME has beside.
        type: dict
        suboptions:
          labels:
            description: Its labels.
            type: dict
            default: {}
          annotations:
            description: Its annotations.
            type: dict
            default: {}
      primary:
        description: What the Service NAME-primary has beside.
        type: dict
        suboptions:
          labels:
            description: Its labels.
            type: dict
            default: {}
          annotations:
            description: Its annotations.
            type: dict
            default: {}
      canary:
        description: What the Service NAME-canary has beside.
        type: dict
        suboptions:
          labels:
            description: Its labels.
            type: dict
            default: {}
          annotations:
            description: Its annotations.
            type: dict
            default: {}
"""
