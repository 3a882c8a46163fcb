# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a manifest so that nothing of it is lost: what nobody took is known in the end. Pure.

Null is as if it were not there, as for Kubernetes. What has another type than its API takes is refused, all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, Union

from ..._findings import Finding
from ..._values import number, truth, whole_number
from ..finding_kinds import MANIFEST_INVALID

Shape = Union[Mapping[str, Any], tuple[Any, ...], None]  # noqa: UP007  # sanity refuses "|" at run time
"""What words of somebody else look like: a mapping with these names or, under ANY, with any; a tuple of one shape for a
list of it; None for a text, number or truth."""

ANY = "*"

Read = TypeVar("Read")

_REMEDY = "correct it, or leave it out"
_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {})


class ManifestInvalid(ValueError):
    """A manifest that no API server would take; each finding names the place."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(["the manifest cannot be read", *(f"  {each}" for each in self.findings)]))


@dataclass(frozen=True)
class ManifestDifference:
    """A field of the manifest that means something else here, or nothing, as ``why`` says."""

    field: str
    why: str
    what_to_do: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "why": self.why, "what_to_do": self.what_to_do}


class Conversion(NamedTuple):
    """The options that a manifest comes to. ``places`` says where in it they are from, by the beginning of the slugs of
    findings about them."""

    options: dict[str, Any]
    places: Mapping[str, str]


class ManifestNotes:
    """What is noted while a manifest and what it refers to are read."""

    def __init__(self) -> None:
        self._differences: list[ManifestDifference] = []
        self._findings: list[Finding] = []
        self._parts: list[ManifestPart] = []

    def add_part(self, part: ManifestPart) -> None:
        self._parts.append(part)

    def differs(self, field: str, why: str, what_to_do: str) -> None:
        self._differences.append(ManifestDifference(field, why, what_to_do))

    def refuse(self, message: str, remedy: str) -> None:
        self._findings.append(Finding("", MANIFEST_INVALID, message, remedy))

    def is_empty(self, place: str, element: Any) -> bool:
        """Whether an element of a list says nothing; that is told."""
        if element not in (None, {}):
            return False
        self.differs(place, "it is empty, and says nothing", "leave it out, or write what it is to say")
        return True

    def list_differences(self, why_unread: str) -> list[ManifestDifference]:
        """All of them, those of what nobody took at the end. Raises ManifestInvalid."""
        if self._findings:
            raise ManifestInvalid(dict.fromkeys(self._findings))
        unread = [
            ManifestDifference(field, why_unread, "see whether you need it, and say so to the maintainers")
            for part in self._parts
            for field in part.list_unread()
        ]
        return list(dict.fromkeys([*self._differences, *unread]))


class ManifestPart:
    """A mapping in a manifest. What is read of it is taken out; where there is none it is empty.

    ``content`` is the whole of it, also when all has been read.
    """

    def __init__(self, path: str, content: Mapping[str, Any], notes: ManifestNotes) -> None:
        self.path = path
        self.content = content
        self.notes = notes
        self._left = dict(content)
        notes.add_part(self)

    @property
    def names(self) -> list[str]:
        """What has not been taken."""
        return [str(name) for name, value in self._left.items() if value is not None]

    def has(self, name: str) -> bool:
        return self._left.get(name) is not None

    def place(self, name: str = "") -> str:
        """The path of one of its fields, without a name its own."""
        return ".".join(filter(None, (self.path, name)))

    def differs(self, name: str, why: str, what_to_do: str) -> None:
        self.notes.differs(self.place(name), why, what_to_do)

    def at(self, path: str) -> ManifestPart:
        """The same under another path, by which it is told what is wrong."""
        left, self._left = self._left, {}
        return ManifestPart(path, left, self.notes)

    # What is in it, by its type

    def part(self, name: str) -> ManifestPart:
        return ManifestPart(self.place(name), self._take_mapping(name) or {}, self.notes)

    def parts(self, name: str) -> Iterator[ManifestPart]:
        """The mappings of a list. One that is empty is told, and left out."""
        for index, element in enumerate(self._take_list(name)):
            place = f"{self.place(name)}[{index}]"
            if self.notes.is_empty(place, element):
                continue
            if isinstance(element, Mapping):
                yield ManifestPart(place, element, self.notes)
            else:
                self._refuse(place, element, "a mapping")

    def text(self, name: str) -> str | None:
        return self._take_as(name, (str,), "text") or None

    def required(self, name: str) -> str:
        """A text without which there is nothing to convert."""
        if self._left.get(name) in (None, ""):
            self.refuse_missing(name)
        return self.text(name) or ""

    def refuse_missing(self, name: str) -> None:
        self.notes.refuse(f"{self.place(name)} is missing", "write it")

    def texts(self, name: str) -> list[str]:
        taken = self._take_list(name)
        for index, element in enumerate(taken):
            if not isinstance(element, str):
                self._refuse(f"{self.place(name)}[{index}]", element, "text")
        return [element for element in taken if isinstance(element, str)]

    def whole_numbers(self, name: str) -> list[int]:
        places = [(f"{self.place(name)}[{index}]", each) for index, each in enumerate(self._take_list(name))]
        read = [self._read(place, each, whole_number) for place, each in places if not self.notes.is_empty(place, each)]
        return [each for each in read if each is not None]

    def number_or_text(self, name: str) -> int | float | str | None:
        """What Kubernetes calls int-or-string."""
        taken: int | float | str | None = self._take_as(name, (str, int, float), "a number or text")
        return taken

    def scalar(self, name: str) -> str | None:
        """A text, or a number or truth that somebody forgot to quote, as YAML spells it."""
        taken = self._take_as(name, (str, int, float, bool), "text")
        return str(taken).lower() if isinstance(taken, bool) else None if taken is None else str(taken)

    def truth(self, name: str) -> bool | None:
        return self._read(self.place(name), self._left.pop(name, None), truth)

    def whole(self, name: str) -> int | None:
        return self._read(self.place(name), self._left.pop(name, None), whole_number)

    def number(self, name: str) -> float | None:
        return self._read(self.place(name), self._left.pop(name, None), number)

    def mapping(self, name: str) -> dict[str, Any]:
        """Names and values of the user's own, such as labels."""
        taken = self._take_mapping(name) or {}
        return {str(key): deepcopy(value) for key, value in taken.items() if value is not None}

    def words(self, name: str, shape: Shape, why_unknown: str) -> Any:
        """What is handed over in the words of somebody else. A field that ``shape`` has not is told."""
        return self._fit(self.place(name), self._left.pop(name, None), shape, why_unknown)

    # What has no counterpart

    def ignore(self, *names: str) -> None:
        """Read what says nothing by itself, such as an API version."""
        for name in names:
            self._left.pop(name, None)

    def drop(self, name: str, why: str, what_to_do: str) -> None:
        """Read a field that has no counterpart, and say so where it says anything."""
        taken = self._left.pop(name, None)
        if taken not in _NOTHING:
            said = f" ({', '.join(map(str, taken))})" if isinstance(taken, Mapping) else ""
            self.differs(name, why + said, what_to_do)

    def list_unread(self) -> list[str]:
        """The paths of all that nobody took."""
        return [path for name, value in self._left.items() for path in _leaves(value, self.place(str(name)))]

    def _take_mapping(self, name: str) -> Mapping[str, Any] | None:
        taken = self._left.pop(name, None)
        if taken is not None and not isinstance(taken, Mapping):
            self._refuse(self.place(name), taken, "a mapping")
            return None
        return taken

    def _take_list(self, name: str) -> list[Any]:
        taken = self._left.pop(name, None)
        if taken is not None and not isinstance(taken, list):
            self._refuse(self.place(name), taken, "a list")
        return taken if isinstance(taken, list) else []

    def _take_as(self, name: str, types: tuple[type, ...], expected: str) -> Any:
        taken = self._left.pop(name, None)
        if taken is None or (isinstance(taken, types) and (bool in types or not isinstance(taken, bool))):
            return taken
        self._refuse(self.place(name), taken, expected)
        return None

    def _read(self, place: str, value: Any, read: Callable[[Any, str], Read]) -> Read | None:
        try:
            return None if value is None else read(value, place)
        except ValueError as error:
            self.notes.refuse(str(error), _REMEDY)
            return None

    def _fit(self, path: str, value: Any, shape: Shape, why_unknown: str) -> Any:
        """The value without nulls. What is of another type is refused, what the shape has no name for is told."""
        if value is None:
            return None
        if isinstance(shape, Mapping) and isinstance(value, Mapping):
            return dict(self._fit_mapping(path, value, shape, why_unknown))
        if isinstance(shape, tuple) and isinstance(value, list):
            places = [(f"{path}[{index}]", each) for index, each in enumerate(value)]
            said = [(place, each) for place, each in places if not self.notes.is_empty(place, each)]
            fitted = [self._fit(place, each, shape[0], why_unknown) for place, each in said]
            return [each for each in fitted if each is not None]
        if shape is None and not isinstance(value, (Mapping, list)):
            return value
        expected = "a list" if isinstance(shape, tuple) else "text, a number or a truth"
        self._refuse(path, value, "a mapping" if isinstance(shape, Mapping) else expected)
        return None

    def _fit_mapping(
        self, path: str, value: Mapping[str, Any], shape: Mapping[str, Any], why_unknown: str
    ) -> Iterator[tuple[str, Any]]:
        for key, each in value.items():
            name, place = str(key), f"{path}.{key}"
            if name in shape or ANY in shape:
                fitted = self._fit(place, each, shape.get(name, shape.get(ANY)), why_unknown)
            else:
                self.notes.differs(place, why_unknown, "leave it out, or see that it is what you mean")
                fitted = deepcopy(each)
            if fitted is not None:
                yield name, fitted

    def _refuse(self, path: str, found: Any, expected: str) -> None:
        self.notes.refuse(f"{path} is {_shown(found)}, and {expected} was expected", _REMEDY)


