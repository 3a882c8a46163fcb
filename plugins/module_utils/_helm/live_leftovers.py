# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for what others left in the way of a chart, gives it Helm's marks, or removes exactly it.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from .._istio.chart_objects import BASE, GATEWAY, ISTIOD, list_chart_objects
from .._istio.webhooks import list_services_called
from .._kube.client import Client
from .._kube.errors import Forbidden
from .._kube.kinds import (
    CUSTOM_RESOURCE_DEFINITION,
    DEPLOYMENT,
    MUTATING_WEBHOOK_CONFIGURATION,
    SECRET,
    SERVICE,
    VALIDATING_WEBHOOK_CONFIGURATION,
    Kind,
)
from .._yaml import NotYaml
from .leftovers import Leftover, find_foreign
from .live import FIELD_MANAGER, count_objects, read
from .manifest import ManifestObject, ObjectIdentity, Owner, objects_of, owner_of
from .release import SELECTOR, NotARelease, release_of

_WEBHOOKS = (VALIDATING_WEBHOOK_CONFIGURATION, MUTATING_WEBHOOK_CONFIGURATION)


def find_left(
    client: Client, namespace: str, revision: str, gateway: str
) -> tuple[tuple[Leftover, ...], tuple[Leftover, ...]]:
    """Before an installation: what others left that its releases will own, and webhooks of an istiod that is gone.

    Of releases that are there Helm has all that it needs. ``gateway`` is empty where there will be none.
    """
    istiod = f"istiod-{revision}" if revision else "istiod"
    charts = {"istio-base": BASE, istiod: ISTIOD, **({gateway: GATEWAY} if gateway else {})}
    try:
        secrets = client.list_metadata(SECRET, namespace, label_selector=SELECTOR)
        there = {(secret["metadata"].get("labels") or {}).get("name") for secret in secrets}
        strangers = [
            leftover
            for release, chart in charts.items()
            if release not in there
            for leftover in _find_left_of_chart(client, chart, Owner(release, namespace), revision)
        ]
        gone = find_dead_webhooks(client, {(namespace, istiod)})
    except Forbidden:
        # What is missing of rights is a finding of its own.
        return (), ()
    owned = {leftover.id for leftover in strangers}
    return tuple(strangers), tuple(leftover for leftover in gone if leftover.id not in owned)


def _find_left_of_chart(client: Client, chart: str, owner: Owner, revision: str) -> list[Leftover]:
    wanted = [
        ManifestObject(
            ObjectIdentity(each.kind.group, each.kind.kind, each.namespace, each.name),
            {"apiVersion": each.kind.api_version, "kind": each.kind.kind},
        )
        for each in list_chart_objects(chart, owner.name, owner.namespace, revision)
        # An istiod that is there is a finding of its own, with more to say.
        if not (chart == ISTIOD and each.kind is DEPLOYMENT)
    ]
    return look_at(client, read(client, wanted, owner.namespace), owner)


def find_release(client: Client, deployment: Mapping[str, Any]) -> str:
    """The release in whose manifest a Deployment stands that has none of Helm's marks, since somebody made it again
    from there; empty where there is none."""
    metadata = deployment["metadata"]
    for secret in client.list(SECRET, metadata["namespace"], label_selector=f"{SELECTOR},status=deployed"):
        try:
            release = release_of(secret)
            objects = objects_of(release.manifest)
        except (NotARelease, NotYaml):
            continue
        if any((each.id.kind, each.id.name) == (DEPLOYMENT.kind, metadata["name"]) for each in objects):
            return release.name
    return ""


def look_at(client: Client, live: Mapping[ObjectIdentity, Mapping[str, Any] | None], owner: Owner) -> list[Leftover]:
    """Those of the live objects that are not marked as the release's."""
    return [
        Leftover(
            id_,
            str(there["apiVersion"]),
            str(there["metadata"]["uid"]),
            owner_of(there),
            holds=count_objects(client, there) if id_.kind == CUSTOM_RESOURCE_DEFINITION.kind else 0,
        )
        for id_, there in find_foreign(live, owner).items()
    ]


def find_dead_webhooks(client: Client, coming: Collection[tuple[str, str]]) -> list[Leftover]:
    """Webhooks that call an istiod whose Service is not there, nor ``coming`` (namespaces and names) with a chart.

    Those of a release that Helm still keeps are left out: it is Helm who makes their Service again.
    """
    there = dict.fromkeys(coming, True)
    found = []
    for kind in _WEBHOOKS:
        for live in client.list(kind):
            services = list_services_called(live)
            for service in services:
                if service not in there:
                    there[service] = client.find(SERVICE, service[1], service[0]) is not None
            missing = next((service for service in services if not there[service]), None)
            owner = owner_of(live)
            if missing and not (owner and _is_kept(client, owner)):
                id_ = ObjectIdentity(kind.group, kind.kind, "", str(live["metadata"]["name"]))
                uid = str(live["metadata"]["uid"])
                found.append(Leftover(id_, kind.api_version, uid, owner, calls="/".join(missing)))
    return found


def _is_kept(client: Client, owner: Owner) -> bool:
    return bool(client.list_metadata(SECRET, owner.namespace, label_selector=f"{SELECTOR},name={owner.name}"))


def adopt(client: Client, leftover: Leftover, owner: Owner, namespace: str, *, check_mode: bool) -> None:
    """Mark the object that was seen as the release's; its content is the next Helm's affair."""
    kind = _kind(client, leftover)
    metadata = {**owner.marks, "uid": leftover.uid}
    client.patch(
        kind,
        leftover.id.name,
        _place(kind, leftover, namespace),
        {"metadata": metadata},
        field_manager=FIELD_MANAGER,
        dry_run=check_mode,
    )


def remove(client: Client, leftover: Leftover, _owner: Owner, namespace: str, *, check_mode: bool) -> None:
    """Delete the object that was seen, and no namesake of it; returns when it is gone."""
    kind = _kind(client, leftover)
    place = _place(kind, leftover, namespace)
    client.delete(kind, leftover.id.name, place, uid=leftover.uid, dry_run=check_mode)
    if not check_mode:
        client.wait_gone(kind, leftover.id.name, place, 60)


def _kind(client: Client, leftover: Leftover) -> Kind:
    return client.find_kind({"apiVersion": leftover.api_version, "kind": leftover.id.kind})


def _place(kind: Kind, leftover: Leftover, namespace: str) -> str | None:
    return (leftover.id.namespace or namespace) if kind.namespaced else None
