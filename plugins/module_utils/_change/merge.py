# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of ours does to an object that somebody else has changed meanwhile. Pure.

An edit is ``merge(as read, as wanted, as it is now)``; putting back is ``merge(as we wrote it, as it was before, as it
is now)``. Where nobody changed anything this gives exactly what is wanted, or exactly what was before.

Objects come without what only the API server writes (``resourceVersion``, ``generation``, ``managedFields``,
``status``): those would look like changes of somebody else.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from .alignment import WEIGHT, Alignment, align, identify, without_weights

Path = tuple[str, ...]

_FREE_MAPS = ("annotations", "labels")
"""Maps whose entries have nothing to do with each other, so that an absent one is an empty one."""


def merge(base: Any, target: Any, current: Any) -> tuple[Any, list[str]]:
    """``current`` with every difference between ``base`` and ``target`` carried over, and where that was not possible.

    All three are JSON values; None is what is not there. A path that differs between ``base`` and ``target`` gets the
    value of ``target`` where ``current`` still has that of ``base``. Where ``current`` has another value, which is not
    the target's either, it stays and its path is a conflict, such as ``spec.http[canary].route[1].weight``.

    - Elements of a list are found again by content, identity and likeness (see alignment.py), never by position alone:
      a route that cannot be told from another is a conflict where it was to be changed.
    - Weights of one list belong together. They are all set, or where one was changed, or a destination came or went,
      none is.
    - A mapping that came or is to go as a whole, and that somebody changed, stays as it is: half of one may be invalid,
      or mean something else. Labels, annotations and elements of lists stand on their own.

    Never raises for JSON values, and shares nothing with its arguments.
    """
    merged, conflicts = _merge(base, target, current, ())
    return deepcopy(merged), [_write_path(path) for path in conflicts]


class _Merged(NamedTuple):
    value: Any
    conflicts: list[Path]


def _merge(base: Any, target: Any, current: Any, path: Path) -> _Merged:
    if base == target or current == target:
        return _Merged(current, [])
    if current == base:
        return _Merged(target, [])
    versions = [version for version in (base, target, current) if version is not None]
    if all(isinstance(version, Mapping) for version in versions):
        merged = _merge_mappings(base, target, current, path)
    elif all(isinstance(version, list) for version in versions):
        merged = _merge_lists(base or [], target or [], current or [], path)
    else:
        return _Merged(current, [path])
    return merged if merged.value or target is not None else _Merged(None, merged.conflicts)


def _merge_mappings(
    base: Mapping[str, Any] | None, target: Mapping[str, Any] | None, current: Mapping[str, Any] | None, path: Path
) -> _Merged:
    free = bool(path) and path[-1] in _FREE_MAPS
    if not free and (current is None or target is None):
        return _Merged(current, [path])
    merged = _merge_entries(base or {}, target or {}, current or {}, path)
    return _Merged(current, merged.conflicts) if base is None and merged.conflicts and not free else merged


def _merge_entries(
    base: Mapping[str, Any], target: Mapping[str, Any], current: Mapping[str, Any], path: Path
) -> _Merged:
    merged = dict(current)
    conflicts: list[Path] = []
    for name in [*base, *(name for name in target if name not in base)]:
        before = current.get(name)
        value, found = _merge(base.get(name), target.get(name), before, (*path, name))
        conflicts += found
        if value is None and before is not None:
            del merged[name]
        elif value is not None:
            merged[name] = value
    return _Merged(merged, conflicts)


def _merge_lists(base: list[Any], target: list[Any], current: list[Any], path: Path) -> _Merged:
    wanted, found = _align_intended(base, target), align(base, current)
    if wanted.unsure:
        return _Merged(current, [path])
    if _shares_change(base, target, wanted) and not _shares_stand(base, target, current, wanted, found):
        return _Merged(current, _find_conflicting_shares(base, target, wanted, path))
    merging = _ListMerge(base, target, current, path, wanted, found)
    merging.walk()
    merging.reorder()
    merging.insert()
    return _Merged([value for _origin, value in merging.result], merging.conflicts)


def _align_intended(base: list[Any], target: list[Any]) -> Alignment:
    # A change of ours that only sets weights leaves everything in its place, so even equal elements are known.
    if without_weights(base) == without_weights(target):
        return Alignment({index: index for index in range(len(base))})
    return align(base, target)


