# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands beside a workload and has to do with its pods by their labels: policies that select one side only, and
workloads whose pods the Services of the release would select too. Pure.

Flagger moves all users to pods with another label and says nothing of the AuthorizationPolicy, NetworkPolicy or
PodDisruptionBudget that does not select them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from ..._change.objects import ObjectId
from ..._findings import Finding
from ..._kube.kinds import group_of
from ..finding_kinds import PODS_SHARED, SELECTS_ONE_SIDE, SELECTS_UNKNOWN
from .managed import ManagedService
from .selectors import Labels, Object, labels_of_pods, selects

Reach = Literal["namespace", "mesh", "everywhere"]
"""Where objects of a kind are that may select pods of a namespace: there, in Istio's root namespace too, or in any."""


class SelectingKind(NamedTuple):
    """A kind of objects that select pods by labels, at ``path`` of their ``spec``: by a Kubernetes LabelSelector, or
    where it is ``plain`` by a mapping of labels. ``effect`` is what becomes of one that selects the canary alone."""

    group: str
    kind: str
    path: tuple[str, ...]
    plain: bool = False
    reach: Reach = "namespace"
    effect: str = "it does not count for the pods that users get"


_MONITORS = "monitoring.coreos.com"
_SELECTING = (
    SelectingKind("security.istio.io", "AuthorizationPolicy", ("selector",), reach="mesh"),
    SelectingKind("security.istio.io", "PeerAuthentication", ("selector",), reach="mesh"),
    SelectingKind("security.istio.io", "RequestAuthentication", ("selector",), reach="mesh"),
    SelectingKind("telemetry.istio.io", "Telemetry", ("selector",), reach="mesh"),
    SelectingKind("extensions.istio.io", "WasmPlugin", ("selector",), reach="mesh"),
    SelectingKind("extensions.istio.io", "TrafficExtension", ("selector",), reach="mesh"),
    SelectingKind("networking.istio.io", "ProxyConfig", ("selector",), reach="mesh"),
    SelectingKind("networking.istio.io", "EnvoyFilter", ("workloadSelector", "labels"), plain=True, reach="mesh"),
    SelectingKind("networking.istio.io", "Sidecar", ("workloadSelector", "labels"), plain=True),
    SelectingKind("networking.istio.io", "DestinationRule", ("workloadSelector",)),
    SelectingKind("networking.istio.io", "ServiceEntry", ("workloadSelector", "labels"), plain=True),
    SelectingKind("networking.istio.io", "Gateway", ("selector",), plain=True, reach="everywhere"),
    SelectingKind("networking.k8s.io", "NetworkPolicy", ("podSelector",), reach="everywhere"),
    SelectingKind("cilium.io", "CiliumNetworkPolicy", ("endpointSelector",)),
    SelectingKind("policy", "PodDisruptionBudget", ("selector",)),
    SelectingKind(
        "",
        "Service",
        ("selector",),
        plain=True,
        effect="it leads to the canary alone, which has pods in a release only",
    ),
    SelectingKind(_MONITORS, "PodMonitor", ("selector",), reach="everywhere"),
    SelectingKind(_MONITORS, "ServiceMonitor", ("selector",), reach="everywhere"),
)
SELECTING_KINDS = {(each.group, each.kind): each for each in _SELECTING}
"""By group and kind."""

_CHANGES = ("version", "hash", "checksum", "revision", "chart", "date")
"""Words in the names of labels that another template may have with another value, or not at all."""
_OF_OTHERS = ("istio.io/", "kubernetes.io/hostname", "onemesh.istio/", "pod-template-generation")


@dataclass(frozen=True)
class Bystanders:
    """What stands beside the workload on one cluster: other ``workloads`` of its namespace, and what is ``selecting``
    pods by labels. ``unread`` says what could not be listed."""

    workloads: tuple[Object, ...] = ()
    selecting: tuple[Object, ...] = ()
    unread: tuple[str, ...] = ()


