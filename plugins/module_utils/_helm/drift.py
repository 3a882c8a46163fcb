# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a live object is not what a release's manifest says. Pure.

Fields that the manifest does not set are the user's, but for a workload without replicas and a rollout that is paused:
nothing that is written would take effect. Fields that a controller has
to write are the controller's: the replicas of what an autoscaler scales, and what istiod writes into the webhooks that
call it.

This is private to the collection and may change at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .manifest import ManifestObject, Owner

_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})
_WEBHOOKS = frozenset({"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"})


def find_autoscaled(manifest: Iterable[ManifestObject], namespace: str) -> frozenset[tuple[str, str, str]]:
    """Kind, namespace and name of the workloads that an autoscaler of the same manifest scales."""
    return frozenset(
        (str(target.get("kind")), each.id.namespace or namespace, str(target.get("name")))
        for each in manifest
        if each.id.kind == "HorizontalPodAutoscaler"
        and (target := (each.object.get("spec") or {}).get("scaleTargetRef") or {})
    )


def prescribe(
    wanted: ManifestObject,
    live: Mapping[str, Any] | None,
    owner: Owner,
    scaled: frozenset[tuple[str, str, str]] = frozenset(),
) -> dict[str, Any]:
    """What has to be there of an object: the manifest with Helm's marks, without what controllers write."""
    metadata = wanted.object.get("metadata") or {}
    marked = {**metadata, **{part: {**(metadata.get(part) or {}), **marks} for part, marks in owner.marks.items()}}
    result = {**wanted.object, "metadata": marked}
    result.pop("status", None)
    if wanted.id.kind in _SCALED and isinstance(result.get("spec"), Mapping):
        place = (wanted.id.kind, wanted.id.namespace or owner.namespace, wanted.id.name)
        spec = _with_replicas(result["spec"], live, place in scaled or _is_scaled_by_autoscaler(live))
        result["spec"] = _unpause(spec, live)
    if wanted.id.kind in _WEBHOOKS and live is not None:
        result["webhooks"] = [_prescribe_webhook(each, wanted.id.kind) for each in result.get("webhooks") or ()]
    return result


def _with_replicas(spec: Mapping[str, Any], live: Mapping[str, Any] | None, autoscaled_: bool) -> dict[str, Any]:
    """An autoscaler leaves alone what a hand has set to no replicas, and who names no number means the default, 1."""
    number = spec.get("replicas")
    stands = ((live or {}).get("spec") or {}).get("replicas")
    if stands == 0 and number != 0:
        return {**spec, "replicas": 1 if number is None else number}
    return {name: value for name, value in spec.items() if name != "replicas" or not autoscaled_}


def _unpause(spec: Mapping[str, Any], live: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a Deployment that a hand has paused no replica follows."""
    paused = ((live or {}).get("spec") or {}).get("paused") is True
    return {**({"paused": False} if paused else {}), **spec}


def _is_scaled_by_autoscaler(live: Mapping[str, Any] | None) -> bool:
    """An autoscaler that the user made: the controller manager writes replicas through the subresource scale."""
    return any(
        entry.get("subresource") == "scale"
        and entry.get("manager") == "kube-controller-manager"
        and "f:replicas" in ((entry.get("fieldsV1") or {}).get("f:spec") or {})
        for entry in ((live or {}).get("metadata") or {}).get("managedFields") or ()
    )


def _prescribe_webhook(webhook: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """istiod writes caBundle, and lets validation fail closed once it serves it (pkg/webhooks)."""
    client = {name: value for name, value in (webhook.get("clientConfig") or {}).items() if name != "caBundle"}
    result = {**webhook, "clientConfig": client}
    if kind == "ValidatingWebhookConfiguration" and result.get("failurePolicy") == "Ignore":
        del result["failurePolicy"]
    return result


def holds(live: Any, wanted: Any) -> bool:
    """Whether all that is wanted stands there as it is written. Only the API server can say so of what does not:
    it knows which lists are sets, which values are the same (500m and 0.5), and what it fills in."""
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            key in live and holds(live[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(holds, live, wanted))
    return isinstance(live, bool) == isinstance(wanted, bool) and bool(live == wanted)


def find_differing(before: Any, after: Any, path: str = "", limit: int = 3) -> list[str]:
    """Where two objects differ, as paths (``spec.replicas``), at most ``limit`` of them."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        found: list[str] = []
        for key in sorted({*before, *after}, key=str):
            if len(found) < limit and before.get(key) != after.get(key):
                found += find_differing(before.get(key), after.get(key), f"{path}.{key}" if path else str(key), limit)
        return found[:limit]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        found = []
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            if len(found) < limit and one != other:
                found += find_differing(one, other, f"{path}{_element(one, other, index)}", limit)
        return found[:limit]
    return [path] if before != after else []


def _element(one: Any, other: Any, index: int) -> str:
    name = one.get("name") if isinstance(one, Mapping) else None
    named = name and isinstance(other, Mapping) and other.get("name") == name
    return f"[{name}]" if named else f"[{index}]"
