# Copyright (c) 2026, onemesh.istio contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter onemesh.istio.canary_weights; the work is in module_utils/_canary/plan.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.onemesh.istio.plugins.module_utils._findings import MeshError
from ansible_collections.onemesh.istio.plugins.plugin_utils.canary_plan import steps_of


def canary_weights(plan: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
    """See canary_weights.yml."""
    if not isinstance(plan, Mapping):
        raise AnsibleFilterError(
            f"onemesh.istio.canary_weights takes the mapping of a plan, not {type(plan).__name__}: "
            "{'step_weight': 10} | onemesh.istio.canary_weights"
        )
    try:
        return steps_of({**plan, **options})
    except (MeshError, ValueError) as error:
        raise AnsibleFilterError(f"onemesh.istio.canary_weights: {error}") from error


class FilterModule:
    """Filters of onemesh.istio."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"canary_weights": canary_weights}
