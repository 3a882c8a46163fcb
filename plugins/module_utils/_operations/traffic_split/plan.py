# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a traffic split means, and what it makes of the objects of one cluster. Pure.

A split sets weights on an object that users have, on every cluster the same or for each source cluster its own: in a
multi-primary mesh each istiod serves its own proxies, so that the copy of a cluster decides for the clients of that
cluster. Where it goes by version, cluster or network it also sees to the subsets, on all clusters, because both
sides of a connection need them. Where the host has no VirtualService it makes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._change.finding_kinds import DRIFT
from ..._change.objects import content_hash
from ..._change.records import is_set_name
from ..._cluster import Cluster
from ..._finding_kinds import SUBSET_MISSING
from ..._findings import OPTION, Finding, MeshError
from ..._istio import routes, subsets
from ..._istio.hosts import full_name, service_of
from ..._istio.routes import RouteError, RouteSelection
from ..._kube.kinds import GRPC_ROUTE, HTTP_ROUTE, TCP_ROUTE, TLS_ROUTE, VIRTUAL_SERVICE, Kind
from ..._ownership import describe_last_writer, is_ours
from ..._values import whole_number
from ..finding_kinds import (
    HOST_ALREADY_ROUTED,
    OBJECT_MISSING,
    OBJECT_NOT_EVERYWHERE,
    RULE_HIDDEN,
    RULE_NOT_EXPORTED,
    RULE_SHADOWED,
    SUBSET_CONFLICT,
    SUBSET_DIFFERS,
)

Object = dict[str, Any]

KINDS: dict[str, Kind] = {kind.kind: kind for kind in (VIRTUAL_SERVICE, HTTP_ROUTE, GRPC_ROUTE, TCP_ROUTE, TLS_ROUTE)}

SPLIT_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "set": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "restored", "settled"], "default": "present"},
    "kind": {"type": "str", "choices": list(KINDS), "default": VIRTUAL_SERVICE.kind},
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str"},
    "section": {"type": "str", "choices": list(routes.VIRTUAL_SERVICE_SECTIONS)},
    "routes": {"type": "list", "elements": "str", "default": []},
    "by": {
        "type": "str",
        "choices": ["destination", "subset", "host", *subsets.LABELS],
        "default": "destination",
    },
    "host": {"type": "str"},
    "weights": {"type": "dict"},
    "from": {"type": "dict"},
    "total": {"type": "int", "default": routes.TOTAL},
    "label": {"type": "str"},
    "label_values": {"type": "dict", "default": {}},
    "destination_rule": {"type": "str"},
    "traffic_policy": {"type": "dict"},
}
"""The options of traffic_split beside those of the fleet and of every two-phase change."""

SPLIT_REQUIRED_ONE_OF = [("name", "host")]
SPLIT_REQUIRED_IF = [("by", way, ["host"]) for way in subsets.LABELS]

_MESH = "mesh"
_ROUTE_NAME = "split"


@dataclass(frozen=True)
class Split:
    """One split, checked. ``weights`` is from cluster to names of destinations to weights; a cluster without is one
    whose routes stay. ``host`` is in full, ``subsets`` what every cluster needs of it; both empty where the split goes
    by what is there."""

    kind: Kind
    namespace: str
    name: str
    selection: RouteSelection
    weights: Mapping[str, Mapping[str, int]]
    total: int
    host: str = ""
    subsets: subsets.Subsets = field(default_factory=dict)
    rule: str = ""
    rule_namespace: str = ""
    traffic_policy: Mapping[str, Any] | None = None

    @property
    def may_make_route(self) -> bool:
        """Whether the object is made where it is missing: everything is known that it needs."""
        return bool(self.subsets) and self.kind == VIRTUAL_SERVICE

    def rule_namespaces(self, cluster: Cluster) -> tuple[str, ...]:
        """Where DestinationRules count that the plan has to know."""
        return tuple(dict.fromkeys((self.rule_namespace or self.namespace, self.namespace, cluster.istio_namespace)))


@dataclass(frozen=True)
class Live:
    """What stands on one cluster: the object (None: it does not), the VirtualServices of its namespace where the split
    may make one, and the DestinationRules of ``Split.rule_namespaces``."""

    route: Object | None
    virtual_services: tuple[Object, ...] = ()
    rules: tuple[Object, ...] = ()


@dataclass(frozen=True)
class SplitObject:
    """One object as it stands (None: it does not) and as it is to be; equal where nothing is to be done."""

    before: Object | None
    desired: Object
    reason: str

    @property
    def changes(self) -> bool:
        return self.before != self.desired


