# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An option is written where Ansible asks for it, up to five times: here all of them are compared.

They are the operation's argument specification (which both faces of a module have), the module's documentation, the
defaults of a role, its argument specification, and the task that hands the role's variables to the module.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.onemesh.istio.plugins.module_utils._operations import module as module_face
from ansible_collections.onemesh.istio.plugins.module_utils._operations.operation import face_of

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = "ansible_collections.onemesh.istio.plugins"

FIELDS: dict[str, Any] = {"type": "str", "elements": None, "required": False, "default": None, "choices": None}
"""What is compared, with what it is where it is not written."""

NOT_PASSED: dict[str, set[str]] = {
    # The action gives it: what the mesh is beside the hosts that a run is limited to.
    "canary": {"mesh"},
    "endpoint_sync": {"mesh"},
    "preflight": {"mesh", "charts_timeout"},
    "replicate": {"mesh"},
    "traffic_split": {"mesh"},
    "verify": {"mesh"},
    "writer": {"mesh", "timeout"},
    "link": {"mesh", "require_gateway"},
    # A role needs no other than the default.
    "apply": {"force"},
    "gateway_address": {"namespace"},
    "helm_release": {"grace", "timeout"},
    "rollout": {"namespace"},
}
"""Options of modules that no task of a role or playbook passes."""

NO_TASK = {"cluster_info"}
"""Modules that no role or playbook uses."""

OTHER_DEFAULTS: dict[tuple[str, str], tuple[Any, Any]] = {
    # A job waits for the end of a release, and proves its steps; a task alone takes one tick.
    ("canary_wait_timeout", "canary"): (86400, 3600.0),
    ("canary_proof", "canary"): ("acknowledged", "written"),
    ("canary_lock_timeout", "canary"): (30, 0.0),
    # An installation pulls images.
    ("control_plane_timeout", "rollout"): (300, 180.0),
    ("eastwest_gateway_timeout", "rollout"): (300, 180.0),
    # A role runs on all clusters again and again: before what it makes has to be renewed, a run comes.
    ("trust_renew_days", "cacerts"): (90, 30),
    ("replicate_workers", "replicate"): (8, 16),
    # What a task has to name is named by the host.
    ("cluster_charts", "helm_release"): ("https://istio-release.storage.googleapis.com/charts", None),
    ("cluster_istio_namespace", "helm_release"): ("istio-system", None),
}
"""Variables of roles that differ from the module's option on purpose: the role's default, and the module's."""

Options = Mapping[str, Mapping[str, Any]]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def operation_of(name: str) -> ModuleType:
    """The operation of a module, as its action names it."""
    action = importlib.import_module(f"{PLUGINS}.action.{name}").ActionModule
    (operation,) = (each for each in vars(action).values() if isinstance(each, ModuleType))
    return operation


def documented(module: str) -> dict[str, Any]:
    """The options in a module's documentation, with those of the fragments that it names."""
    text = load_documentation(importlib.import_module(f"{PLUGINS}.modules.{module}").DOCUMENTATION)
    options: dict[str, Any] = {}
    for fragment in text.get("extends_documentation_fragment") or ():
        _namespace, _collection, file, *part = fragment.split(".")
        fragments = importlib.import_module(f"{PLUGINS}.doc_fragments.{file}").ModuleDocFragment
        options |= load_documentation(getattr(fragments, (part or ["documentation"])[0].upper()))["options"]
    return {**options, **(text.get("options") or {})}


def load_documentation(text: str) -> Any:
    return yaml.safe_load(text)


MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("[!_]*.py"))
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir())
SPECS: dict[str, Options] = {module: operation_of(module).ARGUMENT_SPEC for module in MODULES}


def variables_of(role: str) -> dict[str, dict[str, Any]]:
    """The variables of a role, as its argument specification has them, of all its entry points."""
    found: dict[str, dict[str, Any]] = {}
    for entry_point in load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"].values():
        found |= entry_point["options"]
    return found


VARIABLES = {name: option for role in ROLES for name, option in variables_of(role).items()}


def fields(option: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: option.get(name, default) for name, default in FIELDS.items()}
    # In documentation choices may be a mapping, which explains each.
    return {**found, "choices": list(found["choices"]) if found["choices"] else None}


def differences(where: str, first: Options, second: Options, inner: str) -> Iterator[str]:
    """``inner`` is what ``second`` calls the options of an option."""
    for name in sorted({*first, *second}):
        if name not in first or name not in second:
            yield f"{where}.{name} is only in the {'second' if name in second else 'first'}"
            continue
        one, other = fields(first[name]), fields(second[name])
        yield from (f"{where}.{name}: {key} {one[key]!r}, {other[key]!r}" for key in FIELDS if one[key] != other[key])
        yield from differences(
            f"{where}.{name}", first[name].get("options") or {}, second[name].get(inner) or {}, inner
        )


class Given(NamedTuple):
    """What a task hands to an option of a module."""

    file: str
    module: str
    option: str
    value: Any


def tasks(value: Any, file: str) -> Iterator[Given]:
    if isinstance(value, list):
        for element in value:
            yield from tasks(element, file)
    elif isinstance(value, dict):
        for key, element in value.items():
            module = key.removeprefix("onemesh.istio.")
            if module != key and isinstance(element, dict):
                yield from (Given(file, module, option, argument) for option, argument in element.items())
            else:
                yield from tasks(element, file)


