# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drawing of the canary's weight on all clusters, on one scale. Pure.

Clusters that had the same all the time are one curve: what was intended is a line, what was observed are dots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import Optional

from ..._summary.lines import strip_control_characters
from . import story
from .drawing import (
    COLOURS,
    LINE,
    NARROW,
    Axis,
    Layout,
    draw_badges,
    draw_columns,
    draw_phases,
    draw_time_labels,
    draw_verticals,
    list_crosses,
    list_points,
    list_rings,
    make_time_axis,
    round_off,
    wrap_svg,
)
from .record import TickRecord

_HEIGHT = 190
_NUMBER_ROOM = 24
_NUMBER_WIDTH = 20
_LABEL_LETTERS = 15

Seen = tuple[Optional[tuple[Optional[int], Optional[int]]], ...]  # noqa: UP045  # sanity refuses "|" at run time
"""Of each tick what was intended and what was observed; None where the cluster was not part of it."""


@dataclass(frozen=True)
class WeightGroup:
    """Clusters that had the same. ``look`` is the class of their curve."""

    names: tuple[str, ...]
    seen: Seen
    look: str

    @property
    def label(self) -> str:
        return self.names[0] if len(self.names) == 1 else f"{self.names[0]} +{len(self.names) - 1}"


def group_by_weights(records: Sequence[TickRecord]) -> list[WeightGroup]:
    """In the order of the clusters. Those after the first few look alike."""
    names = dict.fromkeys(name for record in records for name in record.clusters)
    groups: dict[Seen, list[str]] = {}
    for name in names:
        ticks = [record.clusters.get(name) for record in records]
        seen = tuple(None if each is None else (each.intended, each.observed) for each in ticks)
        groups.setdefault(seen, []).append(name)
    return [
        WeightGroup(tuple(members), seen, f"c{place + 1}" if place < COLOURS else "other")
        for place, (seen, members) in enumerate(groups.items())
    ]


def draw_weights(
    records: Sequence[TickRecord], marks: Sequence[tuple[int, story.RunEvent]], identity: str, layout: Layout
) -> str:
    """``marks`` are the events with their numbers in the page's list."""
    across = make_time_axis(records, layout)
    groups = group_by_weights(records)
    badges, rows = draw_badges(marks, across)
    top = 8 + rows * 20
    plot_top, bottom = top + 34, top + 34 + _HEIGHT
    total = records[-1].total or 1
    up = Axis(0, total, bottom, plot_top)
    parts = [
        draw_phases(records, across, top),
        _draw_scale(up, total, layout),
        *draw_verticals(marks, across, top + 18, bottom),
        badges,
        *(_draw_group(records, group, across, up) for group in reversed(groups)),
        _draw_troubles(records, groups, across, up),
        _draw_numbers(records, groups, across, up),
        *([] if layout is NARROW else [_draw_labels(records, groups, up, layout)]),
        draw_time_labels(across, bottom, layout),
        draw_columns(records, across, top, bottom, _describe_tick, layout),
    ]
    description = (
        f"The canary's weight over time on {story.plural(sum(len(group.names) for group in groups), 'cluster')}, on "
        "one scale: intended as a line and observed as dots. The table of ticks has the same numbers."
    )
    return wrap_svg(identity, "Weight of the canary on each cluster", description, bottom + 26, parts, layout)


def _draw_scale(up: Axis, total: int, layout: Layout) -> str:
    return "".join(
        f'<path class="rule" d="M{round_off(layout.left)} {round_off(up(value))}H{round_off(layout.plot_right)}"/>'
        f'<text class="tick" x="{round_off(layout.left - 10)}" y="{round_off(up(value) + 4)}" text-anchor="end">'
        f"{round_off(value)}{' %' if total == 100 else ''}</text>"
        for value in (total * quarter / 4 for quarter in range(5))
    )


def _draw_group(records: Sequence[TickRecord], group: WeightGroup, across: Axis, up: Axis) -> str:
    line: list[str] = []
    dots: list[tuple[float, float]] = []
    weight: int | None = None
    for record, seen in zip(records, group.seen, strict=True):
        x = across(record.time)
        intended, observed = seen if seen is not None else (None, None)
        if intended is None:
            weight = None
        else:
            to = f"{round_off(x)}V{round_off(up(intended))}"
            line.append(f"M{round_off(x)} {round_off(up(intended))}" if weight is None else f"H{to}")
            weight = intended
        if observed is not None and intended in (None, observed):
            dots.append((x, up(observed)))
    small = " small" if len(records) > 80 else ""
    return "".join(
        [
            f'<g class="{group.look}"><title>{escape(strip_control_characters(", ".join(group.names)))}</title>',
            f'<path class="intended" d="{"".join(line)}"/>' if line else "",
            f'<path class="dots{small}" d="{list_points(dots)}"/>' if dots else "",
            "</g>",
        ]
    )


