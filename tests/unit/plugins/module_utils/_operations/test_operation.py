# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operation's end becomes a result."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.onemesh.istio.plugins.module_utils._findings import Finding, FindingKind, MeshError
from ansible_collections.onemesh.istio.plugins.module_utils._kube.errors import Forbidden, KubeError
from ansible_collections.onemesh.istio.plugins.module_utils._operations import operation as operation_module
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import (
    Context,
    fleet_of,
    reads_only,
    run_operation,
)

COLLECTION = Path(operation_module.__file__).parents[2]

FINDING = Finding("c1", FindingKind("slug", "cause", "remedy"), "found A", "do B")


def operation(end: Exception | dict[str, Any]) -> ModuleType:
    def run(_parameters: Mapping[str, Any], _context: Context) -> dict[str, Any]:
        if isinstance(end, Exception):
            raise end
        return end

    return cast(ModuleType, SimpleNamespace(ARGUMENT_SPEC={}, run=run))


ENDS: dict[str, tuple[Exception | dict[str, Any], dict[str, Any]]] = {
    "done": ({"changed": True, "x": 1}, {"changed": True, "x": 1}),
    "refused": (
        MeshError("Nothing was written.", [FINDING]),
        {
            "changed": False,
            "failed": True,
            "msg": "Nothing was written.\n  c1: found A -> do B",
            "findings": [FINDING.as_dict()],
        },
    ),
    "half done": (
        MeshError("Not all.", [FINDING], {"changed": True, "clusters": {"c2": "fine"}}),
        {
            "changed": True,
            "clusters": {"c2": "fine"},
            "failed": True,
            "msg": "Not all.\n  c1: found A -> do B",
            "findings": [FINDING.as_dict()],
        },
    ),
    "a request that is refused": (
        Forbidden("c1", "get x: no", remedy="grant it"),
        {
            "changed": False,
            "failed": True,
            "msg": "c1: get x: no -> grant it",
            "findings": [Finding("c1", Forbidden.KIND, "get x: no", "grant it").as_dict()],
        },
    ),
    "a request that failed": (
        KubeError("c1", "no answer"),
        {
            "changed": False,
            "failed": True,
            "msg": "c1: no answer",
            "findings": [Finding("c1", KubeError.KIND, "no answer", "").as_dict()],
        },
    ),
}


@pytest.mark.parametrize("case", ENDS)
def test_what_a_task_results_in(case: str) -> None:
    end, result = ENDS[case]
    assert run_operation(operation(end), {}, Context()) == result


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"timeout": float("nan")}, "timeout is nan, and a number was expected"),
        ({"timeout": float("inf")}, "timeout is inf, and a number was expected"),
        ({"plan": {"weights": [50, True]}}, "plan.weights is True, and a number was expected"),
    ],
)
def test_what_ansible_takes_for_a_number_and_is_none_is_refused_before_anything(
    parameters: dict[str, Any], words: str
) -> None:
    asked = operation(AssertionError("it ran"))
    plan = {"type": "dict", "options": {"weights": {"type": "list", "elements": "int"}}}
    asked.ARGUMENT_SPEC = {"timeout": {"type": "float"}, "plan": plan}
    result = run_operation(asked, parameters, Context())
    assert result["failed"]
    assert words in result["msg"]


def test_a_defect_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_operation(operation(ZeroDivisionError()), {}, Context())


def test_the_fleet_has_the_given_environment() -> None:
    fleet = fleet_of(
        {"clusters": [{"name": "c1"}], "request_timeout": 5.0},
        Context(environ={"K8S_AUTH_HOST": "https://192.0.2.1:6443", "K8S_AUTH_API_KEY": "hunter2"}, guarded=False),
    )
    assert fleet["c1"].client.credentials.server == "https://192.0.2.1:6443"


def operation_of(name: str) -> ModuleType:
    """What the action of this name runs."""
    action = importlib.import_module(f"ansible_collections.onemesh.istio.plugins.action.{name}")
    return cast(ModuleType, action.ActionModule.OPERATION)


OPERATIONS = sorted(path.stem for path in (COLLECTION / "action").glob("*.py"))


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_an_operation_that_says_that_it_reads_gets_to_an_api_server_unseen(name: str) -> None:
    """An operation of tomorrow says nothing, and is guarded."""
    module = operation_of(name)
    states = module.ARGUMENT_SPEC.get("state", {}).get("choices", [None])
    reading = {state for state in states if reads_only(module, {"state": state})}
    assert reading == (set(states) if name in READERS else READING_STATES.get(name, set()))


READERS = ("cluster_info", "preflight")
READING_STATES = {"canary": {"status"}, "cacerts": {"checked"}}


@pytest.mark.parametrize("guarded", [True, False])
def test_the_context_of_a_run_says_whether_it_is_guarded(guarded: bool) -> None:
    seen: list[bool] = []
    told = SimpleNamespace(ARGUMENT_SPEC={}, run=lambda _parameters, context: seen.append(context.guarded) or {})
    if not guarded:
        told.READS_ONLY = True
    run_operation(cast(ModuleType, told), {}, Context())
    assert seen == [guarded]


def test_no_operation_makes_a_fleet_or_a_client_of_its_own() -> None:
    """They get it from fleet_of, which knows who is behind each API server."""
    made = {
        path.name
        for path in (COLLECTION / "module_utils").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Fleet", "Client")
    }
    # _discovery.py lists clusters for lookups and inventories, _hub.py reads kubeconfigs, and dial.py tries what is
    # in one: none of them writes.
    assert made == {"operation.py", "_fleet.py", "_hub.py", "_discovery.py", "dial.py"}


def test_a_context_does_not_show_the_environment() -> None:
    assert "hunter2" not in repr(Context(environ={"K8S_AUTH_API_KEY": "hunter2"}))
