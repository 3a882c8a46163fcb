# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a proxy routes as was written, by its own configuration: the rule of level ``serving``. Pure.

What istiod makes of an object is found again in Envoy by its metadata (``source``, see envoy_dump.py), or, for the
rules of a Gateway API route, by the name that istiod gives (pilot/pkg/config/kube/gateway/conversion.go: the rule's
own, or ``namespace.name.index``). Compared are the shares of the destinations of a route, and that the subsets of a
DestinationRule exist; not matches, timeouts, headers, policies, and not the labels of a subset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._istio import sni
from .._istio.envoy_dump import EnvoyCluster, EnvoyRoute
from .._istio.hosts import full_name, service_of
from .._istio.routes import Route, routes_of
from .levels import Changed

ROUTES, CHAINS, CLUSTERS = "routes", "chains", "clusters"

_VIRTUAL_SERVICE, _DESTINATION_RULE = "VirtualService", "DestinationRule"
_HTTP = ("HTTPRoute", "GRPCRoute")
_CHAINS: Mapping[str, str] = {"TCPRoute": "tcp", "TLSRoute": "tls"}
_GENERATED = "~"
"""Stands in the name of each VirtualService that istiod makes of Gateway API routes, and in no other's."""


@dataclass(frozen=True)
class Dump:
    """What was read of one proxy; a part that nothing asks for is empty."""

    routes: Sequence[EnvoyRoute] = ()
    chains: Sequence[EnvoyRoute] = ()
    clusters: Sequence[EnvoyCluster] = ()


@dataclass(frozen=True)
class Comparison:
    """``shown``: how many of the proxy's routes (clusters) are of the object; ``differences`` in words."""

    shown: int
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Target:
    """Where a destination leads. ``port`` None: istiod chooses it."""

    host: str
    subset: str
    port: int | None

    def is_of(self, found: sni.SniDestination) -> bool:
        # The domain of the mesh is in the found host only.
        same_host = found.host == self.host or (
            service_of(self.host, "") is not None and service_of(found.host, "") == service_of(self.host, "")
        )
        return same_host and found.subset == self.subset and self.port in (None, found.port)

    def __str__(self) -> str:
        return f"{self.host}/{self.subset}" if self.subset else self.host


Shares = Mapping[Target, Fraction]
"""What each destination gets of the whole."""


def parts_of(change: Changed) -> frozenset[str]:
    """Which parts of a dump have to be read for it; none: nothing of it is looked for."""
    _group, kind, _namespace, _name = change.key
    if kind == _VIRTUAL_SERVICE and not why_not(change):
        sections = {route.section for known in (change.before, change.after) if known for route in routes_of(known)}
        return frozenset(ROUTES if section == "http" else CHAINS for section in sections)
    if kind == _DESTINATION_RULE:
        return frozenset((CLUSTERS,))
    if kind in _HTTP:
        return frozenset((ROUTES,))
    return frozenset((CHAINS,)) if kind in _CHAINS else frozenset()


def why_not(change: Changed) -> str:
    """Why nothing of an object is looked for; empty where it is."""
    _group, kind, _namespace, _name = change.key
    spec = change.object.get("spec") or {}
    if kind == _VIRTUAL_SERVICE:
        if not spec.get("hosts"):
            return "it is a delegate: its routes are in the configuration under another VirtualService's name"
        if any(route.get("delegate") for route in spec.get("http") or ()):
            return "it delegates routes to other VirtualServices"
        return ""
    known = kind == _DESTINATION_RULE or kind in _HTTP or kind in _CHAINS
    return "" if known else f"nothing of a {kind} is looked for in the proxies' configuration"


