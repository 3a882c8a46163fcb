# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what was counted can be chance."""

from __future__ import annotations

import math

CONFIDENCE = 0.99


def is_within(seen: int, count: int, share: float) -> bool:
    """Whether so many of ``count`` are within the middle 99 % of what a binomial of ``share`` gives."""
    likely = [math.comb(count, each) * share**each * (1 - share) ** (count - each) for each in range(count + 1)]
    tail = (1 - CONFIDENCE) / 2
    return math.fsum(likely[: seen + 1]) > tail and math.fsum(likely[seen:]) > tail
