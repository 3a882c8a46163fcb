# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils import _yaml
from ansible_collections.onemesh.istio.plugins.module_utils._kube import kubeconfig
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import CredentialsError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.files import Files

HOME = "/home/dana"


def config(*names: str, current: str = "", token: str = "t") -> dict[str, Any]:
    """A kubeconfig with a context, a cluster and a user of each name."""
    return {
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in names],
        "users": [{"name": name, "user": {"token": token}} for name in names],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}} for name in names],
    }


@pytest.mark.parametrize(
    ("value", "sources"),
    [
        ("/etc/a", ["/etc/a"]),
        ("/etc/a:/etc/b", ["/etc/a", "/etc/b"]),
        ("/etc/a::", ["/etc/a"]),
        ("~/.kube/config", [f"{HOME}/.kube/config"]),
        (Path("/etc/a"), ["/etc/a"]),
        (["/etc/a", "~/b:/etc/c"], ["/etc/a", f"{HOME}/b", "/etc/c"]),
        ({"clusters": []}, [{"clusters": []}]),
        ([{"clusters": []}, "/etc/a"], [{"clusters": []}, "/etc/a"]),
        ("clusters: []\nusers: []\n", ["clusters: []\nusers: []\n"]),
        ('{"clusters": []}', ['{"clusters": []}']),
    ],
)
def test_forms_of_the_option(value: Any, sources: list[Any]) -> None:
    assert kubeconfig.split_sources(value, HOME, cluster="c") == sources


@pytest.mark.parametrize("value", [7, True, ["/etc/a", 7], [None]])
def test_what_is_no_form_of_the_option_is_refused_by_name(value: Any) -> None:
    with pytest.raises(CredentialsError, match=r"^c: kubeconfig is .*, and a path, several paths, or the content"):
        kubeconfig.split_sources(value, HOME, cluster="c")


def parse(content: Any, folder: str = "", label: str = "FILE") -> kubeconfig.Kubeconfig:
    return kubeconfig.parse(content, label=label, folder=folder, cluster="c")


def test_first_to_name_something_counts() -> None:
    merged = kubeconfig.merge(
        [
            parse(config("east", token="first"), "/one"),
            parse(config("east", "west", current="west", token="second"), "/two"),
            parse(config("north", current="north"), "/three"),
        ],
        origin="test",
    )
    assert merged.current_context == "west"
    assert list(merged.contexts) == ["east", "west", "north"]
    assert merged.users["east"] == kubeconfig.KubeconfigEntry({"token": "first"}, "/one", "user east in FILE")
    assert merged.users["west"].folder == "/two"


def test_the_first_of_two_equal_names_counts() -> None:
    content = config("east", token="first")
    content["users"].append({"name": "east", "user": {"token": "second"}})
    assert parse(content).users["east"].value == {"token": "first"}


def test_what_has_no_name_is_passed_over() -> None:
    read = parse({"users": [None, {"user": {}}, {"name": "a", "user": None}], "clusters": None})
    assert (list(read.users), read.clusters, read.contexts) == (["a"], {}, {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"users": {"name": "a"}}, "users of FILE is a mapping, and a list of mappings was expected"),
        ({"contexts": ["x"]}, "contexts of FILE is a list, and a list of mappings was expected"),
        ({"clusters": [{"name": 1e3}]}, "name of clusters in FILE is a number, and text was expected"),
        ({"users": [{"name": "a", "user": "b"}]}, "user of users in FILE is text, and a mapping was expected"),
        ({**config("a"), "current-context": 7}, "current-context of FILE is a number, and text was expected"),
    ],
)
def test_what_kubectl_would_not_read_is_refused_by_name(content: dict[str, Any], said: str) -> None:
    with pytest.raises(CredentialsError, match=f"^c: {said} -> correct it there"):
        parse(content)


def test_context_asked_for_counts_before_the_current_one() -> None:
    merged = parse(config("east", "west", current="east"))
    assert kubeconfig.select(merged, None, cluster="c").context == "east"
    assert kubeconfig.select(merged, "west", cluster="c").cluster.value == {"server": "https://west:6443"}


def test_context_without_user() -> None:
    content = config("east")
    del content["contexts"][0]["context"]["user"]
    assert kubeconfig.select(parse(content), "east", cluster="c").user is None


def without(section: str) -> dict[str, Any]:
    return {**config("east", "west"), section: [{"name": "other", section[:-1]: {}}]}


@pytest.mark.parametrize(
    ("content", "context", "said"),
    [
        (
            config("east", "west"),
            None,
            "no current-context and no context was given -> set context to one of: east, west",
        ),
        (config("east", "west"), "north", "has no context north -> set context to one of: east, west"),
        (config("east", current="west"), None, "has no context west -> set context to one of: east"),
        ({"users": [{"name": "a"}]}, "east", "has no context east -> set context to one of: none"),
        (
            without("clusters"),
            "east",
            "the cluster east, which it does not have -> correct the context; clusters there: other",
        ),
        (without("users"), "east", "the user east, which it does not have -> correct the context; users there: other"),
    ],
)
def test_context_that_cannot_be_used(content: dict[str, Any], context: str | None, said: str) -> None:
    with pytest.raises(CredentialsError) as raised:
        kubeconfig.select(parse(content), context, cluster="west-1")
    assert str(raised.value).startswith("west-1: ")
    assert "FILE" in str(raised.value)
    assert said in str(raised.value)


def test_absent_files_are_passed_over_where_there_are_several(tmp_path: Path) -> None:
    present = tmp_path / "present"
    present.write_text(json.dumps(config("east")))
    read = kubeconfig.read([str(tmp_path / "absent"), str(present)], Files("c"))
    assert list(read.contexts) == ["east"]
    assert read.contexts["east"].folder == str(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("", "is no kubeconfig"),
        ("just text", "is no kubeconfig"),
        ("kind: Secret\ndata: {}", "is no kubeconfig"),
        (
            "users: []\nclusters: []\nusers: [{name: a, user: {token: my-secret-token}}]",
            "line 3: the key 'users' stands twice",
        ),
        ("users: []\n---\nusers: []", "2 documents, and one was expected"),
        ("users: [{name: a, user: {token: my-secret-token}]", "cannot be read as YAML: line 1"),
        ("users:\n- name: a\n  user: {token: my-secret-token\nx", "cannot be read as YAML: line 5"),
    ],
)
def test_file_that_is_no_kubeconfig(tmp_path: Path, text: str | None, said: str) -> None:
    path = tmp_path / "config"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CredentialsError) as raised:
        kubeconfig.read([str(path)], Files("west"))
    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    chain = [raised.value, raised.value.__cause__]
    assert "my-secret-token" not in repr([*chain, str(raised.value)])
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_none_of_several_files_exists(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="none of the kubeconfigs"):
        kubeconfig.read([str(tmp_path / "a"), str(tmp_path / "b")], Files("west"))


def test_content_is_not_in_what_is_printed() -> None:
    merged = parse(config("east", token="my-secret-token"))
    assert "my-secret-token" not in f"{merged!r} {kubeconfig.select(merged, 'east', cluster='c')!r}"


def test_missing_library_is_told_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_yaml, "INSTALLED", False)
    with pytest.raises(CredentialsError, match=r"needs the Python library PyYAML on .*Python"):
        kubeconfig.read(["clusters: []\n"], Files("west"))
