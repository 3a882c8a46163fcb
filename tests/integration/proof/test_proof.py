# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes on two real meshes: how far each is known to have arrived, and that nothing else is said."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._findings import errors
from proof_lab import (
    CLUSTERS,
    HOST,
    Lab,
    applies,
    deletes,
    destination_rule,
    to,
    unknown_filter,
    virtual_service,
)


def test_a_weight_is_acknowledged_by_every_proxy_of_both_clusters(lab: Lab) -> None:
    proof = lab.change("acknowledged", applies(virtual_service(70)))
    assert proof.holds, proof.as_dict()
    assert proof.reached == "acknowledged"
    assert proof.findings == ()
    for cluster in CLUSTERS:
        assert lab.stale(cluster) == ""
        assert lab.weights(cluster) == {"east": 70, "west": 30}
        assert proof.clusters[cluster].details["proxies"] == lab.connected(cluster) >= 2
        assert proof.clusters[cluster].late == ()
    assert proof.skew_ms > 0
    assert "left the object out" in proof.not_proven


def test_weights_and_subsets_are_serving_in_what_proxies_have(lab: Lab) -> None:
    proof = lab.change("serving", applies(destination_rule("east", "west", "north")), applies(virtual_service(20)))
    assert proof.reached == "serving", proof.as_dict()
    for cluster in CLUSTERS:
        assert lab.weights(cluster) == {"east": 20, "west": 80}
        assert lab.proxy(cluster) in proof.clusters[cluster].details["sampled"]


def test_what_is_deleted_is_gone_from_the_proxies(lab: Lab) -> None:
    proof = lab.change("serving", deletes(virtual_service(50)))
    assert proof.reached == "serving", proof.as_dict()
    for cluster in CLUSTERS:
        assert lab.weights(cluster) == {}


def test_a_proxy_that_the_change_does_not_concern_is_not_late(lab: Lab) -> None:
    """Sidecars do not get what is for gateways only, and istiod sends them nothing."""
    proof = lab.change("acknowledged", applies(virtual_service(50, "edge", "edge.example.com", gateways=["nosuch"])))
    assert proof.reached == "acknowledged", proof.as_dict()
    unused = lab.change(
        "serving", applies(virtual_service(40, "edge", "edge.example.com", gateways=["nosuch"])), timeout=3
    )
    assert unused.reached == "acknowledged"
    assert {finding.check for finding in unused.findings} == {"not-serving"}
    assert unused.clusters["east"].late == ("VirtualService app/edge",)


def test_labels_of_the_user_are_no_change_for_proxies(lab: Lab) -> None:
    labelled = virtual_service(50)
    labelled["metadata"]["labels"] = {"team": str(time.time_ns())}
    proof = lab.change("acknowledged", applies(labelled))
    assert proof.reached == "acknowledged"
    assert "istiod reads none" in proof.clusters["east"].details["no_push"]


def test_a_rejection_fails_with_envoy_s_own_reason(lab: Lab) -> None:
    proof = lab.change("acknowledged", applies(unknown_filter()), on=["east"])
    assert proof.reached == "accepted", proof.as_dict()
    (finding,) = errors(proof.findings)
    assert (finding.cluster, finding.check) == ("east", "proxy-rejected")
    assert finding.object == f"Pod app/{lab.pod('east')['metadata']['name']}"
    assert "Didn't find a registered implementation for 'nosuch'" in finding.message

    # What was rejected before and still is, is no failure of the next change, and is not concealed either.
    again = lab.change("serving", applies(virtual_service(80)))
    assert again.reached == "serving", again.as_dict()
    assert {(each.cluster, each.severity, each.check) for each in again.findings} == {
        ("east", "warning", "proxy-rejected-before")
    }
    assert lab.weights("east") == {"east": 80, "west": 20}

    healed = lab.change("acknowledged", deletes(unknown_filter()), on=["east"])
    assert healed.reached == "acknowledged"
    assert healed.findings == ()


def test_a_proxy_that_stands_still_is_late_and_named(lab: Lab) -> None:
    with lab.envoy_stopped("east"):
        began = time.monotonic()
        proof = lab.change("acknowledged", applies(virtual_service(90)), timeout=7)
        assert 7 <= time.monotonic() - began < 30
        assert lab.proxy("east").partition(".")[0] in lab.stale("east")
    assert proof.reached == "accepted"
    assert proof.clusters["east"].late == (lab.proxy("east"),)
    assert proof.clusters["west"].level == "acknowledged"
    (finding,) = proof.findings
    assert (finding.cluster, finding.check, finding.severity) == ("east", "proxy-late", "error")
    assert "routes" in finding.message
    assert any(line.startswith(f"east: waiting for {lab.proxy('east')}") for line in lab.spoken)


def test_a_proxy_that_comes_back_in_time_is_waited_for(lab: Lab) -> None:
    known = lab.baseline("serving")
    with lab.envoy_stopped("west") as go_on:
        changes = lab.write(applies(virtual_service(10)))
        timer = threading.Timer(2.0, go_on)
        timer.start()
        proof = lab.prove("serving", known, changes, timeout=120)
        timer.join()
    assert proof.reached == "serving", proof.as_dict()
    assert lab.weights("west") == {"east": 10, "west": 90}
    # East had it long before.
    assert proof.skew_ms >= 1000


