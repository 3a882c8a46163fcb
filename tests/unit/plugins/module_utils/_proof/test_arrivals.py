# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import ProxySync
from ansible_collections.onemesh.istio.plugins.module_utils._proof.arrivals import Arrivals, Between
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._proof.proxies import ECHO, OURS, proxy, sent

BEFORE = proxy(cds=sent(5), rds=sent(5))
PENDING = proxy(cds=sent(5), rds=sent(OURS, acked=5))
DONE = proxy(cds=sent(5), rds=sent(OURS))
LATER = proxy(cds=sent(5), rds=sent(OURS + 1))


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([BEFORE, BEFORE], None),
        # The first look has it: it came after the write began.
        ([DONE], Between(0.5, 1.1)),
        ([BEFORE, DONE, DONE], Between(1.0, 2.1)),
        # Sent is not acknowledged.
        ([BEFORE, PENDING, DONE], Between(2.0, 3.1)),
        # A push has several types of resource.
        ([proxy(cds=sent(OURS), rds=sent(5)), proxy(cds=sent(OURS), rds=sent(OURS))], Between(1.0, 2.1)),
        # Endpoints are no configuration.
        ([DONE, proxy(cds=sent(5), eds=sent(OURS + 1), rds=sent(OURS))], Between(0.5, 1.1)),
        # What comes after our push does not make it later.
        ([DONE, LATER], Between(0.5, 1.1)),
        ([BEFORE, LATER], Between(1.0, 2.1)),
    ],
)
def test_when_a_proxy_came_to_have_a_push(looks: list[ProxySync], expected: Between | None) -> None:
    arrivals = Arrivals([BEFORE], 0.5)
    for number, look in enumerate(looks, 1):
        arrivals.see([look], number, number + 0.1)
    assert arrivals.of(ECHO, OURS) == expected


def test_a_proxy_that_connected_since_has_it_from_then_on() -> None:
    arrivals = Arrivals([], 0.5)
    arrivals.see([], 1.0, 1.1)
    arrivals.see([DONE], 2.0, 2.1)
    assert arrivals.of(ECHO, OURS) == Between(1.0, 2.1)
