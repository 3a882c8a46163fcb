# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of others without the secrets that they may repeat. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable

MASK = "********"

_SHORTEST = 3
"""A value of one or two characters is in every sentence, and hides nothing."""


def mask(text: str, secrets: Iterable[str], by: str = MASK) -> str:
    """``text`` with ``by`` in place of each secret; the longest first, for one may be part of another."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, by)
    return text
