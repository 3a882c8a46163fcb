# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as one HTML page that needs nothing else: no script, no font, no picture from elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from . import chart, story
from .page_style import STYLE
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


def page(records: Sequence[TickRecord]) -> str:
    """The page about the release that the last record is about."""
    run = story.last_run(records)
    end = story.conclusion(run)
    title = f"Canary {run[-1].namespace}/{run[-1].name}" if run else "Canary"
    body = [_header(run, end, title)]
    if run:
        events = [event for event in story.events(run) if event.kind != "step"]
        marks = list(enumerate(events, 1))[:_MOST_MARKS]
        body += [
            _waiting(run[-1]),
            _owed(run[-1]),
            _weights(run, marks),
            _events(marks, len(events)),
            _metrics(run, marks),
            _steps(run),
            _ticks(run),
        ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Even if a text were not escaped, nothing could be run or fetched.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}: {_text(end.word)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f'<body>\n<main class="{end.tone}">\n{"".join(body)}'
        "<footer>Written by onemesh.istio. All times are UTC.</footer>\n</main>\n</body>\n</html>\n"
    )


def _header(run: Sequence[TickRecord], end: story.Conclusion, title: str) -> str:
    detail = f'<p class="detail">{_text(end.detail)}</p>' if end.detail else ""
    return (
        f'<header><p class="over">{_text(title.split(" ")[0])} release</p><h1>{_text(title.split(" ", 1)[-1])}</h1>'
        f'<p class="verdict"><b>{_text(end.word.capitalize())}</b><span>{_text(end.sentence)}</span></p>{detail}'
        f"{_facts(run) if run else ''}</header>\n"
    )


def _facts(run: Sequence[TickRecord]) -> str:
    first, last = run[0], run[-1]
    skews = [record.skew_ms for record in run if record.skew_ms is not None]
    rates = [rate for rate in (record.error_percent for record in run) if rate is not None]
    facts = [
        ("Revision", last.revision),
        ("Started", story.date_and_clock(first.time)),
        ("Took" if last.phase in ("succeeded", "failed") else "So far", story.duration(last.time - first.time)),
        ("Clusters", str(len(last.clusters))),
        ("Step", f"{last.step} of {last.of}"),
        ("Ticks", str(len(run))),
        ("Largest skew", story.milliseconds(max(skews)) if skews else "none measured"),
        ("Worst errors, all clusters", f"{story.number(max(rates))} %" if rates else "none measured"),
    ]
    return f"<dl>{''.join(f'<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>' for name, value in facts)}</dl>"


def _waiting(last: TickRecord) -> str:
    if not last.waiting.what:
        return ""
    commands = "\n".join(_text(command) for command in last.waiting.how)
    which = "This lets" if len(last.waiting.how) == 1 else "One of these lets"
    how = f"<p>{which} it go on:</p><pre>{commands}</pre>" if commands else ""
    return f"<section><h2>What it waits for</h2><p>{_text(last.waiting.what).capitalize()}</p>{how}</section>\n"


def _owed(last: TickRecord) -> str:
    if not last.owed:
        return ""
    rows = [[("t", name), ("say", what), ("say", _error_of(last, name))] for name, what in last.owed.items()]
    caption = "It is kept in the record of the release, and done as soon as the cluster answers in a later run."
    return (
        f"<section><h2>What is owed</h2>{_table(['Cluster', 'To be done', 'Why not yet'], rows, caption)}</section>\n"
    )


def _error_of(record: TickRecord, name: str) -> str:
    return record.clusters[name].error if name in record.clusters else ""


def _weights(run: Sequence[TickRecord], marks: Sequence[tuple[int, story.Event]]) -> str:
    drawing = chart.weights(run, marks, "weights")
    return f'<section><h2>Weight of the canary</h2>{_key()}<div class="wide chart">{drawing}</div></section>\n'


def _key() -> str:
    entries = "".join(
        f'<svg viewBox="0 0 26 12" aria-hidden="true">{sample}</svg>{words}' for words, sample in _SAMPLES.items()
    )
    return f'<p class="key">{entries}</p>'


def _events(marks: Sequence[tuple[int, story.Event]], count: int) -> str:
    rows = "".join(
        f'<li class="{event.kind}"><b>{number}</b><time>{story.clock(event.time)}</time>'
        f"<span>{_text(event.text)}</span></li>"
        for number, event in marks
    )
    more = f"<p>{count - len(marks)} later ones are in the table of ticks.</p>" if count > len(marks) else ""
    return f'<section><h2>What happened</h2><ol class="events">{rows}</ol>{more}</section>\n'


def _metrics(run: Sequence[TickRecord], marks: Sequence[tuple[int, story.Event]]) -> str:
    names = list(dict.fromkeys(metric for record in run for metric in record.metrics))
    if not names:
        return "<section><h2>Analysis</h2><p>No metric was asked for.</p></section>\n"
    drawn = []
    for place, name in enumerate(names):
        limit = chart.shown_limit(name, next((r.limits[name] for r in reversed(run) if name in r.limits), Limit()))
        drawn.append(
            f"<h3>{_text(chart.shown_name(name))}: {_text(str(limit))}</h3>"
            f'<div class="wide chart">{chart.metric(run, name, marks, f"metric{place}")}</div>{_values(run, name)}'
        )
    return f"<section><h2>Analysis</h2>{''.join(drawn)}</section>\n"


