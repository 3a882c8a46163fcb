# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mesh is, whoever a run acts on, and with which batch its work is done."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible_collections.onemesh.istio.plugins.plugin_utils.mesh import (
    AWAY,
    Batches,
    Moment,
    complete,
    hosts_of_mesh,
    mesh_of,
    refuse_what_is_no_cluster,
    silent,
)

HOSTVARS: dict[str, dict[str, Any]] = {
    "h-east": {"cluster_kubeconfig": "east", "cluster_name": "east"},
    "west": {"cluster_host": "https://west"},
    "north": {"cluster_remote_secret": {"name": "north"}},
    "other": {"cluster_context": "other", "cluster_mesh_id": "mesh2"},
    "unusable": {"cluster_context": "x", "cluster_usable": False},
    "web1": {"cluster_kubeconfig": "", "cluster_remote_secret": {}},
}
MESH = mesh_of(["h-east", "west", "north"], HOSTVARS)


@pytest.mark.parametrize(
    ("matched", "mesh_id", "hosts"),
    [
        (list(HOSTVARS), "mesh1", ["h-east", "west", "north"]),
        (["north", "west"], "mesh1", ["north", "west"]),
        (["other", "west"], "mesh2", ["other", "west"]),
        (["web1", "west"], "", ["west"]),
        (["web1"], "", ["web1"]),
        ([], "", []),
    ],
)
def test_the_mesh_is_made_of_hosts_that_say_how_a_cluster_is_reached(
    matched: list[str], mesh_id: str, hosts: list[str]
) -> None:
    assert hosts_of_mesh(matched, HOSTVARS, mesh_id) == hosts


@pytest.mark.parametrize(
    ("said", "hub"), [("", "east"), ("west", "west"), ("h-east", "east"), ("east", "east"), ("nowhere", "nowhere")]
)
def test_the_hub_is_the_first_cluster_unless_it_is_named(said: str, hub: str) -> None:
    assert mesh_of(["h-east", "west", "north"], HOSTVARS, said).hub == hub


def test_a_host_that_says_nothing_is_refused_where_there_are_others() -> None:
    found = silent(HOSTVARS, HOSTVARS)
    assert found == ["web1"]
    with pytest.raises(AnsibleError, match=r"web1: no variable says.*mesh_hosts.*K8S_AUTH_HOST"):
        refuse_what_is_no_cluster(found, list(HOSTVARS))
    refuse_what_is_no_cluster(found, ["web1"])


def test_the_hub_of_an_inventory_of_secrets_is_left_to_the_environment() -> None:
    discovered = {
        "east": {"cluster_usable": True},
        "west": {"cluster_usable": True, "cluster_remote_secret": {"name": "s"}},
    }
    assert silent(discovered, discovered) == []
    assert hosts_of_mesh(list(discovered), discovered) == ["east", "west"]


def names(elements: list[dict[str, Any]]) -> list[str]:
    return [f"{each['name']}!" if each.get("away") else each["name"] for each in elements]


@pytest.mark.parametrize(
    ("clusters", "left", "completed"),
    [
        pytest.param(["west"], [], (["west"], ["east", "west", "north"], "east"), id="a limit"),
        pytest.param(["east", "west", "north"], [], (["east", "west", "north"], [], "east"), id="no limit"),
        pytest.param(
            ["east", "west", "north"], ["west"], (["east", "west!", "north"], [], "east"), id="one that failed"
        ),
        pytest.param(
            ["east", "north"],
            ["west"],
            (["east", "north"], ["east", "west!", "north"], "east"),
            id="left out by itself",
        ),
        pytest.param(["elsewhere"], [], (["elsewhere"], [], None), id="clusters that are no hosts"),
        pytest.param(["west", "elsewhere"], [], (["west", "elsewhere"], [], None), id="some are no hosts"),
    ],
)
def test_a_task_gets_the_rest_of_the_mesh(
    clusters: list[str], left: list[str], completed: tuple[list[str], list[str], str | None]
) -> None:
    options = complete({"clusters": [{"name": name} for name in clusters]}, MESH, HOSTVARS, hub=True, left=left)
    assert (names(options["clusters"]), names(options.get("mesh", [])), options.get("hub")) == completed


def test_what_a_task_says_itself_counts() -> None:
    given = {"clusters": [{"name": "west"}], "mesh": [{"name": "north"}], "hub": "h-east"}
    assert complete(given, MESH, HOSTVARS, hub=True, left=()) == {**given, "hub": "east"}
    assert "hub" not in complete({"clusters": [{"name": "west"}]}, MESH, HOSTVARS, hub=False, left=())
    assert complete({"clusters": "text"}, MESH, HOSTVARS, hub=True, left=()) == {"clusters": "text"}
    assert AWAY


ALL = ["east", "west", "north"]


@pytest.mark.parametrize(
    ("batch", "alive", "order", "moments"),
    [
        pytest.param(ALL, ALL, "inventory", {"first", "batch", "last"}, id="no batches"),
        pytest.param(["east"], ALL, "inventory", {"first", "batch"}, id="the first"),
        pytest.param(["west"], ALL, "inventory", {"batch"}, id="one between"),
        pytest.param(["north"], ALL, "inventory", {"batch", "last"}, id="the last"),
        pytest.param(["north"], ALL, "reverse_inventory", {"first", "batch"}, id="reversed"),
        pytest.param(["west"], ALL, "sorted", {"batch", "last"}, id="sorted"),
        pytest.param(["west"], ALL, "reverse_sorted", {"first", "batch"}, id="sorted, reversed"),
        pytest.param(["west"], ["west", "north"], "inventory", {"first", "batch"}, id="the first failed"),
        pytest.param(["west"], ["east", "west"], "inventory", {"batch", "last"}, id="the last failed"),
    ],
)
def test_work_on_all_clusters_is_done_with_one_batch(
    batch: list[str], alive: list[str], order: str, moments: set[Moment]
) -> None:
    batches = Batches.of(ALL, alive, batch, order)
    every: tuple[Moment, ...] = ("first", "batch", "last")
    assert {moment for moment in every if not batches.not_now(moment, "link")} == moments
