# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operation on the controller: what it is given, what it may show, and when it is a module after all."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible_collections.onemesh.istio.plugins.module_utils import _yaml as yaml
from ansible_collections.onemesh.istio.plugins.module_utils._cluster import FLEET_ARGUMENT_SPEC
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import Context
from ansible_collections.onemesh.istio.plugins.plugin_utils.action import OperationAction, channel

Seen = tuple[Mapping[str, Any], Context]
Run = Callable[..., dict[str, Any]]


class Recorder:
    """An operation that says whatever it was given."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.ARGUMENT_SPEC = {
            **FLEET_ARGUMENT_SPEC,
            "token": {"type": "str", "no_log": False},
            "into": {"type": "path"},
            "content": {"type": "raw", "aliases": ["text"]},
        }
        self.REQUIRED_IF = [("token", "long_lived", ["into"]), ("token", "told", ["content"])]

    def run(self, parameters: Mapping[str, Any], context: Context) -> dict[str, Any]:
        self.seen.append((parameters, context))
        return {
            "changed": False,
            "said": [str(cluster) for cluster in parameters["clusters"]],
            "token": parameters["token"],
        }


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def run(recorder: Recorder) -> Run:
    def with_arguments(
        arguments: dict[str, Any], *, variables: dict[str, Any] | None = None, **task: Any
    ) -> dict[str, Any]:
        loaded = Task.load({"action": "onemesh.istio.link", "args": arguments, **task})
        action_class = type("ActionModule", (OperationAction,), {"OPERATION": recorder})
        action = action_class(
            task=loaded,
            connection=connection_loader.get("local", PlayContext(), os.devnull),
            play_context=PlayContext(),
            loader=DataLoader(),
            templar=Templar(loader=DataLoader()),
            shared_loader_obj=SimpleNamespace(),
        )
        action._load_name = "onemesh.istio.link"  # as the plugin loader does
        return dict(action.run(task_vars=variables or {}))

    return with_arguments


def test_options_are_checked_and_completed(run: Run, recorder: Recorder) -> None:
    run({"clusters": [{"name": "c1"}], "request_timeout": "2"})
    ((parameters, _context),) = recorder.seen
    assert parameters["request_timeout"] == 2.0
    assert parameters["clusters"][0]["istio_namespace"] == "istio-system"


@pytest.mark.parametrize("name", ["content", "text"])
@pytest.mark.parametrize("value", [{"a": [1, "2", None]}, [{"b": True}], "c", 0, None])
def test_what_may_be_anything_comes_as_it_is(run: Run, recorder: Recorder, name: str, value: Any) -> None:
    run({"clusters": [], name: value})
    ((parameters, _context),) = recorder.seen
    assert parameters["content"] == value


def test_what_may_be_anything_counts_as_given(run: Run) -> None:
    run({"clusters": [], "token": "told", "text": "x"})


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "missing required arguments: clusters"),
        ({"clusters": [{"name": "c1", "contxt": "x"}]}, "Unsupported parameters"),
        ({"clusters": [], "token": "told"}, "token is told but all of the following are missing: content"),
        (
            {"clusters": [{"name": "c1"}], "token": "long_lived"},
            "token is long_lived but all of the following are missing",
        ),
    ],
)
def test_wrong_options_are_refused_as_a_module_would(run: Run, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(AnsibleActionFail, match=text):
        run(arguments)


@pytest.mark.parametrize("check_mode", [True, False])
def test_the_task_says_whether_it_is_check_mode(run: Run, recorder: Recorder, check_mode: bool) -> None:
    run({"clusters": []}, check_mode=check_mode)
    assert recorder.seen[0][1].check_mode is check_mode


def test_the_tasks_environment_is_over_the_controllers(
    run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K8S_AUTH_CONTEXT", "controller")
    monkeypatch.setenv("K8S_AUTH_HOST", "kept")
    run({"clusters": []}, environment=[{"K8S_AUTH_CONTEXT": "play"}, {"K8S_AUTH_CONTEXT": "task"}])
    environ = recorder.seen[0][1].environ
    assert (environ["K8S_AUTH_CONTEXT"], environ["K8S_AUTH_HOST"]) == ("task", "kept")


HIDDEN: dict[str, tuple[dict[str, Any], str]] = {
    "a token": ({"api_key": "hunter2-token"}, "hunter2-token"),
    "a password": ({"username": "u", "password": "hunter2-password"}, "hunter2-password"),
    "what an inline kubeconfig holds": (
        {"kubeconfig": {"users": [{"user": {"token": "hunter2-inline"}}]}},
        "hunter2-inline",
    ),
    "a kubeconfig given as text": ({"kubeconfig": "users: [{user: {token: hunter2-text}}]"}, "hunter2-text"),
}


@pytest.mark.parametrize("case", HIDDEN)
def test_what_an_operation_repeats_is_masked(run: Run, case: str) -> None:
    options, secret = HIDDEN[case]
    result = run({"clusters": [{"name": "c1", **options}]})
    assert secret not in str(result)
    assert "c1" in str(result["said"])


def test_the_words_of_a_kubeconfig_may_be_shown(run: Run) -> None:
    """A kubeconfig as content has the cluster's name, and "v1", which stands in every answer of an API server."""
    content = {"apiVersion": "v1", "clusters": [{"name": "c1", "cluster": {"server": "https://c1"}}]}
    said = run({"clusters": [{"name": "c1", "kubeconfig": content}]})["said"][0]
    assert "'v1'" in said
    assert "https://c1" in said


