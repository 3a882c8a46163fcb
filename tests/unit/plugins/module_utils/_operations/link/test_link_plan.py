# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which links there are, and what is decided for each: one row per action and reason."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import Cluster
from ansible_collections.onemesh.istio.plugins.module_utils._istio import reader, remote_secret
from ansible_collections.onemesh.istio.plugins.module_utils._istio.gateways import Resolution
from ansible_collections.onemesh.istio.plugins.module_utils._istio.tokens import Token, format_timestamp
from ansible_collections.onemesh.istio.plugins.module_utils._operations.link.plan import (
    Link,
    LinkFacts,
    find_beyond,
    links_of,
    plan_absent,
    plan_present,
    token_of,
)
from ansible_collections.onemesh.istio.plugins.module_utils._ownership import owned
from ansible_collections.onemesh.istio.tests.unit.plugins.module_utils._istio.certificate_authorities import authority

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
DAY = 86400
LINK = Link("east", "west")


# Which links


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
def test_a_full_mesh_has_a_link_each_way_for_each_pair(size: int) -> None:
    names = [f"c{number}" for number in range(size)]
    links = links_of(names)
    assert len(set(links)) == len(links) == size * max(size - 1, 0)
    assert all(link.source != link.target for link in links)


@pytest.mark.parametrize(
    ("sources", "targets", "expected"),
    [
        (["a"], [], ["a -> b", "a -> c"]),
        ([], ["a"], ["b -> a", "c -> a"]),
        (["a"], ["b"], ["a -> b"]),
        (["a", "b"], ["b", "c"], ["a -> b", "a -> c", "b -> c"]),
        (["a"], ["a"], []),
    ],
)
def test_only_some_directions(sources: list[str], targets: list[str], expected: list[str]) -> None:
    assert [str(link) for link in links_of(["a", "b", "c"], sources, targets)] == expected


def test_a_remote_is_read_by_every_istiod_and_reads_nobody() -> None:
    links = links_of(["hub", "edge", "other"], remotes=["edge"])
    assert [str(link) for link in links] == ["hub -> edge", "hub -> other", "other -> hub", "other -> edge"]
    with pytest.raises(ValueError, match=r"^edge has no istiod that reads others: name its control plane in from$"):
        links_of(["hub", "edge"], sources=["edge"], remotes=["edge"])


def test_only_the_istiod_that_controls_a_remote_gets_the_account_that_writes() -> None:
    facts = World(west=REMOTE).facts()["west"]
    assert facts.account_for("east") == reader.CONTROL_PLANE_ACCOUNT
    assert facts.account_for("north") == reader.ACCOUNT


def test_a_reader_goes_with_the_last_link_that_uses_it() -> None:
    facts = replace(World(west=REMOTE).facts()["west"], readers={account: {} for account in reader.ACCOUNTS})
    assert facts.list_unused_readers(["east", "north"]) == []
    assert facts.list_unused_readers(["north"]) == [reader.CONTROL_PLANE_ACCOUNT]
    assert facts.list_unused_readers(["east"]) == [reader.ACCOUNT]
    assert facts.list_unused_readers([]) == [*reader.ACCOUNTS]


@pytest.mark.parametrize(("sources", "targets"), [(["x"], []), ([], ["x"])])
def test_an_unknown_cluster_is_named_with_those_that_are_known(sources: list[str], targets: list[str]) -> None:
    with pytest.raises(ValueError, match=r"^no such cluster: x \(the fleet has a, b\)$"):
        links_of(["a", "b"], sources, targets)


# What each needs


