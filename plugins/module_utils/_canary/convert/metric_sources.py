# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics that each said whom they ask, as metrics of one source. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .manifest_reader import ManifestNotes, drop_empty


@dataclass(frozen=True)
class MetricSource:
    """A Prometheus, and the ``place`` in a manifest that names it."""

    place: str
    address: str
    insecure: bool = False
    timeout: float | None = None


def join_sources(sources: Sequence[MetricSource], notes: ManifestNotes) -> dict[str, Any]:
    """The option ``prometheus``: the first of them is asked for everything."""
    first = sources[0]
    notes.differs(
        first.place,
        "it is asked from where the task runs, and for all clusters, whose series it tells apart by the label "
        "destination_cluster",
        "give an address that is reachable from there, or analysis.prometheus.urls with one for each cluster",
    )
    for other in sources[1:]:
        if other.address != first.address:
            notes.differs(
                other.place,
                f"it asks another address than metrics before it, {first.address}",
                "one serves all metrics",
            )
    return drop_empty(
        url=first.address,
        validate_certs=False if first.insecure else None,
        timeout=max((each.timeout for each in sources if each.timeout is not None), default=None),
    )


def name_each(metrics: Iterable[dict[str, Any]], place: str, notes: ManifestNotes) -> list[dict[str, Any]]:
    """The same metrics, each with a name of its own; ``place`` is theirs in the manifest."""
    named: list[dict[str, Any]] = []
    for metric in metrics:
        taken = [each.get("name") for each in named]
        name = metric.get("name")
        number = next(number for number in range(1, len(taken) + 2) if _numbered(name, number) not in taken)
        if name is not None and number > 1:
            notes.differs(place, f"two metrics are named {name}, so that one is {_numbered(name, number)}", "nothing")
        named.append({**metric, "name": _numbered(name, number)} if name is not None else metric)
    return named


def _numbered(name: Any, number: int) -> str:
    return str(name) if number == 1 else f"{name}-{number}"
