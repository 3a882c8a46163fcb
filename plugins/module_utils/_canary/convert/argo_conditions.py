# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conditions of an AnalysisTemplate as bounds of a metric. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .manifest_reader import ManifestPart

_RESULT = r"(?:asFloat\()?result(?:\[0\])?\)?"
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)"
_COMPARISON = re.compile(rf"{_RESULT}\s*(>=|<=|>|<)\s*{_NUMBER}")
_TURNED = re.compile(rf"{_NUMBER}\s*(>=|<=|>|<)\s*{_RESULT}")
_NO_DATA = re.compile(r"!?\s*(?:len\(result\)\s*[=!]=\s*0|is(?:NaN|Nil)\(result(?:\[0\])?\)|result\s*[=!]=\s*nil)")
_OPPOSITE = {">=": "<", ">": "<=", "<=": ">", "<": ">="}
_OTHER_SIDE = {">=": "<=", ">": "<", "<=": ">=", "<": ">"}


class _Bound(NamedTuple):
    """A comparison that a value has to pass."""

    sign: str
    number: float


def take_bounds(metric: ManifestPart, success: str | None, failure: str | None) -> dict[str, Any]:
    """``min`` and ``max``, or ``dry_run`` where nothing is compared. Without bounds the task is refused."""
    if success is None and failure is None:
        metric.differs(
            "successCondition", "there is none, so that the metric is reported and does not decide", "min or max"
        )
        return {"dry_run": True}
    if success is not None and failure is not None:
        metric.differs(
            "failureCondition",
            "what is outside of min and max fails, and there is nothing in between",
            "see min and max",
        )
    field, condition = ("successCondition", success) if success is not None else ("failureCondition", failure)
    bounds = _read(condition or "", fails=success is None)
    if bounds is None:
        metric.differs(
            field, f"{condition} is no comparison with a number; without one the task is refused", "min or max"
        )
        return {}
    if _NO_DATA.search(condition or ""):
        metric.differs(field, "where there is no data nothing passes and nothing fails", "see analysis.on_no_data")
    for bound in bounds:
        if bound.sign in ("<", ">"):
            metric.differs(field, f"the bound itself passes too: {condition}", "nothing, mostly")
    return {
        name: choose(bound.number for bound in bounds if bound.sign.startswith(sign))
        for name, sign, choose in (("min", ">", max), ("max", "<", min))
        if any(bound.sign.startswith(sign) for bound in bounds)
    }


def _read(condition: str, *, fails: bool) -> list[_Bound] | None:
    """All that a value has to pass; None where that is more than bounds can say.

    A value passes where it passes all parts of a success, or fits none of a failure.
    """
    alternatives = _split(r"\|\||\bor\b", condition)
    if fails:
        parts = alternatives
    elif len(alternatives) == 1:
        parts = _split(r"&&|\band\b", alternatives[0])
    else:
        return None
    bounds = [_read_comparison(part, fails=fails) for part in parts]
    return None if None in bounds or not bounds else [bound for bound in bounds if bound is not None]


def _split(sign: str, condition: str) -> list[str]:
    """The parts that compare a value, and do not ask whether there is one."""
    parts = [_unwrap(part) for part in re.split(sign, _unwrap(condition))]
    return [part for part in parts if not _NO_DATA.fullmatch(part)]


def _unwrap(text: str) -> str:
    """Without parentheses around the whole."""
    stripped = text.strip()
    if not (stripped.startswith("(") and stripped.endswith(")")):
        return stripped
    depth = 0
    for letter in stripped[:-1]:
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return stripped
    return _unwrap(stripped[1:-1])


def _read_comparison(part: str, *, fails: bool) -> _Bound | None:
    plain, turned = _COMPARISON.fullmatch(part), _TURNED.fullmatch(part)
    if plain is not None:
        sign, number = plain[1], float(plain[2])
    elif turned is not None:
        sign, number = _OTHER_SIDE[turned[2]], float(turned[1])
    else:
        return None
    return _Bound(_OPPOSITE[sign] if fails else sign, number)
