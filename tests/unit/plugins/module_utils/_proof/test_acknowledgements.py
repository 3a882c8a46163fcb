# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import ProxySync, Resource
from ansible_collections.onemesh.istio.plugins.module_utils._proof.acknowledgements import (
    SAMPLE,
    IstiodWatch,
    ProxyKey,
)
from ansible_collections.onemesh.istio.plugins.module_utils._proof.pushes import PushTracker
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._proof.proxies import (
    ECHO,
    FLOOR,
    OURS,
    proxy,
    sent,
)


def settled() -> PushTracker:
    tracker = PushTracker(FLOOR, debounce=0.1)
    tracker.see(0.0, OURS, 51, 0.0, stored=True)
    tracker.see(1.0, OURS, 51, 0.0, stored=True)
    return tracker


def watch(*proxies: ProxySync, looks: int = 2, before: tuple[ProxySync, ...] = (), **told: int) -> IstiodWatch:
    seen = IstiodWatch(settled(), before)
    for _look in range(looks):
        seen.see(proxies)
    for name, push in told.items():
        seen.tell(ProxyKey("east", f"{name}.app"), push)
    return seen


DONE = proxy(cds=sent(5), lds=sent(5), rds=sent(OURS))


def test_a_proxy_that_acknowledged_our_push_is_done() -> None:
    assert watch(DONE).find_late() == {}
    assert watch(DONE).list_to_ask() == []


def test_one_look_is_not_enough() -> None:
    assert watch(DONE, looks=1).find_late() == {ECHO: "it is done, and is looked at once more"}


def test_nobody_is_done_before_istiod_made_its_push() -> None:
    seen = IstiodWatch(PushTracker(FLOOR, debounce=0.1))
    seen.see([DONE])
    assert seen.find_late() == {ECHO: "istiod has not made its push yet"}
    assert seen.list_rejections() == []


@pytest.mark.parametrize(
    ("late", "why"),
    [
        (proxy(cds=sent(OURS), rds=sent(OURS, acked=5)), "it has not acknowledged its routes"),
        (proxy(cds=sent(OURS, acked=5), lds=sent(OURS, acked=5)), "it has not acknowledged its clusters and listeners"),
        (proxy(rds=sent(OURS), eds=sent(9, acked=6)), "it has not acknowledged its endpoints"),
        (proxy(rds=sent(FLOOR)), "istiod has not gone through its push for it"),
        (proxy(rds=sent(FLOOR), eds=sent(OURS)), "istiod has not gone through its push for it"),
        (proxy(), "istiod has not gone through its push for it"),
    ],
)
def test_who_is_late_and_why(late: ProxySync, why: str) -> None:
    assert watch(late).find_late() == {ECHO: why}


def test_a_proxy_that_connects_meanwhile_says_nothing_of_which_push_is_ours() -> None:
    """It gets everything under the newest number, which may be that of a push of endpoints only."""
    tracker = PushTracker(FLOOR, debounce=0.1)
    for at in (0.0, 1.0):
        tracker.see(at, OURS + 1, 52, 0.0, stored=True)
    gateway = proxy("gateway.app", cds=sent(5))
    new = proxy("new.app", cds=sent(OURS + 1), lds=sent(OURS + 1), rds=sent(OURS + 1))
    seen = IstiodWatch(tracker, (proxy(rds=sent(5)), gateway))
    for _look in range(2):
        seen.see([DONE, gateway, new])
    seen.tell(ProxyKey("east", "gateway.app"), OURS)
    assert seen.find_late() == {}


def test_a_proxy_that_the_push_does_not_concern_is_asked_of_istiod() -> None:
    other = proxy("other.app", rds=sent(5))
    assert watch(DONE, other).list_to_ask() == [ProxyKey("east", "other.app")]
    assert watch(DONE, other, other=FLOOR).find_late() == {
        ProxyKey("east", "other.app"): "istiod has not gone through its push for it"
    }
    assert watch(DONE, other, other=OURS).find_late() == {}


