# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records as lines for a screen or a job's log: plain characters, every number with its unit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from ..._summary.lines import strip_control_characters
from ..._times import format_duration, format_milliseconds
from ..model import ALL_WAVES, PlanStep
from . import story
from .record import ClusterTick, ErrorRate, TickRecord

_INDENT = " " * 4
_NOTES = 300
"""So many letters of what is not well at most in one line, the first thing always whole; the record has all of it."""
_NAMES = 6
"""So many clusters that are alike are named; of more it is said how many there are."""
MOST_LINES = 3


def tick_lines(record: TickRecord, following: float | None = None) -> list[str]:
    """One tick, in three lines at most: its head, the clusters where they are not all well, and what is not well or
    waited for. ``following`` is in how many seconds time alone brings the next one.

    Clusters that are alike stand together; one that is not at its weight has both (``10 %, not 25 %``). A command that
    a person can copy is never broken, and has a line of its own.
    """
    head = _head(record, following)
    groups = _group_clusters(record)
    clusters = "; ".join(groups)
    notes = _join_notes(_list_notes(record))
    if len(groups) == 1 and _all_well(record):
        head, clusters = f"{head}  {clusters}", ""
    command = [_write_command(record)] if record.waiting.how else []
    rest = [text for text in (clusters, notes) if text]
    if len(rest) + len(command) >= MOST_LINES:
        rest = ["; ".join(rest)]
    lines = [head, *(f"{_INDENT}{text}" for text in (*rest, *command))]
    return [strip_control_characters(line).rstrip() for line in lines]


def plan_line(steps: Sequence[PlanStep]) -> str:
    """A whole plan in one line: ``canary 0 % -> 5 % -> gate half -> 50 % -> promotion``, wave by wave where there are
    several."""
    several = _has_waves(steps)
    parts = []
    for wave, own in groupby(steps, key=lambda step: step.wave):
        label = f"{'all waves' if wave == ALL_WAVES else f'wave {wave + 1}'}: " if several else ""
        if words := _list_stations(own):
            parts.append(f"{label}{' -> '.join(words)}")
    return f"plan of {len(steps)} steps: canary {'; '.join(parts)}"


def _list_stations(steps: Iterable[PlanStep]) -> list[str]:
    words: list[str] = []
    for step in steps:
        if step.phase in ("progressing", "waiting_promotion"):
            weight = story.describe_weight(step.canary, step.canary + step.stable)
            more = [f"mirror {step.mirror} %"] * bool(step.mirror) + ["requests that match"] * step.matched
            said = ", ".join([weight, *more])
        elif step.phase == "promoting":
            said = "promotion"
        else:
            continue
        if not words or words[-1] != said:
            words.append(said)
        words += [f"gate {step.gate}"] * bool(step.gate)
    return words


def _has_waves(steps: Sequence[PlanStep]) -> bool:
    return any(step.wave not in (0, ALL_WAVES) for step in steps)


