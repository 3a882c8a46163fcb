# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments and lengths of time, as who reads the text next reads them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._times import (
    go_seconds,
    is_prometheus_duration,
    moment_of,
    rfc3339,
    rfc3339_micro,
    seconds_of,
)

EVENING = datetime(2026, 11, 25, 18, 0, 0, tzinfo=timezone.utc)
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("moment", "time", "micro_time"),
    [
        (EVENING, "2026-11-25T18:00:00Z", "2026-11-25T18:00:00.000000Z"),
        (EVENING.timestamp(), "2026-11-25T18:00:00Z", "2026-11-25T18:00:00.000000Z"),
        (EVENING.astimezone(EAST), "2026-11-25T18:00:00Z", "2026-11-25T18:00:00.000000Z"),
        (EVENING + timedelta(milliseconds=250), "2026-11-25T18:00:00Z", "2026-11-25T18:00:00.250000Z"),
        (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000Z"),
    ],
    ids=["moment", "seconds", "another zone", "fraction", "epoch"],
)
def test_a_moment_is_written_in_utc(moment: datetime | float, time: str, micro_time: str) -> None:
    assert rfc3339(moment) == time
    assert rfc3339_micro(moment) == micro_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-25T18:00:00Z", EVENING),
        ("2026-11-25t18:00:00z", EVENING),
        ("2026-11-25 18:00:00Z", EVENING),
        ("2026-11-25T23:30:00+05:30", EVENING),
        ("2026-11-25T13:00:00-05:00", EVENING),
        ("2026-11-25T18:00:00.5Z", EVENING + timedelta(milliseconds=500)),
        ("2026-11-25T18:00:00.123456Z", EVENING + timedelta(microseconds=123456)),
        ("2026-11-25T18:00:00.123456789Z", EVENING + timedelta(microseconds=123456)),
    ],
)
def test_a_moment_is_read(text: str, moment: datetime) -> None:
    assert moment_of(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "2026-11-25",
        "2026-11-25T18:00:00",
        "2026-11-25T18:00Z",
        "2026-11-25T18:00:00.Z",
        "2026-11-25T18:00:00+0100",
        "2026-13-25T18:00:00Z",
        "2026-02-30T18:00:00Z",
        "2026-11-25T24:00:00Z",
        "2026-11-25T18:00:00+24:00",
        "2026-11-25T18:00:00Z\n",
        "٢٠٢٦-11-25T18:00:00Z",
    ],
)
def test_what_is_no_moment_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no time") as caught:
        moment_of(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (60, 60.0),
        (0, 0.0),
        (1.5, 1.5),
        ("90", 90.0),
        ("90s", 90.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1d", 86400.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
    ],
)
def test_an_option_is_a_number_or_a_text(given: Any, seconds: float) -> None:
    assert seconds_of(given) == seconds


@pytest.mark.parametrize("given", ["", "soon", "60sec", "1m 30s", "m", "-5", -5, True, None, [], "inf", "nan"])
def test_any_other_option_is_none(given: Any) -> None:
    assert seconds_of(given) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("100ms", 0.1),
        ("3.214ms", 0.003214),
        ("1.5s", 1.5),
        ("1m30s", 90.0),
        ("1h2m3.5s", 3723.5),
        ("850µs", 0.00085),
        ("850\u03bcs", 0.00085),
        ("850us", 0.00085),
        ("12ns", 1.2e-8),
        (".5s", 0.5),
        ("1.s", 1.0),
        ("-1m", -60.0),
        ("+1m", 60.0),
        ("0", 0.0),
        ("30s1m", 90.0),
    ],
)
def test_a_duration_of_go(text: str, seconds: float) -> None:
    assert go_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "soon", "1d", "1 s", "s", ".s", "1m 30s", "1e3s", "--1s", "-", "1M", "٣s"])
def test_what_go_refuses_is_none(text: str) -> None:
    assert go_seconds(text) is None


@pytest.mark.parametrize("text", ["30s", "1m", "1h30m", "500ms", "1y2w3d4h5m6s7ms"])
def test_a_range_of_prometheus(text: str) -> None:
    assert is_prometheus_duration(text)


@pytest.mark.parametrize("text", ["", "0", "0s", "30", "1.5m", "30s1m", "1 minute", "-1m", "1us", "m", "٣m"])
def test_what_prometheus_refuses_for_a_range(text: str) -> None:
    assert not is_prometheus_duration(text)
