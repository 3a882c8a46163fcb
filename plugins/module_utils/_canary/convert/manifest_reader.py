# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a manifest so that nothing of it is lost: what nobody took is known in the end. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ..._findings import MeshError
from ..._values import truth, whole_number
from ..plan.plan import build_schedule

Object = Mapping[str, Any]


@dataclass(frozen=True)
class ManifestDifference:
    """A field of the manifest that means something else here, or nothing, as ``why`` says."""

    field: str
    why: str
    what_to_do: str

    def as_dict(self) -> dict[str, str]:
        return {"field": self.field, "why": self.why, "what_to_do": self.what_to_do}


@dataclass
class ManifestReader:
    """A manifest that is being read. ``related`` are the objects that it refers to, as far as they are known."""

    left: dict[str, Any]
    related: tuple[Object, ...] = ()
    differences: list[ManifestDifference] = field(default_factory=list)

    @classmethod
    def of(cls, manifest: Object, related: Iterable[Object] = ()) -> ManifestReader:
        left = deepcopy(dict(manifest))
        annotations = (left.get("metadata") or {}).get("annotations") or {}
        annotations.pop(_LAST_APPLIED, None)
        return cls(left, tuple(related))

    def take(self, path: str) -> Any:
        """The value at ``spec.this.that``, which is read with that. None where there is none."""
        *parents, name = path.split(".")
        content: Any = self.left
        for parent in parents:
            content = content.get(parent) if isinstance(content, dict) else None
        return content.pop(name, None) if isinstance(content, dict) else None

    def truth(self, path: str) -> bool | None:
        """As ``take``, of what Kubernetes knows as a boolean. Raises ValueError for anything else."""
        value = self.take(path)
        return None if value is None else truth(value, path)

    def whole(self, path: str) -> int | None:
        """As ``take``, of what Kubernetes knows as an integer. Raises ValueError for anything else."""
        value = self.take(path)
        return None if value is None else whole_number(value, path)

    def differs(self, path: str, why: str, what_to_do: str) -> None:
        self.differences.append(ManifestDifference(path, why, what_to_do))

    def add_differences(self, differences: Iterable[ManifestDifference]) -> None:
        """Those of a part that was read by itself."""
        self.differences.extend(differences)

    def drop(self, path: str, why: str, what_to_do: str) -> None:
        """Read a field that has no counterpart, and say so where it says anything."""
        if self.take(path) not in _NOTHING:
            self.differs(path, why, what_to_do)

    def refer(self, kind: str, name: str, namespace: str) -> Object | None:
        """The object of this kind and name among the related ones."""
        for each in self.related:
            metadata = each.get("metadata") or {}
            if (each.get("kind"), metadata.get("name")) == (kind, name) and (
                metadata.get("namespace") in (None, namespace) or not namespace
            ):
                return each
        return None

    def rest(self, why: str) -> list[ManifestDifference]:
        """All differences, those of what was not read at the end."""
        unread = [
            ManifestDifference(path, why, "see whether you need it, and say so to the maintainers")
            for path in _leaves(self.left)
            if not path.startswith(_OF_THE_SERVER)
        ]
        return [*self.differences, *unread]

    def check_plan(self, path: str, plan: Mapping[str, Any]) -> None:
        """Say what is refused of the plan that was made."""
        try:
            build_schedule(plan)
        except MeshError as error:
            for finding in error.findings:
                self.differs(path, f"refused here: {finding.message}", finding.remedy)


_NOTHING: tuple[Any, ...] = (None, "", 0, False, [], {})
_OF_THE_SERVER = (
    "apiVersion",
    "kind",
    "status",
    "metadata.creationTimestamp",
    "metadata.finalizers",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.uid",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def _leaves(content: Any, path: str = "") -> Iterator[str]:
    """The paths of everything that is there; a list is one thing."""
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _leaves(value, f"{path}.{name}" if path else str(name))
    elif content not in (None, "", [], {}):
        yield path


def drop_empty(**options: Any) -> dict[str, Any]:
    """The options that say anything."""
    return {name: value for name, value in options.items() if value not in (None, [], {}, ())}


_EXPRESSION = re.compile(r"\{\{-?\s*(?:args\.)?([A-Za-z][\w.-]*)\s*-?\}\}")


def template_of(query: str, names: Mapping[str, str] | None = None) -> str:
    """A query with ``{{ name }}`` as one with ``${name}``; where ``names`` has the name, with its value."""
    known = names or {}
    return _EXPRESSION.sub(lambda found: known.get(found[1], f"${{{found[1]}}}"), query)