class _ListMerge:
    """``result`` holds each element with the index that it has in the target, or None where it is not there."""

    def __init__(
        self,
        base: Sequence[Any],
        target: Sequence[Any],
        current: Sequence[Any],
        path: Path,
        wanted: Alignment,
        found: Alignment,
    ) -> None:
        self.base, self.target, self.current, self.path = base, target, current, path
        self.wanted, self.found = wanted, found
        self.result: list[tuple[int | None, Any]] = []
        self.conflicts: list[Path] = []

    def walk(self) -> None:
        """Change and remove what is still there, and say what should have been and is not."""
        from_current = self.found.invert()
        for index, element in enumerate(self.current):
            before = from_current.get(index)
            if before is None:
                self.result.append((None, element))
                continue
            origin = self.wanted.pairs.get(before)
            if origin is not None:
                merged = _merge(self.base[before], self.target[origin], element, self._at(element, index))
                self.conflicts += merged.conflicts
                self.result.append((origin, merged.value))
            elif element != self.base[before]:
                self.conflicts.append(self._at(element, index))
                self.result.append((None, element))
        for before, element in enumerate(self.base):
            if before in self.found.pairs:
                continue
            origin = self.wanted.pairs.get(before)
            changes = before in self.found.unsure if origin is None else self.target[origin] != element
            if changes:
                self.conflicts.append(self._at(element, before))

    def reorder(self) -> None:
        """Elements that are to change places do so in the places that they have together."""
        common = [before for before in sorted(self.wanted.pairs) if before in self.found.pairs]
        wanted = [self.wanted.pairs[before] for before in common]
        found = [self.found.pairs[before] for before in common]
        if wanted == sorted(wanted):
            return
        if found != sorted(found):
            if sorted(common, key=self.found.pairs.__getitem__) != sorted(common, key=self.wanted.pairs.__getitem__):
                self.conflicts.append(self.path)
            return
        places = [place for place, (origin, _value) in enumerate(self.result) if origin is not None]
        moved = sorted((self.result[place] for place in places), key=lambda entry: entry[0] or 0)
        for place, entry in zip(places, moved, strict=True):
            self.result[place] = entry

    def insert(self) -> None:
        """What is new stands behind what it stands behind in the target."""
        inserted_by_others = [value for origin, value in self.result if origin is None]
        for origin, element in enumerate(self.target):
            if origin in self.wanted.pairs.values():
                continue
            if element in inserted_by_others:
                inserted_by_others.remove(element)
                continue
            name = identify(element)
            if name is not None and name in map(identify, inserted_by_others):
                self.conflicts.append(self._at(element, origin))
                continue
            self.result.insert(self._place(origin), (origin, element))

    def _place(self, origin: int) -> int:
        places = {known: place for place, (known, _value) in enumerate(self.result) if known is not None}
        before = max((known for known in places if known < origin), default=None)
        if before is not None:
            return places[before] + 1
        after = min((known for known in places if known > origin), default=None)
        return len(self.result) if after is None else places[after]

    def _at(self, element: Any, index: int) -> Path:
        return (*self.path, _label(element, index))


def _shares_change(base: Sequence[Any], target: Sequence[Any], wanted: Alignment) -> bool:
    """Whether the list divides something by weights, and the target divides it in another way."""
    if not any(isinstance(element, Mapping) and WEIGHT in element for element in (*base, *target)):
        return False
    return len(wanted.pairs) < max(len(base), len(target)) or any(
        _weight(base[before]) != _weight(target[after]) for before, after in wanted.pairs.items()
    )


def _shares_stand(
    base: Sequence[Any], target: Sequence[Any], current: Sequence[Any], wanted: Alignment, found: Alignment
) -> bool:
    """Whether it is still divided as in ``base`` (or in part as in the target already), among the same elements."""
    if len(found.pairs) < len(base):
        return False
    from_current = found.invert()
    same_elements = len(wanted.pairs) == len(base) == len(target)
    for index, element in enumerate(current):
        before = from_current.get(index)
        if before is None:
            # One that gets nothing takes nothing from the others, as long as they remain the same.
            if not same_elements or _weight(element) != 0:
                return False
        elif before not in wanted.pairs:
            if element != base[before]:
                return False
        elif _weight(element) not in (_weight(base[before]), _weight(target[wanted.pairs[before]])):
            return False
    return True


def _find_conflicting_shares(base: Sequence[Any], target: Sequence[Any], wanted: Alignment, path: Path) -> list[Path]:
    pairs = sorted(wanted.pairs.items())
    weights = [
        (*path, _label(base[before], before), WEIGHT)
        for before, after in pairs
        if _weight(base[before]) != _weight(target[after])
    ]
    same_elements = len(pairs) == len(base) == len(target)
    only_weights = same_elements and all(
        without_weights(base[before]) == without_weights(target[after]) for before, after in pairs
    )
    return weights if only_weights else [path, *weights]


def _weight(element: Any) -> Any:
    return element.get(WEIGHT) if isinstance(element, Mapping) else None


def _label(element: Any, index: int) -> str:
    name = element.get("name") if isinstance(element, Mapping) else None
    return f"[{name if isinstance(name, str) else index}]"


def _write_path(path: Iterable[str]) -> str:
    """``spec.http[canary].route[1].weight``; a key that has dots stands in brackets."""
    text = ""
    for part in path:
        if part.startswith("["):
            text += part
        elif "." in part or "/" in part:
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text or "."
