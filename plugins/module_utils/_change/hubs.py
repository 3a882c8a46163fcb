# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hub keeps the record of an object: a run with another one would begin a second record of the same. Pure.

What a set made says it in one annotation. On somebody else's object, which several sets may edit, each has its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .._findings import Finding
from .._ownership import ANNOTATION_HUB, is_of_set
from .finding_kinds import OTHER_HUB
from .ledger import Content

Live = Mapping[str, Any]


def mark(desired: Content, component: str, name: str, hub: str) -> Content:
    """What is to be written, with the hub in its annotation."""
    key = _key(desired, component, name)
    annotations = {**(desired["metadata"].get("annotations") or {}), key: hub}
    return {**desired, "metadata": {**desired["metadata"], "annotations": annotations}}


def hub_of(live: Live, component: str, name: str) -> str:
    """The hub that an object says keeps its record; empty where it says none, as before there were such marks."""
    annotations = (live.get("metadata") or {}).get("annotations") or {}
    return str(
        annotations.get(f"{ANNOTATION_HUB}.{component}.{name}") or annotations.get(_key(live, component, name)) or ""
    )


def find_others(
    cluster: str,
    lives: Iterable[tuple[object, Live]],
    component: str,
    name: str,
    hub: str,
    gone: Collection[str],
) -> list[Finding]:
    """A finding for the first object, each given with its name, that another hub keeps the record of.

    The record of a hub in ``gone`` is lost with it, so another one may begin a record of its own.
    """
    for described, live in lives:
        other = hub_of(live, component, name)
        if other and other != hub and other not in gone:
            return [report_other_hub(cluster, str(described), name, other, hub)]
    return []


def report_other_hub(cluster: str, described: str, name: str, other: str, hub: str) -> Finding:
    """Why a run with ``hub`` may not go on."""
    return Finding(
        cluster,
        OTHER_HUB,
        f"the record of {name} is kept by {other}, and this run has {hub} as hub",
        f"run again with hub: {other}, as the runs before did; if {other} is gone for good, set write_off: [{other}]",
        object=described,
    )


def _key(manifest: Live, component: str, name: str) -> str:
    return ANNOTATION_HUB if is_of_set(manifest, component, name) else f"{ANNOTATION_HUB}.{component}.{name}"