def compare(change: Changed, dump: Dump) -> Comparison:
    """The object as it is now against what a proxy has. ``shown`` 0 where it still is: the proxy does not use it."""
    _group, kind, namespace, name = change.key
    if kind == _VIRTUAL_SERVICE:
        source = f"/namespaces/{namespace}/virtual-service/{name}"
        found = [route for route in dump.routes if route.source.endswith(source)]
        streams = [chain for chain in dump.chains if chain.source.endswith(source)]
        if change.after is None:
            return _compare_gone(change, [*found, *streams])
        return _add_up([_compare_ordered(change.after, found), _any_of(change.after, streams, ("tls", "tcp"))])
    if kind == _DESTINATION_RULE:
        return _compare_subsets(change, dump.clusters)
    if kind in _CHAINS:
        prefix = f"/namespaces/{namespace}/virtual-service/{name}{_GENERATED}{_CHAINS[kind]}{_GENERATED}"
        streams = [chain for chain in dump.chains if prefix in chain.source]
        return _compare_gone(change, streams) if change.after is None else _any_of(change.after, streams, ("rules",))
    return _compare_rules(change, [route for route in dump.routes if _GENERATED in route.source])


def list_divided(manifest: Mapping[str, Any]) -> list[tuple[Route, Shares]]:
    """The routes of an object that send somewhere, with what each destination gets."""
    return [(route, shares) for route in routes_of(manifest) if (shares := _shares(manifest, route))]


def target_of(cluster: str, targets: Iterable[Target]) -> Target | None:
    """Which of the targets a cluster of Envoy is; None for another, or for one that Istio does not make."""
    try:
        found = sni.decode_cluster(cluster)
    except ValueError:
        return None
    return next((target for target in targets if target.is_of(found)), None)


# -- routes -----------------------------------------------------------------------------------------------------------


def _compare_ordered(manifest: Mapping[str, Any], found: Sequence[EnvoyRoute]) -> Comparison:
    """HTTP routes of a VirtualService: Envoy has those that concern it in the object's order, one for each match."""
    expected = [(route, shares) for route, shares in list_divided(manifest) if route.section == "http"]
    differences = []
    for place in dict.fromkeys(route.place for route in found):
        position = 0
        for seen in (route for route in found if route.place == place):
            candidates = [index for index in range(len(expected)) if _is_named(seen.name, expected[index][0].name)]
            matching = [index for index in candidates if index >= position and _divides(seen, expected[index][1])]
            if matching:
                position = matching[0]
            else:
                differences.append(_describe_difference(seen, [expected[index][1] for index in candidates]))
    return Comparison(len(found), tuple(differences))


def _any_of(manifest: Mapping[str, Any], found: Sequence[EnvoyRoute], sections: Iterable[str]) -> Comparison:
    """Streams: istiod keeps one chain of those that match the same, so their order says nothing."""
    wanted = [shares for route, shares in list_divided(manifest) if route.section in sections]
    return Comparison(
        len(found),
        tuple(
            _describe_difference(seen, wanted) for seen in found if not any(_divides(seen, shares) for shares in wanted)
        ),
    )


def _compare_rules(change: Changed, found: Sequence[EnvoyRoute]) -> Comparison:
    """HTTP rules of the Gateway API: of each one by its name."""
    _group, _kind, namespace, name = change.key
    if change.after is None:
        known = routes_of(change.object)
        unnamed = {f"{namespace}.{name}.{route.index}" for route in known if not route.name}
        return _compare_gone(change, [seen for seen in found if seen.name in unnamed])
    shown = 0
    differences = []
    for route, shares in list_divided(change.after):
        own = [seen for seen in found if seen.name == (route.name or f"{namespace}.{name}.{route.index}")]
        right = [seen for seen in own if _divides(seen, shares)]
        shown += len(own)
        # A name of a rule may be another route's too, so one that is right is enough there.
        if own and (not right or (not route.name and len(right) < len(own))):
            differences.append(_describe_difference(own[0], [shares]))
    return Comparison(shown, tuple(differences))