@dataclass(frozen=True)
class SplitPlan:
    """What one cluster needs, DestinationRules first; the weights ``before`` and ``after`` by route and destination."""

    wanted: tuple[SplitObject, ...] = ()
    before: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    after: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def split_of(parameters: Mapping[str, Any], clusters: Mapping[str, Cluster]) -> Split:
    """The split that options with SPLIT_ARGUMENT_SPEC mean for a fleet. Raises MeshError with all that is wrong."""
    problems: list[Finding] = []
    weights = _read_weights(parameters, clusters, problems)
    namespace, by = parameters["namespace"], parameters["by"]
    kind = KINDS[parameters["kind"]]
    if parameters["total"] < 1:
        problems.append(_option("total", f"total is {parameters['total']}", "give a number from 1"))
    if parameters["section"] and kind != VIRTUAL_SERVICE:
        problems.append(_option("section", f"a {kind.kind} has rules and no sections", "leave section out"))
    service = service_of(parameters["host"] or "", namespace)
    if by not in subsets.LABELS:
        selection = RouteSelection(parameters["section"] or "", tuple(parameters["routes"]), by)
        if not parameters["name"]:
            problems.append(
                _option("name", f"by is {by}, and no object is named", "name the one whose weights are meant")
            )
        _refuse(problems)
        return Split(kind, namespace, parameters["name"], selection, weights, parameters["total"])
    if kind != VIRTUAL_SERVICE:
        problems.append(
            _option(
                "kind", f"by is {by}, and a {kind.kind} knows no subsets", "use a VirtualService, or one Service each"
            )
        )
    labels = _read_label_values(parameters, weights, clusters, problems)
    _refuse(problems)
    default = f"{service.name if service is not None else parameters['host'].replace('*', 'any')}-split"
    return Split(
        kind,
        namespace,
        parameters["name"] or default,
        RouteSelection(parameters["section"] or "", tuple(parameters["routes"])),
        weights,
        parameters["total"],
        host=full_name(parameters["host"], namespace),
        subsets=subsets.make_subsets(parameters["label"] or subsets.LABELS[by], labels),
        rule=parameters["destination_rule"] or default,
        rule_namespace=service.namespace if service is not None else namespace,
        traffic_policy=parameters["traffic_policy"],
    )


def set_name(parameters: Mapping[str, Any], split: Split) -> str:
    """The name of the split's record: as given, else of kind, namespace and name, as a hash where these are long."""
    if parameters["set"]:
        return str(parameters["set"])
    whole = f"{split.kind.kind.lower()}-{split.namespace}-{split.name}"
    if is_set_name(whole):
        return whole
    digest = content_hash([split.kind.kind, split.namespace, split.name])
    return f"{split.kind.kind.lower()}-{digest}"


def plan(split: Split, cluster: str, live: Live) -> SplitPlan:
    """What the objects of one cluster have to become; findings for everything that is in the way."""
    rule, findings = _plan_rule(split, cluster, live)
    if cluster not in split.weights:
        return SplitPlan(_only(rule), findings=tuple(findings))
    before, problem = _find_route(split, cluster, live)
    if before is None:
        return SplitPlan(_only(rule), findings=(*findings, *_only(problem)))
    weights = split.weights[cluster]
    try:
        desired = routes.with_weights(before, split.selection, weights, total=split.total, subsets_of=split.host)
        had = routes.weights_of(before, split.selection, weights, subsets_of=split.host) if live.route else {}
        gets = routes.weights_of(desired, split.selection, weights, subsets_of=split.host)
    except RouteError as error:
        finding = Finding(cluster, error.kind, str(error), error.remedy, object=_object(split))
        return SplitPlan(_only(rule), findings=(*findings, finding))
    if not split.subsets:
        findings += _find_unknown_subsets(split, cluster, desired, live)
    reason = _write_weights(gets) if live.route is not None else f"no VirtualService of {split.host}"
    return SplitPlan((*_only(rule), SplitObject(live.route, desired, reason)), had, gets, tuple(findings))


def find_conflicts(split: Split, lives: Mapping[str, Live]) -> list[Finding]:
    """What is in the way between clusters, each of which may be fine by itself."""
    findings = []
    users = [name for name, live in lives.items() if live.route is not None and not is_ours(live.route)]
    without = [name for name, live in lives.items() if live.route is None and name in split.weights]
    if split.may_make_route and users and without:
        findings.append(
            Finding(
                "",
                OBJECT_NOT_EVERYWHERE,
                f"{_object(split)} stands on {', '.join(users)}, and not on {', '.join(without)}",
                "bring it there first (onemesh.istio.replicate), or leave these clusters out of the weights",
                object=_object(split),
                clusters=tuple(without),
            )
        )
    for host in sorted(_find_hosts_with_subsets(split, lives)):
        namespace = _namespace_of(host, split)
        known = {name: subsets.list_declared(live.rules, host, namespace) for name, live in lives.items()}
        findings += [
            Finding(
                "",
                SUBSET_DIFFERS,
                text,
                "give it the same labels in the DestinationRules of all clusters",
                clusters=tuple(known),
            )
            for text in subsets.find_disagreements(host, known)
        ]
    return findings


