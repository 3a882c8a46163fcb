# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One row for each cause that verify names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._istio.debug import Host, NetworkGateway
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify import judge
from ansible_collections.onemesh.istio.plugins.module_utils._operations.verify.facts import (
    Answers,
    ClusterFacts,
    GatewayService,
    IstiodAnswers,
    Obstacle,
    ProxySample,
    Rejection,
    RemoteSecret,
    Traffic,
)

Fleet = dict[str, ClusterFacts]
Seen = dict[tuple[str, str], Traffic]

ROOT, OTHER_ROOT = frozenset({"a" * 64}), frozenset({"b" * 64})
GATEWAYS = {"east": ("172.31.1.1", 15443), "west": ("172.31.2.1", 15443)}
PODS = {"east": "10.65.128.9", "west": "10.66.128.9"}
IDENTITY = "spiffe://cluster.local/ns/onemesh-verify/sa/default"


def host(address: str, port: int = 15443, health: str = "HEALTHY") -> Host:
    return Host(address, port, health, False, 1, 0, "", 0, 0)


def cluster(name: str, peer: str) -> ClusterFacts:
    istiod = IstiodAnswers(
        pod=f"istiod-{name}",
        revision="default",
        cluster_id=name,
        network=name,
        clusters={peer: "synced"},
        gateways=(NetworkGateway(peer, peer, *GATEWAYS[peer], 0), NetworkGateway(name, name, *GATEWAYS[name], 0)),
        shards=frozenset({name, peer}),
        probe_shards=frozenset({name, peer}),
    )
    return ClusterFacts(
        name=name,
        network=name,
        api_server=f"https://{name}:6443",
        root_secret=ROOT,
        root_distributed=ROOT,
        root_serials=frozenset({1}),
        proxy_roots={f"gateway-{name}.istio-system": frozenset({1}), "silent.shop": frozenset()},
        namespace_network=name,
        istiods=(istiod,),
        secrets={peer: RemoteSecret(f"istio-system/istio-remote-secret-{peer}", f"https://{peer}:6443")},
        gateways=(
            GatewayService(
                "istio-system/istio-eastwestgateway",
                (GATEWAYS[name],),
                ready_pods=1,
                pods=(f"gateway-{name}.istio-system",),
                hosts=("*.local",),
                selector={"istio": "eastwestgateway"},
            ),
        ),
        pod_addresses=frozenset({PODS[name]}),
    )


def answers(target: str, count: int = 10, **changes: Any) -> Answers:
    made = Answers(10, {target: count} if count else {}, frozenset({IDENTITY}), (3.0, 5.0, 4.0))
    return replace(made, **changes)


def healthy() -> tuple[Fleet, Seen]:
    fleet = {"east": cluster("east", "west"), "west": cluster("west", "east")}
    seen = {
        (source, target): Traffic(
            (host(PODS[target], 8080),) if source == target else (host(*GATEWAYS[target]),),
            answers(target),
            (f"probe-{source}.onemesh-verify",),
        )
        for source in fleet
        for target in fleet
    }
    return fleet, seen


BOTH = frozenset({("east", "west"), ("west", "east")})


def verdicts(
    fleet: Fleet, seen: Seen, links: frozenset[tuple[str, str]] = BOTH, **options: Any
) -> dict[Any, judge.Pair]:
    return {(pair.source, pair.target): pair for pair in judge.judge(fleet, links, seen, **options)}


def test_a_healthy_mesh_has_no_finding() -> None:
    fleet, seen = healthy()
    pairs = verdicts(fleet, seen)
    assert [pair.state for pair in pairs.values()] == ["ok"] * 4
    assert [check.state for check in pairs["east", "west"].checks] == ["ok"] * 6
    assert judge.findings(fleet, pairs.values()) == []
    assert pairs["east", "west"].mutual_tls is True
    assert pairs["east", "west"].p50 == 4.0


