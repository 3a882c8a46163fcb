# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier Istio left is named before anything is written, and taken over or removed as the user says.

https://github.com/istio/istio/issues/38880, /36905, /58447, /39646, /43204 and /59630 are reports of such leftovers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils import _yaml
from ansible_collections.onemesh.istio.plugins.module_utils._helm.live import count_objects
from ansible_collections.onemesh.istio.plugins.module_utils._helm.manifest import owner_of
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from helm_runs import ISTIO, RELEASES, Releases

ROLE = "istiod-clusterrole-istio-system"
VALIDATOR, TAG = "istiod-default-validator", "istio-revision-tag-default"
TYPES = ("virtualservices.networking.istio.io", "sidecars.networking.istio.io")
STRANGER = "my-istiod-clusterrole"
ENDS_WITHIN = 60
"""Seconds."""


def webhook(kind: kinds.Kind, name: str, path: str) -> dict[str, Any]:
    """It calls an istiod in a namespace that is gone, and refuses all that it is asked about."""
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "labels": {"istio.io/rev": "default", "istio.io/tag": "default"}},
        "webhooks": [
            {
                "name": "validation.istio.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Fail",
                "clientConfig": {"service": {"name": "istiod", "namespace": "mesh-of-old", "path": path}},
                "rules": [
                    {
                        "apiGroups": ["networking.istio.io"],
                        "apiVersions": ["*"],
                        "operations": ["CREATE"],
                        "resources": ["*"],
                    }
                ],
            }
        ],
    }


def cluster_role(name: str) -> dict[str, Any]:
    return {
        "apiVersion": kinds.CLUSTER_ROLE.api_version,
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [],
    }


@pytest.fixture
def left(fresh: Releases) -> Iterator[Releases]:
    """A cluster without any release, with what people find on theirs."""
    client = fresh.client
    for secret in client.list(kinds.SECRET, ISTIO, label_selector="owner=helm"):
        client.delete(kinds.SECRET, secret["metadata"]["name"], ISTIO)
    clear(fresh)
    definitions = {
        each["metadata"]["name"]: each
        for each in _yaml.load_all(Path(fresh.charts, "base/files/crd-all.gen.yaml").read_bytes())
        if each
    }
    for manifest in (
        webhook(kinds.VALIDATING_WEBHOOK_CONFIGURATION, VALIDATOR, "/validate"),
        webhook(kinds.MUTATING_WEBHOOK_CONFIGURATION, TAG, "/inject"),
        cluster_role(ROLE),
        cluster_role(STRANGER),
        *(definitions[name] for name in TYPES),
    ):
        client.create(manifest, field_manager="istioctl")
    yield fresh
    clear(fresh)


def clear(cluster: Releases) -> None:
    """Take off the cluster all that the charts made, so that the next installation is the first one."""
    client = cluster.client
    for kind in (
        kinds.VALIDATING_WEBHOOK_CONFIGURATION,
        kinds.MUTATING_WEBHOOK_CONFIGURATION,
        kinds.CLUSTER_ROLE_BINDING,
        kinds.CLUSTER_ROLE,
        kinds.CUSTOM_RESOURCE_DEFINITION,
    ):
        found = [each for each in client.list(kind) if "istio" in each["metadata"]["name"]]
        names = [each["metadata"]["name"] for each in found]
        if kind == kinds.CUSTOM_RESOURCE_DEFINITION:
            # Kubernetes fails to end a type whose storage nobody has opened, and then may forget it for five minutes.
            for definition in found:
                count_objects(client, definition)
        for name in names:
            client.delete(kind, name)
        for name in names:
            client.wait_gone(kind, name, None, ENDS_WITHIN)
    for kind in (
        kinds.DEPLOYMENT,
        kinds.SERVICE,
        kinds.SERVICE_ACCOUNT,
        kinds.CONFIG_MAP,
        kinds.ROLE,
        kinds.ROLE_BINDING,
        kinds.SECRET,
    ):
        for each in client.list(kind, ISTIO):
            client.delete(kind, each["metadata"]["name"], ISTIO)


