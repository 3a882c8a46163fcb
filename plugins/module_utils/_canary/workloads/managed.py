# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services, DestinationRules and routes that a release makes where the user has none (``manage: true``). Pure.

They are what Flagger makes (pkg/router/kubernetes_default.go, istio.go and gateway_api.go), on every cluster, so that
all names resolve in each: Services NAME, NAME-primary and NAME-canary, two DestinationRules, and one VirtualService, or
one HTTPRoute where ``gateway_refs`` are given. Hosts are written short, as Flagger does: all objects are in one
namespace, and so no DNS domain has to be known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from ..._change.objects import ObjectId
from ..._finding_kinds import OBJECT_OF_ANOTHER
from ..._findings import OPTION, Finding, MeshError
from ..._istio.hosts import full_name
from ..._kube.kinds import DESTINATION_RULE, HTTP_ROUTE, SERVICE, VIRTUAL_SERVICE, Kind
from ..._ownership import is_ours
from ..finding_kinds import SERVICE_UNUSABLE
from ..model import TOTAL
from . import http_route_parts
from .selectors import SELECTOR_LABELS, Labels, Object, SelectorLabel, find_selector_label, select_own, select_primaries

_METADATA_OPTIONS: dict[str, Any] = {
    "type": "dict",
    "options": {"labels": {"type": "dict", "default": {}}, "annotations": {"type": "dict", "default": {}}},
}

SERVICE_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "port": {"type": "int", "required": True},
    "target_port": {"type": "str"},
    "port_name": {"type": "str", "default": "http"},
    "app_protocol": {"type": "str"},
    "port_discovery": {"type": "bool", "default": False},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "gateways": {"type": "list", "elements": "str", "default": []},
    "gateway_refs": {"type": "list", "elements": "dict", "default": []},
    "delegation": {"type": "bool", "default": False},
    "match": {"type": "list", "elements": "dict", "default": []},
    "rewrite": {"type": "dict"},
    "timeout": {"type": "str"},
    "retries": {"type": "dict"},
    "cors_policy": {"type": "dict"},
    "headers": {"type": "dict"},
    "traffic_policy": {"type": "dict"},
    "apex": _METADATA_OPTIONS,
    "primary": _METADATA_OPTIONS,
    "canary": _METADATA_OPTIONS,
}
"""Options of what is made, with the meaning of Flagger's ``spec.service``; what Istio reads is in Istio's own words."""

MESH = "mesh"
TCP = "tcp"

_PROXIES = ("istio-proxy", "envoy")
_LONGEST_NAME = 63
_DNS_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True)
class Port:
    """One port of all three Services. ``target`` is a number or the name of a port of the pods."""

    name: str
    number: int
    target: int | str
    protocol: str = "TCP"
    app_protocol: str = ""