# Each changes something of west or of east, and breaks the pair east -> west.
def change(name: str, **fields: Any) -> Callable[[Fleet, Seen], None]:
    def apply(fleet: Fleet, _seen: Seen) -> None:
        fleet[name] = replace(fleet[name], **fields)

    return apply


def change_istiod(name: str, **fields: Any) -> Callable[[Fleet, Seen], None]:
    def apply(fleet: Fleet, _seen: Seen) -> None:
        fleet[name] = replace(fleet[name], istiods=(replace(fleet[name].istiods[0], **fields),))

    return apply


def change_gateway(**fields: Any) -> Callable[[Fleet, Seen], None]:
    def apply(fleet: Fleet, _seen: Seen) -> None:
        fleet["west"] = replace(fleet["west"], gateways=(replace(fleet["west"].gateways[0], **fields),))

    return apply


def change_secret(**fields: Any) -> Callable[[Fleet, Seen], None]:
    def apply(fleet: Fleet, _seen: Seen) -> None:
        secret = replace(fleet["east"].secrets["west"], **fields)
        fleet["east"] = replace(fleet["east"], secrets={"west": secret})

    return apply


def both(*changes: Callable[[Fleet, Seen], None]) -> Callable[[Fleet, Seen], None]:
    def apply(fleet: Fleet, seen: Seen) -> None:
        for each in changes:
            each(fleet, seen)

    return apply


def change_traffic(**fields: Any) -> Callable[[Fleet, Seen], None]:
    def apply(_fleet: Fleet, seen: Seen) -> None:
        seen["east", "west"] = replace(seen["east", "west"], **fields)

    return apply


def failing(text: str) -> Callable[[Fleet, Seen], None]:
    return change_traffic(answers=Answers(10, {}, frozenset(), (), text))


def cut_off(fleet: Fleet, seen: Seen) -> None:
    change_istiod("east", probe_shards=frozenset({"east"}))(fleet, seen)
    change_traffic(endpoints=())(fleet, seen)


