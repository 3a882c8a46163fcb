# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set declares, from inline text and files and per cluster: one row per case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context, fleet_of
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate import run as replicate
from ansible_collections.onemesh.istio.plugins.module_utils._operations.replicate.sources import (
    merge_patch,
    read_declared,
)


def manifest(name: str = "reviews", kind: str = "VirtualService", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", **more.pop("metadata", {})}
    return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": metadata, "spec": {"a": 1}, **more}


def found(context: Context | None = None, **options: Any) -> dict[str, list[tuple[str, Any, str]]]:
    """Per cluster the name, the spec and the source of each declared object."""
    given = {"set": "reviews", "clusters": [{"name": name, "region": f"eu-{name}"} for name in ("east", "west")]}
    validated = ArgumentSpecValidator(replicate.ARGUMENT_SPEC).validate({**given, **options})
    assert not validated.error_messages, validated.error_messages
    parameters = validated.validated_parameters
    context = context or Context(environ={})
    return {
        name: [(str(each.id), each.manifest.get("spec"), each.source) for each in items]
        for name, items in read_declared(parameters, fleet_of(parameters, context), context).items()
    }


REVIEWS = ("VirtualService shop/reviews", {"a": 1}, "inline")
RATINGS = ("VirtualService shop/ratings", {"a": 1}, "inline")
TWO = [manifest(), manifest("ratings")]

DEFINITIONS: dict[str, tuple[Any, list[tuple[str, Any, str]]]] = {
    "a mapping": (manifest(), [REVIEWS]),
    "a list": (TWO, [REVIEWS, RATINGS]),
    "text": (f"{manifest()}", [REVIEWS]),
    "text with several documents": (f"---\n{manifest()}\n---\n---\n{manifest('ratings')}\n", [REVIEWS, RATINGS]),
    "a list of texts": ([f"{manifest()}", manifest("ratings")], [REVIEWS, RATINGS]),
    "a list of Kubernetes": ({"apiVersion": "v1", "kind": "List", "items": TWO}, [REVIEWS, RATINGS]),
    "a list of its kind": ({"kind": "VirtualServiceList", "items": TWO}, [REVIEWS, RATINGS]),
    "nothing": ([], []),
    "empty text": ("", []),
}


@pytest.mark.parametrize("case", DEFINITIONS, ids=str)
def test_objects_may_be_given_in_many_forms(case: str) -> None:
    definition, expected = DEFINITIONS[case]
    assert found(definition=definition) == {"east": expected, "west": expected}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no YAML": ({"definition": "a: [\n"}, "cannot be read as YAML: line 2"),
    "a key that stands twice": (
        {"definition": f"{manifest()}\n---\nkind: Service\nspec: {{}}\nspec: {{a: 1}}\n"},
        "inline: cannot be read as YAML: line 5: the key 'spec' stands twice -> correct it",
    ),
    "a number": ({"definition": [7]}, "a definition is int, expected a mapping"),
    "words": ({"definition": "reviews"}, "a definition is text that names no fields, expected a mapping"),
    "words in a list": ({"definition": [manifest("ratings"), "reviews"]}, "a definition is text that names no fields"),
    "text in text": ({"definition": "- 7"}, "a definition is int, expected a mapping"),
    "no kind": ({"definition": {"metadata": {"name": "x"}}}, "lacks apiVersion, kind"),
    "no name": ({"definition": {"apiVersion": "v1", "kind": "Service"}}, "lacks metadata.name"),
    "twice": ({"definition": [manifest(), manifest()]}, "VirtualService shop/reviews is declared twice for east"),
    "no file": ({"src": ["nowhere.yml"]}, "cannot be read"),
    "no template engine": ({"template": ["x.j2"]}, "templates are rendered by the controller"),
    "unknown cluster": ({"overlays": [{"clusters": ["south"]}]}, "they name south, the fleet has east, west"),
    "unknown source": ({"from_cluster": {"cluster": "south", "namespaces": ["shop"]}}, "cluster is south"),
    "patch that does not fit": (
        {"definition": manifest(), "overlays": [{"json_patch": [{"op": "remove", "path": "/spec/b"}]}]},
        "does not fit VirtualService shop/reviews",
    ),
    "no patch": (
        {"definition": manifest(), "overlays": [{"json_patch": [{"op": "twist", "path": "/spec/a"}]}]},
        "does not fit VirtualService shop/reviews",
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_not_usable_is_named(case: str) -> None:
    options, words = REFUSED[case]
    with pytest.raises(MeshError) as raised:
        found(**options)
    assert words in str(raised.value)
    assert all(finding.remedy and finding.object for finding in raised.value.findings)


def test_a_file_is_named_as_the_source(tmp_path: Path) -> None:
    (tmp_path / "routes.yml").write_text(f"{manifest()}")
    context = Context(environ={}, locate=lambda folder, name: str(tmp_path / name) if folder == "files" else "")
    assert found(context, src=["routes.yml"])["west"] == [(*REVIEWS[:2], "file routes.yml")]


VAULTED = "$ANSIBLE_VAULT;1.1;AES256\n"


def test_a_file_that_ansible_vault_has_encrypted_is_decrypted(tmp_path: Path) -> None:
    (tmp_path / "routes.yml").write_text(VAULTED + str(manifest()))
    context = Context(
        environ={},
        locate=lambda _folder, name: str(tmp_path / name),
        decrypt=lambda content: content.removeprefix(VAULTED.encode()),
    )
    assert found(context, src=["routes.yml"])["west"] == [(*REVIEWS[:2], "file routes.yml")]
    with pytest.raises(
        MeshError, match="encrypted by ansible-vault, and a module cannot decrypt it -> run the task on"
    ):
        found(replace(context, decrypt=None), src=["routes.yml"])


@pytest.mark.parametrize("name", ["routes.yml", "routes.json"])
def test_a_file_with_a_key_that_stands_twice_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"kind": "Service",\n "spec": {},\n "spec": {"a": 1}}\n')
    with pytest.raises(MeshError, match=rf"file {name}: cannot be read as YAML: line 3: the key 'spec' stands"):
        found(Context(environ={}, locate=lambda _folder, name: str(tmp_path / name)), src=[name])


def test_a_template_is_rendered_for_each_cluster_with_what_it_is() -> None:
    def render(path: str, variables: Mapping[str, Any]) -> str:
        assert path == "/templates/routes.yml.j2"
        return str({**manifest(), "spec": dict(variables["cluster"])})

    context = Context(environ={}, render=render, locate=lambda folder, name: f"/{folder}/{name}")
    assert found(context, template=["routes.yml.j2"]) == {
        name: [(REVIEWS[0], {"name": name, "network": name, "region": f"eu-{name}"}, "template routes.yml.j2")]
        for name in ("east", "west")
    }


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("VirtualService", {}, "VirtualService store/reviews"),
        ("VirtualService", {"namespace": "shop"}, "VirtualService shop/reviews"),
        ("Namespace", {}, "Namespace reviews"),
    ],
)
def test_an_object_without_a_namespace_gets_that_of_the_set(kind: str, given: dict[str, str], expected: str) -> None:
    definition = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "reviews", **given}}
    assert found(definition=definition, namespace="store")["east"][0][0] == expected


