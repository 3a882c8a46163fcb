# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release was made of the chart and the values that are asked for. Pure but for the chart's folder.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import _yaml
from .release import Chart

_ELSEWHERE = frozenset({"Chart.yaml", "Chart.lock", "values.yaml", "values.schema.json"})
"""Helm keeps these in another form than as files, or not at all."""
_LEFT_OUT = re.compile(r"(^|/)(\.[^/]*|[^/]*(~|\.bak|\.orig|\.swp|\.tmp))(/|$)|^charts/")
"""Hidden files and what editors leave, as the usual .helmignore says; of charts/ no release keeps anything."""
_EXACT_VERSION = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")


class NotAChart(ValueError):
    """The folder holds no chart that can be read."""


def read_chart(folder: Path) -> Chart:
    """The chart in a folder, as Helm would keep it. Raises NotAChart with the reason."""
    try:
        metadata = _yaml.load((folder / "Chart.yaml").read_bytes(), unique_keys=False)
        values = folder / "values.yaml"
        return Chart(
            str(metadata["name"]),
            str(metadata.get("version") or ""),
            tuple(map(str, metadata.get("sources") or ())),
            {
                name: base64.b64encode(path.read_bytes()).decode("ascii")
                for path in sorted(folder.rglob("*"))
                if path.is_file() and _is_kept(name := path.relative_to(folder).as_posix())
            },
            (_yaml.load(values.read_bytes(), unique_keys=False) or {}) if values.is_file() else {},
        )
    except OSError as error:
        raise NotAChart(f"{error.strerror}: {error.filename}") from None
    except (_yaml.NotYaml, KeyError, TypeError, AttributeError) as error:
        raise NotAChart(f"{folder / 'Chart.yaml'} or values.yaml cannot be read: {error}") from None


def _is_kept(name: str) -> bool:
    return name not in _ELSEWHERE and not _LEFT_OUT.search(name)


def describe_other_content(deployed: Chart, wanted: Chart) -> str:
    """What of a chart differs, in few words; empty where nothing does."""
    if deployed.version != wanted.version:
        return f"chart {wanted.version} in place of {deployed.version}"
    before = {name: data for name, data in deployed.files.items() if _is_kept(name)}
    changed = sorted(name for name in {*before, *wanted.files} if before.get(name) != wanted.files.get(name))
    if not changed and not has_same_values(deployed.values, wanted.values):
        changed = ["values.yaml"]
    if not changed:
        return ""
    return f"{changed[0]} of the chart" + (f" and {len(changed) - 1} more files" if len(changed) > 1 else "")


def is_exact(version: str) -> bool:
    """Whether it names one version: empty is the newest, and ``~1.31`` or ``1.31`` is what Helm finds for it."""
    return bool(_EXACT_VERSION.fullmatch(version))


def is_same_version(deployed: str, wanted: str) -> bool:
    """``v1.31.0`` and ``1.31.0`` are one version."""
    return deployed.removeprefix("v") == wanted.removeprefix("v")


def has_same_values(one: Any, other: Any) -> bool:
    """Whether two values are the same to Helm: 1 is 1.0, and neither is true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(has_same_values(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(has_same_values, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
