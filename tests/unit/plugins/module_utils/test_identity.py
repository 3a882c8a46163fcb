# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells that an API server is another cluster than it is said to be."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._identity import (
    UNNAMED,
    Claim,
    ClusterIdentity,
    ExpectedUid,
    another_than_expected,
    claim_of,
    cluster_ids_of,
    cluster_ids_of_pods,
    contradicted_beside,
    judge,
)


def identity(cluster: str = "west", uid: str = "u-1", **known: Any) -> ClusterIdentity:
    return ClusterIdentity(cluster, "istio-system", f"https://{cluster}.test:6443", uid, **known)


def istiod_of(name: str) -> dict[str, str]:
    return {"Deployment istio-system/istiod": name}


CASES: dict[str, tuple[list[ClusterIdentity], set[tuple[str, str]]]] = {
    "a cluster without anything": ([identity()], set()),
    "claimed rightly": ([identity(claim=Claim("west", "u-1"))], set()),
    "claimed as another": ([identity(claim=Claim("east", "u-1"))], {("west", "cluster-differs")}),
    "restored from its own backup": ([identity(claim=Claim("west", "u-0"))], {("west", "cluster-replaced")}),
    "restored from another's backup": ([identity(claim=Claim("east", "u-0"))], {("west", "cluster-replaced")}),
    "a claim without a UID": ([identity(claim=Claim("west", ""))], {("west", "cluster-replaced")}),
    "an istiod of its name": ([identity(cluster_ids=istiod_of("west"))], set()),
    "an istiod of another name": ([identity(cluster_ids=istiod_of("east"))], {("west", "cluster-id-differs")}),
    "an istiod that nobody named": ([identity(cluster_ids=istiod_of(UNNAMED))], set()),
    "one of two revisions has another name": (
        [identity(cluster_ids={"Deployment istio-system/istiod": "west", "Deployment istio-system/istiod-2": "east"})],
        {("west", "cluster-id-differs")},
    ),
    "claimed rightly, and an istiod of another name": (
        [identity(claim=Claim("west", "u-1"), cluster_ids=istiod_of("east"))],
        {("west", "cluster-id-differs")},
    ),
    "two clusters": ([identity("west", "u-1"), identity("east", "u-2")], set()),
    "two names of one": ([identity("west", "u-1"), identity("east", "u-1")], {("east", "same-api-server")}),
    "two of three are one": (
        [identity("west", "u-1"), identity("north", "u-2"), identity("east", "u-1")],
        {("east", "same-api-server")},
    ),
    "two names of one that says who it is": (
        [identity("west", "u-1", claim=Claim("east", "u-1")), identity("east", "u-1", claim=Claim("east", "u-1"))],
        {("west", "cluster-differs"), ("east", "same-api-server")},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_which_clusters_are_not_what_they_are_said_to_be(case: str) -> None:
    identities, expected = CASES[case]
    findings = judge(identities)
    assert {(finding.cluster, finding.check) for finding in findings} == expected
    for finding in findings:
        assert "https://" in finding.message
        assert finding.remedy.startswith("correct kubeconfig or context")
        assert "wipe" not in finding.remedy


def test_the_record_of_a_restored_backup_can_be_taken_away() -> None:
    (finding,) = judge([identity(claim=Claim("west", "u-0"))])
    forget = "`kubectl annotate namespace istio-system onemesh.istio/cluster- onemesh.istio/cluster-uid-`"
    assert finding.remedy.endswith(forget)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (None, "only if east is the cluster that you mean, this one's name has to be east"),
        (Claim("west", "u-1"), "if a hand changed istiod, set CLUSTER_ID=west there again (kubectl set env)"),
    ],
)
def test_an_istiod_that_a_hand_renamed_is_told_from_another_cluster(claim: Claim | None, words: str) -> None:
    (finding,) = judge([identity(claim=claim, cluster_ids=istiod_of("east"))])
    assert finding.remedy.endswith(words)