@dataclass(frozen=True)
class ManagedService:
    """What is to be made, checked. ``label`` tells the pods of the sides apart; by ``stable_pods`` and ``own_pods``
    Services select them. The first of ``ports`` is the released one. ``settings`` are those of the http route, by their
    names in a VirtualService."""

    namespace: str
    name: str
    label: SelectorLabel
    stable_pods: Labels
    own_pods: Labels
    ports: tuple[Port, ...]
    hosts: tuple[str, ...] = ()
    gateways: tuple[str, ...] = ()
    gateway_refs: tuple[Mapping[str, Any], ...] = ()
    delegation: bool = False
    tcp: bool = False
    match: tuple[Mapping[str, Any], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    traffic_policy: Mapping[str, Any] | None = None
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    names_port: bool = False

    @property
    def primary(self) -> str:
        return f"{self.name}-primary"

    @property
    def canary(self) -> str:
        return f"{self.name}-canary"

    @property
    def route_kind(self) -> Kind:
        return HTTP_ROUTE if self.gateway_refs else VIRTUAL_SERVICE


def read_service(
    options: Mapping[str, Any],
    target: Mapping[str, Any],
    live_primary: Mapping[str, Any] | None = None,
    *,
    labels: Sequence[str] = SELECTOR_LABELS,
    cluster: str = "",
) -> ManagedService:
    """What options with SERVICE_ARGUMENT_SPEC mean for a workload. Raises MeshError with all that is wrong."""
    problems: list[Finding] = []
    namespace = target["metadata"]["namespace"]
    name = options.get("name") or target["metadata"]["name"]
    try:
        label = find_selector_label(target, labels, cluster=cluster)
    except MeshError as error:
        problems.extend(error.findings)
        label = SelectorLabel("", "")
    ports = _ports(options, target, problems)
    problems += find_service_problems(options, name, namespace)
    if problems:
        raise MeshError("The services and routes of the canary cannot be made.", problems)
    gateways = tuple(options.get("gateways") or ())
    through_gateway = bool(options.get("delegation")) or (bool(gateways) and gateways[0] != MESH)
    settings = {
        "rewrite": options.get("rewrite"),
        "timeout": options.get("timeout"),
        "retries": options.get("retries"),
        "corsPolicy": options.get("cors_policy"),
        "headers": options.get("headers"),
    }
    return ManagedService(
        namespace=namespace,
        name=name,
        label=label,
        stable_pods=select_primaries(target, label, live_primary),
        own_pods=select_own(target),
        ports=ports,
        hosts=tuple(options.get("hosts") or ()),
        gateways=gateways,
        gateway_refs=tuple(options.get("gateway_refs") or ()),
        delegation=bool(options.get("delegation")),
        tcp=_is_tcp(options),
        match=tuple(options.get("match") or ()),
        settings={key: value for key, value in settings.items() if value},
        traffic_policy=options.get("traffic_policy") or None,
        metadata={side: options.get(side) or {} for side in ("apex", "primary", "canary")},
        names_port=bool(options.get("port_discovery")) and through_gateway,
    )


def make_services(service: ManagedService) -> list[Object]:
    """Three Services: NAME and NAME-primary select the stable side's pods, NAME-canary those of the workload itself."""
    selected = {
        "apex": (service.name, service.stable_pods),
        "primary": (service.primary, service.stable_pods),
        "canary": (service.canary, service.own_pods),
    }
    return [
        {
            "apiVersion": SERVICE.api_version,
            "kind": SERVICE.kind,
            "metadata": _metadata(service, name, service.metadata.get(side)),
            "spec": {
                "type": "ClusterIP",
                "selector": dict(pods),
                "ports": [_port_manifest(port) for port in service.ports],
            },
        }
        for side, (name, pods) in selected.items()
    ]


def edit_apex(live: Mapping[str, Any], service: ManagedService, *, cluster: str) -> Object:
    """The user's own Service NAME as it is to be: it selects the stable side's pods, and is otherwise the same.

    Only right once the stable side has pods. Raises MeshError where it is of no use to a canary.
    """
    spec = live.get("spec") or {}
    ports = [port.get("port") for port in spec.get("ports") or ()]
    if spec.get("type") == "ExternalName" or not spec.get("selector"):
        raise _unusable(live, cluster, "it selects no pods", "give it a selector, or set another name")
    if service.ports[0].number not in ports:
        shown = ", ".join(map(str, ports)) or "none"
        found = f"it has the ports {shown}, and {service.ports[0].number} is expected"
        raise _unusable(live, cluster, found, "add the port to it, or correct option port")
    return {**deepcopy(dict(live)), "spec": {**deepcopy(spec), "selector": dict(service.stable_pods)}}


def make_destination_rules(service: ManagedService) -> list[Object]:
    """One for each side's host, with the traffic policy; beside an HTTPRoute only where there is one."""
    if service.gateway_refs and not service.traffic_policy:
        return []
    policy = {"trafficPolicy": deepcopy(dict(service.traffic_policy))} if service.traffic_policy else {}
    return [
        {
            "apiVersion": DESTINATION_RULE.api_version,
            "kind": DESTINATION_RULE.kind,
            "metadata": _metadata(service, name),
            "spec": {"host": name, **policy},
        }
        for name in (service.primary, service.canary)
    ]


def make_route(service: ManagedService) -> Object:
    """The one object that divides the traffic, with all of it on the stable side."""
    return make_http_route(service) if service.gateway_refs else make_virtual_service(service)


def make_virtual_service(service: ManagedService) -> Object:
    """One VirtualService with one route; a delegate has neither hosts nor gateways."""
    spec: Object = {}
    if not service.delegation:
        spec["hosts"] = list(service.hosts)
        if not any(host == "*" or _is_apex(host, service.name, service.namespace) for host in service.hosts):
            spec["hosts"].append(service.name)
        spec["gateways"] = list(service.gateways) or [MESH]
    entry: Object = {"match": deepcopy([dict(each) for each in service.match])} if service.match else {}
    entry |= deepcopy(dict(service.settings))
    if "rewrite" in entry:
        # Only an HTTPRoute has to be told; Istio replaces what was matched.
        entry["rewrite"].pop("type", None)
    port = {"port": {"number": service.ports[0].number}} if service.names_port else {}
    entry["route"] = [
        {"destination": {"host": host, **port}, "weight": weight}
        for host, weight in ((service.primary, TOTAL), (service.canary, 0))
    ]
    spec[TCP if service.tcp else "http"] = [entry]
    return {
        "apiVersion": VIRTUAL_SERVICE.api_version,
        "kind": VIRTUAL_SERVICE.kind,
        "metadata": _metadata(service, service.name),
        "spec": spec,
    }


def make_http_route(service: ManagedService) -> Object:
    """One HTTPRoute with one rule, for gateways or, with Services as parents, for the mesh (GAMMA)."""
    spec: Object = {"parentRefs": deepcopy([dict(each) for each in service.gateway_refs])}
    if service.hosts:
        spec["hostnames"] = list(service.hosts)
    spec["rules"] = [
        {
            **http_route_parts.rule(service.match, service.settings),
            "backendRefs": [
                {"name": name, "port": service.ports[0].number, "weight": weight}
                for name, weight in ((service.primary, TOTAL), (service.canary, 0))
            ],
        }
    ]
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": _metadata(service, service.name),
        "spec": spec,
    }