def steps_lines(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """The way that a run has come: a row for each step, as ``report_course`` has them."""
    return _columns([_STEP_HEAD, *map(_step_row, steps)], left=(0, 1, 6, 7))


def schedule_lines(steps: Sequence[PlanStep], position: int | None = None) -> list[str]:
    """What a plan comes to: a row for each step, with the earliest time at which it is taken, and which of them is
    held (``position``)."""
    several = _has_waves(steps)
    head = ("", "step", "phase", "canary", "not before", *(["wave"] if several else []), "waits for")
    rows = [
        ("now" if step.index == position else "", *_row_of_plan(step, len(steps) - 1, several=several))
        for step in steps
    ]
    return _columns([head, *rows], left=(0, 2, len(head) - 1))


_STEP_HEAD = ("step", "phase", "canary", "from (UTC)", "lasted", "ticks", "verdict", "errors", "skew")


def _row_of_plan(step: PlanStep, last: int, *, several: bool) -> tuple[str, ...]:
    more = [
        *([f"mirror {step.mirror} %"] if step.mirror else []),
        *(["requests that match"] if step.matched else []),
    ]
    wave = "all" if step.wave == ALL_WAVES else str(step.wave + 1)
    return (
        f"{step.index}/{last}",
        story.describe_phase(step.phase),
        ", ".join([story.describe_weight(step.canary, step.canary + step.stable), *more]),
        format_duration(step.after),
        *([wave] if several else []),
        ", ".join([*(["analysis"] if step.analysis else []), *([f"gate {step.gate}"] if step.gate else [])]) or "-",
    )


def _step_row(step: Mapping[str, Any]) -> tuple[str, ...]:
    errors = step["errors"]
    return (
        f"{step['step']}/{step['of']}",
        story.describe_phase(step["phase"]),
        step["canary"],
        story.format_clock(step["began"]),
        format_duration(step["seconds"]) if step["seconds"] else "-",
        str(step["ticks"]),
        step["verdict"] or "-",
        story.describe_errors(None if errors is None else ErrorRate(errors["percent"], errors["requests"])),
        "-" if step["skew_ms"] is None else format_milliseconds(step["skew_ms"]),
    )


def _head(record: TickRecord, following: float | None) -> str:
    rate = record.errors_of_all
    words = [
        story.format_clock(record.time),
        f"step {record.step}/{record.of}",
        f"canary {story.describe_weights(record)}",
        *([] if record.phase == "progressing" else [story.describe_phase(record.phase)]),
        *([f"wave {record.wave + 1}"] if record.wave > 0 else []),
        *([] if record.skew_ms is None else [f"skew {format_milliseconds(record.skew_ms)}"]),
        *([] if rate is None else [f"errors {story.describe_errors(rate)}"]),
        *([f"{record.verdict}"] if record.verdict not in (None, "pass") else []),
        *([f"-> {record.decision}"] if record.decision else []),
        *([f"next in {format_duration(following)}"] if following is not None and following >= 1 else []),
    ]
    return "  ".join(words)


def _group_clusters(record: TickRecord) -> list[str]:
    """Clusters by how they are, those that are alike together."""
    groups: dict[str, list[str]] = {}
    for name, cluster in record.clusters.items():
        groups.setdefault(f"{_weight(cluster, record.total)} {state_word(cluster)}", []).append(name)
    return [f"{_name_clusters(names, record)} {words}{_slowest(names, record)}" for words, names in groups.items()]


def _name_clusters(names: Sequence[str], record: TickRecord) -> str:
    if len(names) <= _NAMES:
        return ", ".join(names)
    return f"all {len(names)} clusters" if len(names) == len(record.clusters) else f"{len(names)} clusters"


def _slowest(names: Sequence[str], record: TickRecord) -> str:
    """How long it took until they had what was written."""
    seconds = [record.clusters[name].seconds for name in names]
    known = [each for each in seconds if each is not None]
    return f" in {format_duration(max(known))}" if known else ""


def _all_well(record: TickRecord) -> bool:
    return all(state_word(cluster) == "ok" for cluster in record.clusters.values())


def _weight(cluster: ClusterTick, total: int) -> str:
    observed = story.describe_weight(cluster.observed, total)
    if cluster.observed != cluster.intended and cluster.intended is not None:
        return f"{observed}, not {story.describe_weight(cluster.intended, total)},"
    return observed


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


def _list_notes(record: TickRecord) -> Iterator[str]:
    """What is not well, each once."""
    # The head says which step was taken.
    said = [reason for reason in record.reasons if not reason.startswith(f"step {record.step}/{record.of}: canary")]
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
    # Why a release is rolled back has in it what failed.
    yield from dict.fromkeys(note for note in said if not any(note != other and note in other for other in said))


def _join_notes(notes: Iterable[str]) -> str:
    listed = list(notes)
    shown: list[str] = []
    for note in listed:
        if shown and sum(map(len, shown)) + len(note) > _NOTES:
            break
        shown.append(note)
    left = len(listed) - len(shown)
    return "; ".join([*shown, *([f"and {left} more"] if left else [])])


def _write_command(record: TickRecord) -> str:
    where = f"on {record.waiting.where}: " if record.waiting.where else "$ "
    return f"{where}{record.waiting.how[0]}"


def _columns(rows: Sequence[Sequence[str]], left: Sequence[int]) -> list[str]:
    """Rows with aligned columns: words to the left, numbers to the right. A column that says nothing is left out."""
    used = [column for column in range(len(rows[0])) if any(row[column] not in ("", "-") for row in rows[1:])]
    widths = {column: max(len(row[column]) for row in rows) for column in used}
    return [
        _INDENT
        + "  ".join(
            row[column].ljust(widths[column]) if column in left else row[column].rjust(widths[column])
            for column in used
        ).rstrip()
        for row in rows
    ]
