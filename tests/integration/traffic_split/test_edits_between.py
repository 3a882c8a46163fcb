# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever users do to their object between our steps is there afterwards, and of us only the weights.

Each edit is made twice: on the live object, and on a model of it that we never write. So the live object has to be the
model with our weights after each step, and the model itself in the end.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from support.splits import Object, Shop, destination_rule, virtual_service

SEEDS = range(14)
EDITS_BETWEEN_STEPS = 5
MANAGERS = ("kubectl-edit", "gitops", "console")

Edit = Callable[[Object, random.Random], None]


def named(manifest: Object, name: str) -> dict[str, Any]:
    return next(route for route in manifest["spec"]["http"] if route.get("name") == name)


def others(manifest: Object) -> list[dict[str, Any]]:
    return [route for route in manifest["spec"]["http"] if route.get("name") != "main"]


def label(manifest: Object, chance: random.Random) -> None:
    manifest["metadata"].setdefault("labels", {})[f"example.org/{chance.choice('abc')}"] = str(chance.randrange(9))


def annotation(manifest: Object, chance: random.Random) -> None:
    manifest["metadata"].setdefault("annotations", {})["example.org/note"] = str(chance.randrange(999))


def annotation_gone(manifest: Object, _chance: random.Random) -> None:
    manifest["metadata"].get("annotations", {}).pop("example.org/note", None)


def timeout(manifest: Object, chance: random.Random) -> None:
    chance.choice(manifest["spec"]["http"])["timeout"] = f"{chance.randrange(1, 60)}s"


def timeout_gone(manifest: Object, _chance: random.Random) -> None:
    named(manifest, "main").pop("timeout", None)


def retries(manifest: Object, chance: random.Random) -> None:
    named(manifest, "main")["retries"] = {"attempts": chance.randrange(1, 5)}


def headers_of_a_destination(manifest: Object, chance: random.Random) -> None:
    headers = {"request": {"set": {"x-seen": str(chance.randrange(99))}}}
    chance.choice(named(manifest, "main")["route"])["headers"] = headers


def route_added(manifest: Object, chance: random.Random) -> None:
    number = chance.randrange(10_000)
    route = {
        "name": f"added-{number}",
        "match": [{"uri": {"prefix": f"/{number}"}}],
        "route": [{"destination": {"host": f"other-{number}"}}],
    }
    manifest["spec"]["http"].insert(chance.randrange(len(manifest["spec"]["http"]) + 1), route)


def route_removed(manifest: Object, chance: random.Random) -> None:
    if others(manifest):
        manifest["spec"]["http"].remove(chance.choice(others(manifest)))


def route_renamed(manifest: Object, chance: random.Random) -> None:
    if others(manifest):
        chance.choice(others(manifest))["name"] = f"renamed-{chance.randrange(10_000)}"


def weights_of_another_route(manifest: Object, chance: random.Random) -> None:
    for route in others(manifest):
        if len(route["route"]) == 2:
            first = chance.randrange(1, 100)
            for entry, weight in zip(route["route"], (first, 100 - first), strict=True):
                entry["weight"] = weight


def host_added(manifest: Object, chance: random.Random) -> None:
    manifest["spec"]["hosts"].append(f"h{chance.randrange(10_000)}.example.org")


EDITS: tuple[Edit, ...] = (
    label,
    annotation,
    annotation_gone,
    timeout,
    timeout_gone,
    retries,
    headers_of_a_destination,
    route_added,
    route_removed,
    route_renamed,
    weights_of_another_route,
    host_added,
)


def users_object(namespace: str, name: str) -> Object:
    manifest = virtual_service(namespace, v1=90, v2=10)
    manifest["metadata"]["name"] = name
    destinations = [{"destination": {"host": "reviews", "subset": subset}, "weight": 50} for subset in ("v1", "v2")]
    admin = {"name": "admin", "match": [{"uri": {"prefix": "/admin"}}], "timeout": "9s", "route": destinations}
    manifest["spec"]["http"].insert(0, admin)
    return manifest


def with_weights(manifest: Object, v1: int, v2: int) -> Object:
    result = deepcopy(manifest)
    for entry, weight in zip(named(result, "main")["route"], (v1, v2), strict=True):
        entry["weight"] = weight
    return result


def of_users(manifest: Object) -> dict[str, Any]:
    """What users can set."""
    labels, annotations = (manifest["metadata"].get(name) or {} for name in ("labels", "annotations"))
    users = {name: value for name, value in annotations.items() if not name.startswith("onemesh.istio/")}
    return {"labels": labels, "annotations": users, "spec": manifest["spec"]}


class Users:
    """They edit the object on one cluster or on all, and remember what it would be without us."""

    def __init__(self, shop: Shop, name: str, seed: int) -> None:
        self._shop, self._name, self._chance = shop, name, random.Random(seed)
        self.models = {cluster: users_object(shop.namespace, name) for cluster in shop.planes.clients}
        self.made: list[str] = []

    def edit(self) -> None:
        for _ in range(EDITS_BETWEEN_STEPS):
            edit, seed = self._chance.choice(EDITS), self._chance.randrange(1_000_000)
            names = list(self.models)
            for cluster in self._chance.choice([names, names[:1], names[1:]]):
                self.made.append(f"{edit.__name__} on {cluster}")
                live = self._shop.live(cluster, name=self._name)
                assert live is not None
                for manifest in (live, self.models[cluster]):
                    edit(manifest, random.Random(seed))
                self._shop.planes.clients[cluster].replace(live, field_manager=self._chance.choice(MANAGERS))

    def find(self, v1: int, v2: int) -> None:
        """The objects are as the users have left them, with these weights."""
        for cluster, model in self.models.items():
            live = self._shop.live(cluster, name=self._name)
            assert live is not None
            assert of_users(live) == of_users(with_weights(model, v1, v2)), (cluster, self.made)


@pytest.mark.parametrize("seed", SEEDS)
def test_edits_between_steps_survive_and_of_us_only_the_weights_stand(shop: Shop, seed: int) -> None:
    name = f"reviews-{seed}"
    users = Users(shop, name, seed)
    shop.put(*users.models.values(), destination_rule(shop.namespace, "v1", "v2"))
    for v1 in (80, 50):
        shop.run(name=name, routes=["main"], weights={"v1": v1, "v2": 100 - v1}).succeeded()
        users.edit()
        users.find(v1, 100 - v1)
        assert not shop.run(name=name, routes=["main"], weights={"v1": v1, "v2": 100 - v1}).succeeded()["changed"]
    result = shop.run(name=name, state="restored").succeeded()
    assert not any(part["findings"] for part in result["clusters"].values()), users.made
    users.find(90, 10)
