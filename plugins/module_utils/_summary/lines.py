# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A summary as the short table at the end of a task: at most 120 columns, plain characters. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from .._times import format_milliseconds
from .summary import READY, Remark, Summary

WIDTH = 116
"""Two columns of a log's 120 are the indentation of whoever prints the lines, and two stay free."""
_INDENT = " " * 4
_GAP = "  "
_NAMES = 4
"""So many clusters or objects are named; of more it is said how many there are. The result names them all."""
_CLUSTERS_WIDTH = 34
_REMARKS = 10

_DEEDS = ("made", "changed", "put_right", "given_back", "removed", "kept", "owed")


class Row(NamedTuple):
    """One row: what it is about, on which clusters, and the words. A ``whole`` one is never broken."""

    label: str
    clusters: str
    text: str
    whole: bool = False


def write_lines(summary: Summary) -> list[str]:
    """The head, what the verb draws itself, and a row for everything that there is to say."""
    head = strip_control_characters(f"{summary.what}: {summary.outcome or describe_outcome(summary)}")
    return [
        *_wrap(head, "", _INDENT),
        *(strip_control_characters(line) for line in summary.body),
        *_align(_list_rows(summary)),
    ]


def describe_outcome(summary: Summary) -> str:
    """How it ended, by what came of the clusters."""
    count = len(summary.clusters)
    touched = [name for name, each in summary.clusters.items() if each.touched]
    owed = [name for name, each in summary.clusters.items() if each.owed]
    debt = f"; owed to {_name_clusters(owed, count)}" if owed else ""
    if not touched:
        return f"nothing {'would be done' if summary.foretold else 'to do'}{debt or _describe_looks(summary)}"
    where = _name_clusters(touched, count) if count == 1 else f"{len(touched)} of {count} clusters"
    return f"would change {where}; nothing is written in check mode" if summary.foretold else f"changed {where}{debt}"


def name_some(names: Sequence[str]) -> str:
    """A few names, or how many of each kind: ``26 CustomResourceDefinition, 3 Deployment``."""
    if len(names) <= _NAMES:
        return ", ".join(names)
    kinds = Counter(name.partition(" ")[0] for name in names)
    if all(" " in name for name in names) and len(kinds) <= 2 * _NAMES:
        return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    return f"{', '.join(names[:_NAMES])} and {len(names) - _NAMES} more"


def strip_control_characters(text: str) -> str:
    """What others' servers said on one line: it must neither steer a terminal nor break a table."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _describe_looks(summary: Summary) -> str:
    """``; looked at 2 objects on east, north, west``, where anything was looked at."""
    counts = {name: each.looked_at for name, each in summary.clusters.items() if each.looked_at}
    if not counts:
        return ""
    return f"; looked at {_count(counts.values(), summary.unit)} on {_name_clusters(counts, len(summary.clusters))}"


def _count(counts: Iterable[int], unit: str) -> str:
    low, high = min(counts), max(counts)
    words = unit if high == 1 else f"{unit.removesuffix('y')}ies" if unit.endswith("ty") else f"{unit}s"
    return f"{low} {words}" if low == high else f"{low} to {high} {words}"


def _name_clusters(names: Iterable[str], count: int) -> str:
    """Those that a row is about, out of ``count``."""
    listed = list(names)
    if len(listed) <= _NAMES:
        return ", ".join(listed)
    return f"all {count} clusters" if len(listed) == count else f"{', '.join(listed[:2])} and {len(listed) - 2} more"


def _list_rows(summary: Summary) -> Iterator[Row]:
    clusters, count = summary.clusters, len(summary.clusters)
    touched = any(each.touched for each in clusters.values())
    if touched or summary.outcome:
        looks = {name: _count([each.looked_at], summary.unit) for name, each in clusters.items() if each.looked_at}
        for text, names in _group(looks):
            yield Row("looked at", _name_clusters(names, count), text)
    for deed in _DEEDS:
        words = {name: name_some(getattr(each, deed)) for name, each in clusters.items() if getattr(each, deed)}
        for text, names in _group(words):
            yield Row(deed.replace("_", " "), _name_clusters(names, count), text)
    for label in dict.fromkeys(label for each in clusters.values() for label in each.facts):
        for text, names in _group({name: each.facts[label] for name, each in clusters.items() if label in each.facts}):
            yield Row(label, _name_clusters(names, count), text)
    for state in dict.fromkeys(each.state for each in clusters.values() if each.state != READY):
        reasons = {name: each.reason for name, each in clusters.items() if each.state == state and each.reason}
        for text, names in _group(reasons):
            yield Row(state, _name_clusters(names, count), text)
    for label, text in summary.facts:
        yield Row(label, "", text)
    if summary.proof is not None:
        yield Row("proof", "", _describe_proof(summary))
    yield from _list_remarks(summary.remarks, count)
    for place, text in enumerate(summary.following):
        yield Row("" if place else "next", "", text, whole=True)


def _group(texts: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """Each text once, with the clusters that have it in common."""
    groups: dict[str, list[str]] = {}
    for name, text in texts.items():
        groups.setdefault(text, []).append(name)
    return list(groups.items())


def _describe_proof(summary: Summary) -> str:
    proof = summary.proof
    if proof is None:
        return ""
    reached = proof.reached or "nothing"
    asked = "" if reached == proof.asked else f", and {proof.asked} was asked for"
    # Of one cluster there is none.
    skew = f"; skew at most {format_milliseconds(proof.skew_ms)}" if proof.skew_ms else ""
    return f"{reached}{asked}{skew}"


def _list_remarks(remarks: Sequence[Remark], count: int) -> Iterator[Row]:
    for each in remarks[:_REMARKS]:
        label = "wrong" if each.severity == "error" else each.severity
        yield Row(label, _name_clusters(each.clusters, count), each.text)
        yield Row("", "", f"-> {each.remedy}")
    if len(remarks) > _REMARKS:
        yield Row("", "", f"and {len(remarks) - _REMARKS} more, which the result has")


def _align(rows: Iterable[Row]) -> list[str]:
    listed = [
        Row(row.label, strip_control_characters(row.clusters), strip_control_characters(row.text), row.whole)
        for row in rows
    ]
    if not listed:
        return []
    labels = max(len(row.label) for row in listed)
    clusters = min(_CLUSTERS_WIDTH, max(len(row.clusters) for row in listed))
    lines: list[str] = []
    for row in listed:
        start = f"{_INDENT}{row.label.ljust(labels)}{_GAP}"
        # A row about no cluster has the whole width.
        start += f"{row.clusters.ljust(clusters)}{_GAP}" if row.clusters else ""
        if row.whole:
            lines.append(start + row.text)
        else:
            lines += _wrap(row.text, start, " " * min(len(start), len(_INDENT) + labels + len(_GAP)))
    return lines


def _wrap(text: str, start: str, later: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=later, break_on_hyphens=False, break_long_words=False
    ) or [start.rstrip()]