def jwt(**claims: Any) -> str:
    def part(content: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none'})}.{part(claims)}.{part('signature')}"


def token(
    *, issued: int = -10, expires: int | None = 20, grant: str = "grant-uid", account: str = "account-uid"
) -> str:
    """Of a life from ``issued`` to ``expires``, in days from now."""
    bound = {"secret": {"uid": grant}, "serviceaccount": {"uid": account}}
    claims: dict[str, Any] = {"iat": NOW.timestamp() + issued * DAY, "kubernetes.io": bound}
    return jwt(**claims) if expires is None else jwt(**claims, exp=NOW.timestamp() + expires * DAY)


def secret(
    bearer: str = "",
    *,
    server: str = "https://west.example",
    tls_server_name: str = "",
    ours: bool = True,
    name: str = "istio-remote-secret-west",
    ca: bytes = b"",
    uid: str = "",
) -> dict[str, Any]:
    made = remote_secret.make_stored(
        remote_secret.build("west", server, ca, bearer or token(), tls_server_name=tls_server_name or None)
    )
    made["metadata"]["name"] = name
    if uid:
        made["metadata"]["annotations"]["onemesh.istio/cluster-uid"] = uid
    return owned(made, "link") if ours else made


EAST = Cluster("east", "net-east", api_server="https://east.example")
WEST = Cluster("west", "net-west", api_server="https://west.example")
REMOTE = replace(WEST, control_plane="east")
GATEWAY = Resolution((("192.0.2.1", 15443),))


@dataclass(frozen=True)
class World:
    """Two clusters, east linked to west as it should be; a row changes what it is about."""

    secrets: tuple[dict[str, Any], ...] = ()
    east: Cluster = EAST
    west: Cluster = WEST
    east_istiods: tuple[str, ...] = ("istiod-1",)
    west_istiods: tuple[str, ...] = ("istiod-2",)
    grants: dict[str, str] = field(default_factory=lambda: {"east": "grant-uid"})
    reader: dict[str, str] = field(
        default_factory=lambda: {
            "ServiceAccount": "account-uid",
            "ClusterRole": "role-uid",
            "ClusterRoleBinding": "binding-uid",
        }
    )
    gateway: Resolution = GATEWAY
    authority: bytes = b""
    west_led_by: frozenset[str] = frozenset()

    def facts(self) -> dict[str, LinkFacts]:
        return {
            "east": LinkFacts(
                self.east,
                "https://127.0.0.1:1",
                self.east_istiods,
                self.secrets,
                remote_secret.parse(self.secrets, cluster="east"),
                {},
                {},
                Resolution(),
            ),
            "west": LinkFacts(
                self.west,
                "https://127.0.0.1:2",
                self.west_istiods,
                (),
                remote_secret.parse((), cluster="west"),
                self.grants,
                {reader.ACCOUNT: self.reader} if self.reader else {},
                self.gateway,
                "uid-of-west",
                self.authority,
                self.west_led_by,
            ),
        }


AUTHORITY, OTHER_AUTHORITY = (authority(name).pem for name in ("one", "other"))
NO_READER: dict[str, str] = {}
LINKED = World(secrets=(secret(),))
NO_GATEWAY = Resolution(reason="its load balancer has no address yet", remedy="give it one")
SHARED = replace(WEST, network="net-east")
LOOPBACK = Cluster("west", "net-west")
DUPLICATE = secret(ours=False, name="my-own")
BY_CERTIFICATE = remote_secret.make_stored(
    {
        **remote_secret.build("west", "https://west.example", b"", "x"),
        "stringData": {
            "west": json.dumps(
                {
                    "current-context": "west",
                    "clusters": [{"name": "west", "cluster": {"server": "https://west.example"}}],
                    "contexts": [{"name": "west", "context": {"cluster": "west", "user": "west"}}],
                    "users": [{"name": "west", "user": {"username": "u", "password": "p"}}],
                }
            )
        },
    }
)

# what there is, options, action, reason
PRESENT: dict[str, tuple[World, dict[str, Any], str, str]] = {
    "nothing yet": (World(grants={}, reader=NO_READER), {}, "create", "not linked"),
    "a good link": (LINKED, {}, "keep", "linked, token expires 2026-12-11T12:00:00Z"),
    "a good link, adopting": (LINKED, {"adopt": True}, "keep", "linked, token expires 2026-12-11T12:00:00Z"),
    "another server": (
        World((secret(server="https://old.example"),)),
        {},
        "renew",
        "its server is https://old.example, expected https://west.example",
    ),
    "another TLS server name": (World((secret(tls_server_name="x"),)), {}, "renew", "its TLS server name differs"),
    "the wanted TLS server name": (
        World((secret(tls_server_name="x"),), west=replace(WEST, options={"tls_server_name": "x"})),
        {},
        "keep",
        "linked, token expires 2026-12-11T12:00:00Z",
    ),
    "no token but a password": (
        World((owned(BY_CERTIFICATE, "link"),)),
        {},
        "renew",
        "it authenticates by basic, expected a token",
    ),
    "the grant is gone": (
        World((secret(),), grants={}),
        {},
        "renew",
        "its token was revoked, or is none of ours",
    ),
    "the grant was made anew": (
        World((secret(),), grants={"east": "another"}),
        {},
        "renew",
        "its token was revoked, or is none of ours",
    ),
    "the reader's role is gone": (
        World((secret(),), reader={"ServiceAccount": "account-uid", "ClusterRoleBinding": "b"}),
        {},
        "renew",
        "the account of its token was removed or made anew",
    ),
    "the reader's account was made anew": (
        World((secret(),), reader={**LINKED.reader, "ServiceAccount": "another"}),
        {},
        "renew",
        "the account of its token was removed or made anew",
    ),
    "made for this very cluster": (
        World((secret(uid="uid-of-west"),)),
        {},
        "keep",
        "linked, token expires 2026-12-11T12:00:00Z",
    ),
    "made for a cluster that this one has replaced": (
        World((secret(uid="old"),), grants={}, reader=NO_READER),
        {},
        "renew",
        "west was made anew: it was made for one with UID old of kube-system, and now that is uid-of-west",
    ),
    "the authority that the cluster publishes": (
        World((secret(ca=AUTHORITY.rstrip()),), authority=AUTHORITY),
        {},
        "keep",
        "linked, token expires 2026-12-11T12:00:00Z",
    ),
    "another authority than the cluster publishes": (
        World((secret(ca=OTHER_AUTHORITY),), authority=AUTHORITY),
        {},
        "renew",
        "its certificate authority is not the one that the cluster publishes",
    ),
    "the other clusters' address of the source": (
        World(west=replace(WEST, api_server="https://east.example/")),
        {},
        "refuse",
        "the other clusters would dial its API server at https://east.example, which is that of east too",
    ),
    "two thirds of the token's life are over": (
        World((secret(token(issued=-20, expires=10)),)),
        {},
        "renew",
        "its token expires at 2026-12-01T12:00:00Z",
    ),
    "an expired token": (
        World((secret(token(issued=-30, expires=-1)),)),
        {},
        "renew",
        "its token expires at 2026-11-20T12:00:00Z",
    ),
    "due by the user's own limit": (
        LINKED,
        {"renew_before": timedelta(days=21)},
        "renew",
        "its token expires at 2026-12-11T12:00:00Z",
    ),
    "not due by the user's own limit": (
        World((secret(token(issued=-28, expires=2)),)),
        {"renew_before": timedelta(days=1)},
        "keep",
        "linked, token expires 2026-11-23T12:00:00Z",
    ),
    "short where long is wanted": (LINKED, {"long_lived": True}, "renew", "its token is short-lived"),
    "long where short is wanted": (
        World((secret(token(expires=None)),)),
        {},
        "renew",
        "its token is long-lived",
    ),
    "long as wanted": (
        World((secret(token(expires=None, grant="", account="")),)),
        {"long_lived": True},
        "keep",
        "linked, token expires never",
    ),
    "no istiod on the source": (
        World(east_istiods=()),
        {},
        "refuse",
        "no istiod runs in namespace istio-system",
    ),
    "no istiod on the target": (
        World(west_istiods=()),
        {},
        "refuse",
        "no istiod runs in namespace istio-system",
    ),
    "no gateway of the target's network": (
        World(gateway=NO_GATEWAY),
        {},
        "refuse",
        "network 'net-west' has no east-west gateway that east could reach: its load balancer has no address yet",
    ),
    "no gateway, and none wanted": (World(gateway=NO_GATEWAY), {"require_gateway": False}, "create", "not linked"),
    "no gateway on a shared network": (World(gateway=NO_GATEWAY, west=SHARED), {}, "create", "not linked"),
    "an address that is the source's own": (
        World(west=LOOPBACK),
        {},
        "refuse",
        "the istiod of east would dial its API server at https://127.0.0.1:2, its own loopback",
    ),
    "somebody else's secret": (
        World((secret(ours=False),)),
        {},
        "refuse",
        "Secret istio-remote-secret-west was not made by this collection",
    ),
    "somebody else's secret, adopted": (
        World((secret(ours=False),)),
        {"adopt": True},
        "renew",
        "it is taken over from somebody else",
    ),
    "registered by another secret": (
        World((DUPLICATE,)),
        {},
        "refuse",
        "Secret my-own already holds a kubeconfig for west, so istiod would ignore istio-remote-secret-west",
    ),
    "registered by another secret, adopting": (
        World((secret(), DUPLICATE)),
        {"adopt": True},
        "refuse",
        "Secret my-own already holds a kubeconfig for west, so istiod would ignore istio-remote-secret-west",
    ),
    "check mode before istiod and gateway are installed": (
        World(east_istiods=(), west_istiods=(), gateway=NO_GATEWAY, grants={}, reader=NO_READER),
        {"check_mode": True},
        "create",
        "not linked",
    ),
    "a remote whose namespace names its primary, before it has a gateway": (
        World(west=REMOTE, west_istiods=(), west_led_by=frozenset({"east"}), gateway=NO_GATEWAY, grants={}),
        {},
        "create",
        "not linked",
    ),
    "a remote whose namespace names another": (
        World(west=REMOTE, west_istiods=(), west_led_by=frozenset({"north"}), grants={}),
        {},
        "refuse",
        "annotation topology.istio.io/controlPlaneClusters of namespace istio-system does not name east: its istiod "
        "reads that once, when it gets the remote secret, and would not inject here",
    ),
    "a remote that was a primary, whose token is that of the reader": (
        World((secret(),), west=REMOTE, west_istiods=(), west_led_by=frozenset({"*"})),
        {},
        "renew",
        "the account of its token was removed or made anew",
    ),
    "check mode and somebody else's secret": (
        World((secret(ours=False),)),
        {"check_mode": True},
        "refuse",
        "Secret istio-remote-secret-west was not made by this collection",
    ),
}


@pytest.mark.parametrize("case", PRESENT)
def test_what_is_done_to_have_a_link(case: str) -> None:
    world, options, action, reason = PRESENT[case]
    (step,) = plan_present([LINK], world.facts(), now=NOW, **options)
    assert (step.link, step.action, step.reason) == (LINK, action, reason)
    assert step.changes is (action in ("create", "renew"))
    assert (step.finding is not None) is (action == "refuse")


@pytest.mark.parametrize("case", [case for case, row in PRESENT.items() if row[2] == "refuse"])
def test_a_refusal_names_the_cluster_and_the_remedy(case: str) -> None:
    world, options, _action, _reason = PRESENT[case]
    (step,) = plan_present([LINK], world.facts(), now=NOW, **options)
    assert step.finding is not None
    assert step.finding.cluster in LINK
    assert step.finding.remedy


# what there is (None: that cluster is away), options, action, reason
ABSENT: dict[str, tuple[World, tuple[str, ...], dict[str, Any], str, str]] = {
    "linked": (LINKED, (), {}, "remove", "linked"),
    "only the secret is left": (World((secret(),), grants={}, reader=NO_READER), (), {}, "remove", "linked"),
    "only the grant is left": (World(), (), {}, "remove", "linked"),
    "only the reader is left": (World(grants={}), (), {}, "remove", "only the account of its reader is left"),
    "the reader serves another link": (World(grants={"north": "uid"}), (), {}, "absent", "not linked"),
    "nothing": (World(grants={}, reader=NO_READER), (), {}, "absent", "not linked"),
    "the source is away": (LINKED, ("east",), {}, "remove", "linked"),
    "the target is away": (LINKED, ("west",), {}, "remove", "linked"),
    "both are away": (LINKED, ("east", "west"), {}, "absent", "not linked"),
    "somebody else's secret": (
        World((secret(ours=False),)),
        (),
        {},
        "leave",
        "Secret istio-remote-secret-west was not made by this collection, so it stays",
    ),
    "somebody else's secret, adopted": (World((secret(ours=False),)), (), {"adopt": True}, "remove", "linked"),
    "a secret of another name": (
        World((DUPLICATE,), grants={}, reader=NO_READER),
        (),
        {"adopt": True},
        "absent",
        "not linked",
    ),
}


@pytest.mark.parametrize("case", ABSENT)
def test_what_is_done_to_have_no_link(case: str) -> None:
    world, away, options, action, reason = ABSENT[case]
    facts = {name: each for name, each in world.facts().items() if name not in away}
    (step,) = plan_absent([LINK], facts, **options)
    assert (step.action, step.reason, step.changes) == (action, reason, action == "remove")
    assert (step.finding is not None) is (action == "leave")


# what there is on east, the clusters of the inventory, the Secrets that are named
BEYOND: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, str], list[str], str]] = {
    "both ways": (
        (secret(),),
        {"west": "uid"},
        ["east"],
        "delete secret istio-remote-secret-west onemesh-link-west`",
    ),
    "only read": ((), {"west": "uid"}, ["east"], "delete secret onemesh-link-west`"),
    "only reading": ((secret(),), {}, ["east"], "delete secret istio-remote-secret-west`"),
    "with a cluster of the inventory": ((secret(),), {"west": "uid"}, ["east", "west"], ""),
    "by a secret of somebody else": ((secret(ours=False),), {}, ["east"], ""),
}


