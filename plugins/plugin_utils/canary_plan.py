# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schedule of a canary for plugins of the controller, whose options no module has checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import AnsibleValidationError, UnsupportedError
from ansible_collections.onemesh.istio.plugins.module_utils._canary.plan.plan import (
    PLAN_ARGUMENT_SPEC,
    as_dict,
    build_schedule,
)


def steps_of(options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of a plan as results have them. Raises ValueError for options that there are not, and MeshError."""
    checked = ArgumentSpecValidator(PLAN_ARGUMENT_SPEC).validate(dict(options))
    if checked.error_messages:
        raise ValueError("; ".join(_words(error) for error in checked.errors))
    return [as_dict(step) for step in build_schedule(checked.validated_parameters)]


def _words(error: AnsibleValidationError) -> str:
    # Ansible's modules put the beginning of this sentence before it.
    return f"unsupported options: {error.msg}" if isinstance(error, UnsupportedError) else str(error.msg)
