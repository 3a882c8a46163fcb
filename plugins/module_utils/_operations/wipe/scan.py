# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads from one API server everything that a wipe's plan depends on.

Bodies are dropped at once where the plan does not need them; of a Secret only the keys are kept.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

from ..._helm.release import SELECTOR, NotARelease, release_of, revision_of
from ..._istio import names
from ..._kube import kinds
from ..._kube.client import Client
from ..._kube.errors import KubeError, NotFound
from ..._kube.kinds import Kind
from ..._kube.namespaces import select_newest
from ..._ownership import LABEL_MANAGED_BY, MANAGED_BY
from . import signs
from .plan import SHARED_GROUPS, Inventory, Scope, find_removable_namespaces, is_mesh_group, surroundings_of
from .signs import FoundObject, FoundRelease

_CONNECTIONS = 8
"""As many as a client keeps open."""

_OURS = f"{LABEL_MANAGED_BY}={MANAGED_BY}"

_OF_ALL_NAMESPACES = (
    kinds.NAMESPACE,
    kinds.SERVICE,
    kinds.SERVICE_ACCOUNT,
    kinds.RESOURCE_QUOTA,
    kinds.DEPLOYMENT,
    kinds.DAEMON_SET,
    kinds.STATEFUL_SET,
    kinds.HORIZONTAL_POD_AUTOSCALER,
    kinds.POD_DISRUPTION_BUDGET,
    kinds.NETWORK_POLICY,
    kinds.NETWORK_ATTACHMENT_DEFINITION,
    kinds.CLUSTER_ROLE,
    kinds.CLUSTER_ROLE_BINDING,
    kinds.ROLE,
    kinds.ROLE_BINDING,
    kinds.MUTATING_WEBHOOK_CONFIGURATION,
    kinds.VALIDATING_WEBHOOK_CONFIGURATION,
    kinds.VALIDATING_ADMISSION_POLICY,
    kinds.VALIDATING_ADMISSION_POLICY_BINDING,
    kinds.CUSTOM_RESOURCE_DEFINITION,
    signs.CLUSTER_TRUST_BUNDLE,
)
_SELECTED: Mapping[Kind, tuple[str, ...]] = {
    # A cluster has thousands of these; the labels are those that sign_of() reads.
    kinds.SECRET: (
        f"{names.MULTI_CLUSTER_LABEL}=true",
        _OURS,
        f"{signs.LABEL_PART_OF}=istio",
        signs.LABEL_OPERATOR_COMPONENT,
        signs.LABEL_OWNING_RESOURCE,
    ),
    kinds.CONFIG_MAP: (
        f"{signs.LABEL_CONFIG}=true",
        _OURS,
        f"{signs.LABEL_PART_OF}=istio",
        signs.LABEL_OPERATOR_COMPONENT,
        signs.LABEL_OWNING_RESOURCE,
        SELECTOR,
    ),
    # Set by the injector on every pod that gets a sidecar.
    kinds.POD: ("service.istio.io/canonical-name", _OURS),
    kinds.JOB: (_OURS,),
    kinds.LEASE: (_OURS,),
    kinds.ENDPOINT_SLICE: (_OURS,),
}
_OF_ISTIO_NAMESPACES = (kinds.CONFIG_MAP, kinds.SECRET, kinds.LEASE)


class _Listing(NamedTuple):
    kind: Kind
    namespace: str | None = None
    label_selector: str = ""


def scan(client: Client, scope: Scope, known: Iterable[str] = ()) -> Inventory:
    """What is on the cluster now. Raises KubeError, also where one of the lists is forbidden: then nothing is known.

    ``known`` are namespaces that an earlier scan found to be Istio's.
    """
    dead = _find_dead_groups(client)
    served = select_newest(client.list_served_kinds(refresh=True))
    with ThreadPoolExecutor(_CONNECTIONS, thread_name_prefix=f"scan-{client.cluster}") as pool:

        def read(listings: Iterable[_Listing]) -> tuple[FoundObject, ...]:
            return tuple(found for page in pool.map(lambda one: _read(client, one, dead), listings) for found in page)

        records = pool.submit(_read_releases, client)
        objects = read(_list_for_cluster(served))
        releases, found_records = records.result()
        objects += tuple(found_records)
        surroundings = surroundings_of(Inventory(objects, releases=releases), scope, known)
        existing = {found.name for found in objects if found.type == ("", "Namespace")}
        objects += read(
            _Listing(kind, namespace)
            for namespace in sorted(surroundings.namespaces & existing)
            for kind in _OF_ISTIO_NAMESPACES
        )
        inventory = Inventory(objects, releases=releases, dead_groups=dead)
        listed = {(kind.group, kind.plural) for kind in _OF_ALL_NAMESPACES}
        contents = read(
            _Listing(kind, namespace)
            for namespace in find_removable_namespaces(inventory, scope, surroundings)
            for kind in served
            if kind.namespaced and (kind.group, kind.plural) not in listed and not _is_listed_whole(kind)
        )
        return replace(inventory, contents=contents)


