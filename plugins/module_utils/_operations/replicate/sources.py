# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set declares: definitions inline, in files, in templates, or objects read from a cluster."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._change import parallel
from ..._change.objects import ObjectId, content_hash, make_portable
from ..._cluster import Cluster
from ..._findings import Finding, MeshError
from ..._fleet import Fleet
from ..._kube.client import Client
from ..._kube.errors import NotFound
from ..._kube.files import Encrypted, make_plain
from ..._ownership import is_ours
from ..._yaml import NotYaml, load_all
from ..finding_kinds import SOURCE_UNUSABLE
from ..operation import Context

OVERLAY_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "clusters": {"type": "list", "elements": "str", "default": []},
    "kind": {"type": "str"},
    "name": {"type": "str"},
    "namespace": {"type": "str"},
    "merge": {"type": "dict"},
    "json_patch": {"type": "list", "elements": "dict"},
    "exclude": {"type": "bool", "default": False},
}
SOURCE_CLUSTER_ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    "cluster": {"type": "str", "required": True},
    "namespaces": {"type": "list", "elements": "str", "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "label_selectors": {"type": "list", "elements": "str", "default": []},
}


@dataclass(frozen=True)
class DeclaredObject:
    """One object that is to stand on one cluster, where it was declared, and the hash of the declaration."""

    manifest: Mapping[str, Any] = field(repr=False)
    source: str
    hash: str = ""
    id: ObjectId = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", ObjectId.of(self.manifest))
        if not self.hash:
            object.__setattr__(self, "hash", content_hash(self.manifest))


def read_declared(parameters: Mapping[str, Any], fleet: Fleet, context: Context) -> dict[str, list[DeclaredObject]]:
    """Per cluster what is to stand there. Raises MeshError where a source is unusable, KubeError where a cluster is.

    A cluster that objects are read from holds them already, and gets none.
    """
    _refuse_unknown_clusters(parameters["overlays"], fleet)
    common = [
        *_of_documents(parameters["definition"], "inline", parameters),
        *(each for name in parameters["src"] for each in _of_file(name, parameters, context)),
    ]
    source = parameters["from_cluster"]
    targets = [member.cluster for member in fleet if not (source and member.name == source["cluster"])]
    if source:
        common += _of_cluster(source, parameters["kinds"], fleet)
    templates = [context.locate("templates", name) for name in parameters["template"]]
    if templates and context.render is None:
        raise _make_unusable_error(
            ", ".join(parameters["template"]),
            "templates are rendered by the controller, and this task runs as a module on its host",
            "run the task with connection: local and without async, or give definition or src",
        )
    result = {}
    for cluster in targets:
        objects = [*common, *(each for path in templates for each in _render(path, cluster, parameters, context))]
        result[cluster.name] = _refuse_repeated(cluster.name, _overlay(objects, parameters["overlays"], cluster.name))
    return result


def _refuse_unknown_clusters(overlays: Iterable[Mapping[str, Any]], fleet: Fleet) -> None:
    unknown = sorted({name for overlay in overlays for name in overlay["clusters"] if name not in fleet})
    if unknown:
        raise _make_unusable_error(
            "overlays",
            f"they name {', '.join(unknown)}, the fleet has {', '.join(fleet.names)}",
            "correct clusters of the overlay, or add the cluster to the fleet",
        )


def _of_documents(value: Any, source: str, parameters: Mapping[str, Any]) -> list[DeclaredObject]:
    """From text with any number of YAML documents, a mapping, or a list of either; a Kubernetes List is its items."""
    if value in (None, "", []):
        return []
    if isinstance(value, str):
        documents = _parse(value, source)
        if any(isinstance(each, str) for each in documents):
            raise _make_unusable_error(
                source, "a definition is text that names no fields, expected a mapping", "correct it"
            )
        return _of_documents(documents, source, parameters)
    if isinstance(value, list):
        return [each for item in value for each in _of_documents(item, source, parameters)]
    if not isinstance(value, Mapping):
        raise _make_unusable_error(source, f"a definition is {type(value).__name__}, expected a mapping", "correct it")
    if str(value.get("kind") or "").endswith("List") and isinstance(value.get("items"), list):
        return _of_documents(value["items"], source, parameters)
    return [DeclaredObject(_fill_in(value, source, parameters), source)]


def _parse(text: str, source: str) -> list[Any]:
    try:
        return load_all(text)
    except NotYaml as error:
        raise _make_unusable_error(source, f"cannot be read as YAML: {error}", "correct it") from error


