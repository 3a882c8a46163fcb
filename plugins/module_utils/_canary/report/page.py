# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. Pure.

The template escapes (Jinja2); this says what is in it. What is not to be escaped, drawings and style, is made here.
"""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from ..._summary.lines import strip_control_characters
from ..._times import format_duration, format_milliseconds
from . import chart, story, weights_chart
from .drawing import COLOURS, NARROW, WIDE
from .page_style import STYLE
from .page_template import TEMPLATE
from .record import Limit, TickRecord
from .table import state_word

_MOST_MARKS = 60
"""Of events that are drawn and listed; a run that was held for a week has more than anybody reads."""

_SAMPLES = {
    "intended": '<path class="intended" d="M1 6H25"/>',
    "observed": '<path class="dots" d="M6 6h0M19 6h0"/>',
    "other than intended, or failed": '<path class="cross" d="M10 3l6 6m0-6l-6 6"/>',
    "not known": '<path class="ring" d="M10 6a3 3 0 1 0 6 0a3 3 0 1 0-6 0"/>',
}

Cell = tuple[str, str]
"""A class and a text."""


class Table(NamedTuple):
    """``heading`` and ``rows`` are cells; a heading is aligned as the first cell below it."""

    heading: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    caption: str


Key = Sequence[Cell]
"""Whose curve has which look."""


class MetricSection(NamedTuple):
    """One metric as it is shown. ``drawing`` is SVG, for a screen and for a phone."""

    name: str
    limit: str
    drawing: str
    key: Key
    values: Table


def import_error() -> str:
    """The traceback of importing what draws a page; empty where it is there. The controller always has it."""
    try:
        importlib.import_module("jinja2")
    except ImportError:
        return traceback.format_exc()
    return ""


def render_page(records: Sequence[TickRecord], began: float | None = None) -> str:
    """The page about the release that the last record is about, which ``began`` before its first record where an
    earlier task kept none. Raises ImportError where Jinja2 is not installed."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    def cleaned(value: Any) -> Any:
        return strip_control_characters(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=cleaned, keep_trailing_newline=True)
    run = story.select_last_run(records)
    name = f"{run[-1].namespace}/{run[-1].name}" if run else "Canary"
    content = {
        "title": f"Canary {name}" if run else "Canary",
        "name": name,
        "end": story.conclude(run, began),
        "style": Markup(STYLE),
        "samples": [(words, Markup(sample)) for words, sample in _SAMPLES.items()],
        "facts": _facts(run, began) if run else [],
        "last": run[-1] if run else None,
    }
    if run:
        events = [event for event in story.list_events(run) if event.kind != "step"]
        marks = list(enumerate(events, 1))[:_MOST_MARKS]
        content |= {
            "waits_for": strip_control_characters(run[-1].waiting.what).capitalize(),
            "owed": _list_owed(run[-1]),
            "weights": Markup(
                "".join(weights_chart.draw_weights(run, marks, "weights", layout) for layout in (WIDE, NARROW))
            ),
            "weights_key": _list_groups(run),
            "written": _list_written(run),
            "events": [(number, event.kind, story.format_clock(event.time), event.text) for number, event in marks],
            "later_events": len(events) - len(marks),
            "metrics": [each._replace(drawing=Markup(each.drawing)) for each in _metrics(run, marks)],
            "steps": _steps(run),
            "all_ticks": "The only tick" if len(run) == 1 else f"All {len(run)} ticks",
            "ticks": _ticks(run),
        }
    return environment.from_string(TEMPLATE).render(content)


def _facts(run: Sequence[TickRecord], began: float | None) -> list[Cell]:
    last = run[-1]
    first = run[0].time if began is None else min(began, run[0].time)
    skew, errors = story.find_largest_skew(run), story.find_worst_errors(run)
    ticks = story.plural(len(run), "tick") + ("" if story.is_whole(run, began) else " on record")
    return [
        ("Revision", last.revision),
        ("Started", story.format_date_and_clock(first)),
        ("Took" if last.phase in ("succeeded", "failed") else "So far", format_duration(last.time - first)),
        ("Clusters", str(len(last.clusters))),
        ("Step", f"{last.step} of {last.of}, {ticks}"),
        ("Proof", next((record.proof for record in reversed(run) if record.proof), "nothing was written")),
        ("Largest skew", "none measured" if skew is None else format_milliseconds(skew)),
        ("Worst errors, all clusters", "none measured" if errors is None else story.describe_errors(errors)),
    ]


def _list_owed(last: TickRecord) -> Table:
    rows = [[("t", name), ("say", what), ("say", _error_of(last, name))] for name, what in last.owed.items()]
    caption = "It is kept in the record of the release, and done as soon as the cluster answers in a later run."
    return _table(["Cluster", "To be done", "Why not yet"], rows, caption)


def _error_of(record: TickRecord, name: str) -> str:
    return record.clusters[name].error if name in record.clusters else ""


