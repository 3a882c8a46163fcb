# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Module apply: the twelve steps of an object's life, check mode before each, and what is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.kinds import CONFIG_MAP
from support.lab_runs import CONTROL_PLANE, GATEWAY, LINK, PREFLIGHT, Lab

pytestmark = pytest.mark.lab
OURS = {"app.kubernetes.io/managed-by": "onemesh.istio", "onemesh.istio/component": "test"}
FLEET = "{{ ansible_play_hosts_all | onemesh.istio.clusters(hostvars) }}"
NAME, NAMESPACE = "apply-test", "default"
SHOWN = f"ConfigMap {NAMESPACE}/{NAME}"


def config_map(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": data,
    }


def apply(
    name: str, *objects: dict[str, Any], force: bool = False, state: str = "present", **task: Any
) -> dict[str, Any]:
    """A task. It goes on where it fails, so that a play shows what comes of each."""
    module = {"clusters": FLEET, "component": "test", "objects": [*objects], "force": force, "state": state}
    return {"name": name, "onemesh.istio.apply": module, "run_once": True, "ignore_errors": True, **task}


AS_MODULE = {"async": 60, "poll": 1}


def data(lab: Lab, cluster: str = "west") -> Any:
    found = lab.clients[cluster].find(CONFIG_MAP, NAME, NAMESPACE)
    return None if found is None else found["data"]


@pytest.fixture
def clean(bare: Lab) -> Iterator[Lab]:
    yield bare
    for client in bare.clients.values():
        client.delete(CONFIG_MAP, NAME, NAMESPACE)


def test_created_configured_and_unchanged_with_check_mode_before_each(clean: Lab) -> None:
    run = clean.run(
        apply("create in check mode", config_map(a="1"), check_mode=True),
        apply("create", config_map(a="1")),
        apply("create again in check mode", config_map(a="1"), check_mode=True),
        apply("create again", config_map(a="1")),
        apply("modify in check mode", config_map(a="2"), check_mode=True),
        apply("modify", config_map(a="2")),
        apply("modify again", config_map(a="2")),
        apply("delete in check mode", config_map(), state="absent", check_mode=True),
        apply("delete", config_map(), state="absent"),
        apply("delete again in check mode", config_map(), state="absent", check_mode=True),
        apply("delete again", config_map(), state="absent"),
        apply("create once more", config_map(a="1")),
        arguments=["--diff"],
    ).succeeded()
    for step, action in (("create", "created"), ("modify", "configured"), ("delete", "deleted")):
        checked, done = run.of(f"{step} in check mode").result, run.of(step).result
        for result in (checked, done):
            assert result["changed"] is True
            assert [cluster[action] for cluster in result["clusters"].values()] == [[SHOWN], [SHOWN]]
        # What check mode shows before and after is what the run then finds and leaves: it wrote nothing.
        assert checked["diff"] == done["diff"]
    for step in ("create", "modify", "delete"):
        result = run.of(f"{step} again").result
        assert (result["changed"], result["diff"]) == (False, [])
        assert [cluster["unchanged"] for cluster in result["clusters"].values()] == [[SHOWN], [SHOWN]]
    assert run.of("create once more").result["changed"] is True
    assert data(clean, "east") == data(clean, "west") == {"a": "1"}
    assert clean.clients["west"].get(CONFIG_MAP, NAME, NAMESPACE)["metadata"]["labels"] == OURS


def test_what_others_wrote_stays_theirs(clean: Lab) -> None:
    """Fields of a user survive, an object of a user does not become ours, and a conflict names who holds the field."""
    west = clean.clients["west"]
    west.apply(config_map(theirs="kept", shared="theirs"), field_manager="somebody")
    run = clean.run(
        apply("add", config_map(ours="1")),
        apply("conflict", config_map(shared="ours")),
    ).succeeded()
    assert run.of("add").result["clusters"]["west"]["configured"] == [SHOWN]
    assert run.of("conflict").status == "failed"
    assert '.data.shared is managed by "somebody"' in run.output
    assert 'let "somebody" give these fields up' in run.output
    assert data(clean) == {"theirs": "kept", "shared": "theirs", "ours": "1"}
    assert data(clean, "east") == {"shared": "ours"}, "the other cluster has no conflict"
    assert "labels" not in west.get(CONFIG_MAP, NAME, NAMESPACE)["metadata"]

    clean.run(apply("force", config_map(shared="ours"), force=True)).succeeded()
    assert data(clean) == {"theirs": "kept", "shared": "ours"}

    kept = clean.run(apply("delete", config_map(), state="absent")).succeeded()
    assert [each["deleted"] for each in kept.last["clusters"].values()] == [[SHOWN], []]
    assert data(clean) == {"theirs": "kept", "shared": "ours"}


def test_as_a_module_it_says_the_same_as_an_action(clean: Lab) -> None:
    """A task that is run asynchronously is a module process; one that is not runs on the controller."""
    unusable = {"apiVersion": "v1", "kind": "ConfigMap"}
    run = clean.run(
        apply("check as an action", config_map(a="1"), check_mode=True),
        apply("as a module", config_map(a="1"), **AS_MODULE),
        apply("again as a module", config_map(a="1"), **AS_MODULE),
        apply("again as an action", config_map(a="1")),
        apply("refused as a module", unusable, **AS_MODULE),
        apply("refused as an action", unusable),
    ).succeeded()
    pairs = (
        ("check as an action", "as a module", ("changed", "clusters", "diff")),
        ("again as an action", "again as a module", ("changed", "clusters", "diff")),
        ("refused as an action", "refused as a module", ("changed", "msg", "findings")),
    )
    for action, module, names in pairs:
        one, other = run.of(action).result, run.of(module).result
        assert {name: one[name] for name in names} == {name: other[name] for name in names}
    assert run.of("as a module").result["changed"] is True
    assert run.of("again as a module").result["changed"] is False
    assert data(clean) == {"a": "1"}


def test_check_mode_on_empty_clusters_says_what_an_installation_would_do(bare: Lab) -> None:
    before = bare.state()
    exposed = {"eastwest_gateway_exposed_hosts": ["*.local"]}
    run = bare.run(PREFLIGHT, CONTROL_PLANE, GATEWAY, LINK, variables=exposed, arguments=["--check"]).succeeded()
    assert bare.state() == before
    both = {("east", task) for task in CHANGING} | {("west", task) for task in CHANGING}
    assert set(run.changed) == both | {("east", LINKING)}
    assert [each["action"] for each in run.last["links"]] == ["create", "create"]


CHANGING = (
    "Label the namespace of Istio with its network",
    "Install Istio's charts",
    "Expose the named services to other networks, and no others",
)
LINKING = "Link the clusters, and wait until every istiod reads its peers"


def test_a_type_that_nobody_serves(bare: Lab) -> None:
    unknown = {"apiVersion": "example.org/v1", "kind": "Nothing", "metadata": {"name": "x", "namespace": NAMESPACE}}
    refused = bare.run(apply("apply", unknown)).succeeded()
    assert refused.findings() == {("east", "not-applied"), ("west", "not-applied")}
    assert (
        "the API server does not serve example.org/v1 Nothing -> install its CustomResourceDefinition" in refused.output
    )
    assert bare.clients["west"].find(kinds.CUSTOM_RESOURCE_DEFINITION, "nothings.example.org") is None
