# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Truths and numbers come as text too: from surveys, ``-e name=value`` and INI inventories.

Ansible checks the variables of a role by its argument specification, and leaves them as they were given: ``"false"`` is
true in a condition. So every expression reads a truth or a number by a filter, and hands it to nothing but an option of
the same type without one.
https://github.com/ansible/ansible/issues/15636, https://github.com/ansible/ansible/issues/17193
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from jinja2 import nodes

ROOT = Path(__file__).resolve().parents[2]
FILTERS = {"bool": {"bool"}, "int": {"int"}, "float": {"float"}}
CONDITIONS = {"when", "that", "failed_when", "changed_when", "until"}
SPELLINGS: dict[str, dict[Any, Any]] = {
    "bool": {
        **dict.fromkeys((True, "true", "True", "TRUE", "yes", "Yes", "on", "y", "t", "1"), True),
        **dict.fromkeys((False, "false", "False", "FALSE", "no", "No", "off", "n", "f", "0"), False),
    },
    "int": {3: 3, "3": 3, " 3 ": 3, "0": 0},
    "float": {3: 3.0, 0.5: 0.5, "3": 3.0, "0.5": 0.5, " 2 ": 2.0, "1e2": 100.0},
}
WRONG: dict[str, tuple[Any, ...]] = {
    "bool": ("maybe", "", "2", "falsch", 2, [True]),
    "int": ("three", "", "3.5", 3.5, "true", [3]),
    "float": ("soon", "", "1 s", "true", [3]),
}
JINJA = jinja2.Environment()


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options_of_roles() -> dict[str, dict[str, Any]]:
    """Every variable that a role declares, with its specification."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry_point in load(path)["argument_specs"].values():
            found.update(entry_point["options"])
    return found


def options_of_modules() -> dict[str, dict[str, Any]]:
    return {
        path.stem: importlib.import_module(
            f"ansible_collections.onemesh.istio.plugins.action.{path.stem}"
        ).ActionModule.OPERATION.ARGUMENT_SPEC
        for path in sorted((ROOT / "plugins/modules").glob("[!_]*.py"))
    }


VARIABLES = options_of_roles()
MODULES = options_of_modules()
TYPED = {name: option["type"] for name, option in VARIABLES.items() if option["type"] in FILTERS}


@dataclass(frozen=True)
class Expression:
    """A piece of a role or playbook that Jinja reads, and the type of the module's option that it is given to."""

    file: str
    text: str
    option: str | None = None

    def problems(self) -> Iterator[str]:
        tree = JINJA.parse(self.text)
        alone = self._only_name(tree)
        for parent in tree.find_all(nodes.Node):
            for child in parent.iter_child_nodes():
                if not isinstance(child, nodes.Name) or child.name not in TYPED:
                    continue
                type_ = TYPED[child.name]
                read = isinstance(parent, nodes.Filter) and parent.node is child and parent.name in FILTERS[type_]
                if not read and not (alone == child.name and self.option == type_):
                    yield f"{self.file}: {self.text}: {child.name} is {type_}, and is used as it was given"
        if self.option in FILTERS and alone in VARIABLES and alone not in TYPED:
            yield f"{self.file}: {self.text}: {alone} is {VARIABLES[alone]['type']}, and the option {self.option}"

    @staticmethod
    def _only_name(tree: nodes.Template) -> str:
        """The variable that is handed on as it is, or left out where it is not defined."""
        match tree.body:
            case [nodes.Output(nodes=[nodes.Name(name=name)])]:
                return str(name)
            case [nodes.Output(nodes=[nodes.Filter(name="default", node=nodes.Name(name=name), args=[_omit])])]:
                return str(name)
        return ""


def expressions(value: Any, file: str, key: str = "", option: str | None = None) -> Iterator[Expression]:
    if isinstance(value, dict):
        for name, element in value.items():
            if name.startswith("onemesh.istio.") and isinstance(element, dict):
                for given, argument in element.items():
                    spec = MODULES[name.removeprefix("onemesh.istio.")][given]
                    yield from expressions(argument, file, given, spec["type"])
            else:
                yield from expressions(element, file, name)
    elif isinstance(value, list):
        for element in value:
            yield from expressions(element, file, key)
    elif isinstance(value, str):
        if key in CONDITIONS:
            yield Expression(file, "{{ " + value + " }}")
        elif "{{" in value or "{%" in value:
            yield Expression(file, value, option)


def all_expressions() -> Iterator[Expression]:
    for pattern in ("roles/*/tasks/*.yml", "roles/*/vars/*.yml", "roles/*/defaults/*.yml", "playbooks/*.yml"):
        for path in sorted(ROOT.glob(pattern)):
            yield from expressions(load(path), str(path.relative_to(ROOT)))