# (what is broken, check, cluster to act on, in the cause, in the remedy, whether waiting may help)
CAUSES: list[tuple[str, Callable[[Fleet, Seen], None], str, str, str, str, bool]] = [
    (
        "another root",
        change("west", root_secret=OTHER_ROOT, root_distributed=OTHER_ROOT),
        *("trust", "west", "east trusts aaaaaaaaaaaa, west bbbbbbbbbbbb", "one root", False),
    ),
    (
        "a root of its own",
        change("west", root_secret=frozenset(), root_distributed=OTHER_ROOT),
        *("trust", "west", "west signed its own, because it has no secret cacerts", "role trust", False),
    ),
    (
        "cacerts after istiod",
        change("west", root_distributed=OTHER_ROOT),
        *("trust", "west", "it has not taken the secret up", "rollout restart", True),
    ),
    (
        "cacerts that istiod cannot read",
        change("west", cacerts_unreadable=("ca-cert.pem: istiod finds no block in it",)),
        *("trust", "west", "istiod cannot read what secret cacerts holds", "role trust", False),
    ),
    (
        "no root handed out",
        change("west", root_distributed=frozenset()),
        *("trust", "west", "istio-ca-root-cert has no root certificate", "istiod is ready", True),
    ),
    (
        "a cluster without Istio, which nobody installs meanwhile",
        change("west", root_secret=frozenset(), root_distributed=frozenset(), istiods=()),
        *("trust", "west", "no istiod runs in namespace istio-system", "onemesh.istio.site", False),
    ),
    (
        "a proxy that runs since before the root changed",
        change("west", proxy_roots={"gateway-west.istio-system": frozenset({7})}),
        *("trust", "west", "proxy gateway-west.istio-system trusts another root", "delete pod gateway-west", True),
    ),
    (
        "another cluster ID",
        change_istiod("west", cluster_id="Kubernetes"),
        *("names", "west", "CLUSTER_ID Kubernetes", "clusterName of the istiod chart to west", False),
    ),
    (
        "another network in the chart",
        change_istiod("west", network="net-w"),
        *("names", "west", "network net-w, the fleet says west", "global.network", False),
    ),
    (
        "no network label",
        change("west", namespace_network=""),
        *("names", "west", "is missing, expected west", "kubectl label namespace", False),
    ),
    (
        "a name in the secret that contradicts its key",
        change_secret(mismatch="annotation says north, the data key is west"),
        *("names", "east", "annotation says north", "link west again", False),
    ),
    (
        "a secret that leads to another cluster",
        change_secret(server="https://east:6443/"),
        *("names", "east", "which is the API server of east", "link west again", False),
    ),
    (
        "no secret",
        change("east", secrets={}),
        *("synced", "east", "no remote secret for west", "role link", False),
    ),
    (
        "a secret that istiod refuses",
        change_secret(refused="kubeconfig is not allowed: exec is not allowed"),
        *("synced", "east", "exec is not allowed", "link west again", False),
    ),
    (
        "a secret for a cluster that was made anew",
        both(change_secret(made_for="old"), change("west", uid="new")),
        *("synced", "east", "made for one with UID old of kube-system, and now that is new", "link west again", False),
    ),
    (
        "a secret with another authority than the cluster publishes",
        both(change_secret(authority=b"one"), change("west", authority=b"another")),
        *("synced", "east", "authority is not the one that west publishes", "link west again", False),
    ),
    (
        "an istiod that timed out, and why as far as it is known here",
        both(change_istiod("east", clusters={"west": "timeout"}), change_secret(cause="it does not accept its token")),
        *("synced", "east", "not 'synced': it does not accept its token", "https://west:6443", True),
    ),
    (
        "no istiod",
        change("east", istiods=(), istiods_not_ready=("istiod-1",)),
        *("synced", "east", "no istiod is ready in istio-system: istiod-1", "describe pods", True),
    ),
    (
        "an istiod that no longer reads secrets",
        change_istiod("east", clusters={}),
        *("synced", "east", "no longer reads secrets", "rollout restart", True),
    ),
    (
        "an istiod that timed out",
        change_istiod("east", clusters={"west": "timeout"}),
        *("synced", "east", "says 'timeout' of west", "https://west:6443", True),
    ),
    (
        "a debug port that is closed",
        change_istiod("east", error="port 15014 refused"),
        *("synced", "east", "port 15014 refused", "pods/portforward", True),
    ),
    (
        "no gateway",
        change("west", gateways=()),
        *("gateway", "west", "no gateway for network west", "role eastwest_gateway", False),
    ),
    (
        "a gateway that is stopped",
        change_gateway(ready_pods=0),
        *("gateway", "west", "has no ready pod of 1", "-l istio=eastwestgateway", True),
    ),
    (
        "a gateway without an address",
        change_gateway(addresses=(), reason="its load balancer has no address yet", remedy="use NodePort"),
        *("gateway", "west", "load balancer has no address", "NodePort", True),
    ),
    (
        "a gateway that rejects its configuration",
        change_istiod("west", rejections=(Rejection("gateway-west.istio-system", "Listener", "no 'istio.stats'"),)),
        *("gateway", "west", "rejects its Listener configuration: no 'istio.stats'", "EnvoyFilter", True),
    ),
    (
        "a gateway that istiod does not know",
        change_istiod("east", gateways=()),
        *("gateway", "east", "knows no gateway for network west; the one of west is at 172.31.2.1:15443", "", True),
    ),
    (
        "a gateway that has moved",
        change_istiod("east", gateways=(NetworkGateway("west", "west", "172.31.2.9", 15443, 0),)),
        *("gateway", "east", "172.31.2.9:15443 for the gateway of west, but its Service is at 172.31.2.1", "", True),
    ),
    (
        "a probe's proxy that rejects its configuration",
        change_istiod("east", rejections=(Rejection("probe-east.onemesh-verify", "Cluster", "bad"),)),
        *("endpoints", "east", "rejects its Cluster configuration: bad", "EnvoyFilter", True),
    ),
    (
        "no endpoint",
        change_traffic(endpoints=()),
        *("endpoints", "east", "holds no endpoint of west", "injected", True),
    ),
    (
        "an istiod that is cut off from an API server",
        cut_off,
        *("endpoints", "east", "has not heard of the workload in west", "reach https://west:6443 now", True),
    ),
    (
        "only unhealthy endpoints",
        change_traffic(endpoints=(host(*GATEWAYS["west"], "UNHEALTHY"),)),
        *("endpoints", "east", "unhealthy: 172.31.2.1:15443", "ready", True),
    ),
    (
        "a raw pod address of another network",
        change_traffic(endpoints=(host(PODS["west"], 8080),)),
        *("endpoints", "east", f"holds {PODS['west']}, a pod's own address on network west", "gateway", True),
    ),
    (
        "a raw pod address in another proxy",
        change("east", sample=ProxySample("shop-1.shop", frozenset({PODS["west"]}))),
        *("endpoints", "east", PODS["west"], "gateway", True),
    ),
    (
        "a path that is blocked",
        failing("HTTP 503: upstream connect error or disconnect/reset before headers. reset reason: overflow"),
        *("requests", "east", "none of 10 requests from east was answered by west: HTTP 503", "reach 172.31.2.1", True),
    ),
    (
        "a certificate that is not trusted",
        failing("HTTP 503: TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED"),
        *("requests", "east", "CERTIFICATE_VERIFY_FAILED", "compare the roots", True),
    ),
    (
        "a policy that forbids it",
        failing("HTTP 403: RBAC: access denied"),
        *("requests", "east", "RBAC: access denied", "AuthorizationPolicy of west", True),
    ),
    (
        "a name that does not resolve",
        failing('Get "http://probe-west": dial tcp: lookup probe-west: no such host'),
        *("requests", "east", "no such host", "has to exist in east", True),
    ),
    (
        "an answer from elsewhere",
        change_traffic(answers=answers("north")),
        *("requests", "east", "were answered by north (10)", "remote secret", True),
    ),
    (
        "some requests fail",
        change_traffic(answers=answers("west", 7, failure="HTTP 503: no healthy upstream")),
        *("requests", "east", "3 of 10 requests from east to west failed: HTTP 503", "endpoint of west", True),
    ),
]