PATCH = [{"op": "replace", "path": "/spec/a", "value": 3}]
OVERLAYS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "merge on one": ([{"clusters": ["west"], "merge": {"spec": {"b": 2}}}], [{"a": 1}], [{"a": 1, "b": 2}]),
    "merge on all": ([{"merge": {"spec": {"a": None, "b": 2}}}], [{"b": 2}], [{"b": 2}]),
    "patch on one": ([{"clusters": ["east"], "json_patch": PATCH}], [{"a": 3}], [{"a": 1}]),
    "merge, then patch": ([{"merge": {"spec": {"a": 2}}, "json_patch": PATCH}], [{"a": 3}], [{"a": 3}]),
    "in their order": ([{"json_patch": PATCH}, {"merge": {"spec": {"a": 2}}}], [{"a": 2}], [{"a": 2}]),
    "excluded on one": ([{"clusters": ["west"], "exclude": True}], [{"a": 1}], []),
    "excluded, whatever else": (
        [{"merge": {"spec": {"b": 2}}}, {"clusters": ["west"], "exclude": True}], [{"a": 1, "b": 2}], [],
    ),
    "another kind": ([{"kind": "DestinationRule", "exclude": True}], [{"a": 1}], [{"a": 1}]),
    "another name": ([{"name": "ratings", "exclude": True}], [{"a": 1}], [{"a": 1}]),
    "another namespace": ([{"namespace": "store", "exclude": True}], [{"a": 1}], [{"a": 1}]),
    "this one by all its names": (
        [{"kind": "VirtualService", "name": "reviews", "namespace": "shop", "exclude": True}], [], [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OVERLAYS, ids=str)
def test_clusters_differ_where_an_overlay_says_so(case: str) -> None:
    overlays, east, west = OVERLAYS[case]
    objects = found(definition=manifest(), overlays=overlays)
    assert [spec for _name, spec, _source in objects["east"]] == east
    assert [spec for _name, spec, _source in objects["west"]] == west


MERGES: list[tuple[Any, Any, Any]] = [
    # RFC 7386, appendix A.
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), MERGES)
def test_a_merge_patch_does_what_its_standard_says(target: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(target, patch) == expected