def find_bystander_problems(
    service: ManagedService,
    target: Mapping[str, Any],
    live_primary: Mapping[str, Any] | None,
    found: Bystanders,
    *,
    cluster: str,
) -> list[Finding]:
    """What has to be known before the users of ``target`` are moved to pods with another label."""
    primary = f"{target['metadata']['name']}-primary"
    own = {(target["kind"], target["metadata"]["name"]), (target["kind"], primary)}
    others = [each for each in found.workloads if (each["kind"], each["metadata"]["name"]) not in own]
    findings = [
        *_find_shared_pods(service, target, others, cluster),
        *_find_one_sided(service, target, live_primary, found.selecting, others, cluster),
    ]
    if found.unread:
        findings.append(
            Finding(
                cluster,
                SELECTS_UNKNOWN,
                f"{', '.join(found.unread)} could not be listed, so it is not known which of them select pods by "
                f"{_write(service.own_pods)}",
                "let the account list them; or see yourself whether they select the pods of both sides",
                severity="warning",
                object=str(ObjectId.of(target)),
            )
        )
    return findings


# Other workloads


def _find_shared_pods(
    service: ManagedService, target: Mapping[str, Any], others: Iterable[Mapping[str, Any]], cluster: str
) -> Iterator[Finding]:
    sides = ((service.own_pods, service.canary), (service.stable_pods, service.primary))
    for other in others:
        for labels, name in sides:
            if selects({"matchLabels": labels}, labels_of_pods(other)):
                yield Finding(
                    cluster,
                    PODS_SHARED,
                    f"its pods have {_write(labels)}, so Service {name} of {ObjectId.of(target)} would lead there too",
                    "make one of both anew with a label of its own in its selector, which cannot be changed",
                    object=str(ObjectId.of(other)),
                )
                break


# What selects pods


class _Selection(NamedTuple):
    """One selector of an object. ``verb`` says what it does with pods."""

    selector: Mapping[str, Any]
    verb: str = "selects pods by"


def _find_one_sided(
    service: ManagedService,
    target: Mapping[str, Any],
    live_primary: Mapping[str, Any] | None,
    selecting: Iterable[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]],
    cluster: str,
) -> Iterator[Finding]:
    own = labels_of_pods(target)
    stable = {**own, **service.stable_pods}
    staying = _find_staying_labels(service, own, others)
    for manifest in selecting:
        kind = SELECTING_KINDS[group_of(manifest["apiVersion"]), manifest["kind"]]
        if _is_of_release(manifest, service):
            continue
        for selection in _list_selections(kind, manifest, service.namespace):
            if kind.kind == "ServiceMonitor":
                message, remedy = _judge_monitor(service, own, selection)
            else:
                message = _compare_sides(service, own, stable, selection, kind)
                remedy = _offer(service, target, live_primary, selection.selector, staying)
            if message:
                yield Finding(
                    cluster, SELECTS_ONE_SIDE, message, remedy, severity="warning", object=str(ObjectId.of(manifest))
                )
                break


def _is_of_release(manifest: Mapping[str, Any], service: ManagedService) -> bool:
    """The Services that are made, or follow the stable side."""
    metadata, names = manifest["metadata"], (service.name, service.primary, service.canary)
    return manifest["kind"] == "Service" and metadata["namespace"] == service.namespace and metadata["name"] in names


def _list_selections(kind: SelectingKind, manifest: Mapping[str, Any], namespace: str) -> Iterator[_Selection]:
    """By what an object selects pods of the namespace."""
    spec = manifest.get("spec") or {}
    here = manifest["metadata"].get("namespace") == namespace
    if kind.group == _MONITORS:
        here = _covers_namespace(spec.get("namespaceSelector") or {}, namespace, here)
    if here or kind.reach == "mesh" or kind.kind == "Gateway":
        value: Any = spec
        for part in kind.path:
            value = (value or {}).get(part)
        if value:
            yield _Selection({"matchLabels": value} if kind.plain else value)
    if kind.kind == "NetworkPolicy":
        for rules, direction in (("ingress", "from"), ("egress", "to")):
            for peer in (peer for rule in spec.get(rules) or () for peer in rule.get(direction) or ()):
                # Which namespaces are meant in another one's policy, their labels say.
                if peer.get("podSelector") and (here or "namespaceSelector" in peer):
                    yield _Selection(peer["podSelector"], f"lets traffic {direction} pods through by")