@pytest.mark.parametrize(("recorded", "found"), [("u-1", False), ("u-0", True)])
def test_a_cluster_that_a_record_knows_by_another_uid(recorded: str, found: bool) -> None:
    finding = another_than_expected(identity(), ExpectedUid(recorded, "the record of set s", "set write_off: [west]"))
    assert (finding is not None) is found
    if finding is not None:
        assert (finding.check, finding.remedy.rpartition("; ")[2]) == (
            "cluster-replaced",
            "if it was rightly made anew, set write_off: [west]",
        )


def deployment(*variables: dict[str, Any]) -> dict[str, Any]:
    pod = {"containers": [{"name": "discovery", "env": list(variables)}]}
    return {"metadata": {"namespace": "istio-system", "name": "istiod"}, "spec": {"template": {"spec": pod}}}


BESIDE: dict[str, tuple[str, str, dict[str, str], set[str]]] = {
    "nothing": ("istio-other", "", {}, set()),
    "an istiod of its name": ("istio-other", "west", {}, set()),
    "an istiod of another name": ("istio-other", "east", {}, {"cluster-id-differs"}),
    "an istiod that nobody named": ("istio-other", UNNAMED, {}, set()),
    "the record of another": ("istio-other", "", Claim("east", "u-1").annotations, {"cluster-differs"}),
    "its own record": ("istio-other", "", Claim("west", "u-1").annotations, set()),
    "in the namespace that was judged before": ("istio-system", "east", Claim("east", "u-1").annotations, set()),
}


@pytest.mark.parametrize("case", BESIDE)
def test_what_stands_beside_in_other_namespaces(case: str) -> None:
    namespace, cluster_id, annotations, expected = BESIDE[case]
    istiod = deployment({"name": "CLUSTER_ID", "value": cluster_id})
    istiod["metadata"]["namespace"] = namespace
    findings = contradicted_beside(
        identity(), [{"metadata": {"name": namespace, "annotations": annotations}}], [istiod] if cluster_id else []
    )
    assert {finding.check for finding in findings} == expected
    for finding in findings:
        assert namespace in finding.object
        assert finding.remedy.startswith("correct kubeconfig or context")


CLUSTER_IDS: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "none": ([], {}),
    "one": ([deployment({"name": "CLUSTER_ID", "value": "east"})], {"Deployment istio-system/istiod": "east"}),
    "without a CLUSTER_ID": ([deployment({"name": "OTHER", "value": "x"})], {}),
    "an empty CLUSTER_ID": ([deployment({"name": "CLUSTER_ID", "value": ""})], {}),
    "from a config map": (
        [deployment({"name": "CLUSTER_ID", "valueFrom": {"configMapKeyRef": {"name": "x", "key": "y"}}})],
        {},
    ),
}


@pytest.mark.parametrize("case", CLUSTER_IDS)
def test_which_cluster_ids_istiods_say(case: str) -> None:
    deployments, expected = CLUSTER_IDS[case]
    assert cluster_ids_of(deployments) == expected
    pods = [{"metadata": each["metadata"], "spec": each["spec"]["template"]["spec"]} for each in deployments]
    assert cluster_ids_of_pods(pods) == {
        where.replace("Deployment", "Pod"): cluster_id for where, cluster_id in expected.items()
    }


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, None),
        ({"annotations": None}, None),
        ({"annotations": {"onemesh.istio/cluster-uid": "u-1"}}, None),
        ({"annotations": {"onemesh.istio/cluster": "west"}}, Claim("west", "")),
        ({"annotations": Claim("west", "u-1").annotations}, Claim("west", "u-1")),
    ],
)
def test_what_a_namespace_claims(metadata: dict[str, Any], expected: Claim | None) -> None:
    assert claim_of({"metadata": metadata}) == expected


def test_no_namespace_claims_nothing() -> None:
    assert claim_of(None) is None
