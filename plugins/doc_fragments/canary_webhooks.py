# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options ``webhooks`` and ``notices`` of a canary (WEBHOOK_ARGUMENT_SPEC, NOTIFICATION_ARGUMENT_SPEC)."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  webhooks:
    description:
      - Whom the release asks. What is sent is what Flagger sends, so its load tester and gates made for it serve here
        too.
      - An answer with a status of 200 to 299 agrees. Redirects are not followed.
      - In check mode no webhook is called.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name in messages.
        type: str
        required: true
      type:
        description:
          - When it is asked, and what its answer decides.
          - V(confirm-rollout). Before the release begins, which waits until all agree.
          - V(pre-rollout). Once at the start, when the canary's pods are ready. The release waits until all agree, and
            each refusal is a failed analysis.
          - V(rollout). With each analysis, before the metrics. A refusal is a failed analysis, and no metric is asked.
          - V(confirm-traffic-increase). Before each step that gives the canary more requests or copies of requests, and
            before the promotion. The release waits until all agree.
          - V(confirm-promotion). Before the promotion, which waits until all agree. Analyses go on meanwhile. With
            iterations alone (blue/green) it is before all requests go to the canary, and not asked again after that.
          - V(post-rollout). Told at the end, whatever the end is.
          - V(rollback). In every tick of a release that is under way, or that waits for V(confirm-rollout). One that
            agrees rolls it back.
          - V(event). Told of every step and change of phase.
        type: str
        choices:
          - confirm-rollout
          - pre-rollout
          - rollout
          - confirm-traffic-increase
          - confirm-promotion
          - post-rollout
          - rollback
          - event
        default: rollout
      metadata:
        description: What is sent beside. A value that is no text is sent as JSON in a text.
        type: dict
        default: {}
      url:
        description: The address. Of it only host and port are shown in messages.
        type: str
        required: true
      timeout:
        description: Seconds for each attempt.
        type: float
        default: 10.0
      retries:
        description:
          - How often it is tried again where no answer comes, or one with the status 429, 500, 502, 503 or 504.
        type: int
        default: 0
      headers:
        description: Further headers. They are never shown.
        type: dict
        default: {}
      validate_certs:
        description: Whether the server's certificate is verified.
        type: bool
        default: true
      ca_cert:
        description: A path to the CA certificate of the server.
        type: path
  notices:
    description:
      - Who gets a notice of each change of state, and none for a tick that changed nothing. One that does not take it
        is a warning.
    type: list
    elements: dict
    default: []
    suboptions:
      kind:
        description: V(json) for plain JSON, V(slack) for Slack and what takes the same.
        type: str
        choices: [json, slack]
        default: json
      severity:
        description:
          - The least that is sent. V(error) is a release that failed, V(warn) one that waits for something, V(info) all
            else.
        type: str
        choices: [info, warn, error]
        default: info
      url:
        description: As O(webhooks[].url).
        type: str
        required: true
      timeout:
        description: As O(webhooks[].timeout).
        type: float
        default: 10.0
      retries:
        description: As O(webhooks[].retries).
        type: int
        default: 0
      headers:
        description: As O(webhooks[].headers).
        type: dict
        default: {}
      validate_certs:
        description: As O(webhooks[].validate_certs).
        type: bool
        default: true
      ca_cert:
        description: As O(webhooks[].ca_cert).
        type: path
"""