def test_a_proxy_that_goes_away_meanwhile_is_not_late(lab: Lab) -> None:
    known = lab.baseline("acknowledged")
    gone = lab.pod("east")["metadata"]["name"]
    changes = lab.write(applies(virtual_service(30)))
    lab.mesh.east.kubectl("-n", "app", "delete", "pod", gone, "--wait=false")
    proof = lab.prove("acknowledged", known, changes, timeout=240)
    assert proof.reached == "acknowledged", proof.as_dict()
    lab.mesh.east.kubectl("-n", "app", "rollout", "status", "deployment/echo", "--timeout=240s")


def test_an_istiod_that_is_replaced_meanwhile_is_waited_for(lab: Lab) -> None:
    known = lab.baseline("serving")
    changes = lab.write(applies(virtual_service(60)))
    lab.mesh.west.restart_istiod()
    proof = lab.prove("serving", known, changes, timeout=240)
    assert proof.reached == "serving", proof.as_dict()
    assert lab.weights("west") == {"east": 60, "west": 40}


def test_requests_are_measured(lab: Lab) -> None:
    """Made while the window is open; the split is Envoy's own count."""
    done = threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            lab.requests("east", 200)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    try:
        # Of true splits one in a hundred is contradicted, by the meaning of 99 %; three in a row are not.
        proofs = (lab.change("serving", applies(virtual_service(75)), window=4.0) for _attempt in range(3))
        proof = next((each for each in proofs if each.holds), None)
    finally:
        done.set()
        asking.join()
    assert proof is not None, lab.spoken
    measured = proof.clusters["east"].details["measured"]["VirtualService app/echo http[main]"]
    assert measured["verdict"] == "within"
    assert measured["requests"] >= 100
    share = measured["shares"][f"{HOST}/east"]
    assert share["low"] <= 0.75 <= share["high"]
    quiet = proof.clusters["west"].details["measured"]["VirtualService app/echo http[main]"]
    assert quiet["verdict"] == "inconclusive"


@pytest.mark.parametrize("level", ["written", "accepted"])
def test_weaker_levels_ask_no_istiod(lab: Lab, level: str) -> None:
    known = lab.baseline(level)
    assert known.istiods == {}
    proof = lab.prove(level, known, lab.write(applies(virtual_service(55))))
    assert proof.reached == level
    assert lab.spoken == []


def test_a_cluster_that_no_istiod_reads_is_told_at_once(lab: Lab) -> None:
    scale = ("-n", "istio-system", "scale", "deployment/istiod")
    # istiod's own webhook judges what is written, so it is written while there is one.
    changes = lab.write(applies(virtual_service(45)))
    lab.mesh.east.kubectl(*scale, "--replicas=0")
    try:
        lab.mesh.east.kubectl("-n", "istio-system", "wait", "pods", "-l", "app=istiod", "--for=delete", "--timeout=90s")
        known = lab.baseline("acknowledged")
        assert {before.reads for before in known.istiods.values()} == {"west"}
        proof = lab.prove("acknowledged", known, {"east": changes["east"]})
        assert proof.reached == "accepted"
        (finding,) = proof.findings
        assert (finding.cluster, finding.check) == ("east", "cluster-not-read")
    finally:
        lab.mesh.east.kubectl(*scale, "--replicas=1")
        lab.mesh.east.kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=240s")


def test_two_istiods_of_a_cluster_are_both_asked(lab: Lab) -> None:
    scale = ("-n", "istio-system", "scale", "deployment/istiod")
    lab.mesh.east.kubectl(*scale, "--replicas=2")
    try:
        lab.mesh.east.kubectl("-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=240s")
        proof = lab.change("acknowledged", applies(virtual_service(65)))
        assert proof.reached == "acknowledged", proof.as_dict()
        assert proof.clusters["east"].details["istiods"] == 2
        assert proof.clusters["east"].details["proxies"] == lab.connected("east") >= 2
    finally:
        lab.mesh.east.kubectl(*scale, "--replicas=1")


def test_tcp_routes_are_serving_too(lab: Lab) -> None:
    stream = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "stream", "namespace": "app"},
        "spec": {"selector": {"app": "echo"}, "ports": [{"name": "tcp-stream", "port": 9090}]},
    }
    routes = virtual_service(50, "stream", "stream")
    routes["spec"] = {
        "hosts": ["stream"],
        "tcp": [{"route": [{"destination": {"host": "stream"}, "weight": 60}, to("west", 40)]}],
    }
    try:
        proof = lab.change("serving", applies(stream), applies(routes))
        assert proof.reached == "serving", proof.as_dict()
        assert "nothing of a Service" in proof.clusters["east"].details["not_looked_for"]["Service app/stream"]
    finally:
        gone = lab.change("serving", deletes(routes), deletes(stream))
    assert gone.reached == "serving", gone.as_dict()