class RelatedObjects:
    """The objects that a manifest refers to, as far as they are known."""

    def __init__(self, related: Any, notes: ManifestNotes) -> None:
        self._notes = notes
        self._objects: list[Mapping[str, Any]] = []
        for index, each in enumerate(_list_objects(related)):
            if isinstance(each, Mapping):
                self._objects.append(each)
            elif each is not None:
                notes.refuse(f"related[{index}] is {_shown(each)}, and an object was expected", "give manifests")

    def find(self, kind: str, name: str, namespace: str = "") -> ManifestPart | None:
        """The object of this kind and name; without a namespace it is in none, or in any."""
        for each in self._objects:
            metadata = each.get("metadata")
            known = metadata if isinstance(metadata, Mapping) else {}
            if (each.get("kind"), known.get("name")) == (kind, name) and (
                known.get("namespace") in (None, namespace) or not namespace
            ):
                part = ManifestPart(f"{kind} {name}", each, self._notes)
                part.ignore("apiVersion", "kind", "metadata", "status")
                return part
        return None


def _list_objects(related: Any) -> Iterator[Any]:
    """Each object, also of a List as kubectl gives it."""
    for each in related if isinstance(related, (list, tuple)) else [related]:
        items = each.get("items") if isinstance(each, Mapping) else None
        if isinstance(items, list):
            yield from _list_objects(items)
        else:
            yield each


def _leaves(content: Any, path: str) -> Iterator[str]:
    """The paths of everything that is there; a list is one thing."""
    if isinstance(content, Mapping) and content:
        for name, value in content.items():
            yield from _leaves(value, f"{path}.{name}")
    elif content is not None:
        yield path


def _shown(value: Any) -> str:
    if isinstance(value, (Mapping, list)):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    return repr(str(value)) if isinstance(value, str) else repr(value)


def drop_empty(**options: Any) -> dict[str, Any]:
    """The options that say anything."""
    return {name: value for name, value in options.items() if value not in (None, [], {}, ())}