def _is_named(seen: str, name: str) -> bool:
    """istiod names a route ``name`` or ``name.match``."""
    return seen == name or seen.startswith(f"{name}.")


def _shares(manifest: Mapping[str, Any], route: Route) -> Shares:
    """What each destination gets of the whole. Empty where the route sends nowhere, as a redirect."""
    namespace = manifest["metadata"].get("namespace") or ""
    backends = manifest["spec"][route.section][route.index].get("backendRefs") or ()
    weights: dict[Target, int] = {}
    for destination in route.destinations:
        place = namespace if route.section != "rules" else backends[destination.index].get("namespace") or namespace
        target = Target(full_name(destination.host, place), destination.subset, destination.port)
        absent = 1 if route.section == "rules" else 0
        weight = absent if destination.weight is None else destination.weight
        if len(route.destinations) == 1 and route.section != "rules":
            weight = 1
        weights[target] = weights.get(target, 0) + weight
    total = sum(weights.values())
    return {target: Fraction(weight, total) for target, weight in weights.items() if weight}


def _divides(seen: EnvoyRoute, shares: Shares) -> bool:
    """Whether a route of Envoy divides requests in these shares."""
    total = sum(seen.weights.values())
    left = dict(shares)
    for name, weight in seen.weights.items():
        if not weight:
            continue
        target = target_of(name, left)
        if target is None:
            return False
        left[target] -= Fraction(weight, total)
    return not any(left.values())


def _describe_difference(seen: EnvoyRoute, wanted: Sequence[Shares]) -> str:
    has = ", ".join(f"{weight} to {name}" for name, weight in seen.weights.items())
    written = " or ".join(
        ", ".join(f"{float(share * 100):g} % to {target}" for target, share in shares.items()) for shares in wanted
    )
    return f"route {seen.name or '(no name)'} of {seen.place} sends {has}; written is {written or 'no such route'}"


def _compare_gone(change: Changed, found: Sequence[EnvoyRoute]) -> Comparison:
    return Comparison(
        len(found), tuple(f"route {seen.name or '(no name)'} of {seen.place} is still there" for seen in found)
    )


def _add_up(comparisons: Sequence[Comparison]) -> Comparison:
    return Comparison(
        sum(each.shown for each in comparisons), tuple(text for each in comparisons for text in each.differences)
    )


# -- clusters ---------------------------------------------------------------------------------------------------------


def _compare_subsets(change: Changed, clusters: Sequence[EnvoyCluster]) -> Comparison:
    """A DestinationRule: wherever it shapes the cluster of a port, there is one for each of its subsets."""
    _group, _kind, namespace, name = change.key
    source = f"/namespaces/{namespace}/destination-rule/{name}"
    own = [found for cluster in clusters if cluster.source.endswith(source) and (found := _decode(cluster.name))]
    if change.after is None:
        return Comparison(len(own), tuple(f"{_place(each)} is still shaped by it" for _form, each in own))
    wanted = {subset["name"] for subset in (change.after.get("spec") or {}).get("subsets") or ()}
    differences = []
    for form, plain in own:
        if plain.subset or plain.direction != "outbound":
            continue
        place = (form, plain.host, plain.port)
        has = {each.subset for other, each in own if (other, each.host, each.port) == place and each.subset}
        differences += [f"{_place(plain)} has no subset {subset}" for subset in sorted(wanted - has)]
        differences += [f"{_place(plain)} still has subset {subset}" for subset in sorted(has - wanted)]
    return Comparison(len(own), tuple(differences))


def _decode(name: str) -> tuple[str, sni.SniDestination] | None:
    """What a cluster's name says, and its form: an east-west gateway names clusters by their SNI."""
    for form, decode in (("cluster", sni.decode_cluster), ("sni", sni.decode_sni)):
        try:
            return form, decode(name)
        except ValueError:
            continue
    return None


def _place(destination: sni.SniDestination) -> str:
    return f"{destination.host}:{destination.port}"
