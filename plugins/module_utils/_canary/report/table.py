# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as lines for a screen or a job's log: at most 120 columns, plain characters. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..model import ALL_WAVES, PlanStep
from . import story
from .record import SUCCESS_RATE, ClusterTick, TickRecord

WIDTH = 120
_INDENT = " " * 4
_GAP = " " * 3


def tick_lines(record: TickRecord) -> list[str]:
    """One tick: its head and the clusters in one line where they fit, and a line for each thing that is not well.

    A cluster has the canary's weight (``10/25``: 10 is observed, 25 intended), how it is, and how long writing took.
    Commands that a person can copy are never broken, so they may be longer than the rest.
    """
    before, after = _head(record)
    weights = {name: _weight(cluster) for name, cluster in record.clusters.items()}
    cells = [_cell(name, weights[name], cluster) for name, cluster in record.clusters.items()]
    single = _GAP.join([before, *cells, after])
    if len(single) <= WIDTH:
        lines = [single]
    else:
        lines = [_GAP.join([before, after])]
        name_width, weight_width = max(map(len, weights)), max(map(len, weights.values()))
        lines += _grid(
            [
                _cell(name.ljust(name_width), weights[name].rjust(weight_width), cluster)
                for name, cluster in record.clusters.items()
            ]
        )
    return [*lines, *(line for note in _notes(record) for line in _wrap(note)), *_how(record)]


def summary_lines(records: Sequence[TickRecord]) -> list[str]:
    """The end of a run: its verdict, a row for each step, a row for each cluster."""
    end = story.conclude(records)
    lines = [f"{end.word.upper()}  {end.sentence}", *([end.detail] if end.detail else [])]
    lines = [
        piece
        for line in lines
        for piece in textwrap.wrap(story.strip_control_characters(line), WIDTH, break_on_hyphens=False)
    ]
    if not records:
        return lines
    lines += ["", *_columns([_STEP_HEAD, *map(_step_row, story.group_by_intent(records))], left=(0, 1, 6))]
    lines += ["", *_columns([_CLUSTER_HEAD, *_cluster_rows(records)], left=(0, 5))]
    return lines


def schedule_lines(steps: Sequence[PlanStep]) -> list[str]:
    """What a plan comes to: a row for each step, with the earliest time at which it is taken."""
    several = any(step.wave not in (0, ALL_WAVES) for step in steps)
    head = ("step", "phase", "canary", "after", *(["wave"] if several else []), "waits for")
    return _columns([head, *(_row_of_plan(step, len(steps) - 1, several) for step in steps)], left=(1, len(head) - 1))


def status_lines(situation: Mapping[str, Any]) -> list[str]:
    """How a release is, by the result that the task has of it; ``known``: anything is stored of it."""
    if not situation["known"]:
        return [
            story.strip_control_characters(
                f"hub {situation['hub']} has no release {situation['name']}: "
                "it has not begun, or was removed, or its name or hub is another one"
            )
        ]
    weights = ", ".join(f"{name} {weight}" for name, weight in situation["weights"].items())
    words = [
        story.describe_phase(situation["phase"]),
        *([f"step {max(0, situation['step'])}/{situation['steps']}"] if not situation["done"] else []),
        *([f"canary {weights}"] if weights else []),
        *([f"revision {situation['revision']}"] if situation["revision"] else []),
    ]
    lines = [story.strip_control_characters(f"{situation['name']}: {', '.join(words)}")]
    for text in (situation["held"] and f"held: {situation['held']}", situation["reason"]):
        lines += _wrap(text) if text else []
    return lines


_STEP_HEAD = ("step", "phase", "canary", "from", "held", "ticks", "verdict", "errors", "skew")
_CLUSTER_HEAD = ("cluster", "canary", "slowest", "worst errors", "not well", "state")


def _row_of_plan(step: PlanStep, last: int, several: bool) -> tuple[str, ...]:
    more = [
        *([f"mirror {step.mirror}"] if step.mirror else []),
        *(["requests that match"] if step.matched else []),
    ]
    wave = "all" if step.wave == ALL_WAVES else str(step.wave + 1)
    return (
        f"{step.index}/{last}",
        story.describe_phase(step.phase),
        ", ".join([f"{step.canary} of {step.canary + step.stable}", *more]),
        story.format_duration(step.after),
        *([wave] if several else []),
        ", ".join([*(["analysis"] if step.analysis else []), *([f"gate {step.gate}"] if step.gate else [])]) or "-",
    )


def _step_row(spell: story.Spell) -> tuple[str, ...]:
    rates = [rate for rate in (record.error_percent for record in spell.records) if rate is not None]
    skews = [record.skew_ms for record in spell.records if record.skew_ms is not None]
    verdicts = [record.verdict for record in spell.records if record.verdict]
    return (
        f"{spell.first.step}/{spell.first.of}",
        story.describe_phase(spell.first.phase),
        story.describe_weights(spell.first),
        story.format_clock(spell.first.time),
        story.format_duration(spell.seconds) if spell.seconds else "-",
        str(len(spell.records)),
        verdicts[-1] if verdicts else "-",
        f"{story.format_number(max(rates))} %" if rates else "-",
        story.format_milliseconds(max(skews)) if skews else "-",
    )


