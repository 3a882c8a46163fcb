# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which element of one list is which of another, after edits, insertions, removals and moves. Pure.

Weights do not tell elements apart, because they are what changes. An element is known, in this order, by

1. its content without weights,
2. its identity: the destination's host and subset, or the name (with group, kind and namespace),
3. among elements of one identity or of none: what they share, where everything that speaks for another
   partner speaks for this one too, and more.

What none of these decides is ``unsure``: a caller that would change such an element has to give up, because the change
could land on the wrong one. Two identical elements are told apart by their order as long as there are equally many.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

Identity = tuple[Any, ...]

WEIGHT = "weight"


@dataclass
class Alignment:
    """``pairs`` from index on the left to index on the right; ``unsure`` indexes on the left that may have a partner.

    Whatever is in neither has no partner: it was removed, or on the right inserted.
    """

    pairs: dict[int, int] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)

    def invert(self) -> dict[int, int]:
        """From index on the right to index on the left."""
        return {right: left for left, right in self.pairs.items()}


def align(left: Sequence[Any], right: Sequence[Any]) -> Alignment:
    """The alignment of two lists of JSON values."""
    alignment = Alignment()
    mappings = (_find_indexes(left, _is_mapping), _find_indexes(right, _is_mapping))
    free = _pair_by_content(left, right, mappings, alignment)
    free = _pair_by_identity(left, right, free, alignment)
    _pair_by_what_they_share(left, right, free, alignment)
    _pair_plain(left, right, alignment)
    return alignment


def identify(element: Any) -> Identity | None:
    """What an element is called, where it is called anything: a destination or a name."""
    if not isinstance(element, Mapping):
        return None
    destination = element.get("destination")
    if isinstance(destination, Mapping) and isinstance(destination.get("host"), str):
        return ("destination", destination["host"], _text(destination.get("subset")))
    if isinstance(element.get("name"), str):
        # The API server writes the default kind of a backend; a manifest may leave it out.
        kind = _text(element.get("kind")) or "Service"
        return ("name", _text(element.get("group")), kind, _text(element.get("namespace")), element["name"])
    return None


def without_weights(value: Any) -> Any:
    """A copy without any ``weight``, at any depth."""
    if isinstance(value, Mapping):
        return {name: without_weights(inner) for name, inner in value.items() if name != WEIGHT}
    if isinstance(value, list):
        return [without_weights(inner) for inner in value]
    return value


Free = tuple[list[int], list[int]]
"""Indexes on the left and on the right that have no partner yet."""


def _pair_by_content(left: Sequence[Any], right: Sequence[Any], free: Free, alignment: Alignment) -> Free:
    lefts = _group(free[0], lambda index: _write_canonical(without_weights(left[index])))
    rights = _group(free[1], lambda index: _write_canonical(without_weights(right[index])))
    decided: tuple[set[int], set[int]] = (set(), set())
    for content in lefts.keys() & rights.keys():
        ours, theirs = lefts[content], rights[content]
        if len(ours) > 1 or len(theirs) > 1:
            ours = sorted(ours, key=lambda index: _write_canonical(left[index]))
            theirs = sorted(theirs, key=lambda index: _write_canonical(right[index]))
        decided[0].update(ours)
        decided[1].update(theirs)
        twins = len(ours) > 1 or len(theirs) > 1
        if twins and [left[index] for index in ours] != [right[index] for index in theirs]:
            alignment.unsure.update(ours)
        else:
            alignment.pairs.update(zip(ours, theirs, strict=True))
    return _list_remaining(free[0], decided[0]), _list_remaining(free[1], decided[1])


def _pair_by_identity(left: Sequence[Any], right: Sequence[Any], free: Free, alignment: Alignment) -> Free:
    lefts = _group(free[0], lambda index: identify(left[index]))
    rights = _group(free[1], lambda index: identify(right[index]))
    decided: tuple[set[int], set[int]] = (set(), set())
    for name in (lefts.keys() & rights.keys()) - {None}:
        if len(lefts[name]) == len(rights[name]) == 1:
            alignment.pairs[lefts[name][0]] = rights[name][0]
            decided[0].update(lefts[name])
            decided[1].update(rights[name])
    return _list_remaining(free[0], decided[0]), _list_remaining(free[1], decided[1])


