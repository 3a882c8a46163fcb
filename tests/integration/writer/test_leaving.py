# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster that is wiped has no way into the others any more: their API servers answer 401, and no grant is left."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._apply import apply_object
from ansible_collections.onemesh.istio.plugins.module_utils._istio import names, reader, remote_secret
from ansible_collections.onemesh.istio.plugins.module_utils._kube import accounts, kinds
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Unauthorized
from ansible_collections.onemesh.istio.plugins.module_utils._operations.wipe import run as wipe
from support.fleet_runs import Ran, run, started
from writer_runs import NAMESPACE, Fleet

ALL = ("east", "north", "west")
HUB = "east"
OURS = "app.kubernetes.io/managed-by=onemesh.istio"


@dataclass
class Mesh(Fleet):
    """Three clusters, each of which has a token of every other, and writers whose hub is east."""

    def link(self) -> None:
        for plane in self.planes.clients.values():
            for manifest in reader.make_objects(reader.ACCOUNT, NAMESPACE):
                apply_object(plane, manifest, component="link")
        for source in ALL:
            for target in set(ALL) - {source}:
                secret = remote_secret.build(target, self.planes.planes[target].url, b"CA", self.grant(source, target))
                apply_object(self.planes.clients[source], remote_secret.make_stored(secret), component="link")
        self.run(clusters=self.planes.clusters(*ALL)).succeeded()

    def grant(self, source: str, target: str) -> str:
        client, name = self.planes.clients[target], reader.grant_name(source)
        metadata = {"name": name, "namespace": NAMESPACE}
        grant = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata}
        apply_object(client, grant, component="link-grant")
        return accounts.request_bound_token(client, reader.ACCOUNT, NAMESPACE, name, 3600)

    def linked(self, source: str, target: str) -> str:
        """The token that ``source`` has of ``target``."""
        name = names.remote_secret_name(target)
        held = self.planes.clients[source].get(kinds.SECRET, name, NAMESPACE)["data"][target]
        return str(yaml.safe_load(base64.b64decode(held))["users"][0]["user"]["token"])

    def wipe(self, cluster: str, *, check: bool = False, away: str = "", **options: Any) -> Ran:
        unreachable = {**self.planes.planes[HUB].admin_options(), "host": "https://127.0.0.1:1"}
        peers = [each for each in ALL if each != cluster]
        given = {
            "clusters": self.planes.clusters(cluster),
            "peers": self.planes.clusters(*peers, **({away: unreachable} if away else {})),
            "request_timeout": 5,
            **options,
        }
        return run(wipe, given, check=check)

    def accepts(self, cluster: str, token: str) -> bool:
        """Asked once: the wipe has waited until it is refused."""
        try:
            self.bearer(cluster, token).create({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"})
        except Unauthorized:
            return False
        return True

    def ours(self, cluster: str) -> set[str]:
        """All that is ours on a cluster, by its label."""
        return {
            kind.describe(live["metadata"]["name"], live["metadata"].get("namespace"))
            for kind in (
                kinds.SECRET,
                kinds.SERVICE_ACCOUNT,
                kinds.CLUSTER_ROLE,
                kinds.CLUSTER_ROLE_BINDING,
                kinds.ROLE,
                kinds.ROLE_BINDING,
            )
            for live in self.planes.clients[cluster].list(
                kind, label_selector="app.kubernetes.io/managed-by=onemesh.istio"
            )
        }


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """Their own API servers: a wipe takes what other tests need."""
    with started(tmp_path_factory.mktemp("leaving"), *ALL) as planes:
        mesh = Mesh(planes)
        mesh.prepare()
        mesh.link()
        yield mesh


def removed(ran: Ran, peer: str) -> set[str]:
    return {each["object"] for each in ran.result["peers"][peer]["removed"]}


OF_READER = {
    "ClusterRole onemesh-istio-reader-istio-system",
    "ClusterRoleBinding onemesh-istio-reader-istio-system",
    "ServiceAccount istio-system/onemesh-istio-reader",
}
OF_WRITER = {
    "ClusterRole onemesh-writer-istio-system",
    "ClusterRoleBinding onemesh-writer-istio-system",
    "Secret istio-system/onemesh-writer",
    "ServiceAccount istio-system/onemesh-writer",
}


def unlink(folder: Path, mesh: Mesh, *arguments: str, **elsewhere: dict[str, Any]) -> tuple[int, str]:
    """The playbook, with the hosts of ``elsewhere`` leading to other addresses than their clusters'."""
    ways = {name: elsewhere.get(name, mesh.planes.planes[name].admin_options()) for name in ALL}
    hosts = {name: {f"cluster_{option}": value for option, value in way.items()} for name, way in ways.items()}
    inventory = folder / "inventory.yml"
    inventory.touch(mode=0o600)
    inventory.write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": {"cluster_request_timeout": 5}}}))
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, *arguments, "onemesh.istio.unlink"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("limit", [(), ("--limit", "north")], ids=["all", "limited"])
def test_unlink_takes_nothing_where_a_host_leads_to_another_cluster(
    mesh: Mesh, tmp_path: Path, limit: tuple[str, ...]
) -> None:
    before = {cluster: mesh.ours(cluster) for cluster in ALL}
    code, said = unlink(tmp_path, mesh, *limit, north=mesh.planes.planes["west"].admin_options())
    assert code != 0
    assert "north and west are the same cluster" in said or "west and north are the same cluster" in said, said
    assert {cluster: mesh.ours(cluster) for cluster in ALL} == before, said


def test_unlink_takes_what_it_can_where_a_cluster_is_away(mesh: Mesh, tmp_path: Path) -> None:
    of_east, kept = mesh.linked("west", "east"), mesh.ours("north")
    unreachable = {**mesh.planes.planes["north"].admin_options(), "host": "https://127.0.0.1:1"}
    code, said = unlink(tmp_path, mesh, north=unreachable)
    assert code != 0
    for words in ("Not everything could be unlinked", "Not every writer could be removed", "north: "):
        assert words in said, said
    assert (mesh.ours("east"), mesh.ours("west"), mesh.ours("north")) == (set(), set(), kept), said
    assert not mesh.accepts("east", of_east)
    mesh.link()


def test_in_the_order_of_a_mesh_that_gets_smaller(mesh: Mesh) -> None:
    """West is wiped, first with north away; then the hub of the writers."""
    of_west = {name: mesh.linked("west", name) for name in ("east", "north")}
    others = {("east", mesh.linked("north", "east")), ("north", mesh.linked("east", "north"))}
    writers = {(name, mesh.token(name)) for name in ("east", "north")}
    for cluster, token in [*of_west.items(), *others, *writers]:
        assert mesh.accepts(cluster, token)

    expected = {
        "Secret istio-system/istio-remote-secret-west",
        "Secret istio-system/onemesh-link-west",
        "Secret istio-system/onemesh-writer-west",
    }
    foreseen = mesh.wipe("west", check=True)
    assert removed(foreseen, "east") == expected
    assert removed(foreseen, "north") == expected - {"Secret istio-system/onemesh-writer-west"}
    assert mesh.accepts("east", of_west["east"])

    said = mesh.wipe("west", away="north").failed()
    assert "north: " in said
    assert "tokens that west had are still valid" in said
    assert "run `ansible-playbook onemesh.istio.wipe --limit west` again" in said
    assert not mesh.accepts("east", of_west["east"])
    assert mesh.accepts("north", of_west["north"])

    finished = mesh.wipe("west")
    assert finished.succeeded()["changed"]
    assert removed(finished, "north") == expected - {"Secret istio-system/onemesh-writer-west"}
    assert not mesh.accepts("north", of_west["north"])
    assert mesh.ours("west") == set()
    for cluster, token in [*others, *writers]:
        assert mesh.accepts(cluster, token), "it belongs to a cluster that stays"
    assert mesh.wipe("west").succeeded()["changed"] is False

    of_east = [mesh.linked("east", "north"), mesh.token("north")]
    gone = mesh.wipe("east")
    assert gone.succeeded()["changed"]
    # West is still a peer of the inventory, with nothing on it.
    assert removed(gone, "north") >= {*OF_READER, *OF_WRITER, "Secret istio-system/onemesh-link-east"}
    assert not any(mesh.accepts("north", token) for token in of_east)
    assert mesh.ours("north") == mesh.ours("east") == set()


def test_a_token_that_is_left_valid_is_not_passed_over(mesh: Mesh) -> None:
    """Somebody made a second Secret of our reader's account, and a link by hand with the token of another account."""
    north, west = mesh.planes.clients["north"], mesh.planes.clients["west"]
    for client in (north, west):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        client.apply(namespace, field_manager="test")
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "theirs", "namespace": NAMESPACE}}
    north.apply(account, field_manager="somebody")
    token = north.request_token("theirs", NAMESPACE)["token"]
    secret = remote_secret.build("north", mesh.planes.planes["north"].url, b"CA", token)
    other = remote_secret.build("south", "https://south.test", b"CA", token)
    for each in (secret, other):
        west.apply(remote_secret.make_stored(each), field_manager="somebody")
    ran = mesh.wipe("west")
    warnings = {(each["cluster"], each["check"]) for each in ran.succeeded()["findings"]}
    assert warnings == {("north", "token-of-another"), ("south", "not-among-the-peers")}
    assert any(
        "the token of istio-system/theirs that west had is still accepted" in each for each in ran.result["warnings"]
    )
    assert mesh.accepts("north", token)


def test_the_token_of_an_account_of_ours_that_is_still_taken_is_a_leak(mesh: Mesh) -> None:
    north, west = mesh.planes.clients["north"], mesh.planes.clients["west"]
    west.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, field_manager="test")
    for manifest in reader.make_objects(reader.ACCOUNT, NAMESPACE):
        apply_object(north, manifest, component="link")
    kept = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "onemesh-link-other", "namespace": NAMESPACE}}
    apply_object(north, kept, component="link-grant")
    # Bound to no Secret: nothing that is removed ends it.
    token = north.request_token(reader.ACCOUNT, NAMESPACE)["token"]
    secret = remote_secret.build("north", mesh.planes.planes["north"].url, b"CA", token)
    west.apply(remote_secret.make_stored(secret), field_manager="somebody")
    # Longer than an API server keeps a token that it has accepted.
    ran = mesh.wipe("west", timeout=15)
    assert "the token of istio-system/onemesh-istio-reader that west had is still accepted" in ran.failed()
