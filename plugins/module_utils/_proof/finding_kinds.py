# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_proof``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

CLUSTER_NOT_READ = FindingKind(
    "cluster-not-read",
    "No istiod reads the cluster, so no proxy gets what is written there.",
    "Write to the primary cluster that serves it, or leave the cluster out.",
)
ISTIOD_NOT_ASKED = FindingKind(
    "istiod-not-asked",
    "istiod cannot be asked what its proxies have.",
    "Let the account forward ports to it, or ask for a lower level of proof.",
)
NOT_ACCEPTED = FindingKind(
    "not-accepted",
    "Istio does not accept an object of the Gateway API, or has not said so in time.",
    "Correct what the message names, or allow more time.",
)
NOT_SERVING = FindingKind(
    "not-serving",
    "No proxy that was looked at divides requests as was written.",
    "See whether another object changes these routes, or allow more time.",
)
PROXY_LATE = FindingKind(
    "proxy-late",
    "A proxy has not acknowledged the change in time.",
    "See the logs of its pod and of istiod, or allow more time.",
)
PROXY_REJECTED = FindingKind(
    "proxy-rejected",
    "A proxy rejected the change.",
    "Correct what Envoy names.",
)
PROXY_REJECTED_BEFORE = FindingKind(
    "proxy-rejected-before",
    "A proxy rejected its configuration before the change already.",
    "Correct what Envoy names.",
)
REQUESTS_DIVIDED_OTHERWISE = FindingKind(
    "requests-divided-otherwise",
    "Measured requests contradict the weights.",
    "See whether retries, ejected hosts or sessions move requests, or measure for longer.",
)