def _is_listed_whole(kind: Kind) -> bool:
    return is_mesh_group(kind.group) or kind.group in SHARED_GROUPS


def _list_for_cluster(served: Iterable[Kind]) -> Iterator[_Listing]:
    yield from (_Listing(kind) for kind in _OF_ALL_NAMESPACES)
    yield from (_Listing(kind) for kind in served if _is_listed_whole(kind))
    for kind, selectors in _SELECTED.items():
        yield from (_Listing(kind, None, selector) for selector in selectors)


def _read(client: Client, listing: _Listing, dead: tuple[str, ...]) -> list[FoundObject]:
    kind = listing.kind
    try:
        objects = client.list(kind, listing.namespace, label_selector=listing.label_selector)
    except NotFound:
        return []
    except KubeError as error:
        # 405: a type that can only be created, such as a review.
        if error.status == 405 or kind.api_version in dead:
            return []
        raise
    return [FoundObject(kind, _show(kind, found)) for found in objects]


_BODIES_NEEDED = frozenset(
    (kind.group, kind.kind)
    for kind in (
        kinds.DEPLOYMENT,
        kinds.STATEFUL_SET,
        kinds.DAEMON_SET,
        kinds.MUTATING_WEBHOOK_CONFIGURATION,
        kinds.VALIDATING_WEBHOOK_CONFIGURATION,
        kinds.KUBERNETES_GATEWAY,
        kinds.KUBERNETES_GATEWAY_CLASS,
    )
)


def _show(kind: Kind, found: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata; the body only of types whose plan depends on it, and of a Secret its type and keys."""
    metadata = {name: value for name, value in found["metadata"].items() if name != "managedFields"}
    if (kind.group, kind.kind) in _BODIES_NEEDED:
        return {**found, "metadata": metadata}
    if (kind.group, kind.kind) == ("", "Secret"):
        # kubectl's own record of a Secret holds the data a second time.
        annotations = {
            name: value for name, value in (metadata.get("annotations") or {}).items() if "last-applied" not in name
        }
        metadata["annotations"] = annotations
        return {"metadata": metadata, "type": found.get("type"), "data": dict.fromkeys(found.get("data") or {})}
    return {"metadata": metadata}


def _find_dead_groups(client: Client) -> tuple[str, ...]:
    """Aggregated API versions whose server is away, as ``metrics.k8s.io/v1beta1``."""
    dead = []
    for service in client.list(kinds.API_SERVICE):
        spec = service.get("spec") or {}
        conditions = (service.get("status") or {}).get("conditions") or ()
        if spec.get("service") and any(
            condition["type"] == "Available" and condition["status"] != "True" for condition in conditions
        ):
            dead.append(f"{spec['group']}/{spec['version']}")
    return tuple(sorted(dead))


def _read_releases(client: Client) -> tuple[dict[tuple[str, str], FoundRelease], list[FoundObject]]:
    """Helm's releases by namespace and name, and their records. The newest readable record of a release decides."""
    records = client.list(kinds.SECRET, label_selector=SELECTOR)
    releases: dict[tuple[str, str], FoundRelease] = {}
    for record in sorted(records, key=revision_of, reverse=True):
        labels = record["metadata"].get("labels") or {}
        key = (record["metadata"]["namespace"], labels.get("name") or "")
        if key not in releases or not releases[key].chart:
            releases[key] = release_of_record(record, *key)
    return releases, [FoundObject(kinds.SECRET, _show(kinds.SECRET, record)) for record in records]


def release_of_record(record: Mapping[str, Any], namespace: str, name: str) -> FoundRelease:
    """Which chart a record of helm is of; only that is kept, since the rest holds the values. Empty if unreadable."""
    try:
        chart = release_of(record).chart
    except NotARelease:
        return FoundRelease(name, namespace, "")
    return FoundRelease(name, namespace, chart.name, chart.sources)
