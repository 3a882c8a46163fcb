# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places in manifests, and manifests in which something else stands at one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

Keys = tuple[str | int, ...]


class Place(NamedTuple):
    """A place below the root, and what stands there."""

    keys: Keys
    value: Any


def path_of(keys: Keys) -> str:
    """As messages write it: ``spec.steps[2].pause``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")


def places_of(content: Any, keys: Keys = ()) -> Iterator[Place]:
    """Every place below the root."""
    children = (
        content.items() if isinstance(content, Mapping) else enumerate(content if isinstance(content, list) else ())
    )
    for key, value in children:
        yield Place((*keys, key), value)
        yield from places_of(value, (*keys, key))


def value_at(content: Any, keys: Keys) -> Any:
    for key in keys:
        content = content[key]
    return content


def with_value(content: Any, keys: Keys, value: Any) -> Any:
    """A copy with another value at a place that is there, or at a new key."""
    result = deepcopy(content)
    value_at(result, keys[:-1])[keys[-1]] = value
    return result
