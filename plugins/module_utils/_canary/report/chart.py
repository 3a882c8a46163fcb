# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawings of the page: SVG as text, with everything escaped. Pure.

Nothing is told by colour alone: intended is a line and observed are dots, what failed is a cross, what is not known a
ring. Points of one kind are one path each, so that 12 clusters of 300 ticks stay small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from . import story
from .record import SUCCESS_RATE, Limit, TickRecord

WIDTH = 960
_LEFT, _RIGHT = 92, 100
_PLOT_RIGHT = WIDTH - _RIGHT
_LINE = 13
_BADGE_ROWS = 3
_LABEL_LETTERS = 13
_COLOURS = 4
_NUMBER_ROOM = 22
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_DAY = 86400


@dataclass(frozen=True)
class Axis:
    """From values to coordinates. ``low`` is drawn at ``start``, ``high`` at ``end``."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def time_axis(records: Sequence[TickRecord]) -> Axis:
    """All drawings of a page have the same one."""
    first, last = records[0].time, records[-1].time
    return Axis(first, last if last > first else first + 1, _LEFT + 6, _PLOT_RIGHT - 6)


def weights(records: Sequence[TickRecord], marks: Sequence[tuple[int, story.RunEvent]], identity: str) -> str:
    """A lane for each cluster: the intended weight of the canary as a line, the observed one as dots.

    ``marks`` are the events with their numbers in the page's list.
    """
    across = time_axis(records)
    names = list(dict.fromkeys(name for record in records for name in record.clusters))
    height = 150 if len(names) == 1 else 64 if len(names) <= 4 else 40
    badges, rows = _badges(marks, across)
    top = 8 + rows * 20
    lanes_from = top + 30
    bottom = lanes_from + len(names) * (height + 12) - 12
    parts = [_phases(records, across, top), *_verticals(marks, across, top + 18, bottom), badges]
    for place, name in enumerate(names):
        lane = lanes_from + place * (height + 12)
        parts.append(_lane(records, name, across, lane, lane + height))
    parts += [_time_labels(across, bottom), _columns(records, across, top, bottom, _weights_title)]
    description = (
        f"For each of {story.plural(len(names), 'cluster')}: the canary's weight over time, intended as a line and "
        "observed as dots. The table of ticks has the same numbers."
    )
    return _svg(identity, "Weight of the canary on each cluster", description, bottom + 26, parts)


def metric(records: Sequence[TickRecord], name: str, marks: Sequence[tuple[int, story.RunEvent]], identity: str) -> str:
    """One metric on all clusters, with its limits. Those that failed stand out where there are many clusters."""
    across = time_axis(records)
    series = {
        cluster: values for cluster, values in _series(records, name).items() if any(v is not None for v in values)
    }
    failed = {cluster for cluster in series if any(_verdict(record, cluster, name) == "fail" for record in records)}
    limit = _limit(records, name)
    known = [value for values in series.values() for value in values if value is not None]
    up = _value_axis(known, limit, 182, 14)
    coloured = (
        list(series) if len(series) <= _COLOURS else [cluster for cluster in series if cluster in failed][:_COLOURS]
    )
    parts = [_value_lines(up, limit.unit), *_verticals(marks, across, 14, 182), _limits(limit, up)]
    # Those that stand out are drawn last, above the others.
    for cluster in sorted(series, key=lambda each: each in coloured):
        look = f"c{coloured.index(cluster) + 1}" if cluster in coloured else "other"
        parts.append(_curve(records, cluster, name, series[cluster], across, up, look))
    parts.append(_curve_labels(series, coloured, up))
    parts.append(_time_labels(across, 182))
    parts.append(_columns(records, across, 10, 182, lambda record: _metric_title(record, name)))
    description = (
        f"{label_of(name)} on {story.plural(len(series), 'cluster')} over time; allowed: {limit}. "
        "The table below the drawing has the same numbers."
    )
    return _svg(identity, label_of(name), description, 208, parts)


def label_of(metric_name: str) -> str:
    return "Errors" if metric_name == SUCCESS_RATE else metric_name.replace("-", " ").capitalize()


def format_value(metric_name: str, value: float) -> float:
    """Success is shown as errors: what is to be looked at goes up."""
    return 100 - value if metric_name == SUCCESS_RATE else value


def format_limit(metric_name: str, limit: Limit) -> Limit:
    """The limit of what is shown."""
    if metric_name != SUCCESS_RATE:
        return limit
    turned = [None if bound is None else 100 - bound for bound in (limit.maximum, limit.minimum)]
    return Limit(turned[0], turned[1], limit.unit or "%")


def _limit(records: Sequence[TickRecord], name: str) -> Limit:
    found = next((record.limits[name] for record in reversed(records) if name in record.limits), Limit())
    return format_limit(name, found)


def _series(records: Sequence[TickRecord], name: str) -> dict[str, list[float | None]]:
    clusters = dict.fromkeys(cluster for record in records for cluster in record.clusters)
    return {cluster: [_value(record, cluster, name) for record in records] for cluster in clusters}


def _value(record: TickRecord, cluster: str, name: str) -> float | None:
    tick = record.clusters.get(cluster)
    result = None if tick is None else tick.metrics.get(name)
    return None if result is None or result.value is None else format_value(name, result.value)


def _verdict(record: TickRecord, cluster: str, name: str) -> str:
    tick = record.clusters.get(cluster)
    result = None if tick is None else tick.metrics.get(name)
    return "" if result is None else result.verdict


def _lane(records: Sequence[TickRecord], name: str, across: Axis, top: float, bottom: float) -> str:
    up = Axis(0, records[-1].total or 1, bottom, top)
    line: list[str] = []
    numbers: list[str] = []
    numbered = -99.0
    dots: list[tuple[float, float]] = []
    astray: list[tuple[float, float]] = []
    unknown: list[tuple[float, float]] = []
    weight: int | None = None
    for record in records:
        tick = record.clusters.get(name)
        x = across(record.time)
        if tick is None or tick.intended is None:
            weight = None
        elif weight is None:
            line.append(f"M{_round(x)} {_round(up(tick.intended))}")
        else:
            line.append(f"H{_round(x)}V{_round(up(tick.intended))}")
        if tick is not None and tick.intended not in (None, weight):
            weight = tick.intended
            if x - numbered >= _NUMBER_ROOM:
                numbered = x
                numbers.append(f'<text class="weight" x="{_round(x + 4)}" y="{_round(up(weight) - 6)}">{weight}</text>')
        if tick is None:
            continue
        if tick.observed is None:
            unknown.append((x, bottom))
        elif tick.intended is not None and tick.observed != tick.intended:
            astray.append((x, up(tick.observed)))
        else:
            dots.append((x, up(tick.observed)))
    last = records[-1].clusters.get(name)
    value = "not known" if last is None or last.observed is None else f"{last.observed} %"
    value = value if records[-1].total == 100 else value.replace(" %", f" of {records[-1].total}")
    middle = (top + bottom) / 2 + 4
    small = " small" if len(records) > 80 else ""
    return "".join(
        [
            f'<path class="rule" d="M{_LEFT} {_round(bottom)}H{_PLOT_RIGHT}M{_LEFT} {_round(top)}H{_PLOT_RIGHT}"/>',
            f'<text class="name" x="{_LEFT - 10}" y="{_round(middle)}" text-anchor="end">{_short(name)}</text>',
            f'<text class="value" x="{_PLOT_RIGHT + 10}" y="{_round(middle)}">{escape(value)}</text>',
            f'<path class="dots{small}" d="{_points(dots)}"/>' if dots else "",
            f'<path class="intended" d="{"".join(line)}"/>' if line else "",
            f'<path class="cross" d="{_crosses(astray)}"/>' if astray else "",
            f'<path class="ring" d="{_rings(unknown)}"/>' if unknown else "",
            *numbers,
        ]
    )


def _phases(records: Sequence[TickRecord], across: Axis, top: float) -> str:
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
            f'<rect class="phase{tone}" x="{_round(left)}" y="{top}" width="{_round(width)}" height="16">'
            f"<title>{escape(phase)}</title></rect>"
        )
        if width > len(phase) * 6.5 + 8:
            parts.append(f'<text class="in-phase{tone}" x="{_round(left + 6)}" y="{top + 12}">{escape(phase)}</text>')
    return "".join(parts)


def _verticals(marks: Sequence[tuple[int, story.RunEvent]], across: Axis, top: float, bottom: float) -> list[str]:
    return [
        f'<path class="mark {event.kind}" d="M{_round(across(event.time))} {_round(top)}V{_round(bottom)}"/>'
        for _number, event in marks
    ]


def _badges(marks: Sequence[tuple[int, story.RunEvent]], across: Axis) -> tuple[str, int]:
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
            f'<path class="badge gate" d="M{_round(x)} {y - 10}l10 10l-10 10l-10 -10z"/>'
            if event.kind == "gate"
            else f'<circle class="badge {event.kind}" cx="{_round(x)}" cy="{y}" r="8.5"/>'
        )
        parts.append(
            f"<g>{shape}<text class='number' x='{_round(x)}' y='{y + 3.5}' text-anchor='middle'>{number}</text>"
            f"<title>{escape(story.strip_control_characters(event.text))}</title></g>"
        )
    return "".join(parts), used


def _value_axis(known: Iterable[float], limit: Limit, bottom: float, top: float) -> Axis:
    """Holds all values and the limits; from zero where that does not flatten the curves."""
    bounds = [bound for bound in (limit.minimum, limit.maximum) if bound is not None]
    found = [*known, *bounds] or [0.0]
    low, high = min(found), max(found)
    low = 0.0 if 0 <= low <= high / 2 or high == low >= 0 else low - (high - low) * 0.1
    high = high + (high - low) * 0.12 if high > low else low + 1
    return Axis(low, high, bottom, top)


def _value_lines(up: Axis, unit: str) -> str:
    parts = []
    step = _nice((up.high - up.low) / 4)
    value = step * -(-up.low // step)
    while value <= up.high:
        y = _round(up(value))
        label = f"{value:.10g} {unit}".rstrip()
        parts.append(
            f'<path class="rule" d="M{_LEFT} {y}H{_PLOT_RIGHT}"/>'
            f'<text class="tick" x="{_LEFT - 10}" y="{_round(up(value) + 4)}" text-anchor="end">{escape(label)}</text>'
        )
        value += step
    return "".join(parts)


def _limits(limit: Limit, up: Axis) -> str:
    parts = []
    for bound, words in ((limit.minimum, "at least"), (limit.maximum, "at most")):
        if bound is None:
            continue
        y = _round(up(bound))
        label = escape(f"{words} {bound:.6g} {limit.unit}".rstrip())
        parts.append(
            f'<path class="limit" d="M{_LEFT} {y}H{_PLOT_RIGHT}"/>'
            f'<text class="limit-text" x="{_LEFT + 6}" y="{_round(up(bound) - 5)}">{label}</text>'
        )
    return "".join(parts)


def _curve(
    records: Sequence[TickRecord],
    cluster: str,
    name: str,
    values: Sequence[float | None],
    across: Axis,
    up: Axis,
    look: str,
) -> str:
    line: list[str] = []
    crosses: list[tuple[float, float]] = []
    rings: list[tuple[float, float]] = []
    alone: list[tuple[float, float]] = []
    drawing = False
    for place, (record, value) in enumerate(zip(records, values, strict=True)):
        x = across(record.time)
        verdict = _verdict(record, cluster, name)
        if value is None:
            drawing = False
            if verdict in ("inconclusive", "error"):
                rings.append((x, up.start))
            continue
        y = up(value)
        line.append(f"{'L' if drawing else 'M'}{_round(x)} {_round(y)}")
        drawing = True
        if verdict == "fail":
            crosses.append((x, y))
        followed = place + 1 < len(values) and values[place + 1] is not None
        preceded = place > 0 and values[place - 1] is not None
        if len(records) <= 40 or not (followed or preceded):
            alone.append((x, y))
    title = f"<title>{escape(cluster)}</title>"
    return "".join(
        [
            f'<g class="{look}">{title}',
            f'<path class="curve" d="{"".join(line)}"/>' if line else "",
            f'<path class="point" d="{_points(alone)}"/>' if alone else "",
            f'<path class="cross" d="{_crosses(crosses)}"/>' if crosses else "",
            f'<path class="ring" d="{_rings(rings)}"/>' if rings else "",
            "</g>",
        ]
    )


def _curve_labels(series: Mapping[str, Sequence[float | None]], coloured: Sequence[str], up: Axis) -> str:
    """Names at the ends of the curves that stand out, pushed apart; and how many others there are."""
    ends = []
    for cluster in coloured:
        last = next((value for value in reversed(series[cluster]) if value is not None), None)
        if last is not None:
            ends.append((up(last) + 4, cluster))
    ends.sort()
    placed: list[float] = []
    for wanted, _cluster in ends:
        placed.append(max(wanted, placed[-1] + _LINE) if placed else wanted)
    # Pushed down too far, they go up together.
    overflow = max(0.0, placed[-1] - up.start) if placed else 0.0
    parts = [
        f'<text class="label c{coloured.index(cluster) + 1}" x="{_PLOT_RIGHT + 10}" y="{_round(y - overflow)}">'
        f"{_short(cluster)}</text>"
        for y, (_wanted, cluster) in zip(placed, ends, strict=True)
    ]
    others = len(series) - len(coloured)
    if others:
        words = story.plural(others, "other" if coloured else "cluster")
        parts.append(f'<text class="label other" x="{_PLOT_RIGHT + 10}" y="{_round(up.start + 18)}">{words}</text>')
    return "".join(parts)


def _time_labels(across: Axis, bottom: float) -> str:
    span = across.high - across.low
    step = next((each for each in _TIME_STEPS if span / each <= 8), None) or _DAY * -(-span // (8 * _DAY))
    pattern_of = (lambda moment: story.format_date_and_clock(moment)[5:16]) if span > _DAY else story.format_clock
    parts = []
    moment = step * -(-across.low // step)
    while moment <= across.high:
        label = pattern_of(moment)
        if span <= _DAY and step >= 60:
            label = label[:5]
        x = _round(across(moment))
        parts.append(
            f'<path class="rule" d="M{x} {_round(bottom)}v5"/>'
            f'<text class="tick" x="{x}" y="{_round(bottom + 18)}" text-anchor="middle">{label}</text>'
        )
        moment += step
    return "".join(parts)


def _columns(
    records: Sequence[TickRecord], across: Axis, top: float, bottom: float, title: Callable[[TickRecord], str]
) -> str:
    """A column for each tick that shows its numbers to the pointer."""
    places = [across(record.time) for record in records]
    borders = [_LEFT, *((left + right) / 2 for left, right in pairwise(places)), _PLOT_RIGHT]
    return "".join(
        f'<rect class="hit" x="{_round(left)}" y="{_round(top)}" width="{_round(max(0.5, right - left))}" '
        f'height="{_round(bottom - top)}"><title>{escape(story.strip_control_characters(title(record)))}</title></rect>'
        for record, left, right in zip(records, borders, borders[1:], strict=False)
    )


def _weights_title(record: TickRecord) -> str:
    found = ", ".join(
        f"{name} {'?' if tick.observed is None else tick.observed}" for name, tick in record.clusters.items()
    )
    return f"{story.format_clock(record.time)}, step {record.step}, {story.describe_weights(record)}: {found}"


def _metric_title(record: TickRecord, name: str) -> str:
    values = {cluster: _value(record, cluster, name) for cluster in record.clusters}
    found = ", ".join(
        f"{cluster} {story.format_number(value)}" for cluster, value in values.items() if value is not None
    )
    return f"{story.format_clock(record.time)}: {found or 'no values'}"


def _svg(identity: str, title: str, description: str, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {_round(height)}" role="img" aria-labelledby="{identity}-t {identity}-d">'
        f'<title id="{identity}-t">{escape(title)}</title><desc id="{identity}-d">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _points(points: Iterable[tuple[float, float]]) -> str:
    """Lines of no length, which round ends make dots."""
    return "".join(f"M{_round(x)} {_round(y)}h0" for x, y in points)


def _crosses(points: Iterable[tuple[float, float]]) -> str:
    return "".join(f"M{_round(x - 3)} {_round(y - 3)}l6 6m0-6l-6 6" for x, y in points)


def _rings(points: Iterable[tuple[float, float]]) -> str:
    return "".join(f"M{_round(x - 3)} {_round(y)}a3 3 0 1 0 6 0a3 3 0 1 0-6 0" for x, y in points)


def _short(name: str) -> str:
    shown = name if len(name) <= _LABEL_LETTERS else f"{name[: _LABEL_LETTERS - 1]}…"
    return f"{escape(story.strip_control_characters(shown))}" + (
        "" if shown == name else f"<title>{escape(name)}</title>"
    )


def _nice(rough: float) -> float:
    """The next larger of 1, 2 and 5 times a power of ten."""
    power = 10.0 ** _exponent(rough)
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _exponent(value: float) -> int:
    return int(f"{value:e}".partition("e")[2])


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