def _read_weights(
    parameters: Mapping[str, Any], clusters: Mapping[str, Cluster], problems: list[Finding]
) -> dict[str, Mapping[str, int]]:
    everywhere = parameters["weights"]
    given = dict.fromkeys(clusters, _read_numbers(everywhere)) if everywhere else {}
    for name, weights in (parameters["from"] or {}).items():
        if name not in clusters:
            problems.append(
                _option("from", f"from names cluster {name}, the fleet has {_join_names(clusters)}", "correct it")
            )
        elif not isinstance(weights, Mapping) or not weights:
            problems.append(_option("from", f"from {name} has no weights", "give each destination its weight"))
        else:
            given[name] = _read_numbers(weights)
    if not given and not problems and parameters["state"] == "present":
        problems.append(_option("weights", "neither weights nor from is given", "give each destination its weight"))
    return {name: given[name] for name in clusters if name in given}


def _read_numbers(weights: Mapping[Any, Any]) -> dict[str, Any]:
    """Templates give numbers as text; whatever else it is, is refused with the routes."""
    return {str(name): _read_number(weight) for name, weight in weights.items()}


def _read_number(weight: Any) -> Any:
    try:
        return whole_number(weight, "a weight")
    except ValueError:
        return weight


def _read_label_values(
    parameters: Mapping[str, Any],
    weights: Mapping[str, Mapping[str, int]],
    clusters: Mapping[str, Cluster],
    problems: list[Finding],
) -> dict[str, str]:
    """From each subset to the value of the label, which by cluster and network has to be one of the fleet."""
    by, given = parameters["by"], parameters["label_values"]
    names = list(dict.fromkeys(str(name) for shares in weights.values() for name in shares))
    stray = [name for name in given if name not in names]
    if stray and weights:
        problems.append(
            _option(
                "label_values",
                f"label_values has {_join_names(stray)}, the weights have {_join_names(names)}",
                "correct it",
            )
        )
    networks = {name: cluster.network for name, cluster in clusters.items()}
    defaults = networks if by == "network" else {}
    values = {name: str(given.get(name, defaults.get(name, name))) for name in names}
    known = {"cluster": list(clusters), "network": list(dict.fromkeys(networks.values()))}.get(by)
    if known is not None and not parameters["label"]:
        problems.extend(
            _option(
                "weights",
                f"subset {name} would be {by} {value}, and the fleet has {_join_names(known)}",
                f"correct the name, or say its {by} in label_values",
            )
            for name, value in values.items()
            if value not in known
        )
    return values


def _plan_rule(split: Split, cluster: str, live: Live) -> tuple[SplitObject | None, list[Finding]]:
    if not split.subsets:
        return None, []
    namespace = split.rule_namespace
    found = subsets.complete(
        live.rules, split.host, split.subsets, name=split.rule, namespace=namespace, traffic_policy=split.traffic_policy
    )
    findings = [
        Finding(cluster, SUBSET_CONFLICT, text, "rename the subset there, or give other names in weights")
        for text in found.conflicts
    ]
    rules = subsets.rules_of_host(live.rules, split.host, namespace)
    findings += [
        Finding(
            cluster,
            RULE_NOT_EXPORTED,
            f"DestinationRule {subsets.describe(rule)} is not exported to all namespaces, so gateways and clients in "
            "others do not know its subsets",
            "remove exportTo from it",
            severity="warning",
        )
        for rule in rules
        if not subsets.is_exported(rule)
    ]
    hidden = subsets.find_hidden_rules(live.rules, split.host, namespace) if not rules else []
    if hidden:
        findings.append(
            Finding(
                cluster,
                RULE_HIDDEN,
                f"DestinationRule {_join_names(hidden)} no longer counts for {split.host} once this one has its own",
                "give what it says in traffic_policy too",
                severity="warning",
            )
        )
    shadowing = subsets.rules_of_host(live.rules, split.host, split.namespace) if split.namespace != namespace else []
    findings += [
        Finding(
            cluster,
            RULE_SHADOWED,
            f"clients in namespace {split.namespace} go by DestinationRule {subsets.describe(rule)} and not by the one "
            f"in {namespace}",
            f"move it to namespace {namespace}",
        )
        for rule in shadowing
    ]
    if found.desired is None:
        stands = next((dict(rule) for rule in rules), None)
        return (None if stands is None else SplitObject(stands, stands, "the host has the subsets")), findings
    reason = "the host has no subsets" if found.before is None else "subsets are missing"
    return SplitObject(found.before, found.desired, reason), findings


