# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy mesh of two clusters as verify sees it, and changes that break it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    RemoteSecret,
    Traffic,
)

Fleet = dict[str, ClusterFacts]
Seen = dict[tuple[str, str], Traffic]
Breaks = Callable[[Fleet, Seen], None]
Cause = tuple[str, Breaks, str, str, str, bool]
"""What is broken, how, the cluster to act on, words of the cause and of the remedy, whether waiting may help."""

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


def one_way() -> tuple[Fleet, Seen]:
    """east reads west, west reads nobody."""
    fleet, seen = healthy()
    istiod = replace(fleet["west"].istiods[0], clusters={}, shards=frozenset({"west"}))
    fleet["west"] = replace(fleet["west"], secrets={}, istiods=(istiod,))
    seen["west", "east"] = Traffic((), Answers(10, {}, frozenset(), (), "HTTP 503: no healthy upstream"))
    return fleet, seen


def for_each_cause(causes: Sequence[Cause]) -> pytest.MarkDecorator:
    """A test for each row, named after what is broken."""
    return pytest.mark.parametrize(
        ("broken", "where", "cause", "remedy", "eventual"), [row[1:] for row in causes], ids=[row[0] for row in causes]
    )


def assert_first_failure(check: str, broken: Breaks, where: str, cause: str, remedy: str, eventual: bool) -> None:
    """The check is the first one of the pair east -> west that fails, with these words."""
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
