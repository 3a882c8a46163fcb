# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of ticks for tests of what is told about them, and of its looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.onemesh.istio.plugins.module_utils._canary.model import (
    Analysis,
    ClusterObservation,
    MetricResult,
    Readiness,
    TrafficSplit,
)
from ansible_collections.onemesh.istio.plugins.module_utils._canary.report.record import SUCCESS_RATE, Limit, TickRecord

START = 1795608000.0  # 2026-11-25T12:00:00Z
LIMITS = {SUCCESS_RATE: Limit(minimum=99, unit="%"), "request-duration": Limit(maximum=500, unit="ms")}


def tick(
    number: int = 0,
    weights: Mapping[str, int] | None = None,
    *,
    away: Mapping[str, str] | None = None,
    drift: Mapping[str, int] | None = None,
    rates: Mapping[str, float | None] | None = None,
    requests: Mapping[str, float] | None = None,
    **more: Any,
) -> TickRecord:
    """A tick half a minute after the one before. ``away`` are errors, ``drift`` observed weights other than intended,
    ``rates`` success rates in percent, ``requests`` what they are of, all by cluster."""
    intended = {"eu1": 25, "us1": 25} if weights is None else dict(weights)
    clusters = {name: seen(weight) for name, weight in intended.items()}
    clusters |= {name: ClusterObservation(error=error) for name, error in (away or {}).items()}
    clusters |= {name: seen(weight, f"weights are {weight}") for name, weight in (drift or {}).items()}
    if rates is not None:
        more["analysis"] = analysis(rates, more.pop("reasons", ()), requests or {})
    options: dict[str, Any] = {
        "now": START + 30 * number,
        "name": "cart",
        "namespace": "shop",
        "revision": "5f3c",
        "phase": "progressing",
        "step": 3,
        "of": 5,
        "wave": 0,
        "intended": intended,
        "clusters": clusters,
        "limits": LIMITS,
        **more,
    }
    return TickRecord.of_tick(**options)


def seen(weight: int, drift: str = "") -> ClusterObservation:
    ready = Readiness("ready")
    return ClusterObservation(
        as_intended=not drift, traffic=TrafficSplit(weight, 100 - weight), stable=ready, canary=ready, drift=drift
    )


def analysis(
    rates: Mapping[str, float | None], reasons: Sequence[str] = (), requests: Mapping[str, float] | None = None
) -> Analysis:
    counts = requests or {}
    results = tuple(
        MetricResult(
            name,
            SUCCESS_RATE,
            "inconclusive" if rate is None else "pass" if rate >= 99 else "fail",
            rate,
            counts.get(name),
        )
        for name, rate in rates.items()
    )
    verdicts = [result.verdict for result in results]
    verdict = next((each for each in ("fail", "inconclusive") if each in verdicts), "pass")
    return Analysis(verdict, tuple(reasons), (), results)  # type: ignore[arg-type]  # one of the two, or pass


def large_run(clusters: int, ticks: int) -> list[TickRecord]:
    names = [f"cluster-{number}" for number in range(clusters)]
    return [
        tick(
            number,
            {name: min(100, number // 60 * 25) for name in names},
            rates={name: 99.0 + (number * 7 + place) % 10 / 10 for place, name in enumerate(names)},
            reasons=("all clusters are looked at",),
        )
        for number in range(ticks)
    ]