def find_clashes(service: ManagedService, lives: Iterable[Mapping[str, Any]], *, cluster: str) -> list[Finding]:
    """Objects of one cluster that have a name of ours and are somebody's. The user's own Service NAME is none."""
    made = {
        ObjectId.of(each) for each in (*make_services(service), *make_destination_rules(service), make_route(service))
    }
    made.remove(ObjectId.of_kind(SERVICE, service.name, service.namespace))
    return [
        Finding(
            cluster,
            OBJECT_OF_ANOTHER,
            f"there is a {live['kind']} {live['metadata']['name']} already, which is not ours",
            "set another name, or manage: false to use the objects that are there",
            object=str(ObjectId.of(live)),
        )
        for live in lives
        if ObjectId.of(live) in made and not is_ours(live)
    ]


def find_service_problems(options: Mapping[str, Any], name: str, namespace: str) -> list[Finding]:
    """What is wrong with options whatever the workload is; ``name`` is that of the Service."""
    problems: list[Finding] = []
    _check_name(name, problems)
    _check_routes(options, name, namespace, _is_tcp(options), problems)
    if options.get("gateway_refs"):
        problems += [_problem(*each) for each in http_route_parts.problems(options)]
    return problems


def _is_tcp(options: Mapping[str, Any]) -> bool:
    return str(options.get("app_protocol") or "").lower() == TCP


def _check_name(name: str, problems: list[Finding]) -> None:
    longest = _LONGEST_NAME - len("-primary")
    if len(name) > longest or not _DNS_LABEL.fullmatch(name):
        problems.append(
            _problem(
                "name",
                f"{name} is no name for Services {name}, {name}-primary and {name}-canary",
                f"give one of at most {longest} lower case letters, digits and hyphens that starts with a letter",
            )
        )