def _covers_namespace(selector: Mapping[str, Any], namespace: str, here: bool) -> bool:
    """Of a monitor: without a word its own namespace."""
    if selector.get("any"):
        return True
    names = selector.get("matchNames")
    return namespace in names if names else here


def _compare_sides(
    service: ManagedService, own: Labels, stable: Labels, selection: _Selection, kind: SelectingKind
) -> str:
    """Why it matters that one side has another label; empty where it does not."""
    selects_own, selects_stable = selects(selection.selector, own), selects(selection.selector, stable)
    if selects_own == selects_stable:
        return ""
    label, shown = service.label, _write_selector(selection.selector)
    if selects_own:
        return f"{selection.verb} {shown}; those of the stable side have {label.name}={label.primary}, so {kind.effect}"
    return (
        f"{selection.verb} {shown}; those of the stable side have {label.name}={label.primary}, so it is for them alone"
    )


def _judge_monitor(service: ManagedService, own: Labels, selection: _Selection) -> tuple[str, str]:
    """A ServiceMonitor selects Services, which are mostly labelled as the pods are."""
    labels = (service.metadata.get("canary") or {}).get("labels") or {}
    if not selects(selection.selector, own) or selects(selection.selector, labels):
        return "", ""
    shown = _write_selector(selection.selector)
    return (
        f"selects Services by {shown}, which Service {service.canary} does not have, so the canary is not scraped",
        f"give it these labels with service.canary.labels ({shown})",
    )


def _offer(
    service: ManagedService,
    target: Mapping[str, Any],
    live_primary: Mapping[str, Any] | None,
    selector: Mapping[str, Any],
    staying: Labels,
) -> str:
    """What to do: the label that stays, another label for the sides, or one more object."""
    label = service.label
    ways = [f"let it select by {_write(staying)}, which the pods of both sides have"] if staying else []
    if not staying:
        ways.append(
            f"give the pods of {ObjectId.of(target)} a label that both sides have then, and let it select by that"
        )
    asked = {*(selector.get("matchLabels") or {}), *(each["key"] for each in selector.get("matchExpressions") or ())}
    free = [name for name in service.own_pods if name != label.name and name not in asked]
    if free and live_primary is None:
        ways.append(f"let label {free[0]} tell the sides apart (workload.selector_labels: [{free[0]}])")
    ways.append(f"make one like it for {label.name}={label.primary}")
    return "; or ".join(ways)


def _find_staying_labels(service: ManagedService, own: Labels, others: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Labels that both sides have and no other workload of the namespace; those of the selector always stay."""
    of_selector = {name: value for name, value in service.own_pods.items() if name != service.label.name}
    single = [{name: value} for name, value in sorted(own.items()) if name != service.label.name and _stays(name)]
    of_others = [labels_of_pods(each) for each in others]
    return next(
        (
            labels
            for labels in ([of_selector] if of_selector else []) + single
            if not any(selects({"matchLabels": labels}, each) for each in of_others)
        ),
        {},
    )


def _stays(name: str) -> bool:
    return not (any(word in name for word in _CHANGES) or any(word in name for word in _OF_OTHERS))


def _write(labels: Labels) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _write_selector(selector: Mapping[str, Any]) -> str:
    """As kubectl takes it: ``app=web,tier in (front)``."""
    words = {"In": "in", "NotIn": "notin"}
    expressions = [
        f"{each['key']} {words[each['operator']]} ({', '.join(each.get('values') or ())})"
        if each.get("operator") in words
        else f"{'!' if each.get('operator') == 'DoesNotExist' else ''}{each['key']}"
        for each in selector.get("matchExpressions") or ()
    ]
    return ",".join([*filter(None, [_write(selector.get("matchLabels") or {})]), *expressions])
