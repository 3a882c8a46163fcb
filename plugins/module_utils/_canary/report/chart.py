# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of a metric on all clusters. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from ..._summary.lines import strip_control_characters
from . import story
from .drawing import (
    COLOURS,
    LINE,
    NARROW,
    Axis,
    Layout,
    draw_columns,
    draw_time_labels,
    draw_verticals,
    find_nice_step,
    list_crosses,
    list_points,
    list_rings,
    make_time_axis,
    round_off,
    wrap_svg,
)
from .record import SUCCESS_RATE, ErrorRate, Limit, TickRecord

_LABEL_LETTERS = 15


def draw_metric(
    records: Sequence[TickRecord], name: str, marks: Sequence[tuple[int, story.RunEvent]], identity: str, layout: Layout
) -> str:
    """One metric on all clusters, with its limits. Those that failed stand out where there are many clusters."""
    across = make_time_axis(records, layout)
    series = {
        cluster: values for cluster, values in _series(records, name).items() if any(v is not None for v in values)
    }
    limit = _limit(records, name)
    known = [value for values in series.values() for value in values if value is not None]
    up = _value_axis(known, limit, 182, 14)
    coloured = list_standing_out(records, name)
    parts = [_value_lines(up, limit.unit, layout), *draw_verticals(marks, across, 14, 182), _limits(limit, up, layout)]
    # Those that stand out are drawn last, above the others.
    for cluster in sorted(series, key=lambda each: each in coloured):
        look = f"c{coloured.index(cluster) + 1}" if cluster in coloured else "other"
        parts.append(_curve(records, cluster, name, series[cluster], across, up, look))
    if layout is not NARROW:
        parts.append(_curve_labels(series, coloured, up, layout))
    parts.append(draw_time_labels(across, 182, layout))
    parts.append(draw_columns(records, across, 10, 182, lambda record: _metric_title(record, name, limit.unit), layout))
    description = (
        f"{label_of(name)} on {story.plural(len(series), 'cluster')} over time; allowed: {limit}. "
        "The table below the drawing has the same numbers."
    )
    return wrap_svg(identity, label_of(name), description, 208, parts, layout)


def list_standing_out(records: Sequence[TickRecord], name: str) -> list[str]:
    """The clusters with a colour: all where they are few, else those that failed."""
    known = [
        cluster for cluster, values in _series(records, name).items() if any(value is not None for value in values)
    ]
    if len(known) <= COLOURS:
        return known
    return [each for each in known if any(_verdict(record, each, name) == "fail" for record in records)][:COLOURS]


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


def _value_axis(known: Iterable[float], limit: Limit, bottom: float, top: float) -> Axis:
    """Holds all values and the limits; from zero where that does not flatten the curves."""
    bounds = [bound for bound in (limit.minimum, limit.maximum) if bound is not None]
    found = [*known, *bounds] or [0.0]
    low, high = min(found), max(found)
    low = 0.0 if 0 <= low <= high / 2 or high == low >= 0 else low - (high - low) * 0.1
    high = high + (high - low) * 0.12 if high > low else low + 1
    return Axis(low, high, bottom, top)


def _value_lines(up: Axis, unit: str, layout: Layout) -> str:
    parts = []
    step = find_nice_step((up.high - up.low) / 4)
    value = step * -(-up.low // step)
    while value <= up.high:
        y = round_off(up(value))
        label = f"{value:.10g} {unit}".rstrip()
        parts.append(
            f'<path class="rule" d="M{layout.left} {y}H{layout.plot_right}"/>'
            f'<text class="tick" x="{layout.left - 10}" y="{round_off(up(value) + 4)}" text-anchor="end">'
            f"{escape(label)}</text>"
        )
        value += step
    return "".join(parts)


def _limits(limit: Limit, up: Axis, layout: Layout) -> str:
    parts = []
    for bound, words in ((limit.minimum, "at least"), (limit.maximum, "at most")):
        if bound is None:
            continue
        y = round_off(up(bound))
        label = escape(f"{words} {bound:.6g} {limit.unit}".rstrip())
        parts.append(
            f'<path class="limit" d="M{layout.left} {y}H{layout.plot_right}"/>'
            f'<text class="limit-text" x="{layout.left + 6}" y="{round_off(up(bound) - 5)}">{label}</text>'
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
        line.append(f"{'L' if drawing else 'M'}{round_off(x)} {round_off(y)}")
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
            f'<path class="point" d="{list_points(alone)}"/>' if alone else "",
            f'<path class="cross" d="{list_crosses(crosses)}"/>' if crosses else "",
            f'<path class="ring" d="{list_rings(rings)}"/>' if rings else "",
            "</g>",
        ]
    )


def _curve_labels(
    series: Mapping[str, Sequence[float | None]], coloured: Sequence[str], up: Axis, layout: Layout
) -> str:
    """Names at the ends of the curves that stand out, pushed apart; and how many others there are."""
    ends = []
    for cluster in coloured:
        last = next((value for value in reversed(series[cluster]) if value is not None), None)
        if last is not None:
            ends.append((up(last) + 4, cluster))
    ends.sort()
    placed: list[float] = []
    for wanted, _cluster in ends:
        placed.append(max(wanted, placed[-1] + LINE) if placed else wanted)
    # Pushed down too far, they go up together.
    overflow = max(0.0, placed[-1] - up.start) if placed else 0.0
    parts = [
        f'<text class="label c{coloured.index(cluster) + 1}" x="{layout.plot_right + 10}" '
        f'y="{round_off(y - overflow)}">{_short(cluster)}</text>'
        for y, (_wanted, cluster) in zip(placed, ends, strict=True)
    ]
    others = len(series) - len(coloured)
    if others:
        words = story.plural(others, "other" if coloured else "cluster")
        parts.append(
            f'<text class="label other" x="{layout.plot_right + 10}" y="{round_off(up.start + 18)}">{words}</text>'
        )
    return "".join(parts)


def _metric_title(record: TickRecord, name: str, unit: str) -> str:
    values = {cluster: describe_value(record, cluster, name, unit) for cluster in record.clusters}
    found = ", ".join(f"{cluster} {value}" for cluster, value in values.items() if value)
    return f"{story.format_clock(record.time)}: {found or 'no values'}"


def describe_value(record: TickRecord, cluster: str, name: str, unit: str) -> str:
    """As it is shown, with its unit, and the requests that a rate is of; empty where there is none."""
    value = _value(record, cluster, name)
    if value is None:
        return ""
    if name == SUCCESS_RATE and unit == "%":
        return story.describe_errors(ErrorRate(value, record.clusters[cluster].metrics[name].requests))
    return f"{story.format_number(value)} {unit}".rstrip()


def _short(name: str) -> str:
    shown = name if len(name) <= _LABEL_LETTERS else f"{name[: _LABEL_LETTERS - 1]}…"
    return f"{escape(strip_control_characters(shown))}" + ("" if shown == name else f"<title>{escape(name)}</title>")
