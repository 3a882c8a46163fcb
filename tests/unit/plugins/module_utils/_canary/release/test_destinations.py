# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the sides of a release are measured, as the routes of a cluster say."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._canary.analysis.queries import MeasuredSide
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.destinations import find_measured_service
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.objects import LiveObjects
from ansible_collections.onemesh.istio.plugins.module_utils._change.objects import ObjectId
from ansible_collections.onemesh.istio.tests.support.canary.releases import OF_ROUTES, release_of


def live(*destinations: dict[str, Any], name: str = "reviews") -> LiveObjects:
    route = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"hosts": [name], "http": [{"route": [{"destination": each} for each in destinations]}]},
    }
    return LiveObjects({ObjectId("networking.istio.io", "VirtualService", "shop", name): route})


@pytest.mark.parametrize(
    ("options", "destinations", "stable", "canary"),
    [
        (
            {},
            [{"host": "reviews", "subset": "v1"}, {"host": "reviews", "subset": "v2"}],
            MeasuredSide("reviews.shop.svc.cluster.local", "v1", version="v1"),
            MeasuredSide("reviews.shop.svc.cluster.local", "v2", version="v2"),
        ),
        (
            {"stable": "reviews-v1", "canary": "reviews-v2"},
            [{"host": "reviews-v1"}, {"host": "reviews-v2.shop.svc.cluster.local"}],
            MeasuredSide("reviews-v1.shop.svc.cluster.local"),
            MeasuredSide("reviews-v2.shop.svc.cluster.local"),
        ),
        (
            {"workload": {"name": "reviews-v2", "stable": "reviews-v1"}},
            [{"host": "reviews", "subset": "v1"}, {"host": "reviews", "subset": "v2"}],
            MeasuredSide("reviews.shop.svc.cluster.local", "v1", "reviews-v1", "v1"),
            MeasuredSide("reviews.shop.svc.cluster.local", "v2", "reviews-v2", "v2"),
        ),
        # The route has no such side: it is measured by its workload, or not at all.
        (
            {},
            [{"host": "reviews", "subset": "v1"}],
            MeasuredSide("reviews.shop.svc.cluster.local", "v1", version="v1"),
            MeasuredSide(""),
        ),
    ],
)
def test_sides(
    options: dict[str, Any], destinations: list[dict[str, Any]], stable: MeasuredSide, canary: MeasuredSide
) -> None:
    found = find_measured_service(release_of({**OF_ROUTES, **options}), live(*destinations))
    assert (found.stable, found.canary) == (stable, canary)


def test_the_first_route_that_leads_there_says_where_a_side_is() -> None:
    both = release_of({**OF_ROUTES, "routes": [{"name": "edge"}, {"name": "reviews"}]})
    found = find_measured_service(both, live({"host": "reviews", "subset": "v1"}, {"host": "reviews", "subset": "v2"}))
    assert found.canary.host == "reviews.shop.svc.cluster.local"
    assert found.names["route"] == "edge"
