# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of findings of ``_istiod``. docs/findings.md is made of them."""

from __future__ import annotations

from .._findings import FindingKind

NOT_SYNCED = FindingKind(
    "not-synced",
    "istiod lists a remote cluster and cannot read it.",
    "See that its pods reach the URL of that API server, and that the certificate names it.",
)
