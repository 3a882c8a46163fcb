# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stable side's workload, ``NAME-primary``: a copy of the canary's that only a promotion changes. Pure.

It is what Flagger makes (pkg/canary/deployment_controller.go), and remembers the template from before in an annotation,
so that a promotion that fails can be taken back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ..._findings import Finding, MeshError
from ..._kube.kinds import DEPLOYMENT
from ..finding_kinds import PREVIOUS_TEMPLATE_MISSING
from .configs import Object, configs_of_template, use_copies
from .inherited import strip_deployer_keys
from .selectors import SELECTOR_LABELS, SelectorLabel, find_selector_label, list_fixed_labels, make_primary_selector
from .workloads import full_size, own_template

REVISION_ANNOTATION = "onemesh.istio/revision"
"""On a primary: the revision of the canary that it was copied from."""
PREVIOUS_ANNOTATION = "onemesh.istio/previous"
"""On a primary: JSON with the ``revision`` and the ``spec`` from before, without what a promotion leaves alone."""

_NOT_COPIED = ("replicas", "selector", "template", "paused")
_NOT_RESTORED = ("replicas", "selector")
_ALL_ANNOTATIONS = 256 * 1024


def make_primary(
    target: Mapping[str, Any],
    name: str,
    live_primary: Mapping[str, Any] | None,
    *,
    copy: bool,
    revision: str,
    configs: Mapping[str, Object],
    labels: Sequence[str] = SELECTOR_LABELS,
    cluster: str = "",
) -> Object:
    """The primary named ``name`` as it is to be declared.

    With ``copy``, or where there is none yet, it gets the pod template of ``target``, whose revision is ``revision``;
    else it keeps its own. The number of replicas is the live one's: somebody may have scaled it. Where the template
    changes, PREVIOUS_ANNOTATION gets the one from before. ``configs`` are those that the target reads, by
    ``Config.key``; ``config_copies`` says which copies have to stand first. Raises MeshError where the target has none
    of ``labels`` in its selector.
    """
    label = find_selector_label(target, labels, cluster=cluster)
    # One that runs this revision is the same copy: what somebody changed in it since is put right.
    if live_primary is not None and not copy and revision_of(live_primary) != revision:
        return _declare(target, name, label, live_primary["spec"], live_primary, _memory(live_primary))
    spec = {key: deepcopy(value) for key, value in target["spec"].items() if key not in _NOT_COPIED}
    spec["template"] = _template(target, label, configs)
    if live_primary is None:
        return _declare(target, name, label, spec, None, {REVISION_ANNOTATION: revision})
    memory = _memory(live_primary)
    if revision_of(live_primary) != revision:
        memory = {REVISION_ANNOTATION: revision, **_previous(live_primary)}
    return _declare(target, name, label, spec, live_primary, memory)


def restore_primary(primary: Mapping[str, Any], revision: str, *, cluster: str = "") -> Object:
    """The primary as it was before it got ``revision``, as it is to be declared; as it is, where it does not run that.

    Raises MeshError where it does not know what was before.
    """
    if revision_of(primary) != revision:
        return _restore_template(primary, primary["spec"], _memory(primary))
    text = _annotations(primary).get(PREVIOUS_ANNOTATION)
    try:
        previous = json.loads(text or "")
        spec, earlier = dict(previous["spec"]), str(previous["revision"])
    except (ValueError, TypeError, KeyError):
        raise MeshError(
            "The earlier revision cannot be restored.",
            [
                Finding(
                    cluster,
                    PREVIOUS_TEMPLATE_MISSING,
                    f"annotation {PREVIOUS_ANNOTATION} does not hold what was before revision {revision}",
                    "release the earlier version as a new revision",
                    object=f"{primary['kind']} {primary['metadata'].get('namespace')}/{primary['metadata']['name']}",
                )
            ],
        ) from None
    return _restore_template(primary, spec, {REVISION_ANNOTATION: earlier})


def revision_of(primary: Mapping[str, Any]) -> str:
    """The revision that a primary runs, empty where it is not known."""
    return str(_annotations(primary).get(REVISION_ANNOTATION) or "")