def _metrics(run: Sequence[TickRecord], marks: Sequence[tuple[int, story.RunEvent]]) -> list[MetricSection]:
    drawn = []
    for place, name in enumerate(dict.fromkeys(metric for record in run for metric in record.metrics)):
        limit = chart.format_limit(name, next((r.limits[name] for r in reversed(run) if name in r.limits), Limit()))
        drawing = "".join(chart.draw_metric(run, name, marks, f"metric{place}", layout) for layout in (WIDE, NARROW))
        key = [(f"c{number}", each) for number, each in enumerate(chart.list_standing_out(run, name), 1)]
        drawn.append(MetricSection(chart.label_of(name), str(limit), drawing, key, _values(run, name, limit.unit)))
    return drawn


def _list_groups(run: Sequence[TickRecord]) -> Key:
    """The clusters that had the same weights all the time."""
    groups = weights_chart.group_by_weights(run)
    key = [(group.look, ", ".join(group.names)) for group in groups[:COLOURS]]
    others = [name for group in groups[COLOURS:] for name in group.names]
    return [*key, *([("other", ", ".join(others))] if others else [])]


def _list_written(run: Sequence[TickRecord]) -> Table:
    rows = [[("say", thing), ("t", word), ("say", names)] for thing, word, names in story.list_written(run)]
    return _table(["Object", "What was done", "Clusters"], rows)


def _values(run: Sequence[TickRecord], name: str, unit: str) -> Table:
    clusters = list(dict.fromkeys(cluster for record in run for cluster in record.clusters))
    rows = []
    for record in run:
        results = [record.clusters[each].metrics.get(name) if each in record.clusters else None for each in clusters]
        if not any(results):
            continue
        cells = [("t", story.format_clock(record.time))]
        for result in results:
            if result is None:
                cells.append(("n", ""))
                continue
            value = chart.describe_value(record, result.cluster, name, unit)
            cells.append(("n" if result.verdict in ("pass", "running") else "n off", value or result.verdict))
        rows.append(cells)
    return _table(["Time", *clusters], rows, f"{chart.label_of(name)} on each cluster")


def _steps(run: Sequence[TickRecord]) -> Table:
    rows = []
    for spell in story.group_by_intent(run):
        verdicts = list(dict.fromkeys(record.verdict for record in spell.records if record.verdict))
        errors = story.find_worst_errors(spell.records)
        skew = story.find_largest_skew(spell.records)
        rows.append(
            [
                ("n", f"{spell.first.step} of {spell.first.of}"),
                ("t", story.describe_phase(spell.first.phase)),
                ("n", story.describe_weights(spell.first)),
                ("t", story.format_clock(spell.first.time)),
                ("n", format_duration(spell.seconds) if spell.seconds else ""),
                ("n", str(len(spell.records))),
                ("t" if set(verdicts) <= {"pass"} else "t off", ", ".join(verdicts)),
                ("n", "" if errors is None else story.describe_errors(errors)),
                ("n", "" if skew is None else format_milliseconds(skew)),
            ]
        )
    head = ["Step", "Phase", "Canary", "From", "Lasted", "Ticks", "Verdicts", "Worst errors", "Skew"]
    return _table(head, rows)


def _ticks(run: Sequence[TickRecord]) -> Table:
    clusters = list(dict.fromkeys(cluster for record in run for cluster in record.clusters))
    rows = []
    for record in run:
        cells = [
            ("t", story.format_clock(record.time)),
            ("n", f"{record.step} of {record.of}"),
            ("t", story.describe_phase(record.phase)),
            ("n", story.describe_weights(record)),
            *(_cluster_cell(record, name) for name in clusters),
            ("t" if record.verdict in (None, "pass", "running") else "t off", record.verdict or ""),
            ("t", record.decision),
            ("say", "; ".join(_remarks(record))),
        ]
        rows.append(cells)
    head = ["Time", "Step", "Phase", "Canary", *clusters, "Verdict", "Then", "Because"]
    caption = "The canary's weight as observed on each cluster, and what is not well there"
    return _table(head, rows, caption)


def _cluster_cell(record: TickRecord, name: str) -> tuple[str, str]:
    tick = record.clusters.get(name)
    if tick is None:
        return "n", ""
    weight = story.describe_weight(tick.observed, record.total)
    state = state_word(tick)
    return ("n", weight) if state == "ok" else ("n off", f"{weight} {state}")


def _remarks(record: TickRecord) -> Iterable[str]:
    gates = [f"gate {gate} is {answer}" for gate, answer in record.gates.items()]
    waits = [f"waits for {record.waiting.what}"] if record.waiting.what else []
    return dict.fromkeys([*record.reasons, *gates, *waits, *record.errors])


def _table(names: Sequence[str], rows: Sequence[Sequence[Cell]], caption: str = "") -> Table:
    looks = [look.split(" ")[0] for look, _text in rows[0]] if rows else ["t"] * len(names)
    return Table(list(zip(looks, names, strict=True)), rows, caption)
