# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each verb tells at the end of its task, by its result. How rows are laid out is not asked here."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._change.report import WORDS
from ansible_collections.onemesh.istio.plugins.module_utils._operations import apply, rollout
from ansible_collections.onemesh.istio.plugins.module_utils._operations.cacerts import run as cacerts
from ansible_collections.onemesh.istio.plugins.module_utils._operations.helm_release import run as helm_release
from ansible_collections.onemesh.istio.plugins.module_utils._operations.link import run as link
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, run_operation
from ansible_collections.onemesh.istio.plugins.module_utils._operations.preflight import run as preflight
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from ansible_collections.onemesh.istio.plugins.module_utils._operations.traffic_split import run as traffic_split
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import run as verify
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import run as wipe
from ansible_collections.onemesh.istio.plugins.module_utils._operations.writer import run as writer
from ansible_collections.onemesh.istio.plugins.module_utils._summary.lines import write_lines

FLEET = {"clusters": [{"name": "east"}, {"name": "west"}], "mesh": []}
ROUTE = "VirtualService shop/reviews"


def changed(**words: Any) -> dict[str, Any]:
    """The part of a cluster in the result of a change."""
    nothing: dict[str, Any] = {word: [] for word in WORDS}
    return {"state": "ready", "findings": [], **nothing, **words}


def finding(cluster: str, severity: str = "warning") -> dict[str, Any]:
    return {
        "cluster": cluster,
        "clusters": [cluster],
        "check": "x",
        "severity": severity,
        "object": "",
        "message": "its token ends in 20 minutes",
        "remedy": "get a new one",
    }


def made_link(source: str, target: str, action: str, **more: Any) -> dict[str, Any]:
    return {"from": source, "to": target, "action": action, "reason": "", "changed": action != "keep", **more}


def certificate(subject: str, days: int) -> dict[str, Any]:
    return {"subject": subject, "not_after": "2026-12-01T00:00:00Z", "days_left": days}