def configs_in_use(primary: Mapping[str, Any]) -> frozenset[str]:
    """Keys of the ConfigMaps and Secrets that a primary reads, or would read again if it were restored."""
    found = configs_of_template(primary["spec"]["template"])
    try:
        previous = json.loads(_annotations(primary).get(PREVIOUS_ANNOTATION) or "{}")
        return found | configs_of_template(previous["spec"]["template"])
    except (ValueError, TypeError, KeyError):
        return found


def _template(target: Mapping[str, Any], label: SelectorLabel, configs: Mapping[str, Object]) -> Object:
    template = own_template(use_copies(target, configs))
    metadata = dict(template.get("metadata") or {})
    template["metadata"] = {**metadata, "labels": {**(metadata.get("labels") or {}), label.name: label.primary}}
    for part in ("affinity", "topologySpreadConstraints"):
        if part in template["spec"]:
            template["spec"][part] = _among_primaries(template["spec"][part], label)
    return template


def _among_primaries(value: Any, label: SelectorLabel) -> Any:
    """What a pod says of its like (keep apart, spread over zones) means the pods of its own side."""
    if isinstance(value, list):
        return [_among_primaries(each, label) for each in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: make_primary_selector(each, label) if name == "labelSelector" and each else _among_primaries(each, label)
        for name, each in value.items()
    }


def _declare(
    target: Mapping[str, Any],
    name: str,
    label: SelectorLabel,
    spec: Mapping[str, Any],
    live: Mapping[str, Any] | None,
    memory: Mapping[str, str],
) -> Object:
    metadata = target["metadata"]
    selector = (
        make_primary_selector(target["spec"]["selector"], label) if live is None else deepcopy(live["spec"]["selector"])
    )
    result = {
        "apiVersion": target["apiVersion"],
        "kind": target["kind"],
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**strip_deployer_keys(metadata.get("labels")), label.name: label.primary},
            "annotations": {**strip_deployer_keys(metadata.get("annotations")), **memory},
        },
        "spec": {**deepcopy(dict(spec)), "selector": selector, "template": own_template(spec["template"])},
    }
    if target["kind"] == DEPLOYMENT.kind:
        # Not of a primary that was scaled to zero by hand either: it is kept as it is, and is not ready.
        result["spec"]["replicas"] = full_size(target, None) if live is None else live["spec"].get("replicas", 1)
    # A selector cannot be changed, and a primary that others made may have more in it.
    result["spec"]["template"].setdefault("metadata", {}).setdefault("labels", {}).update(list_fixed_labels(selector))
    return result


def _restore_template(primary: Mapping[str, Any], spec: Mapping[str, Any], memory: Mapping[str, str]) -> Object:
    metadata = primary["metadata"]
    kept = {key: primary["spec"][key] for key in _NOT_RESTORED if key in primary["spec"]}
    return {
        "apiVersion": primary["apiVersion"],
        "kind": primary["kind"],
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": strip_deployer_keys(metadata.get("labels")),
            "annotations": {**strip_deployer_keys(metadata.get("annotations")), **memory},
        },
        "spec": {**deepcopy({**spec, **kept}), "template": own_template(spec["template"])},
    }


def _memory(primary: Mapping[str, Any]) -> dict[str, str]:
    annotations = _annotations(primary)
    return {key: annotations[key] for key in (REVISION_ANNOTATION, PREVIOUS_ANNOTATION) if key in annotations}


def _previous(primary: Mapping[str, Any]) -> dict[str, str]:
    spec = {key: value for key, value in primary["spec"].items() if key not in _NOT_RESTORED}
    spec["template"] = own_template(spec["template"])
    text = json.dumps({"revision": revision_of(primary), "spec": spec}, sort_keys=True, separators=(",", ":"))
    # Kubernetes refuses an object whose annotations are larger: better without than not promoted.
    return {PREVIOUS_ANNOTATION: text} if len(text) < _ALL_ANNOTATIONS // 2 else {}


def _annotations(primary: Mapping[str, Any]) -> Mapping[str, Any]:
    return primary["metadata"].get("annotations") or {}
