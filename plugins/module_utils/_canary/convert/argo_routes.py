# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The routes that a Rollout names as the option ``routes``. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .manifest_reader import ManifestPart, drop_empty

_GATEWAY_PLUGIN = "argoproj-labs/gatewayAPI"
_GATEWAY_ROUTES = {"HTTPRoute": "httpRoute", "GRPCRoute": "grpcRoute", "TCPRoute": "tcpRoute", "TLSRoute": "tlsRoute"}


def take_routes(routing: ManifestPart, istio: ManifestPart, namespace: str) -> list[dict[str, Any]]:
    """All of them; a VirtualService of another namespace is written ``name.namespace``."""
    routing.drop("managedRoutes", "routes that are made are known by their names", "nothing")
    one = [istio.part("virtualService")] if istio.has("virtualService") else []
    services = [*one, *istio.parts("virtualServices")]
    plugins = routing.part("plugins")
    made = [route for service in services for route in _take_virtual_service(service, namespace)]
    if plugins.has(_GATEWAY_PLUGIN):
        made += _take_gateway_routes(plugins.part(_GATEWAY_PLUGIN), namespace)
    for other in plugins.names:
        plugins.differs(other, "plugins are not known here", "name the routes")
        plugins.ignore(other)
    return made


def _take_virtual_service(service: ManifestPart, namespace: str) -> Iterator[dict[str, Any]]:
    name, _dot, own = service.required("name").partition(".")
    named = service.texts("routes")
    sections = []
    for section in ("tls", "tcp"):
        by_port = list(service.parts(f"{section}Routes"))
        for route in by_port:
            route.ignore("port", "sniHosts")
        if by_port:
            sections.append(section)
            service.differs(
                f"{section}Routes",
                f"they are found by port and name of the server; here all {section} routes that lead to both sides are "
                "meant",
                "name others by index in routes",
            )
    if named or not sections:
        yield _route(name, own or namespace, "http" if sections else None, named)
    for section in sections:
        yield _route(name, own or namespace, section, [])


def _route(name: str, namespace: str, section: str | None, routes: list[str]) -> dict[str, Any]:
    return drop_empty(kind="VirtualService", name=name, namespace=namespace, section=section, routes=routes)


def _take_gateway_routes(plugin: ManifestPart, namespace: str) -> Iterator[dict[str, Any]]:
    own = plugin.text("namespace") or namespace
    for kind, field in _GATEWAY_ROUTES.items():
        one = plugin.text(field)
        several = list(plugin.parts(f"{field}s"))
        for route in several:
            route.drop("useHeaderRoutes", "requests that match get the canary in each route that is named", "nothing")
        for name in [one, *(route.required("name") for route in several)]:
            if name:
                yield {"kind": kind, "name": name, "namespace": own}
        plugin.drop(f"{field}Selector", "routes are found by name, and not by labels", "name them in routes")
    plugin.drop("configMap", "what is made is in the record", "nothing")
    for name in ("disableInProgressLabel", "inProgressLabelKey", "inProgressLabelValue"):
        plugin.drop(name, "an annotation says of a route that a release is under way", "nothing")
