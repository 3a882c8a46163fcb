# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ConfigMaps and Secrets that a workload reads: they belong to its revision, and the stable side keeps its own. Pure.

Flagger (pkg/canary/config_tracker.go) copies each as ``NAME-primary`` and overwrites the copy when it promotes, which
running pods with a volume of it notice before their template changes, and which cannot be restored. Our copies carry a
hash of their content in the name and never change; the earlier ones stay as long as a template refers to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from ..._change.objects import content_hash
from ..._kube.kinds import CONFIG_MAP, SECRET
from .inherited import strip_deployer_keys

Object = dict[str, Any]

TRACKING_ANNOTATIONS = ("onemesh.istio/config-tracking", "flagger.app/config-tracking")
"""With a value that starts with ``disabled``, on a ConfigMap or Secret: this one does not count; on a workload: none of
its does."""

TRACKED_SECRET_TYPES = ("Opaque", "kubernetes.io/basic-auth", "kubernetes.io/ssh-auth", "kubernetes.io/tls")
"""Others are for the kubelet or change by themselves, such as a service account's token."""

_CONTENT = ("data", "binaryData")
_LONGEST_NAME = 253


CONFIG_KINDS = {kind.kind: kind for kind in (CONFIG_MAP, SECRET)}
"""What a pod template may read."""


class Config(NamedTuple):
    """A ConfigMap or Secret by name. ``optional``: the pods start without it too."""

    kind: str
    name: str
    optional: bool = False

    @property
    def key(self) -> str:
        """How it is named in a mapping: ``ConfigMap/settings``."""
        return f"{self.kind}/{self.name}"


def list_references(workload: Mapping[str, Any]) -> tuple[Config, ...]:
    """What the pod template of a workload refers to, in environments and volumes, each once and in order of name."""
    return _configs_of(workload["spec"]["template"])


def select_for_revision(workload: Mapping[str, Any], configs: Mapping[str, Object]) -> dict[str, Object | None]:
    """Of the tracked those that make the revision, by key; None where ``configs`` does not have one."""
    if _is_disabled(workload):
        return {}
    found = {config.key: configs.get(config.key) for config in list_references(workload)}
    return {key: config for key, config in found.items() if config is None or _counts(config)}


def hash_config(config: Mapping[str, Any]) -> str:
    """A hash (16 hexadecimal digits) of the data of a ConfigMap or Secret, from which the data cannot be read."""
    return content_hash({field: config.get(field) or {} for field in _CONTENT})


def make_config_copies(workload: Mapping[str, Any], configs: Mapping[str, Object]) -> list[Object]:
    """The ConfigMaps and Secrets that the stable side reads in place of the workload's own.

    ``configs`` is from ``Config.key`` to live object. What is not there or does not count is not copied, and is
    referred to under its own name.
    """
    return [_copy(config) for config in select_for_revision(workload, configs).values() if config is not None]


def use_copies(workload: Mapping[str, Any], configs: Mapping[str, Object]) -> Object:
    """The pod template of a workload, referring to the copies."""
    template: Object = deepcopy(workload["spec"]["template"])
    found = select_for_revision(workload, configs)
    for kind, holder, field, _optional in _references(template.get("spec") or {}):
        config = found.get(Config(kind, holder[field]).key)
        if config is not None:
            holder[field] = _copy_name(config)
    return template


def configs_of_template(template: Mapping[str, Any]) -> frozenset[str]:
    """Keys of what a pod template refers to, copies included."""
    return frozenset(config.key for config in _configs_of(template))


def _configs_of(template: Mapping[str, Any]) -> tuple[Config, ...]:
    optional: dict[tuple[str, str], bool] = {}
    for kind, holder, field, may_lack in _references(template.get("spec") or {}):
        optional[(kind, holder[field])] = optional.get((kind, holder[field]), True) and may_lack
    return tuple(Config(kind, name, may_lack) for (kind, name), may_lack in sorted(optional.items()))


class _Reference(NamedTuple):
    kind: str
    holder: Object
    field: str
    optional: bool


def _references(pod: Mapping[str, Any]) -> Iterator[_Reference]:
    """Each place in a pod's spec that names a ConfigMap or Secret: ``holder[field]`` is the name."""
    for volume in pod.get("volumes") or ():
        yield from _list_names(CONFIG_MAP.kind, volume.get("configMap"))
        yield from _list_names(SECRET.kind, volume.get("secret"), "secretName")
        for source in (volume.get("projected") or {}).get("sources") or ():
            yield from _list_names(CONFIG_MAP.kind, source.get("configMap"))
            yield from _list_names(SECRET.kind, source.get("secret"))
    for container in (*(pod.get("initContainers") or ()), *(pod.get("containers") or ())):
        for variable in container.get("env") or ():
            source = variable.get("valueFrom") or {}
            yield from _list_names(CONFIG_MAP.kind, source.get("configMapKeyRef"))
            yield from _list_names(SECRET.kind, source.get("secretKeyRef"))
        for source in container.get("envFrom") or ():
            yield from _list_names(CONFIG_MAP.kind, source.get("configMapRef"))
            yield from _list_names(SECRET.kind, source.get("secretRef"))


def _list_names(kind: str, holder: Object | None, field: str = "name") -> Iterator[_Reference]:
    if holder and holder.get(field):
        yield _Reference(kind, holder, field, bool(holder.get("optional")))


def _counts(config: Mapping[str, Any]) -> bool:
    is_secret = config.get("kind") == SECRET.kind
    return not _is_disabled(config) and (not is_secret or config.get("type", "Opaque") in TRACKED_SECRET_TYPES)


def _is_disabled(manifest: Mapping[str, Any]) -> bool:
    annotations = (manifest.get("metadata") or {}).get("annotations") or {}
    return any(str(annotations.get(name, "")).startswith("disabled") for name in TRACKING_ANNOTATIONS)


def _copy_name(config: Mapping[str, Any]) -> str:
    suffix = f"-primary-{hash_config(config)[:10]}"
    return str(config["metadata"]["name"])[: _LONGEST_NAME - len(suffix)].rstrip("-.") + suffix


def _copy(config: Mapping[str, Any]) -> Object:
    labels = strip_deployer_keys(config["metadata"].get("labels"))
    return {
        "apiVersion": "v1",
        "kind": config["kind"],
        "metadata": {
            "name": _copy_name(config),
            "namespace": config["metadata"]["namespace"],
            **({"labels": labels} if labels else {}),
        },
        **({"type": config["type"]} if config.get("type") else {}),
        **{field: deepcopy(config[field]) for field in _CONTENT if config.get(field)},
        "immutable": True,
    }
