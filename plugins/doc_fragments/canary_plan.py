# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the plan of a canary (PLAN_ARGUMENT_SPEC), by themselves and as the suboption ``plan`` of a module."""

from __future__ import annotations

from textwrap import indent

_OPTIONS = r"""
strategy:
  description:
    - How requests are divided while the release is looked at.
    - V(auto). Flagger's rule. O(iterations) with O(matched) is V(ab), O(iterations) alone V(bluegreen), all else
      V(weights).
    - V(weights). By weights, which grow.
    - V(ab). Requests that match go to the canary, all others to the stable side.
    - V(bluegreen). None go to the canary until O(iterations) analyses have passed, and then all.
  type: str
  choices: [auto, weights, ab, bluegreen]
  default: auto
step_weight:
  description:
    - By how much the canary's weight grows with each step.
    - The last step ends at O(max_weight), also where that is no multiple of it. See O(overshoot).
    - Exactly one of O(step_weight), O(step_weights), O(iterations) and O(steps) is needed.
  type: int
step_weights:
  description: The canary's weights, one after the other. They have to rise, and the last one is the maximum.
  type: list
  elements: int
max_weight:
  description: The canary's weight at which it is promoted. Default is O(total).
  type: int
step_weight_promotion:
  description:
    - By how much traffic moves with each step of the promotion. With V(0) it moves at once.
    - It goes back to the stable side where that gets the canary's pod template, and on to the canary where it does not.
  type: int
iterations:
  description: How often a release without weights is analysed before it is promoted.
  type: int
mirror:
  description:
    - Sends the canary a copy of requests before it gets any. With weights it is one step, with O(strategy=bluegreen)
      all iterations.
    - In O(steps) it is a step of its own.
  type: bool
  default: false
mirror_weight:
  description: The percentage of requests that is copied, with O(mirror=true). Default is all.
  type: int
matched:
  description:
    - Requests that match go to the canary in every step in which it has traffic.
    - What matches is said where the routes are, in the option C(match) of the release.
  type: bool
  default: false
interval:
  description:
    - How long a step lasts at least. It is analysed before the next one is taken.
    - A number of seconds, or a text like V(90s), V(1m30s) or V(2h).
  type: raw
  default: 60
overshoot:
  description:
    - Lets the last step of O(step_weight) go above O(max_weight), as Flagger does. With a step of 20 and a maximum of
      50 the weights are 20, 40 and 60 then, instead of 20, 40 and 50.
  type: bool
  default: false
total:
  description: What the weights of both sides make together.
  type: int
  default: 100
steps:
  description:
    - The steps themselves, each with exactly one of O(steps[].weight), O(steps[].pause), O(steps[].analysis),
      O(steps[].matched), O(steps[].mirror) and O(steps[].replicas). The promotion follows the last one.
    - What is set by a step stays until another one sets it.
  type: list
  elements: dict
  suboptions:
    weight:
      description: The canary's weight, for the time of the interval.
      type: int
    pause:
      description:
        - For how long everything stays as it is. The analysis goes on where the canary has traffic.
        - With V(true), or with an empty mapping, until a person opens the gate.
      type: raw
    analysis:
      description: How often the canary is analysed, an interval each time. It also is where it has no traffic.
      type: int
    matched:
      description: Whether requests that match go to the canary.
      type: bool
    mirror:
      description: The percentage of requests of which the canary gets a copy.
      type: int
    replicas:
      description: The canary's size in percent of its full size, which it has otherwise.
      type: int
    interval:
      description:
        - How long this step lasts. Default is O(interval) for a weight and an analysis.
        - Without it O(steps[].matched), O(steps[].mirror) and O(steps[].replicas) count from the next step on that
          lasts. With V(0) a weight goes on at once, and is not analysed.
      type: raw
    gate:
      description: The name of a gate that a person has to open before the next step. A pause has C(pause-NUMBER).
      type: str
drain:
  description: For how long a side without traffic is kept before it is scaled down. Default is O(interval).
  type: raw
gates:
  description: Where a person has to agree before the release goes on.
  type: list
  elements: dict
  suboptions:
    before:
      description: Before the promotion. With O(strategy=bluegreen) it is before all traffic goes to the canary.
      type: str
      choices: [promotion]
    before_weight:
      description: Before the first step in which the canary has this weight or more.
      type: int
    name:
      description:
        - The name by which it is opened. Default is C(promotion) or C(weight-NUMBER), in a wave with its name and a
          hyphen before.
        - A name that is given here is the same in all waves, so that it is opened once.
      type: str
waves:
  description:
    - Groups of clusters that get the release one after the other. Without waves all clusters get it at once.
    - Each wave may have options of its own; all others are those of the plan. A wave with O(waves[].step_weight),
      O(waves[].step_weights), O(waves[].iterations) or O(waves[].steps) has none of the plan's way.
  type: list
  elements: dict
  suboptions:
    name:
      description: Its name. Default is C(wave-NUMBER), from 1.
      type: str
    clusters:
      description: Its clusters. One wave may name none, and has all that no other wave has.
      type: list
      elements: str
    bake:
      description: How long its maximum lasts, in place of O(interval).
      type: raw
    strategy:
      description: As O(strategy), for this wave.
      type: str
      choices: [auto, weights, ab, bluegreen]
    step_weight:
      description: As O(step_weight), for this wave.
      type: int
    step_weights:
      description: As O(step_weights), for this wave.
      type: list
      elements: int
    max_weight:
      description: As O(max_weight), for this wave.
      type: int
    step_weight_promotion:
      description: As O(step_weight_promotion), for this wave.
      type: int
    iterations:
      description: As O(iterations), for this wave.
      type: int
    mirror:
      description: As O(mirror), for this wave.
      type: bool
    mirror_weight:
      description: As O(mirror_weight), for this wave.
      type: int
    matched:
      description: As O(matched), for this wave.
      type: bool
    interval:
      description: As O(interval), for this wave.
      type: raw
    overshoot:
      description: As O(overshoot), for this wave.
      type: bool
    steps:
      description: As O(steps), for this wave.
      type: list
      elements: dict
      suboptions:
        weight:
          description: As O(steps[].weight).
          type: int
        pause:
          description: As O(steps[].pause).
          type: raw
        analysis:
          description: As O(steps[].analysis).
          type: int
        matched:
          description: As O(steps[].matched).
          type: bool
        mirror:
          description: As O(steps[].mirror).
          type: int
        replicas:
          description: As O(steps[].replicas).
          type: int
        interval:
          description: As O(steps[].interval).
          type: raw
        gate:
          description: As O(steps[].gate).
          type: str
    drain:
      description: As O(drain), for this wave.
      type: raw
    gates:
      description: As O(gates), for this wave.
      type: list
      elements: dict
      suboptions:
        before:
          description: As O(gates[].before).
          type: str
          choices: [promotion]
        before_weight:
          description: As O(gates[].before_weight).
          type: int
        name:
          description: As O(gates[].name).
          type: str
promote:
  description:
    - V(wave). Each wave is promoted when it is done, and the next one begins after that.
    - V(together). All waves are promoted as one when the last one is done. Until then all of them can go back.
  type: str
  choices: [wave, together]
  default: wave
"""

_PROMOTION = r"""
promotion:
  description:
    - V(copy). The stable side gets the canary's pod template, and traffic goes back to it. It is Flagger's way.
    - V(switch). Only routes change. All traffic goes to the canary and stays there.
  type: str
  choices: [copy, switch]
  default: copy
"""

# A release knows how it is promoted by what is made of it, so its plan has no such option.
_PLAN = r"""
plan:
  description: The steps of the release. P(onemesh.istio.canary_weights#lookup) shows what they come to.
  type: dict
  suboptions:
"""


# Annotated, because ansible-test's yamllint takes every plain assignment here for a literal.
class ModuleDocFragment:
    DOCUMENTATION: str = "options:" + indent(_OPTIONS.rstrip("\n") + _PROMOTION, "  ")

    PLAN: str = "options:" + indent(_PLAN + indent(_OPTIONS.replace("O(", "O(plan.").strip("\n"), "    "), "  ")