def uids(cluster: Releases) -> dict[str, str]:
    client = cluster.client
    listed = [
        *client.list(kinds.CUSTOM_RESOURCE_DEFINITION),
        *client.list(kinds.CLUSTER_ROLE),
        *client.list(kinds.VALIDATING_WEBHOOK_CONFIGURATION),
        *client.list(kinds.MUTATING_WEBHOOK_CONFIGURATION),
    ]
    return {each["metadata"]["name"]: each["metadata"]["uid"] for each in listed}


def test_leftovers_are_refused_with_all_of_them_named_and_nothing_is_written(left: Releases) -> None:
    before = uids(left)
    for run in (left.preflight(), left.run()):
        assert run.result["failed"]
        assert "leftover" in run.checks
        for name in (VALIDATOR, *TYPES):
            assert name in run.result["msg"]
        assert STRANGER not in run.result["msg"]
        assert "to take them over set leftovers to adopt" in run.result["msg"]
    assert ROLE in left.preflight().result["msg"], "also of the charts that come later"
    assert "webhook-of-a-gone-istio" in left.preflight("adopt").checks, "no chart will own it"
    assert "calls Service mesh-of-old/istiod, which does not exist" in left.preflight().result["msg"]
    assert uids(left) == before
    assert left.client.list(kinds.SECRET, ISTIO, label_selector="owner=helm") == []


def test_leftovers_are_adopted(left: Releases) -> None:
    before = uids(left)
    foretold = left.run(leftovers="adopt", check_mode=True).succeeded()
    assert uids(left) == before
    run = left.run(leftovers="adopt").succeeded()
    adopted = [name for each in run.releases.values() for name in each["adopted"]]
    assert adopted == [name for each in foretold.releases.values() for name in each["adopted"]]
    assert {name.split()[1] for name in adopted} == {VALIDATOR, ROLE, *TYPES}
    after = uids(left)
    assert {name: after[name] for name in before} == before, "nothing was made anew"
    role = left.client.get(kinds.CLUSTER_ROLE, ROLE)
    assert (owner_of(role) or ("",))[0] == "istiod"
    assert role["rules"], "the content is the chart's"
    assert left.run(binary_path="/nonexistent/helm").succeeded().result["changed"] is False


def test_exactly_the_leftovers_are_removed(left: Releases) -> None:
    before = uids(left)
    assert "leftover" not in left.preflight("remove").checks
    run = left.run(leftovers="remove").succeeded()
    removed = {name.split()[1] for each in run.releases.values() for name in each["removed"]}
    assert removed == {VALIDATOR, TAG, ROLE, *TYPES}
    after = uids(left)
    assert {name for name in before if after.get(name) != before[name]} == removed
    assert TAG not in after


def test_a_resource_type_with_objects_is_not_removed(left: Releases) -> None:
    client = left.client
    for name in (VALIDATOR,):
        client.delete(kinds.VALIDATING_WEBHOOK_CONFIGURATION, name)
    client.delete(kinds.MUTATING_WEBHOOK_CONFIGURATION, TAG)
    client.wait_for(
        kinds.CUSTOM_RESOURCE_DEFINITION,
        TYPES[1],
        None,
        lambda live: any(
            each["type"] == "Established" and each["status"] == "True"
            for each in (live.get("status") or {}).get("conditions") or ()
        ),
        20,
    )
    client.create(
        {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "mine", "namespace": ISTIO}}
    )
    for run in (left.preflight("remove"), left.run(leftovers="remove")):
        assert "leftover-in-use" in run.checks
        assert (
            f"{TYPES[1]} (with 1 object) is to be removed, and its objects would be deleted with it"
            in run.result["msg"]
        )
    assert client.get(kinds.SIDECAR, "mine", ISTIO)
    assert left.run(leftovers="adopt").succeeded().actions == {each["name"]: "installed" for each in RELEASES}
    assert client.get(kinds.SIDECAR, "mine", ISTIO)
