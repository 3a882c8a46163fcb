# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases as their options describe them."""

from __future__ import annotations

from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.onemesh.istio.plugins.module_utils._canary.release.release import (
    RELEASE_ARGUMENT_SPEC,
    CanaryRelease,
    read_release,
)
from ansible_collections.onemesh.istio.plugins.module_utils._change.policy import Policy

OF_ROUTES: dict[str, Any] = {
    "name": "reviews",
    "namespace": "shop",
    "routes": [{"name": "reviews"}],
    "stable": "v1",
    "canary": "v2",
    "plan": {"step_weight": 50},
}
"""The user's own route, and nothing else."""

MANAGED: dict[str, Any] = {
    "name": "web",
    "namespace": "shop",
    "manage": True,
    "workload": {"name": "web"},
    "service": {"port": 80, "target_port": "8080"},
    "plan": {"step_weight": 50},
}
"""A Deployment; all else is made."""


def release_of(options: dict[str, Any], *clusters: str, moves: bool = True) -> CanaryRelease:
    """Through the argument specification, as a task has it; an option that is None is left out."""
    given = {name: value for name, value in options.items() if value is not None}
    validated = ArgumentSpecValidator(RELEASE_ARGUMENT_SPEC).validate(given)
    assert validated.error_messages == []
    return read_release(validated.validated_parameters, clusters or ("east",), Policy(), moves=moves)
