# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of istiods, peers and clusters that are away."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._finding_kinds import NOT_REACHABLE
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding
from ansible_collections.onemesh.istio.plugins.module_utils._fleet import LaneOutcome
from ansible_collections.onemesh.istio.plugins.module_utils._istio import remote_secret
from ansible_collections.onemesh.istio.plugins.module_utils._istiod.pods import istiod_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Unreachable
from ansible_collections.onemesh.istio.plugins.module_utils._operations.cluster_info import (
    describe_peers,
    describe_revisions,
    findings_of,
)


def pod(version: str, revision: str = "", *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "istiod",
            "namespace": "istio-system",
            "labels": {"istio.io/rev": revision} if revision else {},
        },
        "spec": {"containers": [{"name": "discovery", "image": f"istio/pilot:{version}"}]},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def test_pods_are_counted_for_each_revision() -> None:
    pods = [pod("1.31.0", "blue"), pod("1.31.1", "blue", ready=False), pod("1.30.0")]
    assert describe_revisions([istiod_of(each, "east") for each in pods], {"blue": "mesh.example"}) == {
        "blue": {"versions": ["1.31.0", "1.31.1"], "replicas": 2, "ready": 1, "trust_domain": "mesh.example"},
        "default": {"versions": ["1.30.0"], "replicas": 1, "ready": 1, "trust_domain": None},
    }


def registrations(**data: str) -> remote_secret.Registrations:
    secrets = [
        remote_secret.make_stored(remote_secret.build(name, f"https://{name}", b"", "t")) for name in data if data[name]
    ]
    for name in data:
        if not data[name]:
            broken = remote_secret.make_stored(remote_secret.build(name, "https://x", b"", "t"))
            secrets.append({**broken, "data": {name: ""}})
    return remote_secret.parse(secrets, cluster="east")


def istiod(clusters: dict[str, str] | None) -> dict[str, Any]:
    return {"clusters": clusters}


SYNC: dict[str, tuple[list[dict[str, Any]], bool | None]] = {
    "every istiod": ([istiod({"west": "synced"}), istiod({"west": "synced"})], True),
    "one has not": ([istiod({"west": "synced"}), istiod({"west": "timeout"})], False),
    "one does not know it": ([istiod({"west": "synced"}), istiod({})], False),
    "one cannot be asked": ([istiod({"west": "synced"}), istiod(None)], True),
    "none can be asked": ([istiod(None)], None),
    "there is none": ([], None),
}


@pytest.mark.parametrize("case", SYNC)
def test_a_peer_is_synced_when_every_istiod_says_so(case: str) -> None:
    istiods, synced = SYNC[case]
    assert describe_peers(registrations(west="good"), istiods)["west"]["synced"] is synced


def test_a_peer_is_known_by_its_secret_and_by_istiod() -> None:
    found = describe_peers(registrations(west="good", north="", east="good"), [istiod({"south": "synced"})])
    assert {name: (peer["usable"], peer["reason"]) for name, peer in found.items()} == {
        "north": (False, "kubeconfig is empty"),
        "south": (False, "no remote secret names it"),
        "west": (True, ""),
    }


@pytest.mark.parametrize(("required", "severity"), [(False, "warning"), (True, "error")])
def test_a_cluster_that_is_away_fails_only_where_it_is_required(required: bool, severity: Any) -> None:
    outcome: LaneOutcome[dict[str, Any]] = LaneOutcome(None, Unreachable("west", "no answer", remedy="look"), 1.0)
    assert findings_of("west", outcome, required) == [Finding("west", NOT_REACHABLE, "no answer", "look", severity)]


def test_a_fact_that_may_not_be_read_is_a_finding() -> None:
    outcome = LaneOutcome({"not_read": {"nodes": "forbidden"}}, None, 1.0)
    (finding,) = findings_of("west", outcome, True)
    assert (finding.check, finding.message, finding.severity) == ("fact-not-read", "nodes: forbidden", "warning")
