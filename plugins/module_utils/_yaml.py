# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that reads YAML: kubeconfigs, definitions, manifests, what a Secret holds. Pure.

A key that stands twice in a mapping is refused with its line: YAML says that keys are unique, PyYAML lets the last one
win, and half of an object is lost without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml
else:
    try:
        import yaml
    except ImportError:  # told by the caller who needs it, as any problem with its text
        yaml = None

INSTALLED = yaml is not None
"""Whether there is PyYAML where this runs."""


class NotYaml(ValueError):
    """Text that is no YAML. Its words never quote the text, which may hold a credential."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(f"line {line}: {problem}" if line else problem)
        self.problem = problem
        self.line = line


def load(text: str | bytes, *, unique_keys: bool = True) -> Any:
    """The one document of ``text``; None where there is none. Raises NotYaml, also for a second document."""
    documents = load_all(text, unique_keys=unique_keys)
    if len(documents) > 1:
        raise NotYaml(f"{len(documents)} documents, and one was expected")
    return documents[0] if documents else None


def load_all(text: str | bytes, *, unique_keys: bool = True) -> list[Any]:
    """All documents of ``text``, empty ones as None. Raises NotYaml.

    ``unique_keys`` false is for texts whose real reader lets the last of two keys win.
    """
    if yaml is None:
        raise NotYaml("PyYAML is not installed where this runs")
    loader = _UniqueKeys if unique_keys else _AsKubernetes
    try:
        return list(yaml.load_all(_plain(text), Loader=loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise NotYaml(getattr(error, "problem", None) or "not YAML", mark.line + 1 if mark else None) from None
    except (ValueError, RecursionError) as error:  # a number that is none; lists in lists without end
        if isinstance(error, NotYaml):
            raise
        raise NotYaml("not YAML") from None


def _plain(text: str | bytes) -> bytes:
    """ansible-core 2.19 hands over text of a class of its own, which libyaml does not take."""
    return text.encode("utf-8") if isinstance(text, str) else bytes(text)


if yaml is not None:
    # PyYAML without libyaml is about ten times slower.
    _SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class _AsKubernetes(_SafeLoader):  # type: ignore[misc]
        """A date is text."""

    _AsKubernetes.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _AsKubernetes.yaml_implicit_resolvers.items()
    }

    class _UniqueKeys(_AsKubernetes):
        """Refuses a key that stands twice."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen: set[tuple[str, str]] = set()
            for key, _value in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                    continue
                if (key.tag, key.value) in seen:
                    raise NotYaml(f"the key {key.value!r} stands twice", key.start_mark.line + 1)
                seen.add((key.tag, key.value))
            return dict(super().construct_mapping(node, deep))
