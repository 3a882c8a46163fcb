# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The growth of a time as a drawing: both axes logarithmic, so that the slope is the exponent. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

Points = Sequence[tuple[int, float]]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 360, 260, 52, 40, 28
_STYLE = (
    "text{font:12px sans-serif;fill:#444}.title{font-weight:bold}.grid{stroke:#ddd}.line{fill:none;stroke:#1f5fa8;"
    "stroke-width:2}.point{fill:#1f5fa8}"
)


def exponent(points: Points) -> float:
    """The slope of the least-squares line through the logarithms of the upper half, where fixed costs count less."""
    upper = [(math.log(x), math.log(y)) for x, y in points[len(points) // 2 :]]
    mean_x = sum(x for x, _y in upper) / len(upper)
    mean_y = sum(y for _x, y in upper) / len(upper)
    spread = sum((x - mean_x) ** 2 for x, _y in upper)
    return sum((x - mean_x) * (y - mean_y) for x, y in upper) / spread


def svg(growth: Mapping[str, Points], exponents: Mapping[str, float]) -> str:
    """One panel for each growth, beside each other."""
    panels = [
        f'<g transform="translate({number * _WIDTH},0)">{_panel(name, points, exponents[name])}</g>'
        for number, (name, points) in enumerate(growth.items())
    ]
    width = _WIDTH * len(panels)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_HEIGHT}" width="{width}" height="{_HEIGHT}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>{"".join(panels)}</svg>\n'
    )


def _panel(name: str, points: Points, slope: float) -> str:
    x_decades = _decades([x for x, _y in points])
    y_decades = _decades([y for _x, y in points])

    def x_of(value: float) -> float:
        return _place(value, x_decades, _LEFT, _WIDTH - 20)

    def y_of(value: float) -> float:
        return _place(value, y_decades, _HEIGHT - _BOTTOM, _TOP)

    parts = [f'<text class="title" x="{_LEFT}" y="18">seconds by {name}, exponent {slope:.2f} at the end</text>']
    for decade in x_decades:
        x = x_of(decade)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text text-anchor="middle" x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}">{decade:g}</text>')
    for decade in y_decades:
        y = y_of(decade)
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 20}" y2="{y:.1f}"/>')
        parts.append(f'<text text-anchor="end" x="{_LEFT - 8}" y="{y + 4:.1f}">{decade:g}</text>')
    path = " ".join(f"{x_of(x):.1f},{y_of(y):.1f}" for x, y in points)
    parts.append(f'<polyline class="line" points="{path}"/>')
    parts += [f'<circle class="point" cx="{x_of(x):.1f}" cy="{y_of(y):.1f}" r="3"/>' for x, y in points]
    return "".join(parts)


def _decades(values: Sequence[float]) -> list[float]:
    first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(first, max(last, first + 1) + 1)]


def _place(value: float, decades: Sequence[float], start: float, end: float) -> float:
    share = (math.log10(value) - math.log10(decades[0])) / (math.log10(decades[-1]) - math.log10(decades[0]))
    return start + share * (end - start)