def _fill_in(manifest: Mapping[str, Any], source: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    metadata = manifest.get("metadata") or {}
    missing = [name for name in ("apiVersion", "kind") if not manifest.get(name)]
    missing += ["metadata.name"] if not metadata.get("name") else []
    if missing:
        given = ", ".join(sorted(map(str, manifest))) or "nothing"
        raise _make_unusable_error(
            source,
            f"an object lacks {', '.join(missing)} (it has {given})",
            "give each object apiVersion, kind and metadata.name",
        )
    result = make_portable(manifest)
    if not metadata.get("namespace") and parameters["namespace"] and result["kind"] != "Namespace":
        result["metadata"]["namespace"] = parameters["namespace"]
    return result


def _of_file(name: str, parameters: Mapping[str, Any], context: Context) -> list[DeclaredObject]:
    path = context.locate("files", name)
    try:
        with open(path, "rb") as stream:
            text = make_plain(stream.read(), context.decrypt).decode("utf-8")
    except Encrypted as error:
        raise _make_unusable_error(f"file {name}", str(error), error.remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _make_unusable_error(f"file {name}", f"cannot be read: {error}", "correct src") from error
    return _of_documents(text, f"file {name}", parameters)


def _render(path: str, cluster: Cluster, parameters: Mapping[str, Any], context: Context) -> list[DeclaredObject]:
    if context.render is None:
        return []
    variables = {"cluster": {"name": cluster.name, "network": cluster.network, "region": cluster.region}}
    source = f"template {path.rpartition('/')[2]}"
    try:
        rendered = context.render(path, variables)
    except Encrypted as error:
        raise _make_unusable_error(source, str(error), error.remedy) from None
    return _of_documents(rendered, source, parameters)


def _of_cluster(source: Mapping[str, Any], kinds: Iterable[Any], fleet: Fleet) -> list[DeclaredObject]:
    name = source["cluster"]
    if name not in fleet:
        raise _make_unusable_error(
            "from_cluster", f"cluster is {name}, the fleet has {', '.join(fleet.names)}", "name one of the clusters"
        )
    client = fleet[name].client
    selector = ",".join(source["label_selectors"])
    wanted = [(kind, namespace) for kind in kinds for namespace in source["namespaces"]]

    def listed(item: tuple[Mapping[str, str], str]) -> list[dict[str, Any]]:
        return _list(client, item[0], item[1], selector)

    found = [
        live for lives in parallel.collect_values(parallel.each(wanted, listed)) for live in lives if not is_ours(live)
    ]
    names = set(source["names"])
    chosen = [live for live in found if not names or live["metadata"]["name"] in names]
    missing = sorted(names - {live["metadata"]["name"] for live in chosen})
    if missing:
        raise _make_unusable_error(
            f"cluster {name}",
            f"has no object named {', '.join(missing)} of the kinds asked for in {', '.join(source['namespaces'])}",
            "correct names, namespaces or kinds",
        )
    return [DeclaredObject(make_portable(live), f"cluster {name}") for live in chosen]


def _list(client: Client, kind: Mapping[str, str], namespace: str, selector: str) -> list[dict[str, Any]]:
    try:
        return client.list(client.find_kind(kind), namespace, label_selector=selector)
    except NotFound:
        return []


def _overlay(
    objects: Iterable[DeclaredObject], overlays: Iterable[Mapping[str, Any]], cluster: str
) -> list[DeclaredObject]:
    chosen = [overlay for overlay in overlays if not overlay["clusters"] or cluster in overlay["clusters"]]
    result = []
    for each in objects:
        matching = [overlay for overlay in chosen if _matches(overlay, each.id)]
        if any(overlay["exclude"] for overlay in matching):
            continue
        manifest: Any = each.manifest
        for overlay in matching:
            if overlay["merge"]:
                manifest = merge_patch(manifest, overlay["merge"])
            if overlay["json_patch"]:
                manifest = _apply_json_patch(manifest, overlay["json_patch"], cluster)
        result.append(DeclaredObject(manifest, each.source))
    return result


def _matches(overlay: Mapping[str, Any], name: ObjectId) -> bool:
    return all(
        overlay[option] in (None, value)
        for option, value in (("kind", name.kind), ("name", name.name), ("namespace", name.namespace))
    )


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386: mappings are merged, null removes a key, anything else replaces. Pure."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def _apply_json_patch(manifest: Any, operations: list[dict[str, Any]], cluster: str) -> Any:
    try:
        import jsonpatch  # pylint: disable=import-outside-toplevel  # needed for this option only
    except ImportError as error:
        raise _make_unusable_error(
            f"overlay for {cluster}", "json_patch needs the Python library jsonpatch", "install it, or use merge"
        ) from error
    try:
        return jsonpatch.apply_patch(manifest, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        name = ObjectId.of(manifest)
        raise _make_unusable_error(
            f"overlay for {cluster}", f"does not fit {name}: {error}", "correct json_patch"
        ) from error


def _refuse_repeated(cluster: str, objects: list[DeclaredObject]) -> list[DeclaredObject]:
    sources: dict[ObjectId, str] = {}
    for each in objects:
        if each.id in sources:
            raise _make_unusable_error(
                f"{sources[each.id]} and {each.source}",
                f"{each.id} is declared twice for {cluster}",
                "declare it once",
            )
        sources[each.id] = each.source
    return objects


def _make_unusable_error(source: str, message: str, remedy: str) -> MeshError:
    finding = Finding("", SOURCE_UNUSABLE, message, remedy, object=source)
    return MeshError("The set cannot be read; nothing was written anywhere.", [finding])
