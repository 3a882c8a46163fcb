# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Subsets of a host by version, cluster or network, and the DestinationRules that hold them.

A subset has to be known on both sides: the client's istiod picks endpoints by its labels, and the name travels in the
SNI, by which the gateway of the other network picks with the DestinationRule of its own cluster. Without one there,
connections are reset. By cluster or network the name is enough there; by version the labels have to agree too, or the
other side spreads over all versions.

A proxy takes the rules of one namespace only: its own where that has one for the host, else the service's, else Istio's
root namespace (push_context.go destinationRule). So ours stand in the service's namespace. There istiod joins the
subsets of all rules for one host, the first of a name counts (destination_rule.go); and a rule for exactly a host hides
those for wildcards and those of the root namespace, with all their policies.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from . import names
from .hosts import covers, full_name

CLUSTER_LABEL = "topology.istio.io/cluster"
VERSION_LABEL = "version"

LABELS = {"version": VERSION_LABEL, "cluster": CLUSTER_LABEL, "network": names.NETWORK_LABEL}
"""The label of workloads that each way of splitting goes by; istiod adds the last two to every endpoint by itself."""

Subsets = Mapping[str, Mapping[str, str]]
"""From a subset's name to its labels."""


class DeclaredSubset(NamedTuple):
    """One subset as a DestinationRule has it."""

    name: str
    labels: Mapping[str, str]
    rule: str
    """``namespace/name`` of the DestinationRule."""


class Complete(NamedTuple):
    """What a cluster lacks: ``desired`` is a new rule, or ``before`` with more subsets; None where nothing is missing.

    ``conflicts`` say which subsets have other labels there than are needed; then nothing is to be written.
    """

    before: dict[str, Any] | None
    desired: dict[str, Any] | None
    conflicts: tuple[str, ...]


def make_subsets(label: str, values: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Subsets from names to values of one label: ``{"west": "network1"}``."""
    return {name: {label: value} for name, value in values.items()}


def make_destination_rule(
    name: str, namespace: str, host: str, subsets: Subsets, traffic_policy: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A DestinationRule with these subsets. The host is written in full, so that it means the same in any namespace."""
    spec: dict[str, Any] = {"host": full_name(host, namespace)}
    if traffic_policy:
        spec["trafficPolicy"] = deepcopy(dict(traffic_policy))
    spec["subsets"] = _make_manifests(subsets)
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def rules_of_host(rules: Iterable[Mapping[str, Any]], host: str, namespace: str) -> list[Mapping[str, Any]]:
    """The DestinationRules of a namespace for exactly this full host name, the oldest first, as istiod joins them.

    Without those that are for selected workloads only: gateways are not among these.
    """
    found = [
        rule
        for rule in rules
        if rule["metadata"].get("namespace") == namespace
        and _host(rule) == host
        and not (rule.get("spec") or {}).get("workloadSelector")
    ]
    return sorted(found, key=lambda rule: (str(rule["metadata"].get("creationTimestamp") or ""), describe(rule)))


def find_hidden_rules(rules: Iterable[Mapping[str, Any]], host: str, namespace: str) -> list[str]:
    """The rules, as ``namespace/name``, that count for a host until its service's namespace has one for exactly it."""
    return sorted(
        describe(rule)
        for rule in rules
        if covers(_host(rule), host)
        and (_host(rule) != host or rule["metadata"].get("namespace") == names.SYSTEM_NAMESPACE != namespace)
    )


def is_exported(rule: Mapping[str, Any]) -> bool:
    """Whether other namespaces see a rule, the gateway's among them."""
    export_to = (rule.get("spec") or {}).get("exportTo") or ["*"]
    return "*" in export_to


def list_declared(rules: Iterable[Mapping[str, Any]], host: str, namespace: str) -> dict[str, DeclaredSubset]:
    """The subsets that a host has by the rules of a namespace."""
    result: dict[str, DeclaredSubset] = {}
    for rule in rules_of_host(rules, host, namespace):
        for subset in (rule.get("spec") or {}).get("subsets") or ():
            name = str(subset.get("name"))
            result.setdefault(name, DeclaredSubset(name, subset.get("labels") or {}, describe(rule)))
    return result


def find_undeclared(rules: Sequence[Mapping[str, Any]], wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Of these hosts, each with a subset, those that no DestinationRule of any namespace gives it; in order."""
    namespaces = {str(rule["metadata"].get("namespace")) for rule in rules}
    return [
        (host, subset)
        for host, subset in sorted(wanted)
        if not any(subset in list_declared(rules, host, namespace) for namespace in namespaces)
    ]


def complete(
    rules: Sequence[Mapping[str, Any]],
    host: str,
    subsets: Subsets,
    *,
    name: str,
    namespace: str,
    traffic_policy: Mapping[str, Any] | None = None,
) -> Complete:
    """What has to be written so that a host, by its full name, has these subsets.

    The oldest rule of the host in ``namespace``, its service's, gets those that are missing; where there is none, rule
    ``name`` is to be made.
    """
    existing = list_declared(rules, host, namespace)
    conflicts = tuple(
        f"subset {subset} of {host} has the labels {_write_labels(existing[subset].labels)} in DestinationRule "
        f"{existing[subset].rule}, and {_write_labels(labels)} are needed"
        for subset, labels in subsets.items()
        if subset in existing and dict(existing[subset].labels) != dict(labels)
    )
    missing = {subset: labels for subset, labels in subsets.items() if subset not in existing}
    if conflicts or not missing:
        return Complete(None, None, conflicts)
    before = next(iter(rules_of_host(rules, host, namespace)), None)
    if before is None:
        return Complete(None, make_destination_rule(name, namespace, host, missing, traffic_policy), ())
    desired = deepcopy(dict(before))
    desired["spec"]["subsets"] = [*(desired["spec"].get("subsets") or ()), *_make_manifests(missing)]
    return Complete(deepcopy(dict(before)), desired, ())


def find_disagreements(host: str, clusters: Mapping[str, Mapping[str, DeclaredSubset]]) -> list[str]:
    """In words, the subsets of a host whose labels are not the same on all clusters: a side would spread over more."""
    result = []
    for subset in dict.fromkeys(name for known in clusters.values() for name in known):
        words = {cluster: _write_labels(known[subset].labels) for cluster, known in clusters.items() if subset in known}
        if len(set(words.values())) > 1:
            listed = ", ".join(f"{text} on {cluster}" for cluster, text in words.items())
            result.append(f"subset {subset} of {host} has not the same labels everywhere: {listed}")
    return result


def describe(rule: Mapping[str, Any]) -> str:
    """``namespace/name``."""
    return f"{rule['metadata'].get('namespace')}/{rule['metadata'].get('name')}"


def _host(rule: Mapping[str, Any]) -> str:
    host = str((rule.get("spec") or {}).get("host") or "")
    return full_name(host, str(rule["metadata"].get("namespace") or ""))


def _make_manifests(subsets: Subsets) -> list[dict[str, Any]]:
    return [{"name": name, "labels": dict(labels)} for name, labels in subsets.items()]


def _write_labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "no labels"
