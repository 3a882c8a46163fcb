# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments and lengths of time, each read and written as the program that reads the text next does. Pure.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone
from typing import Any

_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[smhd])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")

_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "\u03bcs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_PART = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_GO_UNITS)})")
_GO_WHOLE = re.compile(rf"([-+]?)((?:{_GO_PART.pattern})+)")

_PROMETHEUS = re.compile(r"(?=[0-9])([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?")


def rfc3339(moment: datetime | float) -> str:
    """``2026-11-25T18:00:00Z``, as metav1.Time of Kubernetes; a number is seconds since the epoch."""
    return _in_utc(moment).isoformat(timespec="seconds").replace("+00:00", "Z")


def rfc3339_micro(moment: datetime | float) -> str:
    """``2026-11-25T18:00:00.000000Z``: metav1.MicroTime of Kubernetes is read with six digits and no others."""
    return _in_utc(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """The moment that a text in RFC 3339 names. ValueError for any other: one without an offset is on whose clock?"""
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time, expected one like 2026-11-25T18:00:00Z")
    fraction, sign, hours, minutes = found[7] or "", found[8], found[9] or "0", found[10] or "0"
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        return datetime(year, month, day, hour, minute, second, int(fraction[:6].ljust(6, "0")), zone)
    except ValueError:
        raise ValueError(f"{text!r} is no time: there is no such day or hour") from None


def seconds_of(given: Any) -> float | None:
    """Seconds from an option: a number, or a text like ``90``, ``1m30s`` or ``2h``. None where it is neither.

    A text is read to its end: Flagger takes a minute for what it cannot read.
    """
    if isinstance(given, bool):
        return None
    if isinstance(given, str) and _WHOLE.fullmatch(given):
        return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(given))
    try:
        found = float(given)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) and found >= 0 else None


def go_seconds(text: str) -> float | None:
    """Seconds of what Go's time.ParseDuration reads, such as ``1m2.5s`` or ``850µs``; None for anything else."""
    if text in ("0", "+0", "-0"):
        return 0.0
    found = _GO_WHOLE.fullmatch(text)
    if found is None:
        return None
    seconds = sum(float(number) * _GO_UNITS[unit] for number, unit in _GO_PART.findall(found[2]))
    return -seconds if found[1] == "-" else seconds


def is_prometheus_duration(text: str) -> bool:
    """Whether Prometheus takes a text for the length of a range: model.ParseDuration reads it, and it is not 0."""
    return _PROMETHEUS.fullmatch(text) is not None and any(digit in text for digit in "123456789")


def _in_utc(moment: datetime | float) -> datetime:
    if isinstance(moment, datetime):
        return moment.astimezone(timezone.utc)
    return datetime.fromtimestamp(moment, timezone.utc)


def format_milliseconds(value: float) -> str:
    """``272 ms``, ``1.2 s``."""
    return f"{value:.0f} ms" if value < 1000 else format_duration(value / 1000)


def format_duration(seconds: float) -> str:
    """``0.3 s``, ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
