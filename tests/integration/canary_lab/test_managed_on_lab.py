# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases with ``manage: true`` of workloads whose pods run, told by the answers that clients of both clusters get."""

from __future__ import annotations

from managed_lab import NAMESPACE, Store
from release_lab import BY_ENVOY, list_failures
from support.mesh import NAMES
from support.receivers import Answer, receiving

JUDGED_AT_ONCE = {**BY_ENVOY, "threshold": 1}


def test_a_daemon_set_is_promoted_on_all_clusters_and_given_back(store: Store) -> None:
    store.put("DaemonSet", "v1")
    first = store.release()
    first.succeeded()
    assert not [line for line in first.lines if "put right" in line]
    store.sees({"v1": 100})
    store.put("DaemonSet", "v2")
    with store.load() as answered:
        store.release(wait_step=1).succeeded()
        store.sees({"v1": 50, "v2": 50})
        assert store.release().succeeded()["succeeded"]
        store.sees({"v2": 100})
        store.release(state="absent").succeeded()
        store.sees({"v2": 100})
    assert list_failures(answered) == []
    assert store.left() == {name: ["DaemonSet web", "Service web"] for name in NAMES}


def test_a_workload_with_an_autoscaler_keeps_as_many_pods_as_that_says(store: Store) -> None:
    store.put("Deployment", "v1", autoscaled=(2, 4))
    store.release().succeeded()
    store.put("Deployment", "v2", autoscaled=(2, 4))
    store.release(wait_step=1).succeeded()
    store.sees({"v1": 50, "v2": 50})
    assert store.pods("web") == store.pods("web-primary") == dict.fromkeys(NAMES, 2)
    assert store.release().succeeded()["succeeded"]
    store.sees({"v2": 100})
    assert (store.pods("web-primary"), store.pods("web")) == (dict.fromkeys(NAMES, 2), dict.fromkeys(NAMES, 0))


def test_a_canary_that_starts_slowly_is_not_judged_before_it_is_ready(store: Store) -> None:
    store.put("Deployment", "v1")
    store.release().succeeded()
    store.put("Deployment", "v2", starts_in=8)
    with receiving([Answer(200)]) as smoke, store.load():
        tests = [{"name": "smoke", "type": "pre-rollout", "url": smoke.url}]
        waiting = store.release(analysis=JUDGED_AT_ONCE, webhooks=tests, wait=False).succeeded()
        assert (waiting["failed_checks"], smoke.requests) == (0, [])
        result = store.release(analysis=JUDGED_AT_ONCE, webhooks=tests).succeeded()
    assert (result["succeeded"], result["failed_checks"]) == (True, 0)
    assert smoke.requests
    store.sees({"v2": 100})


def test_two_instances_of_one_chart_do_not_answer_for_each_other(store: Store) -> None:
    chart = {"app.kubernetes.io/name": "web"}
    store.put("Deployment", "other", name="two", labels={**chart, "app.kubernetes.io/instance": "two"})
    store.put("Deployment", "v1", labels={**chart, "app.kubernetes.io/instance": "one"})
    store.release().succeeded()
    store.put("Deployment", "v2", labels={**chart, "app.kubernetes.io/instance": "one"})
    store.release(wait_step=1).succeeded()
    store.sees({"v1": 50, "v2": 50})
    store.sees({"other": 100}, "two")
    assert store.release().succeeded()["succeeded"]
    store.sees({"v2": 100})
    store.sees({"other": 100}, "two")


def test_a_release_is_removed_where_its_workload_is_gone(store: Store) -> None:
    store.put("Deployment", "v1")
    store.release().succeeded()
    store.shop.clusters["west"].kubectl("-n", NAMESPACE, "delete", "deployment", "web")
    result = store.release(state="absent").succeeded()
    assert {each.partition(";")[0] for each in result["warnings"]} == {
        "west (Deployment store/web): is not there",
        "west (Deployment store/web): was to be given back as it was, and is not there any more",
    }
    assert store.left() == {"east": ["Deployment web", "Service web"], "west": ["Service web"]}
    store.sees({"v1": 100})
