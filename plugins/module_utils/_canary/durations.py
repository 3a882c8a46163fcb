# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lengths of time as people and Kubernetes resources write them. Pure."""

from __future__ import annotations

import math
import re
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")


def seconds_of(given: Any) -> float | None:
    """Seconds from a number, or from a text like ``90``, ``1m30s`` or ``2h``. None where it is neither.

    A text is read to its end: Flagger takes a minute for what it cannot read.
    """
    if isinstance(given, bool):
        return None
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(given))
    try:
        found = float(given)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and found >= 0 else None
