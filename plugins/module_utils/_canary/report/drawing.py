# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drawings of the page have in common: SVG as text, with everything escaped. Pure.

Nothing is told by colour alone: what failed is a cross, what is not known a ring, and curves have dashes of their own.
Points of one kind are one path each, so that 12 clusters of 300 ticks stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from ..._summary.lines import strip_control_characters
from . import story
from .record import TickRecord

COLOURS = 4
"""So many clusters, or groups of them, stand out."""
LINE = 13
_BADGE_ROWS = 3
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_DAY = 86400


@dataclass(frozen=True)
class Layout:
    """The measures of a drawing. Letters are as large in both, so that a phone, on which the narrow one is shown, need
    not make them smaller. ``times`` is how many labels its time axis has at most."""

    name: str
    width: float
    left: float
    right: float
    times: int

    @property
    def plot_right(self) -> float:
        return self.width - self.right


WIDE = Layout("wide", 960, 92, 116, 8)
NARROW = Layout("narrow", 360, 52, 12, 4)


@dataclass(frozen=True)
class Axis:
    """From values to coordinates. ``low`` is drawn at ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def make_time_axis(records: Sequence[TickRecord], layout: Layout) -> Axis:
    """All drawings of a page have the same one."""
    first, last = records[0].time, records[-1].time
    return Axis(first, last if last > first else first + 1, layout.left + 6, layout.plot_right - 6)


def draw_phases(records: Sequence[TickRecord], across: Axis, top: float) -> str:
    """A bar that says which phase it was when; a name is left out where it has no room."""
    parts = []
    starts = [place for place, record in enumerate(records) if place == 0 or record.phase != records[place - 1].phase]
    for place, start in enumerate(starts):
        ends = records[starts[place + 1]].time if place + 1 < len(starts) else records[-1].time
        left, right = across(records[start].time), across(ends)
        phase = story.describe_phase(records[start].phase)
        tone = {"failed": " bad", "succeeded": " good", "waiting": " wait", "waiting promotion": " wait"}.get(phase, "")
        width = max(3.0, right - left)
        parts.append(
            f'<rect class="phase{tone}" x="{round_off(left)}" y="{top}" width="{round_off(width)}" height="16">'
            f"<title>{escape(phase)}</title></rect>"
        )
        if width > len(phase) * 6.5 + 8:
            parts.append(
                f'<text class="in-phase{tone}" x="{round_off(left + 6)}" y="{top + 12}">{escape(phase)}</text>'
            )
    return "".join(parts)


def draw_verticals(marks: Sequence[tuple[int, story.RunEvent]], across: Axis, top: float, bottom: float) -> list[str]:
    return [
        f'<path class="mark {event.kind}" d="M{round_off(across(event.time))} {round_off(top)}V{round_off(bottom)}"/>'
        for _number, event in marks
    ]


def draw_badges(marks: Sequence[tuple[int, story.RunEvent]], across: Axis) -> tuple[str, int]:
    """Numbers that lead to the list of events, in as few rows as keep them apart; and how many rows. One that has no
    room in the last row is left out: its line is drawn, and its neighbours say where to look in the list."""
    ends = [-99.0] * _BADGE_ROWS
    parts: list[str] = []
    used = 0
    for number, event in marks:
        x = across(event.time)
        row = next((place for place, end in enumerate(ends) if x - end >= 20), None)
        if row is None:
            continue
        ends[row] = x
        used = max(used, row + 1)
        y = 10 + row * 20
        shape = (
            f'<path class="badge gate" d="M{round_off(x)} {y - 10}l10 10l-10 10l-10 -10z"/>'
            if event.kind == "gate"
            else f'<circle class="badge {event.kind}" cx="{round_off(x)}" cy="{y}" r="8.5"/>'
        )
        parts.append(
            f"<g>{shape}<text class='number' x='{round_off(x)}' y='{y + 3.5}' text-anchor='middle'>{number}</text>"
            f"<title>{escape(strip_control_characters(event.text))}</title></g>"
        )
    return "".join(parts), used


def draw_time_labels(across: Axis, bottom: float, layout: Layout) -> str:
    span = across.high - across.low
    step = next((each for each in _TIME_STEPS if span / each <= layout.times), None) or _DAY * -(
        -span // (layout.times * _DAY)
    )
    pattern_of = (lambda moment: story.format_date_and_clock(moment)[5:16]) if span > _DAY else story.format_clock
    parts = []
    moment = step * -(-across.low // step)
    while moment <= across.high:
        label = pattern_of(moment)
        if span <= _DAY and step >= 60:
            label = label[:5]
        x = round_off(across(moment))
        parts.append(
            f'<path class="rule" d="M{x} {round_off(bottom)}v5"/>'
            f'<text class="tick" x="{x}" y="{round_off(bottom + 18)}" text-anchor="middle">{label}</text>'
        )
        moment += step
    return "".join(parts)


def draw_columns(
    records: Sequence[TickRecord],
    across: Axis,
    top: float,
    bottom: float,
    title: Callable[[TickRecord], str],
    layout: Layout,
) -> str:
    """A column for each tick that shows its numbers to the pointer; a phone has none."""
    if layout is NARROW:
        return ""
    places = [across(record.time) for record in records]
    borders = [layout.left, *((left + right) / 2 for left, right in pairwise(places)), layout.plot_right]
    return "".join(
        f'<rect class="hit" x="{round_off(left)}" y="{round_off(top)}" width="{round_off(max(0.5, right - left))}" '
        f'height="{round_off(bottom - top)}"><title>{escape(strip_control_characters(title(record)))}</title></rect>'
        for record, left, right in zip(records, borders, borders[1:], strict=False)
    )


def wrap_svg(identity: str, title: str, description: str, height: float, parts: Iterable[str], layout: Layout) -> str:
    identity = f"{identity}-{layout.name}"
    return (
        f'<svg class="{layout.name}" viewBox="0 0 {round_off(layout.width)} {round_off(height)}" role="img" '
        f'aria-labelledby="{identity}-t {identity}-d"><title id="{identity}-t">{escape(title)}</title>'
        f'<desc id="{identity}-d">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def list_points(points: Iterable[tuple[float, float]]) -> str:
    """Lines of no length, which round ends make dots."""
    return "".join(f"M{round_off(x)} {round_off(y)}h0" for x, y in points)


def list_crosses(points: Iterable[tuple[float, float]]) -> str:
    return "".join(f"M{round_off(x - 3)} {round_off(y - 3)}l6 6m0-6l-6 6" for x, y in points)


def list_rings(points: Iterable[tuple[float, float]], radius: int = 3) -> str:
    r, d = radius, 2 * radius
    return "".join(f"M{round_off(x - r)} {round_off(y)}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0-{d} 0" for x, y in points)


def find_nice_step(rough: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** _exponent(rough)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def round_off(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