@pytest.mark.parametrize(
    ("broken", "check", "where", "cause", "remedy", "eventual"),
    [row[1:] for row in CAUSES],
    ids=[row[0] for row in CAUSES],
)
def test_the_first_check_that_fails_is_the_cause(
    broken: Callable[[Fleet, Seen], None], check: str, where: str, cause: str, remedy: str, eventual: bool
) -> None:
    fleet, seen = healthy()
    broken(fleet, seen)
    pair = verdicts(fleet, seen)["east", "west"]
    failure = pair.failure
    assert failure is not None
    assert (failure.name, failure.cluster, failure.eventual) == (check, where, eventual)
    assert cause in failure.cause
    assert remedy in failure.remedy
    assert failure.remedy
    assert pair.state == "failed"
    assert pair.waiting is eventual


def test_a_cause_that_breaks_many_pairs_is_found_once() -> None:
    fleet, seen = healthy()
    change("west", namespace_network="")(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert not pairs["east", "west"].ok
    assert not pairs["west", "east"].ok
    assert [finding.cluster for finding in judge.findings(fleet, pairs.values())] == ["west"]


def test_roots_that_differ_are_one_finding_for_both_directions() -> None:
    fleet, seen = healthy()
    change("west", root_secret=OTHER_ROOT, root_distributed=OTHER_ROOT)(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert not pairs["east", "west"].ok
    assert not pairs["west", "east"].ok
    assert len(judge.findings(fleet, pairs.values())) == 1


def test_a_stopped_gateway_breaks_one_direction_only() -> None:
    fleet, seen = healthy()
    change_gateway(ready_pods=0)(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert [key for key, pair in pairs.items() if not pair.ok] == [("east", "west")]


def test_a_cluster_that_is_away_spoils_its_row_and_column_only() -> None:
    fleet, seen = healthy()
    fleet["north"] = ClusterFacts("north", "north", away="no answer within 10 s", away_remedy="see its API server")
    links = {(one, other) for one in fleet for other in fleet if one != other}
    pairs = verdicts(fleet, seen, links)
    assert {key for key, pair in pairs.items() if pair.state == "away"} == {key for key in pairs if "north" in key}
    assert pairs["east", "west"].ok
    found = judge.findings(fleet, pairs.values())
    assert [(each.cluster, each.severity, each.remedy) for each in found] == [("north", "error", "see its API server")]


def test_on_one_network_there_is_no_gateway_to_check() -> None:
    fleet, seen = healthy()
    for name in fleet:
        istiod = replace(fleet[name].istiods[0], network="flat", gateways=())
        fleet[name] = replace(fleet[name], network="flat", namespace_network="", gateways=(), istiods=(istiod,))
    seen["east", "west"] = replace(seen["east", "west"], endpoints=(host(PODS["west"], 8080),))
    pair = verdicts(fleet, seen)["east", "west"]
    assert {check.name: check.state for check in pair.checks}["gateway"] == "skipped"
    assert pair.ok


def test_equal_pod_addresses_in_two_networks_are_no_stray_addresses() -> None:
    fleet, seen = healthy()
    for name in fleet:
        fleet[name] = replace(
            fleet[name], pod_addresses=frozenset({"10.0.0.5"}), sample=ProxySample("a.b", frozenset({"10.0.0.5"}))
        )
    assert verdicts(fleet, seen)["east", "west"].ok


def test_a_root_that_is_being_replaced_is_no_failure() -> None:
    fleet, seen = healthy()
    change("west", root_distributed=ROOT | OTHER_ROOT)(fleet, seen)
    pair = verdicts(fleet, seen)["east", "west"]
    assert pair.ok
    assert "being replaced" in pair.checks[0].cause


def test_a_gateway_whose_host_name_istiod_cannot_resolve_is_said_to_be_so() -> None:
    fleet, seen = healthy()
    change_gateway(addresses=(("gateway.example.org", 15443),))(fleet, seen)
    change_istiod("east", gateways=())(fleet, seen)
    failure = verdicts(fleet, seen)["east", "west"].failure
    assert failure is not None
    assert "at the host name gateway.example.org:15443, which istiod has to resolve itself" in failure.cause
    assert "see that gateway.example.org resolves in pods of east" in failure.remedy


def test_a_gateway_with_a_host_name_is_known_by_what_it_resolves_to() -> None:
    fleet, seen = healthy()
    change_gateway(addresses=(("gateway.example.org", 15443),))(fleet, seen)
    assert verdicts(fleet, seen)["east", "west"].ok


def test_every_istiod_is_asked() -> None:
    fleet, seen = healthy()
    first = fleet["east"].istiods[0]
    fleet["east"] = replace(fleet["east"], istiods=(first, replace(first, pod="istiod-canary", clusters={})))
    failure = verdicts(fleet, seen)["east", "west"].failure
    assert failure is not None
    assert failure.object == "Pod istio-system/istiod-canary"


def test_without_a_probe_istiods_own_knowledge_of_endpoints_counts() -> None:
    fleet, _seen = healthy()
    pairs = verdicts(fleet, {}, no_requests="check mode makes none")
    assert pairs["east", "west"].ok
    assert pairs["east", "west"].checks[-1].cause == "check mode makes none"
    change_istiod("east", shards=frozenset({"east"}))(fleet, {})
    failure = verdicts(fleet, {}, no_requests="check mode makes none")["east", "west"].failure
    assert failure is not None
    assert failure.name == "endpoints"


def test_a_probe_that_cannot_run_is_the_cause_where_nothing_else_is() -> None:
    fleet, seen = healthy()
    seen.clear()
    obstacle = Obstacle("west", "the probe in west is not ready: image", "give an image", "Deployment x")
    pairs = verdicts(fleet, seen, obstacles={"west": obstacle})
    assert {key for key, pair in pairs.items() if not pair.ok} == {key for key in pairs if "west" in key}
    assert [finding.message for finding in judge.findings(fleet, pairs.values())] == [obstacle.message]


def test_plain_text_is_a_warning() -> None:
    fleet, seen = healthy()
    change_traffic(answers=answers("west", identities=frozenset()))(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert pairs["east", "west"].mutual_tls is False
    found = judge.findings(fleet, pairs.values())
    assert [(each.check, each.severity) for each in found] == [("verify-plain-text", "warning")]


def test_a_proxy_of_a_user_that_rejects_its_configuration_is_a_warning() -> None:
    fleet, seen = healthy()
    change_istiod("east", rejections=(Rejection("shop-1.shop", "Listener", "no such filter"),))(fleet, seen)
    pairs = verdicts(fleet, seen)
    found = judge.findings(fleet, pairs.values())
    assert [(each.severity, each.object) for each in found] == [("warning", "proxy shop-1.shop")]
    assert "no such filter" in found[0].message


def test_a_gateway_that_exposes_nothing_is_a_warning() -> None:
    fleet, seen = healthy()
    change_gateway(hosts=())(fleet, seen)
    pairs = verdicts(fleet, seen)
    assert pairs["east", "west"].ok
    found = judge.findings(fleet, pairs.values())
    assert [(each.cluster, each.check, each.severity) for each in found] == [
        ("west", "verify-nothing-exposed", "warning")
    ]


def one_way() -> tuple[Fleet, Seen]:
    """east reads west, west reads nobody."""
    fleet, seen = healthy()
    istiod = replace(fleet["west"].istiods[0], clusters={}, shards=frozenset({"west"}))
    fleet["west"] = replace(fleet["west"], secrets={}, istiods=(istiod,))
    seen["west", "east"] = Traffic((), Answers(10, {}, frozenset(), (), "HTTP 503: no healthy upstream"))
    return fleet, seen


def test_a_pair_that_shall_not_be_linked_is_well_when_it_sees_nothing() -> None:
    fleet, seen = one_way()
    pairs = verdicts(fleet, seen, {("east", "west")})
    assert pairs["east", "west"].state == "ok"
    assert pairs["west", "east"].state == "not-linked"
    assert pairs["west", "east"].ok
    assert judge.findings(fleet, pairs.values()) == []


# (what is left of the link west -> east, check, in the cause)
LEFTOVERS: list[tuple[str, Callable[[Fleet, Seen], None], str, str]] = [
    (
        "a secret",
        change("west", secrets={"east": RemoteSecret("istio-system/istio-remote-secret-east")}),
        *("synced", "shall not be linked"),
    ),
    (
        "an istiod that no longer reads secrets",
        change_istiod("west", clusters={"east": "synced"}),
        *("synced", "no longer reads secrets"),
    ),
    ("endpoints", change_istiod("west", shards=frozenset({"west", "east"})), "endpoints", "shall not be linked"),
    (
        "an endpoint in a proxy",
        lambda _fleet, seen: seen.update({("west", "east"): Traffic((host(*GATEWAYS["east"]),))}),
        *("endpoints", "172.31.1.1:15443"),
    ),
    (
        "answers",
        lambda _fleet, seen: seen.update({("west", "east"): Traffic((), answers("east"))}),
        *("requests", "east answered 10 requests of west"),
    ),
]


@pytest.mark.parametrize(("left", "check", "cause"), [row[1:] for row in LEFTOVERS], ids=[row[0] for row in LEFTOVERS])
def test_what_is_left_of_a_link_is_named(left: Callable[[Fleet, Seen], None], check: str, cause: str) -> None:
    fleet, seen = one_way()
    left(fleet, seen)
    pairs = verdicts(fleet, seen, {("east", "west")})
    failure = pairs["west", "east"].failure
    assert failure is not None
    assert failure.name == check
    assert cause in failure.cause
    assert pairs["east", "west"].ok