def _draw_troubles(records: Sequence[TickRecord], groups: Sequence[WeightGroup], across: Axis, up: Axis) -> str:
    """Above all curves: a cross where another weight was observed, a ring around what was intended where none was."""
    astray: dict[tuple[float, float], None] = {}
    unknown: dict[tuple[float, float], None] = {}
    for group in groups:
        for record, seen in zip(records, group.seen, strict=True):
            if seen is None:
                continue
            intended, observed = seen
            if observed is None:
                unknown[across(record.time), up(intended or 0)] = None
            elif intended not in (None, observed):
                astray[across(record.time), up(observed)] = None
    return "".join(
        [
            f'<path class="cross" d="{list_crosses(astray)}"/>' if astray else "",
            f'<path class="ring" d="{list_rings(unknown, 6)}"/>' if unknown else "",
        ]
    )


def _draw_numbers(records: Sequence[TickRecord], groups: Sequence[WeightGroup], across: Axis, up: Axis) -> str:
    """The intended weights where they change, as far as there is room."""
    total = records[-1].total
    parts: list[str] = []
    taken: list[tuple[float, float]] = []
    for group in groups:
        changes = _list_changes(records, group)
        for (moment, intended), following in zip_longest(changes, changes[1:]):
            # Over one that lasts for a moment the next part of the curve would be drawn.
            if following is not None and across(following[0]) - across(moment) < _NUMBER_WIDTH:
                continue
            x, y = across(moment) + 4, up(intended) - 6
            if any(abs(x - other) < _NUMBER_ROOM and abs(y - height) < LINE for other, height in taken):
                continue
            taken.append((x, y))
            shown = f"{intended} %" if total == 100 else str(intended)
            parts.append(f'<text class="weight" x="{round_off(x)}" y="{round_off(y)}">{shown}</text>')
    return "".join(parts)


def _list_changes(records: Sequence[TickRecord], group: WeightGroup) -> list[tuple[float, int]]:
    """From when on which weight was intended."""
    changes: list[tuple[float, int]] = []
    for record, seen in zip(records, group.seen, strict=True):
        if seen is None or seen[0] is None:
            continue
        if not changes or changes[-1][1] != seen[0]:
            changes.append((record.time, seen[0]))
    return changes


def _draw_labels(records: Sequence[TickRecord], groups: Sequence[WeightGroup], up: Axis, layout: Layout) -> str:
    """The names at the ends of the curves, pushed apart."""
    ends = []
    for group in groups[:COLOURS]:
        known = [seen for seen in group.seen if seen is not None]
        value = next((each for each in known[-1] if each is not None), 0) if known else 0
        ends.append((up(value) + 4, group))
    ends.sort(key=lambda end: end[0])
    placed: list[float] = []
    for wanted, _group in ends:
        placed.append(max(wanted, placed[-1] + LINE) if placed else wanted)
    overflow = max(0.0, placed[-1] - up.start - 4) if placed else 0.0
    return "".join(
        f'<text class="label {group.look}" x="{round_off(layout.plot_right + 10)}" y="{round_off(y - overflow)}">'
        f"{_shorten(group)}</text>"
        for y, (_wanted, group) in zip(placed, ends, strict=True)
    )


def _shorten(group: WeightGroup) -> str:
    label = strip_control_characters(group.label)
    shown = label if len(label) <= _LABEL_LETTERS else f"{label[: _LABEL_LETTERS - 1]}…"
    names = escape(strip_control_characters(", ".join(group.names)))
    return escape(shown) + ("" if shown == names else f"<title>{names}</title>")


def _describe_tick(record: TickRecord) -> str:
    found = ", ".join(
        f"{name} {story.describe_weight(tick.observed, record.total)}" for name, tick in record.clusters.items()
    )
    return f"{story.format_clock(record.time)}, step {record.step} of {record.of}: {found}"
