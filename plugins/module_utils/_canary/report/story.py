# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the records of a run tell together; the table and the page show the same. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from ..._times import format_duration, format_milliseconds
from ..model import MetricResult, Phase
from .record import SUCCESS_RATE, ClusterTick, ErrorRate, Limit, TickRecord

Tone = Literal["good", "bad", "waiting", "moving"]


@dataclass(frozen=True)
class Spell:
    """Ticks after each other with the same phase, step and intended weights; ``until`` is when the next one began,
    or the last tick."""

    records: Sequence[TickRecord]
    until: float

    @property
    def first(self) -> TickRecord:
        return self.records[0]

    @property
    def last(self) -> TickRecord:
        return self.records[-1]

    @property
    def seconds(self) -> float:
        return self.until - self.first.time


@dataclass(frozen=True)
class RunEvent:
    """Something that a person wants to see marked. ``kind``: a change of phase, a step, a gate, or trouble."""

    time: float
    kind: Literal["phase", "step", "gate", "trouble"]
    text: str


@dataclass(frozen=True)
class Conclusion:
    """How it stands, in a word and in a sentence, and what to look at in a second one (may be empty)."""

    tone: Tone
    word: str
    sentence: str
    detail: str = ""


def group_by_intent(records: Sequence[TickRecord]) -> list[Spell]:
    """The records of a run, in the order of time, by what was intended."""
    groups: list[list[TickRecord]] = []
    for record in records:
        if groups and _intent(groups[-1][-1]) == _intent(record):
            groups[-1].append(record)
        else:
            groups.append([record])
    ends = [following[0].time for following in groups[1:]] + [records[-1].time for _one in records[-1:]]
    return [Spell(tuple(group), end) for group, end in zip(groups, ends, strict=True)]


def list_events(records: Sequence[TickRecord]) -> list[RunEvent]:
    """Changes from one tick to the next: phases, steps, gates, and clusters that got into trouble or out of it."""
    found: list[RunEvent] = []
    for before, after in zip([None, *records], records, strict=False):
        if before is None or before.phase != after.phase:
            why = f": {after.reasons[0]}" if after.phase == "failed" and after.reasons else ""
            found.append(RunEvent(after.time, "phase", f"{describe_phase(after.phase).capitalize()}{why}"))
        if before is not None and after.step > before.step:
            found.append(
                RunEvent(after.time, "step", f"Step {after.step} of {after.of}: canary {describe_weights(after)}")
            )
        for gate, answer in after.gates.items():
            earlier = None if before is None else before.gates.get(gate)
            if answer != earlier and (answer != "open" or earlier is not None):
                found.append(RunEvent(after.time, "gate", f"Gate {gate} is {answer}"))
        found += [RunEvent(after.time, "trouble", text) for text in _list_troubles(before, after)]
    return found


def select_last_run(records: Sequence[TickRecord]) -> list[TickRecord]:
    """Those of the release that the last record is about; a file may hold earlier ones too."""
    found: list[TickRecord] = []
    for record in reversed(records):
        if found and _release(record) != _release(found[-1]):
            break
        found.append(record)
    return found[::-1]


def conclude(records: Sequence[TickRecord], began: float | None = None, cause: str = "") -> Conclusion:
    """How the run ended, or stands. It ``began`` before its first record where an earlier task kept none. ``cause`` is
    why it was rolled back, where no record says so.
    """
    if not records:
        return Conclusion("moving", "not started", "Nothing is recorded yet.")
    last = records[-1]
    count = len(last.clusters)
    holding = sum(cluster.holds for cluster in last.clusters.values())
    took = format_duration(last.time - (records[0].time if began is None else min(began, records[0].time)))
    ticks = f", over {plural(len(records), 'tick')}" if is_whole(records, began) else ""
    owed = f" {_describe_owed(last)}" if last.owed else ""
    if last.phase == "succeeded":
        sentence = f"Promoted on {_of(holding, count)} in {took}{ticks}.{owed}"
        tone: Tone = "good" if holding == count and not last.owed else "waiting"
        return Conclusion(tone, "promoted", sentence, _describe_skew(records))
    if last.phase == "failed":
        turning = next(record for record in records if record.phase == "failed")
        if turning is not records[0] or not cause:
            cause = turning.reasons[0] if turning.reasons else "no reason is recorded"
        has = "has" if holding == 1 else "have"
        sentence = f"Rolled back: {_of(holding, count)} {has} all traffic on the stable side.{owed}"
        return Conclusion("bad", "rolled back", sentence, f"Cause at step {turning.step} of {turning.of}: {cause}.")
    where = f"step {last.step} of {last.of}, canary at {describe_weights(last)}"
    if last.waiting.what:
        since = "" if last.waiting.since is None else f" since {format_clock(last.waiting.since)}"
        return Conclusion("waiting", "waiting", f"Held at {where}.{owed}", f"Waits for {last.waiting.what}{since}.")
    return Conclusion(
        "moving", describe_phase(last.phase), f"On its way: {where}, after {took}.{owed}", _describe_skew(records)
    )


def is_whole(records: Sequence[TickRecord], began: float | None) -> bool:
    """Whether there is a record of the first tick."""
    return began is None or records[0].time <= began


def find_bad_results(record: TickRecord) -> list[tuple[str, MetricResult]]:
    """What did not pass, by cluster."""
    return [
        (name, result)
        for name, cluster in record.clusters.items()
        for result in cluster.metrics.values()
        if result.verdict in ("fail", "error", "inconclusive")
    ]


