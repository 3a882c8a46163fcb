# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of objects, and the order in which kinds of objects are written and removed. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .._kube.kinds import Kind, group_of
from .._ownership import ANNOTATION_HASH, ANNOTATION_HUB


class ObjectId(NamedTuple):
    """An object whatever version of its type it is written in."""

    group: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> ObjectId:
        metadata = manifest["metadata"]
        return cls(
            group_of(str(manifest["apiVersion"])),
            str(manifest["kind"]),
            str(metadata.get("namespace") or ""),
            str(metadata["name"]),
        )

    @classmethod
    def of_kind(cls, kind: Kind, name: str, namespace: str | None) -> ObjectId:
        return cls(kind.group, kind.kind, (namespace or "") if kind.namespaced else "", name)

    def __str__(self) -> str:
        """As people write it: ``VirtualService shop/reviews``."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class WriteStage(NamedTuple):
    """When an object is written, relative to all others of the change; a stage ends on all clusters before the next."""

    apply: int
    remove: int


_NAMESPACE = WriteStage(0, 5)
_FOUNDATION = WriteStage(1, 4)
_ROUTE = WriteStage(2, 3)

_ROUTES = frozenset(
    {
        ("networking.istio.io", "VirtualService"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("gateway.networking.k8s.io", "GRPCRoute"),
        ("gateway.networking.k8s.io", "TLSRoute"),
        ("gateway.networking.k8s.io", "TCPRoute"),
        ("gateway.networking.k8s.io", "UDPRoute"),
        ("networking.k8s.io", "Ingress"),
        ("route.openshift.io", "Route"),
    }
)


def stage_of(group: str, kind: str) -> WriteStage:
    """What routes lead to stands everywhere before any route does, and goes everywhere after it."""
    if (group, kind) == ("", "Namespace"):
        return _NAMESPACE
    return _ROUTE if (group, kind) in _ROUTES else _FOUNDATION


def is_route(group: str, kind: str) -> bool:
    """Whether objects of this type send traffic somewhere."""
    return (group, kind) in _ROUTES


def list_some(names: Iterable[object], shown: int = 5) -> str:
    """The first of many for a message: ``a, b, c, d, e and 3 more``."""
    listed = [str(name) for name in names]
    return ", ".join(listed[:shown]) + (f" and {len(listed) - shown} more" if len(listed) > shown else "")


def content_hash(content: Any) -> str:
    """A short hash (16 hexadecimal digits) of JSON content, whatever the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def add_hash(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be declared, with its own hash in an annotation: where less is declared than before, a live object has
    all values nevertheless (``covers``), and another hash."""
    metadata = manifest["metadata"]
    annotations = {**(metadata.get("annotations") or {}), ANNOTATION_HASH: content_hash(manifest)}
    return {**manifest, "metadata": {**metadata, "annotations": annotations}}


_TRAVELS_NOT = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_GIVEN_TO_SERVICES = ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies", "ipFamilyPolicy")


def make_portable(live: Mapping[str, Any]) -> dict[str, Any]:
    """A live object as it can be declared on another cluster: no identity, no owner, no status.

    Of a Service the addresses and node ports go too, which its own API server chose; a headless one stays headless.
    """
    metadata = {key: value for key, value in (live.get("metadata") or {}).items() if key not in _TRAVELS_NOT}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key != _LAST_APPLIED and not key.startswith(ANNOTATION_HUB)
    }
    metadata.pop("annotations", None)
    if annotations:
        metadata["annotations"] = annotations
    result = {key: value for key, value in live.items() if key != "status"}
    result["metadata"] = metadata
    if (live.get("apiVersion"), live.get("kind")) == ("v1", "Service"):
        result["spec"] = _make_portable_service(live.get("spec") or {})
    return result


def _make_portable_service(spec: Mapping[str, Any]) -> dict[str, Any]:
    headless = spec.get("clusterIP") == "None"
    kept = {key: value for key, value in spec.items() if key not in _GIVEN_TO_SERVICES}
    if headless:
        kept["clusterIP"] = "None"
    if "ports" in spec:
        kept["ports"] = [{key: value for key, value in port.items() if key != "nodePort"} for port in spec["ports"]]
    return kept


def covers(live: Any, desired: Any) -> bool:
    """Whether ``live`` has every value that ``desired`` names: applying it would then set nothing.

    A list has to be as long, and each of its elements has to cover its counterpart.
    """
    if isinstance(desired, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and covers(live[key], value) for key, value in desired.items()
        )
    if isinstance(desired, list):
        return (
            isinstance(live, list)
            and len(live) == len(desired)
            and all(covers(one, other) for one, other in zip(live, desired, strict=True))
        )
    return bool(live == desired)


def with_version(desired: Mapping[str, Any], live: Mapping[str, Any]) -> dict[str, Any]:
    """``desired`` on the condition that ``live`` is still what stands there."""
    metadata = {**desired["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}
    return {**desired, "metadata": metadata}