def _find_route(split: Split, cluster: str, live: Live) -> tuple[Object | None, Finding | None]:
    """The object whose weights are set: the one that stands there, or a new one before it is split."""
    if live.route is not None:
        return live.route, None
    if not split.may_make_route or split.selection.section == "tls" or split.selection.routes:
        return None, Finding(
            cluster,
            OBJECT_MISSING,
            f"there is no {_object(split)}",
            "create it, or correct kind, namespace and name; with host and by cluster, network or version, and no "
            "routes, a VirtualService is made",
            object=_object(split),
        )
    rivals = [one for one in live.virtual_services if _routes_in_mesh(one, split.host)]
    if rivals:
        name = rivals[0]["metadata"]["name"]
        return None, Finding(
            cluster,
            HOST_ALREADY_ROUTED,
            f"VirtualService {split.namespace}/{name} routes {split.host} already, and a second would not count",
            f"set name: {name} to split what that one sends to {split.host}",
            object=_object(split),
        )
    return _make_route(split), None


def _make_route(split: Split) -> Object:
    section = split.selection.section or "http"
    route = {"route": [{"destination": {"host": split.host}}]}
    return {
        "apiVersion": split.kind.api_version,
        "kind": split.kind.kind,
        "metadata": {"name": split.name, "namespace": split.namespace},
        "spec": {"hosts": [split.host], section: [{"name": _ROUTE_NAME, **route} if section == "http" else route]},
    }


def _routes_in_mesh(virtual_service: Mapping[str, Any], host: str) -> bool:
    spec = virtual_service.get("spec") or {}
    namespace = virtual_service["metadata"]["namespace"]
    in_mesh = _MESH in (spec.get("gateways") or [_MESH])
    return in_mesh and host in [full_name(name, namespace) for name in spec.get("hosts") or ()]


def _find_unknown_subsets(split: Split, cluster: str, desired: Mapping[str, Any], live: Live) -> list[Finding]:
    """Destinations that get traffic and whose subset no DestinationRule knows: their share would be answered 503."""
    keys = split.weights[cluster]
    named = {
        (full_name(destination.host, split.namespace), destination.subset)
        for route in routes.select(desired, split.selection, keys)
        for destination in route.destinations
        if destination.subset and destination.share
    }
    return [
        Finding(
            cluster,
            SUBSET_MISSING,
            f"no DestinationRule gives {host} the subset {subset}",
            "create it on every cluster, because both sides of a connection need it, or use host and by",
            object=_object(split),
        )
        for host, subset in subsets.find_undeclared(live.rules, named)
    ]


def find_drift(split: Split, cluster: str, live: Live, written: Mapping[str, Any] | None) -> list[Finding]:
    """Weights that somebody has changed since the split wrote them: reported and put right, never adopted."""
    keys = split.weights.get(cluster)
    if live.route is None or written is None or keys is None:
        return []
    try:
        were = routes.weights_of(written, split.selection, keys, subsets_of=split.host)
        are = routes.weights_of(live.route, split.selection, keys, subsets_of=split.host)
    except RouteError:
        return []
    moved = {route: shares for route, shares in are.items() if were.get(route, shares) != shares}
    if not moved:
        return []
    return [
        Finding(
            cluster,
            DRIFT,
            f"weights were set to {_write_weights({route: were[route] for route in moved})}, and are "
            f"{_write_weights(moved)} (last written by {describe_last_writer(live.route, {'spec': written['spec']})}); "
            "they are put right",
            "keep whoever writes them from doing so",
            severity="warning",
            object=_object(split),
        )
    ]


def _find_hosts_with_subsets(split: Split, lives: Mapping[str, Live]) -> set[str]:
    if split.subsets:
        return {split.host}
    if split.kind != VIRTUAL_SERVICE:
        return set()
    return {
        full_name(destination.host, split.namespace)
        for live in lives.values()
        if live.route is not None
        for route in routes.routes_of(live.route)
        for destination in route.destinations
        if destination.subset
    }


def _namespace_of(host: str, split: Split) -> str:
    service = service_of(host, split.namespace)
    return split.namespace if service is None else service.namespace


def _object(split: Split) -> str:
    return split.kind.describe(split.name, split.namespace)


def _write_weights(weights: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(
        f"{route}: " + ", ".join(f"{name} {weight}" for name, weight in shares.items())
        for route, shares in weights.items()
    )


def _option(name: str, message: str, remedy: str) -> Finding:
    return Finding("", OPTION.kind(name), message, remedy)


def _refuse(problems: Iterable[Finding]) -> None:
    findings = list(problems)
    if findings:
        raise MeshError("The split cannot be made.", findings)


def _only(item: Any) -> tuple[Any, ...]:
    return () if item is None else (item,)


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