def describe_result(name: str, result: MetricResult, limit: Limit | None) -> str:
    """One result in words: ``ap1 request-success-rate 96.6 %, expected at least 99 %``."""
    unit = f" {limit.unit}" if limit is not None and limit.unit else ""
    # More digits than elsewhere: 98.996 is below 99.
    value = "no value" if result.value is None else f"{result.value:.6g}{unit}"
    if result.metric == SUCCESS_RATE and result.requests is not None:
        value += f" of {count_requests(result.requests)}"
    expected = f", expected {limit}" if limit is not None and result.verdict == "fail" else ""
    reason = f": {result.reason}" if result.reason and result.verdict != "fail" else ""
    return f"{name} {result.metric} {value}{expected} ({result.verdict}){reason}"


def describe_errors(rate: ErrorRate | None) -> str:
    """``0.02 % of 12 345 requests``: a rate says little without them. ``-`` where nothing is known."""
    if rate is None:
        return "-"
    counted = "(requests not counted)" if rate.requests is None else f"of {count_requests(rate.requests)}"
    return f"{format_number(rate.percent)} % {counted}"


def describe_weights(record: TickRecord) -> str:
    """The canary's intended weight: ``25 %``, or ``0 to 25 %`` where clusters differ."""
    found = sorted({cluster.intended for cluster in record.clusters.values() if cluster.intended is not None})
    if not found:
        return "no weight"
    span = f"{found[0]}" if len(found) == 1 else f"{found[0]} to {found[-1]}"
    return f"{span} %" if record.total == 100 else f"{span} of {record.total}"


def describe_weight(weight: int | None, total: int) -> str:
    """``25 %``, of another total than 100 ``25 of 128``; ``not known``."""
    if weight is None:
        return "not known"
    return f"{weight} %" if total == 100 else f"{weight} of {total}"


def find_worst_errors(records: Sequence[TickRecord]) -> ErrorRate | None:
    """Of all clusters together, in the tick in which it was highest."""
    rates = [rate for rate in (record.errors_of_all for record in records) if rate is not None]
    return max(rates, key=lambda rate: rate.percent, default=None)


def find_worst_errors_of(name: str, records: Sequence[TickRecord]) -> ErrorRate | None:
    """Of one cluster."""
    rates = [rate for rate in (record.errors_on(name) for record in records) if rate is not None]
    return max(rates, key=lambda rate: rate.percent, default=None)


def find_largest_skew(records: Sequence[TickRecord]) -> float | None:
    """In milliseconds; None where no change of weights was on more than one cluster."""
    return max((record.skew_ms for record in records if record.skew_ms is not None), default=None)


def list_written(records: Sequence[TickRecord]) -> list[tuple[str, str, str]]:
    """What a run has done to which object, and on which clusters: each once."""
    clusters: dict[tuple[str, str], dict[str, None]] = {}
    for action in (action for record in records for action in record.actions):
        name, _colon, done = action.partition(": ")
        word, _space, thing = done.partition(" ")
        clusters.setdefault((thing, word), {})[name] = None
    return [(thing, word, ", ".join(names)) for (thing, word), names in clusters.items()]


def describe_phase(phase: Phase) -> str:
    return phase.replace("_", " ")


def format_number(value: float) -> str:
    """As many digits as matter: ``0.094``, ``3.25``, ``96.6``, ``1 234``."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}" if abs(value) >= 1 else f"{value:.2g}"


def format_clock(moment: float) -> str:
    """``12:03:20``, UTC."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%H:%M:%S")


def format_date_and_clock(moment: float) -> str:
    """``2026-11-25 12:03:20 UTC``."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def count_requests(count: float) -> str:
    return f"{format_number(count)} request" + "s" * (count != 1)


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _list_troubles(before: TickRecord | None, after: TickRecord) -> Iterator[str]:
    """What went wrong since the tick before, or is well again."""
    if after.verdict is not None and before is not None and after.verdict != before.verdict:
        if after.verdict in ("fail", "inconclusive", "error"):
            yield f"Analysis says {after.verdict}" + (f": {after.reasons[0]}" if after.reasons else "")
        elif before.verdict in ("fail", "inconclusive", "error"):
            yield "Analysis passes again"
    for name, cluster in after.clusters.items():
        earlier = ClusterTick() if before is None else before.clusters.get(name, ClusterTick())
        if cluster.error and not earlier.error:
            yield f"{name} cannot be observed: {cluster.error}"
        elif earlier.error and not cluster.error:
            yield f"{name} can be observed again"
        if cluster.drift and not earlier.drift:
            yield f"{name} was changed: {cluster.drift}"
    # What is put right in the tick that finds it is no drift any more.
    yield from (reason for reason in after.reasons if reason.endswith("; put right"))


def _release(record: TickRecord) -> tuple[str, str, str]:
    return record.namespace, record.name, record.revision


def _intent(record: TickRecord) -> tuple[Phase, int, tuple[int | None, ...]]:
    return record.phase, record.step, tuple(cluster.intended for cluster in record.clusters.values())


def _of(some: int, count: int) -> str:
    if some == count:
        return "the only cluster" if count == 1 else f"all {count} clusters"
    return f"{some} of {plural(count, 'cluster')}"


def _describe_owed(record: TickRecord) -> str:
    return f"{', '.join(record.owed)} {'is' if len(record.owed) == 1 else 'are'} still owed something."


def _describe_skew(records: Sequence[TickRecord]) -> str:
    skew = find_largest_skew(records)
    if skew is None or len(records[-1].clusters) < 2:
        return ""
    return f"At no change of weights were the clusters apart for more than {format_milliseconds(skew)}."