@pytest.mark.parametrize("case", BEYOND)
def test_links_with_clusters_that_the_inventory_does_not_have_are_named(case: str) -> None:
    secrets, grants, known, named = BEYOND[case]
    found = find_beyond(replace(World(secrets).facts()["east"], grants=grants), known)
    assert [named in finding.remedy for finding in found] == ([True] if named else [])


# Tokens


def test_what_a_token_says_of_itself() -> None:
    assert Token.of(token(issued=-10, expires=20)) == Token(
        NOW - timedelta(days=10), NOW + timedelta(days=20), "grant-uid", "account-uid"
    )


@pytest.mark.parametrize("text", ["", "opaque", "a.b", "a.!!!.c", "a.bm90IGpzb24.c", "a.b.c.d"])
def test_what_is_no_token(text: str) -> None:
    assert Token.of(text) is None


def test_a_long_lived_token_is_never_due() -> None:
    parsed = Token.of(token(expires=None))
    assert parsed is not None
    assert not parsed.is_due(NOW + timedelta(days=10000), None)


@pytest.mark.parametrize(
    ("days_left", "renew_before", "due"),
    [(11, None, False), (10, None, True), (0, None, True), (1, 2, True), (3, 2, False)],
)
def test_when_a_token_of_thirty_days_is_due(days_left: int, renew_before: int | None, due: bool) -> None:
    parsed = Token.of(token(issued=days_left - 30, expires=days_left))
    assert parsed is not None
    assert parsed.is_due(NOW, None if renew_before is None else timedelta(days=renew_before)) is due


def test_the_token_that_a_source_has() -> None:
    registrations = remote_secret.parse([secret("one.two.three")], cluster="east")
    assert token_of(registrations, "west") == "one.two.three"
    assert token_of(registrations, "north") == ""


def test_moments_are_written_in_utc() -> None:
    assert [format_timestamp(NOW), format_timestamp(None)] == ["2026-11-21T12:00:00Z", "never"]
