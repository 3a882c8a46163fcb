# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diff shows: one hunk for an object, with the clusters that it applies to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Hunk:
    """What becomes of one object on one cluster; without a cluster, of what is about several of them."""

    cluster: str
    object: str
    before: Any = field(repr=False)
    after: Any = field(repr=False)


def merge_hunks(hunks: Iterable[Hunk]) -> list[dict[str, Any]]:
    """As Ansible takes a diff. Hunks of one object that change the same are one, whatever else stands in it: the
    first cluster's stands for all."""
    merged: list[tuple[Hunk, list[tuple[Any, ...]], list[str]]] = []
    for hunk in hunks:
        changes = list(_list_changes(hunk.before, hunk.after))
        same = next((each for each in merged if each[0].object == hunk.object and each[1] == changes), None)
        if same is None:
            merged.append((hunk, changes, [hunk.cluster]))
        elif hunk.cluster not in same[2]:
            same[2].append(hunk.cluster)
    return [_show(hunk, clusters) for hunk, _changes, clusters in merged]


def chain_diffs(earlier: Iterable[Mapping[str, Any]], later: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Two diffs of ``merge_hunks``, one after the other, as one: from what stood there at first to what stands there
    at last. What came back to where it was is no change."""
    chained: dict[tuple[str, str], Hunk] = {}
    for entry in (*earlier, *later):
        clusters, _colon, thing = entry["before_header"].rpartition(": ")
        for cluster in clusters.split(", "):
            first = chained.get((cluster, thing))
            before = entry["before"] if first is None else first.before
            chained[cluster, thing] = Hunk(cluster, thing, before, entry["after"])
    return merge_hunks(hunk for hunk in chained.values() if hunk.before != hunk.after)


def _show(hunk: Hunk, clusters: list[str]) -> dict[str, Any]:
    header = f"{', '.join(clusters)}: {hunk.object}" if any(clusters) else hunk.object
    return {"before_header": header, "after_header": header, "before": hunk.before, "after": hunk.after}


def _list_changes(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every value that is another one, with its place. What is made or removed is compared whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping) and before and after:
        for key in dict.fromkeys((*before, *after)):
            yield from _list_changes(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _list_changes(one, other, (*path, place))
    elif before != after:
        yield path, before, after