GIVEN = [
    given
    for pattern in ("roles/*/tasks/*.yml", "playbooks/*.yml")
    for path in sorted(ROOT.glob(pattern))
    for given in tasks(load(path), str(path.relative_to(ROOT)))
]
_VARIABLE = re.compile(r"\{\{ (\w+)(?: \| (?:int|float|bool))?( \| default\(omit, true\))? \}\}")


def handed_on(given: Given) -> tuple[str, bool] | None:
    """The role's variable that is handed on as it is, and whether an empty one is left out."""
    found = _VARIABLE.fullmatch(given.value) if isinstance(given.value, str) else None
    return (found[1], bool(found[2])) if found and found[1] in VARIABLES else None


def differences_of_task(given: Given) -> Iterator[str]:
    handed = handed_on(given)
    if handed is None:
        return
    name, omits_empty = handed
    spec = SPECS[given.module].get(given.option)
    if spec is None:
        yield f"{given.file}: {given.module} has no option {given.option}"
        return
    role, module = fields(VARIABLES[name]), fields(spec)
    if omits_empty:
        # An empty value stands for the module's default.
        role["choices"] = [each for each in role["choices"] or () if each != ""] or None
        role["default"] = role["default"] or module["default"]
    elif module["default"] is None and role["default"] in ({}, []):
        role["default"] = None
    if (name, given.module) in OTHER_DEFAULTS:
        assert (role["default"], module["default"]) == OTHER_DEFAULTS[name, given.module]
        role["default"] = module["default"]
        role["required"] = module["required"]
    if "{{" in str(default_of(name)):
        role["default"] = module["default"]
    yield from (
        f"{given.file}: {name} of {given.module}.{given.option}: {key} {role[key]!r}, {module[key]!r}"
        for key in FIELDS
        if role[key] != module[key]
    )
    if "options" in VARIABLES[name]:
        yield from differences(name, VARIABLES[name]["options"], spec.get("options") or {}, "options")


def defaults_of(role: str) -> dict[str, Any]:
    return load(ROOT / "roles" / role / "defaults/main.yml") or {}


DEFAULTS = {name: value for role in ROLES for name, value in defaults_of(role).items()}


def default_of(name: str) -> Any:
    return DEFAULTS.get(name)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_documented_as_its_operation_reads_it(module: str) -> None:
    assert list(differences(module, SPECS[module], documented(module), "suboptions")) == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_and_its_action_check_the_same_options(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faces: list[dict[str, Any]] = []

    def built(**face: Any) -> Any:
        faces.append(face)
        raise SystemExit

    monkeypatch.setattr(module_face, "AnsibleModule", built)
    with pytest.raises(SystemExit):
        importlib.import_module(f"{PLUGINS}.modules.{name}").main()
    assert faces == [{**face_of(operation_of(name)), "supports_check_mode": True}]


def test_how_options_depend_on_each_other_is_part_of_the_face() -> None:
    face = face_of(operation_of("canary"))
    assert set(face) == {"argument_spec", "required_if", "required_by"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_the_defaults_that_its_specification_tells(role: str) -> None:
    """A default that is computed is told in words."""
    specified, defaults = variables_of(role), defaults_of(role)
    optional = {name: option.get("default") for name, option in specified.items() if not option.get("required")}
    told = {name: None if "{{" in str(value) else value for name, value in defaults.items()}
    assert told == optional


@pytest.mark.parametrize("module", MODULES)
def test_every_option_of_a_module_can_be_set_through_a_role_or_playbook(module: str) -> None:
    passed = {given.option for given in GIVEN if given.module == module}
    assert passed == (set() if module in NO_TASK else set(SPECS[module]) - NOT_PASSED.get(module, set()))


def test_variables_of_roles_are_what_the_module_takes() -> None:
    assert [difference for given in GIVEN for difference in differences_of_task(given)] == []


def test_no_exception_is_left_over() -> None:
    handed = {(found[0], given.module) for given in GIVEN if (found := handed_on(given))}
    assert set(OTHER_DEFAULTS) <= handed
    assert {option for options in NOT_PASSED.values() for option in options} <= {n for s in SPECS.values() for n in s}
    assert NO_TASK.isdisjoint(given.module for given in GIVEN)


@pytest.mark.parametrize(
    ("second", "difference"),
    [
        ({"a": {"type": "int"}}, "m.a: type 'str', 'int'"),
        ({"a": {"default": ""}}, "m.a: default None, ''"),
        ({"a": {"choices": {"x": "", "y": ""}}}, "m.a: choices None, ['x', 'y']"),
        ({"a": {"required": True}}, "m.a: required False, True"),
        ({}, "m.a is only in the first"),
        ({"a": {}, "b": {}}, "m.b is only in the second"),
        ({"a": {"suboptions": {"c": {}}}}, "m.a.c is only in the second"),
    ],
)
def test_the_comparison_sees_what_differs(second: Options, difference: str) -> None:
    assert list(differences("m", {"a": {}}, second, "suboptions")) == [difference]