def test_the_push_of_endpoints_after_ours_is_not_awaited_of_the_rest() -> None:
    """They have no part in it, and their own count of pushes stays at ours."""
    tracker = PushTracker(FLOOR, debounce=0.1)
    tracker.see(0.0, OURS + 1, 52, 0.0, stored=True)
    tracker.see(1.0, OURS + 1, 52, 0.0, stored=True)
    seen = IstiodWatch(tracker)
    for _look in range(2):
        seen.see([proxy(rds=sent(OURS), eds=sent(OURS + 1)), proxy("other.app", rds=sent(5))])
    seen.tell(ProxyKey("east", "other.app"), OURS)
    assert seen.find_late() == {}


def test_a_later_push_of_somebody_else_is_not_awaited_of_the_rest() -> None:
    assert watch(proxy(rds=sent(OURS + 4)), proxy("other.app", rds=sent(5)), other=OURS).find_late() == {}


def test_a_push_without_any_proxy_of_it_has_to_be_later_than_the_floor() -> None:
    assert watch(proxy(rds=sent(5)), echo=FLOOR).find_late() == {ECHO: "istiod has not gone through its push for it"}
    assert watch(proxy(rds=sent(5)), echo=OURS).find_late() == {}


def test_of_many_that_are_not_concerned_a_sample_is_asked() -> None:
    crowd = [proxy(f"p{number}.app", rds=sent(5)) for number in range(10 * SAMPLE)]
    seen = watch(*crowd)
    asked = seen.list_to_ask()
    assert len(asked) == SAMPLE
    assert seen.count_inferred() == 9 * SAMPLE
    for key in asked[1:]:
        seen.tell(key, OURS)
    assert len(seen.find_late()) == 9 * SAMPLE + 1
    seen.tell(asked[0], OURS)
    assert seen.find_late() == {}


def test_a_ztunnel_has_no_routes_to_wait_for() -> None:
    assert watch(proxy("ztunnel.app", kind="ztunnel")).find_late() == {}


def test_where_istiod_makes_no_push_nothing_is_awaited_but_old_debts() -> None:
    tracker = PushTracker(FLOOR, debounce=0.1)
    tracker.see(0.0, FLOOR, 50, 0.0, stored=True)
    tracker.see(9.0, FLOOR, 50, 0.0, stored=True)
    seen = IstiodWatch(tracker)
    for _look in range(2):
        seen.see([proxy(rds=sent(5)), proxy("hung.app", rds=sent(5, acked=4))])
    assert seen.find_late() == {ProxyKey("east", "hung.app"): "it has not acknowledged its routes"}


REFUSED = "unknown filter 'nosuch'"


@pytest.mark.parametrize(
    ("now", "before", "fresh"),
    [
        pytest.param(sent(OURS, 5, REFUSED), None, True, id="new"),
        pytest.param(sent(OURS, 5, REFUSED), sent(5), True, id="accepted before"),
        pytest.param(sent(FLOOR, 5, REFUSED), sent(FLOOR, 5, REFUSED), False, id="nothing new was sent"),
        pytest.param(sent(FLOOR, 5, REFUSED), sent(FLOOR, 5), False, id="sent before, refused since"),
        pytest.param(
            sent(OURS, 5, "b: bad, a: bad,"),
            sent(FLOOR, 5, "a: bad, b: bad,"),
            False,
            id="sent anew, refused as before",
        ),
        pytest.param(sent(OURS, 5, "a: bad, c: bad,"), sent(FLOOR, 5, "a: bad, b: bad,"), True, id="refused anew"),
    ],
)
def test_a_rejection_is_told_with_envoy_s_reason(now: Resource, before: Resource | None, fresh: bool) -> None:
    earlier = (proxy(lds=before),) if before else ()
    seen = watch(proxy(rds=sent(OURS), lds=now), before=earlier)
    assert seen.find_late() == {}
    (rejection,) = seen.list_rejections()
    assert (rejection.key, rejection.resource, rejection.fresh) == (ECHO, "listeners", fresh)
    assert rejection.reason == now.last_error


def test_a_rejection_that_may_still_be_taken_back_is_not_told() -> None:
    assert watch(proxy(lds=sent(OURS, 5, REFUSED)), looks=1).list_rejections() == []
