# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup onemesh.istio.canary_weights; the work is in module_utils/_canary/plan.py."""

from __future__ import annotations

DOCUMENTATION = r"""
name: canary_weights
short_description: The schedule of a canary
version_added: 1.1.0
author:
  - onemesh.istio contributors (@onemesh)
description:
  - Gives all steps of a release as data, with the weights of both sides and the earliest time of each. It asks nothing
    and changes nothing.
  - The numbers are those of Flagger for the options that it has too, except that a ramp ends at O(max_weight).
  - Plans that never end in Flagger, or jump, are refused, all that is wrong with them at once.
extends_documentation_fragment:
  - onemesh.istio.canary_plan
options:
  _terms:
    description: There are none. All options are given by name.
    type: list
    elements: raw
seealso:
  - plugin: onemesh.istio.canary_weights
    plugin_type: filter
"""

EXAMPLES = r"""
- name: A ramp, and when each weight is reached
  ansible.builtin.debug:
    msg: "{{ item.after | int }} s: {{ item.phase }}, canary {{ item.canary }}, stable {{ item.stable }}"
  loop: "{{ query('onemesh.istio.canary_weights', step_weight=20, max_weight=50, interval='1m30s') }}"

- name: Steps of all kinds, with a person who looks at 25 percent
  ansible.builtin.debug:
    msg: "{{ query('onemesh.istio.canary_weights', steps=steps, promotion='switch') }}"
  vars:
    steps:
      - mirror: 100
      - analysis: 3
      - mirror: 0
      - weight: 5
      - weight: 25
        interval: 10m
        gate: quarter
      - weight: 50
      - pause: 1h

- name: One cluster first, all others after an hour
  ansible.builtin.debug:
    msg: "{{ query('onemesh.istio.canary_weights', step_weights=[10, 50, 100], waves=waves, promote='together') }}"
  vars:
    waves:
      - name: first
        clusters: [east]
        bake: 1h
      - name: rest
"""

RETURN = r"""
_raw:
  description: The steps, in order.
  type: list
  elements: dict
  contains:
    index:
      description: The number of the step, from 0.
      type: int
    canary:
      description: The weight of the canary.
      type: int
    stable:
      description: The weight of the stable side. Both together are O(total).
      type: int
    mirror:
      description: The percentage of requests of which the canary gets a copy.
      type: int
    matched:
      description: Whether requests that match go to the canary.
      type: bool
    phase:
      description: Flagger's word for it. One of V(progressing), V(promoting), V(finalising) and V(succeeded).
      type: str
    wave:
      description: The number of the wave that it is about, from 0. With V(-1) it is about all of several.
      type: int
    after:
      description: When it begins at the earliest, in seconds from the start.
      type: float
    analysis:
      description: Whether the verdict has to be V(pass) before the next step.
      type: bool
    gate:
      description: The gate that a person has to open before the next step. Empty where there is none.
      type: str
    copy:
      description: Whether the stable side gets the canary's pod template.
      type: bool
    replicas:
      description: The canary's size in percent of its full size.
      type: int
    cutover:
      description: Whether everybody gets the canary at once, as in blue/green. What guards a promotion is before it.
      type: bool
  sample:
    - {index: 0, canary: 0, stable: 100, mirror: 0, matched: false, phase: progressing, wave: 0, after: 0.0,
       analysis: false, gate: "", copy: false, replicas: 100, cutover: false}
    - {index: 1, canary: 50, stable: 50, mirror: 0, matched: false, phase: progressing, wave: 0, after: 0.0,
       analysis: true, gate: "", copy: false, replicas: 100, cutover: false}
    - {index: 2, canary: 50, stable: 50, mirror: 0, matched: false, phase: promoting, wave: 0, after: 60.0,
       analysis: false, gate: "", copy: true, replicas: 100, cutover: false}
    - {index: 3, canary: 0, stable: 100, mirror: 0, matched: false, phase: finalising, wave: 0, after: 120.0,
       analysis: false, gate: "", copy: false, replicas: 100, cutover: false}
    - {index: 4, canary: 0, stable: 100, mirror: 0, matched: false, phase: succeeded, wave: 0, after: 180.0,
       analysis: false, gate: "", copy: false, replicas: 0, cutover: false}
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.plugin_utils.canary_plan import steps_of


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        if terms:
            raise AnsibleLookupError(
                f"onemesh.istio.canary_weights: takes options by name, and was given {terms[0]!r}: "
                "query('onemesh.istio.canary_weights', step_weight=10)"
            )
        try:
            return steps_of(kwargs)
        except (MeshError, ValueError) as error:
            raise AnsibleLookupError(f"onemesh.istio.canary_weights: {error}") from error