def _check_routes(options: Mapping[str, Any], name: str, namespace: str, is_tcp: bool, problems: list[Finding]) -> None:
    hosts, gateways = options.get("hosts") or [], options.get("gateways") or []
    if options.get("delegation"):
        problems += [
            _problem(
                option,
                f"a delegate has no {option}, and {', '.join(given)} is given",
                f"leave {option} to the VirtualService that delegates, or set delegation: false",
            )
            for option, given in (("hosts", hosts), ("gateways", gateways))
            if given
        ]
        if is_tcp:
            problems.append(
                _problem("delegation", "only http routes can be delegated", "leave delegation or app_protocol tcp out")
            )
    elif "*" in hosts and MESH in (gateways or [MESH]) and not options.get("gateway_refs"):
        problems.append(
            _problem(
                "hosts", "host * is for gateways, and the gateway mesh is among them", "name gateways other than mesh"
            )
        )
    for side in ("primary", "canary"):
        taken = [host for host in hosts if _is_apex(host, f"{name}-{side}", namespace)]
        if taken:
            problems.append(_problem("hosts", f"{taken[0]} is the host of one side only", "leave it out"))
    if is_tcp:
        http_only = ("rewrite", "timeout", "retries", "cors_policy", "headers")
        problems += [
            _problem(option, f"{option} is for http, and app_protocol is tcp", "leave it out")
            for option in http_only
            if options.get(option)
        ]
        odd = sorted({key for each in options.get("match") or () for key in each} - {"port"})
        if odd:
            problems.append(
                _problem("match", f"a tcp route matches by port only, and {', '.join(odd)} is given", "leave it out")
            )


def _ports(options: Mapping[str, Any], target: Mapping[str, Any], problems: list[Finding]) -> tuple[Port, ...]:
    number, aim = options["port"], _target_port(options)
    for option, value in (("port", number), ("target_port", aim)):
        if isinstance(value, int) and not 0 < value < 65536:
            problems.append(_problem(option, f"{option} is {value}", "give a number from 1 to 65535"))
    first = Port(options.get("port_name") or "http", number, aim, app_protocol=options.get("app_protocol") or "")
    others = list(_discover_ports(target, first)) if options.get("port_discovery") else []
    names, numbers = {first.name}, {(first.number, first.protocol)}
    for port in others:
        if port.name in names or (port.number, port.protocol) in numbers:
            problems.append(
                _problem(
                    "port_discovery",
                    f"the pods have port {port.number} ({port.name}), and a Service has each name and number once",
                    "give the ports of the pods names and numbers of their own, or set target_port to that one",
                )
            )
        names.add(port.name)
        numbers.add((port.number, port.protocol))
    return (first, *others)


def _target_port(options: Mapping[str, Any]) -> int | str:
    given = str(options.get("target_port") or "")
    if not given:
        return int(options["port"])
    return int(given) if given.isascii() and given.isdigit() else given


def _discover_ports(target: Mapping[str, Any], first: Port) -> Iterable[Port]:
    """Further ports of the pods, those of proxies not among them."""
    for container in target["spec"]["template"]["spec"].get("containers") or ():
        for index, port in enumerate(container.get("ports") or ()) if container["name"] not in _PROXIES else ():
            if first.target not in (port["containerPort"], port.get("name")):
                name = port.get("name") or f"tcp-{container['name']}-{index}"
                yield Port(name, port["containerPort"], port["containerPort"], port.get("protocol") or "TCP")


def _port_manifest(port: Port) -> Object:
    return {
        "name": port.name,
        "port": port.number,
        "targetPort": port.target,
        "protocol": port.protocol,
        **({"appProtocol": port.app_protocol} if port.app_protocol else {}),
    }


def _is_apex(host: str, name: str, namespace: str) -> bool:
    return host in (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", full_name(name, namespace))


def _metadata(service: ManagedService, name: str, given: Mapping[str, Any] | None = None) -> Object:
    extra = {key: dict(value) for key, value in (given or {}).items() if value}
    return {"name": name, "namespace": service.namespace, **extra}


def _unusable(live: Mapping[str, Any], cluster: str, message: str, remedy: str) -> MeshError:
    finding = Finding(cluster, SERVICE_UNUSABLE, message, remedy, object=str(ObjectId.of(live)))
    return MeshError("The Service of the canary cannot be used.", [finding])


def _problem(option: str, message: str, remedy: str) -> Finding:
    return Finding("", OPTION.kind(option), message, remedy)
