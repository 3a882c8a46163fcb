# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The course of a release: what the ticks of a run came to, as data for the result of a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import story
from .record import ClusterTick, ErrorRate, TickRecord
from .table import state_word


def report_course(
    records: Sequence[TickRecord], began: float | None, *, cause: str = "", ended: bool = False
) -> dict[str, Any]:
    """The run that these records are of; without the ones of earlier tasks it is told as far as it is known.

    ``cause`` is why it was rolled back. ``ended``: this task brought it to its end.
    """
    if not records:
        return {}
    end = story.conclude(records, began, cause)
    first = records[0].time if began is None else min(began, records[0].time)
    return {
        "began": first,
        "seconds": round(records[-1].time - first, 3),
        "ticks": len(records),
        "whole": story.is_whole(records, began),
        "ended": ended,
        "conclusion": " ".join(filter(None, (end.sentence, end.detail))),
        "errors": _report_errors(story.find_worst_errors(records)),
        "skew_ms": story.find_largest_skew(records),
        "steps": [_report_spell(spell) for spell in story.group_by_intent(records)],
        "clusters": {name: _report_cluster(name, records) for name in records[-1].clusters},
    }


def _report_spell(spell: story.Spell) -> dict[str, Any]:
    verdicts = [record.verdict for record in spell.records if record.verdict]
    return {
        "step": spell.first.step,
        "of": spell.first.of,
        "phase": spell.first.phase,
        "canary": story.describe_weights(spell.first),
        "began": spell.first.time,
        "seconds": round(spell.seconds, 3),
        "ticks": len(spell.records),
        "verdict": verdicts[-1] if verdicts else "",
        "errors": _report_errors(story.find_worst_errors(spell.records)),
        "skew_ms": story.find_largest_skew(spell.records),
    }


def _report_cluster(name: str, records: Sequence[TickRecord]) -> dict[str, Any]:
    own = [record.clusters[name] for record in records if name in record.clusters]
    seconds = [each.seconds for each in own if each.seconds is not None]
    last: ClusterTick = own[-1]
    return {
        "canary": story.describe_weight(last.observed, records[-1].total),
        "state": state_word(last),
        "slowest": max(seconds, default=None),
        "errors": _report_errors(story.find_worst_errors_of(name, records)),
        "ticks_not_well": sum(state_word(each) != "ok" for each in own),
    }


def _report_errors(rate: ErrorRate | None) -> Mapping[str, Any] | None:
    return None if rate is None else rate._asdict()
