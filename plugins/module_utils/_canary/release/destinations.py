# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the sides of a release are on one cluster, as its routes say, so that they can be measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..._istio.hosts import full_name
from ..._istio.routes import RouteError, RouteSelection, find_matching, select
from ..analysis.queries import MeasuredService, MeasuredSide
from .objects import LiveObjects
from .release import CanaryRelease


def find_measured_service(release: CanaryRelease, live: LiveObjects) -> MeasuredService:
    """What is measured on a cluster; of several routes the first one that leads to a side says where it is."""
    workload = release.workload
    canary = _place(release, live, release.sides.canary)
    stable = _place(release, live, release.sides.stable)
    if workload is not None:
        canary = replace(canary, workload=workload.name)
        stable = replace(stable, workload=workload.stable)
    names = {
        "name": release.name,
        "target": workload.name if workload is not None else release.apex,
        "service": release.apex,
        "route": release.routes[0].name,
    }
    return MeasuredService(release.namespace, canary, stable, names=names)


def _place(release: CanaryRelease, live: LiveObjects, key: str) -> MeasuredSide:
    for reference in release.routes:
        route = live.find(reference.kind, reference.name, reference.namespace)
        found = None if route is None else _destination(route, reference.rules.selection, key)
        if found is not None:
            return found
    return MeasuredSide("")


def _destination(route: Mapping[str, Any], selection: RouteSelection, key: str) -> MeasuredSide | None:
    try:
        meant = select(route, selection, [key])
    except RouteError:
        return None
    namespace = route["metadata"]["namespace"]
    for each in meant:
        for destination in find_matching(each, key, selection.by):
            return MeasuredSide(full_name(destination.host, namespace), destination.subset, version=destination.subset)
    return None
