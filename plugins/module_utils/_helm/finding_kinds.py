# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_helm``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

LEFTOVER = FindingKind(
    "leftover",
    "Objects that the charts will own were left by an earlier installation.",
    "Set leftovers to adopt or to remove.",
)
LEFTOVER_IN_USE = FindingKind(
    "leftover-in-use",
    "A resource type is to be removed, and its objects would be deleted with it.",
    "Set leftovers to adopt, or delete those objects first.",
)
WEBHOOK_OF_A_GONE_ISTIO = FindingKind(
    "webhook-of-a-gone-istio",
    "Webhooks of an Istio that is gone refuse what the API server asks them.",
    "Set leftovers to remove, or delete these webhook configurations.",
)