def _pair_by_what_they_share(left: Sequence[Any], right: Sequence[Any], free: Free, alignment: Alignment) -> None:
    # One without a name that seems to stand unchanged may be another that was made like it. That is to be feared where
    # it shares more with what is left, or as much and would have changed places.
    nameless = {ours: theirs for ours, theirs in alignment.pairs.items() if identify(left[ours]) is None}
    shared = _count_shared(left, right, ([*free[0], *nameless], [*free[1], *nameless.values()]))
    standing = {theirs: ours for ours, theirs in nameless.items()}
    taken = [
        _Taken(pair, common, (pair[0], nameless[pair[0]]) if pair[0] in nameless else (standing[pair[1]], pair[1]))
        for pair, common in shared.items()
        if pair[0] in nameless or pair[1] in standing
    ]
    shared = {pair: common for pair, common in shared.items() if pair[0] not in nameless and pair[1] not in standing}
    # What is called differently, or no longer or not yet anything, is never taken for one; but that may have happened,
    # so that the other pairs of either have to be better.
    possible = {pair for pair in shared if identify(left[pair[0]]) == identify(right[pair[1]])}
    while chosen := next((pair for pair in sorted(possible) if _is_unrivalled(pair, shared, taken)), None):
        alignment.pairs[chosen[0]] = chosen[1]
        shared = {pair: common for pair, common in shared.items() if not _meet(pair, chosen)}
        possible &= shared.keys()
    alignment.unsure.update(ours for ours, _theirs in possible)


Shared = Mapping[tuple[int, int], "Counter[Hashable]"]
"""From a pair to what both have."""


class _Taken(NamedTuple):
    """What one of ``anchor``, a pair by content, shares with somebody else."""

    pair: tuple[int, int]
    common: Counter[Hashable]
    anchor: tuple[int, int]


def _count_shared(left: Sequence[Any], right: Sequence[Any], among: Free) -> Shared:
    """Of pairs that have at least half of the smaller one in common."""
    leaves_left = {index: Counter(_leaves(without_weights(left[index]))) for index in among[0]}
    leaves_right = {index: Counter(_leaves(without_weights(right[index]))) for index in among[1]}
    return {
        (ours, theirs): common
        for ours in among[0]
        for theirs in among[1]
        if (common := leaves_left[ours] & leaves_right[theirs])
        and 2 * common.total() >= min(leaves_left[ours].total(), leaves_right[theirs].total())
    }


def _is_unrivalled(pair: tuple[int, int], shared: Shared, taken: Iterable[_Taken]) -> bool:
    own = shared[pair]
    rivals = [common for other, common in shared.items() if other != pair and _meet(other, pair)]
    better = [
        rival
        for rival in taken
        if _meet(rival.pair, pair) and (rival.common > own or (rival.common == own and _cross(rival.anchor, pair)))
    ]
    return not better and all(common < own for common in rivals)


def _cross(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return (one[0] < other[0]) != (one[1] < other[1])


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] == other[0] or one[1] == other[1]


def _pair_plain(left: Sequence[Any], right: Sequence[Any], alignment: Alignment) -> None:
    """Values that are no mappings: equal ones in their order, then those that took each other's place."""
    lefts = _group(_find_indexes(left, _is_plain), lambda index: _write_canonical(left[index]))
    rights = _group(_find_indexes(right, _is_plain), lambda index: _write_canonical(right[index]))
    for content in lefts.keys() & rights.keys():
        alignment.pairs.update(zip(lefts[content], rights[content], strict=False))
    for ours, theirs in _find_gaps(len(left), len(right), alignment):
        plain = all(_is_plain(left[index]) for index in ours) and all(_is_plain(right[index]) for index in theirs)
        if plain and len(ours) == len(theirs):
            alignment.pairs.update(zip(ours, theirs, strict=True))


def _find_gaps(length_left: int, length_right: int, alignment: Alignment) -> list[tuple[range, range]]:
    """The runs without a partner, each between two pairs that follow each other; none where pairs changed places."""
    pairs = [(-1, -1), *sorted(alignment.pairs.items()), (length_left, length_right)]
    if any(before[1] >= after[1] for before, after in pairwise(pairs)):
        return []
    return [(range(before[0] + 1, after[0]), range(before[1] + 1, after[1])) for before, after in pairwise(pairs)]


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[Hashable]:
    """Path and value of everything inside; a list's elements share one path, so that their order does not matter."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, (*path, "[]"))
    else:
        yield (path, value)


def _group(indexes: Iterable[int], key: Callable[[int], Any]) -> dict[Any, list[int]]:
    groups: dict[Any, list[int]] = {}
    for index in indexes:
        groups.setdefault(key(index), []).append(index)
    return groups


def _list_remaining(indexes: list[int], decided: set[int]) -> list[int]:
    return [index for index in indexes if index not in decided]


def _find_indexes(elements: Sequence[Any], condition: Callable[[Any], bool]) -> list[int]:
    return [index for index, element in enumerate(elements) if condition(element)]


def _is_mapping(element: Any) -> bool:
    return isinstance(element, Mapping)


def _is_plain(element: Any) -> bool:
    return not isinstance(element, Mapping)


def _write_canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