def test_every_truth_and_number_of_a_role_is_read_by_its_type() -> None:
    assert [problem for expression in all_expressions() for problem in expression.problems()] == []


@pytest.mark.parametrize(
    ("variable", "reading"),
    [
        ("canary_hooks", "canary_hooks | onemesh.istio.canary_hooks("),
        (
            "eastwest_gateway_exposed_hosts",
            "if eastwest_gateway_exposed_hosts is string else eastwest_gateway_exposed_hosts",
        ),
    ],
)
def test_what_counts_by_its_shape_is_read_in_one_place_that_takes_text_too(variable: str, reading: str) -> None:
    """A mapping given as text has no keys: hooks would be left out without a word."""
    uses = [each.text for each in all_expressions() if variable in each.text]
    assert len(uses) == 1
    assert reading in uses[0]


def test_the_walk_sees_what_is_wrong() -> None:
    seen = [
        Expression("f", "{{ canary_wait and x }}"),
        Expression("f", "{{ 1 if canary_wait else 2 }}"),
        Expression("f", "{{ canary_quorum | default(omit, true) }}", "int"),
        Expression("f", "{{ canary_wait }}"),
        Expression("f", "{{ canary_wait }}", "str"),
        Expression("f", "{{ canary_wait | int }}"),
        Expression("f", "{{ trust_root_days }}d"),
        Expression("f", "{{ [trust_root_days, 3] | min }}"),
        Expression("f", "{{ cluster_region }}", "int"),
    ]
    assert [expression for expression in seen if not list(expression.problems())] == []
    well = [
        Expression("f", "{{ canary_wait }}", "bool"),
        Expression("f", "{{ canary_wait | default(omit) }}", "bool"),
        Expression("f", "{{ canary_wait | bool and trust_root_days | int > 3 }}"),
        Expression("f", "{{ canary_quorum | int | default(omit, true) }}", "int"),
    ]
    assert [list(expression.problems()) for expression in well] == [[]] * 4


def typed_options() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Every option of a role or module, nested ones too: where it is, a specification that holds only it, its type."""
    for name, option in VARIABLES.items():
        yield from nested(name, name, option)
    for module, options in MODULES.items():
        for name, option in options.items():
            yield from nested(f"{module}.{name}", name, option)


def nested(where: str, name: str, option: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    lonely = {key: option[key] for key in ("type", "elements", "choices") if key in option}
    if option["type"] in FILTERS:
        yield where, {name: lonely}, option["type"]
    if option.get("elements") in FILTERS:
        yield f"{where}[]", {name: lonely}, option["elements"]
    for inner, suboption in (option.get("options") or {}).items():
        for path, spec, type_ in nested(f"{where}.{inner}", inner, suboption):
            yield path, {name: {**lonely, "options": spec}}, type_


def filled(spec: dict[str, Any], value: Any) -> dict[str, Any]:
    ((name, option),) = spec.items()
    inner = filled(option["options"], value) if "options" in option else value
    return {name: [inner] if option["type"] == "list" else inner}


def leaf(parameters: Any) -> Any:
    while isinstance(parameters, (dict, list)) and parameters:
        parameters = next(iter(parameters.values())) if isinstance(parameters, dict) else parameters[0]
    return parameters


OPTIONS = {where: (spec, type_) for where, spec, type_ in typed_options()}


def test_there_are_truths_and_numbers_in_roles_and_modules() -> None:
    assert {"link_writer", "canary_fail_on_rollback", "trust_root_days", "cluster_request_timeout"} <= set(OPTIONS)
    assert {"canary.plan.steps.weight", "link.clusters.validate_certs", "verify.requests"} <= set(OPTIONS)


@pytest.mark.parametrize("where", OPTIONS)
def test_every_spelling_is_read_and_a_wrong_word_refused_by_name(where: str) -> None:
    spec, type_ = OPTIONS[where]
    validator = ArgumentSpecValidator(spec)
    choices = leaf_choices(spec)
    for spelling, meant in SPELLINGS[type_].items():
        if not choices or meant in choices:
            result = validator.validate(filled(spec, spelling))
            assert (result.error_messages, leaf(result.validated_parameters)) == ([], meant), spelling
    for wrong in WRONG[type_]:
        messages = validator.validate(filled(spec, wrong)).error_messages
        assert where.rpartition(".")[2].removesuffix("[]") in " ".join(messages), wrong


def leaf_choices(spec: dict[str, Any]) -> list[Any]:
    ((_name, option),) = spec.items()
    return leaf_choices(option["options"]) if "options" in option else option.get("choices") or []
