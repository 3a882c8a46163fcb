# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether counted requests agree with a split. Pure.

Envoy chooses a destination for each request at random by its weight, so the count of each is binomial. A split agrees
when each written share lies within the Wilson score interval of what was counted (E. B. Wilson, 1927): by exactly the
score test of that share. The confidence is that of all destinations together (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any, Literal

CONFIDENCE = 0.99
MINIMUM = 100
"""Fewer requests than this say too little: at 100 the band of a half is 37 % to 63 %."""


@dataclass(frozen=True)
class Band:
    """The shares that ``count`` of ``total`` requests do not contradict."""

    low: float
    high: float

    def holds(self, share: float) -> bool:
        # The ends are computed, a share of 0 or 1 is exact.
        return self.low - 1e-12 <= share <= self.high + 1e-12


@dataclass(frozen=True)
class Measured:
    """``inconclusive``: too few requests. ``observed`` and ``bands`` go by destination."""

    verdict: Literal["within", "outside", "inconclusive"]
    requests: int
    observed: Mapping[str, float]
    bands: Mapping[str, Band]

    def as_dict(self) -> dict[str, Any]:
        """Small, for results: shares and the ends of their bands as fractions of 1."""
        return {
            "verdict": self.verdict,
            "requests": self.requests,
            "confidence": CONFIDENCE,
            "shares": {
                name: {"observed": round(share, 4), "low": round(band.low, 4), "high": round(band.high, 4)}
                for (name, share), band in zip(self.observed.items(), self.bands.values(), strict=True)
            },
        }


def compute_wilson_band(count: int, total: int, confidence: float) -> Band:
    """The score interval of a share. Everything for no request."""
    if not total:
        return Band(0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    observed = count / total
    scale = 1 + z * z / total
    centre = (observed + z * z / (2 * total)) / scale
    half = z * math.sqrt(observed * (1 - observed) / total + z * z / (4 * total * total)) / scale
    return Band(0.0 if count == 0 else max(0.0, centre - half), 1.0 if count == total else min(1.0, centre + half))


def judge(
    counts: Mapping[str, int],
    weights: Mapping[str, float | Fraction],
) -> Measured:
    """Counted requests by destination against weights; a destination that has a count and no weight has weight 0."""
    names = list(dict.fromkeys((*weights, *counts)))
    total, whole = sum(counts.values()), sum(weights.values())
    each = 1 - (1 - CONFIDENCE) / max(1, len(names))
    bands = {name: compute_wilson_band(counts.get(name, 0), total, each) for name in names}
    observed = {name: counts.get(name, 0) / total if total else 0.0 for name in names}
    if total < MINIMUM or not whole:
        return Measured("inconclusive", total, observed, bands)
    within = all(bands[name].holds(float(weights.get(name, 0) / whole)) for name in names)
    return Measured("within" if within else "outside", total, observed, bands)
