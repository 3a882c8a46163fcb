# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Truths and numbers that people give as text: surveys, ``-e name=value``, INI inventories, variables, files. Pure.

Ansible's own rules (ansible/module_utils/parsing/convert_bool.py), always strict: text that is no truth is refused and
never counts as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean as _boolean


def truth(value: Any, name: str) -> bool:
    """What ``value`` says: yes, on, 1, true, t, y or an opposite. ValueError, naming ``name``, for anything else."""
    try:
        return bool(_boolean(value, strict=True))
    except TypeError:
        raise ValueError(f"{name} is {_shown(value)}, and true or false was expected") from None


def whole_number(value: Any, name: str) -> int:
    """The whole number that ``value`` is or spells. ValueError, naming ``name``, for anything else."""
    result = number(value, name)
    if not result.is_integer():
        raise ValueError(f"{name} is {_shown(value)}, and a whole number was expected")
    return int(result)


def number(value: Any, name: str) -> float:
    """The number that ``value`` is or spells; a truth is none. ValueError, naming ``name``, for anything else."""
    if isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            result = float(value)
        except (ValueError, OverflowError):
            result = math.nan
        if math.isfinite(result):
            return result
    raise ValueError(f"{name} is {_shown(value)}, and a number was expected")


def check_numbers(parameters: Mapping[str, Any], spec: Mapping[str, Mapping[str, Any]], inside: str = "") -> None:
    """Refuse what Ansible's argument specification takes for a number and is none: nan, inf, and a truth.

    ``parameters`` are checked already. ValueError, naming the option, for the first one.
    """
    for name, option in spec.items():
        given = parameters.get(name)
        read = {"int": whole_number, "float": number}.get(str(option.get("elements") or option.get("type")))
        for element in given if isinstance(given, list) else [given]:
            if element is not None and read is not None:
                read(element, inside + name)
            elif option.get("options") and isinstance(element, Mapping):
                check_numbers(element, option["options"], f"{inside}{name}.")


def _shown(value: Any) -> str:
    return repr(str(value)) if isinstance(value, str) else repr(value)