def _values(run: Sequence[TickRecord], name: str) -> str:
    clusters = list(dict.fromkeys(cluster for record in run for cluster in record.clusters))
    rows = []
    for record in run:
        results = [record.clusters[each].metrics.get(name) if each in record.clusters else None for each in clusters]
        if not any(results):
            continue
        cells = [("t", story.clock(record.time))]
        for result in results:
            if result is None:
                cells.append(("n", ""))
                continue
            value = result.verdict if result.value is None else story.number(chart.shown_value(name, result.value))
            cells.append(("n" if result.verdict in ("pass", "running") else "n off", value))
        rows.append(cells)
    return _collapsed("The values", ["Time", *clusters], rows, f"{chart.shown_name(name)} on each cluster")


def _steps(run: Sequence[TickRecord]) -> str:
    rows = []
    for spell in story.spells(run):
        verdicts = list(dict.fromkeys(record.verdict for record in spell.records if record.verdict))
        rates = [rate for rate in (record.error_percent for record in spell.records) if rate is not None]
        skews = [record.skew_ms for record in spell.records if record.skew_ms is not None]
        rows.append(
            [
                ("n", f"{spell.first.step} of {spell.first.of}"),
                ("t", story.phase_words(spell.first.phase)),
                ("n", story.weights_words(spell.first)),
                ("t", story.clock(spell.first.time)),
                ("n", story.duration(spell.seconds) if spell.seconds else ""),
                ("n", str(len(spell.records))),
                ("t" if set(verdicts) <= {"pass"} else "t off", ", ".join(verdicts)),
                ("n", f"{story.number(max(rates))} %" if rates else ""),
                ("n", story.milliseconds(max(skews)) if skews else ""),
            ]
        )
    head = ["Step", "Phase", "Canary", "From", "Held", "Ticks", "Verdicts", "Worst errors", "Skew"]
    return f"<section><h2>Steps</h2>{_table(head, rows)}</section>\n"


def _ticks(run: Sequence[TickRecord]) -> str:
    clusters = list(dict.fromkeys(cluster for record in run for cluster in record.clusters))
    rows = []
    for record in run:
        cells = [
            ("t", story.clock(record.time)),
            ("n", f"{record.step}"),
            ("t", story.phase_words(record.phase)),
            ("n", story.weights_words(record)),
            *(_cluster_cell(record, name) for name in clusters),
            ("t" if record.verdict in (None, "pass", "running") else "t off", record.verdict or ""),
            ("t", record.decision),
            ("say", "; ".join(_remarks(record))),
        ]
        rows.append(cells)
    head = ["Time", "Step", "Phase", "Canary", *clusters, "Verdict", "Then", "Because"]
    summary = "The only tick" if len(run) == 1 else f"All {len(run)} ticks"
    caption = "The canary's weight as observed on each cluster, and what is not well there"
    return f'<section class="screen"><h2>Ticks</h2>{_collapsed(summary, head, rows, caption)}</section>\n'


def _cluster_cell(record: TickRecord, name: str) -> tuple[str, str]:
    tick = record.clusters.get(name)
    if tick is None:
        return "n", ""
    weight = "?" if tick.observed is None else str(tick.observed)
    state = state_word(tick)
    return ("n", weight) if state == "ok" else ("n off", f"{weight} {state}")


def _remarks(record: TickRecord) -> Iterable[str]:
    gates = [f"gate {gate} is {answer}" for gate, answer in record.gates.items()]
    waits = [f"waits for {record.waiting.what}"] if record.waiting.what else []
    return dict.fromkeys([*record.reasons, *gates, *waits, *record.errors])


def _collapsed(summary: str, head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]], caption: str) -> str:
    return (
        f'<details><summary>{_text(summary)}</summary><div class="long" tabindex="0">'
        f"{_grid(head, rows, caption)}</div></details>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]], caption: str = "") -> str:
    return f'<div class="wide">{_grid(head, rows, caption)}</div>'


def _grid(head: Sequence[str], rows: Iterable[Sequence[tuple[str, str]]], caption: str) -> str:
    """Cells are a class and a text; a heading is aligned as the first cell below it."""
    filled = list(rows)
    looks = [look.split(" ")[0] for look, _text_of_it in filled[0]] if filled else ["t"] * len(head)
    heading = "".join(
        f'<th scope="col" class="{look}">{_text(name)}</th>' for look, name in zip(looks, head, strict=True)
    )
    body = "".join(f"<tr>{_cells(row)}</tr>\n" for row in filled)
    shown = f"<caption>{_text(caption)}</caption>" if caption else ""
    return f"<table>{shown}<thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>"


def _cells(row: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<td class="{look}">{_text(text)}</td>' for look, text in row)


def _text(text: str) -> str:
    return escape(story.clean(text))