def test_a_path_to_a_kubeconfig_may_be_shown(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    path.touch()
    assert str(path) in run({"clusters": [{"name": "c1", "kubeconfig": str(path)}]})["said"][0]


def test_a_word_that_is_no_secret_is_not_masked(run: Run) -> None:
    assert run({"clusters": [], "token": "short_lived"})["token"] == "short_lived"


def test_an_asynchronous_task_runs_as_a_module(run: Run, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    def execute_module(_self: Any, **how: Any) -> dict[str, Any]:
        calls.append(how)
        return {"started": 1}

    monkeypatch.setattr(OperationAction, "_execute_module", execute_module)
    assert run({"clusters": []}, **{"async": 30, "poll": 0})["started"] == 1
    assert (calls, recorder.seen) == ([{"task_vars": {}, "wrap_async": 30}], [])


class OnlyLocalhost(dict[str, dict[str, Any]]):
    """As Ansible's hostvars without an inventory: empty, and localhost is known all the same."""

    def __missing__(self, host: str) -> dict[str, Any]:
        if host != "localhost":
            raise KeyError(host)
        return {}


def test_a_play_on_localhost_needs_no_inventory(run: Run, recorder: Recorder) -> None:
    localhost = {"inventory_hostname": "localhost", "ansible_play_hosts_all": ["localhost"]}
    run({"clusters": [{"name": "c1"}]}, variables={**localhost, "hostvars": OnlyLocalhost()})
    assert len(recorder.seen) == 1


@pytest.mark.parametrize(
    ("callback", "where"),
    [
        ("default", {}),
        ("ansible.builtin.default", {}),
        ("community.general.yaml", {}),
        ("awx_display", {}),
        ("json", {"log_only": True}),
        ("ansible.posix.json", {"log_only": True}),
        ("ansible.posix.jsonl", {"log_only": True}),
        ("community.general.null", {"stderr": True}),
        ("somebodys.own", {"stderr": True}),
    ],
)
def test_a_line_of_ours_breaks_no_output_that_programs_read(callback: str, where: dict[str, bool]) -> None:
    assert channel(callback) == where


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("name: {{ cluster.name }}-{{ team }}\n", {"name": "east-shop"}),
        ('{"name": "{{ cluster.name }}", "on": true, "none": null}\n', {"name": "east", "on": True, "none": None}),
    ],
)
def test_a_template_has_the_variables_of_the_task_and_warns_of_nothing(
    run: Run, recorder: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture[str], template: str, rendered: Any
) -> None:
    (tmp_path / "routes.j2").write_text(template)
    run({"clusters": []}, variables={"team": "shop"})
    render = recorder.seen[0][1].render
    assert render is not None
    capsys.readouterr()  # Ansible warns of plugins that another test of this process imported without it.
    # Before ansible-core 2.19 what looks like a mapping becomes one.
    given = render(str(tmp_path / "routes.j2"), {"cluster": {"name": "east"}})
    assert (yaml.load(given) if isinstance(given, str) else given) == rendered
    assert "WARNING" not in "".join(capsys.readouterr())