CASES: dict[str, tuple[ModuleType, dict[str, Any], dict[str, Any], list[str]]] = {
    "replicate": (
        replicate,
        {"set": "reviews"},
        {"clusters": {"east": changed(created=[ROUTE])}},
        ["replicate reviews: changed east", "looked at east 1 object", f"made east {ROUTE}"],
    ),
    "traffic_split with its weights": (
        traffic_split,
        {"set": None, "name": "reviews", "host": None},
        {
            "set": "virtualservice-shop-reviews",
            "clusters": {"east": changed(configured=[ROUTE]), "west": changed(unchanged=[ROUTE])},
            "weights": {
                "east": {"http[main]": {"v1": 70, "v2": 30}},
                "west": {"http[main]": {"v1": 1, "v2": 3}},
            },
        },
        [
            "traffic_split virtualservice-shop-reviews: changed 1 of 2 clusters",
            "looked at east, west 1 object",
            f"changed east {ROUTE}",
            "weights east http[main]: v1 70 %, v2 30 %",
            "weights west http[main]: v1 1 of 4, v2 3 of 4",
        ],
    ),
    "apply": (
        apply,
        {"component": "namespace"},
        {"clusters": {"east": changed(created=["Namespace a"], unchanged=["Namespace b"])}},
        ["apply namespace: changed east", "looked at east 2 objects", "made east Namespace a"],
    ),
    "rollout": (
        rollout,
        {"deployments": ["istiod"]},
        {"clusters": {"east": {"ready": True, "restarted": ["istiod"]}}},
        [
            "rollout: all Deployments are rolled out",
            "looked at east 1 Deployment",
            "restarted east istiod",
            "rolled out east Deployment istiod",
        ],
    ),
    "helm_release": (
        helm_release,
        {"releases": [{"name": "istio-base"}, {"name": "istiod"}]},
        {
            "clusters": {
                "east": {
                    "releases": [
                        {
                            "name": "istio-base",
                            "action": "unchanged",
                            "reasons": [],
                            "revision": 1,
                            "recovered": "",
                            "adopted": [],
                            "removed": [],
                        },
                        {
                            "name": "istiod",
                            "action": "repaired",
                            "reasons": ["Service a/b is missing"],
                            "revision": 3,
                            "recovered": "",
                            "adopted": ["Role a/c"],
                            "removed": ["Role a/d"],
                        },
                    ]
                }
            }
        },
        [
            "helm_release istio-base, istiod: changed east",
            "looked at east 2 releases",
            "put right east release istiod, revision 3 (Service a/b is missing)",
            "removed east Role a/d",
            "adopted east Role a/c",
        ],
    ),
    "cacerts": (
        cacerts,
        {"state": "present"},
        {
            "clusters": {
                "east": {
                    "changed": True,
                    "action": "create",
                    "restart_required": True,
                    "intermediate": certificate("CN=east", 365),
                    "root": certificate("CN=Root", 3650),
                },
                "west": {"changed": False, "action": "keep", "root": certificate("CN=Root", 3650)},
            }
        },
        [
            "cacerts: changed 1 of 2 clusters",
            "looked at east, west 1 certificate authority",
            "made east Secret cacerts",
            "intermediate east CN=east until 2026-12-01T00:00:00Z (365 days)",
            "root east, west CN=Root until 2026-12-01T00:00:00Z (3650 days)",
            "next restart istiod of east, which goes on with what it had: role control_plane does",
        ],
    ),
    "cacerts of a store that is looked at": (
        cacerts,
        {"state": "checked"},
        {
            "clusters": {"east": {"changed": True, "action": "create"}},
            "generate": {
                "root": True,
                "intermediates": ["east"],
                "encrypt": [],
                "modes": [{"path": "/t", "mode": "0700"}],
            },
        },
        [
            "cacerts: looked at, and nothing written",
            "looked at east 1 certificate authority",
            "to be made a root, an intermediate for east",
            "open files /t",
        ],
    ),
    "link": (
        link,
        {**FLEET, "state": "present"},
        {
            "links": [
                made_link("east", "west", "create", expires="2026-12-21T09:00:00Z"),
                made_link("west", "east", "keep"),
            ],
            "later": ["rome"],
        },
        [
            "link: changed 1 of 3 clusters",
            "looked at east, west 1 link",
            "made east link to west",
            "later rome has no istiod yet: it is linked when it joins",
            "tokens the first of the new ones ends at 2026-12-21T09:00:00Z",
        ],
    ),
    "link of one cluster": (
        link,
        {"clusters": [{"name": "east"}], "mesh": [], "state": "present"},
        {"links": []},
        ["link: east is the only cluster of the mesh, so there is nothing to do"],
    ),
    "unlink, and what stays": (
        link,
        {**FLEET, "state": "absent"},
        {"links": [made_link("east", "west", "remove")], "beyond": [finding("east", "error")]},
        [
            "unlink: changed east",
            "looked at east 1 link",
            "removed east link to west",
            "warning east its token ends in 20 minutes",
            "-> get a new one",
        ],
    ),
    "preflight with all well": (
        preflight,
        FLEET,
        {
            "clusters": {
                "east": {"reachable": True, "kubernetes": "1.36", "istio": [], "network": "a"},
                "west": {"reachable": True, "kubernetes": "1.36", "istio": ["1.31.0"], "network": "a"},
            },
            "findings": [finding("west")],
        },
        [
            "preflight: nothing is in the way on 2 clusters",
            "found east Kubernetes 1.36, no Istio, network a",
            "found west Kubernetes 1.36, Istio 1.31.0, network a",
            "warning west its token ends in 20 minutes",
            "-> get a new one",
        ],
    ),
    "verify": (
        verify,
        FLEET,
        {
            "matrix": {"east": {"west": {"ok": True}, "east": {"ok": True}}, "west": {"east": {"ok": False}}},
            "report": ["the matrix"],
            "later": ["rome"],
        },
        [
            "verify: 2 of 3 pairs of clusters are as they are to be",
            "the matrix",
            "left out rome has no istiod yet",
        ],
    ),
    "wipe": (
        wipe,
        FLEET,
        {
            "clusters": {
                "east": {
                    "removed": [{"object": "Deployment istio-system/istiod", "reason": "x"}],
                    "stays": [{"object": "ClusterRole a", "reason": "not Istio's"}],
                    "leaked": [],
                    "finalizers_cleared": ["Namespace a: b"],
                }
            },
            "peers": {"west": {"removed": [{"object": "Secret a/b", "reason": "x"}]}},
            "findings": [
                {
                    "severity": "warning",
                    "clusters": ["east"],
                    "object": "Namespace app",
                    "message": "pods in namespace app still have a sidecar: deployment/web",
                    "remedy": "kubectl -n app rollout restart deployment/web",
                }
            ],
        },
        [
            "wipe: changed 2 of 2 clusters",
            "looked at east 2 objects",
            "removed east Deployment istio-system/istiod",
            "removed west Secret a/b",
            "kept east ClusterRole a (not Istio's)",
            "finalizers taken off east Namespace a: b",
            "warning east Namespace app: pods in namespace app still have a sidecar: deployment/web",
            "-> kubectl -n app rollout restart deployment/web",
        ],
    ),
    "writer": (
        writer,
        FLEET,
        {
            "hub": "east",
            "writers": [
                {
                    "cluster": "west",
                    "action": "create",
                    "reason": "east has no kubeconfig for it",
                    "changed": True,
                    "expires": "2026-12-21T09:00:00Z",
                },
            ],
        },
        [
            "writer: changed west",
            "looked at west 1 account",
            "made west writer (east has no kubeconfig for it)",
            "token until west 2026-12-21T09:00:00Z",
            "hub east keeps the kubeconfigs",
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_verb_tells(case: str) -> None:
    operation, parameters, result, told = CASES[case]
    lines = write_lines(operation.summarize(parameters, result, foretold=False))
    assert [" ".join(line.split()) for line in lines] == told


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_failed_before_it_had_a_result_tells_why(case: str) -> None:
    operation, parameters, _result, _told = CASES[case]
    findings = [finding("west", "error")]
    failed = {"failed": True, "msg": "Nothing was written.\n  west: ...", "findings": findings}

    failing = SimpleNamespace(ARGUMENT_SPEC={}, run=lambda *_: failed, summarize=operation.summarize)
    summary = run_operation(cast(ModuleType, failing), parameters, Context())["summary"]
    assert summary["outcome"] == "Nothing was written."
    assert [(each["clusters"], each["remedy"]) for each in summary["remarks"]] == [(("west",), "get a new one")]