def _cluster_rows(records: Sequence[TickRecord]) -> Iterator[tuple[str, ...]]:
    last = records[-1]
    for name, cluster in last.clusters.items():
        own = [record.clusters[name] for record in records if name in record.clusters]
        seconds = [each.seconds for each in own if each.seconds is not None]
        rates = [each.metrics[SUCCESS_RATE].value for each in own if SUCCESS_RATE in each.metrics]
        errors = [100 - rate for rate in rates if rate is not None]
        not_well = sum(state_word(each) not in ("ok", "") for each in own)
        owed = last.owed.get(name)
        yield (
            story.strip_control_characters(name),
            "?" if cluster.observed is None else str(cluster.observed),
            story.format_duration(max(seconds)) if seconds else "-",
            f"{story.format_number(max(errors))} %" if errors else "-",
            story.plural(not_well, "tick"),
            story.strip_control_characters(f"owed: {owed}" if owed else state_word(cluster))[:60],
        )


def _head(record: TickRecord) -> tuple[str, str]:
    """What stands before the clusters, and what after them."""
    rate = record.error_percent
    before = [
        story.format_clock(record.time),
        f"step {record.step}/{record.of}",
        story.describe_weights(record),
        *([] if record.phase == "progressing" else [story.describe_phase(record.phase)]),
    ]
    after = [
        *([f"wave {record.wave + 1}"] if record.wave > 0 else []),
        *([] if record.skew_ms is None else [f"skew {story.format_milliseconds(record.skew_ms)}"]),
        *([] if rate is None else [f"errors {story.format_number(rate)} %"]),
        *([f"{record.verdict}"] if record.verdict not in (None, "pass") else []),
        *([f"-> {story.strip_control_characters(record.decision)}"] if record.decision else []),
    ]
    return "  ".join(before), "  ".join(after)


def _cell(name: str, weight: str, cluster: ClusterTick) -> str:
    seconds = "" if cluster.seconds is None else f" {story.format_duration(cluster.seconds)}"
    return f"{story.strip_control_characters(name)} {weight} {state_word(cluster)}{seconds}"


def _weight(cluster: ClusterTick) -> str:
    weight = "?" if cluster.observed is None else str(cluster.observed)
    if cluster.observed != cluster.intended and cluster.intended is not None:
        weight = f"{weight}/{cluster.intended}"
    return weight


def state_word(cluster: ClusterTick) -> str:
    """How a cluster is, in a word; the worst thing counts."""
    verdicts = {result.verdict for result in cluster.metrics.values()}
    for word, applies in (
        ("away", bool(cluster.error)),
        ("drift", bool(cluster.drift)),
        ("broken", "failed" in (cluster.stable, cluster.canary)),
        ("FAIL", "fail" in verdicts),
        ("no answer", "error" in verdicts),
        ("no data", "inconclusive" in verdicts),
        ("behind", not cluster.holds),
        ("starts", "waiting" in (cluster.stable, cluster.canary)),
    ):
        if applies:
            return word
    return "ok"


def _notes(record: TickRecord) -> Iterator[str]:
    """What is not well, each once."""
    said: list[str] = list(record.reasons)
    for name, cluster in record.clusters.items():
        said += [f"{name}: {text}" for text in (cluster.error, cluster.drift) if text]
    for name, result in story.find_bad_results(record):
        # The analysis gives its reasons in its own words.
        if not any(name in reason and result.metric in reason for reason in record.reasons):
            said.append(story.describe_result(name, result, record.limits.get(result.metric)))
    said += [f"{name} is owed: {what}" for name, what in record.owed.items()]
    said += record.errors
    if record.waiting.what:
        since = "" if record.waiting.since is None else f" since {story.format_clock(record.waiting.since)}"
        said.append(f"waits for {record.waiting.what}{since}")
    yield from dict.fromkeys(said)


def _how(record: TickRecord) -> list[str]:
    return [f"{_INDENT}  $ {story.strip_control_characters(command)}" for command in record.waiting.how]


def _grid(cells: Sequence[str]) -> list[str]:
    width = max(map(len, cells))
    columns = max(1, (WIDTH - len(_INDENT) + len(_GAP)) // (width + len(_GAP)))
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return [_INDENT + _GAP.join(cell.ljust(width) for cell in row).rstrip() for row in rows]


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(
        story.strip_control_characters(text),
        WIDTH,
        initial_indent=f"{_INDENT}- ",
        subsequent_indent=f"{_INDENT}  ",
        break_on_hyphens=False,
    )


def _columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Rows with aligned columns: words to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        _INDENT
        + "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
